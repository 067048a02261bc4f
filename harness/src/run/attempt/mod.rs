// SPDX-License-Identifier: GPL-2.0-or-later
//! Tries somebody's own patches without a study of theirs: chooses what they are compared with, and writes the study.

mod alternatives;
mod files;

use std::path::{Path, PathBuf};

use super::event::Watch;
use super::staged::stage_variant;
use crate::cache_dir::{Cache, remove, write_atomically};
use crate::error::{Error, ErrorKind, Result};
use crate::patch::{self, Patch};
use crate::plan::{Plan, Precedent};
use crate::source;
use crate::source::repository::{Commit, Repository};

use super::event::Event;
use alternatives::{OwnChange, OwnSeries, alternatives};
use files::Proposal;

/// What is to be tried, and on what.
#[derive(Clone, Copy, Debug)]
pub struct TryOptions<'a> {
    /// Patch files, directories, mailboxes, commits.
    pub patches: &'a [String],
    /// A kernel's git tree, of which the commits are.
    pub tree: Option<&'a Path>,
    /// The commit of the tree that is built whole; all others are built over it.
    pub base: Option<&'a str>,
    /// Kernel, machine and testcases.
    pub precedent: &'a Precedent,
    /// What the patches are compared with, as `PATCHSET/VARIANT`, or `none` for the kernel as it is.
    pub baseline: Option<&'a str>,
    /// Seeds of each cell.
    pub seeds: u32,
    /// Where the study is written, in a directory of its own.
    pub output: &'a Path,
}

/// A study of somebody's own patches.
#[derive(Clone, Debug)]
pub struct OwnStudy {
    /// The study's file.
    pub file: PathBuf,
    /// The study.
    pub plan: Plan,
    /// What was chosen and why, as sentences.
    pub notes: Vec<String>,
}

/// What patches are compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Baseline {
    /// A variant of the repository, with its companions.
    Variant { set: String, variant: String, with: Vec<String> },
    /// The kernel as it is.
    AsIs,
    /// The kernel as it is at a commit of its tree.
    Commit(Box<Commit>),
}

/// A kernel's tree, and the commit over which others are built.
#[derive(Clone, Debug)]
struct TreeBase {
    repository: Repository,
    base: Commit,
}

/// Writes the smallest study, which `load` reads again, that answers whether patches fix a bug: a baseline in which it shows, each of them, the testcases that
/// show it, and the trials with the model off.
///
/// # Errors
///
/// Study, for what cannot be read, for names that do not exist, and when no patch applies; infrastructure.
pub fn own_study(
    cache: &Cache,
    root: &Path,
    options: &TryOptions<'_>,
    load: &dyn Fn(&Path) -> Result<Plan>,
    watch: Watch<'_>,
) -> Result<OwnStudy> {
    let repository = options.tree.map(Repository::open).transpose()?;
    let alternatives = alternatives(options.patches, repository.as_ref())?;
    let precedent = options.precedent;
    let mut notes = Vec::new();
    let tree = repository.map(|repository| tree_base(repository, options.base, &alternatives)).transpose()?;
    let baselines = baselines(options, precedent, tree.as_ref(), &alternatives, &mut notes)?;
    let mut first = None;
    for (n, baseline) in baselines.iter().enumerate() {
        let proposal = Proposal {
            precedent,
            baseline,
            tree: tree.as_ref().map(|(tree, _)| tree),
            alternatives: &alternatives,
            seeds: options.seeds,
        };
        let written = write(root, options.output, &proposal)?;
        let plan = load(&written.file);
        watch(Event::Begin("patches"));
        match plan.and_then(|plan| applies(cache, root, &plan, &alternatives).map(|()| plan)) {
            Ok(plan) => {
                if n > 0 {
                    notes.push(format!(
                        "{} does not take the patches, which apply to the kernel as it is: that is the baseline",
                        baselines[0].title()
                    ));
                }
                notes.extend(precedent.notes(&plan, baseline == &Baseline::AsIs));
                return Ok(OwnStudy { file: written.file, plan, notes });
            }
            Err(error) => {
                written.take_back()?;
                if error.kind() != ErrorKind::Rejected {
                    return Err(error);
                }
                first = first.or(Some(error));
            }
        }
    }
    Err(first.unwrap_or_else(|| Error::internal("there is no baseline")))
}

