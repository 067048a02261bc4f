// SPDX-License-Identifier: GPL-2.0-or-later
//! The display on a terminal: which stage it is, how far it has come, and what is being done; above it, what has ended.

use std::fmt::Write as _;
use std::time::Duration;

use console::{Style, Term};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::run::{Event, Stage};

use super::Verbosity;
use super::remark::{Remark, RemarkTone, Remarks, cell};

/// How often the clock on the bar moves while a long build runs.
const TICK: Duration = Duration::from_millis(200);

/// Columns below which a bar gets a line of its own, without a clock.
const NARROW: u16 = 72;

/// Three lines that are redrawn: the stages, the bar of the one under way, and what it is at.
#[derive(Debug)]
pub struct Bars {
    verbosity: Verbosity,
    remarks: Remarks,
    screen: MultiProgress,
    width: fn() -> u16,
    stages: ProgressBar,
    bar: ProgressBar,
    now: ProgressBar,
    under_way: Option<StageUnderWay>,
}

/// A stage, and how many of its steps took time and how many did not.
#[derive(Clone, Copy, Debug)]
struct StageUnderWay {
    stage: Stage,
    before: usize,
    made: usize,
    cached: usize,
}

impl Bars {
    pub(super) fn new(verbosity: Verbosity, remarks: Remarks) -> Self {
        let width = || Term::stderr().size().1;
        Self::on(ProgressDrawTarget::stderr(), width, verbosity, remarks)
    }

    /// Draws on any terminal.
    pub(super) fn on(
        target: ProgressDrawTarget,
        width: fn() -> u16,
        verbosity: Verbosity,
        remarks: Remarks,
    ) -> Self {
        let screen = MultiProgress::with_draw_target(target);
        let line = |template| screen.add(ProgressBar::no_length().with_style(style(template)));
        let (stages, bar, now) = (line("{wide_msg}"), line("{wide_msg}"), line("{wide_msg}"));
        Self { verbosity, remarks, screen, width, stages, bar, now, under_way: None }
    }

    pub(super) fn headline(&self, text: &str) {
        self.print(&Style::new().for_stderr().bold().apply_to(text).to_string());
    }

    pub(super) fn show(&mut self, event: Event<'_>) {
        match event {
            Event::Stage { stage, steps, done } => self.begin(stage, steps, done),
            Event::Begin(what) => self.now.set_message(format!("{:>7} {what} ...", "now")),
            Event::Step { what, seconds } => {
                self.bar.inc(1);
                if let Some(under_way) = &mut self.under_way {
                    under_way.made += usize::from(seconds.is_some());
                    under_way.cached += usize::from(seconds.is_none());
                }
                match seconds {
                    Some(seconds) => self.print(&format!("  {what}: {seconds:.1} s")),
                    // What has no stage is worth a line by itself.
                    None if self.under_way.is_none() => self.print(&format!("  {what}")),
                    None => {}
                }
            }
            Event::Cell { .. } => {
                if let Some(text) = cell(event) {
                    self.print(&format!("  {text}"));
                }
            }
            Event::Trial(line) => {
                self.bar.inc(1);
                if let Some(Remark { text, tone }) = self.remarks.of(line) {
                    self.print(&format!("  {}", paint(&text, tone)));
                }
                self.now.set_message(format!("{:>7} {}", "so far", self.remarks));
            }
            Event::Warning(text) => {
                let label = Style::new().for_stderr().yellow().apply_to("warning:").to_string();
                self.print(&format!("{label} {text}"));
            }
        }
    }

    pub(super) fn finish(&mut self) {
        self.end_stage();
        for line in [&self.stages, &self.bar, &self.now] {
            line.finish_and_clear();
        }
    }

    fn begin(&mut self, stage: Stage, steps: usize, done: usize) {
        self.end_stage();
        self.under_way = Some(StageUnderWay { stage, before: done, made: 0, cached: 0 });
        self.stages.set_message(stages(stage));
        self.now.set_message("");
        let bar = ProgressBar::new(steps as u64).with_style(style(template(stage, (self.width)())));
        let bar = self.screen.insert_after(&self.stages, bar.with_prefix(stage.name()));
        std::mem::replace(&mut self.bar, bar).finish_and_clear();
        self.bar.set_position(done as u64);
        // What was done before says nothing about the time that is left.
        self.bar.reset_eta();
        self.bar.enable_steady_tick(TICK);
    }

    /// Says what came of a stage, if anything was done in it.
    fn end_stage(&mut self) {
        let Some(StageUnderWay { stage, before, made, cached }) = self.under_way.take() else { return };
        let (done, took) = (self.bar.position(), duration(self.bar.elapsed()));
        let how = match stage {
            Stage::Trials => self.remarks.to_string(),
            _ if made == 0 && self.verbosity < Verbosity::Verbose => return,
            _ => format!("{cached} of them from the cache"),
        };
        let earlier = if before > 0 { format!(", {before} of them before") } else { String::new() };
        let tick = Style::new().for_stderr().green().apply_to("✓");
        self.print(&format!("{tick} {}: {done}{earlier}, {how}; {took}", stage.name()));
    }

    fn print(&self, text: &str) {
        // A terminal that has gone away is no reason to stop.
        let _ = self.screen.println(text);
    }
}

fn paint(text: &str, tone: RemarkTone) -> String {
    let style = Style::new().for_stderr();
    let (sign, style) = match tone {
        RemarkTone::Bad => ("✗", style.red()),
        RemarkTone::Doubtful => ("?", style.yellow()),
        RemarkTone::Faint => ("·", style.dim()),
    };
    style.apply_to(format!("{sign} {text}")).to_string()
}

/// All stages, what is behind, the one under way and what is to come.
fn stages(now: Stage) -> String {
    let all = [Stage::Sources, Stage::Builds, Stage::Boots, Stage::Trials];
    let place = all.iter().position(|stage| *stage == now).unwrap_or_default();
    let mut text = String::new();
    for (index, stage) in all.iter().enumerate() {
        let (sign, style) = match index.cmp(&place) {
            std::cmp::Ordering::Less => ("✓", Style::new().green()),
            std::cmp::Ordering::Equal => ("▸", Style::new().bold()),
            std::cmp::Ordering::Greater => ("·", Style::new().dim()),
        };
        let word = style.for_stderr().apply_to(format!("{sign} {}", stage.name()));
        let _ = write!(text, "{}{word}", if index == 0 { "" } else { "   " });
    }
    text
}

/// The layout of a stage's bar. Only trials take about the same time each, so that a rate says something.
fn template(stage: Stage, width: u16) -> &'static str {
    match (stage, width < NARROW) {
        (_, true) => "{pos}/{len} {wide_bar:.green/dim} {left} left",
        (Stage::Trials, _) => {
            "{prefix:>7} {wide_bar:.green/dim} {pos}/{len}  {percent} %  {rate}  {so_far} elapsed, about {left} left"
        }
        _ => "{prefix:>7} {wide_bar:.green/dim} {pos}/{len}  {percent} %  {so_far} elapsed",
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let rate = |state: &ProgressState, text: &mut dyn std::fmt::Write| {
        let _ = write!(text, "{:.1}/s", state.per_sec());
    };
    let left = |state: &ProgressState, text: &mut dyn std::fmt::Write| {
        let _ = text.write_str(&duration(state.eta()));
    };
    let so_far = |state: &ProgressState, text: &mut dyn std::fmt::Write| {
        let _ = text.write_str(&duration(state.elapsed()));
    };
    style.progress_chars("━╸─").with_key("rate", rate).with_key("left", left).with_key("so_far", so_far)
}

/// As short as what is redrawn all the time should be.
fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}
