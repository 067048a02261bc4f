// SPDX-License-Identifier: GPL-2.0-or-later
//! Slurm, as far as a submission needs it: jobs that follow each other, and what has become of them.
//!
//! Only `sbatch`, `squeue` and `scancel` are called, which every site has; accounting is not asked.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::cache_dir::write_atomically;
use crate::error::{Error, Result};
use crate::process::{CommandRun, find_program};

/// What jobs get of the environment in which they are submitted: not what else it may hold, such as secrets.
const PASSED_ON: &str = "PATH,HOME,LANG";

/// How one job waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    /// For nothing.
    Nothing,
    /// Until all of its tasks have succeeded; it is cancelled if one does not.
    Success(u32),
    /// Until all of its tasks have ended, however they did.
    End(u32),
}

/// What Slurm says of a job or of one task of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Slurm's word, as in `RUNNING`.
    pub state: String,
    /// Where it runs or ran; empty before.
    pub node: String,
    /// Why it waits, in Slurm's words; empty if it does not.
    pub reason: String,
}

/// Numbers of the jobs of one submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jobs {
    /// Makes everything ready; its tasks are kernels.
    pub prepare: u32,
    /// Runs the shares; its tasks are these.
    pub share: u32,
    /// Puts them together.
    pub merge: u32,
}

/// What was submitted, as its directory has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// Name of the study.
    pub study: String,
    /// Kernels, in the order of the tasks that make them ready.
    pub kernels: Vec<String>,
    /// How many trials each share has at most, in their order.
    pub trials: Vec<u64>,
    /// The jobs.
    pub jobs: Jobs,
}

/// The file with a submission, in its directory.
const SUBMISSION: &str = "slurm.json";

impl Submission {
    /// Returns what was submitted from a directory, if anything was.
    ///
    /// # Errors
    ///
    /// Study, when the file is damaged.
    pub fn read(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(SUBMISSION);
        let Ok(text) = std::fs::read_to_string(&path) else { return Ok(None) };
        let read = serde_json::from_str(&text);
        read.map(Some).map_err(|error| Error::study(format!("{}: {error}", path.display())))
    }

    /// Writes it down.
    ///
    /// # Errors
    ///
    /// Infrastructure.
    pub fn write(&self, dir: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::internal(format!("submission: {error}")))?;
        write_atomically(&dir.join(SUBMISSION), (text + "\n").as_bytes())
    }
}

impl Task {
    /// Returns whether it is over and did not succeed.
    pub fn failed(&self) -> bool {
        let fine = ["PENDING", "RUNNING", "COMPLETED", "COMPLETING", "CONFIGURING", "REQUEUED", "SUSPENDED"];
        !fine.contains(&self.state.as_str())
    }

    /// Returns whether it is still to run, or running.
    pub fn is_open(&self) -> bool {
        self.state != "COMPLETED" && !self.failed()
    }
}

/// Submits a script in `dir`, with further options of the site; returns the job's number.
///
/// # Errors
///
/// Infrastructure: there is no Slurm here, or it refuses.
fn submit(dir: &Path, script: &str, after: After, options: &[String]) -> Result<u32> {
    if find_program("sbatch".as_ref()).is_none() {
        return Err(Error::infrastructure(
            "sbatch: no such program: this machine cannot submit jobs to Slurm",
        )
        .hint("submit from a login node of the cluster, or install Debian's slurm-client"));
    }
    let dependency = match after {
        After::Nothing => None,
        After::Success(job) => Some(format!("--dependency=afterok:{job}")),
        After::End(job) => Some(format!("--dependency=afterany:{job}")),
    };
    let run = CommandRun::new("sbatch")
        .args(["--parsable".to_owned(), format!("--export={PASSED_ON}"), "--kill-on-invalid-dep=yes".into()])
        .arg(format!("--chdir={}", dir.display()))
        .args(dependency)
        .args(options)
        .arg(dir.join(script));
    let printed = run.read().map_err(|error| match error.to_string() {
        said if said.contains("emory specification") => error
            .hint("where Slurm does not know the nodes' memory, jobs may not ask for any: --sbatch=--mem=0"),
        _ => error,
    })?;
    // The cluster's name may follow, as in `17;west`.
    let number = printed.trim().split(';').next().unwrap_or_default();
    number.parse().map_err(|_| Error::infrastructure(format!("sbatch printed `{printed}`, no job's number")))
}

