// SPDX-License-Identifier: GPL-2.0-or-later
//! A bisection in words: a table, a log that `git bisect replay` takes, and a mail. Pure.

use crate::judge::bisection::{Next, Place, Settings, Turn, Why};
use crate::report::content::printable;
use crate::report::number::plural;
use crate::report::wrap::wrapped;
use crate::source::history::Commit;

/// The width of a mail.
const WIDTH: usize = 76;

/// How probable a side must be for a commit to be told to git.
const SURE: f64 = 0.95;

/// What came of a commit that was tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// Its place among the commits.
    pub place: usize,
    /// Its trials.
    pub tally: Place,
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
    /// `KERNEL/MACHINE/ROW/TESTCASE`.
    pub cell: String,
    /// The repository.
    pub tree: String,
    /// The hash of the commit over whose tree the others were built.
    pub base: String,
    /// Whether it broke or was fixed.
    pub turn: Turn,
    /// Names of the old and the new state.
    pub terms: (String, String),
    /// Only first parents were followed.
    pub first_parent: bool,
    /// How it was searched.
    pub settings: Settings,
    /// The old end, then the commits after it, the new end last.
    pub commits: Vec<Commit>,
    /// Those that were tried, in that order.
    pub tried: Vec<Tried>,
    /// By place, how probable it is that the commit is on the failing side.
    pub failing: Vec<f64>,
    /// By place, how probable it is that the commit is the one.
    pub first: Vec<f64>,
    /// How it ended.
    pub end: Next,
}

impl Bisection {
    /// Returns the commits that are the answer; none if there is no answer.
    pub fn found(&self) -> Vec<&Commit> {
        match &self.end {
            Next::Found { places, .. } => places.iter().map(|place| &self.commits[*place]).collect(),
            _ => Vec::new(),
        }
    }

    fn trials(&self) -> u32 {
        self.tried.iter().map(|tried| tried.tally.telling() + tried.tally.unknown).sum()
    }

    /// How probable it is that a commit is in the new state.
    fn is_new(&self, place: usize) -> f64 {
        if self.turn == Turn::Broken { self.failing[place] } else { 1.0 - self.failing[place] }
    }

