// SPDX-License-Identifier: GPL-2.0-or-later
//! Execution of stale bytes: they are put into guest memory for one fetch group, and what QEMU has translated from them is kept.

use cache_model::{Origin, PastOperation, PhysAddr, Stale};

use super::GuestMachine;
use super::swap::{GroupStart, Swap};

impl GuestMachine {
    /// A fetch group is entered: the stale bytes of the one before go. Returns whether it was started again, so that its fetch
    /// has been counted.
    pub fn enter_group(&mut self, group: GroupStart) -> bool {
        let swaps = &mut self.trial.swaps;
        let restarted = swaps.entered(group);
        // A group that is started again in order to execute stale bytes is fetched again: they may make it longer.
        if !restarted && swaps.must_go(group) && !self.trial.refills.any() {
            self.swap_out();
        }
        restarted
    }

    /// Maintenance of a line and its neighbours since a store.
    pub fn past(&self, phys: PhysAddr, writer: Option<Origin>) -> Vec<PastOperation> {
        self.trial.model.as_ref().map(|model| model.past_of(phys, writer)).unwrap_or_default()
    }

    /// Puts the bytes of a stale fetch into guest memory, to be executed by a group. Unless that is `translated` from them
    /// already, it has to be started again.
    #[cold]
    pub fn swap_in(&mut self, group: GroupStart, stale: Stale, translated: bool) {
        let Stale { phys, executed, expected, .. } = stale;
        if !translated {
            self.qemu.write_physical(phys, &executed);
            self.trial.swaps.dropped(phys, executed.len());
        } else if let Some(model) = &mut self.trial.model {
            model.memory_mut().put(phys, &executed);
        }
        self.trial.swaps.add(group.start, Swap { phys, saved: expected });
        self.set_swapped(true);
    }

    /// Puts the data side's bytes back.
    #[cold]
    pub fn swap_out(&mut self) {
        let line = self.caches.dcache.line();
        let (swaps, tainted) = self.trial.swaps.take();
        for Swap { phys, saved } in swaps.into_iter().rev() {
            if tainted {
                self.drop_translations(phys, &saved);
            }
            if let Some(model) = self.trial.model.as_mut() {
                model.memory_mut().put(phys, &saved);
                model.resync(phys, saved.len().max(line));
            }
        }
        self.set_swapped(false);
    }

    /// Has QEMU drop what it has translated from a range of memory that holds these bytes, or will.
    fn drop_translations(&mut self, phys: PhysAddr, bytes: &[u8]) {
        self.qemu.write_physical(phys, bytes);
        self.trial.swaps.dropped(phys, bytes.len());
    }

    fn set_swapped(&mut self, swapped: bool) {
        if let Some(model) = &mut self.trial.model {
            model.set_swapped(swapped);
        }
        self.update_threshold();
    }

    /// Whether stale bytes lie in guest memory.
    pub fn is_swapped(&self) -> bool {
        self.trial.swaps.any()
    }

    /// Notes that a fetch group is about to start again.
    pub fn expect_restart(&mut self, group: GroupStart) {
        self.trial.swaps.expect_restart(group);
    }

    /// The guest takes an exception: what was to start again does not, and stale bytes have to go before the handler can load
    /// them.
    pub fn end_swap(&mut self) {
        self.trial.swaps.forget_restart();
        if self.trial.swaps.any() {
            self.swap_out();
        }
    }

    /// The bytes of a group that is being translated, if they are stale ones: its translation does not follow from what memory
    /// holds at other times.
    pub fn keep(&mut self, group: GroupStart, len: usize) -> Option<&[u8]> {
        let swaps = &self.trial.swaps;
        if !swaps.any() || !swaps.differ_in(group.phys, self.code(group.phys, len)?) {
            return None;
        }
        self.trial.swaps.translated();
        self.trial.swaps.keep(group, len);
        self.code(group.phys, len)
    }

    /// Whether QEMU has a translation of a group from stale bytes, as far as is known.
    pub fn is_kept(&self, group: GroupStart) -> bool {
        self.trial.swaps.is_kept(group)
    }

    /// Whether QEMU has any translation from stale bytes, as far as is known.
    pub fn has_kept(&self) -> bool {
        self.trial.swaps.kept().next().is_some()
    }

    /// A group that was translated from stale bytes is entered and is not stale. Has QEMU translate it from what memory holds,
    /// and returns `true`, unless that is what it was put there for.
    #[cold]
    pub fn drop_kept_group(&mut self, phys: PhysAddr, len: usize) -> bool {
        if self.trial.swaps.any_in(phys, len) {
            return false;
        }
        let Some(fresh) = self.code(phys, len).map(<[u8]>::to_vec) else { return false };
        self.drop_translations(phys, &fresh);
        true
    }

    /// Has QEMU drop all translations of stale bytes.
    pub(super) fn drop_kept(&mut self) {
        for (phys, len) in self.trial.swaps.kept().collect::<Vec<_>>() {
            if let Some(bytes) = self.code(phys, len).map(<[u8]>::to_vec) {
                self.qemu.write_physical(phys, &bytes);
            }
        }
    }
}
