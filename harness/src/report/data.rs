// SPDX-License-Identifier: GPL-2.0-or-later
//! All that a report can be made of, in one value: whoever lays it out opens nothing.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::judge::CellJudgement;
use crate::judge::Group;
use crate::judge::Judgement;
use crate::judge::KernelFacts;
use crate::plan::Plan;
use crate::plan::TrialId;
use crate::trial::line::TrialLine;

/// A run with its judgement.
#[derive(Clone, Debug)]
pub struct ReportData {
    /// The run directory as the user named it, for the commands that a report shows.
    pub run: String,
    /// What was asked.
    pub plan: Plan,
    /// With what it was answered.
    pub tools: Tools,
    /// What is known of the kernels beside their trials.
    pub built: KernelFacts,
    /// The answer.
    pub judgement: Judgement,
    /// Every trial, in the order in which the run has them.
    pub lines: Vec<TrialLine>,
    /// Trials that are shown whole: of each cell the first one, and its example of a failure. Empty if the run did
    /// not come to its end.
    pub examples: Vec<ExampleTrial>,
    /// Where the page of the study's history is, for links.
    pub trend: Option<String>,
}

/// Where the trials of each cell are among the lines: a report asks for all of them in turn, and there may be many.
#[derive(Debug)]
pub struct Index<'a> {
    cells: BTreeMap<[&'a str; 4], Vec<&'a TrialLine>>,
}

/// Versions of everything that a result depends on beside patches and testcases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tools {
    /// patcheval's version.
    pub patcheval: String,
    /// QEMU's version.
    pub qemu: String,
    /// SHA-256 of the plugin.
    pub plugin: String,
    /// Compiler and binutils by kernel.
    pub toolchains: BTreeMap<String, String>,
    /// Kernel release by kernel, as in `6.1.192`.
    pub releases: BTreeMap<String, String>,
    /// Why an image could not be built, by kernel, then variant.
    pub failed_builds: BTreeMap<String, BTreeMap<String, String>>,
}

/// How the last part of a story begins, which is about all maintenance and not about a stale fetch.
pub const MAINTENANCE: &str = "maintenance from the first marker on";

/// A trial that is shown whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExampleTrial {
    /// Which trial.
    pub trial: TrialId,
    /// Its stale fetches as stories, with functions and source lines: what `patcheval explain` prints.
    pub story: String,
    /// The end of the console's output, as the guest wrote it: not to be trusted.
    pub console: String,
    /// Whether output before that was left out.
    pub console_cut: bool,
    /// Which functions did maintenance from the first marker on, those with most operations first.
    pub work: Vec<FunctionWork>,
}

/// The maintenance that one function did in a trial.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FunctionWork {
    /// The function, or `user space`.
    pub function: String,
    /// Operations on either cache.
    pub operations: u64,
    /// Those without which something stale would have been fetched.
    pub needed: u64,
    /// Those that found the line clean, absent or not stale.
    pub redundant: u64,
    /// Those for nothing where the line needed them: wrong colour or wrong CPU.
    pub insufficient: u64,
    /// Guest instructions inside; 0 where the plugin was given no symbols.
    pub instructions: u64,
    /// Source file and line of the first operation, if the line tables know it.
    pub line: Option<String>,
}

impl ReportData {
    /// Returns the trial of a cell that is shown whole: its example of a failure, else its first one.
    pub fn example(&self, group: &Group, cell: &CellJudgement) -> Option<&ExampleTrial> {
        let of_cell = |example: &&ExampleTrial| belongs(&example.trial, group, cell);
        let failure = cell.example.as_ref().map(|example| example.trial.as_str());
        let is_example =
            |example: &&ExampleTrial| failure.is_some_and(|name| example.trial.to_string() == name);
        let mut of_cell = self.examples.iter().filter(of_cell);
        of_cell.clone().find(is_example).or_else(|| of_cell.next())
    }

    /// Returns where the trials with the model on are, by cell.
    pub fn index(&self) -> Index<'_> {
        let mut cells: BTreeMap<[&str; 4], Vec<&TrialLine>> = BTreeMap::new();
        for line in self.lines.iter().filter(|line| line.id.mode == self.judgement.mode) {
            let TrialId { kernel, machine, variant, testcase, .. } = &line.id;
            cells.entry([kernel, machine, variant, testcase]).or_default().push(line);
        }
        Index { cells }
    }

    /// Returns the command that runs a trial of this run again.
    pub fn replay(&self, trial: &str) -> String {
        format!("patcheval replay {} {trial}", self.run)
    }
}

impl<'a> Index<'a> {
    /// Returns the trials of a cell with the model on, in the order in which the run has them.
    pub fn trials(&self, group: &'a Group, cell: &'a CellJudgement) -> &[&'a TrialLine] {
        let key = [&group.kernel, &group.machine, &cell.variant, &group.testcase].map(String::as_str);
        self.cells.get(&key).map(Vec::as_slice).unwrap_or_default()
    }
}

fn belongs(id: &TrialId, group: &Group, cell: &CellJudgement) -> bool {
    (&id.variant, &id.testcase, &id.machine, &id.kernel)
        == (&cell.variant, &group.testcase, &group.machine, &group.kernel)
}
