// SPDX-License-Identifier: GPL-2.0-or-later
//! `try`: somebody's own patches, from files and from commits, without a study of theirs.

use std::path::PathBuf;

use super::history::{git, output};
use super::{SCRIPT, file, lines, out, world};
use crate::world::{Ended, World};
use crate::{STUDY_ERROR, has};

const KERNEL: [&str; 2] = ["--kernel", "fake"];

/// A world in which the study `pretend` is the only one that runs the kernel `fake`.
fn pretending(script: &str) -> World {
    let world = world(script);
    std::fs::remove_file(out(&world, "ci/studies/fake.yaml")).unwrap();
    world
}

/// A patch of line 30, which applies to the kernel with any of the world's variants.
fn own(subject: &str, line: &str) -> String {
    format!(
        "From: Ann Ode <ann@example.org>\nSubject: [PATCH] {subject}\n\nWhy.\n---\n kernel/a.c | 2 +-\n\n\
         diff --git a/kernel/a.c b/kernel/a.c\n--- a/kernel/a.c\n+++ b/kernel/a.c\n\
         @@ -29,3 +29,3 @@\n line 29\n-line 30\n+{line}\n line 31\n-- \n2.39.5\n"
    )
}

fn attempt(world: &World, words: &[&str]) -> Ended {
    world.patcheval(&[&["try"], words, &KERNEL[..]].concat())
}

/// The directories of runs and of studies that there are.
fn made(world: &World) -> Vec<PathBuf> {
    let entries = out(world, "runs").read_dir().into_iter().flatten().flatten();
    let mut made: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    made.sort();
    made
}

/// Where a text is in another one.
fn at(text: &str, part: &str) -> usize {
    text.find(part).unwrap_or_else(|| panic!("no `{part}` in:\n{text}"))
}

