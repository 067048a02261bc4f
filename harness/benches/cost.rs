// SPDX-License-Identifier: GPL-2.0-or-later
//! What the model costs: `ci/bench`, or `cargo bench -p patcheval` once `ci/setup` has run.
//!
//! Prints ratios against plain QEMU, measured in the same run, in turns, so that a slow or busy host slows both alike. The
//! figure of a way of running is its fastest of several runs: everything that disturbs a run makes it slower.
//!
//! With `--count`, instructions of the host are counted instead (by valgrind's cachegrind, which `ci/bench --count` installs). That takes
//! longer, but a busy host does not change it; what it does not see are the host's own caches.

mod common;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use instrument::{Mode, Request};

use patcheval::cache_dir::{Cache, Scratch};
use patcheval::error::{Error, Result};
use patcheval::machine::{self, Worker, argv, plugin};
use patcheval::plan::{Plan, Target};
use patcheval::qemu::Qemu;
use patcheval::run::{self, Combination, Prepared};
use patcheval::study;

use common::{TESTCASE, VARIANT};

/// How often each way is run.
const ROUNDS: usize = 7;

/// How often a whole cell is run each way, and of how many seeds it is.
const CELL_ROUNDS: usize = 2;
const CELL_SEEDS: u64 = 20;

fn main() {
    common::main(measure);
}

fn measure(root: &Path) -> Result<()> {
    let cache = Cache::locate()?;
    let plan = study::load(root, "quick")?;
    let prepared = run::prepare(&cache, root, &plan, &mut |_| {})?;
    let count = std::env::args().any(|argument| argument == "--count");
    if count {
        println!("instructions of the host, counted once each; ratios to plain QEMU");
    } else {
        println!("fastest of {ROUNDS} runs each, in turns; ratios to plain QEMU in the same run");
    }
    for target in &plan.targets {
        let boot = BootRun::new(&cache, &plan, &prepared, target)?;
        let title = format!("{}: boot and {TESTCASE}", target.title());
        if count {
            print(&title, &boot.counted()?, "M", 1e-6);
            continue;
        }
        let fastest = in_turns(&WAYS, |way| boot.run(boot.qemu, *way, "timed"))?;
        print(&title, &fastest, "s", 1e-9);
        trials(&cache, &plan, &prepared, target)?;
    }
    Ok(())
}

/// Ways of booting: none, or the plugin's mode and whether its callbacks do nothing.
type BootWay = Option<(Mode, bool)>;

const WAYS: [(&str, BootWay); 5] = [
    ("plain", None),
    ("off", Some((Mode::Off, false))),
    // All that QEMU does for the plugin, and nothing of what the plugin does.
    ("empty", Some((Mode::Observe, true))),
    ("observe", Some((Mode::Observe, false))),
    ("enforce", Some((Mode::Enforce, false))),
];

fn combination<'a>(plan: &'a Plan, target: &'a Target) -> Result<Combination<'a>> {
    let variant = plan.variants.iter().find(|variant| variant.name == VARIANT);
    Ok(Combination {
        target,
        layout: 0,
        variant: variant.ok_or_else(|| Error::study(format!("no variant {VARIANT}")))?,
    })
}

/// Boot from reset plus the workload.
struct BootRun<'a> {
    boot: machine::BootSource<'a>,
    qemu: &'a Qemu,
    scratch: Scratch,
}

impl<'a> BootRun<'a> {
    fn new(cache: &Cache, plan: &'a Plan, prepared: &'a Prepared, target: &'a Target) -> Result<Self> {
        let boot = prepared.boot(&combination(plan, target)?);
        let boot = boot.ok_or_else(|| Error::study("the kernel did not build"))?;
        Ok(Self { boot, qemu: prepared.qemu_of(target)?, scratch: cache.scratch()? })
    }

    /// Boots in one of the ways; what QEMU reads and writes is in the directory `name`.
    fn run(&self, qemu: &Qemu, way: BootWay, name: &str) -> Result<()> {
        let append = format!("patcheval.run={TESTCASE},seed=1,repetitions=1");
        let dir = self.scratch.path().join(name);
        std::fs::create_dir_all(&dir).map_err(|error| Error::io("create", &dir, error))?;
        let mut args = argv::common(&self.boot, &append, &dir.join("console"));
        if let Some((mode, empty)) = way {
            let request = Request { empty_callbacks: empty, ..Request::new(mode) };
            let setup = plugin::setup(self.boot.machine, self.boot.page_size, None);
            args.extend(plugin::attach(self.boot.plugin, &setup, &request, &dir)?);
        }
        let ended = machine::command(qemu, args).deadline(Duration::from_secs(3600)).wait()?;
        if ended.success() { Ok(()) } else { Err(Error::infrastructure("QEMU did not end by itself")) }
    }

