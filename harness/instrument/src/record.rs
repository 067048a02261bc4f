// SPDX-License-Identifier: GPL-2.0-or-later
//! The record that the QEMU plugin writes at the end of a trial and the harness reads.
//!
//! One JSON object on one line. Addresses are guest addresses, zero-extended to 64 bits; functions and source lines are not in
//! here, since only the harness has the kernel's symbols.

use cache_model::maintenance::Side;
use cache_model::{CacheTotals, FlushUse, Missing, Proximity};
use serde::{Deserialize, Serialize};

use crate::Mode;
use crate::format::{FileFormat, ReadError};
use crate::hardware::ByteOrder;
use crate::load::ListedLoad;

/// Part of a trial, as announced by the guest's marker instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// From the start of the record (reset or snapshot) to the first marker.
    Boot,
    /// The testcase creates its probes.
    Setup,
    /// The probes are being enabled, or are enabled and not yet exercised.
    Armed,
    /// The workload runs.
    Run,
    /// The probes are removed.
    Teardown,
}

impl Phase {
    /// All phases, in the order of a trial; `phase as usize` indexes it.
    pub const ALL: [Self; 5] = [Self::Boot, Self::Setup, Self::Armed, Self::Run, Self::Teardown];

    /// Returns the name used in records and tables.
    pub fn name(self) -> &'static str {
        ["boot", "setup", "armed", "run", "teardown"][self as usize]
    }
}

/// How the record came to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "how", content = "message")]
pub enum End {
    /// The guest executed the END marker.
    Finished,
    /// QEMU ended (power-off, panic with reboot, or killed) before the END marker.
    Exit,
    /// The guest used up its deadline in instructions.
    Deadline,
    /// The guest fetched one stale word at one place as often as the request allows.
    #[serde(rename = "stale-loop")]
    StaleLoop,
    /// The trial had not come to its end: QEMU was killed, or died, after this was written.
    Unfinished,
    /// The plugin found that it cannot trust itself or this QEMU; the message says why.
    Fault(String),
}

/// Who stored last to a line, as far as the model saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writer {
    /// Virtual address of the storing instruction.
    pub pc: u64,
    /// Guest instructions between the store and the fetch.
    pub instructions_ago: u64,
    /// Where the first caller that does not copy goes on, if the instruction is in a function that copies or clears for others;
    /// absent for other functions, and where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<u64>,
}

/// A fetch whose I$ bytes differed from what the data side saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaleFetch {
    /// Virtual address of the first instruction that differed.
    pub pc: u64,
    /// Physical address of the same.
    pub physical: u64,
    /// Whether the address belongs to user space.
    pub user: bool,
    /// Phase of the trial.
    pub phase: Phase,
    /// Guest instructions since the record began.
    pub instruction: u64,
    /// The four bytes in the I$, in memory order, as lower-case hex.
    pub executed: String,
    /// The four bytes that the data side saw, in memory order, as lower-case hex.
    pub expected: String,
    /// What was missing.
    pub missing: Missing,
    /// The last store to the line, if the model saw it.
    pub writer: Option<Writer>,
    /// The CPU whose D$ had the line dirty, if it was another than the one that fetched.
    pub dirty_in: Option<u32>,
    /// Maintenance since that store, of this line and of its neighbours, oldest first; the newest few.
    pub past: Vec<Maintenance>,
    /// How many stale fetches of this word there were at this address, this one included; absent for one.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub count: u64,
    /// After how many of them maintenance of the CPU that fetched made the line fresh within [`StaleFetch::REPAIRED_WITHIN`]
    /// instructions, before anyone fetched it again; known in mode observe only, absent for none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub repaired: u64,
}

impl StaleFetch {
    /// Within how many instructions a line must be made fresh to count as repaired. The kernels modelled flush by walking
    /// through at most two caches of 64 KB with lines of 32 bytes, two instructions each, and call a few functions before.
    pub const REPAIRED_WITHIN: u64 = 10_000;
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

fn once() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_once(count: &u64) -> bool {
    *count == once()
}

/// A maintenance operation between a store and the stale fetch that followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenance {
    /// Architectural name.
    pub operation: String,
    /// Virtual address of the instruction.
    pub pc: u64,
    /// Guest instructions between it and the fetch.
    pub instructions_ago: u64,
    /// How near it came to the stale line.
    pub place: Proximity,
    /// What it did.
    pub judged: FlushUse,
}

