// SPDX-License-Identifier: GPL-2.0-or-later
//! Lines that were used last, for a caller that wants to know at a glance that an access changes nothing.
//!
//! A load of a line that is the most recently used of its set changes nothing in any cache, nor does a store to such a
//! line that is dirty already, but for who stored last; nor a fetch of such a line whose bytes nobody has touched. That
//! is what most accesses are. This table answers them by virtual address alone, with one comparison: no translation,
//! no search, no lock, and with atomics so that a caller may keep it where several places reach it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Number of lines that are looked up by virtual address; a power of two.
const SLOTS: usize = 512;

/// No line.
const NONE: u64 = u64::MAX;

/// Who did something, and when, in the caller's terms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// Names an instruction; 0 for nobody.
    pub by: u32,
    /// A count of instructions.
    pub at: u32,
}

impl Who {
    #[inline]
    fn packed(self) -> u64 {
        u64::from(self.at) << 32 | u64::from(self.by)
    }

    #[inline]
    fn unpacked(value: u64) -> Self {
        Self { by: value as u32, at: (value >> 32) as u32 }
    }
}

/// The table. It holds for the CPU that the model was told is running.
#[derive(Debug)]
pub struct Recent {
    line_shift: u32,
    /// For each slot: number of the virtual line, and in bit 0 whether it is dirty.
    lines: Box<[AtomicU64; SLOTS]>,
    /// For each slot: where in the D$ that line is.
    places: Box<[AtomicU32; SLOTS]>,
    /// For each place of each D$: the last store to its line.
    stores: Box<[AtomicU64]>,
    /// For each set of the I$: tag of the most recently used line, if its bytes are what the data side sees.
    fresh: Box<[AtomicU64]>,
}

impl Clone for Recent {
    fn clone(&self) -> Self {
        let copy = |table: &[AtomicU64]| table.iter().map(|entry| AtomicU64::new(entry.load(Relaxed))).collect();
        Self {
            line_shift: self.line_shift,
            lines: Box::new(std::array::from_fn(|slot| AtomicU64::new(self.lines[slot].load(Relaxed)))),
            places: Box::new(std::array::from_fn(|slot| AtomicU32::new(self.places[slot].load(Relaxed)))),
            stores: copy(&self.stores),
            fresh: copy(&self.fresh),
        }
    }
}

impl Recent {
    pub(crate) fn new(line_shift: u32, dcache_places: usize, icache_sets: usize) -> Self {
        let table = |len, value| (0..len).map(|_| AtomicU64::new(value)).collect();
        Self {
            line_shift,
            lines: Box::new([const { AtomicU64::new(NONE) }; SLOTS]),
            places: Box::new([const { AtomicU32::new(0) }; SLOTS]),
            stores: table(dcache_places, 0),
            fresh: table(icache_sets, NONE),
        }
    }

    #[inline]
    fn slot(&self, virt: u64) -> (usize, u64) {
        let number = virt >> self.line_shift;
        (number as usize % SLOTS, number << 1)
    }

    /// Whether a load within the line of `virt` changes nothing.
    #[inline]
    pub fn loads(&self, virt: u64) -> bool {
        let (slot, line) = self.slot(virt);
        self.lines[slot].load(Relaxed) & !1 == line
    }

    /// Whether a store within the line of `virt` changes nothing but who stored last, which is then noted.
    #[inline]
    pub fn stores(&self, virt: u64, who: Who) -> bool {
        let (slot, line) = self.slot(virt);
        let known = self.lines[slot].load(Relaxed) == line | 1;
        if known {
            self.stores[self.places[slot].load(Relaxed) as usize].store(who.packed(), Relaxed);
        }
        known
    }

    /// Whether a fetch from a line, by its set and its key with [`Recent::TAGGED`] set, changes nothing.
    #[inline]
    pub fn fetches(&self, set: usize, tag: u64) -> bool {
        self.fresh[set].load(Relaxed) == tag
    }

    /// Bit that is set in the tags for [`Recent::fetches`].
    pub const TAGGED: u64 = crate::tags::VALID;

    pub(crate) fn store_at(&self, place: usize) -> Who {
        Who::unpacked(self.stores[place].load(Relaxed))
    }

    pub(crate) fn set_store(&self, place: usize, who: Who) {
        self.stores[place].store(who.packed(), Relaxed);
    }

    /// Takes up a line; returns its slot.
    pub(crate) fn admit(&self, virt: u64, place: usize, dirty: bool) -> u32 {
        let (slot, line) = self.slot(virt);
        self.lines[slot].store(line | u64::from(dirty), Relaxed);
        self.places[slot].store(place as u32, Relaxed);
        slot as u32
    }

    pub(crate) fn forget(&self, slot: u32) {
        self.lines[slot as usize].store(NONE, Relaxed);
    }

    pub(crate) fn forget_data(&self) {
        for line in self.lines.iter() {
            line.store(NONE, Relaxed);
        }
    }

    pub(crate) fn set_fresh(&self, set: usize, tag: Option<u64>) {
        self.fresh[set].store(tag.unwrap_or(NONE), Relaxed);
    }
}
