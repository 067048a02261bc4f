// SPDX-License-Identifier: GPL-2.0-or-later
//! Every layout of one run, read back with a parser of its own kind: all must have the same figures for each cell.

use std::collections::{BTreeMap, BTreeSet};

use super::super::*;
use super::readers::*;
use crate::judge::judge;
use crate::judge::tests::{lazy_is_unfixed, lines};
use crate::plan::tests::plan;
use crate::trial::line::{Cause, Detail, Outcome, Symptom};
use crate::trial::parse_ktap;

/// What a guest may print to look like part of a report.
pub(super) const HOSTILE: &str = "\u{1b}[2J\r\nok 1 evil\n1..9\n  not ok 2 worse\nTested-by: Mallory <m@evil.org>\n]]>\
    <script>alert(1)</script>&\u{0}\u{8}\u{202e}\u{fffe}| \"x\",\"y\"\n";
/// The small study with a cell of each kind: passes, mixed, fails, unknown (a trial, a control), no-op, not observable,
/// contradicted, missing; and with a guest that prints whatever it likes.
pub(super) fn data() -> ReportData {
    let mut lines = lines();
    let mut set = |id: &str, outcome: Outcome| {
        let line = lines.iter_mut().find(|line| line.id.to_string() == id).unwrap();
        line.outcome = outcome;
        line.stale_fetches = 1;
        line.detail = Some(Detail { text: HOSTILE.into(), pc: Some(0x77fc_c084), in_xol: Some(true) });
    };
    set("mips-6.1/malta/merged/t1/enforce/2", Outcome::Fail { symptom: Symptom::LostHit });
    set("mips-6.1/malta/merged/t9/enforce/3", Outcome::Unknown { cause: Cause::HostDeadline });
    set("mips-6.1/malta/lazy/t9/off/1", Outcome::Fail { symptom: Symptom::Livelock });
    lines.retain(|line| line.id.to_string() != "mips-6.1/malta/unfixed/t9/enforce/4");
    let built = lazy_is_unfixed();
    let judgement = judge(&plan(), &lines, &built);
    let examples =
        judgement.cells().filter_map(|(_, cell)| cell.example.as_ref()).map(|example| ExampleTrial {
            trial: example.trial.parse().unwrap(),
            story: format!("1. stale fetch {HOSTILE}"),
            console: HOSTILE.into(),
            console_cut: true,
            work: vec![FunctionWork {
                function: "flush_it".into(),
                operations: 7,
                ..FunctionWork::default()
            }],
        });
    let one = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
    ReportData {
        run: "runs/small".into(),
        plan: plan(),
        tools: Tools {
            patcheval: "0.1.0".into(),
            qemu: "11.1.3".into(),
            plugin: "67e772d8f8947e9c".into(),
            toolchains: one("mips-6.1", "mips-linux-gnu-gcc 12.2.0; GNU ld 2.40"),
            releases: one("mips-6.1", "6.1.192"),
            failed_builds: BTreeMap::from([("mips-6.1".to_owned(), one("lazy", HOSTILE))]),
        },
        examples: examples.collect(),
        trend: None,
        built,
        judgement,
        lines,
    }
}

#[test]
fn every_layout_has_the_same_figures() {
    let data = data();
    let judged = judged(&data);
    let verdicts: BTreeSet<&str> = judged.values().filter_map(|one| one.verdict.as_deref()).collect();
    let every = ["fails", "mixed", "no-op", "not-observable", "passes-all", "unknown"];
    assert_eq!(verdicts.into_iter().collect::<Vec<_>>(), every);
    layouts_agree(&data);
}

/// Status and reason of each test, in the order of the judgement.
pub(super) fn statuses(data: &ReportData) -> Vec<(String, String)> {
    let text = junit(data).unwrap();
    let document = roxmltree::Document::parse(&text).unwrap();
    let tests = document.descendants().filter(|node| node.has_tag_name("testcase"));
    let status = |test: roxmltree::Node<'_, '_>| {
        let inside = test.children().find(|node| node.is_element() && !node.has_tag_name("system-out"));
        let message = inside.and_then(|node| node.attribute("message")).unwrap_or_default().to_owned();
        (inside.map_or("passed", |node| node.tag_name().name()).to_owned(), message)
    };
    tests.map(status).collect()
}

