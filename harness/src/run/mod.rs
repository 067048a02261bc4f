// SPDX-License-Identifier: GPL-2.0-or-later
//! Runs a study: composes the stages from `plan` to `report`.

mod attempt;
mod batches;
mod bisect;
mod boots;
mod cache_status;
mod cold_check;
mod compare;
mod console;
mod event;
mod explain;
mod history_entry;
#[cfg(test)]
mod ktap_tests;
mod merge;
mod order;
mod pool;
mod prepare;
mod propose;
mod replay;
mod report_data;
mod sanitize;
mod snapshots;
mod staged;
mod trials;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::build;
use crate::cache_dir::{Cache, write_atomically};
use crate::error::{Error, Result};
use crate::guest;
use crate::judge::{self, Judgement, KernelFacts, Schedule};
use crate::machine::{Remains, Trial, Worker, uimage};
use crate::plan::{Kernel, Plan, Shard, Share, TrialId};
use crate::report;
use crate::source;
use crate::store::{self, Manifest, NotBooted, RunDir};
use crate::trial::line::{Cause, Detail, Outcome, TrialLine};
use crate::trial::{self, Done};

/// Kinds of the cache's entries, for sweeping away what interrupted runs left of them.
pub const CACHE_KINDS: [&str; 8] = [
    source::KIND,
    source::DOWNLOADS,
    build::BASE,
    build::IMAGE,
    guest::KIND,
    guest::shell::KIND,
    uimage::KIND,
    snapshots::SNAPSHOTS,
];

/// The report for a browser, in a run directory.
pub const PAGE: &str = "report.html";

use order::CellTally;
use trials::TrialRunner;

pub use attempt::{OwnStudy, TryOptions, own_study};
pub use bisect::{
    BisectRequest, BuilderOptions, CandidateBuilder, Ends, LOG, MAIL, SearchSource, SearchSpace, StepRequest,
    Stepped, bisect, kernel_of, settings_for, step,
};
pub use cache_status::{CacheStatus, cache_status};
pub use compare::{RunNames, compare};
pub use console::{ConsoleOptions, LiveConsole, console};
pub use event::{Event, Stage, Watch};
pub use explain::{ExplainInputs, Resolve, explain, find_cell, stale_classes};
pub use history_entry::{RunEntry, history_entry};
pub use merge::{Merged, merge};
pub use order::Order;
pub use prepare::{Prepared, prepare};
pub use propose::{ProposeOptions, Proposed, propose};
pub use replay::{Replayed, find_line, replay};
pub use report_data::report_data;
pub use sanitize::{Sanitized, sanitize};
pub use snapshots::{Combination, Snapshot, Snapshots};

/// What to run, and where.
#[derive(Clone, Debug)]
pub struct RunRequest<'a> {
    /// The cache directory.
    pub cache: &'a Cache,
    /// The repository.
    pub root: &'a Path,
    /// The study.
    pub plan: &'a Plan,
    /// The run directory; by default one under `runs` in the repository, named after the study and its content.
    pub out: Option<PathBuf>,
    /// The share to run; without it, everything.
    pub share: Option<Share>,
    /// Trials at the same time.
    pub jobs: usize,
    /// Run each trial in a process of its own.
    pub cold: bool,
    /// Whether the evidence of each trial is kept, also of those that pass.
    pub keep_consoles: bool,
    /// In which order trials are run.
    pub order: Order,
}

/// A finished run.
#[derive(Debug)]
pub struct Finished {
    /// The run directory.
    pub root: PathBuf,
    /// The verdicts; none of a share alone.
    pub judgement: Option<Judgement>,
    /// How many trials were run now; the others were there already.
    pub trials_run: usize,
}

/// Runs whatever trials of a study are not in its run directory yet, then judges all of them.
///
/// # Errors
///
/// Study, infrastructure or interrupted; finished trials are kept in each case.
pub fn run(request: &RunRequest<'_>, watch: Watch<'_>) -> Result<Finished> {
    judge::check(request.plan)?;
    let prepared = prepare(request.cache, request.root, request.plan, watch)?;
    let manifest = &prepared.manifest;
    let shard = request.share.as_ref().map(|share| share.shard);
    let root =
        request.out.clone().unwrap_or_else(|| request.root.join("runs").join(run_name(manifest, shard)));
    let (mut dir, lines) = RunDir::open(&root, manifest, shard)?;
    for (place, log) in &prepared.logs {
        dir.keep_log(place, log)?;
    }
    let trials_run = run_called(request, &prepared, &mut dir, lines, watch)?;
    dir.put_in_order(&request.plan.trials())?;
    let judged = judged(&root)?;
    if trials_run > 0 || !report_data::exist(&root) {
        report_data::write_examples(request.cache, &root, &judged)?;
    }
    let judgement = shard.is_none().then(|| publish(&root, judged)).transpose()?;
    Ok(Finished { root, judgement, trials_run })
}

