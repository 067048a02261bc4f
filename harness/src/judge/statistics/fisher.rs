// SPDX-License-Identifier: GPL-2.0-or-later
//! Fisher's exact test: whether two rows of trials pass at one rate.
//!
//! R. A. Fisher, "The Design of Experiments" (1935), chapter II. Given how many trials each row has and how many of all of
//! them pass, the passes of the first row are hypergeometric if the rates are equal. The two-sided p-value is the sum over all
//! tables that are no more likely than the observed one, as R's `fisher.test` has it. `statrs` has the test too, but
//! takes tables as equally likely that differ by a part in 10,000, and searches for the far tail by halving.

use serde::Deserialize;
use serde::Serialize;

/// Tables are as likely as the observed one up to this relative difference, which is R's: rounding must not distinguish
/// what is equal.
const TIE: f64 = 1e-7;

/// The outcomes of a row of trials; unknown ones are not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassCounts {
    /// Trials that passed.
    pub passes: u32,
    /// Trials that failed.
    pub failures: u32,
}

impl PassCounts {
    fn n(self) -> u64 {
        u64::from(self.passes) + u64::from(self.failures)
    }
}

/// Which difference of the two pass rates a test looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alternative {
    /// They differ.
    TwoSided,
    /// The first row's is greater.
    FirstGreater,
    /// The first row's is less.
    FirstLess,
}

/// Returns the p-value of the hypothesis that two rows pass at one rate; above 0 and at most 1. It is 1 where no other
/// table was possible: a row without trials, or all trials with one outcome.
pub fn p_value(first: PassCounts, second: PassCounts, alternative: Alternative) -> f64 {
    let weights = Weights::new(first, second);
    let observed = weights.of(u64::from(first.passes));
    let counts = |passes: u64, weight: f64| match alternative {
        Alternative::TwoSided => weight <= observed * (1.0 + TIE),
        Alternative::FirstGreater => passes >= u64::from(first.passes),
        Alternative::FirstLess => passes <= u64::from(first.passes),
    };
    let (mut extreme, mut total) = (0.0, 0.0);
    for (passes, weight) in weights.all() {
        total += weight;
        if counts(passes, weight) {
            extreme += weight;
        }
    }
    // So many trials could be so extreme that the smallest number is still too large. Nothing has the chance 0.
    (extreme / total).clamp(f64::MIN_POSITIVE, 1.0)
}

/// How likely each number of passes in the first row is, relative to a number near the most likely one. From there on, each
/// is a product of small fractions of its neighbour: without logarithms, whose last digits differ between machines.
struct Weights {
    /// The number of passes that the first of `weights` belongs to.
    lowest: u64,
    /// What is not in here is less than the smallest number.
    weights: Vec<f64>,
}

impl Weights {
    fn new(first: PassCounts, second: PassCounts) -> Self {
        let passes = u64::from(first.passes) + u64::from(second.passes);
        let (n, other) = (first.n(), second.n());
        let (lowest, highest) = (passes.saturating_sub(other), passes.min(n));
        let mode = u128::from(n + 1) * u128::from(passes + 1) / u128::from(n + other + 2);
        let mode = u64::try_from(mode).unwrap_or(highest).clamp(lowest, highest);
        // Chance of `x` passes in the first row, relative to that of one less. All counts are far below 2^53.
        let step = |x: u64| {
            let more = (n - x + 1) as f64 * (passes - x + 1) as f64;
            more / (x as f64 * (other + x - passes) as f64)
        };
        // Below it, rounding up would keep them from ever reaching 0.
        let normal = |weight: &f64| *weight >= f64::MIN_POSITIVE;
        let product = |weight: &mut f64, factor: f64| {
            *weight *= factor;
            Some(*weight)
        };
        let downwards = (lowest + 1..=mode).rev().map(|x| 1.0 / step(x));
        let mut weights: Vec<f64> = downwards.scan(1.0, product).take_while(normal).collect();
        let lowest = mode - weights.len() as u64;
        weights.reverse();
        weights.push(1.0);
        weights.extend((mode + 1..=highest).map(step).scan(1.0, product).take_while(normal));
        Self { lowest, weights }
    }

    fn all(&self) -> impl Iterator<Item = (u64, f64)> {
        (self.lowest..).zip(self.weights.iter().copied())
    }