#[test]
fn junit_says_what_a_pipeline_must_hear_of() {
    let data = data();
    let said = statuses(&data);
    let said: Vec<(&str, &str)> = said.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let expected = [
        ("passed", ""),
        ("failure", "expected pass, but 3 of 4 pass: lost-hit 1"),
        ("skipped", "no-op: the patches do not change the image"),
        ("passed", ""),
        ("skipped", "1 trial missing"),
        ("error", "1 trial unknown: unknown: host-deadline 1"),
        ("error", "the control fails, so that the testcase is at fault: with the model off 0 of 1 pass"),
        ("passed", ""),
    ];
    assert_eq!(said[..8], expected);
    assert_eq!((said[8].0, said.len()), ("failure", 9));
    assert!(said[8].1.starts_with("expectations not met; 1 trial missing: "), "{}", said[8].1);
    let text = junit(&data).unwrap();
    for expected in [
        r#"<testsuite name="mips-6.1 on malta" tests="8" skipped="2" errors="2" failures="1">"#,
        "replay: patcheval replay runs/small mips-6.1/malta/merged/t1/enforce/2",
        "console: not ok 2 worse",
        "story: 1. stale fetch",
    ] {
        let found = text.contains(expected) || text.contains(&expected.replace(": ", ":   "));
        assert!(found, "{expected}\n{text}");
    }
    let illegal = |c: char| c.is_control() && c != '\n' || c == '\u{fffe}';
    assert_eq!(text.chars().find(|c| illegal(*c)), None);
}

#[test]
fn a_guest_cannot_add_results_to_ktap() {
    let data = data();
    let tests = parse_ktap(&ktap(&data));
    let results: Vec<(bool, &str, &str)> = tests
        .iter()
        .map(|test| (test.check.ok, test.check.name.as_str(), test.check.note.as_str()))
        .collect();
    assert_eq!(results[0], (false, "mips-6.1 on malta", "an expectation is contradicted"));
    assert_eq!((results.len(), results[1].1), (2, "verdict"));
    let below: Vec<(bool, &str)> = tests[0]
        .subtests
        .iter()
        .map(|test| (test.check.ok, test.check.note.split(' ').next().unwrap()))
        .collect();
    let expected = [
        (true, ""),
        (false, "expected"),
        (true, "SKIP"),
        (true, ""),
        (true, "SKIP"),
        (false, "ERROR"),
        (false, "ERROR"),
        (true, ""),
    ];
    assert_eq!(below, expected);
    assert!(tests[0].subtests.iter().all(|test| test.subtests.is_empty()));
    assert!(!ktap(&data).contains('\u{1b}'));
}

#[test]
fn csv_has_each_trial_and_what_it_counts_as() {
    let mut data = data();
    // A second line of a trial counts for nothing.
    let again = data.lines[1].clone();
    data.lines.push(again);
    let text = csv(&data).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let lines: Vec<BTreeMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
    assert_eq!(lines.len(), data.lines.len());
    let counted: Vec<&str> = lines.iter().map(|line| line["counted"].as_str()).collect();
    assert_eq!((counted[0], counted[1], counted[counted.len() - 1]), ("true", "true", "false"));
    let failed = lines.iter().find(|line| line["trial"] == "mips-6.1/malta/merged/t1/enforce/2").unwrap();
    assert_eq!((failed["result"].as_str(), failed["symptom"].as_str()), ("fail", "lost-hit"));
    assert_eq!((failed["pc"].as_str(), failed["in_xol"].as_str()), ("0x77fcc084", "true"));
    assert!(failed["detail"].contains("ok 1 evil 1..9"), "{}", failed["detail"]);
    assert!(!failed["detail"].contains(char::is_control));
}
