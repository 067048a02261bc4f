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

/// Returns why a cell was not tried, if it needs no trial: without its names.
pub(super) fn why(cell: &CellJudgement) -> Option<String> {
    if !cell.is_idle() {
        return None;
    }
    let text = cell.reason.as_ref().map(|reason| printable(&reason.text)).unwrap_or_default();
    Some(match cell.verdict {
        Verdict::DoesNotApply => format!("does not apply: {text}"),
        _ => "no-op: the patches do not change the image".into(),
    })
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

fn sentence(group: &Group, cell: &CellJudgement) -> String {
    let text = cell.reason.as_ref().map(|reason| printable(&reason.text)).unwrap_or_default();
    format!("{} does not apply to {}: {text}", cell.variant, group.kernel)
}
