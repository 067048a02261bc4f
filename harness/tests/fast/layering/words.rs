// SPDX-License-Identifier: GPL-2.0-or-later
//! Words that were given up stay out: each thing has one name, the one that kernel, QEMU, architecture and statistics people
//! know. The changelog may say what things were called.

use std::path::Path;

use walkdir::WalkDir;

/// Words of names and sentences, and what to say instead. A name counts by its parts: `is_told`, `CellNight`.
const RETIRED: [(&str, &str); 16] = [
    ("told", "reported, recorded, shown"),
    ("untold", "unreported"),
    ("glance", "filter cache, fast path"),
    ("dossier", "report data"),
    ("dossiers", "report data"),
    ("exhibit", "example, example trial"),
    ("exhibits", "examples"),
    ("quest", "search space"),
    ("hollow", "empty"),
    ("nights", "history entries"),
    ("standings", "rankings, cache status"),
    ("tonight", "now"),
    ("rowfile", "study variant"),
    ("cellnight", "cell entry"),
    ("runnight", "run entry"),
    ("worthprice", "flush use price"),
];

/// Phrases in which an ordinary word meant something else than it says.
const PHRASES: [(&str, &str); 10] = [
    ("/row/", "/VARIANT/"),
    ("look closer", "slow path"),
    ("rows of the study", "variants of the study"),
    ("rows of a study", "variants of a study"),
    ("baseline row", "baseline"),
    ("the row's patches", "the variant's patches"),
    ("the night before", "the entry before"),
    ("on the last night", "in the last entry"),
    ("were worth", "the use of"),
    ("cell.row", "cell.variant"),
];

/// Kinds of files that are read.
const KINDS: [&str; 8] = ["rs", "md", "yaml", "yml", "c", "h", "sh", "1"];

/// Where old names may stand: in the history of the project, in the list itself, and where files of older versions are read.
const EXEMPT: [&str; 6] = [
    "CHANGELOG.md",
    "harness/tests/fast/layering/words.rs",
    "harness/src/history.rs",
    "harness/src/run/report_data.rs",
    "harness/src/trial/line.rs",
    "harness/tests/fast/comparison.rs",
];

/// A key of an older version, which is still read.
const ALIAS: &str = "alias = \"";

/// Returns the parts of a line's names and words, in lower case: `is_told` has two, `CellNight` is one.
fn words(line: &str) -> impl Iterator<Item = String> + '_ {
    line.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// Returns what is wrong with a line: the retired word and what to say instead.
fn retired(line: &str) -> Option<String> {
    if line.contains(ALIAS) {
        return None;
    }
    let lower = line.to_lowercase();
    let phrase = PHRASES.iter().find(|(phrase, _)| lower.contains(phrase));
    let word = || RETIRED.iter().find(|(retired, _)| words(line).any(|word| word == *retired));
    phrase.or_else(word).map(|(word, instead)| format!("`{word}` is retired; say: {instead}"))
}

fn is_read(file: &str) -> bool {
    let kind = Path::new(file).extension().and_then(|kind| kind.to_str());
    let is_script = file.starts_with("ci/") && kind.is_none();
    (is_script || kind.is_some_and(|kind| KINDS.contains(&kind))) && !EXEMPT.contains(&file)
}

#[test]
fn retired_words_are_gone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut wrong = Vec::new();
    let mut read = 0;
    let skipped = |name: &str| ["target", "runs", ".git"].contains(&name);
    let entries = WalkDir::new(&root).sort_by_file_name().into_iter();
    for entry in entries.filter_entry(|entry| !entry.file_name().to_str().is_some_and(skipped)) {
        let entry = entry.unwrap();
        let file = entry.path().strip_prefix(&root).unwrap().display().to_string();
        if !entry.file_type().is_file() || !is_read(&file) {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(entry.path()) else { continue };
        read += 1;
        let found = text.lines().enumerate().filter_map(|(n, line)| Some((n + 1, retired(line)?)));
        wrong.extend(found.map(|(n, what)| format!("{file}:{n}: {what}")));
    }
    assert!(read > 300, "{read} files read");
    assert!(wrong.is_empty(), "{} retired words:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_retired_word_is_found_in_names_and_sentences_and_ordinary_ones_are_not() {
    for line in [
        "let told = 1;",
        "fn what_is_told_here()",
        "/// The dossier.",
        "KERNEL/MACHINE/ROW/TESTCASE",
        "RunNight",
    ] {
        assert!(retired(line).is_some(), "{line}");
    }
    for line in [
        "a nightly workflow",
        "every night",
        "three commits in a row",
        "th scope=\"row\"",
        "untoldness",
        "request",
    ] {
        assert_eq!(retired(line), None, "{line}");
    }
    assert_eq!(retired("    #[serde(alias = \"told\")]"), None);
    assert!(is_read("harness/src/lib.rs") && is_read("ci/test") && is_read("README.md"));
    assert!(!is_read("CHANGELOG.md") && !is_read("harness/doc/report.png"));
}
