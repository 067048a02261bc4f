// SPDX-License-Identifier: GPL-2.0-or-later
//! Bisections of a history in which one commit breaks what a testcase looks at.

use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use super::history::{self, CELL, History, SCRIPT, git, output, words};
use super::{out, world};
use crate::has;
use crate::world::World;

/// Bisects into a directory; returns what the command printed.
fn bisect(world: &World, history: &History, out: &str) -> String {
    let ended = world.patcheval(&words(history, out));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    has(&ended.stdout, &[&format!("\n{}\n", history.culprit)]);
    ended.stdout
}

#[test]
fn the_commit_that_broke_it_is_found_and_git_takes_the_log() {
    let world = world(&SCRIPT.replace("{}", "0.97"));
    let history = history::write(&world, 1);
    let text = bisect(&world, &history, "search");
    has(&text, &["found the commit that broke it, with a probability of 99."]);
    let mail = world.read("search/mail.txt");
    assert!(mail.lines().all(|line| line.chars().count() <= 76), "{mail}");
    let log = out(&world, "search/bisect.log");
    output(git(&history.repository, &["bisect", "replay", log.to_str().unwrap()]));
    let bad = output(git(&history.repository, &["rev-parse", "refs/bisect/bad"]));
    assert_eq!(bad.trim(), history.culprit);
    // Complete: it is only reported again.
    let journal = world.read("search/journal.jsonl");
    assert_eq!(bisect(&world, &history, "search"), text);
    assert_eq!(world.read("search/journal.jsonl"), journal);
}

/// The less often it shows, the more trials it takes; the answer is the same.
#[test]
fn a_bug_that_shows_seldom_is_found_too() {
    let mut before = 0;
    for (seed, fails) in [(2, "1.0"), (3, "0.3"), (4, "0.1")] {
        let world = world(&SCRIPT.replace("{}", fails));
        let history = history::write(&world, seed);
        bisect(&world, &history, "search");
        let journal = world.read("search/journal.jsonl");
        let trials = journal.lines().filter(|line| line.contains("\"what\":\"trial\"")).count();
        assert!(trials > before, "{trials} trials for one in {fails}");
        before = trials;
    }
}

#[test]
fn git_bisect_run_comes_to_the_same_commit() {
    let world = world(&SCRIPT.replace("{}", "1.0"));
    let history = history::write(&world, 1);
    let repository = &history.repository;
    output(git(repository, &["bisect", "start", "--no-checkout", "tip", "base"]));
    let tree = repository.to_str().unwrap();
    let step = world.command(&["step", "pretend", "--tree", tree, "--commit", "BISECT_HEAD", "--cell", CELL]);
    let root = world.root();
    let mut run = git(repository, &["bisect", "run"]);
    run.arg(step.get_program()).args(["--root", root.to_str().unwrap()]).args(step.get_args());
    run.envs(step.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let text = output(run);
    assert!(text.contains(&format!("{} is the first bad commit", history.culprit)), "{text}");
}

/// While it builds, while it boots and during trials.
#[test]
fn a_killed_bisection_goes_on_to_the_same_answer() {
    let world = world(&SCRIPT.replace("{}", "0.7").replace("takes_ms: 3", "takes_ms: 20"));
    let history = history::write(&world, 5);
    let mut dice = fastrand::Rng::with_seed(1);
    let mut killed = 0;
    loop {
        let mut command = world.command(&words(&history, "killed"));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        sleep(Duration::from_millis(dice.u64(20..400)));
        let ended = child.try_wait().unwrap();
        let _ = child.kill();
        child.wait().unwrap();
        if let Some(status) = ended {
            assert!(status.success());
            break;
        }
        killed += 1;
    }
    assert!(killed > 2, "it was killed only {killed} times");
    let text = bisect(&world, &history, "killed");
    assert_eq!(bisect(&world, &history, "whole").replace("whole", "killed"), text);
}

/// A bisection whose warm trials are not what cold ones are has no answer, also when it is asked again.
#[test]
fn a_warm_trial_that_differs_ends_a_bisection() {
    let mut world =
        world(&SCRIPT.replace("{}", "0.97").replace("ends: sigtrap,", "ends: sigtrap, warm_differs: true,"));
    let history = history::write(&world, 1);
    for _ in 0..2 {
        let ended = world.patcheval(&words(&history, "search"));
        assert_eq!(ended.code, Some(3), "{ended:?}");
        has(
            &ended.stderr,
            &["of the trials that were run warm and cold differ", "search/differences", "--cold"],
        );
    }
    world.pretend(&SCRIPT.replace("{}", "0.97"));
    bisect(&world, &history, "another");
}
