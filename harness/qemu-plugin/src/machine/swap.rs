// SPDX-License-Identifier: GPL-2.0-or-later
//! Stale bytes put into guest memory while a fetch group is executed.
//!
//! They have to be there when QEMU translates the group, which it does from memory. The translation is kept: it is no longer
//! that of what memory holds, and looks at each entry whether it is that of what has to be executed. So a line that is fetched
//! again and again while it is stale is translated once. The bytes are in memory for each execution all the same, because
//! QEMU reads an instruction again where it accesses a device in the middle of a block.

use cache_model::{PhysAddr, VirtAddr};

/// Bytes that lie in guest memory in place of what the data side holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swap {
    /// Physical address of the first byte.
    pub phys: PhysAddr,
    /// What the data side holds, to be put back.
    pub saved: Vec<u8>,
}

impl Swap {
    fn overlaps(&self, phys: PhysAddr, len: usize) -> bool {
        phys < self.phys + self.saved.len() as u64 && self.phys < phys + len as u64
    }
}

/// A fetch group, as far as swaps are concerned: where it is started again, and what it fetches first.
///
/// Two groups begin with the same instruction where that is a branch at the end of a line, its delay slot the first instruction
/// of the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupStart {
    /// Virtual address of the first instruction.
    pub start: VirtAddr,
    /// Physical address of the first byte fetched.
    pub phys: PhysAddr,
}

/// A translation of bytes that memory does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kept {
    group: GroupStart,
    /// Bytes.
    len: usize,
}

/// All swaps that are in force, where execution restarts because of them, and which translations are of stale bytes.
#[derive(Clone, Debug, Default)]
pub struct Swaps {
    active: Vec<Swap>,
    /// Where the group begins that the active ones are for.
    start: VirtAddr,
    restart: Option<GroupStart>,
    kept: Vec<Kept>,
    /// Whether QEMU has translated something from the active ones that does not look at what it is the translation of.
    tainted: bool,
}

impl Swaps {
    /// Whether stale bytes lie in guest memory.
    #[inline]
    pub fn any(&self) -> bool {
        !self.active.is_empty()
    }

    /// Whether stale bytes lie in a range of guest memory.
    pub fn any_in(&self, phys: PhysAddr, len: usize) -> bool {
        self.active.iter().any(|swap| swap.overlaps(phys, len))
    }

    /// Whether any of these bytes, which lie in guest memory, are stale ones.
    pub fn differ_in(&self, phys: PhysAddr, bytes: &[u8]) -> bool {
        self.active.iter().any(|Swap { phys: first, saved }| {
            let fresh = |at: PhysAddr| saved.get(at.wrapping_sub(*first) as usize);
            bytes.iter().zip(0..).any(|(byte, at)| fresh(phys + at).is_some_and(|fresh| fresh != byte))
        })
    }

    /// Notes a swap for a group that begins at `start`.
    pub fn add(&mut self, start: VirtAddr, swap: Swap) {
        self.start = start;
        self.active.push(swap);
    }

    /// Notes that a group is about to start again.
    pub fn expect_restart(&mut self, group: GroupStart) {
        self.restart = Some(group);
    }

    /// Nothing is expected to start again any more: an exception came first.
    pub fn forget_restart(&mut self) {
        self.restart = None;
    }

    /// A group is entered; returns whether it is one that was started again, so that its fetch has been counted.
    pub fn entered(&mut self, group: GroupStart) -> bool {
        // The other one of two groups that begin with the same instruction comes first, or after.
        let restarted = self.restart.is_some_and(|expected| expected.start == group.start);
        self.restart = self.restart.filter(|expected| restarted && *expected != group);
        restarted
    }

    /// Whether the active swaps have to go before a group is executed that was not started again.
    pub fn must_go(&self, group: GroupStart) -> bool {
        // The other one of two groups that begin with the same instruction is executed with them.
        self.any() && (self.start != group.start || self.any_in(group.phys, 1))
    }

    /// Takes out all swaps, to be undone; and whether what QEMU has translated from them must go.
    pub fn take(&mut self) -> (Vec<Swap>, bool) {
        (std::mem::take(&mut self.active), std::mem::take(&mut self.tainted))
    }

    /// QEMU translates a block from stale bytes.
    pub fn translated(&mut self) {
        // Once the group is executed, that is an instruction which accesses a device, by itself.
        self.tainted |= self.restart.is_none();
    }

    /// A store of `bytes` has reached guest memory: where it overlaps a swap, it belongs into the saved bytes.
    pub fn stored(&mut self, phys: PhysAddr, bytes: &[u8]) {
        for swap in &mut self.active {
            for (n, byte) in (0..).zip(bytes) {
                // Where it lies before the first byte, it wraps.
                let at = (phys + n).wrapping_sub(swap.phys) as usize;
                if let Some(saved) = swap.saved.get_mut(at) {
                    *saved = *byte;
                }
            }
        }
    }

