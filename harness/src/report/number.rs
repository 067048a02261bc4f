// SPDX-License-Identifier: GPL-2.0-or-later
//! Figures as they are printed.

use crate::judge::Behind;
use crate::judge::interval::Interval;

/// Returns a mean count rounded to a whole number, with commas between thousands: `113,715`.
pub(super) fn count(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 && digits != "0" { format!("-{text}") } else { text }
}

/// Returns a difference with its sign: `+671`, `-12`, `+0`.
pub(super) fn difference(value: f64) -> String {
    let text = count(value);
    if text.starts_with('-') { text } else { format!("+{text}") }
}

/// Returns a price with its interval, where that is more than a point as it is printed: `+9 [+7, +11]`.
pub(super) fn price(value: f64, interval: Option<Interval>) -> String {
    let limits = interval.map(|limits| [difference(limits.low), difference(limits.high)]);
    let range = limits.filter(|[low, high]| low != high).map(|[low, high]| format!(" [{low}, {high}]"));
    difference(value) + &range.unwrap_or_default()
}

/// Says why a price is not distinguishable from the cheapest, if so.
pub(super) fn alike(behind: Behind) -> Option<&'static str> {
    if behind.may_be_chance() {
        return Some("not distinguishable");
    }
    behind.may_be_layout().then_some("more by no more than a layout of memory may add")
}

/// Returns an interval in per cent: `[8.7, 49.1] %`.
pub(super) fn interval(interval: Interval) -> String {
    format!("[{:.1}, {:.1}] %", interval.low * 100.0, interval.high * 100.0)
}

/// Returns `1 trial`, `2 trials`.
pub(super) fn plural(n: u32, noun: &str) -> String {
    match noun.strip_suffix("ntry") {
        Some(stem) if n != 1 => format!("{} {stem}ntries", count(f64::from(n))),
        _ => format!("{} {noun}{}", count(f64::from(n)), if n == 1 { "" } else { "s" }),
    }
}

/// Returns a p-value with two digits that count.
pub(super) fn small(p: f64) -> String {
    if p < 0.001 { format!("{p:.1e}") } else { format!("{p:.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        let printed: Vec<String> =
            [0.0, 7.4, 999.6, 113_715.0, 1_234_567.0, -1234.0, -0.3].map(count).to_vec();
        assert_eq!(printed, ["0", "7", "1,000", "113,715", "1,234,567", "-1,234", "0"]);
    }

    #[test]
    fn a_difference_has_its_sign() {
        assert_eq!([671.0, -12.2, 0.0, -0.2].map(difference), ["+671", "-12", "+0", "+0"]);
    }

    #[test]
    fn intervals_are_in_per_cent_and_nouns_agree() {
        assert_eq!(interval(Interval { low: 0.0866, high: 0.491 }), "[8.7, 49.1] %");
        assert_eq!((plural(1, "trial"), plural(1200, "trial")), ("1 trial".into(), "1,200 trials".into()));
    }
}
