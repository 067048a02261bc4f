// SPDX-License-Identifier: GPL-2.0-or-later
//! Lays a report out as Markdown, for a merge request or an archive.

use crate::judge::Judgement;
use crate::report::content::COLUMNS;
use crate::report::content::Content;
use crate::report::content::FIGURES;
use crate::report::content::Note;

/// Returns the judgement as Markdown.
pub fn markdown(judgement: &Judgement) -> String {
    let content = Content::new(judgement);
    let mut text = format!("**{}**\n\n", escaped(&content.answer.join(" ")));
    text.push_str(&format!("{}\n\n{}\n", escaped(&content.first), escaped(&content.title)));
    for alarm in &content.alarms {
        text.push_str(&format!("\n**{}**\n", escaped(alarm)));
    }
    for section in &content.sections {
        text.push_str(&format!("\n### {}\n\n", escaped(&section.heading)));
        text.push_str(&line(&COLUMNS.map(str::to_owned)));
        text.push_str(&line(&FIGURES.map(|figure| if figure { "---:" } else { "---" }.to_owned())));
        for row in &section.rows {
            text.push_str(&line(&row.words.each_ref().map(|word| escaped(word))));
        }
    }
    for grid in &content.grids {
        text.push_str(&format!("\n### {}\n\n", escaped(&grid.heading)));
        text.push_str(&line(&grid.columns));
        text.push_str(&line(&vec!["---".to_owned(); grid.columns.len()]));
        for row in &grid.rows {
            text.push_str(&line(&row.iter().map(|word| escaped(word)).collect::<Vec<_>>()));
        }
        text.push('\n');
        for sentence in &grid.sentences {
            text.push_str(&format!("- {}\n", escaped(sentence)));
        }
    }
    text.push('\n');
    for note in &content.notes {
        text.push_str(&item(note));
    }
    text
}

fn line(words: &[String]) -> String {
    format!("| {} |\n", words.join(" | "))
}

fn item(note: &Note) -> String {
    match &note.sentences[..] {
        [only] => format!("- **{}**: {}\n", note.label, escaped(only)),
        several => {
            let items: String =
                several.iter().map(|sentence| format!("  - {}\n", escaped(sentence))).collect();
            format!("- **{}**:\n{items}", note.label)
        }
    }
}

/// Returns the text with a backslash before what would be markup; part of it was written by a guest.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if matches!(character, '\\' | '`' | '*' | '<' | '|') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
