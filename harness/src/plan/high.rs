// SPDX-License-Identifier: GPL-2.0-or-later
//! The high form: a plan in which every name exists and every figure makes sense.
//!
//! Paths are relative to the root of the repository unless said otherwise.

mod target;

use std::collections::BTreeMap;
use std::path::PathBuf;

use instrument::Mode;
use serde::Deserialize;
use serde::Serialize;

use crate::error::Error;
use crate::error::Result;
use crate::nearest::suggestion;
use crate::plan::boot::Boot;
use crate::plan::class::Class;
use crate::plan::design::Evidence;
use crate::plan::design::IntervalMethod;
use crate::plan::design::Question;
use crate::plan::design::Rule;
use crate::plan::model::ExpectationRule;
use crate::plan::model::Expected;
use crate::plan::model::Seeds;
use crate::plan::model::Unit;
use crate::plan::part::StudyPart;
use crate::plan::series::Patches;
use crate::plan::symptom::Symptom;
use crate::plan::trial_id::TrialId;

pub use target::Kernel;
pub use target::Machine;
pub use target::Source;
pub use target::Target;
pub use target::dtb_name;

/// A study, ready to be run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What is asked.
    pub study: Study,
    /// Pairs of kernel and machine; no pair twice.
    pub targets: Vec<Target>,
    /// Variants in the order of the study; no name twice.
    #[serde(alias = "rows")]
    pub variants: Vec<Variant>,
    /// Testcases in the order of the study; no name twice.
    pub testcases: Vec<Testcase>,
    /// What the study is to answer; variants and testcases are its own.
    pub questions: Vec<Question>,
}

/// The general part of a study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Study {
    /// The study's file, as it was named.
    pub file: String,
    /// Name.
    pub name: String,
    /// One line for reports.
    pub title: String,
    /// Name of the variant in which the bug must show.
    pub baseline: String,
    /// What the model does with stale fetches; never [`Mode::Off`].
    pub mode: Mode,
    /// Seeds of each cell's trials, with a rule the most that there can be; at least one.
    pub seeds: Seeds,
    /// How a cell is decided before its seeds are used up; without it each seed is tried.
    pub rule: Option<Rule>,
    /// Which failures are the study's.
    pub evidence: Evidence,
    /// How intervals of pass rates are made.
    pub interval: IntervalMethod,
    /// Trials per cell with the model off, with the seeds from `seeds.first` on; at least one.
    pub coherent_seeds: u32,
    /// In how many layouts of the guest's memory trials are run; at least one. See [`Plan::layout_of`].
    #[serde(default = "one_layout", skip_serializing_if = "is_one")]
    pub layouts: u32,
    /// Which part of the study this is, if it is not the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<StudyPart>,
}

fn one_layout() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_one(layouts: &u32) -> bool {
    *layouts == one_layout()
}

/// A patch series under judgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// Name of the variant.
    pub name: String,
    /// Name of its directory in the patch set.
    #[serde(alias = "variant")]
    pub directory: String,
    /// Names of the companions, whose patches come last in the series.
    pub companions: Vec<String>,
    /// The variant's line for reports.
    pub title: String,
    /// Why the variant is expected to work, or not to.
    pub why: String,
    /// Patches in the order in which they apply: those of the variants below (`on`), the variant's own, the
    /// companions'. Empty for the kernel's own tree.
    pub series: Vec<Patches>,
    /// The patches on those kernels, by name, for which they are others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub series_by_kernel: BTreeMap<String, Vec<Patches>>,
    /// Kernels, by name, to which the variant says that it does not apply, and why not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub not_on: BTreeMap<String, String>,
    /// Message id of the variant's first mail, without `<>`: what a report replies to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Commit for which the variant's patches were made, if they say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_commit: Option<String>,
    /// Expectations; of those that apply to a cell the last one counts.
    pub expectations: Vec<ExpectationRule>,
}

impl Variant {
    /// Returns the patches on a kernel, in the order in which they apply.
    pub fn series_on(&self, kernel: &str) -> &[Patches] {
        self.series_by_kernel.get(kernel).unwrap_or(&self.series)
    }
}

