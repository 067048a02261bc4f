// SPDX-License-Identifier: GPL-2.0-or-later
//! The contents of D$ lines that differ from what the last store left behind: lines of another colour than the one that was
//! written, and lines over memory that was written past them.
//!
//! A D$ line's bytes are those of the data view, so that the model keeps none. Only where a store goes elsewhere while the
//! line stays does the line have a copy: of the bytes that it held before. They come from the view below, which has them
//! until the store is written back. Of a line that was dirty itself, or came from another CPU's D$, the view below has older
//! ones: that its bytes are stale is right then, what they were is not exact.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::address::{PhysAddr, VirtAddr};
use crate::memory::Memory;
use crate::model::Model;
use crate::origin::Origin;
use crate::stale::Missing;

/// A load through the D$ whose bytes differ from what was stored last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleLoad {
    /// Virtual address of the first byte that differs.
    pub virt: VirtAddr,
    /// Its physical address.
    pub phys: PhysAddr,
    /// The bytes in the line that was hit, from there to the end of the load or of the line.
    pub loaded: Vec<u8>,
    /// The bytes that were stored last.
    pub expected: Vec<u8>,
    /// What was missing: the write-back of the line that was stored to, the invalidation of the one that was hit, or both.
    pub missing: Missing,
    /// The last store to the line, if the model saw one.
    pub writer: Option<Origin>,
    /// The colour of the line that was hit.
    pub colour: usize,
    /// The colour of a line that holds the store, while it is dirty.
    pub written_colour: Option<usize>,
}

/// What a slot of a D$ holds, where that is not the data view.
#[derive(Clone, Debug)]
struct StaleCopy {
    bytes: Box<[u8]>,
    /// Which of them are from before a store that went elsewhere; the others are the data view's.
    older: Box<[bool]>,
    /// It was filled while another line of the same memory was dirty.
    filled_stale: bool,
}

/// The copies of one D$, by slot.
#[derive(Clone, Debug, Default)]
pub(crate) struct StaleCopies(BTreeMap<usize, StaleCopy>);

impl StaleCopies {
    /// Whether no slot has a copy.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a slot has a copy.
    #[inline]
    pub(crate) fn has(&self, slot: usize) -> bool {
        !self.0.is_empty() && self.0.contains_key(&slot)
    }

    /// The line in a slot has left it.
    #[inline]
    pub(crate) fn forget(&mut self, slot: usize) {
        if !self.0.is_empty() {
            self.0.remove(&slot);
        }
    }

    /// A line was filled with bytes from below another one that is dirty.
    fn filled(&mut self, slot: usize, below: &[u8]) {
        let older = vec![true; below.len()].into();
        self.0.insert(slot, StaleCopy { bytes: below.into(), older, filled_stale: true });
    }

    /// The bytes of a range were stored elsewhere. A line without a copy held `below` until then, unless it is `newer`; then only
    /// the range is known to be older.
    fn stored_elsewhere(&mut self, slot: usize, below: &[u8], range: Range<usize>, newer: bool) {
        let fresh = || StaleCopy {
            bytes: below.into(),
            older: vec![!newer; below.len()].into(),
            filled_stale: false,
        };
        let copy = self.0.entry(slot).or_insert_with(fresh);
        for at in range.filter(|at| !std::mem::replace(&mut copy.older[*at], true)) {
            copy.bytes[at] = below[at];
        }
    }

    /// The bytes of a range were stored into this line.
    fn stored_here(&mut self, slot: usize, range: Range<usize>) {
        if let Some(copy) = self.0.get_mut(&slot) {
            copy.older[range].fill(false);
        }
    }
}

impl<M: Memory> Model<M> {
    /// A line was filled from memory: it is old from the start if another colour of it is dirty in the same D$. What is dirty
    /// in another CPU's comes from there.
    pub(crate) fn note_fill(&mut self, slot: usize, line: PhysAddr) {
        let dcache = &mut self.cpus[self.running].dcache;
        let contained = self.memory.contains(line, dcache.geometry().line());
        if contained && dcache.tags.may_be_elsewhere(line) && dcache.dirty_copy(line).is_some() {
            dcache.copies.filled(slot, self.memory.below(line, dcache.geometry().line()));
        }
    }

    /// Bytes of a line were stored, to a slot of the running CPU's D$ or past the caches (`None`), and are not yet in the view
    /// below: every other slot with the line holds what it held before. Other CPUs have it only where the store went past
    /// the caches. With `newer` a line without a copy may hold more than is below: the line that is stored to was dirty before, here
    /// or in another CPU's D$.
    pub(crate) fn note_store(
        &mut self,
        slot: Option<usize>,
        line: PhysAddr,
        range: Range<usize>,
        newer: bool,
    ) {
        if !self.memory.contains(line, self.config.dcache.line()) {
            return;
        }
        let below = self.memory.below(line, self.config.dcache.line());
        for (number, cpu) in self.cpus.iter_mut().enumerate() {
            let here = slot.filter(|_| number == self.running);
            if slot.is_some() && !(here.is_some() && cpu.dcache.tags.may_be_elsewhere(line)) {
                continue;
            }
            let copies = cpu.dcache.tags.slots_of(line).filter(|other| Some(*other) != here);
            for other in copies.collect::<Vec<_>>() {
                let newer = newer || cpu.dcache.is_dirty(other);
                cpu.dcache.copies.stored_elsewhere(other, below, range.clone(), newer);
                self.filter.invalidate(cpu.dcache.number(other));
            }
        }
        if let Some(slot) = slot {
            self.cpus[self.running].dcache.copies.stored_here(slot, range);
        }
    }

    /// Compares what a load of `range` finds in a slot with what was stored last.
    #[cold]
    pub(crate) fn compare_load(
        &mut self,
        virt: VirtAddr,
        slot: usize,
        line: PhysAddr,
        range: Range<usize>,
    ) -> Option<StaleLoad> {
        let cpu = &mut self.cpus[self.running];
        let geometry = cpu.dcache.geometry();
        let data = self.memory.data(line, geometry.line());
        let copy = cpu.dcache.copies.0.get(&slot)?;
        let is_stale = |at: &usize| copy.older[*at] && copy.bytes[*at] != data[*at];
        let Some(first) = range.clone().find(is_stale) else {
            // Bytes that are swapped in for execution prove nothing.
            if !self.swapped
                && !(0..data.len()).any(|at| is_stale(&at))
                && cpu.dcache.dirty_copy(line).is_none()
            {
                cpu.dcache.copies.forget(slot);
            }
            return None;
        };
        let loaded =
            (first..range.end).map(|at| if copy.older[at] { copy.bytes[at] } else { data[at] }).collect();
        let expected = data[first..range.end].to_vec();
        let filled_stale = copy.filled_stale;
        let dirty =
            cpu.dcache.tags.slots_of(line).find(|other| *other != slot && cpu.dcache.is_dirty(*other));
        let missing = match dirty {
            Some(_) if filled_stale => Missing::WriteBack,
            Some(_) => Missing::Both,
            None => Missing::Invalidate,
        };
        let writer = match dirty {
            Some(dirty) => Some(self.filter.last_store(cpu.dcache.number(dirty))),
            None => self.line_origins.stored(self.memory.offset(line)),
        };
        Some(StaleLoad {
            virt: virt + first as u64,
            phys: line + first as u64,
            loaded,
            expected,
            missing,
            writer,
            colour: geometry.colour_of_set(cpu.dcache.tags.set_of_slot(slot)),
            written_colour: dirty.map(|dirty| geometry.colour_of_set(cpu.dcache.tags.set_of_slot(dirty))),
        })
    }
}
