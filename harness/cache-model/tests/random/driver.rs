// SPDX-License-Identifier: GPL-2.0-or-later
//! Does the same to both models, and compares everything that can be seen of them.

use cache_model::maintenance::{
    ArmVersion, MIPS_GINVI, MIPS_SYNCI, Operation, Scope, Side, arm_mcr, arm_mcrr, arm_mrc, mips_cache,
};
use cache_model::{Config, Memory as _, Model, Origin, PlainMemory, StaleLoad};

use crate::Random;
use crate::naive::Naive;

/// Not at 0, as on ARM boards.
const BASE: u64 = 0x4000_0000;

/// Instructions that maintain have numbers from 1 to this.
const MAINTAINERS: u64 = 40;

/// Both models, and what has happened so far.
pub struct Pair {
    model: Model<PlainMemory>,
    naive: Naive,
    config: Config,
    random: Random,
    size: u64,
    /// What was stored last, byte by byte.
    truth: Vec<u8>,
    /// Few lines that most accesses go to: the same line has to be stored, fetched and maintained.
    hot: Vec<u64>,
    /// By how many pages each of a few mappings of all memory is shifted: one line has several colours, and one
    /// virtual address comes to mean several lines.
    shifts: [u64; 4],
    now: u32,
    pub stale: u64,
    pub fresh: u64,
    pub stale_loads: u64,
}

impl Pair {
    pub fn new(config: Config, seed: u64) -> Self {
        // More than either cache holds, so that lines are replaced; whole pages of every colour.
        let bytes = config.icache.bytes().max(config.dcache.bytes()) as u64;
        let size = (3 * bytes).next_multiple_of(16 * config.icache.page().bytes());
        Self {
            model: Model::new(config, PlainMemory::new(BASE, size as usize)),
            naive: Naive::new(config, BASE, size as usize),
            config,
            random: Random(seed),
            size,
            truth: vec![0; size as usize],
            hot: vec![BASE; 12],
            shifts: [0, 1, 2, 5],
            now: 0,
            stale: 0,
            fresh: 0,
            stale_loads: 0,
        }
    }

    /// Has the model made cold over memory as it was in the beginning, as for another trial of a warm machine, and takes a new
    /// naive one: from here on nothing of what came before may be seen.
    pub fn reset(&mut self) {
        let size = self.size as usize;
        *self.model.memory_mut() = PlainMemory::new(BASE, size);
        self.model.reset();
        self.naive = Naive::new(self.config, BASE, size);
        self.truth = vec![0; size];
        self.now = 0;
    }

    /// A physical address of a word.
    fn address(&mut self) -> u64 {
        let random = &mut self.random;
        let at = random.below(self.hot.len() as u64) as usize;
        if random.one_in(40) {
            // Half of them at few offsets within a page: these share sets, and through two mappings virtual addresses.
            let page = self.config.icache.page().bytes();
            let near = random.below(self.size / page) * page + random.below(4) * 64;
            let far = random.below(self.size / 64) * 64;
            self.hot[at] = BASE + if random.one_in(2) { near } else { far };
        }
        let anywhere = BASE + random.below(self.size / 4) * 4;
        if random.one_in(3) { anywhere } else { self.hot[at] + 4 * random.below(16) }
    }

    /// A virtual address of `phys`, through one of the mappings.
    fn mapping(&mut self, phys: u64) -> u64 {
        let window = self.random.below(self.shifts.len() as u64);
        (window << 26) + (phys - BASE) + self.shifts[window as usize] * self.config.icache.page().bytes()
    }

    fn origin(&mut self, names: u64) -> Origin {
        self.now += 1;
        Origin { insn: 1 + self.random.below(names) as u32, icount: self.now }
    }

    /// Puts some bytes into the data view, as a store does before the model hears of it.
    fn bytes(&mut self, phys: u64, len: usize) -> Vec<u8> {
        // Few values, so that a store often changes nothing.
        let bytes: Vec<u8> = (0..len).map(|_| self.random.below(3) as u8).collect();
        self.model.memory_mut().poke(phys, &bytes);
        let at = (phys - BASE) as usize;
        self.truth[at..at + len].copy_from_slice(&bytes);
        bytes
    }

