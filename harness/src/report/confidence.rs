// SPDX-License-Identifier: GPL-2.0-or-later
//! How sure the figures are, in sentences.

use std::collections::BTreeMap;

use crate::judge::Comparison;
use crate::judge::Judgement;
use crate::judge::LEVEL;
use crate::judge::statistics::sequential::characteristics;
use crate::plan::Rule;

/// Returns which variants differ by more than chance.
pub(super) fn significance(judgement: &Judgement) -> Vec<String> {
    let all =
        || judgement.groups.iter().flat_map(|group| group.comparisons.iter().map(move |one| (group, one)));
    let against = |one: &Comparison| one.a == judgement.baseline;
    let count = |wanted: bool| all().filter(|(_, one)| against(one) == wanted).count();
    if count(true) + count(false) == 0 {
        return Vec::new();
    }
    let mut sentences = vec![format!(
        "Fisher's exact test, two-sided, adjusted by Holm's method over the {} comparisons with {} and over the {} of \
         other variants; variants with a p-value below {LEVEL} differ",
        count(true),
        judgement.baseline,
        count(false)
    )];
    for group in &judgement.groups {
        // One sentence for each variant that something differs from, with the largest of the p-values.
        let mut differing: BTreeMap<&str, (Vec<&str>, f64)> = BTreeMap::new();
        for one in group.comparisons.iter().filter(|one| one.differs()) {
            let (variants, p) = differing.entry(&one.a).or_insert((Vec::new(), 0.0));
            variants.push(&one.b);
            *p = p.max(one.adjusted);
        }
        for (variant, (others, p)) in differing {
            let name = format!("{} on {}, {}", group.kernel, group.machine, group.testcase);
            sentences.push(format!(
                "{name}: {variant} differs from {} (p {})",
                others.join(", "),
                p_value(p)
            ));
        }
    }
    if sentences.len() == 1 {
        sentences.push("no two variants differ significantly".into());
    }
    sentences
}

/// A p-value, rounded up, so that none looks smaller than it is.
fn p_value(p: f64) -> String {
    let limits = [0.0001, 0.001, 0.01];
    match limits.into_iter().find(|limit| p < *limit) {
        Some(limit) => format!("< {limit}"),
        None => format!("{:.3}", (p * 1000.0).ceil() / 1000.0),
    }
}

/// Returns what the rule of a study makes of variants of several failure rates.
pub(super) fn rule(rule: &Rule, bound: u32) -> Vec<String> {
    let mut sentences = vec![format!(
        "each cell is tried in batches of {} seeds, at most {bound}, until the sequential probability ratio test of a failure \
         rate of {} against {} decides (errors at most {} and {}); where the rate is between the two, the interval of a cell \
         that was stopped early covers slightly less than its nominal 95 %",
        rule.batch,
        percent(rule.tolerable),
        percent(rule.intolerable),
        percent(rule.alpha),
        percent(rule.beta)
    )];
    let rates = [rule.tolerable, (rule.tolerable * rule.intolerable).sqrt(), rule.intolerable];
    for rate in rates {
        let Some(exact) = characteristics(rule, bound, rate) else { continue };
        sentences.push(format!(
            "a variant that fails in {} of its trials is called sound in {} of cases and faulty in {}, after {:.0} trials on average (exact)",
            percent(rate),
            percent(exact.sound),
            percent(exact.faulty),
            exact.mean_trials
        ));
    }
    sentences
}

fn percent(rate: f64) -> String {
    format!("{:.1} %", rate * 100.0)
}
