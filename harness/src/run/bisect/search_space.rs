// SPDX-License-Identifier: GPL-2.0-or-later
//! What a bisection looks for, and among what: the commits between two, or the options in which two configurations differ.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::build::ConfigOptions;
use crate::cache_dir::key;
use crate::error::{Error, Result};
use crate::judge::bisection::{Ancestry, Forecast, SearchDirection, Settings, forecast};
use crate::report::bisection::{Suspect, SuspectSource};
use crate::source::repository::{Commit, Repository};

/// Searches that a forecast plays, and the rates at which the bug may show.
const PLAYED: u32 = 40;
const RATES: [f64; 3] = [1.0, 0.3, 0.1];

/// What the candidates are, and what makes kernels of them.
#[derive(Clone, Debug)]
pub enum SearchSource {
    /// The commits of a repository.
    Commits {
        /// The repository.
        repository: Repository,
        /// The one over whose tree the others are built.
        base: Commit,
    },
    /// Configurations of the kernel's own source, by the hashes of their candidates.
    Configurations(BTreeMap<String, ConfigOptions>),
}

/// The ends of a search among commits, as they are named on the command line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ends<'a> {
    /// Where it passes.
    pub good: &'a str,
    /// Where it fails.
    pub bad: &'a str,
    /// Over whose tree the others are built; the old end's if there is none.
    pub base: Option<&'a str>,
    /// Follow only the first parent of merges.
    pub first_parent: bool,
    /// Name of the old state in git's log; `good` if there is none, or `broken` if a fix is sought.
    pub term_old: Option<&'a str>,
    /// Name of the new state in git's log; `bad` if there is none, or `fixed` if a fix is sought.
    pub term_new: Option<&'a str>,
}

/// What is sought, and among what.
#[derive(Clone, Debug)]
pub struct SearchSpace {
    /// What makes kernels of the candidates.
    pub source: SearchSource,
    /// Whether it broke or was fixed.
    pub direction: SearchDirection,
    /// Where the candidates come from, for people.
    pub origin: SuspectSource,
    /// The old end, then the candidates after it, the new end last.
    pub candidates: Vec<Suspect>,
    pub(super) ancestry: Ancestry,
}

impl SearchSpace {
    /// Looks up the commits between two ends. If the one that is good is the older one, something broke; else it was fixed.
    ///
    /// # Errors
    ///
    /// Study, for revisions that do not exist or of which neither is an ancestor of the other.
    pub fn among_commits(repository: Repository, ends: Ends<'_>) -> Result<Self> {
        let (good, bad) = (repository.commit(ends.good)?, repository.commit(ends.bad)?);
        let (direction, old, new) = if repository.is_ancestor(&good, &bad)? {
            (SearchDirection::Broken, good, bad)
        } else if repository.is_ancestor(&bad, &good)? {
            (SearchDirection::Fixed, bad, good)
        } else {
            let hint = match repository.merge_base(&good, &bad)? {
                Some(base) => format!("try their best common ancestor first: {base}"),
                None => "they have no common ancestor".to_owned(),
            };
            return Err(Error::study("neither end is an ancestor of the other").hint(hint));
        };
        let range = repository.range(&old, &new, ends.first_parent)?;
        let positions: BTreeMap<&str, usize> =
            range.iter().enumerate().map(|(position, commit)| (commit.hash.as_str(), position + 1)).collect();
        let parents = |commit: &Commit| -> Vec<usize> {
            commit.parents.iter().filter_map(|hash| positions.get(hash.as_str()).copied()).collect()
        };
        let ancestry = Ancestry::new(range.iter().map(parents).collect()).map_err(Error::study)?;
        let base = match ends.base {
            Some(revision) => repository.commit(revision)?,
            None => old.clone(),
        };
        let terms = if direction == SearchDirection::Broken { ("good", "bad") } else { ("broken", "fixed") };
        let origin = SuspectSource::Commits {
            tree: repository.path().display().to_string(),
            base: base.hash.clone(),
            terms: (ends.term_old.unwrap_or(terms.0).to_owned(), ends.term_new.unwrap_or(terms.1).to_owned()),
            first_parent: ends.first_parent,
        };
        let candidates = std::iter::once(old).chain(range).map(Suspect::from).collect();
        Ok(Self {
            source: SearchSource::Commits { repository, base },
            direction,
            origin,
            candidates,
            ancestry,
        })
    }

    /// Compares two configurations, each laid over a kernel's `fragments`. The candidates are the first one with more and
    /// more of the options as the second has them, in the second's order.
    ///
    /// # Errors
    ///
    /// Study, for a file that cannot be read, a line that is no option, or two that ask for the same.
    pub fn among_configurations(fragments: &[PathBuf], good: &Path, bad: &Path) -> Result<Self> {
        let read = |path: &Path| {
            let text = std::fs::read_to_string(path);
            let text =
                text.map_err(|error| Error::study(format!("cannot read {}: {error}", path.display())))?;
            ConfigOptions::parse(path, &text)
        };
        let mut fragment = ConfigOptions::default();
        for path in fragments {
            fragment = fragment.overlaid(&read(path)?);
        }
        let (old, new) = (fragment.clone().overlaid(&read(good)?), fragment.overlaid(&read(bad)?));
        let switches = old.switches(&new);
        if switches.is_empty() {
            let same = format!("{} and {} ask for the same options", good.display(), bad.display());
            return Err(Error::study(same).hint("what compiler and linker are found to be does not count"));
        }
        let ancestry = Ancestry::linear(switches.len()).map_err(Error::study)?;
        let mut configurations = BTreeMap::new();
        let mut candidates = Vec::new();
        for count in 0..=switches.len() {
            let options = old.switched(&switches[..count]);
            let hash = key([("configuration", options.text().as_bytes())]);
            let (label, subject) = match count.checked_sub(1) {
                None => ("none".to_owned(), good.display().to_string()),
                Some(last) => (format!("first {count}"), switches[last].to_string()),
            };
            configurations.insert(hash.clone(), options);
            candidates.push(Suspect { hash, label, subject, author: None });
        }
        let origin = SuspectSource::Configurations {
            good: good.display().to_string(),
            bad: bad.display().to_string(),
            found: None,
        };
        let source = SearchSource::Configurations(configurations);
        Ok(Self { source, direction: SearchDirection::Broken, origin, candidates, ancestry })
    }

    /// Plays searches at several rates, to say how long it may take.
    pub fn forecasts(&self, settings: Settings) -> Vec<Forecast> {
        RATES.iter().map(|rate| forecast(&self.ancestry, self.direction, settings, *rate, PLAYED)).collect()
    }
}
