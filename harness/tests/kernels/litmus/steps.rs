// SPDX-License-Identifier: GPL-2.0-or-later
//! What the rows consist of, and what must come out of them.
//!
//! MIPS32 PRA volume II (CACHE, SYNCI) and ARM DDI 0406C B2.2.6, B2.2.9: an operation by address finds the line wherever
//! it is, but in a virtually indexed cache only in the place of that very address; one by index or set and way is for that
//! place, whatever is in it. An I$ is filled from below the D$, when something is fetched that it has not.

/// A step of a row; the numbers are those of the tables in `mips.S` and `arm.S`. "Other" is a second address of the same
/// line, a page away in colour from that of the fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Step {
    Fetch = 1,
    Store = 2,
    StoreOther = 3,
    Clean = 4,
    CleanOther = 5,
    CleanIndex = 6,
    CleanOtherIndex = 7,
    CleanAll = 8,
    Invalidate = 9,
    InvalidateOther = 10,
    /// ARM v7 has none: ICIALLU.
    InvalidateIndex = 11,
    /// ARM v7 has none: ICIALLUIS.
    InvalidateOtherIndex = 12,
    InvalidateAll = 13,
    /// SYNCI; on ARM, which has none, a clean to the point of coherency.
    Both = 14,
    /// SYNCI; on ARM a clean and invalidation to the point of coherency.
    BothOther = 15,
}

use Step::{
    Both, BothOther, Clean, CleanAll, CleanIndex, CleanOther, CleanOtherIndex, Fetch, Invalidate,
    InvalidateAll, InvalidateIndex, InvalidateOther, InvalidateOtherIndex, Store, StoreOther,
};

/// Bytes from one row's line to the next one's: no two in one line of any cache.
pub const STRIDE: u32 = 64;

/// From the address of the fetch to the other one, as far as caches care.
const OTHER: u32 = 0x1000;

/// Sets, ways, bytes of a line, and whether the index is virtual.
#[derive(Clone, Copy, Debug)]
pub struct Shape(pub u32, pub u32, pub u32, pub bool);

impl Shape {
    fn index(self, address: u32) -> u32 {
        address / self.2 % self.0
    }
}

/// The two caches.
#[derive(Clone, Copy, Debug)]
pub struct Caches {
    pub icache: Shape,
    pub dcache: Shape,
    pub arm: bool,
    /// What the I$ is filled with is what was stored: the D$ writes through, or the I$ looks into it.
    pub clean: bool,
}

/// All rows: a store, both halves of the maintenance in every way and either order, a fetch, and more fetches before and
/// between, or not.
pub fn rows(arm: bool) -> Vec<Vec<Step>> {
    let cleans =
        [Clean, CleanOther, CleanIndex, CleanOtherIndex, CleanAll, Both, BothOther].map(Some).into_iter();
    let invalidates =
        [Invalidate, InvalidateOther, InvalidateIndex, InvalidateOtherIndex, InvalidateAll].map(Some);
    let invalidates = &invalidates[..if arm { 4 } else { 5 }];
    let mut rows = Vec::new();
    for clean in cleans.chain([None]) {
        for invalidate in invalidates.iter().copied().chain([None]) {
            for bits in 0..16 {
                let on = |bit: u32| bits >> bit & 1 == 1;
                let (first, second) = if on(0) { (invalidate, clean) } else { (clean, invalidate) };
                let row = [
                    on(1).then_some(Fetch),
                    Some(if on(2) { StoreOther } else { Store }),
                    first,
                    on(3).then_some(Fetch),
                    second,
                    Some(Fetch),
                ];
                rows.push(row.into_iter().flatten().collect());
            }
        }
    }
    rows
}

/// The word that the guest reads.
pub fn word(row: &[Step]) -> u32 {
    row.iter().rev().fold(0, |word, step| word << 4 | *step as u32)
}

/// What each fetch of a row executes: the old instruction or the new one (true), and what a load would have read.
pub fn ruled(caches: &Caches, number: usize, row: &[Step]) -> Vec<(bool, bool)> {
    let at = number as u32 * STRIDE;
    let (mut data, mut memory, mut copy) = (false, false, None);
    let mut fetches = Vec::new();
    for step in row {
        match step {
            Fetch => fetches.push((*copy.get_or_insert(memory), data)),
            Store | StoreOther => {
                data = true;
                memory |= caches.clean;
            }
            step => {
                let (clean, invalidate) = reaches(caches, *step, at);
                memory = if clean { data } else { memory };
                copy = copy.filter(|_| !invalidate);
            }
        }
    }
    fetches
}

/// Whether a step writes back the line at an address, and whether it drops it from the I$.
fn reaches(caches: &Caches, step: Step, at: u32) -> (bool, bool) {
    let same_place = |shape: Shape| shape.index(at) == shape.index(at + OTHER);
    let found = |shape: Shape| !shape.3 || same_place(shape);
    let (i, d, arm) = (caches.icache, caches.dcache, caches.arm);
    match step {
        Clean | CleanIndex | CleanAll => (true, false),
        CleanOther => (found(d), false),
        CleanOtherIndex => (same_place(d), false),
        Invalidate | InvalidateIndex | InvalidateAll => (false, true),
        InvalidateOther => (false, found(i)),
        InvalidateOtherIndex => (false, arm || same_place(i)),
        Both => (true, !arm),
        BothOther => (found(d), !arm && found(i)),
        Fetch | Store | StoreOther => (false, false),
    }
}
