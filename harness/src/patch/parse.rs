// SPDX-License-Identifier: GPL-2.0-or-later
//! Reads of a patch which files it touches and where its hunks start; git reads the rest.

use std::path::{Path, PathBuf};

/// What a patch does to one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FilePatch {
    /// Path before; `None` for a new file.
    pub(super) old: Option<PathBuf>,
    /// Path after; `None` for a deleted file.
    pub(super) new: Option<PathBuf>,
    /// First line of each hunk in the old file, as git names it in its complaints.
    pub(super) hunks: Vec<u64>,
}

impl FilePatch {
    /// Returns the paths that the patch reads or writes.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.old.iter().chain(self.new.iter()).map(PathBuf::as_path)
    }
}

/// Returns what a patch does, file by file; the text around the diffs is passed over.
///
/// # Errors
///
/// Says what is wrong with a patch that is binary, links, quotes a path, or ends in the middle.
pub(super) fn parse(text: &str) -> Result<Vec<FilePatch>, String> {
    let mut files: Vec<FilePatch> = Vec::new();
    let mut lines = text.lines().peekable();
    let mut in_header = false;
    while let Some(line) = lines.next() {
        if let Some(names) = line.strip_prefix("diff --git ") {
            files.push(from_git_header(names)?);
            in_header = true;
        } else if line.starts_with("--- ") && lines.peek().is_some_and(|l| l.starts_with("+++ ")) {
            let next = lines.next().unwrap_or_default();
            if !in_header {
                // A patch by plain diff has no other header.
                files.push(FilePatch::default());
            }
            in_header = false;
            if let Some(file) = files.last_mut() {
                (file.old, file.new) = (side(line, "a/")?, side(next, "b/")?);
            }
        } else if line.starts_with("@@ -") {
            let Some(file) = files.last_mut() else { continue };
            let (start, old, new) =
                hunk_header(line).ok_or_else(|| format!("has a damaged hunk header: {line}"))?;
            file.hunks.push(start);
            skip_hunk(&mut lines, old, new)?;
        } else if in_header {
            header_line(line, files.last_mut())?;
        }
    }
    Ok(files)
}

/// Reads `a/X b/X`; where the two differ, the lines after it say so again.
fn from_git_header(names: &str) -> Result<FilePatch, String> {
    if names.starts_with('"') {
        return Err(format!("quotes the path {names}, which kernels have no use for"));
    }
    // Both halves have the same length unless it is a rename, which names its paths in lines of its own.
    let half = names.len() / 2;
    let same = names.is_char_boundary(half).then(|| names.split_at(half)).and_then(|(old, new)| {
        Some((old.strip_prefix("a/")?, new.strip_prefix(" b/")?)).filter(|(old, new)| old == new)
    });
    let path = same.map(|(path, _)| PathBuf::from(path));
    Ok(FilePatch { old: path.clone(), new: path, hunks: Vec::new() })
}

fn header_line(line: &str, file: Option<&mut FilePatch>) -> Result<(), String> {
    let Some(file) = file else { return Ok(()) };
    if line.starts_with("GIT binary patch") || line.starts_with("Binary files ") {
        return Err("has a binary part, which cannot be reviewed".to_owned());
    }
    let mode =
        ["new file mode ", "new mode ", "deleted file mode "].iter().find_map(|p| line.strip_prefix(p));
    if mode.is_some_and(|mode| !mode.starts_with("100")) {
        return Err("makes a symbolic link or a submodule".to_owned());
    }
    if line.starts_with("new file mode ") {
        file.old = None;
    } else if line.starts_with("deleted file mode ") {
        file.new = None;
    } else if let Some(path) = line.strip_prefix("rename from ").or(line.strip_prefix("copy from ")) {
        file.old = Some(path.into());
    } else if let Some(path) = line.strip_prefix("rename to ").or(line.strip_prefix("copy to ")) {
        file.new = Some(path.into());
    }
    Ok(())
}

/// Reads a path behind `--- ` or `+++ `; `None` for `/dev/null`.
fn side(line: &str, prefix: &str) -> Result<Option<PathBuf>, String> {
    // diff(1) puts a tab and a time behind the path.
    let path = line[4..].split('\t').next().unwrap_or_default();
    if path == "/dev/null" {
        return Ok(None);
    }
    match path.strip_prefix(prefix) {
        Some(path) => Ok(Some(path.into())),
        None => Err(format!("names the path {path} without {prefix} before it")),
    }
}

/// Reads `@@ -start,count +start,count @@`: the old start and both counts.
fn hunk_header(line: &str) -> Option<(u64, u64, u64)> {
    let mut words = line.split(' ');
    let (_, old, new) = (words.next()?, words.next()?.strip_prefix('-')?, words.next()?.strip_prefix('+')?);
    let range = |text: &str| match text.split_once(',') {
        Some((start, count)) => Some((start.parse().ok()?, count.parse().ok()?)),
        None => Some((text.parse().ok()?, 1)),
    };
    let ((start, old), (_, new)): ((u64, u64), (u64, u64)) = (range(old)?, range(new)?);
    Some((start, old, new))
}

/// Passes over the body of a hunk, so that nothing in it is taken for a header.
fn skip_hunk<'a>(
    lines: &mut impl Iterator<Item = &'a str>,
    mut old: u64,
    mut new: u64,
) -> Result<(), String> {
    while old + new > 0 {
        let line = lines.next().ok_or("ends in the middle of a hunk")?;
        let (less_old, less_new) = match line.as_bytes().first() {
            // Mailers strip the blank of an empty context line.
            Some(b' ') | None => (1, 1),
            Some(b'-') => (1, 0),
            Some(b'+') => (0, 1),
            Some(b'\\') => (0, 0),
            Some(_) => return Err(format!("has a damaged hunk at the line: {line}")),
        };
        old = old.checked_sub(less_old).ok_or("has a hunk longer than its header says")?;
        new = new.checked_sub(less_new).ok_or("has a hunk longer than its header says")?;
    }
    Ok(())
}
