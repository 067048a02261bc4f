// SPDX-License-Identifier: GPL-2.0-or-later
//! The guest's shell: busybox, for testcases that are the kernel's own shell scripts.
//!
//! Compiled from the archive that ci/setup downloads, for every architecture in the same way: Debian has no packages
//! for big-endian MIPS.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cache_dir::{Cache, key, sha256_file};
use crate::error::{Error, Result};
use crate::plan::Kernel;
use crate::process::CommandRun;
use crate::source;

/// Kind of the cache entries.
pub const KIND: &str = "shell";

/// Where ci/setup puts the archive, in the cache directory; and what the archive's name begins with and contains, as
/// Debian names the archives of its source packages.
const ARCHIVE: (&str, &str, &str) = ("busybox", "busybox_", ".orig.tar.");

/// What is asked of busybox, in the guest library.
const FRAGMENT: &str = "busybox.config";

/// The program, and the list of the names under which it is called, as busybox's build names them.
const PROGRAM: &str = "busybox";
const LINKS: &str = "busybox.links";

/// Takes 10 s on two cores.
const DEADLINE: Duration = Duration::from_secs(900);

/// More empty lines than the configurator asks questions; each takes the answer that it offers.
const ANSWERS: usize = 4096;

/// A shell, with everything that scripts call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shell {
    /// The program's bytes.
    pub(super) program: Vec<u8>,
    /// The paths, without the leading slash, under which it is called, as in `bin/sh`.
    pub(super) links: Vec<String>,
}

/// Returns the archive of busybox's source; of several the last by name.
///
/// # Errors
///
/// Infrastructure, if there is none.
pub fn archive(cache: &Cache) -> Result<PathBuf> {
    let (directory, begin, middle) = ARCHIVE;
    let directory = cache.root().join(directory);
    let files = std::fs::read_dir(&directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_archive = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| {
            name.strip_prefix(begin)
                .and_then(|rest| rest.split_once(middle))
                .is_some_and(|(_, end)| !end.contains('.'))
        })
    };
    files.filter(is_archive).max().ok_or_else(|| {
        let directory = directory.display();
        Error::infrastructure(format!("there is no source of busybox, the guest's shell, in {directory}"))
            .hint("run ci/setup, which downloads it")
    })
}

/// Compiles the shell for `kernel`, as the fragment in `library` asks. `toolchain` is what the kernel's compiler
/// and C library are known by.
///
/// # Errors
///
/// Infrastructure, if the source is missing, or does not compile; study error for a request that is not granted.
pub(super) fn provide(
    cache: &Cache,
    kernel: &Kernel,
    library: &Path,
    toolchain: &[(String, Vec<u8>)],
) -> Result<Shell> {
    let archive = archive(cache)?;
    let fragment = library.join(FRAGMENT);
    let asked = std::fs::read_to_string(&fragment)
        .map_err(|e| Error::study(format!("cannot read {}: {e}", fragment.display())))?;
    let sum = sha256_file(&archive)?;
    let own = [("archive", sum.as_bytes()), ("fragment", asked.as_bytes())];
    let parts = toolchain.iter().map(|(name, value)| (name.as_str(), value.as_slice())).chain(own);
    let dir = cache.entry(KIND, &key(parts), |dir| {
        let tree = dir.join("tree");
        std::fs::create_dir(&tree).map_err(|e| Error::io("create", &tree, e))?;
        source::unpack(&archive, &tree, 1)?;
        build(kernel, &tree, &fragment, &asked)?;
        for name in [PROGRAM, LINKS] {
            let (from, to) = (tree.join(name), dir.join(name));
            std::fs::rename(&from, &to).map_err(|e| Error::io("move", &from, e))?;
        }
        std::fs::remove_dir_all(&tree).map_err(|e| Error::io("remove", &tree, e))
    })?;
    let read = |name: &str| {
        let path = dir.join(name);
        std::fs::read(&path).map_err(|e| Error::io("read", &path, e))
    };
    let links = read(LINKS)?;
    let links = String::from_utf8_lossy(&links);
    let links = links.lines().map(|path| path.trim_start_matches('/').to_owned()).collect();
    Ok(Shell { program: read(PROGRAM)?, links })
}

