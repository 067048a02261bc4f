// SPDX-License-Identifier: GPL-2.0-or-later
//! When a cell has had enough trials: the rule that decides it.
//!
//! A. Wald, "Sequential tests of statistical hypotheses", Annals of Mathematical Statistics 16 (1945), 117-186: after each
//! round the likelihood ratio of the intolerable to the tolerable failure rate is compared with two limits. The limits are
//! 1 / alpha and beta, not Wald's (1 - beta) / alpha and beta / (1 - alpha): a likelihood ratio exceeds 1 / alpha *ever*
//! with a chance of at most alpha (J. Ville, "Étude critique de la notion de collectif", 1939, chapter V). So the stated
//! error rates are bounds, and not approximations, whenever one looks and wherever one stops: after rounds of any size, at a
//! bound, and for trials that were run for another reason. Where the true rate is below the tolerable or above the
//! intolerable one, errors are rarer still; between them, neither decision is an error. Trials are taken as
//! independent of each other, as those of different seeds are.
//!
//! With the default rule a cell is sound after 30 passes and no failure (60 and one, 90 and two), and faulty after 2
//! failures in at most 15 trials, 3 in 46, 4 in 77. In rounds of 10 up to 100 trials this is what comes of it, exactly:
//!
//! | failure rate | sound | faulty | open | mean trials |
//! | --- | --- | --- | --- | --- |
//! | 0 | 100 % | 0 | 0 | 30 |
//! | 0.5 %, tolerable | 99.1 % | 0.2 % | 0.7 % | 36 |
//! | 3 % | 58.3 % | 22.8 % | 18.9 % | 57 |
//! | 10 %, intolerable | 4.5 % | 94.5 % | 1.0 % | 32 |
//! | 25 % | 0.0 % | 100.0 % | 0.0 % | 13 |
//! | 100 % | 0 | 100 % | 0 | 10 |

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::plan::Rule;

/// The most trials that a schedule may have: a bound on the time that [`characteristics`] takes.
pub const MAX_BOUND: u32 = 10_000;

/// A part of a trial by which a limit may be missed and still counts as reached: logarithms differ in their last digits
/// between machines, decisions must not. The error rates grow by less than a millionth of themselves.
const SLACK: f64 = 1e-9;

/// What a rule says of the trials so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Not enough trials; at the bound: undecided.
    Open,
    /// It is accepted that the failure rate is tolerable. What that excludes is an intolerable one; a cell may be sound and
    /// have failures.
    Sound,
    /// The failure rate is not tolerable.
    Faulty,
}

/// What a rule does with cells of one failure rate, exactly; the three chances add up to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Characteristics {
    /// The chance of [`Decision::Sound`].
    pub sound: f64,
    /// The chance of [`Decision::Faulty`].
    pub faulty: f64,
    /// The chance that the cell is still open at the bound.
    pub open: f64,
    /// How many trials there are in the mean.
    pub mean_trials: f64,
}

/// Says in a sentence why a rule makes no sense with `bound` trials of a cell at most: rates and chances must be some, and
/// both decisions within reach.
pub fn check(rule: &Rule, bound: u32) -> Result<(), String> {
    let Rule { batch, tolerable, intolerable, alpha, beta } = *rule;
    for (name, value, limit) in [
        ("tolerable", tolerable, 1.0),
        ("intolerable", intolerable, 1.0),
        ("alpha", alpha, 0.5),
        ("beta", beta, 0.5),
    ] {
        // Written so that what is not a number is refused.
        if !(value > 0.0 && value < limit) {
            return Err(format!("{name} is {value}, but must be above 0 and below {limit}"));
        }
    }
    if tolerable >= intolerable {
        return Err(format!("tolerable ({tolerable}) must be below intolerable ({intolerable})"));
    }
    if batch == 0 {
        return Err("a batch must have at least one trial".into());
    }
    if bound > MAX_BOUND {
        return Err(format!("{bound} trials are more than {MAX_BOUND}"));
    }
    let reachable = |what: &str, fewest: u32| match fewest <= bound {
        true => Ok(()),
        false => Err(format!("a cell needs {fewest} {what}, but has {bound} trials at most")),
    };
    reachable("passes to be sound", passes_for_sound(rule, 0))?;
    reachable("failures to be faulty", failures_for_faulty(rule, 0))
}

/// Returns what the rule says of a cell with this many trials that passed and that failed; unknown ones are not among them.
pub fn decide(rule: &Rule, passes: u32, failures: u32) -> Decision {
    if passes >= passes_for_sound(rule, failures) {
        Decision::Sound
    } else if failures >= failures_for_faulty(rule, passes) {
        Decision::Faulty
    } else {
        Decision::Open
    }
}

/// Returns the fewest passes that make a cell with so many failures sound.
pub fn passes_for_sound(rule: &Rule, failures: u32) -> u32 {
    up((f64::from(failures) * failure_weight(rule) - rule.beta.ln()) / pass_weight(rule))
}

/// Returns the fewest failures that make a cell with so many passes faulty.
pub fn failures_for_faulty(rule: &Rule, passes: u32) -> u32 {
    up((f64::from(passes) * pass_weight(rule) - rule.alpha.ln()) / failure_weight(rule))
}

/// Returns the least number of trials that reaches a limit. One that is not positive comes of a senseless rule, which must
/// not decide before there is a trial.
fn up(limit: f64) -> u32 {
    // The conversion saturates.
    if limit > 0.0 { (limit - SLACK).ceil() as u32 } else { u32::MAX }
}

/// By how much a failure raises the logarithm of the likelihood ratio.
fn failure_weight(rule: &Rule) -> f64 {
    (rule.intolerable / rule.tolerable).ln()
}

/// By how much a pass lowers it.
fn pass_weight(rule: &Rule) -> f64 {
    (-rule.tolerable).ln_1p() - (-rule.intolerable).ln_1p()
}

/// Returns what becomes of cells that fail at rate `p`, when one looks after each batch of trials and after `bound` of
/// them at the latest; by following all numbers of failures, trial by trial. Nothing if `p` is not in 0 to 1, or
/// [`check`] refuses the rest.
pub fn characteristics(rule: &Rule, bound: u32, p: f64) -> Option<Characteristics> {
    if !(0.0..=1.0).contains(&p) || check(rule, bound).is_err() {
        return None;
    }
    let mut result = Characteristics { sound: 0.0, faulty: 0.0, open: 0.0, mean_trials: 0.0 };
    // By number of failures, the chance that there were so many and nothing is decided.
    let mut chances = vec![1.0];
    for trials in 1..=bound {
        chances.push(0.0);
        for failures in (1..chances.len()).rev() {
            chances[failures] = chances[failures] * (1.0 - p) + chances[failures - 1] * p;
        }
        chances[0] *= 1.0 - p;
        if !trials.is_multiple_of(rule.batch) && trials != bound {
            continue;
        }
        for (chance, failures) in chances.iter_mut().zip(0..) {
            let sink = match decide(rule, trials - failures, failures) {
                Decision::Sound => &mut result.sound,
                Decision::Faulty => &mut result.faulty,
                Decision::Open if trials == bound => &mut result.open,
                Decision::Open => continue,
            };
            *sink += *chance;
            result.mean_trials += *chance * f64::from(trials);
            *chance = 0.0;
        }
    }
    Some(result)
}

#[cfg(test)]
mod tests;
