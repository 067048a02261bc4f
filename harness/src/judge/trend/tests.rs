// SPDX-License-Identifier: GPL-2.0-or-later
//! Entries whose changes are known, and entries in which nothing changes.

use super::*;
use crate::judge::statistics::random::Random;

const CELL: &str = "mips-6.1/malta/fix/t1";

fn cell(passes: u32, n: u32, evidence: &str) -> CellEntry {
    CellEntry {
        baseline: false,
        passes,
        n,
        unknown: 0,
        operations: None,
        seconds: None,
        evidence: evidence.into(),
    }
}

/// One cell over some entries: passes of twenty, and the evidence.
fn one(entries: &[(u32, &str)]) -> CellTrend {
    let entry = |(day, (passes, evidence)): (usize, &(u32, &str))| HistoryEntry {
        date: format!("2026-11-{:02}", day + 1),
        cells: BTreeMap::from([(CELL.to_owned(), cell(*passes, 20, evidence))]),
    };
    let entries: Vec<HistoryEntry> = entries.iter().enumerate().map(entry).collect();
    trends(&entries).cells.swap_remove(0)
}

#[test]
fn the_entry_of_the_change_is_found() {
    let trend = one(&[(20, "a"), (20, "b"), (20, "c"), (9, "d"), (12, "e")]);
    assert_eq!(trend.state, CellState::Worse);
    let split = trend.split.unwrap();
    assert_eq!((split.at, split.before), (3, PassCounts { passes: 60, failures: 0 }));
    assert_eq!(split.after, PassCounts { passes: 21, failures: 19 });
    assert!(split.p < 1e-6, "{}", split.p);
    assert_eq!(one(&[(9, "a"), (12, "b"), (20, "c"), (20, "d")]).state, CellState::Better);
}

#[test]
fn the_same_evidence_is_not_counted_twice() {
    // Six entries of one and the same kernel are twenty trials, not a hundred and twenty.
    let same = one(&[(20, "a"), (20, "a"), (20, "a"), (20, "a"), (18, "b"), (18, "b")]);
    assert_eq!(same.state, CellState::Steady);
    assert_eq!(same.split.unwrap().before, PassCounts { passes: 20, failures: 0 });
    assert_eq!(same.split.unwrap().at, 4);
    assert_eq!(one(&[(5, "a"), (5, "a")]).split, None);
}

#[test]
fn a_first_failure_is_reported_though_chance_may_explain_it() {
    assert_eq!(one(&[(20, "a"), (20, "b"), (19, "c")]).state, CellState::FirstFailure);
    // In the entry after it is known.
    assert_eq!(one(&[(20, "a"), (19, "b"), (19, "c")]).state, CellState::Steady);
    assert_eq!(one(&[(19, "a")]).state, CellState::Steady);
}

#[test]
fn a_baseline_is_never_worse_and_a_silent_entry_is_no_failure() {
    let entry = |passes: u32, n: u32| HistoryEntry {
        date: "2026-11-01".into(),
        cells: BTreeMap::from([(
            CELL.to_owned(),
            CellEntry { baseline: true, ..cell(passes, n, &passes.to_string()) },
        )]),
    };
    assert_eq!(trends(&[entry(20, 20), entry(2, 20)]).cells[0].state, CellState::Shifted);
    assert_eq!(trends(&[entry(20, 20), entry(0, 0)]).cells[0].state, CellState::Silent);
    let gone = trends(&[entry(20, 20), HistoryEntry::default()]);
    assert_eq!(gone.cells[0].state, CellState::Silent);
    assert_eq!(trends(&[]), Trends::default());
}

/// In a thousand studies of thirty cells and ten entries in which nothing changes, some cell is called changed in at most one
/// of twenty.
#[test]
fn where_nothing_changes_something_is_flagged_seldom() {
    let mut random = Random::new(7);
    let mut flagged = 0;
    for _ in 0..1000 {
        let mut draw = |entry: u32| HistoryEntry {
            date: entry.to_string(),
            cells: (0..30_u32)
                .map(|number| {
                    let passes = (0..20).map(|_| u32::from(random.chance(0.7))).sum();
                    (number.to_string(), cell(passes, 20, &entry.to_string()))
                })
                .collect(),
        };
        let entries: Vec<HistoryEntry> = (0..10).map(&mut draw).collect();
        let found = trends(&entries);
        assert_eq!(found.tested, 30);
        flagged += u32::from(found.cells.iter().any(|cell| cell.state != CellState::Steady));
    }
    assert!(flagged <= 50, "{flagged} of 1000");
}
