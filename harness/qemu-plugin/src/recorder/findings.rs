// SPDX-License-Identifier: GPL-2.0-or-later
//! Phases and stale fetches of one trial, in the record's terms.

use std::collections::HashMap;

use cache_model::{Origin, PastOperation, PhysAddr, Stale, VirtAddr};
use instrument::{Maintenance, Phase, Record, StaleFetch, Writer};

use super::ledger::{Ledger, Sites};

/// A stale fetch as it is found.
#[derive(Clone, Copy)]
pub(super) struct Fetch<'a> {
    pub(super) stale: &'a Stale,
    /// Virtual address of the first byte fetched.
    pub(super) virt: VirtAddr,
    /// Guest instructions before it.
    pub(super) now: u64,
    /// Virtual address of the instruction that stored last to the line, if the model saw it.
    pub(super) writer: VirtAddr,
    pub(super) user: bool,
}

impl Fetch<'_> {
    /// Offset of the first word that differs.
    fn word(&self) -> usize {
        self.stale.differs() & !3
    }

    /// Physical address of that word.
    pub(super) fn physical(&self) -> PhysAddr {
        self.stale.phys + self.word() as u64
    }

    /// Its bytes of one side.
    fn of_word<'b>(&self, side: &'b [u8]) -> &'b [u8] {
        let word = &side[self.word()..];
        &word[..word.len().min(4)]
    }

    /// Virtual address of the first word that differs, and what of it is executed.
    pub(super) fn place(&self) -> Place {
        let executed = self.of_word(&self.stale.executed).iter();
        (self.virt + self.word() as u64, executed.fold(0, |word, byte| word << 8 | u32::from(*byte)))
    }
}

/// What is to be said of a stale fetch that takes a search.
#[derive(Default)]
pub(super) struct FetchHistory {
    /// Maintenance since the store.
    pub(super) past: Vec<PastOperation>,
    /// Where the caller of the writer goes on, if that copies for others.
    pub(super) caller: Option<VirtAddr>,
}

/// Where stale fetches are the same one: a virtual address, and the word that is executed there.
pub(super) type Place = (VirtAddr, u32);

/// Of how many places stale fetches are counted one by one: many more than are listed, in a megabyte.
const PLACES: usize = 1 << 14;

/// What has been found so far.
pub(super) struct Findings {
    phase: Phase,
    phase_start: u64,
    instructions: [u64; Phase::ALL.len()],
    stale: Vec<(Place, StaleFetch)>,
    /// How many there were at each place, of the first [`PLACES`].
    counts: HashMap<Place, u64>,
    /// How many of them were repaired, of those that are counted.
    repaired: HashMap<Place, u64>,
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
            counts: HashMap::new(),
            repaired: HashMap::new(),
            stale_fetches: 0,
            ledger: Ledger::default(),
        }
    }
}

impl Findings {
    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// Guest instructions in each phase, after `now` of them.
    pub(super) fn instructions(&self, now: u64) -> [u64; Phase::ALL.len()] {
        let mut instructions = self.instructions;
        instructions[self.phase as usize] += now - self.phase_start;
        instructions
    }

    pub(super) fn stale_fetches(&self) -> u64 {
        self.stale_fetches
    }

    /// The stale fetches that are listed, with how many there have been at each place.
    pub(super) fn stale_places(&self) -> Vec<StaleFetch> {
        let counted = |(place, fetch): &(Place, StaleFetch)| {
            let count = self.counts.get(place).copied().unwrap_or(1);
            let repaired = self.repaired.get(place).copied().unwrap_or(0);
            StaleFetch { count, repaired, ..fetch.clone() }
        };
        self.stale.iter().map(counted).collect()
    }

    /// A stale fetch at a place was repaired.
    pub(super) fn repaired(&mut self, place: Place) {
        if self.counts.contains_key(&place) {
            *self.repaired.entry(place).or_default() += 1;
        }
    }

