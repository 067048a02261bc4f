// SPDX-License-Identifier: GPL-2.0-or-later
//! Finds the commit that broke or fixed a cell, or the option that does; judges single commits for `git bisect run`.

mod configurations;
mod journal;
mod quest;
mod site;
mod step;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cache_dir::{key, sha256_file};
use crate::error::Result;
use crate::judge::bisection::{Next, Search, Settings, Told};
use crate::machine;
use crate::plan::TrialId;
use crate::report::bisection::{self, Bisection, Tried};
use crate::run::event::{Event, Watch};
use crate::trial::line::{Outcome, TrialLine};

pub use quest::{Ends, Ground, Quest};
pub use site::{Asked, Site, kernel_of};
pub use step::{StepRequest, Stepped, step};

use journal::{Entry, Journal, Question};
use site::{Ready, Stand};

/// The log for `git bisect replay`, in a bisection's directory.
pub const LOG: &str = "bisect.log";
/// The mail, in a bisection's directory.
pub const MAIL: &str = "mail.txt";

/// A bisection to be done.
#[derive(Debug)]
pub struct BisectRequest<'a> {
    /// What is sought.
    pub quest: &'a Quest,
    /// On what.
    pub site: &'a Site<'a>,
    /// How.
    pub settings: Settings,
    /// The directory; by default one below `runs` in the repository.
    pub out: Option<PathBuf>,
    /// The study, as it was named.
    pub study: &'a str,
}

/// Returns the settings for a cell: where no seed makes a difference, one trial says all.
pub fn settings_for(site: &Site<'_>, confidence: f64, max_trials: u32) -> Settings {
    let most_per_commit = if site.cell().testcase.boot.is_some() { 1 } else { u32::MAX };
    Settings { confidence, max_trials, most_per_commit, ..Settings::default() }
}

/// Searches until the search ends; returns what there is to say, and the directory.
///
/// # Errors
///
/// Study, infrastructure or interrupted; what has ended is kept, and the same request goes on.
pub fn bisect(request: &BisectRequest<'_>, watch: Watch<'_>) -> Result<(Bisection, PathBuf)> {
    let BisectRequest { quest, site, settings, .. } = request;
    let question = question(request)?;
    let root = request.out.clone().unwrap_or_else(|| site.root().join("runs").join(question.name()));
    let mut journal = Journal::open(&root, &question)?;
    site.prepare_base(watch)?;
    let search = Search::new(quest.history.clone(), quest.turn, *settings);
    let mut under_way = UnderWay { request, search, order: Vec::new(), ready: BTreeMap::new() };
    let end = loop {
        match under_way.search.next() {
            Next::Try { place, trials } => under_way.attempt(place, trials, &mut journal, watch)?,
            end => break end,
        }
    };
    let mut found = under_way.told(end, &journal);
    if let Ground::Configurations(of) = &quest.ground {
        configurations::compare(site, of, &mut found, &journal)?;
    }
    if let Some(log) = bisection::log(&found) {
        journal.write(LOG, &log)?;
    }
    journal.write("report.txt", &bisection::table(&found))?;
    journal.write(MAIL, &bisection::mail(&found))?;
    Ok((found, journal.root().to_owned()))
}

fn question(request: &BisectRequest<'_>) -> Result<Question> {
    let BisectRequest { quest, site, settings, .. } = request;
    Ok(Question {
        v: Question::version(),
        plan: site.plan().clone(),
        series: site.series().iter().map(|patch| key([("patch", patch.text.as_slice())])).collect(),
        turn: quest.turn,
        settings: *settings,
        candidates: quest.candidates.iter().map(|candidate| candidate.hash.clone()).collect(),
        plugin: sha256_file(&machine::machines()?.plugin()?)?,
    })
}

/// A search with its candidates.
struct UnderWay<'a> {
    request: &'a BisectRequest<'a>,
    search: Search,
    /// Places in the order in which they were first tried.
    order: Vec<usize>,
    ready: BTreeMap<usize, Box<Ready>>,
}

