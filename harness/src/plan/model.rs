// SPDX-License-Identifier: GPL-2.0-or-later
//! The low form: types that mirror the YAML files word for word, before anything is checked.

use std::collections::BTreeMap;

use instrument::Mode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::plan::boot::BootFile;
use crate::plan::class::Class;
use crate::plan::design::Evidence;
use crate::plan::design::IntervalMethod;
use crate::plan::design::Question;
use crate::plan::design::Rule;
use crate::plan::design::SweepFile;
use crate::plan::design::Until;
use crate::plan::symptom::Symptom;

/// Name of an architecture, kbuild's `ARCH`: that of a file `kernels/arch/<arch>.yaml`. The QEMU plugin has a decoder for
/// each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Arch(String);

impl Arch {
    /// Returns the architecture with this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Returns kbuild's name of the architecture.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// `patches/<set>/<variant>/variant.yaml`; the patch files lie beside it and apply in the order of their names, unless
/// one of `mbox`, `series` and `git` says that the patches come from elsewhere.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VariantFile {
    /// Name of the variant, the same as its directory's.
    pub name: String,
    /// One line for reports.
    pub title: String,
    /// Variant on whose tree these patches apply; without it, the kernel's own source.
    pub on: Option<String>,
    /// Why it is expected to work, or not to.
    pub why: String,
    /// Mailbox with the patches, as `b4 am` or an archive of a list gives it; relative to this file's directory.
    pub mbox: Option<String>,
    /// Directory with the patch files of a series, whose cover letter is passed over; relative to this file's directory.
    pub series: Option<String>,
    /// Commits of a git repository.
    pub git: Option<GitPatches>,
    /// Other patches for some versions of the kernel. The first entry whose range has the version counts; without one the
    /// patches are those above.
    #[serde(default)]
    pub for_kernels: Vec<SeriesFor>,
    /// Versions of the kernel to which the variant does not apply, and why not: it is not tried there, which is no failure.
    #[serde(default)]
    pub does_not_apply: Vec<DoesNotApply>,
    /// Message id of the series' first mail: what a report replies to, and what identifies the series among others of `mbox`.
    pub message_id: Option<String>,
    /// Number of the only patch to be taken of the series in `mbox`, from 1, as `[PATCH 13/45]` states it.
    pub patch: Option<u32>,
    /// Message id of the only patch to be taken out of `mbox`, in place of its number.
    pub patch_message_id: Option<String>,
    /// Commit for which the patches were made, as `base-commit:` in a mail states it.
    pub base_commit: Option<String>,
    /// Expected outcomes; anything not named is expected to pass.
    #[serde(default)]
    pub expect: Vec<ExpectationRule>,
}

/// One of the `for_kernels:` of a variant.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SeriesFor {
    /// Range of versions, as in `>=6.13`, `>=6.1, <6.13`, or `6.12` for all of 6.12.
    pub kernels: String,
    /// Directory with the patch files for them; relative to the variant's directory.
    pub series: String,
}

/// One of the `does_not_apply:` of a variant.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DoesNotApply {
    /// Range of versions, as in `>=6.13`, `>=6.1, <6.13`, or `6.12` for all of 6.12.
    pub kernels: String,
    /// Why not, for reports.
    pub why: String,
}

/// `git:` of a variant: commits, each of which is a patch. The repository is only read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GitPatches {
    /// Path of the repository or of a work tree of it; a relative one starts at the root of patcheval's repository.
    pub path: String,
    /// Range as in `v6.1..topic`, without merges; or a branch: then what it has and its upstream branch has not.
    pub range: Option<String>,
    /// A commit whose whole tree is taken, merges and all, in place of `range`; the kernel's source must be a commit of the same
    /// repository. Only what differs between the two is built.
    pub commit: Option<String>,
}

/// What a variant is expected to do in some cells. Of several entries that apply to a cell the last one counts,
/// and those of a study come after those of the variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectationRule {
    /// Only on this architecture.
    pub arch: Option<Arch>,
    /// Only with this kernel.
    pub kernel: Option<String>,
    /// Only on this machine.
    pub machine: Option<String>,
    /// Only with this testcase.
    pub testcase: Option<String>,
    /// Only on targets of this class.
    pub class: Option<Class>,
    /// What is expected.
    pub outcome: Expected,
    /// Why.
    pub why: String,
}

/// An expected outcome of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    /// Every trial passes.
    Pass,
    /// At least one trial fails.
    Fail,
    /// Nothing is predicted: either is fine.
    Any,
}

impl Expected {
    /// Returns the word used in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Any => "any",
        }
    }
}

