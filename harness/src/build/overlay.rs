// SPDX-License-Identifier: GPL-2.0-or-later
//! A variant built in overlays over the base's source and build tree.

use std::path::Path;

use super::namespace::{Namespace, prepare};
use super::{Job, Take, count_objects};
use crate::error::{Error, Result};
use crate::patch::set_executable;

/// Builds, and hands the directories with the results, the newest first, to `take`.
pub(super) fn build(namespace: Namespace, job: &Job<'_>, take: Take<'_>) -> Result<()> {
    let _lock = job.tree.lock(job.cache, false)?;
    let scratch = job.cache.scratch()?;
    let work = scratch.path();
    let files = &job.staged.files;
    let deleted: Vec<&Path> = files.iter().filter(|(_, f)| f.is_none()).map(|(p, _)| p.as_path()).collect();
    prepare(work, &deleted)?;
    for (path, file) in files {
        let Some(file) = file else { continue };
        let to = work.join("tree").join(path);
        let parent = to.parent().unwrap_or(work);
        std::fs::create_dir_all(parent).map_err(|e| Error::io("create", parent, e))?;
        std::fs::write(&to, &file.content).map_err(|e| Error::io("write", &to, e))?;
        set_executable(&to, file.executable)?;
    }
    job.finish(namespace.overlay(&job.tree.path, job.obj, work, &job.words))?;
    let upper = work.join("obj");
    take(&[&upper, job.obj], count_objects(&upper, None)?)
}
