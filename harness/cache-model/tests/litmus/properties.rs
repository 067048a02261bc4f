// SPDX-License-Identifier: GPL-2.0-or-later
//! What must hold on every machine, whatever the order of events.

use cache_model::maintenance::Operation;
use cache_model::{Memory as _, Model, PlainMemory, Snoops, Write};

use crate::machines::{Machine, machines};
use crate::system::{System, slots};

const BASE: u64 = 0x4_0000;

/// More than any of the caches holds.
const SIZE: u64 = 0x4_0000;

/// Where all memory is mapped: two mappings whose colours differ.
const MAPPINGS: [u64; 2] = [0x7000_0000, 0x7100_1000];

/// Numbers in no order; a failure comes again.
struct Dice(u64);

impl Dice {
    /// Marsaglia: Xorshift RNGs.
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 8) % limit
    }
}

/// A machine at work, and what was stored last in every byte.
struct Work {
    machine: Machine,
    system: System,
    dice: Dice,
    truth: Vec<u8>,
    /// How often a line became dirty that was dirty nowhere.
    dirtied: u64,
}

fn at(mapping: usize, phys: u64) -> u64 {
    MAPPINGS[mapping] + (phys - BASE)
}

impl Work {
    fn new(machine: Machine) -> Self {
        let system = System::new(Model::new(machine.config, PlainMemory::new(BASE, SIZE as usize)));
        Self {
            machine,
            system,
            dice: Dice(88_172_645_463_325_252),
            truth: vec![0; SIZE as usize],
            dirtied: 0,
        }
    }

    fn cpu(&mut self) -> usize {
        self.dice.below(self.machine.config.cpus as u64) as usize
    }

    /// A word, often one of few.
    fn address(&mut self) -> u64 {
        let range = if self.dice.below(3) == 0 { SIZE } else { 0x200 };
        BASE + self.dice.below(range / 4) * 4 + if range == SIZE { 0 } else { self.dice.below(8) * 0x2000 }
    }

    /// The physical lines that are dirty, with CPU and slot.
    fn dirty(&mut self) -> Vec<u64> {
        let g = self.machine.config.dcache;
        let mut all = Vec::new();
        for cpu in 0..self.machine.config.cpus {
            self.system.model.run_on(cpu);
            let tags = (0..g.lines()).filter_map(|n| {
                self.system.model.tag(cache_model::maintenance::Side::D, n / g.ways(), n % g.ways())
            });
            all.extend(tags.filter(|tag| tag.dirty).map(|tag| tag.phys.get()));
        }
        all
    }

    fn store(&mut self, cpu: usize, mapping: usize, phys: u64) {
        let word = self.dice.below(1 << 32) as u32;
        self.truth[(phys - BASE) as usize..][..4].copy_from_slice(&word.to_be_bytes());
        self.system.store(cpu, at(mapping, phys), phys, word);
    }

    fn by_line(
        &mut self,
        cpu: usize,
        operation: &Operation,
        step: usize,
        mapping: usize,
        phys: u64,
        len: u64,
    ) {
        for line in (phys & !(step as u64 - 1)..phys + len).step_by(step) {
            self.system.maintain(cpu, operation, at(mapping, line), Some(line));
        }
    }

    fn all(&mut self, cpu: usize, clean: bool) {
        let isa = self.machine.isa;
        let (operation, by_index, geometry) = if clean {
            (isa.clean_all(), Some(isa.clean_index()), self.machine.config.dcache)
        } else {
            (isa.invalidate_all(), isa.invalidate_index(), self.machine.config.icache)
        };
        match (operation, by_index) {
            (Some(operation), _) => drop(self.system.maintain(cpu, &operation, 0, None)),
            (None, Some(by_index)) => {
                for operand in slots(isa, geometry) {
                    self.system.maintain(cpu, &by_index, operand, None);
                }
            }
            (None, None) => unreachable!("v7 invalidates its I$ as a whole"),
        }
    }
}

/// Code that was stored at `phys` by one CPU through one mapping, to be fetched through another by all CPUs.
struct Written {
    cpu: usize,
    stored: usize,
    fetched: usize,
    phys: u64,
    len: u64,
}

/// A way to make it visible; `false` where the machine has none like it.
type Recipe = fn(&mut Work, &Written) -> bool;

/// The line of the D$ where it was written, then the line of the I$ where it will be fetched; on the CPU that wrote, and
/// unless that reaches all, the I$ on the others too.
fn by_address(work: &mut Work, code: &Written) -> bool {
    clean_by_address(work, code) && invalidate_by_address(work, code)
}

