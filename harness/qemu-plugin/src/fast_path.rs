// SPDX-License-Identifier: GPL-2.0-or-later
//! The fast path: the few words that callbacks of loads, stores and fetches read first.
//!
//! Nearly all of these change nothing, and [`cache_model::FilterCache`] says so. Such a callback does not enter the plugin's
//! state, which only one callback can hold at a time. The words are atomic, so that no unsafe code is needed for them; one
//! thread runs all vCPUs, so that relaxed order is enough.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use cache_model::{FetchedLine, FilterCache, Origin, VirtAddr};

/// A fetch group, as far as its callback needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupRef {
    /// Number of the group in the plugin's table, below [`GroupRef::LIMIT`].
    pub number: u32,
    /// Number of instructions.
    pub insns: u32,
    /// The line.
    pub line: FetchedLine,
}

impl GroupRef {
    /// How many fetch groups there can be: [`InsnRef::id`] has room for their numbers.
    pub const LIMIT: u32 = 1 << 24;
}

/// The words of the fast path.
pub struct FastPath {
    /// Guest instructions begun, the whole current fetch group included.
    now: AtomicU64,
    /// Instruction count at which the trial ends.
    deadline: AtomicU64,
    /// Instruction count from which on the entry of a group takes the slow path: the deadline, or 0 for always.
    threshold: AtomicU64,
    /// Guest instructions begun while there is no model, and so no fetch groups; see `Block::on_count`.
    icount_without_model: AtomicU64,
    /// Number of the current fetch group.
    group: AtomicU32,
    /// Bytes of a D$ line, less one; see [`FastPath::may_cross`].
    line_mask: AtomicU64,
    filter: OnceLock<Arc<FilterCache>>,
}

/// The fast path of this process.
pub static FAST_PATH: FastPath = FastPath {
    now: AtomicU64::new(0),
    deadline: AtomicU64::new(u64::MAX),
    threshold: AtomicU64::new(u64::MAX),
    icount_without_model: AtomicU64::new(0),
    group: AtomicU32::new(0),
    line_mask: AtomicU64::new(0),
    filter: OnceLock::new(),
};

/// A reference to an instruction of a fetch group, in one word, as QEMU passes it to a callback as userdata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InsnRef {
    /// Number of the group, and of the instruction in it: see [`InsnRef::new`].
    pub id: u32,
    /// Instructions from this one to the end of its group, itself included.
    pub remaining: u32,
}

/// Bits of [`InsnRef::id`] for the instruction's number: an I$ line of 128 bytes has 64 of two bytes.
const INSTRUCTION_BITS: u32 = 7;

impl InsnRef {
    /// No instruction of a group.
    pub const NONE: Self = Self { id: 0, remaining: 0 };

    /// The instruction number `at` of a group of `insns` instructions.
    pub fn new(group: u32, at: u32, insns: u32) -> Self {
        Self { id: group << INSTRUCTION_BITS | at, remaining: insns - at }
    }

    /// As one word.
    pub fn packed(self) -> usize {
        (u64::from(self.remaining) << 32 | u64::from(self.id)) as usize
    }

    /// From one word.
    #[inline]
    pub fn unpacked(word: usize) -> Self {
        Self { id: word as u32, remaining: (word as u64 >> 32) as u32 }
    }

    /// Number of the group, from [`InsnRef::id`].
    pub fn group(id: u32) -> u32 {
        id >> INSTRUCTION_BITS
    }

    /// Number of the instruction in its group, from [`InsnRef::id`].
    pub fn index(id: u32) -> u32 {
        id & ((1 << INSTRUCTION_BITS) - 1)
    }

    /// Guest instructions before it, while its group is the current one.
    #[inline]
    pub fn now(self) -> u64 {
        FAST_PATH.now() - u64::from(self.remaining)
    }

    /// Its origin for the model, while its group is the current one.
    #[inline]
    pub fn origin(self) -> Origin {
        Origin { insn: self.id, icount: self.now() as u32 }
    }
}

impl FastPath {
    /// Sets the instruction count at which the trial ends.
    pub fn set_deadline(&self, deadline: u64) {
        self.deadline.store(deadline, Relaxed);
        self.threshold.store(deadline, Relaxed);
    }

    /// Whether the trial has used up its instructions.
    pub fn is_due(&self) -> bool {
        self.now() >= self.deadline.load(Relaxed)
    }

