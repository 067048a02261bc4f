// SPDX-License-Identifier: GPL-2.0-or-later
//! One CPU's L1 caches over its memory: loads, stores, fetches and maintenance.

use crate::dcache::{DCache, Evicted, Store};
use crate::geometry::Geometry;
use crate::icache::ICache;
use crate::maintenance::{Action, Operation, Scope, Side};
use crate::memory::Memory;

/// What was not done before a stale fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The I$ was filled while the D$ held newer bytes, and still lacks those.
    WriteBack,
    /// Memory has the new bytes; the I$ was filled before.
    Invalidate,
    /// The new bytes are only in the D$, and the I$ was filled before they were written.
    Both,
}

/// A fetch whose I$ bytes differ from what the data side sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// Physical address of the fetched bytes.
    pub phys: u64,
    /// The bytes in the I$.
    pub executed: Vec<u8>,
    /// The bytes that a load would return.
    pub expected: Vec<u8>,
    /// What was missing.
    pub missing: Missing,
    /// The last store to the line, if the model saw one.
    pub writer: Option<Store>,
}

/// Totals of one cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Lines filled.
    pub fills: u64,
    /// Dirty lines written back because their place was needed.
    pub evicted_dirty: u64,
    /// Dirty lines written back by maintenance.
    pub written_back: u64,
    /// Lines dropped by maintenance.
    pub invalidated: u64,
}

/// One CPU's L1 caches. The D$ is write-back and write-allocate, both replace the least recently used line.
///
/// It is a strict strengthening of what hardware may do: no line is ever prefetched or filled by
/// speculation, so whatever is stale here can be stale on silicon, and not the other way round.
#[derive(Clone, Debug)]
pub struct Model<M> {
    memory: M,
    icache: ICache,
    dcache: DCache,
    itotals: Totals,
    dtotals: Totals,
    /// The store before the last write-back of each line, for lines no longer dirty: address, then instruction.
    /// Two plain vectors, so that untouched pages of them cost no memory.
    written_pc: Vec<u64>,
    written_at: Vec<u64>,
}

impl<M: Memory> Model<M> {
    /// Returns cold caches over `memory`.
    pub fn new(icache: Geometry, dcache: Geometry, memory: M) -> Self {
        let lines = (memory.size() >> dcache.line_shift()) as usize;
        Self {
            memory,
            icache: ICache::new(icache),
            dcache: DCache::new(dcache),
            itotals: Totals::default(),
            dtotals: Totals::default(),
            written_pc: vec![0; lines],
            written_at: vec![0; lines],
        }
    }

    /// The memory below.
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// The memory below, to change the data view before telling the model of the store.
    pub fn memory_mut(&mut self) -> &mut M {
        &mut self.memory
    }

    /// Totals of the I$.
    pub fn icache_totals(&self) -> Totals {
        self.itotals
    }

    /// Totals of the D$.
    pub fn dcache_totals(&self) -> Totals {
        self.dtotals
    }

    /// Geometry of the I$.
    pub fn icache_geometry(&self) -> Geometry {
        self.icache.geometry()
    }

    /// A cacheable load of `len` bytes, which may cross lines.
    #[inline]
    pub fn load(&mut self, virt: u64, phys: u64, len: usize) {
        let geometry = self.dcache.geometry();
        let mut line = geometry.line_of(phys);
        loop {
            let set = geometry.set_of(virt.wrapping_add(line.wrapping_sub(phys)), line);
            if !self.dcache.load_recent(set, line) {
                self.load_line(set, line);
            }
            line += geometry.line() as u64;
            if line >= phys + len as u64 {
                return;
            }
        }
    }

    /// A cacheable store of `len` bytes, which may cross lines; the data view has the new bytes already.
    #[inline]
    pub fn store(&mut self, virt: u64, phys: u64, len: usize, store: Store) {
        let geometry = self.dcache.geometry();
        let mut line = geometry.line_of(phys);
        loop {
            let set = geometry.set_of(virt.wrapping_add(line.wrapping_sub(phys)), line);
            if !self.dcache.store_recent(set, line, store) {
                self.store_line(set, line, store);
            }
            line += geometry.line() as u64;
            if line >= phys + len as u64 {
                return;
            }
        }
    }

