// SPDX-License-Identifier: GPL-2.0-or-later
//! Searches of pretending commits: whether the answers are right, as often as they claim, and at what price.

mod plain;

use super::forecast::{Played, World, play};
use super::*;
use crate::judge::statistics::random::Random;

const COMMITS: u32 = 64;

fn ancestry() -> Ancestry {
    Ancestry::linear(COMMITS as usize).unwrap()
}

fn search(confidence: f64) -> Search {
    Search::new(ancestry(), SearchDirection::Broken, Settings { confidence, ..Settings::default() })
}

/// A world with the change anywhere, in which some commits cannot be tested; never the ends, nor what is sought.
fn world(rates: (f64, f64), untestable: usize, random: &mut Random) -> World {
    let first = 1 + random.below(COMMITS) as usize;
    let any = std::iter::repeat_with(|| 1 + random.below(COMMITS - 1) as usize);
    let untestable = any.filter(|position| *position != first).take(untestable).collect();
    World { first, rates, untestable }
}

/// How many of some searches name a wrong commit, how many none, and the trials of all.
pub(super) fn tally(confidence: f64, rates: (f64, f64), searches: u32, seed: u64) -> (u32, u32, u32) {
    let mut random = Random::new(seed);
    let (mut wrong, mut none, mut trials) = (0, 0, 0);
    for _ in 0..searches {
        let world = world(rates, 0, &mut random);
        let played = play(search(confidence), &world, &mut random);
        trials += played.trials;
        match played.end {
            Next::Found { positions, .. } => wrong += u32::from(positions != [world.first]),
            _ => none += 1,
        }
    }
    (wrong, none, trials)
}

#[test]
fn twenty_of_twenty_are_right_whether_it_fails_always_or_in_a_tenth_of_trials() {
    for rate in [1.0, 0.3, 0.1] {
        for seed in 1..=20 {
            let mut random = Random::new(seed);
            let world = world((rate, 0.001), 5, &mut random);
            let Played { end, .. } = play(search(0.99), &world, &mut random);
            let Next::Found { positions, confidence } = end else { panic!("{rate} {world:?}: {end:?}") };
            assert!(
                positions.contains(&world.first) && confidence >= 0.95,
                "{rate} {world:?}: {positions:?}"
            );
        }
    }
}

/// At a stated 95 % at most one answer in twenty may be wrong; those at other rates than the worst are better.
#[test]
fn a_thousand_answers_are_wrong_no_more_often_than_they_say() {
    let mut all = 0;
    for (rates, searches) in [((1.0, 0.0), 250), ((0.3, 0.0), 250), ((0.1, 0.0), 250), ((0.3, 0.005), 250)] {
        let (wrong, none, trials) = tally(0.95, rates, searches, 5);
        println!(
            "{rates:?}: {wrong} of {searches} wrong, {none} without answer, {} trials",
            trials / searches
        );
        // Three standard deviations above one in twenty.
        assert!(wrong <= 23 && none <= 5, "{rates:?}: {wrong} wrong, {none} without answer");
        all += wrong;
    }
    assert!(all <= 50, "{all} of 1,000 are wrong");
}

#[test]
fn what_lies_outside_the_range_is_said() {
    let mut random = Random::new(3);
    let nobody = World { first: 65, rates: (0.3, 0.0), untestable: Vec::new() };
    assert_eq!(play(search(0.95), &nobody, &mut random).end, Next::Ended(Why::NeverFails));
    let old = World { first: 0, rates: (0.3, 0.0), untestable: Vec::new() };
    assert_eq!(play(search(0.95), &old, &mut random).end, Next::Ended(Why::AlwaysFails));
    let mute = World { first: 5, rates: (1.0, 0.0), untestable: vec![64] };
    assert_eq!(play(search(0.95), &mute, &mut random).end, Next::Ended(Why::Untestable));
    let settings = Settings { max_trials: 12, ..Settings::default() };
    let rare = World { first: 5, rates: (0.1, 0.0), untestable: Vec::new() };
    let bounded = Search::new(ancestry(), SearchDirection::Broken, settings);
    assert_eq!(
        play(bounded, &rare, &mut random),
        Played { end: Next::Ended(Why::Bound), trials: 12, builds: 2 }
    );
}

