// SPDX-License-Identifier: GPL-2.0-or-later
//! The reference as Markdown: one page for each kind of file, one section for each key.

use std::fmt::Write;

use serde_json::Value;

use super::example;
use super::keys::{YamlKey, keys};
use super::{FileKind, KINDS};

/// Said at the head of each page.
const MADE: &str = "<!-- Made by `patcheval reference`; change the types in harness/src instead. -->";

/// Returns the page that lists the others.
pub(super) fn index() -> String {
    let mut text = format!(
        "{MADE}\n\n# The YAML files\n\nMade from the types that read the files, by `patcheval reference`; a test fails if they \
         differ. Names consist of `a-z`, `0-9`, `-` and `.`,\nand are the same inside a file as outside; unknown keys are \
         errors.\n\n| file | reference | schema |\n| --- | --- | --- |\n"
    );
    for FileKind { name, pattern, .. } in &KINDS {
        let _ =
            writeln!(text, "| `{pattern}` | [{name}]({name}.md) | [{name}.json](../schema/{name}.json) |");
    }
    text + "\nAn editor with the YAML language server completes and checks a file that says where its schema is, in a comment \
            near its\nhead, relative to itself:\n\n```yaml\n# yaml-language-server: $schema=../../harness/doc/schema/study.json\n```\n"
}

/// Returns the page of one kind of file.
pub(super) fn page(kind: &FileKind, schema: &Value, texts: &[&str]) -> String {
    let FileKind { name, pattern, note, .. } = kind;
    // A list of entries, entries by name, or the keys of the file itself.
    let referred = |key: &str| super::keys::referred(schema, &schema[key]).map(|(_, entry)| entry);
    let (root, entries) = match (referred("items"), referred("additionalProperties")) {
        (Some(entry), _) => (entry, "A list of entries with these keys. "),
        (None, Some(entry)) => (entry, "Entries by name, with these keys. "),
        (None, None) => (schema, ""),
    };
    let what = root["description"].as_str().unwrap_or_default();
    let mut text = format!(
        "{MADE}\n\n# {name}: `{pattern}`\n\n{what}\n\n{entries}{note}\n\nSchema: [{name}.json](../schema/{name}.json).\n"
    );
    let page = Page { schema, texts };
    page.object(&mut text, &mut Vec::new(), root, &mut Vec::new());
    text
}

struct Page<'a> {
    schema: &'a Value,
    texts: &'a [&'a str],
}

impl Page<'_> {
    /// Adds the sections of an object's keys, and of the keys below each; a type that was described before is not described again.
    fn object(
        &self,
        text: &mut String,
        path: &mut Vec<String>,
        object: &Value,
        described: &mut Vec<(String, String)>,
    ) {
        for key in keys(self.schema, object) {
            path.push(key.name.clone());
            let title = path.join(".");
            let before = key
                .below
                .as_ref()
                .and_then(|below| described.iter().find(|(name, _)| name == below))
                .cloned();
            self.section(text, path, &key, before.as_ref().map(|(_, title)| title.as_str()));
            if let (Some(below), None) = (&key.below, before) {
                described.push((below.clone(), title));
                self.object(text, path, &self.schema["$defs"][below], described);
            }
            path.pop();
        }
    }

    fn section(&self, text: &mut String, path: &[String], key: &YamlKey, before: Option<&str>) {
        let needed = match (&key.default, key.required) {
            (_, true) => "required".to_owned(),
            (Some(default), false) => format!("`{}` by default", default.trim_matches('"')),
            (None, false) => "may be left out".to_owned(),
        };
        let _ = write!(
            text,
            "\n{} `{}`\n\n*{}, {needed}.* {}\n",
            "#".repeat(path.len() + 1),
            path.join("."),
            key.kind,
            key.meaning
        );
        if let Some(title) = before {
            let _ = write!(text, "\nIts keys are those of `{title}`.\n");
        }
        if !key.words.is_empty() {
            text.push('\n');
        }
        for (word, meaning) in &key.words {
            let _ = writeln!(text, "- `{word}`: {meaning}");
        }
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        if let Some(example) = example::find(self.texts, &path) {
            let _ = write!(text, "\n```yaml\n{example}\n```\n");
        }
    }
}
