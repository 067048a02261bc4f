// SPDX-License-Identifier: GPL-2.0-or-later
//! Reads a git repository: which commits there are between two, and how their trees differ. Nothing is written to it, and
//! no work tree is looked at or made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::process::{CommandRun, Sink};

/// Between the fields of a commit.
const SEPARATOR: char = '\u{1f}';
const FORMAT: &str = "--format=%H%x1f%P%x1f%an <%ae>%x1f%s";

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Its full hash.
    pub hash: String,
    /// Hashes of its parents.
    pub parents: Vec<String>,
    /// Name and address of its author.
    pub author: String,
    /// First line of its message.
    pub subject: String,
}

impl Commit {
    /// Returns the beginning of the hash, by which people name it.
    pub fn short(&self) -> &str {
        self.hash.get(..12).unwrap_or(&self.hash)
    }
}

/// What a path of a commit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileMode {
    /// A file.
    Plain,
    /// A file that may be executed.
    Executable,
    /// A symbolic link; its bytes are where it leads.
    Link,
}

/// By path, a file's bytes and what it is; `None` where it is deleted.
pub type TreeChanges = BTreeMap<PathBuf, Option<(Vec<u8>, FileMode)>>;

/// A git repository.
#[derive(Clone, Debug)]
pub struct Repository {
    path: PathBuf,
}

impl Repository {
    /// Opens the repository at or around a directory.
    ///
    /// # Errors
    ///
    /// Study, when there is none.
    pub fn open(path: &Path) -> Result<Self> {
        let repository = Self { path: path.canonicalize().unwrap_or_else(|_| path.to_owned()) };
        match repository.git(&["rev-parse", "--git-dir"]).output()? {
            found if found.outcome.success() => Ok(repository),
            _ => Err(Error::study(format!("{} is no git repository", path.display()))),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn git(&self, args: &[&str]) -> CommandRun {
        // In `git bisect run`, what git exports would lead elsewhere.
        CommandRun::new("git").arg("-C").arg(&self.path).args(args).env_clear()
    }

    /// Returns the commit that a revision names.
    ///
    /// # Errors
    ///
    /// Study, when it names none.
    pub fn commit(&self, revision: &str) -> Result<Commit> {
        let wanted = format!("{revision}^{{commit}}");
        let hash = self.git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted]).output()?;
        if !hash.outcome.success() {
            return Err(Error::study(format!("{}: there is no commit {revision}", self.path.display()))
                .hint("fetch it there first: patcheval only reads the repository"));
        }
        let text = self.git(&["log", "-1", FORMAT, hash.stdout.trim()]).read()?;
        parse(text.trim_end_matches('\n'))
            .ok_or_else(|| Error::infrastructure(format!("git log says what nobody understands: {text}")))
    }

    /// Returns the last tag at or before a commit, if there is one.
    ///
    /// # Errors
    ///
    /// Infrastructure.
    pub fn last_tag(&self, commit: &Commit) -> Result<Option<String>> {
        let found = self.git(&["describe", "--tags", "--abbrev=0", &commit.hash]).output()?;
        Ok(found.outcome.success().then(|| found.stdout.trim().to_owned()))
    }

    /// Returns whether `old` is an ancestor of `new`.
    ///
    /// # Errors
    ///
    /// Infrastructure.
    pub fn is_ancestor(&self, old: &Commit, new: &Commit) -> Result<bool> {
        Ok(self.git(&["merge-base", "--is-ancestor", &old.hash, &new.hash]).output()?.outcome.success())
    }

    /// Returns the best common ancestor of two commits, if they have one.
    ///
    /// # Errors
    ///
    /// Infrastructure.
    pub fn merge_base(&self, a: &Commit, b: &Commit) -> Result<Option<String>> {
        let found = self.git(&["merge-base", &a.hash, &b.hash]).output()?;
        Ok(found.outcome.success().then(|| found.stdout.trim().to_owned()))
    }

    /// Returns the commits that `new` has and `old` has not, parents before children; with `first_parent` only those that
    /// first parents lead to.
    ///
    /// # Errors
    ///
    /// Infrastructure.
    pub fn range(&self, old: &Commit, new: &Commit, first_parent: bool) -> Result<Vec<Commit>> {
        let mut args = vec!["log", "--topo-order", "--reverse", FORMAT];
        if first_parent {
            args.push("--first-parent");
        }
        let excluded = format!("^{}", old.hash);
        args.extend([new.hash.as_str(), &excluded]);
        let text = self.git(&args).read()?;
        let mut commits = text.lines().map(parse).collect::<Option<Vec<_>>>().unwrap_or_default();
        if first_parent {
            commits.iter_mut().for_each(|commit| commit.parents.truncate(1));
        }
        Ok(commits)
    }

