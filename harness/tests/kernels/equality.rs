// SPDX-License-Identifier: GPL-2.0-or-later
//! Warm trials against cold ones, on every machine: what a QEMU has run before shows in no byte of a trial.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use instrument::Mode;
use patcheval::cache_dir::Cache;
use patcheval::machine::Worker;
use patcheval::plan::{Plan, TrialId};
use patcheval::run::{self, Combination, Snapshot};
use patcheval::study;
use patcheval::trial::Done;

use crate::bench::Bench;

/// The kernel's source with what makes probes work on all of them, so that testcases come to their ends.
const VARIANT: &str = "uprobes-xol/opcode-page-flush";

const MODES: [Mode; 3] = [Mode::Off, Mode::Observe, Mode::Enforce];

/// How many testcases share a guest: the programs of all together do not fit into one of 64 MiB, where Linux unpacks them.
const PORTION: usize = 9;

/// Each trial of each machine file, testcase and mode, cold, and warm in two orders. What is done lies in a journal by machine
/// and mode, and is not done again while its inputs are the same; `PATCHEVAL_EQUALITY` names its directory, so that a campaign
/// goes on in it, `PATCHEVAL_EQUALITY_SEEDS` says how many seeds (5), `PATCHEVAL_EQUALITY_MACHINES` which machines (all).
#[test]
#[ignore = "takes an hour, and five more kernels: ci/test --full"]
fn warm_trials_equal_cold_ones_on_every_machine() {
    let set = |name: &str| std::env::var(name).ok();
    let seeds = set("PATCHEVAL_EQUALITY_SEEDS").map_or(5, |text| text.parse().unwrap());
    let wanted = set("PATCHEVAL_EQUALITY_MACHINES");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let dir = set("PATCHEVAL_EQUALITY")
        .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("equality"), PathBuf::from);
    std::fs::create_dir_all(&dir).unwrap();
    let _alone = Bench::alone();
    let mut campaign = Campaign { root, cache: Cache::locate().unwrap(), dir, seeds, all: Tally::default() };
    let machines = campaign.machines();
    assert!(machines.len() > 20, "{machines:?}");
    for (machine, kernel) in machines {
        if wanted.as_ref().is_none_or(|wanted| wanted.split(',').any(|name| name == machine)) {
            campaign.machine(&machine, &kernel);
        }
    }
    let Tally { trials, warm, different } = campaign.all;
    println!("{trials} trials compared with cold ones, {warm} of them on a QEMU that had served others");
    assert!(
        different.is_empty(),
        "{} differ: {different:?}; see {}",
        different.len(),
        campaign.dir.display()
    );
    assert!(warm > 0, "nothing was warm");
}

/// Pages that a fork is about to share, written by another thread of the process: QEMU's TLB decided what that did, and by its size,
/// which follows the host's clock, 2 of 20 trials were others after a way back than in a process of their own.
#[test]
#[ignore = "takes a minute: ci/test --full"]
fn threads_that_run_within_a_fork_are_the_same_however_warm() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let _alone = Bench::alone();
    let cache = Cache::locate().unwrap();
    let mut campaign = Campaign { root, cache, dir: dir.path().to_owned(), seeds: 20, all: Tally::default() };
    campaign.portion("virt-a15", "arm-6.1", &["t5-fork-and-threads".to_owned()]);
    assert!(campaign.all.different.is_empty(), "{:?}", campaign.all.different);
}

/// What came of comparing.
#[derive(Default)]
struct Tally {
    trials: usize,
    warm: usize,
    different: Vec<String>,
}

struct Campaign {
    root: PathBuf,
    cache: Cache,
    dir: PathBuf,
    seeds: u64,
    all: Tally,
}

