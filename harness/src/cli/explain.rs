// SPDX-License-Identifier: GPL-2.0-or-later
//! `patcheval explain`: a trial's stale fetches, or a cell from its verdict down to them.

use std::path::{Path, PathBuf};

use instrument::Record;

use super::args::Args;
use super::commands::{print, replay_quietly, style};
use crate::cache_dir::Cache;
use crate::error::{Error, Result, exit};
use crate::judge::{CellJudgement, Group};
use crate::plan::TrialId;
use crate::report::{self, ReportData};
use crate::run::{self, ExplainInputs, Prepared};
use crate::store;
use crate::symbols::Symbols;

/// Parts of a cell's name; whatever has more is meant for a trial's.
const PARTS: usize = 4;

/// Explains a trial or a cell.
///
/// # Errors
///
/// Study, when the run has no such trial or cell; infrastructure.
pub(super) fn explain(args: &Args, run: &Path, what: &str) -> Result<u8> {
    if what.split('/').count() > PARTS {
        explain_trial(args, run, &what.parse()?)
    } else {
        explain_cell(args, run, what)
    }
}

fn explain_cell(args: &Args, root: &Path, name: &str) -> Result<u8> {
    let data = run::report_data(root)?;
    let place = run::find_cell(&data.judgement, name)?;
    let index = data.index();
    let trials = index.trials(place.0, place.1);
    // A run directory that went elsewhere is explained without the cache: with addresses for names.
    let symbols = trials.first().and_then(|line| Symbols::read(&vmlinux(root, &line.id).ok()?).ok());
    let resolve = |address| symbols.as_ref().and_then(|symbols| symbols.locate(address));
    let classes = run::stale_classes(trials, &resolve);
    let story = story(&data, root, place, symbols.as_ref());
    print(&report::cell(&data, place, &classes, &story, style(args).width))?;
    Ok(exit::MET)
}

/// The story of the cell's example; of a run that has not ended, of whatever trial was kept.
fn story(
    data: &ReportData,
    root: &Path,
    (group, cell): (&Group, &CellJudgement),
    symbols: Option<&Symbols>,
) -> String {
    if let Some(reason) = &cell.reason {
        return reason.log.as_ref().map(|place| store::read_log(root, place)).unwrap_or_default();
    }
    if let Some(example) = data.example(group, cell).filter(|example| !example.story.is_empty()) {
        return example.story.clone();
    }
    let index = data.index();
    let example = cell.example.as_ref().map(|example| example.trial.as_str());
    let mut trials = index.trials(group, cell).to_vec();
    trials.sort_by_key(|line| example != Some(line.id.to_string().as_str()));
    let explained = trials.iter().find_map(|line| {
        let record = Record::from_json(&store::kept_record(root, &line.id)?).ok()?;
        Some(run::explain(&ExplainInputs { line, record: &record, symbols: symbols? }))
    });
    explained
        .unwrap_or_else(|| "no record was kept of any trial, or the cache no longer has its kernel\n".into())
}

fn explain_trial(args: &Args, run: &Path, id: &TrialId) -> Result<u8> {
    let line = run::find_line(run, id)?;
    let record = match store::kept_record(run, id) {
        Some(record) => record,
        // Trials that simply passed are not kept: they can be had again.
        None => replay_quietly(args, run, id)?.now.remains.record,
    };
    let record = Record::from_json(&record)
        .map_err(|error| Error::infrastructure(format!("the record of {id}: {error}")))?;
    let symbols = Symbols::read(&vmlinux(run, id)?)?;
    print(&run::explain(&ExplainInputs { line: &line, record: &record, symbols: &symbols }))?;
    Ok(exit::MET)
}

/// The vmlinux of a trial, from the cache.
fn vmlinux(run: &Path, id: &TrialId) -> Result<PathBuf> {
    let manifest = store::read_manifest(run)?;
    let images = manifest.images.get(&id.kernel).and_then(|variants| variants.get(&id.variant));
    let image = images.ok_or_else(|| Error::study(format!("the run has no kernel for {id}")))?;
    Prepared::vmlinux(&Cache::locate()?, image).ok_or_else(|| {
        Error::infrastructure(format!("the cache no longer has the kernel of {id}"))
            .hint("run the study again: what is in the run directory is not run twice, only built")
    })
}