    /// Returns the first of the commits that `git bisect` has been given as old, if a bisection is under way.
    ///
    /// # Errors
    ///
    /// Infrastructure.
    pub fn bisected_from(&self) -> Result<Option<String>> {
        let refs = self.git(&["for-each-ref", "--format=%(objectname) %(refname)", "refs/bisect/"]).read()?;
        let old = |line: &str| {
            let (hash, name) = line.split_once(' ')?;
            let name = name.strip_prefix("refs/bisect/")?;
            // `bad`, or good-HASH, or skip-HASH.
            (name.ends_with(hash) && !name.starts_with("skip-")).then(|| hash.to_owned())
        };
        Ok(refs.lines().find_map(old))
    }

    /// Returns how many files differ between two commits.
    ///
    /// # Errors
    ///
    /// Infrastructure.
    pub fn distance(&self, from: &str, to: &str) -> Result<usize> {
        Ok(self.git(&["diff-tree", "-r", "--no-renames", "--name-only", from, to]).read()?.lines().count())
    }

    /// Returns what is to be changed in the tree of `from` to have that of `to`.
    ///
    /// # Errors
    ///
    /// Study, for what is or was a submodule; infrastructure.
    pub fn changes(&self, from: &str, to: &str) -> Result<TreeChanges> {
        let scratch = tempfile::tempdir()
            .map_err(|e| Error::io("create a scratch directory in", &std::env::temp_dir(), e))?;
        let raw = scratch.path().join("raw");
        let diff = self.git(&[
            "diff-tree",
            "-r",
            "-z",
            "--raw",
            "--no-renames",
            "--no-abbrev",
            "--no-ext-diff",
            from,
            to,
        ]);
        let raw = self.bytes(diff, &raw)?;
        let entries = entries(&raw)?;
        let wanted: String =
            entries.iter().filter_map(|e| e.blob.as_ref()).map(|(blob, _)| format!("{blob}\n")).collect();
        let list = scratch.path().join("blobs");
        std::fs::write(&list, wanted).map_err(|e| Error::io("write", &list, e))?;
        let batch = self.git(&["cat-file", "--batch"]).stdin(&list);
        let objects = self.bytes(batch, &scratch.path().join("objects"))?;
        let mut rest = objects.as_slice();
        let mut changes = TreeChanges::new();
        for entry in entries {
            let file = match entry.blob {
                None => None,
                Some((blob, mode)) => {
                    let content = object(&mut rest)
                        .ok_or_else(|| Error::infrastructure(format!("git cat-file gives no blob {blob}")))?;
                    Some((content, mode))
                }
            };
            changes.insert(entry.path, file);
        }
        Ok(changes)
    }

    /// Runs a command whose output is no text.
    fn bytes(&self, run: CommandRun, file: &Path) -> Result<Vec<u8>> {
        let shown = run.shown();
        if !run.stdout(Sink::File(file.to_owned())).wait()?.success() {
            return Err(Error::infrastructure(format!("{shown} failed")));
        }
        std::fs::read(file).map_err(|e| Error::io("read", file, e))
    }
}

fn parse(line: &str) -> Option<Commit> {
    let mut fields = line.splitn(4, SEPARATOR);
    let mut next = || fields.next().map(str::to_owned);
    let (hash, parents, author, subject) = (next()?, next()?, next()?, next()?);
    Some(Commit { hash, parents: parents.split_whitespace().map(str::to_owned).collect(), author, subject })
}

/// One changed path; without a blob it is deleted.
struct ChangedPath {
    path: PathBuf,
    blob: Option<(String, FileMode)>,
}

/// Reads `:100644 100755 OLD NEW M\0path\0...`.
fn entries(raw: &[u8]) -> Result<Vec<ChangedPath>> {
    use std::os::unix::ffi::OsStrExt as _;
    let garbled = || Error::infrastructure("git diff-tree says what nobody understands");
    let mut fields = raw.split(|byte| *byte == 0).filter(|field| !field.is_empty());
    let mut entries = Vec::new();
    while let Some(facts) = fields.next() {
        let path = PathBuf::from(std::ffi::OsStr::from_bytes(fields.next().ok_or_else(garbled)?));
        let facts = std::str::from_utf8(facts).map_err(|_| garbled())?;
        let [old, new, _, blob, _] = facts.split(' ').collect::<Vec<_>>()[..] else { return Err(garbled()) };
        let submodule = "160000";
        let mode = match new {
            "000000" => None,
            "100755" => Some(FileMode::Executable),
            "120000" => Some(FileMode::Link),
            _ => Some(FileMode::Plain),
        };
        if old.trim_start_matches(':') == submodule || new == submodule {
            return Err(Error::study(format!(
                "{} is a submodule that changes, which cannot be laid over another commit's tree",
                path.display()
            )));
        }
        entries.push(ChangedPath { path, blob: mode.map(|mode| (blob.to_owned(), mode)) });
    }
    Ok(entries)
}

