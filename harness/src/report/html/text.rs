// SPDX-License-Identifier: GPL-2.0-or-later
//! Small pieces of text that several parts of the page use.

use std::fmt::Write;

use crate::judge::Verdict;
use crate::plan::Machine;
use crate::plan::hardware::{Addressing, Snoops};
use crate::report::content::is_steering;
use crate::report::number;

/// Returns the text with every character that has no look of its own, or changes the look of others, as a visible sign;
/// line ends and tabs stay.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.replace("\r\n", "\n").chars() {
        match character {
            '\n' | '\t' => shown.push(character),
            // The pictures of control characters stand in their order.
            '\0'..='\x1f' => shown.extend(char::from_u32(0x2400 + u32::from(character))),
            '\x7f' => shown.push('\u{2421}'),
            _ if is_steering(character) => {
                let _ = write!(shown, "<U+{:04X}>", u32::from(character));
            }
            _ => shown.push(character),
        }
    }
    shown
}

/// The sign that stands beside a verdict's word, so that it is seen without reading and without colour.
pub(super) fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::PassesAll => "✓",
        Verdict::Fails => "✗",
        Verdict::Mixed => "±",
        Verdict::Unknown => "?",
        Verdict::NotObservable => "○",
        Verdict::NoOp => "∅",
        Verdict::DoesNotApply => "–",
        Verdict::PatchRejected | Verdict::DoesNotBuild | Verdict::DoesNotBoot => "✗",
    }
}

/// What a verdict means, in a line.
pub(super) fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::PassesAll => "every trial passes, and the baseline fails here",
        Verdict::Fails => "no trial passes",
        Verdict::Mixed => "some trials pass",
        Verdict::Unknown => {
            "no trial says anything, or a control that the verdict needs fails or has no trial"
        }
        Verdict::NotObservable => {
            "every trial passes, but the baseline does not fail, or has no result: here a pass means nothing"
        }
        Verdict::NoOp => "the patches do not change the image",
        Verdict::PatchRejected => "the patches do not apply to the source of this kernel",
        Verdict::DoesNotBuild => "the patched kernel does not build",
        Verdict::DoesNotBoot => "the patched kernel does not boot, with the model off",
        Verdict::DoesNotApply => "the variant states that it does not apply to this kernel",
    }
}

/// Returns numbers as ranges: `1-4, 7`. They are in order.
pub(super) fn ranges(numbers: &[u64]) -> String {
    let runs = numbers.chunk_by(|a, b| a.checked_add(1) == Some(*b));
    let words = runs.filter_map(|run| match run {
        [] => None,
        [only] => Some(only.to_string()),
        [first, .., last] => Some(format!("{first}-{last}")),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// Returns the least and the greatest of some counts: `8,187` or `8,187 to 8,190`.
pub(super) fn span(counts: impl Iterator<Item = u64> + Clone) -> String {
    let (Some(least), Some(most)) = (counts.clone().min(), counts.max()) else { return "-".into() };
    let text = |count: u64| number::count(count as f64);
    if least == most { text(least) } else { format!("{} to {}", text(least), text(most)) }
}

/// Returns what a machine is: its CPU and the caches of the model.
pub(super) fn hardware(machine: &Machine) -> String {
    let cache = |name: &str, sets: u32, ways: u32, line: u32, addressing: Addressing| {
        let addressing = match addressing {
            Addressing::Pipt => "physical index and tag",
            Addressing::Vipt => "virtual index, physical tag",
            Addressing::Vivt => "virtual index and tag",
        };
        let size = number::count(f64::from(sets) * f64::from(ways) * f64::from(line) / 1024.0);
        let ways = number::plural(ways, "way");
        format!("{name}-cache {size} KB, {sets} sets of {ways} of {line} bytes, {addressing}")
    };
    let (i, d) = (machine.caches.icache, machine.caches.dcache);
    let fills = match machine.caches.snoops {
        Snoops::Nothing => "",
        Snoops::Own => "; the I-cache fills from its CPU's D-cache",
        Snoops::Others => "; the I-caches fill from other CPUs' D-caches",
        Snoops::All => "; the I-caches fill from the D-caches",
    };
    let cpus = if machine.smp > 1 { format!("{} CPUs ", machine.smp) } else { String::new() };
    format!(
        "{cpus}{}; {}; {}{fills}",
        machine.cpu,
        cache("I", i.sets, i.ways, i.line, i.addressing),
        cache("D", d.sets, d.ways, d.line, d.addressing)
    )
}
