// SPDX-License-Identifier: GPL-2.0-or-later
//! Shares of a study, put together, against the whole.

use super::{SCRIPT, file, run, world};
use crate::{INFRASTRUCTURE, STUDY_ERROR, has};

/// What follows from trials alone, and so is the same wherever they were run.
pub const FILES: [&str; 5] = ["run.json", "trials.jsonl", "judgement.json", "report.md", "examples.json"];

#[test]
fn shares_put_together_are_the_bytes_of_the_whole() {
    let world = world(SCRIPT);
    let whole = run(&world, "pretend", "whole", &[]);
    for share in ["1", "2", "3"] {
        let (shard, out) = (format!("{share}/3"), format!("share-{share}"));
        let ended = run(&world, "pretend", &out, &["--shard", &shard, "--costs", "whole"]);
        assert!(ended.stdout.starts_with(&format!("share {shard}: ")), "{}", ended.stdout);
    }
    has(&world.fails(&["report", "share-1"], STUDY_ERROR), &["is share 1/3 of a run"]);
    let merge = |shares: &[&str], out: &str| world.patcheval(&[&["merge"], shares, &["--out", out]].concat());
    has(&merge(&["share-1", "share-1"], "merged").stderr, &["are both share 1/3"]);
    has(&merge(&["share-1", "whole"], "merged").stderr, &["is a whole run, not a share of one"]);

    let two = merge(&["share-2", "share-3"], "merged");
    has(&two.stdout, &["absent: share 1/3"]);
    assert_eq!(two.code, Some(INFRASTRUCTURE), "what is missing is unknown");
    let all = merge(&["share-3", "share-1", "share-2"], "merged");
    assert_eq!(all.code, whole.code, "{}", all.stderr);
    for name in FILES {
        assert!(file(&world, "merged", name) == file(&world, "whole", name), "{name} is not the same");
    }
}
