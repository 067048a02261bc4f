// SPDX-License-Identifier: GPL-2.0-or-later
//! The commits of a bisection, as far as the search cares: which contain which.

/// The most commits that a search takes: what contains what is a table of so many bits squared.
pub const MAX_COMMITS: usize = 20_000;

/// Commits by position: 0 is the old end, then come those of the range, parents before children; the last is the new end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ancestry {
    /// By position, the positions that it is or descends from, as a set of bits.
    ancestors: Vec<Vec<u64>>,
    parents: Vec<Vec<usize>>,
}

impl Ancestry {
    /// Returns the ancestry in which position `i + 1` has the parents `parents[i]`, all of them earlier positions. Whatever has
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
        let mut ancestry = Self { ancestors: Vec::new(), parents: Vec::new() };
        for (position, mut of) in std::iter::once(Vec::new()).chain(parents).enumerate() {
            if of.is_empty() && position > 0 {
                of.push(0);
            }
            let mut set = vec![0; words];
            set[position / 64] |= 1 << (position % 64);
            for parent in &of {
                let known = ancestry.ancestors.get(*parent);
                let known = known.ok_or_else(|| format!("parent {parent} of {position} comes after it"))?;
                set.iter_mut().zip(known).for_each(|(word, more)| *word |= more);
            }
            ancestry.ancestors.push(set);
            ancestry.parents.push(of);
        }
        Ok(ancestry)
    }

    /// Returns the ancestry of `commits` commits in a row.
    ///
    /// # Errors
    ///
    /// As [`Ancestry::new`].
    pub fn linear(commits: usize) -> Result<Self, String> {
        Self::new((0..commits).map(|before| vec![before]).collect())
    }

    /// Returns how many positions there are: one more than commits in the range.
    pub fn positions(&self) -> usize {
        self.parents.len()
    }

    /// Returns the position of the new end.
    pub fn newest(&self) -> usize {
        self.parents.len() - 1
    }

    /// Returns the parents of a position.
    pub fn parents(&self, position: usize) -> &[usize] {
        &self.parents[position]
    }

    /// Returns whether what `first` introduced is in `position`. The position after the last stands for what no commit has.
    pub fn contains(&self, first: usize, position: usize) -> bool {
        // Everything is taken to follow the old end, also a side branch that left before it.
        first == 0
            || (first < self.positions() && self.ancestors[position][first / 64] & (1 << (first % 64)) != 0)
    }
}
