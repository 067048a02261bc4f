// SPDX-License-Identifier: GPL-2.0-or-later
//! The model with a clock, and CPUs to choose from.

use cache_model::maintenance::Operation;
use cache_model::{Geometry, Judged, Memory as _, Model, Plain, Stale, Who};

use crate::machines::Isa;

pub struct System {
    pub model: Model<Plain>,
    now: u32,
}

impl System {
    pub fn new(model: Model<Plain>) -> Self {
        Self { model, now: 0 }
    }

    fn who(&mut self) -> Who {
        self.now += 1;
        Who { by: 1, at: self.now }
    }

    /// Stores a word on a CPU; returns who did.
    pub fn store(&mut self, cpu: usize, virt: u64, phys: u64, word: u32) -> Who {
        let who = self.who();
        self.model.run_on(cpu);
        self.model.memory_mut().poke(phys, &word.to_be_bytes());
        self.model.store(virt, phys, 4, who);
        who
    }

    pub fn fetch(&mut self, cpu: usize, virt: u64, phys: u64) -> Option<Stale> {
        self.model.run_on(cpu);
        self.model.fetch(virt, phys, 4)
    }

    pub fn load(&mut self, cpu: usize, virt: u64, phys: u64) -> u32 {
        self.model.run_on(cpu);
        self.model.load(virt, phys, 4);
        u32::from_be_bytes(self.model.memory().data(phys, 4).try_into().unwrap())
    }

    pub fn maintain(&mut self, cpu: usize, operation: &Operation, virt: u64, phys: Option<u64>) -> Judged {
        let who = self.who();
        self.model.run_on(cpu);
        self.model.maintain(operation, virt, phys, who)
    }
}

/// The operands that name all places of a cache.
pub fn places(isa: Isa, geometry: Geometry) -> Vec<u64> {
    let ways = |set| (0..geometry.ways()).map(move |way| isa.operand(geometry, set, way));
    (0..geometry.sets()).flat_map(ways).collect()
}