    fn store(&mut self) {
        let (phys, origin) = (self.address(), self.origin(1 << 20));
        // Unaligned ones cross lines.
        let len = self.random.below(8) as usize + 1;
        let phys = (phys + self.random.below(4)).min(BASE + self.size - len as u64);
        // A store is one event to the model: its bytes are in the data view before its first line is allocated. In
        // a cache of a single set that may evict its second line with bytes that are not stored yet on hardware.
        let line = self.config.dcache.line();
        let in_line = line - (phys as usize & (line - 1));
        let len = if self.config.dcache.sets() == 1 { len.min(in_line) } else { len };
        let (virt, bytes) = (self.mapping(phys), self.bytes(phys, len));
        self.model.store(virt.into(), phys.into(), len, origin);
        self.naive.store(virt, phys, &bytes, origin);
        self.compare(phys);
    }

    fn store_uncached(&mut self) {
        let (phys, origin) = (self.address(), self.origin(1 << 20));
        let bytes = self.bytes(phys, 4);
        self.model.store_uncached(phys.into(), 4, origin);
        self.naive.store_uncached(phys, &bytes, origin);
        self.compare(phys);
    }

    fn load(&mut self) {
        let phys = self.address();
        let (len, virt) = (self.random.below(2) as usize * 4 + 4, self.mapping(phys));
        let len = len.min((BASE + self.size - phys) as usize);
        let filter = self.model.filter_cache();
        let crosses = self.config.dcache.line_of(phys) != self.config.dcache.line_of(phys + len as u64 - 1);
        let short_cut = !crosses && filter.load_hits(virt.into());
        let seen = self.model.load(virt.into(), phys.into(), len);
        assert!(
            !(short_cut && seen.is_some()),
            "load of {phys:x} after {}: short cut over a stale line",
            self.now
        );
        let held = self.naive.load(virt, phys, len);
        self.compare_load(phys, seen.as_ref(), &held);
        assert_eq!(self.naive.data(phys, len), self.truth(phys, len), "load of {phys:x} after {}", self.now);
        self.compare(phys);
    }

    /// Compares what a load finds in the lines that it hits, as far as both know it.
    fn compare_load(&mut self, phys: u64, seen: Option<&StaleLoad>, held: &[Option<u8>]) {
        let context = format!("load of {phys:x} after {}", self.now);
        let truth = self.truth(phys, held.len());
        let Some(held) = held.iter().copied().collect::<Option<Vec<u8>>>() else { return };
        let differs = held.iter().zip(truth).position(|(a, b)| a != b);
        assert_eq!(seen.map(|seen| seen.phys.get()), differs.map(|at| phys + at as u64), "{context}");
        let Some((seen, at)) = seen.zip(differs) else { return };
        // To the end of the line that differs.
        let end = at + seen.loaded.len();
        assert_eq!((&seen.loaded[..], &seen.expected[..]), (&held[at..end], &truth[at..end]), "{context}");
        self.stale_loads += 1;
    }

    fn truth(&self, phys: u64, len: usize) -> &[u8] {
        &self.truth[(phys - BASE) as usize..][..len]
    }

