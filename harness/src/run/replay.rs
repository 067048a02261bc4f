// SPDX-License-Identifier: GPL-2.0-or-later
//! Runs one trial of a run again, on the same inputs, for a comparison byte for byte.

use std::path::Path;

use super::event::Watch;
use super::prepare::prepare;
use super::{combinations, run_one};
use crate::cache_dir::Cache;
use crate::error::{Error, Result};
use crate::plan::TrialId;
use crate::store::{self, Manifest};
use crate::trial::Done;
use crate::trial::line::TrialLine;

/// A trial that was run again.
#[derive(Debug)]
pub struct Replayed {
    /// The line that the run has.
    pub then: TrialLine,
    /// What came of it now.
    pub now: Done,
}

impl Replayed {
    /// Whether both are the same, byte for byte: the line, and through its hashes console and record.
    pub fn is_same(&self) -> bool {
        self.then == self.now.line
    }
}

/// Runs one trial of a run again, on the same inputs.
///
/// # Errors
///
/// Study, when the run has no such trial, or its inputs are no longer what they were.
pub fn replay(cache: &Cache, root: &Path, run: &Path, id: &TrialId, watch: Watch<'_>) -> Result<Replayed> {
    let manifest = store::read_manifest(run)?;
    let then = find_line(run, id)?;
    let prepared = prepare(cache, root, &manifest.plan, watch)?;
    if !prepared.manifest.is_same(&manifest) {
        return Err(Error::study(format!(
            "the inputs of {} are no longer what they were: {}",
            run.display(),
            difference(&manifest, &prepared.manifest)
        ))
        .hint(
            "check out the state of the repository and the tools that made the run, or run the study again",
        ));
    }
    let combinations = combinations(&manifest.plan, std::slice::from_ref(id))?;
    let snapshots = prepared.snapshots(cache, &combinations, 1, watch)?;
    let now = run_one(prepared.machines.worker().as_mut(), cache, &manifest.plan, &prepared, &snapshots, id)?;
    Ok(Replayed { then, now })
}

/// Returns a run's line of a trial.
///
/// # Errors
///
/// Study, when it has none.
pub fn find_line(run: &Path, id: &TrialId) -> Result<TrialLine> {
    store::read_lines(run)?.into_iter().find(|line| line.id == *id).ok_or_else(|| {
        Error::study(format!("{} has no trial {id}", run.display()))
            .hint(format!("its trials are the lines of {}", run.join("trials.jsonl").display()))
    })
}

/// Says in which part two manifests differ.
pub(super) fn difference(then: &Manifest, now: &Manifest) -> String {
    let parts = [
        ("QEMU", then.qemu != now.qemu),
        ("the plugin", then.plugin != now.plugin),
        ("a toolchain", then.toolchains != now.toolchains),
        ("a kernel's source", then.releases != now.releases || then.bases != now.bases),
        ("a patched kernel", then.images != now.images),
        ("a guest program", then.guests != now.guests),
    ];
    let differing: Vec<&str> = parts.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect();
    differing.join(", ")
}
