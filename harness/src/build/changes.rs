// SPDX-License-Identifier: GPL-2.0-or-later
//! What patches change in a kernel: whether they are in the binary is for the symbols to say, not for the diff.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Image;
use crate::error::Result;
use crate::symbols::{SizesByName, table};

/// How many symbols of each kind are named; the rest are counted.
const NAMED: usize = 12;

/// What a variant changes in a kernel, against the kernel's own tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Changes {
    /// How many objects its build made again.
    pub objects: usize,
    /// Whether the image that boots is another one.
    pub image_differs: bool,
    /// How many functions and data are there only with it.
    pub added: usize,
    /// How many are there only without it.
    pub removed: usize,
    /// How many are larger or smaller.
    pub resized: usize,
    /// Names of those that were added, the first dozen by name.
    pub added_names: Vec<String>,
    /// Names of those that were removed, likewise.
    pub removed_names: Vec<String>,
    /// Those that are larger or smaller, likewise.
    pub resized_names: Vec<Resized>,
}

/// A function or data of another size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resized {
    /// Its name.
    pub name: String,
    /// By how many bytes it is larger.
    pub by: i64,
}

/// A kernel's own tree, against which variants are compared; what was read of a vmlinux is kept.
#[derive(Debug)]
pub struct Compared {
    base: PathBuf,
    base_sha256: String,
    table: Option<SizesByName>,
    known: BTreeMap<String, Changes>,
}

impl Compared {
    /// Begins with the image of the kernel's own tree.
    pub fn new(base: &Image) -> Self {
        Self {
            base: base.vmlinux.clone(),
            base_sha256: base.record.image_sha256.clone(),
            table: None,
            known: BTreeMap::new(),
        }
    }

    /// Returns what an image has that the kernel's own tree has not, and the other way round.
    ///
    /// # Errors
    ///
    /// Infrastructure, when a vmlinux cannot be read.
    pub fn with(&mut self, image: &Image) -> Result<Changes> {
        let record = &image.record;
        if record.image_sha256 == self.base_sha256 {
            return Ok(Changes { objects: record.objects_rebuilt, ..Changes::default() });
        }
        let base = match &mut self.table {
            Some(table) => table,
            none => none.insert(table(&self.base)?),
        };
        match self.known.entry(record.vmlinux_sha256.clone()) {
            Entry::Occupied(known) => Ok(Changes { objects: record.objects_rebuilt, ..known.get().clone() }),
            Entry::Vacant(new) => {
                let changes = between(base, &table(&image.vmlinux)?);
                Ok(new
                    .insert(Changes { objects: record.objects_rebuilt, image_differs: true, ..changes })
                    .clone())
            }
        }
    }
}

/// Compares two tables of symbols.
fn between(base: &SizesByName, own: &SizesByName) -> Changes {
    let mut changes = Changes::default();
    let only = |a: &SizesByName, b: &SizesByName| -> Vec<String> {
        a.iter().filter(|(name, _)| !b.contains_key(*name)).map(|(name, _)| name.clone()).collect()
    };
    let (added, removed) = (only(own, base), only(base, own));
    let mut resized = Vec::new();
    for (name, sizes) in own {
        let Some(before) = base.get(name).filter(|before| *before != sizes) else { continue };
        let sum = |sizes: &[u64]| sizes.iter().fold(0, |sum: i64, size| sum.saturating_add_unsigned(*size));
        resized.push(Resized { name: name.clone(), by: sum(sizes) - sum(before) });
    }
    (changes.added, changes.removed, changes.resized) = (added.len(), removed.len(), resized.len());
    changes.added_names = added.into_iter().take(NAMED).collect();
    changes.removed_names = removed.into_iter().take(NAMED).collect();
    changes.resized_names = resized.into_iter().take(NAMED).collect();
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_removed_and_resized_symbols_are_distinguished() {
        let table = |symbols: &[(&str, &[u64])]| -> SizesByName {
            symbols.iter().map(|(name, sizes)| ((*name).to_owned(), sizes.to_vec())).collect()
        };
        let base = table(&[("same", &[8]), ("gone", &[4]), ("grown", &[100]), ("static", &[4, 8])]);
        let own = table(&[("same", &[8]), ("new", &[4]), ("grown", &[124]), ("static", &[4, 4])]);
        let changes = between(&base, &own);
        assert_eq!((changes.added, changes.removed, changes.resized), (1, 1, 2));
        assert_eq!(
            (changes.added_names, changes.removed_names),
            (vec!["new".to_owned()], vec!["gone".to_owned()])
        );
        let by = |name: &str, by| Resized { name: name.into(), by };
        assert_eq!(changes.resized_names, [by("grown", 24), by("static", -4)]);
        assert_eq!(between(&base, &base), Changes::default());
    }
}
