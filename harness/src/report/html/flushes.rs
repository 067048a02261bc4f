// SPDX-License-Identifier: GPL-2.0-or-later
//! Cache maintenance operations of each variant as stacked bars, by their use.

use maud::Markup;
use maud::html;

use super::PageView;
use super::Panel;
use super::functions;
use super::notes;
use super::plot;
use super::plot::label;
use crate::judge::CellJudgement;
use crate::judge::FlushUsePrice;
use crate::judge::Price;
use crate::report::answer::has_price;
use crate::report::number;

/// The parts of a bar, in their order, with the class that has their colour.
const PARTS: [(&str, &str); 4] = [
    ("needed", "without it something stale would have been fetched"),
    ("insufficient", "wrong colour or wrong CPU"),
    ("redundant", "the line was clean, absent or not stale"),
    ("other", "of what nothing was to be said"),
];

const TOP: f64 = 4.0;
const ROW: f64 = 38.0;
const BAR: f64 = 9.0;
const BOTTOM: f64 = 34.0;
const LEFT: f64 = 14.0;
const RIGHT: f64 = 18.0;

/// The operations of one cell on one cache, by part.
struct Bar {
    cache: &'static str,
    mean: f64,
    parts: [f64; 4],
}

fn bars(cell: &CellJudgement) -> Vec<Bar> {
    let bar = |cache, all: Price, flush_use: &FlushUsePrice| {
        let mean = all.mean?;
        let known = [flush_use.needed, flush_use.insufficient, flush_use.redundant]
            .map(|one| one.mean.unwrap_or(0.0));
        let other = (mean - known.iter().sum::<f64>()).max(0.0);
        Some(Bar { cache, mean, parts: [known[0], known[1], known[2], other] })
    };
    [bar("D", cell.d, &cell.d_use), bar("I", cell.i, &cell.i_use)].into_iter().flatten().collect()
}

pub(super) fn section(view: &PageView<'_>) -> Markup {
    html! {
        section aria-labelledby="flushes" {
            h2 #flushes { "Flushes" }
            p { "Cache maintenance operations a trial, the mean, on the D-cache (upper bar) and on the I-cache (lower bar)." }
            ul.keys {
                @for (part, what) in PARTS {
                    li { svg viewBox="0 0 12 12" aria-hidden="true" { rect class=(part) width="12" height="12" {} } b { (part) } " " (what) }
                }
            }
            @for panels in view.named_targets() { (target(view, panels)) }
            (notes::prices(view))
        }
    }
}

fn target(view: &PageView<'_>, panels: &[Panel<'_>]) -> Markup {
    let priced: Vec<&Panel<'_>> =
        panels.iter().filter(|panel| has_price(view.judgement, panel.group)).collect();
    let Some(first) = priced.first() else { return html! {} };
    html! {
        details.target open[panels.as_ptr() == view.panels.as_ptr()] {
            summary { h3 { (first.target()) } }
            div.plots { @for panel in &priced { (chart(panel)) } }
            @for panel in &priced {
                details.fold {
                    summary { (panel.group.testcase) ": the same in figures, and by kernel function" }
                    (table(panel))
                    (functions::table(view, panel))
                }
            }
        }
    }
}

fn chart(panel: &Panel<'_>) -> Markup {
    let variants: Vec<(&str, Vec<Bar>)> =
        panel.cells.iter().map(|entry| (entry.cell.variant.as_str(), bars(entry.cell))).collect();
    let most = variants.iter().flat_map(|(_, bars)| bars).map(|bar| bar.mean).fold(0.0, f64::max);
    let ticks = plot::ticks(most);
    let end = ticks.last().copied().unwrap_or(1.0);
    let bottom = TOP + ROW * variants.len() as f64;
    let scale = (plot::WIDTH - LEFT - RIGHT) / end;
    let said: Vec<String> =
        variants.iter().map(|(variant, bars)| format!("{variant}: {}", figures(bars))).collect();
    let name = format!("{}, {}", panel.target(), panel.group.testcase);
    let body = html! {
        @for tick in &ticks {
            (plot::line("grid", &[(LEFT + tick * scale, TOP), (LEFT + tick * scale, bottom)]))
        }
        // Every other tick has its figure, or they would touch.
        @for tick in ticks.iter().step_by(2) {
            (label(LEFT + tick * scale, bottom + 14.0, "middle", "quiet", &number::count(*tick)))
        }
        @for (index, (variant, bars)) in variants.iter().enumerate() { (group(TOP + ROW * index as f64, variant, bars, scale)) }
        (plot::line("axis", &[(LEFT, TOP), (LEFT, bottom), (plot::WIDTH - RIGHT, bottom)]))
        (label(plot::WIDTH - RIGHT, bottom + 29.0, "end", "", "operations a trial"))
    };
    let id = format!("flush-{}", panel.cells.first().map_or(0, |entry| entry.number));
    html! {
        figure {
            figcaption { (panel.group.testcase) }
            (plot::svg(&id, &format!("Operations a trial by variant: {name}"), &(said.join("; ") + "."), bottom + BOTTOM, &body))
        }
    }
}

fn figures(bars: &[Bar]) -> String {
    let words: Vec<String> =
        bars.iter().map(|bar| format!("{} {}", bar.cache, number::count(bar.mean))).collect();
    if words.is_empty() { "no trial with a record".into() } else { words.join(", ") }
}

/// The bars of a variant under its name.
fn group(top: f64, variant: &str, bars: &[Bar], scale: f64) -> Markup {
    html! {
        (label(LEFT, top + 12.0, "start", "", variant))
        (label(plot::WIDTH - RIGHT, top + 12.0, "end", "quiet", &figures(bars)))
        @for (index, bar) in bars.iter().enumerate() {
            @let y = top + 16.0 + (BAR + 1.0) * index as f64;
            @for (part, from, length) in stacked(bar, scale) {
                rect class=(part) x=(plot::at(LEFT + from)) y=(plot::at(y)) width=(plot::at(length)) height=(plot::at(BAR)) {}
            }
        }
    }
}

/// The parts of a bar, each where the one before ends; what is there is seen, however small it is.
fn stacked(bar: &Bar, scale: f64) -> Vec<(&'static str, f64, f64)> {
    let mut from = 0.0;
    let mut stacked = Vec::new();
    for ((part, _), share) in PARTS.iter().zip(bar.parts) {
        if share > 0.0 {
            let length = (share * scale).max(1.5);
            stacked.push((*part, from, length));
            from += length;
        }
    }
    stacked
}

/// The chart's figures.
fn table(panel: &Panel<'_>) -> Markup {
    let name = format!("Operations a trial on {}, {}", panel.target(), panel.group.testcase);
    html! {
        div.scroll tabindex="0" role="region" aria-label=(name) {
            table.figures {
                caption { (name) }
                thead {
                    tr {
                        th scope="col" { "variant" }
                        th scope="col" { "cache" }
                        th scope="col" { "all" }
                        @for (part, _) in PARTS { th scope="col" { (part) } }
                    }
                }
                tbody {
                    @for entry in &panel.cells {
                        @let bars = bars(entry.cell);
                        @for (index, bar) in bars.iter().enumerate() {
                            tr {
                                @if index == 0 { th scope="rowgroup" rowspan=(bars.len()) { (entry.cell.variant) } }
                                td { (bar.cache) }
                                td { (number::count(bar.mean)) }
                                @for part in bar.parts { td { (number::count(part)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
