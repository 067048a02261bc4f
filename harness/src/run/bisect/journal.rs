// SPDX-License-Identifier: GPL-2.0-or-later
//! The directory of a bisection: what it is about, and what came of each candidate and trial, appended as it ends.
//!
//! ```text
//! bisect.json      what is asked; a directory belongs to one such question
//! journal.jsonl    one line per commit or configuration that was built and booted, or could not be, and per trial
//! bisect.log       for `git bisect replay`, if the candidates are commits; made when the search ends, as are
//! report.txt, mail.txt
//! last-good.config, first-bad.config    if they are configurations: the two sides of the answer
//! lock             held while a bisection appends
//! ```
//!
//! The search is run again from its first thought and takes what it finds here instead of trying it, so that an interrupted
//! one makes the same choices as one that was not.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cache_dir::write_atomically;
use crate::error::{Error, Result};
use crate::judge::bisection::{Observation, SearchDirection, Settings};
use crate::plan::Plan;
use crate::store::{lock, mend};

const VERSION: u32 = 2;
const QUESTION: &str = "bisect.json";
const LINES: &str = "journal.jsonl";

/// What a bisection is about. Equal questions have equal answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct BisectQuestion {
    pub(super) v: u32,
    /// The cell, with the base as its kernel's source.
    pub(super) plan: Plan,
    /// SHA-256 of each patch of the variant.
    pub(super) series: Vec<String>,
    pub(super) direction: SearchDirection,
    pub(super) settings: Settings,
    /// Hashes of the old end and of the candidates after it.
    pub(super) candidates: Vec<String>,
    /// SHA-256 of the plugin's shared object.
    pub(super) plugin: String,
}

impl BisectQuestion {
    pub(super) fn version() -> u32 {
        VERSION
    }

    /// The name of its directory.
    pub(super) fn name(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        format!("bisect-{}", &crate::trial::sha256(&text)[..12])
    }
}

/// What came of something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "what")]
pub(super) enum JournalEntry {
    /// A candidate was built and booted.
    Ready {
        /// Its hash.
        at: String,
        /// Host seconds.
        seconds: f64,
    },
    /// A candidate could not be.
    Untestable {
        /// Its hash.
        at: String,
        /// Why not.
        why: String,
        /// Host seconds.
        seconds: f64,
    },
    /// A trial has ended.
    Trial {
        /// The candidate's hash.
        at: String,
        /// Its seed.
        seed: u64,
        /// Its result.
        observation: Observation,
        /// Its symptom or the cause of its being unknown.
        how: String,
    },
}

/// What the directory holds.
#[derive(Debug)]
pub(super) struct BisectJournal {
    root: PathBuf,
    lines: File,
    _lock: File,
    pub(super) ready: BTreeMap<String, f64>,
    pub(super) untestable: BTreeMap<String, (String, f64)>,
    pub(super) trials: BTreeMap<(String, u64), (Observation, String)>,
}

impl BisectJournal {
    /// Opens a directory for appending, making it if need be.
    ///
    /// # Errors
    ///
    /// Study, when it belongs to another question or a line is damaged; infrastructure, when another process appends to it.
    pub(super) fn open(root: &Path, question: &BisectQuestion) -> Result<Self> {
        std::fs::create_dir_all(root).map_err(|error| Error::io("create", root, error))?;
        let lock = lock(root)?;
        let file = root.join(QUESTION);
        let text = serde_json::to_string_pretty(question)
            .map_err(|error| Error::internal(format!("bisection: {error}")))?;
        match std::fs::read_to_string(&file) {
            Ok(found) if found.trim_end() == text => {}
            Ok(_) => {
                return Err(Error::study(format!("{} belongs to another bisection", root.display()))
                    .hint("commits, study, tools or options have changed since: choose another --out"));
            }
            Err(_) => write_atomically(&file, format!("{text}\n").as_bytes())?,
        }
        let path = root.join(LINES);
        mend(&path)?;
        let lines = OpenOptions::new().create(true).append(true).open(&path);
        let lines = lines.map_err(|error| Error::io("open", &path, error))?;
        let mut journal = Self {
            root: root.to_owned(),
            lines,
            _lock: lock,
            ready: BTreeMap::new(),
            untestable: BTreeMap::new(),
            trials: BTreeMap::new(),
        };
        let text = std::fs::read_to_string(&path).map_err(|error| Error::io("read", &path, error))?;
        for (number, line) in text.lines().enumerate() {
            let entry = serde_json::from_str(line)
                .map_err(|error| Error::study(format!("{}:{}: {error}", path.display(), number + 1)))?;
            journal.remember(entry);
        }
        Ok(journal)
    }

    /// Where it is.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Appends an entry, on disk before this returns.
    pub(super) fn append(&mut self, entry: JournalEntry) -> Result<()> {
        let text =
            serde_json::to_string(&entry).map_err(|error| Error::internal(format!("journal: {error}")))?;
        let written =
            self.lines.write_all(format!("{text}\n").as_bytes()).and_then(|()| self.lines.sync_data());
        written.map_err(|error| Error::io("write", &self.root.join(LINES), error))?;
        self.remember(entry);
        Ok(())
    }

    fn remember(&mut self, entry: JournalEntry) {
        match entry {
            JournalEntry::Ready { at, seconds } => drop(self.ready.insert(at, seconds)),
            JournalEntry::Untestable { at, why, seconds } => {
                self.untestable.insert(at, (why, seconds));
            }
            JournalEntry::Trial { at, seed, observation, how } => {
                self.trials.insert((at, seed), (observation, how));
            }
        }
    }

    /// Writes one of the files that are made at the end.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<()> {
        write_atomically(&self.root.join(name), text.as_bytes())
    }
}
