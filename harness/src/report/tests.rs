// SPDX-License-Identifier: GPL-2.0-or-later
//! Tests of both layouts on the small study.

mod formats;
mod mails;
mod programs;
mod readers;
mod sentence;
mod untried;

use super::*;
use crate::judge::Judgement;
use crate::judge::KernelFacts;
use crate::judge::judge;
use crate::judge::tests::lines;
use crate::plan::tests::plan;
use crate::trial::line::Cause;
use crate::trial::line::Detail;
use crate::trial::line::Outcome;
use crate::trial::line::Symptom;
use crate::trial::line::TrialLine;

const WIDE: Style = Style { colour: false, width: 160 };
const NARROW: Style = Style { colour: false, width: 80 };

fn judgement() -> Judgement {
    judge(&plan(), &lines(), &KernelFacts::default())
}

/// The small study with a contradiction, an unknown trial, a missing one, and a guest that prints escape sequences.
fn troubled() -> Judgement {
    let mut lines = lines();
    let by = |lines: &mut Vec<TrialLine>, id: &str, outcome: Outcome| {
        let line = lines.iter_mut().find(|line| line.id.to_string() == id).unwrap();
        line.outcome = outcome;
        line.stale_fetches = 1;
        line.detail = Some(Detail { text: "returns | \x1b[2J5".into(), pc: None, in_xol: None });
    };
    by(&mut lines, "mips-6.1/malta/merged/t1/enforce/2", Outcome::Fail { symptom: Symptom::LostHit });
    by(&mut lines, "mips-6.1/malta/lazy/t1/enforce/3", Outcome::Unknown { cause: Cause::HostDeadline });
    by(&mut lines, "mips-6.1/malta/lazy/t9/off/1", Outcome::Fail { symptom: Symptom::Livelock });
    lines.retain(|line| line.id.to_string() != "mips-6.1/malta/unfixed/t9/enforce/4");
    judge(&plan(), &lines, &KernelFacts::default())
}

