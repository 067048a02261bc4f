// SPDX-License-Identifier: GPL-2.0-or-later
//! Kernel sources: from a Debian package, an archive, a directory or a git commit to a tree in the cache.
//!
//! The tree is a copy, named after its content, and never written to: patches go into an overlay. The user's own
//! tree or repository is only read.

pub mod repository;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use walkdir::WalkDir;

use crate::cache_dir::{Cache, Lock, hex, key, sha256_file, write_atomically};
use crate::error::{Error, Result};
use crate::plan::Source;
use crate::process::{CommandRun, check_interrupted};

/// Kind of the cache entries; the tree is `tree/` below.
pub const KIND: &str = "source";

/// Kind of the cache entries of downloaded archives.
pub const DOWNLOADS: &str = "download";

/// Where Debian's source packages put their archive, relative to the root of the installation.
const DEBIAN_DIR: &str = "usr/src";

/// A kernel of 1.3 GB takes 20 s from xz on one core; a slow disk may take longer.
const UNPACK_DEADLINE: Duration = Duration::from_secs(900);

/// 140 MB over a slow line.
const DOWNLOAD_DEADLINE: Duration = Duration::from_secs(3600);

/// An unpacked kernel source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// The tree, in the cache; not to be written to.
    pub path: PathBuf,
    /// Names the content: `sha256-<archive>`, `git-<tree id>` or `dir-<hash>`.
    pub id: String,
    /// Version as the top Makefile states it, like `6.1.192`.
    pub version: String,
}

impl Tree {
    /// Takes the lock of the tree: alone to patch it in place, shared to read it.
    pub(crate) fn lock(&self, cache: &Cache, alone: bool) -> Result<Lock> {
        let name = format!("tree-{}", self.id);
        if alone { cache.lock(&name) } else { cache.lock_shared(&name) }
    }
}

/// Returns the tree of `source`, unpacked into the cache if it was not there. Relative paths start at `root`.
///
/// # Errors
///
/// Study error if the source does not exist, has another checksum or is no kernel; infrastructure if a tool is
/// missing, the disk is full or a download fails.
pub fn provide(cache: &Cache, source: &Source, root: &Path) -> Result<Tree> {
    match source {
        Source::Debian(package) => from_archive(cache, &debian_archive(cache, package)?, None),
        Source::Tarball { path, sha256 } => {
            from_archive(cache, &local(cache, path, sha256, root)?, Some(sha256))
        }
        Source::Directory(path) => from_directory(cache, &root.join(path)),
        Source::Git { path, reference } => from_git(cache, &root.join(path), reference),
    }
}

/// Returns the archives of kernel sources that Debian packages installed, or ci/setup extracted, in name order.
pub(crate) fn debian_archives(cache: &Cache) -> Vec<PathBuf> {
    let entries =
        debian_places(cache).into_iter().filter_map(|dir| std::fs::read_dir(dir).ok()).flatten().flatten();
    let is_source = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("linux-source-") && name.ends_with(".tar.xz") && path.is_file()
    };
    let mut found: Vec<_> = entries.map(|e| e.path()).filter(is_source).collect();
    found.sort();
    found
}

fn debian_places(cache: &Cache) -> [PathBuf; 2] {
    [Path::new("/").join(DEBIAN_DIR), cache.root().join("debian-source").join(DEBIAN_DIR)]
}

fn debian_archive(cache: &Cache, package: &str) -> Result<PathBuf> {
    let places = debian_places(cache).map(|dir| dir.join(format!("{package}.tar.xz")));
    places.into_iter().find(|p| p.is_file()).ok_or_else(|| {
        Error::infrastructure(format!("the Debian package {package} is not installed")).hint(
            "run ci/setup, which installs it, or where this Debian has none, extracts it into the cache directory",
        )
    })
}

