// SPDX-License-Identifier: GPL-2.0-or-later
//! Reads the guest's KTAP out of a console on which the kernel talks too.
//!
//! Format: `Documentation/dev-tools/ktap.rst`, version 1, and what `tools/testing/selftests/kselftest.h` prints (TAP version
//! 13). Unknown lines are noise and passed over; what counts is that the plan is complete, each number appears once, and the
//! output ends where the guest says it does. Results that are further to the right belong to the next one that is not, and
//! have a plan of their own.

use super::line::{Checks, Detail, Symptom};

/// One result line, with the diagnostics before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// `ok` rather than `not ok`.
    pub ok: bool,
    /// Number in the plan.
    pub number: u32,
    /// Name of the check.
    pub name: String,
    /// What stands behind `#`.
    pub note: String,
    /// `# symptom=` lines before it, as (symptom, pc, in the XOL page, whole line).
    pub symptom: Option<(Symptom, Detail)>,
    /// The results that it consists of.
    pub below: Vec<Check>,
    /// How many of them were planned, if that was said.
    pub planned: Option<u32>,
}

impl Check {
    /// Returns whether it was skipped.
    pub(super) fn skipped(&self) -> bool {
        self.note.to_ascii_uppercase().starts_with("SKIP")
    }

    /// Counts the results that have no others below.
    fn checks(&self) -> Checks {
        if self.below.is_empty() {
            self.counted()
        } else {
            self.with(self.below.iter().map(Self::checks).sum())
        }
    }

    /// Returns the first failing result that no other is to blame for, if this one fails.
    fn culprit(&self) -> Option<&Check> {
        self.below.iter().find_map(Self::culprit).or((!self.ok && !self.skipped()).then_some(self))
    }

    /// Why it is not whole, if it is not.
    fn incomplete(&self) -> Option<String> {
        let own = self.planned.and_then(|planned| incomplete(planned, &self.below));
        own.map(|why| format!("{}: {why}", self.name))
            .or_else(|| self.below.iter().find_map(Self::incomplete))
    }

    /// Returns what the results below it count, and itself where it fails though none of them does.
    pub(super) fn with(&self, below: Checks) -> Checks {
        if below.failed > 0 { below } else { Checks { failed: self.counted().failed, ..below } }
    }

    /// Returns this one check as a count.
    pub(super) fn counted(&self) -> Checks {
        let (passed, failed, skipped) = match (self.skipped(), self.ok) {
            (true, _) => (0, 0, 1),
            (_, true) => (1, 0, 0),
            (_, false) => (0, 1, 0),
        };
        Checks { passed, failed, skipped }
    }
}

/// What the console says about a trial.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// From the outermost plan line, `1..N`.
    pub planned: Option<u32>,
    /// What stands behind `#` in a plan of no tests, `1..0 # SKIP why`.
    pub note: String,
    /// Why the program gave up, if it did (`Bail out! why`).
    pub bailed: Option<String>,
    /// Results in the order in which they were printed.
    pub results: Vec<Check>,
    /// Status that `patcheval: END` gave, if it was printed.
    pub end: Option<u32>,
    /// How often it was printed. Init does so once; a second one says that one of them is somebody else's.
    pub ends: u32,
}

/// What init prints when it hands out no more work.
const END: &str = "patcheval: END status=";

impl Output {
    /// Reads a console.
    pub fn parse(console: &str) -> Self {
        let mut output = Self::default();
        let mut pending = None;
        let mut started = false;
        let mut results: Vec<(usize, Check)> = Vec::new();
        let mut plans: Vec<(usize, u32)> = Vec::new();
        for whole in console.lines().map(str::trim_end) {
            let line = whole.trim_start();
            let depth = whole.len() - line.len();
            if let Some(status) = line.strip_prefix(END) {
                if output.ends == 0 {
                    output.end = u32::from_str_radix(status.trim_start_matches("0x"), 16).ok();
                }
                output.ends += 1;
            } else if output.ends > 0 {
                continue;
            } else if line.starts_with("KTAP version ") || line.starts_with("TAP version ") {
                started = true;
            } else if !started {
                continue;
            } else if let Some((count, note)) = plan(line) {
                plans.push((depth, count));
                if count == 0 && output.note.is_empty() {
                    note.clone_into(&mut output.note);
                }
            } else if let Some(why) = line.strip_prefix("Bail out!") {
                output.bailed.get_or_insert_with(|| why.trim().to_owned());
            } else if let Some(diagnostic) = line.strip_prefix("# ") {
                pending = symptom(diagnostic).or(pending);
            } else if let Some(mut check) = result(line) {
                check.symptom = pending.take();
                let first = results.iter().rposition(|(other, _)| *other <= depth).map_or(0, |last| last + 1);
                check.below = results.split_off(first).into_iter().map(|(_, below)| below).collect();
                check.planned = plans.iter().rev().find(|(other, _)| *other > depth).map(|(_, count)| *count);
                plans.retain(|(other, _)| *other <= depth);
                results.push((depth, check));
            }
        }
        output.planned = plans.iter().rev().min_by_key(|(depth, _)| *depth).map(|(_, count)| *count);
        output.results = results.into_iter().map(|(_, check)| check).collect();
        output
    }

