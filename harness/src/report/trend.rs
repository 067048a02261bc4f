// SPDX-License-Identifier: GPL-2.0-or-later
//! A study's entries for a terminal: what changed and since when, and each cell's course.

use std::collections::BTreeMap;

use crate::judge::statistics::fisher::PassCounts;
use crate::judge::trend::{CellEntry, CellState, CellTrend, Trends};
use crate::report::content::{Tone, printable};
use crate::report::number::{self, plural, small};
use crate::report::table::Style;
use crate::report::wrap::wrapped;

/// Signs for a pass rate, from none to all; `·` stands for an entry that says nothing.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The entries of a study, with what people know of its cells.
#[derive(Clone, Debug, Default)]
pub struct TrendReport {
    /// Name of the study.
    pub study: String,
    /// Its entries and cells.
    pub trends: Trends,
    /// What is known of failing cells, by cell.
    pub known: BTreeMap<String, String>,
    /// What was known of cells until it expired, as sentences.
    pub expired: Vec<String>,
}

impl TrendReport {
    /// Returns the cells that are worse or fail for the first time, and that nobody knows of.
    pub fn alarming(&self) -> impl Iterator<Item = &CellTrend> {
        self.with(CellState::Worse, false).chain(self.with(CellState::FirstFailure, false))
    }

    fn with(&self, state: CellState, known: bool) -> impl Iterator<Item = &CellTrend> {
        self.trends.in_state(state).filter(move |cell| self.known.contains_key(&cell.cell) == known)
    }

    /// The sections of a report: a heading, its tone, and the cells under it.
    pub(super) fn sections(&self) -> Vec<(&'static str, Tone, Vec<&CellTrend>)> {
        let known = self.with(CellState::Worse, true).chain(self.with(CellState::FirstFailure, true));
        let sections = [
            ("worse", Tone::Bad, self.with(CellState::Worse, false).collect::<Vec<_>>()),
            ("fails for the first time", Tone::Bad, self.with(CellState::FirstFailure, false).collect()),
            ("known", Tone::Doubtful, known.collect()),
            ("better", Tone::Good, self.trends.in_state(CellState::Better).collect()),
            (
                "the baseline fails more or less often",
                Tone::Plain,
                self.trends.in_state(CellState::Shifted).collect(),
            ),
            (
                "no result in the last entry",
                Tone::Doubtful,
                self.trends.in_state(CellState::Silent).collect(),
            ),
        ];
        sections.into_iter().filter(|(_, _, cells)| !cells.is_empty()).collect()
    }

    /// The first line.
    pub(super) fn summary(&self) -> String {
        let entries = &self.trends.entries;
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return format!("{}: no entries", self.study);
        };
        let of = |section: &(&str, Tone, Vec<&CellTrend>)| format!("{} {}", section.2.len(), section.0);
        let sections: Vec<String> = self.sections().iter().map(of).collect();
        let changes = if sections.is_empty() { "nothing changed".to_owned() } else { sections.join(", ") };
        let (entries, cells) =
            (plural(count(entries.len()), "entry"), plural(count(self.trends.cells.len()), "cell"));
        format!("{}: {entries}, {first} to {last}, {cells}: {changes}", self.study)
    }

    /// What is to be said of a cell.
    pub(super) fn sentence(&self, cell: &CellTrend) -> String {
        let ratio = |counts: PassCounts| format!("{}/{}", counts.passes, counts.passes + counts.failures);
        let last = cell.entries.last().and_then(Option::as_ref);
        let said = match (cell.state, &cell.split, last) {
            (CellState::Worse | CellState::Better | CellState::Shifted, Some(split), _) => format!(
                "since {} passes {}, before {} (p = {}, adjusted for {})",
                self.trends.entries[split.at],
                ratio(split.after),
                ratio(split.before),
                small(split.p),
                plural(self.trends.tested, "cell")
            ),
            (CellState::Silent, _, Some(entry)) => plural(entry.unknown, "unknown or missing trial"),
            (_, _, Some(entry)) => format!("{}/{} in the last entry", entry.passes, entry.n),
            (_, _, None) => "not in the last entry".to_owned(),
        };
        match self.known.get(&cell.cell) {
            Some(known) => format!("{said}; {}", printable(known)),
            None => said,
        }
    }
}

/// Returns a sign for each entry.
fn course(cell: &CellTrend) -> String {
    let sign = |entry: &Option<CellEntry>| match entry {
        Some(CellEntry { passes, n, .. }) if *n > 0 => LEVELS[(passes * 7 / n).min(7) as usize],
        _ => '·',
    };
    cell.entries.iter().map(sign).collect()
}

