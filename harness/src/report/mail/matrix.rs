// SPDX-License-Identifier: GPL-2.0-or-later
//! The tables of a mail: variants by targets, and below it the cells that did not simply pass.

use std::cmp::Ordering;

use crate::judge::CellJudgement;
use crate::judge::Expectation;
use crate::judge::Group;
use crate::judge::Judgement;
use crate::judge::Verdict;
use crate::report::content::ratio;
use crate::report::mail::WIDTH;
use crate::report::wrap::length;
use crate::report::wrap::wrapped;

/// How many cells are listed: more than that nobody reads in a mail.
pub(super) const LISTED: usize = 40;

/// The targets of a study that are not swept, and the letters by which a mail calls them.
pub(super) struct Targets<'a> {
    names: Vec<(&'a str, &'a str)>,
}

impl<'a> Targets<'a> {
    pub(super) fn new(judgement: &'a Judgement) -> Self {
        let mut names: Vec<(&str, &str)> = Vec::new();
        for group in judgement.groups.iter().filter(|group| group.swept_from.is_none()) {
            if !names.contains(&(&group.kernel, &group.machine)) {
                names.push((&group.kernel, &group.machine));
            }
        }
        Self { names }
    }

    /// Returns the letter of a target: A to Z, then with a number.
    pub(super) fn letter(&self, kernel: &str, machine: &str) -> String {
        self.names.iter().position(|name| *name == (kernel, machine)).map_or_else(|| "-".into(), letter)
    }

    /// Returns one line for each target, with its letter.
    pub(super) fn legend(&self) -> Vec<String> {
        let line = |(index, (kernel, machine)): (usize, &(&str, &str))| {
            format!("{}: {kernel} on {machine}", letter(index))
        };
        self.names.iter().enumerate().map(line).collect()
    }
}

fn letter(index: usize) -> String {
    let letter = char::from(b'A' + u8::try_from(index % 26).unwrap_or(0));
    if index < 26 { letter.to_string() } else { format!("{letter}{}", index / 26) }
}

/// Returns a table of words as lines that fit: where it is too wide, it goes on below, with its first column again.
pub(super) fn panels(columns: &[String], rows: &[Vec<String>]) -> String {
    let lines: Vec<&[String]> = std::iter::once(columns).chain(rows.iter().map(Vec::as_slice)).collect();
    let widest =
        |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|word| length(word)).max();
    let widths: Vec<usize> = (0..columns.len()).map(|column| widest(column).unwrap_or(0)).collect();
    let Some((first, others)) = widths.split_first() else { return String::new() };
    let mut panels: Vec<Vec<usize>> = Vec::new();
    let mut used = usize::MAX;
    for (index, width) in others.iter().enumerate() {
        if used.saturating_add(2 + width) > WIDTH {
            panels.push(Vec::new());
            used = *first;
        }
        used += 2 + width;
        if let Some(panel) = panels.last_mut() {
            panel.push(index + 1);
        }
    }
    let line = |words: &&[String], panel: &[usize]| {
        let mut text = format!("{:<1$}", words[0], *first);
        for column in panel {
            text.push_str(&format!("  {:<1$}", words[*column], widths[*column]));
        }
        text.trim_end().to_owned() + "\n"
    };
    let panel = |panel: &Vec<usize>| lines.iter().map(|words| line(words, panel)).collect::<String>();
    panels.iter().map(panel).collect::<Vec<_>>().join("\n")
}

/// Returns the table of variants by targets.
pub(super) fn table(judgement: &Judgement, targets: &Targets<'_>) -> String {
    let mut columns = vec![String::new()];
    columns.extend((0..targets.names.len()).map(letter));
    let rows: Vec<Vec<String>> = judgement
        .groups
        .first()
        .map(|group| group.cells.iter().map(|cell| cell.variant.as_str()))
        .into_iter()
        .flatten()
        .map(|variant| {
            let words = targets.names.iter().map(|target| word(judgement, variant, *target));
            std::iter::once(variant.to_owned()).chain(words).collect()
        })
        .collect();
    panels(&columns, &rows)
}

/// Returns what the words of the table mean.
pub(super) fn legend(judgement: &Judgement) -> String {
    let has = |wanted: Verdict| judgement.cells().any(|(_, cell)| cell.verdict == wanted);
    let left_out = if has(Verdict::DoesNotApply) { LEFT_OUT } else { "" };
    let broken = judgement.cells().any(|(_, cell)| cell.verdict.is_broken());
    let broken = if broken { BROKEN } else { "" };
    format!("{LEGEND}{left_out}{broken}{MARKS}")
}

const LEGEND: &str = "k/n: so many trials pass in the worst testcase there; ok: every trial of every testcase passes, \
    and in at least one of them the baseline fails; -: every trial passes, but so do the baseline's, so that it says \
    nothing; no-op: the patches do not change that kernel; ";
