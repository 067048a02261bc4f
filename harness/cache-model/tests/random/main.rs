// SPDX-License-Identifier: GPL-2.0-or-later
//! Random operations on the model and on a naive one: every fetch must see the same bytes in both.
//!
//! The model takes short cuts wherever the guest spends its time (a flag instead of a comparison, one copy of memory
//! instead of the lines' bytes); nobody could list by hand the orders of events in which one of them might be wrong.

mod naive;

use cache_model::maintenance::{MIPS_SYNCI, Operation, arm_c7, mips_cache};
use cache_model::{Addressing, Config, Geometry, Memory as _, Model, Plain, Who};

use naive::Naive;

const OPERATIONS: u64 = 200_000;

/// Not at 0, as on ARM boards.
const BASE: u64 = 0x4000_0000;

const PAGE: u64 = 4096;

/// Steele, Lea, Flood: Fast splittable pseudorandom number generators. Seeded, so that a failure comes again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

fn shape(sets: u32, ways: u32, line: u32) -> Geometry {
    Geometry::new(sets, ways, line).unwrap()
}

/// Both models, and what has happened so far.
struct Pair {
    model: Model<Plain>,
    naive: Naive,
    dcache: Geometry,
    random: Random,
    size: u64,
    /// Few lines that most accesses go to: the same line has to be stored, fetched and maintained.
    hot: Vec<u64>,
    now: u32,
    stale: u64,
    fresh: u64,
}

impl Pair {
    fn new(icache: Geometry, dcache: Geometry, seed: u64) -> Self {
        // More than either cache holds, so that lines are replaced; whole pages of every colour.
        let size = (3 * icache.bytes().max(dcache.bytes()) as u64).next_multiple_of(16 * PAGE);
        Self {
            model: Model::new(Config::new(icache, dcache), Plain::new(BASE, size as usize)),
            naive: Naive::new(icache, dcache, BASE, size as usize),
            dcache,
            random: Random(seed),
            size,
            hot: vec![BASE; 12],
            now: 0,
            stale: 0,
            fresh: 0,
        }
    }

    /// Returns a physical address of a word.
    fn address(&mut self) -> u64 {
        let random = &mut self.random;
        let at = random.below(self.hot.len() as u64) as usize;
        if random.one_in(40) {
            self.hot[at] = BASE + random.below(self.size / 64) * 64;
        }
        let anywhere = BASE + random.below(self.size / 4) * 4;
        if random.one_in(3) { anywhere } else { self.hot[at] + 4 * random.below(16) }
    }

    /// Returns a virtual address of `phys`, through one of several mappings, each shifted by another number of pages.
    fn mapping(&mut self, phys: u64) -> u64 {
        let window = self.random.below(16);
        (window << 26) + (phys - BASE) + window * PAGE
    }

    fn store_of_now(&mut self) -> Who {
        self.now += 1;
        Who { by: 1 + self.random.below(1 << 20) as u32, at: self.now }
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        // Few values, so that a store often changes nothing.
        (0..len).map(|_| self.random.below(3) as u8).collect()
    }

    fn store(&mut self) {
        let (phys, store) = (self.address(), self.store_of_now());
        // Unaligned ones cross lines.
        let len = self.random.below(8) as usize + 1;
        let phys = (phys + self.random.below(4)).min(BASE + self.size - len as u64);
        // A store is one event to the model: its bytes are in the data view before its first line is allocated. In
        // a cache of a single set that may evict its second line with bytes that are not stored yet on hardware.
        let in_line = self.dcache.line() - (phys as usize & (self.dcache.line() - 1));
        let len = if self.dcache.sets() == 1 { len.min(in_line) } else { len };
        let (bytes, virt) = (self.bytes(len), self.mapping(phys));
        self.model.memory_mut().poke(phys, &bytes);
        self.model.store(virt, phys, len, store);
        self.naive.store(phys, &bytes, store);
    }

    fn store_uncached(&mut self) {
        let (phys, store, bytes) = (self.address(), self.store_of_now(), self.bytes(4));
        self.model.memory_mut().poke(phys, &bytes);
        self.model.store_uncached(phys, 4, store);
        self.naive.store_uncached(phys, &bytes, store);
    }

    fn load(&mut self) {
        let phys = self.address();
        let (len, virt) = (self.random.below(2) as usize * 4 + 4, self.mapping(phys));
        let len = len.min((BASE + self.size - phys) as usize);
        self.model.load(virt, phys, len);
        self.naive.load(phys, len);
    }

    fn fetch(&mut self) {
        let phys = self.address();
        let virt = self.mapping(phys);
        self.fetch_at(virt, phys);
    }