/// Makes everything that the first trials of a study need, and runs none; returns what it was made of.
///
/// # Errors
///
/// As [`prepare()`] and [`Prepared::snapshots`].
pub fn make_ready(
    cache: &Cache,
    root: &Path,
    plan: &Plan,
    jobs: usize,
    watch: Watch<'_>,
) -> Result<Manifest> {
    judge::check(plan)?;
    let prepared = prepare(cache, root, plan, watch)?;
    let Schedule { called, .. } = judge::schedule(plan, &built(&prepared.manifest, &[]), &[]);
    let snapshots = prepared.snapshots(cache, &combinations(plan, &called)?, jobs, watch)?;
    boots::report_failed(plan, &snapshots, watch);
    Ok(prepared.manifest)
}

/// Returns whether a run or a share has come to its end in this directory.
pub fn has_ended(root: &Path) -> bool {
    report_data::exist(root)
}

fn run_name(manifest: &Manifest, shard: Option<Shard>) -> String {
    let share = shard.map(|Shard { index, of }| format!("-{index}-of-{of}")).unwrap_or_default();
    manifest.run_name() + &share
}

/// Runs trials as long as the study calls for some; returns how many.
fn run_called(
    request: &RunRequest<'_>,
    prepared: &Prepared,
    dir: &mut RunDir,
    mut lines: Vec<TrialLine>,
    watch: Watch<'_>,
) -> Result<usize> {
    let mut trials_run = 0;
    loop {
        let built = built(&prepared.manifest, &store::read_boots(dir.root())?);
        let Schedule { mut called, mut next } = judge::schedule(request.plan, &built, &lines);
        if let Some(share) = &request.share {
            called.retain(|id| share.has(id));
            next.retain(|id| share.has(id));
        }
        let ended = called.len() - next.len();
        let next = order::next(request.plan, request.order, next);
        let failed = order::failed_control(&lines).filter(|_| request.order == Order::CellByCell);
        if let Some(failed) = failed.filter(|_| !next.is_empty()) {
            watch(Event::Warning(&format!(
                "{} fails with the model off, so that nothing would follow about caches: the other trials are not run",
                failed.id
            )));
        }
        if next.is_empty() || failed.is_some() {
            return Ok(trials_run);
        }
        let mut tally = (request.order == Order::CellByCell).then(|| CellTally::new(&called, &lines));
        let run = run_trials(request, prepared, &next, ended + next.len(), dir, &mut |event| {
            watch(event);
            if let (Some(tally), Event::Trial(line)) = (&mut tally, event) {
                tally.take(line, watch);
            }
        })?;
        trials_run += run.len();
        lines.extend(run);
    }
}

fn run_trials(
    request: &RunRequest<'_>,
    prepared: &Prepared,
    missing: &[TrialId],
    all: usize,
    dir: &mut RunDir,
    watch: Watch<'_>,
) -> Result<Vec<TrialLine>> {
    let snapshots =
        prepared.snapshots(request.cache, &combinations(request.plan, missing)?, request.jobs, watch)?;
    let failed = boots::keep_failed(dir, request.plan, &snapshots, watch)?;
    let booted = missing.iter().filter(|id| !failed.contains(&names_of(id)));
    let (done, missing) = (all - missing.len(), &booted.cloned().collect::<Vec<_>>()[..]);
    watch(Event::Stage { stage: Stage::Trials, steps: done + missing.len(), done });
    let root = dir.root().to_owned();
    let trials = TrialRunner {
        plan: request.plan,
        machines: prepared.machines.as_ref(),
        jobs: request.jobs,
        cold: request.cold,
        dir: &root,
    };
    let run = |worker: &mut dyn Worker, id: &TrialId| {
        run_one(worker, request.cache, request.plan, prepared, &snapshots, id)
    };
    let mut lines = Vec::new();
    trials.run(missing, run, |done| {
        watch(Event::Trial(&done.line));
        dir.append(&done, request.keep_consoles)?;
        lines.push(done.line);
        Ok(())
    })?;
    Ok(lines)
}

/// The combinations that some trials need booted, each once, in the order of the plan.
fn combinations<'a>(plan: &'a Plan, trials: &[TrialId]) -> Result<Vec<Combination<'a>>> {
    let mut found: Vec<Combination<'a>> = Vec::new();
    for id in trials {
        let cell = plan.cell_of(id)?;
        if cell.testcase.boot.is_some() {
            continue;
        }
        let layout = plan.layout_of(id);
        let same = |c: &Combination<'_>| {
            std::ptr::eq(c.target, cell.target) && std::ptr::eq(c.variant, cell.variant) && c.layout == layout
        };
        if !found.iter().any(same) {
            found.push(Combination { target: cell.target, variant: cell.variant, layout });
        }
    }
    Ok(found)
}

