// SPDX-License-Identifier: GPL-2.0-or-later
//! One cell from its verdict down to the missing operation, for a terminal: at most some 40 lines.

use std::collections::BTreeMap;

use crate::judge::CellJudgement;
use crate::judge::Control;
use crate::judge::Group;
use crate::judge::InBinary;
use crate::judge::Judgement;
use crate::judge::Verdict;
use crate::report::content::expected;
use crate::report::content::passes;
use crate::report::content::printable;
use crate::report::data::ReportData;
use crate::report::number;
use crate::report::number::plural;
use crate::report::untried;
use crate::report::wrap::wrapped;
use crate::trial::line::Outcome;
use crate::trial::line::TrialLine;

/// How many of a kind are named: seeds of an outcome, classes of stale fetches.
const SEEDS: usize = 8;
const CLASSES: usize = 5;
/// Lines of the story that is shown in full.
const STORY: usize = 16;

/// Stale fetches of one kind, over the trials of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleClass {
    /// Who wrote what was fetched, and where that is in the source, as far as it is known.
    pub writer: String,
    /// What was not done: write-back, invalidate or both.
    pub missing: &'static str,
    /// Whether a process executed it, and not the kernel.
    pub user: bool,
    /// In how many trials it happened.
    pub trials: u32,
    /// How many of those failed.
    pub failing: u32,
}

/// Returns why a cell is judged as it is: its verdict, its trials, its stale fetches, one of them in full, and which variants
/// do without. `story` is that of the trial that is shown, its example of a failure or its first one.
pub fn cell(
    data: &ReportData,
    place: (&Group, &CellJudgement),
    classes: &[StaleClass],
    story: &str,
    width: usize,
) -> String {
    let (group, cell) = place;
    let judgement = &data.judgement;
    let name = format!("{}/{}/{}/{}", group.kernel, group.machine, cell.variant, group.testcase);
    let mut text = wrapped(&format!("{name}: {}", printable(&group.title)), "  ", width);
    let mut add = |label: &str, sentence: String| {
        text.push_str(&wrapped(&format!("{label}: {}", printable(&sentence)), "  ", width));
    };
    add(
        "verdict",
        format!(
            "{}, passes {}: {}",
            cell.verdict.name(),
            passes(cell),
            reason(cell, group.observable, judgement)
        ),
    );
    add("controls", controls(group, cell));
    let why = if cell.why.is_empty() { String::new() } else { format!(": {}", cell.why) };
    add("expected", expected(cell) + &why);
    if let Some(decision) = cell.decision {
        add("rule", format!("{decision:?}").to_lowercase() + " by the study's sequential test");
    }
    if cell.reason.is_some() {
        // What was said of why there is no kernel, in place of trials.
        let lines: Vec<&str> = story.lines().collect();
        let end = &lines[lines.len().saturating_sub(STORY)..];
        let heading = if end.is_empty() { "" } else { "the end of the log:\n" };
        text.push_str(heading);
        text.extend(end.iter().map(|line| format!("  {}\n", printable(line))));
        text.push_str(&wrapped(&remedies(judgement, group, cell), "  ", width));
        return text;
    }
    text.push_str("trials:\n");
    let index = data.index();
    for line in outcomes(index.trials(group, cell)) {
        text.push_str(&format!("  {}", wrapped(&line, "    ", width.saturating_sub(2))));
    }
    text.push_str(&stale(classes, width));
    text.push_str(&shortened(story));
    text.push_str(&wrapped(&remedies(judgement, group, cell), "  ", width));
    if let Some(trial) = shown(data, group, cell) {
        text.push_str(&format!("run it again: {}\n", data.replay(&trial)));
    }
    text
}

/// The name of the trial that is shown in full.
fn shown(data: &ReportData, group: &Group, cell: &CellJudgement) -> Option<String> {
    let example = cell.example.as_ref().map(|example| example.trial.clone());
    example.or_else(|| Some(data.index().trials(group, cell).first()?.id.to_string()))
}

fn reason(cell: &CellJudgement, observable: Control, judgement: &Judgement) -> String {
    match cell.verdict {
        Verdict::Unknown if cell.n == 0 => "no trial says anything".into(),
        Verdict::Unknown if cell.coherent.control != Control::Holds => {
            "the coherent control does not hold, so that the testcase itself may be at fault".into()
        }
        Verdict::Unknown => "the rule has not decided yet, or the baseline has no trial".into(),
        Verdict::NoOp => "the patches do not change the image".into(),
        Verdict::DoesNotApply | Verdict::PatchRejected | Verdict::DoesNotBuild | Verdict::DoesNotBoot => {
            untried::why(cell).unwrap_or_default()
        }
        Verdict::Fails => "no trial passes".into(),
        Verdict::Mixed => "some trials pass, which is no fix".into(),
        Verdict::NotObservable if observable == Control::Unknown => {
            format!("all pass, but of {} nothing is known, so that it says nothing", judgement.baseline)
        }
        Verdict::NotObservable => {
            format!("all pass, but so do those of {}: the bug does not show here", judgement.baseline)
        }
        Verdict::PassesAll => format!("all pass, and {} fails here", judgement.baseline),
    }
}

