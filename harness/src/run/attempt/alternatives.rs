// SPDX-License-Identifier: GPL-2.0-or-later
//! What somebody names on the command line as patches: files, mailboxes, directories, commits.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::patch::{self, Patch, Series, Thread};
use crate::plan::Patches;
use crate::source::repository::{Commit, Repository};

/// One series that is to be tried, beside others or alone.
#[derive(Clone, Debug)]
pub(super) struct OwnSeries {
    /// The subject of its first mail, the name of its file, or the subject of its commit.
    pub(super) title: String,
    /// Who wrote it, if that is known.
    pub(super) author: String,
    /// Its version, from 1.
    pub(super) version: u32,
    /// Message id of its first mail.
    pub(super) message_id: Option<String>,
    /// The commit for which it says that it was made.
    pub(super) base_commit: Option<String>,
    /// What it is.
    pub(super) change: OwnChange,
}

/// What an alternative changes.
#[derive(Clone, Debug)]
pub(super) enum OwnChange {
    /// What patches do, in this order.
    Patches(Vec<Patch>),
    /// What the tree of a commit has beside that of another one.
    Commits {
        /// The last commit.
        commit: Commit,
        /// The commit before the first one.
        before: Commit,
    },
}

impl OwnSeries {
    /// Its patches; none of one that is a commit.
    pub(super) fn patches(&self) -> &[Patch] {
        match &self.change {
            OwnChange::Patches(patches) => patches,
            OwnChange::Commits { .. } => &[],
        }
    }
}

/// Returns the alternatives that `words` name. Patch files are one series together, in their order; each series of a mailbox, each
/// directory, commit and range of commits is one of its own. What is no path is a commit of `tree`, of which HEAD is taken where
/// there are no words.
///
/// # Errors
///
/// Study, for what is neither a path nor a commit, and for what cannot be read.
pub(super) fn alternatives(words: &[String], tree: Option<&Repository>) -> Result<Vec<OwnSeries>> {
    let head = ["HEAD".to_owned()];
    let words = if words.is_empty() && tree.is_some() { &head[..] } else { words };
    let (mut all, mut files): (Vec<OwnSeries>, Vec<(PathBuf, Thread)>) = (Vec::new(), Vec::new());
    for word in words {
        let path = std::path::absolute(word).map_err(|error| Error::io("find", Path::new(word), error))?;
        if path.is_dir() {
            all.push(directory(&path)?);
        } else if path.exists() {
            let thread = patch::thread(&path)?;
            match thread.series.as_slice() {
                // No mail, or the only one.
                [] if thread.replies.is_empty() => files.push((path, thread)),
                [one] if one.is_one_mail() => files.push((path, thread)),
                [] => drop(thread.choose(word, None)?),
                several => {
                    for series in several {
                        all.push(of_series(series, series.patches(word)?));
                    }
                }
            }
        } else if let Some(tree) = tree {
            all.push(commits(tree, word)?);
        } else {
            return Err(Error::study(format!("there is no file or directory {word}"))
                .hint("commits and ranges of commits are those of a tree: name it by --tree"));
        }
    }
    if let Some(first) = files.first() {
        let series: Vec<Patches> = files.iter().map(|(path, _)| Patches::File(path.clone())).collect();
        let patches = patch::gather(Path::new("/"), &series)?;
        let stem = first.0.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let one = match first.1.series.first() {
            Some(series) => of_series(series, patches),
            None => untitled(stem, patches),
        };
        all.insert(0, one);
    }
    if all.iter().any(|one| matches!(&one.change, OwnChange::Patches(patches) if patches.is_empty())) {
        return Err(
            Error::study("a cover letter alone has nothing to be tried").hint("name the patches, too")
        );
    }
    Ok(all)
}

fn of_series(series: &Series, patches: Vec<Patch>) -> OwnSeries {
    OwnSeries {
        title: series.title.clone(),
        author: series.author.clone(),
        version: series.version,
        message_id: series.message_id.clone(),
        base_commit: series.base_commit.clone(),
        change: OwnChange::Patches(patches),
    }
}

fn untitled(title: String, patches: Vec<Patch>) -> OwnSeries {
    OwnSeries {
        title,
        author: String::new(),
        version: 1,
        message_id: None,
        base_commit: None,
        change: OwnChange::Patches(patches),
    }
}

/// A directory with the patches of a series, as quilt or `git format-patch` leave it.
fn directory(path: &Path) -> Result<OwnSeries> {
    let patches = patch::gather(Path::new("/"), &[Patches::Directory { series: path.to_owned() }]);
    let patches = patches.map_err(|error| match path.join(".git").exists() {
        true => error.hint(format!("a git tree is named by --tree {}", path.display())),
        false => error,
    })?;
    Ok(untitled(path.file_name().unwrap_or_default().to_string_lossy().into_owned(), patches))
}

