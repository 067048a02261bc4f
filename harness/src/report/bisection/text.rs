// SPDX-License-Identifier: GPL-2.0-or-later
//! A bisection for people: on a terminal, and in a mail.

use super::{Bisection, SuspectSides, SuspectSource};
use crate::report::content::printable;
use crate::report::wrap::wrapped;

/// The width of a mail.
const WIDTH: usize = 76;

/// Returns the answer, the trials behind it and a command that shows it.
pub fn table(bisection: &Bisection) -> String {
    let mut text = format!("{}: {}\n{}\n\n", bisection.cell, bisection.outcome(), bisection.scope());
    for candidate in bisection.found() {
        match &candidate.author {
            Some(author) => {
                let (subject, author) = (printable(&candidate.subject), printable(author));
                text.push_str(&format!("{}\n    {subject}\n    {author}\n", candidate.hash));
            }
            None => text.push_str(&format!("{}\n", printable(&candidate.subject))),
        }
    }
    if let Some(effect) = effect(bisection) {
        text.push_str(&effect);
    }
    if bisection.found().is_empty() {
        for position in bisection.open() {
            let candidate = &bisection.candidates[position];
            let chance = bisection.first[position] * 100.0;
            let (label, subject) = (&candidate.label, printable(&candidate.subject));
            text.push_str(&format!("open: {label} {chance:.1} % {subject}\n"));
        }
    }
    text.push('\n');
    for row in bisection.rows() {
        text.push_str(&format!("{row}\n"));
    }
    for skipped in bisection.skipped() {
        text.push_str(&format!("skipped {skipped}\n"));
    }
    if let Some(words) = bisection.reproduce() {
        text.push_str(&format!("\nreproduce: {}\n", words.join(" ")));
    }
    text
}

/// Returns a mail to those whom the answer concerns, in plain text and at most 76 columns.
pub fn mail(bisection: &Bisection) -> String {
    let found = bisection.found();
    let subject = match found[..] {
        [only] => {
            let name = if only.author.is_some() { &only.label } else { &only.subject };
            format!("[bisected] {} {} by {}", testcase(bisection), bisection.verb(), printable(name))
        }
        _ => format!("[bisected] {}: {}", testcase(bisection), bisection.outcome()),
    };
    let mut text = format!("Subject: {}\n", shortened(&subject, WIDTH - 9));
    for author in found.iter().filter_map(|candidate| candidate.author.as_ref()) {
        text.push_str(&shortened(&format!("To: {}", printable(author)), WIDTH));
        text.push('\n');
    }
    text.push_str("\nHi,\n\n");
    text.push_str(&wrapped(&format!("{}: {}.", bisection.cell, bisection.outcome()), "", WIDTH));
    for candidate in &found {
        text.push('\n');
        if candidate.author.is_some() {
            text.push_str(&format!("  {}\n", shortened(&candidate.hash, WIDTH - 2)));
        }
        text.push_str(&format!("  {}\n", shortened(&printable(&candidate.subject), WIDTH - 2)));
    }
    if let Some(effect) = effect(bisection) {
        text.push_str(&format!("\n{effect}"));
    }
    text.push('\n');
    let (these, one) = match &bisection.origin {
        SuspectSource::Commits { .. } => ("commits", "a commit"),
        SuspectSource::Configurations { .. } => {
            ("configurations", "one with the first so many options switched")
        }
    };
    let how = format!(
        "The bug need not show in every trial, so {these} are weighed by all trials together, and none is called good \
         or bad for a single one: {}. \"bad\" is the probability that {one} has the bug.",
        bisection.scope()
    );
    text.push_str(&wrapped(&how, "", WIDTH));
    text.push('\n');
    for row in bisection.rows() {
        text.push_str(&format!("  {}\n", shortened(&row, WIDTH - 2)));
    }
    for skipped in bisection.skipped() {
        text.push_str(&wrapped(&format!("  skipped {skipped}"), "    ", WIDTH));
    }
    if let Some(words) = bisection.reproduce() {
        text.push_str(&format!("\nReproduce with:\n\n  {}\n", words.join(" \\\n    ")));
    }
    text
}

/// In what the two sides of an answer differ, if they are configurations.
fn effect(bisection: &Bisection) -> Option<String> {
    let SuspectSource::Configurations { found: Some(SuspectSides { effect, .. }), .. } = &bisection.origin
    else {
        return None;
    };
    let differ = match effect.as_deref() {
        None => return None,
        Some([]) => return Some("To kbuild both sides are the same.\n".to_owned()),
        Some(differ) => differ,
    };
    let lines = differ.iter().map(|line| format!("  {}\n", printable(line)));
    Some(format!(
        "With what depends on it and what it selects, kbuild makes of it:\n{}",
        lines.collect::<String>()
    ))
}

fn testcase(bisection: &Bisection) -> &str {
    bisection.cell.rsplit('/').next().unwrap_or_default()
}

fn shortened(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        None => text.trim_end().to_owned(),
        Some(_) => text.chars().take(width - 3).collect::<String>() + "...",
    }
}
