// SPDX-License-Identifier: GPL-2.0-or-later
//! Tables beside those of the cells: the decision, and sweeps.

use std::collections::BTreeSet;

use crate::judge::Candidate;
use crate::judge::Group;
use crate::judge::Judgement;
use crate::judge::Worst;
use crate::report::content::ratio;
use crate::report::number;
use crate::report::trees::trees;

/// A table of words.
pub(super) struct Grid {
    pub(super) heading: String,
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    /// What is said below it.
    pub(super) sentences: Vec<String>,
}

/// Returns all further tables of a judgement, in the order of a report.
pub(super) fn grids(judgement: &Judgement) -> Vec<Grid> {
    decision(judgement).into_iter().chain(trees(judgement)).chain(sweeps(judgement)).collect()
}

/// Returns the decision table, if the baseline fails somewhere.
pub(super) fn decision(judgement: &Judgement) -> Option<Grid> {
    let candidates = &judgement.candidates;
    if candidates.is_empty() {
        return None;
    }
    let units: BTreeSet<&str> =
        candidates.iter().flat_map(|one| one.prices.keys().map(String::as_str)).collect();
    let mut columns: Vec<String> = ["variant", "fixes", "breaks", "worst"].map(str::to_owned).into();
    columns.extend(units.iter().map(|unit| format!("ops/{unit}")));
    columns.extend(["lines", "dominated by"].map(str::to_owned));
    let row = |one: &Candidate| {
        let mut words =
            vec![one.variant.clone(), format!("{}/{}", one.fixed, one.observable), one.broken.to_string()];
        words.push(one.worst.as_ref().map_or_else(
            || "-".into(),
            |Worst { passes, n, testcase, machine, verdict, .. }| match verdict {
                Some(verdict) => format!("{} {testcase} {machine}", verdict.name()),
                None => format!("{passes}/{n} {testcase} {machine}"),
            },
        ));
        for unit in &units {
            let price = one.prices.get(*unit).map(|price| number::price(price.operations, price.interval));
            words.push(price.unwrap_or_else(|| "-".into()));
        }
        words.push(one.size.map_or_else(|| "-".into(), |size| format!("+{} -{}", size.added, size.removed)));
        words.push(one.dominated.as_ref().map_or_else(|| "-".into(), |dominated| dominated.by.clone()));
        words
    };
    let mut sentences = vec![format!(
        "fixes: of the cells (a testcase on a target) in which {0} fails, those in which every trial passes; breaks: cells \
         in which some trial fails, or for which there is no kernel; ops: additional cache maintenance operations for each unit, compared with {0}, on the \
         target where that is most, with the 95 % interval where it is no point; lines: the change from {0}'s tree. First come \
         those that break least, then those that fix most, then those with the fewest operations where the bug shows",
        judgement.baseline
    )];
    sentences.extend(alike(candidates));
    for one in candidates {
        if let Some(dominated) = &one.dominated {
            sentences.push(format!(
                "{} is dominated: {} {}, and is nowhere worse",
                one.variant, dominated.by, dominated.why
            ));
        }
        if !one.no_op.is_empty() {
            sentences.push(format!("{} changes nothing on {}", one.variant, one.no_op.join(", ")));
        }
    }
    Some(Grid { heading: "decision".into(), columns, rows: candidates.iter().map(row).collect(), sentences })
}

/// Which candidates are not distinguishable from the first by their price.
fn alike(candidates: &[Candidate]) -> Vec<String> {
    let Some(first) = candidates.first() else { return Vec::new() };
    let of = |one: &Candidate| {
        let why = number::alike(one.behind?)?;
        let more = number::difference(one.behind?.mean);
        Some(format!("{} has {more} operations against {}: {why}", one.variant, first.variant))
    };
    candidates.iter().filter_map(of).collect()
}

/// One table for each swept machine and testcase: pass rates by geometry.
pub(super) fn sweeps(judgement: &Judgement) -> Vec<Grid> {
    let mut keys: Vec<(&str, &str, &str)> = Vec::new();
    for group in &judgement.groups {
        let Some(from) = &group.swept_from else { continue };
        let key = (group.kernel.as_str(), from.as_str(), group.testcase.as_str());
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys.into_iter().map(|key| sweep(judgement, key)).collect()
}

fn sweep(judgement: &Judgement, (kernel, machine, testcase): (&str, &str, &str)) -> Grid {
    let belongs = |group: &&Group| {
        (group.kernel.as_str(), group.testcase.as_str()) == (kernel, testcase)
            && group.swept_from.as_deref() == Some(machine)
    };
    let groups: Vec<&Group> = judgement.groups.iter().filter(belongs).collect();
    let mut columns = vec!["D-cache".to_owned()];
    columns.extend(groups.iter().take(1).flat_map(|group| &group.cells).map(|cell| cell.variant.clone()));
    let row = |group: &&Group| {
        let shape = group.machine.strip_prefix(machine).unwrap_or(&group.machine);
        let mut words = vec![shape.trim_start_matches(['.', 'd']).to_owned()];
        words.extend(group.cells.iter().map(|cell| {
            let interval = cell.interval.map(number::interval).unwrap_or_default();
            format!("{} {interval}", ratio(cell)).trim_end().to_owned()
        }));
        words
    };
    Grid {
        heading: format!(
            "sweep of {machine}, {kernel}, {testcase}: passes by D-cache (sets x ways x line, replacement)"
        ),
        columns,
        rows: groups.iter().map(row).collect(),
        sentences: Vec::new(),
    }
}
