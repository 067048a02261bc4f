// SPDX-License-Identifier: GPL-2.0-or-later
//! TLB refills that a MIPS cache operation causes on hardware, and not in QEMU.
//!
//! CACHE by address and SYNCI translate their address: without an entry in the TLB they raise TLB Refill or TLB Invalid,
//! as a load does, and are executed again once the kernel has written the entry (MIPS32 volume II, CACHE and SYNCI). QEMU
//! translates nothing for them, so that there would never be an entry, and the operation would be lost. So the plugin puts
//! a load of one byte from the same address into `$zero` in the operation's place, and starts it again. Either the load
//! takes the exception that the operation would have taken; then the operation is back in its place before the handler
//! runs, which returns to it. Or the CPU walks page tables by itself; then the operation is done where the load went.
//!
//! It is so in mode *observe* too: it changes no result, only what the guest's TLB holds, as on hardware.

use cache_model::{PhysAddr, VirtAddr};

/// How often in a row one operation is replaced before it is let go untranslated: more than once is right where another
/// process took the TLB entry away in the meantime.
const TRIES: u32 = 8;

/// A load that does to the TLB what a cache operation should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Substitute {
    /// `lb $zero, offset(base)`, as it lies in memory.
    pub code: [u8; 4],
    /// Whether it is in a delay slot, so that the branch before it has to be executed again.
    pub in_slot: bool,
}

/// A cache operation by address that is to be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaintenanceCall {
    /// Number of its site.
    pub site: usize,
    /// The address in the link register.
    pub caller: VirtAddr,
    /// Its own operand.
    pub virt: VirtAddr,
}

/// A load that lies in memory in place of a cache operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pending {
    /// Virtual address of the instruction.
    at: VirtAddr,
    /// Its physical address.
    phys: PhysAddr,
    /// The cache operation, as it lay in memory.
    saved: [u8; 4],
    call: MaintenanceCall,
}

/// What is known of replaced operations.
#[derive(Clone, Debug, Default)]
pub struct Refills {
    pending: Option<Pending>,
    /// The instruction and operand replaced last, and how often in a row.
    last: (VirtAddr, VirtAddr, u32),
    /// How many times an operation was replaced.
    count: u64,
}

impl Refills {
    /// Whether a load lies in place of an operation.
    pub fn any(&self) -> bool {
        self.pending.is_some()
    }

    /// Whether the instruction at a virtual address is such a load.
    pub fn is_at(&self, virt: VirtAddr) -> bool {
        self.pending.is_some_and(|pending| pending.at == virt)
    }

    /// How many times an operation was replaced.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Notes that a load lies in place of the operation that is `saved`.
    pub fn begin(&mut self, at: VirtAddr, phys: PhysAddr, saved: [u8; 4], call: MaintenanceCall) {
        self.pending = Some(Pending { at, phys, saved, call });
        self.count += 1;
    }

    /// Forgets the load; returns the physical address and the bytes of the operation that has to be put back.
    pub fn end(&mut self) -> Option<(PhysAddr, [u8; 4], MaintenanceCall)> {
        self.pending.take().map(|Pending { phys, saved, call, .. }| (phys, saved, call))
    }

    /// Whether the operation at `at` on `virt` may be replaced once more.
    pub fn may_try(&mut self, at: VirtAddr, virt: VirtAddr) -> bool {
        let tries = if (self.last.0, self.last.1) == (at, virt) { self.last.2 + 1 } else { 1 };
        self.last = (at, virt, tries);
        tries <= TRIES
    }

    /// An operation was translated: the next one that is not starts a series of its own.
    pub fn translated(&mut self) {
        self.last = Default::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_operation_is_not_replaced_for_ever() {
        let mut refills = Refills::default();
        assert!((0..TRIES).all(|_| refills.may_try(VirtAddr::new(0x8010_0000), VirtAddr::new(0xffff_0000))));
        assert!(!refills.may_try(VirtAddr::new(0x8010_0000), VirtAddr::new(0xffff_0000)));
        assert!(refills.may_try(VirtAddr::new(0x8010_0000), VirtAddr::new(0xffff_1000)));
        for _ in 0..TRIES {
            refills.may_try(VirtAddr::new(0x8010_0000), VirtAddr::new(0xffff_0000));
            refills.translated();
        }
        assert!(refills.may_try(VirtAddr::new(0x8010_0000), VirtAddr::new(0xffff_0000)));
    }
}
