// SPDX-License-Identifier: GPL-2.0-or-later
//! Hundreds of kills, at seeded moments, of the harness, of QEMU and of make: nothing that had ended is lost or changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::MINI_STUDY;
use crate::bench::{Bench, add_variant};

/// How long after a kill something may still be seen of what was killed.
const GRACE: Duration = Duration::from_secs(5);

/// `PATCHEVAL_KILLS` says how many (500), `PATCHEVAL_KILL_SEED` which.
#[test]
#[ignore = "takes half an hour: ci/test --full"]
fn hundreds_of_kills_lose_nothing() {
    let set = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let (kills, seed) = (set("PATCHEVAL_KILLS").unwrap_or(500), set("PATCHEVAL_KILL_SEED").unwrap_or(1));
    let study = MINI_STUDY
        .replace("twice", "killed")
        .replace("count: 8", "count: 12")
        .replace(", {kernel: arm-6.1, machine: virt-a15}", "")
        .replace("[opcode-page-flush]", "[opcode-page-flush, killed]");
    let bench = Bench::with_study("killed", &study, |root| add_variant(root, "killed", &patch("reference")));
    let _alone = Bench::alone();
    let mut campaign = Campaign {
        whole: finished(&bench, "whole"),
        bench,
        random: fastrand::Rng::with_seed(seed),
        seed,
        kills: BTreeMap::new(),
        unknown: 0,
        trials: 0,
    };
    let mut rounds = 0;
    while campaign.kills.values().sum::<u64>() < kills {
        campaign.round(rounds);
        rounds += 1;
    }
    println!(
        "{:?} kills in {rounds} runs of seed {seed}: {} trials, 0 lost, 0 twice, 0 changed; {} unknown, whose QEMU was killed",
        campaign.kills, campaign.trials, campaign.unknown
    );
    // Whoever runs next sweeps.
    finished(&campaign.bench, "whole");
    let left = scratch_of_nobody(&campaign.bench.cache());
    assert!(left.is_empty(), "scratch directories are left in the cache: {left:?}");
}

/// A patch that changes no code, and nothing that depends on lines; what is behind it in the file is new to the cache.
fn patch(what: &str) -> String {
    format!(
        "Subject: [PATCH] lib: {what}\n\n---\ndiff --git a/lib/killed.h b/lib/killed.h\nnew file mode 100644\n\
         --- /dev/null\n+++ b/lib/killed.h\n@@ -0,0 +1 @@\n+/* {what} */\n"
    )
}

/// The lines of a run that nobody disturbs.
fn finished(bench: &Bench, name: &str) -> BTreeMap<String, Value> {
    let out = bench.out(name);
    let printed = bench.patcheval(&["run", "killed", "--out", &out.to_string_lossy()]);
    assert!(matches!(printed.code, Some(0 | 1)), "{}{}", printed.stdout, printed.stderr);
    lines(&out)
}

/// The lines that are there, by trial, without the image: that of a round has a comment of its own.
fn lines(out: &Path) -> BTreeMap<String, Value> {
    let text = std::fs::read_to_string(out.join("trials.jsonl")).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut lines = BTreeMap::new();
    for line in whole.lines() {
        let mut line: Value = serde_json::from_str(line).unwrap();
        line.as_object_mut().unwrap().remove("image");
        let twice = lines.insert(line["id"].to_string(), line);
        assert!(twice.is_none(), "twice: {twice:?}");
    }
    lines
}

struct Campaign {
    bench: Bench,
    whole: BTreeMap<String, Value>,
    random: fastrand::Rng,
    seed: u64,
    kills: BTreeMap<&'static str, u64>,
    unknown: usize,
    trials: usize,
}

impl Campaign {
    /// A run from nothing to its end, with kills on the way; every fourth has kernels to build.
    fn round(&mut self, round: u64) {
        let builds = round.is_multiple_of(4);
        let what = if builds { format!("round {round} of seed {}", self.seed) } else { "reference".into() };
        let place = self.bench.root().join("patches/uprobes-xol/killed/0001-killed.patch");
        std::fs::write(place, patch(&what)).unwrap();
        let out = self.bench.out(&format!("round-{round}"));
        let mut emulators = 0;
        loop {
            let before = lines(&out);
            let mut run = self.start(&out);
            let (killed, code) = self.disturb(&mut run, if builds { 9.0 } else { 2.5 });
            emulators += killed;
            let after = lines(&out);
            for (id, line) in &before {
                assert_eq!(after.get(id), Some(line), "a trial that had ended is lost or changed");
            }
            match code {
                Some(0 | 1) => break,
                // Killed, or what it needed was; or it has said that something is unknown.
                None => {}
                Some(3) if after.len() < self.whole.len() => {}
                Some(3) => break,
                other => {
                    panic!(
                        "exit code {other:?}: {}",
                        std::fs::read_to_string(self.said()).unwrap_or_default()
                    )
                }
            }
        }
        self.compare(&lines(&out), emulators);
        std::fs::remove_dir_all(out).unwrap();
    }

