// SPDX-License-Identifier: GPL-2.0-or-later
//! What a study answers, in sentences: its questions, and the price of each variant.

use crate::judge::Answer;
use crate::judge::CellJudgement;
use crate::judge::FlushUsePrice;
use crate::judge::Group;
use crate::judge::Judgement;
use crate::judge::Price;
use crate::judge::Witness;
use crate::report::content::group_name;
use crate::report::content::printable;
use crate::report::number;
use crate::report::number::plural;

/// The use of each variant's additional operations: a flush that finds nothing to do costs as much as one that helps.
pub(super) fn price(judgement: &Judgement) -> Vec<String> {
    let signed = |price: Price| price.difference.map(number::difference);
    let sure = |price: Price| {
        let limits = price.interval.filter(|limits| limits.low < limits.high);
        let text = limits.map(|limits| {
            format!(" [{}, {}]", number::difference(limits.low), number::difference(limits.high))
        });
        Some(format!("{}{}", signed(price)?, text.unwrap_or_default()))
    };
    let side = |name: &str, all: Price, flush_use: &FlushUsePrice| -> Option<String> {
        let (all, redundant) = (sure(all)?, signed(flush_use.redundant)?);
        let insufficient = signed(flush_use.insufficient).filter(|text| text != "+0");
        let insufficient = insufficient.map(|text| format!(", {text} insufficient")).unwrap_or_default();
        Some(format!("{all} {name} ops ({redundant} redundant{insufficient})"))
    };
    let sentence = |(group, cell): (&Group, &CellJudgement)| {
        let (d, i) = (side("D", cell.d, &cell.d_use)?, side("I", cell.i, &cell.i_use)?);
        let instructions = sure(cell.flush_instructions)?;
        Some(format!("{}, {}: {d}, {i}, {instructions} instructions", group_name(group), cell.variant))
    };
    let mut sentences: Vec<String> = Vec::new();
    for group in judgement.groups.iter().filter(|group| has_price(judgement, group)) {
        let (free, dear): (Vec<&CellJudgement>, Vec<&CellJudgement>) =
            group.cells.iter().partition(|cell| is_free(cell));
        sentences.extend(dear.into_iter().filter_map(|cell| sentence((group, cell))));
        if !free.is_empty() {
            let variants: Vec<&str> = free.iter().map(|cell| cell.variant.as_str()).collect();
            sentences.push(format!("{}: no additional cost: {}", group_name(group), variants.join(", ")));
        }
    }
    if !sentences.is_empty() {
        let legend = format!(
            "each figure is the mean difference from {} over the seeds with which both pass, and its 95 % interval {} in \
             brackets where the differences are not all equal; redundant: the line was clean, absent or not stale; \
             insufficient: wrong colour or wrong CPU; instructions are those in functions that do maintenance",
            judgement.baseline,
            interval_of(judgement)
        );
        sentences.insert(0, legend);
    }
    sentences
}

/// How intervals of prices were made, and what they do not cover.
fn interval_of(judgement: &Judgement) -> String {
    match judgement.layouts {
        0 | 1 => "(bootstrap over the seeds: all have one layout of the guest's memory, which may add or take whole pages)"
            .into(),
        layouts => format!("(Student's, over {layouts} layouts of the guest's memory)"),
    }
}

/// Whether a variant does exactly the maintenance that the baseline does, with every seed.
fn is_free(cell: &CellJudgement) -> bool {
    let flush_use = [&cell.d_use, &cell.i_use].map(|flush_use| [flush_use.redundant, flush_use.insufficient]);
    [cell.d, cell.i, cell.flush_instructions].iter().chain(flush_use.as_flattened()).all(|price| {
        price.difference == Some(0.0) && price.interval.is_none_or(|limits| limits.low >= limits.high)
    })
}

/// Whether prices of a group are reported: testcases with a unit are there for that; without any, each has its own.
pub(super) fn has_price(judgement: &Judgement, group: &Group) -> bool {
    let priced = || judgement.groups.iter().any(|group| group.unit.is_some());
    group.swept_from.is_none() && (group.unit.is_some() || !priced())
}

/// Returns a question and its answer, with the cells that say so: those that pass whole by name only.
pub(super) fn question(answer: &Answer) -> String {
    let said = match (answer.yes.is_empty(), answer.no.is_empty()) {
        (true, true) => "unknown: no trial has a result".into(),
        (false, true) => format!("yes. {}", witnesses(&answer.variant, &answer.yes)),
        (true, false) => format!("no. {}", witnesses(&answer.variant, &answer.no)),
        (false, false) => format!(
            "it depends. Yes: {}. No: {}",
            witnesses(&answer.variant, &answer.yes),
            witnesses(&answer.variant, &answer.no)
        ),
    };
    format!("{} {said}", printable(&answer.ask))
}

fn witnesses(variant: &str, witnesses: &[Witness]) -> String {
    let (whole, failing): (Vec<&Witness>, Vec<&Witness>) =
        witnesses.iter().partition(|witness| witness.passes == witness.n);
    let mut sentences = Vec::new();
    for of_testcase in whole.chunk_by(|a, b| a.testcase == b.testcase) {
        let machines: Vec<&str> = of_testcase.iter().map(|witness| witness.machine.as_str()).collect();
        let trials: u32 = of_testcase.iter().map(|witness| witness.n).sum();
        sentences.push(format!(
            "{variant} passes {} in all of {} on {}",
            of_testcase[0].testcase,
            plural(trials, "trial"),
            machines.join(", ")
        ));
    }
    sentences.extend(failing.into_iter().map(|witness| {
        let trial = witness.trial.as_ref().map(|trial| format!(", for instance {trial}")).unwrap_or_default();
        format!(
            "{variant} passes {} of {} of {} on {}{trial}",
            witness.passes, witness.n, witness.testcase, witness.machine
        )
    }));
    sentences.join("; ")
}
