// SPDX-License-Identifier: GPL-2.0-or-later
//! Builds and writes the record of a trial.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use cache_model::maintenance::{self, Operation};
use cache_model::{Missing, Stale, Totals};
use trial_record::{CacheTotals, LedgerEntry, Phase, Record, Side, StaleFetch, Writer};

/// One instruction that does maintenance, and how often it did.
struct Site {
    operation: Operation,
    pc: u64,
    counts: [u64; Phase::ALL.len()],
}

/// Counts of maintenance operations by instruction and phase.
#[derive(Default)]
pub struct Ledger {
    sites: Vec<Site>,
    by_address: HashMap<(u64, &'static str), usize>,
}

impl Ledger {
    /// Returns the number of the site of an operation at an address.
    pub fn site(&mut self, operation: Operation, pc: u64) -> usize {
        let next = self.sites.len();
        let site = *self.by_address.entry((pc, operation.name)).or_insert(next);
        if site == next {
            self.sites.push(Site { operation, pc, counts: [0; Phase::ALL.len()] });
        }
        site
    }

    /// Counts one execution; returns the operation.
    pub fn count(&mut self, site: usize, phase: Phase) -> Operation {
        let site = &mut self.sites[site];
        site.counts[phase as usize] += 1;
        site.operation
    }

    /// All counts that are not zero, sorted by address, then phase.
    pub fn entries(&self) -> Vec<LedgerEntry> {
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

/// Where and when a stale fetch happened.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// Virtual address of the first fetched byte.
    pub virt: u64,
    /// First address that is not user space.
    pub kernel_start: u64,
    /// Phase of the trial.
    pub phase: Phase,
    /// Guest instructions so far.
    pub now: u64,
}

/// Returns the record's form of a stale fetch: the first word that differs.
pub fn stale_fetch(stale: &Stale, at: At) -> StaleFetch {
    let differs = stale.executed.iter().zip(&stale.expected).position(|(a, b)| a != b).unwrap_or(0);
    let word = differs & !3;
    let hex = |bytes: &[u8]| bytes.iter().skip(word).take(4).map(|b| format!("{b:02x}")).collect::<String>();
    let pc = at.virt + word as u64;
    StaleFetch {
        pc,
        physical: stale.phys + word as u64,
        user: pc < at.kernel_start,
        phase: at.phase,
        instruction: at.now,
        executed: hex(&stale.executed),
        expected: hex(&stale.expected),
        missing: match stale.missing {
            Missing::WriteBack => trial_record::Missing::WriteBack,
            Missing::Invalidate => trial_record::Missing::Invalidate,
            Missing::Both => trial_record::Missing::Both,
        },
        writer: stale.writer.map(|store| Writer {
            pc: store.pc,
            instructions_ago: at.now.saturating_sub(store.instruction),
        }),
    }
}

/// Returns the record's form of a cache's totals.
pub fn totals(totals: Totals) -> CacheTotals {
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
        };
        let at = At { virt: 0x7fff_8000, kernel_start: 0x8000_0000, phase: Phase::Run, now: 9 };
        let fetch = stale_fetch(&stale, at);
        assert_eq!((fetch.pc, fetch.physical, fetch.user), (0x7fff_8004, 0x1004, true));
        assert_eq!((fetch.executed.as_str(), fetch.expected.as_str()), ("00000000", "00000001"));
    }
}
