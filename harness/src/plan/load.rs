// SPDX-License-Identifier: GPL-2.0-or-later
//! From texts to the low form: parses a study and whatever it names, and nothing else, so that a broken file
//! stops only the studies that use it.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::error::Result;
use crate::nearest::suggestion;
use crate::plan::check;
use crate::plan::compose;
use crate::plan::compose::Composed;
use crate::plan::hardware::MachineFile;
use crate::plan::model::Arch;
use crate::plan::model::CaseFile;
use crate::plan::model::StudyFile;
use crate::plan::model::TargetFile;
use crate::plan::model::VariantFile;
use crate::plan::parts::ArchitectureFile;
use crate::yaml;

/// The files of a repository: paths relative to its root with `/`, and the texts of the YAML files among them.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    files: BTreeMap<String, Option<String>>,
    /// Where directories are that do not lie in the repository.
    elsewhere: BTreeMap<String, PathBuf>,
}

impl Texts {
    /// Adds a file whose text is wanted.
    pub fn insert(&mut self, path: impl Into<String>, text: impl Into<String>) {
        self.files.insert(path.into(), Some(text.into()));
    }

    /// Adds a file of which only the existence matters.
    pub fn insert_path(&mut self, path: impl Into<String>) {
        self.files.entry(path.into()).or_default();
    }

    /// States that the files below `directory` are those of another one, by its path from the root or its absolute one.
    pub fn lies_in(&mut self, directory: impl Into<String>, place: impl Into<PathBuf>) {
        self.elsewhere.insert(directory.into(), place.into());
    }

    /// Returns whether something lies directly in `directory`.
    pub fn has_directory(&self, directory: &str) -> bool {
        !self.beside(directory, "").is_empty()
    }

    /// Returns where a file or directory is.
    pub(super) fn place(&self, path: PathBuf) -> PathBuf {
        let moved = |above: &Path| self.elsewhere.get(above.to_str()?).map(|to| (above.to_owned(), to));
        match path.ancestors().find_map(moved) {
            Some((above, to)) => match path.strip_prefix(above) {
                Ok(rest) if rest.as_os_str().is_empty() => to.clone(),
                Ok(rest) => to.join(rest),
                Err(_) => path,
            },
            None => path,
        }
    }

    /// Returns whether there is a file at `path`.
    pub(super) fn contains(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// Returns the paths of the files directly in `directory` with `suffix`, in name order.
    pub(super) fn beside(&self, directory: &str, suffix: &str) -> Vec<String> {
        let inside = |path: &&String| {
            let name = path.strip_prefix(directory).and_then(|rest| rest.strip_prefix('/'));
            name.is_some_and(|name| !name.contains('/') && name.ends_with(suffix))
        };
        self.files.keys().filter(inside).cloned().collect()
    }

    /// Returns the words `*` for which `prefix*suffix` is a file.
    pub(super) fn names(&self, prefix: &str, suffix: &str) -> Vec<&str> {
        let name = |path: &'_ String| -> Option<(usize, usize)> {
            let word = path.strip_prefix(prefix)?.strip_suffix(suffix)?;
            (!word.contains('/')).then(|| (prefix.len(), path.len() - suffix.len()))
        };
        self.files.keys().filter_map(|path| name(path).map(|(from, to)| &path[from..to])).collect()
    }

    /// Returns the text of a file, if it was wanted.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_deref()
    }
}

/// The low form of a study: the parsed files, by name, and the files beside them.
#[derive(Clone, Debug)]
pub struct Low {
    /// The study's file, as it was named.
    pub(super) file: String,
    pub(super) study: StudyFile,
    pub(super) kernels: BTreeMap<String, Composed>,
    /// Those of the kernels and the machines.
    pub(super) architectures: BTreeMap<Arch, ArchitectureFile>,
    pub(super) machines: BTreeMap<String, MachineFile>,
    /// The variants and their companions, and those below them.
    pub(super) variants: BTreeMap<String, VariantFile>,
    pub(super) testcases: BTreeMap<String, CaseFile>,
    pub(super) texts: Texts,
}

impl Low {
    /// Returns the name of the patch set of which the variants are.
    pub fn patch_set(&self) -> &str {
        &self.study.patches
    }
}

/// Returns the path of the file of a kernel that has one of its own.
pub(super) fn kernel_path(name: &str) -> String {
    format!("kernels/{name}.yaml")
}

/// Returns the path of an architecture's file.
pub(super) fn architecture_path(name: &str) -> String {
    format!("kernels/arch/{name}.yaml")
}

/// Returns the path of a machine's file.
pub(super) fn machine_path(name: &str) -> String {
    format!("kernels/machines/{name}.yaml")
}

/// Returns all machines of a repository, in the order of their names.
///
/// # Errors
///
/// Study, for a file that is wrong.
pub fn all_machines(texts: &Texts) -> Result<Vec<MachineFile>> {
    let paths = texts.names("kernels/machines/", ".yaml").into_iter().map(machine_path);
    let parse = |path: String| texts.text(&path).map(|text| yaml::parse(&path, text));
    paths.filter_map(parse).collect()
}

/// Returns the directory of a variant.
pub(super) fn variant_directory(set: &str, name: &str) -> String {
    format!("patches/{set}/{name}")
}

