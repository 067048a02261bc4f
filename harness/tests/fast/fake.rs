// SPDX-License-Identifier: GPL-2.0-or-later
//! Studies on a fake machine: from the first trial to the report, all but builds, boots and trials themselves is real.

mod bisection;
mod cluster;
mod console;
mod faults;
pub mod history;
mod kills;
mod no_kernel;
mod own_patches;
mod part;
mod shares;
mod slurm;
mod versions;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::world::{Ended, World};
use crate::{STUDY_ERROR, has};

/// Two kernels, three variants, two testcases: 2 * 3 * 2 cells, of 4 trials and a coherent one each.
const STUDY: &str = "\
name: pretend
title: \"A study that nobody runs\"
targets: [{kernel: fake, machine: malta-24kf-16k}, {kernel: fake-arm, machine: virt-a15}]
patches: pretend
variants: [{variant: unfixed}, {variant: fixed}, {variant: dear}]
baseline: unfixed
testcases: [t1-first-return, t9-entry-after-enable]
seeds: {first: 1, count: 4}
coherent_seeds: 1
";

const TRIALS: usize = 2 * 3 * 2 * (4 + 1);

/// What the unfixed kernel is known for, and what flushing too much costs.
pub const SCRIPT: &str = "\
trials:
- {trial: '*/*/*/*/off'}
- {trial: 'fake/*/unfixed/t1-first-return', ends: sigtrap, seeds: {2: pass}}
- {trial: '*/*/dear', operations: [30000, 20000]}
";

/// A world with the study and a fake machine.
pub fn world(script: &str) -> World {
    let mut world = World::new();
    world.write("kernels/fake-arm.yaml", "name: fake-arm\narch: arm\nsource: {directory: linux}\n");
    for (name, line) in [("unfixed", "flushes nothing"), ("fixed", "flushes a line"), ("dear", "flushes all")]
    {
        let mut about = format!("name: {name}\ntitle: \"{line}\"\nwhy: \"a test needs it\"\n");
        if name == "unfixed" {
            about += "expect: [{arch: mips, testcase: t1-first-return, outcome: fail, why: the fake machine is set to}]\n";
        }
        world.write(&format!("patches/pretend/{name}/variant.yaml"), &about);
        world.write(&format!("patches/pretend/{name}/0001-{name}.patch"), &patch(line));
    }
    world.write("ci/studies/pretend.yaml", STUDY);
    world.pretend(script);
    world
}

fn patch(line: &str) -> String {
    format!(
        "From: A <a@example.org>\nSubject: [PATCH] {line}\n\nWhy.\n---\n kernel/a.c | 2 +-\n\n\
         diff --git a/kernel/a.c b/kernel/a.c\n--- a/kernel/a.c\n+++ b/kernel/a.c\n\
         @@ -4,3 +4,3 @@\n line 4\n-line 5\n+{line}\n line 6\n-- \n2.39.5\n"
    )
}

/// Runs a study into a directory, which must end with a verdict.
fn run(world: &World, study: &str, out: &str, more: &[&str]) -> Ended {
    let ended = world.patcheval(&[&["run", study, "--out", out], more].concat());
    assert!(matches!(ended.code, Some(0 | 1)), "{ended:?}");
    ended
}

fn file(world: &World, run: &str, name: &str) -> String {
    world.read(&format!("{run}/{name}"))
}

/// The bytes that must be the same whoever ran the trials.
fn bytes(world: &World, run: &str) -> String {
    file(world, run, "trials.jsonl")
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path.join("trials.jsonl")).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn out(world: &World, name: &str) -> PathBuf {
    world.root().join(name)
}

