// SPDX-License-Identifier: GPL-2.0-or-later
//! A study as jobs of Slurm: one that makes everything ready, an array of shares behind it, one that puts them together.
//!
//! The scripts say for themselves what they need, so that a site's rules can be followed by editing and submitting them by
//! hand. They run in the submission's directory, which all nodes see, as they see the cache and the program.

use std::fmt::Write;

use crate::plan::{BASE_SECONDS, BOOT_SECONDS, Costs, IMAGE_SECONDS, Load, Plan, Shard, load_of, share};
use crate::shell;

/// Minutes that a job may take beyond what is expected of it: for a slow node, and for waiting at a lock of the cache.
const SLACK_MINUTES: f64 = 15.0;
/// By how much an expected time may be exceeded; `plan` promises a quarter.
const SLACK: f64 = 2.0;
/// Minutes of the job that only reads, judges and writes.
const MERGE_MINUTES: u32 = 30;
/// What a compiler and, at the end of a build, the linker of a kernel with debug information take, in MiB a core.
const BUILD_MIB: u32 = 2048;
/// What a trial takes, in parts of its guest's memory: QEMU and the model's caches.
const TRIAL_MEMORY: f64 = 1.5;
/// What the harness itself and QEMU's code take, in MiB.
const OWN_MIB: u32 = 1024;
/// How often a share whose machine failed may begin again.
const RESTARTS: u32 = 3;

/// A study, and how it is to be run.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    /// The study.
    pub plan: &'a Plan,
    /// What its cells cost.
    pub costs: &'a Costs,
    /// Into how many shares it is dealt.
    pub shards: u32,
    /// Cores of each job, and so trials at the same time.
    pub cores: u32,
    /// How `patcheval` is called: the program, and options before the subcommand.
    pub program: Vec<String>,
    /// The study's name, or the path of its file.
    pub study: String,
    /// The run whose times say what cells cost, if one was named.
    pub costs_of: Option<String>,
    /// Variables that each job is to have.
    pub environment: Vec<(String, String)>,
}

/// The scripts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scripts {
    /// Builds kernels and boots them to their snapshots: an array, with a task for each kernel.
    pub prepare: String,
    /// Runs shares: an array.
    pub share: String,
    /// Puts the shares together and writes the reports.
    pub merge: String,
}

impl Batch<'_> {
    /// Returns the kernels, each once, in the order of the plan.
    pub fn kernels(&self) -> Vec<&str> {
        self.plan.kernels().iter().map(|kernel| kernel.name.as_str()).collect()
    }

    /// Returns the most trials that each share can have.
    pub fn trials(&self) -> Vec<u64> {
        self.loads().map(|load| load.trials).collect()
    }

    /// Returns the scripts.
    pub fn scripts(&self) -> Scripts {
        Scripts { prepare: self.prepare(), share: self.share(), merge: self.merge() }
    }

    fn prepare(&self) -> String {
        let kernels = self.kernels();
        let images = self.plan.variants.len() + 1;
        let boots = self.plan.targets.len() * self.plan.variants.len();
        let seconds = BASE_SECONDS + IMAGE_SECONDS * images as f64 + BOOT_SECONDS * boots as f64;
        let job = SlurmJob {
            name: "prepare",
            tasks: Some(kernels.len() as u32),
            cores: self.cores,
            mib: (BUILD_MIB * self.cores).max(self.trial_mib()),
            minutes: minutes(seconds / f64::from(self.cores.min(2)) * 2.0),
        };
        let command = self.command(&["prepare", &self.study, "--jobs", &self.cores.to_string(), "--kernel"]);
        let names = shell::line(kernels);
        self.head(&job)
            + &format!("kernels=({names})\nexec {command} \"${{kernels[SLURM_ARRAY_TASK_ID - 1]}}\"\n")
    }

    fn share(&self) -> String {
        let dearest = self.loads().map(|load| load.seconds);
        let boots = self.plan.targets.len() * self.plan.variants.len();
        let seconds = dearest.fold(0.0, f64::max) + BOOT_SECONDS * boots as f64;
        let job = SlurmJob {
            name: "share",
            tasks: Some(self.shards),
            cores: self.cores,
            mib: self.trial_mib(),
            minutes: minutes(seconds / f64::from(self.cores)),
        };
        let mut words = vec!["run", self.study.as_str()];
        if let Some(costs) = &self.costs_of {
            words.extend(["--costs", costs]);
        }
        let cores = self.cores.to_string();
        words.extend(["--jobs", &cores]);
        let command = self.command(&words);
        let of = self.shards;
        self.head(&job)
            + &format!(
                r#"code=0
{command} --shard "$SLURM_ARRAY_TASK_ID/{of}" --out "share-$SLURM_ARRAY_TASK_ID" || code=$?
# 3: the machine failed, not the study. Begun again, on another one perhaps, the share goes on where it was.
if ((code == 3 && ${{SLURM_RESTART_COUNT:-0}} < {RESTARTS})); then
	scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID"
fi
exit "$code"
"#
            )
    }

    fn merge(&self) -> String {
        let job = SlurmJob { name: "merge", tasks: None, cores: 1, mib: 2 * OWN_MIB, minutes: MERGE_MINUTES };
        let merge = self.command(&["merge"]);
        self.head(&job) + &format!("exec {merge} share-*/ --out whole\n")
    }

    /// What each share costs.
    fn loads(&self) -> impl Iterator<Item = Load> {
        (1..=self.shards).map(|index| {
            let share = share(self.plan, self.costs, Shard { index, of: self.shards });
            load_of(self.plan, self.costs, Some(&share))
        })
    }

    fn command(&self, words: &[&str]) -> String {
        shell::line(self.program.iter().map(String::as_str).chain(words.iter().copied()))
    }

    /// What the guests of one share take together.
    fn trial_mib(&self) -> u32 {
        let largest = self.plan.targets.iter().map(|target| target.machine.memory_mib).max().unwrap_or(0);
        (f64::from(largest) * TRIAL_MEMORY).ceil() as u32 * self.cores + OWN_MIB
    }

    /// The lines for Slurm, and what every job begins with.
    fn head(&self, job: &SlurmJob) -> String {
        let SlurmJob { name, tasks, cores, mib, minutes } = job;
        let study = &self.plan.study.name;
        let mut text = format!(
            "#!/bin/bash\n# SPDX-License-Identifier: GPL-2.0-or-later\n\
             # Made by `patcheval submit slurm {study} --shards {}`. It wants to be submitted from its own directory.\n\
             #SBATCH --job-name=patcheval-{study}-{name}\n",
            self.shards
        );
        let log = match tasks {
            Some(tasks) => {
                let _ = writeln!(text, "#SBATCH --array=1-{tasks}");
                format!("{name}-%a.log")
            }
            None => format!("{name}.log"),
        };
        let _ = write!(
            text,
            "#SBATCH --ntasks=1\n#SBATCH --cpus-per-task={cores}\n#SBATCH --mem={mib}M\n#SBATCH --time={minutes}\n\
             #SBATCH --output={log}\n#SBATCH --open-mode=append\n#SBATCH --requeue\nset -euo pipefail\n"
        );
        for (name, value) in &self.environment {
            let _ = writeln!(text, "export {name}={}", shell::word(value));
        }
        text
    }
}

