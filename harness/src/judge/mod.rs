// SPDX-License-Identifier: GPL-2.0-or-later
//! From a plan and the lines of its trials to verdicts. Pure.
//!
//! Three controls gate what is said. *Coherent*: with the model off every trial passes, or the workload is at fault
//! and the verdict is unknown. *Observable*: the baseline variant fails in at least one trial of the same target and
//! testcase, or a pass means nothing there. *In the binary*: the patches changed the kernel, or the variant is a no-op.
//! Unknown trials are counted and shown, and are in no rate.

pub mod bisection;
mod cell;
mod change;
mod comparison;
mod data;
mod decision;
mod evidence;
mod in_binary;
mod model;
mod obstacle;
mod pairing;
mod question;
mod ranking;
mod schedule;
pub mod statistics;
pub mod trend;

use std::cell::RefCell;
use std::collections::BTreeMap;

pub use change::CellChange;
pub use change::ComparedRun;
pub use change::Direction;
pub use change::Made;
pub use change::Outlook;
pub use change::PriceChange;
pub use change::RateChange;
pub use change::Renames;
pub use change::RunChanges;
pub use change::changes;
pub use comparison::Comparison;
pub use comparison::LEVEL;
pub use data::outcomes;
pub use decision::Candidate;
pub use decision::Dominated;
pub use decision::UnitPrice;
pub use decision::Worst;
pub use evidence::outcome as judged_outcome;
pub use model::CellJudgement;
pub use model::Coherent;
pub use model::Control;
pub use model::Example;
pub use model::Expectation;
pub use model::FlushUsePrice;
pub use model::Group;
pub use model::InBinary;
pub use model::Judgement;
pub use model::Overall;
pub use model::Price;
pub use model::VERSION;
pub use model::Verdict;
pub use obstacle::NoImage;
pub use obstacle::Reason;
pub use pairing::Behind;
pub use question::Answer;
pub use question::Witness;
pub use ranking::Fix;
pub use ranking::Ranking;
pub use schedule::Schedule;
pub use schedule::schedule;
pub use statistics::interval;

use crate::build::Changes;
use crate::error::Error;
use crate::error::Result;
use crate::judge::cell::CellContext;
use crate::judge::cell::CellTrials;
use crate::judge::data::Data;
use crate::judge::decision::Judged;
use crate::judge::in_binary::Images;
use crate::patch::Size;
use crate::plan::Cell;
use crate::plan::Plan;
use crate::plan::Target;
use crate::plan::Testcase;
use crate::plan::Variant;
use crate::trial::line::TrialLine;

/// What is known of the kernels beside their trials. Images may be absent; those that trials name then have to do.
#[derive(Clone, Debug, Default)]
pub struct KernelFacts {
    /// SHA-256 of each image, by kernel, then variant.
    pub images: BTreeMap<String, BTreeMap<String, String>>,
    /// SHA-256 of the images of the kernels' own trees.
    pub bases: BTreeMap<String, String>,
    /// How far each variant's tree is from the baseline's, by kernel, then variant.
    pub sizes: BTreeMap<String, BTreeMap<String, Size>>,
    /// What each variant changes in the kernel, by kernel, then variant.
    pub changes: BTreeMap<String, BTreeMap<String, Changes>>,
    /// Why there are images that could not be made, by kernel, then variant.
    pub no_image: BTreeMap<String, BTreeMap<String, NoImage>>,
    /// Why kernels do not boot, by kernel, machine and variant.
    pub not_booted: BTreeMap<[String; 3], Reason>,
}

/// Refuses a plan whose cells no number of its trials could decide.
///
/// # Errors
///
/// Study.
pub fn check(plan: &Plan) -> Result<()> {
    let Some(rule) = &plan.study.rule else { return Ok(()) };
    statistics::sequential::check(rule, plan.study.seeds.count)
        .map_err(|why| Error::study(format!("{}: rule: {why}", plan.study.file)))
}

