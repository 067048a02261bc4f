// SPDX-License-Identifier: GPL-2.0-or-later
//! Reads a study's files: the effects before `plan`, which is pure.

mod precedent;

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use walkdir::DirEntry;
use walkdir::WalkDir;

use crate::error::Error;
use crate::error::Result;
use crate::nearest::suggestion;
use crate::plan;
use crate::plan::Plan;
use crate::plan::Texts;
use crate::plan::hardware::MachineFile;
use crate::plan::parts::ArchitectureFile;
use crate::plan::parts::SourceFile;

pub use precedent::precedent;

/// Where the studies of a repository lie.
const STUDIES: &str = "ci/studies";

/// The study that is run if none is named.
pub const DEFAULT: &str = "quick";

/// Reads and checks the study called `study` of the repository at `root`: the name of one under `ci/studies`, or
/// the path of a file. Whatever a study names is found under `root`, wherever its own file lies; a study elsewhere may have further
/// variants and kernels beside it, in `patches/SET/VARIANT` and `kernels`.
pub fn load(root: &Path, study: &str) -> Result<Plan> {
    let path = find(root, study)?;
    let file = path.strip_prefix(root).unwrap_or(&path).display().to_string();
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Error::study(format!("cannot read {}: {error}", path.display())))?;
    let mut texts = texts(root)?;
    texts.insert(file.as_str(), text);
    add_own(root, &path, &mut texts)?;
    plan::resolve(&plan::load(&texts, &file)?)
}

/// Returns the plan for one kernel without a study; without a machine, on the first that a study pairs it with. The other
/// arguments are those of [`plan::WantedCell`].
///
/// # Errors
///
/// Study.
pub fn single(
    root: &Path,
    kernel: &str,
    machine: Option<&str>,
    testcases: &[String],
    variant: Option<&str>,
    seeds: u32,
) -> Result<Plan> {
    let texts = texts(root)?;
    let paired = match machine {
        Some(machine) => machine.to_owned(),
        // A kernel that does not exist is reported by the plan.
        None => machine_of(root, kernel).unwrap_or_default(),
    };
    let wanted = plan::WantedCell { kernel, machine: &paired, testcases, variant, seeds };
    let hint = |error: Error| {
        if paired.is_empty() {
            error.hint("no study runs this kernel: name a machine by --machine")
        } else {
            error
        }
    };
    plan::single(&texts, &wanted).map_err(hint)
}

/// The machine of the first target with this kernel, in the default study or else in the others by name; a study that
/// cannot be read has none.
fn machine_of(root: &Path, kernel: &str) -> Option<String> {
    pairing(root, kernel).map(|(machine, _)| machine)
}

/// Returns the machine of the first target with this kernel, in the default study or else in the others by name, and the
/// testcases that the study runs on it.
pub fn pairing(root: &Path, kernel: &str) -> Option<(String, Vec<String>)> {
    let mut names = names(root);
    // Stable: the others stay in order.
    names.sort_by_key(|name| name != DEFAULT);
    // One that cannot be read pairs nothing.
    names.into_iter().filter_map(|name| load(root, &name).ok()).find_map(|plan| {
        let target = plan.targets.iter().find(|target| target.kernel.name == kernel)?;
        let testcases = plan.testcases_on(target).map(|testcase| testcase.name.clone()).collect();
        Some((target.machine.name.clone(), testcases))
    })
}

/// What kernels are composed of: the architectures, and the sources by the words of their names.
pub type Parts = (Vec<ArchitectureFile>, BTreeMap<String, SourceFile>);

/// Returns what the kernels of the repository at `root` are composed of.
///
/// # Errors
///
/// Study.
pub fn parts(root: &Path) -> Result<Parts> {
    let texts = texts(root)?;
    Ok((plan::all_architectures(&texts)?, plan::all_sources(&texts)?))
}

/// Returns the machines of the repository at `root`, in the order of their names.
///
/// # Errors
///
/// Study.
pub fn machines(root: &Path) -> Result<Vec<MachineFile>> {
    plan::all_machines(&texts(root)?)
}

/// Returns whatever a study may name.
fn texts(root: &Path) -> Result<Texts> {
    let mut texts = Texts::default();
    for directory in ["kernels", "patches", "testcases"] {
        collect(root, directory, &mut texts)?;
    }
    Ok(texts)
}

/// Adds the variants and kernels that a study has beside its file.
fn add_own(root: &Path, study: &Path, texts: &mut Texts) -> Result<()> {
    let beside = study.parent().unwrap_or(study);
    let beside = std::path::absolute(beside).map_err(|error| Error::io("find", beside, error))?;
    if beside == root || beside.starts_with(root.join(STUDIES)) {
        return Ok(());
    }
    // Paths in the repository are written from its root, so that a plan is the same wherever that is.
    let place = |directory: &str| match beside.strip_prefix(root) {
        Ok(inside) => inside.join(directory),
        Err(_) => beside.join(directory),
    };
    let sets = beside.join("patches");
    for set in sets.read_dir().into_iter().flatten().flatten() {
        for variant in set.path().read_dir().into_iter().flatten().flatten() {
            let parts =
                [set.file_name(), variant.file_name()].map(|name| name.to_string_lossy().into_owned());
            let directory = format!("patches/{}", parts.join("/"));
            if texts.has_directory(&directory) {
                return Err(Error::study(format!(
                    "{}: the repository has a variant of this name, too",
                    variant.path().display()
                ))
                .hint("give it another name, in its file and in the study, too"));
            }
            texts.lies_in(directory.as_str(), place(&directory));
        }
    }
    for kernel in beside.join("kernels").read_dir().into_iter().flatten().flatten() {
        let path = format!("kernels/{}", kernel.file_name().to_string_lossy());
        if root.join(&path).exists() {
            return Err(Error::study(format!(
                "{}: the repository has a kernel of this name, too",
                kernel.path().display()
            )));
        }
    }
    collect(&beside, "patches", texts)?;
    collect(&beside, "kernels", texts)
}

