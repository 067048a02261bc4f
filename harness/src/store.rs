// SPDX-License-Identifier: GPL-2.0-or-later
//! The run directory: what a run was made of, and what came of it, readable at any moment.
//!
//! ```text
//! run.json        what the run was made of (Manifest); a run directory belongs to one such content
//! shard.json      which share of the study it holds, if it is not the whole
//! boots.jsonl     kernels that did not boot, a line each, if there are any
//! builds/KERNEL/VARIANT.log, boots/KERNEL/MACHINE/VARIANT.console    what was said of kernels that did not build or boot
//! trials.jsonl    one line per finished trial, appended as it ends; in the plan's order once all have ended
//! times.jsonl     wall-clock seconds per trial: the only figures that differ between two equal runs
//! trials/ID/      console and record of trials that failed, stayed unknown or fetched stale bytes, and of the first
//!                 trial of each cell
//! examples.json   those of them that a report shows whole, with functions and source lines; made when a run ends
//! judgement.json, report.md    made from the lines, any number of times
//! report.html     the same for a browser; made when a run ends
//! lock            held while a run appends
//! ```

mod failures;
mod repair;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use instrument::Mode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::build::Changes;
use crate::cache_dir::{open_lock, write_atomically};
use crate::error::{Error, Result};
use crate::machine;
use crate::patch::Size;
use crate::plan::{Plan, Shard, TrialId};
use crate::trial::Done;
use crate::trial::line::{Outcome, TrialLine};

pub use failures::{Failure, NotBooted, read_boots, read_log};
pub(crate) use repair::mend;

/// Version of the manifest.
const VERSION: u32 = 5;

/// The oldest version that is read: some of its keys have other names, and the same values.
const OLDEST: u32 = 3;

/// An image that was booted, by where the cache has it and by content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredImage {
    /// Key in the cache of images.
    pub key: String,
    /// SHA-256 of what QEMU booted; empty when the build failed.
    pub sha256: String,
    /// Why there is no image, if there is none.
    pub failed: Option<Failure>,
}

/// What a run was made of. Two runs with equal manifests have equal lines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this format.
    pub v: u32,
    /// Whether every outcome is made up: a test of what runs trials.
    #[serde(default, skip_serializing_if = "is_false")]
    pub fake: bool,
    /// The plan.
    pub plan: Plan,
    /// QEMU's version.
    pub qemu: String,
    /// SHA-256 of the plugin's shared object.
    pub plugin: String,
    /// Compiler and binutils by kernel.
    pub toolchains: BTreeMap<String, String>,
    /// Kernel release by kernel, as in `6.1.192`.
    pub releases: BTreeMap<String, String>,
    /// Images of the kernels' own trees, by kernel.
    pub bases: BTreeMap<String, StoredImage>,
    /// Images by kernel, then variant.
    pub images: BTreeMap<String, BTreeMap<String, StoredImage>>,
    /// How far each variant's tree is from the baseline's, by kernel, then variant.
    pub sizes: BTreeMap<String, BTreeMap<String, Size>>,
    /// SHA-256 of the initramfs by kernel.
    pub guests: BTreeMap<String, String>,
    /// What each variant changes in the kernel, by kernel, then variant; it follows from the images.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changes: BTreeMap<String, BTreeMap<String, Changes>>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl Manifest {
    /// Returns the current version, for filling in `v`.
    pub fn version() -> u32 {
        VERSION
    }

    /// Returns whether both are made of the same: what only follows from the rest may be missing from one of them.
    pub fn is_same(&self, other: &Self) -> bool {
        self.inputs() == other.inputs()
    }

    fn inputs(&self) -> Self {
        let mut inputs = Self { changes: BTreeMap::new(), ..self.clone() };
        // Which of several errors comes first is up to make, which runs several compilers.
        let failed = inputs.images.values_mut().flat_map(BTreeMap::values_mut);
        failed.filter_map(|image| image.failed.as_mut()).for_each(|failed| failed.text.clear());
        inputs
    }

    /// Returns the name that a run of this content has: the study's, and the beginning of the content's hash.
    pub fn run_name(&self) -> String {
        let text = serde_json::to_string(&self.inputs()).unwrap_or_default();
        format!("{}-{}", self.plan.study.name, &crate::trial::sha256(&text)[..12])
    }
}

/// A run directory.
#[derive(Debug)]
pub struct RunDir {
    root: PathBuf,
    first_seed: u64,
    lines: File,
    times: File,
    _lock: File,
}

const MANIFEST: &str = "run.json";
const SHARD: &str = "shard.json";
const LINES: &str = "trials.jsonl";
const TIMES: &str = "times.jsonl";