    /// The host's instructions for each way; as many at a time as the machine has cores.
    fn counted(&self) -> Result<Figures> {
        let names: Vec<&str> = WAYS.iter().map(|(name, _)| *name).collect();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut figures = Vec::new();
        for some in WAYS.chunks(cores) {
            let counts: Vec<Result<u64>> = std::thread::scope(|scope| {
                let threads: Vec<_> =
                    some.iter().map(|(name, way)| scope.spawn(|| self.count(name, *way))).collect();
                threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
            });
            for count in counts {
                figures.push((names[figures.len()], count? as f64));
            }
        }
        Ok(figures)
    }

    fn count(&self, name: &str, way: BootWay) -> Result<u64> {
        let log = self.scratch.path().join(format!("{name}.log"));
        let mut words: Vec<OsString> =
            ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
                .map(OsString::from)
                .into();
        words.push(format!("--log-file={}", log.display()).into());
        words.extend(self.qemu.command.iter().cloned());
        // QEMU finds no seccomp under valgrind, and then does not know the option.
        if let Some(at) = words.iter().position(|word| word == "-sandbox") {
            words.drain(at..at + 2);
        }
        let qemu = Qemu { command: words, ..self.qemu.clone() };
        self.run(&qemu, way, name)?;
        let text = std::fs::read_to_string(&log).map_err(|error| Error::io("read", &log, error))?;
        let count =
            text.lines().find_map(|line| Some(line.split_once("I   refs:")?.1.trim().replace(',', "")));
        let count = count.and_then(|count| count.parse().ok());
        count.ok_or_else(|| Error::infrastructure(format!("valgrind counted nothing: {text}")))
    }
}

/// A restored trial.
fn trials(cache: &Cache, plan: &Plan, prepared: &Prepared, target: &Target) -> Result<()> {
    let combination = combination(plan, target)?;
    let snapshots = prepared.snapshots(cache, &[combination], 1, &mut |_| {})?;
    let cell = plan.cells().into_iter().find(|cell| {
        std::ptr::eq(cell.target, target) && cell.variant.name == VARIANT && cell.testcase.name == TESTCASE
    });
    let cell = cell.ok_or_else(|| Error::study(format!("no cell of {VARIANT} and {TESTCASE}")))?;
    let snapshots = &snapshots;
    let run = |worker: &mut dyn Worker, mode, seed| {
        run::run_one(worker, cache, plan, prepared, snapshots, &cell.trial(mode, seed)).map(drop)
    };
    let modes = [Mode::Off, Mode::Observe, Mode::Enforce];
    let mut warm = modes.map(|mode| (mode, prepared.machines.worker()));
    let ways = [
        ("cold off", (Mode::Off, false)),
        ("cold obs", (Mode::Observe, false)),
        ("cold enf", (Mode::Enforce, false)),
        ("warm off", (Mode::Off, true)),
        ("warm obs", (Mode::Observe, true)),
        ("warm enf", (Mode::Enforce, true)),
    ];
    let fastest = in_turns(&ways, |(mode, is_warm)| {
        let kept = warm.iter_mut().find(|(of, _)| *is_warm && of == mode);
        match kept {
            Some((_, worker)) => run(worker.as_mut(), *mode, 1),
            None => run(prepared.machines.worker().as_mut(), *mode, 1),
        }
    })?;
    print(&format!("{}: one trial of {TESTCASE}", target.title()), &fastest, "s", 1e-9);
    let cells = [("cold", false), ("warm", true)];
    let fastest = in_turns_of(CELL_ROUNDS, &cells, |is_warm| {
        let mut worker = prepared.machines.worker();
        (1..=CELL_SEEDS).try_for_each(|seed| {
            if !is_warm {
                worker.start_afresh();
            }
            run(worker.as_mut(), Mode::Enforce, seed)
        })
    })?;
    print(&format!("{}: {CELL_SEEDS} seeds of {TESTCASE} in enforce", target.title()), &fastest, "s", 1e-9);
    Ok(())
}

/// What each way took, the one first that others are compared with: nanoseconds or instructions.
type Figures = Vec<(&'static str, f64)>;

fn in_turns<T>(ways: &[(&'static str, T)], run: impl FnMut(&T) -> Result<()>) -> Result<Figures> {
    in_turns_of(ROUNDS, ways, run)
}

fn in_turns_of<T>(
    rounds: usize,
    ways: &[(&'static str, T)],
    mut run: impl FnMut(&T) -> Result<()>,
) -> Result<Figures> {
    let mut fastest: BTreeMap<&str, Duration> = BTreeMap::new();
    for _ in 0..rounds {
        for (name, way) in ways {
            let begun = Instant::now();
            run(way)?;
            let took = begun.elapsed();
            fastest.entry(name).and_modify(|best| *best = took.min(*best)).or_insert(took);
        }
    }
    Ok(ways.iter().map(|(name, _)| (*name, fastest[name].as_nanos() as f64)).collect())
}

/// Prints figures, in a unit that is so many of theirs.
fn print(what: &str, figures: &Figures, unit: &str, scale: f64) {
    println!("{what}");
    let (base_name, base) = figures[0];
    for (name, figure) in figures {
        println!("    {name:8} {:9.3} {unit}  {:5.2} x {base_name}", figure * scale, figure / base);
    }
}
