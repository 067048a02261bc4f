// SPDX-License-Identifier: GPL-2.0-or-later
//! How many trials a minute a machine runs by itself: `ci/bench`, or `cargo bench -p patcheval --bench scaling`.
//!
//! The same trials, cold and warm, with one at a time and with as many as there are cores, in turns; printed as ratios. Of one
//! cold trial at a time it also says which part of the time no QEMU ran: that is the harness's own.

mod common;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use patcheval::cache_dir::Cache;
use patcheval::error::{Error, Result};
use patcheval::plan::Plan;
use patcheval::run::{self, Event, RunRequest, Stage};
use patcheval::{store, study};

use common::{TESTCASE, VARIANT};

/// How often each way is run; the fastest counts.
const ROUNDS: usize = 3;

/// Trials of one run, beside the controls.
const SEEDS: u32 = 40;

fn main() {
    common::main(measure);
}

/// One run's trials.
struct Measured {
    trials: usize,
    took: Duration,
    /// Seconds for which QEMU ran, added up.
    emulated: f64,
}

impl Measured {
    fn per_minute(&self) -> f64 {
        self.trials as f64 / self.took.as_secs_f64() * 60.0
    }
}

fn measure(root: &Path) -> Result<()> {
    let cache = Cache::locate()?;
    for number in 0..study::load(root, "quick")?.targets.len() {
        target(&cache, root, &plan(root, number)?)?;
    }
    Ok(())
}

/// One target: one at a time and as many as there are cores, warm and in a QEMU of its own each.
fn target(cache: &Cache, root: &Path, plan: &Plan) -> Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let ways = [("cold", 1, true), ("cold", cores, true), ("warm", 1, false), ("warm", cores, false)];
    let mut fastest: [Option<Measured>; 4] = [const { None }; 4];
    // The first run builds and boots what is not there yet.
    run_with(cache, root, plan, cores, false)?;
    for _ in 0..ROUNDS {
        for (best, (_, jobs, cold)) in fastest.iter_mut().zip(ways) {
            let now = run_with(cache, root, plan, jobs, cold)?;
            if best.as_ref().is_none_or(|best| now.took < best.took) {
                *best = Some(now);
            }
        }
    }
    let found: Vec<Measured> = fastest.into_iter().flatten().collect();
    let [base, ..] = &found[..] else { return Err(Error::internal("no round")) };
    println!(
        "{} trials of {TESTCASE} on {}, the compared sample included, fastest of {ROUNDS} runs each, in turns",
        base.trials,
        plan.targets[0].title()
    );
    for (now, (name, jobs, _)) in found.iter().zip(ways) {
        let ratio = now.per_minute() / base.per_minute();
        println!(
            "    {name}, {jobs} at a time  {:7.1} trials a minute  {ratio:5.2} x cold, 1 at a time",
            now.per_minute()
        );
    }
    let own = 1.0 - base.emulated / base.took.as_secs_f64();
    println!("    the harness's own time: {:.1} % of a cold trial", own * 100.0);
    Ok(())
}

/// A target of the quick study, one variant and one testcase of it.
fn plan(root: &Path, target: usize) -> Result<Plan> {
    let mut plan = study::load(root, "quick")?;
    plan.targets = vec![plan.targets.swap_remove(target)];
    plan.variants.retain(|variant| variant.name == VARIANT);
    plan.testcases.retain(|testcase| testcase.name == TESTCASE);
    plan.study.baseline = VARIANT.to_owned();
    plan.study.seeds.count = SEEDS;
    Ok(plan)
}

fn run_with(cache: &Cache, root: &Path, plan: &Plan, jobs: usize, cold: bool) -> Result<Measured> {
    let scratch = cache.scratch()?;
    let out: PathBuf = scratch.path().join("run");
    let request = RunRequest {
        cache,
        root,
        plan,
        out: Some(out.clone()),
        share: None,
        jobs,
        cold,
        keep_consoles: false,
        order: run::Order::Mixed,
    };
    let (mut begun, mut ended, mut trials) = (Instant::now(), Instant::now(), 0);
    run::run(&request, &mut |event| match event {
        Event::Stage { stage: Stage::Trials, .. } => begun = Instant::now(),
        Event::Trial(_) => (ended, trials) = (Instant::now(), trials + 1),
        _ => {}
    })?;
    let emulated = store::read_times(&out)?.iter().map(|(_, seconds)| seconds).sum();
    Ok(Measured { trials, took: ended - begun, emulated })
}
