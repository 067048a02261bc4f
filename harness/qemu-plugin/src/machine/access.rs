// SPDX-License-Identifier: GPL-2.0-or-later
//! Loads and stores of the guest, on their way into the model: where they go, and what of them is the model's.

use cache_model::{Memory, Origin, PhysAddr, StaleLoad, VirtAddr};

use super::{DeferredStore, GuestMachine};
use crate::arch::architecture::Architecture;
use crate::fast_path::FAST_PATH;
use crate::qemu::api::QemuApi;

/// An access to RAM within one page.
#[derive(Clone, Copy)]
struct Access {
    virt: VirtAddr,
    phys: PhysAddr,
    /// Bytes.
    len: usize,
    /// Whether it goes through the D$.
    cached: bool,
}

impl GuestMachine {
    /// A load of the guest; returns whether it went to RAM, and hands what of it is stale to `stale`.
    pub fn load(&mut self, info: u32, virt: VirtAddr, stale: &mut Option<StaleLoad>) -> bool {
        self.access(info, virt, |machine, Access { virt, phys, len, cached }| {
            if let Some(model) = machine.trial.model.as_mut().filter(|_| cached)
                && let Some(found) = model.load(virt, phys, len)
            {
                stale.get_or_insert(found);
            }
        })
    }

    /// A store of the guest, whose bytes are in memory already; returns whether it went to RAM.
    pub fn store(&mut self, info: u32, virt: VirtAddr, origin: Origin) -> bool {
        self.access(info, virt, |machine, Access { virt, phys, len, cached }| {
            let trial = &mut machine.trial;
            let Some(model) = trial.model.as_mut() else { return };
            if trial.swaps.any() {
                trial.swaps.stored(phys, model.memory().data(phys, len));
            }
            if cached {
                model.store(virt, phys, len, origin);
            } else {
                model.store_uncached(phys, len, origin);
            }
        })
    }

    /// Reports an access to RAM, once for each page that it touches; returns whether it went there.
    fn access(&mut self, info: u32, virt: VirtAddr, mut report: impl FnMut(&mut Self, Access)) -> bool {
        let len = self.qemu.access_len(info);
        let here = len.min(self.page().bytes_from(virt) as usize);
        let phys = self.physical(virt, |qemu| qemu.access_phys(info, virt));
        let access = self.in_one_page(virt, phys, here);
        if let Some(access) = access {
            report(self, access);
        }
        if here < len {
            // What lies next to each other in virtual memory does not in physical.
            let next = self.arch.address(virt.wrapping_add(here as u64).get());
            let phys = self.physical(next, |qemu| qemu.translate(next));
            if let Some(access) = self.in_one_page(next, phys, len - here) {
                report(self, access);
            }
        }
        access.is_some()
    }

    /// A load of a group that is not its first, and is still to come; returns what of it is stale.
    pub fn load_ahead(&mut self, virt: VirtAddr, len: usize) -> Option<StaleLoad> {
        let Access { virt, phys, len, .. } = self.access_ahead(virt, len).filter(|access| access.cached)?;
        self.trial.model.as_mut()?.load(virt, phys, len)
    }

    /// A store of a group that is not its first, and is still to come.
    pub fn store_ahead(&mut self, virt: VirtAddr, len: usize, origin: Origin) {
        let Some(Access { virt, phys, len, cached }) = self.access_ahead(virt, len) else { return };
        if !cached {
            // What reaches memory is not known before the fetch group has ended.
            self.trial.deferred.push(DeferredStore { phys, len, origin });
            FAST_PATH.force_slow_path(true);
        } else if let Some(model) = self.trial.model.as_mut() {
            model.store(virt, phys, len, origin);
        }
    }

    /// An access that is still to come; `None` if it will not be to RAM, or take an exception.
    fn access_ahead(&mut self, virt: VirtAddr, len: usize) -> Option<Access> {
        let phys = self.physical(virt, |qemu| qemu.translate(virt));
        self.in_one_page(virt, phys, len)
    }

    /// A fetch group has ended, and its stores past the caches are in memory.
    #[inline]
    pub fn end_group(&mut self) {
        if !self.trial.deferred.is_empty() {
            self.write_deferred();
        }
    }

    #[cold]
    fn write_deferred(&mut self) {
        for DeferredStore { phys, len, origin } in std::mem::take(&mut self.trial.deferred) {
            if let Some(model) = self.trial.model.as_mut() {
                model.store_uncached(phys, len, origin);
            }
        }
        self.update_threshold();
    }

    /// Physical address of a virtual one, if it is known without asking QEMU.
    fn translated(&self, virt: VirtAddr) -> Option<PhysAddr> {
        self.arch.unmapped(virt).or_else(|| self.trial.tlb.find(virt))
    }

    /// Physical address of a virtual one.
    pub fn translate(&self, virt: VirtAddr) -> Option<PhysAddr> {
        self.translated(virt).or_else(|| self.qemu.translate(virt))
    }

    /// Physical address of a virtual one; what QEMU says of it is remembered.
    #[inline]
    fn physical(
        &mut self,
        virt: VirtAddr,
        ask: impl FnOnce(&QemuApi) -> Option<PhysAddr>,
    ) -> Option<PhysAddr> {
        self.translated(virt).or_else(|| {
            let phys = ask(&self.qemu)?;
            self.trial.tlb.insert(virt, phys);
            Some(phys)
        })
    }

    /// A part of an access that lies in one page; `None` where that is not RAM.
    #[inline]
    fn in_one_page(&self, virt: VirtAddr, phys: Option<PhysAddr>, len: usize) -> Option<Access> {
        let phys = phys?;
        let in_ram = self.trial.model.as_ref()?.memory().contains(phys, len);
        in_ram.then(|| Access { virt, phys, len, cached: self.trial.cached && !self.arch.is_uncached(virt) })
    }
}
