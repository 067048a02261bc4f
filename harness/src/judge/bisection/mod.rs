// SPDX-License-Identifier: GPL-2.0-or-later
//! Finds the commit that broke or fixed something, by trials that need not all say the same. Pure.
//!
//! After each few trials [`Search::next`] says what to do: try a commit, or stop. It follows from the trials alone, so that a
//! search that was interrupted goes on as it would have. Commits that cannot be tested are neither good nor bad.

mod ancestry;
mod choice;
mod forecast;
mod posterior;
#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde::Serialize;

pub use ancestry::Ancestry;
pub use ancestry::MAX_COMMITS;
pub use forecast::Forecast;
pub use forecast::forecast;

use posterior::Posterior;

/// Trials between two thoughts; as many as small machines run at the same time.
const CHUNK: u32 = 2;

/// How often the end that is said to fail is tried without a failure, before it is not believed: a bug that shows in every
/// tenth trial hides that long once in 13,000 searches.
const OPENING: u32 = 90;

/// Trials without which no commit is the answer, nor the one before it.
const CONFIRMING: u32 = 2;

/// Trials that say nothing, after which a commit without any other counts as untestable.
const MUTE: u32 = 4;

/// What a search is looking for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SearchDirection {
    /// The commit that broke it: the new end fails.
    Broken,
    /// The commit that fixed it: the old end fails.
    Fixed,
}

/// How a search goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The probability at which a commit is the answer, above 0.5 and below 1.
    pub confidence: f64,
    /// After so many trials the search gives up.
    pub max_trials: u32,
    /// What it costs to build and boot a commit, in trials.
    pub setup: f64,
    /// The most trials of one commit: 1 where no seed makes a difference.
    pub most_per_commit: u32,
}

impl Default for Settings {
    /// One answer in a hundred may be wrong; that costs a fifth more trials than one in twenty. A build over the base and a
    /// boot take some ten seconds, a trial less than half a second.
    fn default() -> Self {
        Self { confidence: 0.99, max_trials: 1000, setup: 24.0, most_per_commit: u32::MAX }
    }
}

/// What came of one trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Observation {
    /// It passed.
    Pass,
    /// It failed.
    Fail,
    /// It says nothing.
    Unknown,
}

/// What is known of one commit by its own trials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Trials that passed.
    pub passes: u32,
    /// Trials that failed.
    pub failures: u32,
    /// Trials that say nothing.
    pub unknown: u32,
    /// It has been built and booted, so that its trials cost nothing else.
    pub built: bool,
    /// It does not build, does not boot, or its trials say nothing.
    pub untestable: bool,
}

impl Tally {
    /// Returns how many trials say something.
    pub fn counted(&self) -> u32 {
        self.passes + self.failures
    }
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Run so many trials of the commit at `position`.
    Try {
        /// Which.
        position: usize,
        /// How many.
        trials: u32,
    },
    /// Stop: it is one of these, which no trial can distinguish.
    Found {
        /// The positions, in order; more than one where untestable commits stand between.
        positions: Vec<usize>,
        /// How probable it is.
        confidence: f64,
    },
    /// Stop: there is no answer.
    Ended(Why),
}

/// Why a search ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The end that is said to fail does not.
    NeverFails,
    /// The end that is said to pass fails, so that the change lies outside the range.
    AlwaysFails,
    /// The end that is said to fail cannot be tested.
    Untestable,
    /// So many trials were not enough.
    Bound,
    /// Nothing is left to try.
    Exhausted,
}

/// A search under way.
#[derive(Clone, Debug)]
pub struct Search {
    ancestry: Ancestry,
    direction: SearchDirection,
    settings: Settings,
    tallies: Vec<Tally>,
}

impl Search {
    /// Returns a search that knows nothing yet.
    pub fn new(ancestry: Ancestry, direction: SearchDirection, settings: Settings) -> Self {
        let tallies = vec![Tally::default(); ancestry.positions()];
        Self { ancestry, direction, settings, tallies }
    }

    /// Takes note of a trial; its commit then is built, and untestable if no trial of it says anything.
    pub fn note(&mut self, position: usize, observation: Observation) {
        let known = &mut self.tallies[position];
        known.built = true;
        match observation {
            Observation::Pass => known.passes += 1,
            Observation::Fail => known.failures += 1,
            Observation::Unknown => known.unknown += 1,
        }
        known.untestable = known.counted() == 0 && known.unknown >= MUTE.min(self.settings.most_per_commit);
    }

    /// Takes note of a commit that does not build or does not boot.
    pub fn skip(&mut self, position: usize) {
        self.tallies[position].untestable = true;
    }

