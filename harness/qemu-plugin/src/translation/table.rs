// SPDX-License-Identifier: GPL-2.0-or-later
//! Tables that callbacks read by number, without the plugin's state.
//!
//! They only grow, and an entry never moves: a block that QEMU has translated refers to its entries for as long as QEMU runs.

use std::sync::OnceLock;

/// A table of at most `CHUNKS` times `CHUNK` entries, both powers of two. Entries are atomic words, zero at first.
pub struct WordTable<T: 'static, const CHUNK: usize, const CHUNKS: usize>(
    [OnceLock<Box<[T; CHUNK]>>; CHUNKS],
);

impl<T, const CHUNK: usize, const CHUNKS: usize> WordTable<T, CHUNK, CHUNKS> {
    /// Returns an empty table.
    pub const fn empty() -> Self {
        Self([const { OnceLock::new() }; CHUNKS])
    }

    /// Returns an entry; `None` where nothing was ever added.
    #[inline]
    pub fn get(&self, number: usize) -> Option<&T> {
        // Not compared with the limit: no number is beyond it.
        let chunk = self.0[number / CHUNK % CHUNKS].get()?;
        Some(&chunk[number % CHUNK])
    }

    /// Returns entries that lie in one chunk; none where nothing was ever added.
    #[inline]
    pub fn slice(&self, first: usize, count: usize) -> &[T] {
        let chunk = self.0.get(first / CHUNK).and_then(OnceLock::get);
        chunk.and_then(|chunk| chunk.get(first % CHUNK..first % CHUNK + count)).unwrap_or(&[])
    }
}

impl<T: Default, const CHUNK: usize, const CHUNKS: usize> WordTable<T, CHUNK, CHUNKS> {
    /// Returns the entries from a number to the end of its chunk, to be written; `None` where the table is full.
    pub fn room(&self, first: usize) -> Option<&[T]> {
        let chunk = self.0.get(first / CHUNK)?;
        let chunk = chunk.get_or_init(|| {
            let entries: Vec<T> = (0..CHUNK).map(|_| T::default()).collect();
            entries.try_into().unwrap_or_else(|_| unreachable!("it has {CHUNK} entries"))
        });
        chunk.get(first % CHUNK..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    #[test]
    fn what_was_added_stays_where_it_is() {
        let table = WordTable::<AtomicU64, 4, 2>::empty();
        assert!(table.get(0).is_none() && table.slice(0, 1).is_empty());
        table.room(3).unwrap()[0].store(7, Relaxed);
        let entry = table.get(3).unwrap();
        assert_eq!(table.room(4).unwrap().len(), 4);
        assert!(table.room(8).is_none(), "full");
        assert_eq!((entry.load(Relaxed), table.slice(2, 2).len(), table.slice(2, 3).len()), (7, 2, 0));
        assert!(std::ptr::eq(entry, table.get(3).unwrap()));
    }
}
