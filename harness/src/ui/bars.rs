// SPDX-License-Identifier: GPL-2.0-or-later
//! The display on a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::run::Event;

use super::{Verbosity, remark};

/// One bar for the stage under way, with what is being done behind it.
#[derive(Debug)]
pub struct Bars {
    verbosity: Verbosity,
    bar: ProgressBar,
    remarks: usize,
    failures: usize,
}

/// How often the clock on the bar moves while a long build runs.
const TICK: Duration = Duration::from_millis(200);

impl Bars {
    pub(super) fn new(verbosity: Verbosity) -> Self {
        Self { verbosity, bar: ProgressBar::hidden(), remarks: 0, failures: 0 }
    }

    pub(super) fn show(&mut self, event: Event<'_>) {
        match event {
            Event::Stage { stage, steps, done } => {
                self.bar.finish_and_clear();
                self.bar = ProgressBar::new(steps as u64).with_style(style()).with_prefix(stage.name());
                self.bar.set_position(done as u64);
                // What was done before says nothing about the time that is left.
                self.bar.reset_eta();
                self.bar.enable_steady_tick(TICK);
            }
            Event::Begin(what) => self.bar.set_message(what.to_owned()),
            Event::Step { what, seconds } => {
                self.bar.inc(1);
                if let Some(seconds) = seconds {
                    self.bar.println(format!("  {what}: {seconds:.1} s"));
                }
            }
            Event::Trial(line) => {
                self.bar.inc(1);
                if let Some(text) = remark(line, self.remarks, self.verbosity) {
                    self.remarks += 1;
                    self.bar.println(format!("  {text}"));
                }
                self.failures += usize::from(!line.outcome.is_pass());
                self.bar.set_message(format!("{} did not pass", self.failures));
            }
            Event::Warning(text) => self.bar.println(format!("warning: {text}")),
        }
    }

    pub(super) fn finish(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix:>8} {bar:24} {pos}/{len} {elapsed} elapsed, {eta} left  {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
