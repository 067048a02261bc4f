// SPDX-License-Identifier: GPL-2.0-or-later
//! Warm trials are compared with cold ones, a sample of them in every run and bisection: that they are the same is what verdicts
//! rest on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::cache_dir::write_atomically;
use crate::error::{Error, Result};
use crate::plan::TrialId;
use crate::trial::Done;

/// One trial in so many is compared, and at least one of each cell.
const ONE_IN: u64 = 50;

/// Where what differs is kept, in a run directory.
const DIFFERENCES: &str = "differences";

/// Whether a warm trial left the same bytes behind as a cold one.
fn same(warm: &Done, cold: &Done) -> bool {
    let left = |done: &Done| (done.line.clone(), done.remains.console.clone(), done.remains.record.clone());
    left(warm) == left(cold)
}

/// Which trials of a run are run cold as well.
pub(super) struct Sample(BTreeSet<TrialId>);

impl Sample {
    /// Draws from trials: those whose name has a hash that is divisible by 50, and of each cell in each mode the one whose
    /// hash is the smallest. It depends on nothing else, so that who runs a trial again compares it again.
    pub(super) fn of(trials: &[TrialId]) -> Self {
        let mut drawn: BTreeSet<TrialId> = BTreeSet::new();
        let mut smallest: Vec<(u64, &TrialId)> = Vec::new();
        for id in trials {
            let hash = hash(id);
            if hash.is_multiple_of(ONE_IN) {
                drawn.insert(id.clone());
            }
            match smallest.iter_mut().find(|(_, other)| cell(other) == cell(id)) {
                Some(known) if hash < known.0 => *known = (hash, id),
                Some(_) => {}
                None => smallest.push((hash, id)),
            }
        }
        drawn.extend(smallest.into_iter().map(|(_, id)| id.clone()));
        Self(drawn)
    }

    /// Whether a trial is among them.
    pub(super) fn has(&self, id: &TrialId) -> bool {
        self.0.contains(id)
    }
}

/// A cell in one mode, which is what is run cold once a difference was seen in it.
type CellInMode = (String, String, String, String, u8);

fn cell(id: &TrialId) -> CellInMode {
    (id.kernel.clone(), id.machine.clone(), id.variant.clone(), id.testcase.clone(), id.mode as u8)
}

