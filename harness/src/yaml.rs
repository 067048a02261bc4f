// SPDX-License-Identifier: GPL-2.0-or-later
//! Reads YAML into types; the only file that knows `serde_yaml`.
//!
//! Errors name the file, the line and the column, and suggest the nearest valid key: a study is written by hand.
//! The types that are read here deny unknown fields and use neither `flatten` nor `untagged`, with which
//! `serde_yaml` loses the position of an error.

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::error::Result;
use crate::nearest::nearest;

/// Parses the YAML `text` of the file called `file`; the name is used in errors only.
pub fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T> {
    serde_yaml::from_str(text).map_err(|error| describe(file, &error))
}

/// Reads and parses the YAML file at `path`.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::study(format!("cannot read {}: {error}", path.display())))?;
    parse(&path.display().to_string(), &text)
}

/// Returns the error as `file:line:column: message`, with a hint if a key or a value looks misspelt.
fn describe(file: &str, error: &serde_yaml::Error) -> Error {
    let message = error.to_string();
    // serde_yaml appends the position to the message; it is said once, in front.
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(before, _)| before);
    let position = error.location().map_or_else(String::new, |at| format!(":{}:{}", at.line(), at.column()));
    let made = Error::study(format!("{file}{position}: {message}"));
    match misspelt(message) {
        Some(near) => made.hint(format!("did you mean `{near}`?")),
        None => made,
    }
}

/// Returns the word nearest to the unknown field or variant that serde's `message` complains about. Serde puts the
/// unknown word and then each valid one in backticks: "unknown field `a`, expected one of `b`, `c`".
fn misspelt(message: &str) -> Option<&str> {
    let (_, tail) =
        message.split_once("unknown field ").or_else(|| message.split_once("unknown variant "))?;
    let mut quoted = tail.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    nearest(unknown, quoted)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        inner: Inner,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        count: u32,
        #[serde(default)]
        title: String,
    }

    #[test]
    fn a_good_file_is_read() {
        let outer: Outer = parse("x.yaml", "inner: {count: 0x10, title: a}").unwrap();
        assert_eq!((outer.inner.count, outer.inner.title.as_str()), (16, "a"));
    }

    #[test]
    fn an_unknown_key_is_located_and_the_nearest_one_suggested() {
        let error = parse::<Outer>("ci/x.yaml", "inner:\n  count: 1\n  tilte: a\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "ci/x.yaml:3:3: inner: unknown field `tilte`, expected `count` or `title`"
        );
        assert_eq!(error.hints(), ["did you mean `title`?"]);
        assert_eq!(error.exit_code(), crate::error::exit::STUDY);
    }

    #[test]
    fn a_wrong_type_is_located_and_has_no_suggestion() {
        let error = parse::<Outer>("x.yaml", "inner:\n  count: many\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "x.yaml:2:10: inner.count: invalid type: string \"many\", expected u32"
        );
        assert!(error.hints().is_empty());
    }

    #[test]
    fn a_missing_file_is_the_users_to_mend() {
        let error = read::<Outer>(Path::new("/nonexistent/x.yaml")).unwrap_err();
        assert!(error.to_string().starts_with("cannot read /nonexistent/x.yaml:"), "{error}");
        assert_eq!(error.exit_code(), crate::error::exit::STUDY);
    }
}
