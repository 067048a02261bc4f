// SPDX-License-Identifier: GPL-2.0-or-later
//! From what a run of QEMU left behind to the outcome of a trial: pure.

use instrument::{End, Mode, Record, StaleFetch};

use super::boot;
use super::guest_output::Output;
use super::line::{Cause, Checks, Detail, Outcome, Symptom};
use crate::machine::Remains;
use crate::plan::{Kernel, Testcase};

/// What a machine has left behind, its record read.
#[derive(Clone, Debug)]
pub struct Read<'a> {
    /// All of it.
    pub remains: &'a Remains,
    /// The plugin's record, or why it could not be read.
    pub record: Result<Record, String>,
}

impl<'a> Read<'a> {
    /// Reads the record.
    pub fn of(remains: &'a Remains) -> Self {
        Self { remains, record: Record::from_json(&remains.record).map_err(|error| error.to_string()) }
    }
}

/// Returns the outcome of a trial, what is known about it, and the counts of its checks.
///
/// The order matters: what says that the instrument failed comes first, since nothing else can be
/// believed then; what the kernel says about itself comes before the testcase, which cannot go on after it.
///
/// How an oops is recognised is in `target`, how a testcase tells its result in `case`.
pub fn classify(read: &Read<'_>, target: &Kernel, case: &Testcase) -> (Outcome, Option<Detail>, Checks) {
    let console = read.remains.console.as_str();
    let output = Output::parse(console);
    let (finding, checks) = match &case.boot {
        None => (testcase(&output, target, case.may_skip), output.checks()),
        Some(boot) => {
            let (finding, checks) = boot::judge(console, &boot.result);
            // Whatever the kernel came to after the test has passed, it did not come to the end.
            let unfinished = output.unfinished().filter(|_| finding.0.is_pass());
            (unfinished.map_or(finding, |why| unknown(Cause::BadOutput, why)), checks)
        }
    };
    let (outcome, detail) = instrument(read)
        .or_else(|| kernel(console, &target.oops))
        .or_else(|| deadline(read))
        .or_else(|| forged(read, &output))
        .unwrap_or(finding);
    (outcome, detail, checks)
}

/// An outcome with what is known about it.
pub type ClassifiedOutcome = (Outcome, Option<Detail>);

pub(super) fn unknown(cause: Cause, text: impl Into<String>) -> ClassifiedOutcome {
    (Outcome::Unknown { cause }, Some(Detail { text: text.into(), ..Detail::default() }))
}

pub(super) fn failed(symptom: Symptom, text: impl Into<String>) -> ClassifiedOutcome {
    (Outcome::Fail { symptom }, Some(Detail { text: text.into(), ..Detail::default() }))
}

fn instrument(read: &Read<'_>) -> Option<ClassifiedOutcome> {
    let remains = read.remains;
    let said = remains.stderr.trim().lines().last().unwrap_or_default();
    if remains.timed_out {
        return Some(unknown(Cause::HostDeadline, "the host's deadline passed"));
    }
    let unfinished = "the record was not ended";
    let whole = match &read.record {
        Ok(Record { end: End::Unfinished, .. }) => Err(unfinished),
        Ok(record) => Ok(record),
        Err(why) => Err(why.as_str()),
    };
    match whole {
        Ok(Record { end: End::Fault(why), .. }) => Some(unknown(Cause::RecordFault, why)),
        Ok(_) => None,
        // QEMU 11.1: "load of migration failed", "could not open ... for incoming migration".
        Err(_) if remains.stderr.contains("migration") => Some(unknown(Cause::RestoreFailed, said)),
        Err(_) if !remains.clean_exit => Some(unknown(Cause::QemuDied, said)),
        Err(why) => Some(unknown(Cause::NoRecord, why)),
    }
}

/// What the kernel says about itself on the console: a panic, which is the same on all architectures, or an oops.
pub fn kernel(console: &str, oops: &[String]) -> Option<ClassifiedOutcome> {
    let line = |needle: &str| console.lines().find(|line| line.contains(needle)).map(str::trim);
    if let Some(panic) = line("Kernel panic - not syncing") {
        let symptom =
            if panic.contains("Attempted to kill init") { Symptom::InitDied } else { Symptom::KernelPanic };
        return Some(failed(symptom, panic));
    }
    oops.iter().find_map(|needle| line(needle)).map(|oops| failed(Symptom::KernelOops, oops))
}

/// From so many stale fetches of one word at one place on, a guest that used up its deadline was in a stale loop. One that goes
/// through the kernel in each turn does not come to [`Request::STALE_LIMIT`](instrument::Request::STALE_LIMIT).
const LOOPED: u64 = 1000;

