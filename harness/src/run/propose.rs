// SPDX-License-Identifier: GPL-2.0-or-later
//! Proposes a study of a thread: each series in it a variant, against the kernel's own tree.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::cache_dir::{Cache, write_atomically};
use crate::error::{Error, ErrorKind, Result};
use crate::patch::{self, CommitRelation, Patch, Series, Thread};
use crate::plan::{Kernel, One, Plan, Source};
use crate::source;

/// The variant of the kernel's own tree.
const UNFIXED: &str = "unfixed";
/// The thread, beside the variants.
const MBOX: &str = "thread.mbox";
/// The longest name that is made of a subject.
pub(super) const LONGEST: usize = 40;

/// What a study is to be made of.
#[derive(Clone, Debug)]
pub struct ProposeOptions<'a> {
    /// The mailbox.
    pub mbox: &'a Path,
    /// Name of the study and of its patch set; made of the mailbox's if none is given.
    pub name: Option<&'a str>,
    /// The directory to write into: a repository, or what is to become part of one.
    pub output: &'a Path,
}

/// A study that was written.
#[derive(Clone, Debug, Default)]
pub struct Proposed {
    /// Its name.
    pub name: String,
    /// The study's file.
    pub file: PathBuf,
    /// Names of its variants.
    pub variants: Vec<String>,
    /// What was left out and what could not be checked, as sentences.
    pub notes: Vec<String>,
}

/// Writes a patch set and a study of a thread, for the first target and the testcases of `plan`.
///
/// # Errors
///
/// Study, when something of that name is there already, when there is no series, or none applies; infrastructure. Nothing is
/// written then.
pub fn propose(cache: &Cache, root: &Path, plan: &Plan, options: &ProposeOptions<'_>) -> Result<Proposed> {
    let name = study_name(options)?;
    let set = options.output.join("patches").join(&name);
    let file = options.output.join("ci/studies").join(format!("{name}.yaml"));
    if let Some(there) = [&set, &file].into_iter().find(|path| path.symlink_metadata().is_ok()) {
        return Err(Error::study(format!("{} is there already", there.display()))
            .hint("choose another --name, or remove it first"));
    }
    let thread = patch::thread(options.mbox)?;
    let shown = options.mbox.display().to_string();
    if thread.series.is_empty() {
        thread.choose(&shown, None)?;
    }
    let Some(target) = plan.targets.first() else { return Err(Error::internal("a plan without target")) };
    let tree = source::provide(cache, &target.kernel.source, root)?;
    let mut proposed = Proposed { name, file, variants: vec![UNFIXED.to_owned()], notes: Vec::new() };
    let (mut files, mut first_error) = (vec![(variant_path(&set, UNFIXED), unfixed())], None);
    for series in &thread.series {
        let patches = match series.picked() {
            Some((n, _)) => series.one(&shown, &One::Number(n)),
            None => series.patches(&shown),
        };
        match patches.and_then(|patches| patch::stage(&tree.path, &patches).map(|_| patches)) {
            Ok(patches) => {
                let name = variant_name(&series.title, series.version, &series.author, &proposed.variants);
                proposed.notes.extend(known(root, &name, &target.kernel, series)?);
                // Nothing but its message id distinguishes a series from the others of a mailbox.
                let in_mbox = series.message_id.is_some() || thread.series.len() == 1;
                files.push((variant_path(&set, &name), variant(&name, series, in_mbox)));
                for (n, patch) in patches.iter().enumerate().filter(|_| !in_mbox) {
                    let file = set.join(&name).join(format!("{:04}.patch", n + 1));
                    files.push((file, patch_file(series, patch)));
                }
                proposed.variants.push(name);
            }
            Err(error) if matches!(error.kind(), ErrorKind::Study | ErrorKind::Rejected) => {
                proposed.notes.push(format!("left out: {}: {error}", series.summary()));
                first_error = first_error.or(Some(error));
            }
            Err(error) => return Err(error),
        }
    }
    if proposed.variants.len() == 1 {
        let error = first_error.unwrap_or_else(|| Error::internal("no series became a variant"));
        return Err(error.context(format!("no series applies to {}", target.kernel.name)));
    }
    proposed.notes.extend(replies(&thread));
    files.push((proposed.file.clone(), study(plan, &proposed, &thread)));
    write(&set, options.mbox, &files)?;
    Ok(proposed)
}

