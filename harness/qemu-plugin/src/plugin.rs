// SPDX-License-Identifier: GPL-2.0-or-later
//! The plugin's state: what the guest does goes into the cache model, what the model finds goes into the record.

use std::collections::HashMap;

use cache_model::maintenance::Scope;
use cache_model::{Memory, Model, Store};
use trial_record::{End, Mode, Phase, Record, VERSION};

use crate::decode::{Advertised, Operand, Special, Target};
use crate::ffi::{self, Block, Instruction, Qemu, Ram, Register};
use crate::options::Options;
use crate::ram::ShadowedRam;
use crate::record::{self, At, Ledger};
use crate::selfcheck::Checker;
use crate::swap::{Swap, Swaps};
use crate::tlb::Tlb;

/// A piece of a translation block that lies in one page.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Piece {
    virt: u64,
    phys: u64,
    len: u32,
}

/// A translation block: how many instructions, and where they lie.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct BlockInfo {
    insns: u32,
    first: Piece,
    second: Option<Piece>,
}

/// An instruction before whose execution the plugin is called.
#[derive(Clone, Copy)]
enum Event {
    Maintenance { site: usize, operand: Operand },
    Marker { kind: u32, argument: u32 },
    Rewrite { what: Advertised, register: u32 },
    Translation,
    SystemControl(u32),
    Check(Operand),
}

/// Everything that the plugin knows.
pub struct Plugin {
    qemu: Qemu,
    target: Target,
    target_name: String,
    options: Options,
    registers: Vec<Option<Register>>,
    cpsr: Option<Register>,
    model: Option<Model<ShadowedRam>>,
    /// Host address of RAM minus its physical address, once known.
    host_minus_phys: usize,
    /// The MMU and both caches are on (always so on MIPS, where KSEG1 says what is uncached).
    cached: bool,
    blocks: Vec<BlockInfo>,
    known_blocks: HashMap<BlockInfo, usize>,
    events: Vec<Event>,
    tlb: Tlb,
    checker: Checker,
    swaps: Swaps,
    now: u64,
    phase: Phase,
    phase_start: u64,
    instructions: [u64; 5],
    ledger: Ledger,
    stale: Vec<trial_record::StaleFetch>,
    stale_fetches: u64,
    command_markers: u32,
    finished: bool,
}

/// CPSR bit that says Thumb (ARM DDI 0406C, B1.3.3).
const CPSR_T: u64 = 1 << 5;
/// SCTLR bits M (MMU), C (D$) and I (I$) (ARM DDI 0406C, B4.1.130).
const SCTLR_MCI: u64 = 1 | 1 << 2 | 1 << 12;

impl Plugin {
    /// Returns the plugin for a target, or a sentence that says why not.
    ///
    /// # Errors
    ///
    /// An unknown target or a wrong argument.
    pub fn new(qemu: Qemu, target_name: &str, arguments: &[String]) -> Result<Self, String> {
        let target = Target::from_name(target_name)
            .ok_or_else(|| format!("target `{target_name}` is not one of mips, mipsel, arm"))?;
        let options = Options::parse(arguments)?;
        let registers = match target {
            Target::Mips { .. } => (0..32).map(|n| Some(ffi::mips_register(n))).collect(),
            Target::Arm => vec![None; 16],
        };
        Ok(Self {
            qemu,
            target,
            target_name: target_name.to_owned(),
            registers,
            cpsr: None,
            model: None,
            host_minus_phys: 0,
            cached: options.mmu || matches!(target, Target::Mips { .. }),
            options,
            blocks: Vec::new(),
            known_blocks: HashMap::new(),
            events: Vec::new(),
            tlb: Tlb::default(),
            checker: Checker::default(),
            swaps: Swaps::default(),
            now: 0,
            phase: Phase::Boot,
            phase_start: 0,
            instructions: [0; 5],
            ledger: Ledger::default(),
            stale: Vec::new(),
            stale_fetches: 0,
            command_markers: 0,
            finished: false,
        })
    }

    /// QEMU's functions.
    pub fn qemu(&self) -> &Qemu {
        &self.qemu
    }

    /// Takes the handles of the registers that QEMU lists (ARM: r0 to r15 and cpsr; MIPS: none).
    pub fn learn_registers(&mut self, listed: Vec<(String, Register)>) {
        for (name, register) in listed {
            match name.strip_prefix('r').and_then(|n| n.parse::<usize>().ok()) {
                Some(n) if n < 16 && self.target == Target::Arm => self.registers[n] = Some(register),
                _ if name == "cpsr" => self.cpsr = Some(register),
                _ => {}
            }
        }
        if self.target == Target::Arm && (self.registers[..13].contains(&None) || self.cpsr.is_none()) {
            self.fault("QEMU does not list ARM's registers r0 to r12 and cpsr");
        }
    }

