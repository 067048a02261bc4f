// SPDX-License-Identifier: GPL-2.0-or-later
//! How a run comes to its end, and its record to the disk.

use instrument::End;

use super::Plugin;
use super::warm::Stage;
use crate::fast_path::FAST_PATH;
use crate::qemu::api::end_process;
use crate::recorder::{RecordInputs, write};

impl Plugin {
    /// The guest has used up its deadline: ends the trial.
    #[cold]
    pub fn deadline(&mut self) {
        match self.warm.stage {
            // What the guest does on its way to the end of its block is nobody's.
            Stage::Returning => {}
            Stage::Starting | Stage::Running => self.end_trial(End::Deadline),
        }
    }

    /// Ends the record, and QEMU with it, unless that serves another request.
    pub(super) fn end_trial(&mut self, end: End) {
        self.finish(end);
        match self.warm.stage {
            Stage::Running => self.serve_next(),
            Stage::Starting | Stage::Returning => end_process(0),
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
        if matches!(self.warm.stage, Stage::Returning) || std::mem::replace(&mut self.trial.finished, true) {
            return;
        }
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
