// SPDX-License-Identifier: GPL-2.0-or-later
//! A small world of its own: a copy of the repository's data, a kernel of three files, a cache that is empty, and a
//! PATH with stand-ins for what a machine may have too old or not at all.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use tempfile::TempDir;
use walkdir::WalkDir;

/// The QEMU of a machine that needs nothing, and that of one that is too old.
pub const NEW: &str = "11.1.3";
pub const OLD: &str = "7.2.15";

/// The compiler of the fake kernel.
pub const CROSS: &str = "mips-linux-gnu-";

/// Names that are hidden from the PATH: tests say what of them there is.
const HIDDEN: [&str; 2] = ["qemu-system-", CROSS];

/// Everything that this machine has in its PATH, but for what tests bring themselves: links, made once per run of the
/// tests, since there are thousands.
static MACHINE: LazyLock<PathBuf> = LazyLock::new(|| {
    let links = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli-path");
    let _ = std::fs::remove_dir_all(&links);
    std::fs::create_dir(&links).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    for entry in std::env::split_paths(&path).filter_map(|dir| dir.read_dir().ok()).flatten().flatten() {
        let name = entry.file_name();
        if !HIDDEN.iter().any(|hidden| name.to_string_lossy().starts_with(hidden)) {
            // The first of a name wins, as in a PATH.
            let _ = symlink(entry.path(), links.join(name));
        }
    }
    links
});

const KERNEL: &str = "\
name: fake
arch: mips
cross_compile: mips-linux-gnu-
source: {directory: linux}
fragments: [fake.config]
target: vmlinux
image: vmlinux
guest: {cc: mips-linux-gnu-gcc, cflags: []}
";

/// Grants what it knows, and silently drops the rest, as kbuild does.
const MAKEFILE: &str = "\
VERSION = 6
PATCHLEVEL = 1
SUBLEVEL = 0
EXTRAVERSION =

allnoconfig:
\tgrep UPROBES $(KCONFIG_ALLCONFIG) >$(O)/.config
";

const STUDY: &str = "\
name: fake
title: \"A kernel that cannot be built\"
targets: [{kernel: fake, machine: malta-24kf-16k}]
patches: fake
variants: [{variant: change}]
baseline: change
testcases: [t1-first-return]
seeds: {first: 1, count: 1}
coherent_seeds: 1
";

const VARIANT: &str = "name: change\ntitle: \"a change\"\nwhy: \"no reason\"\n";

/// What a command left behind.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Everything that the command can see.
pub struct World {
    dir: TempDir,
    /// Whether it has a fake machine.
    fake: bool,
    /// Other variables that commands get.
    variables: Vec<(&'static str, PathBuf)>,
}

impl World {
    pub fn new() -> Self {
        let world = Self { dir: tempfile::tempdir().unwrap(), fake: false, variables: Vec::new() };
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for part in ["kernels", "patches", "testcases", "ci"] {
            copy(&repository.join(part), &world.root().join(part));
        }
        world.write("kernels/fake.yaml", KERNEL);
        world.write("kernels/fake.config", "CONFIG_UPROBES=y\n");
        world.write("ci/studies/fake.yaml", STUDY);
        world.write("patches/fake/change/variant.yaml", VARIANT);
        world.write("patches/fake/change/0001-change.patch", &patch("line 30"));
        world.write("linux/Makefile", MAKEFILE);
        world.write("linux/Kconfig", "config UPROBES\n\tbool\n");
        let lines: String = (1..=40).map(|n| format!("line {n}\n")).collect();
        world.write("linux/kernel/a.c", &lines);
        std::fs::create_dir(world.bin()).unwrap();
        std::fs::write(world.dir.path().join("plugin.so"), "no plugin").unwrap();
        world
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().join("repository")
    }

