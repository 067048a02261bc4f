// SPDX-License-Identifier: GPL-2.0-or-later
//! What the files of an entry were when it was made: a disk that loses blocks, or somebody who edits the cache, must not become
//! a result.
//!
//! Entries of few files (images, snapshots, guests) have a checksum of each, looked at once by each process. Trees of thousands
//! have none: reading them would take longer than what is done with them, and what is built of them is checked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use walkdir::WalkDir;

use super::{COMPLETE, Cache, sha256_file};
use crate::error::{Error, Result};

/// An entry with more files is a tree.
const FEW: usize = 64;

/// What this process has looked at.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// Entries as `kind/key`, and whether they are whole.
    whole: BTreeMap<String, bool>,
    /// Those that are not, until that is reported.
    unreported: Vec<String>,
}

/// Returns the checksums of a directory's files, a line for each as sha256sum prints them; none for a tree.
pub(super) fn of(dir: &Path) -> Result<String> {
    let mut files = Vec::new();
    for entry in WalkDir::new(dir).sort_by_file_name() {
        let entry = entry.map_err(|error| Error::io("list", dir, error.into()))?;
        if entry.file_type().is_file() && entry.file_name() != COMPLETE {
            files.push(entry.into_path());
        }
        if files.len() > FEW {
            return Ok(String::new());
        }
    }
    let mut lines = String::new();
    for file in files {
        // A name that no line can hold is left out, and not checked.
        let name = file.strip_prefix(dir).ok().and_then(Path::to_str).filter(|name| !name.contains('\n'));
        if let Some(name) = name {
            let _ = writeln!(lines, "{}  {name}", sha256_file(&file)?);
        }
    }
    Ok(lines)
}

/// Whether the files are there as the mark lists them; one without checksums is believed.
fn holds(dir: &Path, mark: &str) -> bool {
    let lines: BTreeSet<(&str, &str)> =
        mark.lines().skip(1).filter_map(|line| line.split_once("  ")).collect();
    lines.into_iter().all(|(sum, name)| sha256_file(&dir.join(name)).is_ok_and(|now| now == sum))
}

impl Cache {
    /// Whether an entry is complete and what it was.
    pub(super) fn is_whole(&self, kind: &str, key: &str, dir: &Path) -> bool {
        let Ok(mark) = std::fs::read_to_string(dir.join(COMPLETE)) else { return false };
        let name = format!("{kind}/{key}");
        let known = self.checked().whole.get(&name).copied();
        if known == Some(true) {
            return true;
        }
        let whole = holds(dir, &mark);
        let mut checked = self.checked();
        if checked.whole.insert(name.clone(), whole).is_none() && !whole {
            checked.unreported.push(name);
        }
        whole
    }

    /// Returns the entries that were found altered since the last call, as `kind/key`: they are made again.
    pub fn altered(&self) -> Vec<String> {
        std::mem::take(&mut self.checked().unreported)
    }

    fn checked(&self) -> std::sync::MutexGuard<'_, Checked> {
        self.checked.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
