// SPDX-License-Identifier: GPL-2.0-or-later
//! `Tested-by`, for whoever asks for it, and for variants that have earned it only.

use std::str::FromStr;

use crate::error::Error;
use crate::error::Result;
use crate::judge::CellJudgement;
use crate::judge::Control;
use crate::judge::Group;
use crate::judge::Verdict;
use crate::report::ReportData;
use crate::report::content::group_name;
use crate::report::content::symptoms;
use crate::report::number::plural;
use crate::report::untried;

/// A variant, everywhere or on one target, that somebody wants to vouch for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestedBy {
    variant: String,
    /// A machine, or a kernel and a machine; none for all targets.
    target: Option<String>,
}

impl FromStr for TestedBy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (variant, target) = match text.split_once('@') {
            Some((variant, target)) => (variant, Some(target.to_owned())),
            None => (text, None),
        };
        let empty = variant.is_empty() || target.as_deref() == Some("");
        if empty || text.chars().any(char::is_control) {
            return Err("is not VARIANT, VARIANT@MACHINE or VARIANT@KERNEL/MACHINE".into());
        }
        Ok(Self { variant: variant.into(), target })
    }
}

impl TestedBy {
    /// Returns what was tested, as a sentence, if the variant has passed on each of the targets.
    ///
    /// # Errors
    ///
    /// Study, when there is no such variant or target, and when its verdict is not a pass on one of them, with the reason.
    pub(super) fn sentence(&self, data: &ReportData) -> Result<String> {
        let judgement = &data.judgement;
        let wanted = |group: &&Group| {
            let target = self.target.as_deref();
            target.is_none_or(|name| {
                name == group.machine || name == format!("{}/{}", group.kernel, group.machine)
            })
        };
        let cells: Vec<(&Group, &CellJudgement)> = judgement
            .groups
            .iter()
            .filter(wanted)
            .filter_map(|group| Some((group, group.cell(&self.variant)?)))
            .collect();
        if cells.is_empty() {
            let target = self.target.as_ref().map(|target| format!(" on {target}")).unwrap_or_default();
            return Err(Error::study(format!("the run has no variant `{}`{target}", self.variant)));
        }
        let mut places = Vec::new();
        for cells in cells.chunk_by(|(a, _), (b, _)| (&a.kernel, &a.machine) == (&b.kernel, &b.machine)) {
            if let Some(reason) = refusal(cells) {
                let (group, _) = cells[0];
                let on = format!("{} on {}", self.variant, group.machine);
                let refused = Error::study(format!("no Tested-by for {on}: {reason}"));
                return Err(match self.target {
                    Some(_) => refused,
                    None => refused.hint("if it passes elsewhere, name that: --tested-by VARIANT@MACHINE"),
                });
            }
            places.extend(cells.iter().map(|(group, cell)| (group.machine.as_str(), cell.n)));
        }
        let trials = places.iter().map(|(_, n)| n).sum();
        places.dedup_by_key(|(machine, _)| *machine);
        let machines: Vec<&str> = places.iter().map(|(machine, _)| *machine).collect();
        Ok(format!(
            "For {} on {}, {}, all passed:",
            self.variant,
            machines.join(", "),
            plural(trials, "trial")
        ))
    }
}

/// Returns why a variant has not passed on a target, if it has not: what failed first, then what is not known.
fn refusal(cells: &[(&Group, &CellJudgement)]) -> Option<String> {
    let first = |wanted: &dyn Fn(&CellJudgement) -> bool| cells.iter().find(|(_, cell)| wanted(cell));
    if let Some((_, cell)) = first(&|cell| cell.verdict.is_broken()) {
        return untried::why(cell);
    }
    if let Some((group, cell)) = first(&|cell| cell.passes < cell.n) {
        return Some(format!(
            "it fails: {}: {} of {} pass, {}",
            group_name(group),
            cell.passes,
            cell.n,
            symptoms(cell)
        ));
    }
    if let Some((group, cell)) = first(&|cell| cell.missing > 0) {
        return Some(format!(
            "the run is not whole: {}: {} missing",
            group_name(group),
            plural(cell.missing, "trial")
        ));
    }
    if let Some((group, cell)) = first(&|cell| cell.unknown > 0 || cell.verdict == Verdict::Unknown) {
        let why = match cell.coherent.control {
            Control::Holds => symptoms(cell),
            Control::Violated => "the testcase fails with the model off, too".into(),
            Control::Unknown => "the control with the model off has no trial".into(),
        };
        return Some(format!("it is unknown: {}: {why}", group_name(group)));
    }
    if let Some((group, _)) = first(&|cell| cell.verdict == Verdict::NoOp) {
        return Some(format!("it is a no-op: on {} its patches do not change the image", group.kernel));
    }
    if let Some(why) = first(&|cell| cell.is_idle()).and_then(|(_, cell)| untried::why(cell)) {
        return Some(format!("it {why}"));
    }
    if first(&|cell| cell.verdict == Verdict::PassesAll).is_none() {
        return Some(
            "it is not observable: the baseline passes there, too, so that a pass says nothing".into(),
        );
    }
    None
}
