// SPDX-License-Identifier: GPL-2.0-or-later
//! Reads of a patch which files it touches and where its hunks start; git reads the rest.

use std::ops::RangeInclusive;
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
    /// The lines of the patch, from 1, that each hunk takes with its header.
    pub(super) spans: Vec<RangeInclusive<usize>>,
    /// Paths that had neither `a/` nor `b/` before them.
    pub(super) unusual: Vec<Unusual>,
}

/// A path with something else before it than git writes there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unusual {
    /// Line of the patch, from 1.
    pub(super) line: usize,
    /// Its first component, which `-p1` takes away.
    pub(super) prefix: String,
    /// The rest of it.
    pub(super) path: PathBuf,
}

impl Unusual {
    /// Says what is wrong, if the first component was no prefix after all.
    pub(super) fn fault(&self) -> Fault {
        let path = Path::new(&self.prefix).join(&self.path);
        let why = format!("names the path {} without a/ or b/ before it", path.display());
        Fault { line: self.line, why, mend: PATHS }
    }
}

impl FilePatch {
    /// Returns the paths that the patch reads or writes.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.old.iter().chain(self.new.iter()).map(PathBuf::as_path)
    }
}

/// What is wrong with a patch.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Line of the patch, from 1.
    pub(super) line: usize,
    /// What is wrong, as a clause.
    pub(super) why: String,
    /// What can be done about it.
    pub(super) mend: &'static str,
}

/// What can be done about a patch that is not whole.
const WHOLE: &str =
    "fetch it again, or write it anew with `git format-patch`: it was cut off or changed on its way";
/// What can be done about a path that git would not write.
const PATHS: &str = "make the patch with `git format-patch` at the top of a kernel tree, without --no-prefix";
/// What can be done about a change that nobody can judge here.
const REVIEW: &str = "take it out of the patch: only changes of text files are judged";

/// Returns what a patch does, file by file; the text around the diffs is passed over.
///
/// # Errors
///
/// Says what is wrong with a patch that is binary, links, quotes a path, or ends in the middle.
pub(super) fn parse(text: &str) -> Result<Vec<FilePatch>, Fault> {
    let mut lines = PatchLines { lines: text.lines().peekable(), number: 0 };
    read(&mut lines).map_err(|(why, mend)| Fault { line: lines.number.max(1), why, mend })
}

/// Says what is wrong with the line that was read last, and what can be done about it.
type Wrong = (String, &'static str);

/// The lines of a patch, counted.
struct PatchLines<'a> {
    lines: std::iter::Peekable<std::str::Lines<'a>>,
    number: usize,
}

impl<'a> PatchLines<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let line = self.lines.next()?;
        self.number += 1;
        Some(line)
    }

    fn next_is(&mut self, prefix: &str) -> bool {
        self.lines.peek().is_some_and(|line| line.starts_with(prefix))
    }
}

fn read(lines: &mut PatchLines<'_>) -> Result<Vec<FilePatch>, Wrong> {
    let mut files: Vec<FilePatch> = Vec::new();
    let mut in_header = false;
    while let Some(line) = lines.next() {
        if let Some(names) = line.strip_prefix("diff --git ") {
            files.push(from_git_header(names, lines.number)?);
            in_header = true;
        } else if line.starts_with("--- ") && lines.next_is("+++ ") {
            let next = lines.next().unwrap_or_default();
            if !in_header {
                // A patch by plain diff has no other header.
                files.push(FilePatch::default());
            }
            in_header = false;
            if let Some(file) = files.last_mut() {
                let (old, new) = (side(line, lines.number - 1)?, side(next, lines.number)?);
                file.unusual.clear();
                (file.old, file.new) = (old.map(|of| file.keep(of)), new.map(|of| file.keep(of)));
            }
        } else if line.starts_with("@@ -") {
            let Some(file) = files.last_mut() else { continue };
            let (start, old, new) =
                hunk_header(line).ok_or_else(|| (format!("has a damaged hunk header: {line}"), WHOLE))?;
            file.hunks.push(start);
            let first = lines.number;
            skip_hunk(lines, old, new)?;
            file.spans.push(first..=lines.number);
        } else if in_header {
            header_line(line, files.last_mut())?;
        }
    }
    Ok(files)
}

