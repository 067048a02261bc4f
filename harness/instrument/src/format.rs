// SPDX-License-Identifier: GPL-2.0-or-later
//! Reading of files that state their version.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// A kind of file, in one version.
pub(crate) struct FileFormat {
    /// What such a file is called in errors.
    pub(crate) name: &'static str,
    /// Who reads it.
    pub(crate) reader: &'static str,
    /// The version that is written, and the newest one that is read.
    pub(crate) version: u32,
    /// The oldest version that is read.
    pub(crate) oldest: u32,
}

/// Why a file could not be read. The text is one sentence that names the kind of file, what was found in it, and what is
/// accepted.
#[derive(Debug, PartialEq, Eq)]
pub enum ReadError {
    /// Written by another version of the harness or the plugin.
    Version {
        /// What was read: `setup`, `request` or `record`.
        name: &'static str,
        /// Who read it.
        reader: &'static str,
        /// What the file has as its version.
        found: String,
        /// The version that is read.
        accepted: u32,
    },
    /// Cut short, not JSON, or not such an object.
    Malformed {
        /// What was read.
        name: &'static str,
        /// What is wrong, and where.
        why: String,
    },
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version { name, reader, found, accepted } => {
                write!(f, "{name} has version {found}, this {reader} reads version {accepted}")
            }
            Self::Malformed { name, why } => write!(f, "not a whole {name}: {why}"),
        }
    }
}

impl std::error::Error for ReadError {}

impl FileFormat {
    /// Returns a kind of file of which one version is read.
    pub(crate) const fn new(name: &'static str, reader: &'static str, version: u32) -> Self {
        Self { name, reader, version, oldest: version }
    }

    /// Reads a file of this format.
    pub(crate) fn read<T: DeserializeOwned>(&self, text: &str) -> Result<T, ReadError> {
        let malformed = |why: String| ReadError::Malformed { name: self.name, why };
        let value: Value = serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
        match value.get("version") {
            // From the text, so that an error says in which line.
            Some(found) if found.as_u64().is_some_and(|found| self.reads(found)) => {
                serde_json::from_str(text).map_err(|error| malformed(error.to_string()))
            }
            Some(found) => Err(ReadError::Version {
                name: self.name,
                reader: self.reader,
                found: found.to_string(),
                accepted: self.version,
            }),
            None => Err(malformed("no version".into())),
        }
    }

    fn reads(&self, version: u64) -> bool {
        (u64::from(self.oldest)..=u64::from(self.version)).contains(&version)
    }
}