/// What a script asks of Slurm.
struct SlurmJob {
    name: &'static str,
    tasks: Option<u32>,
    cores: u32,
    mib: u32,
    minutes: u32,
}

fn minutes(seconds: f64) -> u32 {
    (seconds / 60.0 * SLACK + SLACK_MINUTES).ceil() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::plan;

    fn batch<'a>(plan: &'a Plan, costs: &'a Costs) -> Batch<'a> {
        Batch {
            plan,
            costs,
            shards: 4,
            cores: 2,
            program: vec!["/opt/patch eval".into(), "--root".into(), "/srv/r".into()],
            study: "small".into(),
            costs_of: None,
            environment: vec![("PATCHEVAL_CACHE".into(), "/srv/it's".into())],
        }
    }

    #[test]
    fn each_script_says_what_it_needs_and_calls_the_program_as_a_user_would() {
        let (plan, costs) = (plan(), Costs::default());
        let batch = batch(&plan, &costs);
        let Scripts { prepare, share, merge } = batch.scripts();
        assert!(prepare.contains(&format!("#SBATCH --array=1-{}\n", batch.kernels().len())), "{prepare}");
        assert!(
            prepare.contains("'/opt/patch eval' --root /srv/r prepare small --jobs 2 --kernel \"${kernels[")
        );
        assert!(share.contains("#SBATCH --array=1-4\n"), "{share}");
        assert!(share.contains(" run small --jobs 2 --shard \"$SLURM_ARRAY_TASK_ID/4\" --out "), "{share}");
        assert!(share.contains("#SBATCH --requeue\n") && share.contains("#SBATCH --output=share-%a.log\n"));
        assert!(merge.contains(" merge share-*/ --out whole\n") && !merge.contains("--array"), "{merge}");
        for script in [&prepare, &share, &merge] {
            assert!(script.contains("export PATCHEVAL_CACHE=\"/srv/it's\"\n"), "{script}");
        }
    }

    #[test]
    fn the_time_of_a_share_follows_from_recorded_costs() {
        let plan = plan();
        let mut dear = Costs::default();
        for id in plan.trials() {
            dear.add(&id, 600.0);
        }
        let limit = |costs: &Costs| -> u32 {
            let share = batch(&plan, costs).scripts().share;
            let line =
                share.lines().find_map(|line| line.strip_prefix("#SBATCH --time=")).unwrap().to_owned();
            line.parse().unwrap()
        };
        assert!(limit(&dear) > 3 * limit(&Costs::default()));
        let named = Batch { costs_of: Some("/srv/old run".into()), ..batch(&plan, &dear) }.scripts();
        assert!(named.share.contains(" --costs '/srv/old run' "), "{}", named.share);
        assert!(!named.merge.contains("--costs"));
    }

    #[test]
    fn every_trial_is_in_some_share() {
        let (plan, costs) = (plan(), Costs::default());
        let trials = batch(&plan, &costs).trials();
        assert_eq!(trials.len(), 4);
        assert_eq!(trials.iter().sum::<u64>(), plan.trials().len() as u64);
    }
}
