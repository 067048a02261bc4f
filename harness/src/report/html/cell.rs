// SPDX-License-Identifier: GPL-2.0-or-later
//! Every cell with its trials, what was seen in one of them, and the command that runs it again.

use std::collections::BTreeMap;

use maud::Markup;
use maud::html;

use super::Entry;
use super::Place;
use super::View;
use super::matrix::tag;
use super::text::ranges;
use super::text::span;
use super::text::visible;
use crate::judge::Expectation;
use crate::judge::judged_outcome;
use crate::report::content::COLUMNS;
use crate::report::content::printable;
use crate::report::content::ratio;
use crate::report::dossier::Exhibit;
use crate::report::dossier::MAINTENANCE;
use crate::report::number;
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
/// How many kinds of trials of a cell are told.
const KINDS: usize = 6;

pub(super) fn section(view: &View<'_>) -> Markup {
    let share = CONSOLES / view.dossier.exhibits.len().max(1);
    let room = share.clamp(LEAST, MOST);
    html! {
        section aria-labelledby="trials" {
            h2 #trials { "Trials" }
            p {
                "Every cell with its trials, a stale-fetch story and the end of a console. A mark is a seed; ✗ failed, ? says nothing. "
                "In commands RUN is the run's directory: " code { (view.dossier.run) } "."
            }
            @for places in view.targets() { (target(view, places, room)) }
        }
    }
}

fn target(view: &View<'_>, places: &[Place<'_>], room: usize) -> Markup {
    let Some(first) = places.first() else { return html! {} };
    html! {
        details.target {
            summary { h3 { (first.target()) } }
            @for place in places {
                h4 { (place.group.testcase) ": " (printable(&place.group.title)) }
                (expected(place))
                (table(place))
                @for entry in &place.cells { (cell(view, place, entry, room)) }
            }
        }
    }
}

/// The same words as in the other layouts.
fn table(place: &Place<'_>) -> Markup {
    let name = format!("Figures of {}, {}", place.target(), place.group.testcase);
    html! {
        div.scroll tabindex="0" role="region" aria-label=(name) {
            table.cells {
                thead { tr { @for column in COLUMNS { th scope="col" { (column) } } }
                }
                tbody {
                    @for entry in &place.cells {
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

fn cell(view: &View<'_>, place: &Place<'_>, entry: &Entry<'_>, room: usize) -> Markup {
    let Entry { number, cell, trials, .. } = entry;
    let exhibit = exhibit(entry);
    let shown = exhibit.map(|exhibit| exhibit.trial.to_string());
    let example = cell.example.as_ref().map(|example| example.trial.clone());
    let replayed = shown.or(example).or_else(|| trials.first().map(|line| line.id.to_string()));
    html! {
        details.cell {
            summary { span.name { (cell.row) } (tag(cell.verdict)) span { (ratio(cell)) } }
            // A link into what is folded unfolds it.
            div.inside id={ "c" (number) } {
                @if cell.expectation == Expectation::Contradicted {
                    p { strong { "CONTRADICTED" } ": expected " (cell.expected.name()) }
                }
                @if let Some(trend) = &view.dossier.trend {
                    p { a href={ (trend) "#" (place.group.kernel) "/" (place.group.machine) "/" (cell.row) "/" (place.group.testcase) } {
                        "This cell on other nights" } }
                }
                (strip(view, trials))
                (kinds(view, trials))
                @if let Some(exhibit) = exhibit { (evidence(exhibit, is_stale(trials, exhibit), room)) }
                @if let Some(trial) = replayed {
                    h5 { "Run it again" }
                    pre.wrap { "patcheval replay RUN " (trial) }
                }
            }
        }
    }
}

fn is_stale(trials: &[&TrialLine], exhibit: &Exhibit) -> bool {
    let line = trials.iter().find(|line| line.id == exhibit.trial);
    line.is_none_or(|line| line.stale_fetches > 0)
}

/// The example of a failure, else the first trial.
fn exhibit<'a>(entry: &Entry<'a>) -> Option<&'a Exhibit> {
    let example = entry.cell.example.as_ref().map(|example| example.trial.as_str());
    let is_example = |exhibit: &&&Exhibit| example.is_some_and(|name| exhibit.trial.to_string() == name);
    let exhibits = &entry.exhibits;
    exhibits.iter().find(is_example).or_else(|| exhibits.first()).copied()
}

/// What was expected of which rows and why, and what the controls say: once for all rows of which the same is said.
fn expected(place: &Place<'_>) -> Markup {
    let mut sayings: Vec<(String, Vec<&str>)> = Vec::new();
    let mut say = |saying: String, row| match sayings.iter_mut().find(|(said, _)| *said == saying) {
        Some((_, rows)) => rows.push(row),
        None => sayings.push((saying, vec![row])),
    };
    for Entry { cell, .. } in &place.cells {
        if !cell.why.is_empty() {
            say(
                format!("expected {}: {}", cell.expected.name(), printable(cell.why.trim())),
                cell.row.as_str(),
            );
        }
    }
    for Entry { cell, .. } in &place.cells {
        let coherent = cell.coherent;
        say(format!("with the model off {}/{} pass", coherent.passes, coherent.n), cell.row.as_str());
    }
    let all =
        |rows: &[&str]| if rows.len() == place.cells.len() { "all".to_owned() } else { rows.join(", ") };
    html! { ul.notes { @for (saying, rows) in &sayings { li { b { (all(rows)) } ": " (saying) } } } }
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

fn strip(view: &View<'_>, trials: &[&TrialLine]) -> Markup {
    let marks: Vec<(&str, u64)> =
        trials.iter().map(|line| (class(judged_outcome(&view.dossier.plan, line)), line.id.seed)).collect();
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
fn kinds(view: &View<'_>, trials: &[&TrialLine]) -> Markup {
    let mut kinds: BTreeMap<(u8, String, &str), Vec<&TrialLine>> = BTreeMap::new();
    for line in trials {
        let outcome = judged_outcome(&view.dossier.plan, line);
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
fn evidence(exhibit: &Exhibit, stale: bool, room: usize) -> Markup {
    let (console, cut) = end(&exhibit.console, if stale { (4 * room).min(MOST) } else { room });
    html! {
        // Without a stale fetch there is no story; which functions did maintenance is told with the flushes.
        @if stale && !exhibit.story.is_empty() {
            h5 { "Stale fetches, with seed " (exhibit.trial.seed) }
            pre { (visible(stale_story(&exhibit.story).trim_end())) }
        }
        h5 {
            "Console, with seed " (exhibit.trial.seed)
            @if cut || exhibit.console_cut { " (its end)" }
        }
        pre { (visible(console.trim_end())) }
    }
}

/// A story without its last part, which is told with the flushes.
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
