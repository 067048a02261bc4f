// SPDX-License-Identifier: GPL-2.0-or-later
//! Guests that do what no testcase should: each trial comes to an end by itself, says what it was, and keeps the disk from
//! filling.

use std::path::Path;
use std::process::Command;

use crate::bench::Bench;

/// Testcases of the tests' data, how a trial of each must end with the model on, and how with it off.
const GUESTS: [(&str, &str, &str); 6] = [
    ("flood", "livelock", "livelock"),
    ("hang", "livelock", "livelock"),
    ("dies", "init-died", "init-died"),
    ("restarts", "bad-output", "bad-output"),
    ("forges", "bad-output", "bad-output"),
    ("forges-and-leaves", "bad-output", "bad-output"),
];

/// A testcase that checks which probes the guest library refuses; it sets none.
const REFUSES: &str = "refuses";

/// Testcases as `testcase new` writes them, and its options.
const SKELETONS: [(&str, &[&str]); 2] = [("fresh", &[]), ("fresh-probes", &["--probes"])];

/// The kernel that comes to its first process.
const BOOTS: &str = "k0-boot";

/// Most that a guest of 20 million instructions may leave of its console.
const CONSOLE: u64 = 4 << 20;

const STUDY: &str = "\
name: guests
title: \"Guests that do what no testcase should\"
targets: [{kernel: mips-6.1, machine: malta-24kf-16k}, {kernel: arm-6.1, machine: virt-a15}]
patches: uprobes-xol
variants: [{variant: ixol-flush, with: [opcode-page-flush]}]
baseline: ixol-flush
testcases: [flood, hang, dies, restarts, forges, forges-and-leaves, refuses, fresh, fresh-probes, k0-boot]
seeds: {first: 1, count: 1}
coherent_seeds: 1
";

#[test]
fn a_guest_out_of_hand_ends_its_trial_and_says_nothing_it_should_not() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/guests");
    let bench = Bench::with_study("guests", STUDY, |root| {
        for (name, options) in SKELETONS {
            let mut new = Command::new(env!("CARGO_BIN_EXE_patcheval"));
            new.arg("--root").arg(root).args(["testcase", "new", name]).args(options);
            assert!(new.status().unwrap().success());
        }
        for name in GUESTS.map(|(name, ..)| name).into_iter().chain([REFUSES]) {
            let copy = Command::new("cp").arg("-r").arg(data.join(name)).arg(root.join("testcases")).status();
            assert!(copy.unwrap().success());
        }
    });
    let run = bench.run("guests", "run");
    for target in ["mips-6.1/malta-24kf-16k", "arm-6.1/virt-a15"] {
        for (name, enforced, coherent) in GUESTS {
            for (mode, wanted) in [("enforce", enforced), ("off", coherent)] {
                let trials = run.of(&format!("{target}/ixol-flush/{name}/{mode}/"));
                assert_eq!(trials.len(), 1, "{target} {name} {mode}");
                let outcome = &trials[0]["outcome"];
                let what = outcome["symptom"].as_str().or(outcome["cause"].as_str());
                assert_eq!(what, Some(wanted), "{target} {name} {mode}: {}", trials[0]);
            }
        }
    }
    for target in ["mips-6.1/malta-24kf-16k", "arm-6.1/virt-a15"] {
        for mode in ["enforce", "off"] {
            for name in SKELETONS.map(|(name, _)| name).into_iter().chain([REFUSES, BOOTS]) {
                let trials = run.of(&format!("{target}/ixol-flush/{name}/{mode}/"));
                assert_eq!(trials.len(), 1, "{target} {mode} {name}");
                assert_eq!(trials[0]["outcome"]["result"], "pass", "{target} {mode}: {}", trials[0]);
            }
        }
    }
    for file in walkdir::WalkDir::new(run.dir()) {
        let file = file.unwrap();
        let size = file.metadata().unwrap().len();
        assert!(!file.file_type().is_file() || size < CONSOLE, "{} has {size} bytes", file.path().display());
    }
}

/// The library asks a child that does not come back where it is by a signal, which a testcase must not take for itself.
#[test]
fn a_testcase_that_takes_the_library_s_signal_is_not_compiled() {
    let study = STUDY.replace(
        "flood, hang, dies, restarts, forges, forges-and-leaves, refuses, fresh, fresh-probes, k0-boot",
        "takes",
    );
    let bench = Bench::with_study("guests", &study, |root| {
        let mut new = Command::new(env!("CARGO_BIN_EXE_patcheval"));
        assert!(new.arg("--root").arg(root).args(["testcase", "new", "takes"]).status().unwrap().success());
        let main = root.join("testcases/takes/main.c");
        let text = std::fs::read_to_string(&main).unwrap();
        std::fs::write(&main, text + "\nint mine(void) { return SIGUSR1; }\n").unwrap();
    });
    let _alone = Bench::alone();
    let ended = bench.patcheval(&["run", "guests"]);
    assert_eq!(ended.code, Some(2), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("poisoned \"SIGUSR1\""), "{}", ended.stderr);
}

/// A page that the kernel has written and not flushed is loaded by a process at another colour. QEMU loads what was written, and the
/// testcase passes: the model alone shows it.
#[test]
fn a_page_at_another_colour_is_a_stale_load() {
    let bench = Bench::with_quick(|text| text);
    let sanitize = |more: &[&str]| {
        let fixed = ["sanitize", "mips-6.1", "--machine", "malta-24kc-32k-d", "--testcase", "t25-file-data"];
        bench.patcheval(&[&fixed, more].concat())
    };
    let clean = sanitize(&[]);
    assert_eq!(clean.code, Some(0), "{} {}", clean.stdout, clean.stderr);
    assert!(clean.stdout.contains("stale fetches: 0, stale loads: 0; classes: 0 found"), "{}", clean.stdout);
    let planted = sanitize(&["--variant", "planted/no-alias-flush"]);
    assert_eq!(planted.code, Some(1), "{} {}", planted.stdout, planted.stderr);
    let class = "__raw_copy_from_user -> load by user space, missing: write-back";
    assert!(planted.stdout.contains(class), "{}", planted.stdout);
    assert!(!planted.stdout.contains("incomplete"), "{}", planted.stdout);
}
