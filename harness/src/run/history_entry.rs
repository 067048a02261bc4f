// SPDX-License-Identifier: GPL-2.0-or-later
//! What a run comes to, as an entry of a site's history.

use std::collections::BTreeMap;
use std::path::Path;

use super::judged_whole;
use crate::error::{Error, Result};
use crate::judge::trend::{CellEntry, HistoryEntry};
use crate::judge::{CellJudgement, Group};
use crate::store;
use crate::trial::line::TrialLine;
use crate::trial::sha256;

/// A run for the history.
#[derive(Debug)]
pub struct RunEntry {
    /// Name of its study.
    pub study: String,
    /// Its cells.
    pub entry: HistoryEntry,
    /// Stands for all that it was made of and came to.
    pub content: String,
}

/// Reads a run directory; `date` is the entry's day as `YYYY-MM-DD`.
///
/// # Errors
///
/// Study, when the directory is not a whole run; infrastructure.
pub fn history_entry(root: &Path, date: &str) -> Result<RunEntry> {
    let judged = judged_whole(root)?;
    if judged.manifest.plan.study.part.is_some() {
        return Err(Error::study(format!(
            "{} is a run of a part of {}: beside whole runs, what it leaves out would seem to have gone",
            root.display(),
            judged.judgement.study
        ))
        .hint("run the whole study, without --only and --seeds"));
    }
    let mut seconds: BTreeMap<String, f64> = BTreeMap::new();
    for (id, took) in store::read_times(root)? {
        *seconds.entry(name([&id.kernel, &id.machine, &id.variant, &id.testcase])).or_default() += took;
    }
    let mut evidence: BTreeMap<String, String> = BTreeMap::new();
    for line in &judged.lines {
        let id = &line.id;
        let of_cell = evidence.entry(name([&id.kernel, &id.machine, &id.variant, &id.testcase])).or_default();
        of_cell.push_str(&text(line)?);
    }
    let (judgement, plan) = (&judged.judgement, &judged.manifest.plan);
    let cell = |(group, cell): (&Group, &CellJudgement)| {
        let name = name([&group.kernel, &group.machine, &cell.variant, &group.testcase]);
        let entry = CellEntry {
            baseline: cell.variant == judgement.baseline,
            passes: cell.passes,
            n: cell.n,
            unknown: cell.unknown + cell.missing,
            operations: cell.d.mean.zip(cell.i.mean).map(|(d, i)| d + i),
            seconds: seconds.get(&name).copied(),
            evidence: sha256(evidence.get(&name).map_or("", String::as_str)),
        };
        (name, entry)
    };
    // One without a kernel fails, and everywhere in the same way: all its trials would.
    let broken = |(group, cell): (&Group, &CellJudgement)| {
        let testcase = plan.testcases.iter().find(|testcase| testcase.name == group.testcase)?;
        let n = plan.seeds_of(testcase, plan.study.mode).count;
        let name = name([&group.kernel, &group.machine, &cell.variant, &group.testcase]);
        let baseline = cell.variant == judgement.baseline;
        let text = cell.reason.as_ref().map_or("", |reason| reason.text.as_str());
        let evidence = sha256(&format!("{}: {text}", cell.verdict.name()));
        Some((
            name,
            CellEntry { baseline, passes: 0, n, unknown: 0, operations: None, seconds: None, evidence },
        ))
    };
    // A variant that changes nothing there has no trials, now or later.
    let tried = |(_, cell): &(&Group, &CellJudgement)| cell.n + cell.unknown + cell.missing > 0;
    let mut cells: BTreeMap<String, CellEntry> = judgement.cells().filter(tried).map(cell).collect();
    cells.extend(judgement.cells().filter(|(_, cell)| cell.verdict.is_broken()).filter_map(broken));
    let content = sha256(&evidence.into_values().collect::<String>());
    let content = format!("{}-{content}", judged.manifest.run_name());
    Ok(RunEntry {
        study: judgement.study.clone(),
        entry: HistoryEntry { date: date.to_owned(), cells },
        content,
    })
}

fn name(parts: [&str; 4]) -> String {
    parts.join("/")
}

fn text(line: &TrialLine) -> Result<String> {
    let text = serde_json::to_string(line);
    text.map(|text| text + "\n").map_err(|error| Error::internal(format!("a trial's line: {error}")))
}