    fn verb(&self) -> &'static str {
        if self.turn == Turn::Broken { "broke" } else { "fixed" }
    }

    /// The sentence that says what came of it.
    fn outcome(&self) -> String {
        let per_cent = |chance: f64| format!("{:.2} %", chance * 100.0);
        let newest = self.commits.len() - 1;
        let (passing, failing) = if self.turn == Turn::Broken { (0, newest) } else { (newest, 0) };
        let short = |place: usize| self.commits[place].short();
        let tally = |place: usize| {
            let found = self.tried.iter().find(|tried| tried.place == place);
            found.map(|tried| tried.tally).unwrap_or_default()
        };
        match &self.end {
            Next::Found { places, confidence } if places.len() == 1 => {
                format!(
                    "found the commit that {} it, with a probability of {}",
                    self.verb(),
                    per_cent(*confidence)
                )
            }
            Next::Found { places, confidence } => format!(
                "one of {} {} it, with a probability of {}; those between cannot be tested",
                plural(places.len().try_into().unwrap_or(u32::MAX), "commit"),
                self.verb(),
                per_cent(*confidence)
            ),
            Next::Ended(Why::NeverFails) => format!(
                "not found: the bad commit {} does not fail in {}",
                short(failing),
                plural(tally(failing).telling(), "trial")
            ),
            Next::Ended(Why::AlwaysFails) => format!(
                "not found: the good commit {} fails in {} of {}",
                short(passing),
                tally(passing).failures,
                plural(tally(passing).telling(), "trial")
            ),
            Next::Ended(Why::Untestable) => {
                format!("not found: the bad commit {} cannot be tested", short(failing))
            }
            Next::Ended(Why::Exhausted) => "not found: there is nothing left to try".to_owned(),
            Next::Ended(Why::Bound) | Next::Try { .. } => {
                format!("not found within {}", plural(self.settings.max_trials, "trial"))
            }
        }
    }

    /// What is still open, the most probable first.
    fn open(&self) -> Vec<usize> {
        let mut places: Vec<usize> =
            (0..self.commits.len()).filter(|place| self.first[*place] >= 0.01).collect();
        places.sort_by(|a, b| self.first[*b].total_cmp(&self.first[*a]).then(a.cmp(b)));
        places
    }

    /// The words of a command that shows the answer failing, or the old end if it was fixed there.
    fn reproduce(&self) -> Option<Vec<String>> {
        let Next::Found { places, .. } = &self.end else { return None };
        let failing = |tried: &&Tried| tried.failure.is_some();
        // At the answer itself if that fails, else wherever it does.
        let at_answer = self.tried.iter().filter(failing).find(|tried| places.contains(&tried.place));
        let tried = at_answer.or_else(|| self.tried.iter().find(failing))?;
        let (seed, _) = tried.failure.as_ref()?;
        let pairs = [
            format!("patcheval step {}", quoted(&self.study)),
            format!("--tree {}", quoted(&self.tree)),
            format!("--base {}", self.base),
            format!("--commit {}", self.commits[tried.place].hash),
            format!("--cell {}", self.cell),
            format!("--seed {seed}"),
        ];
        Some(pairs.into())
    }

    fn rows(&self) -> Vec<String> {
        let mut tried: Vec<&Tried> = self.tried.iter().collect();
        tried.sort_by_key(|tried| tried.place);
        let row = |tried: &&Tried| {
            let commit = &self.commits[tried.place];
            let Place { failures, unknown, .. } = tried.tally;
            let figures = match (&tried.why, unknown) {
                (Some(_), _) => format!("{:>9}  {:>7}", "skipped", "-"),
                (None, _) => {
                    format!(
                        "{failures:>3} / {:<3}  {:>5.1} %",
                        tried.tally.telling(),
                        self.failing[tried.place] * 100.0
                    )
                }
            };
            format!("{}  {figures}  {}", commit.short(), printable(&commit.subject))
        };
        let head = format!("{:<12}  {:>9}  {:>7}  subject", "commit", "failed", "bad");
        std::iter::once(head).chain(tried.iter().map(row)).collect()
    }

    fn skipped(&self) -> Vec<String> {
        let why = |tried: &Tried| {
            let why = tried
                .why
                .clone()
                .or_else(|| tried.tally.untestable.then(|| "its trials say nothing".to_owned()))?;
            Some(format!("{}: {}", self.commits[tried.place].short(), printable(&why)))
        };
        self.tried.iter().filter_map(why).collect()
    }

    fn scope(&self) -> String {
        let skipped = self.skipped().len();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        format!(
            "{} after {}, {} tried, {} of them skipped, {}",
            plural(count(self.commits.len() - 1), "commit"),
            self.commits[0].short(),
            self.tried.len(),
            skipped,
            plural(self.trials(), "trial")
        )
    }
}

/// Returns the answer, the trials behind it and a command that shows it.
pub fn table(bisection: &Bisection) -> String {
    let mut text = format!("{}: {}\n{}\n\n", bisection.cell, bisection.outcome(), bisection.scope());
    for commit in bisection.found() {
        text.push_str(&format!(
            "{}\n    {}\n    {}\n",
            commit.hash,
            printable(&commit.subject),
            printable(&commit.author)
        ));
    }
    if bisection.found().is_empty() {
        for place in bisection.open() {
            let commit = &bisection.commits[place];
            let chance = bisection.first[place] * 100.0;
            text.push_str(&format!(
                "open: {} {chance:.1} % {}\n",
                commit.short(),
                printable(&commit.subject)
            ));
        }
    }
    text.push('\n');
    for row in bisection.rows() {
        text.push_str(&format!("{row}\n"));
    }
    for skipped in bisection.skipped() {
        text.push_str(&format!("skipped {skipped}\n"));
    }
    if let Some(words) = bisection.reproduce() {
        text.push_str(&format!("\nreproduce: {}\n", words.join(" ")));
    }
    text
}

