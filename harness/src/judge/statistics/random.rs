// SPDX-License-Identifier: GPL-2.0-or-later
//! Random numbers that are the same on every machine.

use chacha20::ChaCha8Rng;
use chacha20::rand_core::Rng;
use chacha20::rand_core::SeedableRng;

/// A generator: ChaCha with 8 rounds, whose output is defined by its specification and is no matter of a crate's version.
/// So the seed fills the key directly, and numbers are drawn here and not by `rand`, which may change how it does both.
pub(in crate::judge) struct Random(ChaCha8Rng);

impl Random {
    /// Returns the generator of a seed.
    pub(in crate::judge) fn new(seed: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Returns 32 random bits.
    pub(in crate::judge) fn bits(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Returns true with a chance of `rate`, to within 2^-32.
    pub(in crate::judge) fn chance(&mut self, rate: f64) -> bool {
        f64::from(self.bits()) < rate * 4_294_967_296.0
    }

    /// Returns a number below `n`, each with the same chance; `n` is at least 1.
    ///
    /// D. Lemire, "Fast random integer generation in an interval", ACM Transactions on Modeling and Computer Simulation 29
    /// (2019), article 3: the upper half of a product, where the few lower halves that would favour some are drawn anew.
    pub(in crate::judge) fn below(&mut self, n: u32) -> u32 {
        let unfair = n.wrapping_neg() % n;
        loop {
            let product = u64::from(self.bits()) * u64::from(n);
            let (upper, lower) = ((product >> 32) as u32, product as u32);
            if lower >= unfair {
                return upper;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first block of ChaCha8 with key, nonce and counter 0: J. Strombergson, "Test vectors for the stream cipher
    /// ChaCha", draft-strombergson-chacha-test-vectors-01 (2013), TC1, 8 rounds, 256 bit key: 3e00ef2f895f40d6....
    #[test]
    fn it_is_chacha8() {
        let mut random = Random::new(0);
        let words: Vec<u32> = (0..4).map(|_| random.bits()).collect();
        let block =
            [0x3e, 0x00, 0xef, 0x2f, 0x89, 0x5f, 0x40, 0xd6, 0x7f, 0x5b, 0xb8, 0xe8, 0x1f, 0x09, 0xa5, 0xa1];
        let wanted: Vec<u32> =
            block.chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect();
        assert_eq!(words, wanted);
    }

    #[test]
    fn seeds_differ_and_a_seed_repeats() {
        let first = |seed| Random::new(seed).bits();
        assert_eq!(first(7), first(7));
        assert_ne!(first(7), first(8));
        assert_ne!(first(7), first(7 << 32));
    }

    #[test]
    fn all_numbers_below_n_come_equally_often() {
        for n in [1, 2, 3, 7, 100] {
            let mut random = Random::new(u64::from(n));
            let mut counts = vec![0u32; n as usize];
            for _ in 0..n * 10_000 {
                counts[random.below(n) as usize] += 1;
            }
            // Five standard deviations of about 100.
            assert!(counts.iter().all(|count| count.abs_diff(10_000) < 500), "{n}: {counts:?}");
        }
    }

    /// Three quarters of 2^32: by a remainder, a third of the numbers would come twice as often as the others.
    #[test]
    fn numbers_below_an_n_that_hardly_fits_are_fair_too() {
        let n = 3 << 30;
        let mut random = Random::new(1);
        let low = (0..100_000).filter(|_| random.below(n) < n / 3).count();
        assert!(low.abs_diff(33_333) < 750, "{low}");
    }
}