fn hash(id: &TrialId) -> u64 {
    let digest = Sha256::digest(id.to_string().as_bytes());
    digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

/// Compares a run's sample, and remembers the cells that differ.
pub(super) struct ColdCheck {
    sample: Sample,
    dir: PathBuf,
    differing: Mutex<BTreeSet<CellInMode>>,
}

impl ColdCheck {
    /// The trials that are compared.
    pub(super) fn sample(&self) -> &Sample {
        &self.sample
    }

    /// Returns a check of trials whose run directory is `root`.
    pub(super) fn new(trials: &[TrialId], root: &Path) -> Self {
        Self {
            sample: Sample::of(trials),
            dir: root.join(DIFFERENCES),
            differing: Mutex::new(BTreeSet::new()),
        }
    }

    /// Whether trials of this cell are run cold, since one of them differed.
    pub(super) fn runs_cold(&self, id: &TrialId) -> bool {
        self.differing.lock().unwrap_or_else(PoisonError::into_inner).contains(&cell(id))
    }

    /// Compares a warm trial with a cold one. What differs is kept in the run directory.
    ///
    /// # Errors
    ///
    /// Infrastructure, when the difference cannot be written.
    pub(super) fn compare(&self, id: &TrialId, warm: &Done, cold: &Done) -> Result<()> {
        // What the host did to one of them says nothing of the other.
        let by_the_host = |done: &Done| done.remains.timed_out || !done.remains.clean_exit;
        if same(warm, cold) || by_the_host(warm) || by_the_host(cold) {
            return Ok(());
        }
        self.differing.lock().unwrap_or_else(PoisonError::into_inner).insert(cell(id));
        self.keep(id, warm, cold)
    }

    fn keep(&self, id: &TrialId, warm: &Done, cold: &Done) -> Result<()> {
        let dir = self.dir.join(id.to_string().replace('/', "+"));
        std::fs::create_dir_all(&dir).map_err(|error| Error::io("create", &dir, error))?;
        for (name, done) in [("warm", warm), ("cold", cold)] {
            let line = serde_json::to_string(&done.line)
                .map_err(|error| Error::internal(format!("trial: {error}")))?;
            write_atomically(&dir.join(format!("{name}.line.json")), (line + "\n").as_bytes())?;
            write_atomically(&dir.join(format!("{name}.console")), done.remains.console.as_bytes())?;
            write_atomically(&dir.join(format!("{name}.record.json")), done.remains.record.as_bytes())?;
        }
        Ok(())
    }
}

/// Fails if a warm trial of a run differed from a cold one, in this run or when it was begun.
///
/// # Errors
///
/// Infrastructure, then: it says which trial, where both are, and how to go on.
pub(super) fn refuse_differences(root: &Path) -> Result<()> {
    let dir = root.join(DIFFERENCES);
    let entries = match std::fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("read", &dir, error)),
    };
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().replace('+', "/")).collect();
    names.sort_unstable();
    let Some(first) = names.first() else { return Ok(()) };
    Err(Error::infrastructure(format!(
        "{} of the trials that were run warm and cold differ, {first} for one: the way back to the snapshot is not sound on this \
         machine, and no verdict is given",
        names.len()
    ))
    .hint(format!("both of each are in {}: please report them as a bug", dir.display()))
    .hint("run it with --cold, and into another directory (--out) if it has one: each trial then has a process of its own"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Remains;
    use crate::plan::tests::plan;
    use crate::trial::line::{Outcome, TrialLine};

    fn done(id: &TrialId, record: &str) -> Done {
        let line = TrialLine::new(id.clone(), Outcome::Pass);
        Done {
            line,
            remains: Remains { record: record.into(), warm: true, clean_exit: true, ..Remains::default() },
        }
    }

    #[test]
    fn what_the_host_did_is_no_difference() {
        let dir = tempfile::tempdir().unwrap();
        let trials = plan().trials();
        let (check, id) = (ColdCheck::new(&trials, dir.path()), &trials[0]);
        let mut late = done(id, "");
        late.remains.timed_out = true;
        let mut killed = done(id, "");
        killed.remains.clean_exit = false;
        for (warm, cold) in [(&late, "a"), (&killed, "b")] {
            check.compare(id, warm, &done(id, cold)).unwrap();
        }
        assert!(!check.runs_cold(id));
        refuse_differences(dir.path()).unwrap();
    }

    #[test]
    fn each_cell_has_one_trial_in_the_sample_and_of_many_trials_some() {
        let trials = plan().trials();
        let sample = Sample::of(&trials);
        let cells: BTreeSet<CellInMode> = trials.iter().map(cell).collect();
        let drawn: BTreeSet<CellInMode> = trials.iter().filter(|id| sample.has(id)).map(cell).collect();
        assert_eq!(cells, drawn);
        let one = &trials[0];
        let many: Vec<TrialId> = (0..5000).map(|seed| TrialId { seed, ..one.clone() }).collect();
        let sample = Sample::of(&many);
        let drawn = many.iter().filter(|id| sample.has(id)).count();
        assert!((60..140).contains(&drawn), "{drawn} of 5000");
    }

    #[test]
    fn a_difference_is_kept_and_the_cell_goes_on_cold() {
        let dir = tempfile::tempdir().unwrap();
        let trials = plan().trials();
        let check = ColdCheck::new(&trials, dir.path());
        let id = trials.iter().find(|id| check.sample.has(id)).unwrap();
        check.compare(id, &done(id, "a"), &done(id, "a")).unwrap();
        assert!(!check.runs_cold(id));
        refuse_differences(dir.path()).unwrap();
        check.compare(id, &done(id, "a"), &done(id, "b")).unwrap();
        assert!(check.runs_cold(id));
        let error = refuse_differences(dir.path()).unwrap_err();
        assert!(error.to_string().contains(&id.to_string()), "{error}");
        let kept = dir.path().join(DIFFERENCES).join(id.to_string().replace('/', "+"));
        assert_eq!(std::fs::read_to_string(kept.join("warm.record.json")).unwrap(), "a");
        assert_eq!(std::fs::read_to_string(kept.join("cold.record.json")).unwrap(), "b");
    }
}
