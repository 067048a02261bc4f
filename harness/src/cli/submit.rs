// SPDX-License-Identifier: GPL-2.0-or-later
//! `patcheval prepare` and `patcheval submit`: a study for a cluster.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::args::Args;
use super::commands::{cores, display, print, root};
use super::plan::costs;
use crate::cache_dir::{Cache, write_atomically};
use crate::error::{Error, Result, exit};
use crate::machine;
use crate::nearest::suggestion;
use crate::plan::Plan;
use crate::run;
use crate::slurm::{self, Jobs, Submission, Task};
use crate::template::{Batch, Scripts};
use crate::{store, study, ui};

/// The scripts in the directory of a submission.
const SCRIPTS: [&str; 3] = ["prepare.sbatch", "share.sbatch", "merge.sbatch"];

/// The run that comes of it, and the verdicts in that.
const WHOLE: &str = "whole";
const VERDICTS: &str = "report.md";

/// Options of `prepare`.
#[derive(Debug, clap::Args)]
pub struct Prepare {
    /// Name of a study under ci/studies, or path of a study's file
    #[arg(default_value = study::DEFAULT)]
    pub study: String,
    /// Kernel of the study to make ready; may be given several times [default: all]
    #[arg(short, long = "kernel", value_name = "KERNEL")]
    pub kernels: Vec<String>,
    /// Boots at the same time [default: one per core]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<usize>,
}

/// What `submit` can do.
#[derive(Debug, Subcommand)]
pub enum SubmitCommand {
    /// To Slurm: a job that builds, an array of shares behind it, and a job that puts these together
    ///
    /// Program, repository, cache and directory must lie where all nodes see them, under the same paths. A share whose node
    /// fails begins again elsewhere and goes on where it was. What comes out, in the directory's `whole`, is byte for byte
    /// what one machine would have made.
    Slurm(Slurm),
    /// Say what has become of a submission
    ///
    /// Exit code 0: done, or on its way; 3: something failed, and will not come to its end by itself.
    Status {
        /// Directory of the submission
        dir: PathBuf,
    },
}

