// SPDX-License-Identifier: GPL-2.0-or-later
//! Files that the guest's programs are made from or use: of the guest library, what all architectures have in common and
//! what one has; modules of the kernel.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::KERNEL_FILES;
use crate::error::{Error, Result};
use crate::plan::{Kernel, Testcase};

/// Directory of the guest library with one directory for each architecture, by its name.
const ARCHITECTURES: &str = "arch";

/// The guest library for one architecture.
pub(super) struct Library {
    /// What all architectures have in common.
    pub(super) common: PathBuf,
    /// What only this one has.
    pub(super) own: PathBuf,
}

impl Library {
    /// Looks for the directory of an architecture.
    pub(super) fn of(common: &Path, arch: &str) -> Result<Self> {
        let own = common.join(ARCHITECTURES).join(arch);
        if !own.is_dir() {
            let own = own.display();
            return Err(Error::study(format!(
                "the guest library knows no architecture {arch}: there is no {own}"
            ))
            .hint("CONTRIBUTING.md, \"Add an architecture\", says what belongs there"));
        }
        Ok(Self { common: common.to_owned(), own })
    }

    /// Returns the files with this extension: in name order, those in common first.
    pub(super) fn files(&self, extension: &str) -> Result<Vec<PathBuf>> {
        let others = self.common.join(ARCHITECTURES);
        let mut files = sources(&self.common, extension)?;
        files.retain(|path| !path.starts_with(&others));
        files.extend(sources(&self.own, extension)?);
        Ok(files)
    }
}

/// Returns the files below a directory that have this extension, in name order.
pub(super) fn sources(dir: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in WalkDir::new(dir).sort_by_file_name() {
        let entry = entry.map_err(|e| Error::study(format!("cannot read the guest's sources: {e}")))?;
        let path = entry.into_path();
        if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    Ok(found)
}

/// Returns the modules that testcases ask for, by their paths in the guest: each once, in the order of these. A kernel
/// that does not provide what a testcase needs may lack them.
pub(super) fn modules(
    kernel: &Kernel,
    build: &Path,
    testcases: &[Testcase],
) -> Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    let wanted = testcases.iter().flat_map(|case| case.kernel_modules.iter().map(move |path| (path, case)));
    for (path, case) in wanted.collect::<Vec<_>>() {
        let file = build.join(path);
        let is_missing = |e: &std::io::Error| e.kind() == std::io::ErrorKind::NotFound;
        let provided = || case.needs.iter().all(|class| kernel.provides.contains(class));
        match std::fs::read(&file) {
            Ok(bytes) => found.push((format!("{KERNEL_FILES}/{path}"), bytes)),
            Err(e) if is_missing(&e) && !provided() => {}
            Err(e) if is_missing(&e) => {
                return Err(Error::study(format!(
                    "testcase {}: kernel_modules: the build of {} has no {path}",
                    case.name, kernel.name
                ))
                .hint("a configuration fragment has to ask for it as a module: CONFIG_...=m"));
            }
            Err(e) => return Err(Error::io("read", &file, e)),
        }
    }
    let mut seen = BTreeSet::new();
    found.retain(|(path, _)| seen.insert(path.clone()));
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Class;

    #[test]
    fn what_another_architecture_has_is_no_input_and_an_unknown_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["init.c", "common.h", "arch/arm/cpu.h", "arch/mips/cpu.h"] {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        let library = Library::of(dir.path(), "mips").unwrap();
        let shown = |kind: &str| {
            let files = library.files(kind).unwrap();
            let names = files.iter().map(|path| path.strip_prefix(dir.path()).unwrap().display().to_string());
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!((shown("h"), shown("c")), ("common.h arch/mips/cpu.h".into(), "init.c".into()));
        let error = Library::of(dir.path(), "riscv").err().unwrap().to_string();
        assert!(error.contains("knows no architecture riscv") && error.contains("arch/riscv"), "{error}");
    }

    #[test]
    fn modules_come_from_the_build_and_a_kernel_without_their_class_has_none() {
        let build = tempfile::tempdir().unwrap();
        std::fs::create_dir(build.path().join("lib")).unwrap();
        std::fs::write(build.path().join("lib/a.ko"), "a").unwrap();
        let mut plan = crate::plan::tests::plan();
        let kernel = plan.targets.remove(0).kernel;
        let case = |paths: &[&str], needs: &[&str]| Testcase {
            kernel_modules: paths.iter().map(|path| (*path).to_owned()).collect(),
            needs: needs.iter().map(|class| Class::new(*class)).collect(),
            ..plan.testcases[0].clone()
        };
        let of = |case: Testcase| modules(&kernel, build.path(), &[case.clone(), case]);
        assert_eq!(of(case(&["lib/a.ko"], &[])).unwrap(), [("kernel/lib/a.ko".to_owned(), b"a".to_vec())]);
        assert_eq!(of(case(&["lib/b.ko"], &["modules-of-mine"])).unwrap(), []);
        let error = of(case(&["lib/b.ko"], &[])).unwrap_err().to_string();
        assert!(
            error.contains("kernel_modules: the build of") && error.contains("has no lib/b.ko"),
            "{error}"
        );
    }
}