/// Returns the path of an archive on this machine, downloaded into the cache if `path` is a URL.
fn local(cache: &Cache, path: &Path, sha256: &str, root: &Path) -> Result<PathBuf> {
    let text = path.to_string_lossy();
    if !(text.starts_with("https://") || text.starts_with("http://")) {
        return Ok(root.join(path));
    }
    let name = text.rsplit('/').next().filter(|n| !n.is_empty()).unwrap_or("archive").to_owned();
    let dir = cache.entry(DOWNLOADS, sha256, |dir| {
        let fetch = CommandRun::new("curl").args([
            "--fail",
            "--silent",
            "--show-error",
            "--location",
            "--retry",
            "3",
            "--output",
        ]);
        fetch.arg(dir.join(&name)).arg("--").arg(&*text).deadline(DOWNLOAD_DEADLINE).read()?;
        check_sum(&dir.join(&name), sha256)
    })?;
    Ok(dir.join(name))
}

fn check_sum(path: &Path, wanted: &str) -> Result<()> {
    let found = sha256_file(path)?;
    if found == wanted {
        return Ok(());
    }
    Err(Error::study(format!("{}: SHA-256 is {found}, the kernel's file says {wanted}", path.display())))
}

fn from_archive(cache: &Cache, archive: &Path, wanted: Option<&str>) -> Result<Tree> {
    if !archive.is_file() {
        return Err(Error::study(format!("{}: no such archive", archive.display())));
    }
    let sum = remembered_sum(cache, archive)?;
    if wanted.is_some_and(|wanted| wanted != sum) {
        check_sum(archive, wanted.unwrap_or_default())?;
    }
    finish(cache, format!("sha256-{sum}"), |tree| unpack(archive, tree, 1))
}

/// Returns the checksum of an archive, from the last time if its place, size and time of change are the same.
fn remembered_sum(cache: &Cache, archive: &Path) -> Result<String> {
    use std::os::unix::fs::MetadataExt as _;
    let meta = archive.metadata().map_err(|e| Error::io("read", archive, e))?;
    let facts = format!("{}.{} {} {}", meta.mtime(), meta.mtime_nsec(), meta.size(), meta.ino());
    let path = archive.canonicalize().map_err(|e| Error::io("resolve", archive, e))?;
    let name = key([("path", path.as_os_str().as_encoded_bytes()), ("facts", facts.as_bytes())]);
    let memo = cache.root().join("sums").join(name);
    if let Ok(sum) = std::fs::read_to_string(&memo) {
        return Ok(sum);
    }
    let sum = sha256_file(archive)?;
    let dir = cache.root().join("sums");
    std::fs::create_dir_all(&dir).map_err(|e| Error::io("create", &dir, e))?;
    write_atomically(&memo, sum.as_bytes())?;
    Ok(sum)
}

fn from_directory(cache: &Cache, directory: &Path) -> Result<Tree> {
    if directory.join(".config").exists() || directory.join("include/config").exists() {
        return Err(Error::study(format!(
            "{} was built in place, so kbuild refuses to build it elsewhere",
            directory.display()
        ))
        .hint("run `make mrproper` in a copy of it, or name its git repository and a commit instead"));
    }
    let id = hash_directory(directory)?;
    finish(cache, format!("dir-{id}"), |tree| {
        let copy =
            CommandRun::new("cp").args(["-a", "--reflink=auto", "--"]).arg(directory.join(".")).arg(tree);
        copy.deadline(UNPACK_DEADLINE).read()?;
        let git = tree.join(".git");
        if git.is_dir() { crate::cache_dir::remove(&git) } else { Ok(()) }
    })
}

/// Hashes names, kinds, permission to execute and contents of everything in a directory but `.git`.
fn hash_directory(directory: &Path) -> Result<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut hash = Sha256::new();
    let walk = WalkDir::new(directory).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|e| !(e.depth() == 1 && e.file_name() == ".git")) {
        check_interrupted()?;
        let entry = entry.map_err(|e| Error::study(format!("cannot read the source tree: {e}")))?;
        let (path, kind) = (entry.path(), entry.file_type());
        let name = path.strip_prefix(directory).unwrap_or(path).as_os_str().as_encoded_bytes();
        let content = if kind.is_symlink() {
            std::fs::read_link(path).map(|to| ("link", to.into_os_string().into_encoded_bytes()))
        } else if kind.is_file() {
            let executable = entry.metadata().is_ok_and(|m| m.permissions().mode() & 0o100 != 0);
            std::fs::read(path).map(|bytes| (if executable { "program" } else { "file" }, bytes))
        } else {
            Ok(("directory", Vec::new()))
        };
        let (kind, content) = content.map_err(|e| Error::io("read", path, e))?;
        hash.update(key([("name", name), ("kind", kind.as_bytes()), ("content", &content)]));
    }
    Ok(hex(&hash.finalize()))
}

