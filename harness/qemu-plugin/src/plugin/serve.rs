// SPDX-License-Identifier: GPL-2.0-or-later
//! Serving requests: the guest is taken back to where trials begin, and what belongs to one trial is forgotten. See [`super::warm`].

use std::time::Instant;

use instrument::Reply;

use super::Plugin;
use super::warm::{ServingStage, StartPoint};
use crate::arch::architecture::Architecture;
use crate::fast_path::FAST_PATH;
use crate::qemu::api::end_process;
use crate::qemu::main_thread;

impl Plugin {
    /// The guest asks for its command for the first time in this process.
    pub(super) fn first_command(&mut self) {
        match StartPoint::new(self.arch.draws_tlb_entries(), self.options.request.console.as_deref()) {
            Ok(start) => {
                start.internals.between_turns(self.machine.qemu());
                self.warm.start = Some(start);
                self.warm.stage = ServingStage::Returning;
            }
            Err(why) => self.fault(&why),
        }
    }

    /// A trial has ended, and its record lies on the disk: answers, and waits for the next request. Ends QEMU if there is none.
    pub(super) fn serve_next(&mut self) {
        let (translations, return_us) = (self.warm.translations, self.warm.return_us);
        let answer = Reply { version: Reply::VERSION, translations, return_us };
        let Some(start) = self.warm.start.as_mut() else { end_process(0) };
        // Every trial then has a process of its own; or only this one, in which restarts were made that depend on how full
        // QEMU's memory for translations was. Whose turn it is among several CPUs lies in no state that QEMU saves.
        let alone = !start.internals.can_return() || self.options.setup.cpus > 1;
        if alone || self.warm.kept_were_dropped {
            end_process(0);
        }
        if let Err(why) = start.silence() {
            return self.refuse(&why);
        }
        let request = match start.exchange(&answer) {
            Ok(Some(request)) => request,
            Ok(None) => end_process(0),
            Err(why) => return self.refuse(&why),
        };
        let this = &self.options.request;
        if (request.mode, request.empty_callbacks) != (this.mode, this.empty_callbacks) {
            return self
                .refuse("the mode differs from that of the trials before, for which code was translated");
        }
        start.internals.between_turns(self.machine.qemu());
        FAST_PATH.set_deadline(request.deadline());
        FAST_PATH.suspend();
        self.options.request = request;
        self.warm.stage = ServingStage::Returning;
        self.trial.finished = false;
    }

    /// QEMU has dropped all its translations. Each restart of a fetch group takes the guest some time: those of stale bytes that
    /// have to be made again make it another time than it would have been in a process of its own.
    pub fn translations_dropped(&mut self) {
        self.warm.kept_were_dropped |= self.machine.has_kept();
    }

    /// A request cannot be served: the trial has no record, and says why on standard error.
    fn refuse(&mut self, why: &str) {
        eprintln!("patcheval plugin: request: {why}");
        end_process(1);
    }

    /// Takes the guest back to where trials begin; the first time, keeps it.
    pub fn go_back(&mut self) {
        let begun = Instant::now();
        main_thread::watch_again();
        if let Err(why) = self.return_to_start() {
            // Of the trial that was to begin.
            self.warm.stage = ServingStage::Running;
            self.fault(&why);
        }
        self.recorder.reset();
        FAST_PATH.reset();
        FAST_PATH.set_deadline(self.options.request.deadline());
        self.warm.stage = ServingStage::Running;
        self.warm.translations = 0;
        self.warm.return_us = begun.elapsed().as_micros() as u64;
        self.keep_record();
    }

    fn return_to_start(&mut self) -> Result<(), String> {
        let Some(start) = self.warm.start.as_mut() else { return Err("there is no way back".into()) };
        if start.state.is_none() {
            let captured = self.machine.capture().ok_or("the guest's RAM was not found")?;
            start.state = Some((start.internals.save_devices()?, captured));
        }
        let Some((devices, captured)) = &start.state else { return Ok(()) };
        if !self.machine.reset(captured, self.options.request.mmu_on) {
            return Err("QEMU does not take the guest's RAM back".into());
        }
        start.internals.load_devices(devices)?;
        start.send_output_to(&self.options.request)
    }
}
