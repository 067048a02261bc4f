// SPDX-License-Identifier: GPL-2.0-or-later
//! The guest's programs: init and the testcases, compiled statically and packed into an initramfs; for testcases that
//! ask for them, a shell, and files of the kernel's source.
//!
//! Equal sources and compilers give equal bytes, so an initramfs is cached under its inputs, and its checksum says
//! whether two trials ran the same programs.

mod layout;
mod library;
pub mod shell;

use std::collections::BTreeSet;
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
use crate::process::CommandRun;

pub use layout::in_layout;
use library::{Library, sources};

/// The archive in such an entry.
const ARCHIVE: &str = "initramfs.cpio";

/// Kind of the cache entries.
pub const KIND: &str = "initramfs";

/// Optimised as ordinary programs are; no build id, which would depend on the paths.
const FLAGS: [&str; 5] = ["-O2", "-static", "-Wall", "-Wextra", "-Wl,--build-id=none"];

/// The guest library's source that is the first process and is linked with nothing else.
const INIT: &str = "init.c";

/// Mount points, and where the testcases are.
const DIRECTORIES: [&str; 5] = ["cases", "dev", "proc", "sys", "tmp"];

/// Where the program of the shell is; it has the names of all its commands as links.
const SHELL: &str = "bin/busybox";

/// Where the files of the kernel's source, and its modules, are with their paths in it.
const KERNEL_FILES: &str = "kernel";

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

/// What the programs are made from.
#[derive(Clone, Copy, Debug)]
pub struct Ingredients<'a> {
    /// The study's directory, with which the paths of the sources start.
    pub root: &'a Path,
    /// The guest library, below `root`.
    pub library: &'a Path,
    /// The testcases.
    pub testcases: &'a [Testcase],
    /// The kernel's source, without patches.
    pub kernel_tree: &'a Path,
    /// Its build, from which modules come.
    pub kernel_build: &'a Path,
}

/// Compiles the guest library and the testcases for `kernel` and packs them.
///
/// # Errors
///
/// Study error, with the compiler's words, for a source that is missing or does not compile, and for a file that
/// the kernel's source does not have; infrastructure for a missing compiler, and for a missing source of the shell.
pub fn pack(cache: &Cache, kernel: &Kernel, ingredients: &Ingredients<'_>) -> Result<Initramfs> {
    let &Ingredients { root, testcases, kernel_tree, kernel_build, .. } = ingredients;
    let library = root.join(ingredients.library);
    let library = Library::of(&library, kernel.arch.name())?;
    let programs = programs(&library, testcases, root)?;
    let toolchain = toolchain(kernel)?;
    let mut kernel_files = kernel_files(kernel_tree, testcases)?;
    kernel_files.extend(library::modules(kernel, kernel_build, testcases)?);
    let shell = if testcases.iter().any(|case| case.shell) {
        Some(shell::provide(cache, kernel, &library.common, &toolchain)?)
    } else {
        None
    };
    let mut parts = inputs(&toolchain, &library, &programs)?;
    for (path, bytes) in &kernel_files {
        parts.push(("kernel file".to_owned(), path.clone().into_bytes()));
        parts.push(("content".to_owned(), bytes.clone()));
    }
    if let Some(shell) = &shell {
        parts.push(("shell".to_owned(), shell.program.clone()));
        parts.push(("links".to_owned(), shell.links.join(" ").into_bytes()));
    }
    let key = key(parts.iter().map(|(name, value)| (name.as_str(), value.as_slice())));
    let dir = cache.entry(KIND, &key, |dir| {
        let mut nodes = Vec::new();
        for program in &programs {
            let built = dir.join("program");
            compile(kernel, &library, root, program, &built)?;
            let bytes = std::fs::read(&built).map_err(|e| Error::io("read", &built, e))?;
            std::fs::remove_file(&built).map_err(|e| Error::io("remove", &built, e))?;
            nodes.push((program.path.clone(), Node::File(bytes)));
        }
        if let Some(shell) = shell {
            nodes.push((SHELL.to_owned(), Node::File(shell.program)));
            nodes.extend(shell.links.into_iter().map(|path| (path, Node::Link(format!("/{SHELL}")))));
        }
        nodes.extend(kernel_files.into_iter().map(|(path, bytes)| (path, Node::File(bytes))));
        write_atomically(&dir.join(ARCHIVE), &archive(nodes)?)
    })?;
    let path = dir.join(ARCHIVE);
    Ok(Initramfs { sha256: sha256_file(&path)?, path })
}

