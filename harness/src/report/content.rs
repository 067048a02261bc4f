// SPDX-License-Identifier: GPL-2.0-or-later
//! A judgement in words, before it is laid out.

use std::collections::BTreeSet;

use crate::judge::CellJudgement;
use crate::judge::Control;
use crate::judge::Expectation;
use crate::judge::Fix;
use crate::judge::Group;
use crate::judge::Judgement;
use crate::judge::Price;
use crate::judge::Ranking;
use crate::judge::Verdict;
use crate::judge::interval::power;
use crate::plan::mode_name;
use crate::report::answer;
use crate::report::binary;
use crate::report::confidence;
use crate::report::grid::Grid;
use crate::report::grid::grids;
use crate::report::loads;
use crate::report::number;
use crate::report::number::plural;
use crate::report::sentence;
use crate::report::untried;

/// Headings of a row's words.
pub(super) const COLUMNS: [&str; 8] =
    ["variant", "pass", "symptoms", "stale", "D ops", "I ops", "verdict", "expected"];
/// The columns that hold figures and are set to the right.
pub(super) const FIGURES: [bool; 8] = [false, false, false, true, true, true, false, false];
/// Index of the verdict among [`COLUMNS`].
pub(super) const VERDICT: usize = 6;
/// Index of the expectation among [`COLUMNS`].
pub(super) const EXPECTED: usize = 7;

/// Label of the note about variants that do not apply.
pub(super) const LEFT_OUT: &str = "does not apply";

/// A report in words.
pub(super) struct Content {
    /// What to take, and what speaks against the others.
    pub(super) answer: Vec<String>,
    /// Study, trials, unknown trials, outcome.
    pub(super) first: String,
    /// The study's title.
    pub(super) title: String,
    /// Variants without a kernel that boots.
    pub(super) alarms: Vec<String>,
    /// One table for each target and testcase.
    pub(super) sections: Vec<Section>,
    /// The decision, and sweeps.
    pub(super) grids: Vec<Grid>,
    /// What is to be known about all of them: a label and one or more sentences.
    pub(super) notes: Vec<Note>,
}

/// The variants of one testcase on one target.
pub(super) struct Section {
    pub(super) heading: String,
    pub(super) rows: Vec<CellRow>,
}

/// The words of one cell.
pub(super) struct CellRow {
    pub(super) words: [String; 8],
    pub(super) verdict: Tone,
    pub(super) expected: Tone,
}

/// How a word is meant, for colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Good,
    Bad,
    Doubtful,
    Faint,
}

/// A label and what is said under it.
pub(super) struct Note {
    pub(super) label: &'static str,
    pub(super) tone: Tone,
    pub(super) sentences: Vec<String>,
}

impl Content {
    pub(super) fn new(judgement: &Judgement) -> Self {
        Self {
            answer: sentence::answer(judgement),
            first: format!(
                "{}: {}, {} unknown, {} missing (model: {}): {}",
                judgement.study,
                plural(judgement.trials, "trial"),
                judgement.unknown,
                judgement.missing,
                mode_name(judgement.mode),
                sentence::outcome(judgement)
            ),
            title: printable(&judgement.title),
            alarms: untried::broken(judgement),
            sections: judgement
                .groups
                .iter()
                .filter(|group| group.swept_from.is_none())
                .map(section)
                .collect(),
            grids: grids(judgement),
            notes: notes(judgement),
        }
    }
}

/// Returns the text with a blank for each character that could steer a terminal, turn the direction of writing, or that
/// XML does not have: some of it was written by a guest.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if is_steering(c) { ' ' } else { c }).collect()
}

/// Whether a character has no look of its own, but an effect: control characters, those of Unicode that turn the
/// direction of a text, which can make it read as something else, or that take no room, and those that XML does not have.
pub(super) fn is_steering(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
            | '\u{e0000}'..='\u{e007f}')
}

pub(super) fn group_name(group: &Group) -> String {
    format!("{} on {}, {}", group.kernel, group.machine, group.testcase)
}

fn section(group: &Group) -> Section {
    Section {
        heading: format!("{}: {}", group_name(group), printable(&group.title)),
        rows: group.cells.iter().map(row).collect(),
    }
}

pub(super) fn row(cell: &CellJudgement) -> CellRow {
    let words = [
        cell.variant.clone(),
        passes(cell),
        symptoms(cell),
        cell.stale.map_or_else(|| "-".into(), |stale| format!("{stale:.1}")),
        price(cell.d),
        price(cell.i),
        cell.verdict.name().into(),
        expected(cell),
    ];
    let verdict = match cell.verdict {
        Verdict::PassesAll => Tone::Good,
        Verdict::Fails
        | Verdict::Mixed
        | Verdict::PatchRejected
        | Verdict::DoesNotBuild
        | Verdict::DoesNotBoot => Tone::Bad,
        Verdict::Unknown => Tone::Doubtful,
        Verdict::NotObservable | Verdict::NoOp | Verdict::DoesNotApply => Tone::Faint,
    };
    let expected = match cell.expectation {
        Expectation::Met => Tone::Plain,
        Expectation::Contradicted => Tone::Bad,
        Expectation::NotTried => Tone::Faint,
        Expectation::Unknown => Tone::Doubtful,
    };
    CellRow { words, verdict, expected }
}

