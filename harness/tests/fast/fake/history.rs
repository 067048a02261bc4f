// SPDX-License-Identifier: GPL-2.0-or-later
//! A history of 64 commits over the fake kernel, of which one breaks what a testcase looks at, some do not build and some do not
//! boot.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::out;
use crate::world::World;

/// Commits after the base.
const COMMITS: usize = 64;

/// The kernel with the patch that flushes, which passes until the flush is left out.
pub const CELL: &str = "fake/malta-24kf-16k/fixed/t1-first-return";

/// What a broken kernel does, with `{}` for how often.
pub const SCRIPT: &str = "\
builds: [{has: does not compile, error: 'f9.c:1: error: no'}, {takes_ms: 3}]
boots: [{has: dies early, console: 'Kernel panic - not syncing: here'}, {takes_ms: 3}]
trials: [{trial: '*/*/*/*/off'}, {has: leaves out the flush, ends: sigtrap, fails: {}}, {takes_ms: 3}]
";

/// A history, and what is known of it.
pub struct History {
    pub repository: PathBuf,
    pub culprit: String,
}

/// Git, with nobody's configuration.
pub fn git(repository: &Path, args: &[&str]) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(repository).args(args);
    for (name, value) in [("CONFIG_GLOBAL", "/dev/null"), ("CONFIG_NOSYSTEM", "1")] {
        git.env(format!("GIT_{name}"), value);
    }
    for who in ["AUTHOR", "COMMITTER"] {
        git.env(format!("GIT_{who}_NAME"), "A. Author").env(format!("GIT_{who}_EMAIL"), "author@example.org");
        git.env(format!("GIT_{who}_DATE"), "2026-01-01T00:00:00Z");
    }
    git
}

/// Runs git, and returns what it printed.
pub fn output(mut git: Command) -> String {
    let output = git.output().unwrap();
    assert!(output.status.success(), "{git:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Writes a history over the world's kernel; its branches are `base` and `tip`.
pub fn write(world: &World, seed: u64) -> History {
    let repository = out(world, "linux.git");
    std::fs::create_dir(&repository).unwrap();
    output(git(&repository, &["init", "--quiet", "--bare"]));
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut special: Vec<usize> = (3..COMMITS).collect();
    dice.shuffle(&mut special);
    // What a commit spoils, the next one mends: they are no neighbours.
    special.dedup_by(|a, b| a.abs_diff(*b) < 2);
    let mut stream = String::new();
    begin(&mut stream, "base", 1, "Linux");
    for name in ["Makefile", "Kconfig", "kernel/a.c"] {
        change(&mut stream, name, &world.read(&format!("linux/{name}")));
    }
    change(&mut stream, "kernel/flush.c", "flushes\n");
    for number in 1..=COMMITS {
        let place = special.iter().take(6).position(|place| *place == number);
        begin(&mut stream, "tip", number + 1, &format!("Tidy up, part {number}"));
        for _ in 0..dice.usize(1..4) {
            change(&mut stream, &format!("kernel/f{}.c", dice.u32(0..9)), &format!("remark {number}\n"));
        }
        change(
            &mut stream,
            "kernel/f9.c",
            match place {
                Some(1..=3) => "does not compile\n",
                Some(4 | 5) => "dies early\n",
                _ => "fine\n",
            },
        );
        if place == Some(0) {
            change(&mut stream, "kernel/flush.c", "leaves out the flush\n");
        }
    }
    let mut import = git(&repository, &["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().unwrap();
    import.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(import.wait().unwrap().success());
    // `git bisect` starts where HEAD is.
    output(git(&repository, &["symbolic-ref", "HEAD", "refs/heads/base"]));
    let all = output(git(&repository, &["rev-list", "--reverse", "base..tip"]));
    let culprit = all.lines().nth(special[0] - 1).unwrap().to_owned();
    History { repository, culprit }
}

/// The head of a commit, for `git fast-import`; the first has no parent.
fn begin(stream: &mut String, branch: &str, mark: usize, message: &str) {
    let who = format!("A. Author <author@example.org> {} +0000", 1_767_225_600 + mark * 60);
    let head = format!("commit refs/heads/{branch}\nmark :{mark}\nauthor {who}\ncommitter {who}\n");
    let from = if mark == 1 { String::new() } else { format!("from :{}\n", mark - 1) };
    write!(stream, "{head}data {}\n{message}\n{from}", message.len()).unwrap();
}

fn change(stream: &mut String, file: &str, text: &str) {
    write!(stream, "M 100644 inline {file}\ndata {}\n{text}\n", text.len()).unwrap();
}

pub fn words<'a>(history: &'a History, out: &'a str) -> Vec<&'a str> {
    let tree = history.repository.to_str().unwrap();
    vec!["bisect", "pretend", "--tree", tree, "--good", "base", "--bad", "tip", "--cell", CELL, "--out", out]
}
