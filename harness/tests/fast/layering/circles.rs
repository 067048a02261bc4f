// SPDX-License-Identifier: GPL-2.0-or-later
//! No file of the plugin uses one that uses it, not even through others: it can be read from the bottom up.

use std::collections::{BTreeMap, BTreeSet};

use super::{code, files, first_word, members, words};

const SOURCES: &str = "harness/qemu-plugin/src/";

/// Returns the path of the module that a file has, from the crate down.
fn module(file: &str) -> Vec<&str> {
    let inside = file.strip_prefix(SOURCES).unwrap_or(file).trim_end_matches(".rs");
    let mut path: Vec<&str> = inside.split('/').collect();
    if matches!(path.last(), Some(&"mod" | &"lib")) {
        path.pop();
    }
    path
}

/// Returns the paths that begin with the word `root`, each member of a brace group on its own.
fn paths<'a>(code: &'a str, root: &str) -> Vec<Vec<&'a str>> {
    let mut found = Vec::new();
    for at in words(code, root) {
        // The middle of a path has been seen at its beginning.
        if code[..at].ends_with("::") || code[..at].ends_with('.') {
            continue;
        }
        let (mut rest, mut path) = (&code[at + root.len()..], Vec::new());
        while let Some(next) = rest.strip_prefix("::") {
            if let Some(group) = next.strip_prefix('{') {
                found.extend(members(group).into_iter().map(|name| [path.clone(), vec![name]].concat()));
                path.clear();
                break;
            }
            let name = first_word(next);
            path.push(name);
            rest = &next[name.len()..];
        }
        // Nothing follows in `pub(super)`.
        if !path.is_empty() {
            found.push(path);
        }
    }
    found
}

/// Returns which of the files each file uses; tests within a file are left out.
fn uses<'a>(sources: &BTreeMap<&'a str, String>) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let modules: BTreeMap<Vec<&str>, &str> = sources.keys().map(|file| (module(file), *file)).collect();
    let owner = |path: &[&str]| (1..=path.len()).rev().find_map(|len| modules.get(&path[..len])).copied();
    let mut all = BTreeMap::new();
    for (file, text) in sources {
        let here = module(file);
        let code = code(text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default());
        let mut targets: Vec<Vec<&str>> = paths(&code, "crate");
        for mut path in paths(&code, "super") {
            let mut up = here[..here.len().saturating_sub(1)].to_vec();
            while path.first() == Some(&"super") {
                up.pop();
                path.remove(0);
            }
            targets.push([up, path].concat());
        }
        // A module names its children without a prefix.
        for child in modules.keys().filter(|child| child.len() == here.len() + 1 && child.starts_with(&here))
        {
            let name = child[here.len()];
            targets.extend(paths(&code, name).into_iter().map(|path| [child.as_slice(), &path].concat()));
        }
        let used = targets.iter().filter_map(|path| owner(path)).filter(|other| other != file);
        all.insert(*file, used.collect());
    }
    all
}

/// Returns a circle of files, each of which uses the next.
fn circle<'a>(uses: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Option<Vec<&'a str>> {
    let mut left = uses.clone();
    // What uses nothing that is left is at the bottom.
    while let Some(bottom) = left.iter().find(|(_, used)| used.is_empty()).map(|(file, _)| *file) {
        left.remove(bottom);
        for used in left.values_mut() {
            used.remove(bottom);
        }
    }
    let mut path = vec![*left.keys().next()?];
    loop {
        let next = *left[path.last()?].first()?;
        if let Some(begin) = path.iter().position(|file| *file == next) {
            return Some(path.split_off(begin));
        }
        path.push(next);
    }
}

#[test]
fn no_files_of_the_plugin_use_each_other_in_a_circle() {
    let files = files();
    let of_plugin = files.iter().filter(|(name, _)| name.starts_with(SOURCES) && name.ends_with(".rs"));
    let sources: BTreeMap<&str, String> =
        of_plugin.map(|(name, text)| (name.as_str(), text.clone())).collect();
    let uses = uses(&sources);
    let edges: usize = uses.values().map(BTreeSet::len).sum();
    assert!(edges > 60, "only {edges} uses were found: their reader has lost its way");
    assert_eq!(circle(&uses), None);
}

#[test]
fn a_circle_is_found_by_whatever_path() {
    let planted = |below: &str| {
        let file = |name: &'static str| ["harness/qemu-plugin/src/", name].concat();
        let names = ["a/mod.rs", "a/b.rs", "c.rs"].map(file);
        let texts = ["mod b;\nuse b::B;\n", "use crate::{c::C, d};\n", below];
        let sources = names.iter().map(String::as_str).zip(texts.map(str::to_owned)).collect();
        circle(&uses(&sources)).map(|found| found.len())
    };
    assert_eq!(planted("use std::fmt;\n"), None);
    assert_eq!(planted("use super::a::b::B;\n"), Some(2));
    assert_eq!(planted("fn f() -> crate::a::A { todo() }\n"), Some(3));
    assert_eq!(planted("// crate::a::A\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}\n"), None);
}