/// Takes the next object, `HASH TYPE SIZE\n` with its bytes and a newline, off what `git cat-file --batch` printed.
fn object(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let head = std::str::from_utf8(&rest[..end]).ok()?;
    let size: usize = head.rsplit(' ').next()?.parse().ok()?;
    let content = rest.get(end + 1..end + 1 + size)?.to_vec();
    *rest = rest.get(end + 2 + size..)?;
    Some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> (tempfile::TempDir, Repository) {
        let dir = tempfile::tempdir().unwrap();
        let git = |args: &[&str]| {
            let run = CommandRun::new("git").arg("-C").arg(dir.path()).args(args);
            run.env("GIT_AUTHOR_NAME", "A")
                .env("GIT_AUTHOR_EMAIL", "a@example.org")
                .env("GIT_COMMITTER_NAME", "A")
                .env("GIT_COMMITTER_EMAIL", "a@example.org")
                .read()
                .unwrap()
        };
        let write = |name: &str, content: &[u8]| std::fs::write(dir.path().join(name), content).unwrap();
        git(&["init", "-q", "-b", "main"]);
        write("a.c", b"one\n");
        write("b.c", b"gone soon\n");
        git(&["add", "."]);
        git(&["commit", "-q", "-m", "first"]);
        write("a.c", b"two\0\xff");
        write("new file.c", b"");
        std::fs::remove_file(dir.path().join("b.c")).unwrap();
        git(&["add", "-A"]);
        git(&["commit", "-q", "-m", "second"]);
        git(&["checkout", "-q", "-b", "side", "HEAD^"]);
        write("side.c", b"s");
        git(&["add", "-A"]);
        git(&["commit", "-q", "-m", "on the side"]);
        git(&["checkout", "-q", "main"]);
        git(&["merge", "-q", "-m", "merged", "side"]);
        std::os::unix::fs::symlink("a.c", dir.path().join("link")).unwrap();
        git(&["add", "-A"]);
        git(&["commit", "-q", "-m", "a link"]);
        let repository = Repository::open(dir.path()).unwrap();
        (dir, repository)
    }

    #[test]
    fn changes_are_bytes_new_files_and_deleted_ones() {
        let (_dir, repository) = world();
        let hash = |revision: &str| repository.commit(revision).unwrap().hash;
        let changes = repository.changes(&hash("HEAD~2^"), &hash("HEAD~2")).unwrap();
        let plain = |content: &[u8]| Some((content.to_vec(), FileMode::Plain));
        let wanted: TreeChanges =
            [("a.c".into(), plain(b"two\0\xff")), ("b.c".into(), None), ("new file.c".into(), plain(b""))]
                .into();
        assert_eq!(changes, wanted);
        assert_eq!(repository.changes(&hash("HEAD^"), &hash("HEAD^")).unwrap(), TreeChanges::new());
        let link = Some((b"a.c".to_vec(), FileMode::Link));
        let made = repository.changes(&hash("HEAD^"), &hash("HEAD")).unwrap();
        assert_eq!(made, TreeChanges::from([("link".into(), link)]));
        let gone = repository.changes(&hash("HEAD"), &hash("HEAD^")).unwrap();
        assert_eq!(gone, TreeChanges::from([("link".into(), None)]));
    }

    #[test]
    fn a_range_has_parents_before_children_and_knows_side_branches() {
        let (_dir, repository) = world();
        let (old, new) = (repository.commit("HEAD~3").unwrap(), repository.commit("HEAD").unwrap());
        let subjects = |first_parent| -> Vec<String> {
            repository.range(&old, &new, first_parent).unwrap().into_iter().map(|c| c.subject).collect()
        };
        let all = subjects(false);
        assert_eq!((all.len(), all[2].as_str(), all[3].as_str()), (4, "merged", "a link"));
        assert_eq!(subjects(true), ["second", "merged", "a link"]);
        assert!(repository.is_ancestor(&old, &new).unwrap() && !repository.is_ancestor(&new, &old).unwrap());
        assert!(repository.commit("v9").unwrap_err().to_string().ends_with("there is no commit v9"));
    }
}
