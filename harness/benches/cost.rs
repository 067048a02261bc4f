// SPDX-License-Identifier: GPL-2.0-or-later
//! What the model costs: `ci/bench`, or `cargo bench -p patcheval` once `ci/setup` has run.
//!
//! Prints ratios against plain QEMU, measured in the same run, in turns, so that a slow or busy host slows both alike. The
//! figure of a way of running is its fastest of several runs: everything that disturbs a run makes it slower.

mod ground;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use trial_record::Mode;

use patcheval::cache_dir::Cache;
use patcheval::error::{Error, Result};
use patcheval::machine::{self, argv};
use patcheval::plan::{Plan, Target};
use patcheval::run::{self, Combination, Prepared};
use patcheval::study;

use ground::{ROW, TESTCASE};

/// How often each way is run.
const ROUNDS: usize = 7;

fn main() {
    ground::main(measure);
}

fn measure(root: &Path) -> Result<()> {
    let cache = Cache::locate()?;
    let plan = study::load(root, "quick")?;
    let prepared = run::prepare(&cache, root, &plan, &mut |_| {})?;
    println!("fastest of {ROUNDS} runs each, in turns; ratios to plain QEMU in the same run");
    for target in &plan.targets {
        whole_boot(&cache, &plan, &prepared, target)?;
        trials(&cache, &plan, &prepared, target)?;
    }
    Ok(())
}

fn combination<'a>(plan: &'a Plan, target: &'a Target) -> Result<Combination<'a>> {
    let row = plan.rows.iter().find(|row| row.name == ROW);
    Ok(Combination { target, row: row.ok_or_else(|| Error::study(format!("no row {ROW}")))? })
}

/// Boot from reset plus the workload.
fn whole_boot(cache: &Cache, plan: &Plan, prepared: &Prepared, target: &Target) -> Result<()> {
    let combination = combination(plan, target)?;
    let boot = prepared.boot(&combination).ok_or_else(|| Error::study("the kernel did not build"))?;
    let qemu = prepared.qemu_of(target)?;
    let append = format!("patcheval.run={TESTCASE},seed=1,repetitions=1");
    let scratch = cache.scratch()?;
    let run = |plugin: Option<(Mode, bool)>| -> Result<()> {
        let mut args = argv::common(&boot, &append, &scratch.path().join("console"));
        if let Some((mode, hollow)) = plugin {
            args.extend(argv::plugin(&boot, &argv::Plugin { mode, hollow, ..argv::Plugin::off() }));
        }
        let ended = machine::command(qemu, args).deadline(Duration::from_secs(120)).wait()?;
        if ended.success() { Ok(()) } else { Err(Error::infrastructure("QEMU did not end by itself")) }
    };
    let ways = [
        ("plain", None),
        ("off", Some((Mode::Off, false))),
        // All that QEMU does for the plugin, and nothing of what the plugin does.
        ("hollow", Some((Mode::Observe, true))),
        ("observe", Some((Mode::Observe, false))),
        ("enforce", Some((Mode::Enforce, false))),
    ];
    let fastest = in_turns(&ways, |plugin| run(*plugin))?;
    print(&format!("{}: boot and {TESTCASE}", target.title()), &fastest);
    Ok(())
}

/// A restored trial.
fn trials(cache: &Cache, plan: &Plan, prepared: &Prepared, target: &Target) -> Result<()> {
    let combination = combination(plan, target)?;
    let snapshots = prepared.snapshots(cache, &[combination], 1, &mut |_| {})?;
    let cell = plan.cells().into_iter().find(|cell| {
        std::ptr::eq(cell.target, target) && cell.row.name == ROW && cell.testcase.name == TESTCASE
    });
    let cell = cell.ok_or_else(|| Error::study(format!("no cell of {ROW} and {TESTCASE}")))?;
    let ways = [("off", Mode::Off), ("observe", Mode::Observe), ("enforce", Mode::Enforce)];
    let fastest = in_turns(&ways, |mode| {
        run::run_one(cache, plan, prepared, &snapshots, &cell.trial(*mode, 1)).map(drop)
    })?;
    print(&format!("{}: one trial of {TESTCASE}", target.title()), &fastest);
    Ok(())
}

type Fastest = Vec<(&'static str, Duration)>;

fn in_turns<T>(ways: &[(&'static str, T)], mut run: impl FnMut(&T) -> Result<()>) -> Result<Fastest> {
    let mut fastest: BTreeMap<&str, Duration> = BTreeMap::new();
    for _ in 0..ROUNDS {
        for (name, way) in ways {
            let begun = Instant::now();
            run(way)?;
            let took = begun.elapsed();
            fastest.entry(name).and_modify(|best| *best = took.min(*best)).or_insert(took);
        }
    }
    Ok(ways.iter().map(|(name, _)| (*name, fastest[name])).collect())
}

fn print(what: &str, fastest: &Fastest) {
    println!("{what}");
    let base = fastest[0].1.as_secs_f64();
    for (name, took) in fastest {
        let took = took.as_secs_f64();
        println!("    {name:8} {took:6.3} s  {:5.2} x {}", took / base, fastest[0].0);
    }
}
