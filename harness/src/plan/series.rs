// SPDX-License-Identifier: GPL-2.0-or-later
//! Where the patches of a variant come from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::error::Error;
use crate::error::Result;
use crate::nearest::suggestion;
use crate::plan::compose::Composed;
use crate::plan::load::Low;
use crate::plan::load::Texts;
use crate::plan::load::variant_directory;
use crate::plan::model::GitPatches;
use crate::plan::model::VariantFile;
use crate::plan::version::Range;

/// Where some patches of a variant come from. Paths are relative to the root of the repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Patches {
    /// A patch file.
    File(PathBuf),
    /// One series of a mailbox.
    Mbox {
        /// The mailbox.
        mbox: PathBuf,
        /// A mail of the series; none where the mailbox has only one.
        message_id: Option<String>,
        /// The only patch of the series that is taken.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        one: Option<One>,
    },
    /// A directory with the patch files of a series.
    Directory {
        /// The directory.
        series: PathBuf,
    },
    /// The commits of a git repository.
    Git {
        /// The repository, which is only read.
        git: PathBuf,
        /// A range as in `v6.1..topic`, or a branch with an upstream branch.
        range: String,
    },
    /// The tree of a commit, in place of that of the kernel's own source, which is another commit of the same repository.
    Tree {
        /// The repository, which is only read.
        tree: PathBuf,
        /// The commit.
        commit: String,
    },
}

/// One patch of a series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum One {
    /// Its number in the series, from 1.
    Number(u32),
    /// Its message id.
    MessageId(String),
}

impl One {
    /// Returns the message id, if that is what identifies it.
    pub fn message_id(&self) -> Option<&str> {
        match self {
            Self::Number(_) => None,
            Self::MessageId(id) => Some(id),
        }
    }
}

impl fmt::Display for One {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(n) => write!(f, "patch {n}"),
            Self::MessageId(id) => write!(f, "patch <{id}>"),
        }
    }
}

impl fmt::Display for Patches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) | Self::Directory { series: path } => path.display().fmt(f),
            Self::Mbox { one: Some(one), mbox, message_id: None } => write!(f, "{one} of {}", mbox.display()),
            Self::Mbox { one: Some(one), mbox, message_id: Some(id) } => {
                write!(f, "{one} of <{id}> of {}", mbox.display())
            }
            Self::Mbox { mbox, message_id: None, .. } => mbox.display().fmt(f),
            Self::Mbox { mbox, message_id: Some(id), .. } => write!(f, "<{id}> of {}", mbox.display()),
            Self::Tree { tree, commit } => write!(f, "commit {commit} of {}", tree.display()),
            Self::Git { git, range } => write!(f, "{range} of {}", git.display()),
        }
    }
}

/// What differs by kernel: the patches where they are not the usual ones, and why there are none.
type ByKernel = (BTreeMap<String, Vec<Patches>>, BTreeMap<String, String>);

/// Returns what `parts`, of which a variant is made up, say of single kernels; elsewhere the patches are `usual`.
pub(super) fn by_kernel(low: &Low, parts: &[&VariantFile], usual: &[Patches]) -> Result<ByKernel> {
    let (mut series, mut not_on) = (BTreeMap::new(), BTreeMap::new());
    for (name, kernel) in &low.kernels {
        let mut own = Vec::new();
        for variant in parts {
            match not_on_kernel(low, variant, kernel)? {
                Some(why) => drop(not_on.entry(name.clone()).or_insert_with(|| why.to_owned())),
                None => own.extend(on(low, variant, kernel)?),
            }
        }
        if own != usual && !not_on.contains_key(name) {
            series.insert(name.clone(), own);
        }
    }
    Ok((series, not_on))
}

