// SPDX-License-Identifier: GPL-2.0-or-later
//! Fetch groups: the parts of translation blocks that lie in one I$ line each.
//!
//! A line is fetched when the first instruction in it is about to be executed, and not when QEMU enters the block that it
//! is part of: how QEMU cuts code into blocks depends on the host's timing, and an exception can end a block before it
//! gets to a line.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use cache_model::{FetchedLine, PhysAddr, VirtAddr};

use super::table::WordTable;
use crate::fast_path::GroupRef;
use crate::machine::GroupStart;

/// A group of instructions that fetch from one I$ line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchGroup {
    /// Virtual address of the first instruction, where QEMU can be made to start again.
    ///
    /// It can lie before the line: where the line begins with the delay slot of a branch, or within an IT block, that is
    /// the branch, or the IT instruction.
    pub start: VirtAddr,
    /// Number of instructions.
    pub insns: u32,
    /// Virtual address of the first byte fetched.
    pub virt: VirtAddr,
    /// Its physical address.
    pub phys: PhysAddr,
    /// Bytes fetched.
    pub len: u32,
    /// Whether the fetch goes through the I$: it is from RAM, and not from an uncached address.
    pub cacheable: bool,
    /// Whether there are instructions of two bytes among them (Thumb).
    pub narrow: bool,
    /// Number of its function among those that do maintenance: see [`Functions`](crate::recorder::functions::KernelFunctions).
    pub function: u32,
    /// Number of the bytes that it was translated from, if these were stale ones and not those in memory; else 0.
    pub kept: u32,
}

impl FetchGroup {
    /// Address of the instruction number `at`; `len` says how long the instruction at a virtual address is.
    pub fn address_of(&self, at: u32, len: impl Fn(VirtAddr) -> u64) -> VirtAddr {
        if !self.narrow {
            return self.start + 4 * u64::from(at);
        }
        (0..at).fold(self.start, |address, _| address + len(address))
    }

    /// Its first instruction and its first byte.
    pub fn first(&self) -> GroupStart {
        GroupStart { start: self.start, phys: self.phys }
    }

    /// Physical address of a virtual one within the group.
    pub fn phys_of(&self, virt: VirtAddr) -> PhysAddr {
        self.phys.wrapping_add(virt.wrapping_sub(self.virt))
    }
}

/// What a group's callback needs of it.
#[derive(Default)]
struct Entered {
    line: AtomicU64,
    insns: AtomicU32,
}

/// Entries in a chunk of the table.
const CHUNK: usize = 1 << 12;

/// All groups that there have been, for their callbacks.
static ENTERED: WordTable<Entered, CHUNK, { GroupRef::LIMIT as usize / CHUNK }> = WordTable::empty();

/// Returns the group of a number, as far as its callback needs it.
#[inline]
pub fn entered(number: u32) -> GroupRef {
    match ENTERED.get(number as usize) {
        Some(Entered { line, insns }) => {
            let line = FetchedLine::from_word(line.load(Relaxed));
            GroupRef { number, insns: insns.load(Relaxed), line }
        }
        None => GroupRef { number, insns: 0, line: FetchedLine::NONE },
    }
}

/// All groups that there have been, by number. Number 0 is none.
pub struct FetchGroups {
    groups: Vec<FetchGroup>,
    /// Numbers of groups that were seen recently, by their address: code is translated again and again.
    recent: Box<[u32; RECENT]>,
}

/// Entries of [`FetchGroups::recent`]; a power of two.
const RECENT: usize = 1 << 14;

impl Default for FetchGroups {
    fn default() -> Self {
        let none = FetchGroup {
            start: VirtAddr::default(),
            insns: 0,
            virt: VirtAddr::default(),
            phys: PhysAddr::default(),
            len: 0,
            cacheable: false,
            narrow: false,
            function: 0,
            kept: 0,
        };
        Self { groups: vec![none], recent: Box::new([0; RECENT]) }
    }
}

impl FetchGroups {
    /// Returns the group of a number.
    pub fn get(&self, number: u32) -> FetchGroup {
        self.groups.get(number as usize).copied().unwrap_or(self.groups[0])
    }

    /// Returns the number of a group, which its callback gets; `None` where there have been too many.
    pub fn number(&mut self, group: FetchGroup, line: FetchedLine) -> Option<u32> {
        let slot = (group.phys.get() ^ group.start.get() << 3) as usize >> 1 & (RECENT - 1);
        let mut number = self.recent[slot];
        if number == 0 || self.groups[number as usize] != group {
            number = self.groups.len() as u32;
            let entered = ENTERED.room(number as usize)?.first()?;
            entered.line.store(line.word(), Relaxed);
            entered.insns.store(group.insns, Relaxed);
            self.groups.push(group);
            self.recent[slot] = number;
        }
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_mixed_thumb_code() {
        let code = [0x00, 0xbf, 0xdf, 0xf8, 0x04, 0xf0, 0x70, 0x47];
        let group = FetchGroup {
            start: VirtAddr::new(0x100),
            insns: 3,
            virt: VirtAddr::new(0x100),
            phys: PhysAddr::new(0),
            len: 8,
            cacheable: true,
            narrow: true,
            function: 0,
            kept: 0,
        };
        let len = |address: VirtAddr| if code[address.get() as usize - 0xff] >= 0xe8 { 4 } else { 2 };
        assert_eq!(
            (0..3).map(|at| group.address_of(at, len).get()).collect::<Vec<_>>(),
            [0x100, 0x102, 0x106]
        );
    }

    #[test]
    fn the_same_run_has_the_same_number() {
        let mut groups = FetchGroups::default();
        let group = FetchGroup {
            start: VirtAddr::new(0x1000),
            insns: 3,
            virt: VirtAddr::new(0x1000),
            phys: PhysAddr::new(0x5000),
            len: 12,
            cacheable: true,
            narrow: false,
            function: 0,
            kept: 0,
        };
        let line = FetchedLine::from_word(0xffff_8000_0000_0280);
        let first = groups.number(group, line).unwrap();
        assert_eq!(entered(first), GroupRef { number: first, insns: 3, line });
        let other = FetchGroup { insns: 2, len: 8, ..group };
        let second = groups.number(other, line).unwrap();
        assert_ne!(first, second);
        assert_eq!((groups.get(first), groups.get(second)), (group, other));
        assert_eq!(groups.number(other, line), Some(second));
    }

    #[test]
    fn there_is_an_end_to_numbers() {
        assert!(ENTERED.room(GroupRef::LIMIT as usize - 1).is_some());
        assert!(ENTERED.room(GroupRef::LIMIT as usize).is_none());
    }
}
