// SPDX-License-Identifier: GPL-2.0-or-later
//! The answer of a study in one or two sentences: which patch to take, where, and what speaks against the others.
//!
//! Only what the judgement has decided is put into words here: its rankings say what fixes the bug on a target, in the order
//! of the price; its cells say what breaks.

use std::collections::BTreeMap;

use crate::judge::CellJudgement;
use crate::judge::Control;
use crate::judge::Fix;
use crate::judge::Group;
use crate::judge::Judgement;
use crate::judge::Overall;
use crate::judge::Ranking;
use crate::judge::Verdict;
use crate::plan::Expected;
use crate::report::content::printable;
use crate::report::number::plural;
use crate::report::wrap::length;

/// How many names a sentence has before it counts the rest.
const NAMED: usize = 3;

/// How many sentences there are about targets with different fixes, and about what breaks.
const LISTED: usize = 3;

/// Returns the answer: the first sentence says what to take.
pub(super) fn answer(judgement: &Judgement) -> Vec<String> {
    let mut sentences = verdicts(judgement);
    if judgement.unknown + judgement.missing > 0
        && let Some(first) = sentences.first_mut()
    {
        let parts = [(judgement.unknown, "unknown"), (judgement.missing, "missing")];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> =
            parts.map(|(count, what)| format!("{} {what}", plural(*count, "trial"))).collect();
        *first = format!("provisional, with {}: {first}", parts.join(" and "));
    }
    sentences.iter().map(|sentence| capitalised(&printable(sentence))).collect()
}

/// Returns as much of the first sentence as has room in a line: without its price, then without its figures, then without its
/// targets; the outcome, where that is too long as well.
pub(super) fn headline(judgement: &Judgement, room: usize) -> String {
    let first = answer(judgement).into_iter().next().unwrap_or_default();
    let mut line = first.split("; cheapest: ").next().unwrap_or_default().trim_end_matches('.');
    for end in [" (", " on ", ""] {
        if length(line) <= room {
            return line.to_owned();
        }
        line = line.rfind(end).map_or(line, |at| &line[..at]);
    }
    outcome(judgement).to_owned()
}

fn verdicts(judgement: &Judgement) -> Vec<String> {
    let shows: Vec<&Ranking> =
        judgement.rankings.iter().filter(|ranking| !ranking.testcases.is_empty()).collect();
    if shows.is_empty() {
        return vec![nowhere(judgement)];
    }
    let all = names_in_all(judgement, &shows);
    let mut sentences = vec![match all.split_first() {
        Some((best, others)) => fixes(judgement, best, others, &shows),
        None => nothing_everywhere(judgement, &shows),
    }];
    sentences.extend(elsewhere(judgement, &shows, &all));
    sentences.extend(hidden(judgement));
    sentences.extend(breaks(judgement));
    sentences.extend(without_a_kernel(judgement));
    sentences
}

/// The bug was not seen, or nobody knows.
fn nowhere(judgement: &Judgement) -> String {
    let baseline = &judgement.baseline;
    let passes = judgement.groups.iter().filter(|group| group.observable == Control::Violated).count();
    if passes == 0 {
        return format!("nothing is known: no trial of {baseline} says whether the bug shows.");
    }
    format!(
        "the bug does not show: {baseline} passes every trial in {}, so that no pass says anything.",
        plural(small(passes), "cell")
    )
}

/// The variants that fix the bug wherever it shows, the one with the fewest operations over all targets first.
fn names_in_all<'a>(judgement: &Judgement, shows: &[&'a Ranking]) -> Vec<&'a str> {
    let mut operations: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
    for fix in shows.iter().flat_map(|ranking| &ranking.fixes) {
        let sum = operations.entry(&fix.variant).or_default();
        *sum = (sum.0 + 1, sum.1 + fix.operations);
    }
    let mut names: Vec<(&str, f64)> = operations
        .into_iter()
        .filter(|(_, (targets, _))| *targets == shows.len())
        .map(|(name, (_, sum))| (name, sum))
        .collect();
    // Of equal price the decision table has an order as well.
    let place = |name: &str| judgement.candidates.iter().position(|one| one.variant == name);
    names.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| place(a.0).cmp(&place(b.0))));
    names.into_iter().map(|(name, _)| name).collect()
}

fn fixes(judgement: &Judgement, best: &str, others: &[&str], shows: &[&Ranking]) -> String {
    let subject = match others {
        [] => format!("only {best} fixes it"),
        [other] => format!("{best} and {other} fix it"),
        _ => format!("{best} and {} others fix it", others.len()),
    };
    let (fixed, of) = tally(judgement, best, shows);
    let (passes, n) = tally(judgement, &judgement.baseline, shows);
    let place = on(judgement, shows);
    let cheapest = match others {
        [] => String::new(),
        _ => format!("; cheapest: {}", alike(judgement, shows, best)),
    };
    format!("{subject} {place} ({fixed}/{of}; {} {passes}/{n}){cheapest}.", judgement.baseline)
}

