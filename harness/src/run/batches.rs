// SPDX-License-Identifier: GPL-2.0-or-later
//! Trials in batches, each of which one machine can serve without being started again, but for the sample that is compared.

use std::collections::BTreeMap;

use super::cold_check::Sample;
use crate::plan::TrialId;

/// Most trials in a batch: those of a variant in a study of usual size. Starting a machine takes as long as eight warm trials.
const MOST: usize = 64;

/// Fewest trials in a batch that is not all that there is.
const FEWEST: usize = 16;

/// How many batches there are for each thread, at least, so that none is left alone with a long one at the end.
const FOR_EACH_JOB: usize = 4;

/// What a worker does with a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WorkerStep {
    /// Runs it on the machine at hand.
    Run(TrialId),
    /// Runs it as the first of a new machine, which then goes on; what came of it waits for [`Step::Again`].
    First(TrialId),
    /// Runs it again, on a machine that has served others meanwhile, and compares.
    Again(TrialId),
}

/// Sorts trials into batches of one kernel, machine, variant, layout and mode, in the order in which each comes first, for `jobs`
/// threads. Those for which `serves` says that no machine goes on after them are each a batch.
///
/// In a batch, trials are sorted by testcase, and otherwise as they were. The sample of a testcase begins a new machine with it,
/// and is run again when that machine, or the next one, has served another testcase, or else at the end.
pub(super) fn batches(
    trials: &[TrialId],
    sample: &Sample,
    jobs: usize,
    layout: impl Fn(&TrialId) -> u32,
    serves: impl Fn(&TrialId) -> bool,
) -> Vec<Vec<WorkerStep>> {
    let key = |id| key(id, layout(id));
    let most = (trials.len() / (jobs * FOR_EACH_JOB).max(1)).clamp(FEWEST, MOST);
    let mut batches: Vec<Vec<&TrialId>> = Vec::new();
    let mut open: BTreeMap<BatchKey<'_>, usize> = BTreeMap::new();
    for id in trials {
        let known = open.get(&key(id)).copied().filter(|at| batches[*at].len() < most);
        match known.filter(|_| serves(id)) {
            Some(at) => batches[at].push(id),
            None => {
                if serves(id) {
                    open.insert(key(id), batches.len());
                }
                batches.push(vec![id]);
            }
        }
    }
    batches.into_iter().map(|batch| steps(batch, sample)).collect()
}

/// What one machine serves.
type BatchKey<'a> = (&'a str, &'a str, &'a str, u32, u8);

fn key(id: &TrialId, layout: u32) -> BatchKey<'_> {
    (&id.kernel, &id.machine, &id.variant, layout, id.mode as u8)
}

fn steps(mut batch: Vec<&TrialId>, sample: &Sample) -> Vec<WorkerStep> {
    batch.sort_by(|a, b| a.testcase.cmp(&b.testcase));
    let (mut steps, mut waiting) = (Vec::new(), Vec::new());
    for group in batch.chunk_by(|a, b| a.testcase == b.testcase) {
        let (drawn, others): (Vec<&TrialId>, Vec<&TrialId>) = group.iter().partition(|id| sample.has(id));
        steps.extend(drawn.iter().map(|id| WorkerStep::First((*id).clone())));
        steps.extend(others.into_iter().map(|id| WorkerStep::Run(id.clone())));
        steps.append(&mut waiting);
        waiting.extend(drawn.into_iter().map(|id| WorkerStep::Again(id.clone())));
    }
    steps.append(&mut waiting);
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::plan;

    fn id(step: &WorkerStep) -> &TrialId {
        let (WorkerStep::Run(id) | WorkerStep::First(id) | WorkerStep::Again(id)) = step;
        id
    }

    #[test]
    fn every_trial_is_in_one_batch_and_a_batch_is_of_one_machine() {
        let trials = plan().trials();
        let sample = Sample::of(&trials);
        let batches = batches(&trials, &sample, 1, |_| 0, |_| true);
        assert!(batches.len() > 1 && batches.len() < trials.len());
        assert!(
            batches.iter().all(|batch| batch.iter().all(|step| key(id(step), 0) == key(id(&batch[0]), 0)))
        );
        let all = batches.concat();
        let of = |want: fn(&WorkerStep) -> bool| {
            let mut names: Vec<String> =
                all.iter().filter(|step| want(step)).map(|step| id(step).to_string()).collect();
            names.sort_unstable();
            names
        };
        let mut expected: Vec<String> = trials.iter().map(ToString::to_string).collect();
        expected.sort_unstable();
        assert_eq!(of(|step| !matches!(step, WorkerStep::Again(_))), expected);
        let (first, again) = (
            of(|step| matches!(step, WorkerStep::First(_))),
            of(|step| matches!(step, WorkerStep::Again(_))),
        );
        assert_eq!(first, again, "what begins a machine is run again");
        expected.retain(|name| trials.iter().any(|id| id.to_string() == *name && sample.has(id)));
        assert_eq!(first, expected, "and is the sample");
    }

    #[test]
    fn the_sample_is_run_again_after_another_testcase() {
        let one = plan().trials().remove(0);
        let of = |testcase: &str, seed| TrialId { testcase: testcase.into(), seed, ..one.clone() };
        let trials = [of("t2", 1), of("t1", 1), of("t1", 2), of("t2", 2)];
        let sample = Sample::of(&trials);
        let drawn = |testcase| (1..3).map(|seed| of(testcase, seed)).find(|id| sample.has(id)).unwrap();
        let other = |testcase| (1..3).map(|seed| of(testcase, seed)).find(|id| !sample.has(id)).unwrap();
        let (t1, t2) = (drawn("t1"), drawn("t2"));
        let expected = [
            WorkerStep::First(t1.clone()),
            WorkerStep::Run(other("t1")),
            WorkerStep::First(t2.clone()),
            WorkerStep::Run(other("t2")),
            WorkerStep::Again(t1),
            WorkerStep::Again(t2),
        ];
        assert_eq!(batches(&trials, &sample, 1, |_| 0, |_| true), [expected]);
    }

    #[test]
    fn a_long_batch_is_divided_and_what_no_machine_goes_on_after_is_alone() {
        let one = plan().trials().remove(0);
        let trials: Vec<TrialId> = (0..600).map(|seed| TrialId { seed, ..one.clone() }).collect();
        let sample = Sample::of(&[]);
        let sizes = |jobs, serves: bool| -> Vec<usize> {
            batches(&trials, &sample, jobs, |_| 0, |_| serves).iter().map(Vec::len).collect()
        };
        assert_eq!(sizes(1, true), [64, 64, 64, 64, 64, 64, 64, 64, 64, 24]);
        assert_eq!(sizes(5, true), [30; 20], "each thread has some");
        assert_eq!(sizes(1000, true).len(), 38, "of 16, and the rest");
        assert_eq!(sizes(1, false), [1; 600]);
        let order: Vec<TrialId> = batches(&trials, &sample, 2, |_| 0, |_| true)
            .concat()
            .iter()
            .map(|step| id(step).clone())
            .collect();
        assert_eq!(order, trials, "seeds stay in their order");
    }
}