/// Reads `a/X b/X`, whatever stands for `a` and `b`; where the two differ, the lines after it say so again.
fn from_git_header(names: &str, line: usize) -> Result<FilePatch, Wrong> {
    if names.starts_with('"') {
        return Err(quoted(names));
    }
    // A name can have blanks. It is one if the same is behind both prefixes; a rename names its paths in lines of its own.
    let halves = names.match_indices(' ').map(|(at, _)| (&names[..at], &names[at + 1..]));
    let same = halves.filter_map(|(old, new)| Some((split(old)?, split(new)?)));
    let same = same.into_iter().find(|((_, old), (_, new))| old == new);
    let mut file = FilePatch::default();
    if let Some((old, new)) = same {
        let side =
            |(prefix, path): (&str, &str)| PatchSide { line, prefix: prefix.into(), path: path.into() };
        (file.old, file.new) = (Some(file.keep(side(old))), Some(file.keep(side(new))));
    }
    Ok(file)
}

fn quoted(path: &str) -> Wrong {
    (format!("quotes the path {path}, which kernels have no use for"), PATHS)
}

fn header_line(line: &str, file: Option<&mut FilePatch>) -> Result<(), Wrong> {
    let Some(file) = file else { return Ok(()) };
    if line.starts_with("GIT binary patch") || line.starts_with("Binary files ") {
        return Err(("has a binary part, which cannot be reviewed".to_owned(), REVIEW));
    }
    let mode =
        ["new file mode ", "new mode ", "deleted file mode "].iter().find_map(|p| line.strip_prefix(p));
    if mode.is_some_and(|mode| !mode.starts_with("100")) {
        return Err(("makes a symbolic link or a submodule".to_owned(), REVIEW));
    }
    let renamed = ["rename from ", "copy from ", "rename to ", "copy to "].iter();
    if let Some(path) = renamed.filter_map(|p| line.strip_prefix(p)).find(|path| path.starts_with('"')) {
        return Err(quoted(path));
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

/// A path and what is before it.
struct PatchSide {
    line: usize,
    prefix: String,
    path: PathBuf,
}

impl FilePatch {
    /// Returns the path of a side, and keeps in mind that it has an unusual prefix.
    fn keep(&mut self, side: PatchSide) -> PathBuf {
        let PatchSide { line, prefix, path } = side;
        if !["a", "b", "."].contains(&prefix.as_str()) {
            self.unusual.push(Unusual { line, prefix, path: path.clone() });
        }
        path
    }
}

/// Takes the first component off a path, as `-p1` does.
fn split(path: &str) -> Option<(&str, &str)> {
    path.split_once('/').filter(|(prefix, rest)| !prefix.is_empty() && !rest.is_empty())
}

/// Reads a path behind `--- ` or `+++ `, which is `line` of the patch; `None` for `/dev/null`.
fn side(text: &str, line: usize) -> Result<Option<PatchSide>, Wrong> {
    // diff(1) puts a tab and a time behind the path.
    let whole = text[4..].split('\t').next().unwrap_or_default();
    if whole == "/dev/null" {
        return Ok(None);
    }
    if whole.starts_with('"') {
        return Err(quoted(whole));
    }
    match split(whole) {
        Some((prefix, path)) if prefix != ".." => {
            Ok(Some(PatchSide { line, prefix: prefix.into(), path: path.into() }))
        }
        _ if whole.starts_with('/') || whole.starts_with("../") => {
            Err((format!("leads out of the source tree with the path {whole}"), PATHS))
        }
        _ => Err((format!("names the path {whole} without a/ or b/ before it"), PATHS)),
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
fn skip_hunk(lines: &mut PatchLines<'_>, mut old: u64, mut new: u64) -> Result<(), Wrong> {
    let whole = |why: &str| (why.to_owned(), WHOLE);
    while old > 0 || new > 0 {
        let line = lines.next().ok_or_else(|| whole("ends in the middle of a hunk"))?;
        let (less_old, less_new) = match line.as_bytes().first() {
            // Mailers strip the blank of an empty context line.
            Some(b' ') | None => (1, 1),
            Some(b'-') => (1, 0),
            Some(b'+') => (0, 1),
            Some(b'\\') => (0, 0),
            Some(_) => return Err(whole(&format!("has a damaged hunk at the line: {line}"))),
        };
        let longer = || whole("has a hunk longer than its header says");
        old = old.checked_sub(less_old).ok_or_else(longer)?;
        new = new.checked_sub(less_new).ok_or_else(longer)?;
    }
    Ok(())
}