    /// Notes that QEMU has translated a group from stale bytes.
    pub fn keep(&mut self, group: GroupStart, len: usize) {
        if !self.is_kept(group) {
            self.kept.push(Kept { group, len });
        }
    }

    /// Whether there is, or was until the guest stored there, a translation of a group from stale bytes.
    pub fn is_kept(&self, group: GroupStart) -> bool {
        self.kept.iter().any(|kept| kept.group == group)
    }

    /// QEMU has dropped what it translated from a range.
    pub fn dropped(&mut self, phys: PhysAddr, len: usize) {
        let end = phys + len as u64;
        self.kept.retain(|kept| kept.group.phys >= end || kept.group.phys + kept.len as u64 <= phys);
    }

    /// The ranges of which there are translations from stale bytes: physical address and length.
    pub fn kept(&self) -> impl Iterator<Item = (PhysAddr, usize)> {
        self.kept.iter().map(|kept| (kept.group.phys, kept.len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: GroupStart = GroupStart { start: VirtAddr::new(0x8000), phys: PhysAddr::new(0x100) };
    /// The next line begins with the delay slot of the same branch.
    const SLOT: GroupStart = GroupStart { start: VirtAddr::new(0x8000), phys: PhysAddr::new(0x120) };
    const OTHER: GroupStart = GroupStart { start: VirtAddr::new(0x8018_0180), phys: PhysAddr::new(0x180) };

    fn swap(phys: u64) -> Swap {
        Swap { phys: PhysAddr::new(phys), saved: vec![1, 2, 3, 4] }
    }

    #[test]
    fn a_store_goes_into_the_saved_bytes() {
        let mut swaps = Swaps::default();
        swaps.add(GROUP.start, swap(0x100));
        swaps.stored(PhysAddr::new(0x102), &[9, 8, 7, 6]);
        assert_eq!(swaps.take(), (vec![Swap { phys: PhysAddr::new(0x100), saved: vec![1, 2, 9, 8] }], false));
    }

    #[test]
    fn bytes_are_stale_where_they_differ_from_what_is_saved() {
        let mut swaps = Swaps::default();
        swaps.add(GROUP.start, swap(0x100));
        assert!(
            !swaps.differ_in(PhysAddr::new(0x100), &[1, 2])
                && !swaps.differ_in(PhysAddr::new(0x104), &[9])
                && !swaps.differ_in(PhysAddr::new(0xff), &[9])
        );
        assert!(
            swaps.differ_in(PhysAddr::new(0xff), &[9, 1, 0])
                && swaps.any_in(PhysAddr::new(0xff), 2)
                && !swaps.any_in(PhysAddr::new(0x104), 4)
        );
    }

    #[test]
    fn what_is_translated_while_a_group_is_executed_does_not_stay() {
        let mut swaps = Swaps::default();
        swaps.add(GROUP.start, swap(0x100));
        swaps.expect_restart(GROUP);
        swaps.translated();
        assert!(swaps.entered(GROUP));
        assert!(!swaps.clone().take().1);
        swaps.translated();
        assert!(swaps.take().1);
        assert!(!swaps.take().1);
    }

    #[test]
    fn an_exception_between_swap_and_restart_is_noticed() {
        let mut swaps = Swaps::default();
        swaps.add(GROUP.start, swap(0x100));
        swaps.expect_restart(GROUP);
        assert!(!swaps.entered(OTHER) && swaps.must_go(OTHER));
        swaps.forget_restart();
        assert!(!swaps.entered(GROUP) && swaps.must_go(GROUP));
    }

    #[test]
    fn two_groups_of_one_instruction_are_executed_together() {
        let mut swaps = Swaps::default();
        swaps.add(GROUP.start, swap(0x100));
        assert!(!swaps.must_go(SLOT), "the line before stays as it was fetched");
        swaps.add(SLOT.start, swap(0x120));
        swaps.expect_restart(SLOT);
        assert!(swaps.entered(GROUP) && swaps.entered(SLOT));
        // The next turn of a loop.
        assert!(!swaps.entered(GROUP) && swaps.must_go(GROUP));
    }

    #[test]
    fn translations_are_known_until_their_bytes_change() {
        let mut swaps = Swaps::default();
        swaps.keep(GROUP, 32);
        swaps.keep(GROUP, 32);
        swaps.keep(SLOT, 8);
        assert_eq!(swaps.kept().collect::<Vec<_>>(), [(GROUP.phys, 32), (SLOT.phys, 8)]);
        swaps.dropped(PhysAddr::new(0x11f), 1);
        assert!(!swaps.is_kept(GROUP) && swaps.is_kept(SLOT));
        swaps.dropped(PhysAddr::new(0x128), 8);
        assert!(swaps.is_kept(SLOT));
    }
}