#[test]
fn own_patches_are_compared_with_a_baseline_that_shows_the_bug() {
    let world = pretending(SCRIPT);
    world.write("a.patch", &own("mips: Flush it", "flushes it"));
    let ended = attempt(&world, &["a.patch", "--seeds", "4"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    // What was chosen and what it costs comes before anything is built, the controls before the trials.
    let said = &ended.stderr;
    has(
        said,
        &["target: fake on malta-24kf-16k, as in the study pretend", "where pretend expects the bug to show"],
    );
    has(
        said,
        &[
            "baseline: unfixed: flushes nothing",
            "cost: 1 kernel from source, 3 images over it, 12 trials: about ",
        ],
    );
    assert!(
        at(said, "cost: ") < at(said, "builds: ") && at(said, "trials: 4\n") < at(said, "trials: 12, 4 done"),
        "{said}"
    );
    // A line for each cell, the baseline first.
    let (unfixed, mine) =
        ("/unfixed/t1-first-return: 1 of 4 pass, sigtrap 3", "/mips-flush-it/t1-first-return: 4 of 4 pass");
    assert!(at(said, unfixed) > at(said, "trials: 12, 4 done") && at(said, mine) > 0, "{said}");
    has(&ended.stdout, &["Own patch: mips: Flush it", "mips-flush-it  4/4 ", " passes-all "]);
    assert!(!ended.stdout.contains("t9-entry"), "only where the bug shows: {}", ended.stdout);

    // The study that was written gives the same run, and elsewhere the same bytes.
    let [study, run] = made(&world).try_into().unwrap();
    let file = |name: &str| study.join(name).to_str().unwrap().to_owned();
    let again = world.patcheval(&["run", &file("study.yaml")]);
    assert_eq!((again.code, &again.stdout), (Some(0), &ended.stdout));
    assert_eq!(made(&world).len(), 2, "there is no other run");
    let other = world.patcheval(&["run", &file("study.yaml"), "--out", "other"]);
    assert_eq!(other.code, Some(0), "{other:?}");
    let bytes = |dir: &str| std::fs::read_to_string(out(&world, dir).join("trials.jsonl")).unwrap();
    assert_eq!(bytes("other"), bytes(run.to_str().unwrap()));
    assert!(std::fs::read_to_string(file("study.yaml")).unwrap().contains("baseline: unfixed\n"));
    // The same patch again is the same study, and a finished run.
    let same = attempt(&world, &["a.patch", "--seeds", "4"]);
    assert_eq!((made(&world).len(), same.stdout), (2, ended.stdout));
}

#[test]
fn a_patch_that_only_the_kernel_itself_takes_is_compared_with_that() {
    let world = pretending(SCRIPT);
    world.write("a.diff", &super::patch("flushes it"));
    let ended = attempt(&world, &["a.diff"]);
    has(&ended.stderr, &["pretend/unfixed does not take the patches, which apply to the kernel as it is"]);
    assert_eq!(ended.code, Some(1), "the bug does not show: {ended:?}");
    has(&ended.stdout, &["as-is", "flushes-it"]);
    // One that nothing takes is reported as it fails on the first.
    world.write("b.diff", &super::patch("x").replace("-line 5\n", "-line five\n"));
    has(&world.fails(&["try", "b.diff", "--kernel", "fake"], STUDY_ERROR), &["b.diff", "does not apply"]);
    assert_eq!(made(&world).len(), 2, "nothing is left of it");
}

#[test]
fn nothing_else_is_run_where_a_trial_with_the_model_off_fails() {
    let script = "trials:\n- {trial: '*/*/*/*/off', ends: sigsegv, has: breaks it}\n".to_owned()
        + "- {trial: '*/*/*/*/off'}\n"
        + SCRIPT.split_once("off'}\n").unwrap().1;
    let world = pretending(&script);
    world.write("a.patch", &own("mips: Break it", "breaks it"));
    let ended = attempt(&world, &["a.patch"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    has(&ended.stderr, &["/mips-break-it/t1-first-return/off/1 fails with the model off"]);
    has(&ended.stderr, &["the other trials are not run"]);
    let run = made(&world).pop().unwrap();
    let trials = lines(&run);
    assert_eq!(trials.len(), 2 * 2, "{trials:?}");
    assert!(trials.iter().all(|line| line["id"]["mode"] == "off"), "{trials:?}");
}

#[test]
fn commits_of_a_tree_are_built_over_one_kernel() {
    let world = pretending(
        "trials:\n- {trial: '*/*/*/*/off'}\n- {has: leaves out the flush, ends: sigtrap, seeds: {1: pass}}\n",
    );
    let tree = out(&world, "linux");
    let commit = |text: &str, message: &str| {
        world.write("linux/kernel/flush.c", text);
        output(git(&tree, &["add", "--all"]));
        output(git(&tree, &["commit", "--quiet", "--message", message]));
    };
    output(git(&tree, &["init", "--quiet"]));
    commit("flushes\n", "Linux 6.1");
    output(git(&tree, &["tag", "v6.1"]));
    commit("leaves out the flush\n", "mips: Save a flush");
    commit("flushes again\n", "mips: Flush again");
    let words = ["--tree", "linux", "--kernel", "mips-6.1", "--testcase", "t1-first-return", "--seeds", "4"];
    let head = world.patcheval(&[&["try"], &words[..]].concat());
    assert_eq!(head.code, Some(0), "{head:?}");
    has(
        &head.stderr,
        &[
            "baseline: ",
            "(\"mips: Save a flush\")",
            "from which 1 files differ",
            "cost: 1 kernel from source",
        ],
    );
    has(&head.stdout, &["mips-tree on malta-24kf-16k", "as-is             1/4 ", "mips-flush-again  4/4 "]);
    // The next commit costs what it changes.
    commit("flushes again and again\n", "mips: Flush more");
    let next = world.patcheval(&[&["try", "HEAD"], &words[..]].concat());
    has(&next.stderr, &["cost: 1 image over a built kernel", "(\"mips: Flush again\")"]);
    has(&next.stdout, &["as-is            4/4 ", "mips-flush-more  4/4 "]);
    assert_eq!(next.code, Some(1), "there is no bug before it any more: {next:?}");
    for kind in ["base", "source"] {
        assert_eq!(world.cache().join(kind).read_dir().unwrap().count(), 1, "one {kind} for all of them");
    }
    // A range is one alternative, and a patch file beside it another one, on what is before the range.
    world.write("a.patch", &own("mips: Tidy up", "tidy"));
    let both = world.patcheval(&[&["try", "a.patch", "v6.1..HEAD", "--dry-run"], &words[..]].concat());
    assert_eq!(both.code, Some(0), "{both:?}");
    has(&both.stdout, &["(\"Linux 6.1\")", "cost: 2 images over", "study: runs/try-mips-tidy-up-"]);
    has(&world.fails(&["try", "v6.1..v6.1", "--tree", "linux"], STUDY_ERROR), &["v6.1..v6.1 has no commits"]);
    has(&world.fails(&["try", "v6.2", "--tree", "linux"], STUDY_ERROR), &["there is no commit v6.2"]);
}

#[test]
fn what_cannot_be_tried_is_said_before_anything_is_built() {
    let world = pretending(SCRIPT);
    world.write("a.patch", &own("mips: Flush it", "flushes it"));
    let fails = |words: &[&str]| world.fails(&[&["try"], words].concat(), STUDY_ERROR);
    has(&fails(&["HEAD"]), &["there is no file or directory HEAD", "--tree"]);
    has(&fails(&["b.patch"]), &["there is no file or directory b.patch"]);
    has(&fails(&["a.patch", "--kernel", "fakd"]), &["there is no kernel `fakd`"]);
    has(&fails(&["a.patch", "--kernel", "fake", "--testcase", "t99"]), &["there is no testcase `t99`"]);
    has(
        &fails(&["a.patch", "--kernel", "fake", "--baseline", "unfixed"]),
        &["neither PATCHSET/VARIANT nor none"],
    );
    has(&fails(&["a.patch", "--kernel", "fake", "--baseline", "pretend/unfixt"]), &["no variant `unfixt`"]);
    assert!(!world.has_built() && made(&world).is_empty(), "{:?}", made(&world));
    let planned = attempt(&world, &["a.patch", "--baseline", "none", "--dry-run"]);
    has(&planned.stdout, &["baseline: fake as it is", "cost: "]);
    assert!(!world.has_built());
    let study = made(&world).pop().unwrap();
    has(&file(&world, study.to_str().unwrap(), "study.yaml"), &["patches: own", "baseline: as-is"]);
}
