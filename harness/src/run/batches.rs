// SPDX-License-Identifier: GPL-2.0-or-later
//! Trials in batches, each of which one machine can serve without being started again.

use super::cold_check::Sample;
use crate::plan::TrialId;

/// Most trials in a batch. Large enough that starting a machine, which takes as long as ten warm trials, is rare; small enough
/// that variants and machines go on taking turns, and that no thread is left with a long batch at the end.
const MOST: usize = 48;

/// Sorts trials into batches of one kernel, machine, variant and mode, in the order in which each comes first; within a batch
/// they are sorted by testcase, and otherwise as they were, but for the sample that is compared with cold trials: it comes last, when
/// most has gone before.
pub(super) fn batches(trials: &[TrialId], sample: &Sample) -> Vec<Vec<TrialId>> {
    let mut batches: Vec<Vec<TrialId>> = Vec::new();
    for id in trials {
        let fits = |batch: &&mut Vec<TrialId>| same_machine(&batch[0], id) && batch.len() < MOST;
        match batches.iter_mut().rev().find(fits) {
            Some(batch) => batch.push(id.clone()),
            None => batches.push(vec![id.clone()]),
        }
    }
    for batch in &mut batches {
        batch.sort_by_key(|id| (id.testcase.clone(), sample.has(id)));
    }
    batches
}

fn same_machine(a: &TrialId, b: &TrialId) -> bool {
    (&a.kernel, &a.machine, &a.variant, a.mode) == (&b.kernel, &b.machine, &b.variant, b.mode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::plan;

    #[test]
    fn every_trial_is_in_one_batch_and_a_batch_is_of_one_machine() {
        let trials = plan().trials();
        let sample = Sample::of(&trials);
        let batches = batches(&trials, &sample);
        assert!(batches.len() > 1 && batches.len() < trials.len());
        for batch in &batches {
            assert!(batch.len() <= MOST && batch.iter().all(|id| same_machine(id, &batch[0])));
            assert!(batch.is_sorted_by_key(|id| (id.testcase.clone(), sample.has(id))));
        }
        let name = |id: &TrialId| id.to_string();
        let mut all: Vec<String> = batches.concat().iter().map(name).collect();
        let mut expected: Vec<String> = trials.iter().map(name).collect();
        all.sort_unstable();
        expected.sort_unstable();
        assert_eq!(all, expected);
    }

    #[test]
    fn a_long_batch_is_divided() {
        let one = plan().trials().remove(0);
        let trials: Vec<TrialId> = (0..100).map(|seed| TrialId { seed, ..one.clone() }).collect();
        let batches = batches(&trials, &Sample::of(&[]));
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [48, 48, 4]);
        assert_eq!(batches.concat(), trials, "seeds stay in their order");
    }
}
