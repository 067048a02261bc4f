// SPDX-License-Identifier: GPL-2.0-or-later
//! Tests of the comparison of two runs: one for each way in which a cell can change.

use super::*;

/// A study that is large enough for differences to be more than chance, with the outcomes that `outcome` wants changed.
fn run(outcome: impl Fn(&TrialId) -> Option<Outcome>) -> (Plan, Vec<TrialLine>) {
    let mut plan = plan();
    plan.study.seeds.count = 40;
    let usual = |id: &TrialId| match (id.mode, id.variant.as_str()) {
        (Mode::Enforce, "unfixed") if id.seed.is_multiple_of(2) => SIGTRAP,
        _ => Outcome::Pass,
    };
    let made = |id: TrialId| {
        let what = outcome(&id).unwrap_or_else(|| usual(&id));
        line(id, what)
    };
    let lines = plan.trials().into_iter().map(made).collect();
    (plan, lines)
}

fn as_usual() -> (Plan, Vec<TrialLine>) {
    run(|_| None)
}

fn compared(
    before: &(Plan, Vec<TrialLine>),
    after: &(Plan, Vec<TrialLine>),
    renames: &Renames,
) -> RunChanges {
    let judged = |(plan, lines): &(Plan, Vec<TrialLine>)| judge(plan, lines, &KernelFacts::default());
    let (was, is) = (judged(before), judged(after));
    changes(
        ComparedRun { plan: &before.0, built: &KernelFacts::default(), lines: &before.1, judgement: &was },
        ComparedRun { plan: &after.0, built: &KernelFacts::default(), lines: &after.1, judgement: &is },
        renames,
    )
}

fn since_usual(outcome: impl Fn(&TrialId) -> Option<Outcome>) -> RunChanges {
    compared(&as_usual(), &run(outcome), &Renames::new())
}

fn is(id: &TrialId, variant: &str, testcase: &str) -> bool {
    id.mode == Mode::Enforce && id.variant == variant && id.testcase == testcase
}

/// The only cell that changed.
fn only(changes: &RunChanges) -> &CellChange {
    assert_eq!(changes.cells.len(), 1, "{:#?}", changes.cells);
    &changes.cells[0]
}

#[test]
fn a_run_is_as_it_is() {
    let changes = compared(&as_usual(), &as_usual(), &Renames::new());
    assert_eq!((changes.cells.as_slice(), changes.outlook), (&[][..], Outlook::NotWorse));
    assert_eq!((changes.compared, changes.tested), (8, 8));
    assert!(changes.only_before.is_empty() && changes.only_after.is_empty());
}

#[test]
fn one_failure_of_a_variant_that_passed_all_is_worse_though_it_may_be_chance() {
    let changes = since_usual(|id| (is(id, "merged", "t1") && id.seed == 7).then_some(SIGTRAP));
    let cell = only(&changes);
    assert_eq!((cell.direction, changes.outlook), (Direction::Worse, Outlook::Worse));
    assert!(!cell.rate.unwrap().differs());
    assert_eq!(cell.newly_failing, ["mips-6.1/malta/merged/t1/enforce/7"]);
    assert_eq!(changes.outlook.exit_code(), 1);
}

#[test]
fn the_reverse_is_better() {
    let before = run(|id| (is(id, "merged", "t1") && id.seed == 7).then_some(SIGTRAP));
    let changes = compared(&before, &as_usual(), &Renames::new());
    let cell = only(&changes);
    assert_eq!((cell.direction, changes.outlook), (Direction::Better, Outlook::NotWorse));
    assert_eq!((cell.newly_failing.len(), cell.newly_passing), (0, 1));
}

#[test]
fn a_fall_that_is_more_than_chance_is_worse_and_one_that_is_not_is_only_reported() {
    let fails = |from: u64| run(move |id| (is(id, "merged", "t1") && id.seed >= from).then_some(SIGTRAP));
    let far = compared(&fails(36), &fails(10), &Renames::new());
    assert!(only(&far).rate.unwrap().differs());
    assert_eq!((only(&far).direction, far.outlook), (Direction::Worse, Outlook::Worse));
    let near = compared(&fails(36), &fails(33), &Renames::new());
    assert!(!only(&near).rate.unwrap().differs());
    assert_eq!((only(&near).direction, near.outlook), (Direction::Other, Outlook::NotWorse));
    // The adjustment is over all cells, so that it is larger than what Fisher's test alone says.
    let rate = only(&far).rate.unwrap();
    assert!(rate.adjusted >= rate.p * 7.9, "{rate:?}");
}

#[test]
fn a_baseline_that_fails_more_shows_the_bug_and_is_not_worse() {
    let changes = since_usual(|id| is(id, "unfixed", "t1").then_some(SIGTRAP));
    let cell = only(&changes);
    assert!(cell.rate.unwrap().differs());
    assert_eq!((cell.direction, changes.outlook), (Direction::Other, Outlook::NotWorse));
}

