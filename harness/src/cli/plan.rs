// SPDX-License-Identifier: GPL-2.0-or-later
//! `patcheval plan` and `patcheval clean`: what a study would cost, and how much the cache may keep of it.

use std::fmt::Write;

use super::args::{Args, Clean, PlanArgs};
use super::commands::{cores, display, print, root};
use crate::cache_dir::Cache;
use crate::error::{Error, Result, exit};
use crate::plan::{self, BASE_SECONDS, BOOT_SECONDS, Costs, IMAGE_SECONDS, Load, Plan, Shard};
use crate::run::{self, CacheStatus};
use crate::{store, study};

/// Numbers of machines for which the time is shown.
const MACHINES: [u32; 5] = [1, 2, 4, 8, 16];

const GIB: f64 = (1 << 30) as f64;

/// Prints what a study would cost.
///
/// # Errors
///
/// Study, for anything wrong with it; infrastructure.
pub(super) fn forecast(args: &Args, asked: &PlanArgs) -> Result<u8> {
    let root = root(args)?;
    let plan = plan::part(&study::load(&root, &asked.study)?, &asked.part.only, asked.part.seeds)?;
    let costs = costs(asked.costs.as_deref())?;
    let cache = Cache::locate()?;
    let mut display = display(args, None);
    let statuses = run::cache_status(&cache, &root, &plan, &mut |event| display.show(event));
    display.finish();
    let statuses = statuses?;
    let jobs = asked.jobs.or_else(cores).unwrap_or(1);
    let mut text = what(&plan);
    text.push_str(&builds(&statuses));
    text.push_str(&trials(&plan, &costs, asked.costs.is_some()));
    text.push_str(&times(&plan, &costs, &statuses, jobs));
    let _ = writeln!(
        text,
        "cache: {:.1} GiB in {}",
        gib(cache.bytes(&run::CACHE_KINDS)?),
        cache.root().display()
    );
    print(&text)?;
    Ok(exit::MET)
}

/// Reads what trials took in another run, if one is named.
///
/// # Errors
///
/// Study, when it is no run.
pub(super) fn costs(measured: Option<&std::path::Path>) -> Result<Costs> {
    let mut costs = Costs::default();
    for (trial, seconds) in measured.map(store::read_times).transpose()?.unwrap_or_default() {
        costs.add(&trial, seconds);
    }
    Ok(costs)
}

fn what(plan: &Plan) -> String {
    let Plan { study, targets, variants, testcases, .. } = plan;
    let cells = plan.cells().len();
    let left_out = plan
        .left_out()
        .into_iter()
        .map(|(variant, kernel, why)| format!("{} does not apply to {}: {why}\n", variant.name, kernel.name));
    let left_out: String = left_out.collect();
    let mut text = format!(
        "{}: {}\n{} targets, {} variants, {} testcases: {cells} cells\n{left_out}",
        study.name,
        study.title,
        targets.len(),
        variants.len(),
        testcases.len()
    );
    let mut shown: Vec<&str> = Vec::new();
    for machine in targets.iter().map(|target| &target.machine) {
        if let Some(why) = machine.cold.as_ref().filter(|_| !shown.contains(&machine.name.as_str())) {
            let _ = writeln!(text, "{}: each trial has a QEMU of its own: {}", machine.name, why.trim());
            shown.push(&machine.name);
        }
    }
    for testcase in testcases {
        if let Some(why) = &testcase.cold {
            let _ = writeln!(text, "{}: each trial has a QEMU of its own: {}", testcase.name, why.trim());
        }
    }
    text
}

fn builds(statuses: &[CacheStatus]) -> String {
    let mut text = String::new();
    for CacheStatus { kernel, version, base, images, built } in statuses {
        let base = if *base { "base build in the cache" } else { "base build to be made" };
        let _ = writeln!(text, "{kernel} ({version}): {base}, {built} of {images} images in the cache");
    }
    text
}

