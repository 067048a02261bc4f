// SPDX-License-Identifier: GPL-2.0-or-later
//! Translation: the callbacks that are asked of QEMU for each instruction that it translates.

use cache_model::maintenance::{Operation, Side};
use cache_model::{FetchedLine, Memory, Model, Write};
use instrument::Mode;

use crate::access_groups::OpenAccessGroup;
use crate::decode::{Accesses, Advertised, Decoded, Operand, PlainAccess, Special};
use crate::fast_path::{FAST_PATH, GroupRef, InsnRef};
use crate::fetch_groups::FetchGroup;
use crate::ffi::{AccessKind, Block, CallbackRights, EntryCallbacks, Instruction, Ram};
use crate::plugin::{Event, GroupInBlock, PlannedEvent, Plugin};
use crate::ram::ShadowedRam;
use crate::refill::Substitute;

impl Plugin {
    /// Instruments a block that QEMU is about to translate.
    pub fn translate(&mut self, block: &Block<'_>) {
        if self.finished {
            return;
        }
        self.warm.translations += 1;
        let modelled = self.options.request.mode != Mode::Off;
        if self.warm.ram.is_none() && (modelled || self.options.setup.serves) {
            self.find_ram(&block.instruction(0));
        }
        let mut code = std::mem::take(&mut self.code);
        self.read(block, &mut code);
        if modelled {
            self.cut(block, &code);
        } else if self.options.request.deadline() < u64::MAX {
            // Groups count by themselves.
            block.on_count();
        }
        self.instrument_all(block, &code);
        self.code = code;
    }

    /// Reads the instructions of a block.
    fn read(&self, block: &Block<'_>, code: &mut Vec<BlockInsn>) {
        code.clear();
        let mut virt = block.instruction(0).virt() & 0xffff_ffff;
        for i in 0..block.count() {
            let (bytes, len) = block.instruction(i).bytes();
            code.push(BlockInsn { virt, bytes, len, decoded: self.target.decode(bytes, len) });
            virt += len as u64;
        }
    }

    fn instrument_all(&mut self, block: &Block<'_>, code: &[BlockInsn]) {
        let how = self.entries();
        let (mut next_group, mut insn) = (0, None);
        let (mut rewrite, mut in_slot) = (None, false);
        for (i, code) in code.iter().enumerate() {
            let instruction = block.instruction(i);
            let BlockInsn { virt, bytes, len, .. } = *code;
            while let Some(GroupInBlock { group, first }) =
                self.groups_in_block.get(next_group).copied().filter(|next| next.first == i)
            {
                let Some(entry) = self.entry(group) else { return };
                if next_group == 0 {
                    block.on_entry(entry, how);
                } else {
                    instruction.on_entry(entry, how);
                }
                insn = Some((entry.number, first, group.insns));
                next_group += 1;
                self.close_group(block);
            }
            if let Some((what, register)) = rewrite.take() {
                self.add_event(
                    &instruction,
                    Event::Rewrite { what, register },
                    InsnRef::NONE,
                    CallbackRights::Write,
                );
            }
            let at = insn.map(|(group, first, insns)| InsnRef::new(group, (i - first) as u32, insns));
            let at_or_none = at.unwrap_or(InsnRef::NONE);
            if self.target.may_halt(bytes, len) {
                instruction.on_halt();
            }
            let events = self.events.len();
            rewrite = self.instrument(&instruction, at_or_none, code, in_slot);
            if self.events.len() != events || rewrite.is_some() || self.refills.is_at(virt) {
                self.close_group(block);
            }
            if self.refills.is_at(virt) {
                instruction.on_access(at_or_none, Accesses::LOADS, AccessKind::Substitute);
            } else if let Some(at) = at {
                self.instrument_access(block, i, code, at);
            }
            in_slot = self.target.may_have_delay_slot(bytes);
        }
        self.close_group(block);
        if rewrite.is_some() {
            // The register would be read before the next block's callback could rewrite it: never seen, since
            // neither MFC0 nor RDHWR ends a block, but not to be passed over in silence.
            self.fault("an instruction that describes the machine ends its translation block");
        }
    }

    fn entries(&self) -> EntryCallbacks {
        EntryCallbacks {
            restart: self.options.request.mode == Mode::Enforce,
            per_cpu: self.options.caches.cpus > 1,
            empty: self.options.request.empty_callbacks,
        }
    }

    /// Cuts a block into the groups of its I$ lines.
    fn cut(&mut self, block: &Block<'_>, code: &[BlockInsn]) {
        self.groups_in_block.clear();
        if self.host_minus_phys == 0 {
            return;
        }
        let line = self.options.caches.icache.line() as u64;
        let start = code.first().map_or(0, |code| code.virt);
        let mut cut = BlockCut { restartable: (0, start), it: 0, end_of_line: start };
        for (i, BlockInsn { virt, bytes, len, decoded }) in code.iter().copied().enumerate() {
            let end = virt + len as u64;
            if cut.it == 0 {
                cut.restartable = (i, virt);
            }
            // An instruction of 4 bytes can lie in two lines.
            while cut.end_of_line < end {
                let from = cut.end_of_line.max(virt);
                let host = if from == virt { block.instruction(i).host() } else { 0 };
                self.begin(&cut, i, from, host);
                cut.end_of_line = (from | (line - 1)) + 1;
            }
            self.extend(end, len == 2);
            if drops_instructions(decoded) || self.refills.is_at(virt) {
                // What follows in the line may have to be fetched again.
                cut.end_of_line = end;
            }
            cut.after(self.target.may_have_delay_slot(bytes).into(), self.target.it_block(bytes, len));
        }
    }

