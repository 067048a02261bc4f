// SPDX-License-Identifier: GPL-2.0-or-later
//! What a mail says: the result, the tables, what they do not say, and how to have them again.

use std::collections::BTreeMap;

use crate::judge::CellJudgement;
use crate::judge::Control;
use crate::judge::Group;
use crate::judge::InBinary;
use crate::judge::Judgement;
use crate::judge::Verdict;
use crate::plan::mode_name;
use crate::report::ReportData;
use crate::report::answer;
use crate::report::binary;
use crate::report::content::contradiction;
use crate::report::grid::Grid;
use crate::report::grid::grids;
use crate::report::mail::item;
use crate::report::mail::matrix;
use crate::report::mail::matrix::LISTED;
use crate::report::mail::matrix::Targets;
use crate::report::mail::paragraph;
use crate::report::mail::setup;
use crate::report::number::plural;
use crate::report::sentence;
use crate::report::untried;

/// Columns of the decision table that the list of cells shows better.
const LEFT_OUT: [&str; 2] = ["worst", "dominated by"];

/// Returns the mail without its head.
pub(super) fn body(data: &ReportData) -> String {
    let judgement = &data.judgement;
    let targets = Targets::new(judgement);
    let mut text = result(judgement, &targets);
    text.push_str(&format!("\n{}\n", matrix::table(judgement, &targets)));
    text.push_str(&paragraph(&matrix::legend(judgement), ""));
    for line in targets.legend() {
        text.push_str(&paragraph(&line, "   "));
    }
    text.push_str(&not_passed(judgement, &targets));
    for grid in grids(judgement) {
        text.push_str(&table(&grid));
    }
    if !judgement.answers.is_empty() {
        text.push_str("\nQuestions\n\n");
        text.push_str(&judgement.answers.iter().map(|one| item(&answer::question(one))).collect::<String>());
    }
    text.push_str("\nControls, and what was not tested\n\n");
    text.push_str(&limits(data, &targets).iter().map(|sentence| item(sentence)).collect::<String>());
    text + &setup::setup(data)
}

/// One paragraph: the answer, what was asked, how often it was tried, and what came out.
fn result(judgement: &Judgement, targets: &Targets<'_>) -> String {
    let mut places = judgement.groups.iter().map(|group| group.observable);
    let (all, failing) =
        (judgement.groups.len(), places.by_ref().filter(|control| *control == Control::Holds).count());
    let mut text = format!(
        "{} {} {}, {} unknown, {} missing, on {} (caches: {}). {} fails in {failing} of {all} cells (testcases on \
         targets).",
        sentence::answer(judgement).join(" "),
        judgement.title,
        plural(judgement.trials, "trial"),
        judgement.unknown,
        judgement.missing,
        plural(targets.legend().len().try_into().unwrap_or(u32::MAX), "target"),
        mode_name(judgement.mode),
        judgement.baseline
    );
    for broken in untried::broken(judgement) {
        text.push_str(&format!(" {broken}."));
    }
    let (whole, others): (Vec<_>, Vec<_>) = judgement.candidates.iter().partition(|one| one.is_whole());
    if !whole.is_empty() {
        let names: Vec<&str> = whole.iter().map(|one| one.variant.as_str()).collect();
        text.push_str(&format!(
            " Passing in all of these, and failing nowhere else, the cheapest first: {}.",
            names.join(", ")
        ));
    } else if !judgement.candidates.is_empty() {
        text.push_str(" No variant passes in all of these and fails nowhere else.");
    }
    for one in others {
        text.push_str(&format!(
            " {} fixes {} of {} and fails in {}.",
            one.variant,
            one.fixed,
            one.observable,
            plural(one.broken, "cell")
        ));
    }
    paragraph(&format!("{text} Outcome: {}.", sentence::outcome(judgement)), "")
}

/// The cells that did not simply pass, and of contradicted ones what was expected.
fn not_passed(judgement: &Judgement, targets: &Targets<'_>) -> String {
    let cells = matrix::troubled(judgement);
    if cells.is_empty() {
        return format!("\nEvery cell passes in each of its trials{}.\n", or_none(judgement));
    }
    let listed = &cells[..cells.len().min(LISTED)];
    let mut text = format!(
        "\nNot all passed, the worst first (every other cell passes in each of its\ntrials{}):\n\n{}",
        or_none(judgement),
        matrix::list(listed, targets)
    );
    if cells.len() > LISTED {
        text.push_str(&format!("... and {} more\n", cells.len() - LISTED));
    }
    let contradictions: Vec<String> = judgement.cells().filter_map(contradiction).collect();
    if !contradictions.is_empty() {
        text.push_str("\nContradicted (!)\n\n");
        text.push_str(&contradictions.iter().map(|sentence| item(sentence)).collect::<String>());
    }
    text
}

/// What is to be added where cells are said to pass in each of their trials.
fn or_none(judgement: &Judgement) -> &'static str {
    if judgement.cells().any(|(_, cell)| cell.is_idle()) { ", or needs none" } else { "" }
}

