// SPDX-License-Identifier: GPL-2.0-or-later
//! Variants of which there is no kernel: shares agree on them, and all patches that do not apply are named at once.

use super::{SCRIPT, file, patch, run, world};
use crate::{STUDY_ERROR, has};

const NO_KERNELS: &str = "\
builds:
- {has: flushes a line, error: \"CC a.o\\na.c:5: error: expected ;\\nmake: *** [a.o] Error 1\"}
boots:
- {machine: virt-a15, has: flushes all, console: 'Kernel panic - not syncing: no flush'}
- {machine: 'malta*', has: flushes all, console: 'Uncompressing...', late: true}
trials:
- {trial: 'fake/*/unfixed/t1*/enforce', ends: sigill}
";

/// Shares find the same, and the whole has what each of them has.
#[test]
fn shares_agree_on_kernels_that_do_not_build_or_boot() {
    let world = world(NO_KERNELS);
    assert_eq!(world.patcheval(&["run", "pretend", "--out", "whole"]).code, Some(1));
    for share in ["1/2", "2/2"] {
        let name = share.replace('/', "-");
        let ended = world.patcheval(&["run", "pretend", "--shard", share, "--out", &name]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    assert_eq!(world.patcheval(&["merge", "1-2", "2-2", "--out", "merged"]).code, Some(1));
    for name in ["trials.jsonl", "boots.jsonl", "judgement.json", "builds/fake/fixed.log"] {
        assert!(file(&world, "whole", name) == file(&world, "merged", name), "{name} is not the same");
    }
}

/// All patches that do not apply are named at once, before anything is built, and the others are tried.
#[test]
fn patches_that_do_not_apply_are_verdicts_and_named_at_once() {
    let world = world(SCRIPT);
    for name in ["fixed", "dear"] {
        let bad = patch("never").replace("-line 5\n", &format!("-line of {name}\n"));
        world.write(&format!("patches/pretend/{name}/0001-{name}.patch"), &bad);
    }
    // Without any variant beside the baseline there is nothing to compare.
    let said = world.fails(&["run", "pretend"], STUDY_ERROR);
    has(&said, &["variant fixed on fake: ", "variant dear on fake: ", "variant fixed on fake-arm: "]);
    has(&said, &["does not apply", "hint: rebase"]);
    assert!(!world.has_built());
    world.write("patches/pretend/dear/0001-dear.patch", &patch("flushes all"));
    let ended = run(&world, "pretend", "run", &[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let (first, build) = (ended.stderr.find("variant fixed on fake-arm: "), ended.stderr.find("builds: "));
    assert!(first.is_some() && first < build, "{}", ended.stderr);
    has(&ended.stdout, &["the patches of fixed do not apply to fake: ", " patch-rejected ", " passes-all "]);
    // Nothing can be compared with a baseline that does not apply.
    world.write(
        "patches/pretend/unfixed/0001-unfixed.patch",
        &world.read("patches/pretend/fixed/0001-fixed.patch"),
    );
    has(&world.fails(&["run", "pretend"], STUDY_ERROR), &["variant unfixed on fake: ", "variant fixed on"]);
}