    /// Begins a group with the line at `from`, at the last instruction before which QEMU can be made to start again.
    fn begin(&mut self, cut: &BlockCut, i: usize, from: u64, host: usize) {
        let phys = match host {
            0 => self.qemu.translate(from).unwrap_or(0),
            host => host.wrapping_sub(self.host_minus_phys) as u64,
        };
        let (first, start) = cut.restartable;
        // These instructions change from the group before to this one.
        let insns = (i - first) as u32;
        if let Some(last) = self.groups_in_block.last_mut() {
            last.group.insns -= insns.min(last.group.insns);
            last.group.len = (from - last.group.virt) as u32;
        }
        let in_ram = |model: &Model<ShadowedRam>| model.memory().contains(phys, 1);
        let cacheable = self.model.as_ref().is_some_and(in_ram) && !self.target.is_uncached(from);
        let group =
            FetchGroup { start, insns, virt: from, phys, len: 0, cacheable, narrow: false, function: 0 };
        self.groups_in_block.push(GroupInBlock { group, first });
    }

    /// Adds an instruction to the last group, in whose line it ends.
    fn extend(&mut self, end: u64, narrow: bool) {
        if let Some(GroupInBlock { group, .. }) = self.groups_in_block.last_mut() {
            group.len = (end - group.virt) as u32;
            group.insns += 1;
            group.narrow |= narrow;
        }
    }

    fn entry(&mut self, mut group: FetchGroup) -> Option<GroupRef> {
        group.function = self.function(&group);
        // Instructions of functions that do maintenance are counted one group at a time.
        let filter =
            self.model.as_ref().filter(|_| group.cacheable && group.function == 0).map(Model::filter_cache);
        let line = filter.map_or(FetchedLine::NONE, |filter| filter.fetched_line(group.virt, group.phys));
        let entry = self.fetch_groups.entry(group, line);
        if entry.is_none() {
            self.fault("more code was translated than the plugin can number");
        }
        entry
    }

    /// Number of the function of a group, if it does maintenance.
    fn function(&mut self, group: &FetchGroup) -> u32 {
        let Some(memory) = self.model.as_ref().map(Model::memory) else { return 0 };
        let target = self.target;
        self.functions.number(group.start, |start, end| {
            // The kernel's text is mapped in one piece.
            let phys = group.phys.wrapping_add(start).wrapping_sub(group.virt);
            let len = (end - start) as usize & !3;
            let code = if memory.contains(phys, len) { memory.data(phys, len) } else { &[] };
            code.chunks_exact(4).any(|word| {
                let decoded = target.decode([word[0], word[1], word[2], word[3]], 4);
                matches!(decoded.map(|decoded| decoded.special), Some(Special::Maintenance(..)))
            })
        })
    }

    /// Finds RAM in QEMU's memory from an instruction that lies in it, and takes the shadow.
    fn find_ram(&mut self, instruction: &Instruction<'_>) {
        let Some(phys) = self.qemu.translate(instruction.virt()) else { return };
        let ram = self.options.setup.ram;
        let (base, size) = (ram.base, ram.size as usize);
        let host = instruction.host();
        if host == 0 || phys < base || phys - base >= size as u64 {
            return;
        }
        self.host_minus_phys = host.wrapping_sub(phys as usize);
        let ram = Ram::new(host - (phys - base) as usize, size);
        self.warm.ram = Some(ram.clone());
        if self.options.request.mode == Mode::Off {
            return;
        }
        let memory = ShadowedRam::new(base, ram);
        let model = Model::new(self.options.caches, memory);
        FAST_PATH.set_filter_cache(model.filter_cache(), self.options.caches.dcache.line());
        self.model = Some(model);
    }

    /// Registers callbacks for an instruction that matters; returns a register to rewrite after it.
    fn instrument(
        &mut self,
        instruction: &Instruction<'_>,
        insn: InsnRef,
        code: &BlockInsn,
        in_slot: bool,
    ) -> Option<(Advertised, u32)> {
        let modelled = self.options.request.mode != Mode::Off;
        let Decoded { special, condition } = code.decoded?;
        let event = match special {
            Special::Maintenance(operation, operand) if modelled => {
                let load = self.target.load_in_place_of(code.bytes, operand);
                let load = load.filter(|_| operation.needs_translation());
                let substitute = load.map(|code| Substitute { code, in_slot });
                Event::Maintenance { site: self.findings.site(operation, code.virt), operand, substitute }
            }
            Special::PrepareForStore(operand) if modelled => Event::PrepareForStore(operand),
            Special::Marker { kind, argument } => Event::Marker { kind, argument },
            Special::Translation if modelled => Event::Translation,
            Special::SystemControl(register) if modelled => Event::SystemControl(register),
            Special::Describes { what, into } if self.options.setup.caches.advertise => {
                return Some((what, into));
            }
            _ => return None,
        };
        let restarts = matches!(event, Event::Maintenance { substitute: Some(_), .. });
        instruction.on_execution(
            self.events.len(),
            if restarts { CallbackRights::Restart } else { CallbackRights::Read },
        );
        self.events.push(PlannedEvent { event, condition, insn });
        None
    }