    /// A store past the caches (KSEG1, or ARM before its MMU is on): it reaches memory at once. It lies in one line.
    pub fn store_uncached(&mut self, phys: u64, len: usize, store: Store) {
        self.memory.write_back(phys, len);
        let geometry = self.dcache.geometry();
        self.remember(geometry.line_of(phys), store);
        self.suspect(geometry.line_of(phys));
    }

    /// Whether a fetch from an I$ line would find the line where it was used last, and with the bytes that the data
    /// side sees; then it changes nothing, and need not be made.
    #[inline]
    pub fn is_fresh(&self, set: usize, line: u64) -> bool {
        self.icache.recent_and_clean(set, line)
    }

    /// A fetch of `len` bytes within one I$ line; the line is filled if it is not there.
    ///
    /// Returns the difference when the bytes fetched are not the bytes that a load would return.
    #[inline]
    pub fn fetch(&mut self, virt: u64, phys: u64, len: usize) -> Option<Stale> {
        let geometry = self.icache.geometry();
        let (line, set) = (geometry.line_of(phys), geometry.set_of(virt, phys));
        if self.icache.recent_and_clean(set, line) {
            return None;
        }
        self.fetch_line(set, line, virt, phys, len)
    }

    fn fetch_line(&mut self, set: usize, line: u64, virt: u64, phys: u64, len: usize) -> Option<Stale> {
        let place = self.icache.hit(set, line).unwrap_or_else(|| self.fill(virt, set, line));
        if !self.icache.is_suspect(place) {
            return None;
        }
        self.compare(place, virt, phys, len)
    }

    /// Executes a maintenance operation. `virt` is its operand; `phys` the translation of it, for
    /// operations by address (`None` when there is none, which makes it a no-op).
    pub fn maintain(&mut self, operation: &Operation, virt: u64, phys: Option<u64>) {
        if matches!(operation.action, Action::None | Action::Prefetch) {
            return;
        }
        if matches!(operation.side, Side::D | Side::Both) {
            self.maintain_data(operation, virt, phys);
        }
        if matches!(operation.side, Side::I | Side::Both) {
            self.maintain_instructions(operation, virt, phys);
        }
    }

    /// The data view of a range was changed and put back behind the model's back: where no dirty line
    /// covers it, the view below must equal it again.
    pub fn resync(&mut self, phys: u64, len: usize) {
        let size = self.dcache.geometry().line();
        let mut line = self.dcache.geometry().line_of(phys);
        while line < phys + len as u64 {
            let dirty = self.dcache.find(line, line).is_some_and(|place| self.dcache.is_dirty(place));
            if !dirty && self.memory.contains(line, size) {
                self.memory.write_back(line, size);
            }
            line += size as u64;
        }
    }

    fn load_line(&mut self, set: usize, line: u64) {
        if self.dcache.hit(set, line).is_none() {
            self.allocate(set, line);
        }
    }

    fn store_line(&mut self, set: usize, line: u64, store: Store) {
        let place = match self.dcache.hit(set, line) {
            Some(place) => place,
            None => self.allocate(set, line),
        };
        if self.dcache.dirty(place, store) {
            self.suspect(line);
        }
    }

    fn allocate(&mut self, set: usize, line: u64) -> usize {
        self.dtotals.fills += 1;
        let (place, evicted) = self.dcache.allocate(set, line);
        if let Some(old) = evicted.filter(|old| old.dirty) {
            self.dtotals.evicted_dirty += 1;
            self.write_back(old);
        }
        place
    }

    fn fill(&mut self, virt: u64, set: usize, line: u64) -> usize {
        self.itotals.fills += 1;
        let stale = self.dirty_places(virt, line).next().is_some();
        self.icache.fill(set, line, stale, &self.memory)
    }

