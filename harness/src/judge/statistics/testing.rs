// SPDX-License-Identifier: GPL-2.0-or-later
//! What the tests of several modules need: second implementations, by definition and slow, and simulated trials.

use super::random::Random;

/// Returns the chances of 0 to `n` successes in `n` at rate `p`, for `p` above 0 and below 1.
pub(super) fn binomial(n: u32, p: f64) -> Vec<f64> {
    // The logarithm of C(n, k), so that no factor overflows.
    let mut choose = 0.0;
    let mut chance = |k: u32| {
        if k > 0 {
            choose += (f64::from(n - k + 1) / f64::from(k)).ln();
        }
        (choose + f64::from(k) * p.ln() + f64::from(n - k) * (-p).ln_1p()).exp()
    };
    (0..=n).map(&mut chance).collect()
}

/// Returns the chance of at most `k` successes in `n` at rate `p`, term by term.
pub(super) fn binomial_cdf(k: u32, n: u32, p: f64) -> f64 {
    binomial(n, p)[..=k as usize].iter().sum()
}

/// Returns the number between `low` and `high` at which the rising `f` reaches `target`.
pub(super) fn bisect((mut low, mut high): (f64, f64), f: impl Fn(f64) -> f64, target: f64) -> f64 {
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if f(middle) < target {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low + high) / 2.0
}

/// Returns a number above 0 and below 1, each with the same chance.
pub(super) fn unit(random: &mut Random) -> f64 {
    (f64::from(random.bits()) + 0.5) / 4_294_967_296.0
}

/// Returns how many of `n` simulated trials fail, each with chance `p`.
pub(super) fn failures(random: &mut Random, n: u32, p: f64) -> u32 {
    (0..n).map(|_| u32::from(unit(random) < p)).sum()
}
