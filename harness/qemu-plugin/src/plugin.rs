// SPDX-License-Identifier: GPL-2.0-or-later
//! The plugin's state: what the guest does goes into the cache model, what the model finds goes into the record.

use std::sync::atomic::Ordering::Relaxed;

use cache_model::{Memory, Model, Stale};
use instrument::Mode;

use crate::access_groups::{AccessGroups, DeferredStore, OpenAccessGroup};
use crate::decode::{Advertised, Operand, Target};
use crate::fast_path::{FAST_PATH, InsnRef};
use crate::fetch_groups::{FetchGroup, FetchGroups};
use crate::ffi::{self, Qemu, Register};
use crate::functions::Functions;
use crate::options::Options;
use crate::ram::ShadowedRam;
use crate::record::Findings;
use crate::refill::{Refills, Substitute};
use crate::selfcheck::Checker;
use crate::swap::{Swap, Swaps};
use crate::tlb::Tlb;
use crate::translate::BlockInsn;
use crate::warm::Warm;

/// An instruction before whose execution the plugin is called.
#[derive(Clone, Copy)]
pub(crate) enum Event {
    Maintenance { site: usize, operand: Operand, substitute: Option<Substitute> },
    PrepareForStore(Operand),
    Marker { kind: u32, argument: u32 },
    Rewrite { what: Advertised, register: u32 },
    Translation,
    SystemControl(u32),
    Check(Operand),
}

/// An event, and the condition field of the instruction that causes it if that is not always executed.
#[derive(Clone, Copy)]
pub(crate) struct PlannedEvent {
    pub(crate) event: Event,
    pub(crate) condition: Option<u8>,
    /// The instruction.
    pub(crate) insn: InsnRef,
}

/// Everything that the plugin knows.
pub struct Plugin {
    /// The MMU and both caches are on (always so on MIPS, where KSEG1 says what is uncached).
    pub(crate) cached: bool,
    pub(crate) target: Target,
    pub(crate) model: Option<Model<ShadowedRam>>,
    pub(crate) tlb: Tlb,
    pub(crate) fetch_groups: FetchGroups,
    pub(crate) swaps: Swaps,
    pub(crate) refills: Refills,
    pub(crate) access_groups: AccessGroups,
    /// Accesses of the block that is being translated, which are to be reported together.
    pub(crate) open_group: Option<OpenAccessGroup>,
    pub(crate) deferred_stores: Vec<DeferredStore>,
    pub(crate) qemu: Qemu,
    pub(crate) options: Options,
    pub(crate) registers: Vec<Option<Register>>,
    pub(crate) cpsr: Option<Register>,
    pub(crate) sctlr: Option<Register>,
    /// Host address of RAM minus its physical address, once known.
    pub(crate) host_minus_phys: usize,
    pub(crate) events: Vec<PlannedEvent>,
    /// The instructions of the block that is being translated.
    pub(crate) code: Vec<BlockInsn>,
    /// The groups of the block that is being translated.
    pub(crate) groups_in_block: Vec<GroupInBlock>,
    pub(crate) checker: Checker,
    pub(crate) functions: Functions,
    /// A register that shows which CPU runs, if several have caches of their own: ARM's TPIDRPRW, in which Linux keeps the
    /// address of the CPU's own data. (MPIDR, which would be its number, QEMU does not list.)
    pub(crate) identity: Option<Register>,
    /// Values of it, in the order in which they were first seen.
    pub(crate) identities: Vec<u64>,
    pub(crate) findings: Findings,
    pub(crate) command_markers: u32,
    pub(crate) finished: bool,
    pub(crate) target_name: String,
    pub(crate) warm: Warm,
}

fn starts_cached(options: &Options, target: Target) -> bool {
    options.request.mmu_on || matches!(target, Target::Mips { .. })
}

/// CPSR bit that says Thumb (ARM DDI 0406C, B1.3.3).
const CPSR_T: u64 = 1 << 5;

