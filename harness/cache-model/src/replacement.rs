// SPDX-License-Identifier: GPL-2.0-or-later
//! Which line of a full set has to go.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::geometry::Geometry;

/// Which line of a full set makes room for another. An invalid slot is always taken first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Replacement {
    /// The least recently used (MIPS 24K, 74K).
    #[default]
    Lru,
    /// The least recently used as far as a tree of bits can tell, each pointing away from the half that was used last (ARM Cortex-A15 I$, many others).
    Plru,
    /// Each slot in turn, one counter for each set (ARM926, ARM11, Cortex-A9, as software can choose them).
    RoundRobin,
    /// Any slot, from a generator with a seed (ARM926, ARM11, Cortex-A9 as they come out of reset).
    Random,
}

impl fmt::Display for Replacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lru => f.write_str("LRU"),
            Self::Plru => f.write_str("pseudo-LRU"),
            Self::RoundRobin => f.write_str("round-robin"),
            Self::Random => f.write_str("random"),
        }
    }
}

/// What a policy remembers of the uses of each set, over the caches of all CPUs.
///
/// Slots are counted over all of them, set by set. With atomics, since [`crate::FilterCache`] notes uses too; one thread at a time
/// works with it, so that relaxed order is enough.
#[derive(Debug)]
pub(crate) struct UseOrder {
    policy: Policy,
    /// log2 of the ways.
    way_shift: u32,
    /// For each set: with LRU the ways, four bits each, the one used last in the lowest; with a tree its bits, of which bit
    /// n is node n, whose children are 2n and 2n + 1, the root node 1, and one that is set points to the right; in turn, the
    /// way that goes next.
    sets: Box<[AtomicU64]>,
    /// For each CPU: state of the generator.
    random: Box<[AtomicU64]>,
    sets_each: usize,
}

/// [`Replacement`] without its figures, and with what a tree wants to know.
#[derive(Clone, Debug)]
enum Policy {
    Lru,
    /// For each way, the nodes above it, and those of them that then point to the right.
    Tree(Box<[(u64, u64)]>),
    InTurn,
    Random,
}

/// The ways 0 to 15, four bits each, with the lowest in the lowest: there are at most as many.
const IN_TURN: u64 = 0xfedc_ba98_7654_3210;

/// One, and the highest bit, in each four.
const ONES: u64 = 0x1111_1111_1111_1111;
const HIGHS: u64 = ONES << 3;

/// What an unused set has in its word.
fn unused(policy: Replacement) -> u64 {
    if policy == Replacement::Lru { IN_TURN } else { 0 }
}

impl UseOrder {
    /// Returns what `policy` knows of the unused caches of so many CPUs.
    pub(crate) fn new(policy: Replacement, seed: u64, cpus: usize, geometry: Geometry) -> Self {
        let (sets, ways) = (geometry.sets(), geometry.ways());
        let first = unused(policy);
        let policy = match policy {
            Replacement::Lru => Policy::Lru,
            Replacement::Plru => Policy::Tree((0..ways).map(|way| path(way, ways)).collect()),
            Replacement::RoundRobin => Policy::InTurn,
            Replacement::Random => Policy::Random,
        };
        let all = |count: usize, value| (0..count).map(|_| AtomicU64::new(value)).collect();
        let way_shift = ways.trailing_zeros();
        Self { policy, way_shift, sets: all(cpus * sets, first), random: all(cpus, seed), sets_each: sets }
    }

    /// Forgets all uses: as [`UseOrder::new`] makes it.
    pub(crate) fn reset(&self, policy: Replacement, seed: u64) {
        let first = unused(policy);
        self.sets.iter().for_each(|set| set.store(first, Relaxed));
        self.random.iter().for_each(|state| state.store(seed, Relaxed));
    }

    /// Number of slots.
    pub(crate) fn slots(&self) -> usize {
        self.sets.len() << self.way_shift
    }

    /// The set of a slot.
    #[inline]
    pub(crate) fn set_at(&self, slot: usize) -> usize {
        slot >> self.way_shift
    }

    /// The line at a slot was used.
    #[inline]
    pub(crate) fn touch(&self, slot: usize) {
        let (set, way) = (&self.sets[self.set_at(slot)], slot & ((1 << self.way_shift) - 1));
        match &self.policy {
            Policy::Lru => {
                let (order, way) = (set.load(Relaxed), way as u64);
                if order & 15 != way {
                    set.store(to_the_front(order, way), Relaxed);
                }
            }
            Policy::Tree(paths) => {
                let (nodes, right) = paths[way];
                set.store(set.load(Relaxed) & !nodes | right, Relaxed);
            }
            Policy::InTurn | Policy::Random => {}
        }
    }

