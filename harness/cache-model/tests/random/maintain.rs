// SPDX-License-Identifier: GPL-2.0-or-later
//! Maintenance of the naive caches, and what is to be said of it.

use cache_model::maintenance::{Action, Broadcast, Operation, Scope, Side};
use cache_model::{FlushUse, Origin};

use crate::cache::{Line, Slot};
use crate::naive::Naive;

/// How many maintenance operations the model promises to remember.
const REMEMBERED: usize = 1 << 14;

/// What an operation did so far.
#[derive(Default)]
struct Effects {
    dropped_stale: bool,
    wrote_back: bool,
    last: Option<u64>,
}

impl Naive {
    fn is_stale(&self, line: &Line) -> bool {
        line.bytes != self.data(line.phys, line.bytes.len())
    }

    pub fn maintain(
        &mut self,
        operation: &Operation,
        virt: u64,
        phys: Option<u64>,
        origin: Origin,
    ) -> FlushUse {
        let Operation { side, scope, action, .. } = *operation;
        if action == Action::None || side == Side::Outer {
            return FlushUse::NotModelled;
        }
        let by_address = matches!(scope, Scope::Address | Scope::Range);
        let everywhere = match operation.broadcast {
            Broadcast::Local => false,
            Broadcast::InnerShareable => true,
            Broadcast::ByAddress => self.config.globalised,
        };
        let reached: Vec<usize> =
            (0..self.config.cpus).filter(|n| everywhere || *n == self.running).collect();
        let mut effects = Effects::default();
        for cpu in &reached {
            if side != Side::I {
                for slot in self.cpus[*cpu].dcache.named(scope, virt, phys) {
                    self.maintain_data(*cpu, slot, action, origin, &mut effects);
                }
            }
            if side != Side::D {
                self.maintain_instructions(*cpu, operation, virt, phys, &mut effects);
            }
        }
        let flush_use = match (effects.dropped_stale, effects.wrote_back, phys) {
            (true, ..) => FlushUse::Needed,
            (_, true, _) => FlushUse::WroteBack,
            (_, _, Some(phys)) if by_address => self.missed(operation, phys, &reached),
            _ => FlushUse::Redundant,
        };
        self.note(phys.filter(|_| by_address).or(effects.last), scope == Scope::All, origin, flush_use);
        flush_use
    }

    fn note(&mut self, line: Option<u64>, whole: bool, origin: Origin, flush_use: FlushUse) {
        if line.is_some() || whole {
            self.notes.push_back((line.filter(|_| !whole), origin, flush_use));
            self.notes.drain(..self.notes.len().saturating_sub(REMEMBERED));
        }
    }

    fn maintain_data(
        &mut self,
        cpu: usize,
        slot: Slot,
        action: Action,
        origin: Origin,
        effects: &mut Effects,
    ) {
        if matches!(action, Action::Fill | Action::Prefetch) {
            return;
        }
        let dcache = &mut self.cpus[cpu].dcache;
        let line = dcache.line(slot).clone();
        if action == Action::Clean {
            dcache.line_mut(slot).dirty = false;
        } else {
            dcache.take(slot);
            self.dtotals.invalidated += 1;
        }
        effects.last = Some(line.phys);
        // Data is never lost, not even by a plain invalidation.
        if self.leave(Some(&line)) {
            effects.wrote_back = true;
            self.dtotals.written_back += 1;
            self.cleaners.insert(line.phys, origin.insn);
        }
    }

    fn maintain_instructions(
        &mut self,
        cpu: usize,
        operation: &Operation,
        virt: u64,
        phys: Option<u64>,
        effects: &mut Effects,
    ) {
        let action = operation.action;
        let slots = self.cpus[cpu].icache.named(operation.scope, virt, phys);
        let absent = slots.is_empty();
        for slot in slots.into_iter().filter(|_| action != Action::Prefetch) {
            let line = self.cpus[cpu].icache.take(slot).unwrap();
            effects.dropped_stale |= self.is_stale(&line);
            effects.last = Some(line.phys);
            self.itotals.invalidated += 1;
        }
        let fills = action == Action::Fill || action == Action::Prefetch && absent;
        if let Some(phys) = phys.filter(|_| fills && cpu == self.running) {
            self.fill(virt, phys);
        }
    }

    /// Of an operation by address that changed nothing: where it was needed instead.
    fn missed(&self, operation: &Operation, phys: u64, reached: &[usize]) -> FlushUse {
        if !matches!(operation.action, Action::Invalidate | Action::Clean | Action::CleanInvalidate) {
            return FlushUse::Redundant;
        }
        let needy: Vec<usize> = if operation.side == Side::I {
            let stale = |cpu: &usize| {
                let icache = &self.cpus[*cpu].icache;
                icache.copies(phys).iter().any(|slot| self.is_stale(icache.line(*slot)))
            };
            (0..self.config.cpus).filter(stale).collect()
        } else {
            self.dirty_copies(phys).iter().map(|copy| copy.0).collect()
        };
        match needy.iter().any(|cpu| reached.contains(cpu)) {
            true => FlushUse::WrongColour,
            false if needy.is_empty() => FlushUse::Redundant,
            false => FlushUse::WrongCpu,
        }
    }
}