fn write(set: &Path, mbox: &Path, files: &[(PathBuf, String)]) -> Result<()> {
    std::fs::create_dir_all(set).map_err(|e| Error::io("create", set, e))?;
    std::fs::copy(mbox, set.join(MBOX)).map_err(|e| Error::io("copy", mbox, e))?;
    for (path, text) in files {
        let parent = path.parent().unwrap_or(set);
        std::fs::create_dir_all(parent).map_err(|e| Error::io("create", parent, e))?;
        write_atomically(path, text.as_bytes())?;
    }
    Ok(())
}

fn study_name(options: &ProposeOptions<'_>) -> Result<String> {
    if let Some(name) = options.name {
        let made = slug(name, usize::MAX);
        if made == name && !made.is_empty() {
            return Ok(made);
        }
        return Err(Error::study(format!("--name: `{name}` cannot be the name of a study"))
            .hint("names consist of a-z, 0-9, `-` and `.`, and begin with a letter or a digit"));
    }
    let made = slug(&options.mbox.file_stem().unwrap_or_default().to_string_lossy(), LONGEST);
    if made.is_empty() {
        return Err(Error::study(format!("{}: no name can be made of this", options.mbox.display()))
            .hint("give the study a name by --name"));
    }
    Ok(made)
}

/// Returns a text as a name: `mips: Flush I$` is `mips-flush-i`.
pub(super) fn slug(text: &str, longest: usize) -> String {
    let mut name = String::new();
    for c in text.chars().map(|c| c.to_ascii_lowercase()) {
        if c.is_ascii_lowercase() || c.is_ascii_digit() || (c == '.' && !name.is_empty()) {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    // A name ends with a whole word.
    if name.len() > longest {
        let cut = name[..=longest].rfind('-').filter(|at| *at > 0).unwrap_or(longest);
        name.truncate(cut);
    }
    name.trim_end_matches(['-', '.']).to_owned()
}

/// Returns a name for a series that no other variant has: its title, with a version, an author or a number if need be.
pub(super) fn variant_name(title: &str, version: u32, author: &str, taken: &[String]) -> String {
    let mut name = slug(title, LONGEST);
    if name.is_empty() {
        "series".clone_into(&mut name);
    }
    if version > 1 {
        let _ = write!(name, "-v{version}");
    }
    let author = slug(author.split([' ', '@']).next_back().unwrap_or_default(), LONGEST);
    let named = [name.clone(), format!("{name}-{author}")].into_iter();
    let mut candidates = named.chain((2..).map(|n| format!("{name}-{n}")));
    candidates.find(|name| !taken.contains(name) && !name.ends_with('-')).unwrap_or(name)
}

/// Says what there is to know about a variant before it is judged.
fn known(root: &Path, name: &str, kernel: &Kernel, series: &Series) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    if let Some((n, total)) = series.picked() {
        notes.push(format!("{name} is patch {n} of {total} alone: the mailbox has no other one"));
    }
    if let Some(base) = &series.base_commit {
        notes.push(made_for(root, name, kernel, base)?);
    }
    if series.prerequisites > 0 {
        notes.push(format!("{name} says that it needs {} other patches", series.prerequisites));
    }
    Ok(notes)
}

/// Says what is known of the commit for which a variant was made.
fn made_for(root: &Path, variant: &str, kernel: &Kernel, base: &str) -> Result<String> {
    let Source::Git { path, reference } = &kernel.source else {
        let name = &kernel.name;
        return Ok(format!(
            "{variant} was made for the commit {base}; {name} is no git tree, so that cannot be compared"
        ));
    };
    let relation = patch::relation(&root.join(path), base, reference)?;
    let relation = match relation {
        CommitRelation::Absent => format!("which {} does not have", path.display()),
        CommitRelation::Same => format!("which is that of {}", kernel.name),
        CommitRelation::Before(commits) => {
            format!("which {} has, {commits} commits before its own", kernel.name)
        }
        CommitRelation::Beside => format!("which is not in the history of {}", kernel.name),
    };
    Ok(format!("{variant} was made for the commit {base}, {relation}"))
}

fn replies(thread: &Thread) -> Vec<String> {
    let described = |series: &Series| {
        format!(
            "not taken: {}: a diff in a reply; to judge it, make a variant of it with `mbox` and `message_id`",
            series.summary()
        )
    };
    thread.replies.iter().map(described).collect()
}

fn variant_path(set: &Path, name: &str) -> PathBuf {
    set.join(name).join("variant.yaml")
}

/// A JSON string is one in YAML too.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn unfixed() -> String {
    format!(
        "name: {UNFIXED}\ntitle: \"the kernel's own tree\"\nwhy: \"the bug is to show here\"\n\
         # Say `fail`, and in which testcases, once you know where it shows.\n\
         expect:\n  - {{outcome: any, why: \"not known yet\"}}\n"
    )
}

