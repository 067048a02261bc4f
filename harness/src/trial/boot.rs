// SPDX-License-Identifier: GPL-2.0-or-later
//! From a console to the result of a test that the kernel itself ran while it booted: pure.

use super::classify::{ClassifiedOutcome, failed, unknown};
use super::ktap::{self, Test};
use super::line::{Cause, Checks, Outcome, Symptom};
use crate::plan::ResultSource;

/// How the kernel's banner begins (`linux_banner`, init/version.c), and what the guest's init says first.
const BANNER: &str = "Linux version ";
const READY: &str = "patcheval: READY";

/// How much of what a failing test said is repeated.
const SAID: usize = 300;

/// Returns what came of the test, and the counts of its checks.
pub(super) fn judge(console: &str, source: &ResultSource) -> (ClassifiedOutcome, Checks) {
    match source {
        ResultSource::Kunit { suite } => kunit(console, suite),
        ResultSource::Init => init(console),
        ResultSource::Said { begins, passes, fails } => said(console, begins, passes, fails),
        ResultSource::Initcall { function } => initcall(console, function),
    }
}

/// No result, and why.
fn no_result(why: impl Into<String>) -> (ClassifiedOutcome, Checks) {
    (unknown(Cause::BadOutput, why), Checks::default())
}

fn one(passed: bool) -> Checks {
    Checks { passed: passed.into(), failed: (!passed).into(), skipped: 0 }
}

fn kunit(console: &str, suite: &str) -> (ClassifiedOutcome, Checks) {
    let tests = ktap::parse(console);
    let Some(test) = Test::find(&tests, suite) else {
        return no_result(format!("no result of {suite} on the console"));
    };
    let checks = test.checks();
    if let Some(culprit) = test.culprit() {
        let said = format!("{}: {}", culprit.check.name, culprit.said.join(": "));
        return (failed(Symptom::WrongResult, shortened(&said)), checks);
    }
    if let Some(why) = test.incomplete() {
        return (unknown(Cause::BadOutput, why), checks);
    }
    // A test that skips a part of itself where that makes no sense has still been made.
    match checks.passed {
        0 => (unknown(Cause::Skipped, format!("{suite}: {}", test.check.note)), checks),
        _ => ((Outcome::Pass, None), checks),
    }
}

/// Where a line says something of a test.
#[derive(Clone, Copy)]
enum Word {
    Begins,
    Passes,
    Fails,
}

/// Tests that each say something as they begin and as they end. What ends one may stand on the same line or on a later one,
/// where somebody else spoke in between.
fn said(console: &str, begins: &str, passes: &[String], fails: &[String]) -> (ClassifiedOutcome, Checks) {
    let ends = |texts: &'_ [String], word: Word| {
        texts.iter().map(move |text| (text.clone(), word)).collect::<Vec<_>>()
    };
    let words =
        [vec![(begins.to_owned(), Word::Begins)], ends(passes, Word::Passes), ends(fails, Word::Fails)]
            .concat();
    let mut checks = Checks::default();
    let mut failure: Option<String> = None;
    // The name of the test that has begun and not ended, and what was said since.
    let mut open: Option<String> = None;
    for line in console.lines().map(ktap::plain) {
        let mut rest = line;
        loop {
            let find = |text: &str, word: Word| match word {
                // Only at the start of a line: ARM says "CPU: Testing write buffer coherency: ok".
                Word::Begins => (rest.len() == line.len() && rest.starts_with(text)).then_some(0),
                Word::Passes | Word::Fails => rest.find(text),
            };
            let next = words.iter().filter_map(|(text, word)| Some((find(text, *word)?, text, *word)));
            let Some((at, text, word)) = next.min_by_key(|(at, ..)| *at) else { break };
            match (word, open.take()) {
                (Word::Begins, None) => open = Some(line.trim().to_owned()),
                (Word::Begins, Some(name)) => return no_result(format!("no result of: {name}")),
                (Word::Passes, Some(_)) => checks.passed += 1,
                (Word::Fails, Some(said)) => {
                    checks.failed += 1;
                    failure.get_or_insert(said);
                }
                // Not of a test: noise.
                (Word::Passes | Word::Fails, None) => {}
            }
            rest = &rest[at + text.len()..];
        }
        if let Some(said) = open.as_mut().filter(|said| said.as_str() != line.trim() && said.len() < SAID) {
            *said = format!("{said}; {}", line.trim());
        }
    }
    match (open, failure, checks.passed) {
        (_, Some(said), _) => (failed(Symptom::WrongResult, shortened(&said)), checks),
        (Some(name), None, _) => {
            (unknown(Cause::BadOutput, format!("no result of: {}", shortened(&name))), checks)
        }
        (None, None, 0) => no_result(format!("nothing on the console begins with `{begins}`")),
        (None, None, _) => ((Outcome::Pass, None), checks),
    }
}

