// SPDX-License-Identifier: GPL-2.0-or-later
//! What changed between two runs: in words once, then for a terminal and as Markdown.

use crate::judge::CellChange;
use crate::judge::CellJudgement;
use crate::judge::Control;
use crate::judge::Direction;
use crate::judge::Made;
use crate::judge::Outlook;
use crate::judge::PriceChange;
use crate::judge::RunChanges;
use crate::report::content::Tone;
use crate::report::content::expected;
use crate::report::content::printable;
use crate::report::content::symptoms;
use crate::report::markdown::escaped;
use crate::report::number;
use crate::report::number::plural;
use crate::report::number::small;
use crate::report::table::Style;
use crate::report::wrap::wrapped;

/// How many cells are named of those that only one run has.
const NAMED: usize = 5;

/// A heading with what belongs under it.
struct ChangeSection {
    heading: String,
    tone: Tone,
    entries: Vec<ChangedCell>,
}

/// A cell, or whatever else changed, and how.
struct ChangedCell {
    name: String,
    sentences: Vec<String>,
}

/// Returns the comparison as text for a terminal; `before` and `after` are the runs as the user named them.
pub fn change_table(changes: &RunChanges, before: &str, after: &str, style: Style) -> String {
    let width = style.width;
    let (first, tone) = summary(changes);
    let mut text = wrapped(&format!("{before} -> {after}"), "  ", width);
    text.push_str(&style.paint(&wrapped(&first, "  ", width), tone));
    for section in sections(changes) {
        text.push_str(&format!("\n{}:\n", style.paint(&section.heading, section.tone)));
        for entry in section.entries {
            match &entry.sentences[..] {
                [only] => text.push_str(&hanging(&format!("{}: {only}", entry.name), 2, width)),
                several => {
                    text.push_str(&hanging(&entry.name, 2, width));
                    several.iter().for_each(|sentence| text.push_str(&hanging(sentence, 6, width)));
                }
            }
        }
    }
    text
}

/// Returns the comparison as Markdown.
pub fn change_markdown(changes: &RunChanges, before: &str, after: &str) -> String {
    let mut text = format!("`{before}` -> `{after}`\n\n**{}**\n", escaped(&summary(changes).0));
    for section in sections(changes) {
        text.push_str(&format!("\n### {}\n\n", escaped(&section.heading)));
        for entry in section.entries {
            text.push_str(&format!(
                "- **{}**: {}\n",
                escaped(&entry.name),
                escaped(&entry.sentences.join("; "))
            ));
        }
    }
    text
}

/// A paragraph that is indented, its further lines by two more.
fn hanging(text: &str, indent: usize, width: usize) -> String {
    let blanks = " ".repeat(indent);
    format!("{blanks}{}", wrapped(text, &format!("{blanks}  "), width.saturating_sub(indent)))
}

fn summary(changes: &RunChanges) -> (String, Tone) {
    let count =
        |direction: Direction| changes.cells.iter().filter(|cell| cell.direction == direction).count();
    let [worse, open, better, other] =
        [Direction::Worse, Direction::Undecided, Direction::Better, Direction::Other].map(count);
    let (words, tone) = match changes.outlook {
        Outlook::Worse => ("something got worse", Tone::Bad),
        Outlook::Undecided => ("undecided whether a cell got worse", Tone::Doubtful),
        Outlook::NotWorse if changes.cells.is_empty() => ("nothing changed", Tone::Good),
        Outlook::NotWorse => ("nothing got worse", Tone::Good),
    };
    let same = (changes.compared as usize).saturating_sub(changes.cells.len());
    let cells = plural(changes.compared, "cell");
    let open = if open > 0 { format!(", {open} undecided") } else { String::new() };
    (
        format!(
            "{words}: {cells} in both: {worse} worse{open}, {better} better, {other} otherwise changed, {same} as before"
        ),
        tone,
    )
}

fn sections(changes: &RunChanges) -> Vec<ChangeSection> {
    let mut sections = Vec::new();
    let mut add = |heading: String, tone: Tone, entries: Vec<ChangedCell>| {
        if !entries.is_empty() {
            sections.push(ChangeSection { heading, tone, entries });
        }
    };
    let of = |direction: Direction| changes.cells.iter().filter(move |cell| cell.direction == direction);
    let entries = |cells: Vec<&CellChange>| {
        cells
            .into_iter()
            .map(|cell| ChangedCell { name: name(cell), sentences: sentences(cell, changes.tested) })
            .collect()
    };
    add("worse".into(), Tone::Bad, entries(of(Direction::Worse).collect()));
    let mut open: Vec<ChangedCell> = entries(of(Direction::Undecided).collect());
    if changes.outlook != Outlook::NotWorse && !changes.problems.is_empty() {
        let sentences = changes.problems.iter().map(|text| printable(text)).collect();
        open.push(ChangedCell { name: "data of the second run".into(), sentences });
    }
    add("undecided".into(), Tone::Doubtful, open);
    add("better".into(), Tone::Good, entries(of(Direction::Better).collect()));
    let other = |priced: bool| of(Direction::Other).filter(move |cell| cell.differs_in_outcome() != priced);
    add("otherwise changed".into(), Tone::Plain, entries(other(false).collect()));
    add(
        "other prices only, a trial, over the seeds that pass in both (95 % interval of each difference)"
            .into(),
        Tone::Plain,
        entries(other(true).collect()),
    );
    for (cells, which) in [(&changes.only_before, "first"), (&changes.only_after, "second")] {
        let more =
            if cells.len() > NAMED { format!(" and {} more", cells.len() - NAMED) } else { String::new() };
        let named = cells.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let entry = (!cells.is_empty())
            .then(|| ChangedCell { name: plural(len(cells), "cell"), sentences: vec![named + &more] });
        add(format!("only in the {which} run, not compared"), Tone::Plain, entry.into_iter().collect());
    }
    add("made differently".into(), Tone::Plain, changes.made.iter().map(made).collect());
    sections
}