    /// Says whether every fetch group and every store is to take the slow path from now on; else only what is due does.
    pub fn force_slow_path(&self, forced: bool) {
        self.threshold.store(if forced { 0 } else { self.deadline.load(Relaxed) }, Relaxed);
    }

    /// Guest instructions begun, the whole current fetch group included.
    #[inline]
    pub fn now(&self) -> u64 {
        self.now.load(Relaxed)
    }

    /// Takes out instructions that were counted and not executed.
    pub fn uncount(&self, instructions: u32) {
        self.now.fetch_sub(instructions.into(), Relaxed);
    }

    /// Number of the current fetch group, 0 for none.
    pub fn group(&self) -> u32 {
        self.group.load(Relaxed)
    }

    /// Sets the current fetch group; 0 says that the current one is not to be uncounted again.
    pub fn set_group(&self, number: u32) {
        self.group.store(number, Relaxed);
    }

    /// Sets the filter of the model, once there is one.
    pub fn set_filter_cache(&self, filter: &Arc<FilterCache>, line: usize) {
        self.line_mask.store(line as u64 - 1, Relaxed);
        let _ = self.filter.set(Arc::clone(filter));
    }

    /// Counts from nothing again.
    pub fn reset(&self) {
        self.now.store(0, Relaxed);
        self.icount_without_model.store(0, Relaxed);
        self.group.store(0, Relaxed);
    }

    /// Has nothing come due, until threshold is set again.
    pub fn suspend(&self) {
        self.threshold.store(u64::MAX, Relaxed);
    }

    /// Counts the entry of a group; returns whether its fetch hits the MRU line, and changes nothing.
    #[inline]
    pub fn enter(&self, group: GroupRef) -> bool {
        let now = self.now.load(Relaxed) + u64::from(group.insns);
        self.now.store(now, Relaxed);
        self.group.store(group.number, Relaxed);
        now < self.threshold.load(Relaxed)
            && self.filter.get().is_some_and(|filter| filter.fetch_hits_mru(group.line))
    }

    /// Whether the fetch of a group, which has been counted, hits the filter.
    pub fn fetch_hits(&self, group: GroupRef) -> bool {
        self.now.load(Relaxed) < self.threshold.load(Relaxed)
            && self.filter.get().is_some_and(|filter| filter.fetch_hits(group.line))
    }

    /// Counts the entry of a block while there is no model; returns whether the deadline has come.
    #[inline]
    pub fn count(&self, insns: u64) -> bool {
        let now = self.icount_without_model.load(Relaxed) + insns;
        self.icount_without_model.store(now, Relaxed);
        now >= self.threshold.load(Relaxed)
    }

    /// Whether an access of at most 8 bytes may touch two lines.
    #[inline]
    pub fn may_cross(&self, virt: VirtAddr) -> bool {
        let mask = self.line_mask.load(Relaxed);
        virt.get() & mask > mask - 7
    }

    /// Whether a load hits the MRU line of its set in the filter.
    #[inline]
    pub fn load_hits_mru(&self, virt: VirtAddr) -> bool {
        self.filter.get().is_some_and(|filter| filter.load_hits_mru(virt))
    }

    /// Whether a load hits the filter.
    pub fn load_hits(&self, virt: VirtAddr) -> bool {
        self.filter.get().is_some_and(|filter| filter.load_hits(virt))
    }

    /// Whether a store hits the MRU line of its set in the filter.
    #[inline]
    pub fn store_hits_mru(&self, virt: VirtAddr, insn: InsnRef) -> bool {
        // While stale bytes lie in memory, every store has to be compared with them.
        self.threshold.load(Relaxed) != 0
            && self.filter.get().is_some_and(|filter| filter.store_hits_mru(virt, insn.origin()))
    }

    /// Whether a store hits the filter.
    pub fn store_hits(&self, virt: VirtAddr, insn: InsnRef) -> bool {
        self.threshold.load(Relaxed) != 0
            && self.filter.get().is_some_and(|filter| filter.store_hits(virt, insn.origin()))
    }

    /// log2 of the bytes of a D$ line.
    #[inline]
    pub fn line_shift(&self) -> u32 {
        self.line_mask.load(Relaxed).trailing_ones()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_carry_everything() {
        let insn = InsnRef::new(GroupRef::LIMIT - 1, 63, 64);
        assert_eq!(
            (InsnRef::group(insn.id), InsnRef::index(insn.id), insn.remaining),
            (GroupRef::LIMIT - 1, 63, 1)
        );
        assert_eq!(InsnRef::unpacked(insn.packed()), insn);
    }
}
