// SPDX-License-Identifier: GPL-2.0-or-later
//! A repository to run studies in, and what a run left behind.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tempfile::TempDir;

/// Runs share two cores: one at a time, or the deadlines of one would measure the other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The quick study, run once for all tests that read it.
static QUICK: LazyLock<Lines> = LazyLock::new(|| Bench::with_quick(|text| text).run("quick", "quick"));

/// A repository, with a scratch directory for runs, which stays until the end: runs are read by many tests.
pub struct Bench {
    root: PathBuf,
    scratch: PathBuf,
}

/// Adds a variant with one patch to a repository's patch set.
pub fn add_variant(root: &Path, name: &str, patch: &str) {
    let dir = root.join("patches/uprobes-xol").join(name);
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join(format!("0001-{name}.patch")), patch).unwrap();
    let about = format!("name: {name}\ntitle: \"of a test\"\nwhy: \"a test needs it\"\n");
    std::fs::write(dir.join("variant.yaml"), about).unwrap();
}

/// What a command printed, and its exit code.
#[derive(Debug)]
pub struct Printed {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

impl Bench {
    /// A copy of the repository's data with one more study, and with whatever `change` adds.
    pub fn with_study(name: &str, study: &str, change: impl FnOnce(&Path)) -> Self {
        let scratch = scratch();
        let root = scratch.join("repository");
        std::fs::create_dir(&root).unwrap();
        for part in ["kernels", "patches", "testcases", "ci"] {
            let status =
                Command::new("cp").arg("-r").arg(repository().join(part)).arg(&root).status().unwrap();
            assert!(status.success());
        }
        std::fs::write(root.join(format!("ci/studies/{name}.yaml")), study).unwrap();
        change(&root);
        Self { root, scratch }
    }

    /// A copy of the repository's data in which the quick study is changed: its variants and expectations are what is
    /// tested, its length is not.
    pub fn with_quick(change: impl FnOnce(String) -> String) -> Self {
        let quick = std::fs::read_to_string(repository().join("ci/studies/quick.yaml")).unwrap();
        Self::with_study("quick", &change(quick), |_| {})
    }

    /// The run of the quick study.
    pub fn quick() -> Lines {
        QUICK.clone()
    }

    /// The command, in this repository.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_patcheval"));
        command.args(["--root".as_ref(), self.root.as_os_str()]).args(args);
        command
    }

    /// Runs the command to its end.
    pub fn patcheval(&self, args: &[&str]) -> Printed {
        let Output { status, stdout, stderr } = self.command(args).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Printed { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }

    /// The cache directory, as the command finds it.
    pub fn cache(&self) -> PathBuf {
        let named = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        named("PATCHEVAL_CACHE").unwrap_or_else(|| {
            let home = || named("HOME").unwrap().join(".cache");
            named("XDG_CACHE_HOME").unwrap_or_else(home).join("patcheval")
        })
    }

    /// The repository.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory of a run with this name.
    pub fn out(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// Waits until no other test runs a study, and keeps them from it.
    pub fn alone() -> MutexGuard<'static, ()> {
        ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a study into a directory of this bench, which must not end in an error.
    pub fn run(&self, study: &str, name: &str) -> Lines {
        self.run_alone(&Self::alone(), study, name)
    }

    /// The same, for a test that is alone already.
    pub fn run_alone(&self, alone: &MutexGuard<'_, ()>, study: &str, name: &str) -> Lines {
        self.run_with(alone, study, name, &[])
    }

    /// The same, with more options.
    pub fn run_with(&self, _alone: &MutexGuard<'_, ()>, study: &str, name: &str, options: &[&str]) -> Lines {
        let out = self.out(name);
        let out_text = out.to_string_lossy();
        let arguments = [&["run", study, "--out", &out_text], options].concat();
        let printed = self.patcheval(&arguments);
        assert!(matches!(printed.code, Some(0 | 1)), "{study}: {}{}", printed.stdout, printed.stderr);
        Lines::read(&out, printed.code)
    }
}

/// A new directory below `target`, which `cargo clean` removes.
fn scratch() -> PathBuf {
    TempDir::with_prefix_in("kernels-", env!("CARGO_TARGET_TMPDIR")).unwrap().keep()
}

/// The trials of a run.
#[derive(Clone)]
pub struct Lines {
    dir: PathBuf,
    code: Option<i32>,
    lines: Vec<(String, Value)>,
}

impl Lines {
    /// Reads a run directory.
    pub fn read(dir: &Path, code: Option<i32>) -> Self {
        let text = std::fs::read_to_string(dir.join("trials.jsonl")).unwrap();
        let lines = text.lines().map(|line| {
            let value: Value = serde_json::from_str(line).unwrap();
            let id = &value["id"];
            let part = |name: &str| id[name].as_str().unwrap().to_owned();
            let parts = [part("kernel"), part("machine"), part("variant"), part("testcase"), part("mode")];
            (format!("{}/{}", parts.join("/"), id["seed"]), value)
        });
        Self { dir: dir.to_owned(), code, lines: lines.collect() }
    }

    /// A bench on the repository in which the run was made.
    pub fn bench(&self) -> Bench {
        let scratch = self.dir.parent().unwrap().to_owned();
        Bench { root: scratch.join("repository"), scratch }
    }

    /// The exit code of the run.
    pub fn code(&self) -> Option<i32> {
        self.code
    }

    /// The directory, as an argument.
    pub fn dir(&self) -> String {
        self.dir.to_string_lossy().into_owned()
    }

    /// The file, byte for byte.
    pub fn text(&self) -> String {
        std::fs::read_to_string(self.dir.join("trials.jsonl")).unwrap()
    }

    /// The trials whose names begin like this.
    pub fn of(&self, prefix: &str) -> Vec<&Value> {
        self.lines.iter().filter(|(id, _)| id.starts_with(prefix)).map(|(_, line)| line).collect()
    }

    /// The trials with this in their names.
    pub fn with(&self, part: &str) -> Vec<&Value> {
        self.lines.iter().filter(|(id, _)| id.contains(part)).map(|(_, line)| line).collect()
    }

    /// The name of the first failing trial of those whose names begin like this.
    pub fn first_failure(&self, prefix: &str) -> String {
        let failed =
            |(id, line): &&(String, Value)| id.starts_with(prefix) && line["outcome"]["result"] == "fail";
        self.lines.iter().find(failed).unwrap_or_else(|| panic!("no failure in {prefix}")).0.clone()
    }
}