impl Campaign {
    /// Each machine file, and the kernel with which a study pairs it.
    fn machines(&self) -> BTreeMap<String, String> {
        let files = std::fs::read_dir(self.root.join("kernels/machines")).unwrap().flatten();
        let names: BTreeSet<String> = files
            .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".yaml")?.to_owned()))
            .collect();
        let mut pairs = BTreeMap::new();
        for plan in study::names(&self.root).iter().filter_map(|name| study::load(&self.root, name).ok()) {
            for target in plan.targets {
                pairs.entry(target.machine.name).or_insert(target.kernel.name);
            }
        }
        pairs.retain(|machine, _| names.contains(machine));
        let without: Vec<&String> = names.iter().filter(|name| !pairs.contains_key(*name)).collect();
        assert!(without.is_empty(), "no study runs {without:?}");
        pairs
    }

    fn machine(&mut self, machine: &str, kernel: &str) {
        let all = study::single(&self.root, kernel, Some(machine), &[], Some(VARIANT), 1).unwrap();
        let cases = all.testcases_on(&all.targets[0]).filter(|case| case.boot.is_none());
        let names: Vec<String> = cases.map(|case| case.name.clone()).collect();
        for portion in names.chunks(PORTION) {
            self.portion(machine, kernel, portion);
        }
        println!("{machine}: {} trials so far, {} warm", self.all.trials, self.all.warm);
    }

    fn portion(&mut self, machine: &str, kernel: &str, testcases: &[String]) {
        let plan = study::single(&self.root, kernel, Some(machine), testcases, Some(VARIANT), 1).unwrap();
        let prepared = run::prepare(&self.cache, &self.root, &plan, &mut |_| {}).unwrap();
        let combination = Combination { target: &plan.targets[0], variant: &plan.variants[0], layout: 0 };
        let snapshots = prepared.snapshots(&self.cache, &[combination], 1, &mut |_| {}).unwrap();
        // What does not boot is equal however it is run.
        let saved = |snapshot: &Snapshot| matches!(snapshot, Snapshot::Saved(_));
        assert!(snapshots.values().all(saved), "{kernel} does not boot on {machine}: {snapshots:?}");
        let run = |worker: &mut dyn Worker, id: &TrialId| {
            run::run_one(worker, &self.cache, &plan, &prepared, &snapshots, id).unwrap()
        };
        let inputs = prepared.manifest.run_name();
        let tallies = std::thread::scope(|scope| {
            let one = |mode| {
                let (run, inputs, plan, prepared, this) = (&run, &inputs, &plan, &prepared, &*self);
                let line = format!("{kernel} {machine} {mode:?} {} {inputs}", this.seeds);
                scope.spawn(move || match this.known(&line) {
                    Some(tally) => tally,
                    None => {
                        let trials = this.trials(plan, mode);
                        let compare = Compare { dir: &this.dir, worker: || prepared.machines.worker(), run };
                        let tally = compare.all(&trials);
                        this.note(&line, &tally);
                        tally
                    }
                })
            };
            let threads = MODES.map(one);
            threads.map(|thread| thread.join().unwrap())
        });
        let serves =
            plan.targets[0].machine.cold.is_none() && plan.testcases.iter().any(|case| case.cold.is_none());
        for tally in tallies {
            assert_eq!(tally.warm > 0, serves, "{kernel} on {machine}: {} of {}", tally.warm, tally.trials);
            self.all.trials += tally.trials;
            self.all.warm += tally.warm;
            self.all.different.extend(tally.different);
        }
    }

    /// Each testcase with each seed.
    fn trials(&self, plan: &Plan, mode: Mode) -> Vec<TrialId> {
        let cells = plan.cells();
        cells.iter().flat_map(|cell| (1..=self.seeds).map(|seed| cell.trial(mode, seed))).collect()
    }

    fn journal(&self) -> PathBuf {
        self.dir.join("compared")
    }

    /// What was found when this was compared; not if anything differed.
    fn known(&self, line: &str) -> Option<Tally> {
        let text = std::fs::read_to_string(self.journal()).ok()?;
        let figures = text.lines().find_map(|known| known.strip_prefix(line)?.strip_prefix(": "))?;
        let (trials, warm) = figures.split_once(' ')?;
        Some(Tally { trials: trials.parse().ok()?, warm: warm.parse().ok()?, different: Vec::new() })
    }

    fn note(&self, line: &str, tally: &Tally) {
        if tally.different.is_empty() {
            let mut journal =
                std::fs::File::options().create(true).append(true).open(self.journal()).unwrap();
            journal.write_all(format!("{line}: {} {}\n", tally.trials, tally.warm).as_bytes()).unwrap();
        }
    }
}

/// How trials are compared: what runs them, and where those are kept that differ.
struct Compare<'a, W, R> {
    dir: &'a Path,
    worker: W,
    run: R,
}

impl<'w, W, R> Compare<'_, W, R>
where
    W: Fn() -> Box<dyn Worker + 'w>,
    R: Fn(&mut dyn Worker, &TrialId) -> Done,
{
    /// Runs trials cold, and warm in two orders.
    fn all(&self, trials: &[TrialId]) -> Tally {
        let mut tally = Tally::default();
        let mut worker = (self.worker)();
        let mut cold = BTreeMap::new();
        for id in trials {
            worker.start_afresh();
            cold.insert(id.to_string(), bytes(&(self.run)(worker.as_mut(), id)));
        }
        let mut shuffled = trials.to_vec();
        fastrand::Rng::with_seed(1).shuffle(&mut shuffled);
        for order in [trials.to_vec(), shuffled] {
            worker.start_afresh();
            // The first one of a QEMU is none that is warm.
            (self.run)(worker.as_mut(), order.last().unwrap());
            for id in order {
                let done = (self.run)(worker.as_mut(), &id);
                let (now, then) = (bytes(&done), &cold[&id.to_string()]);
                tally.trials += 1;
                tally.warm += usize::from(done.remains.warm);
                if now != *then {
                    self.keep(&id, then, &now);
                    tally.different.push(id.to_string());
                }
            }
        }
        tally
    }

    fn keep(&self, id: &TrialId, cold: &[String; 3], warm: &[String; 3]) {
        let dir = self.dir.join("differences").join(id.to_string().replace('/', "+"));
        std::fs::create_dir_all(&dir).unwrap();
        for (way, bytes) in [("cold", cold), ("warm", warm)] {
            for (name, text) in ["line.json", "console", "record.json"].iter().zip(bytes) {
                std::fs::write(dir.join(format!("{way}.{name}")), text).unwrap();
            }
        }
    }
}

/// All that a trial leaves behind: line, console, record.
fn bytes(done: &Done) -> [String; 3] {
    let line = serde_json::to_string(&done.line).unwrap();
    [line, done.remains.console.clone(), done.remains.record.clone()]
}