/// A commit, or a range of them.
fn commits(tree: &Repository, word: &str) -> Result<OwnSeries> {
    let (before, commit) = match word.split_once("..") {
        Some((before, last)) => {
            let last = tree.commit(if last.is_empty() { "HEAD" } else { last.trim_start_matches('.') })?;
            let before = tree.commit(before)?;
            let Some(common) = tree.merge_base(&before, &last)?.filter(|common| *common != last.hash) else {
                return Err(Error::study(format!("{}: {word} has no commits", tree.path().display()))
                    .hint("a range is BEFORE..LAST: the commits of LAST that BEFORE does not have"));
            };
            (tree.commit(&common)?, last)
        }
        None => {
            let commit = tree
                .commit(word)
                .map_err(|error| error.hint(format!("{word} is no file or directory either")))?;
            let Some(parent) = commit.parents.first() else {
                return Err(Error::study(format!("{word} is the first commit, and there is none before it")));
            };
            (tree.commit(parent)?, commit)
        }
    };
    Ok(OwnSeries {
        title: commit.subject.clone(),
        author: commit.author.clone(),
        change: OwnChange::Commits { commit, before },
        ..untitled(String::new(), Vec::new())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF: &str = "diff --git a/a.c b/a.c\n--- a/a.c\n+++ b/a.c\n@@ -1 +1 @@\n-old\n+new\n";

    fn mail(subject: &str, id: &str) -> String {
        format!(
            "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\nFrom: Ann Ode <a@example.org>\n\
             Date: Thu, 1 Jan 2026 00:00:00 +0000\nMessage-ID: <{id}@example.org>\nSubject: {subject}\n\nWhy.\n---\n{DIFF}-- \n2.39\n\n"
        )
    }

    fn read(files: &[(&str, String)]) -> Result<Vec<OwnSeries>> {
        let dir = tempfile::tempdir().unwrap();
        let write = |(name, text): &(&str, String)| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            // Of a file in a directory, the directory is named.
            let top = dir.path().join(name.split('/').next().unwrap());
            top.to_str().unwrap().to_owned()
        };
        let mut words: Vec<String> = files.iter().map(write).collect();
        words.dedup();
        alternatives(&words, None)
    }

    fn count(one: &OwnSeries) -> usize {
        let OwnChange::Patches(patches) = &one.change else { return 0 };
        patches.len()
    }

    #[test]
    fn patch_files_are_one_series_and_other_things_their_own() {
        let all = read(&[
            ("1.patch", mail("[PATCH 1/2] mips: a", "1")),
            ("2.patch", mail("[PATCH 2/2] mips: b", "2")),
        ]);
        let all = all.unwrap();
        assert_eq!((all.len(), count(&all[0])), (1, 2));
        assert_eq!((all[0].title.as_str(), all[0].author.as_str()), ("mips: a", "Ann Ode"));
        let plain = read(&[("flush-it.diff", DIFF.to_owned())]).unwrap();
        assert_eq!((plain[0].title.as_str(), count(&plain[0])), ("flush-it", 1));
        let quilt = [
            ("q/series", "b.patch\na.patch\n".to_owned()),
            ("q/a.patch", DIFF.into()),
            ("q/b.patch", DIFF.into()),
        ];
        let quilt = read(&quilt).unwrap();
        assert_eq!((quilt[0].title.as_str(), count(&quilt[0])), ("q", 2));
    }

    #[test]
    fn each_series_of_a_mailbox_is_an_alternative() {
        let two = mail("[PATCH] a", "1") + &mail("[PATCH v2] a", "2");
        let all = read(&[("x.mbox", two), ("y.patch", mail("[PATCH] c", "3"))]).unwrap();
        let versions: Vec<(u32, &str)> = all.iter().map(|one| (one.version, one.title.as_str())).collect();
        assert_eq!(versions, [(1, "c"), (1, "a"), (2, "a")], "the patch files first");
        assert_eq!(all[2].message_id.as_deref(), Some("2@example.org"));
    }

    #[test]
    fn what_is_no_patch_is_reported() {
        let error = alternatives(&["HEAD~1".to_owned()], None).unwrap_err();
        assert!(error.to_string().contains("no file or directory HEAD~1"), "{error}");
        assert!(error.hints()[0].contains("--tree"), "{:?}", error.hints());
        let cover = "From: A <a@example.org>\nSubject: [PATCH 0/2] x\n\nHello.\n".to_owned();
        assert!(read(&[("0000-cover.patch", cover)]).unwrap_err().to_string().contains("cover letter"));
    }
}
