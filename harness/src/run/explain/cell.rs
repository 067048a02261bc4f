// SPDX-License-Identifier: GPL-2.0-or-later
//! Finds a cell by its name, and sorts the stale fetches of its trials.

use std::collections::{BTreeMap, BTreeSet};

use instrument::Missing;

use super::Resolve;
use crate::error::{Error, Result};
use crate::judge::{CellJudgement, Group, Judgement};
use crate::nearest::nearest;
use crate::report::StaleClass;
use crate::trial::line::{Outcome, TrialLine};

/// How many cells are suggested.
const SUGGESTED: usize = 6;

/// Returns the cell called KERNEL/MACHINE/VARIANT/TESTCASE.
///
/// # Errors
///
/// Study, with what may have been meant.
pub fn find_cell<'a>(judgement: &'a Judgement, name: &str) -> Result<(&'a Group, &'a CellJudgement)> {
    let named = |(group, cell): &(&Group, &CellJudgement)| full_name(group, cell) == name;
    judgement.cells().find(named).ok_or_else(|| {
        let all: Vec<String> = judgement.cells().map(|(group, cell)| full_name(group, cell)).collect();
        Error::study(format!("the run has no cell `{name}`")).hint(meant(name, &all))
    })
}

fn full_name(group: &Group, cell: &CellJudgement) -> String {
    format!("{}/{}/{}/{}", group.kernel, group.machine, cell.variant, group.testcase)
}

/// Cells that have all of the words, wherever; else the nearest.
fn meant(name: &str, all: &[String]) -> String {
    let words: Vec<&str> = name.split('/').filter(|word| !word.is_empty()).collect();
    let fitting: Vec<&str> =
        all.iter().map(String::as_str).filter(|cell| words.iter().all(|word| cell.contains(word))).collect();
    let shape = "a cell is KERNEL/MACHINE/VARIANT/TESTCASE";
    if !fitting.is_empty() && !words.is_empty() {
        let more = if fitting.len() > SUGGESTED { ", ..." } else { "" };
        return format!("did you mean {}{more}? {shape}", fitting[..fitting.len().min(SUGGESTED)].join(", "));
    }
    match nearest(name, all.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near}? {shape}"),
        None => match all.first() {
            Some(first) => format!("{shape}, as in {first}"),
            None => "it has no cell at all".into(),
        },
    }
}

/// Sorts the stale fetches that the lines list, those of most trials first.
pub fn stale_classes(lines: &[&TrialLine], resolve: Resolve<'_>) -> Vec<StaleClass> {
    let mut classes: BTreeMap<(String, &'static str, bool), (u32, u32)> = BTreeMap::new();
    // Many trials have the same writers.
    let mut writers: BTreeMap<u64, String> = BTreeMap::new();
    for line in lines {
        let mut of_trial = BTreeSet::new();
        for fetch in &line.stale {
            let writer = match fetch.writer {
                None => "nobody that the model saw".to_owned(),
                Some(pc) => writers.entry(pc).or_insert_with(|| written_by(pc, resolve)).clone(),
            };
            of_trial.insert((writer, missing(fetch.missing), fetch.user));
        }
        let failing = u32::from(matches!(line.outcome, Outcome::Fail { .. }));
        for class in of_trial {
            let (trials, failed) = classes.entry(class).or_default();
            (*trials, *failed) = (*trials + 1, *failed + failing);
        }
    }
    let made =
        |((writer, missing, user), (trials, failing))| StaleClass { writer, missing, user, trials, failing };
    let mut sorted: Vec<StaleClass> = classes.into_iter().map(made).collect();
    sorted.sort_by_key(|class| std::cmp::Reverse(class.trials));
    sorted
}

/// Without the offset: a function that writes from two places is one writer.
fn written_by(pc: u64, resolve: Resolve<'_>) -> String {
    match resolve(pc) {
        None => format!("{pc:#010x}"),
        Some(location) => {
            let line = location.line.map(|line| format!(" ({line})")).unwrap_or_default();
            format!("{}{line}", location.function)
        }
    }
}

fn missing(missing: Missing) -> &'static str {
    match missing {
        Missing::WriteBack => "write-back",
        Missing::Invalidate => "invalidate",
        Missing::Both => "write-back and invalidate",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::tests::lines;
    use crate::judge::{KernelFacts, judge};
    use crate::plan::tests::plan;
    use crate::symbols::CodeLocation;
    use crate::trial::line::{StaleLine, Symptom};

    #[test]
    fn a_cell_is_found_and_for_part_of_a_name_cells_are_suggested() {
        let judgement = judge(&plan(), &lines(), &KernelFacts::default());
        let (group, cell) = find_cell(&judgement, "mips-6.1/malta/merged/t1").unwrap();
        assert_eq!((group.testcase.as_str(), cell.variant.as_str()), ("t1", "merged"));
        let hint = |name: &str| find_cell(&judgement, name).unwrap_err().hints()[0].clone();
        assert!(
            hint("unfixed/t1").starts_with("did you mean mips-6.1/malta/unfixed/t1? "),
            "{}",
            hint("unfixed/t1")
        );
        assert!(hint("mips-6.1/malta/unfixd/t1").starts_with("did you mean mips-6.1/malta/unfixed/t1? "));
        assert!(
            hint("something-else-altogether-of-no-cell")
                .contains("KERNEL/MACHINE/VARIANT/TESTCASE, as in mips-6.1/")
        );
    }

    #[test]
    fn a_class_counts_trials_and_not_fetches() {
        let stale = |writer: Option<u64>| StaleLine {
            pc: 0x1000,
            physical: 0x1000,
            user: true,
            phase: instrument::Phase::Run,
            missing: Missing::WriteBack,
            writer,
        };
        let lines: Vec<TrialLine> = lines()
            .into_iter()
            .filter(|line| line.outcome == Outcome::Fail { symptom: Symptom::Sigtrap })
            .enumerate()
            .map(|(n, line)| TrialLine {
                stale: if n == 0 {
                    vec![stale(Some(8)), stale(Some(12)), stale(None)]
                } else {
                    vec![stale(Some(8))]
                },
                ..line
            })
            .collect();
        let locate =
            |_: u64| Some(CodeLocation { function: "copy".into(), offset: 0, line: Some("a.c:1".into()) });
        let classes = stale_classes(&lines.iter().collect::<Vec<_>>(), &locate);
        let short: Vec<(&str, u32, u32)> =
            classes.iter().map(|class| (class.writer.as_str(), class.trials, class.failing)).collect();
        assert_eq!(short, [("copy (a.c:1)", 3, 3), ("nobody that the model saw", 1, 1)]);
    }
}
