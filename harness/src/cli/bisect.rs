// SPDX-License-Identifier: GPL-2.0-or-later
//! `patcheval bisect`, `patcheval bisect-config` and `patcheval step`.

use std::path::{Path, PathBuf};

use super::args::Args;
use super::commands::{cores, display, print, root};
use crate::cache_dir::Cache;
use crate::error::{Error, ErrorKind, Result, exit};
use crate::judge::bisection::{SearchDirection, Settings};
use crate::judge::statistics::sequential::Decision;
use crate::plan::Plan;
use crate::report::bisection::{Suspect, SuspectSource, table};
use crate::run::{
    self, BisectRequest, BuilderOptions, CandidateBuilder, Ends, SearchSpace, StepRequest, Stepped,
};
use crate::source::repository::Repository;
use crate::study;

/// Options of all bisections.
#[derive(Debug, clap::Args)]
pub struct CellOptions {
    /// Name of a study under ci/studies, or path of a study's file
    pub study: String,
    /// What is tried; the variant's patches are applied to each commit, or below each configuration
    #[arg(long, value_name = "KERNEL/MACHINE/VARIANT/TESTCASE")]
    pub cell: String,
    /// Trials at the same time [default: one per core]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Start QEMU anew for each trial, as in `patcheval run --cold`
    #[arg(long)]
    pub cold: bool,
}

