// SPDX-License-Identifier: GPL-2.0-or-later
//! Shape of one cache, and how an address finds its set.

use std::fmt;

use crate::address::{PhysAddr, VirtAddr};
use crate::page::PageSize;

/// By which address a cache is indexed, and by which its lines are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Addressing {
    /// Physical index and tag; also what a virtual index comes to with a way no larger than a page.
    #[default]
    Pipt,
    /// Virtual index, physical tag: a way larger than a page gives one line several places, its colours.
    Vipt,
    /// Virtual index and tag: a line is found by virtual address alone, whatever is mapped there now.
    Vivt,
}

/// Number of sets, ways and bytes per line of one cache; all are powers of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    sets: u32,
    ways: u32,
    line: u32,
    /// log2 of `line`, which the way to every line asks for.
    shift: u32,
    addressing: Addressing,
    page: PageSize,
}

/// Why a geometry, or a page, is not one that the model can take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadGeometry(String);

impl BadGeometry {
    pub(crate) fn new(why: String) -> Self {
        Self(why)
    }
}

impl fmt::Display for BadGeometry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadGeometry {}

impl Geometry {
    /// Largest line, in bytes: Octeon has 128, nothing that Linux 6.1 runs on has more.
    pub const MAX_LINE: u32 = 128;

    /// Returns a geometry of `sets` x `ways` x `line` bytes, physically indexed, over pages of 4 KiB.
    ///
    /// # Errors
    ///
    /// When a figure is not a power of two, the line is not 8 to 128 bytes, or there are more than
    /// 16 ways or 65,536 sets.
    pub fn new(sets: u32, ways: u32, line: u32) -> Result<Self, BadGeometry> {
        for (what, value, low, high) in
            [("sets", sets, 1, 65_536), ("ways", ways, 1, 16), ("line", line, 8, Self::MAX_LINE)]
        {
            if !value.is_power_of_two() || value < low || value > high {
                return Err(BadGeometry(format!(
                    "{what} = {value} is not a power of two between {low} and {high}"
                )));
            }
        }
        Ok(Self {
            sets,
            ways,
            line,
            shift: line.trailing_zeros(),
            addressing: Addressing::Pipt,
            page: PageSize::SMALLEST,
        })
    }

    /// Returns the same geometry with another way of finding lines.
    #[must_use]
    pub fn addressed(self, addressing: Addressing) -> Self {
        Self { addressing, ..self }
    }

    /// Returns the same geometry over pages of another size.
    #[must_use]
    pub fn paged(self, page: PageSize) -> Self {
        Self { page, ..self }
    }

    /// Bytes in a page.
    #[inline]
    pub fn page(self) -> PageSize {
        self.page
    }

    /// Which address picks the set, and which one is compared with the tags.
    #[inline]
    pub fn addressing(self) -> Addressing {
        self.addressing
    }

    /// In how many sets one physical line can be, by its virtual address; 1 where the index is physical.
    pub fn colours(self) -> usize {
        let way = self.sets() as u64 * self.line() as u64;
        if self.addressing == Addressing::Pipt { 1 } else { (way / self.page.bytes()).max(1) as usize }
    }

    /// Number of sets.
    #[inline]
    pub fn sets(self) -> usize {
        self.sets as usize
    }

    /// Number of ways.
    #[inline]
    pub fn ways(self) -> usize {
        self.ways as usize
    }

    /// Bytes per line.
    #[inline]
    pub fn line(self) -> usize {
        self.line as usize
    }

    /// Number of lines in the whole cache.
    pub fn lines(self) -> usize {
        self.sets() * self.ways()
    }

    /// Bytes in the whole cache.
    pub fn bytes(self) -> usize {
        self.lines() * self.line()
    }

    /// log2 of the bytes per line.
    #[inline]
    pub fn line_shift(self) -> u32 {
        self.shift
    }

    /// Returns `address` rounded down to the start of its line.
    #[inline]
    pub fn line_of<A: From<u64> + Into<u64>>(self, address: A) -> A {
        A::from(address.into() & !u64::from(self.line - 1))
    }

    /// Returns the set of an access by its virtual and physical address.
    #[inline]
    pub fn set_of(self, virt: VirtAddr, phys: PhysAddr) -> usize {
        self.set_at(if self.addressing == Addressing::Pipt { phys.get() } else { virt.get() })
    }

    /// Returns the set of an address by which sets are picked.
    #[inline]
    fn set_at(self, address: u64) -> usize {
        (address >> self.line_shift()) as usize & (self.sets() - 1)
    }

    /// Returns the set of an access by its physical address, if that picks the set.
    #[inline]
    pub(crate) fn set_of_physical(self, phys: PhysAddr) -> Option<usize> {
        (self.addressing == Addressing::Pipt).then(|| self.set_at(phys.get()))
    }

