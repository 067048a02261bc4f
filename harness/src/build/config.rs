// SPDX-License-Identifier: GPL-2.0-or-later
//! What the fragments ask for, and whether kbuild granted it.
//!
//! kbuild drops a request silently when a symbol does not exist or its dependencies are not met; a kernel without
//! uprobes would then be judged. So every request is looked up in the resulting configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::error::{Error, Result};

/// Merged requests of some fragments, by symbol with its `CONFIG_` prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Requested {
    symbols: BTreeMap<String, SymbolRequest>,
}

/// One symbol's wanted value, and who wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SymbolRequest {
    value: String,
    fragment: PathBuf,
    line: usize,
}

impl Requested {
    /// Merges fragments, the later over the earlier; each is a path for messages and its text.
    pub(super) fn parse<'a>(fragments: impl IntoIterator<Item = (&'a Path, &'a str)>) -> Result<Self> {
        let mut symbols = BTreeMap::new();
        for (fragment, text) in fragments {
            for (number, line) in text.lines().enumerate() {
                let at = || format!("{}:{}", fragment.display(), number + 1);
                let Some((symbol, value)) =
                    parse_line(line).map_err(|why| Error::study(format!("{}: {why}", at())))?
                else {
                    continue;
                };
                let request = SymbolRequest {
                    value: value.to_owned(),
                    fragment: fragment.to_owned(),
                    line: number + 1,
                };
                symbols.insert(symbol.to_owned(), request);
            }
        }
        Ok(Self { symbols })
    }

    /// Returns the requests under the names that a source has for them; `names` are without `CONFIG_`, old name and new name.
    #[must_use]
    pub(super) fn renamed(mut self, names: &BTreeMap<String, String>) -> Self {
        for (old, new) in names {
            if let Some(request) = self.symbols.remove(&format!("CONFIG_{old}")) {
                self.symbols.insert(format!("CONFIG_{new}"), request);
            }
        }
        self
    }

    /// Returns whether a module is asked for.
    pub(super) fn has_modules(&self) -> bool {
        self.symbols.values().any(|request| request.value == "m")
    }

    /// Returns the requests as one fragment, sorted, without comments: what `KCONFIG_ALLCONFIG` gets.
    pub(super) fn text(&self) -> String {
        self.symbols.iter().map(|(symbol, request)| format!("{symbol}={}\n", request.value)).collect()
    }

    /// Compares the requests with a `.config`; the error names every one that was not granted, and why.
    pub(super) fn verify(&self, config: &str, tree: &Path) -> Result<()> {
        let got: BTreeMap<&str, &str> = config.lines().filter_map(|l| parse_line(l).ok().flatten()).collect();
        let refused = |(symbol, request): (&String, &SymbolRequest)| {
            let value = got.get(symbol.as_str()).copied().unwrap_or("n");
            if value == request.value {
                return None;
            }
            let why = if value != "n" {
                format!("it became {value}")
            } else if declared(tree, symbol) {
                "its dependencies are not met".to_owned()
            } else {
                "this kernel has no such symbol".to_owned()
            };
            Some(format!(
                "{}:{}: {symbol}={} was not granted: {why}",
                request.fragment.display(),
                request.line,
                request.value
            ))
        };
        let refused: Vec<_> = self.symbols.iter().filter_map(refused).collect();
        if refused.is_empty() { Ok(()) } else { Err(Error::study(refused.join("\n"))) }
    }
}

/// Reads a line of a fragment or of `.config`: a symbol and its value, or nothing for a comment.
pub(super) fn parse_line(line: &str) -> Result<Option<(&str, &str)>, String> {
    let line = line.trim();
    if let Some(symbol) = line.strip_prefix("# ").and_then(|l| l.strip_suffix(" is not set")) {
        return Ok(Some((symbol, "n")).filter(|_| symbol.starts_with("CONFIG_")));
    }
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    match line.split_once('=') {
        Some((symbol, value)) if symbol.starts_with("CONFIG_") && !value.is_empty() => {
            Ok(Some((symbol, value)))
        }
        _ => Err(format!("neither CONFIG_X=value nor a comment: {line}")),
    }
}

