// SPDX-License-Identifier: GPL-2.0-or-later
//! Hundreds of kills, at seeded moments, of the harness, of QEMU and of make: nothing that had ended is lost or changed.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::MINI_STUDY;
use crate::bench::{Bench, add_variant};

/// How long after a kill something may still be seen of what was killed.
const GRACE: Duration = Duration::from_secs(5);

/// `PATCHEVAL_KILLS` says how many (500), `PATCHEVAL_KILL_SEED` which; with `PATCHEVAL_KILL_JOURNAL`, a file, rounds that came
/// to their end are noted there, and the next call goes on after them.
#[test]
#[ignore = "takes half an hour: ci/test --full"]
fn hundreds_of_kills_lose_nothing() {
    let set = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let (kills, seed) = (set("PATCHEVAL_KILLS").unwrap_or(500), set("PATCHEVAL_KILL_SEED").unwrap_or(1));
    let journal = Journal::open(std::env::var_os("PATCHEVAL_KILL_JOURNAL").map(PathBuf::from), seed);
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
        so_far: journal.rounds.clone(),
    };
    while campaign.so_far.iter().map(Round::all_kills).sum::<u64>() < kills {
        let number = campaign.so_far.len() as u64;
        // Each round has moments of its own, whichever call makes it.
        campaign.random = fastrand::Rng::with_seed(seed ^ number << 32);
        let round = campaign.round(number);
        journal.note(&round);
        campaign.so_far.push(round);
    }
    let sum = |of: fn(&Round) -> u64| campaign.so_far.iter().map(of).sum::<u64>();
    println!(
        "{} kills of patcheval, {} of make, {} of QEMU in {} runs of seed {seed}: {} trials, 0 lost, 0 twice, 0 changed; {} \
         unknown, whose QEMU was killed",
        sum(|round| round.kills[0]),
        sum(|round| round.kills[1]),
        sum(|round| round.kills[2]),
        campaign.so_far.len(),
        sum(|round| round.trials),
        sum(|round| round.unknown),
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
    so_far: Vec<Round>,
}

/// What can be killed.
const VICTIMS: [&str; 3] = ["patcheval", "make", "qemu-system"];

/// A run that came to its end.
#[derive(Clone, Default)]
struct Round {
    /// Kills of each of the victims.
    kills: [u64; 3],
    trials: u64,
    unknown: u64,
}

impl Round {
    fn all_kills(&self) -> u64 {
        self.kills.iter().sum()
    }
}

/// Rounds that came to their end: a line of figures for each, behind the seed.
struct Journal {
    file: Option<PathBuf>,
    seed: u64,
    rounds: Vec<Round>,
}

impl Journal {
    fn open(file: Option<PathBuf>, seed: u64) -> Self {
        let text = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
        let rounds =
            text.lines().map(|line| line.split(' ').map(|word| word.parse().unwrap()).collect::<Vec<u64>>());
        let rounds = rounds.filter(|figures| figures[0] == seed).map(|figures| Round {
            kills: [figures[1], figures[2], figures[3]],
            trials: figures[4],
            unknown: figures[5],
        });
        Self { file, seed, rounds: rounds.collect() }
    }

    fn note(&self, round: &Round) {
        let Some(file) = &self.file else { return };
        let Round { kills: [harness, make, qemu], trials, unknown } = round;
        let line = format!("{} {harness} {make} {qemu} {trials} {unknown}\n", self.seed);
        let mut file = std::fs::File::options().create(true).append(true).open(file).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}

impl Campaign {
    /// A run from nothing to its end, with kills on the way; every fourth has kernels to build.
    fn round(&mut self, round: u64) -> Round {
        let mut counted = Round::default();
        let builds = round.is_multiple_of(4);
        let what = if builds { format!("round {round} of seed {}", self.seed) } else { "reference".into() };
        let place = self.bench.root().join("patches/uprobes-xol/killed/0001-killed.patch");
        std::fs::write(place, patch(&what)).unwrap();
        let out = self.bench.out(&format!("round-{round}"));
        loop {
            let before = lines(&out);
            let mut run = self.start(&out);
            let code = self.disturb(&mut run, if builds { 9.0 } else { 2.5 }, &mut counted);
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
        self.compare(&lines(&out), &mut counted);
        std::fs::remove_dir_all(out).unwrap();
        counted
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

    /// Kills at random moments until the run has ended; returns the exit code.
    fn disturb(&mut self, run: &mut Child, longest: f64, counted: &mut Round) -> Option<i32> {
        loop {
            let moment = Instant::now() + Duration::from_secs_f64(self.random.f64() * longest);
            while Instant::now() < moment {
                if let Some(status) = run.try_wait().unwrap() {
                    return status.code();
                }
                sleep(Duration::from_millis(5));
            }
            let below = descendants(run.id());
            let of = |name: &str| below.iter().find(|process| process.is(name));
            // Half of the time whoever does the work, if somebody does, and else who has ordered it.
            let worker = (1..VICTIMS.len()).find_map(|victim| Some((victim, of(VICTIMS[victim])?.pid)));
            match worker.filter(|_| self.random.bool()) {
                Some((victim, pid)) => {
                    kill(pid);
                    counted.kills[victim] += 1;
                }
                None => {
                    kill(run.id());
                    counted.kills[0] += 1;
                    let status = run.wait().unwrap();
                    wait_until_gone(&below);
                    return status.code();
                }
            }
        }
    }

    /// Every trial is there, and is what it is without kills, or unknown if its emulator was killed.
    fn compare(&self, lines: &BTreeMap<String, Value>, counted: &mut Round) {
        assert_eq!(lines.len(), self.whole.len());
        let other: Vec<&Value> = lines
            .iter()
            .filter(|(id, line)| self.whole.get(*id) != Some(line))
            .map(|(_, line)| line)
            .collect();
        for line in &other {
            assert_eq!(line["outcome"]["result"], "unknown", "a wrong verdict: {line}");
        }
        let emulators = counted.kills[2];
        assert!(other.len() as u64 <= emulators, "{} unknown after {emulators} kills of QEMU", other.len());
        counted.unknown = other.len() as u64;
        counted.trials = lines.len() as u64;
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
