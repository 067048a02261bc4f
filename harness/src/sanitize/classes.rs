// SPDX-License-Identifier: GPL-2.0-or-later
//! Classes of stale fetches and loads.

use std::collections::BTreeMap;
use std::fmt;

use instrument::{ListedLoad, Missing, Phase, Record, StaleFetch, Writer};

/// Where a kernel address lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The function.
    pub function: String,
    /// Source file and line, if the line tables know it.
    pub line: Option<String>,
}

/// What a CPU does with stale bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StaleAccess {
    /// It fetches them through the I$, and executes them.
    Fetch,
    /// It loads them through the D$.
    Load,
}

/// What distinguishes one missing flush from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClassKey {
    /// Function that wrote; [`ClassKey::UNSEEN`] if the model saw no store.
    pub writer: String,
    /// Whether stale bytes were fetched or loaded.
    pub access: StaleAccess,
    /// Function that was fetched, or that loaded; [`ClassKey::USER`] for whatever a process executes.
    pub reader: String,
    /// What was not done in between.
    pub missing: Missing,
}

impl ClassKey {
    /// Stands for a writer that the model did not see: a device, or a store that came before it was on.
    pub const UNSEEN: &'static str = "unseen";
    /// Stands for everything outside the kernel.
    pub const USER: &'static str = "user space";
    /// Stands for kernel addresses that no symbol covers: modules, and code made at run time.
    pub const NOWHERE: &'static str = "no function";
}

impl fmt::Display for ClassKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let load = if self.access == StaleAccess::Load { "load by " } else { "" };
        write!(f, "{} -> {load}{}, missing: {}", self.writer, self.reader, missing_name(self.missing))
    }
}

/// Returns the word for what was missing, as records and suppressions have it.
pub(super) fn missing_name(missing: Missing) -> &'static str {
    match missing {
        Missing::WriteBack => "write-back",
        Missing::Invalidate => "invalidate",
        Missing::Both => "both",
    }
}

/// The first of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The testcase that ran.
    pub testcase: String,
    /// Its phase; [`Phase::Boot`] before the testcase.
    pub phase: Phase,
    /// Virtual address of the instruction that was fetched, or that loaded.
    pub pc: u64,
    /// Physical address of the stale bytes.
    pub physical: u64,
    /// Guest instructions between the store and the fetch, if the store was seen.
    pub instructions_ago: Option<u64>,
}

/// All stale fetches or loads that one flush would have prevented, as far as names show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleFetchClass {
    /// Who, what, and what was missing.
    pub key: ClassKey,
    /// Whether it is the known benign kind: the CPU fetches code that it is in the course of patching, and was seen to make it
    /// fresh each time before anyone fetched it again.
    pub patching: bool,
    /// How many of it the records know.
    pub count: u64,
    /// The first of them.
    pub first: Fetched,
    /// Source line of the store.
    pub written_at: Option<String>,
    /// Source line of the instruction that was fetched, or that loaded.
    pub read_at: Option<String>,
}

/// Instructions within which who patches code gets from the store to the flush. Between them lie an unmapping or a return or
/// two; a flush that comes later was meant for something else.
const PATCHING: u64 = 500;

/// The classes of one kernel on one machine, over all its testcases.
#[derive(Clone, Debug, Default)]
pub struct Classes {
    classes: BTreeMap<(bool, ClassKey), StaleFetchClass>,
    /// Stale fetches that happened.
    pub fetches: u64,
    /// Stale loads that happened.
    pub loads: u64,
    /// By testcase, how many of both its records do not list, so that they are in no class.
    pub unlisted: BTreeMap<String, u64>,
}

