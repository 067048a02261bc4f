// SPDX-License-Identifier: GPL-2.0-or-later
//! Several CPUs: a line that one of them stores to is in no other D$, and what is dirty moves without a write-back.

use crate::address::PhysAddr;
use crate::memory::Memory;
use crate::model::Model;

impl<M: Memory> Model<M> {
    /// Marks the other CPUs' copies of a line as shared; returns whether there are any.
    pub(crate) fn share_with_others(&mut self, line: PhysAddr) -> bool {
        let running = self.running;
        let mut any = false;
        for (_, cpu) in self.cpus.iter_mut().enumerate().filter(|(n, _)| *n != running) {
            any |= cpu.dcache.share(line);
        }
        any
    }

    /// A store makes a line this CPU's alone. What is dirty elsewhere comes along without a write-back; returns whether
    /// anything was.
    pub(crate) fn take_from_others(&mut self, line: PhysAddr, found: Option<usize>) -> bool {
        let running = self.running;
        let dcache = &self.cpus[running].dcache;
        if found.is_some_and(|slot| !dcache.is_shared(slot)) {
            return false;
        }
        let mut dirty = false;
        for (_, cpu) in self.cpus.iter_mut().enumerate().filter(|(n, _)| *n != running) {
            while let Some(slot) = cpu.dcache.copy(line) {
                dirty |= cpu.dcache.evict(slot).is_some_and(|old| old.dirty);
            }
        }
        dirty
    }
}
