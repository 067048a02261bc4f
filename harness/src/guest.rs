// SPDX-License-Identifier: GPL-2.0-or-later
//! The guest's programs: init and the testcases, compiled statically and packed into an initramfs.
//!
//! Equal sources and compilers give equal bytes, so an initramfs is cached under its inputs, and its checksum says
//! whether two trials ran the same programs.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cpio::newc::{Builder, ModeFileType};
use cpio::write_cpio;
use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

use crate::cache_dir::{Cache, key, sha256_file, write_atomically};
use crate::error::{Error, Result};
use crate::plan::{Kernel, Testcase};
use crate::process::Run;

/// Kind of the cache entries.
pub const KIND: &str = "initramfs";

/// Optimised as ordinary programs are; no build id, which would depend on the paths.
const FLAGS: [&str; 5] = ["-O2", "-static", "-Wall", "-Wextra", "-Wl,--build-id=none"];

/// The guest library's source that is the first process and is linked with nothing else.
const INIT: &str = "init.c";

/// Mount points, and where the testcases are.
const DIRECTORIES: [&str; 5] = ["cases", "dev", "proc", "sys", "tmp"];

/// A program takes a second to compile.
const DEADLINE: Duration = Duration::from_secs(300);

/// A root file system for the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Initramfs {
    /// The archive, in newc format, not compressed.
    pub path: PathBuf,
    /// Its SHA-256.
    pub sha256: String,
}

/// Compiles the guest library in `library` and `testcases` for `kernel` and packs them. The paths of the sources
/// start at `root`.
///
/// # Errors
///
/// Study error, with the compiler's words, for a source that is missing or does not compile; infrastructure for
/// a missing compiler.
pub fn pack(
    cache: &Cache,
    kernel: &Kernel,
    library: &Path,
    testcases: &[Testcase],
    root: &Path,
) -> Result<Initramfs> {
    let library = root.join(library);
    let programs = programs(&library, testcases, root)?;
    let key = inputs(kernel, &library, &programs)?;
    let dir = cache.entry(KIND, &key, |dir| {
        let mut files = Vec::new();
        for program in &programs {
            let built = dir.join("program");
            compile(kernel, &library, root, program, &built)?;
            let bytes = std::fs::read(&built).map_err(|e| Error::io("read", &built, e))?;
            std::fs::remove_file(&built).map_err(|e| Error::io("remove", &built, e))?;
            files.push((program.path.clone(), bytes));
        }
        write_atomically(&dir.join("initramfs.cpio"), &archive(files)?)
    })?;
    let path = dir.join("initramfs.cpio");
    Ok(Initramfs { sha256: sha256_file(&path)?, path })
}

/// A program in the guest.
struct Program {
    /// Where it is in the guest, without the leading slash.
    path: String,
    /// Its sources.
    sources: Vec<PathBuf>,
}

fn programs(library: &Path, testcases: &[Testcase], root: &Path) -> Result<Vec<Program>> {
    let (init, shared): (Vec<_>, Vec<_>) = sources(library, &["c"])?
        .into_iter()
        .partition(|path| path.file_name().is_some_and(|name| name == INIT));
    if init.is_empty() {
        return Err(Error::study(format!("{} has no {INIT}", library.display())));
    }
    let mut programs = vec![Program { path: "init".to_owned(), sources: init }];
    // What the kernel runs by itself is no program of the guest's.
    for case in testcases.iter().filter(|case| case.boot.is_none()) {
        let own = case.sources.iter().map(|path| root.join(path));
        let path = format!("cases/{}", case.name);
        programs.push(Program { path, sources: own.chain(shared.iter().cloned()).collect() });
    }
    programs.sort_by(|a, b| a.path.cmp(&b.path));
    programs.dedup_by(|a, b| a.path == b.path);
    Ok(programs)
}

/// Returns the files below a directory that have one of these extensions, in name order.
fn sources(dir: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in WalkDir::new(dir).sort_by_file_name() {
        let entry = entry.map_err(|e| Error::study(format!("cannot read the guest's sources: {e}")))?;
        let path = entry.into_path();
        if path.extension().is_some_and(|e| extensions.iter().any(|wanted| e == *wanted)) {
            found.push(path);
        }
    }
    Ok(found)
}

