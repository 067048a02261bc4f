// SPDX-License-Identifier: GPL-2.0-or-later
//! The L1 caches of one or several CPUs over one memory: loads, stores and fetches.

use std::ops::Range;
use std::sync::Arc;

use crate::address::{PhysAddr, VirtAddr};
use crate::config::Config;
use crate::dcache::{DCache, OldLine, Write};
use crate::filter_cache::FilterCache;
use crate::geometry::Addressing;
use crate::icache::ICache;
use crate::line_origins::LineOrigins;
use crate::memory::Memory;
use crate::origin::Origin;
use crate::replacement::UseOrder;
use crate::stale::MaintenanceLog;
use crate::stale_copy::StaleLoad;

/// CacheTotals of one CPU's I$ or D$.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CacheTotals {
    /// Lines filled.
    pub fills: u64,
    /// Dirty lines written back because their slot was needed.
    pub evicted_dirty: u64,
    /// Dirty lines written back by maintenance.
    pub written_back: u64,
    /// Lines dropped by maintenance.
    pub invalidated: u64,
}

/// One CPU.
#[derive(Clone, Debug)]
pub(crate) struct Cpu {
    pub(crate) icache: ICache,
    pub(crate) dcache: DCache,
    pub(crate) itotals: CacheTotals,
    pub(crate) dtotals: CacheTotals,
}

impl Cpu {
    /// Returns the cold caches of a CPU, over the orders of use of all: of the D$, and of the I$.
    fn cold(config: &Config, [data, fetch]: &[Arc<UseOrder>; 2], number: usize) -> Self {
        Self {
            icache: ICache::new(config.icache, fetch, number, config.dcache.line()),
            dcache: DCache::new(config.dcache, data, number),
            itotals: CacheTotals::default(),
            dtotals: CacheTotals::default(),
        }
    }
}

/// The caches. D$ are coherent among themselves, by ownership of dirty lines that moves without a write-back; I$ are
/// coherent with nothing.
///
/// It is a strict strengthening of what hardware may do: no line is ever prefetched or filled by
/// speculation, so whatever is stale here can be stale on silicon, and not the other way round. Two colours of one line
/// that are dirty at the same time are both written back whole, so that no data is lost.
///
/// A virtual address must be given with the same physical one until [`Model::remapped`] says otherwise.
#[derive(Debug)]
pub struct Model<M> {
    pub(crate) memory: M,
    pub(crate) config: Config,
    pub(crate) cpus: Vec<Cpu>,
    pub(crate) running: usize,
    pub(crate) filter: Arc<FilterCache>,
    pub(crate) line_origins: LineOrigins,
    pub(crate) log: MaintenanceLog,
    /// By the `by` of maintenance operations: how many of their write-backs were fetched later.
    pub(crate) confirmed: Vec<u64>,
    /// See [`Model::set_swapped`].
    pub(crate) swapped: bool,
}

impl<M: Clone> Clone for Model<M> {
    fn clone(&self) -> Self {
        let copy = |order: &Arc<UseOrder>| Arc::new(UseOrder::clone(order));
        let orders = [copy(&self.cpus[0].dcache.tags.order), copy(&self.cpus[0].icache.tags.order)];
        let mut cpus = self.cpus.clone();
        for cpu in &mut cpus {
            let [data, fetch] = orders.clone();
            (cpu.dcache.tags.order, cpu.icache.tags.order) = (data, fetch);
        }
        Self {
            memory: self.memory.clone(),
            config: self.config,
            cpus,
            running: self.running,
            filter: Arc::new(self.filter.copy(&orders, self.config.dcache)),
            line_origins: self.line_origins.clone(),
            log: self.log.clone(),
            confirmed: self.confirmed.clone(),
            swapped: self.swapped,
        }
    }
}

impl<M: Memory> Model<M> {
    /// Returns cold caches over `memory`; CPU 0 is running.
    pub fn new(config: Config, memory: M) -> Self {
        let (i, d) = (config.icache, config.dcache);
        let order =
            |policy, geometry| Arc::new(UseOrder::new(policy, config.random_seed, config.cpus, geometry));
        let orders = [order(config.dcache_replacement, d), order(config.icache_replacement, i)];
        Self {
            line_origins: LineOrigins::new(memory.size(), d.line_shift()),
            filter: Arc::new(FilterCache::new(d, i, &orders)),
            cpus: (0..config.cpus).map(|n| Cpu::cold(&config, &orders, n)).collect(),
            running: 0,
            log: MaintenanceLog::new(),
            confirmed: Vec::new(),
            swapped: false,
            memory,
            config,
        }
    }

    /// Makes all caches cold, and forgets whatever was done: as [`Model::new`] makes it, over the memory as it is now. The
    /// table of lines at hand stays the same one.
    pub fn reset(&mut self) {
        let config = self.config;
        let orders = [&self.cpus[0].dcache.tags.order, &self.cpus[0].icache.tags.order].map(Arc::clone);
        orders[0].reset(config.dcache_replacement, config.random_seed);
        orders[1].reset(config.icache_replacement, config.random_seed);
        self.filter.reset();
        self.cpus = (0..config.cpus).map(|n| Cpu::cold(&config, &orders, n)).collect();
        self.running = 0;
        self.line_origins.reset();
        self.log.reset();
        self.confirmed.clear();
        self.swapped = false;
    }

