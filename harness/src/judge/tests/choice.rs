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
    assert_eq!(dominated.why, "costs 14100.0 operations less for one trial");
    let alone = &candidates(&KernelFacts::default())[2];
    let worst = alone.worst.as_ref().unwrap();
    assert_eq!((worst.testcase.as_str(), worst.passes, worst.n), ("t9", 0, 4));
}

/// The judgement of the small study with its variants in another order, and `operations` for each of its trials that pass.
fn priced(layouts: u32, operations: impl Fn(&TrialId) -> u64) -> Judgement {
    let mut plan = plan();
    plan.study.layouts = layouts;
    plan.variants.swap(1, 2);
    let mut all = lines();
    for line in &mut all {
        (line.d_operations, line.i_operations) = (operations(&line.id), 0);
    }
    judge(&plan, &all, &KernelFacts::default())
}

/// `merged` has `less` operations less than `lazy`, plus what `noise` adds for a seed.
fn cheaper(layouts: u32, less: u64, noise: fn(u64) -> u64) -> Judgement {
    priced(layouts, |id| match id.variant.as_str() {
        "unfixed" => 0,
        "merged" => 10_000 - less + noise(id.seed),
        _ => 10_000,
    })
}

fn dominated(judgement: &Judgement, variant: &str) -> Option<Dominated> {
    judgement.candidates.iter().find(|one| one.variant == variant).unwrap().dominated.clone()
}

#[test]
fn candidates_have_the_order_of_the_rankings() {
    let names = |judgement: &Judgement| -> (Vec<String>, Vec<String>) {
        let fixes = judgement.rankings[0].fixes.iter().map(|fix| fix.variant.clone());
        (judgement.candidates.iter().map(|one| one.variant.clone()).collect(), fixes.collect())
    };
    // `lazy` comes first in the study, `merged-alone` breaks something.
    let (candidates, fixes) = names(&cheaper(1, 1000, |_| 0));
    assert_eq!((&candidates[..2], &candidates[2]), (fixes.as_slice(), &"merged-alone".to_owned()));
    assert_eq!(fixes, ["merged", "lazy"]);
    // Of equal price, the study's order counts.
    assert_eq!(names(&cheaper(1, 0, |_| 0)).0, ["lazy", "merged", "merged-alone"]);
    let judgement = cheaper(1, 1000, |_| 0);
    let behind: Vec<_> =
        judgement.candidates.iter().map(|one| one.behind.map(|behind| behind.mean)).collect();
    assert_eq!(behind, [None, Some(1000.0), None]);
    assert_eq!(judgement.candidates[0].operations, Some(9000.0));
}

#[test]
fn only_a_price_that_the_trials_tell_apart_dominates() {
    let why = |judgement: &Judgement| dominated(judgement, "lazy").map(|one| one.why);
    let less = |operations| Some(format!("costs {operations} operations less for one trial"));
    assert_eq!(why(&cheaper(1, 1000, |_| 0)), less("1000.0"));
    // One layout may account for a page of lines in both caches, 256 here; several say themselves what is theirs.
    assert_eq!(why(&cheaper(1, 256, |_| 0)), None);
    assert_eq!(why(&cheaper(1, 257, |_| 0)), less("257.0"));
    assert_eq!(why(&cheaper(4, 20, |_| 0)), less("20.0"));
    let dear_by_turns = |seed: u64| 4000 * (seed % 2);
    assert_eq!(why(&cheaper(1, 2000, dear_by_turns)), None);
    assert_eq!(why(&cheaper(4, 2000, dear_by_turns)), None);
    // What differs between seeds is in the interval, and so is what it says.
    let said = why(&cheaper(4, 2000, |seed| 10 * seed)).unwrap();
    assert!(said.starts_with("costs 1975.0 [19") && said.contains("] operations less"), "{said}");
}

#[test]
fn a_unit_s_price_has_an_interval_and_a_layout_s_share_follows_from_the_caches() {
    let passes = |layouts| {
        let mut plan = plan();
        plan.study.layouts = layouts;
        plan.testcases[1].unit = Some(crate::plan::Unit { name: "exec".into(), count: 10 });
        plan.targets[0].machine.caches.dcache.line = 64;
        let mut all = lines();
        for line in all.iter_mut().filter(|line| line.id.variant == "merged") {
            line.d_operations += 100 * line.id.seed;
        }
        judge(&plan, &all, &KernelFacts::default())
    };
    let judgement = passes(4);
    let price = &judgement.candidates[0].prices["exec"];
    let interval = price.interval.unwrap();
    assert!(interval.low < price.operations && price.operations < interval.high, "{price:?}");
    // 600 + 300 more for ten, and 10 to 40 by the seed: with three degrees of freedom 3.182 standard errors of 6.455.
    assert_eq!(price.operations, 115.0);
    assert!((interval.high - 115.0 - 20.54).abs() < 0.01, "{price:?}");
    // 4,096 bytes have 64 lines of 64 bytes and 128 of 32.
    assert_eq!(passes(1).rankings[0].fixes[1].behind.unwrap().layout, Some(192.0));
    assert_eq!(judgement.rankings[0].fixes[1].behind.unwrap().layout, None);
}

/// Judgements of before have none of it.
#[test]
fn an_older_judgement_is_read() {
    let mut value = serde_json::to_value(cheaper(1, 1000, |_| 0)).unwrap();
    for candidate in value["candidates"].as_array_mut().unwrap() {
        let candidate = candidate.as_object_mut().unwrap();
        candidate.remove("operations");
        candidate.remove("behind");
        for price in candidate["prices"].as_object_mut().unwrap().values_mut() {
            price.as_object_mut().unwrap().remove("interval");
        }
    }
    let old: Judgement = serde_json::from_value(value).unwrap();
    assert!(old.candidates.iter().all(|one| one.operations.is_none() && one.behind.is_none()));
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
