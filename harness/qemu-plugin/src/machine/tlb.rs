// SPDX-License-Identifier: GPL-2.0-or-later
//! A small cache of translations, so that most accesses need not ask QEMU for theirs.

use cache_model::{PageSize, PhysAddr, VirtAddr};

/// Entries; a power of two.
const ENTRIES: usize = 256;

#[derive(Clone, Copy)]
struct TlbEntry {
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
    entries: Box<[TlbEntry; ENTRIES]>,
    generation: u64,
    page: PageSize,
}

impl Tlb {
    /// Returns one that knows nothing, for pages of this size.
    pub fn new(page: PageSize) -> Self {
        Self { entries: Box::new([TlbEntry { tag: u64::MAX, delta: 0 }; ENTRIES]), generation: 0, page }
    }

    /// Number of an address's entry, and the tag that it has if it is the address's.
    #[inline]
    fn entry(&self, virt: VirtAddr) -> (usize, u64) {
        let tag = virt.align_down(self.page.bytes()).get() | self.generation;
        (self.page.number(virt) as usize % ENTRIES, tag)
    }

    /// Returns the physical address of `virt` if it is known.
    #[inline]
    pub fn find(&self, virt: VirtAddr) -> Option<PhysAddr> {
        let (at, tag) = self.entry(virt);
        let entry = &self.entries[at];
        (entry.tag == tag).then(|| PhysAddr::new(virt.get().wrapping_add(entry.delta)))
    }

    /// Remembers a translation.
    pub fn insert(&mut self, virt: VirtAddr, phys: PhysAddr) {
        let (at, tag) = self.entry(virt);
        self.entries[at] = TlbEntry { tag, delta: phys.get().wrapping_sub(virt.get()) };
    }

    /// Forgets everything.
    pub fn forget(&mut self) {
        // It has the bits that addresses in one page differ in; all of them would be no entry.
        self.generation += 1;
        if self.generation == self.page.bytes() - 1 {
            *self = Self::new(self.page);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGES: [u64; 2] = [4 << 10, 16 << 10];

    fn tlb(page: u64) -> Tlb {
        Tlb::new(PageSize::new(page).unwrap())
    }

    #[test]
    fn remembers_until_it_is_flushed() {
        for page in PAGES {
            let mut tlb = tlb(page);
            let found = |tlb: &Tlb, virt: u64| tlb.find(virt.into()).map(PhysAddr::get);
            // Where user space ends, and the kernel of a 64-bit guest begins.
            for virt in [page, 0x0000_7fff_ffff_0000, 0xffff_8000_0000_0000] {
                assert_eq!(found(&tlb, virt + 0x234), None);
                tlb.insert((virt + 0x234).into(), 0x8_8000_0234.into());
                assert_eq!(found(&tlb, virt + page - 4), Some(0x8_8000_0000 + page - 4));
                assert_eq!((found(&tlb, virt - 4), found(&tlb, virt + page)), (None, None));
                assert_eq!(found(&tlb, virt ^ 1 << 63), None);
                tlb.forget();
                assert_eq!(found(&tlb, virt + 0x234), None);
            }
        }
    }

    #[test]
    fn survives_the_wrap_of_its_generation() {
        for page in PAGES {
            let mut tlb = tlb(page);
            tlb.insert(page.into(), 0x5_0000.into());
            for _ in 0..2 * page {
                tlb.forget();
                assert_eq!(tlb.find(page.into()), None);
                assert_eq!(tlb.find(u64::MAX.into()), None);
            }
        }
    }
}
