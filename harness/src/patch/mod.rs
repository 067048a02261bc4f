// SPDX-License-Identifier: GPL-2.0-or-later
//! A series of patches to the files of a source tree as they are with the series applied.
//!
//! Only the touched files are copied, and git applies each patch to the copies, in order and without fuzz: a patch
//! that does not fit is reported within milliseconds, before anything is built.

mod parse;
mod size;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cache_dir::key;
use crate::error::{Error, Result};
use crate::process::Run;
use parse::{FilePatch, parse};
pub use size::{Size, difference};

/// The permissions of a file as git knows them.
const EXECUTABLE: u32 = 0o755;
const PLAIN: u32 = 0o644;

/// A file as a series leaves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedFile {
    /// Its bytes.
    pub content: Vec<u8>,
    /// Whether it may be executed.
    pub executable: bool,
}

/// What a series changes in a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staged {
    /// Changed and new files by their path in the tree; `None` for a deleted one. What ends as it was is not here.
    pub files: BTreeMap<PathBuf, Option<StagedFile>>,
    /// SHA-256 over `files`: for one source, equal digests are equal trees.
    pub digest: String,
}

impl Staged {
    /// Returns whether the tree stays as it is.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

/// Applies the patches `series`, in that order, to copies of the files of `tree`.
///
/// # Errors
///
/// Study error that names the patch, and for one that does not fit the hunk, the file and the line; also for a patch
/// that is empty or binary, or leads out of the tree. Infrastructure if git is missing.
pub fn stage<P: AsRef<Path>>(tree: &Path, series: &[P]) -> Result<Staged> {
    let scratch = tempfile::tempdir()
        .map_err(|e| Error::io("create a scratch directory in", &std::env::temp_dir(), e))?;
    // Below a directory that git may not leave upwards, lest it finds somebody's repository there.
    let copy = scratch.path().join("tree");
    std::fs::create_dir(&copy).map_err(|e| Error::io("create", &copy, e))?;
    let mut touched = BTreeSet::new();
    for patch in series {
        let patch = patch.as_ref();
        let files = read(patch)?;
        for path in files.iter().flat_map(FilePatch::paths) {
            check_path(tree, path).map_err(|why| Error::study(format!("{}: {why}", patch.display())))?;
            if touched.insert(path.to_owned()) {
                copy_file(tree, &copy, path)?;
            }
        }
        apply(patch, &files, &copy)?;
    }
    collect(tree, &copy, &touched)
}

fn read(patch: &Path) -> Result<Vec<FilePatch>> {
    let bytes =
        std::fs::read(patch).map_err(|e| Error::study(format!("cannot read {}: {e}", patch.display())))?;
    let files = parse(&String::from_utf8_lossy(&bytes))
        .map_err(|why| Error::study(format!("{}: {why}", patch.display())))?;
    if files.is_empty() {
        return Err(Error::study(format!("{}: changes no file", patch.display()))
            .hint("write patches as `git format-patch` does; delete one that has become empty"));
    }
    Ok(files)
}

/// Says why a path may not be written, if so.
fn check_path(tree: &Path, path: &Path) -> Result<(), String> {
    let shown = path.display();
    let inside = path.components().all(|c| matches!(c, Component::Normal(name) if name != ".git"));
    if !inside || path.as_os_str().is_empty() {
        return Err(format!("leads out of the source tree with the path {shown}"));
    }
    let mut on_the_way = tree.to_owned();
    for component in path.components() {
        on_the_way.push(component);
        if on_the_way.is_symlink() {
            return Err(format!("goes through a symbolic link with the path {shown}"));
        }
    }
    Ok(())
}

fn copy_file(tree: &Path, copy: &Path, path: &Path) -> Result<()> {
    let (from, to) = (tree.join(path), copy.join(path));
    if !from.is_file() {
        return Ok(());
    }
    let parent = to.parent().unwrap_or(copy);
    std::fs::create_dir_all(parent).map_err(|e| Error::io("create", parent, e))?;
    let Some(file) = load(&from)? else { return Ok(()) };
    std::fs::write(&to, &file.content).map_err(|e| Error::io("write", &to, e))?;
    set_executable(&to, file.executable)
}

fn apply(patch: &Path, files: &[FilePatch], copy: &Path) -> Result<()> {
    let patch = patch.canonicalize().map_err(|e| Error::io("resolve", patch, e)).map(|full| (patch, full))?;
    let git = Run::new("git")
        .args(["apply", "-p1", "--whitespace=nowarn", "--"])
        .arg(&patch.1)
        .dir(copy)
        .env_clear();
    let git = git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    let git = git.env("GIT_CEILING_DIRECTORIES", copy.parent().unwrap_or(copy)).output()?;
    if git.outcome.success() {
        return Ok(());
    }
    Err(Error::study(format!("{}: {}", patch.0.display(), explain(&git.stderr, files)))
        .hint("rebase the patch onto this kernel, or onto the patches before it in the series"))
}

/// Turns git's complaint into the words of the study: which hunk, which file, which line.
fn explain(complaint: &str, files: &[FilePatch]) -> String {
    let said = complaint.lines().find_map(|l| l.strip_prefix("error: ")).unwrap_or("git cannot apply it");
    if let Some((path, line)) = said.strip_prefix("patch failed: ").and_then(|at| at.rsplit_once(':')) {
        let hunks =
            files.iter().find(|f| f.old.as_deref() == Some(Path::new(path))).map(|f| f.hunks.as_slice());
        let number = hunks.unwrap_or_default().iter().position(|start| start.to_string() == line);
        let hunk = number.map_or_else(|| "a hunk".to_owned(), |n| format!("hunk {}", n + 1));
        return format!("{hunk} at {path}:{line} does not apply");
    }
    if let Some(path) = said.strip_suffix(": No such file or directory") {
        return format!("{path} is not in this source tree");
    }
    if let Some(path) = said.strip_suffix(": already exists in working directory") {
        return format!("{path} is in this source tree already");
    }
    said.to_owned()
}

fn collect(tree: &Path, copy: &Path, touched: &BTreeSet<PathBuf>) -> Result<Staged> {
    let mut files = BTreeMap::new();
    for path in touched {
        let (before, after) = (load(&tree.join(path))?, load(&copy.join(path))?);
        if before != after {
            files.insert(path.clone(), after);
        }
    }
    let mut parts: Vec<(&str, &[u8])> = Vec::new();
    for (path, file) in &files {
        parts.push(("path", path.as_os_str().as_encoded_bytes()));
        parts.push(match file {
            Some(StagedFile { content, executable: true }) => ("program", content.as_slice()),
            Some(StagedFile { content, .. }) => ("file", content.as_slice()),
            None => ("deleted", &[]),
        });
    }
    let digest = key(parts);
    Ok(Staged { files, digest })
}

/// Returns a file, or `None` where there is none.
fn load(path: &Path) -> Result<Option<StagedFile>> {
    let Ok(meta) = path.symlink_metadata() else { return Ok(None) };
    if !meta.is_file() {
        return Err(Error::study(format!("{} is not a plain file", path.display())));
    }
    let content = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
    Ok(Some(StagedFile { content, executable: meta.permissions().mode() & 0o100 != 0 }))
}

/// Gives a file the permissions that git would.
pub(crate) fn set_executable(path: &Path, executable: bool) -> Result<()> {
    let mode = std::fs::Permissions::from_mode(if executable { EXECUTABLE } else { PLAIN });
    std::fs::set_permissions(path, mode).map_err(|e| Error::io("set the permissions of", path, e))
}
