// SPDX-License-Identifier: GPL-2.0-or-later
//! What changed from one run to another, cell by cell. Pure.
//!
//! The same variants of two runs are of different trials, so that pass rates are compared by Fisher's exact test, with Holm's
//! adjustment over all cells that have trials in both. Prices are compared seed by seed.

mod model;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

pub use model::CellChange;
pub use model::Direction;
pub use model::Made;
pub use model::Outlook;
pub use model::PriceChange;
pub use model::RateChange;
pub use model::RunChanges;
pub use model::VERSION;

use crate::judge::KernelFacts;
use crate::judge::cell::CellTrials;
use crate::judge::cell::Priced;
use crate::judge::data::Data;
use crate::judge::model::CellJudgement;
use crate::judge::model::Control;
use crate::judge::model::Group;
use crate::judge::model::Judgement;
use crate::judge::model::Price;
use crate::judge::model::Verdict;
use crate::judge::statistics::bootstrap::Draws;
use crate::judge::statistics::fisher::Alternative;
use crate::judge::statistics::fisher::PassCounts;
use crate::judge::statistics::fisher::p_value;
use crate::judge::statistics::holm::adjusted;
use crate::plan::Cell;
use crate::plan::Plan;
use crate::trial::line::TrialLine;

/// A run as it is compared.
#[derive(Clone, Copy, Debug)]
pub struct ComparedRun<'a> {
    /// What was asked.
    pub plan: &'a Plan,
    /// What is known of its kernels beside the trials.
    pub built: &'a KernelFacts,
    /// Its trials.
    pub lines: &'a [TrialLine],
    /// What follows from them.
    pub judgement: &'a Judgement,
}

/// Names of the first run, of kernels, machines, variants and testcases, and what the second run calls them.
pub type Renames = BTreeMap<String, String>;

/// Kernel, machine, variant and testcase, as the second run calls them.
type CellKey = [String; 4];

/// One cell of a run with its trials.
struct JudgedCell<'a> {
    cell: &'a CellJudgement,
    trials: CellTrials<'a>,
    plan: &'a Plan,
    is_baseline: bool,
}

/// Compares two runs. Cells are the same if their names are, after `renames`.
pub fn changes(before: ComparedRun<'_>, after: ComparedRun<'_>, renames: &Renames) -> RunChanges {
    let (data_before, data_after) = (data(before), data(after));
    let none = Renames::new();
    let old = judged(before, &data_before, renames);
    let new = judged(after, &data_after, &none);
    let place: BTreeMap<&CellKey, usize> =
        old.iter().enumerate().map(|(index, (key, _))| (key, index)).collect();
    let pairs: Vec<(&CellKey, &JudgedCell<'_>, &JudgedCell<'_>)> =
        new.iter().filter_map(|(key, new)| Some((key, &old[*place.get(key)?].1, new))).collect();
    let p: Vec<Option<f64>> = pairs.iter().map(|(_, old, new)| rates_p(old.cell, new.cell)).collect();
    let compared: Vec<f64> = p.iter().flatten().copied().collect();
    let mut holm = adjusted(&compared).into_iter();
    let draws = RefCell::new(Draws::default());
    let mut cells = Vec::new();
    for ((key, old, new), p) in pairs.iter().zip(&p) {
        let rate = p.map(|p| RateChange { p, adjusted: holm.next().unwrap_or(1.0) });
        cells.extend(change(key, old, new, rate, &draws));
    }
    let absent = |from: &[(CellKey, JudgedCell<'_>)], other: &[(CellKey, JudgedCell<'_>)]| {
        let others: BTreeSet<&CellKey> = other.iter().map(|(key, _)| key).collect();
        from.iter().map(|(key, _)| key).filter(|key| !others.contains(key)).map(|key| key.join("/")).collect()
    };
    let mut changes = RunChanges {
        v: VERSION,
        compared: count(pairs.len()),
        tested: count(compared.len()),
        only_before: absent(&old, &new),
        only_after: absent(&new, &old),
        cells,
        problems: after.judgement.problems.clone(),
        made: Vec::new(),
        outlook: Outlook::NotWorse,
    };
    changes.outlook = outlook(&changes, before.judgement.problems != after.judgement.problems);
    changes
}

