// SPDX-License-Identifier: GPL-2.0-or-later
//! The L1 caches of one or several CPUs over one memory: loads, stores and fetches.

use std::sync::Arc;

use crate::config::Config;
use crate::dcache::{DCache, Left, Write};
use crate::geometry::Addressing;
use crate::glance::Glance;
use crate::icache::ICache;
use crate::lines::Lines;
use crate::memory::Memory;
use crate::replacement::Order;
use crate::stale::History;
use crate::who::Who;

/// Totals of one CPU's I$ or D$.
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

/// One CPU.
#[derive(Clone, Debug)]
pub(crate) struct Cpu {
    pub(crate) icache: ICache,
    pub(crate) dcache: DCache,
    pub(crate) itotals: Totals,
    pub(crate) dtotals: Totals,
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
    pub(crate) glance: Arc<Glance>,
    pub(crate) lines: Lines,
    pub(crate) history: History,
    /// By the `by` of maintenance operations: how many of their write-backs were fetched later.
    pub(crate) confirmed: Vec<u64>,
    /// See [`Model::pretend`].
    pub(crate) pretending: bool,
}

impl<M: Clone> Clone for Model<M> {
    fn clone(&self) -> Self {
        let copy = |order: &Arc<Order>| Arc::new(Order::clone(order));
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
            glance: Arc::new(self.glance.copy(&orders, self.config.dcache)),
            lines: self.lines.clone(),
            history: self.history.clone(),
            confirmed: self.confirmed.clone(),
            pretending: self.pretending,
        }
    }
}

impl<M: Memory> Model<M> {
    /// Returns cold caches over `memory`; CPU 0 is running.
    pub fn new(config: Config, memory: M) -> Self {
        let (i, d) = (config.icache, config.dcache);
        let order = |policy, geometry| Arc::new(Order::new(policy, config.cpus, geometry));
        let orders = [order(config.dcache_replacement, d), order(config.icache_replacement, i)];
        let cpu = |n| Cpu {
            icache: ICache::new(i, &orders[1], n, d.line()),
            dcache: DCache::new(d, &orders[0], n),
            itotals: Totals::default(),
            dtotals: Totals::default(),
        };
        Self {
            lines: Lines::new(memory.size(), d.line_shift()),
            glance: Arc::new(Glance::new(d, i, &orders)),
            cpus: (0..config.cpus).map(cpu).collect(),
            running: 0,
            history: History::new(),
            confirmed: Vec::new(),
            pretending: false,
            memory,
            config,
        }
    }

    /// The table of lines at hand, by which a caller can save itself most calls.
    pub fn glance(&self) -> &Arc<Glance> {
        &self.glance
    }

    /// The memory below.
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// The memory below, to change the data view before telling the model of the store.
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

    /// Totals of all I$ together.
    pub fn icache_totals(&self) -> Totals {
        sum(self.cpus.iter().map(|cpu| cpu.itotals))
    }

    /// Totals of all D$ together.
    pub fn dcache_totals(&self) -> Totals {
        sum(self.cpus.iter().map(|cpu| cpu.dtotals))
    }

    /// Another CPU runs from now on: loads, stores, fetches and maintenance are its own.
    pub fn run_on(&mut self, cpu: usize) {
        if std::mem::replace(&mut self.running, cpu) == cpu {
            return;
        }
        self.glance.run_on(cpu);
    }

    /// The guest has changed its mapping of virtual addresses.
    pub fn remapped(&mut self) {
        self.glance.forget_data();
        if self.config.icache.addressing() == Addressing::Vivt {
            self.glance.spoil_all();
        }
    }

    /// A cacheable load of `len` bytes in one page, which may cross lines.
    #[inline]
    pub fn load(&mut self, virt: u64, phys: u64, len: usize) {
        self.each_line(virt, phys, len, |model, virt, line| {
            if !model.glance.loads(virt) {
                model.load_line(virt, line);
            }
        });
    }

    /// A cacheable store of `len` bytes in one page, which may cross lines; the data view has the new bytes already.
    #[inline]
    pub fn store(&mut self, virt: u64, phys: u64, len: usize, who: Who) {
        self.each_line(virt, phys, len, |model, virt, line| {
            if !model.glance.stores(virt, who) {
                model.store_line(virt, line, who);
            }
        });
    }

    #[inline]
    fn each_line(&mut self, virt: u64, phys: u64, len: usize, mut f: impl FnMut(&mut Self, u64, u64)) {
        let geometry = self.config.dcache;
        let mut line = geometry.line_of(phys);
        loop {
            f(self, virt.wrapping_add(line.wrapping_sub(phys)), line);
            line += geometry.line() as u64;
            if line >= phys + len as u64 {
                return;
            }
        }
    }

    /// A store past the caches (KSEG1, or ARM before its MMU is on): it reaches memory at once. It lies in one line.
    pub fn store_uncached(&mut self, phys: u64, len: usize, who: Who) {
        let line = self.config.dcache.line_of(phys);
        self.suspect(line, false);
        self.memory.write_back(phys, len);
        self.lines.store(self.memory.offset(line), who);
    }

    /// Memory was written past the CPU, as by a device.
    pub fn written_by_device(&mut self, phys: u64, len: usize) {
        let line = self.config.dcache.line();
        for at in (self.config.dcache.line_of(phys)..phys + len as u64).step_by(line) {
            self.suspect(at, false);
        }
        self.memory.write_back(phys, len);
    }

