// SPDX-License-Identifier: GPL-2.0-or-later
//! A series of patches to the files of a source tree as they are with the series applied.
//!
//! Only the touched files are copied, and git applies each patch to the copies, in order and without fuzz: a patch
//! that does not fit is reported within milliseconds, before anything is built. Where patches come from (files, mails,
//! commits) is for [`gather`](gather()) to know.

mod diagnose;
mod gather;
mod mail;
mod parse;
mod range;
mod size;
#[cfg(test)]
mod tests;
mod text;
mod thread;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cache_dir::key;
use crate::error::{Error, Result};
use crate::process::CommandRun;
pub use gather::{gather, thread};
use parse::{FilePatch, Unusual, parse};
pub use range::{CommitRelation, relation};
pub use size::{Size, difference};
pub use thread::{Series, Thread};

/// The permissions of a file as git knows them.
const EXECUTABLE: u32 = 0o755;
const PLAIN: u32 = 0o644;

/// A patch of some megabytes takes git a second.
const APPLY_DEADLINE: Duration = Duration::from_secs(60);

/// A file as a series leaves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedFile {
    /// Its bytes.
    pub content: Vec<u8>,
    /// Whether it may be executed.
    pub executable: bool,
    /// Whether it is a symbolic link, whose target its bytes are; of a history only, since no patch may make one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub link: bool,
}

impl StagedFile {
    /// Puts it at a path, in place of the file or link that is there.
    pub(crate) fn put(&self, to: &Path) -> Result<()> {
        let parent = to.parent().unwrap_or(to);
        std::fs::create_dir_all(parent).map_err(|e| Error::io("create", parent, e))?;
        // What is written to a link changes what it leads to.
        if self.link || to.is_symlink() {
            remove_if_there(to)?;
        }
        if self.link {
            let target = std::ffi::OsStr::from_bytes(&self.content);
            return std::os::unix::fs::symlink(target, to).map_err(|e| Error::io("make the link", to, e));
        }
        std::fs::write(to, &self.content).map_err(|e| Error::io("write", to, e))?;
        set_executable(to, self.executable)
    }
}

fn remove_if_there(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path, e)),
        _ => Ok(()),
    }
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
    /// Returns these changes with their digest.
    pub fn new(files: BTreeMap<PathBuf, Option<StagedFile>>) -> Self {
        let mut parts: Vec<(&str, &[u8])> = Vec::new();
        for (path, file) in &files {
            parts.push(("path", path.as_os_str().as_encoded_bytes()));
            parts.push(match file {
                Some(StagedFile { content, link: true, .. }) => ("link", content.as_slice()),
                Some(StagedFile { content, executable: true, .. }) => ("program", content.as_slice()),
                Some(StagedFile { content, .. }) => ("file", content.as_slice()),
                None => ("deleted", &[]),
            });
        }
        let digest = key(parts);
        Self { files, digest }
    }

    /// Returns whether the tree stays as it is.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

/// A patch, read and decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// What it is called in messages: its file, or the mail or the commit and where that is.
    pub name: String,
    /// Whether the name is that of a file, so that lines can be named as compilers do.
    pub is_file: bool,
    /// Its bytes: a diff, with whatever else git passes over.
    pub text: Vec<u8>,
}

impl Patch {
    /// Returns the error that something is wrong with the patch, at a line of it if one is named.
    fn fault(&self, line: Option<usize>, why: &str, mend: &str) -> Error {
        let place = match line {
            None => self.name.clone(),
            Some(line) if self.is_file => format!("{}:{line}", self.name),
            Some(line) => format!("{}, line {line}", self.name),
        };
        Error::study(format!("{place}: {why}")).hint(mend)
    }

