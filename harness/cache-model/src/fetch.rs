// SPDX-License-Identifier: GPL-2.0-or-later
//! The instruction side: fetches, fills, and what is to be said of a line that differs.

use crate::address::{PhysAddr, VirtAddr};
use crate::config::Snoops;
use crate::memory::Memory;
use crate::model::Model;
use crate::origin::Origin;
use crate::stale::{Missing, PastOperation, Stale};

impl<M: Memory> Model<M> {
    /// A fetch of `len` bytes within one I$ line; the line is filled if it is not there.
    ///
    /// Returns the difference when the bytes fetched are not the bytes that a load would return.
    #[inline]
    pub fn fetch(&mut self, virt: VirtAddr, phys: PhysAddr, len: usize) -> Option<Stale> {
        let geometry = self.config.icache;
        self.fetch_line(geometry.set_of(virt, phys), geometry.key_of(virt, phys), phys, len)
    }

    fn fetch_line(&mut self, set: usize, key: u64, phys: PhysAddr, len: usize) -> Option<Stale> {
        let line = self.config.icache.line_of(phys);
        let icache = &mut self.cpus[self.running].icache;
        let slot = match icache.hit(set, key) {
            Some(slot) => {
                if icache.phys(slot) != line {
                    // Virtual tags: it has the bytes of what was mapped here before.
                    icache.mark_slot_suspect(slot, &self.memory);
                }
                slot
            }
            None => self.fill(set, key, phys),
        };
        let stale = if self.cpus[self.running].icache.is_suspect(slot) {
            self.compare(slot, phys, len)
        } else {
            None
        };
        self.insert_into_fetch_filter(slot);
        stale
    }

    /// Fills an I$ line of the running CPU, as the most recently used of its set.
    pub(crate) fn fill(&mut self, set: usize, key: u64, phys: PhysAddr) -> usize {
        let (line, running) = (self.config.icache.line_of(phys), self.running);
        self.cpus[running].itotals.fills += 1;
        let slot = self.cpus[running].icache.fill(set, key, phys);
        let size = self.config.dcache.line().min(self.config.icache.line());
        for at in (0..self.config.icache.line()).step_by(size) {
            let part = line + at as u64;
            let Some((cpu, _)) = self.dirty_copy(part) else {
                if let Some(by) = self.line_origins.take_cleaner(self.memory.offset(part)) {
                    self.confirm(by);
                }
                continue;
            };
            let snooped = match self.config.snoops {
                Snoops::Nothing => false,
                Snoops::Own => cpu == running,
                Snoops::Others => cpu != running,
                Snoops::All => true,
            };
            let icache = &mut self.cpus[running].icache;
            icache.mark_slot_suspect(slot, &self.memory);
            let bytes = if snooped { self.memory.data(part, size) } else { self.memory.below(part, size) };
            icache.copy(slot, at, bytes, !snooped);
        }
        self.insert_into_fetch_filter(slot);
        slot
    }

    /// Makes an I$ line of the running CPU, used just now, known to the filter.
    fn insert_into_fetch_filter(&self, slot: usize) {
        let icache = &self.cpus[self.running].icache;
        self.filter.insert_fetch(icache.number(slot), icache.coherent(slot));
    }

    fn confirm(&mut self, by: u32) {
        let by = by as usize;
        if self.confirmed.len() <= by {
            self.confirmed.resize(by + 1, 0);
        }
        self.confirmed[by] += 1;
    }

    /// The data side of one D$ line is about to differ from memory, because the line becomes dirty, or memory to change:
    /// every I$ line that overlaps it must be compared from now on.
    pub(crate) fn mark_suspect(&mut self, dline: PhysAddr, dirtied: bool) {
        let geometry = self.config.icache;
        let (memory, filter) = (&self.memory, &self.filter);
        for at in (0..self.config.dcache.line()).step_by(geometry.line()) {
            let part = dline + at as u64;
            let line = geometry.line_of(part);
            for cpu in &mut self.cpus {
                let dirtied = if dirtied { cpu.icache.part(part) } else { 0 };
                let first = cpu.icache.number(0);
                cpu.icache.mark_suspect(line, dirtied, memory, |slot| filter.invalidate_fetch(first + slot));
            }
        }
    }

    #[cold]
    fn compare(&mut self, slot: usize, phys: PhysAddr, len: usize) -> Option<Stale> {
        let (line, size) = (self.config.icache.line_of(phys), self.config.icache.line());
        let icache = &self.cpus[self.running].icache;
        let executed = icache.bytes(slot, (phys - line) as usize, len);
        let expected = self.memory.data(phys, len);
        // An I$ line can span several D$ lines: the one that differs is the one to be judged.
        let Some(differs) = executed.iter().zip(expected).position(|(a, b)| a != b) else {
            if !self.swapped {
                self.clear_suspect(slot, line, size);
            }
            return None;
        };
        let first = phys + differs as u64;
        let (executed, expected) = (executed.to_vec(), expected.to_vec());
        let dirty = self.dirty_copy(first);
        let missing = match dirty {
            // With virtual tags the line can be of what was mapped here before.
            Some(_)
                if icache.phys(slot) == line && icache.was_filled_stale(slot, (first - line) as usize) =>
            {
                Missing::WriteBack
            }
            Some(_) => Missing::Both,
            None => Missing::Invalidate,
        };
        let writer = match dirty {
            Some((cpu, slot)) => Some(self.filter.last_store(self.cpus[cpu].dcache.number(slot))),
            None => self.line_origins.stored(self.memory.offset(first)),
        };
        let dirty_in = dirty.map(|(cpu, _)| cpu).filter(|cpu| *cpu != self.running);
        Some(Stale { phys, executed, expected, missing, writer, dirty_in })
    }

    /// Maintenance since the last store to a line that was fetched just now, of this line and of its neighbours, oldest first;
    /// the newest [`PastOperation::LISTED`]. It is a long search.
    pub fn past(&self, stale: &Stale) -> Vec<PastOperation> {
        self.past_of(stale.phys + stale.differs() as u64, stale.writer)
    }

    /// Maintenance since a store, of the line of an address and of its neighbours: as [`Model::past`].
    pub fn past_of(&self, phys: PhysAddr, writer: Option<Origin>) -> Vec<PastOperation> {
        let unit = self.config.dcache.line().max(self.config.icache.line()) as u64;
        self.log.since(writer.map_or(0, |origin| origin.icount), phys.align_down(unit), unit)
    }

    /// Ends the comparisons of a line, if nothing of it differs from the data side or from memory.
    fn clear_suspect(&mut self, slot: usize, line: PhysAddr, size: usize) {
        let step = self.config.dcache.line().min(size);
        let clean = (0..size).step_by(step).all(|at| self.dirty_copy(line + at as u64).is_none());
        let icache = &mut self.cpus[self.running].icache;
        if clean && icache.phys(slot) == line && icache.bytes(slot, 0, size) == self.memory.data(line, size) {
            icache.clear_suspect(slot);
        }
    }
}
