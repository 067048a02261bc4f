// SPDX-License-Identifier: GPL-2.0-or-later
//! Data as it must not be, each kind of which the judge has to notice; and which trials a study calls for.

use super::*;
use crate::judge::statistics::sequential::Decision;
use crate::plan::Evidence;
use crate::plan::Plan;
use crate::plan::Rule;

/// Twenty seeds at most, looked at in fives; nine passes without a failure, or two early failures, settle a cell.
const RULE: Rule = Rule { batch: 5, tolerable: 0.01, intolerable: 0.4, alpha: 0.01, beta: 0.02 };

fn sequential() -> Plan {
    let mut plan = plan();
    plan.study.rule = Some(RULE);
    plan.study.seeds.count = 20;
    plan
}

/// Runs a study as the harness does: whatever is called for ends as `outcome` says.
fn run(plan: &Plan, outcome: impl Fn(&TrialId) -> Outcome) -> Vec<TrialLine> {
    let mut lines: Vec<TrialLine> = Vec::new();
    loop {
        let next = schedule(plan, &KernelFacts::default(), &lines).next;
        if next.is_empty() {
            return lines;
        }
        lines.extend(next.into_iter().map(|id| line(id.clone(), outcome(&id))));
    }
}

/// The baseline fails T1 with every third seed; all else passes.
fn third(id: &TrialId) -> Outcome {
    match (id.mode, id.variant.as_str(), id.testcase.as_str(), id.seed % 3) {
        (Mode::Enforce, "unfixed", "t1", 0) | (Mode::Enforce, "merged-alone", "t9", _) => SIGTRAP,
        _ => Outcome::Pass,
    }
}

fn seeds(lines: &[TrialLine], variant: &str) -> Vec<u64> {
    let mut seeds: Vec<u64> = lines
        .iter()
        .filter(|line| {
            line.id.variant == variant && line.id.testcase == "t1" && line.id.mode == Mode::Enforce
        })
        .map(|line| line.id.seed)
        .collect();
    seeds.sort_unstable();
    seeds
}

#[test]
fn trials_go_where_the_verdict_is_open_and_stop_where_it_is_settled() {
    let plan = sequential();
    let lines = run(&plan, third);
    // Seeds 3 and 6: one failure of five leaves it open, the second settles it; passes settle at ten.
    assert_eq!(seeds(&lines, "unfixed"), (1..=10).collect::<Vec<_>>());
    assert_eq!(seeds(&lines, "merged"), (1..=10).collect::<Vec<_>>());
    let judgement = judge(&plan, &lines, &KernelFacts::default());
    let decision = |variant| cell(&judgement, variant, "t1").decision;
    assert_eq!((decision("unfixed"), decision("merged")), (Some(Decision::Faulty), Some(Decision::Sound)));
    assert_eq!((judgement.missing, judgement.problems), (0, vec![]));
    // A cell that stays open uses up its bound.
    let half = |id: &TrialId| if id.variant == "lazy" && id.seed == 7 { SIGTRAP } else { Outcome::Pass };
    assert_eq!(seeds(&run(&plan, half), "lazy").len(), 20);
}

#[test]
fn what_is_called_for_depends_on_the_trials_only() {
    let plan = sequential();
    let mut lines = run(&plan, third);
    let called = schedule(&plan, &KernelFacts::default(), &lines).called;
    lines.reverse();
    assert_eq!(schedule(&plan, &KernelFacts::default(), &lines), Schedule { called, next: vec![] });
    // An interrupted run goes on with what it lacks, and only with that.
    let lost: Vec<TrialId> = lines.drain(..7).map(|line| line.id).collect();
    let mut next = schedule(&plan, &KernelFacts::default(), &lines).next;
    assert!(next.iter().all(|id| lost.contains(id)), "{next:?}");
    next.sort();
    let again = schedule(&plan, &KernelFacts::default(), &lines).next;
    assert_eq!(again.len(), next.len());
}