    /// Fetches up to the end of a line from both; returns whether the bytes were stale.
    fn fetch_at(&mut self, virt: u64, phys: u64) -> bool {
        let g = self.model.config().icache;
        let left = (g.line() as u64 - (phys & (g.line() as u64 - 1))) / 4;
        let len = 4 * (self.random.below(left) as usize + 1);
        let recent = self.model.recent();
        let short_cut = recent.fetches(recent.fetched_line(virt, phys));
        let seen = self.model.fetch(virt, phys, len);
        let executed = self.naive.fetch(virt, phys, len);
        let expected = self.naive.data(phys, len);
        assert_eq!(self.model.memory().data(phys, len), expected, "data at {phys:x} after {}", self.now);
        let stale = executed != expected;
        assert_eq!(seen.is_some(), stale, "fetch at {virt:x} of {phys:x} after {}", self.now);
        assert!(!(short_cut && stale), "short cut over a stale line at {phys:x}");
        if let Some(seen) = seen {
            assert_eq!((seen.phys, &seen.executed, &seen.expected), (phys, &executed, &expected));
            let d = self.dcache;
            // One line has one last writer; over several the model names that of the first.
            if d.line_of(phys) == d.line_of(phys + len as u64 - 1) {
                assert_eq!(seen.writer, self.naive.writer(phys), "writer at {phys:x}");
            }
        }
        self.stale += u64::from(stale);
        self.fresh += u64::from(!stale);
        stale
    }

    fn maintain(&mut self) {
        let operation = match self.random.below(20) {
            0 => MIPS_SYNCI,
            // Whole caches are rarely emptied, or nothing would ever be replaced.
            1..=11 => mips_cache(self.random.below(32) as u32),
            _ => {
                let (crm, op2) = (self.random.below(15) as u32, self.random.below(3) as u32);
                match arm_c7(crm, op2) {
                    Some(operation) if op2 != 0 || self.random.one_in(20) => operation,
                    _ => return,
                }
            }
        };
        let phys = self.address();
        let virt = match operation.scope {
            cache_model::maintenance::Scope::SetWay => self.random.next() & 0xffff_ffff & !0xe,
            cache_model::maintenance::Scope::Index => 0x8000_0000 | self.random.below(1 << 18),
            _ => self.mapping(phys),
        };
        let phys = Some(phys).filter(|_| !self.random.one_in(50));
        self.both(&operation, virt, phys);
    }

    fn both(&mut self, operation: &Operation, virt: u64, phys: Option<u64>) {
        self.model.maintain(operation, virt, phys, Who::default());
        self.naive.maintain(operation, virt, phys);
    }

    /// Puts other bytes into a line behind the model's back, as to have them executed; lets some of the line be written
    /// back; puts the right ones back. To the naive model only the maintenance happened.
    fn swap(&mut self) {
        let line = self.model.config().icache.line();
        let phys = self.model.config().icache.line_of(self.address());
        let saved = self.model.memory().data(phys, line).to_vec();
        self.model.memory_mut().poke(phys, &vec![0xee; line]);
        for _ in 0..self.random.below(3) {
            let operation = mips_cache([0x01, 0x15, 0x19][self.random.below(3) as usize]);
            let (at, index) = (phys + 4 * self.random.below(line as u64 / 4), self.random.below(1 << 18));
            let virt = if operation.name.starts_with("Addressing") { index } else { at };
            self.both(&operation, virt, Some(at));
        }
        self.model.memory_mut().poke(phys, &saved);
        self.model.resync(phys, line);
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..30 => self.store(),
            30..34 => self.store_uncached(),
            34..50 => self.load(),
            50..80 => self.fetch(),
            80..98 => self.maintain(),
            _ => self.swap(),
        }
    }
}

fn agree(icache: Geometry, dcache: Geometry) {
    let mut pair = Pair::new(icache, dcache, icache.bytes() as u64 ^ (dcache.line() as u64) << 32);
    for _ in 0..OPERATIONS {
        pair.step();
    }
    // Otherwise nothing would have been compared; caches of one line forget what is stale soonest.
    assert!(pair.stale > 200 && pair.fresh > 2_000, "{} stale, {} fresh", pair.stale, pair.fresh);
    let totals = pair.model.dcache_totals();
    assert!(totals.evicted_dirty > 200 && totals.written_back > 200, "{totals:?}");
}

#[test]
fn qemus_own_24kf() {
    agree(shape(64, 2, 16), shape(64, 2, 16));
}

#[test]
fn mips_24kf_of_16_kb() {
    agree(shape(128, 4, 32), shape(128, 4, 32));
}

#[test]
fn cortex_a15() {
    agree(shape(256, 2, 64), shape(256, 2, 64));
}

#[test]
fn cortex_a7_with_its_short_instruction_lines() {
    agree(shape(512, 2, 32), shape(128, 4, 64));
}

#[test]
fn vr4300_direct_mapped_with_long_instruction_lines() {
    agree(shape(512, 1, 32).addressed(Addressing::Vipt), shape(512, 1, 16));
}

#[test]
fn a_64_kb_icache_of_four_colours() {
    agree(shape(512, 4, 32).addressed(Addressing::Vipt), shape(256, 4, 32));
}

#[test]
fn octeon_lines_over_a_tiny_dcache() {
    agree(shape(8, 16, 128), shape(1, 16, 8));
}

#[test]
fn one_line_each() {
    agree(shape(1, 1, 32), shape(1, 1, 32));
}

