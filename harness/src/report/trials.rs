// SPDX-License-Identifier: GPL-2.0-or-later
//! The trials as CSV (RFC 4180 with line feeds), for spreadsheets and data frames: one line for each trial, and one for each
//! cell that needs none.

use serde::Serialize;

use crate::error::Error;
use crate::error::Result;
use crate::judge::CellJudgement;
use crate::judge::Group;
use crate::judge::outcomes;
use crate::plan::mode_name;
use crate::report::ReportData;
use crate::report::content::printable;
use crate::report::untried;
use crate::trial::line::Outcome;
use crate::trial::line::TrialLine;

/// One line. The names of the fields are the headings, and `harness/doc/reports.md` describes them.
#[derive(Default, Serialize)]
struct CsvLine<'a> {
    trial: String,
    kernel: &'a str,
    machine: &'a str,
    variant: &'a str,
    testcase: &'a str,
    mode: &'static str,
    seed: Option<u64>,
    counted: bool,
    result: &'static str,
    symptom: &'static str,
    cause: &'static str,
    detail: String,
    pc: String,
    in_xol: Option<bool>,
    checks_passed: u32,
    checks_failed: u32,
    checks_skipped: u32,
    stale_fetches: u64,
    d_operations: u64,
    d_needed: u64,
    d_redundant: u64,
    d_insufficient: u64,
    i_operations: u64,
    i_needed: u64,
    i_redundant: u64,
    i_insufficient: u64,
    flush_instructions: u64,
    instructions: u64,
    image: &'a str,
}

/// Returns the trials as CSV, in the order of the run.
///
/// # Errors
///
/// Internal, when the library cannot write it.
pub fn csv(data: &ReportData) -> Result<String> {
    let failed = |error: String| Error::internal(format!("CSV: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let judged = outcomes(&data.plan, &data.built, &data.lines);
    for (line, judged) in data.lines.iter().zip(judged) {
        writer.serialize(row(line, judged)).map_err(|error| failed(error.to_string()))?;
    }
    for (group, cell) in data.judgement.cells() {
        let Some(why) = untried::why(cell) else { continue };
        writer.serialize(untried_row(group, cell, why)).map_err(|error| failed(error.to_string()))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| failed(error.to_string()))
}

/// A cell without trials: its verdict is the result.
fn untried_row<'a>(group: &'a Group, cell: &'a CellJudgement, why: String) -> CsvLine<'a> {
    let names = [&group.kernel, &group.machine, &cell.variant, &group.testcase];
    CsvLine {
        trial: names.map(String::as_str).join("/"),
        kernel: &group.kernel,
        machine: &group.machine,
        variant: &cell.variant,
        testcase: &group.testcase,
        result: cell.verdict.name(),
        detail: why,
        ..CsvLine::default()
    }
}

/// `judged` is what a trial counts as; nothing if it is left out.
fn row(line: &TrialLine, judged: Option<Outcome>) -> CsvLine<'_> {
    let (result, symptom, cause) = match judged.unwrap_or(line.outcome) {
        Outcome::Pass => ("pass", "", ""),
        Outcome::Fail { symptom } => ("fail", symptom.name(), ""),
        Outcome::Unknown { cause } => ("unknown", "", cause.name()),
    };
    let detail = line.detail.as_ref();
    CsvLine {
        trial: line.id.to_string(),
        kernel: &line.id.kernel,
        machine: &line.id.machine,
        variant: &line.id.variant,
        testcase: &line.id.testcase,
        mode: mode_name(line.id.mode),
        seed: Some(line.id.seed),
        counted: judged.is_some(),
        result,
        symptom,
        cause,
        detail: detail.map(|detail| printable(&detail.text)).unwrap_or_default(),
        pc: detail.and_then(|detail| detail.pc).map(|pc| format!("{pc:#010x}")).unwrap_or_default(),
        in_xol: detail.and_then(|detail| detail.in_xol),
        checks_passed: line.checks.passed,
        checks_failed: line.checks.failed,
        checks_skipped: line.checks.skipped,
        stale_fetches: line.stale_fetches,
        d_operations: line.d_operations,
        d_needed: line.d_use.needed,
        d_redundant: line.d_use.redundant,
        d_insufficient: line.d_use.insufficient,
        i_operations: line.i_operations,
        i_needed: line.i_use.needed,
        i_redundant: line.i_use.redundant,
        i_insufficient: line.i_use.insufficient,
        flush_instructions: line.flush_instructions,
        instructions: line.instructions,
        image: &line.image,
    }
}
