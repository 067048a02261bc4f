// SPDX-License-Identifier: GPL-2.0-or-later
//! The answer in one sentence, on the small study and on what can become of it.

use super::*;
use crate::judge::Behind;
use crate::judge::Control;
use crate::judge::Fix;
use crate::judge::Verdict;
use crate::report::sentence::answer;
use crate::report::sentence::headline;
use crate::report::sentence::outcome;

/// The small study's judgement on a second machine as well, where other variants fix the bug.
fn on_two_machines(fixes: &[&str]) -> Judgement {
    let mut judgement = judgement();
    let mut groups = judgement.groups.clone();
    for group in &mut groups {
        group.machine = "other".into();
    }
    judgement.groups.extend(groups);
    let mut ranking = judgement.rankings[0].clone();
    ranking.machine = "other".into();
    ranking.fixes =
        fixes.iter().zip([100.0, 200.0]).map(|(name, operations)| fix(name, operations)).collect();
    judgement.rankings.push(ranking);
    judgement
}

fn fix(variant: &str, operations: f64) -> Fix {
    Fix { variant: variant.into(), operations, behind: None }
}

#[test]
fn what_to_take_comes_first_and_what_breaks_after_it() {
    assert_eq!(
        answer(&judgement()),
        [
            "merged and lazy fix it on malta (4/4; unfixed 1/4); cheapest: merged.",
            "merged-alone breaks t9 on malta (0/4).",
        ]
    );
    let line = |room| headline(&judgement(), room);
    assert_eq!(line(usize::MAX), "merged and lazy fix it on malta (4/4; unfixed 1/4)");
    assert_eq!(line(49), "merged and lazy fix it on malta");
    assert_eq!(line(30), "merged and lazy fix it");
    assert_eq!(line(21), "expectations met");
}

#[test]
fn it_comes_first_in_every_format() {
    let first = "merged and lazy fix it on malta (4/4; unfixed 1/4); cheapest: merged.";
    assert!(table(&judgement(), WIDE).starts_with(first));
    assert!(markdown(&judgement()).starts_with(&format!("**{first}")));
    let data = ReportData { judgement: judgement(), ..formats::data() };
    let message = mail(&data, &Envelope::default()).unwrap();
    assert!(message.contains("Subject: [patcheval] small: merged and lazy fix it on malta\n"), "{message}");
    let body = message.split_once("\n\n").unwrap().1.replace('\n', " ");
    assert!(body.starts_with(first), "{body}");
    let page = html(&data);
    let at = |text: &str| page.find(text).unwrap_or(usize::MAX);
    assert!(at(first) < at("0 unknown"), "the answer is not before the figures");
    let document: serde_json::Value = serde_json::from_str(&json(&data).unwrap()).unwrap();
    assert_eq!(document["answer"][0], first);
}

#[test]
fn targets_with_other_fixes_have_a_sentence_of_their_own() {
    assert_eq!(
        answer(&on_two_machines(&["lazy", "merged-alone"]))[..3],
        [
            "Only lazy fixes it on malta and other (8/8; unfixed 2/8).",
            "merged also fixes it on malta.",
            "merged-alone also fixes it on other.",
        ]
    );
    assert_eq!(
        answer(&on_two_machines(&["merged-alone"]))[..3],
        [
            "No variant fixes it wherever it shows: on malta and other (unfixed 2/8).",
            "merged and lazy fix it on malta; cheapest: merged.",
            "merged-alone fixes it on other.",
        ]
    );
    let none = on_two_machines(&[]);
    assert!(answer(&none)[1].starts_with("merged and lazy fix it on malta"), "{:?}", answer(&none));
}

#[test]
fn prices_that_are_not_distinguishable_are_said_to_be_so() {
    let mut judgement = judgement();
    judgement.rankings[0].fixes = vec![fix("merged", 10.0), fix("lazy", 12.0)];
    let price = |judgement: &Judgement| answer(judgement)[0].split_once("; cheapest: ").unwrap().1.to_owned();
    assert_eq!(price(&judgement), "merged, not distinguishable from lazy.");
    let behind = |layout| Some(Behind { mean: 2.0, interval: None, layout });
    judgement.rankings[0].fixes[1].behind = behind(Some(256.0));
    assert_eq!(price(&judgement), "merged and lazy, by no more than a layout of memory may add.");
    judgement.rankings[0].fixes[1].behind = behind(None);
    assert_eq!(price(&judgement), "merged.");
}

#[test]
fn a_bug_that_does_not_show_has_no_fix() {
    let mut two = on_two_machines(&["merged"]);
    two.rankings[1].testcases.clear();
    two.rankings[1].fixes.clear();
    for group in two.groups.iter_mut().filter(|group| group.machine == "other") {
        group.observable = Control::Violated;
    }
    assert!(answer(&two).contains(&"On other the bug does not show.".to_owned()), "{:?}", answer(&two));
    two.rankings.remove(0);
    two.groups.retain(|group| group.machine == "other");
    assert_eq!(
        answer(&two),
        ["The bug does not show: unfixed passes every trial in 2 cells, so that no pass says anything."]
    );
    for group in &mut two.groups {
        group.observable = Control::Unknown;
    }
    assert_eq!(answer(&two), ["Nothing is known: no trial of unfixed says whether the bug shows."]);
}

#[test]
fn what_is_missing_makes_the_answer_provisional_and_a_kernel_that_does_not_build_is_named() {
    let mut judgement = judgement();
    judgement.unknown = 1;
    judgement.missing = 2;
    assert!(
        answer(&judgement)[0].starts_with("Provisional, with 1 trial unknown and 2 trials missing: merged")
    );
    for cell in judgement.groups.iter_mut().flat_map(|group| &mut group.cells) {
        if cell.variant == "lazy" {
            cell.verdict = Verdict::DoesNotBuild;
        }
    }
    assert_eq!(answer(&judgement).last().unwrap(), "lazy does not build.");
}

#[test]
fn a_study_that_expects_nothing_has_met_nothing() {
    let mut judgement = judgement();
    assert_eq!(outcome(&judgement), "expectations met");
    for cell in judgement.groups.iter_mut().flat_map(|group| &mut group.cells) {
        cell.expected = crate::plan::Expected::Pass;
        cell.why.clear();
    }
    assert_eq!(outcome(&judgement), "no expectation is stated");
    judgement.overall = crate::judge::Overall::Unknown;
    assert_eq!(outcome(&judgement), judgement.overall.name());
}
