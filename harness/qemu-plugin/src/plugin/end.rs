// SPDX-License-Identifier: GPL-2.0-or-later
//! How a run comes to its end, and its record to the disk.

use instrument::End;

use super::Plugin;
use super::warm::ServingStage;
use crate::fast_path::FAST_PATH;
use crate::qemu::api::end_process;
use crate::recorder::{RecordInputs, write};

impl Plugin {
    /// The guest has used up its deadline: ends the trial.
    #[cold]
    pub fn deadline(&mut self) {
        self.end_if_running(End::Deadline);
    }

    /// Ends the trial, and returns whether there was one.
    pub(super) fn end_if_running(&mut self, end: End) -> bool {
        // What the guest does on its way to the end of its block is nobody's.
        let running = !matches!(self.warm.stage, ServingStage::Returning);
        if running {
            self.end_trial(end);
        }
        running
    }

    /// Ends the record, and QEMU with it, unless that serves another request.
    pub(super) fn end_trial(&mut self, end: End) {
        self.finish(end);
        match self.warm.stage {
            ServingStage::Running => self.serve_next(),
            ServingStage::Starting | ServingStage::Returning => end_process(0),
        }
    }

    /// Ends the record with a reason not to trust it, and QEMU with it.
    #[cold]
    pub fn fault(&mut self, why: &str) {
        eprintln!("patcheval plugin: {why}");
        self.finish(End::Fault(why.to_owned()));
        end_process(1);
    }

    /// QEMU is exiting: writes the record if the guest has not ended it.
    pub fn finish_at_exit(&mut self) {
        self.finish(End::Exit);
    }

    pub(super) fn finish(&mut self, end: End) {
        // On its way back the guest belongs to no trial.
        if matches!(self.warm.stage, ServingStage::Returning)
            || std::mem::replace(&mut self.trial.finished, true)
        {
            return;
        }
        self.write_record(end);
    }

    /// Writes what has been found so far, so that it is there if QEMU is killed before the trial has come to its end.
    pub(super) fn keep_record(&mut self) {
        if !matches!(self.warm.stage, ServingStage::Returning) && !self.trial.finished {
            self.write_record(End::Unfinished);
        }
    }

    fn write_record(&mut self, end: End) {
        let inputs = RecordInputs {
            now: FAST_PATH.now(),
            model: self.machine.model(),
            refills: self.machine.refills(),
        };
        let record = self.recorder.record(end, &inputs);
        if let Some(path) = &self.options.request.record
            && let Err(error) = write(path, &record)
        {
            eprintln!("patcheval plugin: cannot write {}: {error}", path.display());
        }
    }
}
