// SPDX-License-Identifier: GPL-2.0-or-later
//! What a trial found, and its record.

mod calls;
mod findings;
pub mod functions;
mod ledger;

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use cache_model::maintenance::Operation;
use cache_model::{FlushUse, Memory, Model, PastOperation, Stale, VirtAddr};
use instrument::hardware::ByteOrder;
use instrument::{End, Mode, Phase, Record};

use crate::arch::GuestArch;
use crate::arch::architecture::Architecture;
use calls::Calls;
use findings::{Fetch, FetchHistory, Findings};
use functions::{FunctionCosts, KernelFunctions};
use ledger::{LedgerKey, Sites};

/// Collects what a trial finds, and builds its record.
pub struct Recorder {
    mode: Mode,
    /// First address that is not user space.
    kernel_start: VirtAddr,
    byte_order: ByteOrder,
    /// QEMU's name of the target.
    target: String,
    /// Translated blocks refer to sites and functions by number: these two outlive a trial.
    sites: Sites,
    functions: KernelFunctions,
    trial: TrialFindings,
}

/// What belongs to one trial.
#[derive(Default)]
struct TrialFindings {
    findings: Findings,
    costs: FunctionCosts,
    calls: Calls,
}

/// What goes into a record beside the findings.
pub struct RecordInputs<'a, M> {
    /// Guest instructions so far.
    pub now: u64,
    /// The caches, if they were modelled.
    pub model: Option<&'a Model<M>>,
    /// How many times a cache operation was replaced: see [`crate::machine::refill`].
    pub refills: u64,
}

impl Recorder {
    /// Returns a recorder without findings.
    pub fn new(mode: Mode, arch: GuestArch, target: &str, functions: KernelFunctions) -> Self {
        let (sites, trial) = (Sites::default(), TrialFindings::default());
        let (kernel_start, byte_order) = (arch.kernel_start(), arch.byte_order());
        Self { mode, kernel_start, byte_order, target: target.to_owned(), sites, functions, trial }
    }

    /// Forgets what belongs to a trial.
    pub fn reset(&mut self) {
        self.trial = TrialFindings::default();
    }

    /// Enters a phase after `now` instructions.
    pub fn enter(&mut self, phase: Phase, now: u64) {
        self.trial.findings.enter(phase, now);
    }

    /// Returns the number of the function at an address if it does maintenance, else 0: see [`KernelFunctions::number`].
    pub fn function(&mut self, address: VirtAddr, flushes: impl FnOnce(VirtAddr, VirtAddr) -> bool) -> u32 {
        self.functions.number(address, flushes)
    }

    /// Whether the function that begins at an address copies for others.
    pub fn copies_from(&self, address: VirtAddr) -> bool {
        self.functions.copy_of(address) == Some(address)
    }

    /// A function that copies for others is called after `now` instructions.
    pub fn called(&mut self, function: VirtAddr, caller: VirtAddr, now: u64) {
        self.trial.calls.push(function, caller, now as u32);
    }

    /// Counts instructions in a function, by its number.
    pub fn count_instructions(&mut self, function: u32, instructions: i64) {
        self.trial.costs.count(function, self.trial.findings.phase(), instructions);
    }

    /// Returns the number of the site of an operation at an address.
    pub fn site(&mut self, operation: Operation, pc: VirtAddr) -> usize {
        self.sites.number(operation, pc)
    }

    /// The operation of a site.
    pub fn operation(&self, site: usize) -> Operation {
        self.sites.get(site).0
    }

    /// Counts the execution of a site, called from `caller`; returns the [`cache_model::Origin::insn`] by which the model shall know
    /// it.
    pub fn count(&mut self, site: usize, caller: VirtAddr) -> u32 {
        let findings = &mut self.trial.findings;
        let cause = LedgerKey { site, caller, phase: findings.phase() };
        findings.ledger().count(cause)
    }

    /// Counts the use of an operation, by what [`Recorder::count`] returned; `None` for one whose address was not
    /// translated, so that it did nothing.
    pub fn count_use(&mut self, by: u32, flush_use: Option<FlushUse>) {
        let ledger = self.trial.findings.ledger();
        match flush_use {
            Some(flush_use) => ledger.count_use(by, flush_use),
            None => ledger.untranslated(by),
        }
    }

    /// Counts a stale fetch at `virt`, whose last writer was at `writer`, and lists it unless the list is full or has the
    /// same one already; `past` finds the maintenance since then. Returns how many there have been at this place; at the one
    /// with number `limit` it is listed in any case.
    pub fn stale(
        &mut self,
        stale: &Stale,
        (virt, writer): (VirtAddr, VirtAddr),
        now: u64,
        limit: u64,
        past: impl Fn(&Stale) -> Vec<PastOperation>,
    ) -> u64 {
        let fetch = Fetch { stale, virt, now, writer, user: virt < self.kernel_start };
        let TrialFindings { findings, calls, .. } = &mut self.trial;
        let functions = &self.functions;
        let history = || {
            let caller = |origin| calls.caller(writer, origin, |address| functions.copy_of(address));
            FetchHistory { past: past(stale), caller: stale.writer.and_then(caller) }
        };
        let count = findings.stale(&fetch, &self.sites, history);
        if count == limit {
            findings.list(&fetch, &self.sites, history);
        }
        count
    }

    /// Returns the whole record.
    pub fn record<M: Memory>(&mut self, end: End, inputs: &RecordInputs<'_, M>) -> Record {
        let TrialFindings { findings, costs, .. } = &mut self.trial;
        let model = inputs.model;
        let confirmed = |cause| model.map_or(0, |model| model.confirmed(cause));
        Record {
            version: Record::VERSION,
            mode: self.mode,
            target: self.target.clone(),
            byte_order: self.byte_order,
            end,
            instructions: findings.instructions(inputs.now),
            stale_fetches: findings.stale_fetches(),
            ledger: findings.ledger().entries(&self.sites, confirmed),
            stale: findings.stale_places(),
            functions: costs.all(&self.functions),
            icache: model.map(Model::icache_totals).unwrap_or_default(),
            dcache: model.map(Model::dcache_totals).unwrap_or_default(),
            refills: inputs.refills,
        }
    }
}

/// Writes a record so that a reader finds either all of it or none.
pub fn write(path: &Path, record: &Record) -> io::Result<()> {
    let partial = path.with_extension("partial");
    let mut file = fs::File::create(&partial)?;
    file.write_all(record.to_json().as_bytes())?;
    file.write_all(b"\n")?;
    fs::rename(partial, path)
}
