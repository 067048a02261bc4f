// SPDX-License-Identifier: GPL-2.0-or-later
//! A small cache of translations, so that most accesses need not ask QEMU for theirs.

use cache_model::{PAGE, PhysAddr, VirtAddr};

/// Entries; a power of two.
const ENTRIES: usize = 256;
/// The address within a page.
const PAGE_MASK: u64 = PAGE - 1;

#[derive(Clone, Copy)]
struct Entry {
    /// Virtual page, with the generation in the bits below.
    tag: u64,
    /// Physical page minus virtual page, wrapping.
    delta: u64,
}

/// Direct-mapped translations, all forgotten when the guest changes any.
///
/// Forgetting at TLB writes, TLB maintenance and changes of address space is enough: the architectures let a
/// changed page table take effect no earlier than that, except where nothing was mapped before, and that is
/// never kept here.
pub struct Tlb {
    entries: Box<[Entry; ENTRIES]>,
    generation: u64,
}

impl Default for Tlb {
    fn default() -> Self {
        Self { entries: Box::new([Entry { tag: u64::MAX, delta: 0 }; ENTRIES]), generation: 0 }
    }
}

impl Tlb {
    /// Returns the physical address of `virt` if it is known.
    #[inline]
    pub fn find(&self, virt: VirtAddr) -> Option<PhysAddr> {
        let virt = virt.get();
        let entry = &self.entries[(virt / PAGE) as usize % ENTRIES];
        (entry.tag == virt & !PAGE_MASK | self.generation)
            .then(|| PhysAddr::new(virt.wrapping_add(entry.delta)))
    }

    /// Remembers a translation.
    pub fn insert(&mut self, virt: VirtAddr, phys: PhysAddr) {
        let (virt, phys) = (virt.get(), phys.get());
        self.entries[(virt / PAGE) as usize % ENTRIES] =
            Entry { tag: virt & !PAGE_MASK | self.generation, delta: phys.wrapping_sub(virt) };
    }

    /// Forgets everything.
    pub fn forget(&mut self) {
        self.generation = (self.generation + 1) & PAGE_MASK;
        if self.generation == 0 {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_until_it_is_flushed() {
        let mut tlb = Tlb::default();
        assert_eq!(tlb.find(VirtAddr::new(0x1234)), None);
        tlb.insert(VirtAddr::new(0x1234), PhysAddr::new(0x8000_0234));
        assert_eq!(tlb.find(VirtAddr::new(0x1ffc)), Some(PhysAddr::new(0x8000_0ffc)));
        assert_eq!(tlb.find(VirtAddr::new(0x2000)), None);
        tlb.forget();
        assert_eq!(tlb.find(VirtAddr::new(0x1234)), None);
    }

    #[test]
    fn survives_the_wrap_of_its_generation() {
        let mut tlb = Tlb::default();
        tlb.insert(VirtAddr::new(0x1000), PhysAddr::new(0x5000));
        for _ in 0..=PAGE_MASK {
            tlb.forget();
        }
        assert_eq!(tlb.find(VirtAddr::new(0x1000)), None);
    }
}