fn table(grid: &Grid) -> String {
    let kept = |words: &[String]| -> Vec<String> {
        let words = words.iter().zip(&grid.columns);
        words
            .filter(|(_, column)| !LEFT_OUT.contains(&column.as_str()))
            .map(|(word, _)| word.clone())
            .collect()
    };
    let rows: Vec<Vec<String>> = grid.rows.iter().map(|row| kept(row)).collect();
    let sentences: String = grid.sentences.iter().map(|sentence| item(sentence)).collect();
    let heading = paragraph(&grid.heading, "");
    format!("\n{heading}\n{}{}{sentences}", matrix::panels(&kept(&grid.columns), &rows), gap(&sentences))
}

fn gap(after: &str) -> &'static str {
    if after.is_empty() { "" } else { "\n" }
}

/// Controls, and what the tables do not say.
fn limits(data: &ReportData, targets: &Targets<'_>) -> Vec<String> {
    let judgement = &data.judgement;
    let mut sentences = vec![coherent(judgement)];
    sentences.extend(by_testcase(judgement, targets, Control::Violated).map(|places| {
        format!(
            "not observable: {} passes in these, so that nothing is ranked there: {places}",
            judgement.baseline
        )
    }));
    sentences.extend(
        by_testcase(judgement, targets, Control::Unknown)
            .map(|places| format!("unknown whether {} fails: {places}", judgement.baseline)),
    );
    sentences.extend(not_run(data, targets));
    sentences.extend(named(judgement, InBinary::NoOp).map(|variants| {
        format!("no-op: the patches do not change the image, so a pass says nothing: {variants}")
    }));
    sentences.extend(
        named(judgement, InBinary::Unknown)
            .map(|variants| format!("no image to compare with, so unknown: {variants}")),
    );
    let causes: Vec<String> =
        causes(judgement).iter().map(|(name, count)| format!("{name} {count}")).collect();
    if !causes.is_empty() {
        sentences.push(format!("trials without a result, which are not counted: {}", causes.join(", ")));
    }
    sentences.extend(untried::left_out(judgement));
    sentences.extend(judgement.problems.iter().cloned());
    sentences.push(
        "the caches are a model under QEMU: a failure shows what such caches do; a pass proves nothing about \
         hardware"
            .into(),
    );
    sentences
}

fn coherent(judgement: &Judgement) -> String {
    let cells = || judgement.cells().filter(|(_, cell)| !cell.is_idle());
    let holds = cells().filter(|(_, cell)| cell.coherent.control == Control::Holds).count();
    let others = cells().filter(|(_, cell)| cell.coherent.control != Control::Holds);
    let others: Vec<String> = others
        .map(|(group, cell)| {
            let CellJudgement { coherent, variant, .. } = cell;
            let (k, n) = (coherent.passes, coherent.n);
            format!("{variant}, {} on {} ({k}/{n})", group.testcase, group.machine)
        })
        .collect();
    let mut text = format!("with the model off every trial passes in {holds} of {} cells", cells().count());
    if !others.is_empty() {
        text.push_str(&format!("; otherwise, and therefore unknown: {}", others.join("; ")));
    }
    text
}

/// The places where the baseline does this, as testcases with the letters of targets.
fn by_testcase(judgement: &Judgement, targets: &Targets<'_>, wanted: Control) -> Option<String> {
    let groups = judgement.groups.iter().filter(|group| group.observable == wanted);
    letters(groups.map(|group| (group.testcase.as_str(), targets.letter(&group.kernel, &group.machine))))
}

fn letters<'a>(places: impl Iterator<Item = (&'a str, String)>) -> Option<String> {
    let mut testcases: Vec<(&str, Vec<String>)> = Vec::new();
    for (testcase, letter) in places {
        match testcases.iter_mut().find(|(name, _)| *name == testcase) {
            Some((_, letters)) => letters.push(letter),
            None => testcases.push((testcase, vec![letter])),
        }
    }
    let words: Vec<String> =
        testcases.iter().map(|(testcase, letters)| format!("{testcase} ({})", letters.join(" "))).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// Testcases that need what a target has not.
fn not_run(data: &ReportData, targets: &Targets<'_>) -> Option<String> {
    let plan = &data.plan;
    let pairs = plan.testcases.iter().flat_map(|testcase| plan.targets.iter().map(move |to| (testcase, to)));
    let lacking = pairs
        .filter(|(testcase, target)| target.machine.swept_from.is_none() && !target.has_what_needs(testcase));
    let places = lacking.map(|(testcase, target)| {
        (testcase.name.as_str(), targets.letter(&target.kernel.name, &target.machine.name))
    });
    Some(format!("not run, because the target lacks what the testcase needs: {}", letters(places)?))
}

fn named(judgement: &Judgement, wanted: InBinary) -> Option<String> {
    let mut variants: Vec<String> = Vec::new();
    for (Group { kernel, .. }, cell) in judgement.cells().filter(|(_, cell)| binary::has(cell, wanted)) {
        let name = format!("{} on {kernel}", cell.variant);
        if !variants.contains(&name) {
            variants.push(name);
        }
    }
    (!variants.is_empty()).then(|| variants.join(", "))
}

/// Causes of unknown trials, and cells without any trial that says something.
fn causes(judgement: &Judgement) -> BTreeMap<&'static str, u32> {
    let mut causes = BTreeMap::new();
    for (_, cell) in judgement.cells() {
        for (cause, count) in &cell.causes {
            *causes.entry(cause.name()).or_insert(0) += count;
        }
        if cell.n == 0 && cell.unknown == 0 && cell.verdict == Verdict::Unknown {
            *causes.entry("missing").or_insert(0) += cell.missing;
        }
    }
    causes
}
