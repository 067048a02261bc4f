// SPDX-License-Identifier: GPL-2.0-or-later
//! The guest library's files: what all architectures have in common, and what one has.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::error::{Error, Result};

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