fn clean_by_address(work: &mut Work, code: &Written) -> bool {
    let (operation, line) = (work.machine.isa.clean_address(), work.machine.config.dcache.line());
    work.by_line(code.cpu, &operation, line, code.stored, code.phys, code.len);
    true
}

fn invalidate_by_address(work: &mut Work, code: &Written) -> bool {
    let (operation, line) = (work.machine.isa.invalidate_address(), work.machine.config.icache.line());
    let config = work.machine.config;
    for cpu in (0..config.cpus).filter(|cpu| *cpu == code.cpu || !config.globalised) {
        work.by_line(cpu, &operation, line, code.fetched, code.phys, code.len);
    }
    true
}

/// As the first, with the second half on another CPU after a migration: only right where operations are globalised.
fn by_address_across_a_migration(work: &mut Work, code: &Written) -> bool {
    if work.machine.config.cpus < 2 || !work.machine.config.globalised {
        return false;
    }
    let elsewhere = Written { cpu: 1 - code.cpu, ..*code };
    clean_by_address(work, &elsewhere) && invalidate_by_address(work, code)
}

fn synci(work: &mut Work, code: &Written) -> bool {
    let (Some(operation), config) = (work.machine.isa.synci(), work.machine.config) else { return false };
    // It finds both lines by one address only where that address has no colour, or the same.
    if code.stored != code.fetched && config.icache.colours().max(config.dcache.colours()) > 1 {
        return false;
    }
    work.by_line(
        code.cpu,
        &operation,
        config.icache.line().min(config.dcache.line()),
        code.fetched,
        code.phys,
        code.len,
    );
    true
}

/// Both caches as a whole, on all CPUs: the D$ first, everywhere.
fn all_of_all(work: &mut Work, _: &Written) -> bool {
    for clean in [true, false] {
        for cpu in 0..work.machine.config.cpus {
            work.all(cpu, clean);
        }
    }
    true
}

/// Bursts of code, each stored, made visible and fetched, with other accesses in between; returns how many bursts there
/// were and how many fetches of them were stale.
fn bursts(machine: &Machine, recipe: Recipe, count: u64) -> (u64, u64) {
    let mut work = Work::new(machine.clone());
    let (mut done, mut stale) = (0, 0);
    for _ in 0..count {
        let len = 4 * (1 + work.dice.below(48));
        let code = Written {
            cpu: work.cpu(),
            stored: work.dice.below(2) as usize,
            fetched: work.dice.below(2) as usize,
            phys: work.address().min(BASE + SIZE - len),
            len,
        };
        // It has run before, somewhere, and its data was read.
        for _ in 0..8 {
            let (cpu, phys) = (work.cpu(), code.phys + 4 * work.dice.below(len / 4));
            work.system.fetch(cpu, at(code.fetched, phys), phys);
            work.system.load(cpu, at(code.stored, phys), phys);
        }
        for phys in (code.phys..code.phys + len).step_by(4) {
            work.store(code.cpu, code.stored, phys);
        }
        done += u64::from(recipe(&mut work, &code));
        for _ in 0..16 {
            let (cpu, phys) = (work.cpu(), code.phys + 4 * work.dice.below(len / 4));
            stale += u64::from(work.system.fetch(cpu, at(code.fetched, phys), phys).is_some());
            let (cpu, elsewhere) = (work.cpu(), work.address());
            work.system.load(cpu, at(code.stored, elsewhere), elsewhere);
        }
        // What was not cleaned must not become dirty in a second colour.
        clean_by_address(&mut work, &code);
    }
    (done, stale)
}

#[test]
fn with_all_maintenance_done_no_fetch_is_ever_stale() {
    for machine in machines() {
        let recipes: [(&str, Recipe, u64); 3] = [
            ("by address", by_address, 600),
            ("by address, after a migration", by_address_across_a_migration, 600),
            ("all", all_of_all, 40),
        ];
        for (name, recipe, count) in recipes {
            let (done, stale) = bursts(&machine, recipe, count);
            assert!(done == 0 || stale == 0, "{}, {name}: {stale} stale", machine.name);
            let across =
                name.contains("migration") && (machine.config.cpus == 1 || !machine.config.globalised);
            assert_eq!(done, if across { 0 } else { count }, "{}, {name}", machine.name);
        }
    }
}

/// SYNCI has one address for both halves: enough where code runs where it was written.
#[test]
fn with_synci_no_fetch_of_the_same_colour_is_ever_stale() {
    fn same_colour(work: &mut Work, code: &Written) -> bool {
        synci(work, code) || by_address(work, code)
    }
    let with: Vec<Machine> = machines().into_iter().filter(|machine| machine.isa.synci().is_some()).collect();
    assert!(with.len() > 8);
    for machine in with {
        let (_, stale) = bursts(&machine, same_colour, 600);
        assert_eq!(stale, 0, "{}", machine.name);
    }
}

