// SPDX-License-Identifier: GPL-2.0-or-later
//! A bisection in words: a table, a log that `git bisect replay` takes, and a mail. Pure.

mod log;
#[cfg(test)]
mod tests;
mod text;

use crate::judge::bisection::{Next, SearchDirection, Settings, Tally, Why};
use crate::report::content::printable;
use crate::report::number::plural;
use crate::shell;
use crate::source::repository::Commit;

pub use log::log;
pub use text::{mail, table};

/// One of those of which one broke or fixed it: a commit, or an option that is switched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// The commit's hash, or that of the configuration with the option switched.
    pub hash: String,
    /// By what people name it.
    pub label: String,
    /// First line of the commit's message, or the option with its two values.
    pub subject: String,
    /// Name and address of the commit's author.
    pub author: Option<String>,
}

impl From<Commit> for Suspect {
    fn from(commit: Commit) -> Self {
        let label = commit.short().to_owned();
        Self { hash: commit.hash, label, subject: commit.subject, author: Some(commit.author) }
    }
}

/// Where the candidates come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SuspectSource {
    /// From a repository.
    Commits {
        /// The repository.
        tree: String,
        /// The hash of the commit over whose tree the others were built.
        base: String,
        /// Names of the old and the new state.
        terms: (String, String),
        /// Only first parents were followed.
        first_parent: bool,
    },
    /// From two configurations.
    Configurations {
        /// The file of the one that passes.
        good: String,
        /// The file of the one that fails.
        bad: String,
        /// The two sides of the answer, if there is one.
        found: Option<SuspectSides>,
    },
}

/// The last configuration that passes and the first one that fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuspectSides {
    /// File with the one.
    pub last_good: String,
    /// File with the other.
    pub first_bad: String,
    /// In what they differ once kbuild has seen them; `None` if one of them could not be built.
    pub effect: Option<Vec<String>>,
}

impl SuspectSource {
    /// What a candidate is.
    fn noun(&self) -> &'static str {
        match self {
            Self::Commits { .. } => "commit",
            Self::Configurations { .. } => "option",
        }
    }
}

/// What came of a candidate that was tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// Its position among the candidates.
    pub position: usize,
    /// Its trials.
    pub tally: Tally,
    /// Why there are none.
    pub why: Option<String>,
    /// A trial that failed: its seed and its symptom.
    pub failure: Option<(u64, String)>,
}

/// A bisection that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Bisection {
    /// The study, as it was named.
    pub study: String,
    /// `KERNEL/MACHINE/VARIANT/TESTCASE`.
    pub cell: String,
    /// Where the candidates come from.
    pub origin: SuspectSource,
    /// Whether it broke or was fixed.
    pub direction: SearchDirection,
    /// How it was searched.
    pub settings: Settings,
    /// The old end, then the candidates after it, the new end last.
    pub candidates: Vec<Suspect>,
    /// Those that were tried, in that order.
    pub tried: Vec<Tried>,
    /// By position, how probable it is that the candidate is on the failing side.
    pub failing: Vec<f64>,
    /// By position, how probable it is that the candidate is the one.
    pub first: Vec<f64>,
    /// How it ended.
    pub end: Next,
}

impl Bisection {
    /// Returns the candidates that are the answer; none if there is no answer.
    pub fn found(&self) -> Vec<&Suspect> {
        match &self.end {
            Next::Found { positions, .. } => {
                positions.iter().map(|position| &self.candidates[*position]).collect()
            }
            _ => Vec::new(),
        }
    }

    fn trials(&self) -> u32 {
        self.tried.iter().map(|tried| tried.tally.counted() + tried.tally.unknown).sum()
    }

    /// How probable it is that a candidate is in the new state.
    fn is_new(&self, position: usize) -> f64 {
        if self.direction == SearchDirection::Broken {
            self.failing[position]
        } else {
            1.0 - self.failing[position]
        }
    }