impl RunDir {
    /// Opens a run directory for appending, making it if need be; returns the lines that it has already. It is that of
    /// one share of the study, if `shard` is given.
    ///
    /// # Errors
    ///
    /// Study, when the directory belongs to another content or share; infrastructure, when another process appends to
    /// it.
    pub fn open(root: &Path, manifest: &Manifest, shard: Option<Shard>) -> Result<(Self, Vec<TrialLine>)> {
        fs::create_dir_all(root).map_err(|error| Error::io("create", root, error))?;
        let lock = lock(root)?;
        let path = root.join(MANIFEST);
        if path.exists() {
            if !read_manifest(root)?.is_same(manifest) {
                return Err(Error::study(format!("{} belongs to a run of other content", root.display()))
                    .hint("patches, testcases, kernels, tools or the study have changed since: choose another --out"));
            }
            check_shard(root, shard)?;
        } else {
            // First: a manifest without it would be that of the whole.
            write_shard(root, shard)?;
            let text = serde_json::to_string_pretty(manifest)
                .map_err(|error| Error::internal(format!("manifest: {error}")))?;
            write_atomically(&path, format!("{text}\n").as_bytes())?;
        }
        mend(&root.join(LINES))?;
        let lines = read_lines(root)?;
        let append = |name: &str| {
            let path = root.join(name);
            let file = OpenOptions::new().create(true).append(true).open(&path);
            file.map_err(|error| Error::io("open", &path, error))
        };
        let first_seed = manifest.plan.study.seeds.first;
        Ok((
            Self { root: root.into(), first_seed, lines: append(LINES)?, times: append(TIMES)?, _lock: lock },
            lines,
        ))
    }

    /// Where the run is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Writes down a trial, and its evidence if it did not simply pass, is the first of its cell, or is to be kept.
    ///
    /// # Errors
    ///
    /// Infrastructure, when the disk is full: the trial then counts as not run.
    pub fn append(&mut self, done: &Done, keep: bool) -> Result<()> {
        let line = &done.line;
        let first = line.id.mode != Mode::Off && line.id.seed == self.first_seed;
        if keep || first || line.outcome != Outcome::Pass || line.stale_fetches > 0 {
            self.keep(&line.id, &done.remains.console, &done.remains.record)?;
        }
        self.append_line(line)?;
        self.append_time(&line.id, millis(done.remains.took))
    }

    fn append_time(&mut self, id: &TrialId, seconds: f64) -> Result<()> {
        let time = json!({"id": id.to_string(), "seconds": seconds});
        let written = self.times.write_all(format!("{time}\n").as_bytes());
        written.map_err(|error| Error::io("write", &self.root.join(TIMES), error))
    }

    /// Takes over a trial, its time and its evidence from another run directory.
    ///
    /// # Errors
    ///
    /// As [`RunDir::append`].
    pub fn take_over(&mut self, line: &TrialLine, seconds: Option<f64>, from: &Path) -> Result<()> {
        if let (Some(console), Some(record)) = (kept_console(from, &line.id), kept_record(from, &line.id)) {
            self.keep(&line.id, &console, &record)?;
        }
        self.append_line(line)?;
        seconds.map_or(Ok(()), |seconds| self.append_time(&line.id, seconds))
    }

    /// Writes down a trial that has no evidence, because it never ran.
    ///
    /// # Errors
    ///
    /// As [`RunDir::append`].
    pub fn append_line(&mut self, line: &TrialLine) -> Result<()> {
        let text = line.to_json()? + "\n";
        let written = self.lines.write_all(text.as_bytes()).and_then(|()| self.lines.sync_data());
        written.map_err(|error| Error::io("write", &self.root.join(LINES), error))
    }

    fn keep(&self, id: &TrialId, console: &str, record: &str) -> Result<()> {
        let dir = evidence_dir(&self.root, id);
        fs::create_dir_all(&dir).map_err(|error| Error::io("create", &dir, error))?;
        for (name, text) in [("console", console), ("record.json", record)] {
            let path = dir.join(name);
            fs::write(&path, text).map_err(|error| Error::io("write", &path, error))?;
        }
        Ok(())
    }

    /// Puts the lines into the plan's order, now that all trials have ended.
    ///
    /// # Errors
    ///
    /// Infrastructure.
    pub fn put_in_order(&self, order: &[TrialId]) -> Result<()> {
        let place: BTreeMap<&TrialId, usize> = order.iter().enumerate().map(|(i, id)| (id, i)).collect();
        let mut lines = read_lines(&self.root)?;
        lines.sort_by_key(|line| place.get(&line.id).copied().unwrap_or(usize::MAX));
        let mut text = String::new();
        for line in &lines {
            text.push_str(&line.to_json()?);
            text.push('\n');
        }
        write_atomically(&self.root.join(LINES), text.as_bytes())
    }
}

