// SPDX-License-Identifier: GPL-2.0-or-later
//! What users see, word for word: replies of the main commands about one study on a fake machine.
//!
//! After a change that is meant, `INSTA_UPDATE=always cargo test -p patcheval --test fast replies` writes the snapshots again; read
//! the difference before it is committed.

use insta::assert_snapshot;

use crate::fake::{SCRIPT, history, world};
use crate::world::World;

/// A world with one study, which has been run.
fn ran() -> World {
    let world = world(SCRIPT);
    for study in std::fs::read_dir(world.root().join("ci/studies")).unwrap().flatten() {
        if study.file_name() != "pretend.yaml" {
            std::fs::remove_file(study.path()).unwrap();
        }
    }
    world.patcheval(&["run", "pretend", "--out", "run"]);
    world
}

/// What a command prints, and how it ends; what differs from machine to machine is replaced. Progress, which has times, belongs
/// to successes only.
fn reply(world: &World, words: &[&str]) -> String {
    let ended = world.patcheval(words);
    let code = ended.code.unwrap();
    let complaint = if code > 1 { ended.stderr } else { String::new() };
    let text = format!("$ patcheval {}\n{}{complaint}(exit code {code})", words.join(" "), ended.stdout);
    let text = text.replace(world.cache().to_str().unwrap(), "[CACHE]");
    let text = text.replace(world.root().to_str().unwrap(), "[ROOT]");
    text.replace(env!("CARGO_PKG_VERSION"), "[VERSION]")
}

#[test]
fn before_anything_runs() {
    let world = ran();
    assert_snapshot!("list", reply(&world, &["list"]));
    assert_snapshot!("plan", reply(&world, &["plan", "pretend", "--jobs", "2"]));
}

#[test]
fn of_a_run() {
    let world = ran();
    assert_snapshot!("run", reply(&world, &["run", "pretend", "--out", "run"]));
    assert_snapshot!("report", reply(&world, &["report", "run"]));
    assert_snapshot!("report-mail", reply(&world, &["report", "run", "--format", "mail"]));
    assert_snapshot!("compare", reply(&world, &["compare", "run", "run"]));
    let trial = "fake/malta-24kf-16k/unfixed/t1-first-return/enforce/1";
    // The line itself has hashes of its record, whose format is none of this test's business.
    let replayed = reply(&world, &["replay", "run", trial]);
    let replayed: Vec<&str> = replayed.lines().filter(|line| !line.starts_with('{')).collect();
    assert_snapshot!("replay", replayed.join("\n"));
}

#[test]
fn of_explanations() {
    let world = ran();
    let cell = "fake/malta-24kf-16k/unfixed/t1-first-return";
    assert_snapshot!("explain-cell", reply(&world, &["explain", "run", cell]));
    assert_snapshot!("explain-trial", reply(&world, &["explain", "run", &format!("{cell}/enforce/1")]));
    assert_snapshot!("explain-no-cell", reply(&world, &["explain", "run", "unfixd/t1-first-return"]));
}

#[test]
fn of_shares() {
    let world = ran();
    assert_snapshot!("share", reply(&world, &["run", "pretend", "--shard", "1/2", "--out", "share"]));
    assert_snapshot!("merge", reply(&world, &["merge", "share", "--out", "merged"]));
}

#[test]
fn of_a_bisection() {
    let world = world(&history::SCRIPT.replace("{}", "1.0"));
    let history = history::write(&world, 1);
    assert_snapshot!("bisect", reply(&world, &history::words(&history, "search")));
}
