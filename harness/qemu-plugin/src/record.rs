// SPDX-License-Identifier: GPL-2.0-or-later
//! Builds and writes the record of a trial.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use cache_model::maintenance::{self, Operation};
use cache_model::{FlushUse, Memory, Missing, Model, Origin, PastOperation, Proximity, Stale, Totals};
use instrument::{
    CacheTotals, End, LedgerEntry, Maintenance, Mode, Phase, Place, Record, Side, StaleFetch, Writer,
};

use crate::functions::Functions;

/// One instruction that does maintenance, called from one place, in one phase.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Cause {
    site: usize,
    caller: u64,
    phase: Phase,
}

/// How often, and to what effect.
#[derive(Clone, Copy, Default)]
struct Counts {
    all: u64,
    needed: u64,
    redundant: u64,
    wrong_colour: u64,
    wrong_cpu: u64,
    untranslated: u64,
}

/// Counts of maintenance operations.
#[derive(Default)]
struct Ledger {
    sites: Vec<(Operation, u64)>,
    by_address: HashMap<(u64, &'static str), usize>,
    causes: Vec<(Cause, Counts)>,
    by_cause: HashMap<Cause, usize>,
    /// The cause asked for last: operations come in loops.
    last: usize,
}

impl Ledger {
    /// Returns the number of the site of an operation at an address.
    fn site(&mut self, operation: Operation, pc: u64) -> usize {
        let next = self.sites.len();
        let site = *self.by_address.entry((pc, operation.name)).or_insert(next);
        if site == next {
            self.sites.push((operation, pc));
        }
        site
    }

    /// Returns the number of a cause.
    fn cause(&mut self, cause: Cause) -> usize {
        if self.causes.get(self.last).is_none_or(|(last, _)| *last != cause) {
            let next = self.causes.len();
            self.last = *self.by_cause.entry(cause).or_insert(next);
            if self.last == next {
                self.causes.push((cause, Counts::default()));
            }
        }
        self.last
    }

    /// All counts, sorted by address, then caller, then phase. `confirmed` says how many write-backs of a cause turned
    /// out to be needed.
    fn entries(&self, confirmed: impl Fn(usize) -> u64) -> Vec<LedgerEntry> {
        let entry = |(number, (cause, counts)): (usize, &(Cause, Counts))| {
            let (operation, pc) = self.sites[cause.site];
            let accounted = counts.needed
                + counts.redundant
                + counts.wrong_colour
                + counts.wrong_cpu
                + counts.untranslated;
            LedgerEntry {
                operation: operation.name.to_owned(),
                side: side(operation.side),
                pc,
                caller: cause.caller,
                phase: cause.phase,
                count: counts.all,
                // An operation on a whole cache can have written back many lines.
                needed: counts.needed + confirmed(number).min(counts.all - accounted),
                redundant: counts.redundant,
                wrong_colour: counts.wrong_colour,
                wrong_cpu: counts.wrong_cpu,
                untranslated: counts.untranslated,
            }
        };
        let mut entries: Vec<_> = self.causes.iter().enumerate().map(entry).collect();
        entries.sort_by(|a, b| {
            (a.pc, &a.operation, a.caller, a.phase).cmp(&(b.pc, &b.operation, b.caller, b.phase))
        });
        entries
    }
}

fn side(side: maintenance::Side) -> Side {
    match side {
        maintenance::Side::I => Side::I,
        maintenance::Side::D => Side::D,
        maintenance::Side::Both => Side::Both,
        maintenance::Side::Outer => Side::Outer,
    }
}

/// What has been found so far, in the record's terms.
pub struct Findings {
    mode: Mode,
    /// First address that is not user space.
    kernel_start: u64,
    pub(crate) phase: Phase,
    phase_start: u64,
    instructions: [u64; Phase::ALL.len()],
    stale: Vec<StaleFetch>,
    stale_fetches: u64,
    ledger: Ledger,
}

impl Findings {
    /// Returns no findings.
    pub fn new(mode: Mode, kernel_start: u64) -> Self {
        Self {
            mode,
            kernel_start,
            phase: Phase::Boot,
            phase_start: 0,
            instructions: [0; Phase::ALL.len()],
            stale: Vec::new(),
            stale_fetches: 0,
            ledger: Ledger::default(),
        }
    }