#[test]
fn a_wide_terminal_gets_aligned_tables() {
    let expected = "\
merged and lazy fix it on malta (4/4; unfixed 1/4); cheapest: merged. merged-alone breaks t9 on malta (0/4).
small: 40 trials, 0 unknown, 0 missing (model: enforce): expectations met
Where should the flush go?

mips-6.1 on malta, t1: Case t1
variant       pass                 symptoms     stale             D ops           I ops  verdict         expected
unfixed       1/4 [0.6, 80.6] %    sigtrap 3      0.8             2,500             500  mixed           fail: met
merged        4/4 [39.8, 100.0] %  -              0.0      3,100 (+600)      800 (+300)  passes-all      pass: met
lazy          4/4 [39.8, 100.0] %  -              0.0  12,500 (+10,000)  5,500 (+5,000)  passes-all      pass: met
merged-alone  4/4 [39.8, 100.0] %  -              0.0  12,500 (+10,000)  5,500 (+5,000)  passes-all      any: met

mips-6.1 on malta, t9: Case t9
variant       pass                 symptoms     stale             D ops           I ops  verdict         expected
unfixed       4/4 [39.8, 100.0] %  -              0.0             2,500             500  not-observable  pass: met
merged        4/4 [39.8, 100.0] %  -              0.0      3,100 (+600)      800 (+300)  not-observable  pass: met
lazy          4/4 [39.8, 100.0] %  -              0.0  12,500 (+10,000)  5,500 (+5,000)  not-observable  pass: met
merged-alone  0/4 [0.0, 60.2] %    init-died 4    1.0            12,500           5,500  fails           fail: met

decision
variant       fixes  breaks  worst         ops/trial  lines  dominated by
merged        1/1    0       -             +900       -      -
lazy          1/1    0       -             +15,000    -      merged
merged-alone  1/1    1       0/4 t9 malta  +15,000    -      merged
  - fixes: of the cells (a testcase on a target) in which unfixed fails, those in which every trial passes; breaks: cells in which some trial fails, or for
    which there is no kernel; ops: additional cache maintenance operations for each unit, compared with unfixed, on the target where that is most, with the
    95 % interval where it is no point; lines: the change from unfixed's tree. First come those that break least, then those that fix most, then those with
    the fewest operations where the bug shows
  - lazy is dominated: merged costs 14100.0 operations less for one trial, and is nowhere worse
  - merged-alone is dominated: merged breaks 0 cells against 1, costs 14100.0 operations less for one trial, and is nowhere worse

columns: D ops and I ops are the mean number of cache maintenance operations in a trial; the mean difference from unfixed is in brackets, over the seeds with
  which both pass; a trial that fails early executes fewer. stale is the mean number of stale fetches in a trial
price:
  - each figure is the mean difference from unfixed over the seeds with which both pass, and its 95 % interval (bootstrap over the seeds: all have one layout of
    the guest's memory, which may add or take whole pages) in brackets where the differences are not all equal; redundant: the line was clean, absent or not
    stale; insufficient: wrong colour or wrong CPU; instructions are those in functions that do maintenance
  - mips-6.1 on malta, t1, merged: +600 D ops (+600 redundant), +300 I ops (+0 redundant, +6 insufficient), +6,000 instructions
  - mips-6.1 on malta, t1, lazy: +10,000 D ops (+10,000 redundant), +5,000 I ops (+0 redundant, +100 insufficient), +100,000 instructions
  - mips-6.1 on malta, t1, merged-alone: +10,000 D ops (+10,000 redundant), +5,000 I ops (+0 redundant, +100 insufficient), +100,000 instructions
  - mips-6.1 on malta, t9, merged: +600 D ops (+600 redundant), +300 I ops (+0 redundant, +6 insufficient), +6,000 instructions
  - mips-6.1 on malta, t9, lazy: +10,000 D ops (+10,000 redundant), +5,000 I ops (+0 redundant, +100 insufficient), +100,000 instructions
control: coherent: with the model off every trial passes in 8 of 8 cells
control: baseline fails:
  - unfixed fails as it must: mips-6.1 on malta, t1
  - unfixed passes, so nothing is ranked (not observable here): mips-6.1 on malta, t9
control: in the binary:
  - patches are in the image: unfixed on mips-6.1, merged on mips-6.1, lazy on mips-6.1
  - no patches, the kernel's own tree: merged-alone on mips-6.1
fixes: mips-6.1 on malta, cheapest first by D and I ops in t1: merged (3,900 ops), lazy (18,000 ops)
significance:
  - Fisher's exact test, two-sided, adjusted by Holm's method over the 6 comparisons with unfixed and over the 6 of other variants; variants with a p-value
    below 0.05 differ
  - no two variants differ significantly
power: 4 passes of 4 exclude a failure rate above 60.2 % (two-sided 95 % interval)
contradictions: none
";
    assert_eq!(table(&judgement(), WIDE), expected);
}

#[test]
fn a_narrow_terminal_gets_blocks_within_its_width() {
    let text = table(&judgement(), NARROW);
    let expected = "
mips-6.1 on malta, t1: Case t1
  unfixed: mixed, expected fail: met
    pass 1/4 [0.6, 80.6] %, sigtrap 3
    stale 0.8, D ops 2,500, I ops 500
  merged: passes-all, expected pass: met
    pass 4/4 [39.8, 100.0] %
    stale 0.0, D ops 3,100 (+600), I ops 800 (+300)
";
    assert!(text.contains(expected), "{text}");
    assert_eq!(text.lines().find(|line| line.chars().count() > NARROW.width), None);
}

#[test]
fn markdown_is_a_table_for_each_testcase() {
    let text = markdown(&judgement());
    let expected = "\
**merged and lazy fix it on malta (4/4; unfixed 1/4); cheapest: merged. merged-alone breaks t9 on malta (0/4).**

small: 40 trials, 0 unknown, 0 missing (model: enforce): expectations met

Where should the flush go?

### mips-6.1 on malta, t1: Case t1

| variant | pass | symptoms | stale | D ops | I ops | verdict | expected |
| --- | --- | --- | ---: | ---: | ---: | --- | --- |
| unfixed | 1/4 [0.6, 80.6] % | sigtrap 3 | 0.8 | 2,500 | 500 | mixed | fail: met |
";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.ends_with("(two-sided 95 % interval)\n- **contradictions**: none\n"), "{text}");
}

/// Returns the words of a text, without layout.
fn words(text: &str) -> String {
    let kept = text.replace(['|', '*', '#', '\\'], " ").replace("---:", " ").replace("---", " ");
    kept.split_whitespace().filter(|word| *word != "-").collect::<Vec<_>>().join(" ")
}

#[test]
fn both_layouts_say_the_same() {
    for judgement in [judgement(), troubled()] {
        let (table, markdown) =
            (table(&judgement, Style { colour: false, width: 400 }), markdown(&judgement));
        assert_eq!(words(&table).replace(" :", ":"), words(&markdown).replace(" :", ":"));
    }
}

#[test]
fn trouble_is_reported_in_full_and_without_control_characters() {
    let text = table(&troubled(), WIDE).replace("\n  ", " ").split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "small: 39 trials, 1 unknown, 1 missing (model: enforce): expectations not met",
        "lazy 3/3 [29.2, 100.0] %, 1 unknown unknown: host-deadline 1",
        "unfixed 3/3 [29.2, 100.0] %, 1 missing",
        "merged 3/4 [19.4, 99.4] % lost-hit 1",
        "with the model off every trial passes in 7 of 8 cells - FAILS: mips-6.1 on malta, t9, lazy: 0/1",
        "power: - 4 passes of 4 exclude a failure rate above 60.2 % (two-sided 95 % interval) \
         - 3 passes of 3 exclude a failure rate above 70.8 % (two-sided 95 % interval)",
        "contradictions: mips-6.1 on malta, t1, merged: expected pass, but 3 of 4 pass; lost-hit 1, for instance \
         mips-6.1/malta/merged/t1/enforce/2: returns | [2J5",
        "problems of the data: 1 trial missing: mips-6.1/malta/unfixed/t9/enforce/4",
        "no variant passes every trial of t1 without a failure elsewhere",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert!(!table(&troubled(), WIDE).contains('\x1b'));
    assert!(markdown(&troubled()).contains("returns \\|  [2J5"));
}

#[test]
fn colour_adds_escape_sequences_and_nothing_else() {
    for width in [NARROW.width, WIDE.width] {
        let coloured = table(&troubled(), Style { colour: true, width });
        assert!(
            coloured.contains("\x1b[1;31mCONTRADICTED") || coloured.contains("\x1b[1;31mpass: CONTRADICTED")
        );
        assert!(coloured.contains("\x1b[2mnot-observable\x1b[0m"));
        let mut plain = coloured;
        for code in ["0", "2", "32", "33", "1;31"] {
            plain = plain.replace(&format!("\x1b[{code}m"), "");
        }
        assert_eq!(plain, table(&troubled(), Style { colour: false, width }));
    }
}

#[test]
fn a_question_is_answered_in_a_sentence() {
    let question = crate::plan::Question {
        ask: "Is it so?".into(),
        variant: "merged-alone".into(),
        testcases: vec!["t1".into(), "t9".into()],
        class: None,
        yes: crate::plan::Yes::Passes,
    };
    let plan = crate::plan::Plan { questions: vec![question], ..plan() };
    let text = table(&judge(&plan, &lines(), &KernelFacts::default()), WIDE);
    let expected = "questions: Is it so? it depends. Yes: merged-alone passes t1 in all of 4 trials on malta. No: \
                    merged-alone passes 0 of 4 of t9 on malta, for instance mips-6.1/malta/merged-alone/t9/enforce/1\n";
    assert!(text.replace("\n  ", " ").contains(&expected.replace("\n", "")), "{text}");
}
