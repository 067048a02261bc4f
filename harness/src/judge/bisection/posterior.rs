// SPDX-License-Identifier: GPL-2.0-or-later
//! How probable it is of each commit that it is the one, given all trials.
//!
//! If commit *h* is the first with the change, the commits that contain *h* are on one side of it and all others on the other.
//! Trials on the failing side fail at one rate *p*, which nobody knows and which takes any value with the same chance;
//! trials on the passing side fail at a rate *q*, which is small: strays. Both rates are integrated out, which leaves ratios
//! of Beta functions of the pooled counts:
//!
//! ```text
//! P(trials | h) = B(1/2 + F, 1 + P) / B(1/2, 1)  *  B(a + f, b + s) / B(a, b)
//! ```
//!
//! with *F* failures and *P* passes on the failing side, *f* and *s* on the other. So a bug that shows always, or in every
//! tenth trial, needs no different treatment, and one stray failure or one lucky pass is taken for what it may be.

use statrs::function::beta::ln_beta;

use super::Search;

/// Strays: Beta(1, 199), whose mean is half a per cent.
const STRAY: (f64, f64) = (1.0, 199.0);

/// The failing side's rate: Beta(1/2, 1). Any value is possible; bugs that need a search like this one show seldom rather
/// than often, and with Beta(1, 1) the answers for those of one trial in ten claim more than they should.
const SHOWS: (f64, f64) = (0.5, 1.0);

/// How far the two ends are believed, before there is a trial, to be what they are said to be.
const ENDS_ARE_RIGHT: f64 = 0.99;

/// Failures and passes of several trials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TrialCounts {
    pub(super) failures: u32,
    pub(super) passes: u32,
}

/// The pooled trials of both sides, if one commit is the one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PooledSides {
    pub(super) failing: TrialCounts,
    pub(super) passing: TrialCounts,
}

impl PooledSides {
    fn ln_likelihood(&self) -> f64 {
        let term = |(a, b): (f64, f64), counts: TrialCounts| {
            if counts == TrialCounts::default() {
                return 0.0;
            }
            ln_beta(a + f64::from(counts.failures), b + f64::from(counts.passes)) - ln_beta(a, b)
        };
        term(SHOWS, self.failing) + term(STRAY, self.passing)
    }

    /// The parameters of the Beta distribution of the next trial's rate, on the failing side or the other.
    pub(super) fn rate(&self, failing: bool) -> (f64, f64) {
        let ((a, b), counts) = if failing { (SHOWS, self.failing) } else { (STRAY, self.passing) };
        (a + f64::from(counts.failures), b + f64::from(counts.passes))
    }
}

/// What is known after some trials. A hypothesis is the position of the first commit with the change; 0 says that the old end
/// has it already, and the one after the last position that not even the new end has it.
#[derive(Clone, Debug)]
pub(super) struct Posterior {
    /// By hypothesis; they add up to 1.
    pub(super) weights: Vec<f64>,
    /// By hypothesis.
    pub(super) sides: Vec<PooledSides>,
}

impl Posterior {
    pub(super) fn of(search: &Search) -> Self {
        let positions = search.ancestry.positions();
        let sides: Vec<PooledSides> = (0..=positions).map(|first| sides(search, first)).collect();
        let end = (1.0 - ENDS_ARE_RIGHT) / 2.0;
        let commit = ENDS_ARE_RIGHT / (positions - 1) as f64;
        let prior = |first: usize| if first == 0 || first == positions { end } else { commit };
        let (mut of, mut likelihood) = (PooledSides::default(), 0.0);
        let log = |(first, sides): (usize, &PooledSides)| {
            // Neighbours without a trial between them have the same.
            if *sides != of {
                (of, likelihood) = (*sides, sides.ln_likelihood());
            }
            likelihood + prior(first).ln()
        };
        let logs: Vec<f64> = sides.iter().enumerate().map(log).collect();
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut weights: Vec<f64> = logs.iter().map(|log| (log - most).exp()).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        Self { weights, sides }
    }

    /// Returns how probable it is that a position is on the failing side.
    pub(super) fn failing(&self, search: &Search, position: usize) -> f64 {
        let with = |(first, weight): (usize, &f64)| search.fails(first, position).then_some(*weight);
        self.weights.iter().enumerate().filter_map(with).sum()
    }

    /// Returns the hypotheses that no trial can distinguish from the most probable one, in order, and how probable they are
    /// together: those that differ only in which untestable commits have the change.
    pub(super) fn best(&self, search: &Search) -> (Vec<usize>, f64) {
        let testable: Vec<usize> = search.testable().collect();
        let signature = |first: usize| -> Vec<bool> {
            testable.iter().map(|position| search.ancestry.contains(first, *position)).collect()
        };
        let mut classes: Vec<(Vec<bool>, Vec<usize>, f64)> = Vec::new();
        // What has no weight to speak of is in nobody's answer, and is left out to save time.
        let floor = 1e-6 / self.weights.len() as f64;
        let likely = self.weights.iter().enumerate().filter(|(_, weight)| **weight > floor);
        for (first, weight) in likely {
            let own = signature(first);
            match classes.iter_mut().find(|(signature, _, _)| *signature == own) {
                Some((_, members, sum)) => {
                    members.push(first);
                    *sum += weight;
                }
                None => classes.push((own, vec![first], *weight)),
            }
        }
        let best = classes.into_iter().reduce(|best, next| if next.2 > best.2 { next } else { best });
        best.map(|(_, members, sum)| (members, sum)).unwrap_or_default()
    }
}

fn sides(search: &Search, first: usize) -> PooledSides {
    let mut sides = PooledSides::default();
    for (position, tried) in search.tried() {
        let side = if search.fails(first, position) { &mut sides.failing } else { &mut sides.passing };
        side.failures += tried.failures;
        side.passes += tried.passes;
    }
    sides
}
