// SPDX-License-Identifier: GPL-2.0-or-later
//! The symptoms that a failure can have: testcases state which they expect, trials which they had.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

/// How the guest misbehaved: the first failing check's symptom, or what the console or the deadline showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Symptom {
    /// A process died of SIGILL.
    Sigill,
    /// A process died of SIGTRAP.
    Sigtrap,
    /// A process died of SIGSEGV.
    Sigsegv,
    /// A process died of SIGBUS.
    Sigbus,
    /// A return value, a callee-saved register or the stack pointer was wrong, or a check failed in another way.
    WrongResult,
    /// A probe was hit less often than it was passed.
    LostHit,
    /// A probe was hit more often than it was passed.
    ExtraHit,
    /// The guest used up its deadline in instructions.
    Livelock,
    /// The guest executed stale bytes of one place thousands of times.
    StaleLoop,
    /// Process 1 died.
    InitDied,
    /// The kernel printed an oops and went on.
    KernelOops,
    /// The kernel panicked, for another reason than the death of process 1.
    KernelPanic,
    /// In observe mode: every check passed, but stale bytes would have been executed.
    StaleFetch,
}

impl Symptom {
    /// All symptoms, in the order of reports.
    pub const ALL: [Self; 13] = [
        Self::Sigill,
        Self::Sigtrap,
        Self::Sigsegv,
        Self::Sigbus,
        Self::WrongResult,
        Self::LostHit,
        Self::ExtraHit,
        Self::Livelock,
        Self::StaleLoop,
        Self::InitDied,
        Self::KernelOops,
        Self::KernelPanic,
        Self::StaleFetch,
    ];

    /// Returns the word used in lines and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sigill => "sigill",
            Self::Sigtrap => "sigtrap",
            Self::Sigsegv => "sigsegv",
            Self::Sigbus => "sigbus",
            Self::WrongResult => "wrong-result",
            Self::LostHit => "lost-hit",
            Self::ExtraHit => "extra-hit",
            Self::Livelock => "livelock",
            Self::StaleLoop => "stale-loop",
            Self::InitDied => "init-died",
            Self::KernelOops => "kernel-oops",
            Self::KernelPanic => "kernel-panic",
            Self::StaleFetch => "stale-fetch",
        }
    }

    /// Returns the symptom that the guest calls `word` (`# symptom=SIGILL`); the guest writes signals in capitals.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|symptom| symptom.name().eq_ignore_ascii_case(word))
    }
}