    /// Returns what the patch does, file by file.
    fn files(&self) -> Result<Vec<FilePatch>> {
        if self.text.is_empty() {
            return Err(self.fault(None, "is empty", NO_DIFF));
        }
        if let Some(at) = self.text.iter().position(|byte| *byte == 0) {
            let line = 1 + self.text[..at].iter().filter(|byte| **byte == b'\n').count();
            return Err(self.fault(Some(line), "has a zero byte, so it is not text in UTF-8", RECODE));
        }
        let files = parse(&String::from_utf8_lossy(&self.text))
            .map_err(|fault| self.fault(Some(fault.line), &fault.why, fault.mend))?;
        if files.is_empty() {
            return Err(self.fault(None, "changes no file", NO_DIFF));
        }
        Ok(files)
    }
}

/// What to do about a patch without a diff.
const NO_DIFF: &str = "write patches as `git format-patch` does; delete one that has become empty";
/// What to do about a patch in another encoding.
const RECODE: &str = "save it as UTF-8, as kernel sources are; UTF-16 is what some editors on Windows write";
/// What to do about a path that must not be written.
const INSIDE: &str =
    "a patch may change plain files of the kernel's tree only; do not trust where this one comes from";

/// Applies the patches `series`, in that order, to copies of the files of `tree`.
///
/// # Errors
///
/// Study error that names the patch, and for one that does not fit the hunk, the file and the line, and why if that can
/// be known; also for a patch that is empty or binary, or leads out of the tree. Infrastructure if git is missing.
pub fn stage(tree: &Path, series: &[Patch]) -> Result<Staged> {
    stage_over(tree, &Staged::default(), series)
}

/// Applies patches as [`stage`] does, to `tree` as `under` leaves it, which is a neighbouring commit for instance; what is
/// returned are the changes of both.
///
/// # Errors
///
/// As [`stage`].
pub fn stage_over(tree: &Path, under: &Staged, series: &[Patch]) -> Result<Staged> {
    let mut copy = Copy::new(tree, under)?;
    for (n, patch) in series.iter().enumerate() {
        let files = patch.files()?;
        copy.take(patch, &files)?;
        if let Some(complaint) = copy.apply(patch, ApplyWay::Forward)? {
            return Err(diagnose::explain(&copy, &series[..=n], &files, &complaint)?);
        }
        copy.check_no_others(patch)?;
    }
    copy.collect()
}

/// Copies of those files of a tree that patches touch, in a directory of their own.
struct Copy<'a> {
    tree: &'a Path,
    under: &'a Staged,
    scratch: tempfile::TempDir,
    root: PathBuf,
    touched: BTreeSet<PathBuf>,
}

/// How a patch is given to git.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ApplyWay {
    /// Applied.
    Forward,
    /// Only tried.
    Check,
    /// Only tried, from its end to its beginning.
    CheckReverse,
    /// Only tried, whatever the lines around a change are.
    CheckFuzzy,
}

impl ApplyWay {
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Forward => &[],
            Self::Check => &["--check"],
            Self::CheckReverse => &["--check", "--reverse"],
            Self::CheckFuzzy => &["--check", "-C0"],
        }
    }
}

impl<'a> Copy<'a> {
    fn new(tree: &'a Path, under: &'a Staged) -> Result<Self> {
        let scratch = tempfile::tempdir()
            .map_err(|e| Error::io("create a scratch directory in", &std::env::temp_dir(), e))?;
        // Below a directory that git may not leave upwards, lest it finds somebody's repository there.
        let root = scratch.path().join("tree");
        std::fs::create_dir(&root).map_err(|e| Error::io("create", &root, e))?;
        Ok(Self { tree, under, scratch, root, touched: BTreeSet::new() })
    }

