// SPDX-License-Identifier: GPL-2.0-or-later
//! The display where there is no terminal: a log of CI, a pipe.

use crate::run::{Event, Stage};

use super::{Verbosity, remark, say};

/// Trials are reported each time another tenth of them is done.
const PARTS: usize = 10;

/// One line after the other.
#[derive(Debug)]
pub struct Lines {
    verbosity: Verbosity,
    stage: Stage,
    steps: usize,
    done: usize,
    remarks: usize,
    failures: usize,
}

impl Lines {
    pub(super) fn new(verbosity: Verbosity) -> Self {
        Self { verbosity, stage: Stage::Sources, steps: 0, done: 0, remarks: 0, failures: 0 }
    }

    pub(super) fn show(&mut self, event: Event<'_>) {
        let normal = self.verbosity >= Verbosity::Normal;
        match event {
            Event::Warning(text) => say(&format!("warning: {text}")),
            Event::Stage { stage, steps, done } => {
                (self.stage, self.steps, self.done) = (stage, steps, done);
                if normal && steps > done {
                    let before = if done > 0 { format!(", {done} done before") } else { String::new() };
                    say(&format!("{}: {steps}{before}", stage.name()));
                }
            }
            Event::Begin(what) if self.verbosity == Verbosity::Verbose => say(&format!("  {what} ...")),
            Event::Begin(_) => {}
            Event::Step { what, seconds } => {
                self.done += 1;
                match seconds {
                    Some(seconds) if normal => say(&format!("  {what}: {seconds:.1} s")),
                    None if self.verbosity == Verbosity::Verbose => say(&format!("  {what}: done")),
                    _ => {}
                }
            }
            Event::Trial(line) => {
                self.done += 1;
                if let Some(text) = remark(line, self.remarks, self.verbosity).filter(|_| normal) {
                    self.remarks += 1;
                    say(&format!("  {text}"));
                }
                self.failures += usize::from(!line.outcome.is_pass());
                let part = |done: usize| done * PARTS / self.steps.max(1);
                if normal && part(self.done) != part(self.done - 1) {
                    let (done, steps, stage) = (self.done, self.steps, self.stage.name());
                    say(&format!("  {done} of {steps} {stage}, {} did not pass", self.failures));
                }
            }
        }
    }
}