pub(super) fn passes(cell: &CellJudgement) -> String {
    if cell.is_idle() {
        return ratio(cell) + &cell.same_as.as_ref().map(|same| format!(" (as {same})")).unwrap_or_default();
    }
    let mut text = ratio(cell);
    if let Some(interval) = cell.interval {
        text.push(' ');
        text.push_str(&number::interval(interval));
    }
    text + &unsaid(cell)
}

/// Returns passes of the trials that say something; a dash if there are none because none is needed.
pub(super) fn ratio(cell: &CellJudgement) -> String {
    if cell.is_idle() { "-".into() } else { format!("{}/{}", cell.passes, cell.n) }
}

/// Returns how many trials say nothing: `, 1 unknown, 2 missing`; nothing if all say something.
pub(super) fn unsaid(cell: &CellJudgement) -> String {
    let mut text = String::new();
    for (count, what) in [(cell.unknown, "unknown"), (cell.missing, "missing")] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    text
}

/// Returns symptoms and causes with their counts, the most frequent first.
pub(super) fn symptoms(cell: &CellJudgement) -> String {
    let mut symptoms: Vec<(u32, &str)> = cell.symptoms.iter().map(|(s, count)| (*count, s.name())).collect();
    let mut causes: Vec<(u32, &str)> = cell.causes.iter().map(|(c, count)| (*count, c.name())).collect();
    // Stable: equally frequent ones stay in the order of their declaration.
    symptoms.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    causes.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    let words = |list: &[(u32, &str)]| {
        list.iter().map(|(count, name)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    };
    match (symptoms.is_empty(), causes.is_empty()) {
        (true, true) => "-".into(),
        (false, true) => words(&symptoms),
        (true, false) => format!("unknown: {}", words(&causes)),
        (false, false) => format!("{}; unknown: {}", words(&symptoms), words(&causes)),
    }
}

fn price(price: Price) -> String {
    match (price.mean, price.difference) {
        (None, _) => "-".into(),
        (Some(mean), None) => number::count(mean),
        (Some(mean), Some(difference)) => {
            format!("{} ({})", number::count(mean), number::difference(difference))
        }
    }
}

pub(super) fn expected(cell: &CellJudgement) -> String {
    let met = match cell.expectation {
        Expectation::Contradicted => "CONTRADICTED",
        _ => expectation(cell),
    };
    format!("{}: {met}", cell.expected.name())
}

/// Returns whether a cell did what was expected, in a word.
pub(super) fn expectation(cell: &CellJudgement) -> &'static str {
    match cell.expectation {
        Expectation::Met => "met",
        Expectation::Contradicted => "contradicted",
        Expectation::Unknown => "unknown",
        Expectation::NotTried => "not-tried",
    }
}

fn notes(judgement: &Judgement) -> Vec<Note> {
    let price = format!(
        "D ops and I ops are the mean number of cache maintenance operations in a trial; the mean difference from {} is in brackets, \
         over the seeds with which both pass; a trial that fails early executes fewer. stale is the mean number of stale \
         fetches in a trial",
        judgement.baseline
    );
    let mut notes = vec![Note { label: "columns", tone: Tone::Plain, sentences: vec![price] }];
    notes.push(Note {
        label: "questions",
        tone: Tone::Plain,
        sentences: judgement.answers.iter().map(answer::question).collect(),
    });
    notes.push(Note { label: "price", tone: Tone::Plain, sentences: answer::price(judgement) });
    notes.extend([coherent(judgement), observable(judgement), binary::control(judgement)]);
    notes.push(Note { label: "in the binary", tone: Tone::Plain, sentences: binary::changes(judgement) });
    let fixes = judgement.rankings.iter().map(|ranking| ranking_sentence(ranking, judgement)).collect();
    notes.push(Note { label: "fixes", tone: Tone::Plain, sentences: fixes });
    let full: BTreeSet<u32> = judgement
        .cells()
        .filter(|(_, cell)| cell.n > 0 && cell.passes == cell.n)
        .map(|(_, cell)| cell.n)
        .collect();
    let power =
        full.into_iter().rev().filter_map(power).map(|text| format!("{text} (two-sided 95 % interval)"));
    notes.push(Note {
        label: "significance",
        tone: Tone::Plain,
        sentences: confidence::significance(judgement),
    });
    let rule =
        judgement.rule.as_ref().map(|rule| confidence::rule(rule, judgement.bound)).unwrap_or_default();
    notes.push(Note { label: "rule", tone: Tone::Plain, sentences: rule });
    notes.push(Note { label: "power", tone: Tone::Plain, sentences: power.collect() });
    let none = |sentences: Vec<String>| if sentences.is_empty() { vec!["none".into()] } else { sentences };
    let contradictions: Vec<String> = judgement.cells().filter_map(contradiction).collect();
    let tone = if contradictions.is_empty() { Tone::Good } else { Tone::Bad };
    notes.push(Note { label: "contradictions", tone, sentences: none(contradictions) });
    let surprises: Vec<String> = judgement.cells().filter_map(surprise).collect();
    notes.push(Note {
        label: "symptoms that the testcase does not expect",
        tone: Tone::Doubtful,
        sentences: surprises,
    });
    notes.push(loads::note(judgement));
    notes.push(Note { label: LEFT_OUT, tone: Tone::Plain, sentences: untried::left_out(judgement) });
    let problems = judgement.problems.iter().map(|problem| printable(problem)).collect();
    notes.push(Note { label: "problems of the data", tone: Tone::Doubtful, sentences: problems });
    notes.retain(|note| !note.sentences.is_empty());
    notes
}

