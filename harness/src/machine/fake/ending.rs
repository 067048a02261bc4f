// SPDX-License-Identifier: GPL-2.0-or-later
//! How a trial on a fake machine ends, and what it leaves behind: what QEMU, plugin and guest would, as far as it is read.

use instrument::hardware::ByteOrder;
use instrument::{CacheTotals, End, LedgerEntry, Missing, Mode, Phase, Record, Side, StaleFetch, Writer};
use serde::{Deserialize, Deserializer, de};

use super::script::Fate;
use crate::machine::{Remains, Trial};
use crate::plan::{ResultSource, Symptom};

/// How a trial ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Every check passes.
    Pass,
    /// The guest misbehaves.
    Fail(Symptom),
    /// Something else than the guest does.
    Odd(Odd),
}

/// What else may come of a trial: causes for which it says nothing, and guests out of hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Odd {
    /// QEMU dies.
    QemuDied,
    /// It goes on until the host's deadline, which is what the trial takes.
    Hangs,
    /// The plugin writes nothing.
    NoRecord,
    /// The plugin distrusts itself.
    RecordFault,
    /// The snapshot cannot be restored.
    RestoreFailed,
    /// The console ends in the middle.
    BadOutput,
    /// The check cannot be set up.
    Skipped,
    /// The guest writes without end.
    Floods,
}

const ODD: [(&str, Odd); 8] = [
    ("qemu-died", Odd::QemuDied),
    ("hangs", Odd::Hangs),
    ("no-record", Odd::NoRecord),
    ("record-fault", Odd::RecordFault),
    ("restore-failed", Odd::RestoreFailed),
    ("bad-output", Odd::BadOutput),
    ("skipped", Odd::Skipped),
    ("floods", Odd::Floods),
];

/// How much a guest writes until its deadline.
const FLOOD: usize = 1 << 20;

/// Where a stale byte is executed: in user space, in the XOL page, as the bug under study is.
const XOL: u64 = 0x7fff_8000;

/// What stored it, and what does maintenance.
const WRITER: u64 = 0x8010_1000;
const FLUSH: u64 = 0x8010_2000;

/// Guest instructions by phase.
const INSTRUCTIONS: [u64; 5] = [1000, 2000, 3000, 10_000, 500];

impl Ending {
    /// What fails, fails so where a script does not say how.
    pub(super) fn usual() -> Self {
        Self::Fail(Symptom::Sigill)
    }

    /// The word in scripts.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail(symptom) => symptom.name(),
            Self::Odd(odd) => ODD.iter().find(|(_, known)| *known == odd).map_or("", |(name, _)| name),
        }
    }

    fn all() -> impl Iterator<Item = Self> {
        let odd = ODD.iter().map(|(_, odd)| Self::Odd(*odd));
        [Self::Pass].into_iter().chain(Symptom::ALL.map(Self::Fail)).chain(odd)
    }
}

impl<'de> Deserialize<'de> for Ending {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = String::deserialize(from)?;
        // As serde says it of an enum, so that whoever reports it finds the nearest.
        let known =
            || Self::all().map(|ending| format!("`{}`", ending.name())).collect::<Vec<_>>().join(", ");
        let unknown = || de::Error::custom(format!("unknown variant `{word}`, expected one of {}", known()));
        Self::all().find(|ending| ending.name() == word).ok_or_else(unknown)
    }
}

/// Returns what a trial leaves behind.
pub(super) fn remains(fate: Fate, trial: &Trial<'_>) -> Remains {
    let Fate { ending, .. } = fate;
    let whole = Remains {
        console: console(ending, trial),
        record: record(fate, trial.id.mode).to_json(),
        clean_exit: true,
        ..Remains::default()
    };
    let without = |stderr: &str, clean_exit| Remains {
        record: String::new(),
        stderr: stderr.to_owned(),
        clean_exit,
        ..whole.clone()
    };
    match ending {
        Ending::Odd(Odd::QemuDied) => without("Segmentation fault (not really)\n", false),
        Ending::Odd(Odd::RestoreFailed) => without("load of migration failed: not really\n", false),
        Ending::Odd(Odd::NoRecord) => without("", true),
        Ending::Odd(Odd::Hangs) => Remains { timed_out: true, ..without("", false) },
        _ => whole,
    }
}