    /// Has the accesses of an instruction reported, or gathers them with those before.
    fn instrument_access(&mut self, block: &Block<'_>, i: usize, code: &BlockInsn, insn: InsnRef) {
        let BlockInsn { bytes, len, .. } = *code;
        let accesses = self.target.accesses(bytes, len);
        let operand = self.target.access_operand(bytes).filter(|operand| match operand {
            // Where callbacks do nothing, nothing would ever agree.
            Operand::Offset { base, .. } => {
                !self.options.request.empty_callbacks && self.checker.wants_site(*base)
            }
            _ => false,
        });
        let plain = self.target.plain_access(bytes, len);
        if let Some(access) = plain.filter(|access| operand.is_none() && self.may_group(access)) {
            if !self.open_group.as_mut().is_some_and(|group| group.take(access, insn)) {
                self.close_group(block);
                self.open_group = Some(OpenAccessGroup::new(i, access, insn));
            }
        } else if accesses != Accesses::NONE {
            self.close_group(block);
            self.report_alone(&block.instruction(i), insn, accesses, operand);
        }
        if self.open_group.as_ref().is_some_and(|group| !group.survives(self.target, bytes, len)) {
            self.close_group(block);
        }
    }

    /// Has the accesses of one instruction reported, and checked if there is a prediction.
    fn report_alone(
        &mut self,
        instruction: &Instruction<'_>,
        insn: InsnRef,
        accesses: Accesses,
        operand: Option<Operand>,
    ) {
        if let Some(operand) = operand {
            self.add_event(instruction, Event::Check(operand), insn, CallbackRights::Read);
        }
        let line = self.options.caches.dcache.line();
        let kind = match operand {
            _ if self.options.request.empty_callbacks => AccessKind::Empty,
            Some(_) => AccessKind::Checked,
            None if self.target.may_cross(line as u64 - 1, line) => AccessKind::MayCross,
            None => AccessKind::InOneLine,
        };
        instruction.on_access(insn, accesses, kind);
    }

    /// Whether a plain access may be reported together with others. Not while stale bytes lie in memory, which each store has to be
    /// compared with; nor stores that write memory at once, with bytes that are not there yet.
    fn may_group(&self, access: &PlainAccess) -> bool {
        let late = access.store && self.options.caches.write != Write::BackAllocate;
        !late && !self.swaps.any() && !self.refills.any()
    }

    /// Has the accesses of the open group reported.
    fn close_group(&mut self, block: &Block<'_>) {
        let Some(open) = self.open_group.take() else { return };
        let (stores, members) = (open.stores(), &open.members);
        let group = if members.len() > 1 { self.access_groups.add(members) } else { None };
        if let Some(group) = group {
            block.instruction(open.at).on_access_group(group, stores, self.options.request.empty_callbacks);
            return;
        }
        let accesses = if stores { Accesses::STORES } else { Accesses::LOADS };
        for member in members {
            let behind = InsnRef::index(member.insn.id) - InsnRef::index(members[0].insn.id);
            let instruction = block.instruction(open.at + behind as usize);
            self.report_alone(&instruction, member.insn, accesses, None);
        }
    }

    fn add_event(
        &mut self,
        instruction: &Instruction<'_>,
        event: Event,
        insn: InsnRef,
        rights: CallbackRights,
    ) {
        instruction.on_execution(self.events.len(), rights);
        self.events.push(PlannedEvent { event, condition: None, insn });
    }
}

/// Whether an instruction may take lines out of the I$.
fn drops_instructions(decoded: Option<Decoded>) -> bool {
    let special = decoded.map(|decoded| decoded.special);
    matches!(special, Some(Special::Maintenance(Operation { side: Side::I | Side::Both, .. }, _)))
}

/// An instruction of the block that is being translated.
#[derive(Clone, Copy)]
pub(crate) struct BlockInsn {
    virt: u64,
    bytes: [u8; 4],
    /// How many of the bytes it has.
    len: usize,
    decoded: Option<Decoded>,
}

/// Where the cutting of a block stands.
struct BlockCut {
    /// Number and address of the last instruction before which QEMU can be made to start again: not a delay slot, whose
    /// branch would be lost, nor in an IT block, whose conditions would be.
    restartable: (usize, u64),
    /// How many instructions from here on are not such.
    it: usize,
    /// End of the line of the last group.
    end_of_line: u64,
}

impl BlockCut {
    fn after(&mut self, slots: usize, it: usize) {
        self.it = self.it.saturating_sub(1).max(slots).max(it);
    }
}
