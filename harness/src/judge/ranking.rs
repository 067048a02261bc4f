// SPDX-License-Identifier: GPL-2.0-or-later
//! Which variants fix the bug on a target, and at what price.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::judge::data::Data;
use crate::judge::model::CellJudgement;
use crate::judge::model::Control;
use crate::judge::model::Group;
use crate::judge::model::InBinary;
use crate::judge::model::Verdict;
use crate::judge::pairing;
use crate::judge::pairing::Behind;
use crate::plan::Plan;

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

impl Fix {
    /// Returns whether the trials do not tell its price from the cheapest's.
    pub fn is_as_cheap(&self) -> bool {
        self.behind.is_none_or(|behind| !behind.is_distinguishable())
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
            let shows: Vec<&Group> = observable(groups).collect();
            other.behind = pairing::behind(plan, data, &shows, [&other.variant, &cheapest.variant]);
        }
    }
    fixes
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
