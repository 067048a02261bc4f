// SPDX-License-Identifier: GPL-2.0-or-later
//! Parts of a study: the cells that were asked for, with what their verdicts rest on.

use super::{SCRIPT, bytes, file, out, run, world};
use crate::{STUDY_ERROR, has};

/// A part has the trials that the whole has of its cells, byte for byte, and says that it is one.
#[test]
fn a_part_has_the_trials_of_the_whole_and_says_that_it_is_a_part() {
    let world = world(SCRIPT);
    run(&world, "pretend", "whole", &[]);
    let asked = ["--only", "fake/*/dear/t1*", "--seeds", "3"];
    let ended = run(&world, "pretend", "part", &asked);
    let marked = "[part of the study: 2 of 12 cells, 3 of 4 seeds]";
    has(&ended.stdout, &[marked, "unfixed", "dear"]);
    assert!(!ended.stdout.contains("t9-entry") && !ended.stdout.contains("fixed  4/4"), "{}", ended.stdout);
    for name in ["report.md", "report.html", "run.json"] {
        has(&file(&world, "part", name).replace("\\[", "[").replace("\\]", "]"), &[marked]);
    }
    // The controls and the baseline are there, and all of it is what the whole has.
    let (whole, part) = (bytes(&world, "whole"), bytes(&world, "part"));
    assert_eq!(part.lines().count(), 2 * (3 + 1));
    assert!(part.lines().all(|line| whole.lines().any(|of_whole| of_whole == line)), "{part}");
    assert_eq!(part.lines().filter(|line| line.contains(r#""variant":"unfixed""#)).count(), 4, "{part}");
    // It goes into a directory of its own, and not into the one of the whole or into the history.
    has(
        &world.fails(&["run", "pretend", "--out", "whole", "--seeds", "3"], STUDY_ERROR),
        &["of other content"],
    );
    has(&world.fails(&["history", "add", "part"], STUDY_ERROR), &["is a run of a part of pretend"]);
    // The shares of a part are a part.
    for share in ["1/2", "2/2"] {
        let (name, shard) = (share.replace('/', "-"), ["--shard", share, "--out"]);
        let ended = world.patcheval(&[&["run", "pretend"], &asked[..], &shard, &[&name]].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    assert!(matches!(world.patcheval(&["merge", "1-2", "2-2", "--out", "merged"]).code, Some(0 | 1)));
    assert_eq!(bytes(&world, "merged"), part);
    assert!(out(&world, "part").join("report.html").is_file());
}

/// What fits no cell is an error with the nearest names, before anything is built.
#[test]
fn a_cell_that_a_study_has_not_is_reported_with_the_nearest() {
    let world = world(SCRIPT);
    let fails = |cell: &str| world.fails(&["run", "pretend", "--only", cell], STUDY_ERROR);
    has(&fails("fake/*/deer/*"), &["study pretend has no variant `deer`", "did you mean `dear`?"]);
    has(
        &fails("fake/virt-a15/dear/*"),
        &["has no cell fake/virt-a15/dear/*", "fake/malta-24kf-16k/dear/t1-first"],
    );
    has(&fails("dear"), &["it has 1 words, not 4", "KERNEL/MACHINE/VARIANT/TESTCASE"]);
    assert!(!world.has_built());
    let planned = world.patcheval(&["plan", "pretend", "--only", "fake/*/dear/t1*"]);
    has(&planned.stdout, &["1 targets, 2 variants, 1 testcases: 2 cells", "10 trials"]);
}
