// SPDX-License-Identifier: GPL-2.0-or-later
//! Runs trials on machines that serve one after the other, and compares a sample of them.

use std::collections::BTreeMap;
use std::path::Path;

use super::batches::{WorkerStep, batches};
use super::cold_check::ColdCheck;
use super::pool;
use crate::error::Result;
use crate::machine::{Machines, Worker};
use crate::plan::{Plan, TrialId};
use crate::process::check_interrupted;
use crate::trial::Done;

/// How trials are run.
pub(super) struct TrialRunner<'a> {
    /// The plan that has them.
    pub(super) plan: &'a Plan,
    /// What they are run on.
    pub(super) machines: &'a dyn Machines,
    /// How many at the same time.
    pub(super) jobs: usize,
    /// Whether each has a machine of its own.
    pub(super) cold: bool,
    /// Where trials are kept that differ from themselves.
    pub(super) dir: &'a Path,
}

impl TrialRunner<'_> {
    /// Runs trials, each by `run`, and hands each to `done` on this thread as it ends. One of the sample ends when it has been
    /// compared, so that an interrupted run compares it again.
    ///
    /// # Errors
    ///
    /// Those of `run` and `done`; interrupted; infrastructure, when a difference cannot be written.
    pub(super) fn run(
        &self,
        trials: &[TrialId],
        run: impl Fn(&mut dyn Worker, &TrialId) -> Result<Done> + Sync,
        mut done: impl FnMut(Done) -> Result<()>,
    ) -> Result<()> {
        let served: Vec<TrialId> = trials.iter().filter(|id| self.is_served(id)).cloned().collect();
        let check = ColdCheck::new(&served, self.dir);
        let batches =
            batches(trials, check.sample(), self.jobs, |id| self.plan.layout_of(id), |id| self.is_served(id));
        pool::in_batches(
            self.jobs,
            &batches.iter().map(Vec::as_slice).collect::<Vec<_>>(),
            || Hand { machine: self.machines.worker(), first: BTreeMap::new() },
            |hand, step| {
                check_interrupted()?;
                hand.take(step, self.cold, &check, &run)
            },
            |_, ended| ended.map_or(Ok(()), &mut done),
        )
    }

    /// Whether a machine that has run a trial may go on to another. Errors are those of whoever runs it.
    fn is_served(&self, id: &TrialId) -> bool {
        !self.cold
            && self.plan.cell_of(id).is_ok_and(|cell| {
                cell.testcase.boot.is_none()
                    && cell.testcase.cold.is_none()
                    && cell.target.machine.cold.is_none()
            })
    }
}

/// A thread's machine.
struct Hand<'a> {
    machine: Box<dyn Worker + 'a>,
    /// What came of trials that have begun a machine, and are to be run again.
    first: BTreeMap<TrialId, Done>,
}

impl Hand<'_> {
    /// Does a step; returns a trial that has ended with it.
    fn take(
        &mut self,
        step: &WorkerStep,
        cold: bool,
        check: &ColdCheck,
        run: impl Fn(&mut dyn Worker, &TrialId) -> Result<Done>,
    ) -> Result<Option<Done>> {
        match step {
            WorkerStep::Run(id) => {
                if cold || check.runs_cold(id) {
                    self.machine.start_afresh();
                }
                run(self.machine.as_mut(), id).map(Some)
            }
            WorkerStep::First(id) => {
                self.machine.start_afresh();
                let done = run(self.machine.as_mut(), id)?;
                self.first.insert(id.clone(), done);
                Ok(None)
            }
            WorkerStep::Again(id) => {
                let Some(first) = self.first.remove(id) else { return Ok(None) };
                if let Some(warm) = self.warm(|machine| run(machine, id))? {
                    check.compare(id, &warm, &first)?;
                }
                Ok(Some(first))
            }
        }
    }

    /// Runs a trial on a machine that has served another; `None` if there is none, as where each trial ends its own.
    fn warm(&mut self, run: impl Fn(&mut dyn Worker) -> Result<Done>) -> Result<Option<Done>> {
        // The one at hand may have ended with the trial before: the next one is new, and serves the second time.
        for _ in 0..2 {
            if !self.machine.keeps_a_machine() {
                return Ok(None);
            }
            let done = run(self.machine.as_mut())?;
            if done.remains.warm {
                return Ok(Some(done));
            }
        }
        Ok(None)
    }
}
