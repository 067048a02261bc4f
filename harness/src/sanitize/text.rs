// SPDX-License-Identifier: GPL-2.0-or-later
//! What was found, in words.

use std::fmt::Write;

use super::classes::{Classes, StaleFetchClass, missing_name};
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
}

/// Returns the report; what needs no attention has no lines in it.
pub fn report(title: &Title<'_>, classes: &Classes, sorted: &Sorted<'_>) -> String {
    let Title { target, variant, testcases } = title;
    let Classes { happened, listed, .. } = classes;
    let (findings, patching, suppressed) =
        (sorted.findings.len(), sorted.patching.len(), sorted.suppressed.len());
    let mut text = format!(
        "{target}, {variant}: boots with testcases: {testcases}, stale fetches: {happened}; classes: {findings} found, \
         {patching} of code being patched, {suppressed} suppressed\n"
    );
    if happened > listed {
        let _ = writeln!(
            text,
            "{} stale fetches beyond the first of each boot are not listed",
            happened - listed
        );
    }
    section(&mut text, "found", &sorted.findings, |text, class| {
        let _ = writeln!(text, "   to suppress it: {}", entry(class));
    });
    section(
        &mut text,
        "code being patched, benign: its own CPU flushes it next",
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
        for Suppression { writer, fetch, missing, expires, .. } in entries {
            let missing = missing_name(*missing);
            let _ = writeln!(
                text,
                "suppression {what}: {writer} -> {fetch}, missing: {missing} (expires {expires})"
            );
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
    let ago = first.instructions_ago.map(|ago| format!(", {ago} instructions before")).unwrap_or_default();
    for (what, line, more) in
        [("written", &class.written_at, ago.as_str()), ("fetched", &class.fetched_at, "")]
    {
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
        "{{writer: {}, fetch: {}, missing: {}, reason: ..., expires: YYYY-MM-DD}}",
        key.writer,
        key.fetch,
        missing_name(key.missing)
    )
}