/// Returns whether any Kconfig file of the tree declares the symbol.
fn declared(tree: &Path, symbol: &str) -> bool {
    let name = symbol.trim_start_matches("CONFIG_");
    let declares = |line: &str| {
        let declared = line.trim().strip_prefix("config ").or(line.trim().strip_prefix("menuconfig "));
        declared.is_some_and(|declared| declared.trim() == name)
    };
    let files = WalkDir::new(tree).into_iter().flatten();
    files
        .filter(|e| e.file_type().is_file() && e.file_name().to_string_lossy().starts_with("Kconfig"))
        .any(|e| std::fs::read_to_string(e.path()).is_ok_and(|text| text.lines().any(declares)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requested(text: &str) -> Requested {
        Requested::parse([(Path::new("k/a.config"), text)]).unwrap()
    }

    #[test]
    fn later_fragments_win_and_comments_do_not_count() {
        let (a, b) = ("# why\nCONFIG_B=y\nCONFIG_A=y\n", "# CONFIG_A is not set\n");
        let merged = Requested::parse([(Path::new("a"), a), (Path::new("b"), b)]).unwrap();
        assert_eq!(merged.text(), "CONFIG_A=n\nCONFIG_B=y\n");
    }

    #[test]
    fn a_module_is_one_that_is_asked_for_as_such() {
        assert!(requested("CONFIG_A=y\nCONFIG_B=m\n").has_modules());
        assert!(!requested("CONFIG_MODULES=y\nCONFIG_NAME=\"m\"\n# CONFIG_M is not set\n").has_modules());
    }

    #[test]
    fn a_symbol_is_asked_for_by_the_name_that_the_source_has_for_it() {
        let names = BTreeMap::from([("OLD".to_owned(), "NEW".to_owned()), ("NOT".into(), "ASKED".into())]);
        let renamed = requested("CONFIG_A=y\nCONFIG_OLD=y\n").renamed(&names);
        assert_eq!(renamed.text(), "CONFIG_A=y\nCONFIG_NEW=y\n");
        let error = renamed.verify("CONFIG_A=y\nCONFIG_OLD=y\n", Path::new("none")).unwrap_err().to_string();
        assert_eq!(error, "k/a.config:2: CONFIG_NEW=y was not granted: this kernel has no such symbol");
    }

    #[test]
    fn a_line_that_asks_for_nothing_is_refused() {
        let error = Requested::parse([(Path::new("k/a.config"), "CONFIG_A=y\nUPROBES=y\n")]).unwrap_err();
        assert_eq!(error.to_string(), "k/a.config:2: neither CONFIG_X=value nor a comment: UPROBES=y");
    }

    #[test]
    fn a_refused_request_says_whether_the_symbol_exists() {
        let tree = tempfile::tempdir().unwrap();
        std::fs::write(tree.path().join("Kconfig.debug"), "config UPROBES\n\tbool\n").unwrap();
        let asked = requested("CONFIG_UPROBES=y\nCONFIG_OLD=y\nCONFIG_HZ=100\nCONFIG_FINE=y\nCONFIG_OFF=n\n");
        let error = asked.verify("CONFIG_HZ=250\nCONFIG_FINE=y\n", tree.path()).unwrap_err();
        let lines: Vec<_> = error.to_string().lines().map(str::to_owned).collect();
        assert_eq!(lines[0], "k/a.config:3: CONFIG_HZ=100 was not granted: it became 250");
        assert_eq!(lines[1], "k/a.config:2: CONFIG_OLD=y was not granted: this kernel has no such symbol");
        assert_eq!(lines[2], "k/a.config:1: CONFIG_UPROBES=y was not granted: its dependencies are not met");
        assert_eq!(lines.len(), 3);
    }
}