/// Verdicts are those of the script, through patches, images, classification, judgement and reports.
#[test]
fn a_study_is_run_judged_and_reported() {
    let world = world(SCRIPT);
    let ended = run(&world, "pretend", "run", &[]);
    has(&ended.stderr, &["PATCHEVAL_FAKE_MACHINE is set: nothing is built or run, every outcome is made up"]);
    let variant = |name: &str| {
        let line = ended.stdout.lines().find(|line| line.starts_with(&format!("{name}  "))).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(
        variant("unfixed").starts_with("unfixed 1/4 ") && variant("unfixed").contains(" sigtrap 3 "),
        "{}",
        variant("unfixed")
    );
    assert!(variant("fixed").contains(" passes-all "), "{}", variant("fixed"));
    assert!(variant("dear").contains(" 30,000 (+29,900) 20,000 (+19,950) "), "{}", variant("dear"));
    assert_eq!(lines(&out(&world, "run")).len(), TRIALS);
    let manifest: Value = serde_json::from_str(&file(&world, "run", "run.json")).unwrap();
    assert_eq!(manifest["fake"], true);
    // Nothing but the images tells one variant from the other.
    let images = &manifest["images"]["fake"];
    assert_ne!(images["unfixed"]["sha256"], images["fixed"]["sha256"]);
}

/// Whoever does not know that it is made up does not see it.
#[test]
fn a_fake_run_is_no_evidence() {
    let mut world = world(SCRIPT);
    run(&world, "pretend", "run", &[]);
    world.pretend_no_more();
    for words in [
        ["report", "run"].as_slice(),
        &["compare", "run", "run"],
        &["history", "add", "run", "--date", "2026-11-01"],
        &["explain", "run", "fake/malta-24kf-16k/unfixed/t1-first-return"],
    ] {
        has(&world.fails(words, STUDY_ERROR), &["run is the run of a fake machine: nothing follows from it"]);
    }
    world.pretend("trails: []\n");
    has(
        &world.fails(&["run", "pretend"], STUDY_ERROR),
        &["PATCHEVAL_FAKE_MACHINE: ", "script.yaml:1:1: ", "did you mean `trials`?"],
    );
    world.pretend("trials: [{ends: sigil}]\n");
    has(&world.fails(&["run", "pretend"], STUDY_ERROR), &["did you mean `sigill`?"]);
}

#[test]
fn threads_and_runs_make_no_difference() {
    let world = world(SCRIPT);
    run(&world, "pretend", "one", &["--jobs", "1"]);
    run(&world, "pretend", "eight", &["--jobs", "8"]);
    for name in shares::FILES {
        assert!(file(&world, "one", name) == file(&world, "eight", name), "{name} is not the same");
    }
    let again = run(&world, "pretend", "one", &[]);
    assert!(!again.stderr.contains("sigtrap"), "what has ended is not run again: {}", again.stderr);
}

#[test]
fn a_trial_is_replayed_byte_for_byte() {
    let world = world(SCRIPT);
    run(&world, "pretend", "run", &[]);
    let trial = "fake/malta-24kf-16k/unfixed/t1-first-return/enforce/1";
    let ended = world.patcheval(&["replay", "run", trial]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    has(&ended.stdout, &["the same, byte for byte"]);
    // A file that has other content, and a machine that does something else.
    let lines = file(&world, "run", "trials.jsonl");
    world.write("run/trials.jsonl", &lines.replacen("\"sigtrap\"", "\"sigill\"", 1));
    assert_eq!(world.patcheval(&["replay", "run", trial]).code, Some(1));
    world.write("patches/pretend/fixed/0001-fixed.patch", &patch("flushes two lines"));
    has(
        &world.fails(&["replay", "run", trial], STUDY_ERROR),
        &["are no longer what they were: a patched kernel"],
    );
}

/// With `until: decided` trials go where the verdict is open, and which those are does not depend on who asks when.
#[test]
fn a_study_that_asks_until_it_is_decided_tries_no_more_than_it_needs() {
    let world = world("trials:\n- {trial: '*/*/*/*/off'}\n- {trial: '*/*/unfixed', fails: 0.5}\n");
    let study = STUDY.replace("seeds: {first: 1, count: 4}", "seeds: {first: 1, count: 200}\nuntil: decided");
    world.write("ci/studies/pretend.yaml", &study);
    run(&world, "pretend", "one", &["--jobs", "1"]);
    run(&world, "pretend", "many", &["--jobs", "5"]);
    assert_eq!(bytes(&world, "one"), bytes(&world, "many"));
    let of = |variant: &str| {
        let all = lines(&out(&world, "one"));
        all.iter().filter(|line| line["id"]["variant"] == variant && line["id"]["mode"] == "enforce").count()
            / 4
    };
    let (unfixed, fixed) = (of("unfixed"), of("fixed"));
    assert!(
        unfixed < fixed && fixed < 200,
        "{unfixed} trials of a variant that fails, {fixed} of one that passes"
    );
}