    fn start(&self, out: &Path) -> Child {
        let mut command = self.bench.command(&["run", "killed", "--out", &out.to_string_lossy()]);
        let said = std::fs::File::create(self.said()).unwrap();
        command.stdout(said.try_clone().unwrap()).stderr(said).spawn().unwrap()
    }

    /// What the last run has said.
    fn said(&self) -> PathBuf {
        self.bench.out("said")
    }

    /// Kills at random moments until the run has ended; returns how many emulators it were, and the exit code.
    fn disturb(&mut self, run: &mut Child, longest: f64) -> (usize, Option<i32>) {
        let mut emulators = 0;
        loop {
            let moment = Instant::now() + Duration::from_secs_f64(self.random.f64() * longest);
            while Instant::now() < moment {
                if let Some(status) = run.try_wait().unwrap() {
                    return (emulators, status.code());
                }
                sleep(Duration::from_millis(5));
            }
            let below = descendants(run.id());
            let of = |name: &str| below.iter().find(|process| process.is(name));
            // Half of the time whoever does the work, if somebody does, and else who has ordered it.
            let worker = ["make", "qemu-system"].into_iter().find_map(|name| Some((name, of(name)?.pid)));
            match worker.filter(|_| self.random.bool()) {
                Some((name, pid)) => {
                    kill(pid);
                    emulators += usize::from(name != "make");
                    *self.kills.entry(name).or_default() += 1;
                }
                None => {
                    kill(run.id());
                    *self.kills.entry("patcheval").or_default() += 1;
                    let status = run.wait().unwrap();
                    wait_until_gone(&below);
                    return (emulators, status.code());
                }
            }
        }
    }

    /// Every trial is there, and is what it is without kills, or unknown if its emulator was killed.
    fn compare(&mut self, lines: &BTreeMap<String, Value>, emulators: usize) {
        assert_eq!(lines.len(), self.whole.len());
        let other: Vec<&Value> = lines
            .iter()
            .filter(|(id, line)| self.whole.get(*id) != Some(line))
            .map(|(_, line)| line)
            .collect();
        for line in &other {
            assert_eq!(line["outcome"]["result"], "unknown", "a wrong verdict: {line}");
        }
        assert!(other.len() <= emulators, "{} unknown after {emulators} kills of QEMU", other.len());
        self.unknown += other.len();
        self.trials += lines.len();
    }
}

/// Scratch directories that no living process holds: those of other runs are nobody else's business.
fn scratch_of_nobody(cache: &Path) -> Vec<PathBuf> {
    let nobody = |path: &PathBuf| {
        let lock = cache.join("locks").join(format!("tmp-{}", path.file_name().unwrap().to_string_lossy()));
        std::fs::File::open(lock).is_ok_and(|lock| lock.try_lock().is_ok())
    };
    let all = std::fs::read_dir(cache.join("tmp")).unwrap().flatten().map(|entry| entry.path());
    all.filter(nobody).collect()
}

fn kill(pid: u32) {
    let _ = Command::new("kill").args(["-9", &pid.to_string()]).stderr(Stdio::null()).status();
}

/// A process, distinguished by its start from a later one of the same number.
struct Process {
    pid: u32,
    command: String,
    began: String,
}

impl Process {
    fn is(&self, name: &str) -> bool {
        let mut words = self.command.split('\0');
        // QEMU may run under a loader of its own.
        words.any(|word| {
            Path::new(word).file_name().is_some_and(|file| file.to_string_lossy().starts_with(name))
        })
    }
}

/// Parent and beginning of a process (proc_pid_stat(5)).
fn stat(pid: u32) -> Option<(u32, String)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    // A zombie runs no more.
    let alive = *fields.first()? != "Z";
    alive.then(|| Some((fields.get(1)?.parse().ok()?, (*fields.get(19)?).to_owned())))?
}

/// Whatever a process has started, and what that has.
fn descendants(root: u32) -> Vec<Process> {
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let all: Vec<(u32, u32, String)> =
        pids.filter_map(|pid| stat(pid).map(|(parent, began)| (pid, parent, began))).collect();
    let mut found: Vec<u32> = vec![root];
    let mut at = 0;
    while at < found.len() {
        let parent = found[at];
        found.extend(all.iter().filter(|(_, of, _)| *of == parent).map(|(pid, ..)| *pid));
        at += 1;
    }
    let process = |(pid, _, began): &(u32, u32, String)| {
        let path: PathBuf = format!("/proc/{pid}/cmdline").into();
        let command = String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
        Process { pid: *pid, command, began: began.clone() }
    };
    all.iter().filter(|(pid, ..)| *pid != root && found.contains(pid)).map(process).collect()
}

fn wait_until_gone(processes: &[Process]) {
    let deadline = Instant::now() + GRACE;
    let lives = |process: &&Process| stat(process.pid).is_some_and(|(_, began)| began == process.began);
    while let Some(process) = processes.iter().find(lives) {
        assert!(Instant::now() < deadline, "still running: {}", process.command.replace('\0', " "));
        sleep(Duration::from_millis(20));
    }
}
