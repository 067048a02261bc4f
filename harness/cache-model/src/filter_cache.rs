// SPDX-License-Identifier: GPL-2.0-or-later
//! A filter in front of the model: it answers the accesses that change nothing but the order of use.
//!
//! A load that hits the D$ changes nothing else, a store to a dirty line only the origin of its last store, and a fetch
//! changes nothing where the I$ line equals what the data side sees. Nearly all accesses are of this kind. The filter is a
//! direct-mapped cache of virtual data lines, plus the coherent lines of each I$ set. A hit on the most recently used (MRU)
//! line of a set takes one comparison. Nothing is translated or locked; the words are atomic, so that a caller may share them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::address::{PhysAddr, VirtAddr};
use crate::geometry::{Addressing, Geometry};
use crate::origin::Origin;
use crate::replacement::UseOrder;

/// Number of data lines that are looked up by virtual address; a power of two.
const ENTRIES: usize = 1024;

/// In [`FilterCache::tags`]: the line is dirty.
const DIRTY: u64 = 1;
/// It is the one of its set that was used last: another use changes nothing at all.
const MRU: u64 = 2;
/// One generation more; it takes what bits the flags leave of those that all lines of an entry have in common.
const GENERATION: u64 = 4;
/// No line: no generation has all bits.
const NO_LINE: u64 = u64::MAX;

/// No entry.
const NONE: u32 = u32::MAX;
/// No line of an I$; it is not [`FetchedLine::NONE`], which never hits.
const NO_FETCH: u64 = u64::MAX;

/// The filter. Its contents hold for the CPU that runs in the model.
#[derive(Debug)]
pub struct FilterCache {
    line_shift: u32,
    /// The bits of a virtual address by which the lines of one entry differ.
    tag_mask: u64,
    /// For each entry: the virtual address of the line in the bits of [`FilterCache::tag_mask`], below it the generation, [`MRU`]
    /// and [`DIRTY`].
    tags: Box<[AtomicU64; ENTRIES]>,
    /// For each entry: where in the D$ its line is, counted over all CPUs.
    slots: Box<[AtomicU32; ENTRIES]>,
    /// For each set of each D$: the entry of the line that was used last, if no other set's line has taken it.
    mru_entry: Box<[AtomicU32]>,
    /// For each slot of each D$: its entry, if it has one.
    entry_of: Box<[AtomicU32]>,
    /// For each slot of each D$: the last store to its line.
    stores: Box<[AtomicU64]>,
    data_order: Arc<UseOrder>,
    /// The bits that valid tags share, as they stand in [`FilterCache::tags`]: the generation, which counts the changes of
    /// the virtual mapping, and [`MRU`].
    mru_tag: AtomicU64,
    /// For each slot of each I$: its line, if its bytes are what the data side sees.
    coherent: Box<[AtomicU64]>,
    /// For each set of each I$: the line that was used last, if it is coherent.
    mru_line: Box<[AtomicU64]>,
    fetch_order: Arc<UseOrder>,
    /// First set of the running CPU's I$ among those of all.
    first_set: AtomicUsize,
    /// For the set of a line in [`FilterCache::fetch_hits`].
    set_mask: u64,
    icache: Geometry,
}

/// An I$ line, as [`FilterCache::fetch_hits`] wants it: the number of its set in the lowest bits, and above it those bits of the
/// line's address that do not follow from it. With a virtual index, that distinguishes the colours of a line apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchedLine(u64);

impl FetchedLine {
    /// No line, or one whose name has too many bits: it never hits.
    pub const NONE: Self = Self(u64::MAX - 1);

    /// As a word.
    pub fn word(self) -> u64 {
        self.0
    }

    /// From a word.
    #[inline]
    pub fn from_word(word: u64) -> Self {
        Self(word)
    }
}

impl FilterCache {
    /// Returns an empty filter, over the orders of use of all CPUs' caches; CPU 0 is running.
    pub(crate) fn new(dcache: Geometry, icache: Geometry, [data, fetch]: &[Arc<UseOrder>; 2]) -> Self {
        let none = |count: usize| (0..count).map(|_| AtomicU64::new(NO_FETCH)).collect::<Box<[_]>>();
        let nothing = |count: usize| (0..count).map(|_| AtomicU32::new(NONE)).collect::<Box<[_]>>();
        Self {
            line_shift: dcache.line_shift(),
            tag_mask: !((ENTRIES as u64) << dcache.line_shift()).wrapping_sub(1),
            tags: Box::new([const { AtomicU64::new(NO_LINE) }; ENTRIES]),
            slots: Box::new([const { AtomicU32::new(0) }; ENTRIES]),
            mru_entry: nothing(data.set_at(data.slots())),
            entry_of: nothing(data.slots()),
            stores: (0..data.slots()).map(|_| AtomicU64::new(0)).collect(),
            data_order: Arc::clone(data),
            mru_tag: AtomicU64::new(MRU),
            coherent: none(fetch.slots()),
            mru_line: none(fetch.set_at(fetch.slots())),
            fetch_order: Arc::clone(fetch),
            first_set: AtomicUsize::new(0),
            set_mask: icache.sets() as u64 - 1,
            icache,
        }
    }

