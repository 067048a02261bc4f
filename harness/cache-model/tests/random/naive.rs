// SPDX-License-Identifier: GPL-2.0-or-later
//! The same caches in the most obvious way: every line holds its bytes, and every set lists its ways in the order of
//! use. Slow, and with nothing in common with the model but the geometry's arithmetic.

use std::collections::BTreeMap;

use cache_model::maintenance::{Action, Operation, Scope, Side};
use cache_model::{Geometry, Who};

/// A line, with its bytes.
#[derive(Clone)]
struct Line {
    address: u64,
    bytes: Vec<u8>,
    dirty: bool,
}

/// A set: its ways, and their numbers with the least recently used first.
#[derive(Clone)]
struct Set {
    ways: Vec<Option<Line>>,
    order: Vec<usize>,
}

impl Set {
    fn find(&self, address: u64) -> Option<usize> {
        self.ways.iter().position(|way| way.as_ref().is_some_and(|line| line.address == address))
    }

    fn touch(&mut self, way: usize) {
        self.order.retain(|other| *other != way);
        self.order.push(way);
    }

    /// Puts a line into the first empty way, else into the least recently used; returns what was there.
    fn insert(&mut self, line: Line) -> Option<Line> {
        let way = self.ways.iter().position(Option::is_none).unwrap_or(self.order[0]);
        self.touch(way);
        self.ways[way].replace(line)
    }
}

/// One cache.
struct Cache {
    geometry: Geometry,
    sets: Vec<Set>,
}

impl Cache {
    fn new(geometry: Geometry) -> Self {
        let ways = geometry.ways();
        let set = Set { ways: vec![None; ways], order: (0..ways).collect() };
        Self { geometry, sets: vec![set; geometry.sets()] }
    }

    /// Returns every place that an operation names and that holds a line.
    fn places(&self, scope: Scope, virt: u64, phys: Option<u64>) -> Vec<(usize, usize)> {
        let g = self.geometry;
        let named = match scope {
            Scope::Address => phys.and_then(|phys| {
                let set = g.set_of(virt, phys);
                Some((set, self.sets[set].find(g.line_of(phys))?))
            }),
            Scope::Index => Some(g.index_operand(virt)),
            Scope::SetWay => g.set_way_operand(virt as u32),
            Scope::Range => None,
            Scope::All => {
                return (0..g.sets()).flat_map(|set| (0..g.ways()).map(move |way| (set, way))).collect();
            }
        };
        named.into_iter().filter(|(set, way)| self.sets[*set].ways[*way].is_some()).collect()
    }
}

/// One CPU.
pub struct Naive {
    icache: Cache,
    dcache: Cache,
    base: u64,
    memory: Vec<u8>,
    /// The last store to each D$ line.
    writers: BTreeMap<u64, Who>,
}

impl Naive {
    pub fn new(icache: Geometry, dcache: Geometry, base: u64, size: usize) -> Self {
        let (icache, dcache) = (Cache::new(icache), Cache::new(dcache));
        Self { icache, dcache, base, memory: vec![0; size], writers: BTreeMap::new() }
    }

    fn read_memory(&self, phys: u64, len: usize) -> Vec<u8> {
        let at = (phys - self.base) as usize;
        self.memory[at..at + len].to_vec()
    }

