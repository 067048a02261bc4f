// SPDX-License-Identifier: GPL-2.0-or-later
//! Tests of `judge`, and the trials of the small study that the tests of `report` use.

mod change;
mod choice;
mod planted;

use instrument::Mode;

use super::*;
use crate::judge::interval::Interval;
use crate::plan::Expected;
use crate::plan::TrialId;
use crate::plan::tests::plan;
use crate::trial::line::Cause;
use crate::trial::line::FlushUseCounts;
use crate::trial::line::Outcome;
use crate::trial::line::Symptom;

const SIGTRAP: Outcome = Outcome::Fail { symptom: Symptom::Sigtrap };
const NO_RECORD: Outcome = Outcome::Unknown { cause: Cause::NoRecord };

/// Returns the line of a trial with `outcome`, with figures that depend on the variant and the seed.
fn line(id: TrialId, outcome: Outcome) -> TrialLine {
    let flush = match id.variant.as_str() {
        "unfixed" => 0,
        "merged" => 600,
        _ => 10_000,
    };
    TrialLine {
        outcome,
        detail: None,
        stale_fetches: u64::from(matches!(outcome, Outcome::Fail { .. })),
        d_operations: 1000 * id.seed + flush,
        i_operations: 500 + flush / 2,
        d_use: FlushUseCounts { needed: 1, redundant: flush, insufficient: 0 },
        i_use: FlushUseCounts { needed: 1, redundant: 7, insufficient: flush / 100 },
        flush_instructions: 100 + 10 * flush,
        image: format!("image of {}", id.variant),
        record_sha256: if outcome.is_unknown() { String::new() } else { "ab".into() },
        ..TrialLine::unknown(id, Cause::NoRecord, "")
    }
}

/// Returns the lines of a study that is the small one with more variants, of those for which `tried` holds.
pub(crate) fn lines_of(plan: &Plan, tried: impl Fn(&str) -> bool) -> Vec<TrialLine> {
    let trials = plan.trials().into_iter().filter(|id| tried(&id.variant));
    trials.map(|id| line(id.clone(), outcome(&id))).collect()
}

/// Returns the lines of the small study: `unfixed` fails T1 with three of four seeds, `merged-alone` fails T9.
pub(crate) fn lines() -> Vec<TrialLine> {
    lines_of(&plan(), |_| true)
}

fn outcome(id: &TrialId) -> Outcome {
    match (id.mode, id.variant.as_str(), id.testcase.as_str()) {
        (Mode::Enforce, "unfixed", "t1") if id.seed != 2 => SIGTRAP,
        (Mode::Enforce, "merged-alone", "t9") => Outcome::Fail { symptom: Symptom::InitDied },
        _ => Outcome::Pass,
    }
}

/// Returns the lines of the small study, with the outcomes that `outcome` wants changed.
fn lines_but(outcome: impl Fn(&TrialId) -> Option<Outcome>) -> Vec<TrialLine> {
    lines().into_iter().map(|old| outcome(&old.id).map_or(old.clone(), |new| line(old.id, new))).collect()
}

fn judged(lines: &[TrialLine]) -> Judgement {
    judge(&plan(), lines, &KernelFacts::default())
}

fn cell<'a>(judgement: &'a Judgement, variant: &str, testcase: &str) -> &'a CellJudgement {
    let wanted =
        |(group, cell): &(&Group, &CellJudgement)| group.testcase == testcase && cell.variant == variant;
    judgement.cells().find(wanted).unwrap().1
}

#[test]
fn rates_symptoms_and_verdicts_of_the_small_study() {
    let judgement = judged(&lines());
    let unfixed = cell(&judgement, "unfixed", "t1");
    assert_eq!((unfixed.passes, unfixed.n, unfixed.unknown, unfixed.missing), (1, 4, 0, 0));
    assert_eq!(unfixed.symptoms, BTreeMap::from([(Symptom::Sigtrap, 3)]));
    assert_eq!(unfixed.stale, Some(0.75));
    assert_eq!((unfixed.verdict, unfixed.expectation), (Verdict::Mixed, Expectation::Met));
    assert_eq!(unfixed.example.as_ref().unwrap().trial, "mips-6.1/malta/unfixed/t1/enforce/1");
    let merged = cell(&judgement, "merged", "t1");
    assert_eq!((merged.verdict, merged.expectation), (Verdict::PassesAll, Expectation::Met));
    assert_eq!(merged.interval, interval::clopper_pearson(4, 4));
    let alone = cell(&judgement, "merged-alone", "t9");
    assert_eq!(
        (alone.verdict, alone.expected, alone.in_binary),
        (Verdict::Fails, Expected::Fail, InBinary::Base)
    );
    assert_eq!(judgement.overall, Overall::Met);
    assert_eq!((judgement.trials, judgement.unknown, judgement.missing), (40, 0, 0));
    assert_eq!(judgement.problems, [""; 0]);
}

