// SPDX-License-Identifier: GPL-2.0-or-later
//! Price against correctness: for each unit a plot of the variants, and below them the table with the same figures.

use std::collections::BTreeSet;

use maud::Markup;
use maud::html;

use super::PageView;
use super::notes;
use super::plot;
use super::plot::label;
use crate::judge::Candidate;
use crate::report::grid;
use crate::report::number;

const HEIGHT: f64 = 250.0;
const LEFT: f64 = 40.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 38.0;
const BOTTOM: f64 = 42.0;

/// Points that are nearer than this share one label.
const NEAR: f64 = 14.0;

/// A variant in a plot.
struct PlotPoint {
    number: usize,
    /// Additional operations.
    price: f64,
    fixed: u32,
    breaks: bool,
}

pub(super) fn section(view: &PageView<'_>) -> Markup {
    let candidates = &view.judgement.candidates;
    let Some(table) = grid::decision(view.judgement) else { return html! {} };
    let units: BTreeSet<&str> =
        candidates.iter().flat_map(|one| one.prices.keys().map(String::as_str)).collect();
    html! {
        section aria-labelledby="decision" {
            h2 #decision { "Price against correctness" }
            p {
                "Upwards: of the cells in which " (view.judgement.baseline) " fails, those that the variant fixes. To the right: cache "
                "maintenance operations more than with " (view.judgement.baseline) ", for one of the unit, on a scale of powers of ten. "
                "The dashed line joins the rows that no other beats in both."
            }
            ul.keys {
                @for (index, one) in candidates.iter().enumerate() { li { b { (index + 1) } " " span.name { (one.variant) } } }
                li { (mark(true)) "breaks something elsewhere" }
                li { (mark(false)) "breaks nothing" }
            }
            div.plots { @for unit in units { (plot(candidates, unit)) } }
            (notes::grid(&table, "The same in figures"))
        }
    }
}

fn mark(breaks: bool) -> Markup {
    html! { svg viewBox="0 0 12 12" aria-hidden="true" { (shape(6.0, 6.0, breaks)) } }
}

/// A disc, or an empty diamond where something breaks.
fn shape(x: f64, y: f64, breaks: bool) -> Markup {
    let place = |dx: f64, dy: f64| (x + dx, y + dy);
    if breaks {
        let corners = [place(0.0, -5.0), place(5.0, 0.0), place(0.0, 5.0), place(-5.0, 0.0)];
        html! { path.faulty d={ (plot::path(&corners)) "Z" } {} }
    } else {
        html! { circle.sound cx=(plot::at(x)) cy=(plot::at(y)) r="4.5" {} }
    }
}

/// Powers of ten to both sides of zero.
fn scaled(price: f64) -> f64 {
    price.signum() * price.abs().ln_1p() / std::f64::consts::LN_10
}

fn plot(candidates: &[Candidate], unit: &str) -> Markup {
    let point = |(index, one): (usize, &Candidate)| {
        let price = one.prices.get(unit)?.operations;
        Some(PlotPoint { number: index + 1, price, fixed: one.fixed, breaks: one.broken > 0 })
    };
    let points: Vec<PlotPoint> = candidates.iter().enumerate().filter_map(point).collect();
    let most = candidates.iter().map(|one| one.observable).max().unwrap_or(1).max(1);
    let ends = points.iter().map(|point| scaled(point.price));
    let (low, high) = ends.fold((0.0_f64, 1.0_f64), |(low, high), end| (low.min(end), high.max(end)));
    let (low, high) = (low.floor(), high.ceil());
    let x = |price: f64| LEFT + (scaled(price) - low) / (high - low) * (plot::WIDTH - LEFT - RIGHT);
    let y = |fixed: u32| HEIGHT - BOTTOM - f64::from(fixed) / f64::from(most) * (HEIGHT - BOTTOM - TOP);
    let said: Vec<String> = points
        .iter()
        .map(|point| {
            let variant = &candidates[point.number - 1].variant;
            format!("{variant} fixes {} of {most} for {}", point.fixed, number::difference(point.price))
        })
        .collect();
    let body = html! {
        (axes(low, high, most, unit, &x, &y))
        (plot::line("front", &front(&points, &x, &y)))
        @for point in &points { (shape(x(point.price), y(point.fixed), point.breaks)) }
        @for (at, numbers) in labels(&points, &x, &y) { (label(at.0, at.1, "middle", "", &numbers)) }
    };
    html! {
        figure {
            figcaption { "Operations for one " (unit) }
            (plot::svg(
                &format!("pareto-{unit}"),
                &format!("Cells fixed against additional operations for one {unit}"),
                &(said.join("; ") + "."),
                HEIGHT,
                &body,
            ))
        }
    }
}

