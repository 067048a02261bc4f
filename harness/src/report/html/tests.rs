// SPDX-License-Identifier: GPL-2.0-or-later
//! The page, read back by an HTML5 parser.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use scraper::ElementRef;
use scraper::Html;
use scraper::Selector;

use super::html;
use super::text;
use crate::judge::KernelFacts;
use crate::judge::judge;
use crate::judge::tests::lines;
use crate::plan::Plan;
use crate::plan::tests::plan;
use crate::report::content::Content;
use crate::report::data::ExampleTrial;
use crate::report::data::FunctionWork;
use crate::report::data::ReportData;
use crate::report::data::Tools;
use crate::trial::line::Cause;
use crate::trial::line::Detail;
use crate::trial::line::Outcome;
use crate::trial::line::Symptom;
use crate::trial::line::TrialLine;

/// Everything that a guest may try: to end the element that it is in, to begin another, to write in an attribute, to
/// steer a terminal, to turn the text's direction, to hide letters. The replacement character stands for what was no UTF-8.
const HOSTILE: &str = "</pre></td></details><script>alert(1)</script><img src=x onerror='a()'>\"onload=\"b()\" \
                       &lt;b&gt; <!-- ]]> </style> \x1b[31mred\x1b[0m \0 \u{8} \u{7f} \u{9b}2J \u{202e}evil\u{2066} \
                       \u{200b}\u{feff} \u{fffd}";

fn data_of(plan: Plan, lines: Vec<TrialLine>) -> ReportData {
    let built = KernelFacts::default();
    let judgement = judge(&plan, &lines, &built);
    let shown = |line: &&TrialLine| line.id.seed == 1 && line.id.mode == plan.study.mode;
    let examples = lines.iter().filter(shown).map(|line| example(line, "ok 1\r\n")).collect();
    let tools = Tools {
        patcheval: "0.1.0".into(),
        qemu: "11.1.3".into(),
        plugin: "0123456789abcdef".into(),
        toolchains: BTreeMap::from([("mips-6.1".into(), "gcc 12.2".into())]),
        releases: BTreeMap::from([("mips-6.1".into(), "6.1.192".into())]),
        failed_builds: BTreeMap::new(),
    };
    ReportData { run: "runs/small".into(), plan, tools, built, judgement, lines, examples, trend: None }
}

fn example(line: &TrialLine, console: &str) -> ExampleTrial {
    let work = FunctionWork {
        function: "blast_dcache32".into(),
        operations: 1024,
        redundant: 591,
        line: Some("arch/mips/include/asm/r4kcache.h:243".into()),
        ..FunctionWork::default()
    };
    ExampleTrial {
        trial: line.id.clone(),
        story: format!("{}: explained\n", line.id),
        console: console.into(),
        console_cut: false,
        work: vec![work],
    }
}

fn small() -> ReportData {
    data_of(plan(), lines())
}

/// The small study with a contradiction, an unknown trial, a missing one, and a guest that writes what it should not.
fn troubled() -> ReportData {
    let mut lines = lines();
    let by = |lines: &mut Vec<TrialLine>, id: &str, outcome: Outcome| {
        let line = lines.iter_mut().find(|line| line.id.to_string() == id).unwrap();
        (line.outcome, line.stale_fetches) = (outcome, 1);
        line.detail = Some(Detail { text: HOSTILE.into(), pc: None, in_xol: None });
    };
    by(&mut lines, "mips-6.1/malta/merged/t1/enforce/1", Outcome::Fail { symptom: Symptom::LostHit });
    by(&mut lines, "mips-6.1/malta/lazy/t1/enforce/3", Outcome::Unknown { cause: Cause::HostDeadline });
    lines.retain(|line| line.id.to_string() != "mips-6.1/malta/unfixed/t9/enforce/4");
    let mut data = data_of(plan(), lines);
    for example in &mut data.examples {
        (example.console, example.story) = (HOSTILE.into(), HOSTILE.into());
    }
    data.tools.failed_builds =
        BTreeMap::from([("mips-6.1".into(), BTreeMap::from([("lazy".into(), HOSTILE.into())]))]);
    data
}

/// The small study with the first testcase on two more machines that differ in their D-cache.
fn swept() -> ReportData {
    let (mut plan, mut lines) = (plan(), lines());
    for sets in [32, 64] {
        let mut target = plan.targets[0].clone();
        target.machine.name = format!("malta.d{sets}x4x32.lru");
        target.machine.swept_from = Some("malta".into());
        target.machine.caches.dcache.sets = sets;
        let swept = self::lines().into_iter().map(|mut line| {
            line.id.machine.clone_from(&target.machine.name);
            line
        });
        lines.extend(swept);
        plan.targets.push(target);
    }
    data_of(plan, lines)
}

