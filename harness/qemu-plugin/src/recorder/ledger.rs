// SPDX-License-Identifier: GPL-2.0-or-later
//! Counts of maintenance operations, by instruction, caller and phase.

use std::collections::HashMap;

use cache_model::maintenance::Operation;
use cache_model::{FlushUse, VirtAddr};
use instrument::{LedgerEntry, Phase};

/// The instructions that do maintenance, by number. Translated blocks refer to them: they outlive a trial.
#[derive(Default)]
pub(super) struct Sites {
    sites: Vec<(Operation, VirtAddr)>,
    by_address: HashMap<(VirtAddr, &'static str), usize>,
}

impl Sites {
    /// Returns the number of the site of an operation at an address.
    pub(super) fn number(&mut self, operation: Operation, pc: VirtAddr) -> usize {
        let next = self.sites.len();
        let site = *self.by_address.entry((pc, operation.name)).or_insert(next);
        if site == next {
            self.sites.push((operation, pc));
        }
        site
    }

    /// The operation of a site, and its address.
    pub(super) fn get(&self, site: usize) -> (Operation, VirtAddr) {
        self.sites[site]
    }
}

/// One instruction that does maintenance, called from one address, in one phase.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct LedgerKey {
    pub(super) site: usize,
    pub(super) caller: VirtAddr,
    pub(super) phase: Phase,
}

/// How often, and to what effect.
#[derive(Clone, Copy, Default)]
struct UseCounts {
    all: u64,
    needed: u64,
    redundant: u64,
    wrong_colour: u64,
    wrong_cpu: u64,
    untranslated: u64,
}

/// Counts of maintenance operations in one trial.
#[derive(Default)]
pub(super) struct Ledger {
    causes: Vec<(LedgerKey, UseCounts)>,
    by_cause: HashMap<LedgerKey, usize>,
    /// The cause asked for last: operations come in loops.
    last: usize,
}

impl Ledger {
    /// Counts an operation; returns the number of its cause, above 0.
    pub(super) fn count(&mut self, cause: LedgerKey) -> u32 {
        if self.causes.get(self.last).is_none_or(|(last, _)| *last != cause) {
            let next = self.causes.len();
            self.last = *self.by_cause.entry(cause).or_insert(next);
            if self.last == next {
                self.causes.push((cause, UseCounts::default()));
            }
        }
        self.causes[self.last].1.all += 1;
        self.last as u32 + 1
    }

    /// The cause of a number.
    pub(super) fn cause(&self, number: u32) -> Option<LedgerKey> {
        self.causes.get((number as usize).checked_sub(1)?).map(|(cause, _)| *cause)
    }

    /// Counts the use of an operation, by the number of its cause.
    pub(super) fn count_use(&mut self, number: u32, flush_use: FlushUse) {
        let counts = &mut self.causes[number as usize - 1].1;
        match flush_use {
            FlushUse::Needed => counts.needed += 1,
            FlushUse::Redundant => counts.redundant += 1,
            FlushUse::WrongColour => counts.wrong_colour += 1,
            FlushUse::WrongCpu => counts.wrong_cpu += 1,
            FlushUse::WroteBack | FlushUse::NotModelled => {}
        }
    }

    /// Counts an operation whose address was not translated, so that it did nothing, by the number of its cause.
    pub(super) fn untranslated(&mut self, number: u32) {
        self.causes[number as usize - 1].1.untranslated += 1;
    }

    /// All counts, sorted by address, then caller, then phase. `confirmed` says how many write-backs of a cause turned
    /// out to be needed.
    pub(super) fn entries(&self, sites: &Sites, confirmed: impl Fn(u32) -> u64) -> Vec<LedgerEntry> {
        let entry = |(number, (cause, counts)): (usize, &(LedgerKey, UseCounts))| {
            let (operation, pc) = sites.get(cause.site);
            let accounted = counts.needed
                + counts.redundant
                + counts.wrong_colour
                + counts.wrong_cpu
                + counts.untranslated;
            LedgerEntry {
                operation: operation.name.to_owned(),
                side: operation.side,
                pc: pc.get(),
                caller: cause.caller.get(),
                phase: cause.phase,
                count: counts.all,
                // An operation on a whole cache can have written back many lines.
                needed: counts.needed + confirmed(number as u32 + 1).min(counts.all - accounted),
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

#[cfg(test)]
mod tests {
    use super::*;
    use cache_model::maintenance::mips_cache;

    #[test]
    fn ledger_is_sorted_merges_retranslations_and_separates_callers() {
        let (mut sites, mut ledger) = (Sites::default(), Ledger::default());
        let late = sites.number(mips_cache(0x10), 0x8000_2000.into());
        let early = sites.number(mips_cache(0x15), 0x8000_1000.into());
        assert_eq!(sites.number(mips_cache(0x10), 0x8000_2000.into()), late);
        let cause = |site, caller| LedgerKey { site, caller, phase: Phase::Boot };
        let one = ledger.count(cause(late, 0x8000_3000.into()));
        ledger.count_use(one, FlushUse::Needed);
        let pending = ledger.count(cause(early, 0.into()));
        ledger.count_use(pending, FlushUse::WroteBack);
        assert_eq!(ledger.count(cause(late, 0x8000_3000.into())), one);
        ledger.count_use(one, FlushUse::Redundant);
        let other = ledger.count(cause(late, 0x8000_4000.into()));
        ledger.count_use(other, FlushUse::WrongColour);
        let entries = ledger.entries(&sites, |cause| u64::from(cause == pending) * 2);
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
}
