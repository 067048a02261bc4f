// SPDX-License-Identifier: GPL-2.0-or-later
//! The files of a study of somebody's own patches: what it is, the patches, and the kernel if it is a tree of theirs.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::alternatives::{OwnChange, OwnSeries};
use super::{Baseline, TreeBase};
use crate::cache_dir::key;
use crate::error::{Error, Result};
use crate::plan::Precedent;
use crate::run::propose::{LONGEST, quoted, slug, variant_name};

/// The study's file, in the directory of the attempt.
pub(super) const STUDY: &str = "study.yaml";

/// The patch set of those that are compared with no variant of the repository.
const OWN: &str = "own";
/// The variant of a kernel as it is.
const AS_IS: &str = "as-is";

/// A study that is to be written.
pub(super) struct Proposal<'a> {
    pub(super) precedent: &'a Precedent,
    pub(super) baseline: &'a Baseline,
    pub(super) tree: Option<&'a TreeBase>,
    pub(super) alternatives: &'a [OwnSeries],
    pub(super) seeds: u32,
}

type Files = Vec<(PathBuf, Vec<u8>)>;

impl Proposal<'_> {
    /// Returns the study's name and its files, by their paths in its directory. Equal patches on equal terms have an equal name.
    pub(super) fn files(&self, root: &Path) -> Result<(String, Files)> {
        let mut files = Files::new();
        let (set, baseline, with) = match self.baseline {
            Baseline::Variant { set, variant, with } => (set.as_str(), variant.as_str(), with.as_slice()),
            Baseline::AsIs | Baseline::Commit(_) => (OWN, AS_IS, &[][..]),
        };
        let place = |variant: &str| Path::new("patches").join(set).join(variant);
        match self.baseline {
            Baseline::Variant { .. } => {}
            Baseline::AsIs => {
                files.push((place(AS_IS).join("variant.yaml"), as_is("the kernel as it is", None)?));
            }
            Baseline::Commit(commit) => {
                let title = format!("the kernel at {} (\"{}\")", commit.short(), commit.subject);
                files.push((
                    place(AS_IS).join("variant.yaml"),
                    as_is(&title, Some((self.repository()?, &commit.hash)))?,
                ));
            }
        }
        let kernel = match self.tree {
            None => self.precedent.target.kernel.name.clone(),
            Some(tree) => {
                let (name, text) = self.kernel(tree)?;
                files.push((Path::new("kernels").join(format!("{name}.yaml")), text));
                name
            }
        };
        let mut names = variants(root, set);
        let known = names.len();
        names.push(AS_IS.to_owned());
        for one in self.alternatives {
            let name = variant_name(&one.title, one.version, &one.author, &names);
            let dir = place(&name);
            files.push((dir.join("variant.yaml"), self.variant(&name, baseline, one)?));
            if let OwnChange::Patches(patches) = &one.change {
                for (n, patch) in patches.iter().enumerate() {
                    files.push((dir.join(format!("{:04}.patch", n + 1)), patch.text.clone()));
                }
            }
            names.push(name);
        }
        let text = self.study(set, (baseline, with), &kernel, &names[known + 1..]);
        let parts = files.iter().map(|(path, text)| (path.to_str().unwrap_or_default(), text.as_slice()));
        let digest = key(parts.chain([("study", text.as_bytes())]));
        let name = format!("try-{}-{}", or(slug(self.title(), LONGEST), "patch"), &digest[..8]);
        let head = format!(
            "# SPDX-License-Identifier: GPL-2.0-or-later\n\
             # Written by `patcheval try`. `patcheval run` on this file runs it again; its patches lie beside it.\nname: {name}\n"
        );
        files.push((STUDY.into(), (head + &text).into_bytes()));
        Ok((name, files))
    }

    /// The study's own file, but for its name.
    fn study(&self, set: &str, (baseline, with): (&str, &[String]), kernel: &str, own: &[String]) -> String {
        let title = self.title();
        let more = match own.len() {
            0 | 1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        let mut text = String::new();
        let machine = &self.precedent.target.machine.name;
        let _ = writeln!(text, "title: {}", quoted(&format!("Own patch: {title}{more}")));
        let _ =
            writeln!(text, "targets: [{{kernel: {kernel}, machine: {machine}}}]\npatches: {set}\nvariants:");
        let with = if with.is_empty() { String::new() } else { format!(", with: [{}]", with.join(", ")) };
        for variant in std::iter::once(baseline).chain(own.iter().map(String::as_str)) {
            let _ = writeln!(text, "  - {{variant: {variant}{with}}}");
        }
        let _ = writeln!(text, "baseline: {baseline}\ntestcases: [{}]", self.precedent.testcases.join(", "));
        let _ =
            writeln!(text, "mode: enforce\nseeds: {{first: 1, count: {}}}\ncoherent_seeds: 2", self.seeds);
        text
    }

    fn title(&self) -> &str {
        self.alternatives.first().map(|one| one.title.as_str()).unwrap_or_default()
    }

    fn repository(&self) -> Result<&Path> {
        let tree = self.tree.ok_or_else(|| Error::internal("a commit without a tree"))?;
        Ok(tree.repository.path())
    }

    fn variant(&self, name: &str, baseline: &str, one: &OwnSeries) -> Result<Vec<u8>> {
        let by = if one.author.is_empty() { String::new() } else { format!(" ({})", one.author) };
        let mut text = format!("name: {name}\n");
        let _ = writeln!(text, "title: {}", quoted(&format!("{}{by}", one.title)));
        let _ = writeln!(text, "why: {}", quoted("own patch: it is expected to fix what the baseline shows"));
        match &one.change {
            // They apply to the baseline's tree; that of a commit is a whole one.
            OwnChange::Patches(_) if *self.baseline != Baseline::AsIs => {
                let _ = writeln!(text, "on: {baseline}");
            }
            OwnChange::Patches(_) => {}
            OwnChange::Commits { commit, .. } => {
                let path = quoted(&self.repository()?.display().to_string());
                let _ = writeln!(text, "git: {{path: {path}, commit: {}}}", commit.hash);
            }
        }
        for (key, value) in [("message_id", &one.message_id), ("base_commit", &one.base_commit)] {
            if let Some(value) = value {
                let _ = writeln!(text, "{key}: {}", quoted(value));
            }
        }
        Ok(text.into_bytes())
    }

    /// The kernel of the precedent, of another source.
    fn kernel(&self, tree: &TreeBase) -> Result<(String, Vec<u8>)> {
        let of = &self.precedent.target.kernel.name;
        let (arch, board, features) = self.precedent.words.as_ref().ok_or_else(|| {
            Error::study(format!(
                "kernel {of} has a file of its own: its configuration cannot be that of a tree"
            ))
            .hint("name a kernel of the form ARCH-SOURCE[-FEATURE...] by --kernel")
        })?;
        let words = [arch.as_str(), "tree"].into_iter().chain(board.as_deref());
        let name = words.chain(features.iter().map(String::as_str)).collect::<Vec<_>>().join("-");
        let path = quoted(&tree.repository.path().display().to_string());
        let mut text =
            format!("name: {name}\narch: {arch}\nsource: {{git: {path}, ref: {}}}\n", tree.base.hash);
        if let Some(board) = board {
            let _ = writeln!(text, "board: {board}");
        }
        if !features.is_empty() {
            let _ = writeln!(text, "features: [{}]", features.join(", "));
        }
        Ok((name, text.into_bytes()))
    }
}

/// Returns the names of the variants of a patch set.
fn variants(root: &Path, set: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root.join("patches").join(set)).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

fn as_is(title: &str, commit: Option<(&Path, &str)>) -> Result<Vec<u8>> {
    let mut text =
        format!("name: {AS_IS}\ntitle: {}\nwhy: \"what patches are compared with\"\n", quoted(title));
    if let Some((path, commit)) = commit {
        let _ = writeln!(text, "git: {{path: {}, commit: {commit}}}", quoted(&path.display().to_string()));
    }
    Ok((text + "expect:\n  - {outcome: any, why: \"whether the bug shows here is what is asked\"}\n")
        .into_bytes())
}

fn or(text: String, other: &str) -> String {
    if text.is_empty() { other.to_owned() } else { text }
}