#[test]
fn a_baseline_that_no_longer_fails_leaves_the_passes_of_others_empty() {
    let changes = since_usual(|id| is(id, "unfixed", "t1").then_some(Outcome::Pass));
    let of = |variant: &str| changes.cells.iter().find(|cell| cell.variant == variant).unwrap();
    assert_eq!(of("merged").direction, Direction::Undecided);
    assert_eq!(of("merged").after.verdict, Verdict::NotObservable);
    assert_eq!((changes.outlook, changes.outlook.exit_code()), (Outlook::Undecided, 3));
}

#[test]
fn a_control_that_newly_fails_is_worse_also_of_the_baseline() {
    let fails = |id: &TrialId| {
        (id.mode == Mode::Off && id.variant == "unfixed" && id.testcase == "t1" && id.seed == 1)
            .then_some(SIGTRAP)
    };
    let changes = since_usual(fails);
    assert_eq!((only(&changes).direction, changes.outlook), (Direction::Worse, Outlook::Worse));
    let mended = compared(&run(fails), &as_usual(), &Renames::new());
    assert_eq!((only(&mended).direction, mended.outlook), (Direction::Better, Outlook::NotWorse));
}

#[test]
fn what_is_unknown_now_is_undecided_and_what_was_unknown_and_passes_is_no_harm() {
    let lost = |id: &TrialId| (is(id, "merged", "t1") && id.seed == 7).then_some(NO_RECORD);
    let changes = since_usual(lost);
    assert_eq!((only(&changes).direction, changes.outlook), (Direction::Undecided, Outlook::Undecided));
    let found = compared(&run(lost), &as_usual(), &Renames::new());
    assert_eq!((only(&found).direction, found.outlook), (Direction::Other, Outlook::NotWorse));
    // A failure where nothing was known may have been there before.
    let unknown = run(|id| is(id, "merged", "t1").then_some(NO_RECORD));
    let fails = run(|id| is(id, "merged", "t1").then_some(SIGTRAP));
    let changes = compared(&unknown, &fails, &Renames::new());
    assert_eq!((only(&changes).direction, only(&changes).rate), (Direction::Undecided, None));
    assert_eq!(changes.tested, 7);
}

#[test]
fn trials_that_are_missing_now_is_undecided() {
    let mut after = as_usual();
    after.1.retain(|line| !(is(&line.id, "merged", "t1") && line.id.seed > 3));
    let changes = compared(&as_usual(), &after, &Renames::new());
    assert_eq!((only(&changes).direction, changes.outlook), (Direction::Undecided, Outlook::Undecided));
    assert!(changes.problems[0].contains("missing"), "{:?}", changes.problems);
    // The same run against itself: nothing that was known is not known now.
    let changes = compared(&after, &after, &Renames::new());
    assert_eq!((changes.cells.len(), changes.outlook), (0, Outlook::NotWorse));
}

#[test]
fn prices_are_compared_by_seed_where_both_pass_and_are_not_worse() {
    let mut after = run(|id| (is(id, "unfixed", "t1") && id.seed == 2).then_some(Outcome::Pass));
    for line in after.1.iter_mut().filter(|line| is(&line.id, "merged", "t1")) {
        line.d_operations += 50;
    }
    let changes = compared(&as_usual(), &after, &Renames::new());
    assert_eq!(changes.outlook, Outlook::NotWorse);
    let merged = changes.cells.iter().find(|cell| cell.variant == "merged").unwrap();
    assert!(merged.differs_in_price() && !merged.differs_in_outcome());
    let d = merged.d.unwrap();
    assert_eq!((d.difference, d.pairs, d.interval, d.differs()), (50.0, 40, point(50.0), true));
    assert!(!merged.i.unwrap().differs());
    let unfixed = changes.cells.iter().find(|cell| cell.variant == "unfixed").unwrap();
    assert_eq!((unfixed.newly_passing, unfixed.d.unwrap().pairs), (1, 20));
}

#[test]
fn names_that_differ_are_brought_together() {
    let mut after = as_usual();
    for target in &mut after.0.targets {
        target.kernel.name = "mips-6.12".into();
    }
    for line in &mut after.1 {
        line.id.kernel = "mips-6.12".into();
    }
    let apart = compared(&as_usual(), &after, &Renames::new());
    assert_eq!((apart.compared, apart.only_before.len(), apart.only_after.len()), (0, 8, 8));
    assert_eq!(apart.only_after[0], "mips-6.12/malta/unfixed/t1");
    let together = compared(&as_usual(), &after, &Renames::from([("mips-6.1".into(), "mips-6.12".into())]));
    assert_eq!((together.compared, together.cells.len()), (8, 0));
}
