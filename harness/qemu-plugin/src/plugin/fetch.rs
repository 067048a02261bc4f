// SPDX-License-Identifier: GPL-2.0-or-later
//! The slow path of fetch groups: what is fetched, what of it is executed, and what of it is counted.

use cache_model::{Stale, StaleLoad, VirtAddr};
use instrument::{End, Mode};

use super::Plugin;
use crate::arch::architecture::Architecture;
use crate::fast_path::{FAST_PATH, InsnRef};
use crate::translation::fetch_groups::FetchGroup;

/// From so many stale fetches at one place on a record is written before the trial has ended.
const MANY: u64 = 1 << 10;

impl Plugin {
    /// The entry of a fetch group that is not known to change nothing, or that is due for the deadline or for putting bytes
    /// back.
    ///
    /// Returns an address where QEMU must start again, because memory under this group has changed.
    pub fn slow_path(&mut self, number: u32) -> Option<u64> {
        if FAST_PATH.is_due() {
            self.deadline();
            return None;
        }
        self.machine.end_group();
        let group = self.translation.group(number);
        self.recorder.count_instructions(group.function, group.insns.into());
        let restarted = self.machine.enter_group(group.first());
        if !group.cacheable {
            return None;
        }
        match self.machine.fetch(group.virt, group.phys, group.len as usize) {
            Some(stale) => self.stale(stale, &group, restarted),
            None if group.kept != 0 && self.machine.drop_kept_group(group.phys, group.len as usize) => {
                Some(self.restart(&group))
            }
            None => None,
        }
    }

    /// Notes a stale fetch, unless its group was started again because of it, and has its bytes executed. Returns where QEMU must
    /// start again for that, if it must.
    #[cold]
    fn stale(&mut self, stale: Stale, group: &FetchGroup, restarted: bool) -> Option<u64> {
        if !restarted {
            // The group has been counted as a whole, and nothing of it has been executed.
            let now = FAST_PATH.now() - u64::from(group.insns);
            let writer = stale.writer.map_or(VirtAddr::default(), |origin| self.address_of_insn(origin.insn));
            let limit = self.options.request.stale_limit.unwrap_or(u64::MAX);
            let past = |stale: &Stale| self.machine.past(stale.phys + stale.differs() as u64, stale.writer);
            let count = self.recorder.stale(&stale, (group.virt, writer), now, limit, past);
            if self.loops(count) {
                return None;
            }
            if self.options.request.mode == Mode::Observe {
                self.recorder.watch_for_repair(&stale, group.virt, self.machine.running_cpu(), now);
            }
        }
        if self.options.request.mode != Mode::Enforce {
            return None;
        }
        // Entered in the middle of another block: QEMU may have it in a block of its own.
        if group.kept != 0 || restarted || !self.machine.is_kept(group.first()) {
            let translated = self.translation.kept_bytes(group) == Some(&stale.executed[..]);
            self.machine.swap_in(group.first(), stale, translated);
            if translated {
                return None;
            }
        }
        self.machine.expect_restart(group.first());
        Some(self.restart(group))
    }

    /// Notes a stale load. The guest goes on with the bytes that were stored last.
    #[cold]
    pub(super) fn stale_load(&mut self, stale: &StaleLoad, insn: InsnRef) {
        let writer = stale.writer.map_or(VirtAddr::default(), |origin| self.address_of_insn(origin.insn));
        let pc = self.address_of_insn(insn.id);
        self.recorder
            .stale_load(stale, (pc, writer), insn.now(), || self.machine.past(stale.phys, stale.writer));
    }

    /// Ends the trial if there have been as many stale fetches at one place as are allowed, and returns whether it did; keeps
    /// what has been found now and then, should the host end it before.
    fn loops(&mut self, count: u64) -> bool {
        if count >= MANY && count.is_power_of_two() {
            self.keep_record();
        }
        let limit = self.options.request.stale_limit;
        let ends = self.options.request.mode == Mode::Enforce && limit.is_some_and(|limit| count >= limit);
        ends && self.end_if_running(End::StaleLoop)
    }

    /// The address to hand to QEMU for starting a group again; its instructions are counted then.
    #[cold]
    fn restart(&mut self, group: &FetchGroup) -> u64 {
        self.uncount(group, group.insns);
        self.machine.restart_address(group.start)
    }

    /// Takes instructions of a group that were counted and not executed out of the counts.
    pub(super) fn uncount(&mut self, group: &FetchGroup, instructions: u32) {
        FAST_PATH.uncount(instructions);
        self.recorder.count_instructions(group.function, -i64::from(instructions));
    }

    /// The guest takes an exception at `from`: what follows it in its group is not executed, and stale bytes have to go
    /// before the handler can load them.
    pub fn exception(&mut self, from: u64) {
        let group = self.translation.group(FAST_PATH.group());
        if let Some(done) = self.instructions_before(&group, self.arch.address(from)) {
            self.uncount(&group, group.insns - done);
            // Counted once: the next exception may come before the next group.
            FAST_PATH.set_group(0);
        }
        self.machine.end_refill();
        self.machine.end_swap();
    }

    /// An access to a device. QEMU translates such an instruction again, by itself and without reporting its entry, and
    /// so leaves the group that it was in: what comes after it there is counted when it is entered again.
    pub(super) fn device(&mut self, insn: InsnRef) {
        let (number, current) = (InsnRef::group(insn.id), FAST_PATH.group());
        if number == current {
            return;
        }
        let group = self.translation.group(current);
        if let Some(before) = self.instructions_before(&group, self.address_of_insn(insn.id)) {
            self.uncount(&group, group.insns - before - 1);
            FAST_PATH.set_group(number);
        }
    }

    /// How many instructions of a group come before an address in it; `None` for an address elsewhere.
    fn instructions_before(&self, group: &FetchGroup, address: VirtAddr) -> Option<u32> {
        (0..group.insns).find(|at| self.address_of(group, *at) == address)
    }

    /// Address of an instruction of a group.
    fn address_of(&self, group: &FetchGroup, at: u32) -> VirtAddr {
        group.address_of(at, |address| {
            let code = self.machine.code(group.phys_of(address), 2);
            self.arch.insn_len(code.map_or([0; 2], |code| [code[0], code[1]]))
        })
    }

    /// Address of the instruction that an instruction reference names.
    pub(super) fn address_of_insn(&self, id: u32) -> VirtAddr {
        self.address_of(&self.translation.group_of(id), InsnRef::index(id))
    }
}
