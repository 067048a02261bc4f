// SPDX-License-Identifier: GPL-2.0-or-later
//! Loads or stores that follow each other at one base register: QEMU reports the first, and the plugin knows the others.
//!
//! Each access that QEMU is asked to report costs some 11,000 instructions of the host when its block is translated, since
//! TCG goes through all registers of the guest for each call; a function's prologue saves five registers at one. What is
//! done for an access is done for each of a group, in their order. Nothing can come between: they lie in one fetch group, so that
//! nothing is fetched, and no other access, maintenance or branch is among them. An exception can: then a line counts as used
//! or made dirty although its access has to be repeated, and its bytes are what they were.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use cache_model::VirtAddr;

use super::table::WordTable;
use crate::arch::GuestArch;
use crate::arch::architecture::Architecture;
use crate::arch::instruction::PlainAccess;
use crate::fast_path::InsnRef;

/// One access of a group, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupedAccess {
    /// Which instruction it is.
    pub insn: InsnRef,
    /// From the address of the group's first access to its own.
    pub delta: i16,
    /// Bytes accessed.
    pub len: u8,
}

impl GroupedAccess {
    /// From the top 8 bits of the length, 8 of the instructions left, 16 of the distance, 32 of the instruction.
    fn packed(self) -> u64 {
        u64::from(self.len) << 56
            | u64::from(self.insn.remaining) << 48
            | u64::from(self.delta as u16) << 32
            | u64::from(self.insn.id)
    }

    #[inline]
    fn unpacked(word: u64) -> Self {
        Self {
            insn: InsnRef { id: word as u32, remaining: (word >> 48) as u32 & 0xff },
            delta: (word >> 32) as i16,
            len: (word >> 56) as u8,
        }
    }
}

/// An access group, in one word, as QEMU passes it to a callback as userdata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessGroup {
    first: u32,
    count: u32,
}

/// Members in a chunk of the table, and how many chunks there can be: 8 MiB in all.
const CHUNK: usize = 1 << 10;
const CHUNKS: usize = 1 << 10;

/// Members of all groups, each group within one chunk.
static TABLE: WordTable<AtomicU64, CHUNK, CHUNKS> = WordTable::empty();

impl AccessGroup {
    /// As one word.
    pub fn packed(self) -> usize {
        (u64::from(self.count) << 32 | u64::from(self.first)) as usize
    }

    /// From one word.
    #[inline]
    pub fn unpacked(word: usize) -> Self {
        Self { first: word as u32, count: (word as u64 >> 32) as u32 }
    }

    #[inline]
    fn words(self) -> &'static [AtomicU64] {
        TABLE.slice(self.first as usize, self.count as usize)
    }

    /// Goes through its accesses, in their order; `virt` is the address of the first.
    ///
    /// Of those that follow each other in one line, `quick` is asked about the last: what changes nothing in a line for it
    /// changed nothing for those before. If it says no, `slow` is called for each.
    #[inline]
    pub fn each(
        self,
        virt: VirtAddr,
        line_shift: u32,
        mut quick: impl FnMut(VirtAddr, GroupedAccess) -> bool,
        mut slow: impl FnMut(VirtAddr, GroupedAccess),
    ) {
        let access = |word: &AtomicU64| {
            let member = GroupedAccess::unpacked(word.load(Relaxed));
            (virt.wrapping_add(i64::from(member.delta) as u64), member)
        };
        let line = |word| access(word).0.get() >> line_shift;
        let mut rest = self.words();
        while let [first, others @ ..] = rest {
            let beside = others.iter().take_while(|other| line(other) == line(first)).count();
            let (together, next) = rest.split_at(1 + beside);
            let (at, member) = access(&together[beside]);
            if !quick(at, member) {
                together.iter().map(access).for_each(|(at, member)| slow(at, member));
            }
            rest = next;
        }
    }
}

/// All groups that there have been.
#[derive(Default)]
pub struct AccessGroups {
    used: usize,
}

