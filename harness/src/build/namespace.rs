// SPDX-License-Identifier: GPL-2.0-or-later
//! Private namespaces: an overlay over the paths of source and build tree that only one build sees, and that the
//! kernel takes away when its last process ends.
//!
//! kbuild remembers absolute paths, so a copy of a build tree at another path would be built from scratch. With an
//! overlay at *the same* paths only what a patch touches is made again. The process namespace makes sure that
//! a SIGKILL of the wrapper ends every compiler below it.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use crate::cache_dir::Cache;
use crate::error::{Error, Result};
use crate::process::CommandRun;

/// Mounts both overlays, deletes what the patches delete, and runs the rest of the words.
/// Arguments: source tree, build tree, scratch directory, extra mount options, command.
const OVERLAY: &str = r#"
set -eu
tree=$1 obj=$2 work=$3 extra=$4
shift 4
mount -t overlay overlay -o "lowerdir=$tree,upperdir=$work/tree,workdir=$work/tree.work$extra" "$tree"
mount -t overlay overlay -o "lowerdir=$obj,upperdir=$work/obj,workdir=$work/obj.work$extra" "$obj"
while IFS= read -r file; do rm -f -- "$tree/$file"; done <"$work/deleted"
"$@"
"#;

/// Not `exec`: the shell stays as the namespace's first process and reaps the others.
const PLAIN: &str = r#""$@"; exit $?"#;

/// Directories that [`OVERLAY`] expects in its scratch directory.
const SCRATCH: [&str; 4] = ["tree", "tree.work", "obj", "obj.work"];

/// How this machine lets us make namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Namespace {
    /// We are root.
    Root,
    /// Through a user namespace, in which an overlay has to keep its marks in `user.` attributes.
    User,
}

impl Namespace {
    /// Finds out by trying on two tiny trees; `None` where containers or policies forbid it.
    ///
    /// # Errors
    ///
    /// Infrastructure, if the scratch directory cannot be written; interrupted.
    pub(crate) fn probe(cache: &Cache) -> Result<Option<Self>> {
        for candidate in [Self::Root, Self::User] {
            if candidate.works(cache)? {
                return Ok(Some(candidate));
            }
        }
        Ok(None)
    }

    fn works(self, cache: &Cache) -> Result<bool> {
        let scratch = cache.scratch()?;
        let (tree, obj, work) =
            (scratch.path().join("a"), scratch.path().join("b"), scratch.path().join("work"));
        for dir in [&tree, &obj, &work] {
            std::fs::create_dir(dir).map_err(|e| Error::io("create", dir, e))?;
        }
        let file = tree.join("f");
        std::fs::write(&file, "old\n").map_err(|e| Error::io("write", &file, e))?;
        prepare(&work, &[])?;
        let change = format!("echo new >{0} && grep -q new {0}", file.display());
        let words = ["sh".into(), "-c".into(), OsString::from(change)];
        let outcome = self.overlay(&tree, &obj, &work, &words).deadline(Duration::from_secs(10)).wait();
        let unchanged = std::fs::read_to_string(&file).is_ok_and(|text| text == "old\n");
        match outcome {
            Ok(outcome) => Ok(outcome.success() && unchanged),
            Err(e) if e.kind() == crate::error::ErrorKind::Interrupted => Err(e),
            Err(_) => Ok(false),
        }
    }

    /// Returns a command that runs `words` with overlays over `tree` and `obj`, whose changes go to `work`.
    pub(crate) fn overlay(self, tree: &Path, obj: &Path, work: &Path, words: &[OsString]) -> CommandRun {
        let extra = if self == Self::User { ",userxattr" } else { "" };
        self.unshare(OVERLAY).arg(tree).arg(obj).arg(work).arg(extra).args(words)
    }

    /// Returns a command that runs `words` in a process namespace, with the file system as it is.
    pub(crate) fn plain(self, words: &[OsString]) -> CommandRun {
        self.unshare(PLAIN).args(words)
    }

    fn unshare(self, script: &str) -> CommandRun {
        let user = if self == Self::User { ["--user", "--map-root-user"].as_slice() } else { &[] };
        let run = CommandRun::new("unshare").args(user).args([
            "--mount",
            "--pid",
            "--mount-proc",
            "--fork",
            "--kill-child",
        ]);
        run.args(["sh", "-c", script, "patcheval"])
    }
}

/// Makes the directories of an overlay's scratch directory, and the list of files to delete.
pub(crate) fn prepare(work: &Path, deleted: &[&Path]) -> Result<()> {
    for name in SCRATCH {
        let dir = work.join(name);
        std::fs::create_dir(&dir).map_err(|e| Error::io("create", &dir, e))?;
    }
    let list: String = deleted.iter().map(|path| format!("{}\n", path.display())).collect();
    let file = work.join("deleted");
    std::fs::write(&file, list).map_err(|e| Error::io("write", &file, e))
}
