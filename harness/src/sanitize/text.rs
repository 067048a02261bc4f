// SPDX-License-Identifier: GPL-2.0-or-later
//! What was found, in words.

use std::fmt::Write;

use instrument::Record;

use super::classes::{Classes, StaleAccess, StaleFetchClass, missing_name};
use super::suppress::{Sorted, Suppression};

/// What a report is about.
#[derive(Clone, Copy, Debug)]
pub struct Title<'a> {
    /// Kernel and machine.
    pub target: &'a str,
    /// The variant, or how its absence is called.
    pub variant: &'a str,
    /// How many testcases ran.
    pub testcases: usize,
    /// With how many seeds each.
    pub seeds: u32,
}

/// Returns the report; what needs no attention has no lines in it.
pub fn report(title: &Title<'_>, classes: &Classes, sorted: &Sorted<'_>) -> String {
    let Title { target, variant, testcases, seeds } = title;
    let Classes { fetches, loads, .. } = classes;
    let seeds = if *seeds == 1 { String::new() } else { format!(" x {seeds} seeds") };
    let (findings, patching, suppressed) =
        (sorted.findings.len(), sorted.patching.len(), sorted.suppressed.len());
    let mut text = format!(
        "{target}, {variant}: boots with testcases: {testcases}{seeds}, stale fetches: {fetches}, stale loads: {loads}; classes: \
         {findings} found, {patching} of code being patched, {suppressed} suppressed\n"
    );
    if !classes.unlisted.is_empty() {
        let of = classes.unlisted.iter().map(|(testcase, count)| format!("{count} with {testcase}"));
        let _ = writeln!(
            text,
            "not classified: {}; a record lists {} addresses of stale fetches and {} instructions with stale loads, in the order \
             in which they are first seen",
            of.collect::<Vec<_>>().join(", "),
            Record::STALE_LISTED,
            Record::LOADS_LISTED
        );
    }
    section(&mut text, "found", &sorted.findings, |text, class| {
        let _ = writeln!(text, "   to suppress it: {}", entry(class));
    });
    section(
        &mut text,
        "code being patched, benign: each time its own CPU was seen to flush it before anyone fetched it again",
        &sorted.patching,
        |_, _| {},
    );
    if !sorted.suppressed.is_empty() {
        text.push_str("suppressed:\n");
    }
    for (class, Suppression { reason, expires, .. }) in &sorted.suppressed {
        let _ = writeln!(text, " - {}: {}, until {expires}: {reason}", class.key, times(class.count));
    }
    for (what, entries) in [("expired", &sorted.expired), ("unused", &sorted.unused)] {
        for entry in entries {
            let _ = writeln!(text, "suppression {what}: {} (expires {})", entry.key(), entry.expires);
        }
    }
    text
}

fn section(
    text: &mut String,
    heading: &str,
    classes: &[&StaleFetchClass],
    after: impl Fn(&mut String, &StaleFetchClass),
) {
    if !classes.is_empty() {
        let _ = writeln!(text, "{heading}:");
    }
    for (number, class) in classes.iter().enumerate() {
        text.push_str(&story(number + 1, class));
        after(text, class);
    }
}

fn story(number: usize, class: &StaleFetchClass) -> String {
    let first = &class.first;
    let mut text = format!(
        "{number}. {}: {}\n   first: {:#010x} (physical {:#010x}), testcase {}, phase {}\n",
        class.key,
        times(class.count),
        first.pc,
        first.physical,
        first.testcase,
        first.phase.name()
    );
    let fetched = if class.key.access == StaleAccess::Load { "loaded" } else { "fetched" };
    let ago = first.instructions_ago.map(|ago| format!(", {ago} instructions before")).unwrap_or_default();
    for (what, line, more) in [("written", &class.written_at, ago.as_str()), (fetched, &class.read_at, "")] {
        if let Some(line) = line {
            let _ = writeln!(text, "   {what} at {line}{more}");
        }
    }
    text
}

fn times(count: u64) -> String {
    if count == 1 { "once".into() } else { format!("{count} times") }
}

/// An entry for a suppression file that lacks nothing but what its author knows.
fn entry(class: &StaleFetchClass) -> String {
    let key = &class.key;
    format!(
        "{{writer: {}, {}: {}, missing: {}, reason: ..., expires: YYYY-MM-DD}}",
        key.writer,
        if key.access == StaleAccess::Load { "load" } else { "fetch" },
        key.reader,
        missing_name(key.missing)
    )
}
