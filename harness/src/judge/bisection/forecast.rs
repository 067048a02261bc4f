// SPDX-License-Identifier: GPL-2.0-or-later
//! How a search would go: the search itself, on commits that only pretend.

use super::{Ancestry, Next, Observation, Search, SearchDirection, Settings};
use crate::judge::statistics::random::Random;

/// Commits that pretend.
#[derive(Clone, Debug)]
pub(super) struct World {
    /// The first commit with the change.
    pub(super) first: usize,
    /// How often trials on the failing side fail, and on the other.
    pub(super) rates: (f64, f64),
    /// What cannot be tested.
    pub(super) untestable: Vec<usize>,
}

/// What came of a search of pretending commits.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Played {
    pub(super) end: Next,
    pub(super) trials: u32,
    pub(super) builds: u32,
}

/// Searches until the search ends.
pub(super) fn play(mut search: Search, world: &World, random: &mut Random) -> Played {
    let mut builds = 0;
    loop {
        let (position, trials) = match search.next() {
            Next::Try { position, trials } => (position, trials),
            end => return Played { end, trials: search.trials(), builds },
        };
        builds += u32::from(!search.tallies()[position].built);
        if world.untestable.contains(&position) {
            search.skip(position);
            continue;
        }
        let (failing, passing) = world.rates;
        let rate = if search.fails(world.first, position) { failing } else { passing };
        for _ in 0..trials {
            search.note(position, if random.chance(rate) { Observation::Fail } else { Observation::Pass });
        }
    }
}

/// What a search will probably take, if the bug shows at some rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// The rate.
    pub rate: f64,
    /// Commits that are built, in the mean.
    pub builds: f64,
    /// Trials, in the mean.
    pub trials: f64,
    /// Nine of ten searches take at most so many trials.
    pub most_trials: u32,
}

/// Plays a number of searches with the change at positions drawn from a fixed seed.
pub fn forecast(
    ancestry: &Ancestry,
    direction: SearchDirection,
    settings: Settings,
    rate: f64,
    searches: u32,
) -> Forecast {
    let mut random = Random::new(1);
    let commits = u32::try_from(ancestry.newest()).unwrap_or(u32::MAX);
    let mut trials = Vec::new();
    let mut builds = 0;
    for _ in 0..searches.max(1) {
        let first = 1 + random.below(commits) as usize;
        let world = World { first, rates: (rate, 0.0), untestable: Vec::new() };
        let played = play(Search::new(ancestry.clone(), direction, settings), &world, &mut random);
        trials.push(played.trials);
        builds += played.builds;
    }
    trials.sort_unstable();
    let count = trials.len() as f64;
    Forecast {
        rate,
        builds: f64::from(builds) / count,
        trials: f64::from(trials.iter().sum::<u32>()) / count,
        most_trials: trials[(trials.len() * 9 / 10).min(trials.len() - 1)],
    }
}
