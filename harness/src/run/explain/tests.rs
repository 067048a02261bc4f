// SPDX-License-Identifier: GPL-2.0-or-later
//! Stories of constructed records.

use instrument::hardware::ByteOrder;
use instrument::{
    CacheTotals, End, FlushUse, FunctionCost, LedgerEntry, Maintenance, Missing, Mode, Proximity, StaleFetch,
    Writer,
};

use super::*;

const ID: &str = "mips-6.1/malta-24kf-16k/unfixed/t1-first-return/enforce/1";

/// What a story may take, heading and table included.
const LINES: usize = 15;

/// The functions of the kernel under test: `f0` at 0x80100000, `f1` 0x100 later, and so on.
fn resolve(address: u64) -> Option<CodeLocation> {
    let number = address.checked_sub(0x8010_0000).filter(|offset| *offset < 0x1000)? / 0x100;
    let line = (number == 0).then(|| "mm/memory.c:7".to_owned());
    Some(CodeLocation { function: format!("f{number}"), offset: address % 0x100, line })
}

fn operation(name: &str, pc: u64, ago: u64, place: Proximity, judged: FlushUse) -> Maintenance {
    Maintenance { operation: name.into(), pc, instructions_ago: ago, place, judged }
}

fn fetch() -> StaleFetch {
    StaleFetch {
        pc: 0x7fff_8000,
        physical: 0x07f5_a000,
        user: true,
        phase: Phase::Run,
        instruction: 9000,
        executed: "00000000".into(),
        expected: "000d000d".into(),
        missing: Missing::WriteBack,
        writer: Some(Writer { pc: 0x8010_00d8, instructions_ago: 5994, caller: None }),
        dirty_in: None,
        past: Vec::new(),
        count: 1,
        repaired: 0,
    }
}

fn entry(name: &str, side: Side, pc: u64, phase: Phase, counts: [u64; 5]) -> LedgerEntry {
    let [count, needed, redundant, wrong_colour, wrong_cpu] = counts;
    let operation = name.into();
    LedgerEntry {
        operation,
        side,
        pc,
        caller: 0,
        phase,
        count,
        needed,
        redundant,
        wrong_colour,
        wrong_cpu,
        untranslated: 0,
    }
}

fn record(target: &str, stale: Vec<StaleFetch>, ledger: Vec<LedgerEntry>) -> Record {
    Record {
        version: Record::VERSION,
        mode: Mode::Enforce,
        target: target.into(),
        byte_order: if ["mips", "mips64"].contains(&target) { ByteOrder::Big } else { ByteOrder::Little },
        end: End::Finished,
        instructions: [0; 5],
        stale_fetches: stale.len() as u64,
        stale,
        ledger,
        functions: Vec::new(),
        icache: CacheTotals::default(),
        dcache: CacheTotals::default(),
        refills: 0,
        stale_loads: 0,
        loads: Vec::new(),
    }
}

fn explained(record: &Record) -> String {
    explanation(&TrialLine::new(ID.parse().unwrap(), Outcome::Pass), record, &resolve)
}

#[test]
fn a_story_names_the_fetch_the_writer_and_the_missing_operation() {
    let text = explained(&record("mips", vec![fetch()], Vec::new()));
    let expected = "\
mips-6.1/malta-24kf-16k/unfixed/t1-first-return/enforce/1: pass
1. stale fetch in user space at 0x7fff8000 (physical 0x07f5a000), phase run
   executed 00000000, memory holds 000d000d
   last written by f0+0xd8 (mm/memory.c:7), 5994 instructions before
   since then no maintenance of this line or of its neighbours
   missing: Hit_Writeback_Inv_D (or Hit_Writeback_D) of 0x87f5a000 before the line was first fetched
maintenance from the first marker on: operations (needed, redundant), instructions
";
    assert_eq!(text, expected);
}

#[test]
fn of_a_store_by_a_copy_function_the_caller_is_named() {
    let writer = Writer { pc: 0x8010_0104, instructions_ago: 7, caller: Some(0x8010_0020) };
    let text = explained(&record("mips", vec![StaleFetch { writer: Some(writer), ..fetch() }], Vec::new()));
    let wanted = "last written by f1+0x4, called by f0+0x1c (mm/memory.c:7), 7 instructions before";
    assert!(text.contains(wanted), "{text}");
}

#[test]
fn words_are_words_on_either_endianness() {
    let of = |target: &str| {
        let stale = StaleFetch { executed: "010080e2".into(), expected: "020080e2".into(), ..fetch() };
        let text = explained(&record(target, vec![stale], Vec::new()));
        text.lines().find(|line| line.contains("executed")).unwrap().trim().to_owned()
    };
    assert_eq!(of("arm"), "executed e2800001, memory holds e2800002");
    assert_eq!(of("mipsel"), of("arm"));
    assert_eq!(of("mips"), "executed 010080e2, memory holds 020080e2");
    assert_eq!(of("mips64"), of("mips"));
}