fn console(ending: Ending, trial: &Trial<'_>) -> String {
    let head = "patcheval: READY\n";
    let name = &trial.testcase.name;
    // As wait(2) returns it: what is not shifted is the number of a signal.
    let end = |status: u32| format!("patcheval: END status={status:x}\n");
    let check = |result: &str, status| format!("{head}KTAP version 1\n1..1\n{result}\n{}", end(status));
    match ending {
        Ending::Fail(Symptom::InitDied) => {
            format!("{head}Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b\n")
        }
        Ending::Fail(Symptom::KernelPanic) => format!("{head}Kernel panic - not syncing: not really\n"),
        Ending::Fail(Symptom::KernelOops) => format!("Oops[#1]:\n{}", passing(trial, &check)),
        Ending::Fail(Symptom::Livelock | Symptom::StaleLoop)
        | Ending::Odd(Odd::QemuDied | Odd::Hangs | Odd::BadOutput) => {
            format!("{head}KTAP version 1\n1..1\n")
        }
        Ending::Odd(Odd::Floods) => head.to_owned() + &"more and more\n".repeat(FLOOD / 14),
        Ending::Odd(Odd::RestoreFailed) => String::new(),
        Ending::Odd(Odd::Skipped) => check(&format!("ok 1 - {name} # SKIP not really"), 0),
        Ending::Pass | Ending::Fail(Symptom::StaleFetch) | Ending::Odd(Odd::NoRecord | Odd::RecordFault) => {
            passing(trial, &check)
        }
        Ending::Fail(symptom) => {
            let at = format!("# symptom={} pc={XOL:#x} xol=yes", symptom.name());
            check(&format!("{at}\nnot ok 1 - {name}"), 1 << 8)
        }
    }
}

/// The console of a guest, or of a kernel that tests itself, in which nothing is wrong.
fn passing(trial: &Trial<'_>, check: &dyn Fn(&str, u32) -> String) -> String {
    let name = &trial.testcase.name;
    let own = match trial.testcase.boot.as_ref().map(|boot| &boot.result) {
        None => return check(&format!("ok 1 - {name}"), 0),
        Some(ResultSource::Kunit { suite }) => {
            format!("KTAP version 1\n1..1\n    # Subtest: {suite}\n    1..1\n    ok 1 fake\nok 1 {suite}\n")
        }
        Some(ResultSource::Init) => "Linux version 6.1.0 (fake)\n".to_owned(),
        Some(ResultSource::Said { begins, passes, .. }) => {
            format!("{begins}: {}\n", passes.first().map_or("", String::as_str))
        }
        Some(ResultSource::Initcall { function }) => {
            format!("calling  {function}+0x0/0x8 @ 1\ninitcall {function}+0x0/0x8 returned 0 after 0 usecs\n")
        }
    };
    format!("{own}patcheval: READY\npatcheval: END status=0\n")
}

fn record(fate: Fate, mode: Mode) -> Record {
    let Fate { ending, operations, .. } = fate;
    let stale = matches!(ending, Ending::Fail(_)) && mode != Mode::Off;
    let end = match ending {
        Ending::Fail(Symptom::Livelock) | Ending::Odd(Odd::Floods) => End::Deadline,
        Ending::Fail(Symptom::InitDied | Symptom::KernelPanic) | Ending::Odd(Odd::BadOutput) => End::Exit,
        Ending::Fail(Symptom::StaleLoop) => End::StaleLoop,
        Ending::Odd(Odd::RecordFault) => End::Fault("not really".to_owned()),
        _ => End::Finished,
    };
    let entry = |operation: &str, side, count| LedgerEntry {
        operation: operation.to_owned(),
        side,
        pc: FLUSH,
        caller: WRITER,
        phase: Phase::Run,
        count,
        needed: count.min(1),
        redundant: count.saturating_sub(1),
        wrong_colour: 0,
        wrong_cpu: 0,
        untranslated: 0,
    };
    Record {
        version: Record::VERSION,
        mode,
        target: "mips".to_owned(),
        byte_order: ByteOrder::Big,
        end,
        instructions: INSTRUCTIONS,
        stale_fetches: stale.into(),
        stale: if stale { vec![fetch()] } else { Vec::new() },
        ledger: vec![
            entry("Hit_Writeback_Inv_D", Side::D, operations[0]),
            entry("Hit_Invalidate_I", Side::I, operations[1]),
        ],
        functions: Vec::new(),
        icache: CacheTotals::default(),
        dcache: CacheTotals::default(),
        refills: 0,
        stale_loads: 0,
        loads: Vec::new(),
    }
}

fn fetch() -> StaleFetch {
    StaleFetch {
        pc: XOL,
        physical: 0x12_3000,
        user: true,
        phase: Phase::Run,
        instruction: 7000,
        executed: "00000000".to_owned(),
        expected: "000d000d".to_owned(),
        missing: Missing::WriteBack,
        writer: Some(Writer { pc: WRITER, instructions_ago: 900, caller: None }),
        dirty_in: None,
        past: Vec::new(),
        count: 1,
        repaired: 0,
    }
}
