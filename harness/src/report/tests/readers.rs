// SPDX-License-Identifier: GPL-2.0-or-later
//! Reads every layout back with a parser of its own kind.

use std::collections::BTreeMap;

use super::super::*;
use crate::trial::parse_ktap;

/// Figures of a cell as every layout has them; none where a layout leaves something out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) passes: u32,
    pub(super) n: u32,
    pub(super) unknown: u32,
    pub(super) verdict: Option<String>,
}

/// By kernel, machine, testcase, row.
pub(super) type Cells = BTreeMap<[String; 4], Figures>;

/// What the judgement says, against which the layouts are held.
pub(super) fn judged(data: &ReportData) -> Cells {
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
pub(super) fn named_figures(text: &str) -> Figures {
    let words: BTreeMap<&str, &str> =
        text.split_whitespace().filter_map(|word| word.split_once('=')).collect();
    figures(|name| words[name].parse().unwrap(), words["verdict"])
}

pub(super) fn figures(number: impl Fn(&str) -> u32, verdict: &str) -> Figures {
    let (passes, n, unknown) = (number("passes"), number("n"), number("unknown"));
    Figures { passes, n, unknown, verdict: Some(verdict.to_owned()) }
}

pub(super) fn names(kernel: &str, machine: &str, testcase: &str, row: &str) -> [String; 4] {
    [kernel, machine, testcase, row].map(str::to_owned)
}

pub(super) fn from_junit(text: &str) -> Cells {
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

pub(super) fn from_ktap(text: &str) -> Cells {
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

pub(super) fn from_csv(text: &str) -> Cells {
    let mut cells = Cells::new();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    for line in reader.deserialize::<BTreeMap<String, String>>() {
        let line = line.unwrap();
        let key = names(&line["kernel"], &line["machine"], &line["testcase"], &line["variant"]);
        let none = Figures { passes: 0, n: 0, unknown: 0, verdict: None };
        if line["mode"].is_empty() {
            assert_eq!(line["trial"], [&key[0], &key[1], &key[3], &key[2]].map(String::as_str).join("/"));
            cells.insert(key, Figures { verdict: Some(line["result"].clone()), ..none });
            continue;
        }
        if line["mode"] != "enforce" || line["counted"] != "true" {
            continue;
        }
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
pub(super) fn from_object(cell: &serde_json::Value) -> Figures {
    let number = |name: &str| u32::try_from(cell[name].as_u64().unwrap()).unwrap();
    figures(number, cell["verdict"].as_str().unwrap())
}

pub(super) fn from_json(text: &str) -> Cells {
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

pub(super) fn from_kcidb(text: &str) -> Cells {
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
pub(super) fn from_words(pass: &str, verdict: &str) -> Figures {
    // Without trials: `-` or `- (as unfixed)`.
    let (passes, rest) = pass.split_once('/').unwrap_or_else(|| {
        assert!(pass.starts_with('-'), "{pass}");
        ("0", "0")
    });
    let unknown = pass.split_once(" unknown").map_or("0", |(before, _)| before.rsplit(' ').next().unwrap());
    Figures {
        passes: passes.trim().parse().unwrap(),
        n: rest.split([' ', ',']).next().unwrap().parse().unwrap(),
        unknown: unknown.parse().unwrap(),
        verdict: Some(verdict.trim().into()),
    }
}

/// A table or Markdown: sections with a heading, then lines that `split` into words.
pub(super) fn from_sections(text: &str, split: impl Fn(&str) -> Vec<String>) -> Cells {
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
            && (pass.contains('/') || pass.starts_with('-'))
            && row != "---"
        {
            cells.insert(names(kernel, machine, testcase, row), from_words(pass, verdict));
        }
    }
    cells
}

pub(super) fn from_table(text: &str) -> Cells {
    from_sections(text, |line| {
        line.split("  ").map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    })
}

pub(super) fn from_markdown(text: &str) -> Cells {
    from_sections(text, |line| {
        line.trim_matches(['|', ' ']).split(" | ").map(|word| word.trim().to_owned()).collect()
    })
}

/// A page has the table's words, under a name for who does not see where they stand.
pub(super) fn from_html(text: &str) -> Cells {
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
pub(super) fn from_mail(text: &str, all: &Cells) -> Cells {
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

/// Asserts that every layout has the figures of the judgement.
pub(super) fn layouts_agree(data: &ReportData) {
    let judged = judged(data);
    let wide = Style { colour: false, width: usize::MAX };
    assert_eq!(from_table(&table(&data.judgement, wide)), judged);
    assert_eq!(from_markdown(&markdown(&data.judgement)), judged);
    assert_eq!(from_junit(&junit(data).unwrap()), judged);
    assert_eq!(from_ktap(&ktap(data)), judged);
    assert_eq!(from_json(&json(data).unwrap()), judged);
    assert_eq!(from_kcidb(&kcidb(data, "small_ci").unwrap()), judged);
    assert_eq!(from_html(&html(data)), judged);
    let without_verdicts = |cells: &Cells| -> Cells {
        let cell = |(names, cell): (&[String; 4], &Figures)| {
            (names.clone(), Figures { verdict: None, ..cell.clone() })
        };
        cells.iter().map(cell).collect()
    };
    // A spreadsheet says of cells without trials only what they are.
    let mut counted = without_verdicts(&judged);
    for (names, cell) in counted.iter_mut().filter(|(_, cell)| cell.n + cell.unknown == 0) {
        cell.verdict = judged[names].verdict.clone();
    }
    assert_eq!(from_csv(&csv(data).unwrap()), counted);
    let mail = from_mail(&mail(data, &Envelope::default()).unwrap(), &judged);
    assert_eq!(without_verdicts(&mail), without_verdicts(&judged));
    for (names, figures) in mail.iter().filter(|(_, figures)| figures.verdict.is_some()) {
        assert_eq!(figures.verdict, judged[names].verdict, "{names:?}");
    }
}