/// Says whether some variant beside the baseline has patches that apply; errors name them as they were given.
fn applies(cache: &Cache, root: &Path, plan: &Plan, given: &[OwnSeries]) -> Result<()> {
    let given: Vec<&Patch> = given.iter().flat_map(OwnSeries::patches).collect();
    let mut first = None;
    for target in &plan.targets {
        let kernel = &target.kernel;
        let tree = source::provide(cache, &kernel.source, root)?;
        for variant in plan.variants.iter().filter(|variant| variant.name != plan.study.baseline) {
            let series = variant.series_on(&kernel.name);
            let mut patches = patch::gather(root, series)?;
            for patch in &mut patches {
                if let Some(original) = given.iter().find(|original| original.text == patch.text) {
                    patch.name.clone_from(&original.name);
                }
            }
            match stage_variant(root, &tree, kernel, series, &patches) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Rejected => first = first.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
    }
    first.map_or(Ok(()), Err)
}

/// Returns the commit over which the others are built, and the one before all that is to be tried.
fn tree_base(
    repository: Repository,
    wanted: Option<&str>,
    alternatives: &[OwnSeries],
) -> Result<(TreeBase, Commit)> {
    let mut before: Option<Commit> = None;
    for one in alternatives {
        let OwnChange::Commits { before: own, .. } = &one.change else { continue };
        before = Some(match before {
            None => own.clone(),
            Some(other) => {
                let common = repository.merge_base(&other, own)?.ok_or_else(|| {
                    Error::study("the commits have no common history").hint("try them one by one")
                })?;
                repository.commit(&common)?
            }
        });
    }
    let before = before.map_or_else(|| repository.commit("HEAD"), Ok)?;
    let base = match wanted {
        Some(name) => repository.commit(name)?,
        None => match repository.last_tag(&before)? {
            Some(tag) => repository.commit(&tag)?,
            None => before.clone(),
        },
    };
    Ok((TreeBase { repository, base }, before))
}

/// Returns with what the patches are compared, the first to which they apply.
fn baselines(
    options: &TryOptions<'_>,
    precedent: &Precedent,
    tree: Option<&(TreeBase, Commit)>,
    alternatives: &[OwnSeries],
    notes: &mut Vec<String>,
) -> Result<Vec<Baseline>> {
    if let Some((TreeBase { repository, base }, before)) = tree {
        if options.baseline.is_some_and(|name| name != "none") {
            return Err(Error::study(
                "--baseline names a variant of this repository, and --tree another kernel",
            )
            .hint("with --tree the baseline is the commit before the first that is tried"));
        }
        let distance = repository.distance(&base.hash, &before.hash)?;
        notes.push(format!(
            "baseline: {} (\"{}\") of {}, built over {}, from which {distance} files differ",
            before.short(),
            before.subject,
            repository.path().display(),
            base.short(),
        ));
        return Ok(vec![Baseline::Commit(Box::new(before.clone()))]);
    }
    debug_assert!(alternatives.iter().all(|one| matches!(one.change, OwnChange::Patches(_))));
    let of_precedent = precedent.baseline.as_ref().map(|(set, variant, with)| Baseline::Variant {
        set: set.clone(),
        variant: variant.clone(),
        with: with.clone(),
    });
    match options.baseline {
        Some("none") => Ok(vec![Baseline::AsIs]),
        Some(name) => {
            let (set, variant) = name.split_once('/').ok_or_else(|| {
                Error::study(format!("--baseline {name}: it is neither PATCHSET/VARIANT nor none"))
            })?;
            let same = of_precedent.filter(|one| one.title() == name);
            let own = Baseline::Variant { set: set.into(), variant: variant.into(), with: Vec::new() };
            Ok(vec![same.unwrap_or(own)])
        }
        None => Ok(of_precedent.into_iter().chain([Baseline::AsIs]).collect()),
    }
}

impl Baseline {
    fn title(&self) -> String {
        match self {
            Self::Variant { set, variant, .. } => format!("{set}/{variant}"),
            Self::AsIs => "the kernel as it is".to_owned(),
            Self::Commit(commit) => format!("commit {}", commit.short()),
        }
    }
}

/// A study that was written.
struct WrittenStudy {
    file: PathBuf,
    /// Whether it is there for the first time.
    is_new: bool,
}

impl WrittenStudy {
    /// Removes it, unless somebody has tried the same before.
    fn take_back(&self) -> Result<()> {
        match self.file.parent().filter(|_| self.is_new) {
            Some(dir) => remove(dir),
            None => Ok(()),
        }
    }
}

/// Writes a study with its patches into a directory of its own.
fn write(root: &Path, output: &Path, proposal: &Proposal<'_>) -> Result<WrittenStudy> {
    let (name, files) = proposal.files(root)?;
    let dir = output.join(&name);
    let written = WrittenStudy { file: dir.join(files::STUDY), is_new: !dir.exists() };
    for (path, text) in &files {
        let path = dir.join(path);
        let parent = path.parent().unwrap_or(&dir);
        std::fs::create_dir_all(parent).map_err(|e| Error::io("create", parent, e))?;
        write_atomically(&path, text)?;
    }
    Ok(written)
}