/// Returns the directory of a testcase.
pub(super) fn testcase_directory(name: &str) -> String {
    format!("testcases/{name}")
}

/// Parses the study at `file`, which is among `texts`, and every file that it names, directly or not.
pub fn load(texts: &Texts, file: &str) -> Result<Low> {
    let text = texts.text(file).ok_or_else(|| Error::study(format!("there is no study {file}")))?;
    let study: StudyFile = yaml::parse(file, text)?;
    check::name(file, "patch set", &study.patches)?;
    load_study(texts, file, study)
}

/// Parses every file that `study` names, directly or not; errors name `file` as the study's.
pub(super) fn load_study(texts: &Texts, file: &str, mut study: StudyFile) -> Result<Low> {
    study.targets = of_all_versions(texts, file, &study)?;
    let mut low = Low {
        file: file.into(),
        kernels: BTreeMap::new(),
        architectures: BTreeMap::new(),
        machines: BTreeMap::new(),
        variants: BTreeMap::new(),
        testcases: BTreeMap::new(),
        texts: texts.clone(),
        study,
    };
    let finder = Finder { texts, study: file };
    let swept = low.study.sweep.iter().map(|swept| (&swept.kernel, &swept.machine));
    for (kernel, machine) in
        low.study.targets.iter().map(|target| (&target.kernel, &target.machine)).chain(swept)
    {
        if !low.kernels.contains_key(kernel) {
            low.kernels.insert(kernel.clone(), compose::kernel(texts, kernel, file)?);
        }
        finder.take(&mut low.machines, "machine", machine, "kernels/machines/", ".yaml", file)?;
    }
    let of_kernels = low.kernels.values().map(|kernel| (&kernel.arch, kernel.place.clone()));
    let of_machines = low.machines.values().map(|machine| (&machine.arch, machine_path(&machine.name)));
    for (arch, place) in of_kernels.chain(of_machines) {
        if !low.architectures.contains_key(arch) {
            low.architectures.insert(arch.clone(), compose::architecture(texts, arch, &place)?);
        }
    }
    for name in &low.study.testcases {
        finder.take(&mut low.testcases, "testcase", name, "testcases/", "/case.yaml", file)?;
    }
    load_variants(&finder, &low.study, &mut low.variants)?;
    Ok(low)
}

/// Returns the targets of a study, each followed by those of the same kernel of the other versions that the study names.
fn of_all_versions(texts: &Texts, file: &str, study: &StudyFile) -> Result<Vec<TargetFile>> {
    let mut targets = study.targets.clone();
    for target in &study.targets {
        for version in &study.versions {
            let kernel = compose::of_version(texts, &target.kernel, version, file)?;
            let further = TargetFile { kernel, machine: target.machine.clone() };
            if !targets.contains(&further) {
                let beside = |one: &TargetFile| one.machine == further.machine;
                let after = targets.iter().rposition(beside).map_or(targets.len(), |last| last + 1);
                targets.insert(after, further);
            }
        }
    }
    Ok(targets)
}

/// Parses the files of all variants, of their companions, and of the variants below them.
fn load_variants(
    finder: &Finder<'_>,
    study: &StudyFile,
    into: &mut BTreeMap<String, VariantFile>,
) -> Result<()> {
    let prefix = format!("patches/{}/", study.patches);
    let names =
        study.variants.iter().flat_map(|variant| std::iter::once(&variant.variant).chain(&variant.with));
    let mut wanted: Vec<(String, String)> = names.map(|name| (finder.study.into(), name.clone())).collect();
    while let Some((from, name)) = wanted.pop() {
        if into.contains_key(&name) {
            continue;
        }
        finder.take(into, "variant", &name, &prefix, "/variant.yaml", &from)?;
        let below = into.get(&name).and_then(|variant| variant.on.clone());
        wanted.extend(below.map(|below| (format!("{prefix}{name}/variant.yaml"), below)));
    }
    Ok(())
}

/// Finds files by the name under which a study knows them.
struct Finder<'a> {
    texts: &'a Texts,
    study: &'a str,
}

/// The name that a file states for itself.
trait Named {
    fn name(&self) -> &str;
}

macro_rules! named {
    ($($kind:ty),*) => { $(impl Named for $kind {
        fn name(&self) -> &str {
            &self.name
        }
    })* };
}

named!(MachineFile, VariantFile, CaseFile);

impl Finder<'_> {
    /// Parses `prefix``name``suffix` into `into`, unless it is there; an error names `from`, which refers to it.
    fn take<T: DeserializeOwned + Named>(
        &self,
        into: &mut BTreeMap<String, T>,
        what: &str,
        name: &str,
        prefix: &str,
        suffix: &str,
        from: &str,
    ) -> Result<()> {
        let path = format!("{prefix}{name}{suffix}");
        let Some(text) = self.texts.text(&path) else {
            return Err(Error::study(format!("{from}: there is no {what} `{name}`: {path} does not exist"))
                .hint(suggestion(name, self.texts.names(prefix, suffix))));
        };
        check::name(from, what, name)?;
        let parsed: T = yaml::parse(&path, text)?;
        check::same_name(&path, parsed.name(), name)?;
        into.insert(name.into(), parsed);
        Ok(())
    }
}