/// Runs one trial of a plan.
///
/// # Errors
///
/// As [`Worker::run`].
pub fn run_one(
    worker: &mut dyn Worker,
    cache: &Cache,
    plan: &Plan,
    prepared: &Prepared,
    snapshots: &Snapshots,
    id: &TrialId,
) -> Result<Done> {
    let cell = plan.cell_of(id)?;
    let layout = plan.layout_of(id);
    let combination = Combination { target: cell.target, variant: cell.variant, layout };
    let image = &prepared.manifest.images[&id.kernel][&id.variant];
    let Some(boot) = prepared.boot(&combination) else {
        let why = image.failed.as_ref().map(|failed| failed.text.clone()).unwrap_or_default();
        return Ok(never_ran(TrialLine::unknown(id.clone(), Cause::BuildFailed, why)));
    };
    let names = (id.kernel.clone(), id.machine.clone(), id.variant.clone());
    let snapshot = match snapshots.get(&(names, layout)) {
        _ if cell.testcase.boot.is_some() => None,
        Some(Snapshot::Saved(path)) => Some(path.as_path()),
        Some(Snapshot::NotReady { console, timed_out }) => {
            return Ok(not_booted(id, &cell.target.kernel, &image.sha256, console, *timed_out));
        }
        None => return Err(Error::internal(format!("no snapshot for {id}"))),
    };
    let testcase = cell.testcase;
    let trial = Trial { qemu: prepared.qemu_of(cell.target)?, boot, snapshot, id, testcase };
    let scratch = cache.scratch()?;
    let remains = worker.run(&trial, scratch.path())?;
    Ok(trial::done(id, &cell, remains, &image.sha256))
}

/// The trial of a kernel that did not boot: a failure if the kernel said so, else unknown.
fn not_booted(id: &TrialId, kernel: &Kernel, image: &str, console: &str, timed_out: bool) -> Done {
    let mut line = match trial::kernel_symptom(console, &kernel.oops) {
        Some((outcome, detail)) => {
            let text = format!("did not boot: {}", detail.unwrap_or_default().text);
            let detail = Some(Detail { text, ..Detail::default() });
            TrialLine { detail, ..TrialLine::new(id.clone(), outcome) }
        }
        None if timed_out => {
            TrialLine::unknown(id.clone(), Cause::HostDeadline, "the guest was not ready in time")
        }
        None => TrialLine::unknown(id.clone(), Cause::BadOutput, "QEMU ended before the guest was ready"),
    };
    line.image = image.to_owned();
    line.console_sha256 = trial::sha256(console);
    Done { line, remains: Remains { console: console.to_owned(), ..Remains::default() } }
}

fn names_of(id: &TrialId) -> [String; 3] {
    [&id.kernel, &id.machine, &id.variant].map(Clone::clone)
}

fn never_ran(line: TrialLine) -> Done {
    Done { line, remains: Remains::default() }
}

/// What a run directory holds, judged.
struct JudgedRun {
    manifest: Manifest,
    lines: Vec<TrialLine>,
    judgement: Judgement,
    built: KernelFacts,
}

/// A run that is not a share.
fn judged_whole(root: &Path) -> Result<JudgedRun> {
    if let Some(shard) = store::read_shard(root)? {
        return Err(Error::study(format!(
            "{} is share {shard} of a run: no verdicts follow from it alone",
            root.display()
        ))
        .hint("put the shares together with `patcheval merge`"));
    }
    judged(root)
}

fn judged(root: &Path) -> Result<JudgedRun> {
    cold_check::refuse_differences(root)?;
    let manifest = store::read_manifest(root)?;
    let lines = store::read_lines(root)?;
    let built = built(&manifest, &store::read_boots(root)?);
    let judgement = judge::judge(&manifest.plan, &lines, &built);
    Ok(JudgedRun { manifest, lines, judgement, built })
}

/// Writes what is for people into the run directory of a whole run, whose examples are there.
fn publish(root: &Path, judged: JudgedRun) -> Result<Judgement> {
    write_judgement(root, &judged.judgement)?;
    let data = report_data::of(root, judged)?;
    write_atomically(&root.join(PAGE), report::html(&data).as_bytes())?;
    Ok(data.judgement)
}

fn write_judgement(root: &Path, judgement: &Judgement) -> Result<()> {
    let json = serde_json::to_string_pretty(judgement)
        .map_err(|error| Error::internal(format!("judgement: {error}")))?;
    write_atomically(&root.join("judgement.json"), (json + "\n").as_bytes())?;
    write_atomically(&root.join("report.md"), report::markdown(judgement).as_bytes())
}

fn built(manifest: &Manifest, boots: &[NotBooted]) -> KernelFacts {
    let mut images: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (kernel, variants) in &manifest.images {
        let variants = variants.iter().filter(|(_, image)| image.failed.is_none());
        let variants = variants.map(|(variant, image)| (variant.clone(), image.sha256.clone()));
        images.insert(kernel.clone(), variants.collect());
    }
    let bases = manifest.bases.iter().map(|(kernel, image)| (kernel.clone(), image.sha256.clone())).collect();
    let (no_image, not_booted) = (boots::no_images(manifest), boots::not_booted(boots));
    let (sizes, changes) = (manifest.sizes.clone(), manifest.changes.clone());
    KernelFacts { images, bases, sizes, changes, no_image, not_booted }
}

/// Returns whether a trial is worth showing as soon as it has ended.
pub fn is_remarkable(line: &TrialLine) -> bool {
    line.outcome != Outcome::Pass
}
