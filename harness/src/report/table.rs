// SPDX-License-Identifier: GPL-2.0-or-later
//! Lays a report out for a terminal: aligned plain text.

use crate::judge::Judgement;
use crate::report::content::COLUMNS;
use crate::report::content::CellRow;
use crate::report::content::Content;
use crate::report::content::EXPECTED;
use crate::report::content::FIGURES;
use crate::report::content::Note;
use crate::report::content::Section;
use crate::report::content::Tone;
use crate::report::content::VERDICT;
use crate::report::grid::Grid;
use crate::report::wrap::length;
use crate::report::wrap::wrapped;

/// How a report is to look.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Whether to colour words by ANSI escape sequences.
    pub colour: bool,
    /// Columns of the terminal. Where a table is wider, every row becomes a block of lines.
    pub width: usize,
}

/// Blanks between two columns.
const GAP: &str = "  ";

/// Returns the judgement as text for a terminal.
pub fn table(judgement: &Judgement, style: Style) -> String {
    let content = Content::new(judgement);
    let answer = wrapped(&content.answer.join(" "), "", style.width);
    let mut text = format!("{answer}{}\n", style.paint(&content.first, Tone::Plain));
    text.push_str(&wrapped(&content.title, "", style.width));
    for alarm in &content.alarms {
        text.push_str(&style.paint(wrapped(alarm, "  ", style.width).trim_end(), Tone::Bad));
        text.push('\n');
    }
    let widths = column_widths(&content.sections);
    let fits = widths.iter().sum::<usize>() + GAP.len() * (widths.len() - 1) <= style.width;
    for section in &content.sections {
        text.push_str(&format!("\n{}\n", section.heading));
        if fits {
            text.push_str(&line(&COLUMNS.map(str::to_owned), None, &widths, style));
        }
        for row in &section.rows {
            text.push_str(&if fits {
                line(&row.words, Some(row), &widths, style)
            } else {
                block(row, style)
            });
        }
    }
    for grid in &content.grids {
        text.push_str(&grid_lines(grid, style));
    }
    text.push('\n');
    for note in &content.notes {
        text.push_str(&note_lines(note, style));
    }
    text
}

/// A table of words, each column as wide as its widest word; where it does not fit, each row is a paragraph.
fn grid_lines(grid: &Grid, style: Style) -> String {
    let lines: Vec<&Vec<String>> = std::iter::once(&grid.columns).chain(&grid.rows).collect();
    let width =
        |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|word| length(word)).max();
    let widths: Vec<usize> = (0..grid.columns.len()).map(|column| width(column).unwrap_or(0)).collect();
    let fits = widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1) <= style.width;
    let mut text = format!("\n{}\n", grid.heading);
    if fits {
        for words in lines {
            let padded = words
                .iter()
                .zip(&widths)
                .map(|(word, width)| format!("{word}{}", " ".repeat(width.saturating_sub(length(word)))));
            text.push_str(padded.collect::<Vec<_>>().join(GAP).trim_end());
            text.push('\n');
        }
    } else {
        for words in &grid.rows {
            let named =
                words.iter().zip(&grid.columns).skip(1).map(|(word, column)| format!("{column} {word}"));
            let paragraph = format!("{GAP}{}: {}", words[0], named.collect::<Vec<_>>().join(", "));
            text.push_str(&wrapped(&paragraph, "    ", style.width));
        }
    }
    for sentence in &grid.sentences {
        text.push_str(&format!("{GAP}- {}", wrapped(sentence, "    ", style.width.saturating_sub(4))));
    }
    text
}

impl Style {
    /// Returns the text in the colour of its tone.
    pub(super) fn paint(self, text: &str, tone: Tone) -> String {
        let code = match tone {
            Tone::Plain => return text.into(),
            Tone::Good => "32",
            Tone::Bad => "1;31",
            Tone::Doubtful => "33",
            Tone::Faint => "2",
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.into() }
    }
}

/// One width for each column in all sections, so that figures of different testcases stand below each other.
fn column_widths(sections: &[Section]) -> [usize; 8] {
    let mut widths = COLUMNS.map(length);
    for row in sections.iter().flat_map(|section| &section.rows) {
        for (width, word) in widths.iter_mut().zip(&row.words) {
            *width = (*width).max(length(word));
        }
    }
    widths
}

/// The tone of a row's word; a heading has none.
fn tone(row: Option<&CellRow>, column: usize) -> Tone {
    match (row, column) {
        (Some(row), VERDICT) => row.verdict,
        (Some(row), EXPECTED) => row.expected,
        _ => Tone::Plain,
    }
}

fn line(words: &[String; 8], row: Option<&CellRow>, widths: &[usize; 8], style: Style) -> String {
    let mut text = String::new();
    for (column, word) in words.iter().enumerate() {
        let padding = " ".repeat(widths[column].saturating_sub(length(word)));
        let painted = style.paint(word, tone(row, column));
        text.push_str(if column == 0 { "" } else { GAP });
        match (FIGURES[column], column + 1 == words.len()) {
            (true, _) => text.push_str(&format!("{padding}{painted}")),
            (false, false) => text.push_str(&format!("{painted}{padding}")),
            // No blanks at the end of a line.
            (false, true) => text.push_str(&painted),
        }
    }
    text + "\n"
}

/// A row where the terminal is too narrow for a table: the same words on three lines.
fn block(row: &CellRow, style: Style) -> String {
    let [name, passes, symptoms, stale, d, i, verdict, expected] = &row.words;
    let symptoms = if symptoms == "-" { String::new() } else { format!(", {symptoms}") };
    format!(
        "{GAP}{name}: {}, expected {}\n{GAP}{GAP}pass {passes}{symptoms}\n{GAP}{GAP}stale {stale}, D ops {d}, I ops {i}\n",
        style.paint(verdict, row.verdict),
        style.paint(expected, row.expected)
    )
}

fn note_lines(note: &Note, style: Style) -> String {
    let text = match &note.sentences[..] {
        [only] => wrapped(&format!("{}: {only}", note.label), GAP, style.width),
        several => {
            let lines: String = several
                .iter()
                .map(|sentence| {
                    format!("{GAP}- {}", wrapped(sentence, "    ", style.width.saturating_sub(4)))
                })
                .collect();
            format!("{}:\n{lines}", note.label)
        }
    };
    // Painted after wrapping, so that escape sequences are not counted as width.
    match text.strip_prefix(note.label) {
        Some(rest) => format!("{}{rest}", style.paint(note.label, note.tone)),
        None => text,
    }
}
