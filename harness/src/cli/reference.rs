// SPDX-License-Identifier: GPL-2.0-or-later
//! `patcheval reference`: schemas and pages of the YAML files, the schema of reports, and man pages.

use std::collections::BTreeMap;
use std::path::Path;

use super::commands::print;
use super::man;
use crate::cache_dir::write_atomically;
use crate::error::{Error, Result, exit};
use crate::reference::{self, KINDS};
use crate::report::json_schema;

/// Writes the reference to `output`; returns the exit code.
///
/// # Errors
///
/// Infrastructure.
pub(super) fn write(root: &Path, output: &Path) -> Result<u8> {
    let files = reference(root)?;
    for (path, text) in &files {
        let path = output.join(path);
        let parent = path.parent().unwrap_or(output);
        std::fs::create_dir_all(parent).map_err(|error| Error::io("create", parent, error))?;
        write_atomically(&path, text.as_bytes())?;
    }
    print(&format!("{} files written to {}\n", files.len(), output.display()))?;
    Ok(exit::MET)
}

/// Returns all files of the reference, by paths below its directory; examples are those of the repository at `root`.
///
/// # Errors
///
/// Infrastructure.
pub fn reference(root: &Path) -> Result<BTreeMap<String, String>> {
    let mut files = reference::files(&yaml_files(root)?);
    files.insert("schema/report-2.json".to_owned(), json_schema()?);
    files.extend(man::pages()?.into_iter().map(|(name, text)| (format!("man/{name}"), text)));
    Ok(files)
}

/// Returns the YAML files of the repository at `root` of which there is a reference: texts by path.
///
/// # Errors
///
/// Infrastructure.
pub fn yaml_files(root: &Path) -> Result<BTreeMap<String, String>> {
    let mut texts = BTreeMap::new();
    // By the first directory of their patterns: a repository has others, of any size.
    let tops: std::collections::BTreeSet<&str> = KINDS
        .iter()
        .filter_map(|kind| kind.pattern.rsplit_once('/'))
        .map(|(top, _)| top.split("/*").next().unwrap_or(top))
        .collect();
    for top in tops.into_iter().map(|top| root.join(top)).filter(|top| top.is_dir()) {
        for entry in walkdir::WalkDir::new(&top) {
            let entry = entry.map_err(|error| Error::io("read", &top, error.into()))?;
            let path = entry.path().strip_prefix(root).unwrap_or(entry.path()).display().to_string();
            if KINDS.iter().any(|kind| kind.is(&path)) {
                let text = std::fs::read_to_string(entry.path());
                texts.insert(path, text.map_err(|error| Error::io("read", entry.path(), error))?);
            }
        }
    }
    Ok(texts)
}