fn coherent(judgement: &Judgement) -> Note {
    let (mut holds, mut cells, mut sentences) = (0, 0, Vec::new());
    for (group, cell) in judgement.cells().filter(|(_, cell)| !cell.is_idle()) {
        cells += 1;
        let coherent = cell.coherent;
        let name = format!("{}, {}", group_name(group), cell.variant);
        match coherent.control {
            Control::Holds => holds += 1,
            Control::Violated => sentences.push(format!("FAILS: {name}: {}/{}", coherent.passes, coherent.n)),
            Control::Unknown => sentences.push(format!("unknown: {name}")),
        }
    }
    let tone = if sentences.is_empty() { Tone::Good } else { Tone::Bad };
    sentences
        .insert(0, format!("with the model off every trial passes in {holds} of {}", plural(cells, "cell")));
    Note { label: "control: coherent", tone, sentences }
}

fn observable(judgement: &Judgement) -> Note {
    let groups = &judgement.groups;
    let named = |control: Control| -> Vec<String> {
        groups.iter().filter(|group| group.observable == control).map(group_name).collect()
    };
    let mut sentences = Vec::new();
    for (control, what) in [
        (Control::Holds, "fails as it must"),
        (Control::Violated, "passes, so nothing is ranked (not observable here)"),
        (Control::Unknown, "is unknown"),
    ] {
        let names = named(control);
        if !names.is_empty() {
            sentences.push(format!("{} {what}: {}", judgement.baseline, names.join("; ")));
        }
    }
    Note { label: "control: baseline fails", tone: Tone::Plain, sentences }
}

fn ranking_sentence(ranking: &Ranking, judgement: &Judgement) -> String {
    let target = format!("{} on {}", ranking.kernel, ranking.machine);
    if ranking.testcases.is_empty() {
        return format!("{target}: nothing to rank: {} fails in no testcase", judgement.baseline);
    }
    let testcases = ranking.testcases.join(", ");
    let fixes: Vec<String> =
        ranking.fixes.iter().map(|fix| format!("{} ({})", fix.variant, price_of(fix))).collect();
    if fixes.is_empty() {
        return format!("{target}: no variant passes every trial of {testcases} without a failure elsewhere");
    }
    format!("{target}, cheapest first by D and I ops in {testcases}: {}", fixes.join(", "))
}

/// Returns the operations of a fix, and whether they are more than the cheapest's by more than chance.
fn price_of(fix: &Fix) -> String {
    let operations = format!("{} ops", number::count(fix.operations));
    match fix.behind.and_then(number::alike) {
        Some(why) => format!("{operations}, {why}"),
        None => operations,
    }
}

/// Returns the symptoms of a cell that its testcase does not expect, if there are any.
fn surprise((group, cell): (&Group, &CellJudgement)) -> Option<String> {
    let names: Vec<&str> = cell.unexpected.iter().map(|symptom| symptom.name()).collect();
    (!names.is_empty()).then(|| format!("{}, {}: {}", group_name(group), cell.variant, names.join(", ")))
}

/// Returns what was expected of a cell and what it did instead, if it contradicts.
pub(super) fn contradiction((group, cell): (&Group, &CellJudgement)) -> Option<String> {
    if cell.expectation != Expectation::Contradicted {
        return None;
    }
    let why = if cell.why.is_empty() { String::new() } else { format!(" ({})", printable(cell.why.trim())) };
    if let Some(broken) = untried::why(cell).filter(|_| cell.verdict.is_broken()) {
        let (name, expected) = (group_name(group), cell.expected.name());
        return Some(format!("{name}, {}: expected {expected}{why}, but {broken}", cell.variant));
    }
    let tried = group.tried_as(&cell.variant).unwrap_or(cell);
    let same = if cell.is_idle() {
        format!(" of {}, which is the same kernel,", tried.variant)
    } else {
        String::new()
    };
    let (passes, n) = (tried.passes, tried.n);
    let expected = cell.expected.name();
    let mut text = format!(
        "{}, {}: expected {expected}{why}, but {passes} of {n}{same} pass",
        group_name(group),
        cell.variant
    );
    if let Some(example) = &tried.example {
        text.push_str(&format!("; {}, for instance {}", symptoms(tried), example.trial));
        if !example.text.is_empty() {
            text.push_str(&format!(": {}", printable(&example.text)));
        }
    }
    Some(text)
}