    /// The places of the dirty D$ lines within one I$ line: several where the I$ has the longer line.
    fn dirty_places(&self, virt: u64, iline: u64) -> impl Iterator<Item = usize> + '_ {
        let step = self.dcache.geometry().line();
        (0..self.icache.geometry().line()).step_by(step).filter_map(move |at| {
            let place = self.dcache.find(virt, iline + at as u64)?;
            self.dcache.is_dirty(place).then_some(place)
        })
    }

    /// The data side of one D$ line changes: every I$ line that overlaps it must be compared from now on.
    fn suspect(&mut self, dline: u64) {
        let geometry = self.icache.geometry();
        for at in (0..self.dcache.geometry().line()).step_by(geometry.line()) {
            self.icache.suspect(geometry.line_of(dline + at as u64));
        }
    }

    #[cold]
    fn compare(&mut self, place: usize, virt: u64, phys: u64, len: usize) -> Option<Stale> {
        let executed = self.icache.bytes(place, phys, len);
        let expected = self.memory.data(phys, len);
        if executed == expected {
            return None;
        }
        // An I$ line can span several D$ lines: the one that differs is the one to be judged.
        let differs = executed.iter().zip(expected).position(|(a, b)| a != b).unwrap_or(0) as u64;
        let (virt, first) = (virt + differs, phys + differs);
        let (executed, expected) = (executed.to_vec(), expected.to_vec());
        let dirty = self.dcache.find(virt, first).filter(|place| self.dcache.is_dirty(*place));
        let missing = match dirty {
            Some(_) if self.icache.was_filled_stale(place) => Missing::WriteBack,
            Some(_) => Missing::Both,
            None => Missing::Invalidate,
        };
        let writer = dirty.map(|place| self.dcache.store_at(place)).or_else(|| self.remembered(first));
        Some(Stale { phys, executed, expected, missing, writer })
    }

    fn maintain_data(&mut self, operation: &Operation, virt: u64, phys: Option<u64>) {
        let places = match operation.scope {
            Scope::Address => match phys.and_then(|phys| self.dcache.find(virt, phys)) {
                Some(place) => place..place + 1,
                None => return,
            },
            Scope::All => self.dcache.places(),
            // Of two addresses, of which only one comes here.
            Scope::Range => return,
            Scope::Index | Scope::SetWay => match self.operand(self.dcache.geometry(), operation, virt) {
                Some((set, way)) => {
                    let place = self.dcache.place(set, way);
                    place..place + 1
                }
                None => return,
            },
        };
        for place in places {
            let line = match operation.action {
                Action::Clean => self.dcache.clean(place),
                _ => self.dcache.evict(place),
            };
            let Some(line) = line else { continue };
            if line.dirty {
                self.dtotals.written_back += 1;
                self.write_back(line);
            }
            self.dtotals.invalidated += u64::from(operation.action != Action::Clean);
        }
    }

    fn maintain_instructions(&mut self, operation: &Operation, virt: u64, phys: Option<u64>) {
        let dropped = match (operation.scope, operation.action, phys) {
            (Scope::Address, Action::Fill, Some(phys)) => {
                let line = self.icache.geometry().line_of(phys);
                let set = self.icache.geometry().set_of(virt, phys);
                // The line is read anew even if it is there.
                self.icache.invalidate(virt, phys);
                self.fill(virt, set, line);
                false
            }
            (Scope::Address, _, Some(phys)) => self.icache.invalidate(virt, phys),
            (Scope::Address, _, None) | (Scope::Range, ..) => false,
            (Scope::All, ..) => {
                self.itotals.invalidated += self.icache.invalidate_all();
                false
            }
            (Scope::Index | Scope::SetWay, ..) => {
                match self.operand(self.icache.geometry(), operation, virt) {
                    Some((set, way)) => self.icache.invalidate_way(set, way),
                    None => false,
                }
            }
        };
        self.itotals.invalidated += u64::from(dropped);
    }

    fn operand(&self, geometry: Geometry, operation: &Operation, virt: u64) -> Option<(usize, usize)> {
        match operation.scope {
            Scope::SetWay => geometry.set_way_operand(virt as u32),
            _ => Some(geometry.index_operand(virt)),
        }
    }

    fn write_back(&mut self, old: Evicted) {
        self.memory.write_back(old.line, self.dcache.geometry().line());
        self.remember(old.line, old.store);
    }

    fn remember(&mut self, line: u64, store: Store) {
        let at = (self.memory.offset(line) >> self.dcache.geometry().line_shift()) as usize;
        self.written_pc[at] = store.pc;
        self.written_at[at] = store.instruction;
    }

    fn remembered(&self, phys: u64) -> Option<Store> {
        let at = (self.memory.offset(phys) >> self.dcache.geometry().line_shift()) as usize;
        (self.written_pc[at] != 0)
            .then(|| Store { pc: self.written_pc[at], instruction: self.written_at[at] })
    }
}
