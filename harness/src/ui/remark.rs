// SPDX-License-Identifier: GPL-2.0-or-later
//! What is said of trials as they come: the first failures, and how many of each outcome there were.

use std::fmt;

use crate::run::Event;
use crate::trial::line::{Outcome, TrialLine};

use super::Verbosity;

/// How many failures are shown as they come, unless all are asked for; the report has them all.
const FIRST_FAILURES: usize = 5;

/// Counts trials, and says a few words of those that did not pass.
#[derive(Debug)]
pub(super) struct Remarks {
    verbosity: Verbosity,
    baseline: Option<String>,
    shown: usize,
    baseline_shown: bool,
    passes: usize,
    failures: usize,
    of_baseline: usize,
    unknown: usize,
}

/// A trial in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remark {
    pub(super) text: String,
    pub(super) tone: RemarkTone,
}

/// How a remark is meant, for colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RemarkTone {
    /// A failure.
    Bad,
    /// A trial that says nothing.
    Doubtful,
    /// What is no news.
    Faint,
}

impl Remarks {
    pub(super) fn new(verbosity: Verbosity, baseline: Option<&str>) -> Self {
        Self {
            verbosity,
            baseline: baseline.map(str::to_owned),
            shown: 0,
            baseline_shown: false,
            passes: 0,
            failures: 0,
            of_baseline: 0,
            unknown: 0,
        }
    }

    /// Counts a trial; returns what there is to say of it: nothing of one that passed, nor of one more of too many.
    pub(super) fn of(&mut self, line: &TrialLine) -> Option<Remark> {
        let is_baseline = self.baseline.as_ref() == Some(&line.id.variant);
        let (what, tone) = match line.outcome {
            Outcome::Pass => {
                self.passes += 1;
                return None;
            }
            Outcome::Fail { symptom } => {
                self.failures += 1;
                self.of_baseline += usize::from(is_baseline);
                (format!("fail, {}", symptom.name()), RemarkTone::Bad)
            }
            Outcome::Unknown { cause } => {
                self.unknown += 1;
                (format!("unknown, {}", cause.name()), RemarkTone::Doubtful)
            }
        };
        let detail = line.detail.as_ref().map(|detail| format!(": {}", detail.text)).unwrap_or_default();
        let text = format!("{}: {what}{}", line.id, printable(&detail));
        let remark = Some(Remark { text, tone });
        if self.verbosity == Verbosity::Verbose {
            return remark;
        }
        if is_baseline && tone == RemarkTone::Bad {
            let first = !std::mem::replace(&mut self.baseline_shown, true);
            let text = format!("{}, as the baseline should: {what}", line.id);
            return first.then_some(Remark { text, tone: RemarkTone::Faint });
        }
        self.shown += 1;
        match self.shown {
            ..=FIRST_FAILURES => remark,
            n if n == FIRST_FAILURES + 1 => {
                Some(Remark { text: "... and more, which the report shows".into(), tone: RemarkTone::Faint })
            }
            _ => None,
        }
    }
}

/// The counts, as in `12 pass, 5 fail (4 of unfixed, the baseline), 1 unknown`.
impl fmt::Display for Remarks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pass, {} fail", self.passes, self.failures)?;
        if let (Some(baseline), 1..) = (&self.baseline, self.of_baseline) {
            write!(f, " ({} of {baseline}, the baseline)", self.of_baseline)?;
        }
        if self.unknown > 0 {
            write!(f, ", {} unknown", self.unknown)?;
        }
        Ok(())
    }
}

/// What is said of a cell that has ended.
pub(super) fn cell(event: Event<'_>) -> Option<String> {
    let Event::Cell { cell, trials, passes, unknown, symptoms } = event else { return None };
    let mut text = format!("{cell}: {passes} of {trials} pass");
    if !symptoms.is_empty() {
        text += &format!(", {symptoms}");
    }
    if unknown > 0 {
        text += &format!(", {unknown} unknown");
    }
    Some(text)
}

/// Guest output is not ours: control characters could do anything to a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