/// Returns the names of the studies under `ci/studies`, sorted.
pub fn names(root: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(root.join(STUDIES)).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

/// Returns the file of a study: an existing path wins over a name.
fn find(root: &Path, study: &str) -> Result<PathBuf> {
    let named = root.join(STUDIES).join(format!("{study}.yaml"));
    [PathBuf::from(study), root.join(study), named].into_iter().find(|path| path.is_file()).ok_or_else(|| {
        let known = names(root);
        Error::study(format!("there is no study `{study}`, neither a file nor a name under {STUDIES}"))
            .hint(suggestion(study, known.iter().map(String::as_str)))
    })
}

/// Adds the files under `directory` of `root`; a directory that does not exist has none.
fn collect(root: &Path, directory: &str, texts: &mut Texts) -> Result<()> {
    let top = root.join(directory);
    if !top.is_dir() {
        return Ok(());
    }
    let visible = |entry: &DirEntry| !entry.file_name().to_string_lossy().starts_with('.');
    for entry in WalkDir::new(&top).follow_links(true).sort_by_file_name().into_iter().filter_entry(visible) {
        let entry = entry.map_err(|error| Error::study(format!("cannot list {}: {error}", top.display())))?;
        if !entry.file_type().is_file() {
            continue;
        }
        let Some(path) = entry.path().strip_prefix(root).ok().and_then(Path::to_str) else {
            return Err(Error::study(format!("{} is not a name in UTF-8", entry.path().display())));
        };
        if path.ends_with(".yaml") {
            let text = std::fs::read_to_string(entry.path())
                .map_err(|error| Error::study(format!("cannot read {}: {error}", entry.path().display())))?;
            texts.insert(path, text);
        } else {
            texts.insert_path(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::{self, Food};

    fn repository() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
    }

    #[test]
    fn every_study_of_the_repository_is_sound() {
        let root = repository();
        let names = names(&root);
        assert!(names.contains(&"quick".to_owned()), "{names:?}");
        for name in names {
            let plan =
                load(&root, &name).unwrap_or_else(|error| panic!("{name}: {error} {:?}", error.hints()));
            assert_eq!(plan.study.name, name);
            assert!(!plan.trials().is_empty());
        }
    }

    #[test]
    fn a_study_is_found_by_name_and_by_path() {
        let root = repository();
        let by_path = root.join("ci/studies/quick.yaml");
        assert_eq!(find(&root, "quick").unwrap(), by_path);
        assert_eq!(find(&root, by_path.to_str().unwrap()).unwrap(), by_path);
        let error = find(&root, "quik").unwrap_err();
        assert!(error.hints()[0].starts_with("did you mean `quick`?"), "{:?}", error.hints());
    }

    /// The files of the repository, each behind a line with its path.
    fn food(texts: &[(String, String)]) -> Food<'static> {
        const WORDS: [&str; 16] = [
            "- ",
            ": ",
            "{",
            "}",
            "[",
            "]",
            "&a ",
            "*a ",
            "<<: *a",
            "!!binary ",
            "|\n",
            ">-\n",
            "\n---\n",
            "~",
            "\u{feff}",
            "name: ",
        ];
        let right = texts.iter().map(|(path, text)| format!("{path}\n{text}").into_bytes()).collect();
        Food { name: "yaml", right, words: &WORDS }
    }

    /// Reads a study of the repository in which one file is this one.
    fn read_in(all: &Texts, input: &[u8]) {
        let input = String::from_utf8_lossy(input);
        let Some((path, text)) = input.split_once('\n') else { return };
        let mut texts = all.clone();
        texts.insert(path, text);
        let study = if path.starts_with(STUDIES) { path } else { "ci/studies/founding.yaml" };
        if let Ok(plan) = plan::load(&texts, study).and_then(|low| plan::resolve(&low)) {
            let _ = plan.cells();
        }
    }

    /// What the study `founding` is made of.
    fn repository_texts() -> (Texts, Vec<(String, String)>) {
        let root = repository();
        let files = WalkDir::new(&root).sort_by_file_name().into_iter().flatten().map(DirEntry::into_path);
        let wanted = |path: &PathBuf| {
            ["kernels/", "patches/uprobes-xol/", "testcases/", STUDIES]
                .iter()
                .any(|top| path.starts_with(root.join(top)))
                && path.extension().is_some_and(|extension| extension == "yaml")
        };
        let name = |path: &Path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let read = |path: PathBuf| (name(&path), std::fs::read_to_string(&path).unwrap());
        (texts(&root).unwrap(), files.filter(wanted).map(read).collect())
    }

    #[test]
    fn damaged_studies_are_read_for_a_moment() {
        let (all, files) = repository_texts();
        fuzz::shortly(&food(&files), |input| read_in(&all, input));
    }

    #[test]
    #[ignore = "takes ten minutes: ci/test --full"]
    fn damaged_studies() {
        let (all, files) = repository_texts();
        fuzz::at_length(&food(&files), |input| read_in(&all, input));
    }

    #[test]
    fn files_outside_the_repository_are_no_part_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let study = directory.path().join("mine.yaml");
        std::fs::write(&study, "name: mine\n").unwrap();
        let error = load(&repository(), study.to_str().unwrap()).unwrap_err();
        assert!(error.to_string().contains("missing field `title`"), "{error}");
        assert!(error.to_string().starts_with(study.to_str().unwrap()), "{error}");
    }
}
