// SPDX-License-Identifier: GPL-2.0-or-later
//! `patcheval run` and `patcheval merge`: a study on this machine, whole or in part, and its parts put together.

use std::path::{Path, PathBuf};

use super::args::{Args, MessageFormat, RunArgs};
use super::commands::{cores, display, print, root, table};
use super::plan::costs;
use crate::cache_dir::Cache;
use crate::error::{Result, exit};
use crate::judge::Overall;
use crate::plan::{self, Plan, Share};
use crate::run::{self, Finished, Order, RunRequest};
use crate::study;
use crate::ui::Json;

/// Which part of a study is meant.
#[derive(Debug, Default, clap::Args)]
pub struct PartArgs {
    /// Cell to keep, as KERNEL/MACHINE/VARIANT/TESTCASE, in which * stands for any text of a word; may be given several times. The
    /// baseline and the controls of a cell stay with it
    #[arg(long, value_name = "CELL")]
    pub only: Vec<String>,
    /// Seeds of each cell, instead of the study's
    #[arg(long, value_name = "N")]
    pub seeds: Option<u32>,
}

/// Runs a study or a share of it; returns the exit code, which is that of the verdict.
///
/// # Errors
///
/// As [`run::run`].
pub(super) fn run(args: &Args, asked: &RunArgs) -> Result<u8> {
    let root = root(args)?;
    let plan = plan::part(&study::load(&root, &asked.study)?, &asked.part.only, asked.part.seeds)?;
    let costs = costs(asked.costs.as_deref())?;
    let share = asked.shard.map(|shard| plan::share(&plan, &costs, shard));
    let way = RunWay {
        jobs: asked.jobs.or_else(cores).unwrap_or(1),
        out: asked.out.clone(),
        share,
        cold: asked.cold,
        keep_consoles: asked.keep_consoles,
        order: Order::Mixed,
        json: asked.message_format == MessageFormat::Json,
    };
    run_plan(args, &plan, &way)
}

/// How a study is run.
#[derive(Debug, Default)]
pub(super) struct RunWay {
    pub(super) jobs: usize,
    pub(super) out: Option<PathBuf>,
    pub(super) share: Option<Share>,
    pub(super) cold: bool,
    pub(super) keep_consoles: bool,
    pub(super) order: Order,
    pub(super) json: bool,
}

/// Runs a plan; returns the exit code, which is that of the verdict.
///
/// # Errors
///
/// As [`run::run`].
pub(super) fn run_plan(args: &Args, plan: &Plan, way: &RunWay) -> Result<u8> {
    let root = root(args)?;
    let cache = Cache::locate()?;
    cache.sweep(&run::CACHE_KINDS)?;
    let mut display = display(args, Some(&plan.study.baseline));
    let request = RunRequest {
        cache: &cache,
        root: &root,
        plan,
        out: way.out.clone(),
        share: way.share.clone(),
        jobs: way.jobs,
        cold: way.cold,
        keep_consoles: way.keep_consoles,
        order: way.order,
    };
    display.headline(&headline(plan));
    let finished = run::run(&request, &mut |event| {
        display.show(event);
        if way.json {
            Json::show(event);
        }
    });
    display.finish();
    let Finished { root, judgement, trials_run } = finished?;
    if way.json {
        let outcome = judgement.as_ref().map(|judgement| judgement.overall);
        let code = outcome.map_or(exit::MET, Overall::exit_code);
        Json::finished(&root.display().to_string(), outcome.map(Overall::name), code);
        return Ok(code);
    }
    match (judgement, request.share) {
        (Some(judgement), _) => {
            print(&table(args, &judgement))?;
            print_reports(&root)?;
            Ok(judgement.overall.exit_code())
        }
        (None, share) => {
            let (shard, cells) = share.map_or((String::new(), 0), |s| (s.shard.to_string(), s.cells()));
            print(&format!(
                "share {shard}: {cells} cells, {trials_run} trials run now: {}\n",
                root.display()
            ))?;
            Ok(exit::MET)
        }
    }
}

/// What a newcomer should know before anything happens.
fn headline(plan: &Plan) -> String {
    let Plan { study, variants, testcases, targets, .. } = plan;
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    format!(
        "{}: {}\n{} ({} is the baseline), {} on {}: {} at most",
        study.name,
        study.title,
        count(variants.len(), "variant"),
        study.baseline,
        count(testcases.len(), "testcase"),
        count(targets.len(), "target"),
        count(plan.trials().len(), "trial"),
    )
}

/// Puts shares together; returns the exit code of the verdict.
///
/// # Errors
///
/// As [`run::merge`].
pub(super) fn merge(args: &Args, shares: &[PathBuf], out: Option<&Path>) -> Result<u8> {
    let merged = run::merge(shares, out)?;
    print(&table(args, &merged.judgement))?;
    for shard in &merged.absent {
        print(&format!("absent: share {shard}; its trials are missing above\n"))?;
    }
    print_reports(&merged.root)?;
    Ok(merged.judgement.overall.exit_code())
}

/// Says where the reports of a run are.
fn print_reports(root: &Path) -> Result<()> {
    for name in ["report.md", run::PAGE] {
        print(&format!("report: {}\n", root.join(name).display()))?;
    }
    Ok(())
}