/// Judges the trials of a study.
pub fn judge(plan: &Plan, lines: &[TrialLine], built: &KernelFacts) -> Judgement {
    let data = Data::new(plan, built, lines);
    let images = Images { plan, built, data: Some(&data) };
    let mut groups = Vec::new();
    for target in &plan.targets {
        groups.extend(plan.testcases_on(target).map(|testcase| group(target, testcase, &data, &images)));
    }
    comparison::compare(&mut groups, &plan.study.baseline);
    let count = |condition: &dyn Fn(&TrialLine) -> bool| {
        u32::try_from(data.lines().filter(|line| condition(line)).count()).unwrap_or(u32::MAX)
    };
    let mut judgement = Judgement {
        v: VERSION,
        study: plan.study.name.clone(),
        title: plan.study.title.clone(),
        mode: plan.study.mode,
        baseline: plan.study.baseline.clone(),
        rule: plan.study.rule,
        bound: plan.study.seeds.count,
        layouts: plan.study.layouts,
        trials: count(&|_| true),
        unknown: count(&|line| evidence::outcome(plan, line).is_unknown()),
        missing: data.missing,
        rankings: ranking::rankings(plan, &data, &groups),
        candidates: decision::candidates(Judged { plan, data: &data, groups: &groups }, built),
        answers: question::answers(plan, &groups),
        groups,
        changes: built.changes.clone(),
        problems: data.problems,
        overall: Overall::Met,
    };
    judgement.overall = overall(&judgement);
    judgement
}

fn group(target: &Target, testcase: &Testcase, data: &Data<'_>, images: &Images<'_>) -> Group {
    let plan = images.plan;
    let baseline_variant = plan.variants.iter().find(|variant| variant.name == plan.study.baseline);
    let baseline = baseline_variant
        .map(|variant| CellTrials::new(plan, &Cell { target, variant, testcase }, plan.study.mode, data));
    let observable = baseline.as_ref().map_or(Control::Unknown, CellTrials::some_fail);
    let kernel = &target.kernel.name;
    let draws = RefCell::default();
    let judge_variant = |variant: &Variant| {
        let cell = Cell { target, variant, testcase };
        let context = CellContext {
            plan,
            data,
            baseline: baseline.as_ref().filter(|_| variant.name != plan.study.baseline),
            observable,
            in_binary: images.in_binary(kernel, variant),
            twin: images.twin(kernel, variant),
            draws: &draws,
            obstacle: obstacle::obstacle(images.built, &cell),
        };
        cell::judge(&cell, &context)
    };
    Group {
        kernel: target.kernel.name.clone(),
        machine: target.machine.name.clone(),
        swept_from: target.machine.swept_from.clone(),
        testcase: testcase.name.clone(),
        title: testcase.title.clone(),
        unit: testcase.unit.as_ref().map(|unit| unit.name.clone()),
        observable,
        cells: plan.variants.iter().map(judge_variant).collect(),
        comparisons: Vec::new(),
    }
}

fn overall(judgement: &Judgement) -> Overall {
    let cells = || judgement.cells().map(|(_, cell)| cell);
    let contradicted = |cell: &CellJudgement| {
        cell.expectation == Expectation::Contradicted || cell.coherent.control == Control::Violated
    };
    let undecided = |cell: &CellJudgement| {
        !cell.is_idle()
            && (cell.expectation == Expectation::Unknown || cell.coherent.control == Control::Unknown)
    };
    let nowhere = judgement.groups.iter().all(|group| group.observable == Control::Violated);
    if nowhere && judgement.missing == 0 {
        Overall::NotObservable
    } else if cells().any(contradicted) {
        Overall::NotMet
    } else if judgement.unknown > 0 || !judgement.problems.is_empty() || cells().any(undecided) {
        Overall::Unknown
    } else {
        Overall::Met
    }
}

#[cfg(test)]
pub(crate) mod tests;