/// Submits what makes ready, what runs the shares behind it, and what puts them together behind those.
///
/// # Errors
///
/// Infrastructure: there is no Slurm here, or it refuses; then none of them stays submitted.
pub fn submit_chain(dir: &Path, scripts: [&str; 3], options: &[String]) -> Result<Jobs> {
    let [prepare, share, merge] = scripts;
    let prepare = submit(dir, prepare, After::Nothing, options)?;
    let share =
        submit(dir, share, After::Success(prepare), options).or_else(|error| undo(&[prepare], error))?;
    // Behind their end: shares that are missing are reported, and can be added.
    let merge =
        submit(dir, merge, After::End(share), options).or_else(|error| undo(&[prepare, share], error))?;
    Ok(Jobs { prepare, share, merge })
}

fn undo(jobs: &[u32], error: Error) -> Result<u32> {
    cancel(jobs)?;
    Err(error)
}

/// Takes jobs back.
///
/// # Errors
///
/// Infrastructure.
pub fn cancel(jobs: &[u32]) -> Result<()> {
    CommandRun::new("scancel").args(jobs.iter().map(u32::to_string)).read().map(|_| ())
}

/// Returns what Slurm knows of jobs, by job and task; 0 is the task of a job that is no array. It forgets jobs some minutes
/// after their end.
///
/// # Errors
///
/// Infrastructure, when Slurm cannot be asked.
pub fn ask(jobs: Jobs) -> Result<BTreeMap<(u32, u32), Task>> {
    let mut all = BTreeMap::new();
    // One by one: of a list, squeue refuses everything if one is forgotten.
    for job in [jobs.prepare, jobs.share, jobs.merge] {
        let asked = CommandRun::new("squeue")
            .args(["--noheader", "--array", "--states=all", "--format=%A|%F|%K|%T|%N|%r"])
            .arg(format!("--jobs={job}"))
            .output()?;
        if asked.outcome.success() {
            all.extend(asked.stdout.lines().filter_map(task));
        } else if !asked.stderr.contains("Invalid job id") {
            return Err(Error::infrastructure(format!("squeue: {}", asked.stderr.trim())));
        }
    }
    Ok(all)
}

/// Reads a line of squeue: the task's own number, that of its array, its place there, state, nodes, reason.
fn task(line: &str) -> Option<((u32, u32), Task)> {
    let mut words = line.trim().splitn(6, '|');
    let (_own, array, place) = (words.next()?, words.next()?, words.next()?);
    let (state, node, reason) = (words.next()?, words.next()?, words.next()?);
    let word = |text: &str| if matches!(text, "None" | "(null)") { String::new() } else { text.to_owned() };
    let place = if place == "N/A" { 0 } else { place.parse().ok()? };
    let task = Task { state: state.into(), node: word(node), reason: word(reason) };
    Some(((array.parse().ok()?, place), task))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squeue_is_read_line_by_line() {
        let (at, running) = task("19|17|2|RUNNING|n1|None").unwrap();
        assert_eq!((at, running.node.as_str(), running.reason.as_str()), ((17, 2), "n1", ""));
        assert!(running.is_open() && !running.failed());
        let (at, waiting) = task("20|20|N/A|PENDING||Dependency").unwrap();
        assert_eq!((at, waiting.reason.as_str()), ((20, 0), "Dependency"));
        let (_, lost) = task("19|17|2|NODE_FAIL|n1|NodeDown").unwrap();
        assert!(lost.failed() && !lost.is_open());
        assert_eq!(task("slurm_load_jobs error"), None);
    }
}