/// The interval of differences that are all equal.
fn point(value: f64) -> Option<Interval> {
    Some(Interval { low: value, high: value })
}

#[test]
fn prices_are_paired_by_seed_where_both_pass() {
    let judgement = judged(&lines());
    let merged = cell(&judgement, "merged", "t9");
    let all = |mean: f64, difference: f64| Price {
        mean: Some(mean),
        difference: Some(difference),
        pairs: 4,
        interval: point(difference),
    };
    assert_eq!(merged.d, all(3100.0, 600.0));
    assert_eq!(merged.i.difference, Some(300.0));
    assert_eq!(merged.d_use.redundant, all(600.0, 600.0));
    assert_eq!((merged.d_use.needed.mean, merged.i_use.insufficient.difference), (Some(1.0), Some(6.0)));
    assert_eq!(merged.flush_instructions.difference, Some(6000.0));
    let none = |mean| Price { mean: Some(mean), difference: None, pairs: 0, interval: None };
    assert_eq!(cell(&judgement, "unfixed", "t9").d, none(2500.0));
    // In t1 the baseline passes with seed 2 only; where a variant passes in no trial, nothing can be said of its price.
    let one = Price { mean: Some(3100.0), difference: Some(600.0), pairs: 1, interval: None };
    assert_eq!(cell(&judgement, "merged", "t1").d, one);
    assert_eq!(cell(&judgement, "merged-alone", "t9").d, none(12500.0));
    // Without the baseline's seed 4 the mean over all differs, the paired difference does not.
    let gap = |id: &TrialId| (id.variant == "unfixed" && id.seed == 4).then_some(NO_RECORD);
    let d = cell(&judged(&lines_but(gap)), "merged", "t9").d;
    assert_eq!(d, Price { pairs: 3, ..all(3100.0, 600.0) });
}

#[test]
fn a_pass_means_nothing_where_the_baseline_passes_but_a_failure_does() {
    let judgement = judged(&lines());
    let t9 = &judgement.groups[1];
    assert_eq!((t9.testcase.as_str(), t9.observable), ("t9", Control::Violated));
    assert_eq!(cell(&judgement, "unfixed", "t9").verdict, Verdict::NotObservable);
    let merged = cell(&judgement, "merged", "t9");
    assert_eq!((merged.verdict, merged.expectation), (Verdict::NotObservable, Expectation::Met));
    assert_eq!(cell(&judgement, "merged-alone", "t9").verdict, Verdict::Fails);
}

#[test]
fn unknown_trials_are_in_no_rate_and_keep_the_study_undecided() {
    let lost =
        |id: &TrialId| (id.variant == "merged" && id.testcase == "t1" && id.seed < 3).then_some(NO_RECORD);
    let judgement = judged(&lines_but(lost));
    let merged = cell(&judgement, "merged", "t1");
    assert_eq!((merged.passes, merged.n, merged.unknown), (2, 2, 2));
    assert_eq!(merged.causes, BTreeMap::from([(Cause::NoRecord, 2)]));
    // The control had seed 1 only, and is unknown too.
    assert_eq!((merged.coherent.control, merged.verdict), (Control::Unknown, Verdict::Unknown));
    assert_eq!((judgement.overall, judgement.overall.exit_code()), (Overall::Unknown, 3));
    assert_eq!(judgement.unknown, 3);
}

