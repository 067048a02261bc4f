// SPDX-License-Identifier: GPL-2.0-or-later
//! One stale fetch: what was executed, who had written it, what was done about it, and what was not.

use std::fmt::Write;

use instrument::{FlushUse, ListedLoad, Maintenance, Missing, Proximity, Record, StaleFetch, Writer};

use super::{Resolve, remedy};

/// How many operations of a line's past are listed, equal consecutive ones counted once: the newest, as those are the ones
/// that nearly helped.
const LISTED: usize = 3;

/// Returns the story of a stale fetch, at most nine lines.
pub(super) fn story(number: usize, fetch: &StaleFetch, record: &Record, resolve: Resolve<'_>) -> String {
    let space = if fetch.user { "user space" } else { "the kernel" };
    let mut text = format!(
        "{number}. stale fetch in {space} at {} (physical {:#010x}), phase {}\n   executed {}, memory holds {}\n",
        location(fetch.pc, resolve),
        fetch.physical,
        fetch.phase.name(),
        record.word(&fetch.executed),
        record.word(&fetch.expected),
    );
    text.push_str(&written(fetch.writer, resolve));
    text.push_str(&past(&fetch.past, resolve));
    for line in remedy::missing(fetch, record) {
        let _ = writeln!(text, "   missing: {line}");
    }
    text
}

/// Returns the story of a stale load, at most eight lines.
pub(super) fn load_story(number: usize, load: &ListedLoad, resolve: Resolve<'_>) -> String {
    let times = if load.count > 1 { format!(", {} times", load.count) } else { String::new() };
    let space = if load.user { "user space" } else { "the kernel" };
    let colours = match load.written_colour {
        Some(written) if written != load.colour => {
            format!("the line hit is of colour {}, the store is in colour {written}", load.colour)
        }
        Some(_) => "the line hit is of another virtual address than the store's".into(),
        None => "the line hit is older than the store, which no D$ line holds any more".into(),
    };
    let missing = match load.missing {
        Missing::WriteBack => "the write-back of the line that was stored to, before this one was filled",
        Missing::Invalidate => "the invalidation of the line that was hit",
        Missing::Both => {
            "the write-back of the line that was stored to, and the invalidation of the one that was hit"
        }
    };
    let mut text = format!(
        "{number}. stale load in {space} at {} of {:#010x} (physical {:#010x}), phase {}{times}\n   the D$ line holds {}, the last store \
         left {}: {colours}\n",
        location(load.pc, resolve),
        load.address,
        load.physical,
        load.phase.name(),
        load.loaded,
        load.expected,
    );
    text.push_str(&written(load.writer, resolve));
    text.push_str(&past(&load.past, resolve));
    let _ = writeln!(text, "   missing: {missing}; the trial went on with what the last store left");
    text
}

/// Who stored last.
fn written(writer: Option<Writer>, resolve: Resolve<'_>) -> String {
    match writer {
        Some(writer) => {
            let (by, ago) = (location(writer.pc, resolve), writer.instructions_ago);
            // It goes on behind the call, and on MIPS behind its delay slot.
            let caller = writer.caller.map(|caller| location(caller.saturating_sub(4), resolve));
            let called = caller.map(|caller| format!(", called by {caller}")).unwrap_or_default();
            format!("   last written by {by}{called}, {ago} instructions before\n")
        }
        None => "   the write was not seen: it came before the model started\n".into(),
    }
}

fn location(address: u64, resolve: Resolve<'_>) -> String {
    resolve(address).map_or_else(|| format!("{address:#010x}"), |location| location.to_string())
}

/// Consecutive operations that are the same in all that is shown.
struct Fold<'a> {
    function: String,
    newest: &'a Maintenance,
    oldest: &'a Maintenance,
    count: usize,
}

/// Whether an operation was meant for the line and missed it: then that is why it was stale, and not a range that was too short.
fn is_decisive(entry: &Maintenance) -> bool {
    entry.place != Proximity::AdjacentLine
        && matches!(entry.judged, FlushUse::WrongColour | FlushUse::WrongCpu)
}

fn past(past: &[Maintenance], resolve: Resolve<'_>) -> String {
    if past.is_empty() {
        return "   since then no maintenance of this line or of its neighbours\n".into();
    }
    let decided = past.iter().any(is_decisive);
    let past: Vec<&Maintenance> =
        past.iter().filter(|entry| !decided || entry.place != Proximity::AdjacentLine).collect();
    let folds = folded(&past, resolve);
    let mut listed: Vec<usize> = (folds.len().saturating_sub(LISTED)..folds.len()).collect();
    if !listed.iter().any(|at| is_decisive(folds[*at].newest))
        && let Some(decisive) = folds.iter().rposition(|fold| is_decisive(fold.newest))
    {
        listed[0] = decisive;
    }
    let all: usize = folds.iter().map(|fold| fold.count).sum();
    let others = all - listed.iter().map(|at| folds[*at].count).sum::<usize>();
    let mut text = String::new();
    if others > 0 {
        let (s, when) = (
            if others > 1 { "s" } else { "" },
            if listed[0] + LISTED < folds.len() { "other" } else { "earlier" },
        );
        let _ = writeln!(text, "   then {others} {when} operation{s}, and");
    }
    for at in listed {
        let Fold { function, newest, oldest, count } = &folds[at];
        let times = if *count > 1 { format!(" x {count}") } else { String::new() };
        let ago = if oldest.instructions_ago == newest.instructions_ago {
            newest.instructions_ago.to_string()
        } else {
            format!("{} to {}", oldest.instructions_ago, newest.instructions_ago)
        };
        let (operation, did) = (&newest.operation, what_it_did(newest));
        let _ = writeln!(text, "   then {operation}{times} in {function}, {ago} before: {did}");
    }
    text
}

fn folded<'a>(past: &[&'a Maintenance], resolve: Resolve<'_>) -> Vec<Fold<'a>> {
    let mut folds: Vec<Fold<'a>> = Vec::new();
    for entry in past.iter().copied() {
        let function =
            resolve(entry.pc).map_or_else(|| format!("{:#010x}", entry.pc), |location| location.function);
        let same = |fold: &Fold<'_>| {
            let Maintenance { operation, place, judged, .. } = fold.newest;
            (operation, *place, *judged) == (&entry.operation, entry.place, entry.judged)
                && fold.function == function
        };
        match folds.last_mut().filter(|fold| same(fold)) {
            Some(fold) => (fold.newest, fold.count) = (entry, fold.count + 1),
            None => folds.push(Fold { function, newest: entry, oldest: entry, count: 1 }),
        }
    }
    folds
}

/// Says what an operation did for the line that was stale later.
fn what_it_did(entry: &Maintenance) -> String {
    let did = match entry.judged {
        // Whatever it did there, it did not do here.
        _ if entry.place == Proximity::AdjacentLine => {
            return "beside this line: its range was too short, or began too late".into();
        }
        FlushUse::Needed => "dropped an older line from the I$",
        FlushUse::WroteBack => "wrote the line back",
        FlushUse::Redundant if remedy::is_data(&entry.operation) => "redundant: the line was clean by then",
        FlushUse::Redundant => "redundant: the I$ held nothing older than memory",
        FlushUse::WrongColour => "wrong colour: the I$ has the line at another index",
        FlushUse::WrongCpu => "wrong CPU: another one has the line",
        FlushUse::NotModelled => "not modelled: for a cache below the first level",
    };
    match entry.place {
        Proximity::WholeCache => format!("whole cache; {did}"),
        _ => did.into(),
    }
}
