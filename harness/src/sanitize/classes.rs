// SPDX-License-Identifier: GPL-2.0-or-later
//! Classes of stale fetches.

use std::collections::BTreeMap;
use std::fmt;

use instrument::{Missing, Phase, Record, StaleFetch};

/// Where a kernel address lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The function.
    pub function: String,
    /// Source file and line, if the line tables know it.
    pub line: Option<String>,
}

/// What distinguishes one missing flush from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClassKey {
    /// Function that wrote; [`ClassKey::UNSEEN`] if the model saw no store.
    pub writer: String,
    /// Function that was fetched; [`ClassKey::USER`] for whatever a process executes.
    pub fetch: String,
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
        write!(f, "{} -> {}, missing: {}", self.writer, self.fetch, missing_name(self.missing))
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

/// The first stale fetch of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The testcase that ran.
    pub testcase: String,
    /// Its phase; [`Phase::Boot`] before the testcase.
    pub phase: Phase,
    /// Virtual address.
    pub pc: u64,
    /// Physical address.
    pub physical: u64,
    /// Guest instructions between the store and the fetch, if the store was seen.
    pub instructions_ago: Option<u64>,
}

/// All stale fetches that one flush would have prevented, as far as names show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleFetchClass {
    /// Who, what, and what was missing.
    pub key: ClassKey,
    /// Whether it is the known benign kind: the CPU fetches code that it is in the course of patching.
    pub patching: bool,
    /// How many stale fetches of it the records list.
    pub count: u64,
    /// The first of them.
    pub first: Fetched,
    /// Source line of the store.
    pub written_at: Option<String>,
    /// Source line of the fetched instruction.
    pub fetched_at: Option<String>,
}

/// Parts of the kernel whose business it is to change kernel text: names, or how they begin.
const PATCHERS: [&str; 19] = [
    "__patch_text",
    "patch_text",
    "patch_insn_write",
    "__patch_insn_write",
    "text_poke",
    "__text_poke",
    "insn_patch",
    "ftrace_modify_code",
    "ftrace_make_",
    "ftrace_update_",
    "arch_jump_label_transform",
    "__arch_jump_label_transform",
    "arch_arm_kprobe",
    "arch_disarm_kprobe",
    "arch_prepare_kprobe",
    "arch_uprobe_",
    "apply_alternatives",
    "__apply_alternatives",
    "kgdb_arch_set_breakpoint",
];

/// Instructions within which a patcher gets from its store to its own flush. Between them lie an unmapping or a return or
/// two; what is fetched later was forgotten.
const PATCHING: u64 = 500;

/// The classes of one kernel on one machine, over all its testcases.
#[derive(Clone, Debug, Default)]
pub struct Classes {
    classes: BTreeMap<(bool, ClassKey), StaleFetchClass>,
    /// Stale fetches that happened.
    pub happened: u64,
    /// Those of them that the records list; the others cannot be classified.
    pub listed: u64,
}

impl Classes {
    /// Adds what a record lists; `resolve` finds the functions of kernel addresses.
    pub fn add(&mut self, testcase: &str, record: &Record, resolve: &dyn Fn(u64) -> Option<Spot>) {
        self.happened += record.stale_fetches;
        self.listed += record.stale.len() as u64;
        for fetch in &record.stale {
            let class = classify(testcase, fetch, resolve);
            let place = (class.patching, class.key.clone());
            self.classes.entry(place).and_modify(|known| known.count += 1).or_insert(class);
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

fn classify(testcase: &str, fetch: &StaleFetch, resolve: &dyn Fn(u64) -> Option<Spot>) -> StaleFetchClass {
    let written = fetch.writer.and_then(|writer| resolve(writer.pc));
    let fetched = if fetch.user { None } else { resolve(fetch.pc) };
    let function = |spot: &Option<Spot>, otherwise: &str| {
        spot.as_ref().map_or_else(|| otherwise.to_owned(), |spot| spot.function.clone())
    };
    let no_writer = match fetch.writer {
        None => ClassKey::UNSEEN,
        // Only the kernel's functions have symbols.
        Some(_) => ClassKey::NOWHERE,
    };
    let key = ClassKey {
        writer: function(&written, no_writer),
        fetch: function(&fetched, if fetch.user { ClassKey::USER } else { ClassKey::NOWHERE }),
        missing: fetch.missing,
    };
    let instructions_ago = fetch.writer.map(|writer| writer.instructions_ago);
    let patching = !fetch.user
        // Another CPU than the one that patches has nobody who flushes for it.
        && fetch.dirty_in.is_none()
        && instructions_ago.is_some_and(|ago| ago <= PATCHING)
        && PATCHERS.iter().any(|patcher| key.writer.starts_with(patcher));
    StaleFetchClass {
        key,
        patching,
        count: 1,
        first: Fetched {
            testcase: testcase.to_owned(),
            phase: fetch.phase,
            pc: fetch.pc,
            physical: fetch.physical,
            instructions_ago,
        },
        written_at: written.and_then(|spot| spot.line),
        fetched_at: fetched.and_then(|spot| spot.line),
    }
}