#[test]
fn a_cell_without_a_word_is_unknown_and_passes_beside_it_say_nothing_of_the_bug() {
    let lost = |id: &TrialId| (id.variant == "unfixed" && id.mode == Mode::Enforce).then_some(NO_RECORD);
    let judgement = judged(&lines_but(lost));
    let unfixed = cell(&judgement, "unfixed", "t1");
    assert_eq!((unfixed.n, unfixed.interval, unfixed.verdict), (0, None, Verdict::Unknown));
    assert_eq!(unfixed.expectation, Expectation::Unknown);
    assert_eq!((unfixed.stale, unfixed.d.mean), (None, None));
    assert_eq!(judgement.groups[0].observable, Control::Unknown);
    // What has its trials is not unknown: it passes where nobody knows whether the bug shows.
    assert_eq!(cell(&judgement, "merged", "t1").verdict, Verdict::NotObservable);
    assert_eq!(cell(&judgement, "merged", "t1").expectation, Expectation::Met);
    assert_eq!(judgement.overall, Overall::Unknown);
}

#[test]
fn a_contradiction_wins_over_unknown() {
    let mixed = |id: &TrialId| match (id.variant.as_str(), id.mode, id.seed) {
        ("merged", Mode::Enforce, 3) => Some(SIGTRAP),
        ("lazy", Mode::Enforce, 3) => Some(NO_RECORD),
        _ => None,
    };
    let judgement = judged(&lines_but(mixed));
    let merged = cell(&judgement, "merged", "t1");
    assert_eq!((merged.verdict, merged.expectation), (Verdict::Mixed, Expectation::Contradicted));
    assert_eq!((judgement.overall, judgement.overall.exit_code()), (Overall::NotMet, 1));
}

#[test]
fn an_expected_failure_that_passes_is_a_contradiction_and_any_is_not() {
    let passes = |id: &TrialId| (id.variant == "merged-alone").then_some(Outcome::Pass);
    let judgement = judged(&lines_but(passes));
    assert_eq!(cell(&judgement, "merged-alone", "t9").expectation, Expectation::Contradicted);
    assert_eq!(cell(&judgement, "merged-alone", "t1").expectation, Expectation::Met);
    let fails = |id: &TrialId| (id.variant == "merged-alone").then_some(SIGTRAP);
    assert_eq!(cell(&judged(&lines_but(fails)), "merged-alone", "t1").expectation, Expectation::Met);
}

#[test]
fn a_workload_that_fails_without_the_model_gives_no_verdict() {
    let broken = |id: &TrialId| {
        (id.variant == "lazy" && id.testcase == "t1" && id.mode == Mode::Off).then_some(SIGTRAP)
    };
    let judgement = judged(&lines_but(broken));
    let lazy = cell(&judgement, "lazy", "t1");
    assert_eq!(lazy.coherent, Coherent { passes: 0, n: 1, control: Control::Violated });
    assert_eq!(lazy.verdict, Verdict::Unknown);
    assert_eq!(judgement.overall, Overall::NotMet);
}

#[test]
fn patches_that_change_nothing_are_a_no_op() {
    let mut same = lines();
    for line in same.iter_mut().filter(|line| line.id.variant == "lazy") {
        line.image = "image of unfixed".into();
    }
    let judgement = judged(&same);
    assert_eq!(
        (cell(&judgement, "lazy", "t1").in_binary, cell(&judgement, "lazy", "t1").verdict),
        (InBinary::NoOp, Verdict::NoOp)
    );
    assert_eq!(cell(&judgement, "merged", "t1").in_binary, InBinary::Present);
    let same = "image of merged".to_owned();
    let judgement = judge(
        &plan(),
        &lines(),
        &KernelFacts { bases: [("mips-6.1".into(), same)].into(), ..KernelFacts::default() },
    );
    assert_eq!(cell(&judgement, "merged", "t1").verdict, Verdict::NoOp);
    let mut nameless = lines();
    nameless.iter_mut().for_each(|line| line.image.clear());
    assert_eq!(cell(&judged(&nameless), "merged", "t1").in_binary, InBinary::Unknown);
}

/// What is built when `lazy` is the same kernel as the baseline.
pub(crate) fn lazy_is_unfixed() -> KernelFacts {
    let image = |variant: &str| (variant.to_owned(), format!("image of {variant}"));
    let mut images = BTreeMap::from(["unfixed", "merged", "lazy", "merged-alone"].map(image));
    images.insert("lazy".into(), "image of unfixed".into());
    KernelFacts {
        images: [("mips-6.1".into(), images)].into(),
        bases: [("mips-6.1".into(), "image of merged-alone".into())].into(),
        ..KernelFacts::default()
    }
}

