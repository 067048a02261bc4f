// SPDX-License-Identifier: GPL-2.0-or-later
//! Ctrl-C and kill -9 in the middle of everything: nothing that had ended is lost, doubled or changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{SCRIPT, bytes, lines, out, world};
use crate::world::World;

/// Trials that take their time, as do builds and boots.
const SLOW: &str = "\
builds: [{takes_ms: 10}]
boots: [{takes_ms: 10}]
trials:
- {trial: '*/*/*/*/off', takes_ms: 4}
- {trial: '*/*/unfixed', fails: 0.6, takes_ms: 4}
- {fails: 0.1, ends: qemu-died, takes_ms: 4}
";

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Kills, unless `PATCHEVAL_KILLS` says how many.
const KILLS: u64 = 10;

fn start(world: &World, out: &str) -> Child {
    let mut command = world.command(&["run", "pretend", "--jobs", "2", "--out", out]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn wait_for_lines(out: &Path, count: usize, child: &mut Child) {
    let deadline = Instant::now() + PATIENCE;
    while lines(out).len() < count {
        assert!(child.try_wait().unwrap().is_none(), "the run ended by itself");
        assert!(Instant::now() < deadline, "no trials");
        sleep(Duration::from_millis(2));
    }
}

#[test]
fn an_interrupted_run_goes_on_to_the_same_bytes() {
    let world = world(SLOW);
    world.patcheval(&["run", "pretend", "--out", "whole"]);
    let dir = out(&world, "interrupted");
    for (signal, code) in [("INT", Some(130)), ("TERM", Some(130)), ("KILL", None)] {
        let before = lines(&dir).len();
        let mut child = start(&world, "interrupted");
        wait_for_lines(&dir, before + 3, &mut child);
        let kill = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        assert_eq!(child.wait().unwrap().code(), code, "SIG{signal}");
        assert!(lines(&dir).len() >= before + 3, "finished trials are kept");
        assert!(lines(&dir).len() < super::TRIALS, "the run was interrupted, not complete");
    }
    world.patcheval(&["run", "pretend", "--out", "interrupted"]);
    assert_eq!(bytes(&world, "interrupted"), bytes(&world, "whole"));
}

/// By trial; none may be there twice.
fn by_trial(dir: &Path) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for line in lines(dir) {
        let twice = found.insert(line["id"].to_string(), line);
        assert!(twice.is_none(), "twice: {twice:?}");
    }
    found
}

/// At seeded moments, also while sources are copied, kernels built and machines booted. `PATCHEVAL_KILLS` says how many,
/// `PATCHEVAL_KILL_SEED` which.
#[test]
fn kills_at_any_moment_lose_nothing() {
    let set = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let (kills, seed) = (set("PATCHEVAL_KILLS").unwrap_or(KILLS), set("PATCHEVAL_KILL_SEED").unwrap_or(1));
    let mut random = fastrand::Rng::with_seed(seed);
    let world = world(SLOW);
    let begun = Instant::now();
    world.patcheval(&["run", "pretend", "--out", "whole"]);
    // Two of three runs are killed, however busy the machine is.
    let moments = 0..u64::try_from(begun.elapsed().as_millis()).unwrap() * 3 / 2;
    let (whole, mut killed, mut round) = (bytes(&world, "whole"), 0, 0);
    while killed < kills {
        let name = format!("round-{round}");
        let dir = out(&world, &name);
        if random.bool() {
            std::fs::remove_dir_all(world.cache()).unwrap();
        }
        loop {
            let before = by_trial(&dir);
            let mut child = start(&world, &name);
            sleep(Duration::from_millis(random.u64(moments.clone())));
            let ended = child.try_wait().unwrap();
            if ended.is_none() {
                let _ = child.kill();
                killed += 1;
            }
            let code = child.wait().unwrap().code();
            let after = by_trial(&dir);
            for (id, line) in &before {
                assert_eq!(
                    after.get(id),
                    Some(line),
                    "seed {seed}: a trial that had ended is lost or changed"
                );
            }
            if code.is_some() {
                assert!(matches!(code, Some(0 | 1 | 3)), "{code:?}");
                break;
            }
        }
        assert_eq!(bytes(&world, &name), whole, "seed {seed}, round {round}");
        round += 1;
    }
    // Whoever runs next sweeps.
    world.patcheval(&["run", "pretend", "--out", "whole"]);
    let left: Vec<PathBuf> =
        std::fs::read_dir(world.cache().join("tmp")).unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "scratch directories are left in the cache: {left:?}");
}

/// A trial whose emulator died is unknown, and stays so: nobody tries again until it passes.
#[test]
fn a_trial_that_says_nothing_is_not_tried_again() {
    let world = world(&format!("{SCRIPT}- {{trial: 'fake/*/fixed/t1*/enforce/2', ends: qemu-died}}\n"));
    let ended = world.patcheval(&["run", "pretend", "--out", "run"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    let before = bytes(&world, "run");
    assert_eq!(world.patcheval(&["run", "pretend", "--out", "run"]).code, Some(3));
    assert_eq!(bytes(&world, "run"), before);
}
