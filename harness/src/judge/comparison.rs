// SPDX-License-Identifier: GPL-2.0-or-later
//! Variants against each other: do their pass rates differ by more than chance?
//!
//! Fisher's exact test of each two variants of a group, two-sided. The p-values are adjusted by Holm's method within two
//! families of the whole study: each variant against the baseline, and the other variants pairwise; so the chance that any
//! difference in a family is called one that is none stays below the level that is read off.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::judge::model::Group;
use crate::judge::statistics::fisher::Alternative;
use crate::judge::statistics::fisher::PassCounts;
use crate::judge::statistics::fisher::p_value;
use crate::judge::statistics::holm::adjusted;

/// The level below which an adjusted p-value is called a difference.
pub const LEVEL: f64 = 0.05;

/// Two variants of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// Name of a variant; the baseline, if it is one of the two.
    pub a: String,
    /// Name of the other.
    pub b: String,
    /// By Fisher's exact test, two-sided.
    pub p: f64,
    /// The same, adjusted by Holm's method within its family.
    pub adjusted: f64,
}

impl Comparison {
    /// Returns whether the two variants differ by more than chance.
    pub fn differs(&self) -> bool {
        self.adjusted < LEVEL
    }
}

/// Fills in the comparisons of all groups.
pub(super) fn compare(groups: &mut [Group], baseline: &str) {
    for group in groups.iter_mut() {
        group.comparisons = pairs(group, baseline);
    }
    for against_baseline in [true, false] {
        let in_family = |comparison: &Comparison| (comparison.a == baseline) == against_baseline;
        let family = groups.iter().flat_map(|group| &group.comparisons).filter(|one| in_family(one));
        let p_values: Vec<f64> = family.map(|one| one.p).collect();
        let all = groups.iter_mut().flat_map(|group| &mut group.comparisons).filter(|one| in_family(one));
        for (comparison, value) in all.zip(adjusted(&p_values)) {
            comparison.adjusted = value;
        }
    }
}

/// Each two variants that have a trial which says something, the baseline first.
fn pairs(group: &Group, baseline: &str) -> Vec<Comparison> {
    let mut cells: Vec<_> = group.cells.iter().filter(|cell| cell.n > 0).collect();
    cells.sort_by_key(|cell| cell.variant != baseline);
    let counts = |passes: u32, n: u32| PassCounts { passes, failures: n - passes };
    let mut pairs = Vec::new();
    for (i, a) in cells.iter().enumerate() {
        for b in &cells[i + 1..] {
            let p = p_value(counts(a.passes, a.n), counts(b.passes, b.n), Alternative::TwoSided);
            pairs.push(Comparison { a: a.variant.clone(), b: b.variant.clone(), p, adjusted: 1.0 });
        }
    }
    pairs
}
