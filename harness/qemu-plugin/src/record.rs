// SPDX-License-Identifier: GPL-2.0-or-later
//! Builds and writes the record of a trial.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use cache_model::maintenance::{self, Operation};
use cache_model::{Missing, Stale, Totals};
use trial_record::{
    CacheTotals, End, LedgerEntry, Mode, Phase, Record, SelfCheck, Side, StaleFetch, VERSION, Writer,
};

/// One instruction that does maintenance, and how often it did.
struct Site {
    operation: Operation,
    pc: u64,
    counts: [u64; Phase::ALL.len()],
}

/// Counts of maintenance operations by instruction and phase.
#[derive(Default)]
struct Ledger {
    sites: Vec<Site>,
    by_address: HashMap<(u64, &'static str), usize>,
}

impl Ledger {
    /// Returns the number of the site of an operation at an address.
    fn site(&mut self, operation: Operation, pc: u64) -> usize {
        let next = self.sites.len();
        let site = *self.by_address.entry((pc, operation.name)).or_insert(next);
        if site == next {
            self.sites.push(Site { operation, pc, counts: [0; Phase::ALL.len()] });
        }
        site
    }

    /// Counts one execution; returns the operation.
    fn count(&mut self, site: usize, phase: Phase) -> Operation {
        let site = &mut self.sites[site];
        site.counts[phase as usize] += 1;
        site.operation
    }

    /// All counts that are not zero, sorted by address, then phase.
    fn entries(&self) -> Vec<LedgerEntry> {
        let mut entries = Vec::new();
        for site in &self.sites {
            for (phase, count) in Phase::ALL.into_iter().zip(site.counts).filter(|(_, count)| *count != 0) {
                let (operation, side) = (site.operation.name.to_owned(), side(site.operation.side));
                entries.push(LedgerEntry { operation, side, pc: site.pc, phase, count });
            }
        }
        entries.sort_by(|a, b| (a.pc, &a.operation, a.phase).cmp(&(b.pc, &b.operation, b.phase)));
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
    phase: Phase,
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

    /// Counts a maintenance operation; returns which it is.
    pub fn count(&mut self, site: usize) -> Operation {
        self.ledger.count(site, self.phase)
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
                Missing::WriteBack => trial_record::Missing::WriteBack,
                Missing::Invalidate => trial_record::Missing::Invalidate,
                Missing::Both => trial_record::Missing::Both,
            },
            writer: stale.writer.map(|who| Writer {
                pc: pc_of(who.by),
                // The model keeps the low 32 bits.
                instructions_ago: u64::from((now as u32).wrapping_sub(who.at)),
            }),
        }
    }

    /// Returns the whole record.
    pub fn record(
        &mut self,
        end: End,
        target: &str,
        now: u64,
        (icache, dcache): (Totals, Totals),
        self_check: SelfCheck,
    ) -> Record {
        self.enter(self.phase, now);
        Record {
            version: VERSION,
            mode: self.mode,
            target: target.to_owned(),
            end,
            instructions: self.instructions,
            stale_fetches: self.stale_fetches,
            stale: std::mem::take(&mut self.stale),
            ledger: self.ledger.entries(),
            icache: totals(icache),
            dcache: totals(dcache),
            self_check,
        }
    }
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
    fn ledger_is_sorted_and_merges_retranslations() {
        let mut ledger = Ledger::default();
        let late = ledger.site(mips_cache(0x10), 0x8000_2000);
        let early = ledger.site(mips_cache(0x15), 0x8000_1000);
        assert_eq!(ledger.site(mips_cache(0x10), 0x8000_2000), late);
        ledger.count(late, Phase::Run);
        ledger.count(early, Phase::Run);
        ledger.count(late, Phase::Run);
        let entries = ledger.entries();
        assert_eq!(
            entries.iter().map(|e| (e.operation.as_str(), e.count)).collect::<Vec<_>>(),
            [("Hit_Writeback_Inv_D", 1), ("Hit_Invalidate_I", 2)]
        );
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