/// Maintenance operations of one kind, from one instruction called from one place, in one phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Architectural name (`Hit_Invalidate_I`, `DCCMVAU`).
    pub operation: String,
    /// Which cache it works on.
    pub side: Side,
    /// Virtual address of the instruction.
    pub pc: u64,
    /// Where its function returns to, as the link register says ($ra, lr): the caller, unless the function has called
    /// another one before. 0 if it could not be read.
    pub caller: u64,
    /// Phase of the trial.
    pub phase: Phase,
    /// How often it was executed. The next five say of how many what is known; of the rest nothing was to be said: they
    /// wrote back a dirty line that was not fetched afterwards, or are for a cache that the model does not have.
    pub count: u64,
    /// It dropped a stale I$ line, or wrote back a dirty line that was fetched later.
    pub needed: u64,
    /// What it named was clean, absent, or not stale.
    pub redundant: u64,
    /// It did nothing for a line that needed it at another colour.
    pub wrong_colour: u64,
    /// It did nothing for a line that needed it on another CPU.
    pub wrong_cpu: u64,
    /// Its address was not translated, so that it did nothing: on MIPS hardware would have taken an exception, on ARM
    /// perhaps.
    pub untranslated: u64,
}

/// Guest instructions within a function that does maintenance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionCost {
    /// Virtual address of the function.
    pub pc: u64,
    /// Instructions in each phase, indexed as [`Phase::ALL`].
    pub instructions: [u64; 5],
}

/// Everything that the plugin has to say about one trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// [`Record::VERSION`] of the writer.
    pub version: u32,
    /// What the model did with stale fetches.
    pub mode: Mode,
    /// QEMU's target name (`mips`, `mipsel`, `arm`).
    pub target: String,
    /// The guest's byte order, as the setup states it.
    #[serde(default = "little")]
    pub byte_order: ByteOrder,
    /// How the record ended.
    pub end: End,
    /// Guest instructions in each phase, indexed as [`Phase::ALL`].
    pub instructions: [u64; 5],
    /// Number of stale fetches, also of those not listed.
    pub stale_fetches: u64,
    /// The first stale fetches, at most [`Record::STALE_LISTED`], in order of execution.
    pub stale: Vec<StaleFetch>,
    /// Number of stale loads, also of those not listed; absent for none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub stale_loads: u64,
    /// Stale loads by the first [`Record::LOADS_LISTED`] instructions that made some, the first of each, in order of execution.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loads: Vec<ListedLoad>,
    /// Maintenance operations, sorted by address, then caller, then phase.
    pub ledger: Vec<LedgerEntry>,
    /// Functions that do maintenance, sorted by address; empty where the plugin was given no symbols.
    pub functions: Vec<FunctionCost>,
    /// Totals of the I$.
    pub icache: CacheTotals,
    /// Totals of the D$.
    pub dcache: CacheTotals,
    /// How many times the guest was made to translate an address for a cache operation, where hardware's own would have
    /// raised a TLB exception.
    pub refills: u64,
}

fn little() -> ByteOrder {
    ByteOrder::Little
}

const RECORD: FileFormat = FileFormat { oldest: 3, ..FileFormat::new("record", "harness", Record::VERSION) };

impl Record {
    /// Version of the format that this crate writes and reads.
    ///
    /// Version 3, which is read too, had the tally of the plugin's check of its register handles besides: it grew with QEMU's
    /// translations, and so was no result of a trial. It and version 4 had no byte order; `mips` was the only big-endian target.
    pub const VERSION: u32 = 5;

    /// How many stale fetches a record lists; all of them are counted.
    pub const STALE_LISTED: usize = 64;

    /// Of how many instructions stale loads are listed; all loads are counted.
    pub const LOADS_LISTED: usize = 32;

    /// Returns the guest instructions of all phases together.
    pub fn total_instructions(&self) -> u64 {
        self.instructions.iter().sum()
    }

    /// Returns four bytes, in hexadecimal and in memory order as a stale fetch has them, as the word that the target's instructions
    /// are: most significant byte first.
    pub fn word(&self, bytes: &str) -> String {
        if self.byte_order == ByteOrder::Big || !bytes.is_ascii() {
            return bytes.to_owned();
        }
        bytes.as_bytes().chunks(2).rev().map(String::from_utf8_lossy).collect()
    }

    /// Returns the place with most stale fetches; of equal ones the first.
    pub fn most_stale(&self) -> Option<&StaleFetch> {
        self.stale.iter().rev().max_by_key(|fetch| fetch.count)
    }

    /// Returns the record as one line of JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a record.
    ///
    /// # Errors
    ///
    /// Another version than [`Record::VERSION`]; not a whole record.
    pub fn from_json(text: &str) -> Result<Self, ReadError> {
        let mut record: Self = RECORD.read(text)?;
        if record.version < 5 && record.target == "mips" {
            record.byte_order = ByteOrder::Big;
        }
        Ok(record)
    }
}
