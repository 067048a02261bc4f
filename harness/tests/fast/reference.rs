// SPDX-License-Identifier: GPL-2.0-or-later
//! The reference that is committed is the one that the program writes, and its schemas take the repository's files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use patcheval::cli::{reference, yaml_files};
use patcheval::reference::{FileKind, KINDS};
use patcheval::template::{Workflow, github, gitlab};
use serde_json::Value;
use walkdir::WalkDir;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn validator(kind: &FileKind) -> Validator {
    jsonschema::draft202012::new(&kind.schema()).unwrap()
}

fn kind(name: &str) -> &'static FileKind {
    KINDS.iter().find(|kind| kind.name == name).unwrap()
}

/// Returns what a schema has against a text.
fn complaints(validator: &Validator, text: &str) -> Vec<String> {
    let value: Value = patcheval::yaml::parse("text", text).unwrap();
    validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn what_is_committed_is_what_the_command_writes() {
    let doc = root().join("harness/doc");
    let made = reference(&root()).unwrap();
    let mut committed = BTreeMap::new();
    for entry in ["schema", "reference", "man"].iter().flat_map(|part| WalkDir::new(doc.join(part))) {
        let Ok(entry) = entry else { continue };
        if entry.file_type().is_file() {
            let path = entry.path().strip_prefix(&doc).unwrap().display().to_string();
            committed.insert(path, std::fs::read_to_string(entry.path()).unwrap());
        }
    }
    let names = made.keys().chain(committed.keys()).collect::<std::collections::BTreeSet<_>>();
    let differing: Vec<&String> =
        names.into_iter().filter(|name| made.get(*name) != committed.get(*name)).collect();
    assert!(
        differing.is_empty(),
        "harness/doc is not what the sources say: {differing:?}\n\
         write it by `target/release/patcheval reference --output harness/doc`, remove what it no longer writes, and commit it"
    );
}

#[test]
fn every_yaml_file_of_the_repository_is_valid() {
    let texts = yaml_files(&root()).unwrap();
    for kind in &KINDS {
        let validator = validator(kind);
        let own: Vec<_> = texts.iter().filter(|(path, _)| kind.is(path)).collect();
        assert!(!own.is_empty(), "no file is a {}", kind.name);
        for (path, text) in own {
            assert_eq!(complaints(&validator, text), [""; 0], "{path}");
        }
    }
    assert!(texts.len() > 50, "only {} files were found: the walk has lost its way", texts.len());
}

/// Editors take a schema from a comment; one that leads nowhere helps nobody.
#[test]
fn every_yaml_file_says_where_its_schema_is() {
    for (path, text) in yaml_files(&root()).unwrap() {
        let kind = KINDS.iter().find(|kind| kind.is(&path)).unwrap();
        let said = text.lines().find_map(|line| line.strip_prefix("# yaml-language-server: $schema="));
        let said = said.unwrap_or_else(|| panic!("{path} does not name its schema"));
        let schema = root().join(&path).parent().unwrap().join(said);
        let wanted = root().join(format!("harness/doc/schema/{}.json", kind.name));
        assert_eq!(schema.canonicalize().unwrap(), wanted.canonicalize().unwrap(), "{path}");
    }
}

#[test]
fn a_schema_refuses_what_the_reader_refuses() {
    let texts = yaml_files(&root()).unwrap();
    for (name, path, from, to) in [
        ("study", "ci/studies/quick.yaml", "\nbaseline:", "\nbaselin:"),
        ("study", "ci/studies/quick.yaml", "mode: enforce", "mode: off"),
        ("study", "ci/studies/quick.yaml", "first: 1,", ""),
        ("study", "ci/studies/quick.yaml", "count: 8", "count: many"),
        ("study", "ci/studies/quick.yaml", "count: 8", "count: -1"),
        ("study", "ci/studies/quick.yaml", "outcome: fail", "outcome: perhaps"),
        ("kernel", "harness/doc/kernel.yaml", "board:", "bord:"),
        ("architecture", "kernels/arch/arm.yaml", "compilers:", "compiler:"),
        ("architecture", "kernels/arch/arm.yaml", "dtbs: [", "dtb: ["),
        ("architecture", "kernels/arch/mips.yaml", "can_advertise: true", "can_advertise: perhaps"),
        ("sources", "kernels/common/sources.yaml", "debian:", "debain:"),
        ("features", "kernels/common/features.yaml", "provides:", "provide:"),
        ("machine", "kernels/machines/malta-24kf-16k.yaml", "caches:", "cache:"),
        ("machine", "kernels/machines/malta-24kc-32k.yaml", "vipt", "viptt"),
        ("variant", "patches/uprobes-xol/ixol-flush/variant.yaml", "\nwhy:", "\nbecause:"),
        ("case", "testcases/t1-first-return/case.yaml", "repetitions: 1", "repetitions: one"),
        ("suppressions", "harness/doc/suppressions.yaml", "2027-03-31", "March"),
        ("known-failures", "harness/doc/known-failures.yaml", "owner:", "by:"),
    ] {
        let broken = texts[path].replace(from, to);
        assert_ne!(broken, texts[path], "{path} has no `{from}`");
        assert_ne!(complaints(&validator(kind(name)), &broken), [""; 0], "{path} with `{to}`");
    }
}

/// A key that nobody uses has no example, and every other has one, cut out so that it can be read again.
#[test]
fn examples_can_be_read() {
    let made = reference(&root()).unwrap();
    let pages = made.iter().filter(|(path, _)| path.starts_with("reference/"));
    let mut count = 0;
    for (path, text) in pages {
        for example in text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("\n```").next()) {
            let read = patcheval::yaml::parse::<Value>(path, example);
            assert!(read.is_ok(), "{path}: {}\n{example}", read.unwrap_err());
            count += 1;
        }
    }
    assert!(count > 80, "only {count} examples");
}