    /// The filter, by which a caller can save itself most calls.
    pub fn filter_cache(&self) -> &Arc<FilterCache> {
        &self.filter
    }

    /// The memory below.
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// The memory below, to change the data view before the store is reported.
    pub fn memory_mut(&mut self) -> &mut M {
        &mut self.memory
    }

    /// What the caches are like.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The CPU that is running.
    pub fn running(&self) -> usize {
        self.running
    }

    /// CacheTotals of all I$ together.
    pub fn icache_totals(&self) -> CacheTotals {
        sum(self.cpus.iter().map(|cpu| cpu.itotals))
    }

    /// CacheTotals of all D$ together.
    pub fn dcache_totals(&self) -> CacheTotals {
        sum(self.cpus.iter().map(|cpu| cpu.dtotals))
    }

    /// Another CPU runs from now on: loads, stores, fetches and maintenance are its own.
    pub fn run_on(&mut self, cpu: usize) {
        if std::mem::replace(&mut self.running, cpu) == cpu {
            return;
        }
        self.filter.switch_cpu(cpu);
    }

    /// The guest has changed its mapping of virtual addresses.
    pub fn remapped(&mut self) {
        self.filter.next_generation();
        if self.config.icache.addressing() == Addressing::Vivt {
            self.filter.invalidate_all_fetches();
        }
    }

    /// A cacheable load of `len` bytes in one page, which may cross lines.
    ///
    /// Returns the first difference where the line that it hits holds other bytes than were stored last. The data view, which
    /// the guest really loads, has those that were.
    #[inline]
    pub fn load(&mut self, virt: VirtAddr, phys: PhysAddr, len: usize) -> Option<StaleLoad> {
        let mut stale = None;
        self.each_line(virt, phys, len, |model, virt, line, range| {
            if !model.filter.load_hits(virt) {
                let found = model.load_line(virt, line, range);
                stale = stale.take().or(found);
            }
        });
        stale
    }

    /// A cacheable store of `len` bytes in one page, which may cross lines; the data view has the new bytes already.
    #[inline]
    pub fn store(&mut self, virt: VirtAddr, phys: PhysAddr, len: usize, origin: Origin) {
        self.each_line(virt, phys, len, |model, virt, line, range| {
            if !model.filter.store_hits(virt, origin) {
                model.store_line(virt, line, range, origin);
            }
        });
    }

    /// Hands each line to `f`: the virtual and physical address of its first byte, and which of its bytes are accessed.
    #[inline]
    fn each_line(
        &mut self,
        virt: VirtAddr,
        phys: PhysAddr,
        len: usize,
        mut f: impl FnMut(&mut Self, VirtAddr, PhysAddr, Range<usize>),
    ) {
        let geometry = self.config.dcache;
        let (mut line, end) = (geometry.line_of(phys), phys + len as u64);
        loop {
            let first = if line < phys { (phys - line) as usize } else { 0 };
            let range = first..((end - line) as usize).min(geometry.line());
            f(self, virt.wrapping_add(line.wrapping_sub(phys)), line, range);
            line = line + geometry.line() as u64;
            if line >= phys + len as u64 {
                return;
            }
        }
    }

    /// A store past the caches (KSEG1, or ARM before its MMU is on): it reaches memory at once. It lies in one line.
    pub fn store_uncached(&mut self, phys: PhysAddr, len: usize, origin: Origin) {
        let line = self.config.dcache.line_of(phys);
        self.mark_suspect(line, false);
        let first = (phys - line) as usize;
        self.note_store(None, line, first..first + len, false);
        self.memory.write_back(phys, len);
        self.line_origins.store(self.memory.offset(line), origin);
    }

    /// Memory was written past the CPU, as by a device.
    pub fn written_by_device(&mut self, phys: PhysAddr, len: usize) {
        let (mut line, end) = (self.config.dcache.line_of(phys), phys + len as u64);
        while line < end {
            self.mark_suspect(line, false);
            line = line + self.config.dcache.line() as u64;
        }
        self.memory.write_back(phys, len);
    }

    /// Says whether the data view holds stale bytes that are swapped in for execution: while it does, that an I$ line equals
    /// it proves nothing.
    pub fn set_swapped(&mut self, swapped: bool) {
        self.swapped = swapped;
    }

    /// The data view of a range was changed and put back behind the model's back: where no dirty line
    /// covers it, the view below must equal it again.
    pub fn resync(&mut self, phys: PhysAddr, len: usize) {
        let size = self.config.dcache.line();
        let mut line = self.config.dcache.line_of(phys);
        while line < phys + len as u64 {
            if self.dirty_copy(line).is_none() && self.memory.contains(line, size) {
                self.memory.write_back(line, size);
            }
            line = line + size as u64;
        }
    }

