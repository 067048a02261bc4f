// SPDX-License-Identifier: GPL-2.0-or-later
//! How many trials a minute a machine runs by itself: `ci/bench`, or `cargo bench -p patcheval --bench scaling`.
//!
//! The same trials with one at a time and with as many as there are cores, in turns; printed as the ratio of the two. Of one at
//! a time it also tells which part of the time no QEMU ran: that is the harness's own.

mod common;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use patcheval::cache_dir::Cache;
use patcheval::error::{Error, Result};
use patcheval::plan::Plan;
use patcheval::run::{self, Event, Request, Stage};
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
    let plan = plan(root)?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut fastest: [Option<Measured>; 2] = [None, None];
    // The first run builds and boots what is not there yet.
    run_with(&cache, root, &plan, cores)?;
    for _ in 0..ROUNDS {
        for (best, jobs) in fastest.iter_mut().zip([1, cores]) {
            let now = run_with(&cache, root, &plan, jobs)?;
            if best.as_ref().is_none_or(|best| now.took < best.took) {
                *best = Some(now);
            }
        }
    }
    let [Some(one), Some(all)] = fastest else { return Err(Error::internal("no round")) };
    println!(
        "{} trials of {TESTCASE} on {}, fastest of {ROUNDS} runs each, in turns",
        one.trials,
        plan.targets[0].title()
    );
    println!("    1 at a time  {:6.1} trials a minute", one.per_minute());
    let ratio = all.per_minute() / one.per_minute();
    println!("    {cores} at a time  {:6.1} trials a minute  {ratio:5.2} x 1 at a time", all.per_minute());
    let own = 1.0 - one.emulated / one.took.as_secs_f64();
    println!("    the harness's own time: {:.1} % of a trial", own * 100.0);
    Ok(())
}

/// The quick study's first target, one variant and one testcase of it.
fn plan(root: &Path) -> Result<Plan> {
    let mut plan = study::load(root, "quick")?;
    plan.targets.truncate(1);
    plan.variants.retain(|variant| variant.name == VARIANT);
    plan.testcases.retain(|testcase| testcase.name == TESTCASE);
    plan.study.baseline = VARIANT.to_owned();
    plan.study.seeds.count = SEEDS;
    Ok(plan)
}

fn run_with(cache: &Cache, root: &Path, plan: &Plan, jobs: usize) -> Result<Measured> {
    let scratch = cache.scratch()?;
    let out: PathBuf = scratch.path().join("run");
    let request = Request { cache, root, plan, out: Some(out.clone()), share: None, jobs, cold: false };
    let (mut begun, mut ended, mut trials) = (Instant::now(), Instant::now(), 0);
    run::run(&request, &mut |event| match event {
        Event::Stage { stage: Stage::Trials, .. } => begun = Instant::now(),
        Event::Trial(_) => (ended, trials) = (Instant::now(), trials + 1),
        _ => {}
    })?;
    let emulated = store::read_times(&out)?.iter().map(|(_, seconds)| seconds).sum();
    Ok(Measured { trials, took: ended - begun, emulated })
}
