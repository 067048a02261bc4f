// SPDX-License-Identifier: GPL-2.0-or-later
//! The decision table: what each variant is good for, what it costs, and which variants another one beats in every respect.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::judge::KernelFacts;
use crate::judge::data::Data;
use crate::judge::interval::Interval;
use crate::judge::model::CellJudgement;
use crate::judge::model::Control;
use crate::judge::model::Group;
use crate::judge::model::InBinary;
use crate::judge::model::Verdict;
use crate::judge::pairing;
use crate::judge::pairing::Behind;
use crate::patch::Size;
use crate::plan::Plan;
use crate::plan::Testcase;

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
    /// D$ and I$ operations together, the mean a trial, summed over the targets and testcases where the baseline fails, as the rankings
    /// count them; none where one of these has no count, and in older judgements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operations: Option<f64>,
    /// How many of them more than those of the first candidate; absent for that one itself, unless both fix the bug wherever it shows
    /// and break nothing, and in older judgements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<Behind>,
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
    /// 95 % interval of the operations, made as that of [`crate::judge::Price`]; none from a single pair, and in older judgements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
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

/// A study's trials, and what they say of its groups.
#[derive(Clone, Copy)]
pub(super) struct Judged<'a, 'b> {
    /// The study.
    pub(super) plan: &'b Plan,
    /// Its lines.
    pub(super) data: &'b Data<'a>,
    /// Their groups.
    pub(super) groups: &'b [Group],
}

impl Candidate {
    /// Returns whether it fixes the bug wherever it shows, and breaks nothing.
    pub fn is_whole(&self) -> bool {
        self.fixed == self.observable && self.broken == 0
    }
}

/// Returns the candidates: the variants of a study but for its baseline. Those without a kernel come last, the others by what they
/// break, by what they fix, and by the operations that the rankings count; what is equal in all stays in the study's order.
pub(super) fn candidates(judged: Judged<'_, '_>, built: &KernelFacts) -> Vec<Candidate> {
    let plan = judged.plan;
    let variants = plan.variants.iter().filter(|variant| variant.name != plan.study.baseline);
    let mut candidates: Vec<Candidate> = variants
        .map(|variant| candidate(judged, built, &variant.name))
        .filter(|one| one.observable > 0)
        .collect();
    let rank = |one: &Candidate| (one.no_kernel > 0, one.broken, Reverse(one.fixed));
    let operations = |one: &Candidate| one.operations.unwrap_or(f64::INFINITY);
    candidates.sort_by(|a, b| rank(a).cmp(&rank(b)).then(operations(a).total_cmp(&operations(b))));
    if let Some((first, others)) = candidates.split_first_mut()
        && first.is_whole()
    {
        let shows: Vec<&Group> =
            judged.groups.iter().filter(|group| group.observable == Control::Holds).collect();
        for other in others.iter_mut().filter(|other| other.is_whole()) {
            other.behind = pairing::behind(plan, judged.data, &shows, [&other.variant, &first.variant]);
        }
    }
    let others = candidates.clone();
    for candidate in &mut candidates {
        candidate.dominated = others.iter().find_map(|other| dominates(judged, other, candidate));
    }
    candidates
}

fn candidate(judged: Judged<'_, '_>, built: &KernelFacts, variant: &str) -> Candidate {
    let groups = judged.groups;
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
        operations: operations(groups, variant),
        behind: None,
        prices: prices(judged, variant),
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

/// What the rankings count of a variant, summed over all targets.
fn operations(groups: &[Group], variant: &str) -> Option<f64> {
    let shows = groups.iter().filter(|group| group.observable == Control::Holds);
    shows.map(|group| group.tried_as(variant).and_then(|cell| Some(cell.d.mean? + cell.i.mean?))).sum()
}

/// What stands for a unit in a study none of whose testcases has one.
const TRIAL: &str = "trial";

/// Returns the groups by which variants are priced, with the unit and how many of it a trial does: testcases with a unit, or if no
/// testcase has one, trials where the bug shows.
fn priced<'b>(judged: Judged<'_, 'b>) -> impl Iterator<Item = (&'b Group, &'b str, f64)> {
    let Judged { plan, groups, .. } = judged;
    let has_units = plan.testcases.iter().any(|testcase| testcase.unit.is_some());
    let unit = move |testcase: &'b Testcase, group: &Group| match &testcase.unit {
        Some(unit) => Some((unit.name.as_str(), unit.count)),
        None => (!has_units && group.observable == Control::Holds).then_some((TRIAL, 1)),
    };
    groups.iter().filter_map(move |group| {
        let testcase = plan.testcases.iter().find(|case| case.name == group.testcase)?;
        let (name, count) = unit(testcase, group)?;
        Some((group, name, f64::from(count) * f64::from(testcase.repetitions)))
    })
}