impl UnderWay<'_> {
    /// Runs trials of a candidate, or takes them from the journal.
    fn attempt(&mut self, place: usize, trials: u32, journal: &mut Journal, watch: Watch<'_>) -> Result<()> {
        let (quest, site) = (self.request.quest, self.request.site);
        let candidate = &quest.candidates[place];
        if !self.order.contains(&place) {
            self.order.push(place);
        }
        if journal.untestable.contains_key(&candidate.hash) {
            self.search.skip(place);
            return Ok(());
        }
        let known = self.search.places()[place];
        let first = known.telling() + known.unknown;
        let ids: Vec<TrialId> =
            (first..first + trials).map(|number| site.trial(&candidate.hash, number)).collect();
        let recorded = |journal: &Journal, id: &TrialId| {
            journal.trials.get(&(candidate.hash.clone(), id.seed)).map(|(told, _)| *told)
        };
        let missing: Vec<TrialId> =
            ids.iter().filter(|id| recorded(journal, id).is_none()).cloned().collect();
        if !missing.is_empty() {
            if !self.stand(place, journal, watch)? {
                self.search.skip(place);
                return Ok(());
            }
            site.run(&self.ready[&place], &missing, |line| {
                let (seed, told) = (line.id.seed, site.told(line));
                journal.append(Entry::Trial { at: candidate.hash.clone(), seed, told, how: how(line) })
            })?;
        }
        for id in &ids {
            self.search.note(place, recorded(journal, id).unwrap_or(Told::Unknown));
        }
        if !missing.is_empty() {
            let known = self.search.places()[place];
            let what = format!("{}: {} of {} trials fail", candidate.label, known.failures, known.telling());
            watch(Event::Step { what: &what, seconds: None });
        }
        Ok(())
    }

    /// Builds and boots a candidate unless it stands already; returns whether it can be tried.
    fn stand(&mut self, place: usize, journal: &mut Journal, watch: Watch<'_>) -> Result<bool> {
        if self.ready.contains_key(&place) {
            return Ok(true);
        }
        let candidate = &self.request.quest.candidates[place];
        let what = format!("{} {}", candidate.label, candidate.subject);
        watch(Event::Begin(&what));
        let begun = std::time::Instant::now();
        let stand = self.request.site.stand(&candidate.hash, &mut |_| {})?;
        let seconds = begun.elapsed().as_secs_f64();
        let hash = candidate.hash.clone();
        let shown = match &stand {
            Stand::Ready(_) => what,
            Stand::Untestable(why) => format!("{what}: skipped, {why}"),
        };
        watch(Event::Step { what: &shown, seconds: Some(seconds) });
        match stand {
            Stand::Ready(ready) => {
                // What it took the first time is what it costs; after an interruption it comes from the cache.
                if !journal.ready.contains_key(&hash) {
                    journal.append(Entry::Ready { at: hash, seconds })?;
                }
                self.ready.insert(place, ready);
                Ok(true)
            }
            Stand::Untestable(why) => {
                journal.append(Entry::Untestable { at: hash, why, seconds })?;
                Ok(false)
            }
        }
    }

    fn told(&self, end: Next, journal: &Journal) -> Bisection {
        let BisectRequest { quest, site, settings, study, .. } = self.request;
        let tried = |place: &usize| {
            let candidate = &quest.candidates[*place];
            let why = journal.untestable.get(&candidate.hash).map(|(why, _)| why.clone());
            let seed = journal
                .trials
                .iter()
                .find(|((hash, _), (told, _))| *hash == candidate.hash && *told == Told::Fail)
                .map(|((_, seed), (_, how))| (*seed, how.clone()));
            Tried { place: *place, tally: self.search.places()[*place], why, failure: seed }
        };
        Bisection {
            study: (*study).to_owned(),
            cell: site.cell_name(),
            origin: quest.origin.clone(),
            turn: quest.turn,
            settings: *settings,
            candidates: quest.candidates.clone(),
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
