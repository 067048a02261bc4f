// SPDX-License-Identifier: GPL-2.0-or-later
//! One line of `trials.jsonl`: what is known of one trial, and all that is judged.
//!
//! It holds no times and no paths, so that the same trial run again gives the same bytes.

use std::collections::BTreeMap;
use std::iter::Sum;

use instrument::Missing;
use instrument::Phase;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::error::Error;
use crate::error::Result;
pub use crate::plan::Symptom;
use crate::plan::TrialId;

/// Version of the line's format that this harness writes.
pub const VERSION: u32 = 3;

/// The oldest version that this harness reads: its keys have other names (`row`, `d_worth`, `i_worth`), and the same values.
const OLDEST: u32 = 2;

/// One trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialLine {
    /// [`VERSION`] of the writer.
    pub v: u32,
    /// Which trial.
    pub id: TrialId,
    /// What came of it.
    pub outcome: Outcome,
    /// What is known about a failure.
    pub detail: Option<Detail>,
    /// Results of the testcase's checks.
    pub checks: Checks,
    /// Number of stale fetches, also of those not listed.
    pub stale_fetches: u64,
    /// Number of loads through the D$ that hit other bytes than were stored last; absent for none. The trial went on with the latter.
    #[serde(default, skip_serializing_if = "is_none")]
    pub stale_loads: u64,
    /// The first stale fetches, in the order of execution.
    pub stale: Vec<StaleLine>,
    /// Maintenance operations by architectural name, executed from the first marker on.
    pub operations: BTreeMap<String, u64>,
    /// Operations on the D$; those that work on both caches count here and under `i_operations`.
    pub d_operations: u64,
    /// Operations on the I$.
    pub i_operations: u64,
    /// The use of the operations on the D$.
    #[serde(alias = "d_worth")]
    pub d_use: FlushUseCounts,
    /// The use of the operations on the I$.
    #[serde(alias = "i_worth")]
    pub i_use: FlushUseCounts,
    /// Guest instructions inside functions that do maintenance, from the first marker on.
    pub flush_instructions: u64,
    /// Guest instructions.
    pub instructions: u64,
    /// SHA-256 of the kernel image, 64 hexadecimal digits; empty if there is none.
    pub image: String,
    /// SHA-256 of the console output; empty if there is none.
    pub console_sha256: String,
    /// SHA-256 of the plugin's record; empty if there is none.
    pub record_sha256: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

/// Of how many operations what is known; of the rest nothing was to be said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlushUseCounts {
    /// Without them something stale would have been fetched.
    pub needed: u64,
    /// The line was clean, absent or not stale.
    pub redundant: u64,
    /// The line needed them at another colour or on another CPU.
    pub insufficient: u64,
}

/// What came of a trial. *Unknown* is never a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "result")]
pub enum Outcome {
    /// Every check passed.
    Pass,
    /// The guest misbehaved.
    Fail {
        /// How.
        symptom: Symptom,
    },
    /// The trial says nothing about the patch.
    Unknown {
        /// Why not.
        cause: Cause,
    },
}

impl Outcome {
    /// Returns whether every check passed.
    pub fn is_pass(self) -> bool {
        self == Self::Pass
    }

    /// Returns whether the trial says nothing about the patch.
    pub fn is_unknown(self) -> bool {
        matches!(self, Self::Unknown { .. })
    }
}

/// Why a trial says nothing about the patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// QEMU died, or could not be started.
    QemuDied,
    /// The host's deadline passed; the host may be overloaded.
    HostDeadline,
    /// The plugin wrote no record.
    NoRecord,
    /// The plugin distrusted itself; see its message.
    RecordFault,
    /// The patched kernel did not build.
    BuildFailed,
    /// The snapshot could not be restored.
    RestoreFailed,
    /// The console output is not whole, or not KTAP.
    BadOutput,
    /// A check was skipped: the guest could not set it up.
    Skipped,
    /// It failed, but not of what the study is about. Lines never say so; a judgement does.
    Unrelated,
}

impl Cause {
    /// Returns the word used in lines and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::QemuDied => "qemu-died",
            Self::HostDeadline => "host-deadline",
            Self::NoRecord => "no-record",
            Self::RecordFault => "record-fault",
            Self::BuildFailed => "build-failed",
            Self::RestoreFailed => "restore-failed",
            Self::BadOutput => "bad-output",
            Self::Skipped => "skipped",
            Self::Unrelated => "unrelated",
        }
    }
}

/// What is known about a failure, or about a trial that says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// The first failing check with its reason, or the message of the failure.
    pub text: String,
    /// Program counter of the process when it failed, as a guest address.
    pub pc: Option<u64>,
    /// Whether that lies in the XOL page.
    pub in_xol: Option<bool>,
}

/// Results of a testcase's checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checks {
    /// Checks that passed.
    pub passed: u32,
    /// Checks that failed.
    pub failed: u32,
    /// Checks that were skipped.
    pub skipped: u32,
}

impl Sum for Checks {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, more| Self {
            passed: sum.passed + more.passed,
            failed: sum.failed + more.failed,
            skipped: sum.skipped + more.skipped,
        })
    }
}