    /// Returns the physical address by which an operation on a virtual one finds a line, given the translation of that: with virtual
    /// tags it needs none (ARM926EJ-S TRM, DDI 0198, 2.3.8 and chapter 4: an operation by MVA finds what was cached under the
    /// same MVA, and the D-cache's PA TAG RAM has the address for its write-back).
    pub(crate) fn named(self, phys: Option<PhysAddr>) -> Option<PhysAddr> {
        phys.or((self.addressing == Addressing::Vivt).then(PhysAddr::default))
    }

    /// Whether an operation on a virtual address needs its translation.
    pub fn needs_translation(self) -> bool {
        self.addressing != Addressing::Vivt
    }

    /// Returns the address of the line as the tags hold it.
    #[inline]
    pub fn key_of(self, virt: VirtAddr, phys: PhysAddr) -> u64 {
        self.line_of(if self.addressing == Addressing::Vivt { virt.get() } else { phys.get() })
    }

    /// Returns the set in which a physical line lies where it is mapped with a colour below [`Geometry::colours`].
    pub(crate) fn set_of_colour(self, phys: PhysAddr, colour: usize) -> usize {
        let page = self.page.bytes();
        self.set_of(VirtAddr::new(phys.get() & (page - 1) | (colour as u64 * page)), phys)
    }

    /// Returns the colour of a set: where it lies among the pages of a way.
    pub(crate) fn colour_of_set(self, set: usize) -> usize {
        set * self.line() / (self.page.bytes() as usize) % self.colours()
    }

    /// Returns (set, way) named by the address of a MIPS Index operation: the index in the bits above
    /// the line, the way in the bits above the index (MIPS32 PRA volume II, CACHE; `r4kcache.h`).
    pub fn index_operand(self, address: VirtAddr) -> (usize, usize) {
        let line = (address.get() >> self.line_shift()) as usize;
        (line & (self.sets() - 1), line >> self.sets.trailing_zeros() & (self.ways() - 1))
    }

    /// Returns (set, way) named by the register of an ARM v7 set/way operation, or `None` when it is
    /// for another level than L1: way in the top bits of 32, level - 1 in bits 3:1 (ARM DDI 0406C, B4.2.1).
    pub fn set_way_operand(self, register: u64) -> Option<(usize, usize)> {
        if register >> 1 & 7 != 0 {
            return None;
        }
        let way = (register >> (32 - self.ways.trailing_zeros())) as usize & (self.ways() - 1);
        Some(((register >> self.line_shift()) as usize & (self.sets() - 1), way))
    }
}

impl fmt::Display for Geometry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} KB {}-way {} B", self.bytes() / 1024, self.ways, self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_figures_that_no_cache_has() {
        assert!(Geometry::new(96, 4, 32).unwrap_err().to_string().contains("sets = 96"));
        assert!(Geometry::new(128, 4, 256).is_err());
        assert!(Geometry::new(128, 0, 32).is_err());
    }

    #[test]
    fn index_operation_names_set_then_way() {
        let g = Geometry::new(128, 4, 32).unwrap();
        assert_eq!(g.index_operand(VirtAddr::new(0x8000_0000 | 3 << 12 | 5 << 5)), (5, 3));
        assert_eq!(g.to_string(), "16 KB 4-way 32 B");
    }

    #[test]
    fn set_way_operation_names_way_in_the_top_bits() {
        let g = Geometry::new(256, 2, 64).unwrap();
        assert_eq!(g.set_way_operand(1 << 31 | 7 << 6), Some((7, 1)));
        assert_eq!(g.set_way_operand(7 << 6 | 1 << 1), None);
        assert_eq!(Geometry::new(256, 1, 64).unwrap().set_way_operand(7 << 6), Some((7, 0)));
    }

    #[test]
    fn virtual_index_gives_a_line_two_colours() {
        let g = Geometry::new(256, 4, 32).unwrap().addressed(Addressing::Vipt);
        let set_of = |virt: u64, phys: u64| g.set_of(virt.into(), phys.into());
        assert_ne!(set_of(0x1000, 0x5000), set_of(0x2000, 0x5000));
        assert_eq!((g.colours(), g.addressed(Addressing::Pipt).colours()), (2, 1));
        assert_eq!(g.set_of_colour(PhysAddr::new(0x5020), 1), set_of(0x7020, 0x5020));
    }

    #[test]
    fn colours_are_of_pages_of_16_kb_too() {
        let page = PageSize::new(16 << 10).unwrap();
        let shape = |sets| Geometry::new(sets, 2, 32).unwrap().addressed(Addressing::Vipt).paged(page);
        assert_eq!([256, 512, 1024, 2048].map(|sets| shape(sets).colours()), [1, 1, 2, 4]);
        let g = shape(1024);
        assert_eq!(g.set_of_colour(PhysAddr::new(0x1_3020), 1), 0x7020 / 32);
        assert_eq!(g.set_of_colour(PhysAddr::new(0x1_3020), 0), 0x3020 / 32);
    }
}
