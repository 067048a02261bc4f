// SPDX-License-Identifier: GPL-2.0-or-later
//! Lines that are at hand, for a caller that wants to know at a glance that an access changes nothing but the order of use.
//!
//! A load of a line that is in the D$ changes nothing else, nor does a store to one that is dirty already, but for who stored
//! last; nor a fetch of a line that is in the I$ and whose bytes nobody has touched. That is what nearly all accesses are. This
//! table answers them: data by virtual address, and fetches by line, with one comparison for the line of a set that was used last.
//! No translation, no lock, and atomics, so that a caller may keep it where several places reach it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::geometry::{Addressing, Geometry, PAGE};
use crate::replacement::Order;
use crate::who::Who;

/// Number of data lines that are looked up by virtual address; a power of two.
const SLOTS: usize = 1024;

/// In [`Glance::lines`]: the line is dirty.
const DIRTY: u64 = 1;
/// It is the one of its set that was used last: another use changes nothing at all.
const LATEST: u64 = 2;
/// No line: the others have fewer bits below the era.
const NO_LINE: u64 = u64::MAX;

/// No slot.
const NONE: u32 = u32::MAX;
/// No line of an I$: the others have at most [`FetchedLine::BITS`].
const NOT_FRESH: u64 = u64::MAX;

/// The table. It holds for the CPU that the model was told is running.
#[derive(Debug)]
pub struct Glance {
    line_shift: u32,
    /// For each slot, from the top: 32 bits of the era, 30 of the virtual line's number, [`LATEST`] and [`DIRTY`]. Addresses
    /// have 32 bits.
    lines: Box<[AtomicU64; SLOTS]>,
    /// For each slot: where in the D$ its line is, counted over all CPUs.
    places: Box<[AtomicU32; SLOTS]>,
    /// For each set of each D$: the slot of the line that was used last, if no other set's line has taken it.
    latest_data: Box<[AtomicU32]>,
    /// For each place of each D$: its slot, if it has one.
    slot_of: Box<[AtomicU32]>,
    /// For each place of each D$: the last store to its line.
    stores: Box<[AtomicU64]>,
    data_order: Arc<Order>,
    /// What lines have in common that are known now: the era, which is how often virtual addresses have come to mean something
    /// else, at its place in [`Glance::lines`], and [`LATEST`].
    known: AtomicU64,
    /// For each place of each I$: its line, if its bytes are what the data side sees.
    fresh: Box<[AtomicU64]>,
    /// For each set of each I$: the line that was used last, if it is fresh.
    latest: Box<[AtomicU64]>,
    fetch_order: Arc<Order>,
    /// First set of the running CPU's I$ among those of all.
    first_set: AtomicUsize,
    /// For the set of a line in [`Glance::fetches`].
    set_mask: u64,
    icache: Geometry,
}

/// An I$ line, as [`Glance::fetches`] wants it: the number of its set in the lowest bits, and above it those bits of the
/// line's address that do not follow from it. With a virtual index, that tells the colours of a line apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchedLine(u64);

impl FetchedLine {
    /// Bits of [`FetchedLine::packed`]: enough for addresses of 32 bits, lines of 16 bytes, and 32 colours.
    pub const BITS: u32 = 33;

    /// A line that is nowhere, or has no name that is short enough: it is never seen at a glance.
    pub const NOWHERE: Self = Self((1 << Self::BITS) - 1);

    /// As a word of [`FetchedLine::BITS`] bits.
    pub fn packed(self) -> u64 {
        self.0
    }

    /// From a word, whose bits above [`FetchedLine::BITS`] are ignored.
    #[inline]
    pub fn unpacked(word: u64) -> Self {
        Self(word & Self::NOWHERE.0)
    }
}

