// SPDX-License-Identifier: GPL-2.0-or-later
//! Which variants fix the bug on a target, and at what price.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::judge::cell::Differences;
use crate::judge::data::Data;
use crate::judge::model::CellJudgement;
use crate::judge::model::Control;
use crate::judge::model::Group;
use crate::judge::model::InBinary;
use crate::judge::model::Verdict;
use crate::judge::statistics::bootstrap::Draws;
use crate::judge::statistics::interval::Interval;
use crate::plan::Plan;
use crate::plan::TrialId;

/// The variants that fix the bug on one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ranking {
    /// Name of the kernel.
    pub kernel: String,
    /// Name of the machine.
    pub machine: String,
    /// Testcases in which the baseline fails; without any, there is nothing to rank.
    pub testcases: Vec<String>,
    /// The variants that pass every trial of these testcases and fail none of the others, the cheapest first.
    pub fixes: Vec<Fix>,
}

/// A variant that fixes the bug.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fix {
    /// Name of the variant.
    pub variant: String,
    /// D$ and I$ operations together, the mean a trial, summed over the testcases in which the baseline fails.
    pub operations: f64,
    /// How many of them more than the cheapest's; absent for the cheapest itself, and in older judgements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<Behind>,
}

/// How many more operations a variant has in a trial than the cheapest one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Behind {
    /// Mean over the trials of both with the same seed.
    pub mean: f64,
    /// 95 % interval of the mean, made as that of [`crate::judge::Price`]; none from a single pair.
    pub interval: Option<Interval>,
}

impl Fix {
    /// Returns whether the trials do not tell its price from the cheapest's.
    pub fn is_as_cheap(&self) -> bool {
        let covers_none = |interval: Interval| interval.low <= 0.0 && 0.0 <= interval.high;
        self.behind.is_none_or(|behind| behind.interval.map_or(behind.mean == 0.0, covers_none))
    }
}

/// Ranks the variants of each target; groups of a target are neighbours.
pub(super) fn rankings(plan: &Plan, data: &Data<'_>, groups: &[Group]) -> Vec<Ranking> {
    groups
        .chunk_by(|a, b| (&a.kernel, &a.machine) == (&b.kernel, &b.machine))
        .filter_map(|groups| Some((groups, groups.first()?)))
        .map(|(groups, first)| Ranking {
            kernel: first.kernel.clone(),
            machine: first.machine.clone(),
            testcases: observable(groups).map(|group| group.testcase.clone()).collect(),
            fixes: fixes(plan, data, groups, first),
        })
        .collect()
}

fn observable(groups: &[Group]) -> impl Iterator<Item = &Group> {
    groups.iter().filter(|group| group.observable == Control::Holds)
}

fn fixes(plan: &Plan, data: &Data<'_>, groups: &[Group], first: &Group) -> Vec<Fix> {
    let mut fixes: Vec<Fix> = first.cells.iter().filter_map(|cell| fix(groups, &cell.variant)).collect();
    // Stable: variants of one price stay in the order of the study.
    fixes.sort_by(|a, b| a.operations.total_cmp(&b.operations));
    if let Some((cheapest, others)) = fixes.split_first_mut() {
        for other in others {
            other.behind = behind(plan, data, groups, [&other.variant, &cheapest.variant]);
        }
    }
    fixes
}

/// Compares two variants that pass, seed by seed, in the testcases in which the baseline fails.
fn behind(plan: &Plan, data: &Data<'_>, groups: &[Group], variants: [&str; 2]) -> Option<Behind> {
    let mut sums: BTreeMap<u64, (TrialId, f64, usize)> = BTreeMap::new();
    let mut testcases = 0;
    for group in observable(groups) {
        testcases += 1;
        let testcase = plan.testcases.iter().find(|testcase| testcase.name == group.testcase)?;
        for seed in plan.seeds_of(testcase, plan.study.mode).iter() {
            let [ours, theirs] = variants.map(|variant| TrialId {
                kernel: group.kernel.clone(),
                machine: group.machine.clone(),
                variant: variant.to_owned(),
                testcase: group.testcase.clone(),
                mode: plan.study.mode,
                seed,
            });
            let operations = |id: &TrialId| {
                let line = data.get(id).filter(|line| !line.record_sha256.is_empty())?;
                Some((line.d_operations + line.i_operations) as f64)
            };
            let Some((ours_done, theirs_done)) = operations(&ours).zip(operations(&theirs)) else { continue };
            let sum = sums.entry(seed).or_insert((ours, 0.0, 0));
            sum.1 += ours_done - theirs_done;
            sum.2 += 1;
        }
    }
    let mut differences = Differences::new(plan);
    // A testcase may have fewer seeds than another: what only some of them know is no difference of all together.
    for (id, sum, of) in sums.values() {
        if *of == testcases {
            differences.add(id, *sum);
        }
    }
    let (mean, interval) = differences.mean(&mut Draws::default())?;
    Some(Behind { mean, interval })
}

/// Returns `variant` with its price if it fixes the bug; a variant whose operations are not known cannot be ranked.
fn fix(groups: &[Group], variant: &str) -> Option<Fix> {
    let harmless = |cell: &CellJudgement| {
        matches!(cell.verdict, Verdict::PassesAll | Verdict::NotObservable)
            && cell.in_binary != InBinary::NoOp
    };
    if observable(groups).next().is_none()
        || !groups.iter().all(|group| group.cell(variant).is_some_and(harmless))
    {
        return None;
    }
    let price = |group: &Group| group.cell(variant).and_then(|cell| Some(cell.d.mean? + cell.i.mean?));
    let operations = observable(groups).map(price).sum::<Option<f64>>()?;
    Some(Fix { variant: variant.into(), operations, behind: None })
}