    // ---- translation ----

    /// Instruments a block that QEMU is about to translate.
    pub fn translate(&mut self, block: &Block<'_>) {
        if self.finished {
            return;
        }
        let modelled = self.options.mode != Mode::Off;
        if modelled && self.model.is_none() {
            self.find_ram(&block.instruction(0));
        }
        let mut pieces: [Option<Piece>; 2] = [None; 2];
        let mut rewrite = None;
        for i in 0..block.count() {
            let instruction = block.instruction(i);
            let (bytes, len) = instruction.bytes();
            let virt = self.guest_address(instruction.virt());
            if let Some((what, register)) = rewrite.take() {
                self.add_event(&instruction, Event::Rewrite { what, register }, true);
            }
            rewrite = self.instrument(&instruction, virt, bytes, len);
            if modelled {
                self.instrument_access(&instruction, virt, bytes);
                self.extend(&mut pieces, virt, instruction.host(), len as u32);
            }
        }
        if rewrite.is_some() {
            // The register would be read before the next block's callback could rewrite it: never seen, since
            // neither MFC0 nor RDHWR ends a block, but not to be passed over in silence.
            self.fault("an instruction that describes the machine ends its translation block");
        }
        if let (true, Some(first)) = (modelled, pieces[0]) {
            let info = BlockInfo { insns: block.count() as u32, first, second: pieces[1] };
            block.on_entry(self.block_number(info));
        }
    }

    fn guest_address(&self, address: u64) -> u64 {
        // Both targets have 32-bit addresses; QEMU may sign-extend them.
        address & 0xffff_ffff
    }

    /// Finds RAM in QEMU's memory from an instruction that lies in it, and takes the shadow.
    fn find_ram(&mut self, instruction: &Instruction<'_>) {
        let Some(phys) = self.qemu.translate(instruction.virt()) else { return };
        let (base, size) = (self.options.ram_base, self.options.ram_size as usize);
        let host = instruction.host();
        if host == 0 || phys < base || phys - base >= size as u64 {
            return;
        }
        self.host_minus_phys = host.wrapping_sub(phys as usize);
        let ram = Ram::new(host - (phys - base) as usize, size);
        let memory = ShadowedRam::new(base, size, ram);
        self.model = Some(Model::new(self.options.icache, self.options.dcache, memory));
    }

    /// Registers callbacks for an instruction that matters; returns a register to rewrite after it.
    fn instrument(
        &mut self,
        instruction: &Instruction<'_>,
        virt: u64,
        bytes: [u8; 4],
        len: usize,
    ) -> Option<(Advertised, u32)> {
        let modelled = self.options.mode != Mode::Off;
        match self.target.decode(bytes, len)? {
            Special::Maintenance(operation, operand) if modelled => {
                let site = self.ledger.site(operation, virt);
                self.add_event(instruction, Event::Maintenance { site, operand }, false);
            }
            Special::Marker { kind, argument } => {
                self.add_event(instruction, Event::Marker { kind, argument }, false);
            }
            Special::Translation if modelled => self.add_event(instruction, Event::Translation, false),
            Special::SystemControl(register) if modelled => {
                self.add_event(instruction, Event::SystemControl(register), false);
            }
            Special::Describes { what, into } if self.options.advertise => return Some((what, into)),
            _ => {}
        }
        None
    }

    fn instrument_access(&mut self, instruction: &Instruction<'_>, virt: u64, bytes: [u8; 4]) {
        let operand = self.target.access_operand(bytes).filter(|_| self.checker.wants_site());
        if let Some(operand) = operand {
            self.add_event(instruction, Event::Check(operand), false);
        }
        instruction.on_access(virt, operand.is_some());
    }

    fn add_event(&mut self, instruction: &Instruction<'_>, event: Event, write: bool) {
        instruction.on_execution(self.events.len(), write);
        self.events.push(event);
    }

    /// Adds an instruction's bytes to the pieces of its block.
    fn extend(&self, pieces: &mut [Option<Piece>; 2], virt: u64, host: usize, len: u32) {
        if host == 0 || self.host_minus_phys == 0 {
            return;
        }
        let phys = host.wrapping_sub(self.host_minus_phys) as u64;
        let continues = |piece: &Piece| piece.virt + u64::from(piece.len) == virt;
        let same_page = |piece: &Piece| piece.virt >> 12 == virt >> 12;
        match pieces {
            [Some(piece), None] | [Some(_), Some(piece)] if continues(piece) && same_page(piece) => {
                piece.len += len;
            }
            [slot @ None, _] | [Some(_), slot @ None] => *slot = Some(Piece { virt, phys, len }),
            _ => {}
        }
    }