/// Returns what `git bisect log` would print and `git bisect replay` takes: each commit of whose state one may be sure.
pub fn log(bisection: &Bisection) -> String {
    let (old, new) = (&bisection.terms.0, &bisection.terms.1);
    let (first, last) = (&bisection.commits[0], &bisection.commits[bisection.commits.len() - 1]);
    let note =
        |term: &str, commit: &Commit| format!("# {term}: [{}] {}\n", commit.hash, printable(&commit.subject));
    let mut text = note(new, last) + &note(old, first);
    text.push_str("git bisect start");
    if (old.as_str(), new.as_str()) != ("good", "bad") {
        text.push_str(&format!(" '--term-old' '{old}' '--term-new' '{new}'"));
    }
    if bisection.first_parent {
        text.push_str(" '--first-parent'");
    }
    text.push_str(&format!(" '{}' '{}'\n", last.hash, first.hash));
    let ends = [0, bisection.commits.len() - 1];
    for tried in bisection.tried.iter().filter(|tried| !ends.contains(&tried.place)) {
        let commit = &bisection.commits[tried.place];
        let chance = bisection.is_new(tried.place);
        let term = match (tried.tally.telling() == 0, chance) {
            (true, _) => "skip",
            (_, chance) if chance >= SURE => new,
            (_, chance) if chance <= 1.0 - SURE => old,
            _ => continue,
        };
        text.push_str(&note(term, commit));
        text.push_str(&format!("git bisect {term} {}\n", commit.hash));
    }
    match bisection.found()[..] {
        [only] => text.push_str(&note(&format!("first {new} commit"), only)),
        [] => {}
        ref several => {
            text.push_str("# only skipped commits left to test\n");
            for commit in several {
                text.push_str(&note(&format!("possible first {new} commit"), commit));
            }
        }
    }
    text
}

/// Returns a mail to those whom the answer concerns, in plain text and at most 76 columns.
pub fn mail(bisection: &Bisection) -> String {
    let found = bisection.found();
    let subject = match found[..] {
        [only] => format!("[bisected] {} {} by {}", testcase(bisection), bisection.verb(), only.short()),
        _ => format!("[bisected] {}: {}", testcase(bisection), bisection.outcome()),
    };
    let mut text = format!("Subject: {}\n", shortened(&subject, WIDTH - 9));
    for commit in &found {
        text.push_str(&shortened(&format!("To: {}", printable(&commit.author)), WIDTH));
        text.push('\n');
    }
    text.push_str("\nHi,\n\n");
    text.push_str(&wrapped(&format!("{}: {}.", bisection.cell, bisection.outcome()), "", WIDTH));
    for commit in &found {
        text.push_str(&format!("\n  {}\n", shortened(&commit.hash, WIDTH - 2)));
        text.push_str(&format!("  {}\n", shortened(&printable(&commit.subject), WIDTH - 2)));
    }
    text.push('\n');
    let how = format!(
        "The bug need not show in every trial, so commits are weighed by all trials together, and none is called good or \
         bad for a single one: {}. \"bad\" is the probability that a commit has the bug.",
        bisection.scope()
    );
    text.push_str(&wrapped(&how, "", WIDTH));
    text.push('\n');
    for row in bisection.rows() {
        text.push_str(&format!("  {}\n", shortened(&row, WIDTH - 2)));
    }
    for skipped in bisection.skipped() {
        text.push_str(&wrapped(&format!("  skipped {skipped}"), "    ", WIDTH));
    }
    if let Some(words) = bisection.reproduce() {
        text.push_str(&format!("\nReproduce with:\n\n  {}\n", words.join(" \\\n    ")));
    }
    text
}

fn testcase(bisection: &Bisection) -> &str {
    bisection.cell.rsplit('/').next().unwrap_or_default()
}

fn shortened(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        None => text.trim_end().to_owned(),
        Some(_) => text.chars().take(width - 3).collect::<String>() + "...",
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./,:@%".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests;