/// That the maintenance is what does it: with either half alone the same bursts go wrong, on all machines that need it.
#[test]
fn with_half_of_the_maintenance_some_fetches_are_stale() {
    for machine in machines() {
        let (_, stale) = bursts(&machine, clean_by_address, 600);
        assert!(stale > 50, "{}: {stale} stale without invalidation", machine.name);
        let (_, stale) = bursts(&machine, invalidate_by_address, 600);
        let fills_from_dirty = machine.config.snoops == Snoops::Own || machine.config.write == Write::Through;
        assert_eq!(stale > 50, !fills_from_dirty, "{}: {stale} stale without write-back", machine.name);
        assert!(stale == 0 || !fills_from_dirty, "{}: {stale} stale without write-back", machine.name);
    }
}

/// Random loads, stores and maintenance, never of two colours of a line at once: what is stored through another colour is
/// cleaned first.
fn traffic(machine: &Machine, steps: u64, mut each: impl FnMut(&mut Work)) -> Work {
    let mut work = Work::new(machine.clone());
    let (clean, line) = (machine.isa.clean_address(), machine.config.dcache.line() as u64);
    for _ in 0..steps {
        let (cpu, phys, mapping) = (work.cpu(), work.address(), work.dice.below(2) as usize);
        match work.dice.below(16) {
            0..6 => {
                for other in 0..machine.config.cpus {
                    work.system.maintain(other, &clean, at(1 - mapping, phys), Some(phys));
                }
                let before = work.dirty().contains(&(phys & !(line - 1)));
                work.store(cpu, mapping, phys);
                let after = work.dirty().contains(&(phys & !(line - 1)));
                work.dirtied += u64::from(after && !before);
            }
            6..12 => {
                let word = work.system.load(cpu, at(mapping, phys), phys);
                let truth = &work.truth[(phys - BASE) as usize..][..4];
                assert_eq!(word.to_be_bytes(), truth, "{}: load of {phys:x}", machine.name);
            }
            12 => drop(work.system.fetch(cpu, at(mapping, phys), phys)),
            13 => drop(work.system.maintain(cpu, &clean, at(mapping, phys), Some(phys))),
            14 => {
                let slots = slots(machine.isa, machine.config.dcache);
                let slot = slots[work.dice.below(slots.len() as u64) as usize];
                work.system.maintain(cpu, &machine.isa.clean_index(), slot, None);
            }
            _ => each(&mut work),
        }
    }
    work
}

/// A line that is dirty in no D$ is in memory as it was last stored; one that is dirty is what a load reads.
fn nothing_is_lost(work: &mut Work) {
    let (line, dirty) = (work.machine.config.dcache.line(), work.dirty());
    let memory = work.system.model.memory();
    for phys in (BASE..BASE + SIZE).step_by(line) {
        let truth = &work.truth[(phys - BASE) as usize..][..line];
        assert_eq!(memory.data(phys.into(), line), truth, "{}: {phys:x}", work.machine.name);
        let stored = dirty.contains(&phys) || memory.below(phys.into(), line) == truth;
        assert!(stored, "{}: {phys:x} is dirty nowhere, and not in memory", work.machine.name);
    }
}

#[test]
fn the_data_side_reads_the_last_write_and_memory_has_all_else() {
    for machine in machines() {
        let mut work = traffic(&machine, 1_500, |work| {
            if work.dice.below(20) == 0 {
                nothing_is_lost(work);
            }
        });
        nothing_is_lost(&mut work);
    }
}

/// What became dirty was evicted, or was written back by maintenance, or is dirty still: once each.
#[test]
fn write_backs_and_evictions_conserve_bytes() {
    for machine in machines() {
        let mut work = traffic(&machine, 1_500, |_| ());
        let totals = work.system.model.dcache_totals();
        let left = totals.evicted_dirty + totals.written_back + work.dirty().len() as u64;
        assert_eq!(work.dirtied, left, "{}: {totals:?}", machine.name);
        assert_eq!(work.dirtied == 0, machine.config.write == Write::Through, "{}", machine.name);
        for cpu in 0..machine.config.cpus {
            work.all(cpu, true);
        }
        assert!(work.dirty().is_empty(), "{}", machine.name);
        assert_eq!(
            work.system.model.memory().below(BASE.into(), SIZE as usize),
            work.truth,
            "{}",
            machine.name
        );
    }
}
