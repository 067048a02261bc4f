// SPDX-License-Identifier: GPL-2.0-or-later
//! Lines that were used last, for a caller that wants to know at a glance that an access changes nothing.
//!
//! A load of a line that is the most recently used of its set changes nothing in any cache, nor does a store to such a
//! line that is dirty already, but for who stored last; nor a fetch of such a line whose bytes nobody has touched. That
//! is what most accesses are. This table answers them by virtual address alone, with one comparison: no translation,
//! no search, no lock, and with atomics so that a caller may keep it where several places reach it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::geometry::{Addressing, Geometry, PAGE};

/// Number of lines that are looked up by virtual address; a power of two.
const SLOTS: usize = 512;

/// No line.
const NONE: u32 = u32::MAX;

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
    /// For each slot: number of the virtual line, and in bit 0 whether it is dirty. Addresses have 32 bits.
    lines: Box<[AtomicU32; SLOTS]>,
    /// For each slot: where in the D$ that line is.
    places: Box<[AtomicU32; SLOTS]>,
    /// For each place of each D$: the last store to its line.
    stores: Box<[AtomicU64]>,
    /// For each set of the I$: number of the most recently used line, if its bytes are what the data side sees.
    fresh: Box<[AtomicU32]>,
    /// For the set of a line in [`Recent::fetches`].
    index_mask: u32,
    colour_shift: u32,
    icache: Geometry,
}

/// An I$ line, as [`Recent::fetches`] wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchedLine {
    /// Number of the line: its key shifted right by the line's size.
    pub number: u32,
    /// With a virtual index: which of the sets that the line can be in.
    pub colour: u32,
}

impl FetchedLine {
    /// A line that is nowhere.
    pub const NOWHERE: Self = Self { number: (1 << 28) - 1, colour: 0 };
}

impl Clone for Recent {
    fn clone(&self) -> Self {
        let copy =
            |table: &[AtomicU32]| table.iter().map(|entry| AtomicU32::new(entry.load(Relaxed))).collect();
        Self {
            lines: Box::new(std::array::from_fn(|slot| AtomicU32::new(self.lines[slot].load(Relaxed)))),
            places: Box::new(std::array::from_fn(|slot| AtomicU32::new(self.places[slot].load(Relaxed)))),
            stores: self.stores.iter().map(|store| AtomicU64::new(store.load(Relaxed))).collect(),
            fresh: copy(&self.fresh),
            ..*self
        }
    }
}

impl Recent {
    pub(crate) fn new(line_shift: u32, dcache_places: usize, icache: Geometry) -> Self {
        let sets = icache.sets() as u32;
        let in_page = (PAGE >> icache.line_shift()) as u32;
        Self {
            line_shift,
            lines: Box::new([const { AtomicU32::new(NONE) }; SLOTS]),
            places: Box::new([const { AtomicU32::new(0) }; SLOTS]),
            stores: (0..dcache_places).map(|_| AtomicU64::new(0)).collect(),
            fresh: (0..sets).map(|_| AtomicU32::new(NONE)).collect(),
            index_mask: if icache.addressing() == Addressing::Vipt {
                sets.min(in_page) - 1
            } else {
                sets - 1
            },
            colour_shift: in_page.trailing_zeros(),
            icache,
        }
    }

    /// The I$ line of an address, for [`Recent::fetches`].
    pub fn fetched_line(&self, virt: u64, phys: u64) -> FetchedLine {
        let g = self.icache;
        let number = (g.key_of(virt, phys) >> g.line_shift()) as u32;
        let colours = if g.addressing() == Addressing::Vipt { g.colours() as u64 } else { 1 };
        FetchedLine { number, colour: (virt / PAGE % colours) as u32 }
    }

    #[inline]
    fn slot(&self, virt: u64) -> (usize, u32) {
        let number = (virt >> self.line_shift) as u32;
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

    /// Whether a fetch from a line changes nothing.
    #[inline]
    pub fn fetches(&self, line: FetchedLine) -> bool {
        let set = line.number & self.index_mask | line.colour << self.colour_shift;
        self.fresh.get(set as usize).is_some_and(|fresh| fresh.load(Relaxed) == line.number)
    }

    pub(crate) fn store_at(&self, place: usize) -> Who {
        Who::unpacked(self.stores[place].load(Relaxed))
    }

    pub(crate) fn set_store(&self, place: usize, who: Who) {
        self.stores[place].store(who.packed(), Relaxed);
    }

    /// Takes up a line; returns its slot.
    pub(crate) fn admit(&self, virt: u64, place: usize, dirty: bool) -> u32 {
        let (slot, line) = self.slot(virt);
        self.lines[slot].store(line | u32::from(dirty), Relaxed);
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

    /// Notes the key of a set's most recently used line, if its bytes are what the data side sees.
    pub(crate) fn set_fresh(&self, set: usize, key: Option<u64>) {
        let number = key.map_or(NONE, |key| (key >> self.icache.line_shift()) as u32);
        self.fresh[set].store(number, Relaxed);
    }
}