/// Returns where the patches of a variant for a kernel come from, in the order in which they apply.
fn on(low: &Low, variant: &VariantFile, kernel: &Composed) -> Result<Vec<Patches>> {
    let directory = variant_directory(&low.study.patches, &variant.name);
    let checker = SeriesCheck { texts: &low.texts, file: format!("{directory}/variant.yaml") };
    for entry in &variant.for_kernels {
        if checker.has(&entry.kernels, "for_kernels", kernel)? {
            let exists = |path: &str| !low.texts.beside(path, "").is_empty();
            let series = checker.beside("for_kernels", &directory, &entry.series, exists)?;
            return Ok(vec![Patches::Directory { series: low.texts.place(series) }]);
        }
    }
    let usual = of(low, variant)?;
    if usual.is_empty() && !variant.for_kernels.is_empty() {
        let why = format!("no entry is for kernel {}, and there are no patches beside", kernel.name);
        return Err(checker
            .error("for_kernels", &why)
            .hint("add an entry for its version, or state in `does_not_apply` why there is none"));
    }
    Ok(usual)
}

/// Returns why a variant does not apply to a kernel, if it says so.
fn not_on_kernel<'a>(low: &Low, variant: &'a VariantFile, kernel: &Composed) -> Result<Option<&'a str>> {
    let file = format!("{}/variant.yaml", variant_directory(&low.study.patches, &variant.name));
    let checker = SeriesCheck { texts: &low.texts, file };
    for entry in &variant.does_not_apply {
        if checker.has(&entry.kernels, "does_not_apply", kernel)? {
            return Ok(Some(&entry.why));
        }
    }
    Ok(None)
}

/// Returns where the patches of a variant come from on kernels for which it has no others: one form only.
pub(super) fn of(low: &Low, variant: &VariantFile) -> Result<Vec<Patches>> {
    let directory = variant_directory(&low.study.patches, &variant.name);
    let checker = SeriesCheck { texts: &low.texts, file: format!("{directory}/variant.yaml") };
    checker.letter(variant)?;
    let mut files = low.texts.beside(&directory, ".patch");
    // As quilt keeps them: its list says which of the files apply, and in which order.
    let quilt = low.texts.contains(&format!("{directory}/series"));
    if quilt {
        files.clear();
    }
    let forms = [
        variant.mbox.as_ref().map(|_| "mbox"),
        variant.series.as_ref().map(|_| "series"),
        variant.git.as_ref().map(|_| "git"),
        files.first().map(|_| "*.patch"),
        quilt.then_some("quilt's file `series`"),
    ];
    let forms: Vec<&str> = forms.into_iter().flatten().collect();
    if let [first, second, ..] = forms.as_slice() {
        let why = format!("the patches come from both `{first}` and `{second}`");
        return Err(checker
            .error(first, &why)
            .hint("keep one of them, or make two variants, one `on` the other"));
    }
    let mut all: Vec<Patches> =
        files.into_iter().map(|file| Patches::File(low.texts.place(file.into()))).collect();
    if let Some(mbox) = &variant.mbox {
        let mbox = checker.beside("mbox", &directory, mbox, |path| low.texts.contains(path))?;
        let number = variant.patch.map(One::Number);
        let one = variant.patch_message_id.as_deref().map(bare).map(One::MessageId).or(number);
        let mbox = low.texts.place(mbox);
        all.push(Patches::Mbox { mbox, message_id: variant.message_id.as_deref().map(bare), one });
    }
    if quilt {
        all.push(Patches::Directory { series: low.texts.place(PathBuf::from(&directory)) });
    }
    if let Some(series) = &variant.series {
        let exists = |path: &str| !low.texts.beside(path, "").is_empty();
        let series = checker.beside("series", &directory, series, exists)?;
        all.push(Patches::Directory { series: low.texts.place(series) });
    }
    if let Some(git) = &variant.git {
        all.push(of_git(&checker, git)?);
    }
    Ok(all)
}

/// Returns the commits of a repository, or the tree of one of them.
fn of_git(checker: &SeriesCheck<'_>, git: &GitPatches) -> Result<Patches> {
    let odd = |c: char| c.is_whitespace() || c.is_control();
    let (what, name) = match (&git.range, &git.commit) {
        (Some(range), None) => ("range", range),
        (None, Some(commit)) => ("commit", commit),
        _ => {
            return Err(checker
                .error("git", "takes either a range of commits or one commit")
                .hint("`range` are patches to the kernel's source, `commit` is the whole tree of a commit"));
        }
    };
    if name.is_empty() || name.starts_with('-') || name.contains(odd) {
        let why = format!("the {what} `{name}` is neither a range nor a branch");
        return Err(checker.error("git", &why).hint("write it as git does: range: v6.1..topic"));
    }
    let path = PathBuf::from(&git.path);
    Ok(match what {
        "range" => Patches::Git { git: path, range: name.clone() },
        _ => Patches::Tree { tree: path, commit: name.clone() },
    })
}

