// SPDX-License-Identifier: GPL-2.0-or-later
//! Operations of two variants side by side: trials with one seed have one workload, so that their difference is the variants'.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::judge::cell::Differences;
use crate::judge::data::Data;
use crate::judge::evidence;
use crate::judge::model::Group;
use crate::judge::statistics::bootstrap::Draws;
use crate::judge::statistics::interval::Interval;
use crate::plan::Machine;
use crate::plan::Plan;
use crate::plan::TrialId;

/// How many more operations a variant has in a trial than another one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Behind {
    /// Mean over the trials of both with the same seed.
    pub mean: f64,
    /// 95 % interval of the mean, made as that of [`crate::judge::Price`]; none from a single pair.
    pub interval: Option<Interval>,
    /// Where all trials have one layout of the guest's memory, the most that it may account for: the lines of one page in both
    /// caches, for each trial that is summed. Absent where there are several layouts, whose interval covers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<f64>,
}

impl Behind {
    /// Returns whether the trials tell the two variants apart: the interval leaves out zero, and the layout alone is no
    /// explanation.
    pub fn is_distinguishable(&self) -> bool {
        !self.may_be_chance() && !self.may_be_layout()
    }

    /// Returns whether the interval covers zero.
    pub fn may_be_chance(&self) -> bool {
        let covers_none = |interval: Interval| interval.low <= 0.0 && 0.0 <= interval.high;
        self.interval.map_or(self.mean == 0.0, covers_none)
    }

    /// Returns whether the only layout of memory may account for all of it.
    pub fn may_be_layout(&self) -> bool {
        self.layout.is_some_and(|most| self.mean.abs() <= most)
    }

    /// The same for one of so many units.
    pub(super) fn each(self, units: f64) -> Self {
        let interval =
            self.interval.map(|Interval { low, high }| Interval { low: low / units, high: high / units });
        Self { mean: self.mean / units, interval, layout: self.layout.map(|layout| layout / units) }
    }
}

/// Compares the D$ and I$ operations of two variants seed by seed where both pass, summed over some groups; nothing without a seed
/// that passes in all of these.
pub(super) fn behind(plan: &Plan, data: &Data<'_>, groups: &[&Group], variants: [&str; 2]) -> Option<Behind> {
    let mut sums: BTreeMap<u64, (TrialId, f64, usize)> = BTreeMap::new();
    for group in groups {
        for (id, difference) in pairs(plan, data, group, variants)? {
            let sum = sums.entry(id.seed).or_insert((id, 0.0, 0));
            sum.1 += difference;
            sum.2 += 1;
        }
    }
    let mut differences = Differences::new(plan);
    // A testcase may have fewer seeds than another: what only some of them know is no difference of all together.
    for (id, sum, of) in sums.values() {
        if *of == groups.len() {
            differences.add(id, *sum);
        }
    }
    let (mean, interval) = differences.mean(&mut Draws::default())?;
    let layout =
        (plan.study.layouts <= 1).then(|| groups.iter().map(|group| page_of_lines(plan, group)).sum());
    Some(Behind { mean, interval, layout })
}

/// The differences of single trials; nothing if a variant is not in the group. What is no kernel of its own is compared by the trials
/// of the same kernel.
fn pairs(plan: &Plan, data: &Data<'_>, group: &Group, variants: [&str; 2]) -> Option<Vec<(TrialId, f64)>> {
    let testcase = plan.testcases.iter().find(|testcase| testcase.name == group.testcase)?;
    let [ours, theirs] = variants.map(|variant| group.tried_as(variant).map(|cell| cell.variant.as_str()));
    let (ours, theirs) = ours.zip(theirs)?;
    let pair = |seed| {
        let [ours, theirs] = [ours, theirs].map(|variant| TrialId {
            kernel: group.kernel.clone(),
            machine: group.machine.clone(),
            variant: variant.to_owned(),
            testcase: group.testcase.clone(),
            mode: plan.study.mode,
            seed,
        });
        let operations = |id: &TrialId| {
            let line = data.get(id).filter(|line| !line.record_sha256.is_empty())?;
            evidence::outcome(plan, line).is_pass().then_some((line.d_operations + line.i_operations) as f64)
        };
        let difference = operations(&ours)? - operations(&theirs)?;
        Some((ours, difference))
    };
    Some(plan.seeds_of(testcase, plan.study.mode).iter().filter_map(pair).collect())
}

/// How many operations one page more is on each cache: whether code or data begins a page earlier, or in a page of another colour,
/// adds as many or takes them, whatever the patch does.
fn page_of_lines(plan: &Plan, group: &Group) -> f64 {
    let is_here = |kernel: &str, machine: &Machine| kernel == group.kernel && machine.name == group.machine;
    let target = plan.targets.iter().find(|target| is_here(&target.kernel.name, &target.machine));
    target.map_or(0.0, |target| {
        let page = f64::from(target.kernel.page_size);
        let caches = &target.machine.caches;
        page / f64::from(caches.dcache.line) + page / f64::from(caches.icache.line)
    })
}
