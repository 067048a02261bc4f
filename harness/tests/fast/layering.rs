// SPDX-License-Identifier: GPL-2.0-or-later
//! The rules of the house that no compiler checks: which module may use which, where effects live, and how long a
//! file may grow. They are read off the sources, so that a short cut fails a test and not a later change.

mod architectures;
mod circles;
mod documents;
mod names;
mod scripts;
mod words;

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// The stages, in the order in which data flows: each may use those before it.
const STAGES: [&str; 9] =
    ["plan", "source", "patch", "build", "guest", "machine", "trial", "judge", "report"];

/// What every module may use, and what itself uses nothing but its like; `fuzz` is for tests.
const TOOLS: [&str; 9] =
    ["error", "process", "fuzz", "shell", "yaml", "nearest", "cache_dir", "qemu", "symbols"];

/// The stages that compute and do nothing else: every input is an argument, every output a return value.
const PURE: [&str; 8] = ["plan", "trial", "judge", "report", "sanitize", "known", "reference", "template"];

/// What a pure stage has no business with: parts of the standard library, and the tools that run or open something.
const EFFECTS: [&str; 5] = ["fs", "process", "env", "net", "time"];
const EFFECTFUL_TOOLS: [&str; 4] = ["process", "cache_dir", "qemu", "symbols"];

/// Words that one place owns, so that exchanging what is behind them changes that place only.
const OWNED: [(&str, &str); 6] = [
    ("chacha20", "harness/src/judge/statistics/random.rs"),
    ("duct", "harness/src/process/"),
    ("mail_parser", "harness/src/patch/mail.rs"),
    ("rusqlite", "harness/src/history.rs"),
    ("serde_yaml", "harness/src/yaml.rs"),
    ("unsafe", "harness/qemu-plugin/src/qemu/"),
];

/// How long a file may be that somebody is to read in one go.
const MAX_LINES: usize = 400;

/// Made from the types, and read by programs.
const GENERATED: &str = "harness/doc/";

/// Returns what `module` may use beside itself, or `None` for a module that has no place yet.
fn allowed(module: &str) -> Option<Vec<&'static str>> {
    if let Some(place) = STAGES.iter().position(|stage| *stage == module) {
        return Some([&STAGES[..place], &TOOLS].concat());
    }
    let tools = TOOLS.as_slice();
    Some(match module {
        _ if TOOLS.contains(&module) => tools.to_vec(),
        // Knows records and nothing of how they come about.
        "sanitize" => tools.to_vec(),
        "study" | "template" => [&["plan"], tools].concat(),
        // Documents the files that these two read.
        "reference" => [&["plan", "sanitize", "known"], tools].concat(),
        // Takes its days from there.
        "known" => [&["sanitize"], tools].concat(),
        // Keeps what was judged.
        "history" => [&["judge"], tools].concat(),
        // Knows jobs and nothing of what they do.
        "slurm" => tools.to_vec(),
        "store" => [&["plan", "patch", "build", "machine", "trial"], tools].concat(),
        // Looks for whatever the stages need on this machine.
        "doctor" => [&STAGES, tools].concat(),
        "run" => [&STAGES, ["store", "sanitize"].as_slice(), tools].concat(),
        "ui" => [&["run", "trial"], tools].concat(),
        "cli" => [
            &STAGES,
            [
                "store",
                "sanitize",
                "known",
                "history",
                "study",
                "template",
                "slurm",
                "reference",
                "doctor",
                "run",
                "ui",
            ]
            .as_slice(),
            tools,
        ]
        .concat(),
        "main" => vec!["cli"],
        "lib" => Vec::new(),
        _ => return None,
    })
}

/// Returns the module that a file below `harness/src` belongs to.
fn module_of(file: &str) -> Option<&str> {
    let inside = file.strip_prefix("harness/src/")?;
    Some(inside.split_once('/').map_or_else(|| inside.trim_end_matches(".rs"), |(module, _)| module))
}

/// Returns the text with comments and literals blanked out: a word in them is not a use of anything.
fn code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut left = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let blank = literal(&chars[at..]);
        let kept = |c: &char| if blank == 0 || *c == '\n' { *c } else { ' ' };
        left.extend(chars[at..at + blank.max(1)].iter().map(kept));
        at += blank.max(1);
    }
    left
}

