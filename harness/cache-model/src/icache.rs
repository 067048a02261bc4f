// SPDX-License-Identifier: GPL-2.0-or-later
//! The instruction cache: snapshots of lines as they were when they were filled.

use crate::geometry::Geometry;
use crate::memory::Memory;
use crate::tags::{FLAGS, Tags, VALID};

/// The data side may have changed since the line was filled: a fetch must compare bytes.
const SUSPECT: u64 = 2;
/// The D$ held newer bytes of the line when it was filled.
const FILLED_STALE: u64 = 4;

#[derive(Clone, Debug)]
pub(crate) struct ICache {
    tags: Tags,
    bytes: Vec<u8>,
}

impl ICache {
    pub(crate) fn new(geometry: Geometry) -> Self {
        Self { tags: Tags::new(geometry), bytes: vec![0; geometry.bytes()] }
    }

    pub(crate) fn geometry(&self) -> Geometry {
        self.tags.geometry
    }

    /// Whether the line is the most recently used of its set, and known to be what the data side sees.
    #[inline]
    pub(crate) fn recent_and_clean(&self, set: usize, line: u64) -> bool {
        self.tags.recent(set).1 == line | VALID
    }

    /// Returns the place of a line, and makes it the most recently used.
    pub(crate) fn hit(&mut self, set: usize, line: u64) -> Option<usize> {
        self.tags.hit(set, line)
    }

    /// Fills a line from below the D$; `stale` says that the D$ holds newer bytes.
    pub(crate) fn fill(&mut self, set: usize, line: u64, stale: bool, memory: &impl Memory) -> usize {
        let place = self.tags.victim(set);
        let size = self.geometry().line();
        self.bytes[place * size..(place + 1) * size].copy_from_slice(memory.below(line, size));
        self.tags.put(set, place, line | VALID | if stale { SUSPECT | FILLED_STALE } else { 0 });
        place
    }

    #[inline]
    pub(crate) fn is_suspect(&self, place: usize) -> bool {
        self.tags.get(place) & SUSPECT != 0
    }

    pub(crate) fn was_filled_stale(&self, place: usize) -> bool {
        self.tags.get(place) & FILLED_STALE != 0
    }

    /// The bytes in the I$ for `[phys, phys + len)`, which lies in the line at `place`.
    pub(crate) fn bytes(&self, place: usize, phys: u64, len: usize) -> &[u8] {
        let size = self.geometry().line();
        let at = place * size + (phys as usize & (size - 1));
        &self.bytes[at..at + len]
    }

    /// The data side is about to differ from a line: whoever holds it must compare from now on.
    ///
    /// `virt` is not the address under which code fetches, so with a virtual index every set that the
    /// line can be in is looked at.
    pub(crate) fn suspect(&mut self, line: u64) {
        for place in 0..self.colours() {
            let set = self.set_of_colour(line, place);
            if let Some(place) = self.tags.find(set, line) {
                self.tags.set(place, self.tags.get(place) | SUSPECT);
            }
        }
    }

    /// Drops the line of an address in the set that this virtual address picks; returns whether it was there.
    pub(crate) fn invalidate(&mut self, virt: u64, phys: u64) -> bool {
        let line = self.geometry().line_of(phys);
        let set = self.geometry().set_of(virt, phys);
        match self.tags.find(set, line) {
            Some(place) => self.drop_place(place),
            None => false,
        }
    }

    pub(crate) fn invalidate_way(&mut self, set: usize, way: usize) -> bool {
        self.drop_place(self.tags.place(set, way))
    }

    /// Drops everything; returns how many lines there were.
    pub(crate) fn invalidate_all(&mut self) -> u64 {
        (0..self.tags.len()).map(|place| u64::from(self.drop_place(place))).sum()
    }

    fn drop_place(&mut self, place: usize) -> bool {
        let tag = self.tags.get(place);
        self.tags.set(place, tag & !FLAGS);
        tag & VALID != 0
    }

    /// In how many sets one physical line can be.
    fn colours(&self) -> usize {
        let g = self.geometry();
        let probe = |virt| g.set_of(virt, 0);
        // Where the index is physical, the virtual address changes nothing.
        if probe(0) == probe(PAGE) { 1 } else { (g.sets() * g.line() / PAGE as usize).max(1) }
    }

    fn set_of_colour(&self, line: u64, colour: usize) -> usize {
        let in_page = line & (PAGE - 1);
        self.geometry().set_of(in_page | (colour as u64 * PAGE), line)
    }
}

/// Smallest page of the architectures in question, in bytes.
const PAGE: u64 = 4096;
