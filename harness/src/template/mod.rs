// SPDX-License-Identifier: GPL-2.0-or-later
//! Scripts for what runs a study in shares and puts these together: workflows for CI systems, every night and with the reports
//! published, and jobs for Slurm; and skeletons of testcases. Pure.
//!
//! The workflows call `ci/setup` and `patcheval` as a user would. Their image is Debian 12 with Rust; it runs privileged, because the
//! build's sandbox and overlays need namespaces.

mod github;
mod gitlab;
mod slurm;
mod testcase;

pub use github::github;
pub use gitlab::gitlab;
pub use slurm::{Batch, Scripts};
pub use testcase::testcase;

use crate::plan::Plan;

/// What is the same for every CI system.
#[derive(Clone, Debug, PartialEq)]
pub struct Workflow<'a> {
    /// The study.
    pub plan: &'a Plan,
    /// How many machines share it.
    pub shards: u32,
    /// When, as five fields of cron in UTC.
    pub cron: String,
}

/// Debian 12 with Rust.
const IMAGE: &str = "rust:1-bookworm";

/// What kernels, and so the cache, depend on beside the program.
const INPUTS: [&str; 3] = ["kernels/**", "patches/**", "ci/setup"];

/// Reports of the whole, beside those that a run writes.
const REPORTS: [(&str, &str); 2] = [("junit", "junit.xml"), ("markdown", "summary.md")];

/// Directory with the history, which the CI system keeps.
const HISTORY: &str = "history";

impl Workflow<'_> {
    fn study(&self) -> &str {
        &self.plan.study.name
    }

    /// The head of a file: who made it, so that nobody mends it by hand.
    fn head(&self, system: &str, place: &str) -> String {
        format!(
            "# SPDX-License-Identifier: GPL-2.0-or-later\n\
             # Made by `patcheval template {system} {} --shards {} --cron '{}'`: change that, not this.\n\
             # Copy it to {place}. {} cells, at most {} trials, on {} machines.\n",
            self.study(),
            self.shards,
            self.cron,
            self.plan.cells().len(),
            self.plan.trials().len(),
            self.shards,
        )
    }

    /// The command that runs one share; its number stands in a variable of the CI system.
    fn share(&self, number: &str) -> String {
        let (study, shards) = (self.study(), self.shards);
        format!("target/release/patcheval run {study} --shard {number}/{shards} --out share-{number}")
    }

    /// Commands that put shares together, write the reports, and compare the run with those before. They leave the exit
    /// code in `verdict`: that of the study, or else 1 if something is worse than before.
    fn merge(&self) -> Vec<String> {
        let mut lines = vec![
            "verdict=0".to_owned(),
            "target/release/patcheval merge share-* --out whole || verdict=$?".to_owned(),
        ];
        for (format, file) in REPORTS {
            lines.push(format!(
                "target/release/patcheval report whole --format {format} --output whole/{file} || [ $? -le 3 ]"
            ));
        }
        let study = self.study();
        let history = |command: &str| {
            format!("target/release/patcheval history {command} --db {HISTORY}/history.sqlite")
        };
        let page = "target/release/patcheval report whole --format html --trend history.html --output whole/report.html";
        lines.extend([
            format!("mkdir -p {HISTORY}"),
            history("add whole"),
            history(&format!("show {study} --format html --output whole/history.html")),
            format!("{page} || [ $? -le 3 ]"),
            format!("{} || [ \"$verdict\" != 0 ] || verdict=1", history(&format!("check {study}"))),
        ]);
        lines
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::plan::tests::plan;

    fn workflow(plan: &Plan) -> Workflow<'_> {
        Workflow { plan, shards: 4, cron: "17 2 * * *".into() }
    }

    #[test]
    fn each_share_runs_once_and_the_whole_is_published_even_if_a_share_failed() {
        let plan = plan();
        let file: Value = crate::yaml::parse("github", &github(&workflow(&plan))).unwrap();
        assert_eq!(file["on"]["schedule"][0]["cron"], "17 2 * * *");
        let share = &file["jobs"]["share"];
        assert_eq!(share["strategy"]["matrix"]["shard"], serde_json::json!([1, 2, 3, 4]));
        assert_eq!(share["strategy"]["fail-fast"], false);
        let steps = share["steps"].as_array().unwrap();
        let run = steps.iter().filter_map(|step| step["run"].as_str()).find(|run| run.contains("--shard"));
        assert!(
            run.unwrap().contains("run small --shard ${{ matrix.shard }}/4 --out share-${{ matrix.shard }}")
        );
        let all: Vec<&Value> = ["share", "merge"]
            .iter()
            .flat_map(|job| file["jobs"][job]["steps"].as_array().unwrap())
            .collect();
        for action in all.iter().filter_map(|step| step["uses"].as_str()) {
            let (_, commit) = action.split_once('@').unwrap();
            assert!(commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit()), "{action}");
        }
        for step in
            all.iter().filter(|step| step["uses"].as_str().is_some_and(|uses| uses.contains("checkout")))
        {
            assert_eq!(step["with"]["persist-credentials"], false);
        }
        let keys: Vec<&str> = all.iter().filter_map(|step| step["with"]["key"].as_str()).collect();
        assert!(keys[0].ends_with("${{ steps.sources.outputs.versions }}-${{ matrix.shard }}"), "{keys:?}");
        let merge = &file["jobs"]["merge"];
        assert_eq!((&merge["needs"], &merge["if"]), (&"share".into(), &"${{ !cancelled() }}".into()));
        let text = serde_json::to_string(merge).unwrap();
        assert!(text.contains("GITHUB_STEP_SUMMARY") && text.contains("exit \\\"$verdict\\\""), "{text}");
    }

    #[test]
    fn gitlab_counts_shares_from_one_and_takes_the_junit_file() {
        let plan = plan();
        let file: Value = crate::yaml::parse("gitlab", &gitlab(&workflow(&plan))).unwrap();
        let (share, merge) = (&file["patcheval-small-share"], &file["patcheval-small-merge"]);
        assert_eq!(share["parallel"], 4);
        let script = serde_json::to_string(&share["script"]).unwrap();
        assert!(script.contains("run small --shard $CI_NODE_INDEX/4 --out share-$CI_NODE_INDEX"), "{script}");
        assert_eq!(share["artifacts"]["when"], "always");
        assert_eq!(share["cache"]["key"], "patcheval-small-$CI_NODE_INDEX");
        assert_eq!(merge["artifacts"]["reports"]["junit"], "whole/junit.xml");
        assert_eq!(
            (&merge["rules"][0]["when"], &merge["needs"][0]),
            (&"always".into(), &"patcheval-small-share".into())
        );
        // What includes it has jobs of its own: nothing of them is changed.
        let names: Vec<&String> = file.as_object().unwrap().keys().collect();
        assert!(
            names.iter().all(|name| name.trim_start_matches('.').starts_with("patcheval-small")),
            "{names:?}"
        );
    }
}