impl Plugin {
    /// Returns the plugin for a target, or a sentence that says why not.
    ///
    /// # Errors
    ///
    /// An unknown target or a wrong argument.
    pub fn new(qemu: Qemu, target_name: &str, arguments: &[String]) -> Result<Self, String> {
        let options = Options::read(arguments)?;
        let target = Target::from_name(target_name)
            .filter(|target| !target.is_64_bit())
            .ok_or_else(|| format!("target `{target_name}` is not one of mips, mipsel, arm"))?;
        let target = options.decoded(target);
        let functions = match options.symbols() {
            Some(path) => Functions::parse(
                &std::fs::read_to_string(path)
                    .map_err(|error| format!("cannot read {}: {error}", path.display()))?,
            ),
            None => Functions::default(),
        };
        FAST_PATH.threshold.store(options.request.deadline(), Relaxed);
        let registers = match target {
            Target::Mips { .. } => (0..32).map(|n| Some(ffi::mips_register(n))).collect(),
            Target::Arm { .. } => vec![None; 16],
        };
        Ok(Self {
            cached: starts_cached(&options, target),
            target,
            model: None,
            tlb: Tlb::default(),
            fetch_groups: FetchGroups::default(),
            swaps: Swaps::default(),
            refills: Refills::default(),
            access_groups: AccessGroups::default(),
            open_group: None,
            deferred_stores: Vec::new(),
            qemu,
            registers,
            cpsr: None,
            sctlr: None,
            host_minus_phys: 0,
            events: Vec::new(),
            code: Vec::new(),
            groups_in_block: Vec::new(),
            checker: Checker::default(),
            functions,
            identity: None,
            identities: Vec::new(),
            findings: Findings::new(options.request.mode, target.kernel_start()),
            command_markers: 0,
            finished: false,
            target_name: target_name.to_owned(),
            warm: Warm::default(),
            options,
        })
    }

    /// Whether the MMU and both caches are on where a trial begins.
    pub(crate) fn starts_cached(&self) -> bool {
        starts_cached(&self.options, self.target)
    }

    /// QEMU's functions.
    pub fn qemu(&self) -> &Qemu {
        &self.qemu
    }

    /// Takes the handles of the registers that QEMU lists (ARM: r0 to r15, cpsr and system registers; MIPS: none).
    pub fn learn_registers(&mut self, listed: Vec<(String, Register)>) {
        let is_arm = matches!(self.target, Target::Arm { .. });
        for (name, register) in listed {
            match name.strip_prefix('r').and_then(|n| n.parse::<usize>().ok()) {
                Some(n) if n < 16 && is_arm => self.registers[n] = Some(register),
                _ if name == "cpsr" => self.cpsr = Some(register),
                _ if name == "lr" && is_arm => self.registers[14] = Some(register),
                // QEMU 11.1 lists it so for 32-bit CPUs too.
                _ if name == "SCTLR_EL1" => self.sctlr = Some(register),
                _ if name == "TPIDRPRW" => self.identity = Some(register),
                _ => {}
            }
        }
        if is_arm && (self.registers[..13].contains(&None) || self.cpsr.is_none()) {
            self.fault("QEMU does not list ARM's registers r0 to r12 and cpsr");
        }
        // Under icount QEMU gives a callback the number of the CPU that translated its block, not of the one that runs.
        if self.options.caches.cpus > 1 && self.identity.is_none() {
            self.fault(
                "QEMU does not list a register that shows which CPU runs: only shared caches can be modelled",
            );
        }
    }

    /// Guest instructions begun, the whole current group included.
    pub(crate) fn now(&self) -> u64 {
        FAST_PATH.now.load(Relaxed)
    }

    /// The entry of a group that is not known to change nothing, or that is due for the deadline or for undoing swaps.
    ///
    /// Returns an address where QEMU must start again, because memory under this group has changed.
    pub fn slow_path(&mut self, number: u32) -> Option<u64> {
        if self.now() >= self.options.request.deadline() {
            self.deadline();
            return None;
        }
        if !self.deferred_stores.is_empty() {
            self.write_deferred_stores();
        }
        let group = self.fetch_groups.get(number);
        self.functions.count(group.function, self.findings.phase, group.insns.into());
        // A group that is started again in order to execute stale bytes is fetched again: they may make it longer.
        if self.swaps.any() && !self.refills.any() && !self.swaps.is_restart(group.start) {
            return self.undo_swaps(&group);
        }
        // A load in place of a cache operation lies in a line that was fetched just before.
        if !group.cacheable || !self.cached || self.refills.any() {
            return None;
        }
        let stale = self.model.as_mut()?.fetch(group.virt, group.phys, group.len as usize)?;
        self.stale(stale, &group).then(|| self.restart(&group))
    }

