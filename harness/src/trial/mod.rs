// SPDX-License-Identifier: GPL-2.0-or-later
//! One trial: from what a machine has left behind to one line. Pure.

mod boot;
mod classify;
mod guest_output;
mod ktap;
pub mod line;
#[cfg(test)]
mod tests;

use instrument::{End, FunctionCost, LedgerEntry, Mode, Phase, Record, Side};
use sha2::{Digest, Sha256};

use crate::machine::Remains;
use crate::plan::{Cell, TrialId};

use classify::Read;
pub use classify::kernel as kernel_symptom;
#[cfg(test)]
pub(crate) use ktap::parse as parse_ktap;
use line::{Detail, FlushUseCounts, Outcome, StaleLine, Symptom, TrialLine};

/// A finished trial.
#[derive(Clone, Debug)]
pub struct Done {
    /// What is judged.
    pub line: TrialLine,
    /// What it was read off.
    pub remains: Remains,
}

/// Returns what is judged of a trial; `image_sha256` is that of the kernel.
pub fn done(id: &TrialId, cell: &Cell<'_>, remains: Remains, image_sha256: &str) -> Done {
    let line = line(id, cell, &Read::of(&remains), image_sha256);
    Done { line, remains }
}

/// What a boot from reset came to.
#[derive(Clone, Debug)]
pub struct Observed {
    /// What came of the testcase.
    pub outcome: Outcome,
    /// What is known about that.
    pub detail: Option<Detail>,
    /// The plugin's record, if it is whole.
    pub record: Option<Record>,
}

/// Returns what a boot from reset came to, with the model in mode observe.
pub fn observed(cell: &Cell<'_>, remains: &Remains) -> Observed {
    let read = Read::of(remains);
    let (outcome, detail, _) = classify::classify(&read, &cell.target.kernel, cell.testcase);
    Observed { outcome, detail, record: read.record.ok() }
}

fn line(id: &TrialId, cell: &Cell<'_>, read: &Read<'_>, image_sha256: &str) -> TrialLine {
    let own = cell.testcase.boot.as_ref();
    let (outcome, detail, checks) = classify::classify(read, &cell.target.kernel, cell.testcase);
    let mut line = TrialLine {
        detail,
        checks,
        image: image_sha256.to_owned(),
        console_sha256: sha256(&read.remains.console),
        record_sha256: sha256(&read.remains.record),
        ..TrialLine::new(id.clone(), outcome)
    };
    if let Ok(record) = &read.record {
        line.stale_fetches = record.stale_fetches;
        line.stale_loads = record.stale_loads;
        line.stale = record.stale.iter().map(stale).collect();
        line.instructions = record.total_instructions();
        if record.mode == Mode::Observe && line.outcome.is_pass() && record.stale_fetches > 0 && own.is_none()
        {
            // Nothing was made to happen, but it would have. Not so in a boot, where code is fetched while it is being
            // patched, its flush still to come: `sanitize` distinguishes these.
            line.outcome = Outcome::Fail { symptom: Symptom::StaleFetch };
        }
        count_operations(&mut line, record, if own.is_some() { Phase::Boot } else { Phase::Setup });
        if let (End::Fault(_), Some(detail)) = (&record.end, &mut line.detail) {
            // Figures of an instrument that distrusts itself are no figures.
            detail.text.push_str(" (figures withheld)");
            (line.d_operations, line.i_operations) = (0, 0);
            (line.stale_fetches, line.stale_loads) = (0, 0);
            (line.d_use, line.i_use, line.flush_instructions) = Default::default();
        }
    }
    line
}

/// Adds up the ledger from a phase on: what comes before belongs to no testcase. That phase begins with the first marker, and
/// with the boot where the boot is the test.
fn count_operations(line: &mut TrialLine, record: &Record, first: Phase) {
    for entry in record.ledger.iter().filter(|entry| entry.phase as usize >= first as usize) {
        *line.operations.entry(entry.operation.clone()).or_default() += entry.count;
        if matches!(entry.side, Side::D | Side::Both) {
            line.d_operations += entry.count;
            count_use(&mut line.d_use, entry);
        }
        if matches!(entry.side, Side::I | Side::Both) {
            line.i_operations += entry.count;
            count_use(&mut line.i_use, entry);
        }
    }
    let later = |cost: &FunctionCost| cost.instructions[first as usize..].iter().sum::<u64>();
    line.flush_instructions = record.functions.iter().map(later).sum();
}

fn count_use(flush_use: &mut FlushUseCounts, entry: &LedgerEntry) {
    flush_use.needed += entry.needed;
    flush_use.redundant += entry.redundant;
    flush_use.insufficient += entry.wrong_colour + entry.wrong_cpu;
}

fn stale(fetch: &instrument::StaleFetch) -> StaleLine {
    StaleLine {
        pc: fetch.pc,
        physical: fetch.physical,
        user: fetch.user,
        phase: fetch.phase,
        missing: fetch.missing,
        writer: fetch.writer.map(|writer| writer.pc),
    }
}

/// Returns the SHA-256 of a text in hexadecimal, or nothing for nothing.
pub fn sha256(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
