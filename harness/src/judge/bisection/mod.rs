// SPDX-License-Identifier: GPL-2.0-or-later
//! Finds the commit that broke or fixed something, by trials that need not all say the same. Pure.
//!
//! After each few trials [`Search::next`] says what to do: try a commit, or stop. It follows from the trials alone, so that a
//! search that was interrupted goes on as it would have. Commits that cannot be tested are neither good nor bad.

mod choice;
mod forecast;
mod history;
mod posterior;
#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde::Serialize;

pub use forecast::Forecast;
pub use forecast::forecast;
pub use history::History;
pub use history::MAX_COMMITS;

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
pub enum Turn {
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
pub enum Told {
    /// It passed.
    Pass,
    /// It failed.
    Fail,
    /// It says nothing.
    Unknown,
}

/// What is known of one commit by its own trials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
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

impl Place {
    /// Returns how many trials say something.
    pub fn telling(&self) -> u32 {
        self.passes + self.failures
    }
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Run so many trials of the commit at `place`.
    Try {
        /// Which.
        place: usize,
        /// How many.
        trials: u32,
    },
    /// Stop: it is one of these, which no trial can tell apart.
    Found {
        /// The places, in order; more than one where untestable commits stand between.
        places: Vec<usize>,
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
    history: History,
    turn: Turn,
    settings: Settings,
    places: Vec<Place>,
}

impl Search {
    /// Returns a search that knows nothing yet.
    pub fn new(history: History, turn: Turn, settings: Settings) -> Self {
        let places = vec![Place::default(); history.places()];
        Self { history, turn, settings, places }
    }

    /// Takes note of a trial; its commit then is built, and untestable if no trial of it says anything.
    pub fn note(&mut self, place: usize, told: Told) {
        let known = &mut self.places[place];
        known.built = true;
        match told {
            Told::Pass => known.passes += 1,
            Told::Fail => known.failures += 1,
            Told::Unknown => known.unknown += 1,
        }
        known.untestable = known.telling() == 0 && known.unknown >= MUTE.min(self.settings.most_per_commit);
    }

    /// Takes note of a commit that does not build or does not boot.
    pub fn skip(&mut self, place: usize) {
        self.places[place].untestable = true;
    }

    /// Returns what is known of each place by its own trials.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Returns how many trials there were, those that say nothing among them.
    pub fn trials(&self) -> u32 {
        self.places.iter().map(|place| place.telling() + place.unknown).sum()
    }

    /// Returns the place of the end that is said to fail.
    pub fn failing_end(&self) -> usize {
        if self.turn == Turn::Broken { self.history.newest() } else { 0 }
    }

    /// Returns how probable it is, by place, that the commit there is on the failing side.
    pub fn failing(&self) -> Vec<f64> {
        let posterior = Posterior::of(self);
        (0..self.history.places()).map(|place| posterior.failing(self, place)).collect()
    }

    /// Returns how probable it is, by place, that the commit there is the first with the change; that of the old end is the
    /// chance that the change is older.
    pub fn first(&self) -> Vec<f64> {
        let mut weights = Posterior::of(self).weights;
        weights.truncate(self.history.places());
        weights
    }

    /// Returns what to do next.
    pub fn next(&self) -> Next {
        let end = self.places[self.failing_end()];
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
        let (places, confidence) = posterior.best(self);
        if confidence >= self.settings.confidence {
            let confirming = self.confirming(&places);
            return match (confirming, self.outside(&places)) {
                (Some(place), _) => self.attempt(place, CHUNK),
                (None, Some(why)) => Next::Ended(why),
                (None, None) => Next::Found { places, confidence },
            };
        }
        match choice::choose(self, &posterior) {
            // The more there were already, the less a few more will change.
            Some((place, trials)) => {
                self.attempt(place, trials.min(CHUNK.max(self.places[place].telling() / 4)))
            }
            None => Next::Ended(Why::Exhausted),
        }
    }

    fn attempt(&self, place: usize, trials: u32) -> Next {
        let left = self.settings.max_trials.saturating_sub(self.trials());
        match left.min(trials).min(self.left(place)) {
            0 => Next::Ended(Why::Bound),
            trials => Next::Try { place, trials },
        }
    }

    /// Why an answer is none: the change is not in the range.
    fn outside(&self, places: &[usize]) -> Option<Why> {
        let everywhere = places.contains(&0);
        if !everywhere && !places.contains(&self.history.places()) {
            return None;
        }
        // Nothing has changed from the old to the new end: all are what the end that does not is not.
        Some(if everywhere == (self.turn == Turn::Broken) { Why::AlwaysFails } else { Why::NeverFails })
    }

    /// A testable commit right at the border that these places make, which has been tried too seldom to be believed.
    fn confirming(&self, places: &[usize]) -> Option<usize> {
        let inside =
            self.testable().find(|place| places.iter().all(|first| self.history.contains(*first, *place)));
        let mut border: Vec<usize> = inside.into_iter().collect();
        let mut above: Vec<usize> =
            places.iter().filter(|first| **first < self.history.places()).copied().collect();
        let mut seen = vec![false; self.history.places()];
        while let Some(place) = above.pop() {
            for parent in self.history.parents(place).iter().copied() {
                if std::mem::replace(&mut seen[parent], true) {
                    continue;
                }
                if self.places[parent].untestable { above.push(parent) } else { border.push(parent) }
            }
        }
        border.sort_unstable();
        border.into_iter().find(|place| self.places[*place].telling() < CONFIRMING && self.left(*place) > 0)
    }

    /// How many more trials of a place there may be.
    fn left(&self, place: usize) -> u32 {
        let known = self.places[place];
        self.settings.most_per_commit.saturating_sub(known.telling() + known.unknown)
    }

    fn testable(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.places.len()).filter(|place| !self.places[*place].untestable)
    }

    fn tried(&self) -> impl Iterator<Item = (usize, &Place)> {
        self.places.iter().enumerate().filter(|(_, place)| place.telling() > 0)
    }

    /// Whether a place is on the failing side, if `first` is the first with the change.
    fn fails(&self, first: usize, place: usize) -> bool {
        self.history.contains(first, place) == (self.turn == Turn::Broken)
    }
}
