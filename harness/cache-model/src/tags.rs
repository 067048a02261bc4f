// SPDX-License-Identifier: GPL-2.0-or-later
//! The tag array that both caches share: which line is where, with three flags, and what is replaced next.

use std::sync::Arc;

use crate::address::PhysAddr;
use crate::geometry::{Addressing, Geometry};
use crate::replacement::UseOrder;

/// A line is present in this slot.
pub(crate) const VALID: u64 = 1;

/// Mask of the bits that are flags.
pub(crate) const FLAGS: u64 = 7;

/// Tags of one cache. A tag is the line's key (its physical address, or the virtual one where tags are virtual) with
/// flags in its low three bits, which are free because a line has at least 8 bytes.
#[derive(Clone, Debug)]
pub(crate) struct Tags {
    pub(crate) geometry: Geometry,
    ways: usize,
    tags: Vec<u64>,
    /// Physical address of the line at each slot.
    phys: Vec<PhysAddr>,
    /// Of all CPUs' caches of this kind; shared with [`crate::FilterCache`].
    pub(crate) order: Arc<UseOrder>,
    /// Number of the first slot among those of all CPUs.
    first: usize,
    presence: Option<Presence>,
}

impl Tags {
    /// Returns the empty cache of a CPU.
    pub(crate) fn new(geometry: Geometry, order: &Arc<UseOrder>, cpu: usize) -> Self {
        let (sets, ways) = (geometry.sets(), geometry.ways());
        Self {
            geometry,
            ways,
            tags: vec![0; sets * ways],
            phys: vec![PhysAddr::default(); sets * ways],
            order: Arc::clone(order),
            first: cpu * geometry.lines(),
            presence: (geometry.addressing() == Addressing::Vivt).then(Presence::default),
        }
    }

    /// Returns the slot of a key in a set, without making it the most recently used.
    #[inline]
    pub(crate) fn find(&self, set: usize, key: u64) -> Option<usize> {
        let first = set * self.ways;
        let tags = &self.tags[first..first + self.ways];
        tags.iter().position(|tag| tag & !FLAGS == key && tag & VALID != 0).map(|way| first + way)
    }

    /// Returns the slot of a key, and makes it the most recently used of its set.
    #[inline]
    pub(crate) fn hit(&mut self, set: usize, key: u64) -> Option<usize> {
        let slot = self.find(set, key)?;
        self.order.touch(self.number(slot));
        Some(slot)
    }

    /// Every slot that holds a physical line, in whatever colour.
    pub(crate) fn slots_of(&self, phys: PhysAddr) -> impl Iterator<Item = usize> + '_ {
        let line = self.geometry.line_of(phys);
        let scanned = match &self.presence {
            Some(presence) if presence.has(self.line_number(line)) => 0..self.tags.len(),
            _ => 0..0,
        };
        let by_key = if self.presence.is_none() { self.geometry.colours() } else { 0 };
        let by_key = (0..by_key)
            .filter_map(move |colour| self.find(self.geometry.set_of_colour(line, colour), line.get()));
        by_key.chain(scanned.filter(move |slot| self.phys[*slot] == line && self.tags[*slot] & VALID != 0))
    }

    /// Whether a line that is in one slot may be in another one as well.
    #[inline]
    pub(crate) fn may_be_elsewhere(&self, line: PhysAddr) -> bool {
        match &self.presence {
            Some(presence) => presence.count(self.line_number(line)) > 1,
            None => self.geometry.colours() > 1,
        }
    }

    /// Puts a line into a slot, the most recently used of its set from now on.
    #[inline]
    pub(crate) fn put(&mut self, slot: usize, tag: u64, phys: PhysAddr) {
        self.set(slot, 0);
        self.phys[slot] = self.geometry.line_of(phys);
        let number = self.line_number(phys);
        if let Some(presence) = &mut self.presence {
            presence.add(number);
        }
        self.tags[slot] = tag;
        self.order.touch(self.number(slot));
    }

    /// Number of a slot, counted over all CPUs.
    #[inline]
    pub(crate) fn number(&self, slot: usize) -> usize {
        self.first + slot
    }

    /// Returns the slot that the next fill of a set takes: an invalid one, else as the policy says.
    #[inline]
    pub(crate) fn victim(&self, set: usize) -> usize {
        let first = set * self.ways;
        let invalid = self.tags[first..first + self.ways].iter().position(|tag| tag & VALID == 0);
        first + invalid.unwrap_or_else(|| self.order.victim(self.order.set_at(self.number(first))))
    }

    #[inline]
    pub(crate) fn get(&self, slot: usize) -> u64 {
        self.tags[slot]
    }

    /// Physical address of the line at a slot.
    #[inline]
    pub(crate) fn phys(&self, slot: usize) -> PhysAddr {
        self.phys[slot]
    }

    #[inline]
    pub(crate) fn set(&mut self, slot: usize, tag: u64) {
        let number = self.line_number(self.phys[slot]);
        if let Some(presence) = self.presence.as_mut().filter(|_| self.tags[slot] & !tag & VALID != 0) {
            presence.remove(number);
        }
        self.tags[slot] = tag;
    }

    /// Number of the physical line of an address.
    #[inline]
    fn line_number(&self, phys: PhysAddr) -> u64 {
        phys.get() >> self.geometry.line_shift()
    }

    /// Returns the slot of (set, way).
    pub(crate) fn slot(&self, set: usize, way: usize) -> usize {
        set * self.ways + way
    }

    /// Returns the set of a slot.
    pub(crate) fn set_of_slot(&self, slot: usize) -> usize {
        slot / self.ways
    }

    /// Number of slots.
    pub(crate) fn len(&self) -> usize {
        self.tags.len()
    }
}

/// Counts of lines, by a few bits of their physical address: says cheaply that a line is nowhere in a cache whose tags
/// do not show it.
#[derive(Clone, Debug)]
struct Presence(Vec<u16>);

impl Presence {
    const BUCKETS: usize = 1 << 14;

    fn bucket(number: u64) -> usize {
        number as usize & (Self::BUCKETS - 1)
    }

    fn has(&self, number: u64) -> bool {
        self.count(number) != 0
    }

    /// How many lines have a number with these bits.
    fn count(&self, number: u64) -> u16 {
        self.0[Self::bucket(number)]
    }

    fn add(&mut self, number: u64) {
        self.0[Self::bucket(number)] += 1;
    }

    fn remove(&mut self, number: u64) {
        self.0[Self::bucket(number)] -= 1;
    }
}

impl Default for Presence {
    fn default() -> Self {
        Self(vec![0; Self::BUCKETS])
    }
}
