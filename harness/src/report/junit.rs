// SPDX-License-Identifier: GPL-2.0-or-later
//! JUnit's XML, as Jenkins and GitLab read it: a suite for each target, a test for each cell.

use quick_junit::NonSuccessKind;
use quick_junit::Report;
use quick_junit::TestCase;
use quick_junit::TestCaseStatus;
use quick_junit::TestSuite;

use crate::error::Error;
use crate::error::Result;
use crate::report::ReportData;
use crate::report::status::Case;
use crate::report::status::Status;
use crate::report::status::evidence;
use crate::report::status::figures;
use crate::report::status::targets;
use crate::report::status::whole;

/// Returns the run as JUnit XML. Characters that XML 1.0 does not have are left out.
///
/// # Errors
///
/// Internal, when the library cannot write XML.
pub fn junit(data: &ReportData) -> Result<String> {
    let study = &data.judgement.study;
    let mut report = Report::new(format!("patcheval: {study}"));
    for (target, cases) in targets(data) {
        let mut suite = TestSuite::new(target);
        suite.add_test_cases(cases.iter().map(|case| test(data, case)));
        report.add_test_suite(suite);
    }
    let (of_run, reason) = whole(data);
    let mut verdict = TestCase::new("verdict", status(of_run, &reason, None));
    verdict.set_classname(study.as_str());
    let mut suite = TestSuite::new(study.as_str());
    suite.add_test_case(verdict);
    report.add_test_suite(suite);
    let text = report.to_string().map_err(|error| Error::internal(format!("JUnit: {error}")))?;
    // Jenkins' xUnit plugin refuses what its schema does not have: it knows this attribute of suites only.
    Ok(text.replacen(&format!(" skipped=\"{}\"", report.skipped), "", 1))
}

fn test(data: &ReportData, case: &Case<'_>) -> TestCase {
    let Case { group, cell, .. } = case;
    let described = matches!(case.status, Status::Failed | Status::Error).then(|| {
        let lines = evidence(data, case);
        lines.iter().map(|(label, line)| format!("{label}: {line}\n")).collect::<String>()
    });
    let mut test =
        TestCase::new(cell.variant.as_str(), status(case.status, &case.reason, described.as_deref()));
    // GitLab knows a test by its class and name only.
    test.set_classname(format!("{}/{}/{}", group.kernel, group.machine, group.testcase));
    // Not as properties: not every reader has them in a test.
    test.set_system_out(figures(cell));
    test
}

fn status(status: Status, reason: &str, described: Option<&str>) -> TestCaseStatus {
    let (mut result, kind) = match status {
        Status::Passed => return TestCaseStatus::success(),
        Status::Failed => (TestCaseStatus::non_success(NonSuccessKind::Failure), "contradicted"),
        Status::Error => (TestCaseStatus::non_success(NonSuccessKind::Error), "unknown"),
        Status::Skipped => (TestCaseStatus::skipped(), ""),
    };
    result.set_message(reason);
    if status != Status::Skipped {
        result.set_type(kind);
        if let Some(text) = described {
            result.set_description(text);
        }
    }
    result
}
