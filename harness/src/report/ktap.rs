// SPDX-License-Identifier: GPL-2.0-or-later
//! KTAP, version 1 (`Documentation/dev-tools/ktap.rst`): a test for each target, and below it one for each cell.

use crate::report::ReportData;
use crate::report::status::Case;
use crate::report::status::Status;
use crate::report::status::evidence;
use crate::report::status::figures;
use crate::report::status::targets;
use crate::report::status::whole;

const VERSION: &str = "KTAP version 1";
/// How far KUnit moves subtests to the right.
const INDENT: &str = "    ";

/// Returns the run as KTAP.
pub fn ktap(data: &ReportData) -> String {
    let targets = targets(data);
    let mut text = format!("{VERSION}\n1..{}\n", targets.len() + 1);
    for (index, (target, cases)) in targets.iter().enumerate() {
        let (target, number) = (name(target), index + 1);
        text.push_str(&format!(
            "{INDENT}{VERSION}\n{INDENT}# Subtest: {target}\n{INDENT}1..{}\n",
            cases.len()
        ));
        for (index, case) in cases.iter().enumerate() {
            text.push_str(&test(data, case, index + 1));
        }
        let (status, reason) = together(cases);
        text.push_str(&result(status, number, &target, reason));
    }
    let (status, reason) = whole(data);
    text + &result(status, targets.len() + 1, "verdict", &reason)
}

fn test(data: &ReportData, case: &Case<'_>, number: usize) -> String {
    let mut text = format!("{INDENT}# figures: {}\n", figures(case.cell));
    if matches!(case.status, Status::Failed | Status::Error) {
        // A label stands before whatever a guest wrote: behind a bare `# `, its own `ok 1` would be a result.
        for (label, line) in evidence(data, case) {
            text.push_str(format!("{INDENT}# {label}: {line}").trim_end());
            text.push('\n');
        }
    }
    let name = name(&format!("{}: {}", case.group.testcase, case.cell.variant));
    text + INDENT + &result(case.status, number, &name, &case.reason)
}

fn result(status: Status, number: usize, name: &str, reason: &str) -> String {
    let (ok, directive) = match status {
        Status::Passed => ("ok", ""),
        Status::Failed => ("not ok", " # "),
        Status::Error => ("not ok", " # ERROR "),
        Status::Skipped => ("ok", " # SKIP "),
    };
    let reason = if directive.is_empty() { "" } else { reason };
    format!("{ok} {number} {name}{directive}{}", reason.replace('#', "")).trim_end().to_owned() + "\n"
}

/// What follows for a test from those below it.
fn together(cases: &[Case<'_>]) -> (Status, &'static str) {
    let any = |wanted: Status| cases.iter().any(|case| case.status == wanted);
    if any(Status::Failed) {
        (Status::Failed, "an expectation is contradicted")
    } else if any(Status::Error) {
        (Status::Error, "something is unknown")
    } else if any(Status::Passed) {
        (Status::Passed, "")
    } else {
        (Status::Skipped, "nothing is observable here")
    }
}

/// A number sign would begin a directive.
fn name(text: &str) -> String {
    text.replace('#', "")
}