    /// Says so if the guest did not come to its end.
    pub fn unfinished(&self) -> Option<String> {
        self.end.is_none().then(|| "the console ends before the guest's END line".into())
    }

    /// Why the output is not whole, if it is not.
    pub fn incomplete(&self) -> Option<String> {
        if self.ends > 1 {
            return Some(format!("{} END lines on the console, though init prints one", self.ends));
        }
        let planned = match (self.end, self.planned) {
            (None, _) => return self.unfinished(),
            (_, None) => return Some("no KTAP plan on the console".into()),
            (_, Some(planned)) => planned,
        };
        incomplete(planned, &self.results).or_else(|| self.results.iter().find_map(Check::incomplete))
    }

    /// Returns whether all was skipped before there was a plan: `1..0 # SKIP why`.
    pub fn skipped(&self) -> bool {
        self.planned == Some(0)
            && self.results.is_empty()
            && self.note.to_ascii_uppercase().starts_with("SKIP")
    }

    /// Returns the number of the signal that killed the testcase, if one did.
    pub fn signal(&self) -> Option<u32> {
        // The low seven bits of what wait(2) returns; a status of 0x7f is that of a stopped process.
        self.end.map(|status| status & 0x7f).filter(|signal| (1..0x7f).contains(signal))
    }

    /// Counts results.
    pub fn checks(&self) -> Checks {
        self.results.iter().map(Check::checks).sum()
    }

    /// The first failing check, as symptom and detail.
    pub fn failure(&self) -> Option<(Symptom, Detail)> {
        let check = self.results.iter().find_map(Check::culprit)?;
        let text = if check.note.is_empty() {
            check.name.clone()
        } else {
            format!("{}: {}", check.name, check.note)
        };
        let (symptom, detail) =
            check.symptom.clone().unwrap_or_else(|| (Symptom::WrongResult, Detail::default()));
        let text = if detail.text.is_empty() { text } else { format!("{text} ({})", detail.text) };
        Some((symptom, Detail { text, ..detail }))
    }
}

/// Why results do not fit their plan, if so.
fn incomplete(planned: u32, results: &[Check]) -> Option<String> {
    let mut numbers: Vec<u32> = results.iter().map(|check| check.number).collect();
    numbers.sort_unstable();
    // The plan is the guest's word: nothing may be made in its size.
    (!numbers.iter().copied().eq(1..=planned))
        .then(|| format!("KTAP plans {planned} results, {} are there", numbers.len()))
}

/// `1..N`, or `1..0 # SKIP why`: the count, and what is behind `#`.
fn plan(line: &str) -> Option<(u32, &str)> {
    let (count, note) = line.strip_prefix("1..")?.split_once('#').unwrap_or((&line[3..], ""));
    Some((count.trim().parse().ok()?, note.trim()))
}

/// `symptom=SIGILL pc=0x... xol=yes ...`.
fn symptom(diagnostic: &str) -> Option<(Symptom, Detail)> {
    let mut words = diagnostic.split_whitespace();
    let symptom = Symptom::parse(words.next()?.strip_prefix("symptom=")?)?;
    let mut detail = Detail::default();
    let mut others = Vec::new();
    for word in words {
        match word.split_once('=') {
            Some(("pc", pc)) => detail.pc = u64::from_str_radix(pc.trim_start_matches("0x"), 16).ok(),
            Some(("xol", answer)) => detail.in_xol = Some(answer == "yes"),
            _ => others.push(word),
        }
    }
    detail.text = others.join(" ");
    Some((symptom, detail))
}