/// How a kernel makes code visible that it has just written, from the D$ line size and the I$ line size.
type Recipe = fn(&mut Pair, virt: u64, phys: u64, len: u64);

fn by_line(pair: &mut Pair, side: &Operation, line: usize, virt: u64, phys: u64, len: u64) {
    let first = phys & !(line as u64 - 1);
    for at in (first..phys + len).step_by(line) {
        pair.both(side, virt.wrapping_add(at).wrapping_sub(phys), Some(at));
    }
}

/// `flush_icache_range` of `r4k`: write back and invalidate the D$ lines, then invalidate the I$ lines.
fn mips_by_address(pair: &mut Pair, virt: u64, phys: u64, len: u64) {
    let (i, d) = (pair.model.config().icache.line(), pair.dcache.line());
    by_line(pair, &mips_cache(0x15), d, virt, phys, len);
    by_line(pair, &mips_cache(0x10), i, virt, phys, len);
}

fn mips_synci(pair: &mut Pair, virt: u64, phys: u64, len: u64) {
    let step = pair.model.config().icache.line().min(pair.dcache.line());
    by_line(pair, &MIPS_SYNCI, step, virt, phys, len);
}

/// `r4k_blast_dcache`, then `r4k_blast_icache`: all sets and ways, whatever is in them.
fn mips_by_index(pair: &mut Pair, _: u64, _: u64, _: u64) {
    let (i, d) = (pair.model.config().icache, pair.dcache);
    for (operation, geometry) in [(mips_cache(0x01), d), (mips_cache(0x00), i)] {
        for at in (0..geometry.bytes() as u64).step_by(geometry.line()) {
            pair.both(&operation, 0x8000_0000 + at, None);
        }
    }
}

/// `v7_coherent_kern_range`.
fn arm_by_address(pair: &mut Pair, virt: u64, phys: u64, len: u64) {
    let (i, d) = (pair.model.config().icache.line(), pair.dcache.line());
    by_line(pair, &arm_c7(11, 1).unwrap(), d, virt, phys, len);
    by_line(pair, &arm_c7(5, 1).unwrap(), i, virt, phys, len);
}

fn only_write_back(pair: &mut Pair, virt: u64, phys: u64, len: u64) {
    let line = pair.dcache.line();
    by_line(pair, &mips_cache(0x15), line, virt, phys, len);
}

fn only_invalidate(pair: &mut Pair, virt: u64, phys: u64, len: u64) {
    let line = pair.model.config().icache.line();
    by_line(pair, &mips_cache(0x10), line, virt, phys, len);
}

/// Bursts of stores, each followed by the recipe, then fetches from the burst and elsewhere; returns how many were stale.
fn stale_with(recipe: Recipe, icache: Geometry, dcache: Geometry, bursts: u64) -> u64 {
    let mut pair = Pair::new(icache, dcache, 42);
    for _ in 0..bursts {
        let len = 4 * (1 + pair.random.below(64));
        let phys = pair.address().min(BASE + pair.size - len);
        // Code runs where it was written: through another colour no recipe by address could reach it.
        let virt = 0x7000_0000 + (phys - BASE);
        for at in (phys..phys + len).step_by(4) {
            let (bytes, store) = (pair.random.next().to_le_bytes(), pair.store_of_now());
            pair.model.memory_mut().poke(at, &bytes[..4]);
            pair.model.store(virt + (at - phys), at, 4, store);
            pair.naive.store(at, &bytes[..4], store);
        }
        recipe(&mut pair, virt, phys, len);
        for _ in 0..24 {
            let anywhere = pair.address();
            let at = if pair.random.one_in(3) { anywhere } else { phys + 4 * pair.random.below(len / 4) };
            pair.fetch_at(0x7000_0000 + (at - BASE), at);
            pair.load();
        }
    }
    pair.stale
}

#[test]
fn with_the_manuals_maintenance_nothing_is_ever_stale() {
    let shapes = [
        (shape(64, 2, 16), shape(64, 2, 16)),
        (shape(128, 4, 32), shape(128, 4, 32)),
        (shape(64, 2, 32), shape(32, 4, 64)),
        (shape(32, 4, 64), shape(64, 2, 32)),
        (shape(512, 4, 32).addressed(Addressing::Vipt), shape(128, 4, 32)),
        (shape(1, 2, 128), shape(2, 1, 8)),
    ];
    for (icache, dcache) in shapes {
        for recipe in [mips_by_address, mips_synci, arm_by_address] {
            assert_eq!(stale_with(recipe, icache, dcache, 1_000), 0, "I$ {icache}, D$ {dcache}");
        }
        assert_eq!(stale_with(mips_by_index, icache, dcache, 50), 0, "I$ {icache}, D$ {dcache}");
        // That the recipes are what does it: with either half alone the same bursts go wrong.
        for half in [only_write_back, only_invalidate] {
            let stale = stale_with(half, icache, dcache, 1_000);
            assert!(stale > 20, "I$ {icache}, D$ {dcache}: {stale} with half a recipe");
        }
    }
}
