// SPDX-License-Identifier: GPL-2.0-or-later
//! Ctrl-C, kill -9 and a full disk in the middle of the trials.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::MINI_STUDY;
use crate::bench::Bench;
use crate::cluster::say_loudly;

/// Long enough for kernels to be built first, when this test happens to be the first that needs them.
const PATIENCE: Duration = Duration::from_secs(25 * 60);

/// Interrupts a run by each signal, looks for what is left, and lets it go on.
pub fn interrupt_and_resume() {
    let study = MINI_STUDY.replace("count: 4", "count: 12");
    let bench = Bench::with_study("twice", &study, |_| {});
    let alone = Bench::alone();
    let whole = bench.run_alone(&alone, "twice", "whole");
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
        assert!(lines(&out) < whole.text().lines().count(), "the run was interrupted, not complete");
    }
    let resumed = bench.run_alone(&alone, "twice", "interrupted");
    assert_eq!(resumed.text(), whole.text(), "the interrupted run has the same bytes in the end");
}

/// A file system in memory, which is unmounted in the end.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    /// Mounts one, or says why not.
    fn mount(place: &Path, size: &str) -> Result<Self, String> {
        std::fs::create_dir_all(place).unwrap();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", size, "tmpfs"]).arg(place).output().unwrap();
        let said = String::from_utf8_lossy(&mount.stderr).into_owned();
        if mount.status.success() { Ok(Self(place.to_owned())) } else { Err(said) }
    }

    fn grow(&self, size: &str) {
        let options = format!("remount,{size}");
        let status = Command::new("mount").args(["-o", &options]).arg(&self.0).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// Fills the disk of a run, makes room, and lets it go on.
pub fn fill_the_disk_and_resume() {
    let bench = Bench::with_study("twice", MINI_STUDY, |_| {});
    let disk = match SmallDisk::mount(&bench.out("small"), "size=600k") {
        Ok(disk) => disk,
        Err(why) => {
            say_loudly(&format!(
                "no file system can be mounted here: a full disk is NOT tested ({})",
                why.trim()
            ));
            return;
        }
    };
    let alone = Bench::alone();
    let whole = bench.run_alone(&alone, "twice", "whole");
    let out = bench.out("small/run");
    let full = bench.patcheval(&["run", "twice", "--out", &out.to_string_lossy()]);
    assert_eq!(full.code, Some(3), "{}{}", full.stdout, full.stderr);
    assert!(full.stderr.contains("the disk is full: free some space"), "{}", full.stderr);
    assert!(lines(&out) < whole.text().lines().count(), "the disk was large enough");
    disk.grow("size=64m");
    let resumed = bench.run_alone(&alone, "twice", "small/run");
    assert_eq!(resumed.text(), whole.text(), "the run has the same bytes in the end");
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

/// No QEMU of the run lives any more, once the system has had a moment to deliver what it was told to.
fn wait_until_gone() {
    let deadline = Instant::now() + Duration::from_secs(5);
    while let Some(process) = survivor() {
        assert!(Instant::now() < deadline, "still running: {process}");
        sleep(Duration::from_millis(50));
    }
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains("patcheval"), "{mounts}");
}

/// A QEMU with the plugin of this build in it: no other test runs one at the same time.
fn survivor() -> Option<String> {
    let plugin = Path::new(env!("CARGO_BIN_EXE_patcheval")).with_file_name("libqemu_plugin.so");
    let plugin = plugin.to_string_lossy().into_owned();
    let command = |entry: std::fs::DirEntry| {
        let bytes = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\0', " ")
    };
    std::fs::read_dir("/proc").unwrap().flatten().map(command).find(|command| command.contains(&plugin))
}
