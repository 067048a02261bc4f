// SPDX-License-Identifier: GPL-2.0-or-later
//! What all layouts say in sentences: answers, controls, how sure the figures are, prices; and tables of words.

use maud::Markup;
use maud::html;

use super::PageView;
use crate::report::content::LEFT_OUT;
use crate::report::content::Note;
use crate::report::content::Tone;
use crate::report::grid::Grid;
use crate::report::trees;

/// How many sentences, and letters, are shown without unfolding.
const SHORT: usize = 8;
const LETTERS: usize = 900;

/// Labels of [`crate::report::content`]: those of each section, with the heading that stands for the label where another one
/// reads better.
const ANSWERS: [&str; 6] = [
    "questions",
    "fixes",
    "contradictions",
    "symptoms that the testcase does not expect",
    LEFT_OUT,
    "problems of the data",
];
const CONTROLS: [&str; 3] = ["control: coherent", "control: baseline fails", "control: in the binary"];
const PRICE: [&str; 2] = ["columns", "price"];

fn chosen<'a>(view: &'a PageView<'_>, labels: &'a [&str]) -> impl Iterator<Item = &'a Note> {
    view.content.notes.iter().filter(|note| labels.contains(&note.label))
}

pub(super) fn answers(view: &PageView<'_>) -> Markup {
    html! {
        section aria-labelledby="answers" {
            h2 #answers { "Answers" }
            @for note in chosen(view, &ANSWERS) { h3 { (heading(note)) } (sentences(note)) }
        }
    }
}

pub(super) fn controls(view: &PageView<'_>) -> Markup {
    html! {
        section aria-labelledby="controls" {
            h2 #controls { "Controls" }
            p { "Without these three nothing above would mean anything." }
            div.controls {
                @for note in chosen(view, &CONTROLS) { section { h3 { (heading(note)) } (sentences(note)) } }
            }
        }
    }
}

pub(super) fn prices(view: &PageView<'_>) -> Markup {
    html! { @for note in chosen(view, &PRICE) { h3 { (heading(note)) } (sentences(note)) } }
}

/// Whatever is said and has no place elsewhere: also what somebody adds later.
pub(super) fn certainty(view: &PageView<'_>) -> Markup {
    let placed = |note: &&Note| [&ANSWERS[..], &CONTROLS, &PRICE].concat().contains(&note.label);
    let rest: Vec<&Note> = view.content.notes.iter().filter(|note| !placed(note)).collect();
    html! {
        @if !rest.is_empty() {
            section aria-labelledby="certainty" {
                h2 #certainty { "How sure this is" }
                @for note in rest { h3 { (heading(note)) } (sentences(note)) }
            }
        }
    }
}

/// The label as a heading, with what its colour would say.
fn heading(note: &Note) -> String {
    let label = note.label.strip_prefix("control: ").unwrap_or(note.label);
    let mut letters = label.chars();
    let label: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    match note.tone {
        Tone::Good => format!("✓ {label}"),
        Tone::Bad => format!("✗ {label}"),
        Tone::Doubtful => format!("? {label}"),
        Tone::Plain | Tone::Faint => label,
    }
}

fn sentences(note: &Note) -> Markup {
    let items =
        |sentences: &[String]| html! { ul.notes { @for sentence in sentences { li { (sentence) } } } };
    let long = |sentence: &String| sentence.len() > LETTERS;
    match &note.sentences[..] {
        all if all.len() <= SHORT && !all.iter().any(long) => items(all),
        all if all.len() <= SHORT => html! {
            ul.notes { @for sentence in all { li { (folded(sentence)) } } }
        },
        [first, rest @ ..] => html! {
            (items(std::slice::from_ref(first)))
            details.fold { summary { (rest.len()) " more" } (items(rest)) }
        },
        [] => html! {},
    }
}

/// A long sentence, with what stands behind its first colon to be unfolded.
fn folded(sentence: &str) -> Markup {
    match sentence.split_once(": ").filter(|_| sentence.len() > LETTERS) {
        Some((what, list)) => html! { details.fold { summary { (what) ":" } " " (list) } },
        None => html! { (sentence) },
    }
}

/// Which trees are affected, where machines were tried with several kernels.
pub(super) fn trees(view: &PageView<'_>) -> Markup {
    let tables = trees::trees(view.judgement);
    if tables.is_empty() {
        return html! {};
    }
    html! {
        section aria-labelledby="trees" {
            h2 #trees { "Trees" }
            @for table in &tables { (grid(table, &table.heading)) }
        }
    }
}

/// A table of words with its heading as caption, and what is said below it.
pub(super) fn grid(grid: &Grid, caption: &str) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(grid.heading) {
            table {
                caption { (caption) }
                thead { tr { @for column in &grid.columns { th scope="col" { (column) } } } }
                tbody {
                    @for row in &grid.rows {
                        tr {
                            @for (column, word) in row.iter().enumerate() {
                                @if column == 0 { th.name scope="row" { (word) } } @else { td { (word) } }
                            }
                        }
                    }
                }
            }
        }
        @if !grid.sentences.is_empty() {
            ul.notes { @for sentence in &grid.sentences { li { (sentence) } } }
        }
    }
}
