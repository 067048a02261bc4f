// SPDX-License-Identifier: GPL-2.0-or-later
//! The verdict matrix as a heat map: one table for each target, testcases down, variants across.

use maud::Markup;
use maud::html;

use super::PageCell;
use super::PageView;
use super::Panel;
use super::text::hardware;
use super::text::meaning;
use super::text::sign;
use crate::judge::Expectation;
use crate::judge::Verdict;
use crate::judge::interval::Interval;
use crate::report::content::printable;
use crate::report::content::ratio;
use crate::report::content::unsaid;
use crate::report::number;

const VERDICTS: [Verdict; 10] = [
    Verdict::PassesAll,
    Verdict::Fails,
    Verdict::Mixed,
    Verdict::Unknown,
    Verdict::NotObservable,
    Verdict::NoOp,
    Verdict::DoesNotApply,
    Verdict::PatchRejected,
    Verdict::DoesNotBuild,
    Verdict::DoesNotBoot,
];

pub(super) fn section(view: &PageView<'_>) -> Markup {
    html! {
        section aria-labelledby="verdicts" {
            h2 #verdicts { "Verdicts" }
            p {
                "Passes of the trials that say something, with the 95 % interval of the pass rate in per cent, also drawn below: the "
                "mark is the rate, the band the interval. Each cell leads to its trials."
            }
            ul.legend {
                @for verdict in VERDICTS { li { (tag(verdict)) " " (meaning(verdict)) } }
                li { span.tag.contradicted { "CONTRADICTED" } " the trials say otherwise than was expected" }
            }
            @for panels in view.named_targets() { (target(view, panels)) }
        }
    }
}

/// A verdict as a word with its sign, on its ground.
pub(super) fn tag(verdict: Verdict) -> Markup {
    html! { span class={ "tag " (verdict.name()) } { span aria-hidden="true" { (sign(verdict)) } " " (verdict.name()) } }
}

fn target(view: &PageView<'_>, panels: &[Panel<'_>]) -> Markup {
    let Some(first) = panels.first() else { return html! {} };
    let name = first.target();
    html! {
        h3 { (name) }
        div.scroll tabindex="0" role="region" aria-label={ "Verdicts on " (name) } {
            table.matrix {
                @if let Some(machine) = view.machine(first.group) { caption { (hardware(machine)) } }
                thead {
                    tr {
                        th scope="col" { "testcase" }
                        @for entry in &first.cells { th.name scope="col" { (entry.cell.variant) } }
                    }
                }
                tbody { @for panel in panels { (line(panel)) } }
            }
        }
    }
}

fn line(panel: &Panel<'_>) -> Markup {
    let group = panel.group;
    html! {
        tr {
            th scope="row" {
                (group.testcase)
                span { (printable(&group.title)) }
            }
            @for entry in &panel.cells { (cell(entry)) }
        }
    }
}

fn cell(entry: &PageCell<'_>) -> Markup {
    let PageCell { number, cell, .. } = entry;
    let contradicted = cell.expectation == Expectation::Contradicted;
    let class = format!("v {}{}", cell.verdict.name(), if contradicted { " contradicted" } else { "" });
    let more = unsaid(cell);
    html! {
        td class=(class) {
            a href={ "#c" (number) } {
                b { span aria-hidden="true" { (sign(cell.verdict)) } " " (cell.verdict.name()) }
                " " span.k { (ratio(cell)) }
                @if let Some(interval) = cell.interval {
                    " " small { (number::interval(interval)) }
                    (rate(cell.passes, cell.n, interval))
                }
                @if let Some(reason) = &cell.reason { " " small { (printable(&reason.text)) } }
                @if !more.is_empty() { small.more { (more.trim_start_matches(", ")) } }
                @if contradicted { em { "CONTRADICTED: expected " (cell.expected.name()) } }
            }
        }
    }
}

/// The rate as a mark on a line, and its interval as a band.
fn rate(passes: u32, n: u32, interval: Interval) -> Markup {
    let percent = |share: f64| format!("{:.0}%", share * 100.0);
    let (low, high) = (percent(interval.low), percent(interval.high));
    let k = percent(f64::from(passes) / f64::from(n.max(1)));
    html! { span.rate style={ "--l:" (low) ";--k:" (k) ";--h:" (high) } {} }
}
