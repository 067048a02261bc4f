// SPDX-License-Identifier: GPL-2.0-or-later
//! Gathers what reports are made of: from a run directory, and once, when a run ends, from the cache, which has the
//! kernels' symbols. A run directory that went elsewhere can be reported on without the cache.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use instrument::Record;

use super::explain::{Resolve, explanation, work};
use super::prepare::Prepared;
use super::{JudgedRun, judged_whole, write_judgement};
use crate::cache_dir::{Cache, write_atomically};
use crate::error::{Error, Result};
use crate::judge::Judgement;
use crate::plan::{Plan, TrialId};
use crate::report::{ExampleTrial, ReportData, Tools};
use crate::store::{self, Manifest};
use crate::symbols::Symbols;
use crate::trial::line::TrialLine;

const EXAMPLES: &str = "examples.json";

/// What that file was called in runs of version 3.
const OLD_EXAMPLES: &str = "exhibits.json";

/// How many bytes of the console's end are shown: the screens before it are of no use to whoever reads a report.
const CONSOLE: usize = 4096;

/// Returns all that a run directory has for a report, judged anew; the judgement there is written anew too.
///
/// # Errors
///
/// Study, when the directory is not a run; infrastructure.
pub fn report_data(root: &Path) -> Result<ReportData> {
    let judged = judged_whole(root)?;
    write_judgement(root, &judged.judgement)?;
    of(root, judged)
}

/// The report data of a run that has been judged.
pub(super) fn of(root: &Path, judged: JudgedRun) -> Result<ReportData> {
    let JudgedRun { manifest, lines, judgement, built } = judged;
    let tools = tools(&manifest);
    Ok(ReportData {
        run: root.display().to_string(),
        built,
        plan: manifest.plan,
        tools,
        judgement,
        lines,
        examples: read_examples(root)?,
        trend: None,
    })
}

fn tools(manifest: &Manifest) -> Tools {
    let mut failed_builds: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (kernel, variants) in &manifest.images {
        for (variant, image) in variants {
            if let Some(why) = &image.failed {
                failed_builds.entry(kernel.clone()).or_default().insert(variant.clone(), why.text.clone());
            }
        }
    }
    Tools {
        patcheval: env!("CARGO_PKG_VERSION").into(),
        qemu: manifest.qemu.clone(),
        plugin: manifest.plugin.clone(),
        toolchains: manifest.toolchains.clone(),
        releases: manifest.releases.clone(),
        failed_builds,
    }
}

/// Whether a run has its examples.
pub(super) fn exist(root: &Path) -> bool {
    root.join(EXAMPLES).exists()
}

fn read_examples(root: &Path) -> Result<Vec<ExampleTrial>> {
    for path in [EXAMPLES, OLD_EXAMPLES].map(|name| root.join(name)) {
        if let Ok(text) = fs::read_to_string(&path) {
            let read = serde_json::from_str(&text);
            return read.map_err(|error| Error::study(format!("{}: {error}", path.display())));
        }
    }
    // The run has not come to its end.
    Ok(Vec::new())
}

/// Writes down which trials reports show whole, with functions and source lines as far as the cache has the kernels.
///
/// # Errors
///
/// Infrastructure, when the disk is full.
pub(super) fn write_examples(cache: &Cache, root: &Path, judged: &JudgedRun) -> Result<()> {
    let JudgedRun { manifest, lines, judgement, .. } = judged;
    let lines: BTreeMap<&TrialId, &TrialLine> = lines.iter().map(|line| (&line.id, line)).collect();
    let mut symbols: Option<((String, String), Option<Symbols>)> = None;
    let mut examples = Vec::new();
    for id in shown(&manifest.plan, judgement) {
        let (Some(line), Some(console)) = (lines.get(&id), store::kept_console(root, &id)) else { continue };
        // Neighbours are of the same kernel, whose symbols are read once.
        let kernel = (id.kernel.clone(), id.variant.clone());
        if symbols.as_ref().is_none_or(|(of, _)| *of != kernel) {
            symbols = Some((kernel, read_symbols(cache, manifest, &id)));
        }
        let read = symbols.as_ref().and_then(|(_, symbols)| symbols.as_ref());
        let resolve = |address| read.and_then(|symbols| symbols.locate(address));
        examples.push(example(line, &console, store::kept_record(root, &id).as_deref(), &resolve));
    }
    save(root, &examples)
}

/// Puts together the examples of shares, in the order that those of the whole have.
///
/// # Errors
///
/// Study, when one is damaged; infrastructure, when the disk is full.
pub(super) fn merge_examples(root: &Path, judgement: &Judgement, shares: &[&Path]) -> Result<()> {
    let mut examples = BTreeMap::new();
    for share in shares {
        examples.extend(read_examples(share)?.into_iter().map(|example| (example.trial.clone(), example)));
    }
    let plan = store::read_manifest(root)?.plan;
    let shown: Vec<ExampleTrial> =
        shown(&plan, judgement).iter().filter_map(|id| examples.remove(id)).collect();
    save(root, &shown)
}

fn save(root: &Path, examples: &[ExampleTrial]) -> Result<()> {
    let text =
        serde_json::to_string(examples).map_err(|error| Error::internal(format!("examples: {error}")))?;
    write_atomically(&root.join(EXAMPLES), (text + "\n").as_bytes())
}

/// The trials that are shown whole: of each cell the first, and its example of a failure.
fn shown(plan: &Plan, judgement: &Judgement) -> Vec<TrialId> {
    let examples: BTreeMap<[&str; 4], &str> = judgement
        .cells()
        .filter_map(|(group, cell)| {
            let key = [&group.kernel, &group.machine, &cell.variant, &group.testcase].map(String::as_str);
            Some((key, cell.example.as_ref()?.trial.as_str()))
        })
        .collect();
    let mut shown = Vec::new();
    for cell in plan.cells() {
        let first = cell.trial(plan.study.mode, plan.study.seeds.first);
        let key = [&first.kernel, &first.machine, &first.variant, &first.testcase].map(String::as_str);
        let example: Option<TrialId> = examples.get(&key).and_then(|name| name.parse().ok());
        shown.extend(example.filter(|example| *example != first));
        shown.push(first);
    }
    shown
}

fn read_symbols(cache: &Cache, manifest: &Manifest, id: &TrialId) -> Option<Symbols> {
    let image = manifest.images.get(&id.kernel)?.get(&id.variant)?;
    Symbols::read(&Prepared::vmlinux(cache, image)?).ok()
}

fn example(line: &TrialLine, console: &str, record: Option<&str>, resolve: Resolve<'_>) -> ExampleTrial {
    let record = record.and_then(|text| Record::from_json(text).ok());
    let story = record.as_ref().map(|record| explanation(line, record, resolve)).unwrap_or_default();
    let from = console.len().saturating_sub(CONSOLE);
    let from = (from..console.len()).find(|at| console.is_char_boundary(*at)).unwrap_or(0);
    ExampleTrial {
        trial: line.id.clone(),
        story,
        console: console[from..].to_owned(),
        console_cut: from > 0,
        work: record.as_ref().map(|record| work(record, resolve)).unwrap_or_default(),
    }
}
