// SPDX-License-Identifier: GPL-2.0-or-later
//! The quick study on a cluster that loses a node, against the same study on one machine.

use std::path::Path;
use std::process::Output;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::MINI_STUDY;
use crate::bench::{Bench, Printed};
use crate::cluster::{self, Cluster, NODES};
use crate::shares::FILES;

/// Four trials at a time on two cores.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

#[test]
fn a_cluster_that_loses_a_node_gives_the_bytes_of_one_machine() {
    if !can_be_tested() {
        return;
    }
    let whole = Bench::quick();
    let (bench, _alone) = (whole.bench(), Bench::alone());
    let mut cluster = Cluster::start(&bench.out("cluster"));
    let dir = bench.out("submission");
    let out = dir.to_string_lossy().into_owned();
    let submit = ["submit", "slurm", "quick", "--shards", "5", "--cores", "1", "--out", &out];

    let submitted = patcheval(&bench, &cluster, &submit);
    assert_eq!(submitted.code, Some(0), "{}", submitted.stderr);
    assert!(submitted.stdout.starts_with("quick: 5 shares in "), "{}", submitted.stdout);
    let again = patcheval(&bench, &cluster, &submit);
    assert!(again.stderr.contains("is at work already"), "{}", again.stderr);
    assert_eq!(again.code, Some(2));

    // Each node has one share, and a fifth waits for the first that is free.
    let status = |bench: &Bench, cluster: &Cluster| patcheval(bench, cluster, &["submit", "status", &out]);
    wait(&bench, &cluster, &status, |_| (1..=4).all(|share| trials(&dir, share) > 20));
    let seen = status(&bench, &cluster).stdout;
    let nodes = |text: &str| (1..=NODES).filter(|node| text.contains(&format!("RUNNING n{node},"))).count();
    assert_eq!(nodes(&seen), NODES as usize, "{seen}");
    let lost =
        (1..=4).find(|share| seen.contains(&format!("share {share}/5      RUNNING n1,"))).expect(&seen);
    cluster.lose(1);
    let kept = trials(&dir, lost);

    wait(&bench, &cluster, &status, |text| text.contains("report: "));
    let done = status(&bench, &cluster);
    assert_eq!(done.code, Some(0), "{}", done.stdout);
    assert_eq!(done.stdout.matches(" done").count(), 2 + 5 + 1, "{}", done.stdout);
    let log = std::fs::read_to_string(dir.join(format!("share-{lost}.log"))).unwrap();
    assert!(trials(&dir, lost) > kept && log.contains(" cells, "), "share {lost} has begun again: {log}");
    for file in FILES {
        let read = |dir: &Path| std::fs::read_to_string(dir.join(file)).unwrap();
        assert!(read(&dir.join("whole")) == read(Path::new(&whole.dir())), "{file} is not the same");
    }
}

/// A machine fails a share, which is not the study's fault: the share begins again by itself.
#[test]
fn a_share_that_its_machine_fails_begins_again() {
    if !can_be_tested() {
        return;
    }
    let bench = Bench::with_study("twice", MINI_STUDY, |_| {});
    let alone = Bench::alone();
    let whole = bench.run_alone(&alone, "twice", "whole");
    let cluster = Cluster::start(&bench.out("cluster"));
    let dir = bench.out("submission");
    // Where its run should go lies a file, until it has been in the way.
    let obstacle = dir.join("share-1");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(&obstacle, "").unwrap();
    let out = dir.to_string_lossy().into_owned();
    let submitted = patcheval(
        &bench,
        &cluster,
        &["submit", "slurm", "twice", "--shards", "2", "--cores", "1", "--out", &out],
    );
    assert_eq!(submitted.code, Some(0), "{}", submitted.stderr);
    let status = |bench: &Bench, cluster: &Cluster| patcheval(bench, cluster, &["submit", "status", &out]);
    let log = || std::fs::read_to_string(dir.join("share-1.log")).unwrap_or_default();
    wait(&bench, &cluster, &status, |_| log().contains("error: "));
    std::fs::remove_file(&obstacle).unwrap();
    wait(&bench, &cluster, &status, |text| text.contains("report: "));
    assert!(log().contains(" cells, "), "{}", log());
    assert_eq!(std::fs::read_to_string(dir.join("whole/trials.jsonl")).unwrap(), whole.text());
}

/// Whether there is a Slurm; says so where there is none.
fn can_be_tested() -> bool {
    let missing = cluster::missing();
    if let Some(program) = missing {
        cluster::say_loudly(&format!(
            "there is no {program} here: Slurm is NOT tested (Debian: slurmctld slurmd slurm-client munge)"
        ));
    }
    missing.is_none()
}

/// Runs the command where it finds the cluster.
fn patcheval(bench: &Bench, cluster: &Cluster, args: &[&str]) -> Printed {
    let (name, value) = cluster.configuration();
    let Output { status, stdout, stderr } = bench.command(args).env(name, value).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Printed { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

/// Waits until something is so, as long as nothing has failed for good.
fn wait(
    bench: &Bench,
    cluster: &Cluster,
    status: &dyn Fn(&Bench, &Cluster) -> Printed,
    so: impl Fn(&str) -> bool,
) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = status(bench, cluster);
        if so(&now.stdout) {
            return;
        }
        assert_eq!(now.code, Some(0), "{}{}{}", now.stdout, now.stderr, cluster.logs());
        assert!(Instant::now() < deadline, "{}{}", now.stdout, cluster.logs());
        sleep(Duration::from_millis(500));
    }
}

/// How many trials a share has written down.
fn trials(dir: &Path, share: u32) -> usize {
    let lines = std::fs::read_to_string(dir.join(format!("share-{share}/trials.jsonl")));
    lines.map_or(0, |text| text.lines().count())
}