const LEFT_OUT: &str = "n/a: the variant does not apply to that kernel; ";
const BROKEN: &str = "PATCH, BUILD, BOOT: there is no kernel to try, because the patches do not apply to the source, \
    or it does not build, or does not boot; ";
const MARKS: &str = "?: something is unknown or missing; !: an expectation is contradicted";

/// Returns the word for a variant on a target.
fn word(judgement: &Judgement, variant: &str, (kernel, machine): (&str, &str)) -> String {
    let cells: Vec<&CellJudgement> = judgement
        .groups
        .iter()
        .filter(|group| (group.kernel.as_str(), group.machine.as_str()) == (kernel, machine))
        .filter_map(|group| group.cell(variant))
        .collect();
    let any = |wanted: Verdict| cells.iter().any(|cell| cell.verdict == wanted);
    let worst = cells.iter().filter(|cell| cell.passes < cell.n).min_by(|a, b| by_rate(a, b));
    let broken = cells.iter().find_map(|cell| match cell.verdict {
        Verdict::PatchRejected => Some("PATCH"),
        Verdict::DoesNotBuild => Some("BUILD"),
        Verdict::DoesNotBoot => Some("BOOT"),
        _ => None,
    });
    let mut word = match worst {
        _ if broken.is_some() => broken.unwrap_or_default().into(),
        Some(cell) => format!("{}/{}", cell.passes, cell.n),
        None if any(Verdict::DoesNotApply) => "n/a".into(),
        None if any(Verdict::NoOp) => "no-op".into(),
        None if any(Verdict::PassesAll) => "ok".into(),
        None if any(Verdict::NotObservable) => "-".into(),
        None => String::new(),
    };
    if cells.iter().any(|cell| cell.unknown > 0 || cell.missing > 0 || cell.verdict == Verdict::Unknown) {
        word.push('?');
    }
    if cells.iter().any(|cell| cell.expectation == Expectation::Contradicted) {
        word.push('!');
    }
    word
}

fn by_rate(a: &CellJudgement, b: &CellJudgement) -> Ordering {
    // Without a trial that says something, a cell is neither good nor bad: it comes last.
    let rate = |cell: &CellJudgement| match cell.n {
        _ if cell.verdict.is_broken() => -1.0,
        0 => 1.0,
        n => f64::from(cell.passes) / f64::from(n),
    };
    rate(a).total_cmp(&rate(b))
}

/// Returns the cells that did not simply pass: contradicted ones first, then those with the lowest pass rate.
pub(super) fn troubled(judgement: &Judgement) -> Vec<(&Group, &CellJudgement)> {
    let trouble = |cell: &CellJudgement| {
        let open = cell.unknown > 0 || cell.missing > 0 || cell.verdict == Verdict::Unknown;
        cell.passes < cell.n || open || cell.expectation == Expectation::Contradicted
    };
    let mut cells: Vec<(&Group, &CellJudgement)> =
        judgement.cells().filter(|(group, cell)| group.swept_from.is_none() && trouble(cell)).collect();
    cells.sort_by(|(_, a), (_, b)| {
        let met = |cell: &CellJudgement| cell.expectation != Expectation::Contradicted;
        met(a).cmp(&met(b)).then_with(|| by_rate(a, b))
    });
    cells
}

/// Returns lines for some cells, in columns where they fit.
pub(super) fn list(cells: &[(&Group, &CellJudgement)], targets: &Targets<'_>) -> String {
    let words: Vec<[String; 5]> = cells
        .iter()
        .map(|(group, cell)| {
            [
                ratio(cell),
                cell.variant.clone(),
                group.testcase.clone(),
                targets.letter(&group.kernel, &group.machine),
                state(cell),
            ]
        })
        .collect();
    let width = |column: usize| words.iter().map(|words| length(&words[column])).max().unwrap_or(0);
    let [passes, variant, testcase, target] = [0, 1, 2, 3].map(width);
    let mut text = String::new();
    for [k, r, c, t, s] in &words {
        let line = format!("{k:>passes$}  {r:<variant$}  {c:<testcase$}  {t:<target$}  {s}");
        if length(&line) <= WIDTH {
            text.push_str(&(line + "\n"));
        } else {
            text.push_str(&wrapped(&format!("{k}  {r}  {c}  {t}  {s}"), "      ", WIDTH));
        }
    }
    text
}

/// Verdict, and what is beside it.
fn state(cell: &CellJudgement) -> String {
    let mut text = cell.verdict.name().to_owned();
    for (count, what) in [(cell.unknown, "unknown"), (cell.missing, "missing")] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    if cell.expectation == Expectation::Contradicted {
        text.push_str(" !");
    }
    text
}