fn controls(group: &Group, cell: &CellJudgement) -> String {
    let coherent = format!("with the model off {}/{} pass", cell.coherent.passes, cell.coherent.n);
    let observable = match group.observable {
        Control::Holds => "the baseline fails",
        Control::Violated => "the baseline does not fail",
        Control::Unknown => "of the baseline nothing is known",
    };
    let binary = match cell.in_binary {
        InBinary::Base => "the kernel's own tree",
        InBinary::Present => "the patches are in the image",
        InBinary::NoOp => "the patches are NOT in the image",
        InBinary::Unknown => "whether the patches are in the image is unknown",
    };
    format!("{coherent}; {observable}; {binary}")
}

/// The trials by outcome, and how they failed.
fn outcomes(lines: &[&TrialLine]) -> Vec<String> {
    let mut kinds: BTreeMap<(u8, &str), Vec<u64>> = BTreeMap::new();
    for line in lines {
        let kind = match line.outcome {
            Outcome::Fail { symptom } => (0, symptom.name()),
            Outcome::Unknown { cause } => (1, cause.name()),
            Outcome::Pass => (2, ""),
        };
        kinds.entry(kind).or_default().push(line.id.seed);
    }
    let one = |((kind, name), mut seeds): ((u8, &str), Vec<u64>)| {
        seeds.sort_unstable();
        let words = ["fail, ", "unknown, ", "pass"][usize::from(kind)];
        let named: Vec<String> = seeds.iter().take(SEEDS).map(u64::to_string).collect();
        let more = if seeds.len() > SEEDS { ", ..." } else { "" };
        format!("{} {words}{name}: seeds {}{more}", seeds.len(), named.join(", "))
    };
    let lines: Vec<String> = kinds.into_iter().map(one).collect();
    if lines.is_empty() { vec!["none".into()] } else { lines }
}

fn stale(classes: &[StaleClass], width: usize) -> String {
    if classes.is_empty() {
        return "stale fetches: none in any trial\n".into();
    }
    let mut text = String::from("stale fetches, by who wrote and what was missing:\n");
    for class in classes.iter().take(CLASSES) {
        let fetched = if class.user { "user space" } else { "the kernel" };
        let trials = plural(class.trials, "trial");
        let line = format!(
            "{trials}, {} of them failing: written by {}, executed by {fetched}, missing: {}",
            class.failing, class.writer, class.missing
        );
        text.push_str(&format!("  {}", wrapped(&line, "    ", width.saturating_sub(2))));
    }
    if classes.len() > CLASSES {
        text.push_str(&format!("  and {} more kinds\n", classes.len() - CLASSES));
    }
    text
}

fn shortened(story: &str) -> String {
    if story.trim().is_empty() {
        return "one trial in full: nothing was kept of any; `run it again` shows it\n".into();
    }
    let lines: Vec<&str> = story.lines().collect();
    let mut text: String = lines.iter().take(STORY).map(|line| format!("  {}\n", printable(line))).collect();
    if lines.len() > STORY {
        text.push_str(&format!(
            "  and {} more lines: `patcheval explain` of the trial\n",
            lines.len() - STORY
        ));
    }
    format!("one trial in full:\n{text}")
}

/// Which variants pass here where the baseline fails, the cheapest first.
fn remedies(judgement: &Judgement, group: &Group, cell: &CellJudgement) -> String {
    // Where the baseline passes nothing is fixed, but a variant that fails is not needed either.
    let passes = |verdict| matches!(verdict, Verdict::PassesAll | Verdict::NotObservable);
    let passing = |other: &&CellJudgement| passes(other.verdict) && other.variant != cell.variant;
    let mut variants: Vec<&CellJudgement> = group.cells.iter().filter(passing).collect();
    if variants.is_empty() {
        return "fixed here by: no other variant".into();
    }
    let more = |variant: &CellJudgement| (variant.d.difference, variant.i.difference);
    // As the rankings have it, by what all trials count: the baseline may pass with few seeds, or with none.
    let sum = |variant: &CellJudgement| variant.d.mean.zip(variant.i.mean).map(|(d, i)| d + i);
    let sum = |variant: &CellJudgement| sum(variant).unwrap_or(f64::INFINITY);
    variants.sort_by(|a, b| sum(a).total_cmp(&sum(b)));
    let one = |variant: &&CellJudgement| match more(variant) {
        (Some(d), Some(i)) => {
            format!("{} ({} D ops, {} I ops)", variant.variant, number::difference(d), number::difference(i))
        }
        _ => variant.variant.clone(),
    };
    let named: Vec<String> = variants.iter().map(one).collect();
    format!("fixed here by (operations more than {}): {}", judgement.baseline, named.join(", "))
}
