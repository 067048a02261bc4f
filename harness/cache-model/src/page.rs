// SPDX-License-Identifier: GPL-2.0-or-later
//! Pages: within one, virtual and physical addresses agree.

use crate::address::VirtAddr;
use crate::geometry::BadGeometry;

/// Bytes in a page of the guest's kernel. A virtual index of a cache has colours where a way is larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageSize {
    /// log2 of the bytes.
    shift: u32,
}

impl PageSize {
    /// 4 KiB, the smallest page of Linux on MIPS and ARM.
    pub const SMALLEST: Self = Self { shift: 12 };

    /// Bytes in the largest page of Linux on MIPS and on 64-bit ARM (`CONFIG_PAGE_SIZE_64KB`, `CONFIG_ARM64_64K_PAGES`).
    const LARGEST: u64 = 64 << 10;

    /// Returns the size of so many bytes.
    ///
    /// # Errors
    ///
    /// When that is not a power of two from 4,096 to 65,536.
    pub fn new(bytes: u64) -> Result<Self, BadGeometry> {
        let (low, high) = (Self::SMALLEST.bytes(), Self::LARGEST);
        if !bytes.is_power_of_two() || !(low..=high).contains(&bytes) {
            return Err(BadGeometry::new(format!("{bytes} is not a power of two between {low} and {high}")));
        }
        Ok(Self { shift: bytes.trailing_zeros() })
    }

    /// Number of bytes.
    #[inline]
    pub fn bytes(self) -> u64 {
        1 << self.shift
    }

    /// Number of the page in which a virtual address lies.
    #[inline]
    pub fn number(self, virt: VirtAddr) -> u64 {
        virt.get() >> self.shift
    }

    /// Bytes from a virtual address to the end of its page; at least 1.
    #[inline]
    pub fn bytes_from(self, virt: VirtAddr) -> u64 {
        self.bytes() - (virt.get() & (self.bytes() - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_the_sizes_that_kernels_have() {
        for kilobytes in [4, 8, 16, 32, 64] {
            assert_eq!(PageSize::new(kilobytes << 10).unwrap().bytes(), kilobytes << 10);
        }
        for bytes in [0, 1024, 5000, 12_288, 128 << 10] {
            let why = PageSize::new(bytes).unwrap_err().to_string();
            assert_eq!(why, format!("{bytes} is not a power of two between 4096 and 65536"));
        }
    }

    #[test]
    fn an_address_has_its_place_in_a_page() {
        let at = VirtAddr::new(0xffff_8000_0000_7ffc);
        let (small, large) = (PageSize::SMALLEST, PageSize::new(16 << 10).unwrap());
        assert_eq!((small.bytes_from(at), small.number(at)), (4, 0xf_fff8_0000_0007));
        assert_eq!((large.bytes_from(at + 4), large.number(at)), (0x4000, 0x3_fffe_0000_0001));
    }
}