/// Returns a message id without the angle brackets that it has in a mail.
pub(super) fn bare(id: &str) -> String {
    id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).unwrap_or(id).to_owned()
}

/// A variant's file, for errors that say where in it something is.
struct SeriesCheck<'a> {
    texts: &'a Texts,
    file: String,
}

impl SeriesCheck<'_> {
    fn error(&self, key: &str, why: &str) -> Error {
        let text = self.texts.text(&self.file).unwrap_or_default();
        // They are keys of the top level.
        let at =
            text.lines().position(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')));
        let at = at.map_or_else(String::new, |at| format!(":{}", at + 1));
        Error::study(format!("{}{at}: {key}: {why}", self.file))
    }

    /// Returns whether a kernel's version is in a range.
    fn has(&self, range: &str, key: &str, kernel: &Composed) -> Result<bool> {
        let range = Range::parse(range).map_err(|why| self.error(key, &why))?;
        let Some(version) = &kernel.version else {
            let why = format!("the version of kernel {} is not known", kernel.name);
            return Err(self.error(key, &why).hint("state it in the kernel's `source`: version: \"6.12\""));
        };
        Ok(range.contains(version))
    }

    /// Returns a path that is written relative to the variant's directory.
    fn beside(
        &self,
        key: &str,
        directory: &str,
        path: &str,
        exists: impl Fn(&str) -> bool,
    ) -> Result<PathBuf> {
        if path.starts_with('/') {
            return Ok(PathBuf::from(path));
        }
        let mut parts: Vec<&str> = directory.split('/').collect();
        for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
            if part != ".." {
                parts.push(part);
            } else if parts.pop().is_none() {
                return Err(self
                    .error(key, &format!("`{path}` leads out of the repository"))
                    .hint("name what lies outside by its absolute path"));
            }
        }
        let full = parts.join("/");
        // Of other directories it is not known what they have, until the file is read.
        if exists(&full) || !full.starts_with("patches/") {
            return Ok(PathBuf::from(full));
        }
        let known = self.texts.beside(directory, "");
        let known = known.iter().filter_map(|known| known.strip_prefix(directory)?.strip_prefix('/'));
        Err(self.error(key, &format!("{full} does not exist")).hint(suggestion(path, known)))
    }

    /// Checks what is kept of the mail: it goes into headers of a reply.
    fn letter(&self, variant: &VariantFile) -> Result<()> {
        let ids = [("message_id", &variant.message_id), ("patch_message_id", &variant.patch_message_id)];
        for (key, id) in ids.into_iter().filter_map(|(key, id)| Some((key, bare(id.as_ref()?)))) {
            if id.is_empty() || !id.chars().all(|c| c.is_ascii_graphic() && !"<>\"".contains(c)) {
                return Err(self
                    .error(key, &format!("`{id}` is no message id"))
                    .hint("it is what stands in the header Message-ID, with or without <>"));
            }
        }
        let picks =
            [("patch", variant.patch.is_some()), ("patch_message_id", variant.patch_message_id.is_some())];
        for (key, _) in picks.iter().filter(|(_, given)| *given) {
            if variant.mbox.is_none() || variant.patch == Some(0) || picks.iter().all(|(_, given)| *given) {
                return Err(self
                    .error(key, "takes one patch out of a mailbox, and it cannot be known which")
                    .hint(
                        "give `mbox`, and the number of the patch in its series, from 1, or its message id",
                    ));
            }
        }
        if let Some(commit) = &variant.base_commit {
            let hex = commit.chars().all(|c| c.is_ascii_hexdigit());
            if !hex || !(7..=64).contains(&commit.len()) {
                return Err(self.error("base_commit", &format!("`{commit}` is no commit")).hint(
                    "it is what stands behind `base-commit:` in the mail, 7 to 64 hexadecimal digits",
                ));
            }
        }
        Ok(())
    }
}
