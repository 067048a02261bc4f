// SPDX-License-Identifier: GPL-2.0-or-later
//! What the plugin has to know of the machine.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::format::{FileFormat, ReadError};
use crate::hardware::{ByteOrder, Caches, Isa};

/// The machine, as the plugin has to know it: the same for all trials of one QEMU.
///
/// ```json
/// {
///   "version": 2,
///   "isa": null,
///   "byte_order": "big",
///   "cpus": 1,
///   "page_size": 4096,
///   "ram": {
///     "base": 0,
///     "size": 67108864
///   },
///   "caches": {
///     "icache": {
///       "sets": 128,
///       "ways": 4,
///       "line": 32,
///       "addressing": "pipt",
///       "replacement": "lru"
///     },
///     "dcache": {
///       "sets": 128,
///       "ways": 4,
///       "line": 32,
///       "addressing": "pipt",
///       "replacement": "lru",
///       "write": "back-allocate"
///     },
///     "advertise": true,
///     "snoops": "nothing",
///     "globalised": false,
///     "shared": false,
///     "aliases": "shown"
///   },
///   "symbols": "/cache/image/0a1b/System.map",
///   "serves": true
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// [`Setup::VERSION`] of the writer.
    pub version: u32,
    /// What to decode; without it, the usual instruction set of QEMU's target, which is MIPS up to Release 5 or ARM v7.
    pub isa: Option<Isa>,
    /// The guest's byte order, which is that of QEMU's target: the plugin refuses another, and a record repeats it.
    pub byte_order: ByteOrder,
    /// Number of CPUs, at least 1. Each has a pair of caches of its own, unless `caches.shared`.
    pub cpus: u32,
    /// Bytes in a page of the guest's kernel.
    pub page_size: u32,
    /// The guest's RAM, one block. Accesses to other addresses are uncached.
    pub ram: Ram,
    /// The modelled first-level caches.
    pub caches: Caches,
    /// The kernel's `System.map`, to count instructions in functions that do maintenance; without it none are counted. It is
    /// read for a request that wants a record and has the model on.
    pub symbols: Option<PathBuf>,
    /// Whether this QEMU serves one request after the other: at the guest's first COMMAND marker its state is kept, and each
    /// request's trial begins with going back to it.
    #[serde(default)]
    pub serves: bool,
}

/// A block of RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ram {
    /// Physical address of its first byte.
    pub base: u64,
    /// Bytes; at least 1.
    pub size: u64,
}

const SETUP: FileFormat = FileFormat::new("setup", "plugin", Setup::VERSION);

impl Setup {
    /// Version of the format that this crate writes and reads.
    ///
    /// Version 1 had no byte order.
    pub const VERSION: u32 = 2;

    /// Returns how many pairs of caches there are.
    pub fn cache_pairs(&self) -> u32 {
        self.caches.pairs(self.cpus)
    }

    /// Returns the setup as JSON, over several lines.
    ///
    /// # Errors
    ///
    /// A path that is not UTF-8.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    /// Reads a setup.
    ///
    /// # Errors
    ///
    /// Another version than [`Setup::VERSION`]; not a whole setup, or one with a key that is unknown.
    pub fn from_json(text: &str) -> Result<Self, ReadError> {
        SETUP.read(text)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::hardware::{DataCache, InstructionCache};

    pub(crate) fn setup() -> Setup {
        let (addressing, replacement) = Default::default();
        let write = Default::default();
        Setup {
            version: Setup::VERSION,
            isa: None,
            byte_order: ByteOrder::Big,
            cpus: 1,
            page_size: 4096,
            ram: Ram { base: 0, size: 64 << 20 },
            caches: Caches {
                icache: InstructionCache { sets: 128, ways: 4, line: 32, addressing, replacement },
                dcache: DataCache { sets: 128, ways: 4, line: 32, addressing, replacement, write },
                advertise: true,
                snoops: Default::default(),
                globalised: false,
                shared: false,
                aliases: Default::default(),
            },
            symbols: Some("/cache/image/0a1b/System.map".into()),
            serves: true,
        }
    }

    /// Returns the example in the documentation of a type, from the source of its file.
    pub(crate) fn example(source: &str) -> String {
        let lines = source.lines().skip_while(|line| *line != "/// ```json").skip(1);
        let lines = lines.take_while(|line| *line != "/// ```");
        lines.map(|line| line.trim_start_matches("/// ")).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_documented_setup_is_what_is_written_and_read() {
        let text = setup().to_json().unwrap();
        assert_eq!(text, example(include_str!("setup.rs")));
        assert_eq!(Setup::from_json(&text).unwrap(), setup());
    }

    #[test]
    fn cpus_have_caches_of_their_own_or_share_them() {
        let mut setup = Setup { cpus: 2, ..setup() };
        assert_eq!(setup.cache_pairs(), 2);
        setup.caches.shared = true;
        assert_eq!(setup.cache_pairs(), 1);
    }

    #[test]
    fn another_version_is_refused_before_anything_else_is_looked_at() {
        let why = |text: &str| Setup::from_json(text).unwrap_err().to_string();
        assert_eq!(why(r#"{"version": 3, "cores": 4}"#), "setup has version 3, this plugin reads version 2");
        assert_eq!(why(r#"{"version": "1"}"#), "setup has version \"1\", this plugin reads version 2");
        assert_eq!(why("{}"), "not a whole setup: no version");
        assert_eq!(why("[1]"), "not a whole setup: no version");
    }

    #[test]
    fn an_unknown_key_or_word_is_refused_with_its_line() {
        let text = setup().to_json().unwrap();
        let why = |from: &str, to: &str| {
            assert!(text.contains(from), "nothing to replace: {from}");
            Setup::from_json(&text.replacen(from, to, 1)).unwrap_err().to_string()
        };
        assert_eq!(
            why("\"cpus\"", "\"cores\""),
            "not a whole setup: unknown field `cores`, expected one of `version`, `isa`, `byte_order`, `cpus`, `page_size`, \
             `ram`, `caches`, `symbols`, `serves` at line 5 column 9"
        );
        assert!(why("\"ways\"", "\"assoc\"").contains("unknown field `assoc`"));
        assert!(why("\"size\"", "\"bytes\"").contains("unknown field `bytes`, expected `base` or `size`"));
        assert!(
            why("\"back-allocate\"", "\"back\"")
                .contains("expected one of `back-allocate`, `back-no-allocate`, `through`")
        );
        assert!(why("67108864", "-1").contains("invalid value: integer `-1`, expected u64 at line 9"));
    }
}
