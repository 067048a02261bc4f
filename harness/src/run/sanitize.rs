// SPDX-License-Identifier: GPL-2.0-or-later
//! Boots one kernel from reset with each testcase, the model looking on, and gathers its stale fetches by class.

use std::collections::BTreeMap;
use std::path::Path;

use instrument::Mode;

use super::event::{Event, Stage, Watch};
use super::pool;
use super::prepare::prepare;
use super::snapshots::Combination;
use crate::cache_dir::Cache;
use crate::error::{Error, Result};
use crate::machine::{Trial, Worker};
use crate::plan::{Cell, Plan, Testcase};
use crate::process::check_interrupted;
use crate::sanitize::{Classes, Spot};
use crate::symbols::Symbols;
use crate::trial::line::{Cause, Outcome};
use crate::trial::{self, Observed};

/// What the boots of a kernel showed.
#[derive(Debug)]
pub struct Sanitized {
    /// Stale fetches and loads by class.
    pub classes: Classes,
    /// Boots that did not come to the end of their testcase, as sentences: what is stale behind that was not seen.
    pub incomplete: Vec<String>,
    /// Testcases that the kernel or the machine cannot run, as sentences; the boot up to them was seen.
    pub skipped: Vec<String>,
}

/// Boots the kernel of a plan with one target and one variant, on `jobs` threads.
///
/// # Errors
///
/// As [`prepare`]; infrastructure, when the kernel does not build.
pub fn sanitize(cache: &Cache, root: &Path, plan: &Plan, jobs: usize, watch: Watch<'_>) -> Result<Sanitized> {
    let prepared = prepare(cache, root, plan, watch)?;
    let [target] = &plan.targets[..] else { return Err(Error::internal("more than one target")) };
    let [variant] = &plan.variants[..] else { return Err(Error::internal("more than one variant")) };
    let image = prepared.images.get(&(target.kernel.name.clone(), variant.name.clone()));
    let (Some(image), Some(boot)) = (image, prepared.boot(&Combination { target, variant, layout: 0 }))
    else {
        return Err(Error::infrastructure(format!(
            "{} does not build with {}",
            target.kernel.name, variant.name
        )));
    };
    let qemu = prepared.qemu_of(target)?;
    let cells = plan.cells();
    let boots: Vec<(&Cell<'_>, u64)> =
        plan.study.seeds.iter().flat_map(|seed| cells.iter().map(move |cell| (cell, seed))).collect();
    watch(Event::Stage { stage: Stage::Boots, steps: boots.len(), done: 0 });
    let work = |worker: &mut Box<dyn Worker + '_>, (cell, seed): &(&Cell<'_>, u64)| {
        check_interrupted()?;
        let scratch = cache.scratch()?;
        let testcase = &Testcase { repetitions: 1, ..cell.testcase.clone() };
        let id = &cell.trial(Mode::Observe, *seed);
        let trial = Trial { qemu, boot, snapshot: None, id, testcase };
        Ok(trial::observed(&Cell { testcase, ..**cell }, &worker.run(&trial, scratch.path())?))
    };
    let mut observed: BTreeMap<(String, u64), Observed> = BTreeMap::new();
    pool::parallel(
        jobs,
        &boots,
        || prepared.machines.worker(),
        work,
        |(cell, seed), result| {
            let what = format!("{} with {}", target.title(), cell.testcase.name);
            watch(Event::Step { what: &what, seconds: None });
            observed.insert((cell.testcase.name.clone(), *seed), result);
            Ok(())
        },
    )?;
    // In the order of names and not of threads, so that the first example of a class is always the same.
    gather(&observed, &Symbols::read(&image.vmlinux)?)
}

fn gather(observed: &BTreeMap<(String, u64), Observed>, symbols: &Symbols) -> Result<Sanitized> {
    let mut found = Sanitized { classes: Classes::default(), incomplete: Vec::new(), skipped: Vec::new() };
    let resolve = |address: u64| {
        let location = symbols.locate(address)?;
        Some(Spot { function: location.function, line: location.line })
    };
    for ((testcase, seed), Observed { outcome, detail, record }) in observed {
        if let Some(record) = record {
            found.classes.add(testcase, record, &resolve);
        }
        let text = detail.as_ref().map_or("", |detail| detail.text.as_str());
        match outcome {
            Outcome::Pass => {}
            Outcome::Unknown { cause: Cause::Skipped } => found.skipped.push(format!("{testcase}: {text}")),
            Outcome::Fail { symptom } => {
                found.incomplete.push(format!("{testcase}, seed {seed}: {}: {text}", symptom.name()));
            }
            Outcome::Unknown { cause } => {
                found.incomplete.push(format!("{testcase}, seed {seed}: {}: {text}", cause.name()));
            }
        }
    }
    Ok(found)
}