fn from_git(cache: &Cache, repository: &Path, reference: &str) -> Result<Tree> {
    let git = |args: &[&str]| CommandRun::new("git").arg("-C").arg(repository).args(args);
    let wanted = format!("{reference}^{{tree}}");
    let tree_id = git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted]).output()?;
    if !tree_id.outcome.success() {
        return Err(Error::study(format!(
            "{}: no commit {reference} in this git repository",
            repository.display()
        ))
        .hint("fetch it there first: patcheval only reads the repository"));
    }
    let id = tree_id.stdout.trim();
    finish(cache, format!("git-{id}"), |tree| {
        let archive = tree.with_extension("tar");
        git(&["archive", "--format=tar", "--output"])
            .arg(&archive)
            .arg(id)
            .deadline(UNPACK_DEADLINE)
            .read()?;
        unpack(&archive, tree, 0)?;
        std::fs::remove_file(&archive).map_err(|e| Error::io("remove", &archive, e))
    })
}

/// Unpacks an archive into the directory `tree`, without the first `strip` parts of its paths.
pub(crate) fn unpack(archive: &Path, tree: &Path, strip: usize) -> Result<()> {
    let tar = CommandRun::new("tar").arg("--extract").arg("--file").arg(archive).arg("--directory").arg(tree);
    let tar = tar.arg(format!("--strip-components={strip}")).arg("--no-same-owner");
    tar.deadline(UNPACK_DEADLINE).read().map(drop)
}

fn finish(cache: &Cache, id: String, fill: impl FnOnce(&Path) -> Result<()>) -> Result<Tree> {
    let dir = cache.entry(KIND, &id, |dir| {
        let tree = dir.join("tree");
        std::fs::create_dir(&tree).map_err(|e| Error::io("create", &tree, e))?;
        fill(&tree)?;
        version(&tree).map(drop)
    })?;
    let path = dir.join("tree");
    Ok(Tree { version: version(&path)?, path, id })
}

fn version(tree: &Path) -> Result<String> {
    let makefile = std::fs::read_to_string(tree.join("Makefile")).unwrap_or_default();
    parse_version(&makefile).ok_or_else(|| {
        Error::study(format!(
            "{}: not a kernel source: its Makefile states no VERSION and PATCHLEVEL",
            tree.display()
        ))
    })
}