    fn block_number(&mut self, info: BlockInfo) -> usize {
        let next = self.blocks.len();
        let number = *self.known_blocks.entry(info).or_insert(next);
        if number == next {
            self.blocks.push(info);
        }
        number
    }

    // ---- execution ----

    /// A block is entered: counts its instructions and fetches its lines.
    ///
    /// Returns an address where QEMU must start again, because memory under this block has changed.
    #[inline]
    pub fn block(&mut self, number: usize) -> Option<u64> {
        let block = self.blocks[number];
        self.now += u64::from(block.insns);
        if self.now >= self.options.deadline {
            self.finish(End::Deadline);
            ffi::end_process(0);
        }
        if self.swaps.any() && !self.swaps.is_restart(block.first.virt) {
            return self.undo_swaps(&block);
        }
        let mut restart = self.fetch(&block.first);
        if let Some(second) = &block.second {
            restart |= self.fetch(second);
        }
        restart.then(|| self.restart_at(&block))
    }

    /// Fetches the lines of a piece; returns whether stale bytes were put into memory for it.
    #[inline]
    fn fetch(&mut self, piece: &Piece) -> bool {
        let Some(model) = self.model.as_mut().filter(|_| self.cached) else { return false };
        if !model.memory().contains(piece.phys, piece.len as usize) || is_kseg1(self.target, piece.virt) {
            return false;
        }
        let line = model.icache_geometry().line() as u64;
        let end = piece.phys + u64::from(piece.len);
        let (mut virt, mut phys, mut swapped) = (piece.virt, piece.phys, false);
        while phys < end {
            let len = (end.min((phys | (line - 1)) + 1) - phys) as usize;
            if let Some(stale) = model.fetch(virt, phys, len) {
                let at =
                    At { virt, kernel_start: self.target.kernel_start(), phase: self.phase, now: self.now };
                self.stale_fetches += 1;
                list(&mut self.stale, record::stale_fetch(&stale, at));
                if self.options.mode == Mode::Enforce {
                    self.qemu.write_physical(phys, &stale.executed);
                    self.swaps.add(Swap { phys, saved: stale.expected });
                    swapped = true;
                }
            }
            virt += len as u64;
            phys += len as u64;
        }
        swapped
    }

    /// Puts the data side's bytes back before anything can load them, and starts the block again.
    #[cold]
    fn undo_swaps(&mut self, block: &BlockInfo) -> Option<u64> {
        let line = self.options.dcache.line();
        for swap in self.swaps.take().into_iter().rev() {
            self.qemu.write_physical(swap.phys, &swap.saved);
            if let Some(model) = self.model.as_mut() {
                model.resync(swap.phys, swap.saved.len().max(line));
            }
        }
        Some(self.restart_at(block))
    }

    /// The address to hand to QEMU for starting a block again; its instructions are counted then.
    fn restart_at(&mut self, block: &BlockInfo) -> u64 {
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
        // The longest access is 16 bytes: away from the end of a line its length changes nothing.
        let in_line = virt & (self.options.dcache.line() as u64 - 1);
        let len = if in_line + 16 > self.options.dcache.line() as u64 { self.qemu.access_len(info) } else { 1 };
        if !memory.contains(phys, len) {
            return None;
        }
        if !self.cached || is_kseg1(self.target, virt) {
            return Some(Access::Uncached(phys, len));
        }
        Some(Access::Cached(phys, len))
    }

    /// Compares the address of an access with the one that its registers predicted.
    pub fn check(&mut self, virt: u64) {
        if !self.checker.compare(virt & 0xffff_ffff) {
            self.fault("register handles do not mean what they meant in QEMU 11.1: base + offset is not the address accessed");
        }
    }