#[test]
fn untestable_commits_are_never_bad_and_stay_in_the_answer_where_nothing_tells_them_apart() {
    let mut random = Random::new(4);
    let world = World { first: 31, rates: (1.0, 0.0), untestable: vec![30, 31, 20] };
    let end = play(search(0.99), &world, &mut random).end;
    assert!(matches!(&end, Next::Found { positions, .. } if positions == &[30, 31, 32]), "{end:?}");
}

#[test]
fn a_fix_is_found_like_a_bug() {
    let mut random = Random::new(5);
    for first in [1, 17, 64] {
        let fixed = Search::new(ancestry(), SearchDirection::Fixed, Settings::default());
        let end = play(fixed, &World { first, rates: (0.4, 0.0), untestable: Vec::new() }, &mut random).end;
        assert!(matches!(&end, Next::Found { positions, .. } if positions == &[first]), "{first}: {end:?}");
    }
}

/// Two branches of three commits from the old end, merged, and two more.
#[test]
fn what_a_side_branch_does_not_contain_cannot_be_broken_by_it() {
    let merged = || {
        let parents = vec![vec![], vec![1], vec![2], vec![], vec![4], vec![5], vec![3, 6], vec![7], vec![8]];
        Ancestry::new(parents).unwrap()
    };
    assert!(merged().contains(2, 3) && !merged().contains(2, 6) && merged().contains(2, 7));
    for first in 1..=9 {
        let mut random = Random::new(first as u64);
        let search = Search::new(merged(), SearchDirection::Broken, Settings::default());
        let end = play(search, &World { first, rates: (0.5, 0.0), untestable: Vec::new() }, &mut random).end;
        assert!(matches!(&end, Next::Found { positions, .. } if positions == &[first]), "{first}: {end:?}");
    }
    assert!(Ancestry::new(vec![vec![2], vec![]]).is_err() && Ancestry::new(Vec::new()).is_err());
}

#[test]
fn where_no_seed_makes_a_difference_each_commit_has_one_trial() {
    let settings = Settings { most_per_commit: 1, confidence: 0.95, ..Settings::default() };
    let search = Search::new(ancestry(), SearchDirection::Broken, settings);
    let world = World { first: 40, rates: (1.0, 0.0), untestable: Vec::new() };
    let played = play(search, &world, &mut Random::new(6));
    assert!(matches!(&played.end, Next::Found { positions, .. } if positions == &[40]), "{played:?}");
    assert_eq!(played.trials, played.builds);
}

#[test]
fn a_single_trial_is_never_believed() {
    let mut random = Random::new(7);
    for first in [1, 2, 30, 63, 64] {
        let mut search = search(0.95);
        let end = loop {
            let (position, trials) = match search.next() {
                Next::Try { position, trials } => (position, trials),
                end => break end,
            };
            let observation = |fails| if fails { Observation::Fail } else { Observation::Pass };
            (0..trials)
                .for_each(|_| search.note(position, observation(position >= first && random.chance(1.0))));
        };
        assert!(matches!(&end, Next::Found { positions, .. } if positions == &[first]), "{first}: {end:?}");
        assert!(search.tallies()[first].counted() >= 2 && search.tallies()[first - 1].counted() >= 2);
    }
}

#[test]
fn trials_that_say_nothing_move_nothing_and_do_not_go_on_for_ever() {
    let mut search = search(0.95);
    search.note(64, Observation::Fail);
    let before = search.failing();
    search.note(10, Observation::Unknown);
    assert_eq!(search.failing(), before);
    (0..3).for_each(|_| search.note(10, Observation::Unknown));
    assert!(search.tallies()[10].untestable && search.trials() == 5);
}
