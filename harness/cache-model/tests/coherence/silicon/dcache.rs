// SPDX-License-Identifier: GPL-2.0-or-later
//! The data cache of a real VR4300. An uncached read is a look at the memory below the D$.

use cache_model::Memory as _;
use cache_model::maintenance::{Side, mips_cache};

use super::{
    CREATE_DIRTY_EXCL_D, DCACHE, HIT_INV_D, HIT_WB_D, HIT_WB_INV_D, INDEX_STORE_TAG_D, INDEX_WB_INV_D,
    console, load_tag,
};
use crate::cpu::{Cpu, KERNEL};

/// 8 KB aligned, as the tests have their memory.
const DATA: u64 = 0x4_0000;

const LINE: u64 = 16;

/// KSEG1, where the address space is uncached; an Index operation takes no notice of it.
const UNCACHED: u64 = 0xa000_0000;

fn uncached(cpu: &Cpu, phys: u64) -> u32 {
    u32::from_be_bytes(cpu.model.memory().below(phys.into(), 4).try_into().unwrap())
}

/// How the line at DATA is made to leave.
enum Leaves {
    /// A load of so many bytes at an offset.
    Load(u64, usize),
    Store(u64, usize),
    /// Index_Writeback_Inv_D of an address.
    Index(u64),
}

/// nemu64-test, dcache.rs, "data cache: Write back (Using ...)": LB, LBU, LH, LHU, LW, LWU, LD, SB, SH, SW, SD of the next
/// line in that slot; CACHE by a cached, an uncached and the next block's address. All expect a write-back.
#[test]
fn what_needs_the_place_writes_back() {
    use Leaves::{Index, Load, Store};
    let later = |offset| DCACHE + offset;
    let loads = [(15, 1), (15, 1), (14, 2), (14, 2), (12, 4), (12, 4), (8, 8)];
    let stores = [(15, 1), (14, 2), (12, 4), (8, 8)];
    let mut ways: Vec<Leaves> = loads.iter().map(|(at, len)| Load(later(*at), *len)).collect();
    ways.extend(stores.iter().map(|(at, len)| Store(later(*at), *len)));
    ways.extend([Index(KERNEL + DATA + 12), Index(UNCACHED + DATA + 12), Index(KERNEL + DATA + later(8))]);
    for way in ways {
        let mut cpu = console();
        for (at, value) in (0..).step_by(4).zip([0x1234, 0x2345, 0x3456, 0x4567, 0x5678]) {
            cpu.store(DATA + at, value);
        }
        let seen = |cpu: &Cpu| [0, 4, 8, 12, 16].map(|at| uncached(cpu, DATA + at));
        assert_eq!(seen(&cpu), [0; 5], "not before the line is written back");
        match way {
            Load(at, len) => {
                let stale = cpu.model.load((KERNEL + DATA + at).into(), (DATA + at).into(), len);
                assert_eq!(stale, None);
            }
            Store(at, len) => {
                cpu.model.store(
                    (KERNEL + DATA + at).into(),
                    (DATA + at).into(),
                    len,
                    cache_model::Origin { insn: 1, icount: 99 },
                );
            }
            Index(virt) => {
                cpu.model.maintain(
                    &mips_cache(INDEX_WB_INV_D),
                    virt.into(),
                    None,
                    cache_model::Origin::default(),
                );
            }
        }
        assert_eq!(seen(&cpu), [0x1234, 0x2345, 0x3456, 0x4567, 0], "its line and not the next");
    }
}

/// nemu64-test, dcache.rs, "data cache: Cache Index Load Tag".
#[test]
fn index_load_tag() {
    const KB: u64 = 1024;
    let near = [0, 4, 8, 16, 32, 64, 128, 256, 512];
    let far = [KB, 2 * KB, 3 * KB, 4 * KB, 5 * KB, 6 * KB, 7 * KB, 8 * KB, 8 * KB + 4, 9 * KB, 13 * KB];
    let mut cpu = console();
    for offset in near.into_iter().chain(far) {
        let (at, line) = (DATA + offset, (DATA + offset) & !(LINE - 1));
        cpu.load(at);
        cpu.cache(HIT_WB_INV_D, at);
        assert_eq!(load_tag(&cpu.model, Side::D, at), None, "invalid, {offset:#x}");
        cpu.load(at);
        assert_eq!(
            load_tag(&cpu.model, Side::D, at).map(|tag| tag.phys.get()),
            Some(line),
            "clean, {offset:#x}"
        );
        cpu.store(at, 0);
        assert_eq!(
            load_tag(&cpu.model, Side::D, at).map(|tag| tag.phys.get()),
            Some(line),
            "dirty, {offset:#x}"
        );
    }
}