/// A program in the guest.
struct Program {
    /// Where it is in the guest, without the leading slash.
    path: String,
    /// Its sources.
    sources: Vec<PathBuf>,
}

fn programs(library: &Library, testcases: &[Testcase], root: &Path) -> Result<Vec<Program>> {
    let (init, shared): (Vec<_>, Vec<_>) =
        library.files("c")?.into_iter().partition(|path| path.file_name().is_some_and(|name| name == INIT));
    if init.is_empty() {
        return Err(Error::study(format!("{} has no {INIT}", library.common.display())));
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

/// Returns the files of the kernel's source that testcases ask for, by their paths in the guest: in the order of
/// these, each once.
fn kernel_files(tree: &Path, testcases: &[Testcase]) -> Result<Vec<(String, Vec<u8>)>> {
    let asked: BTreeSet<_> = testcases
        .iter()
        .flat_map(|case| case.kernel_files.iter().map(move |path| (path, &case.name)))
        .collect();
    let mut paths = BTreeSet::new();
    for (path, case) in asked {
        for entry in WalkDir::new(tree.join(path)) {
            let entry = entry.map_err(|e| {
                Error::study(format!("testcase {case}: kernel_files: the kernel's source has no {path}: {e}"))
            })?;
            if entry.file_type().is_file() {
                paths.insert(entry.into_path());
            }
        }
    }
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
        let below = path.strip_prefix(tree).map_err(|e| Error::internal(e.to_string()))?;
        Ok((format!("{KERNEL_FILES}/{}", below.display()), bytes))
    };
    paths.into_iter().map(read).collect()
}

/// Returns what the kernel's compiler for the guest, and its C library, are known by.
fn toolchain(kernel: &Kernel) -> Result<Vec<(String, Vec<u8>)>> {
    let cc = |arg: &str| CommandRun::new(&kernel.guest.cc).arg(arg).read();
    let libc = PathBuf::from(cc("-print-file-name=libc.a")?.trim());
    if !libc.is_absolute() {
        return Err(Error::infrastructure(format!("{} has no static C library (libc.a)", kernel.guest.cc))
            .hint("run ci/setup, or `patcheval doctor` to see what is missing"));
    }
    Ok(vec![
        ("compiler".to_owned(), cc("--version")?.into_bytes()),
        ("libc".to_owned(), sha256_file(&libc)?.into_bytes()),
        ("flags".to_owned(), FLAGS.join(" ").into_bytes()),
        ("cflags".to_owned(), kernel.guest.cflags.join(" ").into_bytes()),
    ])
}

/// Returns everything that the compiled programs depend on: sources, headers, flags, compiler and C library.
fn inputs(
    toolchain: &[(String, Vec<u8>)],
    library: &Library,
    programs: &[Program],
) -> Result<Vec<(String, Vec<u8>)>> {
    let mut parts = toolchain.to_vec();
    let mut headers = library.files("h")?;
    for program in programs {
        parts.push(("program".to_owned(), program.path.clone().into_bytes()));
        for path in &program.sources {
            let bytes = std::fs::read(path)
                .map_err(|e| Error::study(format!("cannot read {}: {e}", path.display())))?;
            parts.push(("source".to_owned(), bytes));
            // Those of the library are here already, without those of other architectures.
            if !path.starts_with(&library.common) {
                headers.extend(sources(path.parent().unwrap_or(path), "h")?);
            }
        }
    }
    headers.sort();
    headers.dedup();
    for path in headers {
        parts.push(("header".to_owned(), std::fs::read(&path).map_err(|e| Error::io("read", &path, e))?));
    }
    Ok(parts)
}

fn compile(kernel: &Kernel, library: &Library, root: &Path, program: &Program, to: &Path) -> Result<()> {
    let cc = CommandRun::new(&kernel.guest.cc).args(FLAGS).args(&kernel.guest.cflags);
    let cc = cc.arg(format!("-ffile-prefix-map={}/=", root.display())).arg("-I").arg(&library.common);
    let cc = cc.arg("-I").arg(&library.own);
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

/// What is at a path in the guest.
enum Node {
    Directory,
    /// A file, which can be executed.
    File(Vec<u8>),
    /// A symbolic link, and where it leads.
    Link(String),
}

/// Returns a newc archive of [`DIRECTORIES`], then of the other directories that these nodes are in, then of the nodes,
/// with nothing in it that a clock or a user left.
fn archive(nodes: Vec<(String, Node)>) -> Result<Vec<u8>> {
    let above = |path: &str| -> Vec<String> {
        path.match_indices('/').map(|(end, _)| path[..end].to_owned()).collect()
    };
    let mut more: BTreeSet<String> = nodes.iter().flat_map(|(path, _)| above(path)).collect();
    more.retain(|path| !DIRECTORIES.contains(&path.as_str()));
    let directories = DIRECTORIES.iter().map(|path| (*path).to_owned()).chain(more);
    let nodes = directories.map(|path| (path, Node::Directory)).chain(nodes);
    let entries = nodes.zip(1..).map(|((path, node), number)| {
        // Everything belongs to root, is of the year 1970 and has its place as its inode number.
        let entry = Builder::new(&path).ino(number);
        let (mode, kind, bytes) = match node {
            Node::Directory => (0o755, ModeFileType::Directory, Vec::new()),
            Node::File(bytes) => (0o755, ModeFileType::Regular, bytes),
            Node::Link(to) => (0o777, ModeFileType::Symlink, to.into_bytes()),
        };
        (entry.mode(mode).set_mode_file_type(kind), Cursor::new(bytes))
    });
    write_cpio(entries, Vec::new()).map_err(|e| Error::internal(format!("cannot pack the initramfs: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_has_the_directories_first_and_is_the_same_each_time() {
        let nodes = || {
            vec![
                ("init".to_owned(), Node::File(b"#!".to_vec())),
                ("cases/t1".to_owned(), Node::File(b"x".to_vec())),
                ("bin/sh".to_owned(), Node::Link("/bin/busybox".to_owned())),
                ("kernel/tools/testing/a.tc".to_owned(), Node::File(b"true".to_vec())),
            ]
        };
        let bytes = archive(nodes()).unwrap();
        assert_eq!(bytes, archive(nodes()).unwrap());
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
        let directories = ["bin 40755", "kernel 40755", "kernel/tools 40755", "kernel/tools/testing 40755"];
        assert_eq!(names[5..9], directories);
        let last = ["init 100755", "cases/t1 100755", "bin/sh 120777", "kernel/tools/testing/a.tc 100755"];
        assert_eq!(names[9..], last);
    }

    #[test]
    fn init_stands_alone_and_a_case_gets_the_library() {
        let dir = tempfile::tempdir().unwrap();
        let files =
            ["guest/init.c", "guest/ktap.c", "guest/arch/mips/call.c", "guest/arch/arm/call.c", "t1/main.c"];
        for name in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let case =
            Testcase { sources: vec!["t1/main.c".into()], ..crate::plan::tests::plan().testcases.remove(0) };
        let library = Library::of(&dir.path().join("guest"), "arm").unwrap();
        let programs = programs(&library, &[case], dir.path()).unwrap();
        let shown: Vec<_> = programs
            .iter()
            .map(|p| {
                let sources =
                    p.sources.iter().map(|s| s.strip_prefix(dir.path()).unwrap().display().to_string());
                format!("{} <- {}", p.path, sources.collect::<Vec<_>>().join(" "))
            })
            .collect();
        assert_eq!(
            shown,
            ["cases/t1 <- t1/main.c guest/ktap.c guest/arch/arm/call.c", "init <- guest/init.c"]
        );
    }

    #[test]
    fn the_kernel_s_files_keep_their_paths_and_a_missing_one_is_named_with_the_testcase_that_wants_it() {
        let tree = tempfile::tempdir().unwrap();
        for name in ["tools/b.tc", "tools/a/c.tc", "other"] {
            let path = tree.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        let case = |path: &str| Testcase {
            kernel_files: vec![path.to_owned()],
            ..crate::plan::tests::plan().testcases.remove(0)
        };
        let files = kernel_files(tree.path(), &[case("tools"), case("tools/b.tc")]).unwrap();
        let expected = ["kernel/tools/a/c.tc", "kernel/tools/b.tc"];
        assert_eq!(files.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), expected);
        assert_eq!(files[1].1, b"tools/b.tc");
        let error = kernel_files(tree.path(), &[case("tools/d.tc")]).unwrap_err().to_string();
        assert!(error.contains("the kernel's source has no tools/d.tc"), "{error}");
    }
}
