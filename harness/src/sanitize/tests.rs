// SPDX-License-Identifier: GPL-2.0-or-later
//! Classes and suppressions of constructed records.

use instrument::hardware::ByteOrder;
use instrument::{CacheTotals, End, ListedLoad, Missing, Mode, Phase, Record, StaleFetch, Writer};

use super::*;

const COPY: u64 = 0x8010_0000;
const PATCH: u64 = 0x8020_0000;

fn resolve(address: u64) -> Option<Spot> {
    let (function, line) = match address >> 20 {
        0x801 => ("copy_to_page", Some("kernel/events/uprobes.c:228")),
        0x802 => ("patch_insn_write", None),
        0x803 => ("schedule", Some("kernel/sched/core.c:1")),
        _ => return None,
    };
    Some(Spot { function: function.into(), line: line.map(str::to_owned) })
}

fn fetch(pc: u64, writer: Option<(u64, u64)>) -> StaleFetch {
    StaleFetch {
        pc,
        physical: pc & 0xfff_ffff,
        user: pc < 0x8000_0000,
        phase: Phase::Run,
        instruction: 0,
        executed: String::new(),
        expected: String::new(),
        missing: Missing::WriteBack,
        writer: writer.map(|(pc, instructions_ago)| Writer { pc, instructions_ago, caller: None }),
        dirty_in: None,
        past: Vec::new(),
        count: 1,
        repaired: 0,
    }
}

/// Code that was just patched, and is flushed next.
fn flushed(pc: u64, instructions_ago: u64) -> StaleFetch {
    StaleFetch { repaired: 1, ..fetch(pc, Some((PATCH, instructions_ago))) }
}

fn written(pc: u64, instructions_ago: u64) -> Option<Writer> {
    Some(Writer { pc, instructions_ago, caller: None })
}

fn record(stale: Vec<StaleFetch>) -> Record {
    Record {
        version: Record::VERSION,
        mode: Mode::Observe,
        target: "mips".into(),
        byte_order: ByteOrder::Big,
        end: End::Finished,
        instructions: [0; 5],
        stale_fetches: 100,
        stale,
        ledger: Vec::new(),
        functions: Vec::new(),
        icache: CacheTotals::default(),
        dcache: CacheTotals::default(),
        refills: 0,
        stale_loads: 0,
        loads: Vec::new(),
    }
}

fn classes(stale: Vec<StaleFetch>) -> Classes {
    let mut classes = Classes::default();
    classes.add("t1", &record(stale), &resolve);
    classes
}

