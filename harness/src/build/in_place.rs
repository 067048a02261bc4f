// SPDX-License-Identifier: GPL-2.0-or-later
//! A variant built where overlays are not allowed: at the same paths, by changing the trees and changing them back.
//!
//! Before anything is changed, the originals are saved in a journal beside the source tree. The journal is undone
//! after the build, or, if the harness was killed meanwhile, before the tree is used the next time. Originals come
//! back with their times, so that the next `make` does not take them for new. The caller holds the tree alone.

use std::fs::{File, FileTimes};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::{BuildJob, Take, count_objects};
use crate::cache_dir::{Cache, remove, write_atomically};
use crate::error::{Error, Result};
use crate::patch::{Staged, StagedFile};
use crate::process::CommandRun;
use crate::source::Tree;

/// A build tree of 150 MB on a slow disk.
const COPY_DEADLINE: Duration = Duration::from_secs(300);

/// What undoing needs to know; the saved originals are numbered files beside it.
#[derive(Debug, Serialize, Deserialize)]
struct UndoJournal {
    /// The build tree; its untouched original is `<obj>.base` once that exists.
    obj: PathBuf,
    /// Paths below the source tree, each with whether there was a file.
    files: Vec<(PathBuf, bool)>,
    /// Directories that did not exist, outermost first.
    directories: Vec<PathBuf>,
}

/// Builds, hands the build tree to `take`, and puts both trees back.
pub(super) fn build(job: &BuildJob<'_>, take: Take<'_>) -> Result<()> {
    let _lock = job.tree.lock(job.cache, true)?;
    undo(job.tree)?;
    write_journal(job.tree, job.obj, job.staged)?;
    let made = change_and_build(job, take);
    undo(job.tree)?;
    made
}

/// Undoes what an interrupted build left changed, if anything.
pub(super) fn recover(cache: &Cache, tree: &Tree) -> Result<()> {
    if !journal_file(tree).exists() {
        return Ok(());
    }
    let _lock = tree.lock(cache, true)?;
    undo(tree)
}

fn change_and_build(job: &BuildJob<'_>, take: Take<'_>) -> Result<()> {
    let base = original(job.obj);
    std::fs::rename(job.obj, &base).map_err(|e| Error::io("rename", job.obj, e))?;
    let copy = CommandRun::new("cp").args(["-a", "--reflink=auto", "--"]).arg(&base).arg(job.obj);
    copy.deadline(COPY_DEADLINE).read()?;
    let begun = SystemTime::now();
    for (path, file) in &job.staged.files {
        let to = job.tree.path.join(path);
        match file {
            Some(file) => file.put(&to)?,
            None => std::fs::remove_file(&to).map_err(|e| Error::io("remove", &to, e))?,
        }
    }
    job.finish(job.plain())?;
    take(&[job.obj], count_objects(job.obj, Some(begun))?)
}

pub(super) fn write_journal(tree: &Tree, obj: &Path, staged: &Staged) -> Result<()> {
    let dir = journal_dir(tree);
    remove(&dir)?;
    std::fs::create_dir_all(&dir).map_err(|e| Error::io("create", &dir, e))?;
    let mut journal = UndoJournal { obj: obj.to_owned(), files: Vec::new(), directories: Vec::new() };
    for (number, path) in staged.files.keys().enumerate() {
        let from = tree.path.join(path);
        let exists = from.symlink_metadata().is_ok();
        if exists {
            keep(&from, &dir.join(number.to_string()))?;
        }
        let missing =
            path.ancestors().skip(1).filter(|a| !a.as_os_str().is_empty() && !tree.path.join(a).exists());
        journal.directories.extend(missing.map(Path::to_owned));
        journal.files.push((path.clone(), exists));
    }
    journal.directories.sort();
    journal.directories.dedup();
    let text = serde_json::to_vec(&journal).map_err(|e| Error::internal(format!("journal: {e}")))?;
    write_atomically(&journal_file(tree), &text)
}

fn undo(tree: &Tree) -> Result<()> {
    let file = journal_file(tree);
    let Ok(text) = std::fs::read(&file) else { return remove(&journal_dir(tree)) };
    let journal: UndoJournal = serde_json::from_slice(&text)
        .map_err(|e| Error::infrastructure(format!("{}: {e}", file.display())))?;
    for (number, (path, existed)) in journal.files.iter().enumerate() {
        let to = tree.path.join(path);
        if *existed {
            keep(&journal_dir(tree).join(number.to_string()), &to)?;
        } else if to.symlink_metadata().is_ok() {
            std::fs::remove_file(&to).map_err(|e| Error::io("remove", &to, e))?;
        }
    }
    for directory in journal.directories.iter().rev() {
        // Kept if something else has been put there.
        let _ = std::fs::remove_dir(tree.path.join(directory));
    }
    let base = original(&journal.obj);
    if base.exists() {
        remove(&journal.obj)?;
        std::fs::rename(&base, &journal.obj).map_err(|e| Error::io("rename", &base, e))?;
    }
    // Last: until then, undoing again is harmless.
    std::fs::remove_file(&file).map_err(|e| Error::io("remove", &file, e))?;
    remove(&journal_dir(tree))
}

/// Copies a file or a link to where another one may be.
fn keep(from: &Path, to: &Path) -> Result<()> {
    if from.is_symlink() {
        let target = std::fs::read_link(from).map_err(|e| Error::io("read the link", from, e))?;
        let content = target.into_os_string().into_encoded_bytes();
        return StagedFile { content, executable: false, link: true }.put(to);
    }
    if to.is_symlink() {
        std::fs::remove_file(to).map_err(|e| Error::io("remove", to, e))?;
    }
    copy_with_times(from, to)
}

fn copy_with_times(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to).map_err(|e| Error::io("copy", from, e))?;
    let times = from.metadata().and_then(|m| Ok(FileTimes::new().set_modified(m.modified()?)));
    times
        .and_then(|times| File::options().append(true).open(to)?.set_times(times))
        .map_err(|e| Error::io("set the time of", to, e))
}

fn original(obj: &Path) -> PathBuf {
    obj.with_extension("base")
}

fn journal_dir(tree: &Tree) -> PathBuf {
    tree.path.with_extension("journal")
}

fn journal_file(tree: &Tree) -> PathBuf {
    journal_dir(tree).join("journal.json")
}
