// SPDX-License-Identifier: GPL-2.0-or-later
//! Reads nested KTAP and TAP, as the kernel's own tests print them, out of a console on which others talk too.
//!
//! Subtests come before the result that they are part of. They are further to the right (KUnit: four blanks, the
//! specification: two), or behind one more `# ` (`tools/testing/selftests/kselftest/runner.sh`, which makes the output of a
//! whole test a diagnostic). Only how far a line is counts, compared with its neighbours. Lines that are none of a version, a
//! plan, a result or a diagnostic are noise.

use super::guest_output::{Check, result};
use super::line::Checks;

/// A result with what it consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Test {
    /// The result line.
    pub(crate) check: Check,
    /// The diagnostics between the result before it and this one.
    pub(crate) said: Vec<String>,
    /// How many subtests were planned, if that was said.
    pub(crate) planned: Option<u32>,
    /// Whether something said that subtests follow.
    pub(crate) headed: bool,
    /// The subtests, in the order in which they were printed.
    pub(crate) subtests: Vec<Test>,
}

/// A line of KTAP behind what nests it.
enum KtapLine<'a> {
    Plan(u32),
    Result(Check),
    /// A version, or the name of a test whose subtests follow: the result says it, too.
    Heading,
    Diagnostic(&'a str),
}

/// How lines begin that introduce tests.
const HEADINGS: [&str; 3] = ["KTAP version ", "TAP version ", "# Subtest: "];

/// Returns the outermost tests on a console.
pub(crate) fn parse(console: &str) -> Vec<Test> {
    let mut tests: Vec<(usize, Test)> = Vec::new();
    let mut plans: Vec<(usize, u32)> = Vec::new();
    let mut headings: Vec<usize> = Vec::new();
    let mut said: Vec<String> = Vec::new();
    for line in console.lines() {
        match nested(plain(line)) {
            Some((depth, KtapLine::Plan(count))) => plans.push((depth, count)),
            Some((_, KtapLine::Diagnostic(text))) => said.push(text.to_owned()),
            Some((depth, KtapLine::Result(check))) => {
                let deeper = tests.iter().rposition(|(other, _)| *other <= depth).map_or(0, |last| last + 1);
                let subtests = tests.split_off(deeper).into_iter().map(|(_, test)| test).collect();
                let planned = plans.iter().rev().find(|(other, _)| *other > depth).map(|(_, count)| *count);
                plans.retain(|(other, _)| *other <= depth);
                let headed = headings.iter().any(|other| *other > depth);
                headings.retain(|other| *other <= depth);
                let said = std::mem::take(&mut said);
                tests.push((depth, Test { check, said, planned, headed, subtests }));
            }
            Some((depth, KtapLine::Heading)) => headings.push(depth),
            None => {}
        }
    }
    tests.into_iter().map(|(_, test)| test).collect()
}

/// Returns a line of the kernel's without what printk puts before it: a level, a time, a caller.
pub(super) fn plain(line: &str) -> &str {
    let line = line.trim_end();
    let line = behind(line, '<', '>', |text| text.parse::<u8>().is_ok()).unwrap_or(line);
    let Some(timed) = behind(line, '[', ']', |text| text.trim_start().parse::<f64>().is_ok()) else {
        return line;
    };
    let caller =
        |text: &str| text.trim_start().strip_prefix(['T', 'C']).is_some_and(|id| id.parse::<u32>().is_ok());
    let timed = behind(timed, '[', ']', caller).unwrap_or(timed);
    timed.strip_prefix(' ').unwrap_or(timed)
}

/// Returns what is behind the brackets with which a line begins, if what they hold is as wanted.
fn behind(line: &str, open: char, close: char, wanted: impl Fn(&str) -> bool) -> Option<&str> {
    let (inside, rest) = line.strip_prefix(open)?.split_once(close)?;
    wanted(inside).then_some(rest)
}

/// Returns how far to the right a line is, and what it is.
fn nested(line: &str) -> Option<(usize, KtapLine<'_>)> {
    let inner = line.trim_start();
    let depth = line.len() - inner.len();
    if let Some(check) = result(inner) {
        return Some((depth, KtapLine::Result(check)));
    }
    if HEADINGS.iter().any(|heading| inner.starts_with(heading)) {
        return Some((depth, KtapLine::Heading));
    }
    // A plan may be followed by a directive, as in `1..0 # SKIP why`.
    if let Some(plan) = inner.strip_prefix("1..") {
        let count = plan.split('#').next().unwrap_or_default().trim().parse().ok()?;
        return Some((depth, KtapLine::Plan(count)));
    }
    let inside = inner.strip_prefix('#')?;
    match nested(inside.strip_prefix(' ').unwrap_or(inside)) {
        Some((further, line @ (KtapLine::Plan(_) | KtapLine::Result(_) | KtapLine::Heading))) => {
            Some((depth + 2 + further, line))
        }
        _ => Some((depth, KtapLine::Diagnostic(inside.trim_start_matches(['#', ' ']).trim()))),
    }
}

