// SPDX-License-Identifier: GPL-2.0-or-later
//! What is on a terminal, read back from one in memory; and what a log gets.

use indicatif::{InMemoryTerm, ProgressDrawTarget};

use super::bars::Bars;
use super::lines::PlainLines;
use super::remark::{RemarkTone, Remarks};
use super::*;
use crate::run::Stage;
use crate::trial::line::{Cause, Detail, Outcome, Symptom, TrialLine};

fn trial(variant: &str, outcome: Outcome) -> TrialLine {
    let id = format!("mips-6.1/malta/{variant}/t1/enforce/1").parse().unwrap();
    TrialLine { outcome, ..TrialLine::unknown(id, Cause::NoRecord, "") }
}

fn said(line: TrialLine, text: &str) -> TrialLine {
    TrialLine { detail: Some(Detail { text: text.into(), pc: None, in_xol: None }), ..line }
}

fn fails(variant: &str) -> TrialLine {
    trial(variant, Outcome::Fail { symptom: Symptom::LostHit })
}

/// Plays a run on a terminal of some columns; returns what is on it before the end, and after it.
fn played(width: u16) -> (String, String) {
    let term = InMemoryTerm::new(30, width);
    let target = ProgressDrawTarget::term_like_with_hz(Box::new(term.clone()), 255);
    let asked: fn() -> u16 = if width < 72 { || 40 } else { || 100 };
    let remarks = Remarks::new(Verbosity::Normal, Some("unfixed"));
    let mut bars = Bars::on(target, asked, Verbosity::Normal, remarks);
    bars.headline("small: who is right");
    bars.show(Event::Stage { stage: Stage::Builds, steps: 2, done: 0 });
    bars.show(Event::Begin("mips-6.1 merged"));
    bars.show(Event::Step { what: "mips-6.1 merged", seconds: Some(12.34) });
    bars.show(Event::Step { what: "mips-6.1 lazy", seconds: None });
    bars.show(Event::Stage { stage: Stage::Trials, steps: 8, done: 3 });
    bars.show(Event::Trial(&fails("unfixed")));
    bars.show(Event::Trial(&said(fails("lazy"), "one hit of two")));
    bars.show(Event::Trial(&trial("merged", Outcome::Pass)));
    bars.show(Event::Warning("the disk is nearly full"));
    let before = term.contents();
    bars.finish();
    (before, term.contents())
}

#[test]
fn a_terminal_shows_stages_a_bar_and_what_has_happened() {
    let (before, after) = played(100);
    for part in [
        "small: who is right\n",
        "  mips-6.1 merged: 12.3 s\n",
        "✓ builds: 2, 1 of them from the cache; ",
        "as the baseline should: fail, lost-hit\n",
        "✗ mips-6.1/malta/lazy/",
        ": fail, lost-hit: one hit of two\n",
        "warning: the disk is nearly full\n",
        "✓ sources   ✓ builds   ✓ boots   ▸ trials\n",
        " trials ━",
        "/8  ",
        " left\n",
        " so far 1 pass, 2 fail (1 of unfixed, the baseline)",
    ] {
        assert!(before.contains(part), "{part:?} is not in\n{before}");
    }
    assert!(after.contains("✓ trials: 6, 3 of them before, 1 pass, 2 fail"), "{after}");
    assert!(!after.contains("so far") && !after.contains('▸') && !after.contains('━'), "{after}");
}

#[test]
fn a_narrow_terminal_has_room_for_the_bar() {
    let (before, _) = played(40);
    assert!(before.contains("/8 ━") && before.contains(" left\n"), "{before}");
    assert!(before.lines().all(|line| line.chars().count() <= 40), "{before}");
}

#[test]
fn of_many_failures_the_first_are_reported_and_all_are_counted() {
    let mut remarks = Remarks::new(Verbosity::Normal, Some("unfixed"));
    let tone = |remarks: &mut Remarks, line: &TrialLine| remarks.of(line).map(|remark| remark.tone);
    assert_eq!(tone(&mut remarks, &fails("unfixed")), Some(RemarkTone::Faint));
    assert_eq!(tone(&mut remarks, &fails("unfixed")), None);
    let unknown = trial("unfixed", Outcome::Unknown { cause: Cause::HostDeadline });
    assert_eq!(tone(&mut remarks, &unknown), Some(RemarkTone::Doubtful));
    let tones: Vec<_> = (0..6).map(|_| tone(&mut remarks, &fails("lazy"))).collect();
    let bad = Some(RemarkTone::Bad);
    assert_eq!(tones, [bad, bad, bad, bad, Some(RemarkTone::Faint), None]);
    assert_eq!(remarks.to_string(), "0 pass, 8 fail (2 of unfixed, the baseline), 1 unknown");
    let mut verbose = Remarks::new(Verbosity::Verbose, Some("unfixed"));
    assert!((0..20).all(|_| tone(&mut verbose, &fails("unfixed")) == bad));
}

#[test]
fn a_log_gets_plain_lines() {
    let lines = |verbosity| {
        let mut lines = PlainLines::new(verbosity, Remarks::new(verbosity, None));
        let mut shown = lines.lines(Event::Stage { stage: Stage::Trials, steps: 20, done: 0 });
        shown.extend(lines.lines(Event::Step { what: "a", seconds: None }));
        shown.extend(lines.lines(Event::Step { what: "b", seconds: Some(1.0) }));
        shown.extend(lines.lines(Event::Trial(&said(fails("lazy"), "lost\u{1b}[2J"))));
        shown.extend(lines.lines(Event::Trial(&trial("lazy", Outcome::Pass))));
        shown.extend(lines.lines(Event::Warning("beware")));
        shown
    };
    let normal = lines(Verbosity::Normal);
    assert_eq!(normal[..2], ["trials: 20", "  b: 1.0 s"]);
    assert!(normal[2].starts_with("  mips-6.1/malta/lazy/") && normal[2].ends_with("lost\u{fffd}[2J"));
    assert_eq!(normal[3..], ["  4 of 20 trials: 1 pass, 1 fail", "warning: beware"]);
    assert_eq!(lines(Verbosity::Quiet), ["warning: beware"]);
    assert_eq!(lines(Verbosity::Verbose)[1], "  a: done");
}
