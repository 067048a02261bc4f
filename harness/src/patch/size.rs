// SPDX-License-Identifier: GPL-2.0-or-later
//! How large a change is: in what two series leave a tree different.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Staged, copy_file};
use crate::error::{Error, Result};
use crate::process::CommandRun;

/// The size of a change, as `git diff --numstat` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Size {
    /// Files that differ.
    pub files: u32,
    /// Lines that are there only after the change.
    pub added: u32,
    /// Lines that are there only before it.
    pub removed: u32,
}

/// Returns the size of the change from `tree` with `before` to `tree` with `after`.
///
/// # Errors
///
/// Infrastructure, if git is missing or the disk is full.
pub fn difference(tree: &Path, before: &Staged, after: &Staged) -> Result<Size> {
    let scratch = tempfile::tempdir()
        .map_err(|e| Error::io("create a scratch directory in", &std::env::temp_dir(), e))?;
    let touched: BTreeSet<&PathBuf> = before.files.keys().chain(after.files.keys()).collect();
    for (name, staged) in [("a", before), ("b", after)] {
        let side = scratch.path().join(name);
        std::fs::create_dir(&side).map_err(|e| Error::io("create", &side, e))?;
        for path in &touched {
            write(tree, staged, &side, path)?;
        }
    }
    let git =
        CommandRun::new("git").args(["diff", "--no-index", "--numstat", "--", "a", "b"]).dir(scratch.path());
    let git = git.env_clear().env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    // It ends with 1 if there is a difference.
    let output = git.output()?;
    sum(&output.stdout)
        .ok_or_else(|| Error::infrastructure("git diff --numstat says what nobody understands"))
}

/// Writes a file as a series leaves it.
fn write(tree: &Path, staged: &Staged, side: &Path, path: &Path) -> Result<()> {
    let Some(file) = staged.files.get(path) else { return copy_file(tree, side, path) };
    let Some(file) = file else { return Ok(()) };
    let to = side.join(path);
    let parent = to.parent().unwrap_or(side);
    std::fs::create_dir_all(parent).map_err(|e| Error::io("create", parent, e))?;
    std::fs::write(&to, &file.content).map_err(|e| Error::io("write", &to, e))
}

fn sum(numstat: &str) -> Option<Size> {
    let mut size = Size::default();
    for line in numstat.lines() {
        let mut words = line.split('\t');
        size.files += 1;
        size.added += words.next()?.parse::<u32>().ok()?;
        size.removed += words.next()?.parse::<u32>().ok()?;
    }
    Some(size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::StagedFile;

    #[test]
    fn what_two_series_leave_different_is_counted() {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir(tree.path().join("mm")).unwrap();
        std::fs::write(tree.path().join("mm/mmap.c"), "one\ntwo\nthree\n").unwrap();
        let staged = |path: &str, content: Option<&str>| {
            let file = content.map(|c| StagedFile { content: c.into(), executable: false, link: false });
            Staged { files: [(path.into(), file)].into(), digest: String::new() }
        };
        let none = Staged::default();
        let changed = staged("mm/mmap.c", Some("one\n2\nthree\nfour\n"));
        let size = |a: &Staged, b: &Staged| difference(tree.path(), a, b).unwrap();
        assert_eq!(size(&none, &changed), Size { files: 1, added: 2, removed: 1 });
        assert_eq!(size(&changed, &none), Size { files: 1, added: 1, removed: 2 });
        assert_eq!(size(&changed, &changed), Size::default());
        assert_eq!(size(&none, &staged("mm/new.c", Some("x\n"))), Size { files: 1, added: 1, removed: 0 });
        assert_eq!(size(&none, &staged("mm/mmap.c", None)), Size { files: 1, added: 0, removed: 3 });
    }
}
