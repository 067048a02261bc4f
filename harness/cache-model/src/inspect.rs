// SPDX-License-Identifier: GPL-2.0-or-later
//! What a slot in a cache holds, as MIPS Index_Load_Tag reads it.

use crate::address::{PhysAddr, VirtAddr};
use crate::maintenance::Side;
use crate::memory::Memory;
use crate::model::Model;

/// A valid line, by what its tag says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Physical address of the line.
    pub phys: PhysAddr,
    /// Whether it is newer than memory; never in an I$.
    pub dirty: bool,
}

impl<M: Memory> Model<M> {
    /// Whether a fetch by the running CPU of `len` bytes within one I$ line would get what was stored last, from the line that is
    /// there or by a fill. It is a look only: nothing is filled.
    pub fn would_fetch_fresh(&self, virt: VirtAddr, phys: PhysAddr, len: usize) -> bool {
        let icache = &self.cpus[self.running].icache;
        let line = self.config.icache.line_of(phys);
        match icache.find(virt, phys) {
            Some(slot) if !icache.is_suspect(slot) => icache.phys(slot) == line,
            Some(slot) => icache.bytes(slot, (phys - line) as usize, len) == self.memory.data(phys, len),
            None => self.memory.below(phys, len) == self.memory.data(phys, len),
        }
    }

    /// The tag of the line in a set and way of one of the running CPU's caches, if a valid one is there. It is a look
    /// only: nothing was used.
    pub fn tag(&self, side: Side, set: usize, way: usize) -> Option<Tag> {
        let cpu = &self.cpus[self.running];
        match side {
            Side::I => cpu.icache.valid(cpu.icache.slot(set, way)).map(|phys| Tag { phys, dirty: false }),
            Side::D => {
                let slot = cpu.dcache.slot(set, way);
                cpu.dcache.valid(slot).map(|phys| Tag { phys, dirty: cpu.dcache.is_dirty(slot) })
            }
            Side::Both | Side::Outer => None,
        }
    }
}