/// Returns the key of everything that the archive depends on: sources, headers, flags, compiler and C library.
fn inputs(kernel: &Kernel, library: &Path, programs: &[Program]) -> Result<String> {
    let cc = |arg: &str| Run::new(&kernel.guest.cc).arg(arg).read();
    let libc = PathBuf::from(cc("-print-file-name=libc.a")?.trim());
    if !libc.is_absolute() {
        return Err(Error::infrastructure(format!("{} has no static C library (libc.a)", kernel.guest.cc))
            .hint("run ci/setup, or `patcheval doctor` to see what is missing"));
    }
    let mut parts = vec![
        ("compiler".to_owned(), cc("--version")?.into_bytes()),
        ("libc".to_owned(), sha256_file(&libc)?.into_bytes()),
        ("flags".to_owned(), FLAGS.join(" ").into_bytes()),
        ("cflags".to_owned(), kernel.guest.cflags.join(" ").into_bytes()),
    ];
    let mut headers = sources(library, &["h"])?;
    for program in programs {
        parts.push(("program".to_owned(), program.path.clone().into_bytes()));
        for path in &program.sources {
            let bytes = std::fs::read(path)
                .map_err(|e| Error::study(format!("cannot read {}: {e}", path.display())))?;
            parts.push(("source".to_owned(), bytes));
            headers.extend(sources(path.parent().unwrap_or(library), &["h"])?);
        }
    }
    headers.sort();
    headers.dedup();
    for path in headers {
        parts.push(("header".to_owned(), std::fs::read(&path).map_err(|e| Error::io("read", &path, e))?));
    }
    Ok(key(parts.iter().map(|(name, value)| (name.as_str(), value.as_slice()))))
}

fn compile(kernel: &Kernel, library: &Path, root: &Path, program: &Program, to: &Path) -> Result<()> {
    let cc = Run::new(&kernel.guest.cc).args(FLAGS).args(&kernel.guest.cflags);
    let cc = cc.arg(format!("-ffile-prefix-map={}/=", root.display())).arg("-I").arg(library);
    let cc = cc.arg("-o").arg(to).args(&program.sources).env("LC_ALL", "C").deadline(DEADLINE);
    let said = cc.output()?;
    if said.outcome.success() {
        return Ok(());
    }
    let first: Vec<_> = said.stderr.lines().take(15).collect();
    Err(Error::study(format!(
        "the guest's program /{} does not compile:\n{}",
        program.path,
        first.join("\n")
    )))
}

/// Returns a newc archive of [`DIRECTORIES`] and of executable files, with nothing in it that a clock or a user left.
fn archive(files: Vec<(String, Vec<u8>)>) -> Result<Vec<u8>> {
    let directories =
        DIRECTORIES.iter().map(|name| ((*name).to_owned(), Vec::new(), ModeFileType::Directory));
    let files = files.into_iter().map(|(name, bytes)| (name, bytes, ModeFileType::Regular));
    let entries = directories.chain(files).zip(1..).map(|((name, bytes, kind), number)| {
        // Everything belongs to root, is of the year 1970 and has its place as its inode number.
        let entry = Builder::new(&name).ino(number).mode(0o755).set_mode_file_type(kind);
        (entry, Cursor::new(bytes))
    });
    write_cpio(entries, Vec::new()).map_err(|e| Error::internal(format!("cannot pack the initramfs: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_has_the_directories_first_and_is_the_same_each_time() {
        let files = || vec![("init".to_owned(), b"#!".to_vec()), ("cases/t1".to_owned(), b"x".to_vec())];
        let bytes = archive(files()).unwrap();
        assert_eq!(bytes, archive(files()).unwrap());
        let mut rest = Cursor::new(bytes);
        let mut names = Vec::new();
        loop {
            let reader = cpio::NewcReader::new(rest).unwrap();
            if reader.entry().is_trailer() {
                break;
            }
            assert_eq!((reader.entry().uid(), reader.entry().mtime()), (0, 0));
            names.push(format!("{} {:o}", reader.entry().name(), reader.entry().mode()));
            rest = reader.finish().unwrap();
        }
        assert_eq!(names[..2], ["cases 40755", "dev 40755"]);
        assert_eq!(names[5..], ["init 100755", "cases/t1 100755"]);
    }

    #[test]
    fn init_stands_alone_and_a_case_gets_the_library() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["guest/init.c", "guest/ktap.c", "t1/main.c"] {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let case =
            Testcase { sources: vec!["t1/main.c".into()], ..crate::plan::tests::plan().testcases.remove(0) };
        let programs = programs(&dir.path().join("guest"), &[case], dir.path()).unwrap();
        let shown: Vec<_> = programs
            .iter()
            .map(|p| {
                let sources =
                    p.sources.iter().map(|s| s.strip_prefix(dir.path()).unwrap().display().to_string());
                format!("{} <- {}", p.path, sources.collect::<Vec<_>>().join(" "))
            })
            .collect();
        assert_eq!(shown, ["cases/t1 <- t1/main.c guest/ktap.c", "init <- guest/init.c"]);
    }
}
