// SPDX-License-Identifier: GPL-2.0-or-later
//! The commits of a bisection, as far as the search cares: which contain which.

/// The most commits that a search takes: what contains what is a table of so many bits squared.
pub const MAX_COMMITS: usize = 20_000;

/// Commits by place: 0 is the old end, then come those of the range, parents before children; the last is the new end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// By place, the places that it is or descends from, as a set of bits.
    ancestors: Vec<Vec<u64>>,
    parents: Vec<Vec<usize>>,
}

impl History {
    /// Returns the history in which place `i + 1` has the parents `parents[i]`, all of them earlier places. Whatever has
    /// none follows the old end.
    ///
    /// # Errors
    ///
    /// A sentence, when there are no commits, too many, or a parent does not come before its child.
    pub fn new(parents: Vec<Vec<usize>>) -> Result<Self, String> {
        let count = parents.len();
        if count == 0 {
            return Err("there is no commit between the two ends".into());
        }
        if count > MAX_COMMITS {
            return Err(format!("{count} commits are more than {MAX_COMMITS}: name ends that are nearer"));
        }
        let words = count / 64 + 1;
        let mut history = Self { ancestors: Vec::new(), parents: Vec::new() };
        for (place, mut of) in std::iter::once(Vec::new()).chain(parents).enumerate() {
            if of.is_empty() && place > 0 {
                of.push(0);
            }
            let mut set = vec![0; words];
            set[place / 64] |= 1 << (place % 64);
            for parent in &of {
                let known = history.ancestors.get(*parent);
                let known = known.ok_or_else(|| format!("parent {parent} of {place} comes after it"))?;
                set.iter_mut().zip(known).for_each(|(word, more)| *word |= more);
            }
            history.ancestors.push(set);
            history.parents.push(of);
        }
        Ok(history)
    }

    /// Returns the history of `commits` commits in a row.
    ///
    /// # Errors
    ///
    /// As [`History::new`].
    pub fn linear(commits: usize) -> Result<Self, String> {
        Self::new((0..commits).map(|before| vec![before]).collect())
    }

    /// Returns how many places there are: one more than commits in the range.
    pub fn places(&self) -> usize {
        self.parents.len()
    }

    /// Returns the place of the new end.
    pub fn newest(&self) -> usize {
        self.parents.len() - 1
    }

    /// Returns the parents of a place.
    pub fn parents(&self, place: usize) -> &[usize] {
        &self.parents[place]
    }

    /// Returns whether what `first` introduced is in `place`. The place after the last stands for what no commit has.
    pub fn contains(&self, first: usize, place: usize) -> bool {
        // Everything is taken to follow the old end, also a side branch that left before it.
        first == 0 || (first < self.places() && self.ancestors[place][first / 64] & (1 << (first % 64)) != 0)
    }
}