/// Options of `submit slurm`.
#[derive(Debug, clap::Args)]
pub struct Slurm {
    /// Name of a study under ci/studies, or path of a study's file
    #[arg(default_value = study::DEFAULT)]
    pub study: String,
    /// Into how many shares it is dealt
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub shards: u32,
    /// Cores of each job, and trials at the same time
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub cores: u32,
    /// Run directory whose recorded times say what cells cost, and so how long jobs may take
    #[arg(long, value_name = "RUN")]
    pub costs: Option<PathBuf>,
    /// Further option for sbatch, as in --sbatch=--partition=long; may be given several times
    #[arg(long = "sbatch", value_name = "OPTION", allow_hyphen_values = true)]
    pub options: Vec<String>,
    /// Directory of the submission [default: runs/slurm-<study>]
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write the scripts and submit nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Makes everything that a study's trials need.
///
/// # Errors
///
/// As [`run::make_ready`]; study, for a kernel that it has not.
pub(super) fn prepare(args: &Args, asked: &Prepare) -> Result<u8> {
    let root = root(args)?;
    let mut plan = study::load(&root, &asked.study)?;
    narrow(&mut plan, &asked.kernels)?;
    let cache = Cache::locate()?;
    cache.sweep(&run::CACHE_KINDS)?;
    let jobs = asked.jobs.or_else(cores).unwrap_or(1);
    let mut display = display(args, None);
    let ready = run::make_ready(&cache, &root, &plan, jobs, &mut |event| display.show(event));
    display.finish();
    let mut text = String::new();
    for (kernel, variants) in ready?.images {
        for (variant, image) in variants {
            let image =
                image.failed.map_or_else(|| format!("ready, SHA-256 {}", image.sha256), |failed| failed.text);
            let _ = writeln!(text, "{kernel}/{variant}: {image}");
        }
    }
    print(&text)?;
    Ok(exit::MET)
}

/// Leaves a plan no kernels but these.
fn narrow(plan: &mut Plan, kernels: &[String]) -> Result<()> {
    for kernel in kernels {
        let names: Vec<&str> = plan.kernels().iter().map(|kernel| kernel.name.as_str()).collect();
        if !names.contains(&kernel.as_str()) {
            return Err(Error::study(format!("{} runs no kernel `{kernel}`", plan.study.name))
                .hint(suggestion(kernel, names)));
        }
    }
    plan.targets.retain(|target| kernels.is_empty() || kernels.contains(&target.kernel.name));
    Ok(())
}

/// Submits a study, or shows the state of a submission.
///
/// # Errors
///
/// Study; infrastructure, also when Slurm refuses: then nothing stays submitted.
pub(super) fn submit(args: &Args, asked: &SubmitCommand) -> Result<u8> {
    match asked {
        SubmitCommand::Slurm(asked) => submit_to_slurm(args, asked),
        SubmitCommand::Status { dir } => status(dir),
    }
}

fn submit_to_slurm(args: &Args, asked: &Slurm) -> Result<u8> {
    let root = root(args)?;
    let plan = study::load(&root, &asked.study)?;
    let costs = costs(asked.costs.as_deref())?;
    let named = || root.join("runs").join(format!("slurm-{}", plan.study.name));
    let dir = absolute(&asked.out.clone().unwrap_or_else(named))?;
    let batch = Batch {
        plan: &plan,
        costs: &costs,
        shards: asked.shards,
        cores: asked.cores,
        program: program(args, &root)?,
        study: if Path::new(&asked.study).is_file() {
            path(Path::new(&asked.study))?
        } else {
            asked.study.clone()
        },
        costs_of: asked.costs.as_deref().map(path).transpose()?,
        environment: environment()?,
    };
    check_idle(&dir)?;
    std::fs::create_dir_all(&dir).map_err(|error| Error::io("create", &dir, error))?;
    let Scripts { prepare, share, merge } = batch.scripts();
    for (name, text) in SCRIPTS.iter().zip([prepare, share, merge]) {
        write_atomically(&dir.join(name), text.as_bytes())?;
    }
    if asked.dry_run {
        print(&format!("{}: {} in {}\n", plan.study.name, SCRIPTS.join(", "), dir.display()))?;
        return Ok(exit::MET);
    }
    let jobs = slurm::submit_chain(&dir, SCRIPTS, &asked.options)?;
    let submission = Submission {
        study: plan.study.name.clone(),
        kernels: batch.kernels().into_iter().map(str::to_owned).collect(),
        trials: batch.trials(),
        jobs,
    };
    if let Err(error) = submission.write(&dir) {
        slurm::cancel(&[jobs.prepare, jobs.share, jobs.merge])?;
        return Err(error);
    }
    let Jobs { prepare, share, merge } = jobs;
    print(&format!(
        "{}: {} shares in {}\nprepare: job {prepare}, {} kernels\nshares: job {share}, behind it\nmerge: job {merge}, behind them\n\
         how far it is: patcheval submit status {}\n",
        plan.study.name,
        asked.shards,
        dir.display(),
        submission.kernels.len(),
        crate::shell::word(&dir.to_string_lossy()),
    ))?;
    Ok(exit::MET)
}

/// Refuses a directory in which jobs are at work.
fn check_idle(dir: &Path) -> Result<()> {
    let Some(former) = Submission::read(dir)? else { return Ok(()) };
    let known = slurm::ask(former.jobs)?;
    match known.iter().find(|(_, task)| task.is_open()) {
        None => Ok(()),
        Some(((job, _), _)) => Err(Error::study(format!("{} is at work already, by job {job}", dir.display()))
            .hint("`patcheval submit status` shows how far it is; cancel its jobs with scancel, or choose another --out")),
    }
}

/// How a job calls this program: as it was called itself.
fn program(args: &Args, root: &Path) -> Result<Vec<String>> {
    let own = std::env::current_exe().map_err(|error| Error::io("find", Path::new("patcheval"), error))?;
    let mut words = vec![path(&own)?, "--root".to_owned(), path(root)?];
    if args.no_sandbox {
        words.push("--no-sandbox".to_owned());
    }
    Ok(words)
}

/// The variables that say where things are; other than these, jobs get none of the environment.
fn environment() -> Result<Vec<(String, String)>> {
    let mut all = vec![("PATCHEVAL_CACHE".to_owned(), path(Cache::locate()?.root())?)];
    for name in ["PATCHEVAL_PLUGIN", machine::FAKE] {
        if let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) {
            all.push((name.to_owned(), path(Path::new(&value))?));
        }
    }
    Ok(all)
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| Error::io("find", path, error))
}

