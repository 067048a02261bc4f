// SPDX-License-Identifier: GPL-2.0-or-later
//! What plots have in common: the frame with its title and description, axes, scales.

use std::fmt::Write;

use maud::Markup;
use maud::html;

/// Width of every plot, in its own units: that of the narrowest window, so that letters stay legible there.
pub(super) const WIDTH: f64 = 328.0;

/// Returns an SVG picture with a title and a description for whoever cannot see it; `id` is its own on the page.
pub(super) fn svg(id: &str, title: &str, description: &str, height: f64, body: &Markup) -> Markup {
    html! {
        svg role="img" viewBox={ "0 0 " (at(WIDTH)) " " (at(height)) } aria-labelledby={ "t-" (id) " d-" (id) } {
            title id={ "t-" (id) } { (title) }
            desc id={ "d-" (id) } { (description) }
            (body)
        }
    }
}

/// A coordinate, as short as can be.
pub(super) fn at(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// Text at a place.
pub(super) fn label(x: f64, y: f64, anchor: &str, class: &str, text: &str) -> Markup {
    html! { text x=(at(x)) y=(at(y)) text-anchor=(anchor) class=[(!class.is_empty()).then_some(class)] { (text) } }
}

/// A line through some points.
pub(super) fn line(class: &str, points: &[(f64, f64)]) -> Markup {
    html! { path class=(class) d=(path(points)) {} }
}

/// The commands of a path through some points.
pub(super) fn path(points: &[(f64, f64)]) -> String {
    let mut commands = String::new();
    for (index, (x, y)) in points.iter().enumerate() {
        let _ = write!(commands, "{}{} {}", if index == 0 { "M" } else { "L" }, at(*x), at(*y));
    }
    commands
}

/// Returns round values from 0 to `most` or a little more, at most five of them.
pub(super) fn ticks(most: f64) -> Vec<f64> {
    if most <= 0.0 || !most.is_finite() {
        return vec![0.0, 1.0];
    }
    let rough = most / 4.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power);
    let step = step.into_iter().find(|step| *step >= rough * 0.999).unwrap_or(10.0 * power).max(1.0);
    let count = (most / step).ceil();
    (0..).map(f64::from).take_while(|index| *index <= count).map(|index| index * step).collect()
}
