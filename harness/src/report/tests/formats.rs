// SPDX-License-Identifier: GPL-2.0-or-later
//! Every layout of one run, read back with a parser of its own kind: all must have the same figures for each cell.

use std::collections::{BTreeMap, BTreeSet};

use super::super::*;
use crate::judge::judge;
use crate::judge::tests::{lazy_is_unfixed, lines};
use crate::plan::tests::plan;
use crate::trial::line::{Cause, Detail, Outcome, Symptom};
use crate::trial::parse_ktap;

/// What a guest may print to look like part of a report.
pub(super) const HOSTILE: &str = "\u{1b}[2J\r\nok 1 evil\n1..9\n  not ok 2 worse\nTested-by: Mallory <m@evil.org>\n]]>\
    <script>alert(1)</script>&\u{0}\u{8}\u{202e}\u{fffe}| \"x\",\"y\"\n";
/// Figures of a cell as every layout has them; none where a layout leaves something out.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Figures {
    passes: u32,
    n: u32,
    unknown: u32,
    verdict: Option<String>,
}

/// By kernel, machine, testcase, row.
type Cells = BTreeMap<[String; 4], Figures>;

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

/// What the judgement says, against which the layouts are held.
fn judged(data: &ReportData) -> Cells {
    let cells = data.judgement.cells().map(|(group, cell)| {
        let names = [&group.kernel, &group.machine, &group.testcase, &cell.variant].map(Clone::clone);
        let figures = Figures {
            passes: cell.passes,
            n: cell.n,
            unknown: cell.unknown,
            verdict: Some(cell.verdict.name().into()),
        };
        (names, figures)
    });
    cells.collect()
}

/// `passes=1 n=4 unknown=0 ... verdict=mixed ...`.
fn named_figures(text: &str) -> Figures {
    let words: BTreeMap<&str, &str> =
        text.split_whitespace().filter_map(|word| word.split_once('=')).collect();
    figures(|name| words[name].parse().unwrap(), words["verdict"])
}

fn figures(number: impl Fn(&str) -> u32, verdict: &str) -> Figures {
    let (passes, n, unknown) = (number("passes"), number("n"), number("unknown"));
    Figures { passes, n, unknown, verdict: Some(verdict.to_owned()) }
}

fn names(kernel: &str, machine: &str, testcase: &str, row: &str) -> [String; 4] {
    [kernel, machine, testcase, row].map(str::to_owned)
}

fn from_junit(text: &str) -> Cells {
    let document = roxmltree::Document::parse(text).unwrap();
    let tests = document.descendants().filter(|node| node.has_tag_name("testcase"));
    let cell = |test: roxmltree::Node<'_, '_>| {
        let class: Vec<&str> = test.attribute("classname").unwrap().split('/').collect();
        let &[kernel, machine, testcase] = &class[..] else { return None };
        let out = test.children().find(|node| node.has_tag_name("system-out")).unwrap();
        let row = test.attribute("name").unwrap();
        Some((names(kernel, machine, testcase, row), named_figures(out.text().unwrap())))
    };
    tests.filter_map(cell).collect()
}

fn from_ktap(text: &str) -> Cells {
    let mut cells = Cells::new();
    for target in parse_ktap(text) {
        assert_eq!(target.planned.unwrap_or(0) as usize, target.subtests.len());
        for test in &target.subtests {
            let (kernel, machine) = target.check.name.split_once(" on ").unwrap();
            let (testcase, row) = test.check.name.split_once(": ").unwrap();
            let said = test.said.iter().find_map(|line| line.strip_prefix("figures: ")).unwrap();
            cells.insert(names(kernel, machine, testcase, row), named_figures(said));
        }
    }
    cells
}

fn from_csv(text: &str) -> Cells {
    let mut cells = Cells::new();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    for line in reader.deserialize::<BTreeMap<String, String>>() {
        let line = line.unwrap();
        if line["mode"] != "enforce" || line["counted"] != "true" {
            continue;
        }
        let key = names(&line["kernel"], &line["machine"], &line["testcase"], &line["variant"]);
        let none = Figures { passes: 0, n: 0, unknown: 0, verdict: None };
        let cell = cells.entry(key).or_insert(none);
        match line["result"].as_str() {
            "unknown" => cell.unknown += 1,
            result => {
                cell.n += 1;
                cell.passes += u32::from(result == "pass");
            }
        }
    }
    cells
}

/// The figures of a cell in JSON; both formats have them by the same names.
fn from_object(cell: &serde_json::Value) -> Figures {
    let number = |name: &str| u32::try_from(cell[name].as_u64().unwrap()).unwrap();
    figures(number, cell["verdict"].as_str().unwrap())
}

fn from_json(text: &str) -> Cells {
    let document: serde_json::Value = serde_json::from_str(text).unwrap();
    let mut cells = Cells::new();
    for group in document["judgement"]["groups"].as_array().unwrap() {
        let [kernel, machine, testcase] =
            ["kernel", "machine", "testcase"].map(|name| group[name].as_str().unwrap());
        for cell in group["cells"].as_array().unwrap() {
            let key = names(kernel, machine, testcase, cell["variant"].as_str().unwrap());
            cells.insert(key, from_object(cell));
        }
    }
    cells
}

fn from_kcidb(text: &str) -> Cells {
    let report: serde_json::Value = serde_json::from_str(text).unwrap();
    let cell = |test: &serde_json::Value| {
        let id: Vec<&str> = test["id"].as_str().unwrap().split('/').collect();
        let &[_, kernel, machine, variant, testcase] = &id[..] else { panic!("{id:?}") };
        assert_eq!(test["misc"]["variant"], variant);
        (names(kernel, machine, testcase, variant), from_object(&test["misc"]))
    };
    report["tests"].as_array().unwrap().iter().map(cell).collect()
}