#[test]
fn a_no_op_costs_no_trials_and_is_neither_unknown_nor_missing() {
    let built = lazy_is_unfixed();
    let called = schedule(&plan(), &built, &[]).called;
    assert_eq!((called.len(), plan().trials().len()), (30, 40));
    assert!(called.iter().all(|id| id.variant != "lazy"));
    let needed: Vec<TrialLine> = lines().into_iter().filter(|line| called.contains(&line.id)).collect();
    let judgement = judge(&plan(), &needed, &built);
    assert_eq!((judgement.trials, judgement.unknown, judgement.missing), (30, 0, 0));
    assert_eq!(judgement.problems, [""; 0]);
    let lazy = cell(&judgement, "lazy", "t1");
    assert_eq!((lazy.verdict, lazy.in_binary), (Verdict::NoOp, InBinary::NoOp));
    assert_eq!((lazy.n, lazy.missing, lazy.interval), (0, 0, None));
    assert!(lazy.is_idle());
    // The same kernel fails as the baseline, so that the expectation of a pass is contradicted all the same.
    assert_eq!((lazy.same_as.as_deref(), lazy.expectation), (Some("unfixed"), Expectation::Contradicted));
    assert_eq!(cell(&judgement, "lazy", "t9").expectation, Expectation::Met);
    assert_eq!(judgement.overall, Overall::NotMet);
    let lazy = judgement.candidates.iter().find(|one| one.variant == "lazy").unwrap();
    assert_eq!((lazy.fixed, lazy.broken, lazy.no_op.as_slice()), (0, 1, ["mips-6.1".to_owned()].as_slice()));
    assert_eq!(lazy.worst.as_ref().map(|worst| (worst.passes, worst.n)), Some((1, 4)));
    assert_eq!(lazy.prices["trial"].operations, 0.0);
}

#[test]
fn trials_of_a_no_op_that_a_run_has_all_the_same_count() {
    let mut all = lines();
    for line in all.iter_mut().filter(|line| line.id.variant == "lazy") {
        line.image = "image of unfixed".into();
    }
    let judgement = judge(&plan(), &all, &lazy_is_unfixed());
    assert_eq!((judgement.trials, judgement.missing, judgement.problems.len()), (40, 0, 0));
    let lazy = cell(&judgement, "lazy", "t1");
    assert_eq!((lazy.n, lazy.verdict, lazy.expectation), (4, Verdict::NoOp, Expectation::Met));
    assert!(!lazy.is_idle());
    assert_eq!(judgement.overall, Overall::Met);
}

#[test]
fn the_baseline_and_the_kernels_own_tree_are_always_tried() {
    let mut built = lazy_is_unfixed();
    // The baseline's patches do nothing here, so that it is the kernel's own tree.
    built.images.get_mut("mips-6.1").unwrap().insert("unfixed".into(), "image of merged-alone".into());
    let called = schedule(&plan(), &built, &[]).called;
    let has = |variant: &str| called.iter().filter(|id| id.variant == variant).count();
    assert_eq!([has("unfixed"), has("merged-alone"), has("merged"), has("lazy")], [10, 10, 10, 10]);
    // A variant that is the kernel's own tree, but not the baseline, needs no trials if that has a variant.
    built.images.get_mut("mips-6.1").unwrap().insert("merged".into(), "image of merged-alone".into());
    let called = schedule(&plan(), &built, &[]).called;
    assert!(called.iter().all(|id| id.variant != "merged"));
    // And of a kernel that could not be built nothing is known.
    built.images.get_mut("mips-6.1").unwrap().remove("lazy");
    assert_eq!(schedule(&plan(), &built, &[]).called.iter().filter(|id| id.variant == "lazy").count(), 10);
}

