// SPDX-License-Identifier: GPL-2.0-or-later
//! The guest's RAM as the cache model wants it: QEMU's own memory is the data view, a shadow is below it.

use std::fs::File;
use std::os::unix::fs::FileExt;

use cache_model::{Memory, PhysAddr};

use crate::qemu::api::{HostRam, host_page};

/// Bytes of a piece of the shadow's first copy; no page of a host is smaller.
const PIECE: usize = 4096;

/// A piece that the guest has cleared, or never written.
const ZEROS: [u8; PIECE] = [0; PIECE];

/// Guest RAM with a shadow that holds what the D$ has not written back yet.
#[derive(Clone, Debug)]
pub struct ShadowedRam {
    base: PhysAddr,
    ram: HostRam,
    shadow: Vec<u8>,
    /// Pieces that were written since the shadow was what was captured; `None` before it ever was.
    written: Option<Vec<bool>>,
}

impl ShadowedRam {
    /// Takes the shadow of RAM as it is now, when no cache holds anything.
    pub fn new(base: PhysAddr, ram: HostRam) -> Self {
        let shadow = copy(&ram);
        Self { base, ram, shadow, written: None }
    }

    /// Writes the data view behind QEMU's back: what it has translated from there stays.
    pub fn put(&mut self, phys: PhysAddr, bytes: &[u8]) {
        self.ram.write((phys - self.base) as usize, bytes);
    }

    /// Takes the shadow of RAM anew, from what was captured of it, when no cache holds anything. There is one capture in a
    /// process: after the first time, only what was written since is looked at.
    pub fn reset(&mut self, captured: &RamSnapshot) {
        let shadow = &mut self.shadow;
        let mut take = |at: usize| {
            let (below, was) = (&mut shadow[at..at + PIECE], &captured.bytes[at..at + PIECE]);
            if below != was {
                below.copy_from_slice(was);
            }
        };
        match &mut self.written {
            None => {
                pieces(&self.ram).for_each(take);
                self.written = Some(vec![false; self.ram.size() / PIECE]);
            }
            Some(written) => {
                for (piece, written) in written.iter_mut().enumerate() {
                    if std::mem::take(written) {
                        take(piece * PIECE);
                    }
                }
            }
        }
    }
}

/// The guest's RAM as it was at one instant.
pub struct RamSnapshot {
    base: PhysAddr,
    ram: HostRam,
    bytes: Vec<u8>,
}

impl RamSnapshot {
    /// Copies RAM, which begins at a physical address, as it is now.
    pub fn new(base: PhysAddr, ram: HostRam) -> Self {
        let bytes = copy(&ram);
        Self { base, ram, bytes }
    }

    /// Has `write` put back, by its physical address, each piece of RAM that differs from what was captured; returns whether
    /// that succeeded for all of them.
    pub fn write_back_to(&self, write: impl Fn(PhysAddr, &[u8]) -> bool) -> bool {
        let differing = |at: &usize| self.ram.bytes(*at, PIECE) != &self.bytes[*at..*at + PIECE];
        pieces(&self.ram)
            .filter(differing)
            .all(|at| write(self.base + at as u64, &self.bytes[at..at + PIECE]))
    }
}

/// Returns a copy of RAM. Zeroed pages come from the system untouched: pages that are zero in the guest cost no memory here.
fn copy(ram: &HostRam) -> Vec<u8> {
    let mut copy = vec![0; ram.size()];
    for at in pieces(ram) {
        let piece = ram.bytes(at, PIECE);
        if piece != ZEROS {
            copy[at..at + PIECE].copy_from_slice(piece);
        }
    }
    copy
}

/// Offsets of the pieces of RAM that the guest has touched. Others are not even looked at, which would give them memory.
fn pieces(ram: &HostRam) -> impl Iterator<Item = usize> + use<> {
    let touched = touched(ram.host(), ram.size(), host_page());
    (0..ram.size()).step_by(PIECE).filter(move |at| touched(*at))
}

/// Says of an offset within `size` bytes from a host address on whether its page has ever been touched, as Linux shows it
/// (`proc_pid_pagemap(5)`: 8 bytes for each page, bit 63 present, bit 62 swapped); that it has where Linux does not.
fn touched(host: usize, size: usize, page: usize) -> impl Fn(usize) -> bool {
    let first = host / page;
    let mut entries = vec![0; ((host + size).div_ceil(page) - first) * 8];
    let pagemap = File::open("/proc/self/pagemap");
    let mapped = pagemap.and_then(|pagemap| pagemap.read_exact_at(&mut entries, (first * 8) as u64));
    move |at| mapped.is_err() || entries[((host + at) / page - first) * 8 + 7] >> 6 != 0
}

impl Memory for ShadowedRam {
    #[inline]
    fn contains(&self, phys: PhysAddr, len: usize) -> bool {
        phys.wrapping_sub(self.base) <= (self.shadow.len() - len) as u64
    }

    fn size(&self) -> u64 {
        self.shadow.len() as u64
    }

    #[inline]
    fn offset(&self, phys: PhysAddr) -> u64 {
        phys - self.base
    }

    #[inline]
    fn data(&self, phys: PhysAddr, len: usize) -> &[u8] {
        self.ram.bytes((phys - self.base) as usize, len)
    }

    #[inline]
    fn below(&self, phys: PhysAddr, len: usize) -> &[u8] {
        let at = (phys - self.base) as usize;
        &self.shadow[at..at + len]
    }

    fn write_back(&mut self, phys: PhysAddr, len: usize) {
        let at = (phys - self.base) as usize;
        self.shadow[at..at + len].copy_from_slice(self.ram.bytes(at, len));
        if let Some(written) = &mut self.written {
            written[at / PIECE..(at + len).div_ceil(PIECE)].fill(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guest RAM of four pieces, which stays there.
    fn ram() -> (&'static mut [u8], HostRam) {
        let memory = vec![7; 4 * PIECE + host_page()].leak();
        let aligned = memory.as_ptr().align_offset(host_page());
        let memory = &mut memory[aligned..aligned + 4 * PIECE];
        let ram = HostRam::new(memory.as_ptr() as usize, memory.len());
        (memory, ram)
    }

    #[test]
    fn the_shadow_is_what_was_captured_whenever_it_is_reset() {
        let (memory, ram) = ram();
        let mut shadowed = ShadowedRam::new(0x1000.into(), ram.clone());
        // Between the first look at RAM and the capture, and not written back.
        memory[PIECE] = 8;
        let captured = RamSnapshot::new(0x1000.into(), ram);
        for round in 0..3 {
            shadowed.reset(&captured);
            assert_eq!(shadowed.below(0x1000.into(), 4 * PIECE), &captured.bytes[..], "round {round}");
            memory[2 * PIECE - 2..2 * PIECE + 2].fill(round);
            shadowed.write_back((0x1000 + 2 * PIECE as u64 - 2).into(), 4);
            assert_eq!(shadowed.below((0x1000 + 2 * PIECE as u64 - 2).into(), 4), [round; 4]);
            memory[2 * PIECE - 2..2 * PIECE + 2].fill(7);
        }
    }
}