/// The cheapest fix with those whose prices are not distinguishable from its own: on the only target, or over all of them.
fn alike(judgement: &Judgement, shows: &[&Ranking], best: &str) -> String {
    let near: Vec<(&str, bool)> = match shows {
        [only] => {
            let others = only.fixes.iter().skip(1).filter(|fix| fix.is_as_cheap());
            others
                .map(|fix| (fix.variant.as_str(), fix.behind.is_none_or(|one| one.may_be_chance())))
                .collect()
        }
        _ => {
            let others = judgement.candidates.iter().filter_map(|one| Some((one, one.behind?)));
            let others = others.filter(|(_, behind)| !behind.is_distinguishable());
            others.map(|(one, behind)| (one.variant.as_str(), behind.may_be_chance())).collect()
        }
    };
    if near.is_empty() {
        return best.to_owned();
    }
    let names: Vec<&str> = near.iter().map(|(name, _)| *name).collect();
    if near.iter().all(|(_, by_chance)| *by_chance) {
        return format!("{best}, not distinguishable from {}", counted(&names));
    }
    let names: Vec<&str> = std::iter::once(best).chain(names).collect();
    format!("{}, by no more than a layout of memory may add", counted(&names))
}

fn nothing_everywhere(judgement: &Judgement, shows: &[&Ranking]) -> String {
    let (passes, n) = tally(judgement, &judgement.baseline, shows);
    let (baseline, place) = (&judgement.baseline, on(judgement, shows));
    match shows {
        [_] => format!("no variant fixes it {place} ({baseline} {passes}/{n})."),
        _ => format!("no variant fixes it wherever it shows: {place} ({baseline} {passes}/{n})."),
    }
}

/// What fixes the bug on some targets only, by the targets that have the same fixes.
fn elsewhere(judgement: &Judgement, shows: &[&Ranking], all: &[&str]) -> Vec<String> {
    let mut by_fixes: Vec<(Vec<&Fix>, Vec<&Ranking>)> = Vec::new();
    for ranking in shows {
        let more: Vec<&Fix> =
            ranking.fixes.iter().filter(|fix| !all.contains(&fix.variant.as_str())).collect();
        let names = |fixes: &[&Fix]| {
            let mut names: Vec<String> = fixes.iter().map(|fix| fix.variant.clone()).collect();
            names.sort_unstable();
            names
        };
        match by_fixes.iter_mut().find(|(known, _)| names(known) == names(&more)) {
            Some((_, rankings)) => rankings.push(ranking),
            None => by_fixes.push((more, vec![ranking])),
        }
    }
    by_fixes.retain(|(more, _)| !more.is_empty());
    // Stable: equally many targets stay in the order of the study.
    by_fixes.sort_by_key(|(_, rankings)| std::cmp::Reverse(rankings.len()));
    let also = if all.is_empty() { "" } else { "also " };
    let sentence = |(more, rankings): &(Vec<&Fix>, Vec<&Ranking>)| {
        let names: Vec<&str> = more.iter().map(|fix| fix.variant.as_str()).collect();
        let verb = if names.len() == 1 { "fixes" } else { "fix" };
        let price = if names.len() == 1 { String::new() } else { format!("; cheapest: {}", names[0]) };
        format!("{} {also}{verb} it {}{price}.", counted(&names), on(judgement, rankings))
    };
    let mut sentences: Vec<String> = by_fixes.iter().take(LISTED).map(sentence).collect();
    if by_fixes.len() > LISTED {
        let targets: usize = by_fixes[LISTED..].iter().map(|(_, rankings)| rankings.len()).sum();
        sentences.push(format!("on {} others fix it: see `fixes`.", plural(small(targets), "other target")));
    }
    sentences
}

/// The targets on which the bug does not show.
fn hidden(judgement: &Judgement) -> Option<String> {
    let hidden: Vec<&Ranking> = judgement
        .rankings
        .iter()
        .filter(|ranking| {
            let mut groups = judgement.groups.iter().filter(|group| is_of(group, ranking));
            groups.all(|group| group.observable == Control::Violated)
        })
        .collect();
    (!hidden.is_empty()).then(|| format!("{} the bug does not show.", on(judgement, &hidden)))
}

