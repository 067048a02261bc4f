// SPDX-License-Identifier: GPL-2.0-or-later
//! Shares of a study, put together, against the whole.

use crate::bench::Bench;

/// What follows from trials alone, and so is the same wherever they were run.
pub const FILES: [&str; 5] = ["run.json", "trials.jsonl", "judgement.json", "report.md", "exhibits.json"];

#[test]
fn shares_put_together_are_the_bytes_of_the_whole() {
    let bench = Bench::with_study("shares", crate::MINI_STUDY.replace("twice", "shares").as_str(), |_| {});
    let whole = bench.run("shares", "whole");
    let path = |name: &str| bench.out(name).to_string_lossy().into_owned();
    for shard in ["1/2", "2/2"] {
        let out = path(&format!("share-{}", &shard[..1]));
        let args = ["run", "shares", "--shard", shard, "--costs", &whole.dir(), "--out", &out];
        let printed = bench.patcheval(&args);
        assert_eq!(printed.code, Some(0), "{}", printed.stderr);
        assert!(printed.stdout.starts_with(&format!("share {shard}: ")), "{}", printed.stdout);
    }
    let (one, two, merged) = (path("share-1"), path("share-2"), path("merged"));

    let refused = bench.patcheval(&["report", &one]);
    assert!(refused.stderr.contains("is share 1/2 of a run"), "{}", refused.stderr);
    assert_eq!(refused.code, Some(2));
    let refused = bench.patcheval(&["merge", &one, &one, "--out", &merged]);
    assert!(refused.stderr.contains("are both share 1/2"), "{}", refused.stderr);
    let refused = bench.patcheval(&["merge", &one, &whole.dir(), "--out", &merged]);
    assert!(refused.stderr.contains("is a whole run, not a share of one"), "{}", refused.stderr);

    let half = bench.patcheval(&["merge", &two, "--out", &merged]);
    assert!(half.stdout.contains("absent: share 1/2"), "{}", half.stdout);
    assert_eq!(half.code, Some(3), "what is missing is unknown");
    let both = bench.patcheval(&["merge", &one, &two, "--out", &merged]);
    assert_eq!(both.code, whole.code(), "{}", both.stderr);
    for file in FILES {
        let read = |dir: &str| std::fs::read_to_string(std::path::Path::new(dir).join(file)).unwrap();
        assert!(read(&merged) == read(&whole.dir()), "{file} is not the same");
    }
}