    /// Fetches up to the end of a line from both.
    fn fetch(&mut self) {
        let phys = self.address();
        let virt = self.mapping(phys);
        let g = self.config.icache;
        let left = (g.line() as u64 - (phys & (g.line() as u64 - 1))) / 4;
        let len = 4 * (self.random.below(left) as usize + 1);
        let filter = self.model.filter_cache();
        let short_cut = filter.fetch_hits(filter.fetched_line(virt.into(), phys.into()));
        // A caller does not call where the filter hits; the other half of the time the call is made, to check the filter.
        let seen = if short_cut && self.random.one_in(2) {
            None
        } else {
            self.model.fetch(virt.into(), phys.into(), len)
        };
        let (executed, why) = self.naive.fetch(virt, phys, len);
        let context = format!("fetch at {virt:x} of {phys:x} after {}", self.now);
        assert_eq!(seen.is_some(), why.is_some(), "{context}");
        assert!(!(short_cut && seen.is_some()), "{context}: short cut over a stale line");
        self.stale += u64::from(seen.is_some());
        self.fresh += u64::from(seen.is_none());
        if let (Some(seen), Some(why)) = (seen, why) {
            let expected = self.truth(phys, len);
            assert_eq!(
                (seen.phys.get(), &seen.executed[..], &seen.expected[..]),
                (phys, &executed[..], expected)
            );
            assert_eq!((seen.missing, seen.dirty_in), (why.missing, why.dirty_in), "{context}");
            let differs = executed.iter().zip(expected).position(|(a, b)| a != b).unwrap() as u64;
            if !self.naive.contested(phys + differs) {
                assert_eq!(seen.writer, why.writer, "{context}");
                // Not always, since it is a long search.
                if self.random.one_in(8) {
                    let past = self.naive.past(phys + differs, why.writer.map_or(0, |origin| origin.icount));
                    assert_eq!(self.model.past(&seen), past, "{context}");
                }
            }
        }
        self.compare(phys);
    }

    /// Compares what all accesses may have changed: the counts, and memory around an address.
    fn compare(&self, phys: u64) {
        let (itotals, dtotals) = (self.model.icache_totals(), self.model.dcache_totals());
        assert_eq!(
            (itotals, dtotals),
            (self.naive.itotals, self.naive.dtotals),
            "{phys:x} after {}",
            self.now
        );
        // A set that the access may have worked on, as far as it is known without its virtual address.
        for (side, g) in [(Side::I, self.config.icache), (Side::D, self.config.dcache)] {
            self.compare_set(side, g.set_of(phys.into(), phys.into()));
        }
        let (line, size) = (self.config.dcache.line_of(phys), self.config.dcache.line());
        let below = self.model.memory().below(line.into(), size);
        assert_eq!(below, self.naive.below(line, size), "below {phys:x} after {}", self.now);
    }

    /// Compares which lines the running CPU has in a set, and where.
    fn compare_set(&self, side: Side, set: usize) {
        let g = if side == Side::I { self.config.icache } else { self.config.dcache };
        for way in 0..g.ways() {
            let tag = self.model.tag(side, set, way).map(|tag| (tag.phys.get(), tag.dirty));
            assert_eq!(
                tag,
                self.naive.tag(side, (set, way)),
                "{side:?} set {set}, way {way} after {}",
                self.now
            );
        }
    }

    fn operation(&mut self) -> Option<Operation> {
        let random = &mut self.random;
        let version = [ArmVersion::V5, ArmVersion::V6, ArmVersion::V7][random.below(3) as usize];
        let (crm, op2) = (random.below(16) as u32, random.below(4) as u32);
        let operation = match random.below(20) {
            0 => Some(MIPS_SYNCI),
            1 => Some(MIPS_GINVI),
            2..=11 => Some(mips_cache(random.below(32) as u32)),
            12 => arm_mcrr(version, op2, crm),
            13 => arm_mrc(version, crm, op2),
            _ => arm_mcr(version, crm, op2),
        };
        // Whole caches are rarely emptied, or nothing would ever be replaced.
        operation.filter(|operation| operation.scope != Scope::All || random.one_in(20))
    }

    fn maintain(&mut self) {
        let Some(operation) = self.operation() else { return };
        let phys = self.address();
        let virt = match operation.scope {
            // Of all bits only those that name the level are chosen: L1.
            Scope::SetWay => self.random.next() & 0xffff_ffff & !0xe,
            Scope::Index => 0x8000_0000 | self.random.below(1 << 18),
            _ => self.mapping(phys),
        };
        let phys = Some(phys).filter(|_| !self.random.one_in(50));
        self.both(&operation, virt, phys);
    }