/// Returns a patch as a file of its own.
fn patch_file(series: &Series, patch: &Patch) -> String {
    let text = String::from_utf8_lossy(&patch.text);
    format!("From: {}\nSubject: {}\n\n{text}", series.author, series.subject)
}

fn variant(name: &str, series: &Series, in_mbox: bool) -> String {
    let version = if series.version > 1 { format!(", v{}", series.version) } else { String::new() };
    let mut text = format!("name: {name}\n");
    let _ = writeln!(text, "title: {}", quoted(&format!("{} ({}{version})", series.title, series.author)));
    let _ = writeln!(text, "# Say why you expect it to work, or not to, before you run it.");
    let _ = writeln!(text, "why: {}", quoted(&format!("proposed by {}", series.author)));
    if in_mbox {
        let _ = writeln!(text, "mbox: ../{MBOX}");
    }
    if let Some((n, _)) = series.picked().filter(|_| in_mbox) {
        let _ = writeln!(text, "patch: {n}");
    }
    for (key, value) in [("message_id", &series.message_id), ("base_commit", &series.base_commit)] {
        if let Some(value) = value {
            let _ = writeln!(text, "{key}: {}", quoted(value));
        }
    }
    text
}

fn study(plan: &Plan, proposed: &Proposed, thread: &Thread) -> String {
    let title = thread.series.first().map(|series| series.title.clone()).unwrap_or_default();
    let mut text = String::new();
    for note in &proposed.notes {
        let _ = writeln!(text, "# {note}");
    }
    let _ = writeln!(text, "name: {}\ntitle: {}\ntargets:", proposed.name, quoted(&title));
    for target in &plan.targets {
        let _ = writeln!(text, "  - {{kernel: {}, machine: {}}}", target.kernel.name, target.machine.name);
    }
    let _ = writeln!(text, "patches: {}\nvariants:", proposed.name);
    for variant in &proposed.variants {
        let _ = writeln!(text, "  - {{variant: {variant}}}");
    }
    let _ = writeln!(text, "baseline: {UNFIXED}\ntestcases:");
    for testcase in &plan.testcases {
        let _ = writeln!(text, "  - {}", testcase.name);
    }
    text + "mode: enforce\nseeds: {first: 1, count: 20}\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_subjects() {
        assert_eq!(slug("mips: Flush the I$ after XOL", 40), "mips-flush-the-i-after-xol");
        assert_eq!(slug("[v2.1] Ä x.", 40), "v2.1-x");
        assert_eq!(slug("uprobes: flush instruction cache pages", 20), "uprobes-flush");
        assert_eq!(slug("é", 40), "");
        let taken = ["a".to_owned(), "a-nesterov".to_owned()];
        assert_eq!(variant_name("a", 2, "Oleg Nesterov", &taken), "a-v2");
        assert_eq!(variant_name("A", 1, "Ralf Baechle", &taken), "a-baechle");
        assert_eq!(variant_name("a", 1, "Oleg Nesterov", &taken), "a-2");
        assert_eq!(variant_name("?", 1, "", &taken), "series");
    }

    #[test]
    fn what_is_quoted_is_yaml() {
        for text in ["a: \"b\" #c", "\\ \t'x", "ä{}[]"] {
            assert_eq!(crate::yaml::parse::<String>("x", &quoted(text)).unwrap(), text);
        }
    }
}