    fn verb(&self) -> &'static str {
        if self.direction == SearchDirection::Broken { "broke" } else { "fixed" }
    }

    /// The sentence that says what came of it.
    fn outcome(&self) -> String {
        let per_cent = |chance: f64| format!("{:.2} %", chance * 100.0);
        let newest = self.candidates.len() - 1;
        let (passing, failing) =
            if self.direction == SearchDirection::Broken { (0, newest) } else { (newest, 0) };
        let named = |state: &str, position: usize| match &self.origin {
            SuspectSource::Commits { .. } => {
                format!("the {state} commit {}", self.candidates[position].label)
            }
            SuspectSource::Configurations { good, bad, .. } => if position == 0 { good } else { bad }.clone(),
        };
        let noun = self.origin.noun();
        let tally = |position: usize| {
            let found = self.tried.iter().find(|tried| tried.position == position);
            found.map(|tried| tried.tally).unwrap_or_default()
        };
        match &self.end {
            Next::Found { positions, confidence } if positions.len() == 1 => {
                format!(
                    "found the {noun} that {} it, with a probability of {}",
                    self.verb(),
                    per_cent(*confidence)
                )
            }
            Next::Found { positions, confidence } => format!(
                "one of {} {} it, with a probability of {}; those between cannot be tested",
                plural(positions.len().try_into().unwrap_or(u32::MAX), noun),
                self.verb(),
                per_cent(*confidence)
            ),
            Next::Ended(Why::NeverFails) => format!(
                "not found: {} does not fail in {}",
                named("bad", failing),
                plural(tally(failing).counted(), "trial")
            ),
            Next::Ended(Why::AlwaysFails) => format!(
                "not found: {} fails in {} of {}",
                named("good", passing),
                tally(passing).failures,
                plural(tally(passing).counted(), "trial")
            ),
            Next::Ended(Why::Untestable) => {
                format!("not found: {} cannot be tested", named("bad", failing))
            }
            Next::Ended(Why::Exhausted) => "not found: there is nothing left to try".to_owned(),
            Next::Ended(Why::Bound) | Next::Try { .. } => {
                format!("not found within {}", plural(self.settings.max_trials, "trial"))
            }
        }
    }

    /// What is still open, the most probable first.
    fn open(&self) -> Vec<usize> {
        let mut positions: Vec<usize> =
            (0..self.candidates.len()).filter(|position| self.first[*position] >= 0.01).collect();
        positions.sort_by(|a, b| self.first[*b].total_cmp(&self.first[*a]).then(a.cmp(b)));
        positions
    }

    /// The words of a command that shows the answer failing, or the old end if it was fixed there.
    fn reproduce(&self) -> Option<Vec<String>> {
        let Next::Found { positions, .. } = &self.end else { return None };
        let failing = |tried: &&Tried| tried.failure.is_some();
        // At the answer itself if that fails, else wherever it does.
        let at_answer = self.tried.iter().filter(failing).find(|tried| positions.contains(&tried.position));
        let tried = at_answer.or_else(|| self.tried.iter().find(failing))?;
        let (seed, _) = tried.failure.as_ref()?;
        let words = match &self.origin {
            SuspectSource::Commits { tree, base, .. } => vec![
                format!("patcheval step {}", shell::word(&self.study)),
                format!("--tree {}", shell::word(tree)),
                format!("--base {base}"),
                format!("--commit {}", self.candidates[tried.position].hash),
                format!("--cell {}", self.cell),
                format!("--seed {seed}"),
            ],
            SuspectSource::Configurations { found, .. } => {
                let SuspectSides { last_good, first_bad, .. } = found.as_ref()?;
                vec![
                    format!("patcheval bisect-config {}", shell::word(&self.study)),
                    format!("--good {}", shell::word(last_good)),
                    format!("--bad {}", shell::word(first_bad)),
                    format!("--cell {}", self.cell),
                ]
            }
        };
        Some(words)
    }

    fn rows(&self) -> Vec<String> {
        let mut tried: Vec<&Tried> = self.tried.iter().collect();
        tried.sort_by_key(|tried| tried.position);
        let row = |tried: &&Tried| {
            let candidate = &self.candidates[tried.position];
            let Tally { failures, unknown, .. } = tried.tally;
            let figures = match (&tried.why, unknown) {
                (Some(_), _) => format!("{:>9}  {:>7}", "skipped", "-"),
                (None, _) => {
                    format!(
                        "{failures:>3} / {:<3}  {:>5.1} %",
                        tried.tally.counted(),
                        self.failing[tried.position] * 100.0
                    )
                }
            };
            format!("{:<12}  {figures}  {}", candidate.label, printable(&candidate.subject))
        };
        let head = format!("{:<12}  {:>9}  {:>7}  subject", self.origin.noun(), "failed", "bad");
        std::iter::once(head).chain(tried.iter().map(row)).collect()
    }

    fn skipped(&self) -> Vec<String> {
        let why = |tried: &Tried| {
            let why = tried
                .why
                .clone()
                .or_else(|| tried.tally.untestable.then(|| "its trials say nothing".to_owned()))?;
            Some(format!("{}: {}", self.candidates[tried.position].label, printable(&why)))
        };
        self.tried.iter().filter_map(why).collect()
    }

    fn scope(&self) -> String {
        let skipped = self.skipped().len();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        format!(
            "{} {}, {} tried, {} of them skipped, {}",
            plural(count(self.candidates.len() - 1), self.origin.noun()),
            match &self.origin {
                SuspectSource::Commits { .. } => format!("after {}", self.candidates[0].label),
                SuspectSource::Configurations { good, bad, .. } => format!("between {good} and {bad}"),
            },
            self.tried.len(),
            skipped,
            plural(self.trials(), "trial")
        )
    }
}
