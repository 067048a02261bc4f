// SPDX-License-Identifier: GPL-2.0-or-later
//! Reads the guest's KTAP out of a console on which the kernel talks too.
//!
//! Format: `Documentation/dev-tools/ktap.rst`, version 1. Unknown lines are noise and passed over; what counts is that the
//! plan is complete, each number appears once, and the output ends where the guest says it does.

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
}

impl Check {
    fn skipped(&self) -> bool {
        self.note.to_ascii_uppercase().starts_with("SKIP")
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
    /// From the plan line, `1..N`.
    pub planned: Option<u32>,
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
        for line in console.lines().map(str::trim_end) {
            let line = line.trim_start();
            if let Some(status) = line.strip_prefix(END) {
                if output.ends == 0 {
                    output.end = u32::from_str_radix(status.trim_start_matches("0x"), 16).ok();
                }
                output.ends += 1;
            } else if output.ends > 0 {
                continue;
            } else if line.starts_with("KTAP version") {
                started = true;
            } else if !started {
                continue;
            } else if let Some(count) = line.strip_prefix("1..").and_then(|count| count.parse().ok()) {
                output.planned.get_or_insert(count);
            } else if let Some(diagnostic) = line.strip_prefix("# ") {
                pending = symptom(diagnostic).or(pending);
            } else if let Some(mut check) = result(line) {
                check.symptom = pending.take();
                output.results.push(check);
            }
        }
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
        let mut numbers: Vec<u32> = self.results.iter().map(|check| check.number).collect();
        numbers.sort_unstable();
        // The plan is the guest's word: nothing may be made in its size.
        (!numbers.iter().copied().eq(1..=planned))
            .then(|| format!("KTAP plans {planned} results, {} are there", numbers.len()))
    }

    /// Counts results.
    pub fn checks(&self) -> Checks {
        self.results.iter().map(Check::counted).sum()
    }

    /// The first failing check, as symptom and detail.
    pub fn failure(&self) -> Option<(Symptom, Detail)> {
        let check = self.results.iter().find(|check| !check.ok && !check.skipped())?;
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

    #[test]
    fn a_failure_without_symptom_is_a_wrong_result() {
        let output = Output::parse("KTAP version 1\n1..1\nnot ok 1 - sum\npatcheval: END status=1\n");
        assert_eq!(output.failure().unwrap().0, Symptom::WrongResult);
        assert_eq!(output.results[0].name, "sum");
    }
}