fn keys(classes: &[&StaleFetchClass]) -> Vec<String> {
    classes.iter().map(|class| format!("{} x {}", class.key, class.count)).collect()
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn suppression(fetch: &str, expires: &str) -> Suppression {
    let text = format!(
        "- {{writer: copy_to_page, fetch: {fetch}, missing: write-back, reason: known, expires: {expires}}}\n"
    );
    read("s.yaml", &text).unwrap().remove(0)
}

#[test]
fn fetches_that_one_flush_would_mend_are_one_class() {
    let classes = classes(vec![
        fetch(0x8030_0000, None),
        fetch(0x7fff_8000, Some((COPY, 90))),
        fetch(0x7fff_9000, Some((COPY + 4, 9000))),
        StaleFetch { missing: Missing::Both, ..fetch(0x7fff_8000, Some((COPY, 90))) },
        fetch(0xc000_0000, Some((0x40_0000, 90))),
    ]);
    assert_eq!(
        keys(&classes.sorted()),
        [
            "copy_to_page -> user space, missing: write-back x 2",
            "copy_to_page -> user space, missing: both x 1",
            "no function -> no function, missing: write-back x 1",
            "unseen -> schedule, missing: write-back x 1",
        ]
    );
    let first = classes.sorted()[0];
    assert_eq!((first.first.pc, first.first.instructions_ago), (0x7fff_8000, Some(90)));
    assert_eq!(first.written_at.as_deref(), Some("kernel/events/uprobes.c:228"));
    assert_eq!((classes.fetches, classes.unlisted["t1"]), (100, 95));
}

#[test]
fn only_kernel_text_that_its_own_cpu_was_seen_to_flush_is_benign() {
    let just = StaleFetch { repaired: 1, ..fetch(0x8030_0000, Some((PATCH, 200))) };
    let is_benign = |fetch: &StaleFetch| classes(vec![fetch.clone()]).sorted()[0].patching;
    assert!(is_benign(&just));
    assert!(is_benign(&StaleFetch { writer: written(COPY, 200), ..just.clone() }), "whoever wrote it");
    assert!(!is_benign(&StaleFetch { repaired: 0, ..just.clone() }), "whatever its name, it did not flush");
    assert!(!is_benign(&StaleFetch { count: 2, ..just.clone() }), "once it did not flush");
    assert!(
        !is_benign(&StaleFetch { writer: written(PATCH, 5000), ..just.clone() }),
        "a flush for something else"
    );
    assert!(!is_benign(&StaleFetch { user: true, ..just.clone() }), "a process does not patch itself");
    assert!(!is_benign(&StaleFetch { dirty_in: Some(1), ..just.clone() }), "another CPU patches");
    // One patcher can be both; they are two classes then.
    let both = classes(vec![just, fetch(0x8030_0000, Some((PATCH, 5000)))]);
    assert_eq!(both.sorted().len(), 2);
}

#[test]
fn stale_loads_are_classes_of_their_own() {
    let load = ListedLoad {
        pc: 0x8030_0000,
        address: 0x7fff_8004,
        physical: 0x1004,
        user: false,
        phase: Phase::Run,
        instruction: 9,
        loaded: "00".into(),
        expected: "01".into(),
        missing: Missing::WriteBack,
        writer: written(COPY, 90),
        colour: 1,
        written_colour: Some(0),
        past: Vec::new(),
        count: 3,
    };
    let record =
        Record { stale_loads: 5, loads: vec![load], ..record(vec![fetch(0x8030_0000, Some((COPY, 90)))]) };
    let mut classes = Classes::default();
    classes.add("t1", &Record { stale_fetches: 1, ..record }, &resolve);
    let name = "copy_to_page -> load by schedule, missing: write-back";
    assert_eq!(
        keys(&classes.sorted()),
        [format!("{name} x 3"), "copy_to_page -> schedule, missing: write-back x 1".into()]
    );
    assert_eq!((classes.loads, classes.unlisted["t1"]), (5, 2));
    let entry =
        "- {writer: copy_to_page, load: schedule, missing: write-back, reason: known, expires: 2027-03-31}\n";
    let entries = read("s.yaml", entry).unwrap();
    let sorted = sort(&classes, &entries, day("2027-01-01"));
    assert_eq!((sorted.findings.len(), sorted.suppressed.len()), (1, 1));
    assert_eq!(sorted.suppressed[0].0.key.to_string(), name);
    for wrong in [entry.replace("load: schedule, ", ""), entry.replace("load:", "fetch: schedule, load:")] {
        let error = read("s.yaml", &wrong).unwrap_err().to_string();
        assert!(
            error.starts_with("s.yaml: the entry for writer `copy_to_page` needs either `fetch`"),
            "{error}"
        );
    }
}

#[test]
fn a_suppression_holds_up_to_its_last_day() {
    let classes = classes(vec![fetch(0x7fff_8000, Some((COPY, 90))), flushed(0x8030_0000, 9)]);
    let entries = [suppression("user space", "2027-03-31"), suppression("schedule", "2027-12-31")];
    let sorted = sort(&classes, &entries, day("2027-03-31"));
    assert_eq!((sorted.findings.len(), sorted.patching.len(), sorted.suppressed.len()), (0, 1, 1));
    assert_eq!((sorted.expired.len(), sorted.unused.clone()), (0, vec![&entries[1]]));
    let sorted = sort(&classes, &entries, day("2027-04-01"));
    assert_eq!((sorted.findings.len(), sorted.suppressed.len()), (1, 0));
    assert_eq!(sorted.expired, [&entries[0]]);
}

#[test]
fn a_suppression_file_is_checked_with_line_and_column() {
    let good = "- writer: a\n  fetch: user space\n  missing: both\n  reason: b\n  expires: 2027-01-02\n";
    assert_eq!(read("s.yaml", good).unwrap()[0].expires, day("2027-01-02"));
    let error = |text: &str| {
        let error = read("s.yaml", text).unwrap_err();
        format!("{error} {}", error.hints().join(" "))
    };
    let misspelt = error(&good.replace("reason", "raeson"));
    assert!(
        misspelt.starts_with("s.yaml:4:3: ") && misspelt.contains("did you mean `reason`?"),
        "{misspelt}"
    );
    let word = error(&good.replace("both", "writeback"));
    assert!(word.starts_with("s.yaml:3:12: ") && word.contains("did you mean `write-back`?"), "{word}");
    let day = error(&good.replace("01-02", "02-29"));
    assert!(day.contains("`2027-02-29` is not a day as YYYY-MM-DD"), "{day}");
    assert!(day.starts_with("s.yaml:5:"), "{day}");
    assert!(error(&good.replace("  reason: b\n", "")).contains("missing field `reason`"));
}

#[test]
fn days_are_those_of_the_calendar() {
    // date -ud @86400*N: 0, 59, 11016, 11017, 20820.
    let days = [0, 59, 11_016, 11_017, 20_820].map(|days| Date::after_epoch(days).to_string());
    assert_eq!(days, ["1970-01-01", "1970-03-01", "2000-02-29", "2000-03-01", "2027-01-02"]);
    for wrong in
        ["2027-1-02", "2027-13-01", "2027-04-31", "1900-02-29", "2027-01", "+027-01-01", "2027-01-02-"]
    {
        assert!(wrong.parse::<Date>().is_err(), "{wrong}");
    }
    assert!(day("2026-12-31") < day("2027-01-01"));
}

#[test]
fn a_report_says_what_is_to_be_done() {
    let classes = classes(vec![
        fetch(0x7fff_8000, Some((COPY, 90))),
        fetch(0x7fff_9000, Some((COPY, 80))),
        flushed(0x8030_0000, 9),
        StaleFetch { missing: Missing::Both, ..fetch(0x7fff_8000, Some((COPY, 90))) },
    ]);
    let mut entries = [suppression("user space", "2027-03-31"), suppression("user space", "2026-01-01")];
    entries[0].missing = Missing::Both;
    let sorted = sort(&classes, &entries, day("2027-01-01"));
    let title = Title { target: "k on m", variant: "unpatched", testcases: 3, seeds: 2 };
    let expected = "\
k on m, unpatched: boots with testcases: 3 x 2 seeds, stale fetches: 100, stale loads: 0; classes: 1 found, 1 of code being \
patched, 1 suppressed
not classified: 96 with t1; a record lists 64 addresses of stale fetches and 32 instructions with stale loads, in the order in \
which they are first seen
found:
1. copy_to_page -> user space, missing: write-back: 2 times
   first: 0x7fff8000 (physical 0x0fff8000), testcase t1, phase run
   written at kernel/events/uprobes.c:228, 90 instructions before
   to suppress it: {writer: copy_to_page, fetch: user space, missing: write-back, reason: ..., expires: YYYY-MM-DD}
code being patched, benign: each time its own CPU was seen to flush it before anyone fetched it again:
1. patch_insn_write -> schedule, missing: write-back: once
   first: 0x80300000 (physical 0x00300000), testcase t1, phase run
   fetched at kernel/sched/core.c:1
suppressed:
 - copy_to_page -> user space, missing: both: once, until 2027-03-31: known
suppression expired: copy_to_page -> user space, missing: write-back (expires 2026-01-01)
";
    assert_eq!(report(&title, &classes, &sorted), expected);
}