/// An absolute path as a word of a script.
fn path(path: &Path) -> Result<String> {
    let absolute = absolute(path)?;
    absolute.to_str().map(str::to_owned).ok_or_else(|| {
        Error::study(format!("{} is not UTF-8, which a script for Slurm must be", absolute.display()))
    })
}

/// Shows the state of a submission.
fn status(dir: &Path) -> Result<u8> {
    let Some(submission) = Submission::read(dir)? else {
        return Err(Error::study(format!("{} is no directory of a submission", dir.display()))
            .hint("`patcheval submit slurm` prints which one it made"));
    };
    let known = slurm::ask(submission.jobs)?;
    let lines = states(dir, &submission, &known);
    let mut text = format!("{}: {} shares in {}\n", submission.study, submission.trials.len(), dir.display());
    for line in &lines {
        let _ = writeln!(text, "{line}");
    }
    let verdicts = dir.join(WHOLE).join(VERDICTS);
    if lines.last().is_some_and(|merge| merge.done) {
        let _ = writeln!(text, "report: {}", verdicts.display());
    }
    print(&text)?;
    if !lines.iter().any(TaskLine::failed) {
        return Ok(exit::MET);
    }
    let logs = dir.join("*.log");
    ui::say(&format!(
        "hint: the logs are {}; the same `patcheval submit slurm` goes on where it was",
        logs.display()
    ));
    Ok(exit::INFRASTRUCTURE)
}

/// What has become of one task.
struct TaskLine<'a> {
    what: String,
    done: bool,
    task: Option<&'a Task>,
    more: String,
}

impl TaskLine<'_> {
    /// Whether it will not come to its end by itself.
    fn failed(&self) -> bool {
        !self.done && self.task.is_none_or(Task::failed)
    }
}

impl std::fmt::Display for TaskLine<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = match self.task {
            _ if self.done => "done".to_owned(),
            Some(Task { state, node, reason }) => {
                let words = [state.as_str(), node, reason];
                words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
            }
            None => "not done, and Slurm does not know its job any more".to_owned(),
        };
        write!(f, "{:<14} {state}{}", self.what, self.more)
    }
}

/// What has become of each task. What its directory says goes before what Slurm says, which forgets.
fn states<'a>(
    dir: &Path,
    submission: &Submission,
    known: &'a BTreeMap<(u32, u32), Task>,
) -> Vec<TaskLine<'a>> {
    let Submission { kernels, trials, jobs, .. } = submission;
    let (mut lines, mut begun) = (Vec::new(), false);
    for (number, most) in (1..).zip(trials) {
        let share = dir.join(format!("share-{number}"));
        let (done, there) = (run::has_ended(&share), store::count_lines(&share));
        begun |= there > 0;
        let of = if done { String::new() } else { format!(" of at most {most}") };
        lines.push(TaskLine {
            what: format!("share {number}/{}", trials.len()),
            done,
            task: known.get(&(jobs.share, number)),
            more: format!(", {there}{of} trials"),
        });
    }
    let prepared = (1..).zip(kernels).map(|(number, kernel)| {
        let task = known.get(&(jobs.prepare, number));
        // Shares begin when all kernels are ready.
        let done = begun || task.is_some_and(|task| task.state == "COMPLETED");
        let what = format!("prepare {number}/{}", kernels.len());
        TaskLine { what, done, task, more: format!(", {kernel}") }
    });
    lines.splice(0..0, prepared.collect::<Vec<_>>());
    let task = known.get(&(jobs.merge, 0));
    // One that is still to come replaces what is there.
    let done = dir.join(WHOLE).join(VERDICTS).is_file() && !task.is_some_and(Task::is_open);
    lines.push(TaskLine { what: "merge".into(), done, task, more: String::new() });
    lines
}