    fn of(&self, passes: u64) -> f64 {
        let index = passes.checked_sub(self.lowest).and_then(|index| usize::try_from(index).ok());
        index.and_then(|index| self.weights.get(index)).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use statrs::distribution::Discrete;
    use statrs::distribution::Hypergeometric;

    use super::Alternative::FirstGreater;
    use super::Alternative::FirstLess;
    use super::Alternative::TwoSided;
    use super::*;

    fn counts(passes: u32, failures: u32) -> PassCounts {
        PassCounts { passes, failures }
    }

    fn choose(n: u32, k: u32) -> u128 {
        (1..=u128::from(k)).fold(1, |product, i| product * (u128::from(n) + 1 - i) / i)
    }

    /// The definition, in integers: `wanted` chooses tables by passes of the first row, and number of ways.
    fn exact(first: PassCounts, second: PassCounts, wanted: impl Fn(u32, u128, u128) -> bool) -> f64 {
        let passes = first.passes + second.passes;
        let (n, other) = (first.passes + first.failures, second.passes + second.failures);
        let ways = |x: u32| choose(n, x) * choose(other, passes - x);
        let observed = ways(first.passes);
        let tables = passes.saturating_sub(other)..=passes.min(n);
        let sum: u128 = tables.filter(|x| wanted(*x, ways(*x), observed)).map(ways).sum();
        sum as f64 / choose(n + other, passes) as f64
    }

    fn check(first: PassCounts, second: PassCounts) {
        for (alternative, wanted) in [
            (TwoSided, exact(first, second, |_, ways, observed| ways <= observed)),
            (FirstGreater, exact(first, second, |x, _, _| x >= first.passes)),
            (FirstLess, exact(first, second, |x, _, _| x <= first.passes)),
        ] {
            let got = p_value(first, second, alternative);
            assert!(
                (got - wanted).abs() <= 1e-12 * wanted,
                "{first:?} {second:?} {alternative:?}: {got} {wanted}"
            );
        }
    }

    #[test]
    fn it_agrees_with_integers_over_all_small_tables() {
        let mut tables = 0;
        for n in 0..=20 {
            for (passes, other) in (0..=n).flat_map(|a| (0..=n - a).map(move |b| (a, b))) {
                for failures in 0..=n - passes - other {
                    check(counts(passes, failures), counts(other, n - passes - other - failures));
                    tables += 1;
                }
            }
        }
        assert_eq!(tables, 10_626);
    }

    #[test]
    fn it_agrees_with_integers_where_studies_are() {
        for n in [20, 30, 50] {
            for passes in 0..=n {
                check(counts(passes, n - passes), counts(n, 0));
                check(counts(passes, n - passes), counts(n / 3, n - n / 3));
            }
        }
    }

    /// Fisher's lady finds three of four cups: 17/70 and 34/70. The convicts (Fisher 1962, R's documentation of
    /// `fisher.test`): 0.0004652 one-sided, 0.0005367 two-sided.
    #[test]
    fn it_agrees_with_published_examples() {
        let close =
            |got: f64, wanted: f64, digits: f64| assert!((got - wanted).abs() < digits, "{got} {wanted}");
        close(p_value(counts(3, 1), counts(1, 3), FirstGreater), 17.0 / 70.0, 1e-14);
        close(p_value(counts(3, 1), counts(1, 3), TwoSided), 34.0 / 70.0, 1e-14);
        let (dizygotic, monozygotic) = (counts(2, 15), counts(10, 3));
        close(p_value(dizygotic, monozygotic, FirstLess), 0.000_465_2, 5e-8);
        close(p_value(dizygotic, monozygotic, TwoSided), 0.000_536_7, 5e-8);
    }

    /// `statrs` sums its logarithms of factorials for the same distribution.
    #[test]
    fn it_agrees_with_the_hypergeometric_distribution_of_statrs() {
        for (first, second) in [
            (counts(4_800, 200), counts(4_900, 100)),
            (counts(9_000, 500), counts(480, 20)),
            (counts(30, 70), counts(4_000, 5_900)),
            (counts(5, 4_995), counts(12, 4_988)),
        ] {
            let passes = u64::from(first.passes + second.passes);
            let distribution = Hypergeometric::new(first.n() + second.n(), first.n(), passes).unwrap();
            let observed = distribution.ln_pmf(u64::from(first.passes));
            let logarithms =
                (passes.saturating_sub(second.n())..=passes.min(first.n())).map(|x| distribution.ln_pmf(x));
            let wanted: f64 = logarithms.filter(|ln| *ln <= observed + TIE).map(f64::exp).sum();
            let got = p_value(first, second, TwoSided);
            assert!((got - wanted).abs() < 1e-8 * wanted, "{first:?} {second:?}: {got} {wanted}");
        }
    }

    #[test]
    fn nothing_else_was_possible() {
        for alternative in [TwoSided, FirstGreater, FirstLess] {
            assert_eq!(p_value(counts(0, 0), counts(0, 0), alternative), 1.0);
            assert_eq!(p_value(counts(0, 0), counts(3, 4), alternative), 1.0);
            assert_eq!(p_value(counts(20, 0), counts(20, 0), alternative), 1.0);
            assert_eq!(p_value(counts(0, 7), counts(0, 9), alternative), 1.0);
        }
    }

    #[test]
    fn it_is_symmetric_in_rows_and_in_outcomes() {
        for (a, b, c, d) in [(3, 17, 12, 8), (0, 40, 5, 35), (700, 300, 650, 350)] {
            let p = p_value(counts(a, b), counts(c, d), TwoSided);
            for q in
                [p_value(counts(c, d), counts(a, b), TwoSided), p_value(counts(b, a), counts(d, c), TwoSided)]
            {
                assert!((p - q).abs() < 1e-12 * p, "{p} {q}");
            }
            let swapped = p_value(counts(c, d), counts(a, b), FirstLess);
            assert!((p_value(counts(a, b), counts(c, d), FirstGreater) - swapped).abs() < 1e-12);
        }
    }

    /// The chance is 1 in C(10,000, 5,000), about 1e-3008.
    #[test]
    fn what_is_too_small_for_a_number_is_still_above_0() {
        for alternative in [TwoSided, FirstGreater] {
            assert_eq!(p_value(counts(5_000, 0), counts(0, 5_000), alternative), f64::MIN_POSITIVE);
        }
        assert_eq!(p_value(counts(5_000, 0), counts(0, 5_000), FirstLess), 1.0);
        let huge = p_value(counts(u32::MAX, u32::MAX), counts(u32::MAX, u32::MAX - 1), TwoSided);
        assert!(huge > 0.9 && huge <= 1.0, "{huge}");
    }
}