#[test]
fn the_past_of_a_line_is_put_into_words_and_folded() {
    use FlushUse::{NotModelled, Redundant, WrongColour, WrongCpu, WroteBack};
    let (d, i) = ("Hit_Writeback_Inv_D", "Hit_Invalidate_I");
    let past = |entries: &[Maintenance]| {
        let stale = StaleFetch { past: entries.to_vec(), ..fetch() };
        let text = explained(&record("mips", vec![stale], Vec::new()));
        text.lines().filter_map(|line| line.strip_prefix("   then ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let beside = [60, 50, 40].map(|ago| operation(d, 0x8010_0100, ago, Proximity::AdjacentLine, WroteBack));
    assert_eq!(
        past(&beside),
        [format!(
            "{d} x 3 in f1, 60 to 40 before: beside this line: its range was too short, or began too late"
        )]
    );
    let others = [
        operation(d, 0x8010_0100, 30, Proximity::SameLine, Redundant),
        operation(i, 0x8010_0200, 20, Proximity::SameLine, WrongColour),
        operation(i, 0x9000_0000, 10, Proximity::WholeCache, WrongCpu),
    ];
    assert_eq!(
        past(&others),
        [
            format!("{d} in f1, 30 before: redundant: the line was clean by then"),
            format!("{i} in f2, 20 before: wrong colour: the I$ has the line at another index"),
            format!("{i} in 0x90000000, 10 before: whole cache; wrong CPU: another one has the line"),
        ]
    );
    let outer = [operation("Hit_Writeback_Inv_SD", 0x8010_0100, 5, Proximity::SameLine, NotModelled)];
    let many = past(&[&beside[..], &outer[..], &others[..]].concat());
    // What lies beside the line has no part in it.
    assert_eq!(many[0], "1 earlier operation, and");
    assert_eq!(many.len(), 4);
    let after = [70, 60, 50, 40].map(|ago| {
        let pc = 0x8010_0200 + 0x100 * (ago % 20) / 10;
        operation(i, pc, ago, Proximity::SameLine, Redundant)
    });
    let missed = past(&[&others[1..2], &after[..], &beside[..]].concat());
    assert_eq!(missed[0], "2 other operations, and");
    assert!(missed[1].contains("wrong colour: the I$ has the line at another index"), "{missed:?}");
    assert_eq!(missed.len(), 4);
}

#[test]
fn the_missing_operation_is_named_by_architecture() {
    let missing = |target: &str, stale: &StaleFetch, ran: &str| {
        let ledger = vec![entry(ran, Side::D, 0x8010_0000, Phase::Boot, [1, 0, 0, 0, 0])];
        let text = explained(&record(target, vec![stale.clone()], ledger));
        let lines = text.lines().filter_map(|line| line.strip_prefix("   missing: "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let both = StaleFetch { missing: Missing::Both, dirty_in: Some(1), ..fetch() };
    assert_eq!(
        missing("mipsel", &both, "SYNCI"),
        [
            "Hit_Writeback_Inv_D (or Hit_Writeback_D) of 0x87f5a000 on CPU 1 after the write",
            "Hit_Invalidate_I at the colour of 0x7fff8000 once memory had the new bytes",
        ]
    );
    assert_eq!(
        missing("arm", &both, "DCCMVAU"),
        [
            "DCCMVAU of physical 0x07f5a000 on CPU 1 after the write",
            "ICIMVAU at the colour of 0x7fff8000 once memory had the new bytes",
        ]
    );
    // Neither by address nor by cache.
    assert_eq!(missing("riscv64", &both, "FENCE.I"), ["FENCE.I, on the hart that fetches, after the write"]);
    let kernel = StaleFetch { user: false, pc: 0xc010_0000, missing: Missing::Invalidate, ..fetch() };
    assert_eq!(missing("arm", &kernel, "ICIALLU"), ["ICIMVAU of 0xc0100000 once memory had the new bytes"]);
    assert_eq!(missing("arm", &kernel, "DCCMVA"), ["ICIMVA of 0xc0100000 once memory had the new bytes"]);
}

#[test]
fn functions_are_listed_with_the_use_of_their_operations() {
    let (run, boot) = (Phase::Run, Phase::Boot);
    let ledger = vec![
        entry("Hit_Writeback_Inv_D", Side::D, 0x8010_0010, run, [40, 5, 30, 0, 0]),
        entry("Hit_Writeback_Inv_D", Side::D, 0x8010_0010, boot, [999, 0, 0, 0, 0]),
        entry("Hit_Invalidate_I", Side::I, 0x8010_0014, run, [10, 1, 6, 2, 1]),
        entry("Hit_Invalidate_I", Side::I, 0x8010_0110, run, [70, 0, 70, 0, 0]),
        entry("SYNCI", Side::Both, 0x0040_0000, run, [1, 0, 0, 0, 0]),
    ];
    let mut record = record("mips", Vec::new(), ledger);
    record.functions = vec![FunctionCost { pc: 0x8010_0000, instructions: [5, 100, 20, 3, 0] }];
    let text = explained(&record);
    let expected = "\
      70 (0, 70), 0 instructions in f1
      50 (6, 36, 3 insufficient), 123 instructions in f0 (mm/memory.c:7)
       1 (0, 0), 0 instructions in user space
";
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn the_longest_story_fits_a_terminal() {
    let past = (0..8).map(|n| {
        operation(
            "Hit_Invalidate_I",
            0x8010_0000 + n * 0x100,
            99 - n,
            Proximity::SameLine,
            FlushUse::Redundant,
        )
    });
    let stale = StaleFetch { missing: Missing::Both, past: past.collect(), ..fetch() };
    let ledger = (0..9)
        .map(|n| entry("Hit_Invalidate_I", Side::I, 0x8010_0000 + n * 0x100, Phase::Run, [1, 0, 1, 0, 0]));
    let text = explained(&record("mips", vec![stale], ledger.collect()));
    assert_eq!(text.lines().count(), LINES, "{text}");
}
