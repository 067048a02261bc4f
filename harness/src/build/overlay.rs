// SPDX-License-Identifier: GPL-2.0-or-later
//! A variant built in overlays over the base's source and build tree.

use std::path::Path;

use super::namespace::{Namespace, prepare};
use super::{BuildJob, Take, count_objects};
use crate::error::Result;

/// Builds, and hands the directories with the results, the newest first, to `take`.
pub(super) fn build(namespace: Namespace, job: &BuildJob<'_>, take: Take<'_>) -> Result<()> {
    let _lock = job.tree.lock(job.cache, false)?;
    let scratch = job.cache.scratch()?;
    let work = scratch.path();
    let files = &job.staged.files;
    // Where a directory becomes a link, or a link a directory, what is there now hides what was deleted.
    let hidden = |path: &Path| {
        files.iter().any(|(other, file)| {
            file.is_some() && other != path && (other.starts_with(path) || path.starts_with(other))
        })
    };
    let deleted = files.iter().filter(|(path, file)| file.is_none() && !hidden(path));
    let deleted: Vec<&Path> = deleted.map(|(path, _)| path.as_path()).collect();
    prepare(work, &deleted)?;
    for (path, file) in files {
        if let Some(file) = file {
            file.put(&work.join("tree").join(path))?;
        }
    }
    job.finish(namespace.overlay(&job.tree.path, job.obj, work, &job.words))?;
    let upper = work.join("obj");
    take(&[&upper, job.obj], count_objects(&upper, None)?)
}
