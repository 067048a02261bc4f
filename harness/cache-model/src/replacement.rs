// SPDX-License-Identifier: GPL-2.0-or-later
//! Which line of a full set has to go.

use std::fmt;

/// How a cache chooses the line that makes room for another. An invalid place is always taken first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replacement {
    /// The line that was used longest ago (MIPS 24K, 74K).
    #[default]
    LeastRecentlyUsed,
    /// A binary tree of bits, each pointing away from the half that was used last (ARM Cortex-A15 I$, many others).
    PseudoLru,
    /// The places in turn, one counter for each set (ARM926, ARM11, Cortex-A9, as software can choose them).
    RoundRobin,
    /// Any place, from a generator with this seed (ARM926, ARM11, Cortex-A9 as they come out of reset).
    Random(u64),
}

impl fmt::Display for Replacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeastRecentlyUsed => f.write_str("LRU"),
            Self::PseudoLru => f.write_str("pseudo-LRU"),
            Self::RoundRobin => f.write_str("round-robin"),
            Self::Random(seed) => write!(f, "random, seed {seed}"),
        }
    }
}

/// What a policy remembers of the uses of each set.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// A clock, and when each place was used last.
    Lru { clock: u64, used: Vec<u64> },
    /// The bits of each set's tree: bit n is node n, whose children are 2n and 2n + 1; the root is node 1. A bit that
    /// is set points to the right.
    Tree { bits: Vec<u32> },
    /// The way that goes next, for each set.
    Counter { next: Vec<u8> },
    /// State of the generator.
    Random { state: u64 },
}

impl Order {
    pub(crate) fn new(policy: Replacement, sets: usize, ways: usize) -> Self {
        match policy {
            Replacement::LeastRecentlyUsed => Self::Lru { clock: 0, used: vec![0; sets * ways] },
            Replacement::PseudoLru => Self::Tree { bits: vec![0; sets] },
            Replacement::RoundRobin => Self::Counter { next: vec![0; sets] },
            Replacement::Random(seed) => Self::Random { state: seed },
        }
    }

    /// A line was used.
    #[inline]
    pub(crate) fn touch(&mut self, set: usize, way: usize, ways: usize) {
        match self {
            Self::Lru { clock, used } => {
                *clock += 1;
                used[set * ways + way] = *clock;
            }
            Self::Tree { bits } => {
                let mut node = 1;
                let mut half = ways / 2;
                while half != 0 {
                    let right = way & half != 0;
                    // Away from the half just used.
                    if right {
                        bits[set] &= !(1 << node);
                    } else {
                        bits[set] |= 1 << node;
                    }
                    node = 2 * node + usize::from(right);
                    half /= 2;
                }
            }
            Self::Counter { .. } | Self::Random { .. } => {}
        }
    }

    /// Returns the way whose line goes, of a set without invalid places.
    pub(crate) fn victim(&mut self, set: usize, ways: usize) -> usize {
        match self {
            Self::Lru { used, .. } => {
                let used = &used[set * ways..(set + 1) * ways];
                (0..ways).min_by_key(|way| used[*way]).unwrap_or(0)
            }
            Self::Tree { bits } => {
                let (mut node, mut way) = (1, 0);
                while node < ways {
                    let right = bits[set] >> node & 1;
                    way = 2 * way + right as usize;
                    node = 2 * node + right as usize;
                }
                way
            }
            Self::Counter { next } => {
                let way = usize::from(next[set]);
                next[set] = ((way + 1) % ways) as u8;
                way
            }
            Self::Random { state } => {
                // Steele, Lea, Flood: Fast splittable pseudorandom number generators (SplitMix64).
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let z = (*state ^ *state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
                (z ^ z >> 31) as usize & (ways - 1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn victims(policy: Replacement, used: &[usize], count: usize) -> Vec<usize> {
        let mut order = Order::new(policy, 2, 4);
        for way in used {
            order.touch(1, *way, 4);
        }
        (0..count)
            .map(|_| {
                let way = order.victim(1, 4);
                order.touch(1, way, 4);
                way
            })
            .collect()
    }

    #[test]
    fn lru_takes_the_one_used_longest_ago() {
        assert_eq!(victims(Replacement::LeastRecentlyUsed, &[2, 0, 3, 1], 5), [2, 0, 3, 1, 2]);
    }

    /// The tree of four ways, by hand: after 0, 1, 2, 3 in turn it points at 0; a use of 0 makes it point at 2, and so on.
    #[test]
    fn pseudo_lru_follows_its_tree() {
        assert_eq!(victims(Replacement::PseudoLru, &[0, 1, 2, 3], 4), [0, 2, 1, 3]);
        // True LRU would take 1 here.
        assert_eq!(victims(Replacement::PseudoLru, &[0, 1, 2, 3, 0], 1), [2]);
    }

    #[test]
    fn round_robin_takes_no_notice_of_uses() {
        assert_eq!(victims(Replacement::RoundRobin, &[2, 2, 0], 6), [0, 1, 2, 3, 0, 1]);
    }

    #[test]
    fn random_is_seeded_and_reaches_every_way() {
        let some = victims(Replacement::Random(7), &[], 64);
        assert_eq!(some, victims(Replacement::Random(7), &[], 64));
        assert_ne!(some, victims(Replacement::Random(8), &[], 64));
        assert!((0..4).all(|way| some.contains(&way)));
    }
}