fn trials(plan: &Plan, costs: &Costs, measured: bool) -> String {
    let Load { trials, least, seconds, .. } = plan::load_of(plan, costs, None);
    let each = seconds / (trials as f64).max(1.0);
    let from = if measured { "as measured" } else { "assumed; --costs RUN takes it from a run" };
    let mut text = match least == trials {
        true => format!("{trials} trials"),
        false => format!("{least} to {trials} trials, until each cell is decided"),
    };
    if let Some(there) = costs.trials(plan).filter(|there| measured && *there != trials) {
        let _ = write!(text, " ({there} in that run)");
    }
    let _ = writeln!(text, ", {each:.2} s each ({from})");
    text
}

/// The minutes on several machines: what has to be built on each, and the dearest share of the trials.
fn times(plan: &Plan, costs: &Costs, statuses: &[CacheStatus], jobs: usize) -> String {
    let to_build: f64 = statuses
        .iter()
        .map(|one| {
            let base = if one.base { 0.0 } else { BASE_SECONDS };
            base + IMAGE_SECONDS * (one.images - one.built) as f64
        })
        .sum();
    let minutes = |seconds: f64| (seconds / 60.0 * 10.0).ceil() / 10.0;
    let mut text = format!("builds: {:.1} min, once for each cache\n", minutes(to_build));
    let boots = plan.targets.iter().map(|target| plan.variants_on(&target.kernel.name).count());
    let boots = boots.sum::<usize>() as f64 * BOOT_SECONDS;
    let ratio = expected_ratio(plan, costs);
    for of in MACHINES {
        let loads = (1..=of).map(|index| plan::share(plan, costs, Shard { index, of }));
        let loads = loads.map(|share| plan::load_of(plan, costs, Some(&share)));
        let (least, most) = loads.fold((0.0_f64, 0.0_f64), |(least, most), load| {
            (least.max(load.least_seconds), most.max(load.seconds))
        });
        let on = |trials: f64| minutes((trials + boots / f64::from(of)) / jobs as f64);
        let machines = if of == 1 { "machine" } else { "machines" };
        let _ = match ratio {
            Some(ratio) => writeln!(
                text,
                "{of:>3} {machines}: {:.1} min of trials with {jobs} jobs each",
                on(most * ratio)
            ),
            None if least < most => {
                writeln!(
                    text,
                    "{of:>3} {machines}: {:.1} to {:.1} min of trials with {jobs} jobs each",
                    on(least),
                    on(most)
                )
            }
            None => writeln!(text, "{of:>3} {machines}: {:.1} min of trials with {jobs} jobs each", on(most)),
        };
    }
    text
}

/// Which part of the most trials a run of the same study needed.
fn expected_ratio(plan: &Plan, costs: &Costs) -> Option<f64> {
    let most = plan::load_of(plan, costs, None).trials;
    costs.trials(plan).map(|there| there as f64 / most as f64)
}

/// Keeps the cache under a bound.
///
/// # Errors
///
/// Infrastructure, if something cannot be removed.
pub(super) fn clean(asked: &Clean) -> Result<u8> {
    let cache = Cache::locate()?;
    cache.sweep(&run::CACHE_KINDS)?;
    if !(asked.keep >= 0.0 && asked.keep.is_finite()) {
        return Err(Error::study("--keep takes a size in GiB, as in 10 or 0.5"));
    }
    let cleaned = cache.clean(&run::CACHE_KINDS, (asked.keep * GIB) as u64)?;
    let mut text = String::new();
    for (name, bytes) in &cleaned.removed {
        let _ = writeln!(text, "removed {name}, {:.2} GiB", gib(*bytes));
    }
    let in_use =
        if cleaned.in_use > 0 { format!(", {} entries of it in use", cleaned.in_use) } else { String::new() };
    let _ = writeln!(text, "left: {:.2} GiB in {}{in_use}", gib(cleaned.left), cache.root().display());
    print(&text)?;
    Ok(exit::MET)
}

fn gib(bytes: u64) -> f64 {
    bytes as f64 / GIB
}
