// SPDX-License-Identifier: GPL-2.0-or-later
//! Scenarios whose outcome is known from elsewhere: real silicon, or the architectures' manuals.

mod cpu;
mod lines;
mod silicon;

use cache_model::{CacheTotals, Config, Missing, Origin, Snoops, Stale};
use cpu::{Cpu, shape};

const HIT_INV_I: u32 = 0x10;
const HIT_INV_D: u32 = 0x11;
const HIT_WB_INV_D: u32 = 0x15;
const HIT_WB_D: u32 = 0x19;

const AT: u64 = 0x4_2000;

fn why(stale: Option<Stale>) -> (Missing, Option<Origin>) {
    let stale = stale.unwrap();
    (stale.missing, stale.writer)
}

#[test]
fn code_written_but_never_written_back_lacks_the_write_back() {
    let mut cpu = Cpu::mips();
    let store = cpu.store(AT, 0x11);
    let stale = cpu.fetch(AT).unwrap();
    let expected = Stale {
        phys: AT.into(),
        executed: vec![0; 4],
        expected: vec![0, 0, 0, 0x11],
        missing: Missing::WriteBack,
        writer: Some(store),
        dirty_in: None,
    };
    assert_eq!(stale, expected);
}

#[test]
fn a_write_back_without_the_invalidation_lacks_the_invalidation() {
    let mut cpu = Cpu::mips();
    cpu.fill(AT);
    let store = cpu.store(AT, 0x11);
    cpu.cache(HIT_WB_D, AT);
    // The writer is known although nothing in the D$ shows it any more.
    assert_eq!(why(cpu.fetch(AT)), (Missing::Invalidate, Some(store)));
    cpu.cache(HIT_WB_INV_D, AT);
    assert_eq!(why(cpu.fetch(AT)), (Missing::Invalidate, Some(store)));
}

/// What is written back, and how often, if `FENCE.I` comes after a store to a line that the I$ has.
fn fenced(snoops: Snoops) -> (u64, Vec<u32>) {
    let mut config = Config::new(shape(128, 4, 64), shape(64, 8, 64));
    config.snoops = snoops;
    let mut cpu = Cpu::of(config);
    cpu.fill(AT);
    cpu.store(AT, 0x11);
    let before = cpu.execute(AT);
    cpu.fence_i();
    let after = cpu.execute(AT);
    cpu.store(AT, 0x12);
    let again = cpu.execute(AT);
    (cpu.model.dcache_totals().written_back, vec![before, after, again])
}

#[test]
fn fence_i_makes_stores_visible_by_a_write_back_only_where_fills_see_no_dirty_line() {
    assert_eq!(fenced(Snoops::Nothing), (1, vec![0, 0x11, 0x11]));
    assert_eq!(fenced(Snoops::Own), (0, vec![0, 0x11, 0x11]));
}

#[test]
fn nothing_done_lacks_both() {
    let mut cpu = Cpu::mips();
    cpu.fill(AT);
    let store = cpu.store(AT, 0x11);
    assert_eq!(why(cpu.fetch(AT)), (Missing::Both, Some(store)));
}

/// What a patch that does only one half leaves to be done.
#[test]
fn an_invalidation_alone_turns_both_into_a_write_back() {
    let mut cpu = Cpu::mips();
    cpu.fill(AT);
    let store = cpu.store(AT, 0x11);
    cpu.cache(HIT_INV_I, AT);
    assert_eq!(why(cpu.fetch(AT)), (Missing::WriteBack, Some(store)));
    // The line was filled with old bytes: the write-back that comes too late does not help.
    cpu.cache(HIT_WB_D, AT);
    assert_eq!(why(cpu.fetch(AT)), (Missing::Invalidate, Some(store)));
    cpu.cache(HIT_INV_I, AT);
    assert_eq!(cpu.fetch(AT), None);
}

#[test]
fn the_last_of_several_writers_is_named() {
    let mut cpu = Cpu::mips();
    cpu.fill(AT);
    cpu.store(AT, 0x11);
    let second = cpu.store(AT + 8, 0x12);
    assert_eq!(why(cpu.fetch(AT)).1, Some(second));
    cpu.cache(HIT_WB_D, AT);
    assert_eq!(why(cpu.fetch(AT)).1, Some(second));
    let third = cpu.store(AT + 4, 0x13);
    assert_eq!(why(cpu.fetch(AT)).1, Some(third));
}

#[test]
fn equal_bytes_are_not_stale_however_they_came() {
    let mut cpu = Cpu::mips();
    cpu.fill(AT);
    cpu.store(AT, 0x11);
    cpu.store(AT, 0);
    assert_eq!(cpu.fetch(AT), None);
    cpu.store(AT, 0x11);
    assert!(cpu.fetch(AT).is_some());
    // Only what is fetched counts, not the rest of its line.
    assert_eq!(cpu.fetch(AT + 4), None);
}

/// The architectures allow a dirty line to have been written back at any moment before it is invalidated.
#[test]
fn invalidating_a_dirty_line_loses_nothing() {
    let mut cpu = Cpu::mips();
    cpu.store(AT, 0x11);
    cpu.cache(HIT_INV_D, AT);
    assert_eq!(cpu.fetch(AT), None);
    assert_eq!(cpu.model.dcache_totals().written_back, 1);
}

