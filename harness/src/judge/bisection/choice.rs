// SPDX-License-Identifier: GPL-2.0-or-later
//! Which commit to try next, and how often: where most is learnt for the time that it takes.
//!
//! What is learnt is the mutual information of the number of failures and the commit that is sought. Only the commits about
//! which least is known are looked at; of any number of trials, the first are run, and then all is thought over again.

use super::Search;
use super::posterior::{PooledSides, Posterior};

/// Numbers of trials that are weighed for a commit that is to be built first, and for one that is built: there the first
/// trials say most.
const BATCHES: [u32; 3] = [2, 8, 24];
const BUILT: [u32; 1] = [2];

/// How many commits are looked at, and as many again of those that are built already.
const LOOKED_AT: usize = 6;

/// Hypotheses with less weight than this do not matter for a choice.
const NEGLIGIBLE: f64 = 1e-7;

/// Returns the position that promises most for its price, and the number of trials by which it does.
pub(super) fn choose(search: &Search, posterior: &Posterior) -> Option<(usize, u32)> {
    let mut best: Option<(f64, usize, u32)> = None;
    for position in candidates(search, posterior) {
        let groups = groups(search, posterior, position);
        let built = search.tallies[position].built;
        let (setup, batches) = if built { (0.0, &BUILT[..]) } else { (search.settings.setup, &BATCHES[..]) };
        let left = search.left(position);
        for trials in batches.iter().map(|trials| *trials.min(&left)) {
            let value = information(&groups, trials) / (setup + f64::from(trials));
            if best.is_none_or(|(most, _, _)| value > most) {
                best = Some((value, position, trials));
            }
        }
    }
    best.map(|(_, position, trials)| (position, trials))
}

/// The positions about which least is known: of all, and of those that cost no build.
fn candidates(search: &Search, posterior: &Posterior) -> Vec<usize> {
    let open = |position: usize| (posterior.failing(search, position) - 0.5).abs();
    let mut ranked: Vec<(f64, usize)> = search
        .testable()
        .filter(|position| search.left(*position) > 0)
        .map(|position| (open(position), position))
        .collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut chosen: Vec<usize> = ranked.iter().take(LOOKED_AT).map(|(_, position)| *position).collect();
    let built =
        ranked.iter().map(|(_, position)| *position).filter(|position| search.tallies[*position].built);
    for position in built.take(LOOKED_AT) {
        if !chosen.contains(&position) {
            chosen.push(position);
        }
    }
    chosen
}

/// Hypotheses that expect the same of a trial, together: their weight, and the parameters of its rate.
fn groups(search: &Search, posterior: &Posterior, position: usize) -> Vec<(f64, (f64, f64))> {
    let mut groups: Vec<((PooledSides, bool), f64)> = Vec::new();
    for (first, weight) in posterior.weights.iter().enumerate().filter(|(_, weight)| **weight > NEGLIGIBLE) {
        let kind = (posterior.sides[first], search.fails(first, position));
        match groups.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, sum)) => *sum += weight,
            None => groups.push((kind, *weight)),
        }
    }
    groups.into_iter().map(|((sides, failing), weight)| (weight, sides.rate(failing))).collect()
}

/// The mutual information, in nats, of the hypotheses and the number of failures in so many trials.
fn information(groups: &[(f64, (f64, f64))], trials: u32) -> f64 {
    let mut mixture = vec![0.0; trials as usize + 1];
    let mut known = 0.0;
    for (weight, (a, b)) in groups {
        for (failures, chance) in chances(*a, *b, trials).into_iter().enumerate() {
            mixture[failures] += weight * chance;
            if chance > 0.0 {
                known += weight * chance * chance.ln();
            }
        }
    }
    known - mixture.iter().filter(|chance| **chance > 0.0).map(|chance| chance * chance.ln()).sum::<f64>()
}

/// The beta-binomial distribution: by number of failures, their chance if the rate is Beta(a, b).
fn chances(a: f64, b: f64, trials: u32) -> Vec<f64> {
    let all_pass: f64 = (0..trials).map(|i| (b + f64::from(i)) / (a + b + f64::from(i))).product();
    let mut chance = all_pass;
    let mut chances = vec![chance];
    for failures in 0..trials {
        let (k, left) = (f64::from(failures), f64::from(trials - failures));
        // From k failures to k + 1.
        chance *= left / (k + 1.0) * (a + k) / (b + left - 1.0);
        chances.push(chance);
    }
    chances
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_are_those_of_the_beta_binomial_distribution() {
        // Any rate: every number of failures is equally probable.
        for chance in chances(1.0, 1.0, 4) {
            assert!((chance - 0.2).abs() < 1e-12);
        }
        let two = chances(2.0, 3.0, 2);
        for (found, wanted) in two.iter().zip([12.0 / 30.0, 12.0 / 30.0, 6.0 / 30.0]) {
            assert!((found - wanted).abs() < 1e-12, "{two:?}");
        }
    }

    #[test]
    fn a_trial_of_what_is_known_tells_nothing_and_one_of_two_certain_halves_tells_a_bit() {
        assert!(information(&[(1.0, (1.0, 9.0))], 8).abs() < 1e-12);
        let bit = information(&[(0.5, (1e9, 1e-3)), (0.5, (1e-3, 1e9))], 1);
        assert!((bit - 2.0f64.ln()).abs() < 1e-6, "{bit}");
    }
}
