// SPDX-License-Identifier: GPL-2.0-or-later
//! The same CPUs in the most obvious way. Slow, and with nothing in common with the model but the geometry's arithmetic.
//!
//! What the guest's loads see is coherent, as QEMU's are: a store changes the bytes of every copy of the line, wherever
//! it is, and only the copy that was stored to becomes dirty. A dirty line that leaves takes all of its bytes to memory.
//! Two colours of a line that are dirty at once, which no kernel lets happen, are thus written back whole one after
//! the other; only who stored last is not defined then, and [`Naive::contested`] says so.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use cache_model::maintenance::Side;
use cache_model::{CacheTotals, Config, FlushUse, Missing, Origin, PastOperation, Proximity, Snoops, Write};

use crate::cache::{Cache, Line, Slot};

pub struct Cpu {
    pub icache: Cache,
    pub dcache: Cache,
}

/// All CPUs, and the memory below them.
pub struct Naive {
    pub config: Config,
    pub cpus: Vec<Cpu>,
    pub running: usize,
    base: u64,
    memory: Vec<u8>,
    /// The last store to each D$ line.
    writers: BTreeMap<u64, Origin>,
    /// Lines of which the model need not know who stored last.
    contested: BTreeSet<u64>,
    /// Lines of which the model need not know what every slot holds: two were dirty at once, or one while memory was written.
    inexact: BTreeSet<u64>,
    /// Maintenance operations that wrote a line back, until it is fetched.
    pub cleaners: BTreeMap<u64, u32>,
    pub confirmed: BTreeMap<u32, u64>,
    pub notes: VecDeque<(Option<u64>, Origin, FlushUse)>,
    pub itotals: CacheTotals,
    pub dtotals: CacheTotals,
}

/// What is to be said of a stale byte.
pub struct Why {
    pub missing: Missing,
    pub writer: Option<Origin>,
    pub dirty_in: Option<usize>,
}

impl Naive {
    pub fn new(config: Config, base: u64, size: usize) -> Self {
        let cpu = |_| Cpu {
            icache: Cache::new(config.icache, config.icache_replacement, config.random_seed),
            dcache: Cache::new(config.dcache, config.dcache_replacement, config.random_seed),
        };
        Self {
            cpus: (0..config.cpus).map(cpu).collect(),
            running: 0,
            base,
            memory: vec![0; size],
            writers: BTreeMap::new(),
            contested: BTreeSet::new(),
            inexact: BTreeSet::new(),
            cleaners: BTreeMap::new(),
            confirmed: BTreeMap::new(),
            notes: VecDeque::new(),
            itotals: CacheTotals::default(),
            dtotals: CacheTotals::default(),
            config,
        }
    }

    /// What the running CPU has in a slot: address of the line, and whether it is dirty.
    pub fn tag(&self, side: Side, slot: Slot) -> Option<(u64, bool)> {
        let cpu = &self.cpus[self.running];
        let cache = if side == Side::I { &cpu.icache } else { &cpu.dcache };
        cache.at(slot).map(|line| (line.phys, line.dirty))
    }

    /// The bytes of memory, below all caches.
    pub fn below(&self, phys: u64, len: usize) -> &[u8] {
        let at = (phys - self.base) as usize;
        &self.memory[at..at + len]
    }

