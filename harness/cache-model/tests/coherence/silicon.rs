// SPDX-License-Identifier: GPL-2.0-or-later
//! What a real VR4300 does, by value: the sequences of the instruction cache tests of nemu64-test and n64-systemtest
//! ("Modify cached", "Cache(IndexInvalidate)", "Cache(HitInvalidate)", "Cache(Fill)"), which pass on the console.
//!
//! The function under test is `lui t0, X; ori t0, t0, 0x1111`; X is changed, and the result tells which was executed.

use crate::HIT_INV_I;
use crate::cpu::{Cpu, shape};

const INDEX_INV_I: u32 = 0x00;
const FILL_I: u32 = 0x14;

const CODE: u64 = 0x1_0190;

/// The I$ is 16 KB, direct mapped, with lines of 32 bytes; the D$ half that, with lines of 16.
const ICACHE: u64 = 16 << 10;
const DCACHE: u64 = 8 << 10;

fn vr4300() -> Cpu {
    let mut cpu = Cpu::new(shape(512, 1, 32), shape(512, 1, 16));
    cpu.store_uncached(CODE, lui(0x1111));
    cpu.store_uncached(CODE + 4, 0x3508_1111);
    cpu
}

fn lui(immediate: u32) -> u32 {
    0x3c08_0000 | immediate
}

/// Runs the function; returns what it leaves in t0.
fn result(cpu: &mut Cpu) -> u32 {
    cpu.execute(CODE) << 16 | cpu.execute(CODE + 4) & 0xffff
}

/// Runs a function in another line of the same set, which takes the place of the line under test.
fn run_conflicting(cpu: &mut Cpu) {
    cpu.fill(CODE + ICACHE);
}

#[test]
fn modify_cached() {
    let mut cpu = vr4300();
    assert_eq!(result(&mut cpu), 0x1111_1111);
    cpu.store_uncached(CODE, lui(0x2222));
    assert_eq!(result(&mut cpu), 0x1111_1111, "modified, without invalidation");
    run_conflicting(&mut cpu);
    assert_eq!(result(&mut cpu), 0x2222_1111, "modified, and the line replaced");
    cpu.store(CODE, lui(0x3333));
    run_conflicting(&mut cpu);
    assert_eq!(result(&mut cpu), 0x2222_1111, "modified in the D$ and the line replaced, without write-back");
    // A load from the other line of that D$ place writes back the dirty one.
    cpu.load(CODE + DCACHE);
    assert_eq!(result(&mut cpu), 0x2222_1111, "written back, the line still there");
    run_conflicting(&mut cpu);
    assert_eq!(result(&mut cpu), 0x3333_1111, "written back, and the line replaced");
}

/// The sequence that the three invalidating operations share; returns the last result, and whether the operation,
/// given an address with the same index and another tag, took the line away.
fn invalidate_by(field: u32) -> (u32, bool) {
    let mut cpu = vr4300();
    assert_eq!(result(&mut cpu), 0x1111_1111);
    cpu.store_uncached(CODE, lui(0x2222));
    assert_eq!(result(&mut cpu), 0x1111_1111, "before the operation");
    cpu.cache(field, CODE);
    assert_eq!(result(&mut cpu), 0x2222_1111, "after the operation");
    cpu.cache(field, CODE + ICACHE);
    let taken = {
        // A copy, since a look at the line fills it.
        let mut look = Cpu::new(shape(512, 1, 32), shape(512, 1, 16));
        look.model = cpu.model.clone();
        let before = look.model.icache_totals().fills;
        look.fill(CODE);
        look.model.icache_totals().fills != before
    };
    cpu.store_uncached(CODE, lui(0x3333));
    cpu.cache(field, CODE);
    cpu.store_uncached(CODE, lui(0x4444));
    (result(&mut cpu), taken)
}

#[test]
fn index_invalidate_ignores_the_tag() {
    assert_eq!(invalidate_by(INDEX_INV_I), (0x4444_1111, true));
}

#[test]
fn hit_invalidate_wants_the_right_tag() {
    assert_eq!(invalidate_by(HIT_INV_I), (0x4444_1111, false));
}

#[test]
fn fill_reads_the_line_when_it_is_executed_and_not_later() {
    assert_eq!(invalidate_by(FILL_I), (0x3333_1111, true));
}

/// "ICACHE: uncached patch does not affect fetched line until invalidate", "CACHE icache fill loads line from memory".
#[test]
fn a_patch_waits_for_the_invalidation() {
    let mut cpu = vr4300();
    cpu.cache(INDEX_INV_I, CODE);
    cpu.store_uncached(CODE, 0xcafe);
    assert_eq!(cpu.execute(CODE), 0xcafe);
    cpu.store_uncached(CODE, 0x2222);
    assert_eq!(cpu.execute(CODE), 0xcafe);
    cpu.cache(HIT_INV_I, CODE);
    assert_eq!(cpu.execute(CODE), 0x2222);
    cpu.store_uncached(CODE, 0x3333);
    cpu.cache(FILL_I, CODE);
    assert_eq!(cpu.execute(CODE), 0x3333);
}