    /// Forgets what was found. The numbers of sites, by which translated code names them, stay.
    pub fn reset(&mut self) {
        let sites = std::mem::take(&mut self.ledger.sites);
        let by_address = std::mem::take(&mut self.ledger.by_address);
        *self = Self::new(self.mode, self.kernel_start);
        (self.ledger.sites, self.ledger.by_address) = (sites, by_address);
    }

    /// Enters a phase after `now` instructions.
    pub fn enter(&mut self, phase: Phase, now: u64) {
        self.instructions[self.phase as usize] += now - self.phase_start;
        self.phase_start = now;
        self.phase = phase;
    }

    /// Returns the number of the site of an operation at an address.
    pub fn site(&mut self, operation: Operation, pc: u64) -> usize {
        self.ledger.site(operation, pc)
    }

    /// The operation of a site.
    pub fn operation(&self, site: usize) -> Operation {
        self.ledger.sites[site].0
    }

    /// Counts the execution of a site, called from `caller`; returns by which [`Origin::insn`] the model shall know it.
    pub fn count(&mut self, site: usize, caller: u64) -> u32 {
        let cause = self.ledger.cause(Cause { site, caller, phase: self.phase });
        self.ledger.causes[cause].1.all += 1;
        cause as u32 + 1
    }

    /// Counts what became of an operation, by what [`Findings::count`] returned.
    pub fn count_use(&mut self, by: u32, flush_use: FlushUse) {
        let counts = &mut self.ledger.causes[by as usize - 1].1;
        match flush_use {
            FlushUse::Needed => counts.needed += 1,
            FlushUse::Redundant => counts.redundant += 1,
            FlushUse::WrongColour => counts.wrong_colour += 1,
            FlushUse::WrongCpu => counts.wrong_cpu += 1,
            FlushUse::WroteBack | FlushUse::NotModelled => {}
        }
    }

    /// Counts an operation whose address was not translated, so that it did nothing, by what [`Findings::count`] returned.
    pub fn untranslated(&mut self, by: u32) {
        self.ledger.causes[by as usize - 1].1.untranslated += 1;
    }

    /// Counts a stale fetch at `virt`, and lists it unless the list is full or has the same one already.
    pub fn stale(&mut self, stale: &Stale, virt: u64, now: u64, pc_of: impl Fn(u32) -> u64) {
        self.stale_fetches += 1;
        let fetch = self.fetch(stale, virt, now, pc_of);
        let same = |old: &StaleFetch| old.pc == fetch.pc && old.executed == fetch.executed;
        if self.stale.len() < Record::STALE_LISTED && !self.stale.iter().any(same) {
            self.stale.push(fetch);
        }
    }

    /// Returns the record's form of a stale fetch: the first word that differs.
    fn fetch(&self, stale: &Stale, virt: u64, now: u64, pc_of: impl Fn(u32) -> u64) -> StaleFetch {
        let differs = stale.executed.iter().zip(&stale.expected).position(|(a, b)| a != b).unwrap_or(0);
        let word = differs & !3;
        let hex =
            |bytes: &[u8]| bytes.iter().skip(word).take(4).map(|b| format!("{b:02x}")).collect::<String>();
        let pc = virt + word as u64;
        StaleFetch {
            pc,
            physical: stale.phys + word as u64,
            user: pc < self.kernel_start,
            phase: self.phase,
            instruction: now,
            executed: hex(&stale.executed),
            expected: hex(&stale.expected),
            missing: match stale.missing {
                Missing::WriteBack => instrument::Missing::WriteBack,
                Missing::Invalidate => instrument::Missing::Invalidate,
                Missing::Both => instrument::Missing::Both,
            },
            writer: stale
                .writer
                .map(|origin| Writer { pc: pc_of(origin.insn), instructions_ago: ago(now, origin) }),
            dirty_in: stale.dirty_in.map(|cpu| cpu as u32),
            past: stale.past.iter().filter_map(|past| self.maintenance(past, now)).collect(),
        }
    }

    /// Returns the record's form of an operation in the past of a line.
    fn maintenance(&self, past: &PastOperation, now: u64) -> Option<Maintenance> {
        let (cause, _) = self.ledger.causes.get((past.origin.insn as usize).checked_sub(1)?)?;
        let (operation, pc) = self.ledger.sites[cause.site];
        Some(Maintenance {
            operation: operation.name.to_owned(),
            pc,
            instructions_ago: ago(now, past.origin),
            place: match past.proximity {
                Proximity::SameLine => Place::Here,
                Proximity::AdjacentLine => Place::Beside,
                Proximity::WholeCache => Place::Everywhere,
            },
            judged: match past.flush_use {
                FlushUse::Needed => instrument::Judged::Needed,
                FlushUse::WroteBack => instrument::Judged::WroteBack,
                FlushUse::Redundant => instrument::Judged::Redundant,
                FlushUse::WrongColour => instrument::Judged::WrongColour,
                FlushUse::WrongCpu => instrument::Judged::WrongCpu,
                FlushUse::NotModelled => instrument::Judged::NotModelled,
            },
        })
    }