/// A stale fetch in short; addresses are the guest's, unresolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaleLine {
    /// Virtual address of the fetch.
    pub pc: u64,
    /// Physical address of the fetch.
    pub physical: u64,
    /// Whether the address belongs to user space.
    pub user: bool,
    /// Phase of the trial.
    pub phase: Phase,
    /// What was not done.
    pub missing: Missing,
    /// Virtual address of the instruction that stored last to the line, if the model saw it.
    pub writer: Option<u64>,
}

impl TrialLine {
    /// Returns the line of a trial with this outcome, without any figures.
    pub fn new(id: TrialId, outcome: Outcome) -> Self {
        Self {
            v: VERSION,
            id,
            outcome,
            detail: None,
            checks: Checks::default(),
            stale_fetches: 0,
            stale_loads: 0,
            stale: Vec::new(),
            operations: BTreeMap::new(),
            d_operations: 0,
            i_operations: 0,
            d_use: FlushUseCounts::default(),
            i_use: FlushUseCounts::default(),
            flush_instructions: 0,
            instructions: 0,
            image: String::new(),
            console_sha256: String::new(),
            record_sha256: String::new(),
        }
    }

    /// Returns the line of a trial that says nothing about the patch.
    pub fn unknown(id: TrialId, cause: Cause, text: impl Into<String>) -> Self {
        let detail = Detail { text: text.into(), ..Detail::default() };
        Self { detail: Some(detail), ..Self::new(id, Outcome::Unknown { cause }) }
    }

    /// Returns the trial as one line of JSON, without the newline.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self)
            .map_err(|error| Error::internal(format!("cannot write a trial line: {error}")))
    }

    /// Reads a line of any version that a run may have, from 2 on; what is returned is of the newest.
    pub fn from_json(text: &str) -> Result<Self> {
        let reads = |version: u64| (u64::from(OLDEST)..=u64::from(VERSION)).contains(&version);
        // Nearly always it is of such a version, and need not be taken apart twice.
        if let Ok(line) = serde_json::from_str::<Self>(text)
            && reads(line.v.into())
        {
            return Ok(Self { v: VERSION, ..line });
        }
        let malformed = |error: serde_json::Error| Error::study(format!("not a trial line: {error}"));
        let value: serde_json::Value = serde_json::from_str(text).map_err(malformed)?;
        match value.get("v").and_then(serde_json::Value::as_u64) {
            Some(found) if reads(found) => serde_json::from_value(value).map_err(malformed),
            Some(found) => Err(Error::study(format!(
                "the trial line has version {found}; this harness reads versions {OLDEST} to {VERSION}"
            ))),
            None => Err(Error::study("not a trial line: no version")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> TrialLine {
        let id = "mips-6.1/malta-24kf-16k/unfixed/t1-first-return/enforce/7".parse().unwrap();
        let stale = StaleLine {
            pc: 0x7fff_8000,
            physical: 0x1234,
            user: true,
            phase: Phase::Run,
            missing: Missing::WriteBack,
            writer: Some(0x8000_1000),
        };
        TrialLine {
            outcome: Outcome::Fail { symptom: Symptom::WrongResult },
            stale_fetches: 1,
            stale: vec![stale],
            operations: BTreeMap::from([("Hit_Invalidate_I".into(), 3)]),
            ..TrialLine::unknown(id, Cause::NoRecord, "x")
        }
    }

    #[test]
    fn a_line_survives_writing_and_reading_and_is_one_line() {
        let json = line().to_json().unwrap();
        assert!(!json.contains('\n'));
        assert!(json.starts_with(r#"{"v":3,"id":{"kernel":"mips-6.1","#), "{json}");
        assert!(json.contains(r#""outcome":{"result":"fail","symptom":"wrong-result"}"#), "{json}");
        assert_eq!(TrialLine::from_json(&json).unwrap(), line());
    }

    #[test]
    fn another_version_is_refused() {
        let json = line().to_json().unwrap().replace(r#""v":3"#, r#""v":1"#);
        let error = TrialLine::from_json(&json).unwrap_err();
        assert_eq!(error.to_string(), "the trial line has version 1; this harness reads versions 2 to 3");
        assert!(TrialLine::from_json("{}").is_err());
        assert!(TrialLine::from_json("{\"v\":2").is_err());
    }

    #[test]
    fn a_line_of_the_version_before_is_read_as_one_of_this() {
        let new = line().to_json().unwrap();
        let old = [
            (r#""v":3"#, r#""v":2"#),
            ("\"variant\"", "\"row\""),
            ("\"d_use\"", "\"d_worth\""),
            ("\"i_use\"", "\"i_worth\""),
        ]
        .iter()
        .fold(new.clone(), |text, (new, old)| text.replace(new, old));
        assert_ne!(old, new);
        assert_eq!(TrialLine::from_json(&old).unwrap(), line());
    }

    #[test]
    fn words_are_those_of_the_files_and_of_the_guest() {
        for symptom in Symptom::ALL {
            assert_eq!(serde_json::to_value(symptom).unwrap(), symptom.name());
            assert_eq!(Symptom::parse(symptom.name()), Some(symptom));
        }
        assert_eq!(Symptom::parse("SIGILL"), Some(Symptom::Sigill));
        assert_eq!(Symptom::parse("SIGFPE"), None);
        assert_eq!(serde_json::to_value(Cause::HostDeadline).unwrap(), Cause::HostDeadline.name());
    }
}
