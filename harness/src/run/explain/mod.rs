// SPDX-License-Identifier: GPL-2.0-or-later
//! Explains a trial's stale fetches, with the kernel's functions and source lines.
//!
//! A story with its heading and the table behind it has at most 15 lines: it is read in a terminal, by somebody who
//! wants to know which flush to add.

mod cell;
mod remedy;
mod story;

use std::collections::BTreeMap;
use std::fmt::Write;

use instrument::{Phase, Record, Side};

use crate::report::{FunctionWork, MAINTENANCE};
use crate::symbols::{CodeLocation, Symbols};
use crate::trial::line::{Outcome, TrialLine};

pub use cell::{find_cell, stale_classes};

/// What an explanation is made from.
pub struct ExplainInputs<'a> {
    /// The trial's line.
    pub line: &'a TrialLine,
    /// The plugin's record.
    pub record: &'a Record,
    /// The kernel's symbols.
    pub symbols: &'a Symbols,
}

/// Finds the function of a kernel address.
pub type Resolve<'a> = &'a dyn Fn(u64) -> Option<CodeLocation>;

/// How many stale fetches, and instructions with stale loads, are explained; the others are counted.
const EXPLAINED: usize = 5;
/// How many functions are named in the list of those that do maintenance: after one story, and otherwise.
const FUNCTIONS_OF_ONE: usize = 3;
const FUNCTIONS: usize = 6;

/// Returns the stories of the first stale fetches, and the functions that did most maintenance.
pub fn explain(evidence: &ExplainInputs<'_>) -> String {
    explanation(evidence.line, evidence.record, &|address| evidence.symbols.locate(address))
}

pub(super) fn explanation(line: &TrialLine, record: &Record, resolve: Resolve<'_>) -> String {
    let mut text = format!("{}: {}\n", line.id, outcome(line));
    if record.stale.is_empty() {
        text.push_str("no stale fetch: every instruction that was executed was the one in memory\n");
    }
    for (number, fetch) in record.stale.iter().take(EXPLAINED).enumerate() {
        text.push_str(&story::story(number + 1, fetch, record, resolve));
    }
    let explained = record.stale.len().min(EXPLAINED) as u64;
    if record.stale_fetches > explained {
        let _ = writeln!(text, "and {} more stale fetches", record.stale_fetches - explained);
    }
    for (number, load) in record.loads.iter().take(EXPLAINED).enumerate() {
        text.push_str(&story::load_story(number + 1, load, resolve));
    }
    let explained: u64 = record.loads.iter().take(EXPLAINED).map(|load| load.count).sum();
    if record.stale_loads > explained {
        let _ = writeln!(text, "and {} more stale loads", record.stale_loads - explained);
    }
    let rows = if record.stale_fetches == 1 { FUNCTIONS_OF_ONE } else { FUNCTIONS };
    text.push_str(&maintenance(record, resolve, rows));
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

/// Which functions did maintenance after the first marker, and its use; those with most operations first.
pub(super) fn work(record: &Record, resolve: Resolve<'_>) -> Vec<FunctionWork> {
    let mut functions: BTreeMap<String, FunctionWork> = BTreeMap::new();
    let name = |location: Option<&CodeLocation>| {
        location.map_or("user space", |location| location.function.as_str()).to_owned()
    };
    for entry in record.ledger.iter().filter(|e| e.phase != Phase::Boot && e.side != Side::Outer) {
        let location = resolve(entry.pc);
        let work = functions.entry(name(location.as_ref())).or_default();
        work.operations += entry.count;
        work.needed += entry.needed;
        work.redundant += entry.redundant;
        work.insufficient += entry.wrong_colour + entry.wrong_cpu;
        work.line = work.line.take().or_else(|| location.and_then(|location| location.line));
    }
    for cost in &record.functions {
        // A function without an operation after the first marker has no row.
        if let Some(work) = functions.get_mut(&name(resolve(cost.pc).as_ref())) {
            work.instructions += cost.instructions[1..].iter().sum::<u64>();
        }
    }
    let mut sorted: Vec<FunctionWork> =
        functions.into_iter().map(|(function, work)| FunctionWork { function, ..work }).collect();
    sorted.sort_by(|a, b| b.operations.cmp(&a.operations).then_with(|| a.function.cmp(&b.function)));
    sorted
}

/// The functions that did most maintenance.
fn maintenance(record: &Record, resolve: Resolve<'_>, rows: usize) -> String {
    let sorted = work(record, resolve);
    let mut text = format!("{MAINTENANCE}: operations (needed, redundant), instructions\n");
    for work in sorted.iter().take(rows) {
        let FunctionWork { function, operations, needed, redundant, insufficient, instructions, line } = work;
        let wrong = if *insufficient > 0 { format!(", {insufficient} insufficient") } else { String::new() };
        let line = line.as_ref().map(|line| format!(" ({line})")).unwrap_or_default();
        let _ = writeln!(
            text,
            "{operations:>8} ({needed}, {redundant}{wrong}), {instructions} instructions in {function}{line}"
        );
    }
    let rest: u64 = sorted.iter().skip(rows).map(|work| work.operations).sum();
    if rest > 0 {
        let _ = writeln!(text, "{rest:>8} in other functions");
    }
    let lost: u64 = record.ledger.iter().map(|entry| entry.untranslated).sum();
    if lost > 0 {
        let _ = writeln!(
            text,
            "{lost:>8} in the whole trial did nothing, since their addresses were not translated"
        );
    }
    if record.refills > 0 {
        let _ = writeln!(
            text,
            "{:>8} in the whole trial came after a TLB exception for their addresses, as on hardware",
            record.refills
        );
    }
    text
}

#[cfg(test)]
mod tests;