    fn write_memory(&mut self, phys: u64, bytes: &[u8]) {
        let at = (phys - self.base) as usize;
        self.memory[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Returns the D$ line of an address, filled if it was not there, and the most recently used now.
    fn data_line(&mut self, phys: u64) -> &mut Line {
        let g = self.dcache.geometry;
        let (address, set) = (g.line_of(phys), g.set_of(phys, phys));
        if self.dcache.sets[set].find(address).is_none() {
            let line = Line { address, bytes: self.read_memory(address, g.line()), dirty: false };
            if let Some(old) = self.dcache.sets[set].insert(line).filter(|old| old.dirty) {
                self.write_memory(old.address, &old.bytes);
            }
        }
        let set = &mut self.dcache.sets[set];
        let way = set.find(address).unwrap();
        set.touch(way);
        set.ways[way].as_mut().unwrap()
    }

    /// Returns the first address of each D$ line that `[phys, phys + len)` touches.
    fn touched(&self, phys: u64, len: usize) -> Vec<u64> {
        let g = self.dcache.geometry;
        (g.line_of(phys)..phys + len as u64).step_by(g.line()).collect()
    }

    pub fn load(&mut self, phys: u64, len: usize) {
        for line in self.touched(phys, len) {
            self.data_line(line);
        }
    }

    pub fn store(&mut self, phys: u64, bytes: &[u8], store: Who) {
        for touched in self.touched(phys, bytes.len()) {
            let size = self.dcache.geometry.line() as u64;
            let line = self.data_line(touched);
            line.dirty = true;
            for (at, byte) in (phys..).zip(bytes).filter(|(at, _)| (touched..touched + size).contains(at)) {
                line.bytes[(at - touched) as usize] = *byte;
            }
            self.writers.insert(touched, store);
        }
    }

    /// A store past the caches; what reads through the D$ sees it too, as on the machines that the model stands for.
    pub fn store_uncached(&mut self, phys: u64, bytes: &[u8], store: Who) {
        self.write_memory(phys, bytes);
        let g = self.dcache.geometry;
        let set = &mut self.dcache.sets[g.set_of(phys, phys)];
        let line = set.find(g.line_of(phys)).and_then(|way| set.ways[way].as_mut());
        let dirty = line.as_ref().is_some_and(|line| line.dirty);
        if let Some(line) = line {
            let at = (phys - line.address) as usize;
            line.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        }
        if !dirty {
            self.writers.insert(g.line_of(phys), store);
        }
    }

    /// Returns the bytes that a load would see.
    pub fn data(&self, phys: u64, len: usize) -> Vec<u8> {
        let g = self.dcache.geometry;
        let byte = |at: u64| {
            let set = &self.dcache.sets[g.set_of(at, at)];
            let line = set.find(g.line_of(at)).and_then(|way| set.ways[way].as_ref());
            line.map_or_else(
                || self.memory[(at - self.base) as usize],
                |line| line.bytes[(at - line.address) as usize],
            )
        };
        (phys..phys + len as u64).map(byte).collect()
    }

    /// Returns the bytes that a fetch sees, within one I$ line.
    pub fn fetch(&mut self, virt: u64, phys: u64, len: usize) -> Vec<u8> {
        let g = self.icache.geometry;
        let (address, set) = (g.line_of(phys), g.set_of(virt, phys));
        if self.icache.sets[set].find(address).is_none() {
            self.fill(set, address);
        }
        let set = &mut self.icache.sets[set];
        let way = set.find(address).unwrap();
        set.touch(way);
        let at = (phys - address) as usize;
        set.ways[way].as_ref().unwrap().bytes[at..at + len].to_vec()
    }

    fn fill(&mut self, set: usize, address: u64) {
        let bytes = self.read_memory(address, self.icache.geometry.line());
        self.icache.sets[set].insert(Line { address, bytes, dirty: false });
    }

    /// Returns who stored last to the D$ line of an address.
    pub fn writer(&self, phys: u64) -> Option<Who> {
        self.writers.get(&self.dcache.geometry.line_of(phys)).copied()
    }

    pub fn maintain(&mut self, operation: &Operation, virt: u64, phys: Option<u64>) {
        let Operation { side, scope, action, .. } = *operation;
        if matches!(action, Action::None | Action::Prefetch) {
            return;
        }
        if matches!(side, Side::D | Side::Both) {
            for (set, way) in self.dcache.places(scope, virt, phys) {
                let line = self.dcache.sets[set].ways[way].take().unwrap();
                // Data is never lost, not even by a plain invalidation.
                if line.dirty {
                    self.write_memory(line.address, &line.bytes);
                }
                if action == Action::Clean {
                    self.dcache.sets[set].ways[way] = Some(Line { dirty: false, ..line });
                }
            }
        }
        if matches!(side, Side::I | Side::Both) {
            for (set, way) in self.icache.places(scope, virt, phys) {
                self.icache.sets[set].ways[way] = None;
            }
            if let (Action::Fill, Some(phys)) = (action, phys) {
                let g = self.icache.geometry;
                self.fill(g.set_of(virt, phys), g.line_of(phys));
            }
        }
    }
}
