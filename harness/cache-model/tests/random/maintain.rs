// SPDX-License-Identifier: GPL-2.0-or-later
//! Maintenance of the naive caches, and what is to be said of it.

use cache_model::maintenance::{Action, Broadcast, Operation, Scope, Side};
use cache_model::{Judged, Who};

use crate::cache::{Line, Place};
use crate::naive::Naive;

/// How many maintenance operations the model promises to remember.
const REMEMBERED: usize = 1 << 14;

/// What an operation did so far.
#[derive(Default)]
struct Did {
    dropped_stale: bool,
    wrote_back: bool,
    last: Option<u64>,
}

impl Naive {
    fn is_stale(&self, line: &Line) -> bool {
        line.bytes != self.data(line.phys, line.bytes.len())
    }

    pub fn maintain(&mut self, operation: &Operation, virt: u64, phys: Option<u64>, who: Who) -> Judged {
        let Operation { side, scope, action, .. } = *operation;
        if action == Action::None || side == Side::Outer {
            return Judged::NotModelled;
        }
        let by_address = matches!(scope, Scope::Address | Scope::Range);
        if by_address && phys.is_none() {
            return Judged::Redundant;
        }
        let everywhere = match operation.broadcast {
            Broadcast::Local => false,
            Broadcast::InnerShareable => true,
            Broadcast::ByAddress => self.config.globalised,
        };
        let reached: Vec<usize> =
            (0..self.config.cpus).filter(|n| everywhere || *n == self.running).collect();
        let mut did = Did::default();
        for cpu in &reached {
            if side != Side::I {
                for place in self.cpus[*cpu].dcache.named(scope, virt, phys) {
                    self.maintain_data(*cpu, place, action, who, &mut did);
                }
            }
            if side != Side::D {
                self.maintain_instructions(*cpu, operation, virt, phys, &mut did);
            }
        }
        let judged = match (did.dropped_stale, did.wrote_back, phys) {
            (true, ..) => Judged::Needed,
            (_, true, _) => Judged::WroteBack,
            (_, _, Some(phys)) if by_address => self.missed(operation, phys, &reached),
            _ => Judged::Redundant,
        };
        self.note(if by_address { phys } else { did.last }, scope == Scope::All, who, judged);
        judged
    }

    fn note(&mut self, line: Option<u64>, whole: bool, who: Who, judged: Judged) {
        if line.is_some() || whole {
            self.notes.push_back((line.filter(|_| !whole), who, judged));
            self.notes.drain(..self.notes.len().saturating_sub(REMEMBERED));
        }
    }

    fn maintain_data(&mut self, cpu: usize, place: Place, action: Action, who: Who, did: &mut Did) {
        if matches!(action, Action::Fill | Action::Prefetch) {
            return;
        }
        let dcache = &mut self.cpus[cpu].dcache;
        let line = dcache.line(place).clone();
        if action == Action::Clean {
            dcache.line_mut(place).dirty = false;
        } else {
            dcache.take(place);
            self.dtotals.invalidated += 1;
        }
        did.last = Some(line.phys);
        // Data is never lost, not even by a plain invalidation.
        if self.leave(Some(&line)) {
            did.wrote_back = true;
            self.dtotals.written_back += 1;
            self.cleaners.insert(line.phys, who.by);
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
        let action = operation.action;
        let places = self.cpus[cpu].icache.named(operation.scope, virt, phys);
        let absent = places.is_empty();
        for place in places.into_iter().filter(|_| action != Action::Prefetch) {
            let line = self.cpus[cpu].icache.take(place).unwrap();
            did.dropped_stale |= self.is_stale(&line);
            did.last = Some(line.phys);
            self.itotals.invalidated += 1;
        }
        let fills = action == Action::Fill || action == Action::Prefetch && absent;
        if let Some(phys) = phys.filter(|_| fills && cpu == self.running) {
            self.fill(virt, phys);
        }
    }

    /// Of an operation by address that changed nothing: where it was needed instead.
    fn missed(&self, operation: &Operation, phys: u64, reached: &[usize]) -> Judged {
        if !matches!(operation.action, Action::Invalidate | Action::Clean | Action::CleanInvalidate) {
            return Judged::Redundant;
        }
        let needy: Vec<usize> = if operation.side == Side::I {
            let stale = |cpu: &usize| {
                let icache = &self.cpus[*cpu].icache;
                icache.copies(phys).iter().any(|place| self.is_stale(icache.line(*place)))
            };
            (0..self.config.cpus).filter(stale).collect()
        } else {
            self.dirty_copies(phys).iter().map(|copy| copy.0).collect()
        };
        match needy.iter().any(|cpu| reached.contains(cpu)) {
            true => Judged::WrongColour,
            false if needy.is_empty() => Judged::Redundant,
            false => Judged::WrongCpu,
        }
    }
}
