// SPDX-License-Identifier: GPL-2.0-or-later
//! Ctrl-C and kill -9 in the middle of the trials: no QEMU is left.

use std::collections::HashSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::MINI_STUDY;
use crate::bench::Bench;

/// Two machines, three testcases, eight seeds and a coherent one.
const TRIALS: usize = 2 * 3 * (8 + 1);

/// Long enough for kernels to be built first, when this test happens to be the first that needs them.
const PATIENCE: Duration = Duration::from_secs(25 * 60);

/// Interrupts a run by each signal, looks for what is left, and lets it go on. Its trials are some of the quick study's, whose
/// bytes they must have.
pub fn interrupt_and_resume() {
    let quick = Bench::quick().text();
    let bench = Bench::with_study("twice", MINI_STUDY, |_| {});
    let alone = Bench::alone();
    let out = bench.out("interrupted");
    for (signal, code) in [("INT", Some(130)), ("KILL", None)] {
        let before = lines(&out);
        let mut child = start(&bench, &out);
        wait_for_lines(&out, before + 3, &mut child);
        let kill = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        assert_eq!(child.wait().unwrap().code(), code, "SIG{signal}");
        wait_until_gone();
        assert!(lines(&out) >= before + 3, "finished trials are kept");
        assert!(lines(&out) < TRIALS, "the run was interrupted, not complete");
    }
    let resumed = bench.run_alone(&alone, "twice", "interrupted").text();
    assert_eq!(resumed.lines().count(), TRIALS);
    let whole: HashSet<&str> = quick.lines().collect();
    for line in resumed.lines() {
        assert!(whole.contains(line), "not the bytes of the quick study: {line}");
    }
}

/// Kills QEMUs by SIGKILL while they serve. A trial that dies so on a machine that has served others is run again; one that dies
/// as the first of its machine is unknown, as it always was; all others have their bytes.
pub fn kill_machines_and_go_on() {
    let quick = Bench::quick().text();
    let bench = Bench::with_study("twice", MINI_STUDY, |_| {});
    let _alone = Bench::alone();
    let out = bench.out("killed");
    let mut child = start(&bench, &out);
    wait_for_lines(&out, 1, &mut child);
    let mut kills = 0;
    while child.try_wait().unwrap().is_none() {
        if let Some((process, _)) = survivor() {
            let kill = Command::new("kill").args(["-s", "KILL", &process]).status().unwrap();
            kills += usize::from(kill.success());
        }
        sleep(Duration::from_millis(700));
    }
    assert!(kills > 0, "nothing was killed");
    wait_until_gone();
    let text = std::fs::read_to_string(out.join("trials.jsonl")).unwrap();
    assert_eq!(text.lines().count(), TRIALS, "no trial is lost or doubled");
    let whole: HashSet<&str> = quick.lines().collect();
    let changed: Vec<&str> = text.lines().filter(|line| !whole.contains(line)).collect();
    let unknown = |line: &&&str| line.contains("\"result\":\"unknown\"");
    assert_eq!(changed.iter().filter(unknown).count(), changed.len(), "{changed:?}");
    assert!(changed.len() <= kills, "{kills} kills, {changed:?}");
}

fn start(bench: &Bench, out: &Path) -> Child {
    let mut command = bench.command(&["run", "twice", "--out", &out.to_string_lossy()]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn lines(out: &Path) -> usize {
    std::fs::read_to_string(out.join("trials.jsonl")).map_or(0, |text| text.lines().count())
}

fn wait_for_lines(out: &Path, count: usize, child: &mut Child) {
    let deadline = Instant::now() + PATIENCE;
    while lines(out) < count {
        assert!(child.try_wait().unwrap().is_none(), "the run ended by itself");
        assert!(Instant::now() < deadline, "no trials");
        sleep(Duration::from_millis(20));
    }
}

/// No QEMU of the run lives any more, once the system has had a moment to deliver the signals.
fn wait_until_gone() {
    let deadline = Instant::now() + Duration::from_secs(5);
    while let Some((_, process)) = survivor() {
        assert!(Instant::now() < deadline, "still running: {process}");
        sleep(Duration::from_millis(50));
    }
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains("patcheval"), "{mounts}");
}

/// The number and the command line of a QEMU with the plugin of this build in it: no other test runs one at the same time.
fn survivor() -> Option<(String, String)> {
    let plugin = Path::new(env!("CARGO_BIN_EXE_patcheval")).with_file_name("libqemu_plugin.so");
    let plugin = plugin.to_string_lossy().into_owned();
    let process = |entry: std::fs::DirEntry| {
        let bytes = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&bytes).replace('\0', " ");
        (entry.file_name().to_string_lossy().into_owned(), words)
    };
    let mut processes = std::fs::read_dir("/proc").unwrap().flatten().map(process);
    processes.find(|(_, words)| words.contains(&plugin))
}
