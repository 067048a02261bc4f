// SPDX-License-Identifier: GPL-2.0-or-later
//! One trial: a machine restored from its snapshot runs one testcase with one seed, and leaves one line.

mod boot;
mod classify;
mod ktap;
pub mod line;
mod tap;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use trial_record::{End, FunctionCost, LedgerEntry, Mode, Phase, Record, Side};

use crate::error::{Error, Result};
use crate::machine::{self, Boot, argv};
use crate::plan::{Testcase, TrialId};
use crate::process::Sink;
use crate::qemu::Qemu;

use classify::Remains;
pub use classify::kernel as kernel_symptom;
use line::{Detail, Outcome, Stale, Symptom, TrialLine, Worth};
#[cfg(test)]
pub(crate) use tap::parse as parse_ktap;

/// How long a trial may take on the host, at least. It takes a third of a second; two minutes are for hosts that swap.
const HOST_DEADLINE: Duration = Duration::from_secs(120);

/// How long a million of the guest's instructions may take: some five times as long as with the model at work.
const HOST_DEADLINE_MINSN: Duration = Duration::from_millis(50);

/// What a boot from reset may take on top of its testcase, in millions of instructions; it takes about a hundred.
const BOOT_MINSNS: u64 = 1000;

/// Files in a trial's scratch directory.
const CONSOLE: &str = "console";
const RECORD: &str = "record.json";

/// What a trial runs in.
#[derive(Clone, Copy, Debug)]
pub struct Bench<'a> {
    /// QEMU.
    pub qemu: &'a Qemu,
    /// Machine, image, initramfs, plugin.
    pub boot: Boot<'a>,
    /// The machine, booted and waiting; or none, for a test that the kernel runs while it boots.
    pub snapshot: Option<&'a Path>,
    /// SHA-256 of the image.
    pub image_sha256: &'a str,
    /// The workload.
    pub testcase: &'a Testcase,
}

/// A finished trial.
#[derive(Clone, Debug)]
pub struct Done {
    /// What is judged.
    pub line: TrialLine,
    /// Everything on the console.
    pub console: String,
    /// The plugin's record as it was written; empty if there is none.
    pub record: String,
    /// Wall-clock time; never part of a result.
    pub took: Duration,
}

/// Returns what the guest is told to do.
pub fn command(testcase: &Testcase, seed: u64) -> String {
    let words = [("seed", seed), ("repetitions", testcase.repetitions.into())];
    let own = testcase.parameters.iter().map(|(name, value)| (name.as_str(), u64::from(*value)));
    words
        .into_iter()
        .chain(own)
        .fold(testcase.name.clone(), |so_far, (word, value)| format!("{so_far} {word}={value}"))
}

/// Runs one trial; `scratch` is a directory for this trial alone.
///
/// # Errors
///
/// Interrupted, or infrastructure that would fail every other trial too (no QEMU, no disk). What befalls this
/// one trial is an outcome, not an error.
pub fn run(bench: &Bench<'_>, id: &TrialId, scratch: &Path) -> Result<Done> {
    let args = match bench.snapshot {
        Some(snapshot) => restored(bench, snapshot, id, scratch),
        None => from_reset(&bench.boot, bench.testcase, id.mode, id.seed, scratch),
    };
    let left = execute(bench.qemu, args, bench.testcase, scratch)?;
    let line = line(id, bench.testcase, &left.remains(), &left.record, bench.image_sha256);
    Ok(Done { line, console: left.console, record: left.record, took: left.took })
}

/// Returns QEMU's arguments for a trial that starts from a snapshot.
fn restored(bench: &Bench<'_>, snapshot: &Path, id: &TrialId, scratch: &Path) -> Vec<OsString> {
    let record = scratch.join(RECORD);
    let command = command(bench.testcase, id.seed);
    let plugin = argv::Plugin {
        mode: id.mode,
        restored: true,
        record: Some(&record),
        command: Some(&command),
        ready: None,
        deadline: Some(bench.testcase.deadline_minsns * 1_000_000),
        hollow: false,
    };
    let mut args = argv::common(&bench.boot, "", &scratch.join(CONSOLE));
    args.extend(argv::incoming(snapshot));
    args.extend(argv::plugin(&bench.boot, &plugin));
    args
}