/// A guest workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Testcase {
    /// Name.
    pub name: String,
    /// One line for reports.
    pub title: String,
    /// What it shows when it fails.
    pub shows: String,
    /// Which variants it should distinguish, and why; empty if that is not stated.
    pub separates: String,
    /// The symptoms that a failure is expected to have; empty if that is not stated.
    pub symptoms: Vec<Symptom>,
    /// Classes to which a target must belong.
    pub needs: Vec<Class>,
    /// Figures that the program takes, by name.
    pub parameters: BTreeMap<String, u32>,
    /// What is done in the phase *run*.
    pub unit: Option<Unit>,
    /// Seeds that are enough for it; at least 1.
    pub seeds: Option<u32>,
    /// Why each of its trials has a QEMU of its own, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cold: Option<String>,
    /// Whether checks that were skipped say nothing, if others passed; else they make a trial unknown.
    #[serde(default)]
    pub may_skip: bool,
    /// Whether the guest gets a shell. Older runs know nothing of this, nor of its two neighbours.
    #[serde(default)]
    pub shell: bool,
    /// Files and directories that the guest gets from the kernel's source: paths in it, none of which leads out.
    #[serde(default)]
    pub kernel_files: Vec<String>,
    /// Modules that the guest gets from the build of the unpatched kernel: paths in it, none of which leads out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kernel_modules: Vec<String>,
    /// How often the workload runs within one trial; at least 1.
    pub repetitions: u32,
    /// Guest instructions, in millions, after which the trial is a livelock; at least 1.
    pub deadline_minsns: u64,
    /// How the kernel reports its result, if the kernel itself runs it while it boots.
    pub boot: Option<Boot>,
    /// Its C sources, in name order; at least one, or none at all if the kernel runs it.
    pub sources: Vec<PathBuf>,
}

/// A variant with a testcase on a target: what a verdict is about.
#[derive(Clone, Copy, Debug)]
pub struct Cell<'a> {
    /// Kernel and machine.
    pub target: &'a Target,
    /// Patch series.
    pub variant: &'a Variant,
    /// Workload.
    pub testcase: &'a Testcase,
}

impl Cell<'_> {
    /// Returns the name of this cell's trial with `mode` and `seed`.
    pub fn trial(&self, mode: Mode, seed: u64) -> TrialId {
        TrialId {
            kernel: self.target.kernel.name.clone(),
            machine: self.target.machine.name.clone(),
            variant: self.variant.name.clone(),
            testcase: self.testcase.name.clone(),
            mode,
            seed,
        }
    }

    /// Returns what this cell is expected to do, and why; without an entry, to pass.
    pub fn expected(&self) -> (Expected, &str) {
        self.variant
            .expectations
            .iter()
            .rev()
            .find(|entry| applies(entry, self))
            .map_or((Expected::Pass, ""), |entry| (entry.outcome, entry.why.as_str()))
    }
}

/// Returns whether `entry` speaks of `cell`: every condition that it states holds.
fn applies(entry: &ExpectationRule, cell: &Cell<'_>) -> bool {
    let named = |wanted: &Option<String>, name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
    entry.arch.as_ref().is_none_or(|arch| *arch == cell.target.kernel.arch)
        && named(&entry.kernel, &cell.target.kernel.name)
        && named(&entry.machine, &cell.target.machine.name)
        && named(&entry.testcase, &cell.testcase.name)
        && entry.class.as_ref().is_none_or(|class| cell.target.classes().contains(class))
}

