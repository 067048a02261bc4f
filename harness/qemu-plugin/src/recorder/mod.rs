// SPDX-License-Identifier: GPL-2.0-or-later
//! What a trial found, and its record.

mod calls;
mod findings;
pub mod functions;
mod ledger;
mod loads;
mod repairs;

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use cache_model::maintenance::Operation;
use cache_model::{FlushUse, Memory, Model, PastOperation, PhysAddr, Stale, StaleLoad, VirtAddr};
use instrument::hardware::ByteOrder;
use instrument::{End, Mode, Phase, Record};

use crate::arch::GuestArch;
use crate::arch::architecture::Architecture;
use calls::Calls;
use findings::{Fetch, FetchHistory, Findings};
use functions::{FunctionCosts, KernelFunctions};
use ledger::{LedgerKey, Sites};
use loads::{LoadFindings, LoadPlace};
use repairs::Repairs;

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
    loads: LoadFindings,
    repairs: Repairs,
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

    /// Waits for the maintenance that makes a stale line fresh: `cpu` has just fetched it at `virt` after `now` instructions.
    pub fn watch_for_repair(&mut self, stale: &Stale, virt: VirtAddr, cpu: usize, now: u64) {
        let fetch = Fetch { stale, virt, now, writer: VirtAddr::default(), user: false };
        self.trial.repairs.fetched(fetch.place(), fetch.physical(), cpu, now);
    }

    /// Maintenance was done by `cpu` after `now` instructions; `is_fresh` says of an address, virtual and physical, whether a
    /// fetch would get what was stored last.
    pub fn maintained(&mut self, cpu: usize, now: u64, is_fresh: impl Fn(VirtAddr, PhysAddr) -> bool) {
        let TrialFindings { repairs, findings, .. } = &mut self.trial;
        repairs.maintained(cpu, now, is_fresh, |place| findings.repaired(place));
    }

    /// Counts a stale load by the instruction at `pc`, whose last writer was at `writer`, and lists it if it is this
    /// instruction's first and the list is not full; `past` finds the maintenance since the store.
    pub fn stale_load(
        &mut self,
        stale: &StaleLoad,
        (pc, writer): (VirtAddr, VirtAddr),
        now: u64,
        past: impl FnOnce() -> Vec<PastOperation>,
    ) {
        let TrialFindings { findings, calls, loads, .. } = &mut self.trial;
        let functions = &self.functions;
        let place = LoadPlace { pc, writer, user: pc < self.kernel_start, phase: findings.phase(), now };
        loads.add(stale, place, || {
            let caller = |origin| calls.caller(writer, origin, |address| functions.copy_of(address));
            let past =
                past().iter().filter_map(|past| findings.maintenance(&self.sites, past, now)).collect();
            (stale.writer.and_then(caller), past)
        });
    }

    /// Returns the whole record.
    pub fn record<M: Memory>(&mut self, end: End, inputs: &RecordInputs<'_, M>) -> Record {
        let TrialFindings { findings, costs, loads, .. } = &mut self.trial;
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
            stale_loads: loads.count(),
            loads: loads.listed(),
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