    /// Stale bytes are put into the data view, to be executed, and put back later: that a line is equal to them in the
    /// meantime says nothing about it.
    pub fn pretend(&mut self, pretending: bool) {
        self.pretending = pretending;
    }

    /// The data view of a range was changed and put back behind the model's back: where no dirty line
    /// covers it, the view below must equal it again.
    pub fn resync(&mut self, phys: u64, len: usize) {
        let size = self.config.dcache.line();
        let mut line = self.config.dcache.line_of(phys);
        while line < phys + len as u64 {
            if self.dirty_copy(line).is_none() && self.memory.contains(line, size) {
                self.memory.write_back(line, size);
            }
            line += size as u64;
        }
    }

    fn load_line(&mut self, virt: u64, line: u64) {
        let place = match self.find_data(virt, line) {
            Some(place) => place,
            None => self.allocate(virt, line),
        };
        let dirty = self.exclusive_dirty(place);
        self.admit(virt, place, dirty);
    }

    fn store_line(&mut self, virt: u64, line: u64, who: Who) {
        let found = self.find_data(virt, line);
        let size = self.config.dcache.line();
        if self.config.cpus > 1 {
            self.take_from_others(line, found);
        }
        let past_the_cache = match self.config.write {
            Write::BackAllocate => false,
            Write::BackNoAllocate => found.is_none(),
            Write::Through => true,
        };
        if past_the_cache {
            self.suspect(line, false);
            self.memory.write_back(line, size);
            self.lines.store(self.memory.offset(line), who);
            if let Some(place) = found {
                self.admit(virt, place, false);
            }
            return;
        }
        let place = found.unwrap_or_else(|| self.allocate(virt, line));
        let dcache = &mut self.cpus[self.running].dcache;
        self.glance.set_store(dcache.number(place), who);
        if dcache.dirty(place) {
            self.suspect(line, true);
        }
        self.admit(virt, place, true);
    }

    /// The place of a line in the running CPU's D$. With virtual tags, a line of another physical address that is
    /// found there has to go.
    #[inline]
    fn find_data(&mut self, virt: u64, line: u64) -> Option<usize> {
        let geometry = self.config.dcache;
        let (set, key) = (geometry.set_of(virt, line), geometry.key_of(virt, line));
        let dcache = &mut self.cpus[self.running].dcache;
        let place = dcache.hit(set, key)?;
        if dcache.phys(place) == line {
            return Some(place);
        }
        self.glance.forget(dcache.number(place));
        if let Some(left) = dcache.evict(place) {
            self.leave(left);
        }
        None
    }

    fn allocate(&mut self, virt: u64, line: u64) -> usize {
        let geometry = self.config.dcache;
        let (set, key) = (geometry.set_of(virt, line), geometry.key_of(virt, line));
        let shared = self.config.cpus > 1 && self.share_with_others(line);
        let cpu = &mut self.cpus[self.running];
        cpu.dtotals.fills += 1;
        let (place, left) = cpu.dcache.allocate(set, key, line, shared);
        if let Some(left) = left {
            cpu.dtotals.evicted_dirty += u64::from(left.dirty);
            self.leave(left);
        }
        place
    }

    /// Marks the other CPUs' copies of a line as shared; returns whether there are any.
    fn share_with_others(&mut self, line: u64) -> bool {
        let running = self.running;
        let mut any = false;
        for (_, cpu) in self.cpus.iter_mut().enumerate().filter(|(n, _)| *n != running) {
            any |= cpu.dcache.share(line);
        }
        any
    }

    /// A store makes a line this CPU's alone. What is dirty elsewhere comes along without a write-back.
    fn take_from_others(&mut self, line: u64, found: Option<usize>) {
        let running = self.running;
        let dcache = &self.cpus[running].dcache;
        if found.is_some_and(|place| !dcache.is_shared(place)) {
            return;
        }
        for (_, cpu) in self.cpus.iter_mut().enumerate().filter(|(n, _)| *n != running) {
            while let Some(place) = cpu.dcache.copy(line) {
                cpu.dcache.evict(place);
            }
        }
    }

    /// Whether a store to a line changes nothing any more: it is dirty, and no other CPU has it.
    #[inline]
    fn exclusive_dirty(&self, place: usize) -> bool {
        let dcache = &self.cpus[self.running].dcache;
        dcache.is_dirty(place) && !dcache.is_shared(place)
    }

    /// Makes a line known to the table.
    #[inline]
    fn admit(&self, virt: u64, place: usize, dirty: bool) {
        self.glance.admit(virt, self.cpus[self.running].dcache.number(place), dirty);
    }

    /// A CPU and a place in its D$ that hold the physical line of an address dirty.
    #[inline]
    pub(crate) fn dirty_copy(&self, phys: u64) -> Option<(usize, usize)> {
        self.cpus.iter().enumerate().find_map(|(n, cpu)| Some((n, cpu.dcache.dirty_copy(phys)?)))
    }

    /// What becomes of a line that has left a D$ place: written back if it was dirty.
    pub(crate) fn leave(&mut self, left: Left) {
        if left.dirty {
            self.memory.write_back(left.line, self.config.dcache.line());
            self.lines.store(self.memory.offset(left.line), self.glance.store_at(left.place));
        }
    }
}

fn sum(totals: impl Iterator<Item = Totals>) -> Totals {
    totals.fold(Totals::default(), |a, b| Totals {
        fills: a.fills + b.fills,
        evicted_dirty: a.evicted_dirty + b.evicted_dirty,
        written_back: a.written_back + b.written_back,
        invalidated: a.invalidated + b.invalidated,
    })
}
