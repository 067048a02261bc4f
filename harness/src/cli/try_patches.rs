// SPDX-License-Identifier: GPL-2.0-or-later
//! `patcheval try`: somebody's own patches, without a study of theirs.

use std::path::{Path, PathBuf};

use super::args::Args;
use super::commands::{cores, display, print, root};
use super::plan::costs;
use super::run::{RunWay, run_plan};
use crate::cache_dir::Cache;
use crate::error::{Error, Result, exit};
use crate::plan::{self, BASE_SECONDS, BOOT_SECONDS, Costs, IMAGE_SECONDS, Plan};
use crate::run::{self, CacheStatus, Event, Order, OwnStudy, TryOptions};
use crate::{study, ui};

/// Options of `try`.
#[derive(Debug, clap::Args)]
pub struct TryArgs {
    /// Patch files, which are one series together; mailboxes, directories of patches, commits and ranges of commits, each of whose
    /// series is one of its own [default: HEAD of --tree]
    #[arg(value_name = "PATCH", required_unless_present = "tree")]
    pub patches: Vec<String>,
    /// Name of a kernel [default: the first of the study quick]
    #[arg(short, long)]
    pub kernel: Option<String>,
    /// Machine to run on [default: the first that a study pairs the kernel with, `quick` before others]
    #[arg(short, long)]
    pub machine: Option<String>,
    /// Testcase to run; may be given several times [default: those in which that study expects its baseline to fail]
    #[arg(short, long = "testcase", value_name = "TESTCASE")]
    pub testcases: Vec<String>,
    /// Variant with the bug, to which the patches apply; `none` is the kernel as it is [default: the baseline of that study, or the
    /// kernel as it is if the patches apply to that only]
    #[arg(long, value_name = "PATCHSET/VARIANT")]
    pub baseline: Option<String>,
    /// Kernel's git tree, which is only read: its commits are tried, with the configuration of --kernel. The baseline is the commit
    /// before the first, and without a commit HEAD
    #[arg(long, value_name = "DIR")]
    pub tree: Option<PathBuf>,
    /// Commit of the tree that is built whole, and over which the others are built [default: the last tag before them]
    #[arg(long, value_name = "REV", requires = "tree")]
    pub base: Option<String>,
    /// Seeds of each cell
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub seeds: u32,
    /// Trials at the same time [default: one per core]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Directory in which a directory of the study is made [default: runs in the repository]
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Write the study and say what it would cost, and run nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Writes the study, says what it will cost, and runs it.
///
/// # Errors
///
/// As [`run::own_study`] and [`run::run`].
pub(super) fn try_patches(args: &Args, asked: &TryArgs) -> Result<u8> {
    let root = root(args)?;
    let cache = Cache::locate()?;
    cache.sweep(&run::CACHE_KINDS)?;
    let output = asked.output.clone().unwrap_or_else(|| root.join("runs"));
    let output = std::path::absolute(&output).map_err(|error| Error::io("find", &output, error))?;
    let (kernel, machine) = (asked.kernel.as_deref(), asked.machine.as_deref());
    let precedent = study::precedent(&root, kernel, machine, &asked.testcases)?;
    let load = |file: &Path| study::load(&root, &file.display().to_string());
    let options = TryOptions {
        patches: &asked.patches,
        tree: asked.tree.as_deref(),
        base: asked.base.as_deref(),
        precedent: &precedent,
        baseline: asked.baseline.as_deref(),
        seeds: asked.seeds,
        output: &output,
    };
    let jobs = asked.jobs.or_else(cores).unwrap_or(1);
    let mut display = display(args, None);
    // The run has these stages again.
    let mut show = |event: Event<'_>| {
        if matches!(event, Event::Warning(_) | Event::Begin(_) | Event::Step { seconds: Some(_), .. }) {
            display.show(event);
        }
    };
    let made = run::own_study(&cache, &root, &options, &load, &mut show);
    let costs = made.and_then(|made| {
        let statuses = run::cache_status(&cache, &root, &made.plan, &mut show)?;
        Ok((cost(&made.plan, &costs(None)?, &statuses, jobs), made))
    });
    display.finish();
    let (cost, OwnStudy { file, plan, notes }) = costs?;
    let shown = file.strip_prefix(&root).unwrap_or(&file).display();
    let mut text: String = notes.iter().map(|note| format!("{note}\n")).collect();
    text += &format!("cost: {cost}\nstudy: {shown}");
    if asked.dry_run {
        print(&format!("{text}\n"))?;
        return Ok(exit::MET);
    }
    if !args.quiet {
        ui::say(&text);
    }
    run_plan(args, &plan, &RunWay { jobs, order: Order::CellByCell, ..RunWay::default() })
}

/// What is built and run, and how long it will take.
fn cost(plan: &Plan, costs: &Costs, statuses: &[CacheStatus], jobs: usize) -> String {
    let count = |n: u64, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
    let bases = statuses.iter().filter(|one| !one.base).count() as u64;
    let images: u64 = statuses.iter().map(|one| (one.images - one.built) as u64).sum();
    let load = plan::load_of(plan, costs, None);
    let boots =
        plan.targets.iter().map(|target| plan.variants_on(&target.kernel.name).count()).sum::<usize>();
    let build = BASE_SECONDS * bases as f64 + IMAGE_SECONDS * images as f64;
    let trials = (load.seconds + boots as f64 * BOOT_SECONDS) / jobs as f64;
    let seconds = build + trials;
    let time = if seconds < 60.0 {
        format!("{seconds:.0} seconds")
    } else {
        format!("{:.1} minutes", seconds / 60.0)
    };
    let built = match (bases, images) {
        (0, 0) => "all kernels are built".to_owned(),
        (0, images) => format!("{} over a built kernel", count(images, "image")),
        (bases, images) => {
            format!("{} from source, {} over it", count(bases, "kernel"), count(images, "image"))
        }
    };
    format!("{built}, {}: about {time} with {}", count(load.trials, "trial"), count(jobs as u64, "job"))
}