/// What `test_cache_instruction` of nemu64-test's dcache.rs expects of one operation, on six lines: dirty, clean and
/// invalid ones that it hits, and dirty, clean and invalid ones that it is given another tag for.
struct Row {
    operation: u32,
    /// Whether each line is valid ("Tag of cache line after cache instruction"); `None` is undefined.
    valid: [Option<bool>; 6],
    /// What memory has ("Value in memory after cache instruction").
    memory: [u32; 6],
    /// What memory has after ones were stored there past the cache and the slot was taken ("Value in memory (1) after
    /// cache was invalidated"): not 1 where the line was still dirty.
    replaced: [u32; 6],
}

const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);

/// nemu64-test, dcache.rs, "data cache: Cache Hit Write Back Invalidate", "Cache Hit Write Back", "Cache Hit Invalidate",
/// "Index Write Back Invalidate".
const TABLE: [Row; 4] = [
    Row {
        operation: HIT_WB_INV_D,
        valid: [NO, NO, NO, YES, YES, None],
        memory: [0x222, 0x111, 0x111, 0x111, 0x111, 0x111],
        replaced: [1, 1, 1, 0, 1, 1],
    },
    Row {
        operation: HIT_WB_D,
        valid: [YES, YES, NO, YES, YES, NO],
        memory: [0x222, 0x111, 0x111, 0x111, 0x111, 0x111],
        replaced: [1, 1, 1, 0, 1, 1],
    },
    Row {
        operation: HIT_INV_D,
        valid: [NO, NO, NO, YES, YES, NO],
        memory: [DISCARDED, 0x111, 0x111, 0x111, 0x111, 0x111],
        replaced: [1, 1, 1, 0, 1, 1],
    },
    Row {
        operation: INDEX_WB_INV_D,
        valid: [NO, NO, NO, NO, NO, NO],
        memory: [0x222, 0x111, 0x111, 0, 0x111, 0x111],
        replaced: [1, 1, 1, 1, 1, 1],
    },
];

/// The silicon's value where it discards a dirty line that the model writes back: the permitted difference.
const DISCARDED: u32 = 0x111;
const WRITTEN_BACK_INSTEAD: u32 = 0x222;

#[test]
fn cache_operations_on_dirty_clean_and_invalid_lines() {
    for row in TABLE {
        let mut cpu = console();
        let at = |n: u64| DATA + n * LINE;
        for n in 0..6 {
            // Before the cached stores, not after them: see the head of mod.rs.
            cpu.store_uncached(at(n), 0x111);
        }
        cpu.store(at(0), 0x222);
        cpu.load(at(1));
        cpu.store(at(3), 0);
        cpu.load(at(4));
        for n in 0..6 {
            cpu.cache(row.operation, if n < 3 { at(n) } else { at(n) + DCACHE });
        }
        for n in 0..6 {
            let context = format!("operation {:#x}, line {n}", row.operation);
            let tag = load_tag(&cpu.model, Side::D, at(n));
            if let Some(valid) = row.valid[n as usize] {
                assert_eq!(tag.map(|tag| tag.phys.get()), valid.then_some(at(n)), "{context}");
            }
            let permitted = row.operation == HIT_INV_D && n == 0;
            let memory = if permitted { WRITTEN_BACK_INSTEAD } else { row.memory[n as usize] };
            assert_eq!(uncached(&cpu, at(n)), memory, "{context}");
            let dirty = row.replaced[n as usize] != 1;
            assert_eq!(tag.is_some_and(|tag| tag.dirty), dirty, "{context}");
        }
        for n in 0..6 {
            cpu.load(at(n) + 2 * DCACHE);
        }
        // A line that was still dirty is in memory now.
        assert_eq!(uncached(&cpu, at(3)), 0, "operation {:#x}", row.operation);
    }
}

