// SPDX-License-Identifier: GPL-2.0-or-later
//! The kernels of commits and configurations: each is built over one base, so that only what differs is compiled.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::build::{Image, configured};
use crate::cache_dir::Cache;
use crate::error::{Error, ErrorKind, Result};
use crate::judge::{self, bisection::Observation};
use crate::machine::Worker;
use crate::patch::{self, Patch, Staged, StagedFile};
use crate::plan::{Cell, Kernel, Plan, Source, TrialId};
use crate::run::cold_check::refuse_differences;
use crate::run::event::{Event, Watch};
use crate::run::prepare::{Prepared, Sources, assemble};
use crate::run::run_one;
use crate::run::snapshots::{Combination, Snapshot, Snapshots};
use crate::run::trials::TrialRunner;
use crate::source::repository::{FileMode, TreeChanges};
use crate::source::{self, Tree};
use crate::trial::line::{Outcome, TrialLine};

use super::search_space::SearchSource;

/// Room for a candidate's seeds before those of its neighbour begin.
const SEEDS: u64 = 1 << 16;

/// One cell, on kernels that differ by commits or by configuration.
#[derive(Debug)]
pub struct CandidateBuilder<'a> {
    cache: &'a Cache,
    root: &'a Path,
    source: &'a SearchSource,
    tree: Tree,
    plan: Plan,
    series: Vec<Patch>,
    jobs: usize,
    cold: bool,
}

/// What is asked of a candidate.
#[derive(Clone, Copy, Debug)]
pub struct BuilderOptions<'a> {
    /// The cache directory.
    pub cache: &'a Cache,
    /// The repository of patcheval's own files.
    pub root: &'a Path,
    /// The study.
    pub plan: &'a Plan,
    /// `KERNEL/MACHINE/VARIANT/TESTCASE`.
    pub cell: &'a str,
    /// Trials at the same time.
    pub jobs: usize,
    /// Run each trial in a process of its own.
    pub cold: bool,
}

/// A candidate's kernel.
#[derive(Debug)]
pub(super) enum Readiness {
    /// It has booted.
    Ready(Box<Ready>),
    /// It is no kernel that could be tried, with the reason.
    Untestable(String),
}

/// A kernel that trials can run on.
#[derive(Debug)]
pub(super) struct Ready {
    prepared: Prepared,
    snapshots: Snapshots,
}

impl<'a> CandidateBuilder<'a> {
    /// Takes one cell out of a study; among commits, the kernel's source becomes the base of the source.
    ///
    /// # Errors
    ///
    /// Study, for a cell that the study does not have; infrastructure.
    pub fn open(options: BuilderOptions<'a>, source: &'a SearchSource) -> Result<Self> {
        let mut plan = one_cell(options.plan, options.cell)?;
        if let SearchSource::Commits { repository, base } = source {
            let (path, reference) = (repository.path().to_owned(), base.hash.clone());
            plan.targets[0].kernel.source = Source::Git { path, reference };
        }
        let tree = source::provide(options.cache, &plan.targets[0].kernel.source, options.root)?;
        let series = patch::gather(options.root, plan.variants[0].series_on(&plan.targets[0].kernel.name))?;
        let BuilderOptions { cache, root, jobs, cold, .. } = options;
        Ok(Self { cache, root, source, tree, plan, series, jobs, cold })
    }

    /// The study, reduced to its one cell.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The repository of patcheval's own files.
    pub(super) fn root(&self) -> &Path {
        self.root
    }

    /// The cell as it is named on the command line.
    pub(super) fn cell_name(&self) -> String {
        let Cell { target, variant, testcase } = self.cell();
        [&target.kernel.name, &target.machine.name, &variant.name, &testcase.name]
            .map(String::as_str)
            .join("/")
    }

    /// The patches that are applied to each candidate.
    pub(super) fn series(&self) -> &[Patch] {
        &self.series
    }