/// Returns the report for a terminal; with `all`, also a line for each cell.
pub fn trend_table(report: &TrendReport, all: bool, style: Style) -> String {
    let alarming = report.alarming().next().is_some();
    let tone = if alarming { Tone::Bad } else { Tone::Plain };
    let mut text = style.paint(&wrapped(&report.summary(), "  ", style.width), tone);
    for (heading, tone, cells) in report.sections() {
        text.push_str(&format!("\n{}:\n", style.paint(heading, tone)));
        for cell in cells {
            let sentence = wrapped(&report.sentence(cell), "      ", style.width.saturating_sub(6));
            text.push_str(&format!("  {}  {}\n      {sentence}", course(cell), cell.cell));
        }
    }
    if !report.expired.is_empty() {
        text.push_str("\nno longer known, the entries have expired:\n");
        for sentence in &report.expired {
            text.push_str(&format!(
                "  {}",
                wrapped(&printable(sentence), "    ", style.width.saturating_sub(2))
            ));
        }
    }
    if all {
        text.push_str(&every_cell(report));
    }
    text
}

fn every_cell(report: &TrendReport) -> String {
    let mut text =
        "\ncells (one sign for each entry; pass in the last one, operations a trial, seconds):\n".to_owned();
    for cell in &report.trends.cells {
        let [pass, operations, seconds] = figures(cell.entries.last().and_then(Option::as_ref));
        text.push_str(&format!(
            "  {}  {pass:>7}  {operations:>9}  {seconds:>7}  {}\n",
            course(cell),
            cell.cell
        ));
    }
    text
}

/// Pass ratio, operations a trial and seconds of a cell's entry, as printed.
pub(super) fn figures(entry: Option<&CellEntry>) -> [String; 3] {
    let none = || "-".to_owned();
    let Some(entry) = entry else { return [none(), none(), none()] };
    [
        format!("{}/{}", entry.passes, entry.n),
        entry.operations.map_or_else(none, number::count),
        entry.seconds.map_or_else(none, |seconds| format!("{seconds:.1}")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::trend::{HistoryEntry, trends};
    use crate::report::trend_html;

    fn report() -> TrendReport {
        let cell = |passes: u32, date: u32| CellEntry {
            baseline: false,
            passes,
            n: 20,
            unknown: 0,
            operations: Some(1234.4),
            seconds: Some(5.25),
            evidence: format!("{passes} {date}"),
        };
        let entry = |date: u32| {
            let bad = if date > 3 { 4 } else { 20 };
            let mut cells = BTreeMap::from([
                ("k/m/fix/t1".to_owned(), cell(bad, date)),
                ("k/m/fix/t2".to_owned(), cell(bad, date)),
                ("k/m/fix/t3".to_owned(), cell(if date == 5 { 19 } else { 20 }, date)),
            ]);
            if date < 5 {
                cells.insert("k/m/fix/<t4>".to_owned(), cell(20, date));
            }
            HistoryEntry { date: format!("2026-11-{date:02}"), cells }
        };
        TrendReport {
            study: "quick".into(),
            trends: trends(&(1..=5).map(entry).collect::<Vec<_>>()),
            known: BTreeMap::from([(
                "k/m/fix/t2".to_owned(),
                "compiler bug (me, until 2026-12-31)".to_owned(),
            )]),
            expired: vec!["k/m/fix/t1: was looked at (me, until 2026-11-01)".into()],
        }
    }

    #[test]
    fn what_changed_is_said_with_its_entry_and_what_is_known_apart() {
        let report = report();
        let text = trend_table(&report, true, Style { colour: false, width: 200 });
        for part in [
            "quick: 5 entries, 2026-11-01 to 2026-11-05, 4 cells: 1 worse, 1 fails for the first time, 1 known, 1 no result in",
            "\nworse:\n  ███▂▂  k/m/fix/t1\n      since 2026-11-04 passes 8/40, before 60/60 (p = ",
            "fails for the first time:\n  ████▇  k/m/fix/t3\n      19/20 in the last entry",
            "adjusted for 4 cells); compiler bug (me, until 2026-12-31)",
            "████·  k/m/fix/<t4>\n      not in the last entry",
            "have expired:\n  k/m/fix/t1: was looked at",
            "  ███▂▂     4/20      1,234      5.2  k/m/fix/t1\n",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert_eq!(report.alarming().count(), 2);
    }

    #[test]
    fn a_page_has_a_part_for_each_cell_and_escapes_names() {
        let page = trend_html(&report());
        assert!(page.contains("id=\"k/m/fix/t1\"") && page.contains("since 2026-11-04"), "{page}");
        assert!(!page.contains("<t4>") && page.contains("&lt;t4&gt;"), "{page}");
        assert!(page.contains("Content-Security-Policy"));
    }
}
