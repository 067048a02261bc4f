// SPDX-License-Identifier: GPL-2.0-or-later
//! Shares of a study, for several machines: which cells fall to which.
//!
//! Cells are dealt whole: which trials a cell calls for depends on its own trials only, so that a share can be run
//! without knowing of the others, and all of them together give what one machine would have given.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use instrument::Mode;
use serde::Deserialize;
use serde::Serialize;

use crate::error::Error;
use crate::plan::Cell;
use crate::plan::Plan;
use crate::plan::TrialId;

/// One of several shares, written `2/4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shard {
    /// Which one; from 1 to `of`.
    pub index: u32,
    /// How many there are; at least 1.
    pub of: u32,
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let numbers =
            text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((index, of)) if (1..=of).contains(&index) => Ok(Self { index, of }),
            _ => Err(Error::study(format!("`{text}` is no share of a study"))
                .hint("write the second of four shares as 2/4")),
        }
    }
}

/// What trials cost on the machines that are to run them, as another run of the same testcases has measured it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Costs {
    seconds: BTreeMap<CostKey, (f64, u32)>,
}

/// What running a study costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// Trials, the coherent controls among them; in a study that goes on until it has decided, the most there can be.
    pub trials: u64,
    /// The fewest there can be.
    pub least: u64,
    /// Seconds that the most take on one core.
    pub seconds: f64,
    /// Seconds that the fewest take on one core.
    pub least_seconds: f64,
}

/// Kernel, machine and testcase: what the time of a trial depends on. Variants hardly differ in it.
type CostKey = [String; 3];

/// What a trial costs of which nothing is known, in seconds: measured on two cores, 0.62 in the study `quick` and 0.83 in
/// `nightly`, the mean of their trials.
const UNKNOWN: f64 = 0.7;

impl Costs {
    /// Takes note of a trial.
    pub fn add(&mut self, trial: &TrialId, seconds: f64) {
        let key = [&trial.kernel, &trial.machine, &trial.testcase].map(Clone::clone);
        let (sum, trials) = self.seconds.entry(key).or_default();
        *sum += seconds;
        *trials += 1;
    }

    /// Returns how many trials were noted of the targets and testcases of a plan, if each has some: the next run of the same
    /// study, patches changed, will need about as many.
    pub fn trials(&self, plan: &Plan) -> Option<u64> {
        let mut sum = 0;
        for target in &plan.targets {
            for testcase in plan.testcases_on(target) {
                let key = [&target.kernel.name, &target.machine.name, &testcase.name].map(Clone::clone);
                sum += u64::from(self.seconds.get(&key)?.1);
            }
        }
        Some(sum)
    }

    /// Returns the seconds that a trial of a cell takes, by its likes; those of the testcase elsewhere, where there are
    /// none, and else those of any trial.
    pub fn of(&self, cell: &Cell<'_>) -> f64 {
        let (kernel, machine, testcase) =
            (&cell.target.kernel.name, &cell.target.machine.name, &cell.testcase.name);
        let mean = |wanted: &dyn Fn(&CostKey) -> bool| {
            let of = self.seconds.iter().filter(|(key, _)| wanted(key));
            let (sum, trials) = of.fold((0.0, 0), |(sum, n), (_, (s, t))| (sum + s, n + t));
            (trials > 0).then(|| sum / f64::from(trials))
        };
        mean(&|key| (&key[0], &key[1], &key[2]) == (kernel, machine, testcase))
            .or_else(|| mean(&|key| &key[2] == testcase))
            .or_else(|| mean(&|_| true))
            .unwrap_or(UNKNOWN)
    }
}

/// What a base build takes, in seconds on two cores: measured with the kernels of this repository (Linux 6.1).
pub const BASE_SECONDS: f64 = 200.0;
/// What an image takes whose patches touch C files only, measured likewise. A patch to a central header makes an image as dear
/// as a base build.
pub const IMAGE_SECONDS: f64 = 7.0;
/// What a boot to the snapshot takes, measured likewise.
pub const BOOT_SECONDS: f64 = 3.0;

/// The cells of one share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which one.
    pub shard: Shard,
    cells: BTreeSet<[String; 4]>,
}

impl Share {
    /// Returns whether a trial belongs to this share.
    pub fn has(&self, trial: &TrialId) -> bool {
        let TrialId { kernel, machine, variant, testcase, .. } = trial;
        self.cells.contains(&[kernel, machine, variant, testcase].map(Clone::clone))
    }

    /// Returns how many cells it has.
    pub fn cells(&self) -> usize {
        self.cells.len()
    }
}

/// Returns what the cells of a plan cost, or those of one share.
pub fn load(plan: &Plan, costs: &Costs, share: Option<&Share>) -> Load {
    let mut load = Load { trials: 0, least: 0, seconds: 0.0, least_seconds: 0.0 };
    for cell in plan.cells() {
        if share.is_some_and(|share| !share.has(&cell.trial(Mode::Off, 0))) {
            continue;
        }
        let [controls, most] =
            [Mode::Off, plan.study.mode].map(|mode| plan.seeds_of(cell.testcase, mode).count);
        // The rule does not speak of testcases that say themselves how many seeds are enough.
        let own = cell.testcase.seeds.is_some() || cell.testcase.boot.is_some();
        let batch = plan.study.rule.as_ref().filter(|_| !own).map_or(most, |rule| rule.batch.min(most));
        let seconds = costs.of(&cell);
        load.trials += u64::from(controls + most);
        load.least += u64::from(controls + batch);
        load.seconds += seconds * f64::from(controls + most);
        load.least_seconds += seconds * f64::from(controls + batch);
    }
    load
}