#[test]
fn the_workflows_in_ci_are_what_the_command_writes() {
    let plan = patcheval::study::load(&root(), "nightly").unwrap();
    let workflow = Workflow { plan: &plan, shards: 4, cron: "17 2 * * *".into() };
    for (name, text) in [("github", github(&workflow)), ("gitlab", gitlab(&workflow))] {
        let committed = std::fs::read_to_string(root().join(format!("ci/{name}.yml"))).unwrap();
        let how = format!("target/release/patcheval template {name} founding --output ci/{name}.yml");
        assert!(committed == text, "ci/{name}.yml is not what `{how}` writes");
    }
}

/// Lines of a Markdown text that are not code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

/// The anchors that GitHub and GitLab give the headings of a Markdown text.
fn anchors(text: &str) -> Vec<String> {
    let headings = prose(text).filter(|line| line.starts_with('#'));
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    headings
        .map(|line| {
            line.trim_start_matches('#').trim().to_lowercase().chars().filter(kept).collect::<String>()
        })
        .map(|heading| heading.replace(' ', "-"))
        .collect()
}

#[test]
fn links_between_documents_lead_somewhere() {
    let documents = WalkDir::new(root()).into_iter().filter_entry(|entry| {
        // What is built, run and kept by git is not of the repository.
        !matches!(entry.file_name().to_str(), Some("target" | "runs" | ".git"))
    });
    let documents = documents.filter_map(Result::ok).map(walkdir::DirEntry::into_path);
    let (mut links, mut broken) = (0, Vec::new());
    for document in documents.filter(|path| path.extension().is_some_and(|end| end == "md")) {
        let text = std::fs::read_to_string(&document).unwrap();
        for link in
            prose(&text).flat_map(|line| line.split("](").skip(1)).filter_map(|rest| rest.split(')').next())
        {
            if link.contains("://") {
                continue;
            }
            links += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let to = if path.is_empty() { document.clone() } else { document.parent().unwrap().join(path) };
            let anchored =
                || std::fs::read_to_string(&to).is_ok_and(|text| anchors(&text).iter().any(|a| a == anchor));
            if !to.exists() || !anchor.is_empty() && !anchored() {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(links > 20, "only {links} links were found");
    assert!(broken.is_empty(), "links that lead nowhere: {broken:#?}");
}
