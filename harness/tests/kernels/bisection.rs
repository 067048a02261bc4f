// SPDX-License-Identifier: GPL-2.0-or-later
//! Bisections of a history of 64 commits with real kernels.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bench::Bench;
use crate::history::{History, Sevenths, git, output, repository, write};

/// The kernel's own tree with the companion, which passes until the flush is left out.
const CELL: &str = "mips-6.1/malta-24kf-16k/ixol-flush/t1-first-return";

/// Long enough for the base to be built first.
const PATIENCE: Duration = Duration::from_secs(25 * 60);

/// The source that the quick study's run has unpacked.
fn history(bench: &Bench, seed: u64, leaves_out: Sevenths) -> History {
    // Whatever needs it provides it.
    let cache = bench.cache();
    let mut trees = std::fs::read_dir(cache.join("source")).unwrap().flatten().map(|e| e.path().join("tree"));
    let is_it = |tree: &PathBuf| {
        let makefile = std::fs::read_to_string(tree.join("Makefile")).unwrap_or_default();
        tree.parent().is_some_and(|entry| {
            entry.file_name().is_some_and(|name| name.to_string_lossy().starts_with("sha256-"))
        }) && makefile.contains("VERSION = 6\nPATCHLEVEL = 1\n")
    };
    write(&repository(&trees.find(is_it).unwrap()), seed, leaves_out)
}

fn words<'a>(history: &'a History, out: &'a str) -> Vec<&'a str> {
    let tree = history.repository.to_str().unwrap();
    vec![
        "bisect",
        "quick",
        "--tree",
        tree,
        "--good",
        "base",
        "--bad",
        &history.branch,
        "--cell",
        CELL,
        "--out",
        out,
    ]
}

/// Bisects into a directory; returns what the command printed.
fn bisect(bench: &Bench, history: &History, out: &Path) -> String {
    let printed = bench.patcheval(&words(history, out.to_str().unwrap()));
    assert_eq!(printed.code, Some(0), "{}{}", printed.stdout, printed.stderr);
    assert!(printed.stdout.contains(&format!("\n{}\n", history.culprit)), "{}", printed.stdout);
    printed.stdout
}

/// The entries of a journal of this kind.
fn entries(out: &Path, what: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(out.join("journal.jsonl")).unwrap_or_default();
    let entries = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    entries.filter(|entry| entry["what"] == what).collect()
}

/// A history in which it fails nearly always; what is built here is what the long tests need too.
#[test]
fn the_commit_that_broke_it_is_found_and_git_takes_the_log() {
    let run = Bench::malta();
    let (bench, _alone) = (run.bench(), Bench::alone());
    let history = history(&bench, 1, Sevenths(7));
    let out = bench.out("bisect-1");
    let text = bisect(&bench, &history, &out);
    assert!(text.contains("found the commit that broke it, with a probability of 99."), "{text}");
    let mail = std::fs::read_to_string(out.join("mail.txt")).unwrap();
    assert!(mail.lines().all(|line| line.chars().count() <= 76), "{mail}");
    let log = out.join("bisect.log");
    output(git(&history.repository, &["bisect", "replay", log.to_str().unwrap()]));
    let bad = output(git(&history.repository, &["rev-parse", "refs/bisect/bad"]));
    assert_eq!(bad.trim(), history.culprit);
    output(git(&history.repository, &["bisect", "reset"]));
    // Complete: it is only told again.
    let journal = std::fs::read(out.join("journal.jsonl")).unwrap();
    assert_eq!(bisect(&bench, &history, &out), text);
    assert_eq!(std::fs::read(out.join("journal.jsonl")).unwrap(), journal);
}

/// Three more histories, with a bug that shows in some three of ten trials and in one of ten.
#[test]
#[ignore = "takes ten minutes: ci/test --full"]
fn a_bug_that_shows_seldom_is_found_too() {
    let run = Bench::malta();
    let (bench, _alone) = (run.bench(), Bench::alone());
    for (seed, sevenths) in [(2, 7), (3, 3), (4, 1)] {
        let history = history(&bench, seed, Sevenths(sevenths));
        let out = bench.out(&format!("bisect-{seed}"));
        bisect(&bench, &history, &out);
        let mut seconds: Vec<f64> =
            entries(&out, "ready").iter().map(|entry| entry["seconds"].as_f64().unwrap()).collect();
        seconds.sort_by(f64::total_cmp);
        println!("{seed}: {} trials, {seconds:.1?} s to build and boot", entries(&out, "trial").len());
    }
}

#[test]
#[ignore = "takes five minutes: ci/test --full"]
fn git_bisect_run_comes_to_the_same_commit() {
    let run = Bench::malta();
    let (bench, _alone) = (run.bench(), Bench::alone());
    let history = history(&bench, 1, Sevenths(7));
    let repository = &history.repository;
    output(git(repository, &["bisect", "start", "--no-checkout", &history.branch, "base"]));
    let tree = repository.to_str().unwrap();
    let step = bench.command(&["step", "quick", "--tree", tree, "--commit", "BISECT_HEAD", "--cell", CELL]);
    let mut run = git(repository, &["bisect", "run"]);
    run.arg(step.get_program()).args(step.get_args());
    let text = output(run);
    output(git(repository, &["bisect", "reset"]));
    assert!(text.contains(&format!("{} is the first bad commit", history.culprit)), "{text}");
}

/// Killed while it builds, while it boots and during a trial, each time at once after the entry before.
#[test]
#[ignore = "takes five minutes: ci/test --full"]
fn a_killed_bisection_goes_on_to_the_same_answer() {
    let run = Bench::malta();
    let (bench, _alone) = (run.bench(), Bench::alone());
    let history = history(&bench, 5, Sevenths(7));
    let out = bench.out("bisect-killed");
    for (program, entries_before) in [("make", 0), ("qemu-system-mips", 0), ("qemu-system-mips", 5)] {
        let mut command = bench.command(&words(&history, out.to_str().unwrap()));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_for(&mut child, || {
            let lines =
                std::fs::read_to_string(out.join("journal.jsonl")).map_or(0, |text| text.lines().count());
            lines >= entries_before && out.join("journal.jsonl").exists() && runs(program)
        });
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let text = bisect(&bench, &history, &out);
    let whole = bench.out("bisect-whole");
    assert_eq!(bisect(&bench, &history, &whole).replace("bisect-whole", "bisect-killed"), text);
}

/// Whether a program of this name runs; the kernel tells the first fifteen letters of it.
fn runs(program: &str) -> bool {
    let named = |entry: std::fs::DirEntry| {
        let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        !name.trim().is_empty() && name.trim() == &program[..program.len().min(15)]
    };
    std::fs::read_dir("/proc").unwrap().flatten().any(named)
}

fn wait_for(child: &mut Child, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        assert!(Instant::now() < deadline, "it takes too long");
        sleep(Duration::from_millis(10));
    }
}
