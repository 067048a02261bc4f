// SPDX-License-Identifier: GPL-2.0-or-later
//! Finds the commit that broke or fixed a cell, and judges single commits for `git bisect run`.

mod journal;
mod site;
mod step;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cache_dir::{key, sha256_file};
use crate::error::{Error, Result};
use crate::judge::bisection::{Forecast, History, Next, Search, Settings, Told, Turn, forecast};
use crate::machine;
use crate::plan::TrialId;
use crate::report::bisection::{self, Bisection, Tried};
use crate::run::event::{Event, Watch};
use crate::source::history::{Commit, Repository};
use crate::trial::line::{Outcome, TrialLine};

pub use site::{Asked, Site};
pub use step::{StepRequest, Stepped, step};

use journal::{Entry, Journal, Question};
use site::{Ready, Stand};

/// Searches that a forecast plays, and the rates at which the bug may show.
const PLAYED: u32 = 40;
const RATES: [f64; 3] = [1.0, 0.3, 0.1];

/// What is sought, and between which commits.
#[derive(Clone, Debug)]
pub struct Quest {
    /// The repository.
    pub repository: Repository,
    /// Whether it broke or was fixed.
    pub turn: Turn,
    /// The old end, then the commits after it, the new end last.
    pub commits: Vec<Commit>,
    history: History,
    first_parent: bool,
}

impl Quest {
    /// Looks up the commits between two ends. If the one that is good is the older one, something broke; else it was fixed.
    ///
    /// # Errors
    ///
    /// Study, for revisions that do not exist or of which neither is an ancestor of the other.
    pub fn new(repository: Repository, good: &str, bad: &str, first_parent: bool) -> Result<Self> {
        let (good, bad) = (repository.commit(good)?, repository.commit(bad)?);
        let (turn, old, new) = if repository.is_ancestor(&good, &bad)? {
            (Turn::Broken, good, bad)
        } else if repository.is_ancestor(&bad, &good)? {
            (Turn::Fixed, bad, good)
        } else {
            let hint = match repository.merge_base(&good, &bad)? {
                Some(base) => format!("try their best common ancestor first: {base}"),
                None => "they have no common ancestor".to_owned(),
            };
            return Err(Error::study("neither end is an ancestor of the other").hint(hint));
        };
        let range = repository.range(&old, &new, first_parent)?;
        let places: BTreeMap<&str, usize> =
            range.iter().enumerate().map(|(place, commit)| (commit.hash.as_str(), place + 1)).collect();
        let parents = |commit: &Commit| -> Vec<usize> {
            commit.parents.iter().filter_map(|hash| places.get(hash.as_str()).copied()).collect()
        };
        let history = History::new(range.iter().map(parents).collect()).map_err(Error::study)?;
        let commits = std::iter::once(old).chain(range).collect();
        Ok(Self { repository, turn, commits, history, first_parent })
    }

    /// Plays searches at several rates, to say how long it may take.
    pub fn forecasts(&self, settings: Settings) -> Vec<Forecast> {
        RATES.iter().map(|rate| forecast(&self.history, self.turn, settings, *rate, PLAYED)).collect()
    }
}

/// A bisection to be done.
#[derive(Debug)]
pub struct BisectRequest<'a> {
    /// What is sought.
    pub quest: &'a Quest,
    /// On what.
    pub site: &'a Site<'a>,
    /// How.
    pub settings: Settings,
    /// Names of the old and the new state, as git has them.
    pub terms: (String, String),
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
    let found = under_way.told(end, &journal);
    for (name, text) in [
        ("bisect.log", bisection::log(&found)),
        ("report.txt", bisection::table(&found)),
        ("mail.txt", bisection::mail(&found)),
    ] {
        journal.write(name, &text)?;
    }
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
        first_parent: quest.first_parent,
        commits: quest.commits.iter().map(|commit| commit.hash.clone()).collect(),
        plugin: sha256_file(&machine::find_plugin()?)?,
    })
}

