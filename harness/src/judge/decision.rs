// SPDX-License-Identifier: GPL-2.0-or-later
//! The decision table: what each variant is good for, what it costs, and which variants another one beats in every respect.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::judge::KernelFacts;
use crate::judge::interval::Interval;
use crate::judge::model::CellJudgement;
use crate::judge::model::Control;
use crate::judge::model::Group;
use crate::judge::model::InBinary;
use crate::judge::model::Price;
use crate::judge::model::Verdict;
use crate::patch::Size;
use crate::plan::Plan;

/// A variant as a candidate for the tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// Name of the variant.
    pub variant: String,
    /// Targets and testcases where the baseline fails.
    pub observable: u32,
    /// Those of them in which every trial of the variant passes.
    pub fixed: u32,
    /// Targets and testcases in which some trial of the variant fails, or there is no kernel to try.
    pub broken: u32,
    /// Those of them for which there is no kernel: it does not build or boot, or the patches do not apply to the source.
    #[serde(default)]
    pub no_kernel: u32,
    /// The cell with the lowest pass rate, or one without a kernel; none if every trial of all cells passes.
    pub worst: Option<Worst>,
    /// Additional cost for one of each unit, by the unit's name, on the target where it is highest.
    pub prices: BTreeMap<String, UnitPrice>,
    /// Kernels on which the patches change nothing.
    pub no_op: Vec<String>,
    /// How far the variant's tree is from the baseline's, on the kernel where it is farthest.
    pub size: Option<Size>,
    /// A variant that is at least as good in every respect and better in one; none if there is none.
    pub dominated: Option<Dominated>,
}

/// Where a variant is worst.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Worst {
    /// Name of the kernel.
    pub kernel: String,
    /// Name of the machine.
    pub machine: String,
    /// Name of the testcase.
    pub testcase: String,
    /// Passing trials.
    pub passes: u32,
    /// Trials that passed or failed.
    pub n: u32,
    /// Interval of the pass rate.
    pub interval: Option<Interval>,
    /// Why there is no kernel to try, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

/// What one unit costs more than with the baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UnitPrice {
    /// Name of the kernel on which it was measured.
    pub kernel: String,
    /// Name of the machine.
    pub machine: String,
    /// D$ and I$ operations.
    pub operations: f64,
    /// Guest instructions in functions that do maintenance.
    pub instructions: f64,
}

/// What beats a variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Dominated {
    /// Name of the better variant.
    pub by: String,
    /// In what it is better, as a clause.
    pub why: String,
}

/// Returns the candidates: the variants of a study but for its baseline, in the study's order.
pub(super) fn candidates(plan: &Plan, groups: &[Group], built: &KernelFacts) -> Vec<Candidate> {
    let variants = plan.variants.iter().filter(|variant| variant.name != plan.study.baseline);
    let mut candidates: Vec<Candidate> = variants
        .map(|variant| candidate(plan, groups, built, &variant.name))
        .filter(|one| one.observable > 0)
        .collect();
    let others = candidates.clone();
    for candidate in &mut candidates {
        candidate.dominated = others.iter().find_map(|other| dominates(other, candidate));
    }
    candidates
}

fn candidate(plan: &Plan, groups: &[Group], built: &KernelFacts, variant: &str) -> Candidate {
    let cells = || groups.iter().filter_map(|group| Some((group, group.cell(variant)?)));
    // What a kernel breaks it breaks by whatever variant it was tried.
    let tried = || groups.iter().filter_map(|group| Some((group, group.tried_as(variant)?)));
    let count = |condition: &dyn Fn(&Group, &CellJudgement) -> bool| {
        u32::try_from(cells().filter(|(group, cell)| condition(group, cell)).count()).unwrap_or(u32::MAX)
    };
    let holds = |group: &Group| group.observable == Control::Holds;
    let applies = |cell: &CellJudgement| cell.verdict != Verdict::DoesNotApply;
    let no_op = cells().filter(|(_, cell)| cell.in_binary == InBinary::NoOp);
    let no_op: BTreeSet<String> = no_op.map(|(group, _)| group.kernel.clone()).collect();
    let sizes = built.sizes.values().filter_map(|variants| variants.get(variant).copied());
    Candidate {
        variant: variant.into(),
        observable: count(&|group, cell| holds(group) && applies(cell)),
        fixed: count(&|group, cell| holds(group) && cell.verdict == Verdict::PassesAll),
        broken: count(&|group, _| group.tried_as(variant).is_some_and(is_bad)),
        no_kernel: count(&|_, cell| cell.verdict.is_broken()),
        worst: worst(tried()),
        prices: prices(plan, groups, variant),
        no_op: no_op.into_iter().collect(),
        size: sizes.max_by_key(|size| size.added + size.removed),
        dominated: None,
    }
}