impl Plan {
    /// Returns the cells, by target, then variant, then testcase, each in the order of the study. A testcase has none on
    /// targets without what it needs, a variant none on kernels to which it does not apply.
    pub fn cells(&self) -> Vec<Cell<'_>> {
        let mut cells = Vec::new();
        for target in &self.targets {
            let testcases: Vec<_> = self.testcases_on(target).collect();
            for variant in self.variants_on(&target.kernel.name) {
                cells.extend(testcases.iter().map(|testcase| Cell { target, variant, testcase }));
            }
        }
        cells
    }

    /// Returns the variants that apply to a kernel, in the order of the study.
    pub fn variants_on(&self, kernel: &str) -> impl Iterator<Item = &Variant> {
        self.variants.iter().filter(move |variant| !variant.not_on.contains_key(kernel))
    }

    /// Returns the variants that say not to apply to a kernel, with the kernel and the reason, in the order of the study.
    pub fn left_out<'a>(&'a self) -> Vec<(&'a Variant, &'a Kernel, &'a str)> {
        let of = |kernel: &'a Kernel| {
            let variants = self.variants.iter();
            variants.filter_map(move |one| Some((one, kernel, one.not_on.get(&kernel.name)?.as_str())))
        };
        self.kernels().into_iter().flat_map(of).collect()
    }

    /// Returns the kernels, each once, in the order of the study.
    pub fn kernels(&self) -> Vec<&Kernel> {
        let mut kernels: Vec<&Kernel> = Vec::new();
        for Target { kernel, .. } in &self.targets {
            if kernels.iter().all(|known| known.name != kernel.name) {
                kernels.push(kernel);
            }
        }
        kernels
    }

    /// Returns the testcases that make sense on a target, in the order of the study.
    pub fn testcases_on<'a>(&'a self, target: &'a Target) -> impl Iterator<Item = &'a Testcase> {
        self.testcases.iter().filter(|testcase| target.has_what_needs(testcase))
    }

    /// Returns the names of all trials, in the order of [`Plan::cells`], the coherent control of a cell first:
    /// trials of one image on one machine, which share a build and a snapshot, are neighbours.
    pub fn trials(&self) -> Vec<TrialId> {
        let mut trials = Vec::new();
        for cell in self.cells() {
            for mode in [Mode::Off, self.study.mode] {
                trials.extend(self.seeds_of(cell.testcase, mode).iter().map(|seed| cell.trial(mode, seed)));
            }
        }
        trials
    }

    /// Returns the seeds of a testcase's trials in `mode`. No seed reaches a kernel that tests itself while it boots: all
    /// its trials would be the same one, so that there is only one.
    pub fn seeds_of(&self, testcase: &Testcase, mode: Mode) -> Seeds {
        let Study { seeds, coherent_seeds, .. } = self.study;
        let count = if mode == Mode::Off { coherent_seeds } else { seeds.count };
        let most = if testcase.boot.is_some() { 1 } else { testcase.seeds.unwrap_or(count) };
        Seeds { first: seeds.first, count: count.min(most) }
    }

    /// Returns the layout of the guest's memory in which a trial runs: its seed chooses it, so that trials of different variants with
    /// one seed, which are compared, have the same. A kernel that tests itself while it boots has the first.
    pub fn layout_of(&self, id: &TrialId) -> u32 {
        let boots = self.testcases.iter().any(|case| case.name == id.testcase && case.boot.is_some());
        let layouts = u64::from(self.study.layouts.max(1));
        if boots { 0 } else { u32::try_from(id.seed % layouts).unwrap_or_default() }
    }

    /// Returns the cell to which the trial `id` belongs, or an error that says which part of the name is not in
    /// this study. The seed and the mode may be any: a user may ask for a trial beyond the study's own.
    pub fn cell_of(&self, id: &TrialId) -> Result<Cell<'_>> {
        let target = self
            .targets
            .iter()
            .find(|target| target.kernel.name == id.kernel && target.machine.name == id.machine)
            .ok_or_else(|| {
                let known: Vec<String> =
                    self.targets.iter().map(|t| format!("{}/{}", t.kernel.name, t.machine.name)).collect();
                self.unknown(
                    "target",
                    &format!("{}/{}", id.kernel, id.machine),
                    known.iter().map(String::as_str),
                )
            })?;
        let variant = self.variants.iter().find(|variant| variant.name == id.variant).ok_or_else(|| {
            self.unknown("variant", &id.variant, self.variants.iter().map(|variant| variant.name.as_str()))
        })?;
        let testcase = self.testcases.iter().find(|case| case.name == id.testcase).ok_or_else(|| {
            self.unknown("testcase", &id.testcase, self.testcases.iter().map(|case| case.name.as_str()))
        })?;
        match variant.not_on.get(&id.kernel) {
            None => Ok(Cell { target, variant, testcase }),
            Some(why) => {
                Err(Error::study(format!("{} does not apply to {}: {why}", variant.name, id.kernel)))
            }
        }
    }

    fn unknown<'a>(&self, what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Error {
        Error::study(format!("study {} has no {what} `{name}`", self.study.name))
            .hint(suggestion(name, known))
    }
}