impl Glance {
    /// Returns a table that knows nothing, over the orders of use of all CPUs' caches; CPU 0 is running.
    pub(crate) fn new(dcache: Geometry, icache: Geometry, [data, fetch]: &[Arc<Order>; 2]) -> Self {
        let none = |count: usize| (0..count).map(|_| AtomicU64::new(NOT_FRESH)).collect::<Box<[_]>>();
        let nothing = |count: usize| (0..count).map(|_| AtomicU32::new(NONE)).collect::<Box<[_]>>();
        Self {
            line_shift: dcache.line_shift(),
            lines: Box::new([const { AtomicU64::new(NO_LINE) }; SLOTS]),
            places: Box::new([const { AtomicU32::new(0) }; SLOTS]),
            latest_data: nothing(data.set_at(data.places())),
            slot_of: nothing(data.places()),
            stores: (0..data.places()).map(|_| AtomicU64::new(0)).collect(),
            data_order: Arc::clone(data),
            known: AtomicU64::new(LATEST),
            fresh: none(fetch.places()),
            latest: none(fetch.set_at(fetch.places())),
            fetch_order: Arc::clone(fetch),
            first_set: AtomicUsize::new(0),
            set_mask: icache.sets() as u64 - 1,
            icache,
        }
    }

    /// Returns a table that knows only who stored last what is dirty, for a copy of the caches.
    pub(crate) fn copy(&self, orders: &[Arc<Order>; 2], dcache: Geometry) -> Self {
        let copy = Self::new(dcache, self.icache, orders);
        for (to, from) in copy.stores.iter().zip(&self.stores) {
            to.store(from.load(Relaxed), Relaxed);
        }
        copy.first_set.store(self.first_set.load(Relaxed), Relaxed);
        copy
    }

    /// The I$ line of an address, for [`Glance::fetches`].
    pub fn fetched_line(&self, virt: u64, phys: u64) -> FetchedLine {
        self.line_in(self.icache.set_of(virt, phys), self.icache.key_of(virt, phys))
    }

    /// The I$ line of this key in this set.
    fn line_in(&self, set: usize, key: u64) -> FetchedLine {
        let sets = self.icache.sets() as u64;
        let from_key = if self.icache.addressing() == Addressing::Vipt {
            sets.min(PAGE >> self.icache.line_shift())
        } else {
            sets
        };
        let name = (key >> self.icache.line_shift()) / from_key * sets + set as u64;
        FetchedLine(name.min(FetchedLine::NOWHERE.0))
    }

    /// The slot of an address, and what it holds if the line is known, the latest of its set, and clean.
    #[inline]
    fn slot(&self, virt: u64) -> (usize, u64) {
        let number = virt >> self.line_shift;
        (number as usize % SLOTS, self.known.load(Relaxed) | number << 2)
    }

    /// Whether a load within the line of `virt` changes nothing at all: the line was the one of its set used last.
    #[inline]
    pub fn loads_latest(&self, virt: u64) -> bool {
        let (slot, latest) = self.slot(virt);
        self.lines[slot].load(Relaxed) & !DIRTY == latest
    }

    /// Whether a load within the line of `virt` changes nothing but the order of use, which is then noted.
    pub fn loads(&self, virt: u64) -> bool {
        let (slot, latest) = self.slot(virt);
        let line = self.lines[slot].load(Relaxed) & !DIRTY;
        line == latest || line | LATEST == latest && self.used(slot)
    }

    /// Whether a store within the line of `virt` changes nothing but who stored last, which is then noted: the line was the
    /// one of its set used last.
    #[inline]
    pub fn stores_latest(&self, virt: u64, who: Who) -> bool {
        let (slot, latest) = self.slot(virt);
        if self.lines[slot].load(Relaxed) != latest | DIRTY {
            return false;
        }
        let last = self.stores.get(self.places[slot].load(Relaxed) as usize);
        last.is_some_and(|last| {
            last.store(who.packed(), Relaxed);
            true
        })
    }

    /// Whether a store within the line of `virt` changes nothing but the order of use and who stored last, which are then
    /// noted.
    pub fn stores(&self, virt: u64, who: Who) -> bool {
        let order_changes = || {
            let (slot, latest) = self.slot(virt);
            self.lines[slot].load(Relaxed) | LATEST == latest | DIRTY && self.used(slot)
        };
        self.stores_latest(virt, who) || order_changes() && self.stores_latest(virt, who)
    }

    /// The line of a slot was used, and was not the latest of its set; returns true.
    #[inline]
    fn used(&self, slot: usize) -> bool {
        let place = self.places[slot].load(Relaxed) as usize;
        self.data_order.touch(place);
        self.set_latest(slot, place);
        let line = &self.lines[slot];
        line.store(line.load(Relaxed) | LATEST, Relaxed);
        true
    }

