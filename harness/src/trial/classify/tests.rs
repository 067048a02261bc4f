// SPDX-License-Identifier: GPL-2.0-or-later
//! Outcomes of consoles, records and endings.

use super::*;
use instrument::hardware::ByteOrder;
use instrument::{Missing, Phase, Writer};

fn case() -> Testcase {
    crate::plan::tests::plan().testcases.remove(0)
}

fn target() -> Kernel {
    crate::plan::tests::plan().targets.remove(0).kernel
}

const PASSING: &str = "KTAP version 1\n1..1\nok 1 a\npatcheval: END status=0\n";

fn record(end: End) -> Record {
    let totals = instrument::CacheTotals::default();
    Record {
        version: Record::VERSION,
        mode: Mode::Enforce,
        target: "mips".into(),
        byte_order: ByteOrder::Big,
        end,
        instructions: [0; 5],
        stale_fetches: 0,
        stale: Vec::new(),
        ledger: Vec::new(),
        functions: Vec::new(),
        icache: totals,
        dcache: totals,
        refills: 0,
        stale_loads: 0,
        loads: Vec::new(),
    }
}

fn remains(console: &str, end: End) -> Remains {
    Remains { console: console.into(), record: record(end).to_json(), clean_exit: true, ..Remains::default() }
}

fn outcome(console: &str, end: End) -> Outcome {
    classify(&Read::of(&remains(console, end)), &target(), &case()).0
}

#[test]
fn passes_only_when_everything_says_so() {
    assert_eq!(outcome(PASSING, End::Finished), Outcome::Pass);
    let status = PASSING.replace("status=0", "status=b");
    assert_eq!(outcome(&status, End::Finished), Outcome::Unknown { cause: Cause::BadOutput });
    assert_eq!(outcome("", End::Exit), Outcome::Unknown { cause: Cause::BadOutput });
}

/// What a console comes to, in words.
fn said(body: &str, status: &str) -> String {
    let console = format!("{body}patcheval: END status={status}\n");
    let (outcome, detail, _) = classify(&Read::of(&remains(&console, End::Finished)), &target(), &case());
    let what = match outcome {
        Outcome::Pass => "pass",
        Outcome::Fail { symptom } => symptom.name(),
        Outcome::Unknown { cause } => cause.name(),
    };
    detail.map_or_else(|| what.to_owned(), |detail| format!("{what}: {}", detail.text))
}

#[test]
fn programs_say_how_they_end() {
    assert_eq!(said("TAP version 13\n1..1\nok 1 a\n", "0"), "pass");
    let skipped = said("TAP version 13\n1..0 # SKIP no such hardware\n", "400");
    assert_eq!(skipped, "skipped: no tests were run: SKIP no such hardware");
    assert_eq!(
        said("TAP version 13\n1..0\n", "0"),
        "bad-output: there are no tests (NO_TESTS): the plan is 1..0"
    );
    assert_eq!(said("KTAP version 1\n1..1\nok 1 a # skip no\n", "0"), "skipped: a: skip no");
    let two = "KTAP version 1\n1..2\nok 1 a\n";
    let half = "; KTAP plans 2 results, 1 are there";
    assert_eq!(said(two, "8b"), format!("bad-output: the testcase was killed by SIGSEGV{half}"));
    // This target is a MIPS kernel.
    assert_eq!(said(two, "a"), format!("bad-output: the testcase was killed by SIGBUS{half}"));
    let whole = "TAP version 13\n1..1\n# symptom=sigtrap\nnot ok 1 one\n";
    assert!(said(whole, "b").starts_with("sigtrap: one; the testcase was killed by"), "{}", said(whole, "b"));
    assert_eq!(signal_name("arm", 7), "SIGBUS");
    assert_eq!(signal_name("arm", 40), "signal 40");
    let bailed = said(&format!("{two}Bail out! mmap failed\n"), "100");
    assert_eq!(bailed, format!("bad-output: the testcase bailed out: mmap failed{half}"));
    let failed = said(&format!("{}Bail out! no more\n", two.replace("ok 1", "not ok 1")), "100");
    assert_eq!(
        failed,
        "wrong-result: a; the testcase bailed out: no more; KTAP plans 2 results, 1 are there"
    );
    let code = said("KTAP version 1\n1..1\nok 1 a\n", "100");
    assert_eq!(code, "bad-output: all checks passed, but the testcase ended with exit code 1");
}

#[test]
fn an_end_that_init_did_not_print_is_not_believed() {
    let bad = Outcome::Unknown { cause: Cause::BadOutput };
    assert_eq!(outcome(PASSING, End::Exit), bad);
    let twice = format!("{PASSING}patcheval: END status=b\n");
    assert_eq!(outcome(&twice, End::Finished), bad);
    // The testcase went on without end, whatever it said before.
    assert_eq!(outcome(PASSING, End::Deadline), Outcome::Fail { symptom: Symptom::Livelock });
}

