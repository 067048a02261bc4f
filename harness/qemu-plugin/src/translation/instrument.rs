// SPDX-License-Identifier: GPL-2.0-or-later
//! Instrumentation: the callbacks that are asked of QEMU for each instruction that it translates.

use cache_model::{FetchedLine, VirtAddr, Write};
use instrument::Mode;

use super::access_groups::OpenAccessGroup;
use super::block::{BlockInsn, GroupInBlock, cut, read};
use super::events::{InsnEvent, PlannedEvent};
use super::fetch_groups::FetchGroup;
use super::{BlockContext, Translation};
use crate::arch::architecture::Architecture;
use crate::arch::instruction::{Accesses, Advertised, Decoded, Operand, PlainAccess, Special};
use crate::fast_path::InsnRef;
use crate::machine::refill::Substitute;
use crate::qemu::api::{Block, Instruction};
use crate::qemu::hooks::{AccessKind, CallbackRights, EntryCallbacks};

impl Translation {
    /// Instruments a block that QEMU is about to translate.
    ///
    /// # Errors
    ///
    /// Why the trial cannot go on.
    pub fn translate(
        &mut self,
        block: &Block<'_>,
        context: &mut BlockContext<'_>,
    ) -> Result<(), &'static str> {
        let request = &context.options.request;
        let modelled = request.mode != Mode::Off;
        if !context.machine.has_ram() && (modelled || context.options.setup.serves) {
            context.machine.find_ram(&block.instruction(0), modelled);
        }
        let mut code = std::mem::take(&mut self.code);
        read(context.arch, block, &mut code);
        if modelled {
            let line = context.options.caches.icache.line() as u64;
            cut(context.arch, context.machine, line, block, &code, &mut self.groups_in_block);
        } else if request.deadline() < u64::MAX {
            // Fetch groups count by themselves.
            block.on_count();
        }
        let done = self.instrument_all(block, &code, context);
        self.code = code;
        done
    }

    fn instrument_all(
        &mut self,
        block: &Block<'_>,
        code: &[BlockInsn],
        context: &mut BlockContext<'_>,
    ) -> Result<(), &'static str> {
        let how = EntryCallbacks {
            restart: context.options.request.mode == Mode::Enforce,
            per_cpu: context.options.caches.cpus > 1,
            empty: context.options.request.empty_callbacks,
        };
        let (mut next_group, mut current) = (0, None);
        let (mut rewrite, mut in_slot) = (None, false);
        for (i, code) in code.iter().enumerate() {
            let instruction = block.instruction(i);
            let BlockInsn { virt, bytes, len, .. } = *code;
            while let Some(GroupInBlock { group, first }) =
                self.groups_in_block.get(next_group).copied().filter(|next| next.first == i)
            {
                let number = self.number(group, context)?;
                if next_group == 0 {
                    block.on_entry(number as usize, how);
                } else {
                    instruction.on_entry(number as usize, how);
                }
                current = Some((number, first, group.insns));
                next_group += 1;
                self.close_group(block, context);
            }
            if let Some((what, register)) = rewrite.take() {
                let event = InsnEvent::Rewrite { what, register };
                self.add_event(&instruction, event, InsnRef::NONE, CallbackRights::Write);
            }
            let at = current.map(|(group, first, insns)| InsnRef::new(group, (i - first) as u32, insns));
            let insn = at.unwrap_or(InsnRef::NONE);
            if context.arch.may_halt(bytes, len) {
                instruction.on_halt();
            }
            let events = self.events.len();
            if at.is_some() && context.recorder.copies_from(virt) {
                self.add_event(&instruction, InsnEvent::Called(virt), insn, CallbackRights::Read);
            }
            rewrite = self.instrument(&instruction, insn, code, in_slot, context);
            let substitute = context.machine.is_substitute(virt);
            if self.events.len() != events || rewrite.is_some() || substitute {
                self.close_group(block, context);
            }
            if substitute {
                instruction.on_access(insn.packed(), true, false, AccessKind::Substitute);
            } else if let Some(at) = at {
                self.instrument_access(block, i, code, at, context);
            }
            in_slot = context.arch.may_have_delay_slot(bytes);
        }
        self.close_group(block, context);
        match rewrite {
            None => Ok(()),
            // The register would be read before the next block's callback could rewrite it: never seen, since
            // neither MFC0 nor RDHWR ends a block, but not to be passed over in silence.
            Some(_) => Err("an instruction that describes the machine ends its translation block"),
        }
    }

    /// Numbers a fetch group.
    fn number(&mut self, mut group: FetchGroup, context: &mut BlockContext<'_>) -> Result<u32, &'static str> {
        group.function = function(&group, context);
        if let Some(bytes) = context.machine.keep(group.first(), group.len as usize) {
            group.kept = self.kept.number(bytes);
        }
        // Instructions of functions that do maintenance are counted one group at a time.
        let filtered = group.cacheable && group.function == 0 && group.kept == 0;
        let line =
            if filtered { context.machine.fetched_line(group.virt, group.phys) } else { FetchedLine::NONE };
        self.fetch_groups.number(group, line).ok_or("more code was translated than the plugin can number")
    }

    /// Registers callbacks for an instruction that matters; returns a register to rewrite after it.
    fn instrument(
        &mut self,
        instruction: &Instruction<'_>,
        insn: InsnRef,
        code: &BlockInsn,
        in_slot: bool,
        context: &mut BlockContext<'_>,
    ) -> Option<(Advertised, u32)> {
        let modelled = context.options.request.mode != Mode::Off;
        let Decoded { special, condition } = code.decoded?;
        let event = match special {
            Special::Maintenance(operation, operand) if modelled => {
                let load = context.arch.load_in_place_of(code.bytes, operand);
                let load = load.filter(|_| operation.needs_translation());
                let substitute = load.map(|code| Substitute { code, in_slot });
                let site = context.recorder.site(operation, code.virt);
                InsnEvent::Maintenance { site, operand, substitute }
            }
            Special::PrepareForStore(operand) if modelled => InsnEvent::PrepareForStore(operand),
            Special::Marker { kind, argument } => InsnEvent::Marker { kind, argument },
            Special::Translation if modelled => InsnEvent::Translation,
            // Also where nothing is modelled: QEMU's TLB decides what the guest sees there too.
            Special::ThreadSwitch => InsnEvent::ThreadSwitch,
            Special::SystemControl(register) if modelled => InsnEvent::SystemControl(register),
            Special::Describes { what, into } if context.options.setup.caches.advertise => {
                return Some((what, into));
            }
            _ => return None,
        };
        let restarts = matches!(event, InsnEvent::Maintenance { substitute: Some(_), .. });
        let rights = if restarts { CallbackRights::Restart } else { CallbackRights::Read };
        instruction.on_execution(self.events.len(), rights);
        self.events.push(PlannedEvent { event, condition, insn });
        None
    }

    /// Has the accesses of an instruction reported, or gathers them with those before.
    fn instrument_access(
        &mut self,
        block: &Block<'_>,
        i: usize,
        code: &BlockInsn,
        insn: InsnRef,
        context: &mut BlockContext<'_>,
    ) {
        let BlockInsn { bytes, len, .. } = *code;
        let arch = context.arch;
        let accesses = arch.accesses(bytes, len);
        let operand = arch.access_operand(bytes).filter(|operand| match operand {
            // Where callbacks do nothing, nothing would ever agree.
            Operand::Offset { base, .. } => {
                !context.options.request.empty_callbacks && context.machine.wants_check(*base)
            }
            _ => false,
        });
        let plain = arch.plain_access(bytes, len);
        if let Some(access) = plain.filter(|access| operand.is_none() && may_group(access, context)) {
            if !self.open_group.as_mut().is_some_and(|group| group.take(access, insn)) {
                self.close_group(block, context);
                self.open_group = Some(OpenAccessGroup::new(i, access, insn));
            }
        } else if accesses != Accesses::NONE {
            self.close_group(block, context);
            self.report_alone(&block.instruction(i), insn, accesses, operand, context);
        }
        if self.open_group.as_ref().is_some_and(|group| !group.survives(arch, bytes, len)) {
            self.close_group(block, context);
        }
    }

    /// Has the accesses of one instruction reported, and checked if there is a prediction.
    fn report_alone(
        &mut self,
        instruction: &Instruction<'_>,
        insn: InsnRef,
        accesses: Accesses,
        operand: Option<Operand>,
        context: &BlockContext<'_>,
    ) {
        if let Some(operand) = operand {
            self.add_event(instruction, InsnEvent::Check(operand), insn, CallbackRights::Read);
        }
        let line = context.options.caches.dcache.line();
        let kind = match operand {
            _ if context.options.request.empty_callbacks => AccessKind::Empty,
            Some(_) => AccessKind::Checked,
            None if context.arch.may_cross(VirtAddr::new(line as u64 - 1), line) => AccessKind::MayCross,
            None => AccessKind::InOneLine,
        };
        instruction.on_access(insn.packed(), accesses.loads, accesses.stores, kind);
    }

    /// Has the accesses of the open group reported.
    fn close_group(&mut self, block: &Block<'_>, context: &BlockContext<'_>) {
        let Some(open) = self.open_group.take() else { return };
        let (stores, members) = (open.stores(), &open.members);
        let group = if members.len() > 1 { self.access_groups.add(members) } else { None };
        if let Some(group) = group {
            let empty = context.options.request.empty_callbacks;
            block.instruction(open.at).on_access_group(group.packed(), stores, empty);
            return;
        }
        let accesses = if stores { Accesses::STORES } else { Accesses::LOADS };
        for member in members {
            let behind = InsnRef::index(member.insn.id) - InsnRef::index(members[0].insn.id);
            let instruction = block.instruction(open.at + behind as usize);
            self.report_alone(&instruction, member.insn, accesses, None, context);
        }
    }

    fn add_event(
        &mut self,
        instruction: &Instruction<'_>,
        event: InsnEvent,
        insn: InsnRef,
        rights: CallbackRights,
    ) {
        instruction.on_execution(self.events.len(), rights);
        self.events.push(PlannedEvent { event, condition: None, insn });
    }
}