/// `ok 1 name # note` or `not ok 1 - name # note`.
pub(super) fn result(line: &str) -> Option<Check> {
    let (ok, rest) = match line.strip_prefix("not ok ") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("ok ")?),
    };
    let (number, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let (name, note) = rest.split_once('#').unwrap_or((rest, ""));
    Some(Check {
        ok,
        number: number.parse().ok()?,
        name: name.trim().trim_start_matches("- ").to_owned(),
        note: note.trim().to_owned(),
        symptom: None,
        below: Vec::new(),
        planned: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILING: &str = "Run /init as init process\npatcheval: READY\nKTAP version 1\n1..3\r\n\
        # symptom=SIGTRAP pc=0x77fcc084 xol=yes calls=1\nnot ok 1 return-1 # SIGTRAP\n\
        random: crng init done\nok 2 entry-hits-1\n\
        # symptom=lost-hit probe=t1_return expected=1 got=0\nnot ok 3 return-hits-1 # lost-hit\n\
        patcheval: END status=100\nreboot: Restarting system\n";

    #[test]
    fn the_first_failure_names_the_symptom() {
        let output = Output::parse(FAILING);
        assert_eq!(output.incomplete(), None);
        assert_eq!(output.checks(), Checks { passed: 1, failed: 2, skipped: 0 });
        let (symptom, detail) = output.failure().unwrap();
        assert_eq!(symptom, Symptom::Sigtrap);
        assert_eq!((detail.pc, detail.in_xol), (Some(0x77fc_c084), Some(true)));
        assert_eq!(detail.text, "return-1: SIGTRAP (calls=1)");
        assert_eq!(output.end, Some(0x100));
    }

    #[test]
    fn what_is_missing_is_said() {
        let cut = &FAILING[..FAILING.find("not ok 3").unwrap()];
        assert!(Output::parse(cut).incomplete().unwrap().contains("END line"));
        let lost = FAILING.replace("ok 2 entry-hits-1\n", "");
        assert_eq!(Output::parse(&lost).incomplete().unwrap(), "KTAP plans 3 results, 2 are there");
        let twice = FAILING.replace("ok 2 entry", "ok 1 entry");
        assert!(Output::parse(&twice).incomplete().is_some());
        assert!(Output::parse("patcheval: END status=0").incomplete().unwrap().contains("no KTAP plan"));
    }

    #[test]
    fn skips_are_neither_passes_nor_failures() {
        let output =
            Output::parse("KTAP version 1\n1..1\nok 1 x # SKIP no tracefs\npatcheval: END status=0\n");
        assert_eq!(output.checks(), Checks { passed: 0, failed: 0, skipped: 1 });
        assert_eq!(output.failure(), None);
    }

    /// The outcome of what kselftest.h prints, and of nested results.
    #[test]
    fn tap_13_and_nested_results_are_read() {
        let tap = Output::parse(
            "TAP version 13\n1..2\nok 1 one\n# Totals: pass:2\nok 2 two\npatcheval: END status=0\n",
        );
        assert_eq!((tap.incomplete(), tap.checks()), (None, Checks { passed: 2, failed: 0, skipped: 0 }));
        let nested = "KTAP version 1\n1..2\n    KTAP version 1\n    1..2\n    ok 1 a\n    # symptom=SIGILL\n    not ok 2 b\n\
            ok 1 one\nok 2 two\npatcheval: END status=0\n";
        let output = Output::parse(nested);
        assert_eq!((output.planned, output.results.len(), output.incomplete()), (Some(2), 2, None));
        assert_eq!(output.checks(), Checks { passed: 2, failed: 1, skipped: 0 });
        let (symptom, detail) = output.failure().unwrap();
        assert_eq!((symptom, detail.text.as_str()), (Symptom::Sigill, "b"));
        let lost = Output::parse(&nested.replace("    ok 1 a\n", ""));
        assert_eq!(lost.incomplete().unwrap(), "one: KTAP plans 2 results, 1 are there");
        let cut = Output::parse(&nested.replace("ok 1 one\n", ""));
        assert_eq!(cut.incomplete().unwrap(), "KTAP plans 2 results, 1 are there");
    }

    #[test]
    fn why_there_are_no_results_is_read() {
        let none = Output::parse("TAP version 13\n1..0 # SKIP no such hardware\npatcheval: END status=400\n");
        assert!(none.skipped() && none.incomplete().is_none());
        assert_eq!((none.note.as_str(), none.signal()), ("SKIP no such hardware", None));
        let bailed = Output::parse(
            "TAP version 13\n1..3\nok 1 a\nBail out! mmap: no memory\npatcheval: END status=8b\n",
        );
        assert_eq!((bailed.bailed.as_deref(), bailed.signal()), (Some("mmap: no memory"), Some(11)));
    }

    #[test]
    fn a_failure_without_symptom_is_a_wrong_result() {
        let output = Output::parse("KTAP version 1\n1..1\nnot ok 1 - sum\npatcheval: END status=1\n");
        assert_eq!(output.failure().unwrap().0, Symptom::WrongResult);
        assert_eq!(output.results[0].name, "sum");
    }
}