/// nemu64-test, dcache.rs, "cache: Write cache line manually (invalid)", test 0: on silicon the dirty line is dropped,
/// here it is written back.
#[test]
fn storing_an_invalid_tag_empties_the_place() {
    let mut cpu = console();
    cpu.store(DATA, 1);
    cpu.cache(INDEX_STORE_TAG_D, DATA);
    assert_eq!(load_tag(&cpu.model, Side::D, DATA), None);
    assert_eq!(uncached(&cpu, DATA), 1, "the permitted difference");
}

/// n64-systemtest, dcache_cache.rs, "cached LW observes word written uncached", "hit writeback pushes dirty line to RAM",
/// "index writeback invalidate clears valid in TagLo", "hit writeback invalidate (0x15)".
#[test]
fn a_dirty_line_goes_to_memory_by_hit_and_by_index() {
    for (operation, stays) in [(HIT_WB_D, true), (HIT_WB_INV_D, false), (INDEX_WB_INV_D, false)] {
        let mut cpu = console();
        cpu.cache(INDEX_WB_INV_D, DATA);
        cpu.store_uncached(DATA, 0xaaaa_bbbb);
        cpu.load(DATA);
        assert_eq!(cpu.model.memory().data(DATA.into(), 4), 0xaaaa_bbbb_u32.to_be_bytes(), "line fill");
        cpu.store(DATA, 0xcccc_dddd);
        assert_eq!(uncached(&cpu, DATA), 0xaaaa_bbbb, "RAM before {operation:#x}");
        cpu.cache(operation, DATA);
        assert_eq!(uncached(&cpu, DATA), 0xcccc_dddd, "RAM after {operation:#x}");
        let tag = load_tag(&cpu.model, Side::D, DATA);
        assert_eq!(
            tag.map(|tag| (tag.phys.get(), tag.dirty)),
            stays.then_some((DATA, false)),
            "{operation:#x}"
        );
    }
}

/// n64-systemtest, dcache_cache.rs, "create dirty exclusive (0x0D) then store/writeback": the value in memory at the end.
#[test]
fn create_dirty_exclusive_then_store_and_write_back() {
    let mut cpu = console();
    cpu.cache(INDEX_WB_INV_D, DATA);
    cpu.cache(CREATE_DIRTY_EXCL_D, DATA);
    cpu.store(DATA, 0x00c0_ffee);
    assert_eq!(load_tag(&cpu.model, Side::D, DATA).map(|tag| tag.dirty), Some(true));
    cpu.cache(HIT_WB_D, DATA);
    assert_eq!(uncached(&cpu, DATA), 0x00c0_ffee);
}

/// nemu64-test, dcache.rs, "cache: Conflicting CacheLineIndex vs Ptag": two pages side by side map one physical page, whose
/// line is in the cache twice, and goes back by its tag, not by its index. The first value of memory would be
/// 0xc0ffe000 on silicon, where the two colours are two memories.
#[test]
fn a_line_of_two_colours_is_written_back_by_its_tag() {
    let mut cpu = console();
    let (base, origin) = (0x0dea_0000, cache_model::Origin { insn: 1, icount: 1 });
    cpu.store_uncached(DATA, 0x0123_4567);
    cpu.store_uncached(DATA + 4096, 0xbadb_adba);
    let tags =
        |cpu: &Cpu| [0, 4096].map(|at| load_tag(&cpu.model, Side::D, base + at).map(|tag| tag.phys.get()));
    for at in [0, 4096] {
        cpu.model.load((base + at).into(), DATA.into(), 4);
        assert_eq!(cpu.model.memory().data(DATA.into(), 4), 0x0123_4567_u32.to_be_bytes());
    }
    assert_eq!(tags(&cpu), [Some(DATA); 2]);
    for (at, value) in [(0, 0xc0ff_e000_u32), (4096, 0xf00d_0000)] {
        cpu.model.memory_mut().poke(DATA, &value.to_be_bytes());
        cpu.model.store((base + at).into(), DATA.into(), 4, origin);
    }
    for (at, left) in [(0, [None, Some(DATA)]), (4096, [None, None])] {
        cpu.model.maintain(&mips_cache(HIT_WB_INV_D), (base + at).into(), Some(DATA.into()), origin);
        assert_eq!((uncached(&cpu, DATA), tags(&cpu)), (0xf00d_0000, left));
    }
    assert_eq!(uncached(&cpu, DATA + 4096), 0xbadb_adba, "by tag, not by index");
}
