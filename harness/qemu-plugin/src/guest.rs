// SPDX-License-Identifier: GPL-2.0-or-later
//! Instructions that matter by themselves: maintenance, markers, and what describes the machine.

use std::sync::atomic::Ordering::Relaxed;

use cache_model::{FlushUse, Geometry, Memory, Origin};
use instrument::hardware::Aliases;
use instrument::{End, Mode, Phase};

use crate::decode::{Advertised, Operand, Target, arm};
use crate::fast_path::{FAST_PATH, InsnRef};
use crate::ffi;
use crate::plugin::{Event, PlannedEvent, Plugin};
use crate::refill::{MaintenanceCall, Substitute};
use crate::warm::Stage;

/// SCTLR bits M (MMU), C (D$) and I (I$) (ARM DDI 0406C, B4.1.130).
const SCTLR_MCI: u64 = 1 | 1 << 2 | 1 << 12;

/// SCTLR bits of the caches alone.
const SCTLR_CI: u64 = SCTLR_MCI & !1;

/// Config7 bits that say that the D$ and the I$ have no aliases, though their ways are larger than a page
/// (`MIPS_CONF7_AR`, `MIPS_CONF7_IAR` in `mipsregs.h`).
const CONFIG7_AR: u32 = 1 << 16;
const CONFIG7_IAR: u32 = 1 << 10;

impl Plugin {
    /// Compares the address of an access with the one that its registers predicted.
    pub fn check(&mut self, virt: u64) {
        if !self.checker.compare(virt & 0xffff_ffff) {
            self.fault("register handles do not mean what they meant in QEMU 11.1: base + offset is not the address accessed");
        }
    }

    /// An instruction that matters is about to run. Returns an address where QEMU must start again, if it must.
    pub fn event(&mut self, number: usize) -> Option<u64> {
        if self.finished {
            return None;
        }
        let PlannedEvent { event, condition, insn } = self.events[number];
        // QEMU calls before it looks at the condition.
        if condition.is_some_and(|condition| !self.holds(condition)) {
            return None;
        }
        match event {
            Event::Maintenance { site, operand, substitute } => {
                return self.maintain(site, operand, substitute, insn);
            }
            Event::PrepareForStore(operand) => self.prepare_for_store(operand, insn),
            Event::Marker { kind, argument } => self.marker(kind, argument, insn),
            Event::Rewrite { what, register } => self.rewrite(what, register),
            Event::Translation => self.remapped(),
            Event::SystemControl(register) => {
                self.remapped();
                let value = self.register(register).unwrap_or(0);
                self.cached = value & SCTLR_MCI == SCTLR_MCI;
            }
            Event::Check(operand) => {
                let expected = self.operand(operand);
                self.checker.expect(expected);
            }
        }
        None
    }

    fn remapped(&mut self) {
        self.tlb.forget();
        if let Some(model) = &mut self.model {
            model.remapped();
        }
    }

    /// Whether an ARM instruction with this condition is executed; in doubt it is.
    fn holds(&self, condition: u8) -> bool {
        let cpsr = self.cpsr.and_then(|cpsr| self.qemu.read_register(cpsr, false));
        cpsr.is_none_or(|cpsr| arm::holds(condition, cpsr))
    }

    fn register(&self, number: u32) -> Option<u64> {
        if number == 0 && matches!(self.target, Target::Mips { .. }) {
            return Some(0);
        }
        let register = self.registers[number as usize]?;
        self.qemu.read_register(register, self.target.big_endian()).map(|value| value & 0xffff_ffff)
    }

