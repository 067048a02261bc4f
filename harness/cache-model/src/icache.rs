// SPDX-License-Identifier: GPL-2.0-or-later
//! The instruction cache: copies of lines as they were when they were filled.
//!
//! As long as neither the data side nor memory has changed under a line, its copy is what memory holds, and is not
//! made. Before the first change that could make a difference the line becomes *suspect*, and is copied then.

use std::sync::Arc;

use crate::address::{PhysAddr, VirtAddr};
use crate::geometry::Geometry;
use crate::memory::Memory;
use crate::replacement::UseOrder;
use crate::tags::{FLAGS, Tags, VALID};

/// The data side may have changed since the line was filled: a fetch must compare bytes.
const SUSPECT: u64 = 2;
#[derive(Clone, Debug)]
pub(crate) struct ICache {
    pub(crate) tags: Tags,
    /// Bytes of the suspect lines.
    bytes: Vec<u8>,
    /// Number of bytes of a line that lie in one D$ line.
    part: usize,
    /// Of each suspect line, the parts (bit n is part n) of which a D$ held newer bytes when it was filled, and that
    /// have not become dirty anew since.
    missing_parts: Vec<u16>,
}

impl ICache {
    /// Returns the empty I$ of a CPU, over D$ lines of `dline` bytes.
    pub(crate) fn new(geometry: Geometry, order: &Arc<UseOrder>, cpu: usize, dline: usize) -> Self {
        Self {
            tags: Tags::new(geometry, order, cpu),
            bytes: vec![0; geometry.bytes()],
            part: dline.min(geometry.line()),
            missing_parts: vec![0; geometry.lines()],
        }
    }

    #[inline]
    pub(crate) fn geometry(&self) -> Geometry {
        self.tags.geometry
    }

    /// Returns the slot of a line, and makes it the most recently used.
    #[inline]
    pub(crate) fn hit(&mut self, set: usize, key: u64) -> Option<usize> {
        self.tags.hit(set, key)
    }

    /// Key of the line at a slot, if its bytes are what the data side sees.
    #[inline]
    pub(crate) fn coherent(&self, slot: usize) -> Option<u64> {
        let tag = self.tags.get(slot);
        (tag & FLAGS == VALID).then_some(tag & !FLAGS)
    }

    /// Number of a slot, counted over all CPUs.
    #[inline]
    pub(crate) fn number(&self, slot: usize) -> usize {
        self.tags.number(slot)
    }

    /// Takes a slot for a line whose bytes are what memory holds and the data side sees.
    #[inline]
    pub(crate) fn fill(&mut self, set: usize, key: u64, phys: PhysAddr) -> usize {
        let slot = self.tags.victim(set);
        self.tags.put(slot, key | VALID, phys);
        slot
    }

    /// Gives a suspect line, just filled, the bytes of one part; `stale` says that the data side has newer ones.
    pub(crate) fn copy(&mut self, slot: usize, at: usize, bytes: &[u8], stale: bool) {
        let start = slot * self.geometry().line() + at;
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        self.missing_parts[slot] |= u16::from(stale) << (at / self.part);
    }

    #[inline]
    pub(crate) fn is_suspect(&self, slot: usize) -> bool {
        self.tags.get(slot) & SUSPECT != 0
    }

    /// Whether the byte at `at` of a suspect line was filled while a D$ held newer ones, which it still holds.
    pub(crate) fn was_filled_stale(&self, slot: usize, at: usize) -> bool {
        self.missing_parts[slot] >> (at / self.part) & 1 != 0
    }

    /// Ends the comparisons of a line that is again what memory holds and the data side sees.
    pub(crate) fn clear_suspect(&mut self, slot: usize) {
        self.tags.set(slot, self.tags.get(slot) & !SUSPECT);
    }

    /// The bytes of a suspect line at `[at, at + len)`.
    pub(crate) fn bytes(&self, slot: usize, at: usize, len: usize) -> &[u8] {
        let start = slot * self.geometry().line() + at;
        &self.bytes[start..start + len]
    }

    /// Physical address of the line at a slot, if one is there.
    pub(crate) fn valid(&self, slot: usize) -> Option<PhysAddr> {
        (self.tags.get(slot) & VALID != 0).then(|| self.phys(slot))
    }

    /// Physical address of the line at a slot.
    #[inline]
    pub(crate) fn phys(&self, slot: usize) -> PhysAddr {
        self.tags.phys(slot)
    }

    /// The data side is about to differ from a physical line, or memory to change under it: every copy of it is made
    /// now, while memory is still what it was filled from, and is to be compared from now on. `dirtied` has a bit for
    /// each part that becomes dirty. Calls `changed` with the slots in which one was.
    #[inline]
    pub(crate) fn mark_suspect(
        &mut self,
        line: PhysAddr,
        dirtied: u16,
        memory: &impl Memory,
        mut changed: impl FnMut(usize),
    ) {
        if let Some(set) = self.geometry().set_of_physical(line) {
            if let Some(slot) = self.tags.find(set, line.get()) {
                self.mark_slot_suspect(slot, memory);
                self.missing_parts[slot] &= !dirtied;
                changed(slot);
            }
            return;
        }
        for done in 0.. {
            let found = self.tags.slots_of(line).nth(done);
            let Some(slot) = found else { return };
            self.mark_slot_suspect(slot, memory);
            self.missing_parts[slot] &= !dirtied;
            changed(slot);
        }
    }

    /// The bit of [`ICache::mark_suspect`] for the D$ line of an address.
    #[inline]
    pub(crate) fn part(&self, address: PhysAddr) -> u16 {
        1 << ((address.get() as usize & (self.geometry().line() - 1)) / self.part)
    }

    #[inline]
    pub(crate) fn mark_slot_suspect(&mut self, slot: usize, memory: &impl Memory) {
        if !self.is_suspect(slot) {
            let (line, size) = (self.phys(slot), self.geometry().line());
            let start = slot * size;
            self.bytes[start..start + size].copy_from_slice(memory.below(line, size));
            self.missing_parts[slot] = 0;
            self.tags.set(slot, self.tags.get(slot) | SUSPECT);
        }
    }

    /// Whether the line at a slot differs from what the data side sees.
    pub(crate) fn is_stale(&self, slot: usize, memory: &impl Memory) -> bool {
        let size = self.geometry().line();
        self.is_suspect(slot) && self.bytes(slot, 0, size) != memory.data(self.phys(slot), size)
    }

    /// Whether any copy of a physical line differs from what the data side sees.
    pub(crate) fn has_stale(&self, phys: PhysAddr, memory: &impl Memory) -> bool {
        self.tags.slots_of(phys).any(|slot| self.is_stale(slot, memory))
    }

    /// Returns the slot of the line of an address, in the set that its virtual address picks.
    pub(crate) fn find(&self, virt: VirtAddr, phys: PhysAddr) -> Option<usize> {
        let geometry = self.geometry();
        self.tags.find(geometry.set_of(virt, phys), geometry.key_of(virt, phys))
    }

    pub(crate) fn slot(&self, set: usize, way: usize) -> usize {
        self.tags.slot(set, way)
    }

    pub(crate) fn slots(&self) -> std::ops::Range<usize> {
        0..self.tags.len()
    }

    /// Drops what is at a slot; returns its physical address, if something was.
    pub(crate) fn invalidate(&mut self, slot: usize) -> Option<PhysAddr> {
        let tag = self.tags.get(slot);
        self.tags.set(slot, tag & !FLAGS);
        (tag & VALID != 0).then(|| self.phys(slot))
    }
}