fn parsed(data: &ReportData) -> Html {
    let page = Html::parse_document(&html(data));
    assert_eq!(page.errors, [""; 0], "an HTML5 parser finds nothing to mend");
    page
}

fn all<'a>(page: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    page.select(&Selector::parse(selector).unwrap()).collect()
}

fn words(element: ElementRef<'_>) -> String {
    let text: String = element.text().collect::<Vec<_>>().join(" ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_figure_of_every_cell_is_in_the_page_as_in_the_other_layouts() {
    for data in [small(), troubled(), swept()] {
        let page = parsed(&data);
        let content = Content::new(&data.judgement);
        let rows: BTreeSet<String> = all(&page, "#trials ~ details tr").into_iter().map(words).collect();
        let sections: Vec<String> = all(&page, "td.v").into_iter().map(words).collect();
        let mut cells = 0;
        for section in &content.sections {
            for row in &section.rows {
                assert!(rows.contains(&row.words.join(" ")), "{:?}", row.words);
                let pass = row.words[1].split(", ").next().unwrap();
                assert!(sections[cells].contains(pass), "{pass} in {}", sections[cells]);
                assert!(sections[cells].contains(&row.words[6]), "{} in {}", row.words[6], sections[cells]);
                cells += 1;
            }
        }
        assert_eq!(cells, sections.len());
        let text = words(page.root_element());
        for sentence in content.notes.iter().flat_map(|note| &note.sentences) {
            let sentence = sentence.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.contains(&sentence), "{sentence}");
        }
        for word in content.grids.iter().flat_map(|grid| grid.rows.iter().flatten()) {
            assert!(text.contains(word.trim()), "{word}");
        }
    }
}

#[test]
fn every_cell_has_its_trials_and_its_command() {
    let data = troubled();
    let page = parsed(&data);
    let cells: Vec<String> = all(&page, "details.cell").into_iter().map(words).collect();
    assert_eq!(cells.len(), data.judgement.cells().count());
    let merged = &cells[1];
    assert!(merged.starts_with("merged ± mixed 3/4 CONTRADICTED : expected pass"), "{merged}");
    assert!(merged.contains("1 2 3 4 lost-hit 1 : "), "{merged}");
    assert!(merged.contains("pass 3 ; seeds 2-4; stale 0, D ops 2,600 to 4,600, I ops 800"), "{merged}");
    assert!(merged.ends_with("patcheval replay RUN mips-6.1/malta/merged/t1/enforce/1"), "{merged}");
    assert!(cells[2].contains("unknown: host-deadline 1"), "{}", cells[2]);
    let marks: Vec<&str> = all(&page, "#c2 .strip li").iter().filter_map(|mark| mark.attr("class")).collect();
    assert_eq!(marks, ["f", "p", "p", "p"]);
}

#[test]
fn what_a_guest_writes_is_text_and_is_seen() {
    let data = troubled();
    let page = parsed(&data);
    assert_eq!(all(&page, "script, img, iframe, object, embed, form, [onerror], [onload], [src]"), []);
    let source = html(&data);
    assert!(!source.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
    assert!(!source.contains(['\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}']));
    let shown = text::visible(HOSTILE);
    for sign in
        ["␛[31mred␛[0m", "␀", "␈", "␡", "<U+009B>2J", "<U+202E>evil<U+2066>", "<U+200B><U+FEFF>", "\u{fffd}"]
    {
        assert!(shown.contains(sign), "{sign} in {shown}");
    }
    // Consoles, stories of trials that fetched something stale, what trials say of themselves, why a kernel did not build.
    let pre = all(&page, "pre");
    let exact = pre.iter().filter(|one| one.text().collect::<String>().trim_end() == shown).count();
    assert_eq!(exact, data.judgement.cells().count() + 3);
    let kinds = all(&page, ".inside li");
    assert_eq!(kinds.iter().filter(|kind| kind.text().collect::<String>().contains(&shown)).count(), 2);
}

#[test]
fn the_page_needs_nothing_but_itself_and_is_the_same_each_time() {
    let source = html(&swept());
    for outside in ["http:", "https:", "//www", "@import", "url(", "<script", "javascript:"] {
        assert!(!source.contains(outside), "{outside}");
    }
    let page = parsed(&swept());
    let links: Vec<&str> = all(&page, "[href]").iter().filter_map(|link| link.attr("href")).collect();
    assert!(links.iter().all(|link| link.starts_with('#') || *link == "data:,"), "{links:?}");
    assert_eq!(all(&page, "meta[http-equiv=Content-Security-Policy]").len(), 1);
    assert_eq!(source, html(&swept()));
}

#[test]
fn links_lead_somewhere_and_names_are_unique() {
    for data in [small(), swept()] {
        let page = parsed(&data);
        let ids: Vec<&str> = all(&page, "[id]").iter().filter_map(|element| element.attr("id")).collect();
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len());
        for link in all(&page, "a[href]") {
            let target = link.attr("href").unwrap().trim_start_matches('#');
            assert!(unique.contains(target), "{target}");
        }
        for element in all(&page, "[aria-labelledby]") {
            for name in element.attr("aria-labelledby").unwrap().split(' ') {
                assert!(unique.contains(name), "{name}");
            }
        }
    }
}