/// A search with its commits.
struct UnderWay<'a> {
    request: &'a BisectRequest<'a>,
    search: Search,
    /// Places in the order in which they were first tried.
    order: Vec<usize>,
    ready: BTreeMap<usize, Box<Ready>>,
}

impl UnderWay<'_> {
    /// Runs trials of a commit, or takes them from the journal.
    fn attempt(&mut self, place: usize, trials: u32, journal: &mut Journal, watch: Watch<'_>) -> Result<()> {
        let (quest, site) = (self.request.quest, self.request.site);
        let commit = &quest.commits[place];
        if !self.order.contains(&place) {
            self.order.push(place);
        }
        if journal.untestable.contains_key(&commit.hash) {
            self.search.skip(place);
            return Ok(());
        }
        let known = self.search.places()[place];
        let first = known.telling() + known.unknown;
        let ids: Vec<TrialId> = (first..first + trials).map(|number| site.trial(commit, number)).collect();
        let recorded = |journal: &Journal, id: &TrialId| {
            journal.trials.get(&(commit.hash.clone(), id.seed)).map(|(told, _)| *told)
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
                journal.append(Entry::Trial { commit: commit.hash.clone(), seed, told, how: how(line) })
            })?;
        }
        for id in &ids {
            self.search.note(place, recorded(journal, id).unwrap_or(Told::Unknown));
        }
        if !missing.is_empty() {
            let known = self.search.places()[place];
            let what = format!("{}: {} of {} trials fail", commit.short(), known.failures, known.telling());
            watch(Event::Step { what: &what, seconds: None });
        }
        Ok(())
    }

    /// Builds and boots a commit unless it stands already; returns whether it can be tried.
    fn stand(&mut self, place: usize, journal: &mut Journal, watch: Watch<'_>) -> Result<bool> {
        if self.ready.contains_key(&place) {
            return Ok(true);
        }
        let commit = &self.request.quest.commits[place];
        let what = format!("{} {}", commit.short(), commit.subject);
        watch(Event::Begin(&what));
        let begun = std::time::Instant::now();
        let stand = self.request.site.stand(commit, &mut |_| {})?;
        let seconds = begun.elapsed().as_secs_f64();
        let hash = commit.hash.clone();
        let shown = match &stand {
            Stand::Ready(_) => what,
            Stand::Untestable(why) => format!("{what}: skipped, {why}"),
        };
        watch(Event::Step { what: &shown, seconds: Some(seconds) });
        match stand {
            Stand::Ready(ready) => {
                // What it took the first time is what it costs; after an interruption it comes from the cache.
                if !journal.ready.contains_key(&hash) {
                    journal.append(Entry::Ready { commit: hash, seconds })?;
                }
                self.ready.insert(place, ready);
                Ok(true)
            }
            Stand::Untestable(why) => {
                journal.append(Entry::Untestable { commit: hash, why, seconds })?;
                Ok(false)
            }
        }
    }

    fn told(&self, end: Next, journal: &Journal) -> Bisection {
        let BisectRequest { quest, site, settings, terms, study, .. } = self.request;
        let tried = |place: &usize| {
            let commit = &quest.commits[*place];
            let why = journal.untestable.get(&commit.hash).map(|(why, _)| why.clone());
            let seed = journal
                .trials
                .iter()
                .find(|((hash, _), (told, _))| *hash == commit.hash && *told == Told::Fail)
                .map(|((_, seed), (_, how))| (*seed, how.clone()));
            Tried { place: *place, tally: self.search.places()[*place], why, failure: seed }
        };
        Bisection {
            study: (*study).to_owned(),
            cell: site.cell_name(),
            tree: quest.repository.path().display().to_string(),
            base: site.base().hash.clone(),
            turn: quest.turn,
            terms: terms.clone(),
            first_parent: quest.first_parent,
            settings: *settings,
            commits: quest.commits.clone(),
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
