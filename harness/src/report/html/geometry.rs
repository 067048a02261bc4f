// SPDX-License-Identifier: GPL-2.0-or-later
//! Pass rates against the shape of the D-cache, with their intervals as bands: one plot for each variant of a sweep.

use maud::Markup;
use maud::html;

use super::PageView;
use super::Panel;
use super::notes;
use super::plot;
use super::plot::label;
use crate::judge::CellJudgement;
use crate::plan::hardware::DataCache;
use crate::report::grid;
use crate::report::number;

const HEIGHT: f64 = 212.0;
const LEFT: f64 = 40.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 62.0;

/// The machines of a sweep with one testcase.
struct Sweep<'v, 'a> {
    shapes: Vec<(DataCache, &'v Panel<'a>)>,
}

/// One variant of a sweep at one shape.
struct SweepPoint<'c> {
    x: f64,
    cell: &'c CellJudgement,
}

pub(super) fn section(view: &PageView<'_>) -> Markup {
    let sweeps = sweeps(view);
    if sweeps.is_empty() {
        return html! {};
    }
    let tables = grid::sweeps(view.judgement);
    html! {
        section aria-labelledby="geometry" {
            h2 #geometry { "Cache geometry" }
            p {
                "Pass rates by the number of sets of the D-cache, with their 95 % intervals as bands; caches that differ in anything else "
                "stand beside each other."
            }
            @for (index, (sweep, table)) in sweeps.iter().zip(&tables).enumerate() {
                h3 { (table.heading) }
                div.plots { @for variant in 0..variants(sweep) { (plot(sweep, index, variant)) } }
                details.fold { summary { "The same in figures" } (notes::grid(table, &table.heading)) }
            }
        }
    }
}

/// The sweeps in the order of [`grid::sweeps`]: that in which their panels come.
fn sweeps<'v, 'a>(view: &'v PageView<'a>) -> Vec<Sweep<'v, 'a>> {
    let mut sweeps: Vec<((&str, &str, &str), Sweep<'v, 'a>)> = Vec::new();
    for panel in &view.panels {
        let Some(from) = &panel.group.swept_from else { continue };
        let Some(machine) = view.machine(panel.group) else { continue };
        let key = (panel.group.kernel.as_str(), from.as_str(), panel.group.testcase.as_str());
        let shape = (machine.caches.dcache, panel);
        match sweeps.iter_mut().find(|(known, _)| *known == key) {
            Some((_, sweep)) => sweep.shapes.push(shape),
            None => sweeps.push((key, Sweep { shapes: vec![shape] })),
        }
    }
    let mut sweeps: Vec<Sweep<'v, 'a>> = sweeps.into_iter().map(|(_, sweep)| sweep).collect();
    for sweep in &mut sweeps {
        sweep.shapes.sort_by_key(|(dcache, _)| (series(dcache), dcache.sets));
    }
    sweeps
}

/// What is the same in all shapes that one line joins.
fn series(dcache: &DataCache) -> (u8, u32, u32) {
    (dcache.replacement as u8, dcache.line, dcache.ways)
}

fn variants(sweep: &Sweep<'_, '_>) -> usize {
    sweep.shapes.first().map_or(0, |(_, panel)| panel.cells.len())
}

