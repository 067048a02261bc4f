// SPDX-License-Identifier: GPL-2.0-or-later
//! The memory under the caches, as the model needs to see it.

use crate::address::PhysAddr;

/// Guest memory in two views of equal size: what the data side reads, and what lies below the D$.
///
/// The model keeps no data of its own for the D$: a dirty line's new bytes are in the *data* view, its
/// old bytes in the *below* view, and a write-back copies one over the other. All addresses are physical;
/// a caller asks only for ranges for which [`Memory::contains`] holds.
pub trait Memory {
    /// Whether `[phys, phys + len)` is cacheable memory of this guest.
    fn contains(&self, phys: PhysAddr, len: usize) -> bool;

    /// Number of bytes, a multiple of the largest line.
    fn size(&self) -> u64;

    /// Offset of a physical address from the start of memory.
    fn offset(&self, phys: PhysAddr) -> u64;

    /// The bytes that a load would return.
    fn data(&self, phys: PhysAddr, len: usize) -> &[u8];

    /// The bytes at the point of unification: what an I$ fill would return.
    fn below(&self, phys: PhysAddr, len: usize) -> &[u8];

    /// Makes the view below equal to the data view.
    fn write_back(&mut self, phys: PhysAddr, len: usize);
}

/// Memory in two vectors, for tests and for models without a guest.
#[derive(Clone, Debug)]
pub struct PlainMemory {
    base: PhysAddr,
    data: Vec<u8>,
    below: Vec<u8>,
}

impl PlainMemory {
    /// Returns zeroed memory of `size` bytes at physical address `base`.
    pub fn new(base: impl Into<PhysAddr>, size: usize) -> Self {
        Self { base: base.into(), data: vec![0; size], below: vec![0; size] }
    }

    /// Stores bytes into the data view, as the guest's store does before the model hears of it.
    pub fn poke(&mut self, phys: impl Into<PhysAddr>, bytes: &[u8]) {
        let at = self.offset(phys.into()) as usize;
        self.data[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

impl Memory for PlainMemory {
    fn contains(&self, phys: PhysAddr, len: usize) -> bool {
        phys >= self.base && phys - self.base + len as u64 <= self.size()
    }

    fn size(&self) -> u64 {
        self.data.len() as u64
    }

    fn offset(&self, phys: PhysAddr) -> u64 {
        phys - self.base
    }

    fn data(&self, phys: PhysAddr, len: usize) -> &[u8] {
        let at = self.offset(phys) as usize;
        &self.data[at..at + len]
    }

    fn below(&self, phys: PhysAddr, len: usize) -> &[u8] {
        let at = self.offset(phys) as usize;
        &self.below[at..at + len]
    }

    fn write_back(&mut self, phys: PhysAddr, len: usize) {
        let at = self.offset(phys) as usize;
        self.below[at..at + len].copy_from_slice(&self.data[at..at + len]);
    }
}