fn len(cells: &[String]) -> u32 {
    u32::try_from(cells.len()).unwrap_or(u32::MAX)
}

fn made(made: &Made) -> ChangedCell {
    let sentence = match (&made.before, &made.after) {
        (Some(before), Some(after)) => format!("{before} -> {after}"),
        (None, Some(after)) => format!("{after} (second run only)"),
        (Some(before), None) => format!("{before} (first run only)"),
        (None, None) => String::new(),
    };
    ChangedCell { name: made.what.clone(), sentences: vec![printable(&sentence)] }
}

fn name(cell: &CellChange) -> String {
    format!("{} on {}, {}, {}", cell.kernel, cell.machine, cell.testcase, cell.variant)
}

fn sentences(change: &CellChange, tested: u32) -> Vec<String> {
    let (was, is) = (&change.before, &change.after);
    let mut sentences = Vec::new();
    if change.differs_in_outcome() || change.direction != Direction::Other {
        sentences.push(rate(change, tested));
    }
    let mut changed = |what: &str, was: String, is: String| {
        if was != is {
            sentences.push(format!("{what} {was} -> {is}"));
        }
    };
    changed("verdict", was.verdict.name().into(), is.verdict.name().into());
    changed("expectation", expected(was), expected(is));
    changed("coherent control", control(was), control(is));
    changed("symptoms", symptoms(was), symptoms(is));
    changed("missing trials", was.missing.to_string(), is.missing.to_string());
    if let [first, ..] = &change.newly_failing[..] {
        let n = plural(len(&change.newly_failing), "trial");
        sentences.push(format!(
            "{n} that passed fail now, {} the reverse; the first: {first}",
            change.newly_passing
        ));
    }
    let prices =
        [("D ops", &change.d), ("I ops", &change.i), ("instructions in flushes", &change.flush_instructions)];
    let prices =
        prices.iter().filter_map(|(what, one)| Some(price(what, (**one).filter(PriceChange::differs)?)));
    let prices: Vec<String> = prices.collect();
    if !prices.is_empty() {
        sentences.push(prices.join(", "));
    }
    sentences
}

fn rate(change: &CellChange, tested: u32) -> String {
    let one = |cell: &CellJudgement| {
        let interval = cell.interval.map_or_else(String::new, |one| format!(" {}", number::interval(one)));
        let unknown = if cell.unknown > 0 { format!(", {} unknown", cell.unknown) } else { String::new() };
        format!("{}/{}{interval}{unknown}", cell.passes, cell.n)
    };
    let chance = match change.rate {
        None => "no test: one run has no trial that says anything".into(),
        Some(rate) if rate.differs() => {
            format!("more than chance (p = {}, adjusted for {tested} cells)", small(rate.adjusted))
        }
        Some(_) if same_rate(&change.before, &change.after) => "the same rate".into(),
        Some(rate) => format!(
            "no more than chance (p = {}, adjusted for {tested} cells: {})",
            small(rate.p),
            small(rate.adjusted)
        ),
    };
    format!("pass {} -> {}: {chance}", one(&change.before), one(&change.after))
}

fn same_rate(was: &CellJudgement, is: &CellJudgement) -> bool {
    u64::from(was.passes) * u64::from(is.n) == u64::from(is.passes) * u64::from(was.n)
}

fn control(cell: &CellJudgement) -> String {
    let word = match cell.coherent.control {
        Control::Holds => "holds",
        Control::Violated => "FAILS",
        Control::Unknown => "has no trial",
    };
    word.to_owned()
}

fn price(what: &str, price: PriceChange) -> String {
    let interval = match price.interval {
        Some(interval) if interval.low < interval.high => {
            format!(" [{}, {}]", number::difference(interval.low), number::difference(interval.high))
        }
        Some(_) => " for each".into(),
        None => " with one seed".into(),
    };
    let [before, after] = [price.before, price.after].map(number::count);
    format!("{what} {before} -> {after} ({}{interval})", number::difference(price.difference))
}
