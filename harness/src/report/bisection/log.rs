// SPDX-License-Identifier: GPL-2.0-or-later
//! A bisection as git remembers one.

use super::{Bisection, Suspect, SuspectSource};
use crate::report::content::printable;

/// How probable a side must be for a commit to be reported to git.
const SURE: f64 = 0.95;

/// Returns what `git bisect log` would print and `git bisect replay` takes: each commit of whose state one may be sure; `None` for
/// what git knows nothing of.
pub fn log(bisection: &Bisection) -> Option<String> {
    let SuspectSource::Commits { terms: (old, new), first_parent, .. } = &bisection.origin else {
        return None;
    };
    let (first, last) = (&bisection.candidates[0], &bisection.candidates[bisection.candidates.len() - 1]);
    let note = |term: &str, commit: &Suspect| {
        format!("# {term}: [{}] {}\n", commit.hash, printable(&commit.subject))
    };
    let mut text = note(new, last) + &note(old, first);
    text.push_str("git bisect start");
    if (old.as_str(), new.as_str()) != ("good", "bad") {
        text.push_str(&format!(" '--term-old' '{old}' '--term-new' '{new}'"));
    }
    if *first_parent {
        text.push_str(" '--first-parent'");
    }
    text.push_str(&format!(" '{}' '{}'\n", last.hash, first.hash));
    let ends = [0, bisection.candidates.len() - 1];
    for tried in bisection.tried.iter().filter(|tried| !ends.contains(&tried.position)) {
        let commit = &bisection.candidates[tried.position];
        let chance = bisection.is_new(tried.position);
        let term = match (tried.tally.counted() == 0, chance) {
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
    Some(text)
}