#[test]
fn what_is_wrong_with_the_data_is_said() {
    let mut data = lines();
    let again = data[1].clone();
    data.push(again);
    let mut other = data[2].clone();
    other.outcome = NO_RECORD;
    data.push(other);
    let mut foreign = data[3].clone();
    foreign.id.variant = "elsewhere".into();
    data.push(foreign);
    data[4].image = "another".into();
    data.remove(6);
    let judgement = judged(&data);
    assert_eq!(
        judgement.problems,
        [
            "1 trial not of this study, left out: mips-6.1/malta/elsewhere/t1/enforce/3",
            "1 trial recorded more than once, counted once: mips-6.1/malta/unfixed/t1/enforce/1",
            "1 trial recorded more than once with different results, the first one counted: \
             mips-6.1/malta/unfixed/t1/enforce/2",
            "1 trial missing: mips-6.1/malta/unfixed/t9/enforce/1",
            "trials of unfixed on mips-6.1 are of 2 different images",
        ]
    );
    assert_eq!((judgement.trials, judgement.missing, judgement.overall), (39, 1, Overall::Unknown));
    assert_eq!(cell(&judgement, "unfixed", "t9").missing, 1);
    assert_eq!(cell(&judgement, "unfixed", "t1").passes, 1);
}

#[test]
fn a_judgement_survives_being_written_down() {
    let judgement = judged(&lines());
    let json = serde_json::to_string(&judgement).unwrap();
    assert!(json.contains(r#""symptoms":{"sigtrap":3}"#), "{json}");
    // serde_json reads a float back to within its last digit, and only the limits have that many.
    let rounded = |mut judgement: Judgement| {
        for cell in judgement.groups.iter_mut().flat_map(|group| &mut group.cells) {
            let round = |limit: f64| (limit * 1e9).round();
            cell.interval = cell.interval.map(|i| Interval { low: round(i.low), high: round(i.high) });
        }
        judgement
    };
    assert_eq!(rounded(serde_json::from_str(&json).unwrap()), rounded(judgement));
}

#[test]
fn fixes_are_ranked_by_price_where_the_bug_shows() {
    let ranking = |lines: &[TrialLine]| judged(lines).rankings.remove(0);
    let fix = |variant: &str, operations| Fix { variant: variant.into(), operations, behind: None };
    let interval = |low, high| Interval { low, high };
    let first = ranking(&lines());
    assert_eq!((first.kernel.as_str(), first.testcases), ("mips-6.1", vec!["t1".to_owned()]));
    // `merged-alone` passes T1, but fails T9.
    let lazy = &first.fixes[1];
    // A page of lines of 32 bytes in each cache is 256 operations.
    let (mean, interval) = (14_100.0, Some(interval(14_100.0, 14_100.0)));
    assert_eq!(lazy.behind, Some(Behind { mean, interval, layout: Some(256.0) }));
    assert!(!lazy.is_as_cheap());
    assert_eq!(first.fixes, [fix("merged", 3900.0), Fix { behind: lazy.behind, ..fix("lazy", 18_000.0) }]);
    let passes = ranking(&lines_but(|_| Some(Outcome::Pass)));
    assert_eq!((passes.testcases.len(), passes.fixes.len()), (0, 0));
    let one_fails = |id: &TrialId| (id.variant == "merged" && id.seed == 4).then_some(SIGTRAP);
    assert_eq!(ranking(&lines_but(one_fails)).fixes, [fix("lazy", 18_000.0)]);
}

/// The pages of one layout add 128 operations to one variant or to the other: over several layouts that is no difference, over the
/// seeds of a single one it looks like one.
#[test]
fn what_layouts_do_to_a_price_is_in_its_interval() {
    let layouts = |layouts: u32| {
        let mut plan = plan();
        plan.study.layouts = layouts;
        let lines: Vec<TrialLine> = lines_but(|id| (id.variant != "unfixed").then_some(Outcome::Pass))
            .into_iter()
            .map(|mut line| {
                let dear = if line.id.seed.is_multiple_of(2) { "merged" } else { "lazy" };
                line.d_operations = 1000 + if line.id.variant == dear { 128 } else { 0 };
                line.i_operations = 10;
                line
            })
            .collect();
        judge(&plan, &lines, &KernelFacts::default()).rankings.remove(0)
    };
    let ranking = layouts(2);
    assert_eq!(ranking.fixes.len(), 3, "{ranking:?}");
    let interval = ranking.fixes[2].behind.unwrap().interval.unwrap();
    assert!(interval.high - interval.low > 128.0, "{ranking:?}");
    assert!(ranking.fixes.iter().all(Fix::is_as_cheap), "{ranking:?}");
    let one = layouts(1).fixes[2].behind.unwrap().interval.unwrap();
    assert!(one.high - one.low < interval.high - interval.low, "seeds say less than layouts: {one:?}");
}