    pub(super) fn ledger(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// Enters a phase after `now` instructions.
    pub(super) fn enter(&mut self, phase: Phase, now: u64) {
        self.instructions = self.instructions(now);
        self.phase_start = now;
        self.phase = phase;
    }

    /// Counts a stale fetch, and lists it unless the list is full or has the same one already. Returns how many there have been
    /// at this place.
    pub(super) fn stale(
        &mut self,
        fetch: &Fetch<'_>,
        sites: &Sites,
        history: impl FnOnce() -> FetchHistory,
    ) -> u64 {
        self.stale_fetches += 1;
        let place = fetch.place();
        if let Some(count) = self.counts.get_mut(&place) {
            *count += 1;
            return *count;
        }
        if self.counts.len() < PLACES {
            self.counts.insert(place, 1);
        }
        if self.stale.len() < Record::STALE_LISTED {
            self.list(fetch, sites, history);
        }
        1
    }

    /// Lists a stale fetch, in place of the last one if the list is full and does not have it.
    pub(super) fn list(&mut self, fetch: &Fetch<'_>, sites: &Sites, history: impl FnOnce() -> FetchHistory) {
        let place = fetch.place();
        if !self.stale.iter().any(|(listed, _)| *listed == place) {
            self.stale.truncate(Record::STALE_LISTED - 1);
            self.stale.push((place, self.listed(fetch, sites, &history())));
        }
    }

    /// Returns the record's form of a stale fetch: the first word that differs.
    fn listed(&self, fetch: &Fetch<'_>, sites: &Sites, history: &FetchHistory) -> StaleFetch {
        let Fetch { stale, now, writer, user, .. } = *fetch;
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        StaleFetch {
            pc: fetch.place().0.get(),
            physical: fetch.physical().get(),
            user,
            phase: self.phase,
            instruction: now,
            executed: hex(fetch.of_word(&stale.executed)),
            expected: hex(fetch.of_word(&stale.expected)),
            missing: stale.missing,
            writer: stale.writer.map(|origin| Writer {
                pc: writer.get(),
                instructions_ago: ago(now, origin),
                caller: history.caller.map(VirtAddr::get),
            }),
            dirty_in: stale.dirty_in.map(|cpu| cpu as u32),
            past: history.past.iter().filter_map(|past| self.maintenance(sites, past, now)).collect(),
            count: 1,
            repaired: 0,
        }
    }

    /// Returns the record's form of an operation in the past of a line.
    pub(super) fn maintenance(&self, sites: &Sites, past: &PastOperation, now: u64) -> Option<Maintenance> {
        let (operation, pc) = sites.get(self.ledger.cause(past.origin.insn)?.site);
        Some(Maintenance {
            operation: operation.name.to_owned(),
            pc: pc.get(),
            instructions_ago: ago(now, past.origin),
            place: past.proximity,
            judged: past.flush_use,
        })
    }
}

/// Instructions since something was done; the model keeps the low 32 bits of when.
pub(super) fn ago(now: u64, origin: Origin) -> u64 {
    u64::from((now as u32).wrapping_sub(origin.icount))
}

#[cfg(test)]
mod tests {
    use cache_model::Missing;

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
        };
        let fetch = Fetch { stale: &stale, virt: 0x7fff_8000.into(), now: 9, writer: 0.into(), user: true };
        let mut findings = Findings::default();
        let counts = [(); 3].map(|()| findings.stale(&fetch, &Sites::default(), FetchHistory::default));
        assert_eq!(counts, [1, 2, 3]);
        assert_eq!(findings.stale_fetches(), 3);
        let [fetch] = &findings.stale_places()[..] else { panic!("one place") };
        assert_eq!(fetch.count, 3);
        assert_eq!((fetch.pc, fetch.physical, fetch.user), (0x7fff_8004, 0x1004, true));
        assert_eq!((fetch.executed.as_str(), fetch.expected.as_str()), ("00000000", "00000001"));
    }

    #[test]
    fn a_place_that_was_not_listed_takes_the_last_ones_line() {
        let stale = Stale {
            phys: 0x1000.into(),
            executed: vec![0; 4],
            expected: vec![1; 4],
            missing: Missing::WriteBack,
            writer: None,
            dirty_in: None,
        };
        let at = |virt: u64| Fetch { stale: &stale, virt: virt.into(), now: 9, writer: 0.into(), user: true };
        let (mut findings, sites) = (Findings::default(), Sites::default());
        let last = 4 * Record::STALE_LISTED as u64;
        for virt in (0..=last).step_by(4) {
            findings.stale(&at(virt), &sites, FetchHistory::default);
        }
        assert_eq!(findings.stale(&at(last), &sites, FetchHistory::default), 2);
        let ends = |findings: &Findings| {
            let places = findings.stale_places();
            (places.len(), places.last().map(|place| (place.pc, place.count)))
        };
        assert_eq!(ends(&findings), (Record::STALE_LISTED, Some((last - 4, 1))));
        findings.list(&at(last), &sites, FetchHistory::default);
        assert_eq!(ends(&findings), (Record::STALE_LISTED, Some((last, 2))));
    }
}
