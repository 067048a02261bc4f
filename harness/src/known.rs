// SPDX-License-Identifier: GPL-2.0-or-later
//! Known failures: cells that somebody looks after, so that nobody has to be woken for them. Pure.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::error::Result;
use crate::sanitize::Date;
use crate::yaml;

/// One entry of a file of known failures.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// `KERNEL/MACHINE/VARIANT/TESTCASE`; each of the four may be `*`.
    pub cell: String,
    /// Why it fails.
    pub reason: String,
    /// Who looks after it.
    pub owner: String,
    /// The last day on which it is known.
    pub expires: Date,
}

/// Whether a cell, given as `KERNEL/MACHINE/VARIANT/TESTCASE`, fits a pattern, of which each part may be `*`.
pub fn fits(pattern: &str, cell: &str) -> bool {
    let (wanted, parts) = (pattern.split('/'), cell.split('/'));
    wanted.clone().count() == parts.clone().count()
        && wanted.zip(parts).all(|(wanted, part)| wanted == "*" || wanted == part)
}

/// Reads the text of a file of known failures: a list of entries.
///
/// # Errors
///
/// Study, with line and column.
pub fn read(file: &str, text: &str) -> Result<Vec<Known>> {
    yaml::parse(file, text)
}

/// Returns what is known of a cell on a day.
pub fn of<'a>(known: &'a [Known], cell: &str, today: Date) -> Option<&'a Known> {
    known.iter().find(|entry| fits(&entry.cell, cell) && entry.expires >= today)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::{self, Food};
    use crate::sanitize;

    /// Both kinds of lists with a day on which an entry ends.
    #[test]
    fn damaged_lists_are_read_for_a_moment() {
        let right = [include_str!("../doc/known-failures.yaml"), include_str!("../doc/suppressions.yaml")];
        let right = right.into_iter().map(|text| text.as_bytes().to_vec()).collect();
        let words = ["- ", "expires: ", "2026-02-30", "-", ": ", "*/*/*/*", "&a ", "*a"];
        fuzz::shortly(&Food { name: "lists", right, words: &words }, |input| {
            let text = String::from_utf8_lossy(input);
            let _ = read("x", &text);
            let _ = sanitize::read("x", &text);
        });
    }

    #[test]
    fn an_entry_is_about_cells_until_it_expires() {
        let text = "- {cell: 'mips-6.1/*/fix/t1', reason: r, owner: o, expires: 2026-12-31}\n";
        let known = read("k.yaml", text).unwrap();
        let day = |text: &str| text.parse::<Date>().unwrap();
        assert!(of(&known, "mips-6.1/malta/fix/t1", day("2026-12-31")).is_some());
        assert!(of(&known, "mips-6.1/malta/fix/t1", day("2027-01-01")).is_none());
        assert!(of(&known, "mips-6.1/malta/other/t1", day("2026-12-31")).is_none());
        assert!(of(&known, "mips-6.1/malta/fix", day("2026-12-31")).is_none());
        let error = read("k.yaml", "- {cell: a, reason: r, owner: o, expires: soon}\n").unwrap_err();
        assert!(error.to_string().starts_with("k.yaml:1:"), "{error}");
    }
}