/// Returns `VERSION.PATCHLEVEL.SUBLEVEL` and `EXTRAVERSION` from the head of a kernel's top Makefile.
fn parse_version(makefile: &str) -> Option<String> {
    let value = |name: &str| {
        let mut found =
            makefile.lines().take(20).filter_map(|l| l.split_once('=').filter(|(n, _)| n.trim() == name));
        found.next().map(|(_, value)| value.trim().to_owned())
    };
    let (major, minor) = (value("VERSION")?, value("PATCHLEVEL")?);
    let (sub, extra) = (value("SUBLEVEL").unwrap_or_default(), value("EXTRAVERSION").unwrap_or_default());
    let sub = if sub.is_empty() { sub } else { format!(".{sub}") };
    Some(format!("{major}.{minor}{sub}{extra}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAKEFILE: &str = "# SPDX\nVERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 192\nEXTRAVERSION =\nNAME = x\n";

    fn world() -> (tempfile::TempDir, Cache, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(&dir.path().join("cache")).unwrap();
        let tree = dir.path().join("linux");
        std::fs::create_dir_all(tree.join("kernel")).unwrap();
        std::fs::write(tree.join("Makefile"), MAKEFILE).unwrap();
        std::fs::write(tree.join("kernel/a.c"), "int a;\n").unwrap();
        (dir, cache, tree)
    }

    #[test]
    fn the_version_is_that_of_the_makefile() {
        assert_eq!(parse_version(MAKEFILE).as_deref(), Some("6.1.192"));
        assert_eq!(
            parse_version("VERSION = 7\nPATCHLEVEL = 3\nSUBLEVEL = 0\nEXTRAVERSION = -rc2\n").as_deref(),
            Some("7.3.0-rc2")
        );
        assert_eq!(parse_version("all:\n\tcc x.c\n"), None);
    }

    #[test]
    fn a_directory_is_copied_and_named_after_its_content() {
        let (_dir, cache, tree) = world();
        let first = provide(&cache, &Source::Directory(tree.clone()), Path::new("/")).unwrap();
        assert_eq!(std::fs::read_to_string(first.path.join("kernel/a.c")).unwrap(), "int a;\n");
        assert_eq!(provide(&cache, &Source::Directory(tree.clone()), Path::new("/")).unwrap(), first);
        std::fs::write(tree.join("kernel/a.c"), "int b;\n").unwrap();
        assert_ne!(provide(&cache, &Source::Directory(tree), Path::new("/")).unwrap().id, first.id);
    }

    #[test]
    fn an_archive_with_another_checksum_is_refused() {
        let (dir, cache, tree) = world();
        let archive = dir.path().join("l.tar");
        CommandRun::new("tar")
            .arg("-cf")
            .arg(&archive)
            .arg("-C")
            .arg(dir.path())
            .arg("linux")
            .read()
            .unwrap();
        let source = |sha256: &str| Source::Tarball { path: "l.tar".into(), sha256: sha256.to_owned() };
        let error = provide(&cache, &source(&"0".repeat(64)), dir.path()).unwrap_err();
        assert!(error.to_string().contains("the kernel's file says 000"), "{error}");
        let good = provide(&cache, &source(&sha256_file(&archive).unwrap()), dir.path()).unwrap();
        assert_eq!(good.version, "6.1.192");
        assert!(good.path.join("kernel/a.c").exists() && tree.exists());
    }

    #[test]
    fn a_git_commit_is_taken_as_it_is_and_the_work_tree_is_left_alone() {
        let (_dir, cache, tree) = world();
        let git = |args: &[&str]| CommandRun::new("git").arg("-C").arg(&tree).args(args).read().unwrap();
        git(&["init", "-q"]);
        git(&["add", "."]);
        git(&["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "x"]);
        std::fs::write(tree.join("kernel/a.c"), "changed\n").unwrap();
        let source = |reference: &str| Source::Git { path: tree.clone(), reference: reference.to_owned() };
        let got = provide(&cache, &source("HEAD"), Path::new("/")).unwrap();
        assert_eq!(std::fs::read_to_string(got.path.join("kernel/a.c")).unwrap(), "int a;\n");
        assert_eq!(std::fs::read_to_string(tree.join("kernel/a.c")).unwrap(), "changed\n");
        let missing = provide(&cache, &source("v9"), Path::new("/")).unwrap_err();
        assert!(missing.to_string().contains("no commit v9"));
    }

    #[test]
    fn what_is_no_kernel_or_was_built_in_place_is_refused() {
        let (_dir, cache, tree) = world();
        std::fs::write(tree.join(".config"), "").unwrap();
        let error = provide(&cache, &Source::Directory(tree.clone()), Path::new("/")).unwrap_err();
        assert!(error.to_string().contains("built in place"));
        std::fs::remove_file(tree.join(".config")).unwrap();
        std::fs::write(tree.join("Makefile"), "all:\n").unwrap();
        assert!(
            provide(&cache, &Source::Directory(tree), Path::new("/"))
                .unwrap_err()
                .to_string()
                .contains("not a kernel source")
        );
    }

    #[test]
    fn a_missing_debian_package_has_a_hint() {
        let (_dir, cache, _tree) = world();
        let error = provide(&cache, &Source::Debian("linux-source-0.1".into()), Path::new("/")).unwrap_err();
        assert!(error.hints()[0].contains("ci/setup"));
    }
}
