// SPDX-License-Identifier: GPL-2.0-or-later
//! Bisections with real kernels: of a history of 64 commits, and between two configurations.

use std::path::PathBuf;

use crate::bench::{self, Bench};
use crate::history::{History, repository, write};

/// The kernel's own tree with the companion, which passes until the flush is left out.
const CELL: &str = "mips-6.1/malta-24kf-16k/ixol-flush/t1-first-return";

/// The source that the quick study's run has unpacked.
fn history(bench: &Bench, seed: u64) -> History {
    // Whatever needs it provides it.
    let cache = bench.cache();
    let mut trees = std::fs::read_dir(cache.join("source")).unwrap().flatten().map(|e| e.path().join("tree"));
    let is_it = |tree: &PathBuf| {
        let makefile = std::fs::read_to_string(tree.join("Makefile")).unwrap_or_default();
        tree.parent().is_some_and(|entry| {
            entry.file_name().is_some_and(|name| name.to_string_lossy().starts_with("sha256-"))
        }) && makefile.contains("VERSION = 6\nPATCHLEVEL = 1\n")
    };
    write(&repository(&trees.find(is_it).unwrap()), seed)
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

/// The search by itself is tested on a fake machine: here it is kernels that are built over another one's tree.
#[test]
#[ignore = "takes five minutes: ci/test --full"]
fn the_commit_that_broke_it_is_found_among_kernels() {
    let run = Bench::quick();
    let (bench, _alone) = (run.bench(), Bench::alone());
    let history = history(&bench, 1);
    let out = bench.out("bisect-1");
    let printed = bench.patcheval(&words(&history, out.to_str().unwrap()));
    assert_eq!(printed.code, Some(0), "{}{}", printed.stdout, printed.stderr);
    assert!(printed.stdout.contains(&format!("\n{}\n", history.culprit)), "{}", printed.stdout);
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