impl Test {
    /// Returns the test of this name, here or below.
    pub(super) fn find<'a>(tests: &'a [Test], name: &str) -> Option<&'a Test> {
        let here = tests.iter().find(|test| test.check.name == name);
        here.or_else(|| tests.iter().find_map(|test| Self::find(&test.subtests, name)))
    }

    /// Why this result is not whole, if it is not: subtests that were planned are not there.
    pub(crate) fn incomplete(&self) -> Option<String> {
        if self.has_no_tests() {
            return Some(format!("{} has no tests (NO_TESTS)", self.check.name));
        }
        if let Some(why) = self.subtests.iter().find_map(Self::incomplete) {
            return Some(why);
        }
        let (there, planned) = (&self.subtests, self.planned?);
        // The plan is the guest's word: nothing may be made in its size.
        (!there.iter().map(|test| test.check.number).eq(1..=planned))
            .then(|| format!("{} plans {planned} results, {} are there", self.check.name, there.len()))
    }

    /// Returns whether it is a suite of nothing, which is no success; one that was skipped says why.
    fn has_no_tests(&self) -> bool {
        self.subtests.is_empty() && (self.headed || self.planned == Some(0)) && !self.check.skipped()
    }

    /// Counts the results that have no others below.
    pub(crate) fn checks(&self) -> Checks {
        if self.has_no_tests() && self.check.ok {
            return Checks::default();
        }
        if self.subtests.is_empty() {
            return self.check.counted();
        }
        self.check.with(self.subtests.iter().map(Self::checks).sum())
    }

    /// Returns the first failing result that no other is to blame for, if this one fails.
    pub(super) fn culprit(&self) -> Option<&Test> {
        let fails = |test: &Test| test.checks().failed > 0 || test.check.counted().failed > 0;
        if !fails(self) {
            return None;
        }
        Some(self.subtests.iter().find_map(Self::culprit).unwrap_or(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Linux 6.1.192 printed on a MIPS machine.
    const KUNIT: &str = "clk: Disabling unused clocks\nKTAP version 1\n1..1\n    KTAP version 1\n    \
        # Subtest: kprobes_test\n    1..4\n    ok 1 test_kprobe\n    ok 2 test_kprobes\n    ok 3 test_kretprobe\n    \
        ok 4 test_kretprobes\n# kprobes_test: pass:4 fail:0 skip:0 total:4\n\
        # Totals: pass:4 fail:0 skip:0 total:4\nok 1 kprobes_test\n\
        Freeing unused kernel image (initmem) memory: 284K\n";

    /// What it printed when slots were not flushed, traces shortened; `random:` and the warning are others' words.
    const FAILING: &str = "KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: kprobes_test\n    1..4\n\
        random: crng init done\n    # test_kprobe: try timed out\n    # test_kprobe: test case timed out\n    \
        not ok 1 test_kprobe\n------------[ cut here ]------------\n\
        WARNING: CPU: 0 PID: 19 at kernel/kprobes.c:1532 register_kprobe+0x534/0x674\n\
        ---[ end trace 0000000000000000 ]---\n    \
        # test_kprobes: EXPECTATION FAILED at lib/test_kprobes.c:124\n    \
        Expected 0 == register_kprobes(kps, 2), but\n        register_kprobes(kps, 2) == -22\n    \
        not ok 2 test_kprobes\n    ok 3 test_kretprobe\n    not ok 4 test_kretprobes\n\
        # kprobes_test: pass:1 fail:3 skip:0 total:4\nnot ok 1 kprobes_test\n";

    /// What kselftest's runner.sh of that kernel makes of a test with two checks and of one that only ends well.
    const KSELFTEST: &str = "TAP version 13\n1..2\n# selftests: unit: demo\n# TAP version 13\n# 1..2\n# ok 1 first\n\
        # # why it failed\n# not ok 2 second\n# # Totals: pass:1 fail:1 xfail:0 xpass:0 skip:0 error:0\n\
        not ok 1 selftests: unit: demo # exit=1\n# selftests: unit: quiet\n# hello\nok 2 selftests: unit: quiet\n";

    fn checks(passed: u32, failed: u32, skipped: u32) -> Checks {
        Checks { passed, failed, skipped }
    }

    #[test]
    fn a_suite_of_kunit_is_its_subtests() {
        let tests = parse(KUNIT);
        let suite = Test::find(&tests, "kprobes_test").unwrap();
        let names: Vec<_> = suite.subtests.iter().map(|test| test.check.name.as_str()).collect();
        assert_eq!(names, ["test_kprobe", "test_kprobes", "test_kretprobe", "test_kretprobes"]);
        assert_eq!((suite.planned, suite.incomplete(), suite.checks()), (Some(4), None, checks(4, 0, 0)));
        assert!(suite.culprit().is_none());
        assert_eq!(Test::find(&tests, "test_kretprobe").unwrap().check.number, 3);
        assert!(Test::find(&tests, "list_test").is_none());
    }

    #[test]
    fn the_first_failing_subtest_is_to_blame_whatever_is_printed_in_between() {
        let tests = parse(FAILING);
        let suite = Test::find(&tests, "kprobes_test").unwrap();
        assert_eq!((suite.incomplete(), suite.checks()), (None, checks(1, 3, 0)));
        let culprit = suite.culprit().unwrap();
        assert_eq!(culprit.check.name, "test_kprobe");
        assert_eq!(culprit.said, ["test_kprobe: try timed out", "test_kprobe: test case timed out"]);
        assert_eq!(suite.subtests[1].said, ["test_kprobes: EXPECTATION FAILED at lib/test_kprobes.c:124"]);
    }

    #[test]
    fn what_kselftest_puts_behind_a_number_sign_is_nested_too() {
        let tests = parse(KSELFTEST);
        let names: Vec<_> =
            tests.iter().map(|test| (test.check.name.as_str(), test.subtests.len())).collect();
        assert_eq!(names, [("selftests: unit: demo", 2), ("selftests: unit: quiet", 0)]);
        assert_eq!((tests[0].incomplete(), tests[0].checks()), (None, checks(1, 1, 0)));
        let culprit = tests[0].culprit().unwrap();
        assert_eq!((culprit.check.name.as_str(), culprit.said.len()), ("second", 1), "{culprit:?}");
        assert!(tests[1].culprit().is_none());
    }

    #[test]
    fn both_styles_nest_in_each_other() {
        let prefixed: String = KUNIT.lines().map(|line| format!("# {line}\n")).collect();
        let tests = parse(&format!("TAP version 13\n1..1\n{prefixed}ok 1 boot\n"));
        assert_eq!(tests.len(), 1, "{tests:?}");
        assert_eq!(tests[0].checks(), checks(4, 0, 0));
        assert_eq!(Test::find(&tests, "kprobes_test").unwrap().subtests.len(), 4);
        let two_blanks = KUNIT.replace("    ", "  ");
        assert_eq!(parse(&two_blanks), parse(KUNIT));
        let older =
            KUNIT.replace("KTAP version 1", "TAP version 14").replace("1 test_kprobe\n", "1 - test_kprobe\n");
        assert_eq!(parse(&older), parse(KUNIT));
    }

    #[test]
    fn what_printk_puts_before_a_line_does_not_count() {
        let timed = |stamp: &str| KUNIT.lines().map(|line| format!("{stamp}{line}\r\n")).collect::<String>();
        for stamp in ["[    0.123456] ", "[   12.000001][    T1] ", "<6>[    0.123456] ", "<6>"] {
            assert_eq!(parse(&timed(stamp)), parse(KUNIT), "{stamp}");
        }
        assert_eq!(plain("[not a time] ok 1 x"), "[not a time] ok 1 x");
    }

    #[test]
    fn a_result_that_is_lost_is_missed() {
        let lost = KUNIT.replace("    ok 2 test_kprobes\n", "    ok 2 rand");
        let tests = parse(&lost);
        let suite = Test::find(&tests, "kprobes_test").unwrap();
        assert_eq!(suite.incomplete().unwrap(), "kprobes_test plans 4 results, 3 are there");
    }

    #[test]
    fn a_suite_without_tests_is_no_success() {
        for none in
            ["    # Subtest: a\n    1..0\nok 1 a\n", "    1..0\nok 1 a\n", "    KTAP version 1\nok 1 a\n"]
        {
            let tests = parse(&format!("KTAP version 1\n1..1\n{none}"));
            let said = (tests[0].incomplete(), tests[0].checks());
            assert_eq!(said, (Some("a has no tests (NO_TESTS)".into()), checks(0, 0, 0)), "{none}");
        }
        let skipped = parse("KTAP version 1\n1..1\n    1..0 # SKIP no a\nok 1 a # SKIP no a\n");
        assert_eq!((skipped[0].incomplete(), skipped[0].checks()), (None, checks(0, 0, 1)));
    }

    #[test]
    fn skipped_subtests_are_counted_apart() {
        let skipped = KUNIT.replace("ok 3 test_kretprobe", "ok 3 test_kretprobe # SKIP no rethook");
        assert_eq!(parse(&skipped)[0].checks(), checks(3, 0, 1));
    }
}
