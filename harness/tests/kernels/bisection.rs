// SPDX-License-Identifier: GPL-2.0-or-later
//! Bisections with real kernels: of a history of 64 commits, and between two configurations.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bench::{self, Bench};
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
    let run = Bench::quick();
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

/// A patch makes the flush depend on an option, which another one hides: only when that is switched too, kbuild grants it.
#[test]
fn the_option_that_breaks_it_is_found_between_two_configurations() {
    let patch = include_str!("../data/flush-by-option.patch");
    let bench = Bench::with_study("options", OPTIONS_STUDY, |root| {
        bench::add_variant(root, "flush-by-option", patch);
    });
    let file = |name: &str, text: &str| {
        let path = bench.out(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = file("good.config", "CONFIG_LOG_BUF_SHIFT=15\nCONFIG_CROSS_MEMORY_ATTACH=y\n");
    let bad = "CONFIG_FHANDLE=y\nCONFIG_IKCONFIG_PROC=y\nCONFIG_NO_SUCH_OPTION=y\nCONFIG_LOG_BUF_SHIFT=16\n\
               CONFIG_IKCONFIG=y\n";
    let bad = file("bad.config", bad);
    let bisect = |good: &str, bad: &str, name: &str| {
        let out = bench.out(name);
        let out = out.to_str().unwrap();
        let cell = "mips-6.1/malta-24kf-16k/flush-by-option/t1-first-return";
        bench.patcheval(&[
            "bisect-config",
            "options",
            "--cell",
            cell,
            "--good",
            good,
            "--bad",
            bad,
            "--out",
            out,
        ])
    };
    let printed = bisect(&good, &bad, "bisect-config");
    let text = printed.stdout;
    assert_eq!(printed.code, Some(0), "{text}{}", printed.stderr);
    assert!(text.contains("found the option that broke it, with a probability of 99."), "{text}");
    assert!(text.contains("\nCONFIG_IKCONFIG: not there -> y\n"), "{text}");
    let granted = "  CONFIG_IKCONFIG: n -> y\n  CONFIG_IKCONFIG_PROC: not there -> y\n\n";
    assert!(text.contains(&format!("kbuild makes of it:\n{granted}")), "{text}");
    // Git knows nothing of options.
    assert!(!bench.out("bisect-config/bisect.log").exists());
    // Both sides of the answer are configurations themselves, between which there is nothing else to find.
    let side = |name: &str| bench.out(&format!("bisect-config/{name}")).to_str().unwrap().to_owned();
    let again = bisect(&side("last-good.config"), &side("first-bad.config"), "bisect-sides");
    assert_eq!(again.code, Some(0), "{}{}", again.stdout, again.stderr);
    assert!(again.stdout.contains("\n1 option between "), "{}", again.stdout);
    assert!(again.stdout.contains("\nCONFIG_IKCONFIG: not there -> y\n"), "{}", again.stdout);
}

const OPTIONS_STUDY: &str = "\
name: options
title: \"A flush that depends on an option\"
targets: [{kernel: mips-6.1, machine: malta-24kf-16k}]
patches: uprobes-xol
variants: [{variant: flush-by-option, with: [opcode-page-flush]}]
baseline: flush-by-option
testcases: [t1-first-return]
seeds: {first: 1, count: 2}
coherent_seeds: 1
";

/// Three more histories, with a bug that shows in some three of ten trials and in one of ten.
#[test]
#[ignore = "takes ten minutes: ci/test --full"]
fn a_bug_that_shows_seldom_is_found_too() {
    let run = Bench::quick();
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
    let run = Bench::quick();
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
    let run = Bench::quick();
    let (bench, _alone) = (run.bench(), Bench::alone());
    // A history that no cache has: what is to be killed must run.
    let seed = u64::from(std::process::id()) + 1000;
    let history = history(&bench, seed, Sevenths(7));
    println!("history {seed}");
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

/// Whether a program of this name runs, be it that another one loads it: QEMU's own libraries come with their loader.
fn runs(program: &str) -> bool {
    let is_it = |entry: std::fs::DirEntry| {
        let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        words.split(|byte| *byte == 0).any(|word| {
            let name = word.rsplit(|byte| *byte == b'/').next();
            name == Some(program.as_bytes())
        })
    };
    std::fs::read_dir("/proc").unwrap().flatten().any(is_it)
}

fn wait_for(child: &mut Child, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        assert!(Instant::now() < deadline, "it takes too long");
        sleep(Duration::from_millis(10));
    }
}
