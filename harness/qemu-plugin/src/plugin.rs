// SPDX-License-Identifier: GPL-2.0-or-later
//! The plugin's state: what the guest does goes into the cache model, what the model finds goes into the record.

use std::collections::HashMap;

use cache_model::{Memory, Model, Stale, Store};
use trial_record::{End, Mode};

use crate::decode::{Advertised, Operand, Target};
use crate::ffi::{self, Qemu, Register};
use crate::options::Options;
use crate::ram::ShadowedRam;
use crate::record::{self, Findings};
use crate::selfcheck::Checker;
use crate::swap::{Swap, Swaps};
use crate::tlb::Tlb;

/// A piece of a translation block that lies in one page.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Piece {
    pub(crate) virt: u64,
    pub(crate) phys: u64,
    pub(crate) len: u32,
}

/// What the entry of a block looks at first: enough to see that all of its lines are fresh in the I$.
#[derive(Clone, Copy)]
pub(crate) struct HotBlock {
    /// Physical address of the first line.
    pub(crate) line: u64,
    pub(crate) insns: u32,
    /// Set of the first line; the others follow it.
    pub(crate) set: u32,
    /// Number of lines; 0 for a block that needs a closer look each time (two pages, or not cacheable).
    pub(crate) lines: u32,
}

/// A translation block: how many instructions, and where they lie.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct BlockInfo {
    pub(crate) insns: u32,
    /// Whether its fetches go through the I$: it lies in RAM, and not in MIPS KSEG1.
    pub(crate) cacheable: bool,
    pub(crate) first: Piece,
    pub(crate) second: Option<Piece>,
}

/// An instruction before whose execution the plugin is called.
#[derive(Clone, Copy)]
pub(crate) enum Event {
    Maintenance { site: usize, operand: Operand },
    Marker { kind: u32, argument: u32 },
    Rewrite { what: Advertised, register: u32 },
    Translation,
    SystemControl(u32),
    Check(Operand),
}

/// An event, and the condition field of the instruction that causes it if that is not always executed.
#[derive(Clone, Copy)]
pub(crate) struct Planned {
    pub(crate) event: Event,
    pub(crate) condition: Option<u8>,
}