/// Divides what trials cost by the units that they do, and keeps the dearest target of each unit.
fn prices(judged: Judged<'_, '_>, variant: &str) -> BTreeMap<String, UnitPrice> {
    let mut prices: BTreeMap<String, UnitPrice> = BTreeMap::new();
    for (group, name, units) in priced(judged) {
        let Some(price) = price_of(judged, group, variant, units) else { continue };
        match prices.get(name) {
            Some(known) if known.operations >= price.operations => {}
            _ => drop(prices.insert(name.to_owned(), price)),
        }
    }
    prices
}

fn price_of(judged: Judged<'_, '_>, group: &Group, variant: &str, units: f64) -> Option<UnitPrice> {
    let (kernel, machine) = (group.kernel.clone(), group.machine.clone());
    let baseline = judged.plan.study.baseline.as_str();
    let cell = group.tried_as(variant)?;
    if cell.variant == baseline {
        // The same kernel costs nothing more.
        return Some(UnitPrice { kernel, machine, operations: 0.0, interval: None, instructions: 0.0 });
    }
    let more = pairing::behind(judged.plan, judged.data, &[group], [variant, baseline])?.each(units);
    let instructions = cell.flush_instructions.difference? / units;
    Some(UnitPrice { kernel, machine, operations: more.mean, interval: more.interval, instructions })
}

/// Compares the prices of two candidates by the trials of both, for each unit and on each target. Returns in what `a` is cheaper;
/// nothing if it is dearer somewhere, or of some unit nothing can be said.
fn cheaper(judged: Judged<'_, '_>, a: &Candidate, b: &Candidate) -> Option<Vec<String>> {
    let units: BTreeSet<&String> = a.prices.keys().chain(b.prices.keys()).collect();
    let mut better = Vec::new();
    for unit in units {
        let of_unit = priced(judged).filter(|(_, name, _)| name == unit);
        let compared: Vec<Behind> = of_unit
            .filter_map(|(group, _, units)| {
                let variants = [a.variant.as_str(), b.variant.as_str()];
                Some(pairing::behind(judged.plan, judged.data, &[group], variants)?.each(units))
            })
            .collect();
        let distinct = || compared.iter().filter(|one| one.is_distinguishable());
        if compared.is_empty() || distinct().any(|one| one.mean > 0.0) {
            return None;
        }
        if let Some(most) = distinct().min_by(|a, b| a.mean.total_cmp(&b.mean)) {
            let range = most.interval.filter(|limits| limits.low < limits.high);
            let range = range.map(|limits| format!(" [{:.1}, {:.1}]", -limits.high, -limits.low));
            let range = range.unwrap_or_default();
            better.push(format!("costs {:.1}{range} operations less for one {unit}", -most.mean));
        }
    }
    Some(better)
}

/// Says why `a` beats `b`, if it does: it is at least as good in every respect, and better in one. A price is better only where the
/// trials tell the two apart.
fn dominates(judged: Judged<'_, '_>, a: &Candidate, b: &Candidate) -> Option<Dominated> {
    if a.no_kernel > 0 || a.variant == b.variant {
        return None;
    }
    let lines = |one: &Candidate| one.size.map(|size| size.added + size.removed);
    let mut better = Vec::new();
    let mut compare = |a: u32, b: u32, why: String| {
        if a < b {
            better.push(why);
        }
        a <= b
    };
    let mut good = compare(a.broken, b.broken, format!("breaks {} cells against {}", a.broken, b.broken));
    // The more the better.
    good &= compare(b.fixed, a.fixed, format!("fixes {} against {}", a.fixed, b.fixed));
    let by_lines = lines(a).zip(lines(b));
    let fewer_lines = by_lines.map(|(ours, theirs)| {
        (ours < theirs, ours <= theirs, format!("changes {ours} lines against {theirs}"))
    });
    if !good || fewer_lines.as_ref().is_some_and(|(_, as_few, _)| !as_few) {
        return None;
    }
    better.extend(cheaper(judged, a, b)?);
    better.extend(fewer_lines.filter(|(fewer, ..)| *fewer).map(|(.., why)| why));
    (!better.is_empty()).then(|| Dominated { by: a.variant.clone(), why: better.join(", ") })
}