    fn write_memory(&mut self, phys: u64, bytes: &[u8]) {
        let at = (phys - self.base) as usize;
        self.memory[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Every copy of the physical line of an address in any D$.
    fn copies(&self, phys: u64) -> Vec<(usize, Slot)> {
        let all = self.cpus.iter().enumerate();
        all.flat_map(|(cpu, of)| of.dcache.copies(phys).into_iter().map(move |slot| (cpu, slot))).collect()
    }

    pub fn dirty_copies(&self, phys: u64) -> Vec<(usize, Slot)> {
        let copies = self.copies(phys).into_iter();
        copies.filter(|(cpu, slot)| self.cpus[*cpu].dcache.line(*slot).dirty).collect()
    }

    /// The whole D$ line of an address as loads see it. All copies agree, or the data side were not coherent.
    fn current(&self, phys: u64) -> Vec<u8> {
        let g = self.config.dcache;
        let copies = self.copies(phys);
        let of = |copy: &(usize, Slot)| &self.cpus[copy.0].dcache.line(copy.1).bytes;
        let Some(first) = copies.first() else { return self.below(g.line_of(phys), g.line()).to_vec() };
        for copy in &copies {
            assert_eq!(of(copy), of(first), "two copies of {phys:x} differ");
        }
        of(first).clone()
    }

    /// The bytes that a load sees.
    pub fn data(&self, phys: u64, len: usize) -> Vec<u8> {
        let g = self.config.dcache;
        let lines = (g.line_of(phys)..phys + len as u64).step_by(g.line());
        let all: Vec<u8> = lines.flat_map(|line| self.current(line)).collect();
        let skip = (phys - g.line_of(phys)) as usize;
        all[skip..skip + len].to_vec()
    }

    /// The slot that a load or store hits; a line of another physical address that is found there goes first.
    fn hit_data(&mut self, virt: u64, phys: u64) -> Option<Slot> {
        let line = self.config.dcache.line_of(phys);
        let dcache = &mut self.cpus[self.running].dcache;
        let slot = dcache.find(virt, phys)?;
        dcache.touch(slot);
        if dcache.line(slot).phys == line {
            return Some(slot);
        }
        let old = dcache.take(slot);
        self.leave(old.as_ref());
        None
    }

    pub fn leave(&mut self, line: Option<&Line>) -> bool {
        let Some(line) = line.filter(|line| line.dirty) else { return false };
        self.write_memory(line.phys, &line.bytes);
        true
    }

    /// Fills a line; from another CPU, if that has it or had it.
    fn fill_data(&mut self, virt: u64, phys: u64, bytes: Vec<u8>, taken: bool) -> Slot {
        let g = self.config.dcache;
        let elsewhere = taken || self.copies(phys).iter().any(|(cpu, _)| *cpu != self.running);
        let line = Line {
            phys: g.line_of(phys),
            key: g.key_of(virt.into(), phys.into()),
            held: bytes.clone(),
            bytes,
            dirty: false,
            lacks: Vec::new(),
        };
        let (slot, old) = self.cpus[self.running].dcache.insert(g.set_of(virt.into(), phys.into()), line);
        self.dtotals.fills += 1;
        self.dtotals.evicted_dirty += u64::from(self.leave(old.as_ref()));
        if self.copies(phys).len() == 1 {
            self.inexact.remove(&g.line_of(phys));
        }
        if elsewhere && self.dirty_copies(phys).iter().any(|(cpu, _)| *cpu == self.running) {
            self.inexact.insert(g.line_of(phys));
        }
        // Another CPU has the bytes that were stored last, memory those that were written back: here, with what made room for it.
        if !elsewhere {
            let held = self.below(g.line_of(phys), g.line()).to_vec();
            self.cpus[self.running].dcache.line_mut(slot).held = held;
        }
        slot
    }

    /// The virtual and physical address of each D$ line that an access touches.
    fn touched(&self, virt: u64, phys: u64, len: usize) -> Vec<(u64, u64)> {
        let g = self.config.dcache;
        let lines = (g.line_of(phys)..phys + len as u64).step_by(g.line());
        lines.map(|line| (virt.wrapping_add(line).wrapping_sub(phys), line)).collect()
    }

    /// Returns what each byte would be in the lines that are hit; `None` of a line of which the model need not know it.
    pub fn load(&mut self, virt: u64, phys: u64, len: usize) -> Vec<Option<u8>> {
        let mut held = Vec::new();
        for (virt, line) in self.touched(virt, phys, len) {
            let slot = self.hit_data(virt, line).unwrap_or_else(|| {
                let bytes = self.current(line);
                self.fill_data(virt, line, bytes, false)
            });
            let exact = !self.inexact.contains(&line);
            let hit = self.cpus[self.running].dcache.line(slot);
            let accessed = (line..).zip(&hit.held).filter(|(at, _)| (phys..phys + len as u64).contains(at));
            held.extend(accessed.map(|(_, byte)| exact.then_some(*byte)));
        }
        held
    }

    pub fn store(&mut self, virt: u64, phys: u64, bytes: &[u8], origin: Origin) {
        for (virt, line) in self.touched(virt, phys, bytes.len()) {
            let mut new = self.current(line);
            let here = (phys..).zip(bytes).filter(|(at, _)| self.config.dcache.line_of(*at) == line);
            let here: Vec<(usize, u8)> = here.map(|(at, byte)| ((at - line) as usize, *byte)).collect();
            for (at, byte) in &here {
                new[*at] = *byte;
            }
            let slot = self.store_line(virt, line, &new, origin);
            if let Some(slot) = slot {
                let held = &mut self.cpus[self.running].dcache.line_mut(slot).held;
                here.iter().for_each(|(at, byte)| held[*at] = *byte);
            }
        }
    }

    /// Returns the slot that the bytes went to, if they did not only go past the cache.
    fn store_line(&mut self, virt: u64, line: u64, new: &[u8], origin: Origin) -> Option<Slot> {
        let hit = self.hit_data(virt, line);
        let mut taken = false;
        for (cpu, slot) in self.copies(line) {
            if cpu != self.running {
                // Its bytes, dirty or not, are in the new ones already.
                if self.cpus[cpu].dcache.take(slot).is_some_and(|line| line.dirty) {
                    self.inexact.insert(line);
                }
                taken = true;
            }
        }
        let cached = match self.config.write {
            Write::BackAllocate => true,
            Write::BackNoAllocate => hit.is_some(),
            Write::Through => false,
        };
        // The bytes are there before a line makes room, which with virtual tags can be another copy of this one.
        for (cpu, slot) in self.copies(line) {
            self.cpus[cpu].dcache.line_mut(slot).bytes.copy_from_slice(new);
        }
        let mut stored = hit;
        if cached {
            let slot = hit.unwrap_or_else(|| self.fill_data(virt, line, new.to_vec(), taken));
            stored = Some(slot);
            if !std::mem::replace(&mut self.cpus[self.running].dcache.line_mut(slot).dirty, true) {
                self.announce(line);
            }
        } else {
            self.write_memory(line, new);
        }
        if self.dirty_copies(line).len() > usize::from(cached) {
            self.contested.insert(line);
            self.inexact.insert(line);
        } else {
            self.contested.remove(&line);
        }
        self.writers.insert(line, origin);
        stored
    }

    /// A store past the caches, within one line; loads see it too, as on the machines that the model stands for.
    pub fn store_uncached(&mut self, phys: u64, bytes: &[u8], origin: Origin) {
        self.write_memory(phys, bytes);
        let line = self.config.dcache.line_of(phys);
        for (cpu, slot) in self.copies(line) {
            let at = (phys - line) as usize;
            self.cpus[cpu].dcache.line_mut(slot).bytes[at..at + bytes.len()].copy_from_slice(bytes);
        }
        if self.dirty_copies(line).is_empty() {
            self.contested.remove(&line);
            self.writers.insert(line, origin);
        } else {
            self.inexact.insert(line);
        }
    }

    /// A D$ line becomes dirty: what I$ lines lack of it from now on is not what they lacked when they were filled.
    fn announce(&mut self, dline: u64) {
        let (i, d) = (self.config.icache, self.config.dcache);
        for cpu in &mut self.cpus {
            for at in (i.line_of(dline)..dline + d.line() as u64).step_by(i.line()) {
                for slot in cpu.icache.copies(at) {
                    let lacks = cpu.icache.line_mut(slot).lacks.iter_mut();
                    for (_, lacks) in (at..).zip(lacks).filter(|(byte, _)| d.line_of(*byte) == dline) {
                        *lacks = false;
                    }
                }
            }
        }
    }

    /// The bytes that a fetch sees, within one I$ line, and what is to be said of the first that is stale.
    pub fn fetch(&mut self, virt: u64, phys: u64, len: usize) -> (Vec<u8>, Option<Why>) {
        let at = (phys - self.config.icache.line_of(phys)) as usize;
        let icache = &mut self.cpus[self.running].icache;
        let slot = match icache.find(virt, phys) {
            Some(slot) => {
                icache.touch(slot);
                slot
            }
            None => self.fill(virt, phys),
        };
        let line = self.cpus[self.running].icache.line(slot);
        let bytes = line.bytes[at..at + len].to_vec();
        let expected = self.data(phys, len);
        let differs = bytes.iter().zip(&expected).position(|(a, b)| a != b);
        let why = differs.map(|n| self.explain(phys + n as u64, line, at + n));
        (bytes, why)
    }

    pub fn fill(&mut self, virt: u64, phys: u64) -> Slot {
        let (i, d) = (self.config.icache, self.config.dcache);
        let start = i.line_of(phys);
        let mut bytes = self.below(start, i.line()).to_vec();
        let mut lacks = vec![false; i.line()];
        let size = i.line().min(d.line());
        for (n, at) in (start..start + i.line() as u64).enumerate().step_by(size) {
            let part = n..n + size;
            let Some((cpu, slot)) = self.dirty_copies(at).first().copied() else {
                if let Some(by) = self.cleaners.remove(&d.line_of(at)) {
                    *self.confirmed.entry(by).or_default() += 1;
                }
                continue;
            };
            let snooped = match self.config.snoops {
                Snoops::Nothing => false,
                Snoops::Own => cpu == self.running,
                Snoops::Others => cpu != self.running,
                Snoops::All => true,
            };
            if snooped {
                let from = (at - d.line_of(at)) as usize;
                bytes[part].copy_from_slice(&self.cpus[cpu].dcache.line(slot).bytes[from..from + size]);
            } else {
                lacks[part].fill(true);
            }
        }
        let (key, held) = (i.key_of(virt.into(), phys.into()), Vec::new());
        let line = Line { phys: start, key, bytes, held, dirty: false, lacks };
        self.itotals.fills += 1;
        self.cpus[self.running].icache.insert(i.set_of(virt.into(), phys.into()), line).0
    }

    fn explain(&self, phys: u64, line: &Line, at: usize) -> Why {
        let (i, d) = (self.config.icache, self.config.dcache);
        let dirty = self.dirty_copies(phys);
        let missing = match dirty.first() {
            None => Missing::Invalidate,
            Some(_) if line.phys == i.line_of(phys) && line.lacks[at] => Missing::WriteBack,
            Some(_) => Missing::Both,
        };
        let dirty_in = dirty.first().map(|copy| copy.0).filter(|cpu| *cpu != self.running);
        let writer = self.writers.get(&d.line_of(phys)).copied();
        Why { missing, writer, dirty_in }
    }

    /// Whether the model need not know who stored last to the line of an address.
    pub fn contested(&self, phys: u64) -> bool {
        self.contested.contains(&self.config.dcache.line_of(phys))
    }

    /// The last maintenance of a line and beside it since a store.
    pub fn past(&self, phys: u64, since: u32) -> Vec<PastOperation> {
        let unit = self.config.icache.line().max(self.config.dcache.line()) as i64;
        let here = phys as i64 / unit;
        let since = self.notes.iter().rev().filter(|(_, origin, _)| origin.icount >= since);
        let recent = since.filter_map(|(line, origin, flush_use)| {
            let proximity = match line.map(|line| line as i64 / unit - here) {
                None => Proximity::WholeCache,
                Some(0) => Proximity::SameLine,
                Some(-1 | 1) => Proximity::AdjacentLine,
                Some(_) => return None,
            };
            Some(PastOperation { origin: *origin, proximity, flush_use: *flush_use })
        });
        let all: Vec<PastOperation> = recent.collect();
        let mut last: Vec<PastOperation> = all.iter().copied().take(PastOperation::LISTED).collect();
        // One that missed the line is among them, if there is any.
        if let Some(at) = all.iter().position(PastOperation::is_decisive).filter(|at| *at >= last.len()) {
            last.pop();
            last.push(all[at]);
        }
        last.reverse();
        last
    }
}