    /// Returns the way whose line goes, of a set without invalid slots.
    #[inline]
    pub(crate) fn victim(&self, set: usize) -> usize {
        let (state, ways) = (&self.sets[set], 1 << self.way_shift);
        match &self.policy {
            Policy::Lru => (state.load(Relaxed) >> (4 * (ways - 1)) & 15) as usize,
            Policy::Tree(_) => {
                let bits = state.load(Relaxed);
                let (mut node, mut way) = (1, 0);
                while node < ways {
                    let right = (bits >> node & 1) as usize;
                    way = 2 * way + right;
                    node = 2 * node + right;
                }
                way
            }
            Policy::InTurn => {
                let way = state.load(Relaxed) as usize;
                state.store(((way + 1) % ways) as u64, Relaxed);
                way
            }
            Policy::Random => {
                // Steele, Lea, Flood: Fast splittable pseudorandom number generators (SplitMix64).
                let generator = &self.random[set / self.sets_each];
                let state = generator.load(Relaxed).wrapping_add(0x9e37_79b9_7f4a_7c15);
                generator.store(state, Relaxed);
                let z = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
                (z ^ z >> 31) as usize & (ways - 1)
            }
        }
    }
}

impl Clone for UseOrder {
    fn clone(&self) -> Self {
        let copy = |all: &[AtomicU64]| all.iter().map(|one| AtomicU64::new(one.load(Relaxed))).collect();
        Self { policy: self.policy.clone(), sets: copy(&self.sets), random: copy(&self.random), ..*self }
    }
}

/// The order of [`UseOrder::sets`] with a way taken out and put in front.
#[inline]
fn to_the_front(order: u64, way: u64) -> u64 {
    // Four bits that are zero are found as bytes are in a word: Warren, Hacker's Delight, 6-1. The lowest is exact.
    let differs = order ^ (way * ONES);
    let found = (differs.wrapping_sub(ONES) & !differs & HIGHS).trailing_zeros() & !3;
    let before = (1 << found) - 1;
    let after = !before & !(15 << found);
    order & after | (order & before) << 4 | way
}

/// For a use of a way: the nodes of the tree above it, and those of them that then point to the right, away from it.
fn path(way: usize, ways: usize) -> (u64, u64) {
    let (mut nodes, mut points_right) = (0, 0);
    let (mut node, mut half) = (1, ways / 2);
    while half != 0 {
        let right = way & half != 0;
        nodes |= 1 << node;
        points_right |= u64::from(!right) << node;
        node = 2 * node + usize::from(right);
        half /= 2;
    }
    (nodes, points_right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn victims(policy: Replacement, used: &[usize], count: usize) -> Vec<usize> {
        seeded(policy, 0, used, count)
    }

    fn seeded(policy: Replacement, seed: u64, used: &[usize], count: usize) -> Vec<usize> {
        let order = UseOrder::new(policy, seed, 1, Geometry::new(2, 4, 32).unwrap());
        for way in used {
            order.touch(4 + way);
        }
        (0..count)
            .map(|_| {
                let way = order.victim(1);
                order.touch(4 + way);
                way
            })
            .collect()
    }

    #[test]
    fn lru_takes_the_one_used_longest_ago() {
        assert_eq!(victims(Replacement::Lru, &[2, 0, 3, 1], 5), [2, 0, 3, 1, 2]);
    }

    #[test]
    fn lru_of_sixteen_ways_keeps_them_all() {
        let order = UseOrder::new(Replacement::Lru, 0, 1, Geometry::new(1, 16, 32).unwrap());
        let uses: Vec<usize> = (0..16).map(|n| n * 7 % 16).collect();
        uses.iter().for_each(|way| order.touch(*way));
        let gone: Vec<usize> = (0..16).map(|_| order.victim(0)).inspect(|way| order.touch(*way)).collect();
        assert_eq!(gone, uses);
    }

    /// The tree of four ways, by hand: after 0, 1, 2, 3 in turn it points at 0; a use of 0 makes it point at 2, and so on.
    #[test]
    fn pseudo_lru_follows_its_tree() {
        assert_eq!(victims(Replacement::Plru, &[0, 1, 2, 3], 4), [0, 2, 1, 3]);
        // True LRU would take 1 here.
        assert_eq!(victims(Replacement::Plru, &[0, 1, 2, 3, 0], 1), [2]);
    }

    #[test]
    fn round_robin_takes_no_notice_of_uses() {
        assert_eq!(victims(Replacement::RoundRobin, &[2, 2, 0], 6), [0, 1, 2, 3, 0, 1]);
    }

    #[test]
    fn random_is_seeded_and_reaches_every_way() {
        let random = |seed| seeded(Replacement::Random, seed, &[], 64);
        let some = random(7);
        assert_eq!(some, random(7));
        assert_ne!(some, random(8));
        assert!((0..4).all(|way| some.contains(&way)));
    }
}
