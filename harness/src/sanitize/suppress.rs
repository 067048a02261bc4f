// SPDX-License-Identifier: GPL-2.0-or-later
//! Suppressions: classes of stale fetches that somebody has looked at, and has a reason to let be for a while.

use instrument::Missing;
use schemars::JsonSchema;
use serde::Deserialize;

use super::classes::{ClassKey, Classes, StaleAccess, StaleFetchClass};
use super::date::Date;
use crate::error::{Error, Result};
use crate::yaml;

/// One entry of a suppression file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Suppression {
    /// Function that wrote, as reports name it.
    pub writer: String,
    /// Function that was fetched, or `user space`.
    #[serde(default)]
    pub fetch: Option<String>,
    /// In place of `fetch`: function that loaded, or `user space`.
    #[serde(default)]
    pub load: Option<String>,
    /// `write-back`, `invalidate` or `both`.
    pub missing: Missing,
    /// Why it is let be.
    pub reason: String,
    /// The last day on which it is.
    pub expires: Date,
}

impl Suppression {
    /// The class that it is for.
    pub(super) fn key(&self) -> ClassKey {
        // A file has one of the two: see `read`.
        let (access, reader) = match &self.load {
            Some(load) => (StaleAccess::Load, load.clone()),
            None => (StaleAccess::Fetch, self.fetch.clone().unwrap_or_default()),
        };
        ClassKey { writer: self.writer.clone(), access, reader, missing: self.missing }
    }

    fn is_for(&self, class: &StaleFetchClass) -> bool {
        self.key() == class.key
    }
}

/// Reads the text of a suppression file: a list of entries.
///
/// # Errors
///
/// Study, with line and column.
pub fn read(file: &str, text: &str) -> Result<Vec<Suppression>> {
    let entries: Vec<Suppression> = yaml::parse(file, text)?;
    match entries.iter().find(|entry| entry.fetch.is_some() == entry.load.is_some()) {
        None => Ok(entries),
        Some(entry) => Err(Error::study(format!(
            "{file}: the entry for writer `{}` needs either `fetch` (stale bytes that are executed) or `load` (that are loaded)",
            entry.writer
        ))),
    }
}

/// Classes by what is to be done about them, each the most frequent first.
#[derive(Clone, Debug)]
pub struct Sorted<'a> {
    /// Nobody has a reason to let them be.
    pub findings: Vec<&'a StaleFetchClass>,
    /// Code being patched: known to be benign, whatever suppressions say.
    pub patching: Vec<&'a StaleFetchClass>,
    /// Somebody has a reason to let them be.
    pub suppressed: Vec<(&'a StaleFetchClass, &'a Suppression)>,
    /// Entries that no longer count.
    pub expired: Vec<&'a Suppression>,
    /// Entries that count, and for which there was nothing: mended, or not reached by these testcases.
    pub unused: Vec<&'a Suppression>,
}

/// Sorts classes by what the suppressions say on the day `today`.
pub fn sort<'a>(classes: &'a Classes, suppressions: &'a [Suppression], today: Date) -> Sorted<'a> {
    let (expired, current): (Vec<_>, Vec<_>) = suppressions.iter().partition(|entry| entry.expires < today);
    let (mut findings, mut patching, mut suppressed) = (Vec::new(), Vec::new(), Vec::new());
    for class in classes.sorted() {
        match current.iter().find(|entry| entry.is_for(class)) {
            _ if class.patching => patching.push(class),
            Some(entry) => suppressed.push((class, *entry)),
            None => findings.push(class),
        }
    }
    let used = |entry: &Suppression| suppressed.iter().any(|(class, _)| entry.is_for(class));
    let unused = current.iter().copied().filter(|entry| !used(entry)).collect();
    Sorted { findings, patching, suppressed, expired, unused }
}
