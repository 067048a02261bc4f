// SPDX-License-Identifier: GPL-2.0-or-later
//! The litmus rows as real instructions of a guest, through the plugin: what `harness/cache-model/tests/litmus` shows of the
//! model alone must hold with QEMU, decoders, address translation and swaps of bytes around it.
//!
//! `ci/setup` provides what these need; without it they fail and say what is missing.

mod guest;
mod steps;

use std::iter::zip;

use crate::bench::Bench;
use guest::{Machine, Program};
use instrument::Mode;
use instrument::hardware::{Snoops, Write};
use steps::{Caches, Shape, rows, ruled};

const MALTA: Machine = Machine {
    name: "24Kf, 16 KB",
    target: "mips",
    board: "malta",
    cpu: "24Kf",
    ram_base: 0,
    compiler: &[
        "mips-linux-gnu-gcc",
        "-mips32r2",
        "-mno-abicalls",
        "-fno-pic",
        "-DHIT_CLEAN=0x15",
        "-Wl,-Ttext=0x80100000",
    ],
    source: "mips.S",
    caches: Caches {
        icache: Shape(128, 4, 32, false),
        dcache: Shape(128, 4, 32, false),
        arm: false,
        clean: false,
    },
    write: Write::BackAllocate,
    snoops: Snoops::Nothing,
};

/// The board with other caches.
const fn malta(name: &'static str, icache: Shape, dcache: Shape) -> Machine {
    Machine { name, caches: Caches { icache, dcache, arm: false, clean: false }, ..MALTA }
}

fn maltas() -> Vec<Machine> {
    vec![
        MALTA,
        malta("24Kf as in QEMU, 2 KB", Shape(64, 2, 16, false), Shape(64, 2, 16, false)),
        malta("24Kc, 32 KB, two colours in the I$", Shape(256, 4, 32, true), Shape(256, 4, 32, false)),
        malta("24Kc, I$ 64 KB, four colours", Shape(512, 4, 32, true), Shape(256, 4, 32, false)),
        malta("P5600, 32 KB", Shape(256, 4, 32, false), Shape(256, 4, 32, false)),
        malta("BMIPS3300, lines of 64 and 32 bytes", Shape(128, 4, 64, true), Shape(256, 4, 32, false)),
        malta("two ways of 8 KB, D$ direct mapped", Shape(256, 2, 32, true), Shape(512, 1, 16, false)),
        Machine {
            name: "24Kf, the D$ writes through",
            write: Write::Through,
            caches: Caches { clean: true, ..MALTA.caches },
            ..MALTA
        },
        Machine {
            name: "I6400, the I$ fills from the D$",
            snoops: Snoops::Own,
            caches: Caches { clean: true, ..MALTA.caches },
            ..MALTA
        },
        Machine {
            name: "24Kf, little endian, cleaned without invalidation",
            target: "mipsel",
            compiler: &[
                "mips-linux-gnu-gcc",
                "-EL",
                "-mips32r2",
                "-mno-abicalls",
                "-fno-pic",
                "-DHIT_CLEAN=0x19",
                "-Wl,-Ttext=0x80100000",
            ],
            ..MALTA
        },
    ]
}

const VIRT: Machine = Machine {
    name: "Cortex-A15",
    target: "arm",
    board: "virt",
    cpu: "cortex-a15",
    ram_base: 0x4000_0000,
    compiler: &["arm-linux-gnueabihf-gcc", "-marm", "-march=armv7-a+fp", "-Wl,-Ttext=0x40100000"],
    source: "arm.S",
    caches: Caches {
        icache: Shape(256, 2, 64, false),
        dcache: Shape(256, 2, 64, false),
        arm: true,
        clean: false,
    },
    write: Write::BackAllocate,
    snoops: Snoops::Nothing,
};

fn virts() -> Vec<Machine> {
    let with = |name, icache, dcache| Machine {
        name,
        caches: Caches { icache, dcache, arm: true, clean: false },
        ..VIRT
    };
    vec![
        VIRT,
        with("Cortex-A7, four colours in the I$", Shape(512, 2, 32, true), Shape(128, 4, 64, false)),
        with("Cortex-A9, 32 KB, two colours in the I$", Shape(256, 4, 32, true), Shape(256, 4, 32, false)),
        with("Cortex-A9, 16 KB", Shape(128, 4, 32, true), Shape(128, 4, 32, false)),
        with("2 KB", Shape(32, 2, 32, false), Shape(32, 2, 32, false)),
    ]
}