fn worst<'a>(cells: impl Iterator<Item = (&'a Group, &'a CellJudgement)>) -> Option<Worst> {
    let rate = |cell: &CellJudgement| match cell.verdict.is_broken() {
        true => -1.0,
        false => f64::from(cell.passes) / f64::from(cell.n),
    };
    let failing = cells.filter(|(_, cell)| is_bad(cell));
    let (group, cell) = failing.min_by(|(_, a), (_, b)| rate(a).total_cmp(&rate(b)))?;
    Some(Worst {
        kernel: group.kernel.clone(),
        machine: group.machine.clone(),
        testcase: group.testcase.clone(),
        passes: cell.passes,
        n: cell.n,
        interval: cell.interval,
        verdict: cell.verdict.is_broken().then_some(cell.verdict),
    })
}

/// Some trial fails, or there is nothing to try.
fn is_bad(cell: &CellJudgement) -> bool {
    cell.passes < cell.n || cell.verdict.is_broken()
}

/// What stands for a unit in a study none of whose testcases has one.
const TRIAL: &str = "trial";

/// Divides what testcases with a unit cost by the units that they do. Where no testcase has one, the price is that of a
/// trial where the bug shows.
fn prices(plan: &Plan, groups: &[Group], variant: &str) -> BTreeMap<String, UnitPrice> {
    let priced = plan.testcases.iter().any(|testcase| testcase.unit.is_some());
    let baseline = plan.study.baseline.as_str();
    let mut prices: BTreeMap<String, UnitPrice> = BTreeMap::new();
    for group in groups.iter().filter(|group| priced || group.observable == Control::Holds) {
        let Some(testcase) = plan.testcases.iter().find(|case| case.name == group.testcase) else { continue };
        let (name, count) = match &testcase.unit {
            Some(unit) => (unit.name.as_str(), unit.count),
            None if priced => continue,
            None => (TRIAL, 1),
        };
        let units = f64::from(count) * f64::from(testcase.repetitions);
        let cell = group.cell(variant);
        let is_baseline =
            cell.is_some_and(|cell| cell.is_idle() && cell.same_as.as_deref() == Some(baseline));
        let price =
            if is_baseline { Some(free(group)) } else { cell.and_then(|cell| price_of(group, cell, units)) };
        let Some(price) = price else { continue };
        match prices.get(name) {
            Some(known) if known.operations >= price.operations => {}
            _ => drop(prices.insert(name.to_owned(), price)),
        }
    }
    prices
}

/// What the same kernel as the baseline's costs more than it.
fn free(group: &Group) -> UnitPrice {
    let (kernel, machine) = (group.kernel.clone(), group.machine.clone());
    UnitPrice { kernel, machine, operations: 0.0, instructions: 0.0 }
}

fn price_of(group: &Group, cell: &CellJudgement, units: f64) -> Option<UnitPrice> {
    let each = |price: &Price| price.difference.map(|difference| difference / units);
    Some(UnitPrice {
        kernel: group.kernel.clone(),
        machine: group.machine.clone(),
        operations: each(&cell.d)? + each(&cell.i)?,
        instructions: each(&cell.flush_instructions)?,
    })
}

/// Differences below this many operations a unit are none: they are what is left of things that do not divide.
const SAME: f64 = 0.05;

/// Says why `a` beats `b`, if it does: it is at least as good in every respect, and better in one.
fn dominates(a: &Candidate, b: &Candidate) -> Option<Dominated> {
    if a.no_kernel > 0 {
        return None;
    }
    let lines = |one: &Candidate| one.size.map(|size| size.added + size.removed);
    let units: BTreeSet<&String> = a.prices.keys().chain(b.prices.keys()).collect();
    let price = |one: &Candidate, unit: &str| one.prices.get(unit).map(|price| price.operations);
    let mut better = Vec::new();
    let mut compare = |a: f64, b: f64, why: String| {
        if a < b {
            better.push(why);
        }
        a <= b
    };
    let mut good =
        compare(a.broken.into(), b.broken.into(), format!("breaks {} cells against {}", a.broken, b.broken));
    good &= compare(
        (-i64::from(a.fixed)) as f64,
        (-i64::from(b.fixed)) as f64,
        format!("fixes {} against {}", a.fixed, b.fixed),
    );
    for unit in units {
        let (Some(ours), Some(theirs)) = (price(a, unit), price(b, unit)) else { return None };
        if (ours - theirs).abs() > SAME {
            good &= compare(
                ours,
                theirs,
                format!("costs {ours:+.1} operations for one {unit} against {theirs:+.1}"),
            );
        }
    }
    if let (Some(ours), Some(theirs)) = (lines(a), lines(b)) {
        good &= compare(ours.into(), theirs.into(), format!("changes {ours} lines against {theirs}"));
    }
    (good && !better.is_empty()).then(|| Dominated { by: a.variant.clone(), why: better.join(", ") })
}
