// SPDX-License-Identifier: GPL-2.0-or-later
//! Maintenance operations on the model, and the use of each.

use crate::address::{PhysAddr, VirtAddr};
use crate::maintenance::{Action, Broadcast, Operation, Scope, Side};
use crate::memory::Memory;
use crate::model::{Cpu, Model};
use crate::origin::Origin;
use crate::stale::FlushUse;

/// What an operation did in one cache.
#[derive(Clone, Copy, Default)]
struct Effects {
    wrote_back: bool,
    dropped_stale: bool,
    /// A line that it worked on.
    line: Option<PhysAddr>,
}

impl<M: Memory> Model<M> {
    /// Executes a maintenance operation on the running CPU. `virt` is its operand; `phys` the translation of it, for
    /// operations by address (`None` when there is none, which makes it a no-op, except in caches with virtual tags, whose lines
    /// an address names by itself). A [`Scope::Range`] is for the caller
    /// to take apart, line by line.
    pub fn maintain(
        &mut self,
        operation: &Operation,
        virt: VirtAddr,
        phys: Option<PhysAddr>,
        origin: Origin,
    ) -> FlushUse {
        if operation.action == Action::None || operation.side == Side::Outer {
            return FlushUse::NotModelled;
        }
        let by_address = matches!(operation.scope, Scope::Address | Scope::Range);
        let mut effects = Effects::default();
        let (d, i) = match operation.side {
            Side::D => (true, false),
            Side::I => (false, true),
            // FENCE.I: a fill of the I$ will find in the D$ what is dirty there.
            _ => (operation.action != Action::Clean || !self.config.snoops.own(), true),
        };
        for cpu in self.reached(operation) {
            if d {
                self.maintain_data(cpu, operation, virt, phys, origin, &mut effects);
            }
            if i {
                self.maintain_instructions(cpu, operation, virt, phys, &mut effects);
            }
        }
        let flush_use = match (effects.dropped_stale, effects.wrote_back) {
            (true, _) => FlushUse::Needed,
            (false, true) => FlushUse::WroteBack,
            (false, false) => {
                phys.filter(|_| by_address).map_or(FlushUse::Redundant, |phys| self.missed(operation, phys))
            }
        };
        let whole = operation.scope == Scope::All;
        let line = phys.filter(|_| by_address).or(effects.line.filter(|_| !whole));
        if line.is_some() || whole {
            self.log.record(origin, line, flush_use);
        }
        flush_use
    }

    /// How many write-backs by the operations with this [`Origin::insn`] were of lines that were fetched later, and could not
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
    fn missed(&self, operation: &Operation, phys: PhysAddr) -> FlushUse {
        if matches!(operation.action, Action::Fill | Action::Prefetch) {
            return FlushUse::Redundant;
        }
        let needs = |cpu: &Cpu| match operation.side {
            Side::I => cpu.icache.has_stale(phys, &self.memory),
            _ => cpu.dcache.dirty_copy(phys).is_some(),
        };
        if self.cpus[self.reached(operation)].iter().any(needs) {
            return FlushUse::WrongColour;
        }
        if self.cpus.len() > 1 && self.cpus.iter().any(needs) {
            FlushUse::WrongCpu
        } else {
            FlushUse::Redundant
        }
    }

    fn maintain_data(
        &mut self,
        cpu: usize,
        operation: &Operation,
        virt: VirtAddr,
        phys: Option<PhysAddr>,
        origin: Origin,
        effects: &mut Effects,
    ) {
        let dcache = &self.cpus[cpu].dcache;
        let geometry = dcache.geometry();
        let one = |slot: usize| slot..slot + 1;
        let slots = match operation.scope {
            Scope::Address | Scope::Range => {
                geometry.named(phys).and_then(|phys| dcache.find(virt, phys)).map(one)
            }
            Scope::All => Some(dcache.slots()),
            Scope::Index => Some(geometry.index_operand(virt)).map(|(set, way)| one(dcache.slot(set, way))),
            Scope::SetWay => {
                geometry.set_way_operand(virt.get()).map(|(set, way)| one(dcache.slot(set, way)))
            }
        };
        for slot in slots.unwrap_or_default() {
            self.maintain_data_slot(cpu, operation, slot, origin, effects);
        }
    }

    fn maintain_data_slot(
        &mut self,
        cpu: usize,
        operation: &Operation,
        slot: usize,
        origin: Origin,
        effects: &mut Effects,
    ) {
        let dcache = &mut self.cpus[cpu].dcache;
        let old = match operation.action {
            Action::Clean => dcache.clean(slot),
            Action::Fill | Action::Prefetch | Action::None => return,
            _ => dcache.evict(slot),
        };
        let Some(old) = old else { return };
        effects.line = Some(old.line);
        self.filter.invalidate(old.slot);
        let totals = &mut self.cpus[cpu].dtotals;
        totals.written_back += u64::from(old.dirty);
        totals.invalidated += u64::from(operation.action != Action::Clean);
        if old.dirty {
            effects.wrote_back = true;
            self.write_back_if_dirty(old);
            self.line_origins.clean(self.memory.offset(old.line), origin.insn);
        }
    }

    fn maintain_instructions(
        &mut self,
        cpu: usize,
        operation: &Operation,
        virt: VirtAddr,
        phys: Option<PhysAddr>,
        effects: &mut Effects,
    ) {
        let icache = &self.cpus[cpu].icache;
        let geometry = icache.geometry();
        let one = |slot: usize| slot..slot + 1;
        let slots = match operation.scope {
            Scope::Address | Scope::Range => {
                geometry.named(phys).and_then(|phys| icache.find(virt, phys)).map(one)
            }
            Scope::All => Some(icache.slots()),
            Scope::Index => Some(geometry.index_operand(virt)).map(|(set, way)| one(icache.slot(set, way))),
            Scope::SetWay => {
                geometry.set_way_operand(virt.get()).map(|(set, way)| one(icache.slot(set, way)))
            }
        };
        let absent = slots.is_none();
        if operation.action != Action::Prefetch {
            for slot in slots.unwrap_or_default() {
                self.invalidate(cpu, slot, effects);
            }
        }
        let fills = operation.action == Action::Fill || operation.action == Action::Prefetch && absent;
        if let Some(phys) = phys.filter(|_| fills && cpu == self.running) {
            self.fill(geometry.set_of(virt, phys), geometry.key_of(virt, phys), phys);
        }
    }

    fn invalidate(&mut self, cpu: usize, slot: usize, effects: &mut Effects) {
        let icache = &mut self.cpus[cpu].icache;
        effects.dropped_stale |= icache.is_stale(slot, &self.memory);
        let Some(line) = icache.invalidate(slot) else { return };
        effects.line = Some(line);
        self.filter.invalidate_fetch(icache.number(slot));
        self.cpus[cpu].itotals.invalidated += 1;
    }
}
