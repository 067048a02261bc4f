// SPDX-License-Identifier: GPL-2.0-or-later
//! Runs: the pieces of translation blocks that lie in one I$ line each.
//!
//! A line is fetched when the first instruction in it is about to be executed, and not when QEMU enters the block that it
//! is part of: how QEMU cuts code into blocks depends on the host's timing, and an exception can end a block before it
//! gets to a line.

use cache_model::FetchedLine;

use crate::hot::Entry;

/// A run of instructions that fetch from one I$ line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Virtual address of the first instruction, where QEMU can be told to start again.
    ///
    /// It can lie before the line: where the line begins with the delay slot of a branch, or within an IT block, that is
    /// the branch, or the IT instruction.
    pub start: u64,
    /// Number of instructions.
    pub insns: u32,
    /// Virtual address of the first byte fetched.
    pub virt: u64,
    /// Its physical address.
    pub phys: u64,
    /// Bytes fetched.
    pub len: u32,
    /// Whether the fetch goes through the I$: it is from RAM, and not through MIPS KSEG1.
    pub cacheable: bool,
    /// Whether there are instructions of two bytes among them (Thumb).
    pub narrow: bool,
    /// Number of its function among those that do maintenance: see [`crate::functions::Functions::number`].
    pub function: u32,
}

impl Run {
    /// Address of the instruction number `at`; `halfword` reads code, by its virtual address.
    pub fn address_of(&self, at: u32, halfword: impl Fn(u64) -> [u8; 2]) -> u64 {
        if !self.narrow {
            return self.start + 4 * u64::from(at);
        }
        // A first halfword of 0b11101 or above begins an instruction of two (ARM DDI 0406C, A6.1).
        let size = |address| if halfword(address)[1] >= 0xe8 { 4 } else { 2 };
        (0..at).fold(self.start, |address, _| address + size(address))
    }
}

/// All runs that there have been, by number. Number 0 is none.
pub struct Runs {
    runs: Vec<Run>,
    /// Numbers of runs that were seen lately, by their address: code is translated again and again.
    lately: Box<[u32; LATELY]>,
}

/// Entries of [`Runs::lately`]; a power of two.
const LATELY: usize = 1 << 14;

impl Default for Runs {
    fn default() -> Self {
        let none = Run {
            start: 0,
            insns: 0,
            virt: 0,
            phys: 0,
            len: 0,
            cacheable: false,
            narrow: false,
            function: 0,
        };
        Self { runs: vec![none], lately: Box::new([0; LATELY]) }
    }
}

impl Runs {
    /// Returns the run of a number.
    pub fn get(&self, number: u32) -> Run {
        self.runs.get(number as usize).copied().unwrap_or(self.runs[0])
    }

    /// Returns a run as its callback gets it; `None` where there have been too many.
    pub fn entry(&mut self, run: Run, line: FetchedLine) -> Option<Entry> {
        let slot = (run.phys ^ run.start << 3) as usize >> 1 & (LATELY - 1);
        let mut number = self.lately[slot];
        if number == 0 || self.runs[number as usize] != run {
            number = self.runs.len() as u32;
            if number == Entry::RUNS {
                return None;
            }
            self.runs.push(run);
            self.lately[slot] = number;
        }
        Some(Entry { number, insns: run.insns, line })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_mixed_thumb_code() {
        let code = [0x00, 0xbf, 0xdf, 0xf8, 0x04, 0xf0, 0x70, 0x47];
        let run = Run {
            start: 0x100,
            insns: 3,
            virt: 0x100,
            phys: 0,
            len: 8,
            cacheable: true,
            narrow: true,
            function: 0,
        };
        let halfword = |address: u64| [code[address as usize - 0x100], code[address as usize - 0xff]];
        assert_eq!((0..3).map(|at| run.address_of(at, halfword)).collect::<Vec<_>>(), [0x100, 0x102, 0x106]);
    }

    #[test]
    fn the_same_run_has_the_same_number() {
        let mut runs = Runs::default();
        let run = Run {
            start: 0x1000,
            insns: 3,
            virt: 0x1000,
            phys: 0x5000,
            len: 12,
            cacheable: true,
            narrow: false,
            function: 0,
        };
        let line = FetchedLine::unpacked(0x280);
        let first = runs.entry(run, line).unwrap();
        assert_eq!((first.insns, first.line), (3, line));
        let other = Run { insns: 2, len: 8, ..run };
        let second = runs.entry(other, line).unwrap();
        assert_ne!(first.number, second.number);
        assert_eq!((runs.get(first.number), runs.get(second.number)), (run, other));
        assert_eq!(runs.entry(other, line), Some(second));
    }
}