/// Returns the length of the comment or the literal that the text begins with, 0 where it begins with neither.
fn literal(text: &[char]) -> usize {
    match text {
        ['/', '/', ..] => text.iter().position(|c| *c == '\n').unwrap_or(text.len()),
        ['/', '*', ..] => ends(text, 2, &['*', '/']),
        ['"', ..] => quoted(text, '"'),
        ['\'', '\\', ..] => quoted(text, '\''),
        ['\'', _, '\'', ..] => 3,
        ['r', '"' | '#', ..] => {
            let hashes = text[1..].iter().take_while(|c| **c == '#').count();
            let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
            // Without a quote it is a raw identifier.
            if text.get(hashes + 1) == Some(&'"') { ends(text, hashes + 2, &end) } else { 0 }
        }
        _ => 0,
    }
}

fn ends(text: &[char], from: usize, mark: &[char]) -> usize {
    let found = text[from..].windows(mark.len()).position(|window| window == mark);
    found.map_or(text.len(), |at| from + at + mark.len())
}

fn quoted(text: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < text.len() && text[at] != quote {
        at += if text[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn first_word(text: &str) -> &str {
    let text = text.trim_start();
    text.split(|c| !is_word(c)).next().unwrap_or_default()
}

fn line_of(code: &str, at: usize) -> usize {
    1 + code[..at].matches('\n').count()
}

/// Returns where the word `wanted` stands.
fn words(code: &str, wanted: &str) -> Vec<usize> {
    let alone = |at: &usize| {
        let (before, after) = (&code[..*at], &code[at + wanted.len()..]);
        !before.ends_with(is_word) && !after.starts_with(is_word)
    };
    code.match_indices(wanted).map(|(at, _)| at).filter(alone).collect()
}

/// Returns line and second segment of each path that begins with `root`; of `root::{a, b::c}` there are two.
fn paths<'a>(code: &'a str, root: &str) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    for at in words(code, root) {
        let Some(rest) = code[at + root.len()..].trim_start().strip_prefix("::") else { continue };
        let line = line_of(code, at);
        match rest.trim_start().strip_prefix('{') {
            Some(group) => found.extend(members(group).into_iter().map(|name| (line, name))),
            None => found.push((line, first_word(rest))),
        }
    }
    found
}

/// Returns the first words of the members of a brace group; what is nested deeper belongs to a member.
fn members(group: &str) -> Vec<&str> {
    let (mut names, mut depth, mut begin) = (Vec::new(), 0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                names.push(first_word(&group[begin..at]));
                begin = at + 1;
                if c == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Returns what a file below `harness/src` uses that is not for its module.
fn layering(file: &str, code: &str) -> Vec<String> {
    let Some(module) = module_of(file) else { return Vec::new() };
    let Some(allowed) = allowed(module) else {
        return vec![format!("{file}: module {module} has no place in the order of the modules")];
    };
    let known = |name: &str| self::allowed(name).is_some();
    let mut used = paths(code, "crate");
    used.extend(paths(code, "patcheval"));
    // However many there are in a row, the last `super` may name the crate; that it names a module which has a child
    // called like a top-level one does not happen, and would only confuse readers.
    used.extend(paths(code, "super").into_iter().filter(|(_, name)| known(name)));
    let mut wrong = Vec::new();
    for (line, name) in used {
        if name != module && known(name) && !allowed.contains(&name) {
            wrong.push(format!("{file}:{line}: {module} may not use {name}"));
        }
    }
    if PURE.contains(&module) {
        let tools = paths(code, "crate").into_iter().filter(|(_, name)| EFFECTFUL_TOOLS.contains(name));
        let std = paths(code, "std").into_iter().filter(|(_, name)| EFFECTS.contains(name));
        wrong.extend(tools.chain(std).map(|(line, name)| format!("{file}:{line}: {module} is pure: {name}")));
    }
    wrong
}

/// Returns the words of a Rust file that another file owns.
fn ownership(file: &str, code: &str) -> Vec<String> {
    let foreign = |(word, owner): &(&str, &str)| {
        let lines: Vec<usize> = if file.starts_with(owner) { Vec::new() } else { words(code, word) };
        let word = (*word).to_owned();
        let owner = (*owner).to_owned();
        lines
            .into_iter()
            .map(move |at| format!("{file}:{}: {word} belongs into {owner}", line_of(code, at)))
            .collect::<Vec<_>>()
    };
    OWNED.iter().flat_map(foreign).collect()
}

/// Returns whether a file is too long, or lacks its licence in the first line (the second of a script).
fn form(file: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let lines = text.lines().count();
    // What the program writes by itself is as long as it is.
    let written = file.starts_with("harness/") && !file.starts_with(GENERATED);
    if written && lines > MAX_LINES {
        wrong.push(format!("{file}: {lines} lines, more than {MAX_LINES}"));
    }
    let named = [".rs", ".c", ".h", ".yaml", ".yml", ".config"].iter().any(|suffix| file.ends_with(suffix));
    let script = text.starts_with("#!") && (file.starts_with("ci/") || file.starts_with(".ci/"));
    let first = text.lines().find(|line| !line.starts_with("#!")).unwrap_or_default();
    if (named || script) && !first.contains("SPDX-License-Identifier: GPL-2.0") {
        wrong.push(format!("{file}: does not begin with its SPDX line"));
    }
    wrong
}

/// Returns all that is wrong with one file, by its path in the repository.
fn violations(file: &str, text: &str) -> Vec<String> {
    let mut wrong = form(file, text);
    if file.ends_with(".rs") {
        let code = code(text);
        wrong.extend(layering(file, &code));
        wrong.extend(ownership(file, &code));
    }
    wrong
}

/// The files of the repository that somebody wrote.
fn files() -> Vec<(String, String)> {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let tops = ["harness", "kernels", "patches", "testcases", "ci", ".ci"];
    let entries = tops.iter().map(|top| root.join(top)).filter(|top| top.exists()).flat_map(WalkDir::new);
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.unwrap();
        // What is not text has no lines and uses nothing.
        let Ok(text) = std::fs::read_to_string(entry.path()) else { continue };
        let name = entry.path().strip_prefix(&root).unwrap().to_str().unwrap();
        files.push((name.to_owned(), text));
    }
    files
}

#[test]
fn the_repository_keeps_its_rules() {
    let files = files();
    let sources = files.iter().filter(|(name, _)| module_of(name).is_some()).count();
    assert!(sources > 50, "only {sources} sources were found: the walk has lost its way");
    let wrong: Vec<String> = files.iter().flat_map(|(name, text)| violations(name, text)).collect();
    assert!(wrong.is_empty(), "{} rules broken:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_module_has_a_place() {
    let files = files();
    let (_, lib) = files.iter().find(|(name, _)| name == "harness/src/lib.rs").unwrap();
    let code = code(lib);
    let modules: Vec<&str> = words(&code, "mod").iter().map(|at| first_word(&code[at + 3..])).collect();
    assert!(modules.len() > 20, "{modules:?}");
    for module in &modules {
        assert!(allowed(module).is_some(), "{module} has no place in the order of the modules");
    }
    for module in STAGES.iter().chain(&TOOLS) {
        assert!(modules.contains(module), "{module} is gone: take it out of the order");
    }
}

const SPDX: &str = "// SPDX-License-Identifier: GPL-2.0-or-later\n";

fn planted(file: &str, line: &str) -> Vec<String> {
    violations(file, &format!("{SPDX}{line}\n"))
}

#[test]
fn a_module_to_the_right_is_found_however_it_is_named() {
    let wrong = ["harness/src/judge/cell.rs:2: judge may not use run"];
    assert_eq!(planted("harness/src/judge/cell.rs", "use crate::run::Event;"), wrong);
    assert_eq!(planted("harness/src/judge/cell.rs", "fn f() { crate::run::run() }"), wrong);
    assert_eq!(planted("harness/src/judge/cell.rs", "use crate::{plan::{self, Variant}, run};"), wrong);
    assert_eq!(planted("harness/src/judge/cell.rs", "use super::super::run;"), wrong);
    assert_eq!(planted("harness/src/source.rs", "use super::build::Image;").len(), 1);
    assert_eq!(
        planted("harness/src/source.rs", "use crate::{\n    plan,\n    patch::stage,\n};"),
        ["harness/src/source.rs:2: source may not use patch"]
    );
}

#[test]
fn tools_and_the_modules_beside_the_stages_are_held_too() {
    for (file, line) in [
        ("harness/src/yaml.rs", "use crate::plan::Plan;"),
        ("harness/src/study.rs", "use crate::store;"),
        ("harness/src/store.rs", "use crate::judge::judge;"),
        ("harness/src/run/mod.rs", "use crate::ui::Display;"),
        ("harness/src/doctor.rs", "use crate::cli::Args;"),
        ("harness/src/ui/bars.rs", "use crate::judge::Verdict;"),
        ("harness/src/main.rs", "use patcheval::run;"),
        ("harness/src/newcomer.rs", ""),
    ] {
        assert_eq!(planted(file, line).len(), 1, "{file}: {line}");
    }
    assert_eq!(planted("harness/src/yaml.rs", "use crate::nearest::nearest;"), [""; 0]);
    assert_eq!(planted("harness/src/judge/mod.rs", "use crate::{judge::cell, plan, trial::line};"), [""; 0]);
}

#[test]
fn an_effect_in_a_pure_stage_is_found() {
    let of = |line: &str| planted("harness/src/plan/load.rs", line);
    assert_eq!(of("use std::fs;"), ["harness/src/plan/load.rs:2: plan is pure: fs"]);
    assert_eq!(of("let t = std::time::Instant::now();").len(), 1);
    assert_eq!(of("use std::{collections::BTreeMap, env, net::TcpStream};").len(), 2);
    assert_eq!(of("use crate::cache_dir::key;"), ["harness/src/plan/load.rs:2: plan is pure: cache_dir"]);
    assert_eq!(of("use std::fmt::Write;"), [""; 0]);
    assert_eq!(planted("harness/src/source.rs", "use std::fs;"), [""; 0]);
}

#[test]
fn a_word_outside_its_own_file_is_found_but_not_in_text() {
    assert_eq!(planted("harness/src/build/mod.rs", "duct::cmd(a, b);").len(), 1);
    assert_eq!(planted("harness/src/plan/load.rs", "use serde_yaml as yaml;").len(), 1);
    assert_eq!(planted("harness/cache-model/src/tags.rs", "unsafe { *p }").len(), 1);
    assert_eq!(planted("harness/qemu-plugin/src/qemu/api.rs", "unsafe { *p }"), [""; 0]);
    assert_eq!(planted("harness/src/process/child.rs", "duct::Handle"), [""; 0]);
    let text =
        r##"/* unsafe */ let (a, b, c) = ("\"unsafe", r#""unsafe"#, '"'); #![forbid(unsafe_code)] // duct"##;
    assert_eq!(planted("harness/src/build/mod.rs", text), [""; 0]);
    assert_eq!(planted("harness/src/judge/mod.rs", "//! use crate::run;\nfn f<'a>(x: &'a str) {}"), [""; 0]);
}

#[test]
fn a_long_file_and_a_missing_licence_are_found() {
    let long = format!("{SPDX}{}", "\n".repeat(MAX_LINES));
    assert_eq!(violations("harness/src/a/b.c", &long), ["harness/src/a/b.c: 401 lines, more than 400"]);
    assert_eq!(violations("harness/doc/a.c", &long), [""; 0]);
    for (file, text) in [
        ("testcases/x/main.c", "int a;\n"),
        ("kernels/a.config", "CONFIG_A=y\n# SPDX-License-Identifier: GPL-2.0-or-later\n"),
        ("ci/setup", "#!/bin/bash\necho\n"),
        ("kernels/a.yaml", ""),
    ] {
        assert_eq!(violations(file, text), [format!("{file}: does not begin with its SPDX line")]);
    }
    assert_eq!(violations("ci/setup", "#!/bin/bash\n# SPDX-License-Identifier: GPL-2.0-or-later\n"), [""; 0]);
    assert_eq!(violations("patches/s/v/0001-x.patch", "From: somebody\n"), [""; 0]);
}
