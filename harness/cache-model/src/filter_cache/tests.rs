// SPDX-License-Identifier: GPL-2.0-or-later
use super::*;
use crate::replacement::Replacement;

fn v(address: u64) -> VirtAddr {
    address.into()
}

fn table() -> FilterCache {
    let g = Geometry::new(128, 4, 32).unwrap();
    let order = || Arc::new(UseOrder::new(Replacement::Lru, 0, 1, g));
    FilterCache::new(g, g, &[order(), order()])
}

#[test]
fn a_slot_is_known_by_one_address() {
    let table = table();
    table.insert(v(0x1000), 5, false);
    table.insert(v(0x8000_1000), 5, true);
    assert!(!table.load_hits(v(0x1000)) && table.load_hits(v(0x8000_1010)));
    assert!(table.store_hits(v(0x8000_1000), Origin { insn: 1, icount: 2 }));
    assert_eq!(table.last_store(5), Origin { insn: 1, icount: 2 });
    table.invalidate(5);
    assert!(!table.load_hits(v(0x8000_1000)));
}

#[test]
fn a_use_of_another_line_of_the_set_is_noted() {
    let table = table();
    // Three lines of set 2, and one of another set that takes the entry of the third.
    for (slot, virt) in [(8, 0x1040), (9, 0x2040), (10, 0x3040)] {
        table.insert(v(virt), slot, false);
        table.data_order.touch(slot);
    }
    assert!(table.load_hits(v(0x1040)) && table.load_hits(v(0x1040)));
    assert_eq!(table.data_order.victim(2), 3, "what was never used goes first");
    table.data_order.touch(11);
    assert_eq!(table.data_order.victim(2), 1);
    assert!(table.load_hits(v(0x2040)) && table.load_hits(v(0x3040)));
    assert_eq!(table.data_order.victim(2), 0);
    table.insert(v(0x3040 + 32 * ENTRIES as u64), 40, false);
    assert!(table.load_hits(v(0x1040)) && table.load_hits(v(0x2040)));
    assert!(table.load_hits(v(0x3040 + 32 * ENTRIES as u64)));
}

#[test]
fn an_entry_that_another_line_took_is_left_alone() {
    let table = table();
    table.insert(v(0x1000), 5, false);
    table.insert(v(0x1000 + 32 * ENTRIES as u64), 9, false);
    table.invalidate(5);
    assert!(table.load_hits(v(0x1000 + 32 * ENTRIES as u64)));
}

#[test]
fn a_generation_does_not_come_again() {
    let table = table();
    table.insert(v(0x1000), 5, false);
    let first = table.mru_tag.load(Relaxed);
    let generations = (1..=1 << 20).take_while(|_| {
        table.next_generation();
        assert!(!table.load_hits(v(0x1000)));
        table.insert(v(u64::MAX), 6, true);
        assert!(table.store_hits(v(u64::MAX), Origin::default()), "no line is another one's");
        table.mru_tag.load(Relaxed) != first
    });
    // Lines of 32 bytes: 15 bits below those by which addresses of one entry differ, two of them flags.
    assert_eq!(generations.count(), (1 << 13) - 2);
}

#[test]
fn addresses_differ_in_all_their_bits() {
    let table = table();
    table.insert(v(0x1000), 5, true);
    for bit in 5..64 {
        assert!(!table.load_hits(v(0x1000 ^ 1 << bit)), "bit {bit}");
    }
    let line = |address: u64| table.fetched_line(address.into(), address.into());
    table.insert_fetch(0, Some(0xffff_8000_0000_0000));
    for bit in 5..64 {
        assert!(!table.fetch_hits(line(0xffff_8000_0000_0000 ^ 1 << bit)), "bit {bit}");
    }
    assert!(table.load_hits(v(0x101f)) && table.fetch_hits(line(0xffff_8000_0000_001f)));
}

#[test]
fn a_line_with_too_long_a_name_is_never_known() {
    let g = Geometry::new(65_536, 1, 32).unwrap().addressed(Addressing::Vipt);
    let order = || Arc::new(UseOrder::new(Replacement::Lru, 0, 1, g));
    let table = FilterCache::new(g, g, &[order(), order()]);
    for (address, known) in [(0x1040, true), (0xffff_ffe0, true), (0xffff_ffff_ffff_ffe0, false)] {
        let line = table.fetched_line(address.into(), address.into());
        table.insert_fetch(g.set_of(address.into(), address.into()), Some(address));
        assert_eq!((table.fetch_hits(line), line != FetchedLine::NONE), (known, known), "{address:#x}");
    }
}

#[test]
fn fetches_are_answered_for_every_way() {
    let table = table();
    let line = |address: u64| table.fetched_line(address.into(), address.into());
    for way in 0..4 {
        table.insert_fetch(4 * 2 + way, Some(0x1040 + 0x1000 * way as u64));
    }
    assert!((0..4).all(|way| table.fetch_hits(line(0x1040 + 0x1000 * way))));
    table.invalidate_fetch(4 * 2 + 3);
    assert!(!table.fetch_hits(line(0x4040)) && table.fetch_hits(line(0x1040)));
}