/// Everything that the plugin knows.
pub struct Plugin {
    // What every block and every access looks at comes first.
    pub(crate) now: u64,
    /// Count of instructions from which on a block's entry needs a closer look: the deadline, or at once.
    attention: u64,
    /// The MMU and both caches are on (always so on MIPS, where KSEG1 says what is uncached).
    pub(crate) cached: bool,
    pub(crate) target: Target,
    pub(crate) model: Option<Model<ShadowedRam>>,
    pub(crate) tlb: Tlb,
    pub(crate) hot: Vec<HotBlock>,
    pub(crate) blocks: Vec<BlockInfo>,
    swaps: Swaps,
    pub(crate) qemu: Qemu,
    pub(crate) options: Options,
    pub(crate) registers: Vec<Option<Register>>,
    pub(crate) cpsr: Option<Register>,
    /// Host address of RAM minus its physical address, once known.
    pub(crate) host_minus_phys: usize,
    pub(crate) known_blocks: HashMap<BlockInfo, usize>,
    pub(crate) events: Vec<Planned>,
    pub(crate) checker: Checker,
    pub(crate) findings: Findings,
    pub(crate) command_markers: u32,
    pub(crate) finished: bool,
    target_name: String,
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
        let target = Target::from_name(target_name)
            .filter(|target| !target.is_64_bit())
            .ok_or_else(|| format!("target `{target_name}` is not one of mips, mipsel, arm"))?;
        let options = Options::parse(arguments)?;
        let registers = match target {
            Target::Mips { .. } => (0..32).map(|n| Some(ffi::mips_register(n))).collect(),
            Target::Arm { .. } => vec![None; 16],
        };
        Ok(Self {
            now: 0,
            attention: options.deadline,
            cached: options.mmu || matches!(target, Target::Mips { .. }),
            target,
            model: None,
            tlb: Tlb::default(),
            hot: Vec::new(),
            blocks: Vec::new(),
            swaps: Swaps::default(),
            qemu,
            registers,
            cpsr: None,
            host_minus_phys: 0,
            known_blocks: HashMap::new(),
            events: Vec::new(),
            checker: Checker::default(),
            findings: Findings::new(options.mode, target.kernel_start()),
            command_markers: 0,
            finished: false,
            target_name: target_name.to_owned(),
            options,
        })
    }

    /// QEMU's functions.
    pub fn qemu(&self) -> &Qemu {
        &self.qemu
    }

    /// Takes the handles of the registers that QEMU lists (ARM: r0 to r15 and cpsr; MIPS: none).
    pub fn learn_registers(&mut self, listed: Vec<(String, Register)>) {
        let is_arm = matches!(self.target, Target::Arm { .. });
        for (name, register) in listed {
            match name.strip_prefix('r').and_then(|n| n.parse::<usize>().ok()) {
                Some(n) if n < 16 && is_arm => self.registers[n] = Some(register),
                _ if name == "cpsr" => self.cpsr = Some(register),
                _ => {}
            }
        }
        if is_arm && (self.registers[..13].contains(&None) || self.cpsr.is_none()) {
            self.fault("QEMU does not list ARM's registers r0 to r12 and cpsr");
        }
    }

    /// A block is entered: counts its instructions and fetches its lines.
    ///
    /// Returns an address where QEMU must start again, because memory under this block has changed.
    #[inline]
    pub fn block(&mut self, number: usize) -> Option<u64> {
        let hot = self.hot[number];
        self.now += u64::from(hot.insns);
        if self.now < self.attention && self.is_fresh(&hot) { None } else { self.look_closer(number) }
    }

    #[inline]
    fn is_fresh(&self, hot: &HotBlock) -> bool {
        let Some(model) = self.model.as_ref().filter(|_| self.cached && hot.lines != 0) else { return false };
        let geometry = model.icache_geometry();
        let (mut set, mut line) = (hot.set as usize, hot.line);
        for _ in 0..hot.lines {
            if !model.is_fresh(set, line) {
                return false;
            }
            set = (set + 1) & (geometry.sets() - 1);
            line += geometry.line() as u64;
        }
        true
    }

    /// The entry of a block that is not known to be fresh, or that is due for the deadline or for undoing swaps.
    fn look_closer(&mut self, number: usize) -> Option<u64> {
        if self.now >= self.options.deadline {
            self.finish(End::Deadline);
            ffi::end_process(0);
        }
        let block = self.blocks[number];
        if self.swaps.any() && !self.swaps.is_restart(block.first.virt) {
            return self.undo_swaps(number);
        }
        if !block.cacheable || !self.cached {
            return None;
        }
        let mut restart = self.fetch(&block.first);
        restart |= block.second.is_some_and(|second| self.fetch(&second));
        restart.then(|| self.restart_at(number))
    }

    /// Fetches the lines of a piece; returns whether stale bytes were put into memory for it.
    #[inline]
    fn fetch(&mut self, piece: &Piece) -> bool {
        let line = self.options.icache.line() as u64;
        let end = piece.phys + u64::from(piece.len);
        let (mut virt, mut phys, mut swapped) = (piece.virt, piece.phys, false);
        while phys < end {
            let len = end.min((phys | (line - 1)) + 1) - phys;
            let Some(model) = self.model.as_mut() else { return false };
            if let Some(stale) = model.fetch(virt, phys, len as usize) {
                swapped |= self.stale(stale, virt);
            }
            virt += len;
            phys += len;
        }
        swapped
    }

    /// Notes a stale fetch; returns whether its bytes were put into memory, to be executed.
    #[cold]
    fn stale(&mut self, stale: Stale, virt: u64) -> bool {
        self.findings.stale(&stale, virt, self.now);
        let enforce = self.options.mode == Mode::Enforce;
        if enforce {
            self.qemu.write_physical(stale.phys, &stale.executed);
            self.swaps.add(Swap { phys: stale.phys, saved: stale.expected });
        }
        enforce
    }

    /// Puts the data side's bytes back before anything can load them, and starts the block again.
    #[cold]
    fn undo_swaps(&mut self, number: usize) -> Option<u64> {
        let line = self.options.dcache.line();
        for swap in self.swaps.take().into_iter().rev() {
            self.qemu.write_physical(swap.phys, &swap.saved);
            if let Some(model) = self.model.as_mut() {
                model.resync(swap.phys, swap.saved.len().max(line));
            }
        }
        self.attention = self.options.deadline;
        Some(self.restart_at(number))
    }

    /// The address to hand to QEMU for starting a block again; its instructions are counted then.
    #[cold]
    fn restart_at(&mut self, number: usize) -> u64 {
        let block = self.blocks[number];
        if self.swaps.any() {
            self.attention = 0;
        }
        self.now -= u64::from(block.insns);
        self.swaps.expect_restart(block.first.virt);
        let thumb = self.cpsr.and_then(|cpsr| self.qemu.read_register(cpsr, false)).unwrap_or(0) & CPSR_T;
        block.first.virt | u64::from(thumb != 0)
    }

    /// A load of the guest.
    #[inline]
    pub fn load(&mut self, info: u32, virt: u64) {
        let virt = virt & 0xffff_ffff;
        let Some(Access::Cached(phys, len)) = self.access(info, virt) else { return };
        if let Some(model) = self.model.as_mut() {
            model.load(virt, phys, len);
        }
    }

    /// A store of the guest, whose bytes are in memory already.
    #[inline]
    pub fn store(&mut self, info: u32, virt: u64, pc: u64) {
        let virt = virt & 0xffff_ffff;
        let store = Store { pc, instruction: self.now };
        let Some(access) = self.access(info, virt) else { return };
        let Some(model) = self.model.as_mut() else { return };
        let (Access::Cached(phys, len) | Access::Uncached(phys, len)) = access;
        if self.swaps.any() {
            let len = self.qemu.access_len(info);
            self.swaps.stored(phys, model.memory().data(phys, len));
        }
        match access {
            Access::Cached(..) => model.store(virt, phys, len, store),
            Access::Uncached(..) => model.store_uncached(phys, self.qemu.access_len(info), store),
        }
    }

    /// Physical address and length of an access to RAM; the length is exact only where it matters.
    #[inline]
    fn access(&mut self, info: u32, virt: u64) -> Option<Access> {
        let phys = match self.target {
            Target::Mips { .. } if (0x8000_0000..0xc000_0000).contains(&virt) => virt & 0x1fff_ffff,
            _ => match self.tlb.find(virt) {
                Some(phys) => phys,
                None => {
                    let phys = self.qemu.access_phys(info, virt)?;
                    self.tlb.insert(virt, phys);
                    phys
                }
            },
        };
        let memory = self.model.as_ref()?.memory();
        // Only ARM's accesses can cross lines: unaligned ones, and doublewords at a word's alignment.
        let line = self.options.dcache.line() as u64;
        let is_arm = matches!(self.target, Target::Arm { .. });
        let may_cross = is_arm && (virt & 3 != 0 || virt & (line - 1) > line - 8);
        let len = if may_cross { self.qemu.access_len(info) } else { 1 };
        if !memory.contains(phys, len) {
            return None;
        }
        if !self.cached || is_kseg1(self.target, virt) {
            return Some(Access::Uncached(phys, len));
        }
        Some(Access::Cached(phys, len))
    }

    /// Ends the record with a reason not to trust it, and QEMU with it.
    #[cold]
    pub fn fault(&mut self, why: &str) {
        eprintln!("patcheval plugin: {why}");
        self.finish(End::Fault(why.to_owned()));
        ffi::end_process(1);
    }

    /// QEMU is exiting: writes the record if the guest has not ended it.
    pub fn finish_at_exit(&mut self) {
        self.finish(End::Exit);
    }

    pub(crate) fn finish(&mut self, end: End) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        let totals = self.model.as_ref().map(|m| (m.icache_totals(), m.dcache_totals())).unwrap_or_default();
        let record = self.findings.record(end, &self.target_name, self.now, totals, self.checker.tally());
        if let Some(path) = &self.options.record
            && let Err(error) = record::write(path, &record)
        {
            eprintln!("patcheval plugin: cannot write {}: {error}", path.display());
        }
    }
}

/// An access to RAM, by physical address and length.
#[derive(Clone, Copy)]
enum Access {
    Cached(u64, usize),
    Uncached(u64, usize),
}

/// Whether an address is uncached by its place: MIPS KSEG1.
#[inline]
pub(crate) fn is_kseg1(target: Target, virt: u64) -> bool {
    matches!(target, Target::Mips { .. }) && (0xa000_0000..0xc000_0000).contains(&virt)
}
