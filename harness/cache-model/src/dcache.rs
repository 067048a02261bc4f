// SPDX-License-Identifier: GPL-2.0-or-later
//! The data cache: which lines are newer than what lies below them.

use std::sync::Arc;

use crate::address::{PhysAddr, VirtAddr};
use crate::geometry::Geometry;
use crate::replacement::UseOrder;
use crate::stale_copy::StaleCopies;
use crate::tags::{FLAGS, Tags, VALID};

/// The line is newer than memory.
const DIRTY: u64 = 2;
/// Another CPU's D$ may have the line too: a store must take it away there.
const SHARED: u64 = 4;

/// What a store does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Write {
    /// Makes a line dirty, and fetches it first if it is not there.
    #[default]
    BackAllocate,
    /// Makes a line dirty if it is there, else goes past the cache.
    BackNoAllocate,
    /// Goes through to memory, and to the line too if it is there; no line is ever dirty.
    Through,
}

#[derive(Clone, Debug)]
pub(crate) struct DCache {
    pub(crate) tags: Tags,
    /// What lines hold that are older than the data view.
    pub(crate) copies: StaleCopies,
}

/// A line that left its slot, or was made clean in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OldLine {
    /// Physical address.
    pub(crate) line: PhysAddr,
    pub(crate) dirty: bool,
    /// Its slot, counted over all CPUs.
    pub(crate) slot: usize,
}

impl DCache {
    /// Returns the empty D$ of a CPU.
    pub(crate) fn new(geometry: Geometry, order: &Arc<UseOrder>, cpu: usize) -> Self {
        Self { tags: Tags::new(geometry, order, cpu), copies: StaleCopies::default() }
    }

    pub(crate) fn geometry(&self) -> Geometry {
        self.tags.geometry
    }

    /// Returns the slot of a line, and makes it the most recently used. With virtual tags the line found can be of
    /// another physical address, which is mapped there no longer.
    #[inline]
    pub(crate) fn hit(&mut self, set: usize, key: u64) -> Option<usize> {
        self.tags.hit(set, key)
    }

    /// Returns the slot of a line without touching it.
    #[inline]
    pub(crate) fn find(&self, virt: VirtAddr, phys: PhysAddr) -> Option<usize> {
        let geometry = self.geometry();
        self.tags.find(geometry.set_of(virt, phys), geometry.key_of(virt, phys))
    }

    /// Returns a slot that holds the physical line of an address dirty.
    #[inline]
    pub(crate) fn dirty_copy(&self, phys: PhysAddr) -> Option<usize> {
        if let Some(set) = self.geometry().set_of_physical(phys) {
            let line = self.geometry().line_of(phys);
            return self.tags.find(set, line.get()).filter(|slot| self.is_dirty(*slot));
        }
        self.tags.slots_of(phys).find(|slot| self.is_dirty(*slot))
    }

    /// Returns any slot that holds the physical line of an address.
    pub(crate) fn copy(&self, phys: PhysAddr) -> Option<usize> {
        self.tags.slots_of(phys).next()
    }

    /// Takes a slot for a clean line; returns it with the line that was there before, if one was.
    #[inline]
    pub(crate) fn allocate(
        &mut self,
        set: usize,
        key: u64,
        phys: PhysAddr,
        shared: bool,
    ) -> (usize, Option<OldLine>) {
        let slot = self.tags.victim(set);
        let old = self.evict(slot);
        self.tags.put(slot, key | VALID | if shared { SHARED } else { 0 }, phys);
        (slot, old)
    }

    /// Makes a line dirty, and this CPU's alone; returns whether it was clean before.
    #[inline]
    pub(crate) fn dirty(&mut self, slot: usize) -> bool {
        let tag = self.tags.get(slot);
        self.tags.set(slot, tag & !SHARED | DIRTY);
        tag & DIRTY == 0
    }

    /// Makes a line clean; returns it.
    pub(crate) fn clean(&mut self, slot: usize) -> Option<OldLine> {
        let old = self.old_line(slot);
        self.tags.set(slot, self.tags.get(slot) & !DIRTY);
        old
    }

    /// Empties a slot; returns the line that was there.
    #[inline]
    pub(crate) fn evict(&mut self, slot: usize) -> Option<OldLine> {
        let old = self.old_line(slot);
        self.copies.forget(slot);
        self.tags.set(slot, self.tags.get(slot) & !FLAGS);
        old
    }

    #[inline]
    fn old_line(&self, slot: usize) -> Option<OldLine> {
        let tag = self.tags.get(slot);
        let old = OldLine { line: self.phys(slot), dirty: tag & DIRTY != 0, slot: self.number(slot) };
        (tag & VALID != 0).then_some(old)
    }

    /// Marks the physical line of an address as shared, in every colour; returns whether it is there.
    pub(crate) fn share(&mut self, phys: PhysAddr) -> bool {
        loop {
            let alone = self.tags.slots_of(phys).find(|slot| !self.is_shared(*slot));
            let Some(slot) = alone else { return self.copy(phys).is_some() };
            self.tags.set(slot, self.tags.get(slot) | SHARED);
        }
    }

    #[inline]
    pub(crate) fn is_shared(&self, slot: usize) -> bool {
        self.tags.get(slot) & SHARED != 0
    }

    #[inline]
    pub(crate) fn is_dirty(&self, slot: usize) -> bool {
        self.tags.get(slot) & DIRTY != 0
    }

    /// Physical address of the line at a slot, if one is there.
    pub(crate) fn valid(&self, slot: usize) -> Option<PhysAddr> {
        self.old_line(slot).map(|old| old.line)
    }

    #[inline]
    pub(crate) fn phys(&self, slot: usize) -> PhysAddr {
        self.tags.phys(slot)
    }

    /// Number of a slot, counted over all CPUs.
    #[inline]
    pub(crate) fn number(&self, slot: usize) -> usize {
        self.tags.number(slot)
    }

    pub(crate) fn slot(&self, set: usize, way: usize) -> usize {
        self.tags.slot(set, way)
    }

    pub(crate) fn slots(&self) -> std::ops::Range<usize> {
        0..self.tags.len()
    }
}