fn plot(sweep: &Sweep<'_, '_>, index: usize, variant: usize) -> Markup {
    let groups: Vec<&[(DataCache, &Panel<'_>)]> =
        sweep.shapes.chunk_by(|a, b| series(&a.0) == series(&b.0)).collect();
    // Between two series there is half a step.
    let steps = sweep.shapes.len() as f64 + 0.5 * groups.len().saturating_sub(1) as f64;
    let step = (plot::WIDTH - LEFT - RIGHT) / steps.max(1.0);
    let mut next = LEFT + step / 2.0;
    let (mut drawn, mut said, mut name) = (Vec::new(), Vec::new(), "");
    for group in groups {
        let from = next;
        let mut points = Vec::new();
        for (dcache, panel) in group {
            let Some(entry) = panel.cells.get(variant) else { continue };
            name = &entry.cell.variant;
            points.push((dcache, SweepPoint { x: next, cell: entry.cell }));
            said.push(format!(
                "{} sets, {}: {}/{}",
                dcache.sets,
                words(dcache),
                entry.cell.passes,
                entry.cell.n
            ));
            next += step;
        }
        drawn.push(joined(&points, (from + next - step) / 2.0, step));
        next += step / 2.0;
    }
    let body = html! { (axes()) @for part in drawn { (part) } };
    let title = format!("Pass rate of {name} by D-cache");
    html! {
        figure {
            figcaption.name { (name) }
            (plot::svg(&format!("sweep-{index}-{variant}"), &title, &(said.join("; ") + "."), HEIGHT, &body))
        }
    }
}

fn words(dcache: &DataCache) -> String {
    let replacement = format!("{:?}", dcache.replacement).to_lowercase();
    format!("{} of {} bytes, {replacement}", number::plural(dcache.ways, "way"), dcache.line)
}

fn height(rate: f64) -> f64 {
    HEIGHT - BOTTOM - rate * (HEIGHT - BOTTOM - TOP)
}

fn axes() -> Markup {
    let (right, bottom) = (plot::WIDTH - RIGHT, HEIGHT - BOTTOM);
    html! {
        @for percent in [0.0, 25.0, 50.0, 75.0, 100.0] {
            @let y = height(percent / 100.0);
            (plot::line("grid", &[(LEFT, y), (right, y)]))
            (label(LEFT - 6.0, y + 4.0, "end", "quiet", &format!("{percent}")))
        }
        (plot::line("axis", &[(LEFT, TOP), (LEFT, bottom), (right, bottom)]))
        (label(6.0, 11.0, "start", "", "passes, %"))
        (label(right, HEIGHT - 6.0, "end", "", "sets of the D-cache"))
    }
}

/// Band, line and marks of one series, and below them sets and what else the caches have.
fn joined(points: &[(&DataCache, SweepPoint<'_>)], middle: f64, step: f64) -> Markup {
    let known = || points.iter().filter_map(|(_, point)| Some((point, point.cell.interval?)));
    // A single shape has a band too.
    let half = if points.len() == 1 { step / 4.0 } else { 0.0 };
    let upper = known().flat_map(|(point, limits)| {
        [(point.x - half, height(limits.high)), (point.x + half, height(limits.high))]
    });
    let lower = known().flat_map(|(point, limits)| {
        [(point.x - half, height(limits.low)), (point.x + half, height(limits.low))]
    });
    let mut outline: Vec<(f64, f64)> = upper.collect();
    outline.extend(lower.collect::<Vec<_>>().into_iter().rev());
    let rate = |cell: &CellJudgement| f64::from(cell.passes) / f64::from(cell.n.max(1));
    let curve: Vec<(f64, f64)> = known().map(|(point, _)| (point.x, height(rate(point.cell)))).collect();
    let bottom = HEIGHT - BOTTOM;
    html! {
        @if !outline.is_empty() { path.band d={ (plot::path(&outline)) "Z" } {} }
        (plot::line("curve", &curve))
        @for (x, y) in curve { circle.sound cx=(plot::at(x)) cy=(plot::at(y)) r="3" {} }
        @for (dcache, point) in points {
            (label(point.x, bottom + 14.0, "middle", "quiet", &dcache.sets.to_string()))
        }
        @if let Some((dcache, _)) = points.first() {
            (label(middle, bottom + 28.0, "middle", "quiet", &number::plural(dcache.ways, "way")))
            (label(middle, bottom + 40.0, "middle", "quiet", &format!("{:?}", dcache.replacement).to_lowercase()))
        }
    }
}
