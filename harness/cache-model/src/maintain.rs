// SPDX-License-Identifier: GPL-2.0-or-later
//! Maintenance operations on the model, and what is to be said of each.

use crate::maintenance::{Action, Broadcast, Operation, Scope, Side};
use crate::memory::Memory;
use crate::model::{Cpu, Model};
use crate::stale::Judged;
use crate::who::Who;

/// What an operation did in one cache.
#[derive(Clone, Copy, Default)]
struct Did {
    wrote_back: bool,
    dropped_stale: bool,
    /// A line that it worked on.
    line: Option<u64>,
}

impl<M: Memory> Model<M> {
    /// Executes a maintenance operation on the running CPU. `virt` is its operand; `phys` the translation of it, for
    /// operations by address (`None` when there is none, which makes it a no-op). A [`Scope::Range`] is for the caller
    /// to take apart, line by line.
    pub fn maintain(&mut self, operation: &Operation, virt: u64, phys: Option<u64>, who: Who) -> Judged {
        if operation.action == Action::None || operation.side == Side::Outer {
            return Judged::NotModelled;
        }
        let by_address = matches!(operation.scope, Scope::Address | Scope::Range);
        if by_address && phys.is_none() {
            return Judged::Redundant;
        }
        let mut did = Did::default();
        let (d, i) = match operation.side {
            Side::D => (true, false),
            Side::I => (false, true),
            _ => (true, true),
        };
        for cpu in self.reached(operation) {
            if d {
                self.maintain_data(cpu, operation, virt, phys, who, &mut did);
            }
            if i {
                self.maintain_instructions(cpu, operation, virt, phys, &mut did);
            }
        }
        let judged = match (did.dropped_stale, did.wrote_back) {
            (true, _) => Judged::Needed,
            (false, true) => Judged::WroteBack,
            (false, false) => {
                phys.filter(|_| by_address).map_or(Judged::Redundant, |phys| self.missed(operation, phys))
            }
        };
        let whole = operation.scope == Scope::All;
        let line = if by_address { phys } else { did.line.filter(|_| !whole) };
        if line.is_some() || whole {
            self.history.note(who, line, judged);
        }
        judged
    }

    /// How many write-backs by the operations with this [`Who::by`] were of lines that were fetched later, and could not
    /// have been fetched as they were without.
    pub fn confirmed(&self, by: u32) -> u64 {
        self.confirmed.get(by as usize).copied().unwrap_or(0)
    }

    /// The CPUs whose caches an operation of the running one reaches.
    fn reached(&self, operation: &Operation) -> std::ops::Range<usize> {
        let all = match operation.broadcast {
            Broadcast::Local => false,
            Broadcast::InnerShareable => true,
            Broadcast::ByAddress => self.config.globalised,
        };
        if all { 0..self.cpus.len() } else { self.running..self.running + 1 }
    }

    /// Judges an operation by address that changed nothing: whether what it should have done was left undone at another
    /// colour, or on another CPU. One that only fills has nothing to do.
    fn missed(&self, operation: &Operation, phys: u64) -> Judged {
        if matches!(operation.action, Action::Fill | Action::Prefetch) {
            return Judged::Redundant;
        }
        let needs = |cpu: &Cpu| match operation.side {
            Side::I => cpu.icache.has_stale(phys, &self.memory),
            _ => cpu.dcache.dirty_copy(phys).is_some(),
        };
        if self.cpus[self.reached(operation)].iter().any(needs) {
            return Judged::WrongColour;
        }
        if self.cpus.len() > 1 && self.cpus.iter().any(needs) { Judged::WrongCpu } else { Judged::Redundant }
    }

    fn maintain_data(
        &mut self,
        cpu: usize,
        operation: &Operation,
        virt: u64,
        phys: Option<u64>,
        who: Who,
        did: &mut Did,
    ) {
        let dcache = &self.cpus[cpu].dcache;
        let geometry = dcache.geometry();
        let one = |place: usize| place..place + 1;
        let places = match operation.scope {
            Scope::Address | Scope::Range => phys.and_then(|phys| dcache.find(virt, phys)).map(one),
            Scope::All => Some(dcache.places()),
            Scope::Index => Some(geometry.index_operand(virt)).map(|(set, way)| one(dcache.place(set, way))),
            Scope::SetWay => {
                geometry.set_way_operand(virt as u32).map(|(set, way)| one(dcache.place(set, way)))
            }
        };
        for place in places.unwrap_or_default() {
            self.maintain_data_place(cpu, operation, place, who, did);
        }
    }

    fn maintain_data_place(
        &mut self,
        cpu: usize,
        operation: &Operation,
        place: usize,
        who: Who,
        did: &mut Did,
    ) {
        let dcache = &mut self.cpus[cpu].dcache;
        let left = match operation.action {
            Action::Clean => dcache.clean(place),
            Action::Fill | Action::Prefetch | Action::None => return,
            _ => dcache.evict(place),
        };
        let Some(left) = left else { return };
        did.line = Some(left.line);
        self.glance.forget(left.place);
        let totals = &mut self.cpus[cpu].dtotals;
        totals.written_back += u64::from(left.dirty);
        totals.invalidated += u64::from(operation.action != Action::Clean);
        if left.dirty {
            did.wrote_back = true;
            self.leave(left);
            self.lines.clean(self.memory.offset(left.line), who.by);
        }
    }

    fn maintain_instructions(
        &mut self,
        cpu: usize,
        operation: &Operation,
        virt: u64,
        phys: Option<u64>,
        did: &mut Did,
    ) {
        let icache = &self.cpus[cpu].icache;
        let geometry = icache.geometry();
        let one = |place: usize| place..place + 1;
        let places = match operation.scope {
            Scope::Address | Scope::Range => phys.and_then(|phys| icache.find(virt, phys)).map(one),
            Scope::All => Some(icache.places()),
            Scope::Index => Some(geometry.index_operand(virt)).map(|(set, way)| one(icache.place(set, way))),
            Scope::SetWay => {
                geometry.set_way_operand(virt as u32).map(|(set, way)| one(icache.place(set, way)))
            }
        };
        let absent = places.is_none();
        if operation.action != Action::Prefetch {
            for place in places.unwrap_or_default() {
                self.invalidate(cpu, place, did);
            }
        }
        let fills = operation.action == Action::Fill || operation.action == Action::Prefetch && absent;
        if let Some(phys) = phys.filter(|_| fills && cpu == self.running) {
            self.fill(geometry.set_of(virt, phys), geometry.key_of(virt, phys), phys);
        }
    }

    fn invalidate(&mut self, cpu: usize, place: usize, did: &mut Did) {
        let icache = &mut self.cpus[cpu].icache;
        did.dropped_stale |= icache.is_stale(place, &self.memory);
        let Some(line) = icache.invalidate(place) else { return };
        did.line = Some(line);
        self.glance.spoil(icache.number(place));
        self.cpus[cpu].itotals.invalidated += 1;
    }
}
