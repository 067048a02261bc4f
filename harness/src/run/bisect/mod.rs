// SPDX-License-Identifier: GPL-2.0-or-later
//! Finds the commit that broke or fixed a cell, or the option that does; judges single commits for `git bisect run`.

mod builder;
mod configurations;
mod journal;
mod search_space;
mod step;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cache_dir::{key, sha256_file};
use crate::error::Result;
use crate::judge::bisection::{Next, Observation, Search, Settings};
use crate::machine;
use crate::plan::TrialId;
use crate::report::bisection::{self, Bisection, Tried};
use crate::run::cold_check::refuse_differences;
use crate::run::event::{Event, Watch};
use crate::trial::line::{Outcome, TrialLine};

pub use builder::{BuilderOptions, CandidateBuilder, kernel_of};
pub(super) use builder::{laid_over, one_cell};
pub use search_space::{Ends, SearchSource, SearchSpace};
pub use step::{StepRequest, Stepped, step};

use builder::{Readiness, Ready};
use journal::{BisectJournal, BisectQuestion, JournalEntry};

/// The log for `git bisect replay`, in a bisection's directory.
pub const LOG: &str = "bisect.log";
/// The mail, in a bisection's directory.
pub const MAIL: &str = "mail.txt";

/// A bisection to be done.
#[derive(Debug)]
pub struct BisectRequest<'a> {
    /// What is sought.
    pub space: &'a SearchSpace,
    /// On what.
    pub builder: &'a CandidateBuilder<'a>,
    /// How.
    pub settings: Settings,
    /// The directory; by default one below `runs` in the repository.
    pub out: Option<PathBuf>,
    /// The study, as it was named.
    pub study: &'a str,
}

/// Returns the settings for a cell: where no seed makes a difference, one trial says all.
pub fn settings_for(builder: &CandidateBuilder<'_>, confidence: f64, max_trials: u32) -> Settings {
    let most_per_commit = if builder.cell().testcase.boot.is_some() { 1 } else { u32::MAX };
    Settings { confidence, max_trials, most_per_commit, ..Settings::default() }
}

/// Searches until the search ends; returns what there is to say, and the directory.
///
/// # Errors
///
/// Study, infrastructure or interrupted; what has ended is kept, and the same request goes on.
pub fn bisect(request: &BisectRequest<'_>, watch: Watch<'_>) -> Result<(Bisection, PathBuf)> {
    let BisectRequest { space, builder, settings, .. } = request;
    let question = question(request)?;
    let root = request.out.clone().unwrap_or_else(|| builder.root().join("runs").join(question.name()));
    let mut journal = BisectJournal::open(&root, &question)?;
    refuse_differences(&root)?;
    builder.prepare_base(watch)?;
    let search = Search::new(space.ancestry.clone(), space.direction, *settings);
    let mut under_way = SearchUnderWay { request, search, order: Vec::new(), ready: BTreeMap::new() };
    let end = loop {
        match under_way.search.next() {
            Next::Try { position, trials } => under_way.attempt(position, trials, &mut journal, watch)?,
            end => break end,
        }
    };
    let mut found = under_way.observation(end, &journal);
    if let SearchSource::Configurations(of) = &space.source {
        configurations::compare(builder, of, &mut found, &journal)?;
    }
    if let Some(log) = bisection::log(&found) {
        journal.write(LOG, &log)?;
    }
    journal.write("report.txt", &bisection::table(&found))?;
    journal.write(MAIL, &bisection::mail(&found))?;
    Ok((found, journal.root().to_owned()))
}

fn question(request: &BisectRequest<'_>) -> Result<BisectQuestion> {
    let BisectRequest { space, builder, settings, .. } = request;
    Ok(BisectQuestion {
        v: BisectQuestion::version(),
        plan: builder.plan().clone(),
        series: builder.series().iter().map(|patch| key([("patch", patch.text.as_slice())])).collect(),
        direction: space.direction,
        settings: *settings,
        candidates: space.candidates.iter().map(|candidate| candidate.hash.clone()).collect(),
        plugin: sha256_file(&machine::machines()?.plugin()?)?,
    })
}

/// A search with its candidates.
struct SearchUnderWay<'a> {
    request: &'a BisectRequest<'a>,
    search: Search,
    /// Places in the order in which they were first tried.
    order: Vec<usize>,
    ready: BTreeMap<usize, Box<Ready>>,
}

