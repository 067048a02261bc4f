// SPDX-License-Identifier: GPL-2.0-or-later
//! A study's entries as a page: what changed, and each cell's course as a small plot.

use maud::Markup;
use maud::html;

use super::page;
use super::plot;
use crate::judge::trend::{CellEntry, CellTrend};
use crate::report::content::Tone;
use crate::report::trend::{TrendReport, figures};

/// Height of a plot, in its own units, and the blank above and below its line.
const HEIGHT: f64 = 28.0;
const BLANK: f64 = 4.0;

/// Returns the entries of a study as an HTML page. The part of a cell has the cell's name as its anchor.
pub fn trend_html(report: &TrendReport) -> String {
    let bad = report.alarming().next().is_some();
    let body = html! {
        a.skip href="#cells" { "Skip to the cells" }
        header.head {
            p.kicker { "patcheval: history of the study " (report.study) }
            h1 { (report.study) ", over time" }
            p.result.bad[bad] { (report.summary()) }
        }
        main {
            @for (heading, tone, cells) in report.sections() { (section(report, heading, tone, &cells)) }
            @if !report.expired.is_empty() {
                section {
                    h2 { "No longer known: the entries have expired" }
                    ul.plain { @for sentence in &report.expired { li { (sentence) } } }
                }
            }
            (all(report))
        }
    };
    page::document(&format!("{}: history", report.study), &body).into_string()
}

fn section(report: &TrendReport, heading: &str, tone: Tone, cells: &[&CellTrend]) -> Markup {
    let mark = if tone == Tone::Bad { "✗ " } else { "" };
    html! {
        section {
            h2 { (mark) (heading) }
            ul.plain {
                @for cell in cells {
                    li { a.name href={ "#" (cell.cell) } { (cell.cell) } ": " (report.sentence(cell)) }
                }
            }
        }
    }
}

fn all(report: &TrendReport) -> Markup {
    html! {
        section aria-labelledby="cells" {
            h2 #cells { "Cells" }
            p { "The line is the pass rate, from none below to all above, one entry after the other from left to right; it is broken where an entry "
                "says nothing. Figures are those of the last entry." }
            div.scroll tabindex="0" role="region" aria-label="Cells over time" {
                table {
                    thead { tr {
                        th scope="col" { "cell" } th scope="col" { "entries" } th.figure scope="col" { "pass" }
                        th.figure scope="col" { "ops a trial" } th.figure scope="col" { "seconds" }
                    } }
                    tbody { @for (number, cell) in report.trends.cells.iter().enumerate() { (row(report, number, cell)) } }
                }
            }
        }
    }
}

fn row(report: &TrendReport, number: usize, cell: &CellTrend) -> Markup {
    html! {
        tr id=(cell.cell) {
            th.name scope="row" { (cell.cell) }
            td { (course(report, number, cell)) }
            @for figure in figures(cell.entries.last().and_then(Option::as_ref)) { td.figure { (figure) } }
        }
    }
}

/// A line through the pass rates.
fn course(report: &TrendReport, number: usize, cell: &CellTrend) -> Markup {
    let step = plot::WIDTH / f64::from(u32::try_from(cell.entries.len()).unwrap_or(u32::MAX)).max(1.0);
    let point = |(index, entry): (usize, &Option<CellEntry>)| {
        let entry = entry.as_ref().filter(|entry| entry.n > 0)?;
        let failing = f64::from(entry.n - entry.passes) / f64::from(entry.n);
        let x = step * (f64::from(u32::try_from(index).unwrap_or(u32::MAX)) + 0.5);
        Some((x, BLANK + failing * (HEIGHT - 2.0 * BLANK)))
    };
    let points: Vec<Option<(f64, f64)>> = cell.entries.iter().enumerate().map(point).collect();
    let lines =
        points.split(Option::is_none).map(|points| points.iter().flatten().copied().collect::<Vec<_>>());
    let known = cell.entries.iter().zip(&report.trends.entries).filter_map(|(entry, date)| {
        entry.as_ref().map(|entry| format!("{date} {}/{}", entry.passes, entry.n))
    });
    let description = known.collect::<Vec<_>>().join(", ");
    let body = html! {
        @for line in lines.filter(|line| !line.is_empty()) {
            (plot::line("course", &line))
            @for (x, y) in &line { circle.course cx=(plot::at(*x)) cy=(plot::at(*y)) r="2" {} }
        }
    };
    plot::svg(&format!("n{number}"), &format!("Pass rate of {}", cell.cell), &description, HEIGHT, &body)
}
