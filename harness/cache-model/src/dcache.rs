// SPDX-License-Identifier: GPL-2.0-or-later
//! The data cache: which lines are newer than what lies below them, and who wrote them.

use crate::geometry::Geometry;
use crate::tags::{FLAGS, Tags, VALID};

/// The line is newer than memory.
pub(crate) const DIRTY: u64 = 2;

/// The last store to a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Store {
    /// Virtual address of the storing instruction.
    pub pc: u64,
    /// Guest instructions executed before it.
    pub instruction: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct DCache {
    tags: Tags,
    stores: Vec<Store>,
}

impl DCache {
    pub(crate) fn new(geometry: Geometry) -> Self {
        Self { tags: Tags::new(geometry), stores: vec![Store::default(); geometry.lines()] }
    }

    pub(crate) fn geometry(&self) -> Geometry {
        self.tags.geometry
    }

    /// Whether a load finds its line in the most recently used place of the set.
    #[inline]
    pub(crate) fn load_recent(&self, set: usize, line: u64) -> bool {
        self.tags.recent(set).1 & !DIRTY == line | VALID
    }

    /// Whether a store finds its line dirty in the most recently used place of the set; then its writer is noted.
    #[inline]
    pub(crate) fn store_recent(&mut self, set: usize, line: u64, store: Store) -> bool {
        let (place, tag) = self.tags.recent(set);
        let same = tag == line | VALID | DIRTY;
        if same {
            self.stores[place] = store;
        }
        same
    }

    /// Returns the place of a line, and makes it the most recently used.
    pub(crate) fn hit(&mut self, set: usize, line: u64) -> Option<usize> {
        self.tags.hit(set, line)
    }

    /// Returns the place of a line without touching it.
    pub(crate) fn find(&self, virt: u64, phys: u64) -> Option<usize> {
        self.tags.find(self.geometry().set_of(virt, phys), self.geometry().line_of(phys))
    }

    /// Takes a place for a clean line; returns it with the line that was there before, if one was.
    pub(crate) fn allocate(&mut self, set: usize, line: u64) -> (usize, Option<Evicted>) {
        let place = self.tags.victim(set);
        let evicted = self.evict(place);
        self.tags.put(set, place, line | VALID);
        (place, evicted)
    }

    /// Makes a line dirty; returns whether it was clean before.
    #[inline]
    pub(crate) fn dirty(&mut self, place: usize, store: Store) -> bool {
        let tag = self.tags.get(place);
        self.stores[place] = store;
        self.tags.set(place, tag | DIRTY);
        tag & DIRTY == 0
    }

    /// Makes a line clean; returns what must be written back, if it was dirty.
    pub(crate) fn clean(&mut self, place: usize) -> Option<Evicted> {
        let tag = self.tags.get(place);
        self.tags.set(place, tag & !DIRTY);
        (tag & (VALID | DIRTY) == VALID | DIRTY).then(|| Evicted {
            line: tag & !FLAGS,
            dirty: true,
            store: self.stores[place],
        })
    }

    /// Empties a place; returns the line that was there.
    pub(crate) fn evict(&mut self, place: usize) -> Option<Evicted> {
        let tag = self.tags.get(place);
        self.tags.set(place, tag & !FLAGS);
        (tag & VALID != 0).then(|| Evicted {
            line: tag & !FLAGS,
            dirty: tag & DIRTY != 0,
            store: self.stores[place],
        })
    }

    pub(crate) fn is_dirty(&self, place: usize) -> bool {
        self.tags.get(place) & DIRTY != 0
    }

    pub(crate) fn store_at(&self, place: usize) -> Store {
        self.stores[place]
    }

    pub(crate) fn place(&self, set: usize, way: usize) -> usize {
        self.tags.place(set, way)
    }

    pub(crate) fn places(&self) -> std::ops::Range<usize> {
        0..self.tags.len()
    }
}

/// A line that left its place, or was made clean in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evicted {
    pub(crate) line: u64,
    pub(crate) dirty: bool,
    pub(crate) store: Store,
}