    /// Forgets everything: as [`FilterCache::new`] makes it.
    pub(crate) fn reset(&self) {
        self.tags.iter().for_each(|line| line.store(NO_LINE, Relaxed));
        self.slots.iter().for_each(|slot| slot.store(0, Relaxed));
        self.mru_entry.iter().chain(&self.entry_of).for_each(|entry| entry.store(NONE, Relaxed));
        self.stores.iter().for_each(|store| store.store(0, Relaxed));
        self.invalidate_all_fetches();
        self.mru_tag.store(MRU, Relaxed);
        self.first_set.store(0, Relaxed);
    }

    /// Returns an empty filter with the last stores to the dirty lines, for a copy of the caches.
    pub(crate) fn copy(&self, orders: &[Arc<UseOrder>; 2], dcache: Geometry) -> Self {
        let copy = Self::new(dcache, self.icache, orders);
        for (to, from) in copy.stores.iter().zip(&self.stores) {
            to.store(from.load(Relaxed), Relaxed);
        }
        copy.first_set.store(self.first_set.load(Relaxed), Relaxed);
        copy
    }

    /// The I$ line of an address, for [`FilterCache::fetch_hits`].
    pub fn fetched_line(&self, virt: VirtAddr, phys: PhysAddr) -> FetchedLine {
        self.line_in(self.icache.set_of(virt, phys), self.icache.key_of(virt, phys))
    }

    /// The I$ line of this key in this set.
    fn line_in(&self, set: usize, key: u64) -> FetchedLine {
        let sets = self.icache.sets() as u64;
        let from_key = if self.icache.addressing() == Addressing::Vipt {
            sets.min(self.icache.page().bytes() >> self.icache.line_shift())
        } else {
            sets
        };
        let name = ((key >> self.icache.line_shift()) / from_key).checked_mul(sets);
        FetchedLine(name.map_or(FetchedLine::NONE.0, |name| (name + set as u64).min(FetchedLine::NONE.0)))
    }

    /// The entry of an address, and the tag that it holds if the line is valid, the MRU of its set, and clean.
    #[inline]
    fn entry(&self, virt: VirtAddr) -> (usize, u64) {
        let virt = virt.get();
        ((virt >> self.line_shift) as usize % ENTRIES, self.mru_tag.load(Relaxed) | virt & self.tag_mask)
    }

    /// Whether a load within the line of `virt` hits the MRU line of its set, so that it changes nothing at all.
    #[inline]
    pub fn load_hits_mru(&self, virt: VirtAddr) -> bool {
        let (entry, mru) = self.entry(virt);
        self.tags[entry].load(Relaxed) & !DIRTY == mru
    }

    /// Whether a load within the line of `virt` hits. Then it changes only the order of use, which is updated.
    pub fn load_hits(&self, virt: VirtAddr) -> bool {
        let (entry, mru) = self.entry(virt);
        let line = self.tags[entry].load(Relaxed) & !DIRTY;
        line == mru || line | MRU == mru && self.touch(entry)
    }

    /// Whether a store within the line of `virt` hits the dirty MRU line of its set. Then it changes only the origin of the
    /// last store, which is updated.
    #[inline]
    pub fn store_hits_mru(&self, virt: VirtAddr, origin: Origin) -> bool {
        let (entry, mru) = self.entry(virt);
        if self.tags[entry].load(Relaxed) != mru | DIRTY {
            return false;
        }
        let last = self.stores.get(self.slots[entry].load(Relaxed) as usize);
        last.is_some_and(|last| {
            last.store(origin.packed(), Relaxed);
            true
        })
    }

    /// Whether a store within the line of `virt` hits a dirty line. Then it changes only the order of use and the origin of
    /// the last store, which are updated.
    pub fn store_hits(&self, virt: VirtAddr, origin: Origin) -> bool {
        let order_changes = || {
            let (entry, mru) = self.entry(virt);
            self.tags[entry].load(Relaxed) | MRU == mru | DIRTY && self.touch(entry)
        };
        self.store_hits_mru(virt, origin) || order_changes() && self.store_hits_mru(virt, origin)
    }

    /// Makes the line of an entry the MRU of its set; returns true.
    #[inline]
    fn touch(&self, entry: usize) -> bool {
        let slot = self.slots[entry].load(Relaxed) as usize;
        self.data_order.touch(slot);
        self.set_mru(entry, slot);
        let line = &self.tags[entry];
        line.store(line.load(Relaxed) | MRU, Relaxed);
        true
    }

    /// Moves the MRU bit of a set to an entry.
    #[inline]
    fn set_mru(&self, entry: usize, slot: usize) {
        let mru = &self.mru_entry[self.data_order.set_at(slot)];
        // Another set's line may have replaced that entry: clearing its bit costs it one slower hit.
        if let Some(line) = self.tags.get(mru.load(Relaxed) as usize)
            && line.load(Relaxed) != NO_LINE
        {
            line.store(line.load(Relaxed) & !MRU, Relaxed);
        }
        mru.store(entry as u32, Relaxed);
    }

