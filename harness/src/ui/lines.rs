// SPDX-License-Identifier: GPL-2.0-or-later
//! The display where there is no terminal: a log of CI, a pipe.

use crate::run::{Event, Stage};

use super::remark::{Remarks, cell};
use super::{Verbosity, say};

/// Trials are reported each time another tenth of them is done.
const PARTS: usize = 10;

/// One line after the other.
#[derive(Debug)]
pub struct PlainLines {
    verbosity: Verbosity,
    remarks: Remarks,
    stage: Option<Stage>,
    steps: usize,
    done: usize,
}

impl PlainLines {
    pub(super) fn new(verbosity: Verbosity, remarks: Remarks) -> Self {
        Self { verbosity, remarks, stage: None, steps: 0, done: 0 }
    }

    pub(super) fn headline(&self, text: &str) {
        if self.verbosity >= Verbosity::Normal {
            say(text);
        }
    }

    pub(super) fn show(&mut self, event: Event<'_>) {
        for text in self.lines(event) {
            say(&text);
        }
    }

    /// Returns what is printed of an event.
    pub(super) fn lines(&mut self, event: Event<'_>) -> Vec<String> {
        let mut lines = Vec::new();
        let normal = self.verbosity >= Verbosity::Normal;
        match event {
            Event::Warning(text) => lines.push(format!("warning: {text}")),
            Event::Stage { stage, steps, done } => {
                (self.stage, self.steps, self.done) = (Some(stage), steps, done);
                if normal && steps > done {
                    let before = if done > 0 { format!(", {done} done before") } else { String::new() };
                    lines.push(format!("{}: {steps}{before}", stage.name()));
                }
            }
            Event::Begin(what) if self.verbosity == Verbosity::Verbose => lines.push(format!("  {what} ...")),
            Event::Begin(_) => {}
            Event::Step { what, seconds } => {
                self.done += 1;
                match seconds {
                    Some(seconds) if normal => lines.push(format!("  {what}: {seconds:.1} s")),
                    None if self.verbosity == Verbosity::Verbose => lines.push(format!("  {what}: done")),
                    // What has no stage is worth a line by itself.
                    None if normal && self.stage.is_none() => lines.push(format!("  {what}")),
                    _ => {}
                }
            }
            Event::Cell { .. } if normal => lines.extend(cell(event).map(|text| format!("  {text}"))),
            Event::Cell { .. } => {}
            Event::Trial(line) => {
                self.done += 1;
                let remark = self.remarks.of(line).filter(|_| normal);
                lines.extend(remark.map(|remark| format!("  {}", remark.text)));
                let part = |done: usize| done * PARTS / self.steps.max(1);
                if normal && part(self.done) != part(self.done - 1) {
                    lines.push(format!("  {} of {} trials: {}", self.done, self.steps, self.remarks));
                }
            }
        }
        lines
    }
}
