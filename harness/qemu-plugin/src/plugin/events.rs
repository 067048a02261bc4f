// SPDX-License-Identifier: GPL-2.0-or-later
//! Instructions that matter by themselves: maintenance, markers, and what describes the machine.

use cache_model::{Origin, VirtAddr};
use instrument::hardware::Aliases;
use instrument::{End, Mode, Phase};

use super::Plugin;
use super::warm::ServingStage;
use crate::arch::architecture::Architecture;
use crate::arch::instruction::Operand;
use crate::fast_path::{FAST_PATH, InsnRef};
use crate::machine::refill::{MaintenanceCall, Substitute};
use crate::qemu::api::end_process;
use crate::translation::events::{InsnEvent, PlannedEvent};

impl Plugin {
    /// An instruction that matters is about to run. Returns an address where QEMU must start again, if it must.
    pub fn event(&mut self, number: usize) -> Option<u64> {
        if self.trial.finished {
            return None;
        }
        let PlannedEvent { event, condition, insn } = self.translation.event(number);
        // QEMU calls before it looks at the condition.
        if condition.is_some_and(|condition| !self.machine.holds(condition)) {
            return None;
        }
        match event {
            InsnEvent::Maintenance { site, operand, substitute } => {
                return self.maintain(site, operand, substitute, insn);
            }
            InsnEvent::PrepareForStore(operand) => self.machine.prepare_for_store(operand, insn.origin()),
            InsnEvent::Marker { kind, argument } => self.marker(kind, argument, insn),
            InsnEvent::Rewrite { what, register } => {
                let hidden = self.options.setup.caches.aliases == Aliases::Hidden;
                self.machine.rewrite(what, register, hidden);
            }
            InsnEvent::Translation => self.machine.remapped(),
            InsnEvent::ThreadSwitch => self.switch_threads(),
            InsnEvent::SystemControl(register) => {
                let value = self.machine.register(register).unwrap_or(0);
                self.machine.system_control(value);
            }
            InsnEvent::Called(function) => {
                let caller = self.machine.register(self.arch.link_register()).unwrap_or(0).into();
                self.recorder.called(function, caller, insn.now());
            }
            InsnEvent::Check(operand) => self.machine.predict(operand),
        }
        None
    }

    /// Has QEMU forget what it knows of the guest's page tables.
    ///
    /// Between the change of an entry and the flush that belongs to it Linux may let another thread of the process run, as in a fork
    /// that gives way while it copies page tables. Whether that thread still writes by the old entry is up to the TLB, and QEMU's
    /// forgets by a size that follows the host's clock (`tlb_mmu_resize_locked` in accel/tcg/cputlb.c): a page that is being shared
    /// would be written in one run and copied in another.
    fn switch_threads(&mut self) {
        self.machine.remapped();
        if let Some(tlb) = self.tlb {
            tlb.flush();
        }
    }

    /// Does maintenance, unless the guest has to translate the address first.
    fn maintain(
        &mut self,
        site: usize,
        operand: Operand,
        substitute: Option<Substitute>,
        insn: InsnRef,
    ) -> Option<u64> {
        let caller = self.machine.register(self.arch.link_register()).unwrap_or(0).into();
        let Some(virt) = self.machine.operand(operand) else {
            let by = self.recorder.count(site, caller);
            self.recorder.count_use(by, None);
            return None;
        };
        let last = match operand {
            Operand::Range { end, .. } => self.machine.register(end).map_or(virt, VirtAddr::new),
            _ => virt,
        };
        let call = MaintenanceCall { site, caller, virt };
        let substitute = substitute.filter(|_| self.machine.translate(virt).is_none());
        if let Some(restart) = substitute.and_then(|substitute| self.refill(substitute, call, insn)) {
            return Some(restart);
        }
        self.carry_out(call, last, insn);
        None
    }

