// SPDX-License-Identifier: GPL-2.0-or-later
//! One commit, for `git bisect run`: good, bad, or undecided.

use crate::cache_dir::{Cache, key, write_atomically};
use crate::error::{Error, ErrorKind, Result};
use crate::judge::bisection::Observation;
use crate::judge::statistics::sequential::{self, Decision};
use crate::plan::{Rule, TrialId};
use crate::run::event::Watch;
use crate::source::repository::{Commit, Repository};

use super::builder::{BuilderOptions, CandidateBuilder, Readiness};
use super::search_space::SearchSource;

/// Where the cache remembers over which commit a repository's others are built.
const REMEMBERED: &str = "bisect-base";

/// Where the cache keeps trials of a commit that differ when they are run again.
const KEPT: &str = "step";

/// A commit that differs from the remembered one in more files becomes a base of its own.
const FAR: usize = 2000;

/// Trials between two looks.
const CHUNK: u32 = 2;

/// Trials that say nothing, after which no more are tried if no other does.
const MUTE: u32 = 4;

/// A commit to be stepped.
#[derive(Debug)]
pub struct StepRequest<'a> {
    /// The repository.
    pub repository: Repository,
    /// The commit; HEAD if there is none.
    pub commit: Option<String>,
    /// The commit over whose tree it is built; one that is remembered if there is none.
    pub base: Option<String>,
    /// The cell.
    pub options: BuilderOptions<'a>,
    /// After so many trials it is undecided.
    pub max_trials: u32,
    /// Only the trial with this seed, whose outcome decides.
    pub seed: Option<u64>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stepped {
    /// The commit.
    pub commit: Commit,
    /// Sound is good, faulty is bad; open is for whoever asked to decide.
    pub decision: Decision,
    /// Trials that passed, failed, and say nothing.
    pub trials: (u32, u32, u32),
    /// Why there was no trial.
    pub untestable: Option<String>,
}

/// Builds, boots and tries a commit until the study's rule, or the default one, decides.
///
/// # Errors
///
/// Study, infrastructure or interrupted.
pub fn step(request: &StepRequest<'_>, watch: Watch<'_>) -> Result<Stepped> {
    let commit = request.repository.commit(request.commit.as_deref().unwrap_or("HEAD"))?;
    let rule = request.options.plan.study.rule.unwrap_or_default();
    let mut stepped = Stepped { commit, decision: Decision::Open, trials: (0, 0, 0), untestable: None };
    let (base, memo) = base(request, &stepped.commit)?;
    let source = SearchSource::Commits { repository: request.repository.clone(), base: base.clone() };
    let builder = CandidateBuilder::open(request.options, &source)?;
    if let Err(error) = builder.prepare_base(watch) {
        // The commit itself is the base, and does not build.
        if base == stepped.commit && error.kind() == ErrorKind::Infrastructure && request.base.is_none() {
            stepped.untestable = Some("does not build".into());
            return Ok(stepped);
        }
        return Err(error);
    }
    if let Some(memo) = memo {
        memo.keep(request.options.cache, &base)?;
    }
    let ready = match builder.make_ready(&stepped.commit.hash, watch)? {
        Readiness::Ready(ready) => ready,
        Readiness::Untestable(why) => {
            stepped.untestable = Some(why);
            return Ok(stepped);
        }
    };
    let most = match (request.seed, builder.cell().testcase.boot.is_some()) {
        (None, false) => request.max_trials,
        _ => 1,
    };
    let dir = request.options.cache.root().join(KEPT).join(&stepped.commit.hash);
    if dir.exists() {
        std::fs::remove_dir_all(&dir).map_err(|error| Error::io("remove", &dir, error))?;
    }
    while stepped.decision == Decision::Open {
        let (passes, failures, unknown) = stepped.trials;
        let done = passes + failures + unknown;
        if done >= most || (passes + failures == 0 && unknown >= MUTE) {
            break;
        }
        let ids: Vec<TrialId> = (done..most.min(done + CHUNK))
            .map(|number| {
                let id = builder.trial(&stepped.commit.hash, number);
                TrialId { seed: request.seed.unwrap_or(id.seed), ..id }
            })
            .collect();
        builder.run(&ready, &ids, &dir, |line| {
            let count = match builder.observation(line) {
                Observation::Pass => &mut stepped.trials.0,
                Observation::Fail => &mut stepped.trials.1,
                Observation::Unknown => &mut stepped.trials.2,
            };
            *count += 1;
            Ok(())
        })?;
        stepped.decision = decide(&rule, stepped.trials, most == 1);
    }
    Ok(stepped)
}

fn decide(rule: &Rule, (passes, failures, _): (u32, u32, u32), only_one: bool) -> Decision {
    match (only_one, passes, failures) {
        (true, 1, 0) => Decision::Sound,
        (true, 0, 1) => Decision::Faulty,
        (true, _, _) => Decision::Open,
        _ => sequential::decide(rule, passes, failures),
    }
}

/// A position to remember a base at.
struct Memo(std::path::PathBuf);

impl Memo {
    fn keep(&self, cache: &Cache, base: &Commit) -> Result<()> {
        let dir = cache.root().join(REMEMBERED);
        std::fs::create_dir_all(&dir).map_err(|error| Error::io("create", &dir, error))?;
        write_atomically(&self.0, base.hash.as_bytes())
    }
}

/// Finds the commit to build over: what was asked for, what is remembered of this repository and kernel, what `git bisect`
/// was given as old, or the commit itself.
fn base(request: &StepRequest<'_>, commit: &Commit) -> Result<(Commit, Option<Memo>)> {
    let repository = &request.repository;
    if let Some(named) = &request.base {
        return Ok((repository.commit(named)?, None));
    }
    let kernel = request.options.cell.split('/').next().unwrap_or_default();
    let parts =
        [("repository", repository.path().as_os_str().as_encoded_bytes()), ("kernel", kernel.as_bytes())];
    let memo = request.options.cache.root().join(REMEMBERED).join(key(parts));
    let remembered = std::fs::read_to_string(&memo).ok();
    let near = |hash: String| {
        let base = repository.commit(hash.trim()).ok()?;
        let files = repository.distance(&base.hash, &commit.hash).ok()?;
        (files <= FAR).then_some(base)
    };
    if let Some(base) = remembered.and_then(near) {
        return Ok((base, None));
    }
    let base = repository.bisected_from()?.and_then(near).unwrap_or_else(|| commit.clone());
    Ok((base, Some(Memo(memo))))
}