    fn operand(&self, operand: Operand) -> Option<u64> {
        match operand {
            Operand::Register(number) => self.register(number),
            Operand::Offset { base, offset } => {
                self.register(base).map(|value| value.wrapping_add_signed(offset.into()) & 0xffff_ffff)
            }
            Operand::Indexed { base, index } => {
                Some(self.register(base)?.wrapping_add(self.register(index)?) & 0xffff_ffff)
            }
            Operand::Range { start, .. } => self.register(start),
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
        let caller = self.register(self.target.link_register()).unwrap_or(0);
        let Some(virt) = self.operand(operand) else {
            let by = self.findings.count(site, caller);
            self.findings.untranslated(by);
            return None;
        };
        let last = match operand {
            Operand::Range { end, .. } => self.register(end).unwrap_or(virt),
            _ => virt,
        };
        let call = MaintenanceCall { site, caller, virt };
        let substitute = substitute.filter(|_| self.translate_address(virt).is_none());
        if let Some(restart) = substitute.and_then(|substitute| self.refill(substitute, call, insn)) {
            return Some(restart);
        }
        self.carry_out(call, last, insn);
        None
    }

    /// Does maintenance from an address to the `last`.
    pub(crate) fn carry_out(&mut self, call: MaintenanceCall, last: u64, insn: InsnRef) {
        let origin = Origin { insn: self.findings.count(call.site, call.caller), icount: insn.now() as u32 };
        let operation = self.findings.operation(call.site);
        let by_address = operation.needs_translation();
        let line = self.options.caches.dcache.line().min(self.options.caches.icache.line()) as u64;
        // A range goes line by line; whatever it found to do anywhere, it was needed for.
        let mut flush_use: Option<FlushUse> = None;
        let mut at = call.virt;
        loop {
            let phys = if by_address { self.translate_address(at) } else { None };
            let Some(model) = self.model.as_mut() else { return };
            if phys.is_some() || !by_address {
                let phys = phys.filter(|phys| model.memory().contains(*phys, 1));
                let this = model.maintain(&operation, at, phys, origin);
                flush_use = Some(flush_use.map_or(this, |before| before.or(this)));
            }
            at = (at & !(line - 1)) + line;
            if at > last {
                break;
            }
        }
        match flush_use {
            Some(flush_use) => self.findings.count_use(origin.insn, flush_use),
            None => self.findings.untranslated(origin.insn),
        }
        if by_address && flush_use.is_some() {
            self.refills.translated();
        }
    }

    /// The line becomes dirty without having been read. What it then holds is not defined, so that the stores that follow
    /// decide; the model has it dirty from here on.
    fn prepare_for_store(&mut self, operand: Operand, insn: InsnRef) {
        let Some(virt) = self.operand(operand).filter(|virt| !self.target.is_uncached(*virt)) else { return };
        let phys = self.translate_address(virt);
        let Some(model) = self.model.as_mut() else { return };
        if let Some(phys) = phys.filter(|phys| model.memory().contains(*phys, 1)) {
            model.store(virt, phys, 1, insn.origin());
        }
    }

    /// Finds out which CPU runs; its caches are the ones in use from here on.
    pub fn identify(&mut self) {
        let (Some(register), Some(model)) = (self.identity, self.model.as_mut()) else { return };
        let value = self.qemu.read_register(register, false).unwrap_or(0);
        // Early in the boot there is nothing in it yet.
        if value == 0 {
            return;
        }
        let known = self.identities.iter().position(|known| *known == value);
        let number = known.unwrap_or(self.identities.len());
        if number == self.options.caches.cpus {
            self.fault("more CPUs run than have caches: `smp` and the machine's caches do not agree");
            return;
        }
        if known.is_none() {
            self.identities.push(value);
        }
        if number != model.running() {
            model.run_on(number);
            // Virtual addresses mean something else there.
            self.tlb.forget();
        }
    }

    pub(crate) fn translate_address(&self, virt: u64) -> Option<u64> {
        self.translated(virt).or_else(|| self.qemu.translate(virt))
    }

    /// Gives the kernel the model's geometry in place of the CPU's own.
    fn rewrite(&mut self, what: Advertised, register: u32) {
        let Some(old) = self.register(register) else { return };
        let (i, d) = (self.options.caches.icache, self.options.caches.dcache);
        let new = match what {
            Advertised::SynciStep => d.line().min(i.line()) as u32,
            Advertised::Config7 if self.options.setup.caches.aliases == Aliases::Hidden => {
                old as u32 | CONFIG7_AR | CONFIG7_IAR
            }
            Advertised::Config7 => old as u32,
            Advertised::Config1 => {
                // MIPS32 PRA volume III, Config1: IS 24:22, IL 21:19, IA 18:16, DS 15:13, DL 12:10, DA 9:7.
                let fields = |g: Geometry| {
                    // Sets are 64 << n, with 7 for 32 sets.
                    let sets = if g.sets() == 32 { 7 } else { g.sets().trailing_zeros().wrapping_sub(6) & 7 };
                    sets << 6 | (g.line_shift() - 1) << 3 | (g.ways() as u32 - 1)
                };
                old as u32 & !(0x3_ffff << 7) | fields(i) << 16 | fields(d) << 7
            }
        };
        if let Some(handle) = self.registers[register as usize] {
            self.qemu.write_register(handle, new, self.target.big_endian());
        }
    }

    fn marker(&mut self, kind: u32, argument: u32, insn: InsnRef) {
        match kind {
            0 => self.command(argument),
            5 => {
                // What comes after the marker in its run is not executed.
                FAST_PATH.now.fetch_sub(insn.remaining.into(), Relaxed);
                if self.options.request.command.is_some() {
                    self.end_trial(End::Finished);
                } else {
                    self.finish(End::Finished);
                }
            }
            kind => self.findings.enter(Phase::ALL[kind as usize], insn.now()),
        }
    }

    /// The guest asks for its command.
    fn command(&mut self, argument: u32) {
        self.command_markers += 1;
        let Some(command) = self.options.request.command.clone() else {
            self.wait_for_snapshot();
            return;
        };
        if self.options.setup.serves && !matches!(self.warm.stage, Stage::Running) {
            if matches!(self.warm.stage, Stage::Starting) {
                self.first_command();
            }
            return;
        }
        let phys = self.register(argument).and_then(|buffer| self.translate_address(buffer));
        let Some(phys) = phys else {
            self.fault("the guest's command buffer is not mapped");
            return;
        };
        let mut bytes = command.into_bytes();
        bytes.push(0);
        self.qemu.write_physical(phys, &bytes);
        self.look_whether_caches_are_on();
        if let Some(model) = self.model.as_mut().filter(|model| model.memory().contains(phys, bytes.len())) {
            model.written_by_device(phys, bytes.len());
        }
    }

    /// A restored guest wrote SCTLR before the plugin was there to see it. Without the register, as on MIPS, it is believed to
    /// have done what Linux does by itself.
    fn look_whether_caches_are_on(&mut self) {
        let value = self.sctlr.and_then(|sctlr| self.qemu.read_register(sctlr, false));
        match value.map(|value| (value & SCTLR_MCI, value & SCTLR_CI)) {
            None => {}
            Some((SCTLR_MCI, _)) => self.cached = true,
            Some((_, 0)) => self.cached = false,
            Some(_) if self.options.request.mode == Mode::Off => {}
            // It would pass whatever it does, and nobody would know why.
            Some(_) => self.fault(
                "the guest runs with one of its caches off (SCTLR.C, SCTLR.I): only both together can be modelled",
            ),
        }
    }

    /// Keeps the guest at its COMMAND marker until the harness has asked QEMU to stop: the snapshot is then
    /// taken at the next block, the same one in every run.
    fn wait_for_snapshot(&mut self) {
        let Some(ready) = self.options.request.ready.clone() else { return };
        if self.command_markers > 1 {
            eprintln!("patcheval plugin: the snapshot was not taken at the first COMMAND marker");
            ffi::end_process(1);
        }
        // Opening a FIFO waits for its writer, reading it for the writer's end.
        if let Err(error) = std::fs::read(&ready) {
            self.fault(&format!("cannot wait on {}: {error}", ready.display()));
        }
    }
}