    fn load_line(&mut self, virt: VirtAddr, line: PhysAddr, range: Range<usize>) -> Option<StaleLoad> {
        let slot = match self.find_data(virt, line) {
            Some(slot) => slot,
            None => self.allocate(virt, line),
        };
        let stale = match self.cpus[self.running].dcache.copies.has(slot) {
            true => self.compare_load(virt, slot, line, range),
            false => None,
        };
        let dirty = self.exclusive_dirty(slot);
        self.insert_into_filter(virt, slot, dirty);
        stale
    }

    fn store_line(&mut self, virt: VirtAddr, line: PhysAddr, range: Range<usize>, origin: Origin) {
        let found = self.find_data(virt, line);
        let size = self.config.dcache.line();
        let moved = self.config.cpus > 1 && self.take_from_others(line, found);
        let past_the_cache = match self.config.write {
            Write::BackAllocate => false,
            Write::BackNoAllocate => found.is_none(),
            Write::Through => true,
        };
        if past_the_cache {
            self.mark_suspect(line, false);
            self.note_store(found, line, range, moved);
            self.memory.write_back(line, size);
            self.line_origins.store(self.memory.offset(line), origin);
            if let Some(slot) = found {
                self.insert_into_filter(virt, slot, false);
            }
            return;
        }
        let slot = found.unwrap_or_else(|| self.allocate(virt, line));
        let dcache = &mut self.cpus[self.running].dcache;
        self.filter.set_last_store(dcache.number(slot), origin);
        let alone = !dcache.is_shared(slot);
        let newly_dirty = dcache.dirty(slot);
        if newly_dirty {
            self.mark_suspect(line, true);
        }
        // While a line stays dirty and is in no other D$, all others of it have their copies.
        if newly_dirty || !alone || !self.cpus[self.running].dcache.copies.is_empty() {
            self.note_store(Some(slot), line, range, moved || !newly_dirty);
        }
        self.insert_into_filter(virt, slot, true);
    }

    /// The slot of a line in the running CPU's D$. With virtual tags, a line of another physical address that is
    /// found there has to go.
    #[inline]
    fn find_data(&mut self, virt: VirtAddr, line: PhysAddr) -> Option<usize> {
        let geometry = self.config.dcache;
        let (set, key) = (geometry.set_of(virt, line), geometry.key_of(virt, line));
        let dcache = &mut self.cpus[self.running].dcache;
        let slot = dcache.hit(set, key)?;
        if dcache.phys(slot) == line {
            return Some(slot);
        }
        self.filter.invalidate(dcache.number(slot));
        if let Some(old) = dcache.evict(slot) {
            self.write_back_if_dirty(old);
        }
        None
    }

    fn allocate(&mut self, virt: VirtAddr, line: PhysAddr) -> usize {
        let geometry = self.config.dcache;
        let (set, key) = (geometry.set_of(virt, line), geometry.key_of(virt, line));
        let shared = self.config.cpus > 1 && self.share_with_others(line);
        let cpu = &mut self.cpus[self.running];
        cpu.dtotals.fills += 1;
        let (slot, old) = cpu.dcache.allocate(set, key, line, shared);
        if let Some(old) = old {
            cpu.dtotals.evicted_dirty += u64::from(old.dirty);
            self.write_back_if_dirty(old);
        }
        if !shared {
            self.note_fill(slot, line);
        }
        slot
    }

    /// Whether a store to a line changes nothing any more: it is dirty, and no other CPU has it.
    #[inline]
    fn exclusive_dirty(&self, slot: usize) -> bool {
        let dcache = &self.cpus[self.running].dcache;
        dcache.is_dirty(slot) && !dcache.is_shared(slot)
    }

    /// Inserts a line into the filter, unless each access to it has to be compared.
    #[inline]
    fn insert_into_filter(&self, virt: VirtAddr, slot: usize, dirty: bool) {
        let dcache = &self.cpus[self.running].dcache;
        let number = dcache.number(slot);
        match dcache.copies.has(slot) {
            true => self.filter.pass_over(number),
            false => self.filter.insert(virt, number, dirty),
        }
    }

    /// A CPU and a slot in its D$ that hold the physical line of an address dirty.
    #[inline]
    pub(crate) fn dirty_copy(&self, phys: PhysAddr) -> Option<(usize, usize)> {
        self.cpus.iter().enumerate().find_map(|(n, cpu)| Some((n, cpu.dcache.dirty_copy(phys)?)))
    }

    /// Writes back a line that has left its D$ slot, or was cleaned, if it was dirty.
    pub(crate) fn write_back_if_dirty(&mut self, old: OldLine) {
        if old.dirty {
            self.memory.write_back(old.line, self.config.dcache.line());
            self.line_origins.store(self.memory.offset(old.line), self.filter.last_store(old.slot));
        }
    }
}

fn sum(totals: impl Iterator<Item = CacheTotals>) -> CacheTotals {
    totals.fold(CacheTotals::default(), |a, b| CacheTotals {
        fills: a.fills + b.fills,
        evicted_dirty: a.evicted_dirty + b.evicted_dirty,
        written_back: a.written_back + b.written_back,
        invalidated: a.invalidated + b.invalidated,
    })
}
