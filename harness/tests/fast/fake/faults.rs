// SPDX-License-Identifier: GPL-2.0-or-later
//! Kernels, guests and machines that do what they should not: each trial says what it was, and nothing else suffers.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{SCRIPT, TRIALS, bytes, file, lines, out, run, world};
use crate::{INFRASTRUCTURE, has};

/// Each way in which a trial may end, as scripts call it, and what is to be read of it.
const ENDINGS: [(&str, &str); 22] = [
    ("pass", "pass"),
    ("sigill", "sigill"),
    ("sigtrap", "sigtrap"),
    ("sigsegv", "sigsegv"),
    ("sigbus", "sigbus"),
    ("wrong-result", "wrong-result"),
    ("lost-hit", "lost-hit"),
    ("extra-hit", "extra-hit"),
    ("livelock", "livelock"),
    ("stale-loop", "stale-loop"),
    ("init-died", "init-died"),
    ("kernel-oops", "kernel-oops"),
    ("kernel-panic", "kernel-panic"),
    ("stale-fetch", "pass"),
    ("qemu-died", "qemu-died"),
    ("hangs", "host-deadline"),
    ("no-record", "no-record"),
    ("record-fault", "record-fault"),
    ("restore-failed", "restore-failed"),
    ("bad-output", "bad-output"),
    ("skipped", "skipped"),
    ("floods", "livelock"),
];

fn word(line: &Value) -> &str {
    let outcome = &line["outcome"];
    ["symptom", "cause", "result"].iter().find_map(|key| outcome[key].as_str()).unwrap()
}