    /// The line of a slot is the one of its set that was used last, and the one before it is not any more.
    #[inline]
    fn set_latest(&self, slot: usize, place: usize) {
        let latest = &self.latest_data[self.data_order.set_at(place)];
        // Should another set's line have taken that slot by now, it is taken for older than it is.
        if let Some(line) = self.lines.get(latest.load(Relaxed) as usize)
            && line.load(Relaxed) != NO_LINE
        {
            line.store(line.load(Relaxed) & !LATEST, Relaxed);
        }
        latest.store(slot as u32, Relaxed);
    }

    /// Whether a fetch from a line changes nothing at all: it was the one of its set used last.
    #[inline]
    pub fn fetches_latest(&self, line: FetchedLine) -> bool {
        let set = self.first_set.load(Relaxed) + (line.0 & self.set_mask) as usize;
        self.latest.get(set).is_some_and(|latest| latest.load(Relaxed) == line.0)
    }

    /// Whether a fetch from a line changes nothing but the order of use, which is then noted.
    pub fn fetches(&self, line: FetchedLine) -> bool {
        if self.fetches_latest(line) {
            return true;
        }
        let set = self.first_set.load(Relaxed) + (line.0 & self.set_mask) as usize;
        let ways = self.icache.ways();
        let Some((fresh, latest)) = self.fresh.get(set * ways..set * ways + ways).zip(self.latest.get(set))
        else {
            return false;
        };
        let Some(way) = fresh.iter().position(|way| way.load(Relaxed) == line.0) else { return false };
        self.fetch_order.touch(set * ways + way);
        latest.store(line.0, Relaxed);
        true
    }

    pub(crate) fn store_at(&self, place: usize) -> Who {
        Who::unpacked(self.stores[place].load(Relaxed))
    }

    pub(crate) fn set_store(&self, place: usize, who: Who) {
        self.stores[place].store(who.packed(), Relaxed);
    }

    /// Takes up the data line at a place, used just now, and forgets by which other address it was known.
    #[inline]
    pub(crate) fn admit(&self, virt: u64, place: usize, dirty: bool) {
        let (slot, latest) = self.slot(virt);
        if self.slot_of[place].load(Relaxed) != slot as u32 {
            self.forget(place);
            self.slot_of[place].store(slot as u32, Relaxed);
        }
        self.set_latest(slot, place);
        self.lines[slot].store(latest | if dirty { DIRTY } else { 0 }, Relaxed);
        self.places[slot].store(place as u32, Relaxed);
    }

    /// The data line at a place is not what it was any more.
    #[inline]
    pub(crate) fn forget(&self, place: usize) {
        // The slot may be another line's by now.
        let slot = self.slot_of[place].load(Relaxed) as usize;
        if self.places.get(slot).is_some_and(|known| known.load(Relaxed) as usize == place) {
            self.lines[slot].store(NO_LINE, Relaxed);
        }
    }

    /// Virtual addresses mean something else from now on.
    pub(crate) fn forget_data(&self) {
        let era = (self.known.load(Relaxed) >> 32) as u32;
        let era = era.wrapping_add(1);
        self.known.store(u64::from(era) << 32 | LATEST, Relaxed);
        if era == 0 {
            // The eras begin again.
            for line in self.lines.iter() {
                line.store(NO_LINE, Relaxed);
            }
        }
    }

    /// Another CPU runs, whose I$ has this number.
    pub(crate) fn run_on(&self, cpu: usize) {
        self.forget_data();
        self.first_set.store(cpu * self.icache.sets(), Relaxed);
    }

    /// The line at a place of an I$ was used; it has this key, if its bytes are what the data side sees.
    #[inline]
    pub(crate) fn fetched(&self, place: usize, key: Option<u64>) {
        let set = self.fetch_order.set_at(place);
        let line = key.map(|key| self.line_in(set & self.set_mask as usize, key));
        let line = line.filter(|line| *line != FetchedLine::NOWHERE).map_or(NOT_FRESH, |line| line.0);
        self.fresh[place].store(line, Relaxed);
        self.latest[set].store(line, Relaxed);
    }

