// SPDX-License-Identifier: GPL-2.0-or-later
//! The interval of a pass rate.
//!
//! C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
//! binomial", Biometrika 26 (1934), 404-413: exact, that is, its coverage is never below the stated confidence,
//! also at 0 of n and n of n, where most of our cells are. It is wider than it had to be (L. D. Brown, T. T. Cai and
//! A. DasGupta, "Interval estimation for a binomial proportion", Statistical Science 16 (2001), 101-133), which errs
//! on the side on which a patch should be judged. The limits as quantiles of the beta distribution: *ibid.*, 4.2.1.
//!
//! E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the American
//! Statistical Association 22 (1927), 209-212: narrower, and its coverage is the stated confidence in the mean over
//! all rates; at some it is less, near 0 and 1 down to 84 % for a stated 95 %.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use statrs::distribution::Beta;
use statrs::distribution::ContinuousCDF;
use statrs::distribution::Normal;

use crate::plan::IntervalMethod;

/// Confidence of every interval in the reports, two-sided.
pub const CONFIDENCE: f64 = 0.95;

/// A confidence interval of a rate; both limits in 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// Lower limit.
    pub low: f64,
    /// Upper limit.
    pub high: f64,
}

impl IntervalMethod {
    /// Returns the two-sided interval for `passes` of `n`, or nothing if `n` is 0, since no trial says nothing.
    /// `passes` is at most `n`, and `confidence` above 0 and below 1, or there is nothing either.
    pub fn interval(self, passes: u32, n: u32, confidence: f64) -> Option<Interval> {
        let failures = n.checked_sub(passes)?;
        if n == 0 || !(confidence > 0.0 && confidence < 1.0) {
            return None;
        }
        let tail = (1.0 - confidence) / 2.0;
        let (low, high) = match self {
            Self::ClopperPearson => exact(passes, failures, tail)?,
            Self::Wilson => score(f64::from(passes), f64::from(n), tail),
        };
        // The limits at the ends are so by definition, whatever the last digit of a computed one.
        let low = if passes == 0 { 0.0 } else { low };
        let high = if failures == 0 { 1.0 } else { high };
        let sane = (0.0..=1.0).contains(&low) && (low..=1.0).contains(&high);
        sane.then_some(Interval { low, high })
    }
}

fn exact(passes: u32, failures: u32, tail: f64) -> Option<(f64, f64)> {
    // The distribution has no parameter 0; the caller knows the limit there.
    let quantile = |a: u32, b: u32, p: f64| match (a, b) {
        (0, _) | (_, 0) => Some(0.0),
        _ => Some(Beta::new(f64::from(a), f64::from(b)).ok()?.inverse_cdf(p)),
    };
    // The upper limit of the passes is what the lower limit of the failures leaves, which loses no digits in 1 - tail.
    let low = quantile(passes, failures + 1, tail)?;
    let high = 1.0 - quantile(failures, passes + 1, tail)?;
    Some((low, high))
}

fn score(passes: f64, n: f64, tail: f64) -> (f64, f64) {
    let z = -Normal::standard().inverse_cdf(tail);
    let square = z * z;
    let middle = passes + square / 2.0;
    let half = z * (passes * (n - passes) / n + square / 4.0).sqrt();
    // Rounding may leave the range by a last digit.
    (((middle - half) / (n + square)).max(0.0), ((middle + half) / (n + square)).min(1.0))
}