/// Options of both searches.
#[derive(Debug, clap::Args)]
pub struct Effort {
    /// Probability at which something is the answer
    #[arg(long, value_name = "CHANCE", default_value_t = Settings::default().confidence)]
    pub confidence: f64,
    /// Give up after so many trials
    #[arg(long, value_name = "N", default_value_t = Settings::default().max_trials)]
    pub max_trials: u32,
    /// Say among how many it is sought, and how long it will probably take
    #[arg(long)]
    pub dry_run: bool,
    /// Directory of the bisection, in which it goes on [default: runs/bisect-<hash of all that it is made of>]
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Where commits are.
#[derive(Debug, clap::Args)]
pub struct Commits {
    /// Git repository of the kernel, which is only read
    #[arg(long, value_name = "DIR")]
    pub tree: PathBuf,
    /// Commit over whose build the others are built
    #[arg(long, value_name = "REV")]
    pub base: Option<String>,
}

/// Options of `bisect`.
#[derive(Debug, clap::Args)]
pub struct Bisect {
    /// Study and cell
    #[command(flatten)]
    pub subject: CellOptions,
    /// The repository
    #[command(flatten)]
    pub commits: Commits,
    /// Commit at which the cell passes; if it is the newer one, the commit that fixed it is sought
    #[arg(long, value_name = "REV")]
    pub good: String,
    /// Commit at which the cell fails
    #[arg(long, value_name = "REV")]
    pub bad: String,
    /// Follow only the first parent of merges
    #[arg(long)]
    pub first_parent: bool,
    /// Name of the older state in the log [default: good, or broken if a fix is sought]
    #[arg(long, value_name = "TERM")]
    pub term_old: Option<String>,
    /// Name of the newer state in the log [default: bad, or fixed if a fix is sought]
    #[arg(long, value_name = "TERM")]
    pub term_new: Option<String>,
    /// How long it may take
    #[command(flatten)]
    pub effort: Effort,
}

/// Options of `bisect-config`.
#[derive(Debug, clap::Args)]
pub struct BisectConfig {
    /// Study and cell
    #[command(flatten)]
    pub subject: CellOptions,
    /// Configuration with which the cell passes: a .config or a fragment, laid over the kernel's own fragments
    #[arg(long, value_name = "FILE")]
    pub good: PathBuf,
    /// Configuration with which the cell fails
    #[arg(long, value_name = "FILE")]
    pub bad: PathBuf,
    /// How long it may take
    #[command(flatten)]
    pub effort: Effort,
}

/// Options of `step`.
#[derive(Debug, clap::Args)]
pub struct StepArgs {
    /// Study and cell
    #[command(flatten)]
    pub subject: CellOptions,
    /// The repository
    #[command(flatten)]
    pub commits: Commits,
    /// Commit to judge
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    pub commit: String,
    /// Stop undecided after so many trials
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub max_trials: u32,
    /// Run only the trial with this seed
    #[arg(long, value_name = "SEED")]
    pub seed: Option<u64>,
}

/// Exit codes of `step`, as `git bisect run` takes them.
pub mod step_exit {
    /// The commit passes.
    pub const GOOD: u8 = 0;
    /// The commit fails.
    pub const BAD: u8 = 1;
    /// It cannot be tested, or trials did not decide.
    pub const UNDECIDED: u8 = 125;
    /// Infrastructure failed; this and what is above ends `git bisect run`.
    pub const INFRASTRUCTURE: u8 = 128;
    /// Usage or study error.
    pub const STUDY: u8 = 129;
    /// Bug in patcheval; 130 is interrupted, as everywhere.
    pub const INTERNAL: u8 = 198;
}

/// Host seconds of a build and a boot, and of a trial, for forecasts.
const SETUP_SECONDS: f64 = 11.0;
const TRIAL_SECONDS: f64 = SETUP_SECONDS / 24.0;

pub(super) fn bisect(args: &Args, asked: &Bisect) -> Result<u8> {
    let repository = Repository::open(&asked.commits.tree)?;
    let ends = Ends {
        good: &asked.good,
        bad: &asked.bad,
        base: asked.commits.base.as_deref(),
        first_parent: asked.first_parent,
        term_old: asked.term_old.as_deref(),
        term_new: asked.term_new.as_deref(),
    };
    search(args, &asked.subject, &asked.effort, |_, _| SearchSpace::among_commits(repository, ends))
}

pub(super) fn bisect_config(args: &Args, asked: &BisectConfig) -> Result<u8> {
    search(args, &asked.subject, &asked.effort, |root, plan| {
        let kernel = run::kernel_of(plan, &asked.subject.cell)?;
        let fragments: Vec<PathBuf> = kernel.fragments.iter().map(|path| root.join(path)).collect();
        SearchSpace::among_configurations(&fragments, &asked.good, &asked.bad)
    })
}

fn search(
    args: &Args,
    subject: &CellOptions,
    effort: &Effort,
    space: impl FnOnce(&Path, &Plan) -> Result<SearchSpace>,
) -> Result<u8> {
    let Effort { confidence, max_trials, .. } = *effort;
    if !(confidence > 0.5 && confidence < 1.0) {
        return Err(Error::study(format!("--confidence is {confidence}, but must be above 0.5 and below 1")));
    }
    let root = root(args)?;
    let plan = study::load(&root, &subject.study)?;
    let space = space(&root, &plan)?;
    if effort.dry_run {
        return dry_run(&space, Settings { confidence, max_trials, ..Settings::default() });
    }
    let cache = Cache::locate()?;
    cache.sweep(&run::CACHE_KINDS)?;
    let jobs = subject.jobs.or_else(cores).unwrap_or(1);
    let CellOptions { cell, cold, .. } = subject;
    let options = BuilderOptions { cache: &cache, root: &root, plan: &plan, cell, jobs, cold: *cold };
    let builder = CandidateBuilder::open(options, &space.source)?;
    let request = BisectRequest {
        space: &space,
        builder: &builder,
        settings: run::settings_for(&builder, confidence, max_trials),
        out: effort.out.clone(),
        study: &subject.study,
    };
    let mut display = display(args, None);
    let found = run::bisect(&request, &mut |event| display.show(event));
    display.finish();
    let (bisection, directory) = found?;
    print(&table(&bisection))?;
    if let SuspectSource::Commits { .. } = bisection.origin {
        print(&format!("log: {}\n", directory.join(run::LOG).display()))?;
    }
    print(&format!("mail: {}\n", directory.join(run::MAIL).display()))?;
    Ok(if bisection.found().is_empty() { exit::NOT_MET } else { exit::MET })
}

fn dry_run(space: &SearchSpace, settings: Settings) -> Result<u8> {
    let sought = if space.direction == SearchDirection::Broken { "broke" } else { "fixed" };
    let what = if let SuspectSource::Commits { .. } = space.origin { "commits" } else { "options" };
    print(&format!("{} {what}, one of which {sought} it\n", space.candidates.len() - 1))?;
    match &space.origin {
        SuspectSource::Commits { .. } => {
            for (name, candidate) in [("old", space.candidates.first()), ("new", space.candidates.last())] {
                let Some(Suspect { label, subject, .. }) = candidate else { continue };
                print(&format!("{name}: {label} {subject}\n"))?;
            }
        }
        SuspectSource::Configurations { .. } => {
            for Suspect { subject, .. } in &space.candidates[1..] {
                print(&format!("  {subject}\n"))?;
            }
        }
    }
    for forecast in space.forecasts(settings) {
        let minutes = (forecast.builds * SETUP_SECONDS + forecast.trials * TRIAL_SECONDS) / 60.0;
        print(&format!(
            "if it fails in {:>3.0} % of trials: {:.0} {what} built, {:.0} trials (nine times of ten at most {}), \
             {minutes:.0} minutes\n",
            forecast.rate * 100.0,
            forecast.builds,
            forecast.trials,
            forecast.most_trials,
        ))?;
    }
    print("and the base build, which takes some minutes, unless the cache has it\n")?;
    Ok(exit::MET)
}

pub(super) fn step(args: &Args, asked: &StepArgs) -> Result<u8> {
    let root = root(args)?;
    let plan = study::load(&root, &asked.subject.study)?;
    let cache = Cache::locate()?;
    cache.sweep(&run::CACHE_KINDS)?;
    let jobs = asked.subject.jobs.or_else(cores).unwrap_or(1);
    let CellOptions { cell, cold, .. } = &asked.subject;
    let request = StepRequest {
        repository: Repository::open(&asked.commits.tree)?,
        commit: Some(asked.commit.clone()),
        base: asked.commits.base.clone(),
        options: BuilderOptions { cache: &cache, root: &root, plan: &plan, cell, jobs, cold: *cold },
        max_trials: asked.max_trials,
        seed: asked.seed,
    };
    let mut display = display(args, None);
    let stepped = run::step(&request, &mut |event| display.show(event));
    display.finish();
    let stepped = stepped?;
    let (word, code) = match stepped.decision {
        Decision::Sound => ("good", step_exit::GOOD),
        Decision::Faulty => ("bad", step_exit::BAD),
        Decision::Open => ("undecided", step_exit::UNDECIDED),
    };
    print(&sentence(&stepped, word))?;
    Ok(code)
}

fn sentence(stepped: &Stepped, word: &str) -> String {
    let Stepped { commit, trials: (passes, failures, unknown), untestable, .. } = stepped;
    let result = match untestable {
        Some(why) => why.clone(),
        None => format!("{failures} of {} trials fail, {unknown} say nothing", passes + failures),
    };
    format!("{} {word}: {result}: {}\n", commit.short(), commit.subject)
}

/// The exit code of a `step` that ended with an error: `git bisect run` takes codes below 128 for a judgement.
pub(super) fn step_exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Study | ErrorKind::Rejected => step_exit::STUDY,
        ErrorKind::Infrastructure => step_exit::INFRASTRUCTURE,
        ErrorKind::Interrupted => exit::INTERRUPTED,
        ErrorKind::Internal => step_exit::INTERNAL,
    }
}

/// Whether a command line asks for `step`, also one that makes no sense.
pub(super) fn asks_for_step(words: impl IntoIterator<Item = std::ffi::OsString>) -> bool {
    words.into_iter().skip(1).any(|word| word == "step")
}