    pub fn cache(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    fn bin(&self) -> PathBuf {
        self.dir.path().join("bin")
    }

    /// Writes a file of the repository.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.root().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Puts a file of the tests' data into the repository.
    pub fn put(&self, data: &str, name: &str) {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(data);
        let path = self.root().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::copy(from, path).unwrap();
    }

    /// Returns every path of the world but those in the cache, with contents.
    pub fn everything(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let walk = WalkDir::new(self.dir.path()).sort_by_file_name().into_iter();
        let walk = walk.filter_entry(|entry| entry.path() != self.cache()).map(Result::unwrap);
        // Files that only exist to be too large are not worth reading.
        let content = |entry: &walkdir::DirEntry| {
            let small = entry.file_type().is_file() && entry.metadata().unwrap().len() < 1 << 20;
            if small { std::fs::read(entry.path()).unwrap() } else { Vec::new() }
        };
        walk.map(|entry| (entry.path().to_owned(), content(&entry))).collect()
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.root().join(name)).unwrap()
    }

    /// Puts a program into the PATH that prints a line.
    pub fn program(&self, name: &str, line: &str) {
        // Written by another process: a file that this one has open, even for a moment, another test's child may have too,
        // and then it cannot be started.
        let plain = self.dir.path().join("program");
        std::fs::write(&plain, format!("#!/bin/sh\necho '{line}'\n")).unwrap();
        let mut install = Command::new("install");
        install.args(["-m", "755", "--"]).arg(plain).arg(self.bin().join(name));
        assert!(install.status().unwrap().success());
    }

    /// Puts a QEMU of this version into the PATH.
    pub fn qemu(&self, version: &str) {
        self.program("qemu-system-mips", &format!("QEMU emulator version {version}"));
    }

    pub fn compiler(&self) {
        self.program(&format!("{CROSS}gcc"), "gcc 12");
        self.program(&format!("{CROSS}ld"), "ld 2.40");
    }

    /// Gives the world a fake machine with this script.
    pub fn pretend(&mut self, script: &str) {
        std::fs::write(self.script(), script).unwrap();
        self.fake = true;
    }

    /// Takes the fake machine away.
    pub fn pretend_no_more(&mut self) {
        self.fake = false;
    }

    /// Gives commands a variable.
    pub fn set(&mut self, variable: (&'static str, PathBuf)) {
        self.variables.push(variable);
    }

    fn script(&self) -> PathBuf {
        self.dir.path().join("script.yaml")
    }

    /// The command in this world's repository.
    pub fn command(&self, args: &[&str]) -> Command {
        let path = std::env::join_paths([self.bin().as_path(), MACHINE.as_path()]).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_patcheval"));
        command.current_dir(self.root()).args(args).env_clear().env("PATH", path);
        command.env("PATCHEVAL_CACHE", self.cache());
        command.env("PATCHEVAL_PLUGIN", self.dir.path().join("plugin.so"));
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if self.fake {
            command.env("PATCHEVAL_FAKE_MACHINE", self.script());
        }
        command
    }

    /// Runs the command to its end.
    pub fn patcheval(&self, args: &[&str]) -> Ended {
        let output = self.command(args).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Runs a command that must end in an error: with this code, a message and no result.
    pub fn fails(&self, args: &[&str], code: i32) -> String {
        let ended = self.patcheval(args);
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert_eq!(ended.stdout, "");
        assert!(ended.stderr.lines().any(|line| line.starts_with("error: ")), "{ended:?}");
        ended.stderr
    }

    /// Returns whether anything has been built.
    pub fn has_built(&self) -> bool {
        ["base", "image"].iter().any(|kind| self.cache().join(kind).exists())
    }
}

/// A patch with two hunks, the second of which wants to find `second` in line 30.
pub fn patch(second: &str) -> String {
    format!(
        "From: A <a@example.org>\nSubject: [PATCH] change\n\nWhy.\n---\n kernel/a.c | 4 ++--\n\n\
         diff --git a/kernel/a.c b/kernel/a.c\n--- a/kernel/a.c\n+++ b/kernel/a.c\n\
         @@ -4,3 +4,3 @@\n line 4\n-line 5\n+line five\n line 6\n\
         @@ -29,3 +29,3 @@\n line 29\n-{second}\n+line thirty\n line 31\n-- \n2.39.5\n"
    )
}

fn copy(from: &Path, to: &Path) {
    for entry in WalkDir::new(from) {
        let entry = entry.unwrap();
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(target).unwrap();
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
