// SPDX-License-Identifier: GPL-2.0-or-later
//! Which line an access finds, which one it replaces, and which ones an operation reaches.

use cache_model::{Addressing, Missing};

use crate::cpu::{Cpu, KERNEL, shape};
use crate::{AT, HIT_INV_I, HIT_WB_D, HIT_WB_INV_D};

const INDEX_INV_I: u32 = 0x00;
const INDEX_WB_INV_D: u32 = 0x01;

/// Bytes per way of `Cpu::mips`: addresses that far apart share a set.
const WAY: u64 = 128 * 32;

/// Returns whether the I$ holds a line, by asking a copy of the model.
fn in_icache(cpu: &Cpu, phys: u64) -> bool {
    let mut copy = cpu.model.clone();
    let before = copy.icache_totals().fills;
    let _ = copy.fetch((KERNEL + phys).into(), phys.into(), 4);
    copy.icache_totals().fills == before
}

fn in_dcache(cpu: &Cpu, phys: u64) -> bool {
    let mut copy = cpu.model.clone();
    let before = copy.dcache_totals().fills;
    copy.load((KERNEL + phys).into(), phys.into(), 4);
    copy.dcache_totals().fills == before
}

/// The lines of one set, least recently used first, in the most obvious way.
struct NaiveSet {
    ways: usize,
    order: Vec<u64>,
}

impl NaiveSet {
    fn touch(&mut self, line: u64) {
        let there = self.order.iter().position(|old| *old == line);
        if let Some(place) = there {
            self.order.remove(place);
        } else if self.order.len() == self.ways {
            self.order.remove(0);
        }
        self.order.push(line);
    }
}

#[test]
fn both_caches_replace_the_least_recently_used_line() {
    let mut cpu = Cpu::mips();
    let mut naive = NaiveSet { ways: 4, order: Vec::new() };
    let lines: Vec<u64> = (0..7).map(|n| AT + n * WAY).collect();
    // Every line in turn, with returns to old ones in between, so that first-in-first-out would differ.
    for step in 0..200_usize {
        let line = lines[(step * step + step / 3) % lines.len()];
        cpu.fill(line);
        match step % 2 {
            0 => cpu.load(line + 4),
            _ => drop(cpu.store(line + 8, step as u32)),
        }
        naive.touch(line);
        for line in &lines {
            assert_eq!(in_icache(&cpu, *line), naive.order.contains(line), "I$, step {step}");
            assert_eq!(in_dcache(&cpu, *line), naive.order.contains(line), "D$, step {step}");
        }
    }
}

#[test]
fn a_dirty_line_that_is_replaced_is_written_back() {
    let mut cpu = Cpu::mips();
    let store = cpu.store(AT, 0x11);
    for n in 1..=4 {
        assert_eq!(cpu.model.dcache_totals().evicted_dirty, 0);
        cpu.load(AT + n * WAY);
    }
    assert_eq!(cpu.model.dcache_totals().evicted_dirty, 1);
    assert_eq!(cpu.fetch(AT), None);
    cpu.store(AT, 0x12);
    assert_eq!(cpu.fetch(AT).unwrap().missing, Missing::Both);
    assert_ne!(cpu.fetch(AT).unwrap().writer, Some(store));
}

#[test]
fn an_index_operation_reaches_its_set_and_way_only() {
    let mut cpu = Cpu::mips();
    // The ways of set 3 in the order of the fills, and way 0 of set 4.
    let ways: Vec<u64> = (0..4).map(|n| 3 * 32 + n * WAY).collect();
    let other = 4 * 32;
    for phys in ways.iter().chain([&other]) {
        cpu.store(*phys, 0x11);
        cpu.fill(*phys);
    }
    // The operand is an index, not an address: whatever is there is hit, and nothing that has this address.
    let operand = 0x4_0000 + ways[2];
    cpu.cache(INDEX_INV_I, operand);
    let there: Vec<bool> = ways.iter().map(|phys| in_icache(&cpu, *phys)).collect();
    assert_eq!(there, [true, true, false, true]);
    cpu.cache(INDEX_WB_INV_D, operand);
    let there: Vec<bool> = ways.iter().map(|phys| in_dcache(&cpu, *phys)).collect();
    assert_eq!(there, [true, true, false, true]);
    assert!(in_icache(&cpu, other) && in_dcache(&cpu, other));
    assert_eq!(cpu.model.dcache_totals().written_back, 1);
    assert_eq!(cpu.fetch(ways[2]), None);
    assert_eq!(cpu.fetch(ways[1]).unwrap().missing, Missing::WriteBack);
}

#[test]
fn a_hit_operation_reaches_its_line_only() {
    let mut cpu = Cpu::mips();
    let lines = [AT - 32, AT, AT + 32, AT + WAY];
    for phys in lines {
        cpu.fill(phys);
        cpu.store(phys, 0x11);
    }
    // Any byte of the line names it.
    cpu.cache(HIT_WB_INV_D, AT + 31);
    cpu.cache(HIT_INV_I, AT + 31);
    assert_eq!(lines.map(|phys| in_icache(&cpu, phys)), [true, false, true, true]);
    assert_eq!(lines.map(|phys| in_dcache(&cpu, phys)), [true, false, true, true]);
    assert_eq!(lines.map(|phys| cpu.fetch(phys).is_some()), [true, false, true, true]);
}