/// An initcall that warns if something is wrong, and says nothing else; the kernel's command line makes it say when it calls which.
fn initcall(console: &str, function: &str) -> (ClassifiedOutcome, Checks) {
    let (begin, end) = (format!("calling  {function}+"), format!("initcall {function}+"));
    let mut lines = console.lines().map(ktap::plain);
    if !lines.any(|line| line.starts_with(&begin)) {
        return no_result(format!("the console does not say that {function} was called"));
    }
    let mut warning = None;
    for line in lines {
        if line.starts_with(&end) {
            let fine = warning.is_none() && line.contains(" returned 0 after ");
            return match fine {
                true => ((Outcome::Pass, None), one(true)),
                false => (failed(Symptom::WrongResult, warning.unwrap_or(line)), one(false)),
            };
        }
        if line.starts_with("WARNING: ") {
            warning = warning.or(Some(line));
        }
    }
    no_result(format!("the console does not say that {function} returned"))
}

/// The boot itself. A kernel that dies on its way, or never gets there, is recognised before this.
fn init(console: &str) -> (ClassifiedOutcome, Checks) {
    let mut begun = 0;
    for line in console.lines().map(ktap::plain) {
        match () {
            () if line.starts_with(BANNER) => begun += 1,
            () if line.starts_with(READY) && begun == 1 => return ((Outcome::Pass, None), one(true)),
            () => {}
        }
    }
    match begun {
        0 => no_result("the kernel's banner is not on the console"),
        1 => no_result("the kernel did not come to its first process"),
        _ => no_result(format!("the kernel has begun {begun} times")),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SAID) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Linux 6.1.192 printed on a MIPS machine; the first line is from an ARM machine.
    const FTRACE: &str = "CPU: Testing write buffer coherency: ok\nRunning postponed tracer tests:\nTesting tracer function: PASSED\n\
        Testing dynamic ftrace: PASSED\nTesting dynamic ftrace ops #1: \n(1 0 1 0 0) \n(1 1 2 0 0) \n\
        (3 3 5 0 77138) PASSED\nTesting ftrace recursion: PASSED\n\
        Testing ftrace regs(no arch support): PASSED\nTesting tracer function_graph: PASSED\n\
        clocksource: Switched to clocksource MIPS\nTesting ftrace filter: OK\n";
    const STATIC_KEYS: &str = "calling  irq_work_init_threads+0x0/0x8 @ 1\n\
        initcall irq_work_init_threads+0x0/0x8 returned 0 after 0 usecs\ncalling  jump_label_test+0x0/0x220 @ 1\n\
        initcall jump_label_test+0x0/0x220 returned 0 after 0 usecs\ncalling  jump_label_init_module+0x0/0x1c @ 1\n";

    fn ftrace() -> ResultSource {
        let passes = vec!["PASSED".to_owned(), "OK".to_owned()];
        ResultSource::Said { begins: "Testing ".into(), passes, fails: vec!["FAILED".into()] }
    }

    /// What came of a test, in words, and its counts.
    fn result(console: &str, source: &ResultSource) -> (String, u32, u32) {
        let ((outcome, detail), checks) = judge(console, source);
        let text = detail.map_or_else(String::new, |detail| format!(": {}", detail.text));
        let outcome = match outcome {
            Outcome::Pass => "pass",
            Outcome::Fail { symptom } => symptom.name(),
            Outcome::Unknown { cause } => cause.name(),
        };
        (format!("{outcome}{text}"), checks.passed, checks.failed)
    }

    #[test]
    fn tests_that_say_how_they_end_are_counted() {
        assert_eq!(result(FTRACE, &ftrace()), ("pass".into(), 7, 0));
        let stamped: String = FTRACE.lines().map(|line| format!("[    0.523456] {line}\n")).collect();
        assert_eq!(result(&stamped, &ftrace()), ("pass".into(), 7, 0));
        let torn = FTRACE.replace("function_graph: ", "function_graph: \nrandom: crng init done\n");
        assert_eq!(result(&torn, &ftrace()), ("pass".into(), 7, 0));
        let failing = FTRACE.replace("recursion: PASSED", "recursion: *callback not called once* FAILED!");
        let what = "wrong-result: Testing ftrace recursion: *callback not called once* FAILED!";
        assert_eq!(result(&failing, &ftrace()), (what.into(), 6, 1));
    }

    #[test]
    fn a_test_without_an_end_is_unknown() {
        let open = FTRACE.replace("Testing tracer function_graph: PASSED", "Testing tracer function_graph: ");
        let (what, ..) = result(&open, &ftrace());
        assert_eq!(
            what,
            "bad-output: no result of: Testing tracer function_graph:; clocksource: Switched to clocksource MIPS"
        );
        let last = FTRACE.replace("filter: OK", "filter: ");
        assert_eq!(result(&last, &ftrace()).0, "bad-output: no result of: Testing ftrace filter:");
        assert_eq!(
            result("Run /init\n", &ftrace()).0,
            "bad-output: nothing on the console begins with `Testing `"
        );
    }

    #[test]
    fn a_silent_initcall_passes_by_what_the_kernel_says_around_it() {
        let keys = ResultSource::Initcall { function: "jump_label_test".into() };
        assert_eq!(result(STATIC_KEYS, &keys), ("pass".into(), 1, 0));
        let warning = "WARNING: CPU: 0 PID: 1 at kernel/jump_label.c:890 jump_label_test+0x104/0x220";
        let at = STATIC_KEYS.find("initcall jump_label_test").unwrap();
        let warned = format!("{}[    0.1] {warning}\n{}", &STATIC_KEYS[..at], &STATIC_KEYS[at..]);
        assert_eq!(result(&warned, &keys), (format!("wrong-result: {warning}"), 0, 1));
        // Another's warning, before or after.
        assert_eq!(result(&format!("{warning}\n{STATIC_KEYS}{warning}\n"), &keys).0, "pass");
        assert!(result(&STATIC_KEYS[..at], &keys).0.ends_with("does not say that jump_label_test returned"));
        assert!(result("Run /init\n", &keys).0.ends_with("does not say that jump_label_test was called"));
        let refused = STATIC_KEYS
            .replace("jump_label_test+0x0/0x220 returned 0", "jump_label_test+0x0/0x220 returned -22");
        assert!(result(&refused, &keys).0.starts_with("wrong-result: initcall jump_label_test"));
    }

    #[test]
    fn a_boot_passes_when_the_first_process_runs() {
        let whole = "[    0.000000] Linux version 6.1.192 (gcc)\n[    0.5] Run /init as init process\npatcheval: READY\n";
        let of = |console: &str| result(console, &ResultSource::Init);
        assert_eq!(of(whole), ("pass".into(), 1, 0));
        let stuck = "Linux version 6.1.192 (gcc)\nRun /init as init process\n";
        assert_eq!(of(stuck).0, "bad-output: the kernel did not come to its first process");
        assert_eq!(of("patcheval: READY\n").0, "bad-output: the kernel's banner is not on the console");
        assert_eq!(of(&format!("{stuck}{whole}")).0, "bad-output: the kernel has begun 2 times");
    }

    #[test]
    fn a_suite_is_believed_when_it_is_whole() {
        let suite = ResultSource::Kunit { suite: "kprobes_test".into() };
        let whole = "KTAP version 1\n1..1\n    # Subtest: kprobes_test\n    1..2\n    ok 1 a\n    ok 2 b # SKIP no b\n\
            ok 1 kprobes_test\n";
        assert_eq!(result(whole, &suite), ("pass".into(), 1, 0));
        assert_eq!(
            result(&whole.replace("    ok 1 a\n", ""), &suite).0,
            "bad-output: kprobes_test plans 2 results, 1 are there"
        );
        let failing = whole.replace("ok 1 a", "# a: EXPECTATION FAILED at b.c:1\n    not ok 1 a");
        assert_eq!(
            result(&failing, &suite),
            ("wrong-result: a: a: EXPECTATION FAILED at b.c:1".into(), 0, 1)
        );
        let skipped = whole.replace("ok 1 a", "ok 1 a # SKIP no a").replace("test\n", "test # SKIP no\n");
        assert_eq!(result(&skipped, &suite).0, "skipped: kprobes_test: SKIP no");
        assert_eq!(result("", &suite).0, "bad-output: no result of kprobes_test on the console");
    }
}
