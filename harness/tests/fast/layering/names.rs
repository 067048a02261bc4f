// SPDX-License-Identifier: GPL-2.0-or-later
//! A type's name stands for one thing in the whole workspace: whoever looks it up finds one.

use std::collections::BTreeMap;

use super::{code, files, first_word};

/// What declares a type.
const KEYWORDS: [&str; 4] = ["struct ", "enum ", "trait ", "type "];

/// Returns the types that a file declares, but for those that belong to a trait or stand within a function, and for its tests.
fn declared(text: &str) -> Vec<String> {
    let without_tests = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let name = |line: &str| {
        let public = line.strip_prefix("pub").map_or(line, |rest| match rest.strip_prefix('(') {
            Some(scope) => scope.split_once(')').map_or("", |(_, rest)| rest),
            None => rest,
        });
        let declaration = KEYWORDS.iter().find_map(|keyword| public.trim_start().strip_prefix(keyword))?;
        Some(first_word(declaration).to_owned())
    };
    code(without_tests).lines().filter(|line| !line.starts_with(' ')).filter_map(name).collect()
}

/// Whether a file has tests only.
fn is_test(file: &str) -> bool {
    file.contains("/tests/") || file.ends_with("/tests.rs") || file.ends_with("/testing.rs")
}

/// Returns a complaint for each name that several files declare.
fn shared<'a>(sources: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let mut declarations: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (file, text) in sources {
        for name in declared(text) {
            declarations.entry(name).or_default().push(file);
        }
    }
    let several = declarations.into_iter().filter(|(_, files)| files.len() > 1);
    several.map(|(name, files)| format!("{name} is declared in {}", files.join(" and in "))).collect()
}

#[test]
fn a_type_s_name_stands_for_one_thing() {
    let files = files();
    let sources = files.iter().map(|(file, text)| (file.as_str(), text.as_str()));
    let complaints = shared(sources.filter(|(file, _)| file.ends_with(".rs") && !is_test(file)));
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn a_name_that_is_shared_is_found_whoever_may_see_it() {
    let one = "pub(super) struct Cell<'a> {\n    type Item = u8;\n}\n// enum Other\n";
    let other =
        "pub enum Cell {}\ntype Item = u8;\n#[cfg(test)]\nmod tests {\nstruct Twice;\n}\nstruct Twice;\n";
    assert_eq!(shared([("a.rs", one), ("b.rs", other)]), ["Cell is declared in a.rs and in b.rs"]);
    assert_eq!(declared(one), ["Cell"]);
    assert_eq!(declared(other), ["Cell", "Item"]);
}
