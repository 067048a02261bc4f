// SPDX-License-Identifier: GPL-2.0-or-later
//! Phases and stale fetches of one trial, in the record's terms.

use cache_model::{FlushUse, Missing, Origin, PastOperation, Proximity, Stale, VirtAddr};
use instrument::{Maintenance, Phase, Place, Record, StaleFetch, Writer};

use super::ledger::{Ledger, Sites};

/// What has been found so far.
pub(super) struct Findings {
    phase: Phase,
    phase_start: u64,
    instructions: [u64; Phase::ALL.len()],
    stale: Vec<StaleFetch>,
    stale_fetches: u64,
    ledger: Ledger,
}

impl Default for Findings {
    fn default() -> Self {
        Self {
            phase: Phase::Boot,
            phase_start: 0,
            instructions: [0; Phase::ALL.len()],
            stale: Vec::new(),
            stale_fetches: 0,
            ledger: Ledger::default(),
        }
    }
}

impl Findings {
    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// Guest instructions in each phase, the current one up to the last [`Findings::enter`].
    pub(super) fn instructions(&self) -> [u64; Phase::ALL.len()] {
        self.instructions
    }

    pub(super) fn stale_fetches(&self) -> u64 {
        self.stale_fetches
    }

    pub(super) fn take_stale(&mut self) -> Vec<StaleFetch> {
        std::mem::take(&mut self.stale)
    }

    pub(super) fn ledger(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// Enters a phase after `now` instructions.
    pub(super) fn enter(&mut self, phase: Phase, now: u64) {
        self.instructions[self.phase as usize] += now - self.phase_start;
        self.phase_start = now;
        self.phase = phase;
    }

    /// Counts a stale fetch, and lists it unless the list is full or has the same one already.
    pub(super) fn stale(
        &mut self,
        stale: &Stale,
        sites: &Sites,
        virt: VirtAddr,
        now: u64,
        writer: VirtAddr,
        kernel_start: VirtAddr,
    ) {
        self.stale_fetches += 1;
        let fetch = self.fetch(stale, sites, virt, now, writer, kernel_start);
        let same = |old: &StaleFetch| old.pc == fetch.pc && old.executed == fetch.executed;
        if self.stale.len() < Record::STALE_LISTED && !self.stale.iter().any(same) {
            self.stale.push(fetch);
        }
    }

    /// Returns the record's form of a stale fetch: the first word that differs.
    fn fetch(
        &self,
        stale: &Stale,
        sites: &Sites,
        virt: VirtAddr,
        now: u64,
        writer: VirtAddr,
        kernel_start: VirtAddr,
    ) -> StaleFetch {
        let differs = stale.executed.iter().zip(&stale.expected).position(|(a, b)| a != b).unwrap_or(0);
        let word = differs & !3;
        let hex =
            |bytes: &[u8]| bytes.iter().skip(word).take(4).map(|b| format!("{b:02x}")).collect::<String>();
        let pc = virt + word as u64;
        StaleFetch {
            pc: pc.get(),
            physical: (stale.phys + word as u64).get(),
            user: pc < kernel_start,
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
                .map(|origin| Writer { pc: writer.get(), instructions_ago: ago(now, origin) }),
            dirty_in: stale.dirty_in.map(|cpu| cpu as u32),
            past: stale.past.iter().filter_map(|past| self.maintenance(sites, past, now)).collect(),
        }
    }

    /// Returns the record's form of an operation in the past of a line.
    fn maintenance(&self, sites: &Sites, past: &PastOperation, now: u64) -> Option<Maintenance> {
        let (operation, pc) = sites.get(self.ledger.cause(past.origin.insn)?.site);
        Some(Maintenance {
            operation: operation.name.to_owned(),
            pc: pc.get(),
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
}

/// Instructions since something was done; the model keeps the low 32 bits of when.
fn ago(now: u64, origin: Origin) -> u64 {
    u64::from((now as u32).wrapping_sub(origin.icount))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_fetch_names_the_first_word_that_differs() {
        let stale = Stale {
            phys: 0x1000.into(),
            executed: vec![0; 12],
            expected: vec![0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
            missing: Missing::WriteBack,
            writer: None,
            dirty_in: None,
            past: Vec::new(),
        };
        let fetch = Findings::default().fetch(
            &stale,
            &Sites::default(),
            0x7fff_8000.into(),
            9,
            0.into(),
            0x8000_0000.into(),
        );
        assert_eq!((fetch.pc, fetch.physical, fetch.user), (0x7fff_8004, 0x1004, true));
        assert_eq!((fetch.executed.as_str(), fetch.expected.as_str()), ("00000000", "00000001"));
    }
}