impl AccessGroups {
    /// Takes up a group; `None` where there have been too many.
    pub fn add(&mut self, members: &[GroupedAccess]) -> Option<AccessGroup> {
        if self.used % CHUNK + members.len() > CHUNK {
            self.used = self.used.next_multiple_of(CHUNK);
        }
        for (word, member) in TABLE.room(self.used)?.iter().zip(members) {
            word.store(member.packed(), Relaxed);
        }
        let group = AccessGroup { first: self.used as u32, count: members.len() as u32 };
        self.used += members.len();
        Some(group)
    }
}

/// An access group that is still open, of the instructions of one fetch group.
#[derive(Debug)]
pub struct OpenAccessGroup {
    /// Number of the first access's instruction in its block.
    pub at: usize,
    first: PlainAccess,
    /// Its accesses.
    pub members: Vec<GroupedAccess>,
}

impl OpenAccessGroup {
    /// Begins with an access.
    pub fn new(at: usize, first: PlainAccess, insn: InsnRef) -> Self {
        Self { at, first, members: vec![GroupedAccess { insn, delta: 0, len: first.len }] }
    }

    /// Whether its accesses are stores.
    pub fn stores(&self) -> bool {
        self.first.store
    }

    /// Takes up an access, if it belongs to the group.
    pub fn take(&mut self, access: PlainAccess, insn: InsnRef) -> bool {
        let delta = i32::from(access.offset) - i32::from(self.first.offset);
        let delta = i16::try_from(delta)
            .ok()
            .filter(|_| (access.base, access.store) == (self.first.base, self.first.store));
        // Twice the same address cannot be distinguished from the first.
        let Some(delta) = delta.filter(|delta| *delta != 0) else { return false };
        self.members.push(GroupedAccess { insn, delta, len: access.len });
        true
    }

    /// Whether more accesses can follow after an instruction that is none, or is the last one taken up.
    pub fn survives(&self, arch: GuestArch, bytes: [u8; 4], len: usize) -> bool {
        arch.leaves_alone(bytes, len, self.first.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(offset: i16) -> PlainAccess {
        PlainAccess { base: 29, offset, len: 4, store: true }
    }

    /// Addresses of the accesses that were asked about and of those that were reported, where all answers are the same.
    fn report(group: AccessGroup, virt: u64, answer: bool) -> (Vec<u64>, Vec<u64>) {
        let (mut asked, mut reported) = (vec![], vec![]);
        let quick = |at, _| {
            asked.push(VirtAddr::get(at));
            answer
        };
        group.each(VirtAddr::new(virt), 5, quick, |at, _| reported.push(at.get()));
        (asked, reported)
    }

    #[test]
    fn words_carry_everything() {
        let insn = InsnRef::new((1 << 24) - 1, 63, 64);
        let member = GroupedAccess { insn, delta: -28, len: 4 };
        assert_eq!(GroupedAccess::unpacked(member.packed()), member);
        let group = AccessGroup { first: 0xfffff, count: 9 };
        assert_eq!(AccessGroup::unpacked(group.packed()), group);
    }

    #[test]
    fn a_prologue_is_one_group() {
        let mut open_group = OpenAccessGroup::new(1, store(28), InsnRef::new(7, 1, 8));
        assert!(open_group.take(store(24), InsnRef::new(7, 2, 8)));
        assert!(!open_group.take(PlainAccess { base: 4, ..store(0) }, InsnRef::new(7, 3, 8)));
        assert!(!open_group.take(PlainAccess { store: false, ..store(0) }, InsnRef::new(7, 3, 8)));
        let group = AccessGroups::default().add(&open_group.members).unwrap();
        assert_eq!(report(group, 0x1010, false), (vec![0x100c], vec![0x1010, 0x100c]));
        assert_eq!(report(group, 0x1000, false), (vec![0x1000, 0xffc], vec![0x1000, 0xffc]), "two lines");
        assert_eq!(report(group, 0x1010, true), (vec![0x100c], vec![]));
        assert!(!open_group.take(store(28), InsnRef::new(7, 3, 8)), "the same address again");
        let mut groups = AccessGroups { used: CHUNK - 1 };
        let second = groups.add(&open_group.members).unwrap();
        assert_eq!((second.first as usize, groups.used), (CHUNK, CHUNK + 2));
        assert_eq!(AccessGroups { used: CHUNK * CHUNKS - 1 }.add(&open_group.members), None);
    }
}
