// SPDX-License-Identifier: GPL-2.0-or-later
//! Commits of a git repository as patches. The repository is only read, and nothing that is configured there is run.

use std::path::Path;
use std::time::Duration;

use super::Patch;
use crate::error::{Error, Result};
use crate::process::CommandRun;

/// The most commits that a range may have: more are no variant, but a range turned round or with a wrong end.
const MOST: usize = 1000;

/// Walking a kernel's history from a cold disk takes some seconds.
const DEADLINE: Duration = Duration::from_secs(120);

/// Returns the commits of a range, the oldest first.
///
/// # Errors
///
/// Study, for a range that is not there, is empty, too long, or has merges; infrastructure if git is missing.
pub(super) fn patches(repository: &Path, range: &str) -> Result<Vec<Patch>> {
    let shown = repository.display();
    let range = if range.contains("..") { range.to_owned() } else { branch(repository, range)? };
    let most = format!("--max-count={}", MOST + 1);
    let listed = git(
        repository,
        &["rev-list", "--topo-order", "--parents", &most, "--format=%s", "--end-of-options", &range, "--"],
    )
    .output()?;
    if !listed.outcome.success() {
        let said = listed.stderr.lines().next().unwrap_or_default().trim_start_matches("fatal: ").to_owned();
        return Err(Error::study(format!("{shown}: no commits {range}: {said}"))
            .hint("fetch them there first: patcheval only reads the repository"));
    }
    let lines: Vec<&str> = listed.stdout.lines().collect();
    let commits: Vec<(&str, &str)> =
        lines.chunks_exact(2).filter_map(|pair| Some((pair[0].strip_prefix("commit ")?, pair[1]))).collect();
    if commits.is_empty() {
        return Err(Error::study(format!("{shown}: {range} has no commits"))
            .hint("a range is BEFORE..LAST: the commits of LAST that BEFORE does not have"));
    }
    if commits.len() > MOST {
        return Err(Error::study(format!("{shown}: {range} has more than {MOST} commits"))
            .hint("a range is BEFORE..LAST: name a BEFORE just below the series"));
    }
    commits.into_iter().rev().map(|(ids, subject)| patch(repository, ids, subject)).collect()
}

/// Returns what a branch has and its upstream branch has not.
fn branch(repository: &Path, branch: &str) -> Result<String> {
    let upstream = format!("{branch}@{{upstream}}");
    let found =
        git(repository, &["rev-parse", "--verify", "--quiet", "--end-of-options", &upstream]).output()?;
    if found.outcome.success() {
        return Ok(format!("{}..{branch}", found.stdout.trim()));
    }
    Err(Error::study(format!(
        "{}: {branch} is not a range, nor a branch with an upstream branch",
        repository.display()
    ))
    .hint(format!("say where the series begins, as in v6.1..{branch}")))
}

/// Returns a commit as a patch; `ids` are its own and its parents'.
fn patch(repository: &Path, ids: &str, subject: &str) -> Result<Patch> {
    let mut ids = ids.split(' ');
    let (commit, parents) = (ids.next().unwrap_or_default(), ids.count());
    let short = commit.get(..12).unwrap_or(commit);
    let mut patch = Patch {
        name: format!("{}, commit {short} (\"{subject}\")", repository.display()),
        is_file: false,
        text: Vec::new(),
    };
    if parents > 1 {
        let mend = "rebase the branch, so that it has patches only, or name a range without the merge";
        return Err(patch.fault(None, "is a merge, and no patch", mend));
    }
    let scratch = tempfile::tempdir()
        .map_err(|e| Error::io("create a scratch directory in", &std::env::temp_dir(), e))?;
    let file = scratch.path().join("patch");
    let output = format!("--output={}", file.display());
    // Plumbing: no setting of the user's changes what it prints.
    git(
        repository,
        &["diff-tree", "--root", "--no-commit-id", "--patch", "--full-index", "--binary", "--no-color"],
    )
    .args(["--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/", &output, commit])
    .read()?;
    patch.text = std::fs::read(&file).map_err(|e| Error::io("read", &file, e))?;
    Ok(patch)
}

/// How a commit stands to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitRelation {
    /// It is not in the repository.
    Absent,
    /// It is the other one.
    Same,
    /// It is in the history of the other one, so many commits before it.
    Before(u64),
    /// It is not.
    Beside,
}

/// Returns how `commit` stands to `reference`.
///
/// # Errors
///
/// Infrastructure, if git is missing.
pub fn relation(repository: &Path, commit: &str, reference: &str) -> Result<CommitRelation> {
    let id = |name: &str| {
        let name = format!("{name}^{{commit}}");
        let found =
            git(repository, &["rev-parse", "--verify", "--quiet", "--end-of-options", &name]).output()?;
        Ok::<_, Error>(found.outcome.success().then(|| found.stdout.trim().to_owned()))
    };
    let (Some(commit), Some(other)) = (id(commit)?, id(reference)?) else {
        return Ok(CommitRelation::Absent);
    };
    if commit == other {
        return Ok(CommitRelation::Same);
    }
    if !git(repository, &["merge-base", "--is-ancestor", &commit, &other]).output()?.outcome.success() {
        return Ok(CommitRelation::Beside);
    }
    let count = git(repository, &["rev-list", "--count", &format!("{commit}..{other}")]).read()?;
    Ok(CommitRelation::Before(count.trim().parse().unwrap_or(0)))
}

fn git(repository: &Path, words: &[&str]) -> CommandRun {
    // A repository can name programs of its own to be run.
    let git = CommandRun::new("git").args(["--no-optional-locks", "-c", "core.fsmonitor=false", "-C"]);
    git.arg(repository).args(words.iter().copied()).deadline(DEADLINE)
}