    /// Notes a stale fetch; returns whether its bytes were put into memory, to be executed.
    #[cold]
    fn stale(&mut self, stale: Stale, group: &FetchGroup) -> bool {
        // The group has been counted as a whole, and nothing of it has been executed.
        let now = self.now() - u64::from(group.insns);
        let writer = stale.writer.map_or(0, |origin| self.address_of_insn(origin.insn));
        self.findings.stale(&stale, group.virt, now, |_| writer);
        let enforce = self.options.request.mode == Mode::Enforce;
        if enforce {
            self.qemu.write_physical(stale.phys, &stale.executed);
            self.swaps.add(Swap { phys: stale.phys, saved: stale.expected });
            self.set_swapped(true);
            self.update_threshold();
        }
        enforce
    }

    /// Puts the data side's bytes back before anything can load them, and starts the group again.
    #[cold]
    fn undo_swaps(&mut self, group: &FetchGroup) -> Option<u64> {
        self.restore_swapped();
        Some(self.restart(group))
    }

    fn restore_swapped(&mut self) {
        let line = self.options.caches.dcache.line();
        for swap in self.swaps.take().into_iter().rev() {
            self.qemu.write_physical(swap.phys, &swap.saved);
            if let Some(model) = self.model.as_mut() {
                model.resync(swap.phys, swap.saved.len().max(line));
            }
        }
        self.set_swapped(false);
        self.update_threshold();
    }

    /// Has every fetch group take the slow path while stale bytes lie in memory, else from the deadline on.
    pub(crate) fn update_threshold(&self) {
        let from = if self.swaps.any() { 0 } else { self.options.request.deadline() };
        FAST_PATH.threshold.store(from, Relaxed);
    }

    fn set_swapped(&mut self, swapped: bool) {
        if let Some(model) = &mut self.model {
            model.set_swapped(swapped);
        }
    }

    /// The address to hand to QEMU for starting a group again; its instructions are counted then.
    #[cold]
    fn restart(&mut self, group: &FetchGroup) -> u64 {
        self.uncount(group, group.insns);
        self.swaps.expect_restart(group.start);
        let thumb = self.cpsr.and_then(|cpsr| self.qemu.read_register(cpsr, false)).unwrap_or(0) & CPSR_T;
        group.start | u64::from(thumb != 0)
    }

    /// Takes instructions of a group that were counted and not executed out of the counts.
    pub(crate) fn uncount(&mut self, group: &FetchGroup, instructions: u32) {
        FAST_PATH.now.fetch_sub(instructions.into(), Relaxed);
        self.functions.count(group.function, self.findings.phase, -i64::from(instructions));
    }

    /// The guest takes an exception at `from`: what follows it in its group is not executed, and stale bytes have to go
    /// before the handler can load them.
    pub fn exception(&mut self, from: u64) {
        let group = self.fetch_groups.get(FAST_PATH.group.load(Relaxed));
        if let Some(done) = self.instructions_before(&group, from & 0xffff_ffff) {
            self.uncount(&group, group.insns - done);
            // Counted once: the next exception may come before the next group.
            FAST_PATH.group.store(0, Relaxed);
        }
        self.end_refill();
        if self.swaps.any() {
            self.restore_swapped();
        }
    }

    /// How many instructions of a group come before an address in it; `None` for an address elsewhere.
    pub(crate) fn instructions_before(&self, group: &FetchGroup, address: u64) -> Option<u32> {
        (0..group.insns).find(|at| self.address_of(group, *at) == address)
    }

    /// Address of an instruction of a group.
    fn address_of(&self, group: &FetchGroup, at: u32) -> u64 {
        let memory = self.model.as_ref().map(Model::memory);
        group.address_of(at, |address| {
            let phys = group.phys.wrapping_add(address.wrapping_sub(group.virt));
            let memory = memory.filter(|memory| memory.contains(phys, 2));
            memory.map_or([0; 2], |memory| [memory.data(phys, 2)[0], memory.data(phys, 2)[1]])
        })
    }

    /// Address of the instruction that an instruction reference names.
    pub(crate) fn address_of_insn(&self, by: u32) -> u64 {
        self.address_of(&self.fetch_groups.get(InsnRef::group(by)), InsnRef::index(by))
    }
}

/// A group of the block that is being translated: see [`FetchGroup`].
#[derive(Clone, Copy)]
pub(crate) struct GroupInBlock {
    pub(crate) group: FetchGroup,
    /// Number of its first instruction in the block.
    pub(crate) first: usize,
}