fn axes(
    low: f64,
    high: f64,
    most: u32,
    unit: &str,
    x: &impl Fn(f64) -> f64,
    y: &impl Fn(u32) -> f64,
) -> Markup {
    let (right, bottom) = (plot::WIDTH - RIGHT, HEIGHT - BOTTOM);
    let step = ((high - low) / 6.0).ceil().max(1.0);
    // Zero has a tick, whatever the step.
    let powers =
        (-9..=9).map(|index| f64::from(index) * step).filter(|power| *power >= low && *power <= high);
    let prices: Vec<f64> =
        powers.map(|power| power.signum() * (10_f64.powf(power.abs()) - f64::from(power == 0.0))).collect();
    let places: BTreeSet<u32> = plot::ticks(f64::from(most))
        .into_iter()
        .map(|tick| tick as u32)
        .filter(|tick| *tick <= most)
        .chain([most])
        .collect();
    html! {
        @for price in prices {
            (plot::line("grid", &[(x(price), TOP), (x(price), bottom)]))
            (label(x(price), bottom + 15.0, "middle", "quiet", &power(price)))
        }
        @for place in places {
            (plot::line("grid", &[(LEFT, y(place)), (right, y(place))]))
            (label(LEFT - 6.0, y(place) + 4.0, "end", "quiet", &place.to_string()))
        }
        (plot::line("axis", &[(LEFT, TOP), (LEFT, bottom), (right, bottom)]))
        (label(LEFT - 34.0, 11.0, "start", "", "cells fixed"))
        (label(right, HEIGHT - 8.0, "end", "", &format!("additional operations for one {unit}")))
    }
}

/// A tick's price; the scale is of one more than the operations, so that zero is on it.
fn power(price: f64) -> String {
    if price == 0.0 { "0".into() } else { number::difference(price) }
}

/// The variants that no other beats in both respects, from the cheapest on, as stairs.
fn front(points: &[PlotPoint], x: &impl Fn(f64) -> f64, y: &impl Fn(u32) -> f64) -> Vec<(f64, f64)> {
    let mut sorted: Vec<&PlotPoint> = points.iter().collect();
    sorted.sort_by(|a, b| a.price.total_cmp(&b.price).then(b.fixed.cmp(&a.fixed)));
    let mut stairs: Vec<(f64, f64)> = Vec::new();
    let mut best = None;
    for point in sorted {
        if best.is_none_or(|best| point.fixed > best) {
            stairs.extend(best.map(|best| (x(point.price), y(best))));
            stairs.push((x(point.price), y(point.fixed)));
            best = Some(point.fixed);
        }
    }
    stairs
}

/// Where the numbers of points stand: those of points that nearly coincide beside each other.
fn labels(
    points: &[PlotPoint],
    x: &impl Fn(f64) -> f64,
    y: &impl Fn(u32) -> f64,
) -> Vec<((f64, f64), String)> {
    let mut sorted: Vec<&PlotPoint> = points.iter().collect();
    sorted.sort_by(|a, b| b.fixed.cmp(&a.fixed).then(a.price.total_cmp(&b.price)));
    let near = |a: &&PlotPoint, b: &&PlotPoint| {
        (x(a.price) - x(b.price)).abs() < NEAR && (y(a.fixed) - y(b.fixed)).abs() < NEAR
    };
    let mut labels = Vec::new();
    for cluster in sorted.chunk_by(near) {
        let (Some(first), Some(last)) = (cluster.first(), cluster.last()) else { continue };
        let mut numbers: Vec<usize> = cluster.iter().map(|point| point.number).collect();
        numbers.sort_unstable();
        let words: Vec<String> = numbers.iter().map(usize::to_string).collect();
        let top = cluster.iter().map(|point| y(point.fixed)).fold(f64::INFINITY, f64::min);
        let room = 4.0 * words.join(", ").len() as f64;
        let middle = (x(first.price) + x(last.price)) / 2.0;
        labels.push(((middle.clamp(LEFT + room - 12.0, plot::WIDTH - room), top - 8.0), words.join(", ")));
    }
    labels
}
