// SPDX-License-Identifier: GPL-2.0-or-later
//! Which trials a study calls for, given those that have ended.
//!
//! A cell is called for by itself: first its controls and its first batch; then, as long as the study's rule leaves the
//! verdict open, the next batch, in the order of the seeds. Which trials are called for thus follows from the trials
//! themselves, whoever runs them, in whatever order, and however often a run was interrupted. A trial that the rule did
//! not call for is no evidence, whatever it says: nobody can go on until it passes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::judge::KernelFacts;
use crate::judge::evidence;
use crate::judge::in_binary::Images;
use crate::judge::obstacle::obstacle;
use crate::judge::statistics::sequential::Decision;
use crate::judge::statistics::sequential::decide;
use crate::plan::Cell;
use crate::plan::Plan;
use crate::plan::Testcase;
use crate::plan::TrialId;
use crate::trial::line::Outcome;
use crate::trial::line::TrialLine;
use crate::trial::sha256;
use instrument::Mode;

/// What a study calls for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// All trials called for so far, in the order of the plan.
    pub called: Vec<TrialId>,
    /// Those of them that have not ended, in the order in which to run them: a permutation that depends on the first
    /// seed and on the trials' names only, so that variants and machines take turns, and nothing that drifts on the host
    /// falls on one of them alone.
    pub next: Vec<TrialId>,
}

/// Returns what a study calls for after `lines`. Of several lines of a trial the first counts. A variant whose patches change
/// nothing on a kernel is not tried there: it is the same kernel as another. Nor is one of which there is no kernel.
pub fn schedule<'a>(
    plan: &Plan,
    built: &KernelFacts,
    lines: impl IntoIterator<Item = &'a TrialLine>,
) -> Schedule {
    let mut ended: BTreeMap<&TrialId, &TrialLine> = BTreeMap::new();
    for line in lines {
        ended.entry(&line.id).or_insert(line);
    }
    let cells = plan.cells();
    let cells = cells.iter().filter(|cell| !is_idle(plan, built, cell));
    let called: Vec<TrialId> = cells.flat_map(|cell| called(plan, cell, &ended)).collect();
    let mut next: Vec<TrialId> = called.iter().filter(|id| !ended.contains_key(id)).cloned().collect();
    next.sort_by_cached_key(|id| sha256(&format!("{} {id}", plan.study.seeds.first)));
    Schedule { called, next }
}

/// Returns what the rule says of a cell, with this many trials that passed and that failed; nothing without a rule, nor
/// where the testcase itself says how many seeds are enough.
pub(super) fn decision(plan: &Plan, testcase: &Testcase, passes: u32, failures: u32) -> Option<Decision> {
    let rule = plan.study.rule.as_ref().filter(|_| testcase.seeds.is_none() && testcase.boot.is_none());
    rule.map(|rule| decide(rule, passes, failures))
}

/// The trials of one cell, controls first.
fn called(plan: &Plan, cell: &Cell<'_>, ended: &BTreeMap<&TrialId, &TrialLine>) -> Vec<TrialId> {
    let study = &plan.study;
    let controls = plan.seeds_of(cell.testcase, Mode::Off);
    let mut called: Vec<TrialId> = controls.iter().map(|seed| cell.trial(Mode::Off, seed)).collect();
    let seeds: Vec<u64> = plan.seeds_of(cell.testcase, study.mode).iter().collect();
    let batch = study.rule.as_ref().map_or(seeds.len(), |rule| rule.batch as usize);
    let (mut passes, mut failures) = (0, 0);
    for seeds in seeds.chunks(batch.max(1)) {
        let trials: Vec<TrialId> = seeds.iter().map(|seed| cell.trial(study.mode, *seed)).collect();
        let outcomes: Vec<Outcome> =
            trials.iter().filter_map(|id| ended.get(id)).map(|line| evidence::outcome(plan, line)).collect();
        let whole = outcomes.len() == trials.len();
        called.extend(trials);
        for outcome in outcomes {
            match outcome {
                Outcome::Pass => passes += 1,
                Outcome::Fail { .. } => failures += 1,
                Outcome::Unknown { .. } => {}
            }
        }
        if !whole
            || decision(plan, cell.testcase, passes, failures)
                .is_some_and(|decision| decision != Decision::Open)
        {
            break;
        }
    }
    called
}

/// Returns whether a cell needs no trials, by what is known before there are any.
pub(super) fn is_idle(plan: &Plan, built: &KernelFacts, cell: &Cell<'_>) -> bool {
    obstacle(built, cell).is_some()
        || Images { plan, built, data: None }.is_idle(&cell.target.kernel.name, cell.variant)
}

/// Returns the trials called for as a set.
pub(super) fn called_set(plan: &Plan, built: &KernelFacts, lines: &[TrialLine]) -> BTreeSet<TrialId> {
    schedule(plan, built, lines).called.into_iter().collect()
}