#[test]
fn synci_does_both_halves_for_its_line_only() {
    let mut cpu = Cpu::mips();
    for phys in [AT, AT + 32] {
        cpu.fill(phys);
        cpu.store(phys, 0x11);
    }
    cpu.synci(AT + 28);
    assert_eq!(cpu.fetch(AT), None);
    assert_eq!(why(cpu.fetch(AT + 32)).0, Missing::Both);
}

#[test]
fn arm_cleans_to_unification_then_invalidates() {
    let shape = cpu::shape(256, 2, 64);
    for (operations, left) in [
        (["DCCMVAU", "ICIMVAU"], None),
        (["DCCIMVAC", "ICIALLU"], None),
        (["DCCMVAC", "ICIALLUIS"], None),
        // In the wrong order nothing is wrong with the model: it fills nothing in between.
        (["ICIMVAU", "DCCMVAU"], None),
        (["DCCMVAU", "DCCMVAU"], Some(Missing::Invalidate)),
        (["ICIMVAU", "ICIALLU"], Some(Missing::WriteBack)),
    ] {
        let mut cpu = Cpu::new(shape, shape);
        cpu.fill(AT);
        cpu.store(AT, 0xe7f0_01f9);
        for name in operations {
            cpu.arm(name, AT);
        }
        assert_eq!(cpu.fetch(AT).map(|stale| stale.missing), left, "{operations:?}");
    }
}

#[test]
fn arm_set_way_operations_name_one_place() {
    let shape = cpu::shape(256, 2, 64);
    let mut cpu = Cpu::new(shape, shape);
    // Way 0 and way 1 of set 5, in the order in which they are taken.
    let (first, second) = (5 * 64, 5 * 64 + 256 * 64);
    cpu.store(first, 0x11);
    cpu.store(second, 0x22);
    cpu.set_way("DCCSW", 1 << 31 | 5 << 6);
    assert_eq!(cpu.fetch(second), None);
    assert_eq!(why(cpu.fetch(first)).0, Missing::WriteBack);
    // Another level, which is below where I$ and D$ meet.
    cpu.set_way("DCCISW", 5 << 6 | 1 << 1);
    assert_eq!(why(cpu.fetch(first)).0, Missing::WriteBack);
    cpu.set_way("DCCISW", 5 << 6);
    assert_eq!(why(cpu.fetch(first)).0, Missing::Invalidate);
    assert_eq!(cpu.model.dcache_totals().invalidated, 1);
}

#[test]
fn an_uncached_store_reaches_memory_but_not_the_icache() {
    let mut cpu = Cpu::mips();
    cpu.fill(AT);
    let store = cpu.store_uncached(AT, 0x11);
    assert_eq!(why(cpu.fetch(AT)), (Missing::Invalidate, Some(store)));
    cpu.cache(HIT_INV_I, AT);
    assert_eq!(cpu.fetch(AT), None);
    assert_eq!(cpu.model.dcache_totals(), CacheTotals::default());
}

#[test]
fn an_operation_without_a_translation_does_nothing() {
    let mut cpu = Cpu::mips();
    cpu.store(AT, 0x11);
    let before = (cpu.model.icache_totals(), cpu.model.dcache_totals());
    for field in [HIT_INV_I, HIT_INV_D, HIT_WB_INV_D, HIT_WB_D, 0x14] {
        cpu.model.maintain(
            &cache_model::maintenance::mips_cache(field),
            (cpu::KERNEL + AT).into(),
            None,
            Origin::default(),
        );
    }
    assert_eq!((cpu.model.icache_totals(), cpu.model.dcache_totals()), before);
    assert_eq!(why(cpu.fetch(AT)).0, Missing::WriteBack);
}

#[test]
fn what_changes_no_line_changes_nothing() {
    let mut cpu = Cpu::mips();
    cpu.fill(AT);
    cpu.store(AT, 0x11);
    let before = (cpu.model.icache_totals(), cpu.model.dcache_totals());
    // Loads of tags, locks, and everything about the second level.
    for field in [0x04, 0x05, 0x1d, 0x03, 0x07, 0x0b, 0x13, 0x17, 0x1b] {
        cpu.cache(field, AT);
    }
    assert_eq!((cpu.model.icache_totals(), cpu.model.dcache_totals()), before);
    assert_eq!(why(cpu.fetch(AT)).0, Missing::Both);
}

/// The instrument puts stale bytes into memory to have them executed, and takes them out again: what was written
/// back in between must not have taken them below.
#[test]
fn a_swap_leaves_no_trace_once_it_is_undone() {
    let mut cpu = Cpu::mips();
    cpu.store(AT, 0x11);
    cpu.store(AT + 32, 0x22);
    for phys in [AT, AT + 32] {
        cpu.model.memory_mut().poke(phys, &[0xee; 4]);
    }
    cpu.cache(HIT_WB_INV_D, AT);
    cpu.model.memory_mut().poke(AT, &[0, 0, 0, 0x11]);
    cpu.model.memory_mut().poke(AT + 32, &[0, 0, 0, 0x22]);
    cpu.model.resync(AT.into(), 64);
    assert_eq!(cpu.execute(AT), 0x11);
    assert_eq!(cpu.fetch(AT), None);
    // The line that stayed dirty is none of its business: below it the old bytes stay.
    assert_eq!(why(cpu.fetch(AT + 32)).0, Missing::WriteBack);
}
