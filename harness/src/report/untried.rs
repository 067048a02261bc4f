// SPDX-License-Identifier: GPL-2.0-or-later
//! Cells that were not tried, and why: each variant and kernel once.

use crate::judge::CellJudgement;
use crate::judge::Group;
use crate::judge::Judgement;
use crate::judge::Verdict;
use crate::report::content::printable;

/// Returns which variants do not apply to which kernels, as sentences with the reason.
pub(super) fn left_out(judgement: &Judgement) -> Vec<String> {
    once_each(judgement, |verdict| verdict == Verdict::DoesNotApply)
}

/// Returns which variants have no kernel that boots, as sentences with the reason: what everybody has to see first.
pub(super) fn broken(judgement: &Judgement) -> Vec<String> {
    once_each(judgement, Verdict::is_broken)
}

/// Returns why a cell was not tried, if it needs no trial: without its names.
pub(super) fn why(cell: &CellJudgement) -> Option<String> {
    cell.is_idle().then(|| match cell.verdict {
        Verdict::DoesNotApply => format!("does not apply: {}", reason(cell)),
        Verdict::PatchRejected => format!("the patches do not apply: {}", reason(cell)),
        Verdict::DoesNotBuild => format!("does not build: {}", reason(cell)),
        Verdict::DoesNotBoot => format!("does not boot: {}", reason(cell)),
        _ => "no-op: the patches do not change the image".into(),
    })
}

fn reason(cell: &CellJudgement) -> String {
    let Some(reason) = &cell.reason else { return String::new() };
    let log = reason.log.as_ref().map(|log| format!(" (log: {log})")).unwrap_or_default();
    printable(&(reason.text.clone() + &log))
}

fn once_each(judgement: &Judgement, wanted: fn(Verdict) -> bool) -> Vec<String> {
    let mut sentences: Vec<String> = Vec::new();
    for (group, cell) in judgement.cells().filter(|(_, cell)| wanted(cell.verdict)) {
        let sentence = sentence(group, cell);
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    sentences
}

fn sentence(Group { kernel, machine, .. }: &Group, cell: &CellJudgement) -> String {
    let (variant, reason) = (&cell.variant, reason(cell));
    match cell.verdict {
        Verdict::PatchRejected => format!("the patches of {variant} do not apply to {kernel}: {reason}"),
        Verdict::DoesNotBuild => format!("{variant} does not build on {kernel}: {reason}"),
        Verdict::DoesNotBoot => format!("{variant} does not boot with {kernel} on {machine}: {reason}"),
        _ => format!("{variant} does not apply to {kernel}: {reason}"),
    }
}
