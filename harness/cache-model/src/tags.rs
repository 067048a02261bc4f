// SPDX-License-Identifier: GPL-2.0-or-later
//! The tag array that both caches share: which line is where, with three flags, and LRU replacement.

use crate::geometry::Geometry;

/// A line is present in this place.
pub(crate) const VALID: u64 = 1;

/// Mask of the bits that are flags.
pub(crate) const FLAGS: u64 = 7;

/// Tags of one cache. A tag is the line's physical address with flags in its low three bits,
/// which are free because a line has at least 8 bytes.
///
/// Each set remembers its most recently used way: most accesses go there, and a hit there changes nothing in the
/// order of the set, so that the common case reads one tag and writes nothing.
#[derive(Clone, Debug)]
pub(crate) struct Tags {
    pub(crate) geometry: Geometry,
    ways: usize,
    tags: Vec<u64>,
    used: Vec<u64>,
    recent: Vec<u32>,
    clock: u64,
}

impl Tags {
    pub(crate) fn new(geometry: Geometry) -> Self {
        let lines = geometry.lines();
        let recent = (0..geometry.sets()).map(|set| (set * geometry.ways()) as u32).collect();
        Self { geometry, ways: geometry.ways(), tags: vec![0; lines], used: vec![0; lines], recent, clock: 0 }
    }

    /// Returns the most recently used place of a set, with its tag.
    #[inline]
    pub(crate) fn recent(&self, set: usize) -> (usize, u64) {
        let place = self.recent[set] as usize;
        (place, self.tags[place])
    }

    /// Returns the place of a line in a set, without making it the most recently used.
    pub(crate) fn find(&self, set: usize, line: u64) -> Option<usize> {
        let first = set * self.ways;
        let tags = &self.tags[first..first + self.ways];
        tags.iter().position(|tag| tag & !FLAGS == line && tag & VALID != 0).map(|way| first + way)
    }

    /// Returns the place of a line, and makes it the most recently used of its set.
    pub(crate) fn hit(&mut self, set: usize, line: u64) -> Option<usize> {
        let place = self.find(set, line)?;
        self.touch(set, place);
        Some(place)
    }

    /// Puts a line into a place of a set, the most recently used from now on.
    pub(crate) fn put(&mut self, set: usize, place: usize, tag: u64) {
        self.tags[place] = tag;
        self.touch(set, place);
    }

    fn touch(&mut self, set: usize, place: usize) {
        self.clock += 1;
        self.used[place] = self.clock;
        self.recent[set] = place as u32;
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
