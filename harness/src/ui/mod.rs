// SPDX-License-Identifier: GPL-2.0-or-later
//! Shows a run while it goes on: bars on a terminal, plain lines elsewhere. Everything goes to standard
//! error, but for events as JSON.

mod bars;
mod json;
mod lines;
mod remark;
#[cfg(test)]
mod tests;

use std::io::{IsTerminal, Write, stderr};

use crate::error::{Error, ErrorKind};
use crate::run::Event;

use bars::Bars;
use lines::PlainLines;
use remark::Remarks;

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
    Bars(Box<Bars>),
    /// One line after the other.
    Lines(PlainLines),
}

impl Display {
    /// Returns the display that suits standard error. Trials of the variant `baseline`, if there is one, are meant to fail.
    pub fn new(verbosity: Verbosity, colour: bool, baseline: Option<&str>) -> Self {
        let remarks = Remarks::new(verbosity, baseline);
        if stderr().is_terminal() && verbosity > Verbosity::Quiet {
            console::set_colors_enabled_stderr(colour);
            Self::Bars(Box::new(Bars::new(verbosity, remarks)))
        } else {
            Self::Lines(PlainLines::new(verbosity, remarks))
        }
    }

    /// Shows what is about to be done.
    pub fn headline(&mut self, text: &str) {
        match self {
            Self::Bars(bars) => bars.headline(text),
            Self::Lines(lines) => lines.headline(text),
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

/// Prints a line on standard error. A reader that has gone away is no reason to stop.
pub(crate) fn say(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}

/// Prints an error with its hints.
pub fn error(error: &Error) {
    let label = if error.kind() == ErrorKind::Internal { "bug in patcheval" } else { "error" };
    say(&format!("{label}: {error}"));
    for hint in error.hints() {
        say(&format!("hint: {hint}"));
    }
}