    /// Does maintenance from an address to the `last`.
    fn carry_out(&mut self, call: MaintenanceCall, last: VirtAddr, insn: InsnRef) {
        let by = self.recorder.count(call.site, call.caller);
        if self.machine.model().is_some() {
            let origin = Origin { insn: by, icount: insn.now() as u32 };
            let operation = self.recorder.operation(call.site);
            let flush_use = self.machine.maintain(&operation, call.virt, last, origin);
            self.recorder.count_use(by, flush_use);
            let machine = &self.machine;
            let is_fresh = |virt, phys| machine.would_fetch_fresh(virt, phys);
            self.recorder.maintained(machine.running_cpu(), insn.now(), is_fresh);
        }
    }

    /// Replaces a cache operation whose address is not translated; returns where QEMU must start again, or `None` if it
    /// cannot be replaced.
    #[cold]
    fn refill(&mut self, substitute: Substitute, call: MaintenanceCall, insn: InsnRef) -> Option<u64> {
        if insn == InsnRef::NONE {
            return None;
        }
        let group = self.translation.group_of(insn.id);
        let at = self.address_of_insn(insn.id);
        if !self.machine.substitute(at, group.phys_of(at), substitute, call) {
            return None;
        }
        let back = u32::from(substitute.in_slot);
        // Counted once: an interrupt may come before the next group.
        self.uncount(&group, insn.remaining + back);
        FAST_PATH.set_group(0);
        Some(at.get() - 4 * u64::from(back))
    }

    /// The load has been executed in the operation's place: the CPU needed no help for the translation.
    pub fn refilled(&mut self, info: u32, virt: u64, insn: InsnRef) {
        match self.machine.refilled(info, self.arch.address(virt)) {
            Ok(Some(call)) => self.carry_out(call, call.virt, insn),
            Ok(None) => {}
            Err(why) => self.fault(why),
        }
    }

    fn marker(&mut self, kind: u32, argument: u32, insn: InsnRef) {
        match kind {
            0 => self.command(argument),
            5 => {
                // What comes after the marker in its group is not executed.
                FAST_PATH.uncount(insn.remaining);
                if self.options.request.command.is_some() {
                    self.end_trial(End::Finished);
                } else {
                    self.finish(End::Finished);
                }
            }
            kind => self.recorder.enter(Phase::ALL[kind as usize], insn.now()),
        }
    }

    /// The guest asks for its command.
    fn command(&mut self, argument: u32) {
        self.trial.command_markers += 1;
        let Some(command) = self.options.request.command.clone() else {
            self.wait_for_snapshot();
            return;
        };
        if self.options.setup.serves && !matches!(self.warm.stage, ServingStage::Running) {
            if matches!(self.warm.stage, ServingStage::Starting) {
                self.first_command();
            }
            return;
        }
        let buffer = self.machine.register(argument);
        let Some(phys) = buffer.and_then(|buffer| self.machine.translate(buffer.into())) else {
            self.fault("the guest's command buffer is not mapped");
            return;
        };
        let mut bytes = command.into_bytes();
        bytes.push(0);
        if !self.machine.look_at_system_control() && self.options.request.mode != Mode::Off {
            // It would pass whatever it does, and nobody would know why.
            self.fault(
                "the guest runs with one of its caches off (SCTLR.C, SCTLR.I): only both together can be modelled",
            );
        }
        self.machine.write_by_device(phys, &bytes);
    }

    /// Keeps the guest at its COMMAND marker until the harness has asked QEMU to stop: the snapshot is then
    /// taken at the next block, the same one in every run.
    fn wait_for_snapshot(&mut self) {
        let Some(ready) = self.options.request.ready.clone() else { return };
        if self.trial.command_markers > 1 {
            eprintln!("patcheval plugin: the snapshot was not taken at the first COMMAND marker");
            end_process(1);
        }
        // Opening a FIFO waits for its writer, reading it for the writer's end.
        if let Err(error) = std::fs::read(&ready) {
            self.fault(&format!("cannot wait on {}: {error}", ready.display()));
        }
    }
}
