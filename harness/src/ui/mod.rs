// SPDX-License-Identifier: GPL-2.0-or-later
//! Shows a run while it goes on: bars on a terminal, plain lines elsewhere. Everything goes to standard
//! error, but for events as JSON.

mod bars;
mod json;
mod lines;

use std::io::{IsTerminal, Write, stderr};

use crate::error::{Error, Kind};
use crate::run::Event;
use crate::trial::line::{Outcome, TrialLine};

use bars::Bars;
use lines::Lines;

pub use json::Json;

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Warnings only.
    Quiet,
    /// Stages, long steps and the first failures.
    Normal,
    /// Every step and every failure.
    Verbose,
}

/// Shows events.
#[derive(Debug)]
pub enum Display {
    /// Bars that are redrawn.
    Bars(Bars),
    /// One line after the other.
    Lines(Lines),
}

impl Display {
    /// Returns the display that suits standard error.
    pub fn new(verbosity: Verbosity) -> Self {
        if stderr().is_terminal() && verbosity > Verbosity::Quiet {
            Self::Bars(Bars::new(verbosity))
        } else {
            Self::Lines(Lines::new(verbosity))
        }
    }

    /// Shows one event.
    pub fn show(&mut self, event: Event<'_>) {
        match self {
            Self::Bars(bars) => bars.show(event),
            Self::Lines(lines) => lines.show(event),
        }
    }

    /// Takes what is drawn off the screen: the result comes next, or an error.
    pub fn finish(&mut self) {
        if let Self::Bars(bars) = self {
            bars.finish();
        }
    }
}

/// How many failures are shown as they come, unless all are asked for; the report has them all.
const FIRST_FAILURES: usize = 5;

/// Says in one line how a trial did not pass; `None` for one that need not be shown, being the `shown`th of its kind.
fn remark(line: &TrialLine, shown: usize, verbosity: Verbosity) -> Option<String> {
    let what = match line.outcome {
        Outcome::Pass => return None,
        Outcome::Fail { symptom } => format!("fail, {}", symptom.name()),
        Outcome::Unknown { cause } => format!("unknown, {}", cause.name()),
    };
    if verbosity < Verbosity::Verbose && shown >= FIRST_FAILURES {
        return None;
    }
    let detail = line.detail.as_ref().map(|detail| format!(": {}", detail.text)).unwrap_or_default();
    Some(format!("{}: {what}{}", line.id, printable(&detail)))
}

/// Guest output is not ours: control characters could do anything to a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Prints a line on standard error. A reader that has gone away is no reason to stop.
pub(crate) fn say(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}

/// Prints an error with its hints.
pub fn error(error: &Error) {
    let label = if error.kind() == Kind::Internal { "bug in patcheval" } else { "error" };
    say(&format!("{label}: {error}"));
    for hint in error.hints() {
        say(&format!("hint: {hint}"));
    }
}
