// SPDX-License-Identifier: GPL-2.0-or-later
//! The model with a clock, and CPUs to choose from.

use cache_model::maintenance::Operation;
use cache_model::{FlushUse, Geometry, Memory as _, Model, Origin, PlainMemory, Stale};

use crate::machines::Isa;

pub struct System {
    pub model: Model<PlainMemory>,
    now: u32,
}

impl System {
    pub fn new(model: Model<PlainMemory>) -> Self {
        Self { model, now: 0 }
    }

    fn origin(&mut self) -> Origin {
        self.now += 1;
        Origin { insn: 1, icount: self.now }
    }

    /// Stores a word on a CPU; returns who did.
    pub fn store(&mut self, cpu: usize, virt: u64, phys: u64, word: u32) -> Origin {
        let origin = self.origin();
        self.model.run_on(cpu);
        self.model.memory_mut().poke(phys, &word.to_be_bytes());
        self.model.store(virt.into(), phys.into(), 4, origin);
        origin
    }

    pub fn fetch(&mut self, cpu: usize, virt: u64, phys: u64) -> Option<Stale> {
        self.model.run_on(cpu);
        self.model.fetch(virt.into(), phys.into(), 4)
    }

    pub fn load(&mut self, cpu: usize, virt: u64, phys: u64) -> u32 {
        self.model.run_on(cpu);
        self.model.load(virt.into(), phys.into(), 4);
        u32::from_be_bytes(self.model.memory().data(phys.into(), 4).try_into().unwrap())
    }

    pub fn maintain(&mut self, cpu: usize, operation: &Operation, virt: u64, phys: Option<u64>) -> FlushUse {
        let origin = self.origin();
        self.model.run_on(cpu);
        self.model.maintain(operation, virt.into(), phys.map(Into::into), origin)
    }
}

/// The operands that name all slots of a cache.
pub fn slots(isa: Isa, geometry: Geometry) -> Vec<u64> {
    let ways = |set| (0..geometry.ways()).map(move |way| isa.operand(geometry, set, way));
    (0..geometry.sets()).flat_map(ways).collect()
}
