// SPDX-License-Identifier: GPL-2.0-or-later
//! One cache in the most obvious way: every line holds its bytes, and every set remembers its uses as the policy's
//! description has it. It has nothing in common with the model but the geometry's arithmetic.

use std::collections::BTreeMap;

use cache_model::maintenance::Scope;
use cache_model::{Addressing, Geometry, Replacement};

use crate::Random;

/// A line, with its bytes.
#[derive(Clone)]
pub struct Line {
    pub phys: u64,
    /// The address that a look-up compares.
    pub key: u64,
    pub bytes: Vec<u8>,
    /// Of a D$ line, what it would hold if other lines of the same memory were none of its business.
    pub held: Vec<u8>,
    pub dirty: bool,
    /// Of an I$ line, which bytes were newer in a D$ when it was filled, and did not become dirty anew since.
    pub lacks: Vec<bool>,
}

/// What a set remembers of its uses.
#[derive(Clone)]
enum Uses {
    /// The ways, the one used longest ago first.
    Order(Vec<usize>),
    /// For each half that a range of ways (first, count) can be cut into: whether the right one goes next.
    Halves(BTreeMap<(usize, usize), bool>),
    /// The way that goes next.
    Turn(usize),
    Nothing,
}

#[derive(Clone)]
struct Set {
    ways: Vec<Option<Line>>,
    uses: Uses,
}

/// A cache.
pub struct Cache {
    pub geometry: Geometry,
    sets: Vec<Set>,
    random: Random,
}

/// Set and way.
pub type Slot = (usize, usize);

impl Cache {
    pub fn new(geometry: Geometry, policy: Replacement, seed: u64) -> Self {
        let ways = geometry.ways();
        let uses = match policy {
            Replacement::Lru => Uses::Order((0..ways).collect()),
            Replacement::Plru => Uses::Halves(BTreeMap::new()),
            Replacement::RoundRobin => Uses::Turn(0),
            Replacement::Random => Uses::Nothing,
        };
        let set = Set { ways: vec![None; ways], uses };
        Self { geometry, sets: vec![set; geometry.sets()], random: Random(seed) }
    }

    pub fn line(&self, slot: Slot) -> &Line {
        self.sets[slot.0].ways[slot.1].as_ref().unwrap()
    }

    /// The line in a slot, if one is there.
    pub fn at(&self, (set, way): Slot) -> Option<&Line> {
        self.sets[set].ways[way].as_ref()
    }

    pub fn line_mut(&mut self, slot: Slot) -> &mut Line {
        self.sets[slot.0].ways[slot.1].as_mut().unwrap()
    }

    pub fn take(&mut self, slot: Slot) -> Option<Line> {
        self.sets[slot.0].ways[slot.1].take()
    }

    /// The slot that an access by this address hits.
    pub fn find(&self, virt: u64, phys: u64) -> Option<Slot> {
        let (set, key) =
            (self.geometry.set_of(virt.into(), phys.into()), self.geometry.key_of(virt.into(), phys.into()));
        let hit = |way: &Option<Line>| way.as_ref().is_some_and(|line| line.key == key);
        Some((set, self.sets[set].ways.iter().position(hit)?))
    }

    /// Every slot with the physical line of an address. Its set has to agree with the address within the page.
    pub fn copies(&self, phys: u64) -> Vec<Slot> {
        let g = self.geometry;
        let (line, step) = (g.line_of(phys), (g.page().bytes() as usize / g.line()).min(g.sets()));
        let first = (line & (g.page().bytes() - 1)) as usize / g.line() % g.sets() % step;
        let sets = (first..g.sets()).step_by(step);
        let ways = sets.flat_map(|set| (0..g.ways()).map(move |way| (set, way)));
        ways.filter(|(set, way)| self.sets[*set].ways[*way].as_ref().is_some_and(|l| l.phys == line))
            .collect()
    }

    pub fn touch(&mut self, (set, way): Slot) {
        let all = self.geometry.ways();
        match &mut self.sets[set].uses {
            Uses::Order(order) => {
                order.retain(|other| *other != way);
                order.push(way);
            }
            Uses::Halves(halves) => {
                let (mut first, mut count) = (0, all);
                while count > 1 {
                    let right = way >= first + count / 2;
                    halves.insert((first, count), !right);
                    count /= 2;
                    first += if right { count } else { 0 };
                }
            }
            Uses::Turn(_) | Uses::Nothing => {}
        }
    }

    fn victim(&mut self, set: usize) -> usize {
        let all = self.geometry.ways();
        match &mut self.sets[set].uses {
            Uses::Order(order) => order[0],
            Uses::Halves(halves) => {
                let (mut first, mut count) = (0, all);
                while count > 1 {
                    let right = halves.get(&(first, count)).copied().unwrap_or(false);
                    count /= 2;
                    first += if right { count } else { 0 };
                }
                first
            }
            Uses::Turn(next) => std::mem::replace(next, (*next + 1) % all),
            Uses::Nothing => self.random.next() as usize % all,
        }
    }

    /// Puts a line into the first empty way of a set, else where the policy says; returns where, and what was there.
    pub fn insert(&mut self, set: usize, line: Line) -> (Slot, Option<Line>) {
        let empty = self.sets[set].ways.iter().position(Option::is_none);
        let way = empty.unwrap_or_else(|| self.victim(set));
        self.touch((set, way));
        ((set, way), self.sets[set].ways[way].replace(line))
    }

    /// Every slot that an operation names and that holds a line.
    pub fn named(&self, scope: Scope, virt: u64, phys: Option<u64>) -> Vec<Slot> {
        let g = self.geometry;
        let named = match scope {
            Scope::Address | Scope::Range => {
                // What the tags hold is all that is looked at.
                let phys = phys.or((g.addressing() == Addressing::Vivt).then_some(0));
                phys.and_then(|phys| self.find(virt, phys)).into_iter().collect()
            }
            Scope::Index => vec![g.index_operand(virt.into())],
            Scope::SetWay => g.set_way_operand(virt).into_iter().collect(),
            Scope::All => (0..g.sets()).flat_map(|set| (0..g.ways()).map(move |way| (set, way))).collect(),
        };
        named.into_iter().filter(|(set, way)| self.sets[*set].ways[*way].is_some()).collect()
    }
}