    /// Returns what is known of each position by its own trials.
    pub fn tallies(&self) -> &[Tally] {
        &self.tallies
    }

    /// Returns how many trials there were, those that say nothing among them.
    pub fn trials(&self) -> u32 {
        self.tallies.iter().map(|tally| tally.counted() + tally.unknown).sum()
    }

    /// Returns the position of the end that is said to fail.
    pub fn failing_end(&self) -> usize {
        if self.direction == SearchDirection::Broken { self.ancestry.newest() } else { 0 }
    }

    /// Returns how probable it is, by position, that the commit there is on the failing side.
    pub fn failing(&self) -> Vec<f64> {
        let posterior = Posterior::of(self);
        (0..self.ancestry.positions()).map(|position| posterior.failing(self, position)).collect()
    }

    /// Returns how probable it is, by position, that the commit there is the first with the change; that of the old end is the
    /// chance that the change is older.
    pub fn first(&self) -> Vec<f64> {
        let mut weights = Posterior::of(self).weights;
        weights.truncate(self.ancestry.positions());
        weights
    }

    /// Returns what to do next.
    pub fn next(&self) -> Next {
        let end = self.tallies[self.failing_end()];
        if end.untestable {
            return Next::Ended(Why::Untestable);
        }
        if end.failures == 0 && self.left(self.failing_end()) > 0 {
            if end.passes >= OPENING {
                return Next::Ended(Why::NeverFails);
            }
            return self.attempt(self.failing_end(), CHUNK);
        }
        let posterior = Posterior::of(self);
        let (positions, confidence) = posterior.best(self);
        if confidence >= self.settings.confidence {
            let confirming = self.confirming(&positions);
            return match (confirming, self.outside(&positions)) {
                (Some(position), _) => self.attempt(position, CHUNK),
                (None, Some(why)) => Next::Ended(why),
                (None, None) => Next::Found { positions, confidence },
            };
        }
        match choice::choose(self, &posterior) {
            // The more there were already, the less a few more will change.
            Some((position, trials)) => {
                self.attempt(position, trials.min(CHUNK.max(self.tallies[position].counted() / 4)))
            }
            None => Next::Ended(Why::Exhausted),
        }
    }

    fn attempt(&self, position: usize, trials: u32) -> Next {
        let left = self.settings.max_trials.saturating_sub(self.trials());
        match left.min(trials).min(self.left(position)) {
            0 => Next::Ended(Why::Bound),
            trials => Next::Try { position, trials },
        }
    }

    /// Why an answer is none: the change is not in the range.
    fn outside(&self, positions: &[usize]) -> Option<Why> {
        let everywhere = positions.contains(&0);
        if !everywhere && !positions.contains(&self.ancestry.positions()) {
            return None;
        }
        // Nothing has changed from the old to the new end: all are what the end that does not is not.
        Some(if everywhere == (self.direction == SearchDirection::Broken) {
            Why::AlwaysFails
        } else {
            Why::NeverFails
        })
    }

    /// A testable commit right at the border that these positions make, which has been tried too seldom to be believed.
    fn confirming(&self, positions: &[usize]) -> Option<usize> {
        let inside = self
            .testable()
            .find(|position| positions.iter().all(|first| self.ancestry.contains(*first, *position)));
        let mut border: Vec<usize> = inside.into_iter().collect();
        let mut above: Vec<usize> =
            positions.iter().filter(|first| **first < self.ancestry.positions()).copied().collect();
        let mut seen = vec![false; self.ancestry.positions()];
        while let Some(position) = above.pop() {
            for parent in self.ancestry.parents(position).iter().copied() {
                if std::mem::replace(&mut seen[parent], true) {
                    continue;
                }
                if self.tallies[parent].untestable { above.push(parent) } else { border.push(parent) }
            }
        }
        border.sort_unstable();
        border
            .into_iter()
            .find(|position| self.tallies[*position].counted() < CONFIRMING && self.left(*position) > 0)
    }

    /// How many more trials of a position there may be.
    fn left(&self, position: usize) -> u32 {
        let known = self.tallies[position];
        self.settings.most_per_commit.saturating_sub(known.counted() + known.unknown)
    }

    fn testable(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.tallies.len()).filter(|position| !self.tallies[*position].untestable)
    }

    fn tried(&self) -> impl Iterator<Item = (usize, &Tally)> {
        self.tallies.iter().enumerate().filter(|(_, tally)| tally.counted() > 0)
    }

    /// Whether a position is on the failing side, if `first` is the first with the change.
    fn fails(&self, first: usize, position: usize) -> bool {
        self.ancestry.contains(first, position) == (self.direction == SearchDirection::Broken)
    }
}
