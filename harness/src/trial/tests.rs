// SPDX-License-Identifier: GPL-2.0-or-later
//! A guest's command, and its output: consoles, records and lines that are damaged or forged.

use instrument::Record;
use instrument::hardware::ByteOrder;

use super::classify::{Read, classify};
use super::*;
use crate::fuzz::{self, Food};
use crate::plan::{Boot, ResultSource, Testcase};

/// A guest's console, and one of KUnit in the kernel's style and in TAP's.
const CONSOLES: [&str; 3] = [
    "[    1.0] random: crng init done\npatcheval: READY\nKTAP version 1\n1..2\n# calls 30 hits 30\nok 1 - return-1\n\
     not ok 2 - return-2 # symptom=sigtrap pc=0x77fcc000 in_xol=1\n# SKIP nothing\npatcheval: END status=1\n",
    "[    0.2] TAP version 14\n[    0.2] 1..1\n    # Subtest: kprobes_test\n    1..2\n    ok 1 - test_kprobe\n\
     \x20   not ok 2 - test_kretprobe # TODO\nnot ok 1 - kprobes_test\n",
    "KTAP version 1\n1..1\n    KTAP version 1\n    1..1\n        # x: EXPECTATION FAILED at a.c:1\n    ok 1 y # SKIP\n\
     ok 1 x\nOops[#1]:\nKernel panic - not syncing: Attempted to kill init!\n",
];

const KTAP_WORDS: [&str; 18] = [
    "ok ",
    "not ok ",
    "1..",
    "KTAP version 1\n",
    "TAP version 14\n",
    "# ",
    "# SKIP",
    "# TODO",
    "# Subtest: ",
    "    ",
    "patcheval: END status=",
    "patcheval: READY\n",
    "symptom=",
    "pc=0x",
    "Oops",
    "Kernel panic - not syncing",
    "\r\n",
    "[    0.1] ",
];

fn ktap() -> Food<'static> {
    let right = CONSOLES.iter().map(|text| text.as_bytes().to_vec()).collect();
    Food { name: "ktap", right, words: &KTAP_WORDS }
}

/// A forged console may say what it likes: there is an outcome.
fn read_console(bytes: &[u8]) {
    let console = String::from_utf8_lossy(bytes);
    let results = [
        None,
        Some(ResultSource::Kunit { suite: "kprobes_test".into() }),
        Some(ResultSource::Said {
            begins: "Testing".into(),
            passes: vec!["OK".into()],
            fails: vec!["not".into()],
        }),
        Some(ResultSource::Init),
        Some(ResultSource::Initcall { function: "init".into() }),
    ];
    for result in results {
        let case = Testcase {
            boot: result.map(|result| Boot { append: String::new(), result }),
            ..crate::plan::tests::plan().testcases.remove(0)
        };
        let text = || console.clone().into_owned();
        let remains = Remains {
            console: text(),
            stderr: text(),
            record: String::new(),
            clean_exit: true,
            ..Remains::default()
        };
        let kernel = crate::plan::tests::plan().targets.remove(0).kernel;
        let (outcome, ..) = classify(&Read::of(&remains), &kernel, &case);
        assert_ne!(outcome, line::Outcome::Pass, "without a record nothing passes");
    }
}

/// A record as the plugin writes it, and a line of a run.
const RECORD: &str = include_str!("../../tests/data/record.json");

const RECORD_WORDS: [&str; 12] =
    ["{", "}", "[", "]", "\"", ":", ",", "null", "true", "\\ud800", "\"version\":", "\"end\":\"finished\""];

fn record() -> Food<'static> {
    let line = line::TrialLine::new("a/b/c/t1/enforce/1".parse().unwrap(), line::Outcome::Pass);
    let right = vec![RECORD.as_bytes().to_vec(), line.to_json().unwrap().into_bytes()];
    Food { name: "record", right, words: &RECORD_WORDS }
}

fn read_record(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(record) = Record::from_json(&text) {
        let again = Record::from_json(&serde_json::to_string(&record).unwrap());
        assert!(again.is_ok_and(|again| again == record), "what was read can be written and read");
    }
    let _ = line::TrialLine::from_json(&text);
}

#[test]
fn the_record_of_these_tests_is_one() {
    let record = Record::from_json(RECORD).unwrap();
    // Version 3 did not say it.
    assert_eq!((record.version, record.byte_order), (3, ByteOrder::Big));
    let little = RECORD.replace("\"target\":\"mips\"", "\"target\":\"mipsel\"");
    assert_eq!(Record::from_json(&little).unwrap().byte_order, ByteOrder::Little);
    let said = RECORD.replace("{\"version\":3,", "{\"version\":5,\"byte_order\":\"little\",");
    assert_eq!(Record::from_json(&said).unwrap().byte_order, ByteOrder::Little);
}

#[test]
fn damaged_consoles_are_read_for_a_moment() {
    fuzz::shortly(&ktap(), read_console);
}

#[test]
fn damaged_records_are_read_for_a_moment() {
    fuzz::shortly(&record(), read_record);
}

#[test]
#[ignore = "takes ten minutes: ci/test --full"]
fn damaged_consoles() {
    fuzz::at_length(&ktap(), read_console);
}

#[test]
#[ignore = "takes ten minutes: ci/test --full"]
fn damaged_records() {
    fuzz::at_length(&record(), read_record);
}
