// SPDX-License-Identifier: GPL-2.0-or-later
//! The tag array that both caches share: which line is where, with three flags, and LRU replacement.

use crate::geometry::Geometry;

/// A line is present in this place.
pub(crate) const VALID: u64 = 1;

/// Tags of one cache. A tag is the line's physical address with flags in its low three bits,
/// which are free because a line has at least 8 bytes.
#[derive(Clone, Debug)]
pub(crate) struct Tags {
    pub(crate) geometry: Geometry,
    ways: usize,
    tags: Vec<u64>,
    used: Vec<u64>,
    clock: u64,
}

/// Mask of the bits that are flags.
pub(crate) const FLAGS: u64 = 7;

impl Tags {
    pub(crate) fn new(geometry: Geometry) -> Self {
        let lines = geometry.lines();
        Self { geometry, ways: geometry.ways(), tags: vec![0; lines], used: vec![0; lines], clock: 0 }
    }

    /// Returns the place of a line in a set, without making it the most recently used.
    #[inline]
    pub(crate) fn find(&self, set: usize, line: u64) -> Option<usize> {
        let first = set * self.ways;
        let tags = &self.tags[first..first + self.ways];
        tags.iter().position(|tag| tag & !FLAGS == line && tag & VALID != 0).map(|way| first + way)
    }

    /// Makes a place the most recently used of its set.
    #[inline]
    pub(crate) fn touch(&mut self, place: usize) {
        self.clock += 1;
        self.used[place] = self.clock;
    }

    /// Returns the place that the next fill of a set takes: an invalid one, else the least recently used.
    pub(crate) fn victim(&self, set: usize) -> usize {
        let first = set * self.ways;
        let mut best = first;
        for place in first..first + self.ways {
            if self.tags[place] & VALID == 0 {
                return place;
            }
            if self.used[place] < self.used[best] {
                best = place;
            }
        }
        best
    }

    #[inline]
    pub(crate) fn get(&self, place: usize) -> u64 {
        self.tags[place]
    }

    #[inline]
    pub(crate) fn set(&mut self, place: usize, tag: u64) {
        self.tags[place] = tag;
    }

    /// Returns the place of (set, way).
    pub(crate) fn place(&self, set: usize, way: usize) -> usize {
        set * self.ways + way
    }

    /// Number of places.
    pub(crate) fn len(&self) -> usize {
        self.tags.len()
    }
}
