// SPDX-License-Identifier: GPL-2.0-or-later
//! The instruction cache: copies of lines as they were when they were filled.
//!
//! As long as neither the data side nor memory has changed under a line, its copy is what memory holds, and is not
//! made. Before the first change that could make a difference the line becomes *suspect*, and is copied then.

use std::sync::Arc;

use crate::geometry::{Addressing, Geometry};
use crate::memory::Memory;
use crate::replacement::Order;
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
    lacks: Vec<u16>,
}

impl ICache {
    /// Returns the empty I$ of a CPU, over D$ lines of `dline` bytes.
    pub(crate) fn new(geometry: Geometry, order: &Arc<Order>, cpu: usize, dline: usize) -> Self {
        Self {
            tags: Tags::new(geometry, order, cpu),
            bytes: vec![0; geometry.bytes()],
            part: dline.min(geometry.line()),
            lacks: vec![0; geometry.lines()],
        }
    }

    #[inline]
    pub(crate) fn geometry(&self) -> Geometry {
        self.tags.geometry
    }

    /// Returns the place of a line, and makes it the most recently used.
    #[inline]
    pub(crate) fn hit(&mut self, set: usize, key: u64) -> Option<usize> {
        self.tags.hit(set, key)
    }

    /// Key of the line at a place, if its bytes are what the data side sees.
    #[inline]
    pub(crate) fn fresh(&self, place: usize) -> Option<u64> {
        let tag = self.tags.get(place);
        (tag & FLAGS == VALID).then_some(tag & !FLAGS)
    }

    /// Number of a place, counted over all CPUs.
    #[inline]
    pub(crate) fn number(&self, place: usize) -> usize {
        self.tags.number(place)
    }

    /// Takes a place for a line whose bytes are what memory holds and the data side sees.
    #[inline]
    pub(crate) fn fill(&mut self, set: usize, key: u64, phys: u64) -> usize {
        let place = self.tags.victim(set);
        self.tags.put(place, key | VALID, phys);
        place
    }

    /// Gives a suspect line, just filled, the bytes of one part; `stale` says that the data side has newer ones.
    pub(crate) fn copy(&mut self, place: usize, at: usize, bytes: &[u8], stale: bool) {
        let start = place * self.geometry().line() + at;
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        self.lacks[place] |= u16::from(stale) << (at / self.part);
    }

    #[inline]
    pub(crate) fn is_suspect(&self, place: usize) -> bool {
        self.tags.get(place) & SUSPECT != 0
    }

    /// Whether the byte at `at` of a suspect line was filled while a D$ held newer ones, which it still holds.
    pub(crate) fn was_filled_stale(&self, place: usize, at: usize) -> bool {
        self.lacks[place] >> (at / self.part) & 1 != 0
    }

    /// The line is again what memory holds and the data side sees.
    pub(crate) fn acquit(&mut self, place: usize) {
        self.tags.set(place, self.tags.get(place) & !SUSPECT);
    }

    /// The bytes of a suspect line at `[at, at + len)`.
    pub(crate) fn bytes(&self, place: usize, at: usize, len: usize) -> &[u8] {
        let start = place * self.geometry().line() + at;
        &self.bytes[start..start + len]
    }

    /// Physical address of the line at a place, if one is there.
    pub(crate) fn valid(&self, place: usize) -> Option<u64> {
        (self.tags.get(place) & VALID != 0).then(|| self.phys(place))
    }

    /// Physical address of the line at a place.
    #[inline]
    pub(crate) fn phys(&self, place: usize) -> u64 {
        self.tags.phys(place)
    }

    /// The data side is about to differ from a physical line, or memory to change under it: every copy of it is made
    /// now, while memory is still what it was filled from, and is to be compared from now on. `dirtied` has a bit for
    /// each part that becomes dirty. Calls `changed` with the places in which one was.
    #[inline]
    pub(crate) fn suspect(
        &mut self,
        line: u64,
        dirtied: u16,
        memory: &impl Memory,
        mut changed: impl FnMut(usize),
    ) {
        if self.geometry().addressing() == Addressing::Pipt {
            let set = self.geometry().set_of(line, line);
            if let Some(place) = self.tags.find(set, line) {
                self.suspect_place(place, memory);
                self.lacks[place] &= !dirtied;
                changed(place);
            }
            return;
        }
        for done in 0.. {
            let found = self.tags.places_of(line).nth(done);
            let Some(place) = found else { return };
            self.suspect_place(place, memory);
            self.lacks[place] &= !dirtied;
            changed(place);
        }
    }

    /// The bit of [`ICache::suspect`] for the D$ line of an address.
    #[inline]
    pub(crate) fn part(&self, address: u64) -> u16 {
        1 << ((address as usize & (self.geometry().line() - 1)) / self.part)
    }

    #[inline]
    pub(crate) fn suspect_place(&mut self, place: usize, memory: &impl Memory) {
        if !self.is_suspect(place) {
            let (line, size) = (self.phys(place), self.geometry().line());
            let start = place * size;
            self.bytes[start..start + size].copy_from_slice(memory.below(line, size));
            self.lacks[place] = 0;
            self.tags.set(place, self.tags.get(place) | SUSPECT);
        }
    }

    /// Whether the line at a place differs from what the data side sees.
    pub(crate) fn is_stale(&self, place: usize, memory: &impl Memory) -> bool {
        let size = self.geometry().line();
        self.is_suspect(place) && self.bytes(place, 0, size) != memory.data(self.phys(place), size)
    }

    /// Whether any copy of a physical line differs from what the data side sees.
    pub(crate) fn has_stale(&self, phys: u64, memory: &impl Memory) -> bool {
        self.tags.places_of(phys).any(|place| self.is_stale(place, memory))
    }

    /// Returns the place of the line of an address, in the set that its virtual address picks.
    pub(crate) fn find(&self, virt: u64, phys: u64) -> Option<usize> {
        let geometry = self.geometry();
        self.tags.find(geometry.set_of(virt, phys), geometry.key_of(virt, phys))
    }

    pub(crate) fn place(&self, set: usize, way: usize) -> usize {
        self.tags.place(set, way)
    }

    pub(crate) fn places(&self) -> std::ops::Range<usize> {
        0..self.tags.len()
    }

    /// Drops what is at a place; returns its physical address, if something was.
    pub(crate) fn invalidate(&mut self, place: usize) -> Option<u64> {
        let tag = self.tags.get(place);
        self.tags.set(place, tag & !FLAGS);
        (tag & VALID != 0).then(|| self.phys(place))
    }
}