fn data(side: ComparedRun<'_>) -> Data<'_> {
    Data::new(side.plan, side.built, side.lines)
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The cells of a run in the order of its report.
fn judged<'a>(side: ComparedRun<'a>, data: &Data<'a>, renames: &Renames) -> Vec<(CellKey, JudgedCell<'a>)> {
    let planned: BTreeMap<[&str; 4], Cell<'_>> = side
        .plan
        .cells()
        .into_iter()
        .map(|cell| {
            let names = [
                &cell.target.kernel.name,
                &cell.target.machine.name,
                &cell.variant.name,
                &cell.testcase.name,
            ];
            (names.map(String::as_str), cell)
        })
        .collect();
    let renamed = |name: &String| renames.get(name).unwrap_or(name).clone();
    let one = |(group, cell): (&'a Group, &'a CellJudgement)| {
        let names = [&group.kernel, &group.machine, &cell.variant, &group.testcase];
        let planned = planned.get(&names.map(String::as_str));
        let trials = planned.map(|planned| CellTrials::new(side.plan, planned, side.plan.study.mode, data));
        let is_baseline = cell.variant == side.judgement.baseline;
        let trials = trials.unwrap_or_else(CellTrials::none);
        (names.map(renamed), JudgedCell { cell, trials, plan: side.plan, is_baseline })
    };
    side.judgement.cells().map(one).collect()
}

/// By Fisher's exact test, if both have a trial that says something.
fn rates_p(old: &CellJudgement, new: &CellJudgement) -> Option<f64> {
    let counts = |cell: &CellJudgement| PassCounts { passes: cell.passes, failures: cell.n - cell.passes };
    (old.n > 0 && new.n > 0).then(|| p_value(counts(old), counts(new), Alternative::TwoSided))
}

/// What changed in one cell; nothing if nothing did.
fn change(
    key: &CellKey,
    old: &JudgedCell<'_>,
    new: &JudgedCell<'_>,
    rate: Option<RateChange>,
    draws: &RefCell<Draws>,
) -> Option<CellChange> {
    let [kernel, machine, variant, testcase] = key.clone();
    let (newly_failing, newly_passing) = turned(&old.trials, &new.trials);
    let (before, after) = (old.trials.passing(), new.trials.passing());
    let was = Priced::new(old.plan, &before, None, draws);
    let is = Priced::new(new.plan, &after, Some(&before), draws);
    let change = CellChange {
        kernel,
        machine,
        variant,
        testcase,
        direction: direction(old, new, rate),
        before: old.cell.clone(),
        after: new.cell.clone(),
        rate,
        newly_failing,
        newly_passing,
        d: paired(&was, &is, |line| line.d_operations),
        i: paired(&was, &is, |line| line.i_operations),
        flush_instructions: paired(&was, &is, |line| line.flush_instructions),
    };
    let differs = change.differs_in_outcome() || change.differs_in_price();
    (differs || change.direction != Direction::Other).then_some(change)
}

/// The trials that passed and now fail, by their names, and how many failed and now pass.
fn turned(old: &CellTrials<'_>, new: &CellTrials<'_>) -> (Vec<String>, u32) {
    let before: BTreeMap<u64, _> = old.outcomes().map(|(line, outcome)| (line.id.seed, outcome)).collect();
    let (mut failing, mut passing) = (Vec::new(), 0);
    for (line, now) in new.outcomes().filter(|(_, outcome)| !outcome.is_unknown()) {
        match before.get(&line.id.seed).filter(|outcome| !outcome.is_unknown()) {
            Some(then) if then.is_pass() && !now.is_pass() => failing.push(line.id.to_string()),
            Some(then) if !then.is_pass() && now.is_pass() => passing += 1,
            _ => {}
        }
    }
    (failing, passing)
}

/// The same seeds in both runs, where both pass: one that fails early executes fewer operations, which is no price.
fn paired(old: &Priced<'_, '_>, new: &Priced<'_, '_>, of: impl Fn(&TrialLine) -> u64) -> Option<PriceChange> {
    let Price { mean, difference, pairs, interval } = new.price(&of);
    let before = old.price(of).mean?;
    Some(PriceChange { before, after: mean?, difference: difference?, pairs, interval })
}

/// A fall that is evidence is worse whatever else there is to say; what is undecided is reported before what is better.
fn direction(old: &JudgedCell<'_>, new: &JudgedCell<'_>, rate: Option<RateChange>) -> Direction {
    let (was, is) = (old.cell, new.cell);
    // Whoever has no kernel is worse than anybody who has one, the baseline too.
    match (was.verdict.is_broken(), is.verdict.is_broken()) {
        (false, true) => return Direction::Worse,
        (true, true) => return Direction::Other,
        (true, false) if is.n > 0 && is.passes == is.n => return Direction::Better,
        (true, false) => return Direction::Other,
        (false, false) => {}
    }
    let shows_the_bug = old.is_baseline && new.is_baseline;
    let significant = rate.is_some_and(RateChange::differs);
    let share = |cell: &CellJudgement| f64::from(cell.passes) / f64::from(cell.n.max(1));
    let all_passed = |cell: &CellJudgement| matches!(cell.verdict, Verdict::PassesAll);
    let falls = significant && share(is) < share(was);
    let leaves = all_passed(was) && is.passes < is.n;
    let control_breaks =
        is.coherent.control == Control::Violated && was.coherent.control != Control::Violated;
    if control_breaks || (!shows_the_bug && (falls || leaves)) {
        return Direction::Worse;
    }
    if is_undecided(was, is, shows_the_bug) {
        return Direction::Undecided;
    }
    let rises = significant && share(is) > share(was);
    let control_mends = is.coherent.control == Control::Holds && was.coherent.control == Control::Violated;
    let arrives = all_passed(is) && matches!(was.verdict, Verdict::Fails | Verdict::Mixed);
    if !shows_the_bug && (rises || arrives) || control_mends { Direction::Better } else { Direction::Other }
}

/// Whether something was known and no longer is, or could not be known before and looks bad now.
fn is_undecided(was: &CellJudgement, is: &CellJudgement, shows_the_bug: bool) -> bool {
    let unknown = |cell: &CellJudgement| cell.n == 0 || cell.verdict == Verdict::Unknown;
    let says_nothing_now = !unknown(was) && unknown(is);
    let fewer_say_something = is.missing > was.missing || is.unknown > was.unknown;
    // A pass where the baseline passes too, or where the patches are not in the kernel, is no merit of the variant's.
    let pass_became_empty = was.verdict == Verdict::PassesAll
        && matches!(is.verdict, Verdict::NotObservable | Verdict::NoOp | Verdict::Unknown);
    let bad_and_new = unknown(was) && is.passes < is.n && !shows_the_bug;
    let control_lost = is.coherent.control == Control::Unknown && was.coherent.control != Control::Unknown;
    says_nothing_now || fewer_say_something || pass_became_empty || (bad_and_new && was != is) || control_lost
}

fn outlook(changes: &RunChanges, new_problems: bool) -> Outlook {
    let any = |direction: Direction| changes.cells.iter().any(|cell| cell.direction == direction);
    if any(Direction::Worse) {
        Outlook::Worse
    } else if any(Direction::Undecided) || (new_problems && !changes.problems.is_empty()) {
        Outlook::Undecided
    } else {
        Outlook::NotWorse
    }
}
