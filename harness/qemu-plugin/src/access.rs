// SPDX-License-Identifier: GPL-2.0-or-later
//! Loads and stores of the guest, on their way into the model: where they go, and what of them is the model's.

use std::sync::atomic::Ordering::Relaxed;

use cache_model::{Memory, PAGE};

use crate::fast_path::{FAST_PATH, InsnRef};
use crate::ffi::Qemu;
use crate::plugin::Plugin;

impl Plugin {
    /// A load of the guest.
    pub fn load(&mut self, info: u32, virt: u64, insn: InsnRef) {
        self.access(info, virt & 0xffff_ffff, insn, |plugin, Access { virt, phys, len, cached }| {
            if let Some(model) = plugin.model.as_mut().filter(|_| cached) {
                model.load(virt, phys, len);
            }
        });
    }

    /// A store of the guest, whose bytes are in memory already.
    pub fn store(&mut self, info: u32, virt: u64, insn: InsnRef) {
        self.access(info, virt & 0xffff_ffff, insn, |plugin, Access { virt, phys, len, cached }| {
            let Some(model) = plugin.model.as_mut() else { return };
            if plugin.swaps.any() {
                plugin.swaps.stored(phys, model.memory().data(phys, len));
            }
            if cached {
                model.store(virt, phys, len, insn.origin());
            } else {
                model.store_uncached(phys, len, insn.origin());
            }
        });
    }

    /// Reports an access to RAM, once for each page that it touches.
    fn access(&mut self, info: u32, virt: u64, insn: InsnRef, report: impl Fn(&mut Self, Access)) {
        let len = self.qemu.access_len(info);
        let here = len.min((PAGE - virt % PAGE) as usize);
        let phys = self.physical(virt, |qemu| qemu.access_phys(info, virt));
        match self.in_one_page(virt, phys, here) {
            Some(access) => report(self, access),
            None => self.device(insn),
        }
        if here < len {
            // What lies next to each other in virtual memory does not in physical.
            let next = (virt + here as u64) & 0xffff_ffff;
            let phys = self.physical(next, |qemu| qemu.translate(next));
            if let Some(access) = self.in_one_page(next, phys, len - here) {
                report(self, access);
            }
        }
    }

    /// Physical address of a virtual one, if it is known without asking QEMU.
    pub(crate) fn translated(&self, virt: u64) -> Option<u64> {
        self.target.unmapped(virt).or_else(|| self.tlb.find(virt))
    }

    /// Physical address of a virtual one; what QEMU says of it is remembered.
    #[inline]
    pub(crate) fn physical(&mut self, virt: u64, ask: impl FnOnce(&Qemu) -> Option<u64>) -> Option<u64> {
        self.translated(virt).or_else(|| {
            let phys = ask(&self.qemu)?;
            self.tlb.insert(virt, phys);
            Some(phys)
        })
    }

    /// A part of an access that lies in one page; `None` where that is not RAM.
    #[inline]
    pub(crate) fn in_one_page(&self, virt: u64, phys: Option<u64>, len: usize) -> Option<Access> {
        let phys = phys?;
        let in_ram = self.model.as_ref()?.memory().contains(phys, len);
        in_ram.then(|| Access { virt, phys, len, cached: self.cached && !self.target.is_uncached(virt) })
    }

    /// An access to a device. QEMU translates such an instruction again, by itself and without reporting its entry, and
    /// so leaves the group that it was in: what comes after it there is counted when it is entered again.
    fn device(&mut self, insn: InsnRef) {
        let (number, current) = (InsnRef::group(insn.id), FAST_PATH.group.load(Relaxed));
        if number == current {
            return;
        }
        let group = self.fetch_groups.get(current);
        if let Some(before) = self.instructions_before(&group, self.address_of_insn(insn.id)) {
            self.uncount(&group, group.insns - before - 1);
            FAST_PATH.group.store(number, Relaxed);
        }
    }
}

/// An access to RAM within one page.
#[derive(Clone, Copy)]
pub(crate) struct Access {
    pub(crate) virt: u64,
    pub(crate) phys: u64,
    /// Bytes.
    pub(crate) len: usize,
    /// Whether it goes through the D$.
    pub(crate) cached: bool,
}