#[test]
fn variants_take_turns_in_an_order_that_depends_on_the_first_seed() {
    let first = schedule(&plan(), &KernelFacts::default(), &[]).next;
    assert_eq!(first.len(), plan().trials().len());
    assert_eq!(schedule(&plan(), &KernelFacts::default(), &[]).next, first);
    assert_ne!(plan().trials(), first);
    let mut other = plan();
    other.study.seeds.first = 2;
    let variants = |trials: &[TrialId]| trials.iter().map(|id| id.variant.clone()).collect::<Vec<_>>();
    assert_ne!(variants(&schedule(&other, &KernelFacts::default(), &[]).next), variants(&first));
    // The longest stretch of one variant among 40 trials of four variants.
    let longest = variants(&first).chunk_by(|a, b| a == b).map(<[_]>::len).max().unwrap();
    assert!(longest < 8, "{longest}");
}

#[test]
fn a_retry_that_passed_is_no_evidence() {
    let plan = sequential();
    let mut lines = run(&plan, third);
    let again = |seed: u64, outcome: Outcome| {
        line(format!("mips-6.1/malta/unfixed/t1/enforce/{seed}").parse().unwrap(), outcome)
    };
    // Under another seed, beyond what the rule called for; and under its own.
    lines.extend([again(11, Outcome::Pass), again(12, Outcome::Pass), again(3, Outcome::Pass)]);
    let judgement = judge(&plan, &lines, &KernelFacts::default());
    assert_eq!((cell(&judgement, "unfixed", "t1").passes, cell(&judgement, "unfixed", "t1").n), (7, 10));
    assert_eq!(
        judgement.problems,
        [
            "2 trials beyond what the study's rule called for, left out: mips-6.1/malta/unfixed/t1/enforce/11, \
             mips-6.1/malta/unfixed/t1/enforce/12",
            "1 trial recorded more than once with different results, the first one counted: \
             mips-6.1/malta/unfixed/t1/enforce/3",
        ]
    );
    assert_eq!(judgement.overall, Overall::Unknown);
}

#[test]
fn a_failure_that_has_nothing_to_do_with_the_study_is_unknown_and_shown() {
    let mut oops = lines();
    for line in oops.iter_mut().filter(|line| line.id.variant == "merged" && line.id.seed == 2) {
        line.outcome = Outcome::Fail { symptom: Symptom::KernelOops };
        line.stale_fetches = 0;
    }
    let judgement = judged(&oops);
    let merged = cell(&judgement, "merged", "t1");
    assert_eq!((merged.passes, merged.n, merged.unknown), (3, 3, 1));
    assert_eq!(merged.causes, BTreeMap::from([(Cause::Unrelated, 1)]));
    assert_eq!((judgement.overall, judgement.unknown), (Overall::Unknown, 2));
    // The same with a stale fetch behind it, or in the XOL page, is the study's.
    for (stale_fetches, in_xol) in [(1, None), (0, Some(true))] {
        let mut related = oops.clone();
        for line in related.iter_mut().filter(|line| line.id.variant == "merged" && line.id.seed == 2) {
            line.stale_fetches = stale_fetches;
            line.detail = Some(crate::trial::line::Detail { in_xol, ..Default::default() });
        }
        assert_eq!(cell(&judged(&related), "merged", "t1").verdict, Verdict::Mixed);
    }
    // And so is everything if the study says that its bug needs no stale fetch.
    let mut plan = plan();
    plan.study.evidence = Evidence::Any;
    assert_eq!(cell(&judge(&plan, &oops, &KernelFacts::default()), "merged", "t1").verdict, Verdict::Mixed);
}

#[test]
fn a_lost_record_is_unknown_and_a_lost_line_is_missing() {
    let mut lost = lines_but(|id| (id.variant == "lazy" && id.seed == 3).then_some(NO_RECORD));
    lost.retain(|line| !(line.id.variant == "lazy" && line.id.seed == 4 && line.id.testcase == "t1"));
    let judgement = judged(&lost);
    let lazy = cell(&judgement, "lazy", "t1");
    assert_eq!((lazy.passes, lazy.n, lazy.unknown, lazy.missing), (2, 2, 1, 1));
    assert_eq!((judgement.missing, judgement.overall), (1, Overall::Unknown));
}
