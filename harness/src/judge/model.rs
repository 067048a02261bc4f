// SPDX-License-Identifier: GPL-2.0-or-later
//! What a judgement consists of; plain and serialisable, so that a report can be made of it later.

use std::collections::BTreeMap;

use instrument::Mode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::build::Changes;
use crate::error::exit;
use crate::judge::comparison::Comparison;
use crate::judge::decision::Candidate;
use crate::judge::interval::Interval;
use crate::judge::obstacle::Reason;
use crate::judge::question::Answer;
use crate::judge::ranking::Ranking;
use crate::judge::statistics::sequential::Decision;
use crate::plan::Expected;
use crate::plan::Rule;
use crate::plan::mode_schema;
use crate::trial::line::Cause;
use crate::trial::line::Symptom;

/// Version of the format of a written judgement.
pub const VERSION: u32 = 5;

/// The judgement of a whole study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Judgement {
    /// [`VERSION`] of the writer.
    pub v: u32,
    /// Name of the study.
    pub study: String,
    /// The study's line for reports.
    pub title: String,
    /// What the model did with stale fetches.
    #[schemars(schema_with = "mode_schema")]
    pub mode: Mode,
    /// Name of the variant in which the bug must show.
    pub baseline: String,
    /// The rule by which cells were decided, if there was one.
    pub rule: Option<Rule>,
    /// The most trials that a cell can have in the study's mode.
    pub bound: u32,
    /// In how many layouts of the guest's memory trials were run; absent for one.
    #[serde(default = "one_layout", skip_serializing_if = "is_one_layout")]
    pub layouts: u32,
    /// Trials of the study that were judged, controls included.
    pub trials: u32,
    /// Those of them that are unknown.
    pub unknown: u32,
    /// Trials that the study has, and of which there is no line.
    pub missing: u32,
    /// The cells, by target, then testcase.
    pub groups: Vec<Group>,
    /// Which variants fix the bug, by target.
    pub rankings: Vec<Ranking>,
    /// The decision table: the variants but for the baseline; empty if the baseline fails nowhere.
    pub candidates: Vec<Candidate>,
    /// The answers to the study's questions, in its order.
    pub answers: Vec<Answer>,
    /// What each variant changes in the kernel, by kernel, then variant; empty where that was not recorded.
    #[serde(default)]
    pub changes: BTreeMap<String, BTreeMap<String, Changes>>,
    /// What is wrong with the data, as sentences.
    pub problems: Vec<String>,
    /// What follows for the exit code.
    pub overall: Overall,
}

fn one_layout() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_one_layout(layouts: &u32) -> bool {
    *layouts == one_layout()
}

/// The variants of one testcase on one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Group {
    /// Name of the kernel.
    pub kernel: String,
    /// Name of the machine.
    pub machine: String,
    /// The machine of which it is another shape, if it comes from a sweep.
    pub swept_from: Option<String>,
    /// Name of the testcase.
    pub testcase: String,
    /// The testcase's line for reports.
    pub title: String,
    /// What the testcase counts, if it has a unit.
    pub unit: Option<String>,
    /// Whether the bug shows here: some trial of the baseline variant failed. Without it, nothing is ranked here.
    pub observable: Control,
    /// The variants, in the order of the study.
    pub cells: Vec<CellJudgement>,
    /// Each two variants whose trials say something.
    pub comparisons: Vec<Comparison>,
}

/// Whether a control holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Control {
    /// It holds.
    Holds,
    /// It does not.
    Violated,
    /// No trial has a result.
    Unknown,
}