fn deadline(read: &Read<'_>) -> Option<ClassifiedOutcome> {
    let record = read.record.as_ref().ok()?;
    let loops = match record.end {
        End::StaleLoop => 1,
        End::Deadline => LOOPED,
        _ => return None,
    };
    let place = record.most_stale().filter(|place| record.mode == Mode::Enforce && place.count >= loops);
    let Some(place) = place else {
        return Some(failed(Symptom::Livelock, "the guest used up its deadline in instructions"));
    };
    let StaleFetch { pc, count, writer, .. } = place;
    let executed = record.word(&place.executed);
    let writer = writer.map(|writer| format!(", last written by {:#010x}", writer.pc)).unwrap_or_default();
    let text = format!("{count} times executed the stale word {executed} at {pc:#010x}{writer}");
    Some(failed(Symptom::StaleLoop, text))
}

/// An END line that init did not print: it executes the END marker behind its own.
fn forged(read: &Read<'_>, output: &Output) -> Option<ClassifiedOutcome> {
    let left_early = matches!(read.record, Ok(Record { end: End::Exit, .. }));
    (left_early && output.ends > 0)
        .then(|| unknown(Cause::BadOutput, "an END line is on the console, but init did not come to its end"))
}

/// What the testcase says. With `may_skip` a check that was skipped says nothing, unless all were.
fn testcase(output: &Output, target: &Kernel, may_skip: bool) -> ClassifiedOutcome {
    if let Some(why) = gave_up(output, target) {
        // A check that failed before it gave up has failed, and so has one of a testcase that died when all was said.
        let stands = output.bailed.is_some() || output.incomplete().is_none();
        let failure = output.failure().filter(|_| stands);
        return failure.map_or_else(
            || unknown(Cause::BadOutput, &why),
            |(symptom, detail)| failed(symptom, format!("{}; {why}", detail.text)),
        );
    }
    if let Some(why) = output.incomplete() {
        return unknown(Cause::BadOutput, why);
    }
    if output.skipped() {
        return unknown(Cause::Skipped, format!("no tests were run: {}", output.note));
    }
    if output.planned == Some(0) {
        return unknown(Cause::BadOutput, "there are no tests (NO_TESTS): the plan is 1..0");
    }
    if let Some((symptom, detail)) = output.failure() {
        return (Outcome::Fail { symptom }, Some(detail));
    }
    let decided = may_skip && output.checks().passed > 0;
    if let Some(skipped) = output.results.iter().find(|check| !decided && check.skipped()) {
        return unknown(Cause::Skipped, format!("{}: {}", skipped.name, skipped.note));
    }
    match output.end {
        Some(0) => (Outcome::Pass, None),
        other => {
            let code = other.unwrap_or_default() >> 8 & 0xff;
            unknown(
                Cause::BadOutput,
                format!("all checks passed, but the testcase ended with exit code {code}"),
            )
        }
    }
}

/// Why a testcase came to no regular end, if so: a signal killed it, or it bailed out.
fn gave_up(output: &Output, target: &Kernel) -> Option<String> {
    // An END line that somebody else printed is no word of the testcase's.
    if output.ends != 1 {
        return None;
    }
    let also = output.incomplete().map_or_else(String::new, |why| format!("; {why}"));
    if let Some(signal) = output.signal() {
        return Some(format!("the testcase was killed by {}{also}", signal_name(target.arch.name(), signal)));
    }
    let why = output.bailed.as_ref()?;
    Some(format!("the testcase bailed out: {why}{also}"))
}

/// Returns the name of a signal. Linux numbers some of them by architecture: `include/uapi/asm-generic/signal.h`, which ARM
/// has, too, and `arch/mips/include/uapi/asm/signal.h`.
fn signal_name(arch: &str, number: u32) -> String {
    let name = match (number, arch == "mips") {
        (1, _) => "SIGHUP",
        (2, _) => "SIGINT",
        (3, _) => "SIGQUIT",
        (4, _) => "SIGILL",
        (5, _) => "SIGTRAP",
        (6, _) => "SIGABRT",
        (8, _) => "SIGFPE",
        (9, _) => "SIGKILL",
        (11, _) => "SIGSEGV",
        (13, _) => "SIGPIPE",
        (14, _) => "SIGALRM",
        (15, _) => "SIGTERM",
        (7, false) | (10, true) => "SIGBUS",
        (31, false) | (12, true) => "SIGSYS",
        _ => return format!("signal {number}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests;
