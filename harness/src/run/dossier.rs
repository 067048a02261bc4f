// SPDX-License-Identifier: GPL-2.0-or-later
//! Gathers what reports are made of: from a run directory, and once, when a run ends, from the cache, which has the
//! kernels' symbols. A run directory that went elsewhere can be reported on without the cache.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use instrument::Record;

use super::explain::{Resolve, tell, work};
use super::prepare::Prepared;
use super::{Judged, built, judged_whole, write_judgement};
use crate::cache_dir::{Cache, write_atomically};
use crate::error::{Error, Result};
use crate::judge::Judgement;
use crate::plan::{Plan, TrialId};
use crate::report::{Dossier, Exhibit, Tools};
use crate::store::{self, Manifest};
use crate::symbols::Symbols;
use crate::trial::line::TrialLine;

const EXHIBITS: &str = "exhibits.json";

/// How many bytes of the console's end are shown: the screens before it are of no use to whoever reads a report.
const CONSOLE: usize = 4096;

/// Returns all that a run directory has for a report, judged anew; the judgement there is written anew too.
///
/// # Errors
///
/// Study, when the directory is not a run; infrastructure.
pub fn dossier(root: &Path) -> Result<Dossier> {
    let judged = judged_whole(root)?;
    write_judgement(root, &judged.judgement)?;
    of(root, judged)
}

/// The dossier of a run that has been judged.
pub(super) fn of(root: &Path, judged: Judged) -> Result<Dossier> {
    let Judged { manifest, lines, judgement } = judged;
    let tools = tools(&manifest);
    Ok(Dossier {
        run: root.display().to_string(),
        built: built(&manifest),
        plan: manifest.plan,
        tools,
        judgement,
        lines,
        exhibits: read_exhibits(root)?,
        trend: None,
    })
}

fn tools(manifest: &Manifest) -> Tools {
    let mut failed_builds: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (kernel, rows) in &manifest.images {
        for (row, image) in rows {
            if let Some(why) = &image.failed {
                failed_builds.entry(kernel.clone()).or_default().insert(row.clone(), why.clone());
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

/// Whether a run has its exhibits.
pub(super) fn exist(root: &Path) -> bool {
    root.join(EXHIBITS).exists()
}

fn read_exhibits(root: &Path) -> Result<Vec<Exhibit>> {
    let path = root.join(EXHIBITS);
    match fs::read_to_string(&path) {
        Ok(text) => {
            serde_json::from_str(&text).map_err(|error| Error::study(format!("{}: {error}", path.display())))
        }
        // The run has not come to its end.
        Err(_) => Ok(Vec::new()),
    }
}

/// Writes down which trials reports show whole, with functions and source lines as far as the cache has the kernels.
///
/// # Errors
///
/// Infrastructure, when the disk is full.
pub(super) fn write_exhibits(cache: &Cache, root: &Path, judged: &Judged) -> Result<()> {
    let Judged { manifest, lines, judgement } = judged;
    let lines: BTreeMap<&TrialId, &TrialLine> = lines.iter().map(|line| (&line.id, line)).collect();
    let mut symbols: Option<((String, String), Option<Symbols>)> = None;
    let mut exhibits = Vec::new();
    for id in shown(&manifest.plan, judgement) {
        let (Some(line), Some(console)) = (lines.get(&id), store::kept_console(root, &id)) else { continue };
        // Neighbours are of the same kernel, whose symbols are read once.
        let kernel = (id.kernel.clone(), id.row.clone());
        if symbols.as_ref().is_none_or(|(of, _)| *of != kernel) {
            symbols = Some((kernel, read_symbols(cache, manifest, &id)));
        }
        let read = symbols.as_ref().and_then(|(_, symbols)| symbols.as_ref());
        let resolve = |address| read.and_then(|symbols| symbols.place(address));
        exhibits.push(exhibit(line, &console, store::kept_record(root, &id).as_deref(), &resolve));
    }
    save(root, &exhibits)
}

/// Puts together the exhibits of shares, in the order that those of the whole have.
///
/// # Errors
///
/// Study, when one is damaged; infrastructure, when the disk is full.
pub(super) fn merge_exhibits(root: &Path, judgement: &Judgement, shares: &[&Path]) -> Result<()> {
    let mut exhibits = BTreeMap::new();
    for share in shares {
        exhibits.extend(read_exhibits(share)?.into_iter().map(|exhibit| (exhibit.trial.clone(), exhibit)));
    }
    let plan = store::read_manifest(root)?.plan;
    let shown: Vec<Exhibit> = shown(&plan, judgement).iter().filter_map(|id| exhibits.remove(id)).collect();
    save(root, &shown)
}

fn save(root: &Path, exhibits: &[Exhibit]) -> Result<()> {
    let text =
        serde_json::to_string(exhibits).map_err(|error| Error::internal(format!("exhibits: {error}")))?;
    write_atomically(&root.join(EXHIBITS), (text + "\n").as_bytes())
}

/// The trials that are shown whole: of each cell the first, and its example of a failure.
fn shown(plan: &Plan, judgement: &Judgement) -> Vec<TrialId> {
    let examples: BTreeMap<[&str; 4], &str> = judgement
        .cells()
        .filter_map(|(group, cell)| {
            let key = [&group.kernel, &group.machine, &cell.row, &group.testcase].map(String::as_str);
            Some((key, cell.example.as_ref()?.trial.as_str()))
        })
        .collect();
    let mut shown = Vec::new();
    for cell in plan.cells() {
        let first = cell.trial(plan.study.mode, plan.study.seeds.first);
        let key = [&first.kernel, &first.machine, &first.row, &first.testcase].map(String::as_str);
        let example: Option<TrialId> = examples.get(&key).and_then(|name| name.parse().ok());
        shown.extend(example.filter(|example| *example != first));
        shown.push(first);
    }
    shown
}

fn read_symbols(cache: &Cache, manifest: &Manifest, id: &TrialId) -> Option<Symbols> {
    let image = manifest.images.get(&id.kernel)?.get(&id.row)?;
    Symbols::read(&Prepared::vmlinux(cache, image)?).ok()
}

fn exhibit(line: &TrialLine, console: &str, record: Option<&str>, resolve: Resolve<'_>) -> Exhibit {
    let record = record.and_then(|text| Record::from_json(text).ok());
    let story = record.as_ref().map(|record| tell(line, record, resolve)).unwrap_or_default();
    let from = console.len().saturating_sub(CONSOLE);
    let from = (from..console.len()).find(|at| console.is_char_boundary(*at)).unwrap_or(0);
    Exhibit {
        trial: line.id.clone(),
        story,
        console: console[from..].to_owned(),
        console_cut: from > 0,
        work: record.as_ref().map(|record| work(record, resolve)).unwrap_or_default(),
    }
}