    /// An instruction that matters is about to run.
    pub fn event(&mut self, number: usize) {
        if self.finished {
            return;
        }
        match self.events[number] {
            Event::Maintenance { site, operand } => self.maintain(site, operand),
            Event::Marker { kind, argument } => self.marker(kind, argument),
            Event::Rewrite { what, register } => self.rewrite(what, register),
            Event::Translation => self.tlb.forget(),
            Event::SystemControl(register) => {
                self.tlb.forget();
                let value = self.register(register).unwrap_or(0);
                self.cached = value & SCTLR_MCI == SCTLR_MCI;
            }
            Event::Check(operand) => {
                let expected = self.operand(operand);
                self.checker.expect(expected);
            }
        }
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
        }
    }

    fn maintain(&mut self, site: usize, operand: Operand) {
        let operation = self.ledger.count(site, self.phase);
        let Some(virt) = self.operand(operand) else { return };
        let phys = match operation.scope {
            Scope::Address => self.translate_address(virt),
            _ => None,
        };
        let Some(model) = self.model.as_mut() else { return };
        let phys = phys.filter(|phys| model.memory().contains(*phys, 1));
        model.maintain(&operation, virt, phys);
    }

    fn translate_address(&self, virt: u64) -> Option<u64> {
        match self.target {
            Target::Mips { .. } if (0x8000_0000..0xc000_0000).contains(&virt) => Some(virt & 0x1fff_ffff),
            _ => self.tlb.find(virt).or_else(|| self.qemu.translate(virt)),
        }
    }

    /// Gives the kernel the model's geometry in place of the CPU's own.
    fn rewrite(&mut self, what: Advertised, register: u32) {
        let Some(old) = self.register(register) else { return };
        let (i, d) = (self.options.icache, self.options.dcache);
        let new = match what {
            Advertised::SynciStep => d.line().min(i.line()) as u32,
            Advertised::Config1 => {
                // MIPS32 PRA volume III, Config1: IS 24:22, IL 21:19, IA 18:16, DS 15:13, DL 12:10, DA 9:7.
                let fields = |g: cache_model::Geometry| {
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

    fn marker(&mut self, kind: u32, argument: u32) {
        match kind {
            0 => self.command(argument),
            5 => {
                self.finish(End::Finished);
                if self.options.command.is_some() {
                    ffi::end_process(0);
                }
            }
            kind => self.enter(Phase::ALL[kind as usize]),
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.instructions[self.phase as usize] += self.now - self.phase_start;
        self.phase_start = self.now;
        self.phase = phase;
    }

    /// The guest asks for its command.
    fn command(&mut self, argument: u32) {
        self.command_markers += 1;
        let Some(command) = self.options.command.clone() else {
            self.wait_for_snapshot();
            return;
        };
        let phys = self.register(argument).and_then(|buffer| self.translate_address(buffer));
        let Some(phys) = phys else {
            self.fault("the guest's command buffer is not mapped");
            return;
        };
        let mut bytes = command.into_bytes();
        bytes.push(0);
        self.qemu.write_physical(phys, &bytes);
        if let Some(model) = self.model.as_mut().filter(|model| model.memory().contains(phys, bytes.len())) {
            model.memory_mut().write_back(phys, bytes.len());
        }
    }

    /// Keeps the guest at its COMMAND marker until the harness has asked QEMU to stop: the snapshot is then
    /// taken at the next block, the same one in every run.
    fn wait_for_snapshot(&mut self) {
        let Some(ready) = self.options.ready.clone() else { return };
        if self.command_markers > 1 {
            eprintln!("patcheval plugin: the snapshot was not taken at the first COMMAND marker");
            ffi::end_process(1);
        }
        // Opening a FIFO waits for its writer, reading it for the writer's end.
        if let Err(error) = std::fs::read(&ready) {
            self.fault(&format!("cannot wait on {}: {error}", ready.display()));
        }
    }

    // ---- the end ----

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

    fn finish(&mut self, end: End) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        self.enter(self.phase);
        let totals = self.model.as_ref().map(|m| (m.icache_totals(), m.dcache_totals())).unwrap_or_default();
        let record = Record {
            version: VERSION,
            mode: self.options.mode,
            target: self.target_name.clone(),
            end,
            instructions: self.instructions,
            stale_fetches: self.stale_fetches,
            stale: std::mem::take(&mut self.stale),
            ledger: self.ledger.entries(),
            icache: record::totals(totals.0),
            dcache: record::totals(totals.1),
            self_check: self.checker.tally(),
        };
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
fn is_kseg1(target: Target, virt: u64) -> bool {
    matches!(target, Target::Mips { .. }) && (0xa000_0000..0xc000_0000).contains(&virt)
}

/// Lists a stale fetch unless the list is full or has the same one already.
fn list(listed: &mut Vec<trial_record::StaleFetch>, fetch: trial_record::StaleFetch) {
    let same = |old: &trial_record::StaleFetch| old.pc == fetch.pc && old.executed == fetch.executed;
    if listed.len() < Record::STALE_LISTED && !listed.iter().any(same) {
        listed.push(fetch);
    }
}
