// SPDX-License-Identifier: GPL-2.0-or-later
//! Which failures are the study's.

use crate::plan::Evidence;
use crate::plan::Plan;
use crate::trial::line::Cause;
use crate::trial::line::Outcome;
use crate::trial::line::TrialLine;

/// Returns what a trial says about the patches under judgement. A process that died far from the XOL page, in a trial
/// without a stale fetch, did not die of anything that the patches are about: such a trial says nothing, and is shown as
/// unknown. With the model off there are no stale fetches, and every failure counts: against the testcase.
pub fn outcome(plan: &Plan, line: &TrialLine) -> Outcome {
    let Outcome::Fail { .. } = line.outcome else { return line.outcome };
    if plan.study.evidence == Evidence::Any || line.id.mode != plan.study.mode {
        return line.outcome;
    }
    let in_xol = line.detail.as_ref().and_then(|detail| detail.in_xol) == Some(true);
    if line.stale_fetches > 0 || in_xol { line.outcome } else { Outcome::Unknown { cause: Cause::Unrelated } }
}