/// `testcases/<case>/case.yaml`: a guest workload; its C sources lie beside it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    /// Name of the testcase, the same as its directory's.
    pub name: String,
    /// One line for reports.
    pub title: String,
    /// What the testcase shows when it fails.
    pub shows: String,
    /// Which variants it should distinguish, and why.
    pub separates: Option<String>,
    /// The symptoms that a failure is expected to have.
    #[serde(default)]
    pub symptoms: Vec<Symptom>,
    /// Classes to which a target must belong for the testcase to make sense there.
    #[serde(default)]
    pub needs: Vec<Class>,
    /// Figures that the program takes, by name.
    #[serde(default)]
    pub parameters: BTreeMap<String, u32>,
    /// What is done in the phase *run*, so that costs can be stated for one of it.
    pub unit: Option<Unit>,
    /// Seeds that are enough for it, where a study has more; no rule asks for others.
    pub seeds: Option<u32>,
    /// The kernel runs it while it boots, and says this; there is no C source then.
    pub boot: Option<BootFile>,
    /// Why each of its trials has a QEMU of its own, if so: what it does is not always the same after a way back.
    #[serde(default)]
    pub cold: Option<String>,
    /// Some of its checks may not apply to a kernel, which skips them; the others decide. Without this, a trial with a
    /// check that was skipped is unknown.
    #[serde(default)]
    pub may_skip: bool,
    /// The guest gets a shell, `/bin/sh`, and the programs that the kernel's own scripts call.
    #[serde(default)]
    pub shell: bool,
    /// Files and directories of the kernel's source that the guest gets as they are, below `/kernel/`.
    #[serde(default)]
    pub kernel_files: Vec<String>,
    /// Modules that the guest gets below `/kernel/`, by their paths in the build of the unpatched kernel.
    #[serde(default)]
    pub kernel_modules: Vec<String>,
    /// How often the workload runs within one trial.
    pub repetitions: u32,
    /// Guest instructions, in millions, after which the trial is a livelock.
    pub deadline_minsns: u64,
}

/// `unit:` of a testcase: what its phase *run* consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// What one of it is called, as in `exec`.
    pub name: String,
    /// How many one repetition does.
    pub count: u32,
}

/// `ci/studies/<study>.yaml`: names everything else.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StudyFile {
    /// Name of the study.
    pub name: String,
    /// One line for reports.
    pub title: String,
    /// Pairs of kernel and machine.
    pub targets: Vec<TargetFile>,
    /// The patch set: a directory under `patches/`.
    pub patches: String,
    /// The variants of the study.
    pub variants: Vec<StudyVariant>,
    /// The variant in which the bug must show.
    pub baseline: String,
    /// Names of testcases.
    pub testcases: Vec<String>,
    /// What the model does with stale fetches.
    #[serde(default = "enforce")]
    #[schemars(with = "StudyMode")]
    pub mode: Mode,
    /// The seeds of the trials of each cell; with `until: decided`, the most that there can be.
    pub seeds: Seeds,
    /// When a cell has had enough trials.
    #[serde(default)]
    pub until: Until,
    /// How cells are decided with `until: decided`.
    pub rule: Option<Rule>,
    /// Sources of `kernels/common/sources.yaml`: each target is also tried with the kernel of each of these instead of its own.
    #[serde(default)]
    pub versions: Vec<String>,
    /// Further targets: one machine with caches of many shapes.
    #[serde(default)]
    pub sweep: Vec<SweepFile>,
    /// Which failures are the study's.
    #[serde(default)]
    pub evidence: Evidence,
    /// How intervals of pass rates are made.
    #[serde(default)]
    pub interval: IntervalMethod,
    /// What the study is to answer.
    #[serde(default)]
    pub questions: Vec<Question>,
    /// Trials per cell with the model off, the control that the workload itself is sound.
    #[serde(default = "two")]
    pub coherent_seeds: u32,
    /// In how many layouts of the guest's memory trials are run, 1 to 16: each image is booted once for each, with other pages in
    /// use, and a trial's seed says which is its own. What the layout of one image adds to a price, or takes from it, is then in the
    /// price's interval.
    #[serde(default = "one")]
    pub layouts: u32,
}

fn one() -> u32 {
    1
}

/// The words of [`Mode`] that a study may use; the crate of that one knows no schemas.
#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum StudyMode {
    /// Stale fetches are recorded, and the fresh bytes are executed.
    Observe,
    /// Stale fetches are recorded, and the stale bytes are executed, as hardware would.
    Enforce,
}

fn enforce() -> Mode {
    Mode::Enforce
}

/// Two trials of the coherent control: the model is off and the guest is deterministic, so that the second one
/// can only show what depends on the seed.
fn two() -> u32 {
    2
}

/// One of the `targets:` of a study.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetFile {
    /// Name of a kernel.
    pub kernel: String,
    /// Name of a machine of the same architecture.
    pub machine: String,
}

/// One of the `variants:` of a study.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StudyVariant {
    /// Name of the variant's directory in the patch set.
    pub variant: String,
    /// Name of the variant in this study, if it is not the directory's.
    pub name: Option<String>,
    /// Companion variants, whose patches apply after the variant's own.
    #[serde(default)]
    pub with: Vec<String>,
    /// Expectations in this study, after those of the variant's own file.
    #[serde(default)]
    pub expect: Vec<ExpectationRule>,
}

/// The seeds of a cell's trials: `count` seeds from `first` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Seeds {
    /// The first seed.
    pub first: u64,
    /// How many.
    pub count: u32,
}

impl Seeds {
    /// Returns the seeds in order.
    pub fn iter(&self) -> impl Iterator<Item = u64> + use<> {
        self.first..self.first + u64::from(self.count)
    }
}