    /// The cell.
    pub(super) fn cell(&self) -> Cell<'_> {
        Cell {
            target: &self.plan.targets[0],
            variant: &self.plan.variants[0],
            testcase: &self.plan.testcases[0],
        }
    }

    /// The name of a candidate's trial. Its seeds are its own, and the same whoever tries it: with the seeds of its neighbours,
    /// which run nearly the same code, it would pass where they pass and show nothing new.
    pub(super) fn trial(&self, hash: &str, number: u32) -> TrialId {
        let block = hash.get(..7).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0);
        self.cell().trial(self.plan.study.mode, block * SEEDS + u64::from(number) + 1)
    }

    /// Builds the base if it was not built before, which takes minutes.
    ///
    /// # Errors
    ///
    /// Infrastructure, when it does not build.
    pub(super) fn prepare_base(&self, watch: Watch<'_>) -> Result<()> {
        self.assemble(Staged::default(), watch).map(drop).map_err(|error| {
            let hint = "name a commit that builds by --base: all others are built over its tree";
            let is_named =
                matches!(self.source, SearchSource::Commits { .. }) && error.kind() != ErrorKind::Interrupted;
            if is_named { error.hint(hint) } else { error }
        })
    }

    /// Builds and boots the candidate with this hash, with the variant's patches.
    ///
    /// # Errors
    ///
    /// Infrastructure; interrupted. One that is no kernel to be tried is no error.
    pub(super) fn make_ready(&self, hash: &str, watch: Watch<'_>) -> Result<Readiness> {
        let staged = match self.staged(hash) {
            Ok(staged) => staged,
            Err(error) if matches!(error.kind(), ErrorKind::Study | ErrorKind::Rejected) => {
                return Ok(Readiness::Untestable(first_line(&error)));
            }
            Err(error) => return Err(error),
        };
        let prepared = self.assemble(staged, watch)?;
        let cell = self.cell();
        let image = &prepared.manifest.images[&cell.target.kernel.name][&cell.variant.name];
        if let Some(why) = &image.failed {
            return Ok(Readiness::Untestable(format!("does not build: {}", why.text)));
        }
        let mut snapshots = Snapshots::new();
        if cell.testcase.boot.is_none() {
            let combination = Combination { target: cell.target, variant: cell.variant, layout: 0 };
            snapshots = prepared.snapshots(self.cache, &[combination], 1, &mut |_| {})?;
        }
        if let Some(Snapshot::NotReady { console, timed_out }) = snapshots.values().next() {
            return Ok(Readiness::Untestable(format!("does not boot: {}", last_words(console, *timed_out))));
        }
        Ok(Readiness::Ready(Box::new(Ready { prepared, snapshots })))
    }

    /// Returns the image of a candidate that stands.
    pub(super) fn image<'r>(&self, ready: &'r Ready) -> Option<&'r Image> {
        let Cell { target, variant, .. } = self.cell();
        ready.prepared.images.get(&(target.kernel.name.clone(), variant.name.clone()))
    }

    /// What a candidate, with the variant's patches, changes in the base's tree.
    fn staged(&self, hash: &str) -> Result<Staged> {
        let staged = |under| {
            patch::stage_over(&self.tree.path, &under, &self.series)
                .map_err(|error| error.context("the variant's patches do not apply"))
        };
        match self.source {
            SearchSource::Commits { repository, base } => {
                let changes = repository.changes(&base.hash, hash)?;
                staged(laid_over(&self.tree.path, changes)?)
            }
            SearchSource::Configurations(of) => {
                let unknown = || Error::internal(format!("there is no configuration {hash}"));
                Ok(configured(staged(Staged::default())?, of.get(hash).ok_or_else(unknown)?))
            }
        }
    }

    fn assemble(&self, staged: Staged, watch: Watch<'_>) -> Result<Prepared> {
        let staged = BTreeMap::from([(self.cell().variant.name.clone(), staged)]);
        let sources = Sources { tree: self.tree.clone(), staged, rejected: BTreeMap::new() };
        let sources = BTreeMap::from([(self.cell().target.kernel.name.clone(), sources)]);
        // One that does not build is reported as such, and its steps are nobody's concern.
        let mut steps = |event: Event<'_>| {
            if let Event::Begin(_) | Event::Step { seconds: Some(_), .. } = event {
                watch(event);
            }
        };
        assemble(self.cache, self.root, &self.plan, &sources, &mut steps)
    }

    /// Runs trials of a candidate, and hands the line of each, as it ends, to `done`. A sample is compared as in a run; what
    /// differs is kept below `dir`.
    ///
    /// # Errors
    ///
    /// Infrastructure, a difference among it; interrupted.
    pub(super) fn run(
        &self,
        ready: &Ready,
        trials: &[TrialId],
        dir: &Path,
        mut done: impl FnMut(&TrialLine) -> Result<()>,
    ) -> Result<()> {
        let machines = ready.prepared.machines.as_ref();
        let how = TrialRunner { plan: &self.plan, machines, jobs: self.jobs, cold: self.cold, dir };
        let run = |worker: &mut dyn Worker, id: &TrialId| {
            run_one(worker, self.cache, &self.plan, &ready.prepared, &ready.snapshots, id)
        };
        how.run(trials, run, |finished| done(&finished.line))?;
        refuse_differences(dir)
    }

    /// The result of a trial, by what the study takes for evidence.
    pub(super) fn observation(&self, line: &TrialLine) -> Observation {
        match judge::judged_outcome(&self.plan, line) {
            Outcome::Pass => Observation::Pass,
            Outcome::Fail { .. } => Observation::Fail,
            Outcome::Unknown { .. } => Observation::Unknown,
        }
    }
}

/// Returns the kernel of a study's cell, given as `KERNEL/MACHINE/VARIANT/TESTCASE`.
///
/// # Errors
///
/// Study, for a cell that the study does not have.
pub fn kernel_of(plan: &Plan, cell: &str) -> Result<Kernel> {
    Ok(one_cell(plan, cell)?.targets.swap_remove(0).kernel)
}