impl Classes {
    /// Adds what a record lists; `resolve` finds the functions of kernel addresses.
    pub fn add(&mut self, testcase: &str, record: &Record, resolve: &dyn Fn(u64) -> Option<Spot>) {
        self.fetches += record.stale_fetches;
        self.loads += record.stale_loads;
        let fetches = record.stale.iter().map(|fetch| of_fetch(testcase, fetch, resolve));
        let loads = record.loads.iter().map(|load| of_load(testcase, load, resolve));
        let mut listed = 0;
        for class in fetches.chain(loads) {
            listed += class.count;
            let place = (class.patching, class.key.clone());
            let count = class.count;
            self.classes.entry(place).and_modify(|known| known.count += count).or_insert(class);
        }
        let happened = record.stale_fetches + record.stale_loads;
        if happened > listed {
            *self.unlisted.entry(testcase.to_owned()).or_default() += happened - listed;
        }
    }

    /// Returns the classes, the most frequent first.
    pub fn sorted(&self) -> Vec<&StaleFetchClass> {
        let mut sorted: Vec<&StaleFetchClass> = self.classes.values().collect();
        // Stable: equally frequent ones stay in the order of their keys.
        sorted.sort_by_key(|class| std::cmp::Reverse(class.count));
        sorted
    }
}

fn of_fetch(testcase: &str, fetch: &StaleFetch, resolve: &dyn Fn(u64) -> Option<Spot>) -> StaleFetchClass {
    let ago = fetch.writer.map(|writer| writer.instructions_ago);
    let patching = !fetch.user
        // Another CPU than the one that patches has nobody who flushes for it.
        && fetch.dirty_in.is_none()
        && ago.is_some_and(|ago| ago <= PATCHING)
        && fetch.repaired == fetch.count;
    let first = ReadAt { pc: fetch.pc, physical: fetch.physical, phase: fetch.phase };
    let seen =
        Seen { access: StaleAccess::Fetch, user: fetch.user, missing: fetch.missing, count: fetch.count };
    StaleFetchClass { patching, ..class(testcase, &seen, first, fetch.writer, resolve) }
}

fn of_load(testcase: &str, load: &ListedLoad, resolve: &dyn Fn(u64) -> Option<Spot>) -> StaleFetchClass {
    let first = ReadAt { pc: load.pc, physical: load.physical, phase: load.phase };
    let seen = Seen { access: StaleAccess::Load, user: load.user, missing: load.missing, count: load.count };
    class(testcase, &seen, first, load.writer, resolve)
}

/// Where and when it was.
#[derive(Clone, Copy)]
struct ReadAt {
    pc: u64,
    physical: u64,
    phase: Phase,
}

/// What a record says of a stale access, whatever it was.
struct Seen {
    access: StaleAccess,
    user: bool,
    missing: Missing,
    count: u64,
}

fn class(
    testcase: &str,
    seen: &Seen,
    at: ReadAt,
    writer: Option<Writer>,
    resolve: &dyn Fn(u64) -> Option<Spot>,
) -> StaleFetchClass {
    let written = writer.and_then(|writer| resolve(writer.pc));
    let read = if seen.user { None } else { resolve(at.pc) };
    let function = |spot: &Option<Spot>, otherwise: &str| {
        spot.as_ref().map_or_else(|| otherwise.to_owned(), |spot| spot.function.clone())
    };
    let no_writer = match writer {
        None => ClassKey::UNSEEN,
        // Only the kernel's functions have symbols.
        Some(_) => ClassKey::NOWHERE,
    };
    StaleFetchClass {
        key: ClassKey {
            writer: function(&written, no_writer),
            access: seen.access,
            reader: function(&read, if seen.user { ClassKey::USER } else { ClassKey::NOWHERE }),
            missing: seen.missing,
        },
        patching: false,
        count: seen.count,
        first: Fetched {
            testcase: testcase.to_owned(),
            phase: at.phase,
            pc: at.pc,
            physical: at.physical,
            instructions_ago: writer.map(|writer| writer.instructions_ago),
        },
        written_at: written.and_then(|spot| spot.line),
        read_at: read.and_then(|spot| spot.line),
    }
}
