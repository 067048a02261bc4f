// SPDX-License-Identifier: GPL-2.0-or-later
//! The interval of a pass rate.
//!
//! C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
//! binomial", Biometrika 26 (1934), 404-413: exact, that is, its coverage is never below the stated confidence,
//! also at 0 of n and n of n, where most of our cells are. It is wider than it had to be (L. D. Brown, T. T. Cai and
//! A. DasGupta, "Interval estimation for a binomial proportion", Statistical Science 16 (2001), 101-133), which errs
//! on the side on which a patch should be judged. The limits as quantiles of the beta distribution: *ibid.*, 4.2.1.

use serde::Deserialize;
use serde::Serialize;
use statrs::distribution::Beta;
use statrs::distribution::ContinuousCDF;

/// Confidence of every interval in the reports, two-sided.
pub const CONFIDENCE: f64 = 0.95;

/// A confidence interval of a rate; both limits in 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower limit.
    pub low: f64,
    /// Upper limit.
    pub high: f64,
}

/// Returns the two-sided Clopper-Pearson interval of [`CONFIDENCE`] for `passes` of `n`, or nothing if `n` is 0,
/// since no trial says nothing. `passes` is at most `n`.
pub fn clopper_pearson(passes: u32, n: u32) -> Option<Interval> {
    let failures = n.checked_sub(passes)?;
    let tail = (1.0 - CONFIDENCE) / 2.0;
    let quantile = |a: u32, b: u32, p: f64| Some(Beta::new(f64::from(a), f64::from(b)).ok()?.inverse_cdf(p));
    match (passes, failures) {
        (0, 0) => None,
        (0, _) => Some(Interval { low: 0.0, high: quantile(1, failures, 1.0 - tail)? }),
        (_, 0) => Some(Interval { low: quantile(passes, 1, tail)?, high: 1.0 }),
        _ => Some(Interval {
            low: quantile(passes, failures + 1, tail)?,
            high: quantile(passes + 1, failures, 1.0 - tail)?,
        }),
    }
}

/// Returns what `n` passes of `n` exclude, as a sentence: the failure rate that would have shown with 95 %
/// confidence. Nothing if `n` is 0.
pub fn power(n: u32) -> Option<String> {
    let interval = clopper_pearson(n, n)?;
    let passes = if n == 1 { "pass" } else { "passes" };
    let exclude = if n == 1 { "excludes" } else { "exclude" };
    Some(format!("{n} {passes} of {n} {exclude} a failure rate above {:.1} %", (1.0 - interval.low) * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the chance of at most `k` successes in `n` at rate `p`, term by term.
    fn binomial_cdf(k: u32, n: u32, p: f64) -> f64 {
        let mut sum = 0.0;
        for i in 0..=k {
            // ln C(n, i), so that no factor overflows.
            let choose: f64 = (1..=i).map(|j| (f64::from(n - i + j) / f64::from(j)).ln()).sum();
            sum += (choose + f64::from(i) * p.ln() + f64::from(n - i) * (1.0 - p).ln()).exp();
        }
        sum
    }

    /// Returns the rate in 0 to 1 at which the rising `f` reaches `target`.
    fn bisect(f: impl Fn(f64) -> f64, target: f64) -> f64 {
        let (mut low, mut high) = (0.0, 1.0);
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

    /// The interval by its definition, without the beta distribution.
    fn by_definition(k: u32, n: u32) -> Interval {
        let low = if k == 0 { 0.0 } else { bisect(|p| 1.0 - binomial_cdf(k - 1, n, p), 0.025) };
        let high = if k == n { 1.0 } else { bisect(|p| 1.0 - binomial_cdf(k, n, p), 0.975) };
        Interval { low, high }
    }

    #[test]
    fn it_agrees_with_the_definition() {
        for n in (1..=40).chain([100, 300]) {
            for k in (0..=n).step_by(if n > 40 { 37 } else { 1 }).chain([n]) {
                let (got, wanted) = (clopper_pearson(k, n).unwrap(), by_definition(k, n));
                assert!((got.low - wanted.low).abs() < 1e-7, "{k}/{n}: {got:?} {wanted:?}");
                assert!((got.high - wanted.high).abs() < 1e-7, "{k}/{n}: {got:?} {wanted:?}");
            }
        }
    }

    /// Figures as R's `binom.test` prints them.
    #[test]
    fn it_agrees_with_published_values() {
        for (k, n, low, high) in [
            (20, 20, 0.8316, 1.0),
            (0, 20, 0.0, 0.1684),
            (5, 20, 0.0866, 0.4910),
            (10, 10, 0.6915, 1.0),
            (7, 10, 0.3475, 0.9333),
        ] {
            let got = clopper_pearson(k, n).unwrap();
            assert!((got.low - low).abs() < 5e-5 && (got.high - high).abs() < 5e-5, "{k}/{n}: {got:?}");
        }
    }

    #[test]
    fn no_trial_says_nothing() {
        assert_eq!(clopper_pearson(0, 0), None);
        assert_eq!(clopper_pearson(3, 2), None);
        assert_eq!(power(0), None);
    }

    #[test]
    fn power_is_the_upper_limit_of_the_failure_rate() {
        assert_eq!(power(20).unwrap(), "20 passes of 20 exclude a failure rate above 16.8 %");
        assert_eq!(power(1).unwrap(), "1 pass of 1 excludes a failure rate above 97.5 %");
        assert_eq!(power(300).unwrap(), "300 passes of 300 exclude a failure rate above 1.2 %");
    }
}
