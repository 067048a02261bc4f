// SPDX-License-Identifier: GPL-2.0-or-later
//! Every cell with its trials, what was seen in one of them, and the command that runs it again.

use std::collections::BTreeMap;

use maud::Markup;
use maud::html;

use super::PageCell;
use super::PageView;
use super::Panel;
use super::matrix::tag;
use super::text::ranges;
use super::text::span;
use super::text::visible;
use crate::judge::Expectation;
use crate::judge::judged_outcome;
use crate::report::content::COLUMNS;
use crate::report::content::printable;
use crate::report::content::ratio;
use crate::report::data::ExampleTrial;
use crate::report::data::MAINTENANCE;
use crate::report::number;
use crate::report::untried;
use crate::trial::line::Outcome;
use crate::trial::line::TrialLine;

/// Bytes of consoles that all cells share, so that the page of a large study can still be mailed; and what each has at
/// least, and at most. A trial that fetched something stale may show four times as much.
const CONSOLES: usize = 100_000;
const LEAST: usize = 100;
const MOST: usize = 4096;

/// How many trials of a cell are shown each by itself; of more, neighbours with the same outcome share a mark, and so do
/// those of a cell without any other.
const EACH: usize = 120;
/// How many kinds of trials of a cell are listed.
const KINDS: usize = 6;

pub(super) fn section(view: &PageView<'_>) -> Markup {
    let share = CONSOLES / view.data.examples.len().max(1);
    let room = share.clamp(LEAST, MOST);
    html! {
        section aria-labelledby="trials" {
            h2 #trials { "Trials" }
            p {
                "Every cell with its trials, a stale-fetch story and the end of a console. A mark is a seed; ✗ failed, ? says nothing. "
                "In commands RUN is the run's directory: " code { (view.data.run) } "."
            }
            @for panels in view.targets() { (target(view, panels, room)) }
        }
    }
}

fn target(view: &PageView<'_>, panels: &[Panel<'_>], room: usize) -> Markup {
    let Some(first) = panels.first() else { return html! {} };
    html! {
        details.target {
            summary { h3 { (first.target()) } }
            @for panel in panels {
                h4 { (panel.group.testcase) ": " (printable(&panel.group.title)) }
                (expected(panel))
                (table(panel))
                @for entry in &panel.cells { (cell(view, panel, entry, room)) }
            }
        }
    }
}

