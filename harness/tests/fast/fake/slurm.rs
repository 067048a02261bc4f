// SPDX-License-Identifier: GPL-2.0-or-later
//! A study on a cluster that loses a node, against the same study on one machine.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::cluster::{self, Cluster, NODES};
use super::shares::FILES;
use super::{STUDY, bytes, lines, out, run, world};
use crate::has;
use crate::world::{Ended, World};

/// A node that is lost takes Slurm half a minute.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// The nodes of both clusters have the same ports.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Trials that last until something happens to their node.
const SLOW: &str = "\
trials:
- {trial: '*/*/*/*/off', takes_ms: 100}
- {trial: 'fake/*/unfixed/t1-first-return', ends: sigtrap, fails: 0.7, takes_ms: 100}
- {takes_ms: 100}
";

#[test]
fn a_cluster_that_loses_a_node_gives_the_bytes_of_one_machine() {
    let Some((_alone, mut world)) = can_be_tested(SLOW) else { return };
    world.write("ci/studies/pretend.yaml", &STUDY.replace("count: 4", "count: 40"));
    let whole = run(&world, "pretend", "one-machine", &["--jobs", "16"]);
    let mut cluster = Cluster::start(&out(&world, "cluster"));
    world.set(cluster.configuration());
    let dir = out(&world, "submission");
    let submit = ["submit", "slurm", "pretend", "--shards", "5", "--cores", "1", "--out", "submission"];

    let submitted = world.patcheval(&submit);
    assert_eq!(submitted.code, Some(0), "{submitted:?}");
    assert!(submitted.stdout.starts_with("pretend: 5 shares in "), "{}", submitted.stdout);
    let again = world.patcheval(&submit);
    has(&again.stderr, &["is at work already"]);
    assert_eq!(again.code, Some(2));

    // Each node has one share, and a fifth waits for the first that is free.
    wait(&world, &cluster, |_| (1..=4).all(|share| trials(&dir, share) > 10));
    let seen = status(&world).stdout;
    let nodes = |text: &str| (1..=NODES).filter(|node| text.contains(&format!("RUNNING n{node},"))).count();
    assert_eq!(nodes(&seen), NODES as usize, "{seen}");
    let lost =
        (1..=4).find(|share| seen.contains(&format!("share {share}/5      RUNNING n1,"))).expect(&seen);
    cluster.lose(1);
    let kept = trials(&dir, lost);

    wait(&world, &cluster, |text| text.contains("report: "));
    let done = status(&world);
    assert_eq!(done.code, Some(0), "{}", done.stdout);
    assert_eq!(done.stdout.matches(" done").count(), 2 + 5 + 1, "{}", done.stdout);
    let log = std::fs::read_to_string(dir.join(format!("share-{lost}.log"))).unwrap();
    assert!(trials(&dir, lost) > kept && log.contains(" cells, "), "share {lost} has begun again: {log}");
    for file in FILES {
        let read = |dir: &str| world.read(&format!("{dir}/{file}"));
        assert!(read("submission/whole") == read("one-machine"), "{file} is not the same");
    }
    assert_eq!(whole.code, Some(0));
}

/// A machine fails a share, which is not the study's fault: the share begins again by itself.
#[test]
fn a_share_that_its_machine_fails_begins_again() {
    let Some((_alone, mut world)) = can_be_tested(super::SCRIPT) else { return };
    run(&world, "pretend", "one-machine", &[]);
    let cluster = Cluster::start(&out(&world, "cluster"));
    world.set(cluster.configuration());
    let dir = out(&world, "submission");
    // Where its run should go lies a file, until it has been in the way.
    let obstacle = dir.join("share-1");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(&obstacle, "").unwrap();
    let submit = ["submit", "slurm", "pretend", "--shards", "2", "--cores", "1", "--out", "submission"];
    let submitted = world.patcheval(&submit);
    assert_eq!(submitted.code, Some(0), "{submitted:?}");
    let log = || std::fs::read_to_string(dir.join("share-1.log")).unwrap_or_default();
    wait(&world, &cluster, |_| log().contains("error: "));
    std::fs::remove_file(&obstacle).unwrap();
    wait(&world, &cluster, |text| text.contains("report: "));
    assert!(log().contains(" cells, "), "{}", log());
    assert_eq!(bytes(&world, "submission/whole"), bytes(&world, "one-machine"));
}

/// A world, and the right to start a cluster; says so where there is no Slurm.
fn can_be_tested(script: &str) -> Option<(MutexGuard<'static, ()>, World)> {
    if let Some(program) = cluster::missing() {
        crate::say_loudly(&format!(
            "there is no {program} here: Slurm is NOT tested (Debian: slurmctld slurmd slurm-client munge)"
        ));
        return None;
    }
    Some((ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner), world(script)))
}

fn status(world: &World) -> Ended {
    world.patcheval(&["submit", "status", "submission"])
}

/// Waits until something is so, as long as nothing has failed for good.
fn wait(world: &World, cluster: &Cluster, so: impl Fn(&str) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = status(world);
        if so(&now.stdout) {
            return;
        }
        assert_eq!(now.code, Some(0), "{}{}{}{}", now.stdout, now.stderr, logs(world), cluster.logs());
        assert!(Instant::now() < deadline, "{}{}", now.stdout, cluster.logs());
        sleep(Duration::from_millis(500));
    }
}

/// What the jobs of the submission have said.
fn logs(world: &World) -> String {
    let Ok(entries) = std::fs::read_dir(out(world, "submission")) else { return String::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    let logs = paths.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    logs.map(|path| {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        format!("{}:\n{text}\n", path.display())
    })
    .collect()
}

/// How many trials a share has written down.
fn trials(dir: &Path, share: u32) -> usize {
    lines(&dir.join(format!("share-{share}"))).len()
}
