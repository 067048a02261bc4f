// SPDX-License-Identifier: GPL-2.0-or-later
//! The instruction cache of a real VR4300.
//!
//! The function under test is `lui t0, X; ori t0, t0, 0x1111`; X is changed, and the result shows which was executed.

use cache_model::maintenance::Side;

use super::{
    DCACHE, FILL_I, HIT_INV_I, HIT_WB_D, HIT_WB_I, ICACHE, INDEX_INV_I, INDEX_STORE_TAG_I, console, load_tag,
};
use crate::cpu::Cpu;

const CODE: u64 = 0x1_0190;

fn vr4300() -> Cpu {
    let mut cpu = console();
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

/// Runs a function in another line of the same set, which takes the slot of the line under test.
fn run_conflicting(cpu: &mut Cpu) {
    cpu.fill(CODE + ICACHE);
}

/// The line that the I$ has at the slot of CODE.
fn tag(cpu: &Cpu) -> Option<u64> {
    load_tag(&cpu.model, Side::I, CODE).map(|tag| tag.phys.get())
}

/// nemu64-test, icache.rs, "icache: Modify cached", results 1 to 5.
#[test]
fn modify_cached() {
    let mut cpu = vr4300();
    assert_eq!(result(&mut cpu), 0x1111_1111, "never modified");
    cpu.store_uncached(CODE, lui(0x2222));
    assert_eq!(result(&mut cpu), 0x1111_1111, "modified, without invalidation");
    run_conflicting(&mut cpu);
    assert_eq!(result(&mut cpu), 0x2222_1111, "modified, and the line replaced");
    cpu.store(CODE, lui(0x3333));
    run_conflicting(&mut cpu);
    assert_eq!(result(&mut cpu), 0x2222_1111, "modified in the D$ and the line replaced, without write-back");
    // A load from the other line of that D$ slot writes back the dirty one.
    cpu.load(CODE + DCACHE);
    assert_eq!(result(&mut cpu), 0x2222_1111, "written back, the line still there");
    run_conflicting(&mut cpu);
    assert_eq!(result(&mut cpu), 0x3333_1111, "written back, and the line replaced");
}

/// What `test_invalidate` of nemu64-test's icache.rs expects of one operation.
struct Invalidates {
    operation: u32,
    /// Whether the line is valid after the operation hit it, results "line_after3".
    after_hit: bool,
    /// The line that is valid after the operation was given an address with the same index and another tag
    /// ("invalidate_ptag_mismatch"): none, the old one, or that other one.
    after_mismatch: Option<u64>,
    /// Whether the line is valid after a hit once more ("invalidate_ptag_mismatch_while_invalid").
    after_second: bool,
    /// Result 4.
    result: u32,
}

const LINE: u64 = CODE & !31;

/// nemu64-test, icache.rs, "icache: Cache(IndexInvalidate)", "Cache(HitInvalidate)", "Cache(Fill)".
const TABLE: [Invalidates; 3] = [
    Invalidates {
        operation: INDEX_INV_I,
        after_hit: false,
        after_mismatch: None,
        after_second: false,
        result: 0x4444_1111,
    },
    Invalidates {
        operation: HIT_INV_I,
        after_hit: false,
        after_mismatch: Some(LINE),
        after_second: false,
        result: 0x4444_1111,
    },
    Invalidates {
        operation: FILL_I,
        after_hit: true,
        after_mismatch: Some(LINE + ICACHE),
        after_second: true,
        result: 0x3333_1111,
    },
];

#[test]
fn cache_operations_by_index_hit_and_fill() {
    for row in TABLE {
        let mut cpu = vr4300();
        let context = format!("operation {:#x}", row.operation);
        assert_eq!(result(&mut cpu), 0x1111_1111, "{context}: result 1");
        cpu.store_uncached(CODE, lui(0x2222));
        assert_eq!(result(&mut cpu), 0x1111_1111, "{context}: result 2, before the operation");
        assert_eq!(tag(&cpu), Some(LINE), "{context}: before");
        cpu.cache(row.operation, CODE);
        assert_eq!(tag(&cpu), Some(LINE).filter(|_| row.after_hit), "{context}: after");
        assert_eq!(result(&mut cpu), 0x2222_1111, "{context}: result 3");
        cpu.cache(row.operation, CODE + ICACHE);
        assert_eq!(tag(&cpu), row.after_mismatch, "{context}: mismatch");
        cpu.store_uncached(CODE, lui(0x3333));
        cpu.cache(row.operation, CODE);
        assert_eq!(tag(&cpu), Some(LINE).filter(|_| row.after_second), "{context}: once more");
        cpu.store_uncached(CODE, lui(0x4444));
        assert_eq!(result(&mut cpu), row.result, "{context}: result 4");
    }
}

/// nemu64-test, icache.rs, "icache: Cache(IndexStoreTag)", "TagLo after writing Invalid"; the tag is that of another line.
#[test]
fn storing_an_invalid_tag_empties_the_place() {
    let mut cpu = vr4300();
    assert_eq!(result(&mut cpu), 0x1111_1111);
    cpu.cache(INDEX_STORE_TAG_I, CODE + ICACHE);
    assert_eq!(tag(&cpu), None);
}

/// n64-systemtest, icache_functional.rs, "fetch matches instruction words in RAM", "uncached patch does not affect fetched
/// line until invalidate", "CACHE icache fill (0x14) loads line from memory".
#[test]
fn a_patch_waits_for_the_invalidation() {
    let mut cpu = vr4300();
    cpu.cache(INDEX_INV_I, CODE);
    cpu.store_uncached(CODE, 0xcafe);
    assert_eq!(cpu.execute(CODE), 0xcafe);
    cpu.cache(INDEX_INV_I, CODE);
    cpu.store_uncached(CODE, 0x1111);
    assert_eq!(cpu.execute(CODE), 0x1111, "first run");
    cpu.store_uncached(CODE, 0x2222);
    assert_eq!(cpu.execute(CODE), 0x1111, "stale icache after uncached patch");
    cpu.cache(HIT_INV_I, CODE);
    assert_eq!(cpu.execute(CODE), 0x2222, "after hit invalidate");
    cpu.cache(INDEX_INV_I, CODE);
    cpu.store_uncached(CODE, 0x3333);
    cpu.cache(FILL_I, CODE);
    assert_eq!(cpu.execute(CODE), 0x3333, "after explicit CACHE fill");
}

/// n64-systemtest, icache_cache.rs, "index invalidate clears valid in TagLo", "hit invalidate clears valid when line
/// hits". A fill makes the line valid here, not a stored tag.
#[test]
fn invalidations_clear_valid_in_tag_lo() {
    for (operation, at) in [(INDEX_INV_I, 0x2000), (HIT_INV_I, 0x3000)] {
        let mut cpu = console();
        cpu.cache(FILL_I, at);
        assert_eq!(load_tag(&cpu.model, Side::I, at).map(|tag| tag.phys.get()), Some(at), "before");
        cpu.cache(operation, at);
        assert_eq!(load_tag(&cpu.model, Side::I, at), None, "after {operation:#x}");
    }
}

/// What is left of "Cache(HitWriteBack)" and "icache hit writeback (0x18) pushes line to RAM": the operation changes
/// nothing in the I$, so that the function runs as it was filled ("icache still holds original"). Memory would have it
/// too on silicon.
#[test]
fn writing_back_an_instruction_line_leaves_it() {
    let mut cpu = vr4300();
    cpu.store_uncached(CODE, 0x4444);
    assert_eq!(cpu.execute(CODE), 0x4444, "icache line hot");
    cpu.store_uncached(CODE, 0x5555);
    cpu.cache(HIT_WB_I, CODE);
    assert_eq!((cpu.execute(CODE), tag(&cpu)), (0x4444, Some(LINE)));
}

/// The D$ side of "Modify cached", by an operation instead of an eviction: written back and not invalidated stays old.
#[test]
fn a_write_back_alone_does_not_reach_the_icache() {
    let mut cpu = vr4300();
    assert_eq!(result(&mut cpu), 0x1111_1111);
    cpu.store(CODE, lui(0x3333));
    cpu.cache(HIT_WB_D, CODE);
    assert_eq!(result(&mut cpu), 0x1111_1111);
    cpu.cache(HIT_INV_I, CODE);
    assert_eq!(result(&mut cpu), 0x3333_1111);
}