/// Returns QEMU's arguments for a boot from reset, with the model at work from the first instruction on. The command is
/// on the kernel's command line; it is empty where the kernel runs the test itself.
fn from_reset(boot: &Boot<'_>, testcase: &Testcase, mode: Mode, seed: u64, scratch: &Path) -> Vec<OsString> {
    let append = match &testcase.boot {
        Some(own) => format!("patcheval.run= {}", own.append),
        None => format!("patcheval.run={}", command(testcase, seed).replace(' ', ",")),
    };
    let record = scratch.join(RECORD);
    let plugin = argv::Plugin {
        mode,
        record: Some(&record),
        deadline: Some((testcase.deadline_minsns + BOOT_MINSNS) * 1_000_000),
        ..argv::Plugin::off()
    };
    let mut args = argv::common(boot, &append, &scratch.join(CONSOLE));
    args.extend(argv::steady(boot.machine).into_iter().flatten());
    args.extend(argv::plugin(boot, &plugin));
    args
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

/// Boots a kernel from reset with the model in mode observe, and runs a testcase: what is stale during boot, too, is seen.
/// `scratch` is a directory for this boot alone.
///
/// # Errors
///
/// As [`run`].
pub fn observe(qemu: &Qemu, boot: &Boot<'_>, testcase: &Testcase, scratch: &Path) -> Result<Observed> {
    let one = Testcase { repetitions: 1, ..testcase.clone() };
    let left = execute(qemu, from_reset(boot, &one, Mode::Observe, 1, scratch), testcase, scratch)?;
    let (outcome, detail, _) = classify::classify(&left.remains(), testcase);
    Ok(Observed { outcome, detail, record: left.parsed.ok() })
}

/// What QEMU left behind.
struct Left {
    console: String,
    stderr: String,
    record: String,
    parsed: Result<Record, String>,
    timed_out: bool,
    clean_exit: bool,
    took: Duration,
}

impl Left {
    fn remains(&self) -> Remains<'_> {
        Remains {
            console: &self.console,
            stderr: &self.stderr,
            record: self.parsed.as_ref().map_err(String::as_str),
            timed_out: self.timed_out,
            clean_exit: self.clean_exit,
        }
    }
}

fn execute(qemu: &Qemu, args: Vec<OsString>, testcase: &Testcase, scratch: &Path) -> Result<Left> {
    let stderr = scratch.join("stderr");
    let minsns = u32::try_from(testcase.deadline_minsns).unwrap_or(u32::MAX);
    let deadline = HOST_DEADLINE.max(HOST_DEADLINE_MINSN * minsns);
    let start = Instant::now();
    let outcome =
        machine::command(qemu, args).stderr(Sink::File(stderr.clone())).deadline(deadline).wait()?;
    let took = start.elapsed();
    let record = read(&scratch.join(RECORD))?;
    Ok(Left {
        console: read(&scratch.join(CONSOLE))?,
        stderr: read(&stderr)?,
        parsed: Record::from_json(&record).map_err(|error| error.to_string()),
        record,
        timed_out: outcome.timed_out,
        clean_exit: outcome.status.success(),
        took,
    })
}

fn line(
    id: &TrialId,
    testcase: &Testcase,
    remains: &Remains<'_>,
    record_text: &str,
    image_sha256: &str,
) -> TrialLine {
    let own = testcase.boot.as_ref();
    let (outcome, detail, checks) = classify::classify(remains, testcase);
    let mut line = TrialLine {
        detail,
        checks,
        image: image_sha256.to_owned(),
        console_sha256: sha256(remains.console),
        record_sha256: sha256(record_text),
        ..TrialLine::new(id.clone(), outcome)
    };
    if let Ok(record) = remains.record {
        line.stale_fetches = record.stale_fetches;
        line.stale = record.stale.iter().map(stale).collect();
        line.instructions = record.total_instructions();
        if record.mode == Mode::Observe && line.outcome.is_pass() && record.stale_fetches > 0 && own.is_none()
        {
            // Nothing was made to happen, but it would have. Not so in a boot, where code is fetched while it is being
            // patched, its flush still to come: `sanitize` tells these apart.
            line.outcome = Outcome::Fail { symptom: Symptom::StaleFetch };
        }
        count_operations(&mut line, record, if own.is_some() { Phase::Boot } else { Phase::Setup });
        if let (End::Fault(_), Some(detail)) = (&record.end, &mut line.detail) {
            // Figures of an instrument that distrusts itself are no figures.
            detail.text.push_str(" (figures withheld)");
            (line.d_operations, line.i_operations, line.stale_fetches) = (0, 0, 0);
            (line.d_worth, line.i_worth, line.flush_instructions) = Default::default();
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
            add_worth(&mut line.d_worth, entry);
        }
        if matches!(entry.side, Side::I | Side::Both) {
            line.i_operations += entry.count;
            add_worth(&mut line.i_worth, entry);
        }
    }
    let later = |cost: &FunctionCost| cost.instructions[first as usize..].iter().sum::<u64>();
    line.flush_instructions = record.functions.iter().map(later).sum();
}

fn add_worth(worth: &mut Worth, entry: &LedgerEntry) {
    worth.needed += entry.needed;
    worth.redundant += entry.redundant;
    worth.insufficient += entry.wrong_colour + entry.wrong_cpu;
}

fn stale(fetch: &trial_record::StaleFetch) -> Stale {
    Stale {
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

/// Reads a file that the run may not have made.
fn read(path: &Path) -> Result<String> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Error::io("read", path, error)),
    }
}