/// Runs all rows of a machine in a mode; returns the rows whose fetches executed something else than they must.
fn judge(machine: &Machine, mode: Mode) -> Vec<String> {
    let rows = rows(machine.caches.arm);
    let ran = Program::assemble(machine, &rows).run(mode, "tcg");
    let mut printed = ran.printed.chars();
    let (mut wrong, mut stale) = (Vec::new(), 0);
    for (number, row) in rows.iter().enumerate() {
        let ruled = ruled(&machine.caches, number, row);
        let executed: Vec<char> = printed.by_ref().take(ruled.len()).collect();
        let must = |(fetched, loaded): &(bool, bool)| if mode == Mode::Enforce { *fetched } else { *loaded };
        stale += ruled.iter().filter(|(fetched, loaded)| fetched != loaded).count();
        if !zip(&executed, &ruled).all(|(c, ruled)| *c == if must(ruled) { '1' } else { '0' })
            || executed.len() != ruled.len()
        {
            wrong.push(format!("{}, {mode:?}, row {number} {row:?}: {executed:?} {ruled:?}", machine.name));
        }
    }
    if printed.next().is_some() {
        wrong.push(format!("{}, {mode:?}: more was printed than fetched", machine.name));
    }
    let counted = ran.field("stale_fetches");
    let stale = if mode == Mode::Off { 0 } else { stale };
    if counted != stale {
        wrong.push(format!("{}, {mode:?}: {counted} stale fetches, not {stale}", machine.name));
    }
    assert!(mode == Mode::Off || stale > 100, "{}: only {stale} rows are stale", machine.name);
    wrong
}

fn judge_all(machines: &[Machine]) {
    let _alone = Bench::alone();
    let modes = [Mode::Enforce, Mode::Observe, Mode::Off];
    let all = machines.iter().flat_map(|machine| modes.map(|mode| (machine, mode)));
    let wrong: Vec<String> = all.flat_map(|(machine, mode)| judge(machine, mode)).collect();
    let shown = wrong.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} wrong:\n{shown}", wrong.len());
}

#[test]
fn every_mips_row_executes_what_the_manual_says() {
    judge_all(&maltas());
}

#[test]
fn every_arm_row_executes_what_the_manual_says() {
    judge_all(&virts());
}

/// Counts of instructions are exact: they do not depend on how QEMU cuts the guest's code into blocks.
fn counts_the_same_one_by_one(machine: &Machine) {
    let _alone = Bench::alone();
    let program = Program::assemble(machine, &rows(machine.caches.arm));
    for mode in [Mode::Observe, Mode::Enforce] {
        let [blocks, single] =
            ["tcg", "tcg,one-insn-per-tb=on"].map(|accelerator| program.run(mode, accelerator));
        assert_eq!(blocks.printed, single.printed, "{}, {mode:?}", machine.name);
        assert_eq!(blocks.record, single.record, "{}, {mode:?}", machine.name);
    }
}

#[test]
fn mips_records_do_not_depend_on_blocks() {
    counts_the_same_one_by_one(&MALTA);
}

#[test]
fn arm_records_do_not_depend_on_blocks() {
    counts_the_same_one_by_one(&VIRT);
}

/// Both halves of a store across the end of a page are seen where they go, though the pages do not lie side by side.
#[test]
fn a_store_across_two_pages_reaches_both() {
    let _alone = Bench::alone();
    let machine = Machine { source: "across.S", ..VIRT };
    let program = Program::assemble(&machine, &[]);
    for (mode, printed, stale) in
        [(Mode::Enforce, "001", 1), (Mode::Observe, "011", 1), (Mode::Off, "011", 0)]
    {
        let ran = program.run(mode, "tcg");
        assert_eq!(ran.printed, printed, "{mode:?}");
        assert_eq!(ran.field("stale_fetches"), stale, "{mode:?}");
    }
}

/// Turns of each loop of `stale-loop-mips.S` and `stale-loop-arm.S`.
const TURNS: u64 = 100_000;

/// A line that stays stale is executed as it was as often as it is fetched, and each of these fetches is counted: within a line,
/// in a function, behind a branch or an IT instruction at the end of the line before, and in the middle of a block. They take
/// microseconds: at a quarter of a millisecond each the program would not come to its end.
fn stays_stale(machine: &Machine, source: &'static str) {
    let _alone = Bench::alone();
    let program = Program::assemble(&Machine { source, ..*machine }, &[]);
    for (mode, printed, stale) in
        [(Mode::Enforce, "00001", 4), (Mode::Observe, "11111", 4), (Mode::Off, "11111", 0)]
    {
        let ran = program.run(mode, "tcg");
        assert_eq!(ran.printed, printed, "{mode:?}");
        assert_eq!(ran.field("stale_fetches"), stale * TURNS, "{mode:?}");
        let places = ran.field("stale");
        let places = places.as_array().unwrap();
        assert!(
            places.len() as u64 == stale && places.iter().all(|place| place["count"] == TURNS),
            "{places:?}"
        );
    }
    let limited = program.run_to(Mode::Enforce, "tcg", Some(TURNS / 2));
    assert_eq!((limited.field("end")["how"].as_str(), limited.printed.as_str()), (Some("stale-loop"), ""));
    let places = limited.field("stale");
    assert_eq!((&places[0]["count"], places.as_array().map(Vec::len)), (&(TURNS / 2).into(), Some(1)));
    let observed = program.run_to(Mode::Observe, "tcg", Some(TURNS / 2));
    assert_eq!(observed.field("end")["how"], "finished");
}

#[test]
fn a_mips_line_that_stays_stale_is_executed_in_microseconds() {
    stays_stale(&MALTA, "stale-loop-mips.S");
}

#[test]
fn an_arm_line_that_stays_stale_is_executed_in_microseconds() {
    stays_stale(&VIRT, "stale-loop-arm.S");
}
