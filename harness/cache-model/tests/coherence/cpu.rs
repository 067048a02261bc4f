// SPDX-License-Identifier: GPL-2.0-or-later
//! A CPU as the scenarios see it: stores, fetches and maintenance of one word at a physical address.

use cache_model::maintenance::{MIPS_SYNCI, Operation, RISCV_FENCE_I, arm_c7, mips_cache};
use cache_model::{Config, Geometry, Memory as _, Model, Origin, PlainMemory, Stale};

/// Where the kernel sees physical memory, as in MIPS KSEG0.
pub const KERNEL: u64 = 0x8000_0000;

/// Bytes of memory, from 0.
pub const MEMORY: usize = 1 << 20;

/// A model, and a count of instructions from which each store gets its own program counter.
pub struct Cpu {
    pub model: Model<PlainMemory>,
    stores: u32,
}

/// Returns a geometry of `sets` x `ways` x `line` bytes.
pub fn shape(sets: u32, ways: u32, line: u32) -> Geometry {
    Geometry::new(sets, ways, line).unwrap()
}

impl Cpu {
    pub fn new(icache: Geometry, dcache: Geometry) -> Self {
        Self::of(Config::new(icache, dcache))
    }

    pub fn of(config: Config) -> Self {
        Self { model: Model::new(config, PlainMemory::new(0, MEMORY)), stores: 0 }
    }

    /// A CPU with two caches of 16 KB, 4 ways of 32-byte lines: a MIPS 24K without aliases.
    pub fn mips() -> Self {
        Self::new(shape(128, 4, 32), shape(128, 4, 32))
    }

    fn next(&mut self) -> Origin {
        self.stores += 1;
        Origin { insn: self.stores, icount: 10 * self.stores }
    }

    /// Stores a word through the D$; returns who did.
    pub fn store(&mut self, phys: u64, word: u32) -> Origin {
        let store = self.next();
        self.model.memory_mut().poke(phys, &word.to_be_bytes());
        self.model.store((KERNEL + phys).into(), phys.into(), 4, store);
        store
    }

    /// Stores a word past the caches; returns who did.
    pub fn store_uncached(&mut self, phys: u64, word: u32) -> Origin {
        let store = self.next();
        self.model.memory_mut().poke(phys, &word.to_be_bytes());
        self.model.store_uncached(phys.into(), 4, store);
        store
    }

    pub fn load(&mut self, phys: u64) {
        self.model.load((KERNEL + phys).into(), phys.into(), 4);
    }

    /// Fetches the word at `phys` through the kernel's mapping.
    pub fn fetch(&mut self, phys: u64) -> Option<Stale> {
        self.model.fetch((KERNEL + phys).into(), phys.into(), 4)
    }

    /// Returns the word that a fetch executes.
    pub fn execute(&mut self, phys: u64) -> u32 {
        let stale = self.fetch(phys).map(|stale| stale.executed);
        let bytes = stale.unwrap_or_else(|| self.model.memory().data(phys.into(), 4).to_vec());
        u32::from_be_bytes(bytes.try_into().unwrap())
    }

    /// Executes a MIPS `CACHE` operation on an address of the kernel.
    pub fn cache(&mut self, field: u32, phys: u64) {
        self.maintain(&mips_cache(field), phys);
    }

    pub fn synci(&mut self, phys: u64) {
        self.maintain(&MIPS_SYNCI, phys);
    }

    /// Executes RISC-V's `FENCE.I`.
    pub fn fence_i(&mut self) {
        self.model.maintain(&RISCV_FENCE_I, 0.into(), None, Origin::default());
    }

    /// Executes an ARM operation by address, of the name that the manual gives it.
    pub fn arm(&mut self, name: &str, phys: u64) {
        self.maintain(&named(name), phys);
    }

    /// Executes an ARM set/way operation.
    pub fn set_way(&mut self, name: &str, register: u32) {
        self.model.maintain(&named(name), u64::from(register).into(), None, Origin::default());
    }

    fn maintain(&mut self, operation: &Operation, phys: u64) {
        self.model.maintain(operation, (KERNEL + phys).into(), Some(phys.into()), Origin::default());
    }

    /// Makes sure that the I$ holds the line, with what memory below holds.
    pub fn fill(&mut self, phys: u64) {
        let _ = self.fetch(phys);
    }
}

fn named(name: &str) -> Operation {
    let all = (0..16).flat_map(|crm| (0..8).filter_map(move |op2| arm_c7(crm, op2)));
    all.into_iter().find(|operation| operation.name == name).unwrap()
}
