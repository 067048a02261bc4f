// SPDX-License-Identifier: GPL-2.0-or-later
//! A cell as a test that passed or failed, for programs that know nothing else: JUnit, KTAP.
//!
//! What is tested is the expectation. A variant that must fail and fails has passed; whoever watches a pipeline wants to hear
//! of what is not as it was said to be. What has no result is an error, and what says nothing about the patches is
//! skipped, each with its reason.

use crate::judge::CellJudgement;
use crate::judge::Control;
use crate::judge::Expectation;
use crate::judge::Group;
use crate::judge::Overall;
use crate::judge::Verdict;
use crate::report::ExampleTrial;
use crate::report::ReportData;
use crate::report::content::expectation;
use crate::report::content::printable;
use crate::report::content::symptoms;
use crate::report::number::plural;
use crate::report::untried;

/// What became of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// The expectation is met.
    Passed,
    /// It is contradicted.
    Failed,
    /// It has no result.
    Error,
    /// There was nothing to test.
    Skipped,
}

/// A cell as a test.
pub(super) struct Case<'a> {
    pub(super) group: &'a Group,
    pub(super) cell: &'a CellJudgement,
    pub(super) status: Status,
    /// Why it is not passed; empty if it is.
    pub(super) reason: String,
}

/// Returns the cells of each target, in the order of the judgement.
pub(super) fn targets(data: &ReportData) -> Vec<(String, Vec<Case<'_>>)> {
    let same = |a: &Group, b: &Group| (&a.kernel, &a.machine) == (&b.kernel, &b.machine);
    let groups = data.judgement.groups.chunk_by(same);
    groups
        .filter_map(|groups| {
            let first = groups.first()?;
            let cells = groups.iter().flat_map(|group| group.cells.iter().map(move |cell| case(group, cell)));
            Some((format!("{} on {}", first.kernel, first.machine), cells.collect()))
        })
        .collect()
}

/// Returns the run as a test: the exit code in words, so that nothing is green where the command is not.
pub(super) fn whole(data: &ReportData) -> (Status, String) {
    let judgement = &data.judgement;
    let status = match judgement.overall {
        Overall::Met => return (Status::Passed, String::new()),
        Overall::NotMet | Overall::NotObservable => Status::Failed,
        Overall::Unknown => Status::Error,
    };
    let reasons =
        std::iter::once(judgement.overall.name()).chain(judgement.problems.iter().map(String::as_str));
    (status, reasons.map(printable).collect::<Vec<_>>().join("; "))
}

fn case<'a>(group: &'a Group, cell: &'a CellJudgement) -> Case<'a> {
    let (status, reason) = judged(group, cell).unwrap_or((Status::Passed, String::new()));
    Case { group, cell, status, reason }
}

/// Returns why a cell's test is not passed; nothing if it is.
fn judged(group: &Group, cell: &CellJudgement) -> Option<(Status, String)> {
    let coherent = cell.coherent;
    if cell.verdict.is_broken() {
        return Some((Status::Failed, untried::why(cell).unwrap_or_default()));
    }
    if let Some(why) = untried::why(cell).filter(|_| cell.expectation != Expectation::Contradicted) {
        return Some((Status::Skipped, why));
    }
    let unknown = || format!("{} unknown: {}", plural(cell.unknown, "trial"), symptoms(cell));
    Some(match (coherent.control, cell.expectation, cell.verdict) {
        _ if cell.n == 0 && cell.unknown == 0 => {
            (Status::Skipped, "missing: none of its trials was run".into())
        }
        _ if cell.n == 0 => (Status::Error, unknown()),
        (Control::Violated, ..) => (
            Status::Error,
            format!(
                "the control fails, so that the testcase is at fault: with the model off {} of {} pass",
                coherent.passes, coherent.n
            ),
        ),
        (Control::Unknown, ..) => {
            (Status::Error, "the control is unknown: no trial with the model off".into())
        }
        (_, Expectation::Contradicted, _) => (
            Status::Failed,
            format!(
                "expected {}, but {} of {} pass: {}",
                cell.expected.name(),
                cell.passes,
                cell.n,
                symptoms(cell)
            ),
        ),
        _ if cell.unknown > 0 => (Status::Error, unknown()),
        (.., Verdict::Unknown) => {
            (Status::Error, "undecided: the rule is not done, or the baseline's trials are unknown".into())
        }
        _ if cell.missing > 0 => (Status::Skipped, format!("{} missing", plural(cell.missing, "trial"))),
        (.., Verdict::NoOp | Verdict::DoesNotApply) => {
            (Status::Skipped, "no-op: the patches do not change the image".into())
        }
        (.., Verdict::NotObservable) if group.observable == Control::Unknown => (
            Status::Skipped,
            "not observable: the baseline has no result, so that a pass says nothing".into(),
        ),
        (.., Verdict::NotObservable) => {
            (Status::Skipped, "not observable: the baseline passes, too, so that a pass says nothing".into())
        }
        // The last three have been dealt with above.
        (
            ..,
            Verdict::PassesAll
            | Verdict::Mixed
            | Verdict::Fails
            | Verdict::PatchRejected
            | Verdict::DoesNotBuild
            | Verdict::DoesNotBoot,
        ) => return None,
    })
}

/// Returns the figures of a cell for programs: `name=value`, separated by blanks.
pub(super) fn figures(cell: &CellJudgement) -> String {
    format!(
        "passes={} n={} unknown={} missing={} verdict={} expected={} expectation={}",
        cell.passes,
        cell.n,
        cell.unknown,
        cell.missing,
        cell.verdict.name(),
        cell.expected.name(),
        expectation(cell)
    )
}

/// Returns what is known about a cell beside its figures, as lines with labels that say whose words they are.
pub(super) fn evidence(data: &ReportData, case: &Case<'_>) -> Vec<(&'static str, String)> {
    let Case { group, cell, .. } = case;
    let mut lines = Vec::new();
    if !cell.why.is_empty() {
        lines.push(("expected because", printable(cell.why.trim())));
    }
    if let Some(example) = &cell.example {
        lines.push(("symptoms", symptoms(cell)));
        lines.push(("example", example.trial.clone()));
        lines.push(("message", printable(&example.text)));
        lines.push(("replay", printable(&data.replay(&example.trial))));
    }
    if let Some(ExampleTrial { story, console, console_cut, .. }) = data.example(group, cell) {
        lines.extend(labelled("story", story));
        if *console_cut {
            lines.push(("console", "(what was before is left out)".into()));
        }
        lines.extend(labelled("console", console));
    }
    lines
}

fn labelled(label: &'static str, text: &str) -> impl Iterator<Item = (&'static str, String)> {
    text.lines().map(move |line| (label, printable(line.trim_end())))
}