/// Returns the part of a study that is about one cell.
pub(in crate::run) fn one_cell(plan: &Plan, cell: &str) -> Result<Plan> {
    let id: TrialId = format!("{cell}/enforce/1").parse().map_err(|_| {
        Error::study(format!("`{cell}` is no cell"))
            .hint("a cell is KERNEL/MACHINE/VARIANT/TESTCASE, as `patcheval report` names it")
    })?;
    let cell = plan.cell_of(&id)?;
    if !cell.target.has_what_needs(cell.testcase) {
        return Err(Error::study(format!("{} does not run on {}", id.testcase, cell.target.title())));
    }
    let (targets, variants, testcases) = (cell.target.clone(), cell.variant.clone(), cell.testcase.clone());
    let mut study = plan.study.clone();
    // One boot a candidate: a search compares commits, not prices.
    study.layouts = 1;
    study.baseline.clone_from(&variants.name);
    Ok(Plan {
        study,
        targets: vec![targets],
        variants: vec![variants],
        testcases: vec![testcases],
        questions: Vec::new(),
    })
}

/// Returns what a commit changes in a tree. The target of a link is written anew, so that `make` builds what reads it through
/// the link: it looks at the time of the target, which is older than all that was built.
pub(in crate::run) fn laid_over(tree: &Path, changes: TreeChanges) -> Result<Staged> {
    let mut files = BTreeMap::new();
    let mut targets = Vec::new();
    for (path, to) in changes {
        let file = to.map(|(content, mode)| StagedFile {
            content,
            executable: mode == FileMode::Executable,
            link: mode == FileMode::Link,
        });
        if let Some(link) = file.as_ref().filter(|file| file.link) {
            let leads_to = tree.join(&path).parent().unwrap_or(tree).join(OsStr::from_bytes(&link.content));
            let target = leads_to.canonicalize().ok().filter(|target| target.starts_with(tree));
            if target.as_ref().is_some_and(|target| target.is_dir()) && tree.join(&path).exists() {
                return Err(Error::study(format!(
                    "{} becomes a symbolic link to a directory, and what was built through it cannot be known",
                    path.display()
                )));
            }
            targets.extend(target.filter(|target| target.is_file()));
        }
        files.insert(path, file);
    }
    for target in targets {
        let Ok(path) = target.strip_prefix(tree).map(Path::to_owned) else { continue };
        if let Entry::Vacant(new) = files.entry(path) {
            let content = std::fs::read(&target).map_err(|e| Error::io("read", &target, e))?;
            let mode = target.metadata().map_err(|e| Error::io("look at", &target, e))?.permissions().mode();
            new.insert(Some(StagedFile { content, executable: mode & 0o100 != 0, link: false }));
        }
    }
    Ok(Staged::new(files))
}

fn first_line(error: &Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// What a console says of a boot that came to nothing.
fn last_words(console: &str, timed_out: bool) -> String {
    let panic = console.lines().find_map(|line| Some(line.get(line.find("Kernel panic")?..)?.trim()));
    match (panic, timed_out) {
        (Some(panic), _) => panic.to_owned(),
        (None, true) => "it was not ready in time".to_owned(),
        (None, false) => console.lines().last().unwrap_or("no word on its console").trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_laid_over_with_what_it_leads_to() {
        let tree = tempfile::tempdir().unwrap();
        let root = tree.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("d")).unwrap();
        std::fs::write(root.join("d/a.dtsi"), "old").unwrap();
        std::os::unix::fs::symlink("d", root.join("there")).unwrap();
        let link =
            |path: &str, to: &str| TreeChanges::from([(path.into(), Some((to.into(), FileMode::Link)))]);
        let staged = laid_over(&root, link("x.dtsi", "d/a.dtsi")).unwrap();
        let file = |path: &str| staged.files[Path::new(path)].clone().unwrap();
        assert!(file("x.dtsi").link && file("x.dtsi").content == b"d/a.dtsi");
        assert!(!file("d/a.dtsi").link && file("d/a.dtsi").content == b"old");
        // Nothing has been built through a new link to a directory, and one that leads out is no business of the tree's.
        for (path, to) in [("e", "d"), ("f", "/etc/passwd"), ("g", "nowhere")] {
            assert_eq!(laid_over(&root, link(path, to)).unwrap().files.len(), 1, "{to}");
        }
        let error =
            laid_over(&root, link("there", "../x")).map(|_| ()).and(laid_over(&root, link("there", "d")));
        assert!(error.unwrap_err().to_string().starts_with("there becomes a symbolic link to a directory"));
    }

    #[test]
    fn what_is_wrong_is_said_in_a_line() {
        assert_eq!(
            last_words("[    0.1] Kernel panic - not syncing: no\nx", false),
            "Kernel panic - not syncing: no"
        );
        assert_eq!(last_words("a\nb", true), "it was not ready in time");
    }
}