/// Returns what a run was made of.
///
/// # Errors
///
/// Study, when the directory is not a run, or that of a fake machine without such a machine here.
pub fn read_manifest(root: &Path) -> Result<Manifest> {
    let path = root.join(MANIFEST);
    let text = fs::read_to_string(&path).map_err(|error| {
        Error::study(format!("{} is not a run directory: {error}", root.display()))
            .hint("runs lie under runs/, and `patcheval run` prints where")
    })?;
    let wrong = |error: String| Error::study(format!("{}: {error}", path.display()));
    let manifest: Manifest = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    if !(OLDEST..=VERSION).contains(&manifest.v) {
        return Err(wrong(format!("the run is of version {}", manifest.v))
            .hint(format!("this patcheval reads runs of the versions {OLDEST} to {VERSION}")));
    }
    if manifest.fake && !machine::is_fake() {
        return Err(Error::study(format!(
            "{} is the run of a fake machine: nothing follows from it",
            root.display()
        ))
        .hint(format!("it is a test's, which sets {}", machine::FAKE)));
    }
    Ok(Manifest { v: VERSION, ..manifest })
}

/// Returns which share of its study a run directory holds; none if it is for the whole.
///
/// # Errors
///
/// Study, when its file is damaged.
pub fn read_shard(root: &Path) -> Result<Option<Shard>> {
    let path = root.join(SHARD);
    let Ok(text) = fs::read_to_string(&path) else { return Ok(None) };
    let shard = serde_json::from_str(&text);
    shard.map(Some).map_err(|error| Error::study(format!("{}: {error}", path.display())))
}

fn write_shard(root: &Path, shard: Option<Shard>) -> Result<()> {
    let path = root.join(SHARD);
    let Some(shard) = shard else { return remove_if_there(&path) };
    let text = serde_json::to_string(&shard).map_err(|error| Error::internal(format!("share: {error}")))?;
    write_atomically(&path, format!("{text}\n").as_bytes())
}

/// One may be left of a run that was killed before it had written its manifest.
fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path, error)),
        _ => Ok(()),
    }
}

fn check_shard(root: &Path, shard: Option<Shard>) -> Result<()> {
    let has = read_shard(root)?;
    if has == shard {
        return Ok(());
    }
    let name =
        |shard: Option<Shard>| shard.map_or_else(|| "the whole".into(), |shard| format!("share {shard}"));
    let message = format!("{} is for {} of the study, not for {}", root.display(), name(has), name(shard));
    Err(Error::study(message).hint("choose another --out"))
}

/// Returns what each trial of a run took, in seconds, as far as it was written down.
///
/// # Errors
///
/// Study, when the directory is not a run, or a line of its times is damaged.
pub fn read_times(root: &Path) -> Result<Vec<(TrialId, f64)>> {
    read_manifest(root)?;
    let path = root.join(TIMES);
    let Ok(text) = fs::read_to_string(&path) else { return Ok(Vec::new()) };
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let parse = |line: &str| -> Option<(TrialId, f64)> {
        let value: serde_json::Value = serde_json::from_str(line).ok()?;
        Some((value["id"].as_str()?.parse().ok()?, value["seconds"].as_f64()?))
    };
    let numbered = whole.lines().enumerate();
    numbered
        .map(|(n, line)| {
            parse(line)
                .ok_or_else(|| Error::study(format!("{}:{}: no time of a trial", path.display(), n + 1)))
        })
        .collect()
}

/// Returns how many trials a run has written down, also while it writes; 0 if there is no run.
pub fn count_lines(root: &Path) -> usize {
    let bytes = fs::read(root.join(LINES)).unwrap_or_default();
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// Returns the lines of a run.
///
/// # Errors
///
/// Study, naming the line that is not a trial.
pub fn read_lines(root: &Path) -> Result<Vec<TrialLine>> {
    let path = root.join(LINES);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read", &path, error)),
    };
    text.lines()
        .enumerate()
        .map(|(n, line)| {
            TrialLine::from_json(line).map_err(|error| error.context(format!("{}:{}", path.display(), n + 1)))
        })
        .collect()
}

/// Returns the record that was kept of a trial, if one was.
pub fn kept_record(root: &Path, id: &TrialId) -> Option<String> {
    fs::read_to_string(evidence_dir(root, id).join("record.json")).ok()
}

/// Returns the console output that was kept of a trial, if it was.
pub fn kept_console(root: &Path, id: &TrialId) -> Option<String> {
    fs::read_to_string(evidence_dir(root, id).join("console")).ok()
}

fn evidence_dir(root: &Path, id: &TrialId) -> PathBuf {
    root.join("trials").join(id.to_string())
}

/// Takes the lock of a directory that one process appends to.
pub(crate) fn lock(root: &Path) -> Result<File> {
    let path = root.join("lock");
    let file = open_lock(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(_) => Err(Error::infrastructure(format!("another patcheval is appending to {}", root.display()))
            .hint("wait for it, or choose another --out")),
    }
}

fn millis(took: Duration) -> f64 {
    (took.as_secs_f64() * 1000.0).round() / 1000.0
}