/// The figures of a word such as `3/4 [19.4, 99.4] %, 1 unknown`.
fn from_words(pass: &str, verdict: &str) -> Figures {
    let (passes, rest) = pass.split_once('/').unwrap();
    let unknown = pass.split_once(" unknown").map_or("0", |(before, _)| before.rsplit(' ').next().unwrap());
    Figures {
        passes: passes.trim().parse().unwrap(),
        n: rest.split([' ', ',']).next().unwrap().parse().unwrap(),
        unknown: unknown.parse().unwrap(),
        verdict: Some(verdict.trim().into()),
    }
}

/// A table or Markdown: sections with a heading, then lines that `split` into words.
fn from_sections(text: &str, split: impl Fn(&str) -> Vec<String>) -> Cells {
    let (mut cells, mut place) = (Cells::new(), None);
    for line in text.lines() {
        let heading = line.trim_start_matches("### ").split_once(": ").map(|(heading, _)| heading);
        let parts = heading.and_then(|heading| heading.split_once(", "));
        if let Some(((kernel, machine), testcase)) =
            parts.and_then(|(target, testcase)| Some((target.split_once(" on ")?, testcase)))
        {
            place = Some((kernel, machine, testcase));
        }
        let words = split(line);
        if let (Some((kernel, machine, testcase)), [row, pass, .., verdict, _]) = (place, &words[..])
            && words.len() == 8
            && pass.contains('/')
        {
            cells.insert(names(kernel, machine, testcase, row), from_words(pass, verdict));
        }
    }
    cells
}

fn from_table(text: &str) -> Cells {
    from_sections(text, |line| {
        line.split("  ").map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    })
}

fn from_markdown(text: &str) -> Cells {
    from_sections(text, |line| {
        line.trim_matches(['|', ' ']).split(" | ").map(|word| word.trim().to_owned()).collect()
    })
}

/// A page has the table's words, under a name for who does not see where they stand.
fn from_html(text: &str) -> Cells {
    let select = |selector: &str| scraper::Selector::parse(selector).unwrap();
    let words = |element: scraper::ElementRef<'_>| -> Vec<String> {
        element.select(&select("th, td")).map(|word| word.text().collect()).collect()
    };
    let mut cells = Cells::new();
    for region in scraper::Html::parse_document(text).select(&select("[aria-label^='Figures of ']")) {
        let place = region.attr("aria-label").unwrap().trim_start_matches("Figures of ");
        let (target, testcase) = place.split_once(", ").unwrap();
        let (kernel, machine) = target.split_once(" on ").unwrap();
        for row in region.select(&select("tbody tr")).map(words) {
            cells.insert(names(kernel, machine, testcase, &row[0]), from_words(&row[1], &row[6]));
        }
    }
    cells
}

/// A mail lists the cells that did not simply pass; of all others it says that they did.
fn from_mail(text: &str, all: &Cells) -> Cells {
    let mail = mailparse::parse_mail(text.as_bytes()).unwrap();
    let body = mail.get_body().unwrap();
    let (_, list) = body.split_once("worst first (every other cell passes").unwrap();
    let mut cells = all.clone();
    for cell in cells.values_mut() {
        (cell.passes, cell.unknown, cell.verdict) = (cell.n, 0, None);
    }
    for line in list.lines().skip(3).take_while(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let &[pass, row, testcase, "A", ..] = &words[..] else { panic!("{line}") };
        let state = words[4..].join(" ");
        let verdict = state.split([',', ' ']).next().unwrap();
        let pass = state.split_once(", ").map_or(pass.to_owned(), |(_, more)| format!("{pass}, {more}"));
        cells.insert(names("mips-6.1", "malta", testcase, row), from_words(&pass, verdict));
    }
    cells
}

#[test]
fn every_layout_has_the_same_figures() {
    let data = data();
    let judged = judged(&data);
    let verdicts: BTreeSet<&str> = judged.values().filter_map(|one| one.verdict.as_deref()).collect();
    let every = ["fails", "mixed", "no-op", "not-observable", "passes-all", "unknown"];
    assert_eq!(verdicts.into_iter().collect::<Vec<_>>(), every);
    let wide = Style { colour: false, width: usize::MAX };
    assert_eq!(from_table(&table(&data.judgement, wide)), judged);
    assert_eq!(from_markdown(&markdown(&data.judgement)), judged);
    assert_eq!(from_junit(&junit(&data).unwrap()), judged);
    assert_eq!(from_ktap(&ktap(&data)), judged);
    assert_eq!(from_json(&json(&data).unwrap()), judged);
    assert_eq!(from_kcidb(&kcidb(&data, "small_ci").unwrap()), judged);
    assert_eq!(from_html(&html(&data)), judged);
    let without_verdicts = |cells: &Cells| -> Cells {
        let cell = |(names, cell): (&[String; 4], &Figures)| {
            (names.clone(), Figures { verdict: None, ..cell.clone() })
        };
        cells.iter().map(cell).collect()
    };
    assert_eq!(from_csv(&csv(&data).unwrap()), without_verdicts(&judged));
    let mail = from_mail(&mail(&data, &Envelope::default()).unwrap(), &judged);
    assert_eq!(without_verdicts(&mail), without_verdicts(&judged));
    for (names, figures) in mail.iter().filter(|(_, figures)| figures.verdict.is_some()) {
        assert_eq!(figures.verdict, judged[names].verdict, "{names:?}");
    }
}

/// Status and reason of each test, in the order of the judgement.
fn statuses(data: &ReportData) -> Vec<(String, String)> {
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
