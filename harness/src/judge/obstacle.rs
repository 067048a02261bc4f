// SPDX-License-Identifier: GPL-2.0-or-later
//! What keeps a cell from being tried at all.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::judge::model::Verdict;
use crate::plan::Cell;

/// Why a cell has no trials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// The reason, on one line: what the study states.
    pub text: String,
}

/// A verdict for which no trial is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Obstacle {
    pub(super) verdict: Verdict,
    pub(super) reason: Reason,
}

/// Returns what keeps a cell from being tried, if anything does.
pub(super) fn obstacle(cell: &Cell<'_>) -> Option<Obstacle> {
    let why = cell.variant.not_on.get(&cell.target.kernel.name)?;
    Some(Obstacle { verdict: Verdict::DoesNotApply, reason: Reason { text: why.clone() } })
}