#[test]
fn a_write_back_alone_keeps_the_line() {
    let mut cpu = Cpu::mips();
    cpu.store(AT, 0x11);
    cpu.cache(HIT_WB_D, AT);
    assert!(in_dcache(&cpu, AT));
    assert_eq!((cpu.model.dcache_totals().written_back, cpu.model.dcache_totals().invalidated), (1, 0));
    // Clean now: there is nothing to write back a second time.
    cpu.cache(HIT_WB_INV_D, AT);
    assert_eq!((cpu.model.dcache_totals().written_back, cpu.model.dcache_totals().invalidated), (1, 1));
}

/// 32 KB in 4 ways: a way is two pages, so that one line can be in two sets, and a kernel that invalidates through
/// its own address misses the line that user space executes.
#[test]
fn an_invalidation_through_another_colour_misses() {
    let icache = shape(256, 4, 32).addressed(Addressing::Vipt);
    let mut cpu = Cpu::new(icache, shape(128, 4, 32));
    let (phys, user) = (0x4_2000, 0x7fff_1000);
    assert_eq!(cpu.model.fetch(user.into(), phys.into(), 4), None);
    cpu.store(phys, 0x11);
    cpu.cache(HIT_WB_INV_D, phys);
    cpu.cache(HIT_INV_I, phys);
    let stale = cpu.model.fetch(user.into(), phys.into(), 4).unwrap();
    assert_eq!((stale.missing, stale.executed), (Missing::Invalidate, vec![0; 4]));
    // Through the kernel's own mapping the line is filled anew, and right.
    assert_eq!(cpu.fetch(phys), None);
    assert!(cpu.model.fetch(user.into(), phys.into(), 4).is_some());
    // An address of the right colour reaches it, whatever it is.
    let operation = cache_model::maintenance::mips_cache(HIT_INV_I);
    cpu.model.maintain(&operation, 0x1234_1000.into(), Some(phys.into()), cache_model::Origin::default());
    assert_eq!(cpu.model.fetch(user.into(), phys.into(), 4), None);
}

#[test]
fn a_way_no_larger_than_a_page_has_no_colours() {
    let icache = shape(128, 4, 32).addressed(Addressing::Vipt);
    let mut cpu = Cpu::new(icache, shape(128, 4, 32));
    let (phys, user) = (0x4_2000, 0x7fff_1000);
    let _ = cpu.model.fetch(user.into(), phys.into(), 4);
    cpu.store(phys, 0x11);
    cpu.cache(HIT_WB_INV_D, phys);
    cpu.cache(HIT_INV_I, phys);
    assert_eq!(cpu.model.fetch(user.into(), phys.into(), 4), None);
}

/// Cortex-A7: lines of 32 bytes in the I$, 64 in the D$.
#[test]
fn one_data_line_may_cover_several_instruction_lines() {
    let mut cpu = Cpu::new(shape(512, 2, 32), shape(128, 4, 64));
    cpu.fill(AT);
    cpu.fill(AT + 32);
    let store = cpu.store(AT, 0x11);
    cpu.store(AT + 36, 0x22);
    for phys in [AT, AT + 36] {
        assert_eq!(cpu.fetch(phys).unwrap().missing, Missing::Both);
    }
    cpu.arm("DCCMVAU", AT);
    cpu.arm("ICIMVAU", AT);
    assert_eq!(cpu.fetch(AT), None);
    let stale = cpu.fetch(AT + 36).unwrap();
    assert_eq!(stale.missing, Missing::Invalidate);
    assert_ne!(stale.writer, Some(store));
    cpu.arm("ICIMVAU", AT + 32);
    assert_eq!(cpu.fetch(AT + 36), None);
}

/// BMIPS: lines of 64 bytes in the I$, 32 in the D$.
#[test]
fn one_instruction_line_may_cover_several_data_lines() {
    let mut cpu = Cpu::new(shape(64, 4, 64), shape(128, 4, 32));
    cpu.store(AT, 0x11);
    let second = cpu.store(AT + 32, 0x22);
    cpu.cache(HIT_WB_D, AT);
    assert_eq!(cpu.fetch(AT), None);
    let stale = cpu.fetch(AT + 32).unwrap();
    assert_eq!((stale.missing, stale.writer), (Missing::WriteBack, Some(second)));
    cpu.cache(HIT_WB_D, AT + 32);
    assert_eq!(cpu.fetch(AT + 32).unwrap().missing, Missing::Invalidate);
    // Invalidating the line through any of its data lines drops all of it.
    cpu.cache(HIT_INV_I, AT);
    assert_eq!(cpu.fetch(AT + 32), None);
}

#[test]
fn an_access_across_lines_touches_both() {
    let mut cpu = Cpu::mips();
    let (first, second) = (AT, AT + 32);
    cpu.fill(first);
    cpu.fill(second);
    let store = cache_model::Origin { insn: 4, icount: 1 };
    cpu.model.memory_mut().poke(AT + 28, &[0xff; 8]);
    cpu.model.store((KERNEL + AT + 28).into(), (AT + 28).into(), 8, store);
    assert_eq!(cpu.model.dcache_totals().fills, 2);
    assert_eq!(cpu.fetch(AT + 28).unwrap().missing, Missing::Both);
    assert_eq!(cpu.fetch(second).unwrap().writer, Some(store));
    assert_eq!(cpu.fetch(first), None);
}

#[test]
fn the_line_that_differs_is_the_one_that_is_judged() {
    let mut cpu = Cpu::new(shape(64, 4, 64), shape(128, 4, 32));
    let second = cpu.store(AT + 32, 0x22);
    let stale = cpu.model.fetch((KERNEL + AT).into(), AT.into(), 64).unwrap();
    assert_eq!((stale.missing, stale.writer), (Missing::WriteBack, Some(second)));
}
