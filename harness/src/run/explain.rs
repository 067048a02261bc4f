// SPDX-License-Identifier: GPL-2.0-or-later
//! Tells a trial's stale fetches as a story, with the kernel's functions and source lines.

use std::collections::BTreeMap;
use std::fmt::Write;

use trial_record::{Missing, Phase, Record, Side, StaleFetch};

use crate::symbols::Symbols;
use crate::trial::line::{Outcome, TrialLine};

/// What a story is told from.
pub struct Evidence<'a> {
    /// The trial's line.
    pub line: &'a TrialLine,
    /// The plugin's record.
    pub record: &'a Record,
    /// The kernel's symbols.
    pub symbols: &'a Symbols,
}

/// How many stale fetches are told; the others are counted.
const TOLD: usize = 5;
/// How many functions are named in the list of those that do maintenance.
const FUNCTIONS: usize = 6;

/// Returns the story, a few lines per stale fetch.
pub fn explain(evidence: &Evidence<'_>) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{}: {}", evidence.line.id, outcome(evidence.line));
    let record = evidence.record;
    if record.stale.is_empty() {
        let _ = writeln!(text, "no stale fetch: every instruction that was executed was the one in memory");
    }
    for (number, fetch) in record.stale.iter().take(TOLD).enumerate() {
        text.push_str(&story(number + 1, fetch, evidence.symbols));
    }
    let told = record.stale.len().min(TOLD) as u64;
    if record.stale_fetches > told {
        let _ = writeln!(text, "and {} more stale fetches", record.stale_fetches - told);
    }
    text.push_str(&maintenance(record, evidence.symbols));
    text
}

fn outcome(line: &TrialLine) -> String {
    let text = line.detail.as_ref().map(|detail| format!(": {}", detail.text)).unwrap_or_default();
    let pc = line.detail.as_ref().and_then(|detail| detail.pc);
    let pc = pc.map(|pc| format!(" at {pc:#010x}")).unwrap_or_default();
    match line.outcome {
        Outcome::Pass => "pass".into(),
        Outcome::Fail { symptom } => format!("{}{pc}{text}", symptom.name()),
        Outcome::Unknown { cause } => format!("unknown, {}{text}", cause.name()),
    }
}

fn story(number: usize, fetch: &StaleFetch, symbols: &Symbols) -> String {
    let place = |address: u64| match symbols.place(address) {
        Some(place) => place.to_string(),
        None => format!("{address:#010x}"),
    };
    let space = if fetch.user { "user space" } else { "the kernel" };
    let mut text = format!(
        "{number}. stale fetch in {space} at {} (physical {:#010x}), phase {}\n   executed {}, memory holds {}\n",
        place(fetch.pc),
        fetch.physical,
        fetch.phase.name(),
        fetch.executed,
        fetch.expected,
    );
    match &fetch.writer {
        Some(writer) => {
            let _ = writeln!(
                text,
                "   last written by {}, {} instructions before",
                place(writer.pc),
                writer.instructions_ago
            );
        }
        None => text.push_str("   the write was not seen: it came before the snapshot\n"),
    }
    text.push_str(match fetch.missing {
        Missing::WriteBack => "   missing: a write-back; the line was dirty in the D$ when the I$ was filled\n",
        Missing::Invalidate => "   missing: an invalidation; the I$ was filled before memory got the new bytes\n",
        Missing::Both => "   missing: a write-back and an invalidation; the I$ was filled before, and the line is dirty in the D$\n",
    });
    text
}

/// Which functions did maintenance after the first marker, by cache.
fn maintenance(record: &Record, symbols: &Symbols) -> String {
    let mut by_function: BTreeMap<(String, String), (u64, Option<String>)> = BTreeMap::new();
    for entry in record.ledger.iter().filter(|e| e.phase != Phase::Boot && e.side != Side::Outer) {
        let place = symbols.place(entry.pc);
        let function = place.as_ref().map_or("user space", |place| place.function.as_str()).to_owned();
        let row = by_function.entry((function, entry.operation.clone())).or_default();
        row.0 += entry.count;
        row.1 = row.1.take().or_else(|| place.and_then(|place| place.line));
    }
    let mut rows: Vec<_> = by_function.into_iter().collect();
    rows.sort_by(|a, b| b.1.0.cmp(&a.1.0).then_with(|| a.0.cmp(&b.0)));
    let mut text = String::from("maintenance from the first marker on:\n");
    for ((function, operation), (count, line)) in rows.iter().take(FUNCTIONS) {
        let line = line.as_ref().map(|line| format!(" ({line})")).unwrap_or_default();
        let _ = writeln!(text, "   {count:>8} {operation} in {function}{line}");
    }
    let rest: u64 = rows.iter().skip(FUNCTIONS).map(|(_, (count, _))| count).sum();
    if rest > 0 {
        let _ = writeln!(text, "   {rest:>8} others");
    }
    text
}
