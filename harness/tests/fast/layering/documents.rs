// SPDX-License-Identifier: GPL-2.0-or-later
//! The documents: every link inside the repository leads to a file and a heading, and prose fits a terminal.

use std::path::{Component, Path, PathBuf};

use walkdir::WalkDir;

/// How wide prose may be. Tables and output are as wide as they are: nobody can wrap them.
const WIDTH: usize = 110;

/// Written by the program from its types.
const GENERATED: [&str; 1] = ["harness/doc/reference"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns the paths of all documents, relative to the repository.
fn documents() -> Vec<PathBuf> {
    let root = root();
    let tops = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path());
    let below = ["harness/doc", "findings"].map(|name| root.join(name)).into_iter().flat_map(WalkDir::new);
    let all = tops.chain(below.filter_map(|entry| entry.ok().map(walkdir::DirEntry::into_path)));
    let markdown = all.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    markdown.map(|path| path.strip_prefix(&root).unwrap().to_owned()).collect()
}

/// Returns the lines that are not inside a code block, with their numbers.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut inside = false;
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let fence = line.trim_start().starts_with("```");
        if !inside && !fence {
            lines.push((number, line));
        }
        inside ^= fence;
    }
    lines
}

/// Returns a heading as the anchor that web forges make of it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>().replace(' ', "-")
}

fn anchors(text: &str) -> Vec<String> {
    let headings = prose(text).into_iter().filter(|(_, line)| line.starts_with('#'));
    headings.map(|(_, line)| anchor(line.trim_start_matches('#'))).collect()
}

/// Returns the targets of the links in the prose of a text, `[...](TARGET)`, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        for (at, mark) in line.match_indices("](") {
            let rest = &line[at + mark.len()..];
            found.push((number, rest[..rest.find(')').unwrap_or(rest.len())].to_owned()));
        }
    }
    found
}

/// Returns the path without `..`.
fn resolved(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut whole, part| {
        if part == Component::ParentDir {
            whole.pop();
        } else {
            whole.push(part);
        }
        whole
    })
}

/// Returns what is wrong with the links of one document; `read` returns a file's text, empty if it is none.
fn broken(name: &Path, text: &str, read: &dyn Fn(&Path) -> Option<String>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (line, target) in links(text) {
        if target.contains("://") {
            continue;
        }
        let (file, heading) = target.split_once('#').unwrap_or((&target, ""));
        let path = if file.is_empty() {
            name.to_owned()
        } else {
            resolved(&name.parent().unwrap_or(Path::new("")).join(file))
        };
        let Some(there) = read(&path) else {
            wrong.push(format!("{}:{line}: there is no {}", name.display(), path.display()));
            continue;
        };
        if !heading.is_empty() && !anchors(&there).iter().any(|known| known == heading) {
            wrong.push(format!("{}:{line}: {} has no heading `{heading}`", name.display(), path.display()));
        }
    }
    wrong
}

/// Returns the lines of prose that are too wide; tables cannot be wrapped, nor can one long word.
fn wide(name: &Path, text: &str) -> Vec<String> {
    let too_wide = prose(text).into_iter().filter(|(_, line)| {
        let wrappable = !line.starts_with('|') && !line.starts_with("![") && line.trim().contains(' ');
        wrappable && line.chars().count() > WIDTH
    });
    too_wide.map(|(line, _)| format!("{}:{line}: more than {WIDTH} columns", name.display())).collect()
}

#[test]
fn links_of_documents_lead_somewhere_and_prose_is_narrow() {
    let root = root();
    let read = |path: &Path| {
        let path = root.join(path);
        path.exists().then(|| std::fs::read_to_string(path).unwrap_or_default())
    };
    let documents = documents();
    assert!(documents.len() > 10, "only {} documents were found", documents.len());
    let mut wrong = Vec::new();
    for name in documents {
        let text = read(&name).unwrap();
        wrong.extend(broken(&name, &text, &read));
        if !GENERATED.iter().any(|generated| name.starts_with(generated)) {
            wrong.extend(wide(&name, &text));
        }
    }
    assert!(wrong.is_empty(), "{} lines are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn readme_names_both_commands() {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let first: Vec<&str> = text.lines().take(60).collect();
    for command in ["ci/eval ", "ci/test "] {
        assert!(first.iter().any(|line| line.starts_with(command)), "{command} is not on the first screen");
    }
}

#[test]
fn a_broken_link_and_a_wide_line_are_found() {
    let read = |path: &Path| (path == Path::new("a/b.md")).then(|| "# One `two`, three\n".to_owned());
    let check = |text: &str| broken(Path::new("a/doc/c.md"), text, &read);
    assert!(check("[x](../b.md#one-two-three) and [y](https://example.org/z)").is_empty());
    assert!(check("```\n[x](gone.md)\n```").is_empty());
    assert_eq!(check("[x](../gone.md)"), ["a/doc/c.md:1: there is no a/gone.md"]);
    assert_eq!(check("\n[x](../b.md#four)"), ["a/doc/c.md:2: a/b.md has no heading `four`"]);
    let line = "word ".repeat(30);
    assert_eq!(wide(Path::new("c.md"), &line).len(), 1);
    assert!(wide(Path::new("c.md"), &format!("| {line}")).is_empty());
}
