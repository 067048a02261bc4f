// SPDX-License-Identifier: GPL-2.0-or-later
//! The history of a study: which cells changed, since when, and by more than chance.
//!
//! Equal inputs give equal bytes, so that an entry whose trials are those of the entry before says nothing new: entries in a row
//! with the same evidence are counted once. Of what is left, every entry but the first may be the one on which a cell changed.
//! For each of them Fisher's exact test compares what came before with what came since; the least p-value is multiplied by the
//! number of entries among which it was chosen (Bonferroni), and the products of all cells are adjusted by Holm's method.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use super::comparison::LEVEL;
use super::statistics::fisher::Alternative;
use super::statistics::fisher::PassCounts;
use super::statistics::fisher::p_value;
use super::statistics::holm::adjusted;

/// A cell in one entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellEntry {
    /// The row is the study's baseline, which is there to fail.
    pub baseline: bool,
    /// Trials that passed, of those that say something.
    pub passes: u32,
    /// Trials that say something.
    pub n: u32,
    /// Trials that say nothing, and those that are missing.
    pub unknown: u32,
    /// Cache maintenance operations of both caches a trial, the mean.
    pub operations: Option<f64>,
    /// What its trials took, in host seconds.
    pub seconds: Option<f64>,
    /// SHA-256 of its trials: equal evidence is one and the same.
    pub evidence: String,
}

/// The cells of one entry, by `KERNEL/MACHINE/VARIANT/TESTCASE`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistoryEntry {
    /// The day, as `YYYY-MM-DD`.
    pub date: String,
    /// Its cells.
    pub cells: BTreeMap<String, CellEntry>,
}

/// Where a cell stands after the last entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellState {
    /// It passes less often than before, by more than chance.
    Worse,
    /// It passed every trial on all entries before, and failed one on the last.
    FirstFailure,
    /// It passes more often than before, by more than chance.
    Better,
    /// The baseline fails more or less often than before.
    Shifted,
    /// The last entry says nothing of it.
    Silent,
    /// Nothing changed by more than chance.
    Steady,
}

/// The entry on which a cell most probably changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Split {
    /// Index of the first entry after the change.
    pub at: usize,
    /// Outcomes on the entries before.
    pub before: PassCounts,
    /// Outcomes since.
    pub after: PassCounts,
    /// How probable so large a difference is by chance somewhere in the study, at most.
    pub p: f64,
}

/// A cell over the entries.
#[derive(Clone, Debug, PartialEq)]
pub struct CellTrend {
    /// `KERNEL/MACHINE/VARIANT/TESTCASE`.
    pub cell: String,
    /// By entry; none where the entry has no such cell.
    pub entries: Vec<Option<CellEntry>>,
    /// Where it most probably changed; none if there is only one piece of evidence.
    pub split: Option<Split>,
    /// Where it stands.
    pub state: CellState,
}

/// All cells of a study over the entries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trends {
    /// The entries, the oldest first, as `YYYY-MM-DD`.
    pub entries: Vec<String>,
    /// The cells by name.
    pub cells: Vec<CellTrend>,
    /// Cells that could have changed: the family over which p-values are adjusted.
    pub tested: u32,
}

impl Trends {
    /// Returns the cells that stand so.
    pub fn in_state(&self, state: CellState) -> impl Iterator<Item = &CellTrend> {
        self.cells.iter().filter(move |cell| cell.state == state)
    }
}

/// Consecutive entries with the same evidence.
struct Stretch {
    /// Index of its first entry.
    first: usize,
    outcomes: PassCounts,
}

/// Judges entries, which must be in the order of their dates.
pub fn trends(entries: &[HistoryEntry]) -> Trends {
    let mut names: Vec<&String> = entries.iter().flat_map(|entry| entry.cells.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let series = |name: &&String| entries.iter().map(|entry| entry.cells.get(*name).cloned()).collect();
    let all: Vec<Vec<Option<CellEntry>>> = names.iter().map(series).collect();
    let mut splits: Vec<Option<Split>> = all.iter().map(|cell| split(&stretches(cell))).collect();
    let p_values: Vec<f64> = splits.iter().flatten().map(|split| split.p).collect();
    for (split, p) in splits.iter_mut().flatten().zip(adjusted(&p_values)) {
        split.p = p;
    }
    let cell = |((name, entries), split): ((&&String, Vec<Option<CellEntry>>), Option<Split>)| CellTrend {
        cell: (*name).clone(),
        state: state(&entries, split.as_ref()),
        entries,
        split,
    };
    Trends {
        entries: entries.iter().map(|entry| entry.date.clone()).collect(),
        tested: u32::try_from(p_values.len()).unwrap_or(u32::MAX),
        cells: names.iter().zip(all).zip(splits).map(cell).collect(),
    }
}

/// What a cell's entries have to say, each piece of evidence once.
fn stretches(entries: &[Option<CellEntry>]) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut last: Option<&str> = None;
    let kept = entries.iter().enumerate().filter_map(|(index, entry)| Some((index, entry.as_ref()?)));
    for (first, entry) in kept.filter(|(_, entry)| entry.n > 0) {
        if last != Some(entry.evidence.as_str()) {
            let outcomes = PassCounts { passes: entry.passes, failures: entry.n - entry.passes };
            stretches.push(Stretch { first, outcomes });
        }
        last = Some(&entry.evidence);
    }
    stretches
}

fn sum<'a>(stretches: impl Iterator<Item = &'a Stretch>) -> PassCounts {
    let add = |a: PassCounts, b: &Stretch| PassCounts {
        passes: a.passes + b.outcomes.passes,
        failures: a.failures + b.outcomes.failures,
    };
    stretches.fold(PassCounts { passes: 0, failures: 0 }, add)
}

/// The most probable change; its p-value is not yet adjusted for the other cells.
fn split(stretches: &[Stretch]) -> Option<Split> {
    let at = |place: usize| {
        let (before, after) = (sum(stretches[..place].iter()), sum(stretches[place..].iter()));
        let p = p_value(before, after, Alternative::TwoSided);
        Split { at: stretches[place].first, before, after, p }
    };
    let best = (1..stretches.len()).map(at).min_by(|a, b| a.p.total_cmp(&b.p))?;
    let chosen_among = f64::from(u32::try_from(stretches.len() - 1).unwrap_or(u32::MAX));
    Some(Split { p: (best.p * chosen_among).min(1.0), ..best })
}

fn state(entries: &[Option<CellEntry>], split: Option<&Split>) -> CellState {
    let Some(Some(last)) = entries.last() else { return CellState::Silent };
    if last.n == 0 {
        return CellState::Silent;
    }
    if let Some(split) = split.filter(|split| split.p < LEVEL) {
        let rate = |counts: PassCounts| f64::from(counts.passes) / f64::from(counts.passes + counts.failures);
        return match rate(split.after) < rate(split.before) {
            _ if last.baseline => CellState::Shifted,
            true => CellState::Worse,
            false => CellState::Better,
        };
    }
    let mut before = entries[..entries.len() - 1].iter().flatten().filter(|entry| entry.n > 0).peekable();
    let passed_before = before.peek().is_some() && before.all(|entry| entry.passes == entry.n);
    if passed_before && last.passes < last.n && !last.baseline {
        CellState::FirstFailure
    } else {
        CellState::Steady
    }
}
