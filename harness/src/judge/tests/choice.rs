// SPDX-License-Identifier: GPL-2.0-or-later
//! The decision table, questions, comparisons, and a study in which nothing can be seen.

use super::*;
use crate::plan::Class;
use crate::plan::Plan;
use crate::plan::Question;
use crate::plan::Yes;

fn question(variant: &str, testcases: &[&str], yes: Yes) -> Question {
    Question {
        ask: "Is it so?".into(),
        variant: variant.into(),
        testcases: testcases.iter().map(|name| (*name).to_owned()).collect(),
        class: None,
        yes,
    }
}

fn asked(question: Question) -> Answer {
    let plan = Plan { questions: vec![question], ..plan() };
    judge(&plan, &lines(), &KernelFacts::default()).answers.remove(0)
}

#[test]
fn a_variant_that_costs_more_and_mends_no_more_is_dominated() {
    let size = |lines| Size { files: 1, added: lines, removed: 0 };
    let sizes = BTreeMap::from([("merged".into(), size(9)), ("lazy".into(), size(2))]);
    let built = KernelFacts { sizes: [("mips-6.1".into(), sizes)].into(), ..KernelFacts::default() };
    let candidates = |built: &KernelFacts| judge(&plan(), &lines(), built).candidates;
    let variants: Vec<_> =
        candidates(&built).into_iter().map(|one| (one.variant, one.fixed, one.broken)).collect();
    assert_eq!(variants, [("merged".into(), 1, 0), ("lazy".into(), 1, 0), ("merged-alone".into(), 1, 1)]);
    // The smaller patch costs more: neither dominates the other.
    assert_eq!(candidates(&built)[0].dominated, None);
    assert_eq!(candidates(&built)[1].dominated, None);
    // Without the sizes price decides.
    let by_price = &candidates(&KernelFacts::default())[1];
    let dominated = by_price.dominated.as_ref().unwrap();
    assert_eq!(dominated.by, "merged");
    assert_eq!(dominated.why, "costs +900.0 operations for one trial against +15000.0");
    let alone = &candidates(&KernelFacts::default())[2];
    let worst = alone.worst.as_ref().unwrap();
    assert_eq!((worst.testcase.as_str(), worst.passes, worst.n), ("t9", 0, 4));
}

#[test]
fn prices_are_those_of_one_unit() {
    let mut plan = plan();
    plan.testcases[1].unit = Some(crate::plan::Unit { name: "exec".into(), count: 50 });
    plan.testcases[1].repetitions = 2;
    let candidates = judge(&plan, &lines(), &KernelFacts::default()).candidates;
    let price = &candidates[0].prices["exec"];
    assert_eq!((price.operations, price.instructions), (9.0, 60.0));
    assert_eq!(candidates[0].prices.len(), 1);
}

#[test]
fn where_the_baseline_fails_nowhere_nothing_is_ranked() {
    let passes = lines_but(|_| Some(Outcome::Pass));
    let judgement = judged(&passes);
    assert_eq!((judgement.overall, judgement.overall.exit_code()), (Overall::NotObservable, 1));
    assert!(judgement.overall.name().starts_with("not observable"));
    assert!(judgement.candidates.is_empty());
    assert!(judgement.rankings.iter().all(|ranking| ranking.fixes.is_empty()));
}

#[test]
fn questions_are_answered_by_the_cells_that_bear_on_them() {
    let no = asked(question("unfixed", &["t1"], Yes::Passes));
    assert_eq!((no.yes.len(), no.no.len()), (0, 1));
    assert_eq!(no.no[0].trial.as_deref(), Some("mips-6.1/malta/unfixed/t1/enforce/1"));
    assert_eq!((no.no[0].passes, no.no[0].n), (1, 4));
    let yes = asked(question("unfixed", &["t1"], Yes::Fails));
    assert_eq!((yes.yes.len(), yes.no.len()), (1, 0));
    let depends = asked(question("merged-alone", &["t1", "t9"], Yes::Passes));
    assert_eq!((depends.yes.len(), depends.no.len()), (1, 1));
    let elsewhere = Question { class: Some(Class::new("arm")), ..question("unfixed", &["t1"], Yes::Passes) };
    let elsewhere = asked(elsewhere);
    assert_eq!((elsewhere.yes.len(), elsewhere.no.len()), (0, 0));
}

#[test]
fn rows_are_compared_and_the_number_of_comparisons_counts() {
    let mut plan = plan();
    plan.study.seeds.count = 20;
    let outcome = |id: &TrialId| match (id.mode, id.variant.as_str(), id.testcase.as_str()) {
        (Mode::Enforce, "unfixed", "t1") if id.seed > 5 => SIGTRAP,
        _ => Outcome::Pass,
    };
    let lines: Vec<TrialLine> = plan.trials().into_iter().map(|id| line(id.clone(), outcome(&id))).collect();
    let judgement = judge(&plan, &lines, &KernelFacts::default());
    let t1 = &judgement.groups[0].comparisons;
    assert_eq!(t1.len(), 6);
    let against = t1.iter().find(|one| (one.a.as_str(), one.b.as_str()) == ("unfixed", "merged")).unwrap();
    // 5 of 20 against 20 of 20: (C(20,15) + C(20,15)) / C(40,15), as the table mirrored is as unlikely.
    assert!((against.p - 7.708_572_780_875e-7).abs() < 1e-18, "{}", against.p);
    // Six comparisons with the baseline in the study.
    assert!((against.adjusted - 6.0 * against.p).abs() < 1e-18, "{}", against.adjusted);
    assert!(against.differs());
    assert!(t1.iter().filter(|one| one.a != "unfixed").all(|one| one.p > 0.99 && !one.differs()));
}

#[test]
fn symptoms_that_a_testcase_does_not_expect_are_named() {
    let mut plan = plan();
    plan.testcases[0].symptoms = vec![Symptom::Sigill];
    let judgement = judge(&plan, &lines(), &KernelFacts::default());
    assert_eq!(cell(&judgement, "unfixed", "t1").unexpected, [Symptom::Sigtrap]);
    assert!(cell(&judgement, "merged-alone", "t9").unexpected.is_empty());
}
