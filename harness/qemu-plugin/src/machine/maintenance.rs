// SPDX-License-Identifier: GPL-2.0-or-later
//! Maintenance operations of the guest, on the model; and those whose address the guest has to translate first.

use cache_model::maintenance::{Operation, Side};
use cache_model::{FlushUse, Memory, Model, Origin, PhysAddr, VirtAddr};

use super::GuestMachine;
use super::refill::{MaintenanceCall, Substitute};
use crate::arch::architecture::Architecture;
use crate::arch::instruction::Operand;

impl GuestMachine {
    /// Does maintenance from an address to the `last`; returns its use, `None` where no address was translated.
    pub fn maintain(
        &mut self,
        operation: &Operation,
        virt: VirtAddr,
        last: VirtAddr,
        origin: Origin,
    ) -> Option<FlushUse> {
        let caches = match operation.side {
            Side::D => [self.caches.dcache; 2],
            Side::I => [self.caches.icache; 2],
            _ => [self.caches.dcache, self.caches.icache],
        };
        let by_address =
            operation.needs_translation() && caches.iter().any(|cache| cache.needs_translation());
        let line = self.caches.dcache.line().min(self.caches.icache.line()) as u64;
        // A range goes line by line; whatever it found to do anywhere, it was needed for.
        let mut flush_use: Option<FlushUse> = None;
        let mut at = virt;
        loop {
            let phys = if operation.needs_translation() { self.translate(at) } else { None };
            let model = self.trial.model.as_mut()?;
            if phys.is_some() || !by_address {
                let phys = phys.filter(|phys| model.memory().contains(*phys, 1));
                let this = model.maintain(operation, at, phys, origin);
                flush_use = Some(flush_use.map_or(this, |before| before.or(this)));
            }
            at = at.align_down(line) + line;
            if at > last {
                break;
            }
        }
        if by_address && flush_use.is_some() {
            self.trial.refills.translated();
        }
        flush_use
    }

    /// Whether the running CPU would fetch an instruction's word as it was stored last.
    pub fn would_fetch_fresh(&self, virt: VirtAddr, phys: PhysAddr) -> bool {
        self.trial.model.as_ref().is_some_and(|model| model.would_fetch_fresh(virt, phys, 4))
    }

    /// The CPU that runs, as far as caches are concerned.
    pub fn running_cpu(&self) -> usize {
        self.trial.model.as_ref().map_or(0, Model::running)
    }

    /// Makes the line of an operand dirty without having read it. What it then holds is not defined, so that the stores
    /// that follow decide; the model has it dirty from here on.
    pub fn prepare_for_store(&mut self, operand: Operand, origin: Origin) {
        let Some(virt) = self.operand(operand).filter(|virt| !self.arch.is_uncached(*virt)) else { return };
        let phys = self.translate(virt);
        let Some(model) = self.trial.model.as_mut() else { return };
        if let Some(phys) = phys.filter(|phys| model.memory().contains(*phys, 1)) {
            model.store(virt, phys, 1, origin);
        }
    }

    /// Puts a load into the place of a cache operation, which is the instruction at a virtual and a physical address.
    /// Returns whether it was done.
    #[cold]
    pub fn substitute(
        &mut self,
        at: VirtAddr,
        phys: PhysAddr,
        substitute: Substitute,
        call: MaintenanceCall,
    ) -> bool {
        let saved = self.code(phys, 4).and_then(|code| code.try_into().ok());
        let Some(saved) = saved else { return false };
        if !self.trial.refills.may_try(at, call.virt) || !self.qemu.write_physical(phys, &substitute.code) {
            return false;
        }
        self.trial.refills.begin(at, phys, saved, call);
        true
    }

    /// Whether the instruction at a virtual address is a load in place of a cache operation.
    pub fn is_substitute(&self, virt: VirtAddr) -> bool {
        self.trial.refills.is_at(virt)
    }

    /// Whether there is a load in place of a cache operation.
    pub fn has_substitute(&self) -> bool {
        self.trial.refills.any()
    }

    /// The guest takes an exception: the operation is back before the handler could load it.
    pub fn end_refill(&mut self) {
        if let Some((phys, saved, _)) = self.trial.refills.end() {
            self.qemu.write_physical(phys, &saved);
        }
    }

    /// The load has been executed in the operation's place, at `virt`: puts the operation back, and returns it to be done.
    ///
    /// # Errors
    ///
    /// The load went to another address.
    pub fn refilled(&mut self, info: u32, virt: VirtAddr) -> Result<Option<MaintenanceCall>, &'static str> {
        let Some((phys, saved, call)) = self.trial.refills.end() else { return Ok(None) };
        self.qemu.write_physical(phys, &saved);
        if virt != call.virt {
            return Err("a load in place of a cache operation went to another address");
        }
        if let Some(phys) = self.qemu.access_phys(info, virt) {
            self.trial.tlb.insert(virt, phys);
        }
        Ok(Some(call))
    }

    /// How many times a cache operation was replaced.
    pub fn refills(&self) -> u64 {
        self.trial.refills.count()
    }
}
