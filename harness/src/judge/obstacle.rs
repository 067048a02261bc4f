// SPDX-License-Identifier: GPL-2.0-or-later
//! What keeps a cell from being tried at all: a variant that does not apply to a kernel, or of which there is no kernel that
//! boots.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::judge::KernelFacts;
use crate::judge::model::Verdict;
use crate::plan::Cell;

/// Why a cell has no trials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// The reason, on one line: what the study states, where a patch does not apply, the compiler's first error, or the
    /// kernel's last words.
    pub text: String,
    /// Where the run directory has the build's log or the console, relative to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

/// Why there is no image of a variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoImage {
    /// Whether its patches did not even apply to the source.
    pub rejected: bool,
    /// What went wrong.
    pub reason: Reason,
}

/// A verdict for which no trial is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Obstacle {
    pub(super) verdict: Verdict,
    pub(super) reason: Reason,
}

/// Returns what keeps a cell from being tried, if anything does.
pub(super) fn obstacle(built: &KernelFacts, cell: &Cell<'_>) -> Option<Obstacle> {
    let (kernel, variant) = (&cell.target.kernel.name, cell.variant);
    if let Some(why) = variant.not_on.get(kernel) {
        let reason = Reason { text: why.clone(), log: None };
        return Some(Obstacle { verdict: Verdict::DoesNotApply, reason });
    }
    if let Some(none) = built.no_image.get(kernel).and_then(|variants| variants.get(&variant.name)) {
        let verdict = if none.rejected { Verdict::PatchRejected } else { Verdict::DoesNotBuild };
        return Some(Obstacle { verdict, reason: none.reason.clone() });
    }
    let names = [kernel, &cell.target.machine.name, &variant.name].map(Clone::clone);
    let reason = built.not_booted.get(&names)?.clone();
    Some(Obstacle { verdict: Verdict::DoesNotBoot, reason })
}