/// What is made up is read by the same code as what QEMU leaves behind.
#[test]
fn every_ending_is_read_as_what_it_is() {
    let seeds = ENDINGS.iter().zip(1..).map(|((ending, _), seed)| format!("{seed}: {ending}"));
    let seeds = seeds.collect::<Vec<_>>().join(", ");
    let world = world(&format!(
        "trials:\n- {{trial: '*/*/*/*/off'}}\n- {{trial: '*/*/unfixed', ends: sigill}}\n- {{trial: 'fake/*/fixed/t1*', seeds: {{{seeds}}}}}\n"
    ));
    let study = file(&world, "ci/studies", "pretend.yaml").replace("count: 4", "count: 22");
    world.write("ci/studies/pretend.yaml", &study);
    let ended = world.patcheval(&["run", "pretend", "--out", "run"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let lines = lines(&out(&world, "run"));
    for ((ending, wanted), seed) in ENDINGS.iter().zip(1..) {
        let id = format!("fake/malta-24kf-16k/fixed/t1-first-return/enforce/{seed}");
        let is_it = |line: &&Value| {
            line["id"]["kernel"] == "fake"
                && line["id"]["variant"] == "fixed"
                && line["id"]["testcase"] == "t1-first-return"
                && line["id"]["mode"] == "enforce"
                && line["id"]["seed"] == seed
        };
        let line = lines.iter().find(is_it).unwrap();
        assert_eq!(word(line), *wanted, "{ending}: {id}: {line}");
        if *ending != "pass" {
            assert!(
                out(&world, "run/trials").join(id).join("console").is_file(),
                "{ending}: no evidence is kept"
            );
        }
    }
}

#[test]
fn a_kernel_that_does_not_build_or_boot_is_a_verdict_and_the_others_run() {
    let world = world(
        "builds:\n- {has: flushes a line, error: 'a.c:5: error: expected ;'}\n\
         boots:\n- {machine: virt-a15, has: flushes all, console: 'Kernel panic - not syncing: no flush'}\n\
         - {machine: 'malta*', has: flushes all, console: 'Uncompressing...', late: true}\n\
         trials:\n- {trial: 'fake/*/unfixed/t1*/enforce', ends: sigill}\n",
    );
    let ended = world.patcheval(&["run", "pretend", "--out", "run"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let said = [
        "fixed does not build on fake: a.c:5: error: expected ; (log: builds/fake/fixed.log)",
        "fixed does not build on fake-arm: a.c:5: error: expected ;",
        "dear does not boot with fake-arm on virt-a15: Kernel panic - not syncing: no flush (log: boots/fake-arm/virt-a15/dear.console)",
    ];
    has(&ended.stdout, &said);
    let decision = |variant: &str| {
        let table = ended.stdout.split("\ndecision\n").nth(1).unwrap();
        let row = table.lines().find(|line| line.starts_with(variant)).unwrap();
        row.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
    };
    // Without a kernel everything is broken, and nothing fixed.
    assert_eq!((decision("fixed"), decision("dear")), ("fixed 0/1 4".into(), "dear 0/1 2".into()));
    has(&file(&world, "run/builds/fake", "fixed.log"), &["a.c:5: error: expected ;"]);
    has(&file(&world, "run/boots/fake-arm/virt-a15", "dear.console"), &["no flush"]);
    let lines = lines(&out(&world, "run"));
    // Two targets of a variant that does not build, and one of one that does not boot, have no trials.
    assert_eq!(lines.len(), TRIALS - 3 * TRIALS / 6);
    for line in &lines {
        let (variant, kernel) =
            (line["id"]["variant"].as_str().unwrap(), line["id"]["kernel"].as_str().unwrap());
        let wanted = match (variant, kernel) {
            // The host was late: that says nothing about the kernel.
            ("dear", "fake") => "host-deadline",
            (_, "fake") if line["id"]["mode"] == "enforce" && line["id"]["testcase"] == "t1-first-return" => {
                "sigill"
            }
            ("unfixed", _) => "pass",
            _ => panic!("there is no kernel: {line}"),
        };
        assert_eq!(word(line), wanted, "{line}");
    }
    let report = |format: &str| {
        let report = world.patcheval(&["report", "run", "--format", format]);
        assert_eq!(report.code, Some(1), "{report:?}");
        report.stdout
    };
    for format in ["table", "markdown", "html", "mail", "json", "junit", "ktap"] {
        let text = report(format).split_whitespace().collect::<Vec<_>>().join(" ");
        let words = match format {
            "json" => ["does-not-build", "does-not-boot", "no flush"],
            _ => ["does not build", "does not boot", "no flush"],
        };
        has(&text, &words);
    }
    let mail = report("mail");
    let first = mail.split("\n\n").nth(1).unwrap().replace('\n', " ");
    has(&first, &["fixed does not build on fake", "dear does not boot with fake-arm on virt-a15"]);
    // A run that goes on has the same bytes.
    let before = bytes(&world, "run");
    assert_eq!(world.patcheval(&["run", "pretend", "--out", "run"]).code, Some(1));
    assert_eq!(bytes(&world, "run"), before);
}

/// The base is the machine's affair: without it there is nothing to be judged.
#[test]
fn a_base_that_does_not_build_is_infrastructure() {
    let world = world("builds:\n- {kernel: fake, error: 'no memory'}\n");
    has(&world.fails(&["run", "pretend"], INFRASTRUCTURE), &["the build failed: no memory"]);
}

/// A file system in memory, which is unmounted in the end.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    /// Mounts one, or says why not.
    fn mount(place: &Path, size: &str) -> Result<Self, String> {
        std::fs::create_dir_all(place).unwrap();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", size, "tmpfs"]).arg(place).output().unwrap();
        let said = String::from_utf8_lossy(&mount.stderr).into_owned();
        if mount.status.success() { Ok(Self(place.to_owned())) } else { Err(said) }
    }

    fn grow(&self, size: &str) {
        let options = format!("remount,{size}");
        let status = Command::new("mount").args(["-o", &options]).arg(&self.0).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_loses_nothing() {
    let world = world(SCRIPT);
    let disk = match SmallDisk::mount(&out(&world, "small"), "size=100k") {
        Ok(disk) => disk,
        Err(why) => {
            crate::say_loudly(&format!(
                "no file system can be mounted here: a full disk is NOT tested ({})",
                why.trim()
            ));
            return;
        }
    };
    run(&world, "pretend", "whole", &[]);
    let full = world.patcheval(&["run", "pretend", "--out", "small/run"]);
    assert_eq!(full.code, Some(INFRASTRUCTURE), "{full:?}");
    has(&full.stderr, &["the disk is full: free some space"]);
    let kept = lines(&out(&world, "small/run"));
    assert!((1..TRIALS).contains(&kept.len()), "{} lines fit", kept.len());
    disk.grow("size=64m");
    run(&world, "pretend", "small/run", &[]);
    assert_eq!(bytes(&world, "small/run"), bytes(&world, "whole"), "the run has the same bytes in the end");
}

/// A warm trial that is not what a cold one is: no verdict, both are kept, and it stays so until the run is made anew, cold.
#[test]
fn a_warm_trial_that_differs_from_a_cold_one_is_caught() {
    let script = SCRIPT.replace("ends: sigtrap,", "ends: sigtrap, warm_differs: true,");
    let mut world = world(&script);
    for _ in 0..2 {
        let ended = world.patcheval(&["run", "pretend", "--out", "run", "--jobs", "1"]);
        assert_eq!(ended.code, Some(INFRASTRUCTURE), "{ended:?}");
        let cell = "fake/malta-24kf-16k/unfixed/t1-first-return/enforce/";
        has(&ended.stderr, &["of the trials that were run warm and cold differ", cell, "--cold"]);
    }
    let kept: Vec<_> = std::fs::read_dir(out(&world, "run").join("differences")).unwrap().flatten().collect();
    assert_eq!(kept.len(), 1, "the cell goes on cold: {kept:?}");
    let console = |name: &str| std::fs::read_to_string(kept[0].path().join(name)).unwrap();
    assert!(console("warm.console").ends_with("This is not what a cold machine says.\n"));
    assert!(console("warm.console").starts_with(&console("cold.console")));
    run(&world, "pretend", "cold", &["--cold"]);
    world.pretend(SCRIPT);
    run(&world, "pretend", "sound", &[]);
    let outcomes = |run: &str| {
        lines(&out(&world, run)).iter().map(|line| line["console_sha256"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(outcomes("cold"), outcomes("sound"), "cold trials have nothing of it");
}

/// On a machine whose file says so, each trial has a machine of its own: nothing warm could differ, and `plan` says why.
#[test]
fn a_machine_that_runs_cold_by_its_file_has_no_warm_trials() {
    let script = SCRIPT.replace("ends: sigtrap,", "ends: sigtrap, warm_differs: true,");
    let world = world(&script);
    let file = "kernels/machines/malta-24kf-16k.yaml";
    world.write(file, &world.read(file).replace("source: >-", "cold: \"of a test\"\nsource: >-"));
    let why = "malta-24kf-16k: each trial has a QEMU of its own: of a test\n";
    has(&world.patcheval(&["plan", "pretend"]).stdout, &[why]);
    run(&world, "pretend", "run", &["--jobs", "1"]);
    assert!(!out(&world, "run").join("differences").exists());
}