/// The judgement of one cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CellJudgement {
    /// Name of the variant.
    pub variant: String,
    /// Passing trials.
    pub passes: u32,
    /// Trials that passed or failed; unknown ones are not among them.
    pub n: u32,
    /// Unknown trials.
    pub unknown: u32,
    /// Trials of which there is no line.
    pub missing: u32,
    /// 95 % interval of the pass rate, by the study's method; none if `n` is 0.
    pub interval: Option<Interval>,
    /// How trials failed, and how many.
    pub symptoms: BTreeMap<Symptom, u32>,
    /// Those of these symptoms that the testcase does not expect of a failure, if it states any.
    pub unexpected: Vec<Symptom>,
    /// Why trials are unknown, and how many.
    pub causes: BTreeMap<Cause, u32>,
    /// Mean number of stale fetches a trial, of those with a record.
    pub stale: Option<f64>,
    /// Mean number of stale loads a trial, of those with a record; absent for none. No verdict rests on them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_loads: Option<f64>,
    /// D$ maintenance operations a trial.
    pub d: Price,
    /// I$ maintenance operations a trial.
    pub i: Price,
    /// The use of the D$ operations.
    pub d_use: FlushUsePrice,
    /// The use of the I$ operations.
    pub i_use: FlushUsePrice,
    /// Guest instructions a trial inside functions that do maintenance.
    pub flush_instructions: Price,
    /// The coherent control: the model was off.
    pub coherent: Coherent,
    /// Whether the patches are in the kernel that ran.
    pub in_binary: InBinary,
    /// Where they are not, the variant that is the same kernel, if the study has one.
    #[serde(default)]
    pub same_as: Option<String>,
    /// What the study's rule says of the failure rate; none without a rule.
    pub decision: Option<Decision>,
    /// What the trials say about the variant.
    pub verdict: Verdict,
    /// Why there are no trials, if the verdict needs none and does not say it by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What was expected.
    pub expected: Expected,
    /// Why it was expected; empty if nothing is stated.
    pub why: String,
    /// Whether the trials agree.
    pub expectation: Expectation,
    /// The failing trial with the lowest seed, for whoever wants to see it fail.
    pub example: Option<Example>,
}

/// Maintenance operations of one cache in a trial, from the first marker on. A trial that fails early executes fewer
/// of them, so that differences are taken where both pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Price {
    /// Mean over the trials with a record; none without any.
    pub mean: Option<f64>,
    /// Mean difference to the trial of the baseline variant with the same seed, target and testcase, over the seeds with which
    /// both pass; none for the baseline itself and without such pairs.
    pub difference: Option<f64>,
    /// Pairs behind the difference.
    pub pairs: u32,
    /// 95 % interval of the difference; none with fewer than two pairs. With several layouts of the guest's memory it is Student's
    /// over the means of these, and covers what layouts do to it; with one it is a bootstrap's over the seeds, which it does not
    /// cover. From few pairs that are all equal it is a point, and surer than it looks.
    pub interval: Option<Interval>,
}

/// The use of the maintenance operations of one cache, counted as [`Price`] counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FlushUsePrice {
    /// Without them something stale would have been fetched.
    pub needed: Price,
    /// The line was clean, absent or not stale.
    pub redundant: Price,
    /// The line needed them at another colour or on another CPU.
    pub insufficient: Price,
}

/// The coherent control of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coherent {
    /// Passing trials.
    pub passes: u32,
    /// Trials that passed or failed.
    pub n: u32,
    /// Whether every one of them passed.
    pub control: Control,
}

/// Whether a variant's patches changed the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InBinary {
    /// The variant has no patches: it is the kernel's own tree.
    Base,
    /// The image differs from that without the patches.
    Present,
    /// It does not, or is the baseline's: on this kernel the patches do nothing.
    NoOp,
    /// There is no image to compare.
    Unknown,
}

/// What the trials of a cell say. The first that applies, in the order does-not-apply, patch-rejected, does-not-build,
/// does-not-boot, unknown, no-op, fails, mixed,
/// not-observable, passes-all: a failure is a fact whether or not the baseline fails, a pass is one only if it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every trial that says something passed.
    PassesAll,
    /// None of them did.
    Fails,
    /// Some did.
    Mixed,
    /// No trial says anything, or a control that the verdict needs does not hold or has no trial.
    Unknown,
    /// Every trial passed, and none of the baseline failed: the bug does not show here, or it is not known whether it does.
    NotObservable,
    /// The patches do nothing on this kernel; no trial is needed to say so.
    NoOp,
    /// The variant states that it does not apply to this kernel, and is not tried: that is no failure.
    DoesNotApply,
    /// The patches do not apply to the source of this kernel.
    PatchRejected,
    /// The patched kernel does not build.
    DoesNotBuild,
    /// The patched kernel does not boot, with the model off.
    DoesNotBoot,
}