    /// Copies the files that a patch touches, unless an earlier one did.
    fn take(&mut self, patch: &Patch, files: &[FilePatch]) -> Result<()> {
        // `-p1` takes the first directory off any path: of one without a prefix, too, and then it is another file's.
        let unprefixed = files.iter().flat_map(|file| &file.unusual).find(|of| {
            self.tree.join(&of.prefix).is_dir()
                && [self.tree, self.root.as_path()].iter().all(|root| !root.join(&of.path).exists())
        });
        if let Some(fault) = unprefixed.map(Unusual::fault) {
            return Err(patch.fault(Some(fault.line), &fault.why, fault.mend));
        }
        for path in files.iter().flat_map(FilePatch::paths) {
            check_path(self.tree, path)
                .and_then(|()| check_links(self.under, path))
                .map_err(|why| patch.fault(None, &why, INSIDE))?;
            if self.touched.insert(path.to_owned()) {
                match self.under.files.get(path) {
                    None => copy_file(self.tree, &self.root, path)?,
                    Some(None) => {}
                    Some(Some(file)) => file.put(&self.root.join(path))?,
                }
            }
        }
        Ok(())
    }

    /// Lets git apply a patch, all of it or nothing; returns what git complains of, if it does.
    fn apply(&self, patch: &Patch, way: ApplyWay) -> Result<Option<String>> {
        let file = self.scratch.path().join("patch");
        std::fs::write(&file, &patch.text).map_err(|e| Error::io("write", &file, e))?;
        let git =
            CommandRun::new("git").args(["apply", "-p1", "--whitespace=nowarn"]).args(way.words()).arg("--");
        let git = git.arg(&file).dir(&self.root).env_clear().deadline(APPLY_DEADLINE);
        let git = git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        let git = git.env("GIT_CEILING_DIRECTORIES", self.scratch.path()).output()?;
        Ok((!git.outcome.success()).then_some(git.stderr))
    }

    /// Makes sure that git read of the patch what was read of it here: whatever else it wrote would be lost.
    fn check_no_others(&self, patch: &Patch) -> Result<()> {
        for entry in walkdir::WalkDir::new(&self.root).min_depth(1) {
            let entry =
                entry.map_err(|e| Error::infrastructure(format!("cannot list a scratch tree: {e}")))?;
            let path = entry.path().strip_prefix(&self.root).unwrap_or(entry.path());
            if !entry.file_type().is_dir() && !self.touched.contains(path) {
                let why = format!("changes {} in a way that only git sees", path.display());
                return Err(patch.fault(None, &why, "write it anew with `git format-patch`"));
            }
        }
        Ok(())
    }

    /// Returns what differs from the tree: what was there before, and what the patches changed.
    fn collect(&self) -> Result<Staged> {
        let mut files = self.under.files.clone();
        for path in &self.touched {
            let (before, after) = (load(&self.tree.join(path))?, load(&self.root.join(path))?);
            if before == after {
                files.remove(path);
            } else {
                files.insert(path.clone(), after);
            }
        }
        Ok(Staged::new(files))
    }
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

/// Says so if a path leads through a link that a neighbouring commit has.
fn check_links(under: &Staged, path: &Path) -> Result<(), String> {
    let is_link = |path: &&Path| matches!(under.files.get(*path), Some(Some(StagedFile { link: true, .. })));
    match path.ancestors().find(is_link) {
        Some(_) => Err(format!("goes through a symbolic link with the path {}", path.display())),
        None => Ok(()),
    }
}

fn copy_file(tree: &Path, copy: &Path, path: &Path) -> Result<()> {
    let from = tree.join(path);
    if !from.is_file() {
        return Ok(());
    }
    let Some(file) = load(&from)? else { return Ok(()) };
    file.put(&copy.join(path))
}

/// Returns a file, or `None` where there is none.
fn load(path: &Path) -> Result<Option<StagedFile>> {
    let Ok(meta) = path.symlink_metadata() else { return Ok(None) };
    if !meta.is_file() {
        return Err(Error::study(format!("{} is not a plain file", path.display())));
    }
    let content = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
    Ok(Some(StagedFile { content, executable: meta.permissions().mode() & 0o100 != 0, link: false }))
}

/// Gives a file the permissions that git would.
fn set_executable(path: &Path, executable: bool) -> Result<()> {
    let mode = std::fs::Permissions::from_mode(if executable { EXECUTABLE } else { PLAIN });
    std::fs::set_permissions(path, mode).map_err(|e| Error::io("set the permissions of", path, e))
}