/// Deals the cells of a plan: the dearest first, each to the share that has least so far, of equal ones to the first.
/// The same plan, costs and number of shares give the same shares.
pub fn share(plan: &Plan, costs: &Costs, shard: Shard) -> Share {
    let cells = plan.cells();
    let mut dear: Vec<(u64, usize)> =
        cells.iter().enumerate().map(|(n, cell)| (cost(plan, costs, cell), n)).collect();
    dear.sort_by_key(|(cost, n)| (Reverse(*cost), *n));
    let mut loads = vec![0_u64; shard.of as usize];
    let mut share = Share { shard, cells: BTreeSet::new() };
    for (cost, n) in dear {
        let least = (0..loads.len()).min_by_key(|index| loads[*index]).unwrap_or(0);
        loads[least] += cost;
        if least + 1 == shard.index as usize {
            let id = cells[n].trial(Mode::Off, 0);
            share.cells.insert([id.kernel, id.machine, id.variant, id.testcase]);
        }
    }
    share
}

/// What a cell costs at most, in milliseconds: whole numbers add up to the same on any machine.
fn cost(plan: &Plan, costs: &Costs, cell: &Cell<'_>) -> u64 {
    let trials = [Mode::Off, plan.study.mode].map(|mode| plan.seeds_of(cell.testcase, mode).count);
    let milliseconds = (costs.of(cell) * 1000.0).round().max(1.0) as u64;
    milliseconds * u64::from(trials[0] + trials[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::plan;

    #[test]
    fn a_share_is_written_as_a_fraction() {
        assert_eq!("2/4".parse::<Shard>().unwrap(), Shard { index: 2, of: 4 });
        assert_eq!(Shard { index: 2, of: 4 }.to_string(), "2/4");
        for wrong in ["", "2", "0/4", "5/4", "-1/4", "1/0", "a/b", "1/4/4"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_cell_falls_to_exactly_one_share() {
        let plan = plan();
        for of in [1, 2, 3, 7, 100] {
            let shares: Vec<Share> =
                (1..=of).map(|index| share(&plan, &Costs::default(), Shard { index, of })).collect();
            for trial in plan.trials() {
                assert_eq!(shares.iter().filter(|share| share.has(&trial)).count(), 1, "{trial} of {of}");
            }
            assert_eq!(shares.iter().map(Share::cells).sum::<usize>(), plan.cells().len());
            let (least, most) =
                shares.iter().map(Share::cells).fold((usize::MAX, 0), |(a, b), n| (a.min(n), b.max(n)));
            assert!(most - least <= 1, "cells that cost the same are dealt evenly: {least} to {most}");
        }
    }

    #[test]
    fn a_dear_cell_is_left_alone() {
        let plan = plan();
        let cells = plan.cells();
        let dear = cells[0].trial(Mode::Off, 1);
        let mut costs = Costs::default();
        for cell in &cells {
            let trial = cell.trial(Mode::Off, 1);
            let same = (&trial.machine, &trial.testcase) == (&dear.machine, &dear.testcase);
            costs.add(&trial, if same { 1000.0 } else { 0.5 });
        }
        assert!(costs.of(&cells[0]) > 999.0);
        let variants = plan.variants.len() as u32;
        let shares: Vec<Share> =
            (1..=variants + 1).map(|index| share(&plan, &costs, Shard { index, of: variants + 1 })).collect();
        assert!(shares[..plan.variants.len()].iter().all(|share| share.cells() == 1));
        assert_eq!(shares[plan.variants.len()].cells(), cells.len() - plan.variants.len());
    }

    #[test]
    fn the_loads_of_the_shares_are_that_of_the_whole() {
        let plan = plan();
        let whole = load(&plan, &Costs::default(), None);
        assert_eq!((whole.trials, whole.least), (plan.trials().len() as u64, plan.trials().len() as u64));
        assert!((whole.seconds - whole.trials as f64 * UNKNOWN).abs() < 1e-9);
        let of = |index| share(&plan, &Costs::default(), Shard { index, of: 3 });
        let shares = (1..=3).map(|index| load(&plan, &Costs::default(), Some(&of(index))).trials);
        assert_eq!(shares.sum::<u64>(), whole.trials);
    }

    #[test]
    fn what_was_not_measured_is_taken_from_its_likes() {
        let plan = plan();
        let cells = plan.cells();
        assert_eq!(Costs::default().of(&cells[0]), UNKNOWN);
        let mut costs = Costs::default();
        costs.add(&TrialId { machine: "another".into(), ..cells[0].trial(Mode::Off, 1) }, 3.0);
        costs.add(&TrialId { machine: "another".into(), ..cells[0].trial(Mode::Off, 2) }, 5.0);
        assert_eq!(costs.of(&cells[0]), 4.0);
    }
}
