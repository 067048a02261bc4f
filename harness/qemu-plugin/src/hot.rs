// SPDX-License-Identifier: GPL-2.0-or-later
//! What the callbacks of loads, stores and fetches look at before anything else.
//!
//! Nearly all of them change nothing, and that shows at a glance: see [`cache_model::Glance`]. So they do not enter the
//! plugin's state, which only one callback can have at a time, but these few words, which are atomic so that no unsafe
//! code is needed for them. One thread runs all vCPUs, so that relaxed order is enough.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use cache_model::{FetchedLine, Glance, Who};

/// A run of instructions in one I$ line, in one word, as it travels through QEMU as the userdata of a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Number of the run in the plugin's table, below [`Entry::RUNS`].
    pub number: u32,
    /// Number of instructions.
    pub insns: u32,
    /// The line.
    pub line: FetchedLine,
}

impl Entry {
    /// How many runs there can be.
    pub const RUNS: u32 = 1 << 24;

    /// As one word: from the top 24 bits of the number, 7 of the count, 33 of the line.
    pub fn packed(self) -> usize {
        let insns = u64::from(self.insns) << FetchedLine::BITS;
        (u64::from(self.number) << 40 | insns | self.line.packed()) as usize
    }

    /// From one word.
    #[inline]
    pub fn unpacked(word: usize) -> Self {
        let word = word as u64;
        Self {
            number: (word >> 40) as u32,
            insns: (word >> FetchedLine::BITS) as u32 & 0x7f,
            line: FetchedLine::unpacked(word),
        }
    }
}

/// The words.
pub struct Hot {
    /// Guest instructions begun, the whole current run included.
    pub now: AtomicU64,
    /// Count of instructions from which on the entry of a run needs a closer look: the deadline, or at once.
    pub attention: AtomicU64,
    /// Guest instructions begun while there is no model, and so no runs; see `Block::on_count`.
    without_model: AtomicU64,
    /// Number of the current run.
    pub run: AtomicU32,
    /// Bytes of a D$ line, less one; see [`Hot::may_cross`].
    line_mask: AtomicU64,
    glance: OnceLock<Arc<Glance>>,
}

/// The only one.
pub static HOT: Hot = Hot {
    now: AtomicU64::new(0),
    attention: AtomicU64::new(u64::MAX),
    without_model: AtomicU64::new(0),
    run: AtomicU32::new(0),
    line_mask: AtomicU64::new(0),
    glance: OnceLock::new(),
};

/// An instruction that loads or stores: who it is, and how many instructions of its run come after it and itself.
///
/// It travels through QEMU as the userdata of a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Number of the run, and of the instruction in it: see [`Token::new`].
    pub by: u32,
    /// Instructions from this one to the end of its run, itself included.
    pub left: u32,
}

/// QEMU may sign-extend the 32-bit addresses of the guest.
const ADDRESS: u64 = 0xffff_ffff;

/// Bits of [`Token::by`] for the instruction's number: an I$ line of 128 bytes has 64 of two bytes.
const INSTRUCTION_BITS: u32 = 7;

impl Token {
    /// No instruction of a run.
    pub const NONE: Self = Self { by: 0, left: 0 };

    /// The instruction number `at` of a run of `insns` instructions.
    pub fn new(run: u32, at: u32, insns: u32) -> Self {
        Self { by: run << INSTRUCTION_BITS | at, left: insns - at }
    }

    /// As one word.
    pub fn packed(self) -> usize {
        (u64::from(self.left) << 32 | u64::from(self.by)) as usize
    }

    /// From one word.
    #[inline]
    pub fn unpacked(word: usize) -> Self {
        Self { by: word as u32, left: (word as u64 >> 32) as u32 }
    }

    /// Number of the run, from [`Token::by`].
    pub fn run(by: u32) -> u32 {
        by >> INSTRUCTION_BITS
    }