#[test]
fn who_does_not_see_the_page_can_read_it() {
    let page = parsed(&swept());
    assert_eq!(all(&page, "h1").len(), 1);
    let levels: Vec<u32> =
        all(&page, "h1, h2, h3, h4, h5").iter().map(|one| one.value().name()[1..].parse().unwrap()).collect();
    for pair in levels.windows(2) {
        assert!(pair[1] <= pair[0] + 1 || pair[1] == 5, "h{} is followed by h{}", pair[0], pair[1]);
    }
    let plots = all(&page, "svg[role=img]");
    // One unit, two testcases with bars, two testcases swept with four rows.
    assert_eq!(plots.len(), 1 + 2 + 2 * 4);
    for plot in plots {
        let said: Vec<&str> = plot.child_elements().take(2).map(|element| element.value().name()).collect();
        assert_eq!(said, ["title", "desc"]);
    }
    assert_eq!(all(&page, "svg:not([role=img]):not([aria-hidden=true])"), []);
    assert_eq!(all(&page, "th:not([scope])"), []);
    assert_eq!(
        all(&page, "table").len(),
        all(&page, "[tabindex='0'][role=region][aria-label] > table").len()
    );
    assert_eq!(all(&page, "html[lang=en]").len(), 1);
}

/// Colours of the style sheet by name, in the light and in the dark scheme.
fn palettes() -> [BTreeMap<String, f64>; 2] {
    let style = include_str!("style.css");
    let (light, dark) = style.split_once("prefers-color-scheme: dark").unwrap();
    let luminances = |text: &str| {
        let declarations = text.split(['{', ';', '}']).filter_map(|one| one.trim().strip_prefix("--"));
        let colours = declarations.filter_map(|one| one.split_once(": #"));
        colours.map(|(name, colour)| (name.to_owned(), luminance(colour))).collect::<BTreeMap<_, _>>()
    };
    let light = luminances(light);
    let dark = light.clone().into_iter().chain(luminances(dark.split("* {").next().unwrap())).collect();
    [light, dark]
}

/// Relative luminance as WCAG 2.2 defines it.
fn luminance(colour: &str) -> f64 {
    let value = u32::from_str_radix(colour, 16).unwrap();
    let channel = |shift: u32| {
        let share = f64::from((value >> shift) & 0xff) / 255.0;
        if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(16) + 0.7152 * channel(8) + 0.0722 * channel(0)
}

#[test]
fn letters_stand_out_from_their_ground_in_both_schemes() {
    for (scheme, palette) in palettes().iter().enumerate() {
        let contrast = |a: &str, b: &str| {
            let (a, b) = (palette[a], palette[b]);
            (a.max(b) + 0.05) / (a.min(b) + 0.05)
        };
        for ground in ["ground", "raised", "hatch"] {
            for letters in ["text", "quiet", "link"] {
                let found = contrast(letters, ground);
                assert!(found >= 4.5, "scheme {scheme}: {letters} on {ground}: {found:.2}");
            }
        }
        for verdict in ["pass", "fail", "mixed", "unknown"] {
            let found = contrast(verdict, &format!("{verdict}-text"));
            assert!(found >= 4.5, "scheme {scheme}: {verdict}: {found:.2}");
        }
        // Marks are no letters: WCAG asks for 3 to 1.
        for mark in ["pass-mark", "fail-mark", "unknown-mark", "needed", "insufficient"] {
            let found = contrast(mark, "ground");
            assert!(found >= 3.0, "scheme {scheme}: {mark}: {found:.2}");
        }
    }
}

#[test]
fn small_pieces_of_text() {
    assert_eq!(text::ranges(&[1, 2, 3, 5, 7, 8]), "1-3, 5, 7-8");
    assert_eq!(text::ranges(&[]), "");
    assert_eq!(text::span([1200, 5].into_iter()), "5 to 1,200");
    assert_eq!(text::span([7, 7].into_iter()), "7");
    assert_eq!(text::span(std::iter::empty()), "-");
}