impl SearchUnderWay<'_> {
    /// Runs trials of a candidate, or takes them from the journal.
    fn attempt(
        &mut self,
        position: usize,
        trials: u32,
        journal: &mut BisectJournal,
        watch: Watch<'_>,
    ) -> Result<()> {
        let (space, builder) = (self.request.space, self.request.builder);
        let candidate = &space.candidates[position];
        if !self.order.contains(&position) {
            self.order.push(position);
        }
        if journal.untestable.contains_key(&candidate.hash) {
            self.search.skip(position);
            return Ok(());
        }
        let known = self.search.tallies()[position];
        let first = known.counted() + known.unknown;
        let ids: Vec<TrialId> =
            (first..first + trials).map(|number| builder.trial(&candidate.hash, number)).collect();
        let recorded = |journal: &BisectJournal, id: &TrialId| {
            journal.trials.get(&(candidate.hash.clone(), id.seed)).map(|(observation, _)| *observation)
        };
        let missing: Vec<TrialId> =
            ids.iter().filter(|id| recorded(journal, id).is_none()).cloned().collect();
        if !missing.is_empty() {
            if !self.make_ready(position, journal, watch)? {
                self.search.skip(position);
                return Ok(());
            }
            let dir = journal.root().to_owned();
            builder.run(&self.ready[&position], &missing, &dir, |line| {
                let (seed, observation) = (line.id.seed, builder.observation(line));
                journal.append(JournalEntry::Trial {
                    at: candidate.hash.clone(),
                    seed,
                    observation,
                    how: how(line),
                })
            })?;
        }
        for id in &ids {
            self.search.note(position, recorded(journal, id).unwrap_or(Observation::Unknown));
        }
        if !missing.is_empty() {
            let known = self.search.tallies()[position];
            let what = format!("{}: {} of {} trials fail", candidate.label, known.failures, known.counted());
            watch(Event::Step { what: &what, seconds: None });
        }
        Ok(())
    }

    /// Builds and boots a candidate unless it stands already; returns whether it can be tried.
    fn make_ready(&mut self, position: usize, journal: &mut BisectJournal, watch: Watch<'_>) -> Result<bool> {
        if self.ready.contains_key(&position) {
            return Ok(true);
        }
        let candidate = &self.request.space.candidates[position];
        let what = format!("{} {}", candidate.label, candidate.subject);
        watch(Event::Begin(&what));
        let begun = std::time::Instant::now();
        let readiness = self.request.builder.make_ready(&candidate.hash, &mut |_| {})?;
        let seconds = begun.elapsed().as_secs_f64();
        let hash = candidate.hash.clone();
        let shown = match &readiness {
            Readiness::Ready(_) => what,
            Readiness::Untestable(why) => format!("{what}: skipped, {why}"),
        };
        watch(Event::Step { what: &shown, seconds: Some(seconds) });
        match readiness {
            Readiness::Ready(ready) => {
                // What it took the first time is what it costs; after an interruption it comes from the cache.
                if !journal.ready.contains_key(&hash) {
                    journal.append(JournalEntry::Ready { at: hash, seconds })?;
                }
                self.ready.insert(position, ready);
                Ok(true)
            }
            Readiness::Untestable(why) => {
                journal.append(JournalEntry::Untestable { at: hash, why, seconds })?;
                Ok(false)
            }
        }
    }

    fn observation(&self, end: Next, journal: &BisectJournal) -> Bisection {
        let BisectRequest { space, builder, settings, study, .. } = self.request;
        let tried = |position: &usize| {
            let candidate = &space.candidates[*position];
            let why = journal.untestable.get(&candidate.hash).map(|(why, _)| why.clone());
            let seed = journal
                .trials
                .iter()
                .find(|((hash, _), (observation, _))| {
                    *hash == candidate.hash && *observation == Observation::Fail
                })
                .map(|((_, seed), (_, how))| (*seed, how.clone()));
            Tried { position: *position, tally: self.search.tallies()[*position], why, failure: seed }
        };
        Bisection {
            study: (*study).to_owned(),
            cell: builder.cell_name(),
            origin: space.origin.clone(),
            direction: space.direction,
            settings: *settings,
            candidates: space.candidates.clone(),
            tried: self.order.iter().map(tried).collect(),
            failing: self.search.failing(),
            first: self.search.first(),
            end,
        }
    }
}

/// A symptom, or the cause for which a trial says nothing.
fn how(line: &TrialLine) -> String {
    match line.outcome {
        Outcome::Pass => String::new(),
        Outcome::Fail { symptom } => symptom.name().to_owned(),
        Outcome::Unknown { cause } => cause.name().to_owned(),
    }
}