    /// The line at a place of an I$ has gone, or its bytes may not be what the data side sees any more.
    #[inline]
    pub(crate) fn spoil(&self, place: usize) {
        let line = self.fresh[place].load(Relaxed);
        self.fresh[place].store(NOT_FRESH, Relaxed);
        let latest = &self.latest[self.fetch_order.set_at(place)];
        if latest.load(Relaxed) == line {
            latest.store(NOT_FRESH, Relaxed);
        }
    }

    /// Nobody knows what virtual tags mean from now on.
    pub(crate) fn spoil_all(&self) {
        for line in self.fresh.iter().chain(&self.latest) {
            line.store(NOT_FRESH, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replacement::Replacement;

    fn table() -> Glance {
        let g = Geometry::new(128, 4, 32).unwrap();
        let order = || Arc::new(Order::new(Replacement::LeastRecentlyUsed, 1, g));
        Glance::new(g, g, &[order(), order()])
    }

    #[test]
    fn a_place_is_known_by_one_address() {
        let table = table();
        table.admit(0x1000, 5, false);
        table.admit(0x8000_1000, 5, true);
        assert!(!table.loads(0x1000) && table.loads(0x8000_1010));
        assert!(table.stores(0x8000_1000, Who { by: 1, at: 2 }));
        assert_eq!(table.store_at(5), Who { by: 1, at: 2 });
        table.forget(5);
        assert!(!table.loads(0x8000_1000));
    }

    #[test]
    fn a_use_of_another_line_of_the_set_is_noted() {
        let table = table();
        // Three lines of set 2, and one of another set that takes the slot of the third.
        for (place, virt) in [(8, 0x1040), (9, 0x2040), (10, 0x3040)] {
            table.admit(virt, place, false);
            table.data_order.touch(place);
        }
        assert!(table.loads(0x1040) && table.loads(0x1040));
        assert_eq!(table.data_order.victim(2), 3, "what was never used goes first");
        table.data_order.touch(11);
        assert_eq!(table.data_order.victim(2), 1);
        assert!(table.loads(0x2040) && table.loads(0x3040));
        assert_eq!(table.data_order.victim(2), 0);
        table.admit(0x3040 + 32 * SLOTS as u64, 40, false);
        assert!(table.loads(0x1040) && table.loads(0x2040));
        assert!(table.loads(0x3040 + 32 * SLOTS as u64));
    }

    #[test]
    fn a_slot_that_another_line_took_is_left_alone() {
        let table = table();
        table.admit(0x1000, 5, false);
        table.admit(0x1000 + 32 * SLOTS as u64, 9, false);
        table.forget(5);
        assert!(table.loads(0x1000 + 32 * SLOTS as u64));
    }

    #[test]
    fn the_eras_do_not_come_again() {
        let table = table();
        table.admit(0x1000, 5, false);
        table.known.store(u64::from(u32::MAX) << 32 | LATEST, Relaxed);
        assert!(!table.loads(0x1000));
        table.forget_data();
        assert!(!table.loads(0x1000));
    }

    #[test]
    fn a_line_with_too_long_a_name_is_never_known() {
        let g = Geometry::new(65_536, 1, 32).unwrap().addressed(Addressing::Vipt);
        let order = || Arc::new(Order::new(Replacement::LeastRecentlyUsed, 1, g));
        let table = Glance::new(g, g, &[order(), order()]);
        for (address, known) in [(0x1040, true), (0xffff_ffe0, false)] {
            let line = table.fetched_line(address, address);
            table.fetched(g.set_of(address, address), Some(address));
            assert_eq!((table.fetches(line), line != FetchedLine::NOWHERE), (known, known), "{address:#x}");
        }
    }

    #[test]
    fn fetches_are_answered_for_every_way() {
        let table = table();
        let line = |address| table.fetched_line(address, address);
        for way in 0..4 {
            table.fetched(4 * 2 + way, Some(0x1040 + 0x1000 * way as u64));
        }
        assert!((0..4).all(|way| table.fetches(line(0x1040 + 0x1000 * way))));
        table.spoil(4 * 2 + 3);
        assert!(!table.fetches(line(0x4040)) && table.fetches(line(0x1040)));
    }
}