/// Number of the function of a group, if it does maintenance.
fn function(group: &FetchGroup, context: &mut BlockContext<'_>) -> u32 {
    let (arch, machine) = (context.arch, &context.machine);
    if machine.model().is_none() {
        return 0;
    }
    context.recorder.function(group.start, |start, end| {
        // The kernel's text is mapped in one piece.
        let mut code = machine.code(group.phys_of(start), (end - start) as usize & !1).unwrap_or(&[]);
        while let [a, b, rest @ ..] = code {
            let len = arch.insn_len([*a, *b]) as usize;
            let bytes = [*a, *b, rest.first().copied().unwrap_or(0), rest.get(1).copied().unwrap_or(0)];
            if matches!(
                arch.decode(bytes, len).map(|decoded| decoded.special),
                Some(Special::Maintenance(..))
            ) {
                return true;
            }
            code = code.get(len..).unwrap_or(&[]);
        }
        false
    })
}

/// Whether a plain access may be reported together with others. Not while stale bytes lie in memory, which each store has to
/// be compared with; nor stores that write memory at once, with bytes that are not there yet.
fn may_group(access: &PlainAccess, context: &BlockContext<'_>) -> bool {
    let late = access.store && context.options.caches.write != Write::BackAllocate;
    !late && !context.machine.is_swapped() && !context.machine.has_substitute()
}
