// SPDX-License-Identifier: GPL-2.0-or-later
//! The data cache: which lines are newer than what lies below them.

use std::sync::Arc;

use crate::geometry::{Addressing, Geometry};
use crate::replacement::Order;
use crate::tags::{FLAGS, Tags, VALID};

/// The line is newer than memory.
const DIRTY: u64 = 2;
/// Another CPU's D$ may have the line too: a store must take it away there.
const SHARED: u64 = 4;

/// What happens on a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Write {
    /// The line is brought in if it is not there, and made dirty.
    #[default]
    BackAllocate,
    /// A line that is there is made dirty; else memory is written.
    BackNoAllocate,
    /// Memory is written always, and the line too if it is there: no line is ever dirty.
    Through,
}

#[derive(Clone, Debug)]
pub(crate) struct DCache {
    pub(crate) tags: Tags,
}

/// A line that left its place, or was made clean in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left {
    /// Physical address.
    pub(crate) line: u64,
    pub(crate) dirty: bool,
    /// Its place, counted over all CPUs.
    pub(crate) place: usize,
}

impl DCache {
    /// Returns the empty D$ of a CPU.
    pub(crate) fn new(geometry: Geometry, order: &Arc<Order>, cpu: usize) -> Self {
        Self { tags: Tags::new(geometry, order, cpu) }
    }

    pub(crate) fn geometry(&self) -> Geometry {
        self.tags.geometry
    }

    /// Returns the place of a line, and makes it the most recently used. With virtual tags the line found can be of
    /// another physical address, which is mapped there no longer.
    #[inline]
    pub(crate) fn hit(&mut self, set: usize, key: u64) -> Option<usize> {
        self.tags.hit(set, key)
    }

    /// Returns the place of a line without touching it.
    #[inline]
    pub(crate) fn find(&self, virt: u64, phys: u64) -> Option<usize> {
        let geometry = self.geometry();
        self.tags.find(geometry.set_of(virt, phys), geometry.key_of(virt, phys))
    }

    /// Returns a place that holds the physical line of an address dirty.
    #[inline]
    pub(crate) fn dirty_copy(&self, phys: u64) -> Option<usize> {
        if self.geometry().addressing() == Addressing::Pipt {
            return self.find(phys, phys).filter(|place| self.is_dirty(*place));
        }
        self.tags.places_of(phys).find(|place| self.is_dirty(*place))
    }

    /// Returns any place that holds the physical line of an address.
    pub(crate) fn copy(&self, phys: u64) -> Option<usize> {
        self.tags.places_of(phys).next()
    }

    /// Takes a place for a clean line; returns it with the line that was there before, if one was.
    #[inline]
    pub(crate) fn allocate(
        &mut self,
        set: usize,
        key: u64,
        phys: u64,
        shared: bool,
    ) -> (usize, Option<Left>) {
        let place = self.tags.victim(set);
        let left = self.evict(place);
        self.tags.put(place, key | VALID | if shared { SHARED } else { 0 }, phys);
        (place, left)
    }

    /// Makes a line dirty, and this CPU's alone; returns whether it was clean before.
    #[inline]
    pub(crate) fn dirty(&mut self, place: usize) -> bool {
        let tag = self.tags.get(place);
        self.tags.set(place, tag & !SHARED | DIRTY);
        tag & DIRTY == 0
    }

    /// Makes a line clean; returns it.
    pub(crate) fn clean(&mut self, place: usize) -> Option<Left> {
        let left = self.left(place);
        self.tags.set(place, self.tags.get(place) & !DIRTY);
        left
    }

    /// Empties a place; returns the line that was there.
    #[inline]
    pub(crate) fn evict(&mut self, place: usize) -> Option<Left> {
        let left = self.left(place);
        self.tags.set(place, self.tags.get(place) & !FLAGS);
        left
    }

    #[inline]
    fn left(&self, place: usize) -> Option<Left> {
        let tag = self.tags.get(place);
        let left = Left { line: self.phys(place), dirty: tag & DIRTY != 0, place: self.number(place) };
        (tag & VALID != 0).then_some(left)
    }

    /// Marks the physical line of an address as shared, in every colour; returns whether it is there.
    pub(crate) fn share(&mut self, phys: u64) -> bool {
        loop {
            let alone = self.tags.places_of(phys).find(|place| !self.is_shared(*place));
            let Some(place) = alone else { return self.copy(phys).is_some() };
            self.tags.set(place, self.tags.get(place) | SHARED);
        }
    }

    #[inline]
    pub(crate) fn is_shared(&self, place: usize) -> bool {
        self.tags.get(place) & SHARED != 0
    }

    #[inline]
    pub(crate) fn is_dirty(&self, place: usize) -> bool {
        self.tags.get(place) & DIRTY != 0
    }

    /// Physical address of the line at a place, if one is there.
    pub(crate) fn valid(&self, place: usize) -> Option<u64> {
        self.left(place).map(|left| left.line)
    }

    #[inline]
    pub(crate) fn phys(&self, place: usize) -> u64 {
        self.tags.phys(place)
    }

    /// Number of a place, counted over all CPUs.
    #[inline]
    pub(crate) fn number(&self, place: usize) -> usize {
        self.tags.number(place)
    }

    pub(crate) fn place(&self, set: usize, way: usize) -> usize {
        self.tags.place(set, way)
    }

    pub(crate) fn places(&self) -> std::ops::Range<usize> {
        0..self.tags.len()
    }
}
