// SPDX-License-Identifier: GPL-2.0-or-later
//! Answers the questions that a study asks, by the cells that bear on them.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::judge::interval::Interval;
use crate::judge::model::Group;
use crate::plan::Plan;
use crate::plan::Question;
use crate::plan::Yes;

/// The answer to a question of the study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// The question.
    pub ask: String,
    /// The variant whose trials answer it.
    pub variant: String,
    /// Cells that say yes.
    pub yes: Vec<Witness>,
    /// Cells that say no.
    pub no: Vec<Witness>,
}

/// A cell that bears on a question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Witness {
    /// Name of the kernel.
    pub kernel: String,
    /// Name of the machine.
    pub machine: String,
    /// Name of the testcase.
    pub testcase: String,
    /// Passing trials.
    pub passes: u32,
    /// Trials that passed or failed; at least 1.
    pub n: u32,
    /// Interval of the pass rate.
    pub interval: Option<Interval>,
    /// A failing trial, if there is one.
    pub trial: Option<String>,
}

/// Answers all questions of a study. Cells without a trial that says something say neither yes nor no.
pub(super) fn answers(plan: &Plan, groups: &[Group]) -> Vec<Answer> {
    plan.questions.iter().map(|question| answer(plan, groups, question)).collect()
}

fn answer(plan: &Plan, groups: &[Group], question: &Question) -> Answer {
    let mut answer = Answer {
        ask: question.ask.clone(),
        variant: question.variant.clone(),
        yes: Vec::new(),
        no: Vec::new(),
    };
    let bears = |group: &&Group| {
        question.testcases.contains(&group.testcase)
            && in_class(plan, group, question)
            && group.swept_from.is_none()
    };
    // By testcase, then target, as the question has them.
    let named = question.testcases.iter();
    for group in
        named.flat_map(|name| groups.iter().filter(bears).filter(move |group| group.testcase == *name))
    {
        let Some(cell) = group.tried_as(&question.variant).filter(|cell| cell.n > 0) else { continue };
        let witness = Witness {
            kernel: group.kernel.clone(),
            machine: group.machine.clone(),
            testcase: group.testcase.clone(),
            passes: cell.passes,
            n: cell.n,
            interval: cell.interval,
            trial: cell.example.as_ref().map(|example| example.trial.clone()),
        };
        let passes = cell.passes == cell.n;
        if passes == (question.yes == Yes::Passes) { &mut answer.yes } else { &mut answer.no }.push(witness);
    }
    answer
}

fn in_class(plan: &Plan, group: &Group, question: &Question) -> bool {
    let Some(class) = &question.class else { return true };
    let target = plan
        .targets
        .iter()
        .find(|target| target.kernel.name == group.kernel && target.machine.name == group.machine);
    target.is_some_and(|target| target.classes().contains(class))
}
