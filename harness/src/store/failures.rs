// SPDX-License-Identifier: GPL-2.0-or-later
//! What a run directory has of kernels that do not build or boot.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::RunDir;
use crate::build::complaint;
use crate::cache_dir::write_atomically;
use crate::error::{Error, Result};

const BOOTS: &str = "boots.jsonl";

/// Why there is no image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WrittenFailure")]
pub struct Failure {
    /// What went wrong, on one line.
    pub text: String,
    /// Whether the patches did not even apply to the source.
    #[serde(skip_serializing_if = "super::is_false")]
    pub rejected: bool,
    /// Where the run directory has the build's log, relative to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

/// As it may be written: up to version 4 with the end of the log and nothing else.
#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenFailure {
    Old(String),
    New {
        text: String,
        #[serde(default)]
        rejected: bool,
        #[serde(default)]
        log: Option<String>,
    },
}

impl From<WrittenFailure> for Failure {
    fn from(written: WrittenFailure) -> Self {
        match written {
            WrittenFailure::Old(end) => {
                Self { text: complaint(&end, Path::new("")), rejected: false, log: None }
            }
            WrittenFailure::New { text, rejected, log } => Self { text, rejected, log },
        }
    }
}

/// A kernel that does not boot: a line of the file `boots.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotBooted {
    /// Name of the kernel.
    pub kernel: String,
    /// Name of the machine.
    pub machine: String,
    /// Name of the variant.
    pub variant: String,
    /// The kernel's panic, or its oops.
    pub text: String,
    /// Where the run directory has the console, relative to it.
    pub log: String,
}

impl NotBooted {
    /// Returns where the console of such a kernel is, relative to the run directory.
    pub fn log_of(kernel: &str, machine: &str, variant: &str) -> String {
        format!("boots/{kernel}/{machine}/{variant}.console")
    }

    /// Returns the names by which it is known: kernel, machine and variant.
    pub fn names(&self) -> [String; 3] {
        [&self.kernel, &self.machine, &self.variant].map(Clone::clone)
    }
}

impl Failure {
    /// Returns where the log of a build is, relative to the run directory.
    pub fn log_of(kernel: &str, variant: &str) -> String {
        format!("builds/{kernel}/{variant}.log")
    }
}

impl RunDir {
    /// Writes a log at its place in the run directory, which is a relative path.
    ///
    /// # Errors
    ///
    /// Infrastructure.
    pub fn keep_log(&self, place: &str, text: &str) -> Result<()> {
        let path = self.root().join(place);
        let parent = path.parent().unwrap_or(self.root());
        fs::create_dir_all(parent).map_err(|error| Error::io("create", parent, error))?;
        write_atomically(&path, text.as_bytes())
    }

    /// Writes down that a kernel does not boot, with its console; what is known is left as it is.
    ///
    /// # Errors
    ///
    /// Infrastructure.
    pub fn append_boot(&self, boot: &NotBooted, console: &str) -> Result<()> {
        let mut known = read_boots(self.root())?;
        if known.iter().any(|one| one.names() == boot.names()) {
            return Ok(());
        }
        self.keep_log(&boot.log, console)?;
        known.push(boot.clone());
        // In the order of names, whichever boot ends first.
        known.sort_by_key(NotBooted::names);
        let mut text = Vec::new();
        for one in &known {
            let line =
                serde_json::to_string(one).map_err(|error| Error::internal(format!("boot: {error}")))?;
            writeln!(text, "{line}").map_err(|error| Error::io("write", &self.root().join(BOOTS), error))?;
        }
        write_atomically(&self.root().join(BOOTS), &text)
    }
}

/// Returns the text of a log of a run, which is named relative to it; nothing if it is not there.
pub fn read_log(root: &Path, place: &str) -> String {
    fs::read(root.join(place)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// Returns the kernels of a run that do not boot, in the order of their names.
///
/// # Errors
///
/// Study, when a line is damaged.
pub fn read_boots(root: &Path) -> Result<Vec<NotBooted>> {
    let path = root.join(BOOTS);
    let text = fs::read_to_string(&path).unwrap_or_default();
    let numbered = text.lines().enumerate();
    let read = |(n, line): (usize, &str)| {
        let read = serde_json::from_str(line);
        read.map_err(|error| Error::study(format!("{}:{}: {error}", path.display(), n + 1)))
    };
    numbered.map(read).collect()
}

#[cfg(test)]
mod tests {
    use crate::store::StoredImage;

    #[test]
    fn what_older_runs_say_of_a_build_is_read_as_its_first_complaint() {
        let old = r#"{"key": "", "sha256": "", "failed": "the build failed; the end of /x/build.log:\n  CC a.o\n/t/a.c:3:1: error: no"}"#;
        let image: StoredImage = serde_json::from_str(old).unwrap();
        let failed = image.failed.clone().unwrap();
        assert_eq!((failed.text.as_str(), failed.rejected), ("/t/a.c:3:1: error: no", false));
        let text = serde_json::to_string(&image).unwrap();
        assert_eq!(serde_json::from_str::<StoredImage>(&text).unwrap(), image);
        let none = r#"{"key":"k","sha256":"s","failed":null}"#;
        assert_eq!(serde_json::to_string(&serde_json::from_str::<StoredImage>(none).unwrap()).unwrap(), none);
    }
}