/// Which variants fail where the baseline passes: the worst cell of each.
fn breaks(judgement: &Judgement) -> Vec<String> {
    let mut worst: Vec<(&str, &Group, &CellJudgement)> = Vec::new();
    for (group, cell) in judgement.cells() {
        let fails = cell.n > 0 && cell.passes < cell.n && cell.variant != judgement.baseline;
        if !fails || group.observable != Control::Violated {
            continue;
        }
        let rate = |cell: &CellJudgement| f64::from(cell.passes) / f64::from(cell.n);
        match worst.iter_mut().find(|(variant, ..)| *variant == cell.variant) {
            Some(known) if rate(cell) < rate(known.2) => *known = (&cell.variant, group, cell),
            Some(_) => {}
            None => worst.push((&cell.variant, group, cell)),
        }
    }
    let sentence = |(variant, group, cell): &(&str, &Group, &CellJudgement)| {
        let target = target(judgement, &group.kernel, &group.machine);
        format!("{variant} breaks {} on {target} ({}/{}).", group.testcase, cell.passes, cell.n)
    };
    let mut sentences: Vec<String> = worst.iter().take(LISTED).map(sentence).collect();
    if let Some(more) = worst.len().checked_sub(LISTED).filter(|more| *more > 0) {
        sentences
            .push(format!("{} break something, too: see `decision`.", plural(small(more), "other variant")));
    }
    sentences
}

/// The variants of which there is no kernel to try.
fn without_a_kernel(judgement: &Judgement) -> Option<String> {
    let mut words: Vec<String> = Vec::new();
    for (_, cell) in judgement.cells().filter(|(_, cell)| cell.verdict.is_broken()) {
        let what = match cell.verdict {
            Verdict::PatchRejected => "does not apply",
            Verdict::DoesNotBuild => "does not build",
            _ => "does not boot",
        };
        let text = format!("{} {what}", cell.variant);
        if !words.contains(&text) {
            words.push(text);
        }
    }
    (!words.is_empty()).then(|| format!("{}.", listed(&words.iter().map(String::as_str).collect::<Vec<_>>())))
}

/// Passes and trials of a variant where the bug shows.
fn tally(judgement: &Judgement, variant: &str, shows: &[&Ranking]) -> (u32, u32) {
    let groups = judgement.groups.iter().filter(|group| group.observable == Control::Holds);
    let groups = groups.filter(|group| shows.iter().any(|ranking| is_of(group, ranking)));
    let cells = groups.filter_map(|group| group.cell(variant));
    cells.fold((0, 0), |(passes, n), cell| (passes + cell.passes, n + cell.n))
}

fn is_of(group: &Group, ranking: &Ranking) -> bool {
    (&group.kernel, &group.machine) == (&ranking.kernel, &ranking.machine)
}

/// `on` with the names of targets.
fn on(judgement: &Judgement, rankings: &[&Ranking]) -> String {
    let names: Vec<String> =
        rankings.iter().map(|ranking| target(judgement, &ranking.kernel, &ranking.machine)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match names.len() {
        0..=NAMED => format!("on {}", listed(&names)),
        n => format!(
            "on {} and {}",
            names[..NAMED - 1].join(", "),
            plural(small(n + 1 - NAMED), "other target")
        ),
    }
}

/// A target by its machine, and by its kernel too where the machine alone is several targets.
fn target(judgement: &Judgement, kernel: &str, machine: &str) -> String {
    let several =
        judgement.rankings.iter().any(|ranking| ranking.machine == machine && ranking.kernel != kernel);
    if several { format!("{machine} with {kernel}") } else { machine.to_owned() }
}

/// The first of some names with how many there are beside it, or all of them.
fn counted(names: &[&str]) -> String {
    match names {
        [first, _, _, _, ..] => format!("{first} and {} others", names.len() - 1),
        _ => listed(names),
    }
}

/// Names with commas, and `and` before the last.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Sentences begin with a capital, unless it is a name that has none.
fn capitalised(sentence: &str) -> String {
    let first = sentence.split(' ').next().unwrap_or_default();
    let is_a_word = first.chars().all(|c| c.is_ascii_lowercase() || c == ',');
    let words = ["only", "no", "on", "the", "nothing", "provisional,"];
    if !is_a_word || !words.contains(&first) {
        return sentence.to_owned();
    }
    let mut characters = sentence.chars();
    characters.next().map_or_else(String::new, |c| c.to_ascii_uppercase().to_string() + characters.as_str())
}

/// Returns what follows from all cells together, in words. Where a study states nothing that it expects there is nothing that
/// could have been met.
pub(super) fn outcome(judgement: &Judgement) -> &'static str {
    let is_stated = |cell: &CellJudgement| cell.expected != Expected::Pass || !cell.why.is_empty();
    let decided = matches!(judgement.overall, Overall::Met | Overall::NotMet);
    if decided && !judgement.cells().any(|(_, cell)| is_stated(cell)) {
        return "no expectation is stated";
    }
    judgement.overall.name()
}