    /// Whether a fetch hits the MRU line of its set, so that it changes nothing at all.
    #[inline]
    pub fn fetch_hits_mru(&self, line: FetchedLine) -> bool {
        let set = self.first_set.load(Relaxed) + (line.0 & self.set_mask) as usize;
        self.mru_line.get(set).is_some_and(|mru| mru.load(Relaxed) == line.0)
    }

    /// Whether a fetch hits a coherent line. Then it changes only the order of use, which is updated.
    pub fn fetch_hits(&self, line: FetchedLine) -> bool {
        if self.fetch_hits_mru(line) {
            return true;
        }
        let set = self.first_set.load(Relaxed) + (line.0 & self.set_mask) as usize;
        let ways = self.icache.ways();
        let Some((coherent, mru)) =
            self.coherent.get(set * ways..set * ways + ways).zip(self.mru_line.get(set))
        else {
            return false;
        };
        let Some(way) = coherent.iter().position(|way| way.load(Relaxed) == line.0) else { return false };
        self.fetch_order.touch(set * ways + way);
        mru.store(line.0, Relaxed);
        true
    }

    pub(crate) fn last_store(&self, slot: usize) -> Origin {
        Origin::unpacked(self.stores[slot].load(Relaxed))
    }

    pub(crate) fn set_last_store(&self, slot: usize, origin: Origin) {
        self.stores[slot].store(origin.packed(), Relaxed);
    }

    /// Inserts the data line of a slot, used just now; an entry of another address for the slot goes.
    #[inline]
    pub(crate) fn insert(&self, virt: VirtAddr, slot: usize, dirty: bool) {
        let (entry, mru) = self.entry(virt);
        if self.entry_of[slot].load(Relaxed) != entry as u32 {
            self.invalidate(slot);
            self.entry_of[slot].store(entry as u32, Relaxed);
        }
        self.set_mru(entry, slot);
        self.tags[entry].store(mru | if dirty { DIRTY } else { 0 }, Relaxed);
        self.slots[entry].store(slot as u32, Relaxed);
    }

    /// A slot was used whose line must not hit: it is the most recently used of its set, and has no entry.
    pub(crate) fn pass_over(&self, slot: usize) {
        self.invalidate(slot);
        self.set_mru(NONE as usize, slot);
    }

    /// Drops the entry of a D$ slot, whose line has changed.
    #[inline]
    pub(crate) fn invalidate(&self, slot: usize) {
        // The entry may be another line's by now.
        let entry = self.entry_of[slot].load(Relaxed) as usize;
        if self.slots.get(entry).is_some_and(|owner| owner.load(Relaxed) as usize == slot) {
            self.tags[entry].store(NO_LINE, Relaxed);
        }
    }

    /// Drops all data entries: the mapping of virtual addresses has changed.
    pub(crate) fn next_generation(&self) {
        let next = self.mru_tag.load(Relaxed) + GENERATION;
        // The last one, of all bits, is that of no line.
        let wraps = next | DIRTY == !self.tag_mask;
        self.mru_tag.store(if wraps { MRU } else { next }, Relaxed);
        if wraps {
            self.tags.iter().for_each(|line| line.store(NO_LINE, Relaxed));
        }
    }

    /// Another CPU runs, whose I$ has this number.
    pub(crate) fn switch_cpu(&self, cpu: usize) {
        self.next_generation();
        self.first_set.store(cpu * self.icache.sets(), Relaxed);
    }

    /// Inserts the line of an I$ slot, used just now; `key` is `None` if its bytes may differ from the data side's.
    #[inline]
    pub(crate) fn insert_fetch(&self, slot: usize, key: Option<u64>) {
        let set = self.fetch_order.set_at(slot);
        let line = key.map(|key| self.line_in(set & self.set_mask as usize, key));
        let line = line.filter(|line| *line != FetchedLine::NONE).map_or(NO_FETCH, |line| line.0);
        self.coherent[slot].store(line, Relaxed);
        self.mru_line[set].store(line, Relaxed);
    }

    /// Drops the line of an I$ slot: it has gone, or its bytes may differ from the data side's.
    #[inline]
    pub(crate) fn invalidate_fetch(&self, slot: usize) {
        let line = self.coherent[slot].load(Relaxed);
        self.coherent[slot].store(NO_FETCH, Relaxed);
        let mru = &self.mru_line[self.fetch_order.set_at(slot)];
        if mru.load(Relaxed) == line {
            mru.store(NO_FETCH, Relaxed);
        }
    }

    /// Drops all I$ lines: virtual tags may name other memory now.
    pub(crate) fn invalidate_all_fetches(&self) {
        self.coherent.iter().chain(&self.mru_line).for_each(|line| line.store(NO_FETCH, Relaxed));
    }
}

#[cfg(test)]
mod tests;