    /// Returns the whole record.
    pub fn record<M: Memory>(&mut self, end: End, inputs: &RecordInputs<'_, M>) -> Record {
        self.enter(self.phase, inputs.now);
        let model = inputs.model;
        Record {
            version: Record::VERSION,
            mode: self.mode,
            target: inputs.target.to_owned(),
            end,
            instructions: self.instructions,
            stale_fetches: self.stale_fetches,
            stale: std::mem::take(&mut self.stale),
            ledger: self.ledger.entries(|cause| model.map_or(0, |model| model.confirmed(cause as u32 + 1))),
            functions: inputs.functions.costs(),
            icache: totals(model.map(Model::icache_totals).unwrap_or_default()),
            dcache: totals(model.map(Model::dcache_totals).unwrap_or_default()),
            refills: inputs.refills,
        }
    }
}

/// What goes into a record beside the findings.
pub struct RecordInputs<'a, M> {
    /// QEMU's target name.
    pub target: &'a str,
    /// Guest instructions so far.
    pub now: u64,
    /// The caches, if they were modelled.
    pub model: Option<&'a Model<M>>,
    /// Instructions in functions.
    pub functions: &'a Functions,
    /// How many times a cache operation was replaced: see [`crate::refill`].
    pub refills: u64,
}

/// Instructions since something was done; the model keeps the low 32 bits of when.
fn ago(now: u64, origin: Origin) -> u64 {
    u64::from((now as u32).wrapping_sub(origin.icount))
}

/// Returns the record's form of a cache's totals.
fn totals(totals: Totals) -> CacheTotals {
    CacheTotals {
        fills: totals.fills,
        evicted_dirty: totals.evicted_dirty,
        written_back: totals.written_back,
        invalidated: totals.invalidated,
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

#[cfg(test)]
mod tests {
    use super::*;
    use cache_model::maintenance::mips_cache;

    #[test]
    fn ledger_is_sorted_merges_retranslations_and_tells_callers_apart() {
        let mut findings = Findings::new(Mode::Observe, 0x8000_0000);
        let late = findings.site(mips_cache(0x10), 0x8000_2000);
        let early = findings.site(mips_cache(0x15), 0x8000_1000);
        assert_eq!(findings.site(mips_cache(0x10), 0x8000_2000), late);
        let one = findings.count(late, 0x8000_3000);
        findings.count_use(one, FlushUse::Needed);
        let pending = findings.count(early, 0);
        findings.count_use(pending, FlushUse::WroteBack);
        assert_eq!(findings.count(late, 0x8000_3000), one);
        findings.count_use(one, FlushUse::Redundant);
        let other = findings.count(late, 0x8000_4000);
        findings.count_use(other, FlushUse::WrongColour);
        let entries = findings.ledger.entries(|cause| u64::from(cause + 1 == pending as usize) * 2);
        let listed = entries.iter().map(|e| (e.operation.as_str(), e.caller, e.count, e.needed, e.redundant));
        assert_eq!(
            listed.collect::<Vec<_>>(),
            [
                ("Hit_Writeback_Inv_D", 0, 1, 1, 0),
                ("Hit_Invalidate_I", 0x8000_3000, 2, 1, 1),
                ("Hit_Invalidate_I", 0x8000_4000, 1, 0, 0)
            ]
        );
        assert_eq!(entries[2].wrong_colour, 1);
    }

    #[test]
    fn a_stale_fetch_names_the_first_word_that_differs() {
        let stale = Stale {
            phys: 0x1000,
            executed: vec![0; 12],
            expected: vec![0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
            missing: Missing::WriteBack,
            writer: None,
            dirty_in: None,
            past: Vec::new(),
        };
        let fetch = Findings::new(Mode::Observe, 0x8000_0000).fetch(&stale, 0x7fff_8000, 9, |_| 0);
        assert_eq!((fetch.pc, fetch.physical, fetch.user), (0x7fff_8004, 0x1004, true));
        assert_eq!((fetch.executed.as_str(), fetch.expected.as_str()), ("00000000", "00000001"));
    }
}