/// The same words as in the other layouts.
fn table(panel: &Panel<'_>) -> Markup {
    let name = format!("Figures of {}, {}", panel.target(), panel.group.testcase);
    html! {
        div.scroll tabindex="0" role="region" aria-label=(name) {
            table.cells {
                thead { tr { @for column in COLUMNS { th scope="col" { (column) } } }
                }
                tbody {
                    @for entry in &panel.cells {
                        tr {
                            @for (column, word) in entry.row.words.iter().enumerate() {
                                @if column == 0 { th scope="row" { (word) } } @else { td { (word) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn cell(view: &PageView<'_>, panel: &Panel<'_>, entry: &PageCell<'_>, room: usize) -> Markup {
    let PageCell { number, cell, trials, .. } = entry;
    let example = example(entry);
    let shown = example.map(|example| example.trial.to_string());
    let failure = cell.example.as_ref().map(|example| example.trial.clone());
    let replayed = shown.or(failure).or_else(|| trials.first().map(|line| line.id.to_string()));
    html! {
        details.cell {
            summary { span.name { (cell.variant) } (tag(cell.verdict)) span { (ratio(cell)) } }
            // A link into what is folded unfolds it.
            div.inside id={ "c" (number) } {
                @if cell.expectation == Expectation::Contradicted {
                    p { strong { "CONTRADICTED" } ": expected " (cell.expected.name()) }
                }
                @if let Some(why) = untried::why(cell) { p { (why) } }
                @if let Some(trend) = &view.data.trend {
                    p { a href={ (trend) "#" (panel.group.kernel) "/" (panel.group.machine) "/" (cell.variant) "/" (panel.group.testcase) } {
                        "This cell over time" } }
                }
                (strip(view, trials))
                (kinds(view, trials))
                @if let Some(example) = example { (evidence(example, is_stale(trials, example), room)) }
                @if let Some(trial) = replayed {
                    h5 { "Run it again" }
                    pre.wrap { "patcheval replay RUN " (trial) }
                }
            }
        }
    }
}

fn is_stale(trials: &[&TrialLine], example: &ExampleTrial) -> bool {
    let line = trials.iter().find(|line| line.id == example.trial);
    line.is_none_or(|line| line.stale_fetches > 0)
}

/// The example of a failure, else the first trial.
fn example<'a>(entry: &PageCell<'a>) -> Option<&'a ExampleTrial> {
    let failure = entry.cell.example.as_ref().map(|example| example.trial.as_str());
    let is_example = |example: &&&ExampleTrial| failure.is_some_and(|name| example.trial.to_string() == name);
    let examples = &entry.examples;
    examples.iter().find(is_example).or_else(|| examples.first()).copied()
}

/// What was expected of which variants and why, and what the controls say: once for all variants of which the same is said.
fn expected(panel: &Panel<'_>) -> Markup {
    let mut sayings: Vec<(String, Vec<&str>)> = Vec::new();
    let mut say = |saying: String, variant| match sayings.iter_mut().find(|(said, _)| *said == saying) {
        Some((_, variants)) => variants.push(variant),
        None => sayings.push((saying, vec![variant])),
    };
    for PageCell { cell, .. } in &panel.cells {
        if !cell.why.is_empty() {
            say(
                format!("expected {}: {}", cell.expected.name(), printable(cell.why.trim())),
                cell.variant.as_str(),
            );
        }
    }
    for PageCell { cell, .. } in panel.cells.iter().filter(|entry| !entry.cell.is_idle()) {
        let coherent = cell.coherent;
        say(format!("with the model off {}/{} pass", coherent.passes, coherent.n), cell.variant.as_str());
    }
    let all = |variants: &[&str]| {
        if variants.len() == panel.cells.len() { "all".to_owned() } else { variants.join(", ") }
    };
    html! { ul.notes { @for (saying, variants) in &sayings { li { b { (all(variants)) } ": " (saying) } } } }
}

/// A letter for the class of a mark.
fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "p",
        Outcome::Fail { .. } => "f",
        Outcome::Unknown { .. } => "u",
    }
}

fn word(outcome: Outcome) -> String {
    match outcome {
        Outcome::Pass => "pass".into(),
        Outcome::Fail { symptom } => symptom.name().into(),
        Outcome::Unknown { cause } => format!("unknown: {}", cause.name()),
    }
}

fn strip(view: &PageView<'_>, trials: &[&TrialLine]) -> Markup {
    let marks: Vec<(&str, u64)> =
        trials.iter().map(|line| (class(judged_outcome(&view.data.plan, line)), line.id.seed)).collect();
    let mixed = marks.windows(2).any(|pair| pair[0].0 != pair[1].0);
    let each = mixed && marks.len() <= EACH;
    html! {
        // Of one kind, its line says the seeds.
        @if mixed {
            ol.strip aria-label="Trials by seed" {
                @for run in marks.chunk_by(|a, b| !each && a.0 == b.0 && a.1.checked_add(1) == Some(b.1)) {
                    @if let [(class, _), ..] = run {
                        li class=(class) { (ranges(&run.iter().map(|(_, seed)| *seed).collect::<Vec<_>>())) }
                    }
                }
            }
        }
    }
}

/// The trials by what came of them, failures first: equal ones share a line.
fn kinds(view: &PageView<'_>, trials: &[&TrialLine]) -> Markup {
    let mut kinds: BTreeMap<(u8, String, &str), Vec<&TrialLine>> = BTreeMap::new();
    for line in trials {
        let outcome = judged_outcome(&view.data.plan, line);
        let order = match outcome {
            Outcome::Fail { .. } => 0,
            Outcome::Unknown { .. } => 1,
            Outcome::Pass => 2,
        };
        let text = line.detail.as_ref().map_or("", |detail| detail.text.as_str());
        kinds.entry((order, word(outcome), text)).or_default().push(line);
    }
    let left = kinds.len().saturating_sub(KINDS);
    let pick =
        |lines: &[&TrialLine], count: fn(&TrialLine) -> u64| span(lines.iter().map(|line| count(line)));
    html! {
        ul.notes {
            @for ((_, word, text), lines) in kinds.iter().take(KINDS) {
                li {
                    b { (word) " " (lines.len()) }
                    @if !text.is_empty() { ": " (visible(text)) }
                    "; seeds " (ranges(&lines.iter().map(|line| line.id.seed).collect::<Vec<_>>()))
                    "; stale " (pick(lines, |line| line.stale_fetches))
                    ", D ops " (pick(lines, |line| line.d_operations))
                    ", I ops " (pick(lines, |line| line.i_operations))
                }
            }
            @if left > 0 { li { (number::count(left as f64)) " more kinds are in trials.jsonl" } }
        }
    }
}

/// What a trial was seen to do. The guest wrote part of it.
fn evidence(example: &ExampleTrial, stale: bool, room: usize) -> Markup {
    let (console, cut) = end(&example.console, if stale { (4 * room).min(MOST) } else { room });
    html! {
        // Without a stale fetch there is no story; which functions did maintenance is shown with the flushes.
        @if stale && !example.story.is_empty() {
            h5 { "Stale fetches, with seed " (example.trial.seed) }
            pre { (visible(stale_story(&example.story).trim_end())) }
        }
        h5 {
            "Console, with seed " (example.trial.seed)
            @if cut || example.console_cut { " (its end)" }
        }
        pre { (visible(console.trim_end())) }
    }
}

/// A story without its last part, which is shown with the flushes.
fn stale_story(story: &str) -> &str {
    story.rsplit_once(MAINTENANCE).map_or(story, |(stale, _)| stale)
}

/// Returns the last lines of a text that fit into `room` bytes, and whether something was left out.
fn end(text: &str, room: usize) -> (&str, bool) {
    let from = text.len().saturating_sub(room);
    if from == 0 {
        return (text, false);
    }
    let from = (from..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let line = text[from..].find('\n').map_or(from, |at| from + at + 1);
    (if line < text.len() { &text[line..] } else { &text[from..] }, true)
}