fn build(kernel: &Kernel, tree: &Path, fragment: &Path, asked: &str) -> Result<()> {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let make = || {
        let make = CommandRun::new("make").dir(tree).arg(format!("--jobs={jobs}"));
        let make = make.arg(format!("CROSS_COMPILE={}", kernel.cross_compile));
        let make = make.arg(format!("CC={}", kernel.guest.cc));
        let make = make.arg(format!("EXTRA_CFLAGS={}", kernel.guest.cflags.join(" ")));
        // The build id would depend on the paths.
        let make = make.arg("EXTRA_LDFLAGS=-Wl,--build-id=none");
        // Otherwise the program says when it was configured.
        make.env_clear().env("KCONFIG_NOTIMESTAMP", "1").env("LC_ALL", "C").deadline(DEADLINE)
    };
    let config = tree.join(".config");
    let read = || std::fs::read_to_string(&config).map_err(|e| Error::io("read", &config, e));
    let write = |path: &Path, text: &str| std::fs::write(path, text).map_err(|e| Error::io("write", path, e));
    make().arg("allnoconfig").read()?;
    // The first word on a symbol counts.
    write(&config, &format!("{asked}{}", read()?))?;
    let answers = tree.join(".answers");
    write(&answers, &"\n".repeat(ANSWERS))?;
    make().arg("oldconfig").stdin(&answers).read()?;
    granted(&read()?, fragment, asked)?;
    make().args([PROGRAM, LINKS]).read().map(drop)
}

/// Refuses a configuration that lacks something that was asked for.
fn granted(config: &str, fragment: &Path, asked: &str) -> Result<()> {
    let refused: Vec<String> = asked
        .lines()
        .zip(1..)
        .filter(|(line, _)| !line.is_empty() && !line.starts_with('#'))
        .filter(|(wanted, _)| config.lines().all(|line| line != *wanted))
        .map(|(line, number)| format!("{}:{number}: {line} was not granted by busybox", fragment.display()))
        .collect();
    if refused.is_empty() { Ok(()) } else { Err(Error::study(refused.join("\n"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_is_the_last_that_a_source_package_would_have() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path()).unwrap();
        let error = archive(&cache).unwrap_err();
        assert!(error.to_string().contains("no source of busybox"), "{error}");
        let place = cache.root().join("busybox");
        std::fs::create_dir(&place).unwrap();
        let names = [
            "busybox_1.35.0.orig.tar.bz2",
            "busybox_1.36.1.orig.tar.bz2",
            "busybox_1.37.0.orig.tar.bz2.asc",
            "busybox_1.36.1-9.debian.tar.xz",
            "busybox_1.36.1-9.dsc",
        ];
        for name in names {
            std::fs::write(place.join(name), "").unwrap();
        }
        assert_eq!(archive(&cache).unwrap(), place.join(names[1]));
    }

    #[test]
    fn every_request_that_was_not_granted_is_named_with_its_line() {
        let asked = "# why\nCONFIG_ASH=y\n\nCONFIG_CAT=y\nCONFIG_DOG=y\n";
        let error = granted("CONFIG_CAT=y\n# CONFIG_ASH is not set\n", Path::new("g/busybox.config"), asked);
        assert_eq!(
            error.unwrap_err().to_string(),
            "g/busybox.config:2: CONFIG_ASH=y was not granted by busybox\n\
             g/busybox.config:5: CONFIG_DOG=y was not granted by busybox"
        );
        granted("CONFIG_CAT=y\n", Path::new("x"), "CONFIG_CAT=y\n").unwrap();
    }
}