#[test]
fn the_kernel_is_believed_before_the_testcase() {
    let init = "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000005\n";
    assert_eq!(outcome(init, End::Exit), Outcome::Fail { symptom: Symptom::InitDied });
    let oops = format!("Oops[#1]:\n{PASSING}");
    assert_eq!(outcome(&oops, End::Finished), Outcome::Fail { symptom: Symptom::KernelOops });
    let panic = "Kernel panic - not syncing: Fatal exception\n";
    assert_eq!(outcome(panic, End::Exit), Outcome::Fail { symptom: Symptom::KernelPanic });
}

#[test]
fn a_deadline_is_a_livelock_of_the_guest_or_an_unknown_of_the_host() {
    assert_eq!(outcome("", End::Deadline), Outcome::Fail { symptom: Symptom::Livelock });
    let late = Remains { timed_out: true, clean_exit: false, ..remains(PASSING, End::Finished) };
    assert_eq!(
        classify(&Read::of(&late), &target(), &case()).0,
        Outcome::Unknown { cause: Cause::HostDeadline }
    );
}

fn looping(end: End, mode: Mode, counts: &[u64]) -> ClassifiedOutcome {
    let place = |(count, pc): (&u64, u64)| StaleFetch {
        pc,
        physical: 0x1000,
        user: false,
        phase: Phase::Run,
        instruction: 1,
        executed: "01008052".into(),
        expected: "00000000".into(),
        missing: Missing::Both,
        writer: Some(Writer { pc: 0x8010_0040, instructions_ago: 9, caller: None }),
        dirty_in: None,
        past: Vec::new(),
        count: *count,
        repaired: 0,
    };
    let stale = counts.iter().zip((0x8040_0000..).step_by(4)).map(place).collect();
    let record = Record { mode, stale, ..record(end) };
    let remains = Remains { record: record.to_json(), ..remains("", End::Exit) };
    let (outcome, detail, _) = classify(&Read::of(&remains), &target(), &case());
    (outcome, detail)
}

#[test]
fn a_stale_loop_names_its_place_its_count_and_its_writer() {
    let (outcome, detail) = looping(End::StaleLoop, Mode::Enforce, &[3, 10_000, 7]);
    assert_eq!(outcome, Outcome::Fail { symptom: Symptom::StaleLoop });
    assert_eq!(
        detail.unwrap().text,
        "10000 times executed the stale word 01008052 at 0x80400004, last written by 0x80100040"
    );
    let symptom = |mode, count| match looping(End::Deadline, mode, &[count]).0 {
        Outcome::Fail { symptom } => symptom,
        other => panic!("{other:?}"),
    };
    assert_eq!(symptom(Mode::Enforce, LOOPED), Symptom::StaleLoop);
    assert_eq!(symptom(Mode::Enforce, LOOPED - 1), Symptom::Livelock);
    assert_eq!(symptom(Mode::Observe, LOOPED), Symptom::Livelock);
}

#[test]
fn a_record_that_was_not_ended_is_none() {
    let cause = |late, clean_exit| {
        let remains = Remains { timed_out: late, clean_exit, ..remains(PASSING, End::Unfinished) };
        match classify(&Read::of(&remains), &target(), &case()).0 {
            Outcome::Unknown { cause } => cause,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(cause(true, false), Cause::HostDeadline);
    assert_eq!(cause(false, false), Cause::QemuDied);
    assert_eq!(cause(false, true), Cause::NoRecord);
}

#[test]
fn a_check_that_was_skipped_makes_a_trial_unknown_unless_the_testcase_says_that_it_may() {
    let judge = |console: &str, may_skip| {
        classify(&Read::of(&remains(console, End::Finished)), &target(), &Testcase { may_skip, ..case() }).0
    };
    let some = "KTAP version 1\n1..2\nok 1 a # SKIP no module\nok 2 b\npatcheval: END status=0\n";
    assert_eq!(judge(some, false), Outcome::Unknown { cause: Cause::Skipped });
    assert_eq!(judge(some, true), Outcome::Pass);
    let all = "KTAP version 1\n1..1\nok 1 a # SKIP no module\npatcheval: END status=0\n";
    assert_eq!(judge(all, true), Outcome::Unknown { cause: Cause::Skipped });
}

#[test]
fn an_instrument_that_failed_is_never_a_failure_of_the_patch() {
    let fault = outcome("not ok 1 a\n", End::Fault("registers".into()));
    assert_eq!(fault, Outcome::Unknown { cause: Cause::RecordFault });
    let without = |stderr: &str, clean_exit| Remains {
        stderr: stderr.into(),
        record: String::new(),
        clean_exit,
        ..remains(PASSING, End::Finished)
    };
    let cause = |stderr, clean| match classify(&Read::of(&without(stderr, clean)), &target(), &case()).0 {
        Outcome::Unknown { cause } => cause,
        other => panic!("{other:?}"),
    };
    assert_eq!(cause("x\nload of migration failed: -22\n", false), Cause::RestoreFailed);
    assert_eq!(cause("Segmentation fault\n", false), Cause::QemuDied);
    assert_eq!(cause("", true), Cause::NoRecord);
}