impl Verdict {
    /// Returns the word used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::PassesAll => "passes-all",
            Self::Fails => "fails",
            Self::Mixed => "mixed",
            Self::Unknown => "unknown",
            Self::NotObservable => "not-observable",
            Self::NoOp => "no-op",
            Self::DoesNotApply => "does-not-apply",
            Self::PatchRejected => "patch-rejected",
            Self::DoesNotBuild => "does-not-build",
            Self::DoesNotBoot => "does-not-boot",
        }
    }

    /// Returns whether a cell with this verdict needs no trial.
    pub fn needs_no_trial(self) -> bool {
        matches!(self, Self::NoOp | Self::DoesNotApply) || self.is_broken()
    }

    /// Returns whether there is no kernel to be tried, which counts as breaking everything.
    pub fn is_broken(self) -> bool {
        matches!(self, Self::PatchRejected | Self::DoesNotBuild | Self::DoesNotBoot)
    }
}

/// Whether a cell did what was expected. *Pass* is met if every trial that says something passed, *fail* if at least
/// one failed, *any* always; none of them without a trial that says something. It is checked also where the verdict
/// is no-op or not-observable, because an expectation is about what happens, not about merit. Of a no-op without trials, the
/// trials of the variant that is the same kernel count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Expectation {
    /// It did.
    Met,
    /// It did not. Without a kernel that boots none does what was expected of it, whatever that was.
    Contradicted,
    /// No trial has a result.
    Unknown,
    /// No trial is needed, and none was made: there is nothing that could do what was expected, or not.
    NotTried,
}

/// A failing trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Example {
    /// Name of the trial.
    pub trial: String,
    /// The first failing check, or the message of the failure.
    pub text: String,
}

/// What follows from all cells together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Overall {
    /// The baseline fails nowhere: the bug does not show, and no pass says anything.
    NotObservable,
    /// Every expectation is met, every control has its trials, and nothing is unknown or missing.
    Met,
    /// An expectation is contradicted, or a coherent control failed. Wins over unknown: more trials cannot mend it.
    NotMet,
    /// Neither, but something is unknown or missing, or the data has a problem.
    Unknown,
}

impl Overall {
    /// Returns the exit code of a command that ends with this judgement.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Met => exit::MET,
            Self::NotMet | Self::NotObservable => exit::NOT_MET,
            Self::Unknown => exit::INFRASTRUCTURE,
        }
    }

    /// Returns the words used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Met => "expectations met",
            Self::NotMet => "expectations not met",
            Self::NotObservable => {
                "not observable: the baseline fails nowhere, so that no pass says anything"
            }
            Self::Unknown => "not decided: something is unknown",
        }
    }
}

impl CellJudgement {
    /// Returns whether the cell has no trials because it needs none: its verdict says why.
    pub fn is_idle(&self) -> bool {
        self.verdict.needs_no_trial() && self.n == 0 && self.unknown == 0
    }
}

impl Group {
    /// Returns the cell whose trials are of a variant's kernel: the variant's, or where that has no trials because the patches change
    /// nothing, the one of the same kernel.
    pub fn tried_as(&self, variant: &str) -> Option<&CellJudgement> {
        let cell = self.cell(variant)?;
        let twin = cell.same_as.as_deref().filter(|_| cell.is_idle());
        twin.and_then(|twin| self.cell(twin)).or(Some(cell))
    }

    /// Returns the cell of a variant.
    pub fn cell(&self, variant: &str) -> Option<&CellJudgement> {
        self.cells.iter().find(|cell| cell.variant == variant)
    }
}

impl Judgement {
    /// Returns every cell with the group that it belongs to.
    pub fn cells(&self) -> impl Iterator<Item = (&Group, &CellJudgement)> {
        self.groups.iter().flat_map(|group| group.cells.iter().map(move |cell| (group, cell)))
    }
}
