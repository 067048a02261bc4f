// SPDX-License-Identifier: GPL-2.0-or-later
//! In which order the trials of a run come, for whoever waits for the first cell. What comes of them does not depend on it.

use std::collections::{BTreeMap, BTreeSet};

use instrument::Mode;

use super::event::{Event, Watch};
use crate::plan::{Plan, TrialId};
use crate::trial::line::{Outcome, TrialLine};

/// In which order trials are run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Mixed, so that nothing that drifts on the host falls on one variant alone.
    #[default]
    Mixed,
    /// The trials with the model off first: where one of them fails, nothing follows from the others, which are not run. Then cell by
    /// cell of each testcase, the variants in turn, seed by seed.
    CellByCell,
}

/// Returns which of the trials that a study calls for are run next.
pub(super) fn next(plan: &Plan, order: Order, mut called: Vec<TrialId>) -> Vec<TrialId> {
    if order == Order::Mixed {
        return called;
    }
    if called.iter().any(|id| id.mode == Mode::Off) {
        called.retain(|id| id.mode == Mode::Off);
    }
    let place = |names: Vec<&str>, name: &str| names.iter().position(|known| *known == name);
    called.sort_by_cached_key(|id| {
        let of = |target: &crate::plan::Target| {
            target.kernel.name == id.kernel && target.machine.name == id.machine
        };
        let testcases = plan.testcases.iter().map(|testcase| testcase.name.as_str()).collect();
        let variants = plan.variants.iter().map(|variant| variant.name.as_str()).collect();
        (
            plan.targets.iter().position(of),
            place(testcases, &id.testcase),
            id.seed,
            place(variants, &id.variant),
        )
    });
    called
}

/// Returns the first trial that fails with the model off: what it shows is not about caches.
pub(super) fn failed_control(lines: &[TrialLine]) -> Option<&TrialLine> {
    let failed =
        |line: &&TrialLine| line.id.mode == Mode::Off && matches!(line.outcome, Outcome::Fail { .. });
    // They have ended in any order.
    lines.iter().filter(failed).min_by(|a, b| a.id.cmp(&b.id))
}

/// Counts what ended of each cell, and says so once all of it has.
#[derive(Debug, Default)]
pub(super) struct CellTally {
    left: BTreeMap<String, BTreeSet<u64>>,
    ended: BTreeMap<String, BTreeMap<&'static str, usize>>,
}

impl CellTally {
    /// Takes note of the trials that are called for, and of those that ended before.
    pub(super) fn new(called: &[TrialId], lines: &[TrialLine]) -> Self {
        let mut tally = Self::default();
        for id in called.iter().filter(|id| id.mode != Mode::Off) {
            tally.left.entry(cell(id)).or_default().insert(id.seed);
        }
        for line in lines {
            tally.take(line, &mut |_| {});
        }
        tally
    }

    /// Takes note of a trial, and reports its cell if it was the last one.
    pub(super) fn take(&mut self, line: &TrialLine, watch: Watch<'_>) {
        let name = cell(&line.id);
        let Some(left) = self.left.get_mut(&name).filter(|_| line.id.mode != Mode::Off) else { return };
        if !left.remove(&line.id.seed) {
            return;
        }
        let outcome = match line.outcome {
            Outcome::Pass => "pass",
            Outcome::Fail { symptom } => symptom.name(),
            Outcome::Unknown { .. } => "unknown",
        };
        let ended = self.ended.entry(name.clone()).or_default();
        *ended.entry(outcome).or_default() += 1;
        if left.is_empty() {
            let of = |wanted: &str| ended.get(wanted).copied().unwrap_or(0);
            let (passes, unknown) = (of("pass"), of("unknown"));
            let trials = ended.values().sum();
            let others = ended.iter().filter(|(outcome, _)| !["pass", "unknown"].contains(outcome));
            let symptoms: Vec<String> = others.map(|(outcome, count)| format!("{outcome} {count}")).collect();
            watch(Event::Cell { cell: &name, trials, passes, unknown, symptoms: &symptoms.join(", ") });
        }
    }
}

fn cell(id: &TrialId) -> String {
    [&id.kernel, &id.machine, &id.variant, &id.testcase].map(String::as_str).join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::plan;
    use crate::trial::line::Symptom;

    #[test]
    fn controls_come_first_and_then_variants_take_turns() {
        let plan = plan();
        let mut called = plan.trials();
        called.reverse();
        let controls = next(&plan, Order::CellByCell, called.clone());
        assert!(controls.iter().all(|id| id.mode == Mode::Off) && controls.len() == plan.cells().len());
        called.retain(|id| id.mode != Mode::Off);
        let names: Vec<String> = next(&plan, Order::CellByCell, called.clone())
            .iter()
            .take(5)
            .map(|id| format!("{}/{}", id.variant, id.seed))
            .collect();
        assert_eq!(names, ["unfixed/1", "merged/1", "lazy/1", "merged-alone/1", "unfixed/2"]);
        assert_eq!(next(&plan, Order::Mixed, called.clone()), called);
    }

    #[test]
    fn a_cell_is_reported_with_its_last_trial() {
        let plan = plan();
        let called = plan.trials();
        let of_cell: Vec<&TrialId> =
            called.iter().filter(|id| id.variant == "unfixed" && id.testcase == "t1").collect();
        let line = |id: &TrialId, outcome| TrialLine::new(id.clone(), outcome);
        let failed = Outcome::Fail { symptom: Symptom::Sigtrap };
        let mut said = Vec::new();
        let before = [line(of_cell[0], Outcome::Pass), line(of_cell[1], Outcome::Pass)];
        let mut tally = CellTally::new(&called, &before);
        for id in &of_cell[2..] {
            assert!(said.is_empty());
            tally.take(&line(id, failed), &mut |event| said.push(format!("{event:?}")));
        }
        assert_eq!(
            said,
            [
                r#"Cell { cell: "mips-6.1/malta/unfixed/t1", trials: 4, passes: 1, unknown: 0, symptoms: "sigtrap 3" }"#
            ]
        );
        assert!(failed_control(&before).is_none());
        assert!(failed_control(&[line(of_cell[0], failed)]).is_some(), "the first one is with the model off");
    }
}