    fn both(&mut self, operation: &Operation, virt: u64, phys: Option<u64>) {
        let origin = self.origin(MAINTAINERS);
        let flush_use = self.model.maintain(operation, virt.into(), phys.map(Into::into), origin);
        let wanted = self.naive.maintain(operation, virt, phys, origin);
        assert_eq!(flush_use, wanted, "{} at {virt:x} of {phys:x?} after {}", operation.name, self.now);
    }

    /// Puts other bytes into a line behind the model's back, as to have them executed; lets some of the line be written
    /// back; puts the right ones back. To the naive model only the maintenance happened.
    fn swap(&mut self) {
        let size = self.config.icache.line();
        let phys = self.config.icache.line_of(self.address());
        // Two dirty colours of one line, one of them written back meanwhile, are more than the model can sort out, and
        // more than a kernel lets happen.
        let step = self.config.dcache.line().min(size);
        let parts: Vec<u64> = (phys..phys + size as u64).step_by(step).collect();
        if parts.iter().any(|part| self.naive.dirty_copies(*part).len() > 1) {
            return;
        }
        self.model.memory_mut().poke(phys, &vec![0xee; size]);
        for _ in 0..self.random.below(3) {
            let operation = mips_cache([0x01, 0x15, 0x19][self.random.below(3) as usize]);
            let at = phys + 4 * self.random.below(size as u64 / 4);
            let virt = match operation.scope {
                Scope::Index => self.random.below(1 << 18),
                _ => self.mapping(at),
            };
            self.both(&operation, virt, Some(at));
        }
        let saved = self.truth(phys, size).to_vec();
        self.model.memory_mut().poke(phys, &saved);
        self.model.resync(phys.into(), size);
        for part in parts {
            self.compare(part);
        }
    }

    fn remap(&mut self) {
        let window = self.random.below(self.shifts.len() as u64) as usize;
        self.shifts[window] = self.random.below(8);
        self.model.remapped();
    }

    fn migrate(&mut self) {
        let cpu = self.random.below(self.config.cpus as u64) as usize;
        self.model.run_on(cpu);
        self.naive.running = cpu;
        assert_eq!(self.model.running(), cpu);
    }

    pub fn step(&mut self) {
        match self.random.below(1000) {
            0..300 => self.store(),
            300..340 => self.store_uncached(),
            340..490 => self.load(),
            490..770 => self.fetch(),
            770..930 => self.maintain(),
            930..950 => self.swap(),
            950..960 => self.remap(),
            _ => self.migrate(),
        }
    }

    /// Compares what is too much to compare at every step.
    pub fn finish(&mut self) {
        let size = self.size as usize;
        assert_eq!(self.model.memory().below(BASE.into(), size), self.naive.below(BASE, size));
        assert_eq!(self.naive.data(BASE, size), self.truth);
        for by in 0..=MAINTAINERS as u32 {
            let naive = self.naive.confirmed.get(&by).copied().unwrap_or(0);
            assert_eq!(self.model.confirmed(by), naive, "write-backs confirmed of {by}");
        }
        for cpu in 0..self.config.cpus {
            self.model.run_on(cpu);
            self.naive.running = cpu;
            for (side, g) in [(Side::I, self.config.icache), (Side::D, self.config.dcache)] {
                (0..g.sets()).for_each(|set| self.compare_set(side, set));
            }
        }
        // No byte is lost: once all is written back, memory has everything that was ever stored.
        for cpu in 0..self.config.cpus {
            self.model.run_on(cpu);
            self.naive.running = cpu;
            let all = arm_mcr(ArmVersion::V6, 14, 0).unwrap();
            self.both(&all, 0, None);
        }
        assert_eq!(self.model.memory().below(BASE.into(), size), self.truth);
        assert_eq!(self.naive.below(BASE, size), self.truth);
    }

    /// Counts of the data side, to see that something happened there.
    pub fn dtotals(&self) -> cache_model::CacheTotals {
        self.model.dcache_totals()
    }
}
