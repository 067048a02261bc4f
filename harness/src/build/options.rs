// SPDX-License-Identifier: GPL-2.0-or-later
//! Configurations between two others: the second's options are taken over by the first one after another.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::config::parse_line;
use crate::error::{Error, Result};
use crate::patch::{Staged, StagedFile};

/// The file in a staged tree by which it is configured, instead of by the kernel's fragments. No kernel has one of this name.
pub(super) const FILE: &str = ".patcheval.config";

/// What kbuild itself finds out about compiler and linker; it takes no request for it.
const FOUND_OUT: [&str; 8] = [
    "CONFIG_CC_",
    "CONFIG_GCC_",
    "CONFIG_LD_",
    "CONFIG_AS_",
    "CONFIG_CLANG_",
    "CONFIG_LLD_",
    "CONFIG_PAHOLE_",
    "CONFIG_RUSTC_",
];

/// A `.config`, or a part of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigOptions {
    values: BTreeMap<String, String>,
    /// Symbols as they stand in the file: kbuild writes those of a menu in the menu's order, so that what others depend on
    /// mostly comes before them.
    order: Vec<String>,
}

/// One option that two configurations have different values of; `None` where one does not mention it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// With its `CONFIG_`.
    pub symbol: String,
    /// The value before.
    pub from: Option<String>,
    /// The value after.
    pub to: Option<String>,
}

impl std::fmt::Display for Switch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "not there".to_owned());
        write!(f, "{}: {} -> {}", self.symbol, value(&self.from), value(&self.to))
    }
}

impl ConfigOptions {
    /// Reads a configuration; `path` is for messages.
    ///
    /// # Errors
    ///
    /// Study, for a line that is no option.
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        let mut options = Self::default();
        for (number, line) in text.lines().enumerate() {
            let at = || format!("{}:{}", path.display(), number + 1);
            let read = parse_line(line).map_err(|why| Error::study(format!("{}: {why}", at())))?;
            let Some((symbol, value)) = read else { continue };
            if options.values.insert(symbol.to_owned(), value.to_owned()).is_none() {
                options.order.push(symbol.to_owned());
            }
        }
        Ok(options)
    }

    /// Returns these with others laid over them.
    pub fn overlaid(mut self, over: &Self) -> Self {
        for symbol in &over.order {
            let value = over.values[symbol].clone();
            if self.values.insert(symbol.clone(), value).is_none() {
                self.order.push(symbol.clone());
            }
        }
        self
    }

    /// Returns what is different in `other`, in the order of `other`, then what it does not mention in the order of these.
    /// "Not set" and not mentioned is the same.
    pub fn switches(&self, other: &Self) -> Vec<Switch> {
        let switch = |symbol: &String| {
            let value = |options: &Self| options.values.get(symbol).cloned();
            let (from, to) = (value(self), value(other));
            let set = |value: &Option<String>| value.clone().filter(|value| value != "n");
            let differs =
                set(&from) != set(&to) && !FOUND_OUT.iter().any(|prefix| symbol.starts_with(prefix));
            differs.then(|| Switch { symbol: symbol.clone(), from, to })
        };
        let gone = self.order.iter().filter(|symbol| !other.values.contains_key(*symbol));
        other.order.iter().chain(gone).filter_map(switch).collect()
    }

    /// Returns these with some options switched.
    pub fn switched(&self, switches: &[Switch]) -> Self {
        let mut options = self.clone();
        for Switch { symbol, to, .. } in switches {
            let value = to.clone().unwrap_or_else(|| "n".to_owned());
            if options.values.insert(symbol.clone(), value).is_none() {
                options.order.push(symbol.clone());
            }
        }
        options
    }

    /// Returns them as a file that kbuild reads, and [`ConfigOptions::parse`].
    pub fn text(&self) -> String {
        let line = |symbol: &String| match self.values[symbol].as_str() {
            "n" => format!("# {symbol} is not set\n"),
            value => format!("{symbol}={value}\n"),
        };
        self.order.iter().map(line).collect()
    }
}

/// Returns changes of a tree with a configuration of their own.
pub fn configured(staged: Staged, options: &ConfigOptions) -> Staged {
    let mut files = staged.files;
    let file = StagedFile { content: options.text().into_bytes(), executable: false, link: false };
    files.insert(PathBuf::from(FILE), Some(file));
    Staged::new(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> ConfigOptions {
        ConfigOptions::parse(Path::new("x.config"), text).unwrap()
    }

    #[test]
    fn what_differs_comes_in_the_order_of_the_second() {
        let good = options("CONFIG_A=y\nCONFIG_GONE=y\nCONFIG_HZ=100\n# CONFIG_SAME is not set\n");
        let bad = options(
            "# Linux/mips\nCONFIG_NEW=m\nCONFIG_HZ=250\n# CONFIG_A is not set\nCONFIG_CC_VERSION=3\n",
        );
        let switches = good.switches(&bad);
        let shown: Vec<String> = switches.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "CONFIG_NEW: not there -> m",
                "CONFIG_HZ: 100 -> 250",
                "CONFIG_A: y -> n",
                "CONFIG_GONE: y -> not there"
            ]
        );
        let half = good.switched(&switches[..2]);
        assert_eq!(
            half.text(),
            "CONFIG_A=y\nCONFIG_GONE=y\nCONFIG_HZ=250\n# CONFIG_SAME is not set\nCONFIG_NEW=m\n"
        );
        assert_eq!(half.switches(&bad).len(), 2);
        assert!(good.switched(&switches).switches(&bad).is_empty());
    }

    #[test]
    fn fragments_lie_below_and_nonsense_has_its_line() {
        let over = options("CONFIG_A=y\n").overlaid(&options("CONFIG_B=y\n# CONFIG_A is not set\n"));
        assert_eq!(over.text(), "# CONFIG_A is not set\nCONFIG_B=y\n");
        let error = ConfigOptions::parse(Path::new("x.config"), "CONFIG_A=y\nA=y\n").unwrap_err();
        assert!(error.to_string().starts_with("x.config:2: "), "{error}");
    }
}