    /// Number of the instruction in its run, from [`Token::by`].
    pub fn at(by: u32) -> u32 {
        by & ((1 << INSTRUCTION_BITS) - 1)
    }

    /// Guest instructions before it, while its run is the current one.
    #[inline]
    pub fn now(self) -> u64 {
        HOT.now.load(Relaxed) - u64::from(self.left)
    }

    /// Who it is and when, while its run is the current one.
    #[inline]
    pub fn who(self) -> Who {
        Who { by: self.by, at: self.now() as u32 }
    }
}

impl Hot {
    /// Gives the table of the model, once there is one.
    pub fn set_glance(&self, glance: &Arc<Glance>, line: usize) {
        self.line_mask.store(line as u64 - 1, Relaxed);
        let _ = self.glance.set(Arc::clone(glance));
    }

    /// Counts the entry of a run; returns whether it is seen at once that it changes nothing.
    #[inline]
    pub fn enter(&self, run: Entry) -> bool {
        let now = self.now.load(Relaxed) + u64::from(run.insns);
        self.now.store(now, Relaxed);
        self.run.store(run.number, Relaxed);
        now < self.attention.load(Relaxed)
            && self.glance.get().is_some_and(|glance| glance.fetches_latest(run.line))
    }

    /// Whether the entry of a run, which has been counted, changes nothing but the order of use.
    pub fn fetches(&self, run: Entry) -> bool {
        self.now.load(Relaxed) < self.attention.load(Relaxed)
            && self.glance.get().is_some_and(|glance| glance.fetches(run.line))
    }

    /// Counts the entry of a block while there is no model; returns whether the deadline has come.
    #[inline]
    pub fn count(&self, insns: u64) -> bool {
        let now = self.without_model.load(Relaxed) + insns;
        self.without_model.store(now, Relaxed);
        now >= self.attention.load(Relaxed)
    }

    /// Whether an access of at most 8 bytes may touch two lines.
    #[inline]
    pub fn may_cross(&self, virt: u64) -> bool {
        let mask = self.line_mask.load(Relaxed);
        virt & mask > mask - 7
    }

    /// Whether it is seen at once that a load changes nothing.
    #[inline]
    pub fn loads_latest(&self, virt: u64) -> bool {
        self.glance.get().is_some_and(|glance| glance.loads_latest(virt & ADDRESS))
    }

    /// Whether a load changes nothing but the order of use.
    pub fn loads(&self, virt: u64) -> bool {
        self.glance.get().is_some_and(|glance| glance.loads(virt & ADDRESS))
    }

    /// Whether it is seen at once that a store changes nothing but who stored last, which is then noted.
    #[inline]
    pub fn stores_latest(&self, virt: u64, token: Token) -> bool {
        // While stale bytes lie in memory, where a store goes has to be looked at.
        self.attention.load(Relaxed) != 0
            && self.glance.get().is_some_and(|glance| glance.stores_latest(virt & ADDRESS, token.who()))
    }

    /// Whether a store changes nothing but the order of use and who stored last, which are then noted.
    pub fn stores(&self, virt: u64, token: Token) -> bool {
        self.attention.load(Relaxed) != 0
            && self.glance.get().is_some_and(|glance| glance.stores(virt & ADDRESS, token.who()))
    }

    /// log2 of the bytes of a D$ line.
    #[inline]
    pub fn line_shift(&self) -> u32 {
        self.line_mask.load(Relaxed).trailing_ones()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_carry_everything() {
        let line = FetchedLine::unpacked(0x1_eabc_def1);
        let entry = Entry { number: Entry::RUNS - 1, insns: 64, line };
        assert_eq!(Entry::unpacked(entry.packed()), entry);
        let token = Token::new(Entry::RUNS - 1, 63, 64);
        assert_eq!((Token::run(token.by), Token::at(token.by), token.left), (Entry::RUNS - 1, 63, 1));
        assert_eq!(Token::unpacked(token.packed()), token);
    }
}