/// Returns the two-sided Clopper-Pearson interval of [`CONFIDENCE`] for `passes` of `n`, or nothing if `n` is 0.
pub fn clopper_pearson(passes: u32, n: u32) -> Option<Interval> {
    IntervalMethod::ClopperPearson.interval(passes, n, CONFIDENCE)
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
    use crate::judge::statistics::random::Random;
    use crate::judge::statistics::testing::binomial;
    use crate::judge::statistics::testing::binomial_cdf;
    use crate::judge::statistics::testing::bisect;
    use crate::judge::statistics::testing::failures;

    /// Half of the confidence outside: 90, 95, 99 and 99.9 %; with the normal quantiles from any table.
    const TAILS: [(f64, f64); 4] = [
        (0.05, 1.644_853_626_951_473),
        (0.025, 1.959_963_984_540_054),
        (0.005, 2.575_829_303_548_901),
        (0.000_5, 3.290_526_731_491_926),
    ];

    /// Returns the Clopper-Pearson interval by its definition, without the beta distribution.
    fn by_tails(k: u32, n: u32, tail: f64) -> Interval {
        let rates = (0.0, 1.0);
        let low = if k == 0 { 0.0 } else { bisect(rates, |p| 1.0 - binomial_cdf(k - 1, n, p), tail) };
        // The falling tail, mirrored, so that no digits are lost.
        let high = if k == n { 1.0 } else { bisect(rates, |p| -binomial_cdf(k, n, p), -tail) };
        Interval { low, high }
    }

    /// Returns the Wilson interval by its definition: the rates whose score is just not too far from the estimate.
    fn by_score(k: u32, n: u32, z: f64) -> Interval {
        let (estimate, n) = (f64::from(k) / f64::from(n), f64::from(n));
        let score = |p: f64| (p - estimate) / (p * (1.0 - p) / n).sqrt();
        let low = if estimate == 0.0 { 0.0 } else { bisect((0.0, estimate), score, -z) };
        let high = if estimate == 1.0 { 1.0 } else { bisect((estimate, 1.0), score, z) };
        Interval { low, high }
    }

    fn assert_near(got: Interval, wanted: Interval, by: f64) {
        let near = (got.low - wanted.low).abs() < by && (got.high - wanted.high).abs() < by;
        assert!(near, "{got:?} {wanted:?}");
    }

    #[test]
    fn they_agree_with_their_definitions() {
        for n in (1..=40).chain([100, 1000]) {
            for k in (0..=n).step_by(if n > 40 { 97 } else { 1 }).chain([n]) {
                for (tail, z) in TAILS {
                    let got = |method: IntervalMethod| method.interval(k, n, 1.0 - 2.0 * tail).unwrap();
                    assert_near(got(IntervalMethod::ClopperPearson), by_tails(k, n, tail), 1e-8);
                    assert_near(got(IntervalMethod::Wilson), by_score(k, n, z), 1e-8);
                }
            }
        }
    }

    /// R. G. Newcombe, "Two-sided confidence intervals for the single proportion: comparison of seven methods",
    /// Statistics in Medicine 17 (1998), 857-872, table I, methods 5 and 3, four digits.
    #[test]
    fn they_agree_with_newcombes_table() {
        for (k, n, exact, score) in [
            (81, 263, (0.2527, 0.3676), (0.2553, 0.3662)),
            (15, 148, (0.0578, 0.1617), (0.0624, 0.1605)),
            (0, 20, (0.0, 0.1684), (0.0, 0.1611)),
            (1, 29, (0.0009, 0.1776), (0.0061, 0.1718)),
        ] {
            for (method, (low, high)) in
                [(IntervalMethod::ClopperPearson, exact), (IntervalMethod::Wilson, score)]
            {
                let got = method.interval(k, n, CONFIDENCE).unwrap();
                assert_near(got, Interval { low, high }, 5e-5 + 1e-9);
            }
        }
    }

    /// Figures as R's `binom.test` prints them; the first is the example of its documentation (Conover 1971, p. 97).
    /// Checked against the sum of the binomial distribution in rational numbers.
    #[test]
    fn it_agrees_with_r_to_six_digits() {
        for (k, n, low, high) in [
            (682, 925, 0.707_668_3, 0.765_406_6),
            (20, 20, 0.831_566_5, 1.0),
            (0, 20, 0.0, 0.168_433_5),
            (5, 20, 0.086_571_5, 0.491_045_9),
            (7, 10, 0.347_547_1, 0.933_260_5),
        ] {
            assert_near(clopper_pearson(k, n).unwrap(), Interval { low, high }, 5.1e-8);
        }
    }

    /// Returns the chance that the interval contains the true rate, summed over all outcomes.
    fn coverage(intervals: &[Interval], p: f64) -> f64 {
        let n = u32::try_from(intervals.len()).unwrap() - 1;
        let covering = intervals.iter().zip(binomial(n, p)).filter(|(i, _)| i.low <= p && p <= i.high);
        covering.map(|(_, chance)| chance).sum()
    }

    fn intervals(method: IntervalMethod, n: u32) -> Vec<Interval> {
        (0..=n).map(|k| method.interval(k, n, CONFIDENCE).unwrap()).collect()
    }

    #[test]
    fn clopper_pearson_covers_every_rate_often_enough() {
        for n in (1..=30).chain([50, 100]) {
            let intervals = intervals(IntervalMethod::ClopperPearson, n);
            // Coverage has its minima beside the limits, so these are tried as well as a grid.
            let beside =
                intervals.iter().flat_map(|i| [i.low - 1e-7, i.low + 1e-7, i.high - 1e-7, i.high + 1e-7]);
            for p in beside.chain((1..500).map(|i| f64::from(i) / 500.0)).filter(|p| *p > 0.0 && *p < 1.0) {
                let coverage = coverage(&intervals, p);
                assert!(coverage >= CONFIDENCE, "n {n}, p {p}: {coverage}");
            }
        }
    }

    #[test]
    fn wilson_covers_as_stated_in_the_mean_and_not_at_every_rate() {
        let mut worst: f64 = 1.0;
        for n in [5, 10, 20, 50, 100, 200] {
            let intervals = intervals(IntervalMethod::Wilson, n);
            let all: Vec<f64> =
                (0..2000).map(|i| coverage(&intervals, (f64::from(i) + 0.5) / 2000.0)).collect();
            let mean = all.iter().sum::<f64>() / 2000.0;
            assert!((mean - CONFIDENCE).abs() < 0.008, "n {n}: {mean}");
            worst = all.into_iter().fold(worst, f64::min);
        }
        assert!(worst > 0.83 && worst < 0.86, "{worst}");
    }

    #[test]
    fn clopper_pearson_covers_simulated_cells() {
        let mut random = Random::new(20);
        for (n, p) in [(20, 0.25), (20, 0.02), (50, 0.9)] {
            let intervals = intervals(IntervalMethod::ClopperPearson, n);
            let covers = |k: u32| intervals[k as usize].low <= p && p <= intervals[k as usize].high;
            let covered: u32 = (0..10_000).map(|_| u32::from(covers(failures(&mut random, n, p)))).sum();
            let (share, wanted) = (f64::from(covered) / 10_000.0, coverage(&intervals, p));
            // Four standard deviations of the simulation.
            assert!(
                (share - wanted).abs() < 4.0 * (wanted * (1.0 - wanted) / 10_000.0).sqrt(),
                "{n} {p} {share}"
            );
            assert!(share >= CONFIDENCE, "{n} {p}: {share}");
        }
    }

    #[test]
    fn no_trial_says_nothing() {
        for method in [IntervalMethod::ClopperPearson, IntervalMethod::Wilson] {
            assert_eq!(method.interval(0, 0, CONFIDENCE), None);
            assert_eq!(method.interval(3, 2, CONFIDENCE), None);
            for confidence in [0.0, 1.0, -1.0, 2.0, f64::NAN, f64::INFINITY] {
                assert_eq!(method.interval(1, 2, confidence), None);
            }
        }
        assert_eq!(power(0), None);
    }

    #[test]
    fn limits_are_numbers_in_order_also_far_out() {
        for method in [IntervalMethod::ClopperPearson, IntervalMethod::Wilson] {
            for (k, n) in [(0, 1), (1, 1), (0, 10_000), (1, 10_000), (5_000, 10_000), (9_999, 10_000)] {
                for confidence in [1e-6, 0.5, 0.95, 0.999_999] {
                    let Interval { low, high } = method.interval(k, n, confidence).unwrap();
                    let estimate = f64::from(k) / f64::from(n);
                    let contains = low <= estimate + 1e-12 && estimate - 1e-12 <= high;
                    // The exact limits of a narrow interval lie on both sides of the median, not of the estimate.
                    assert!(low < high && (contains || confidence < 0.5), "{method:?} {k}/{n} {low} {high}");
                }
            }
        }
    }

    #[test]
    fn power_is_the_upper_limit_of_the_failure_rate() {
        assert_eq!(power(20).unwrap(), "20 passes of 20 exclude a failure rate above 16.8 %");
        assert_eq!(power(1).unwrap(), "1 pass of 1 excludes a failure rate above 97.5 %");
        assert_eq!(power(300).unwrap(), "300 passes of 300 exclude a failure rate above 1.2 %");
    }
}
