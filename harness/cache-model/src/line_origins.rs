// SPDX-License-Identifier: GPL-2.0-or-later
//! The origin of each memory line's contents, after the line has left the D$.

use crate::origin::Origin;

/// Per D$ line of memory: who stored last before it was written back, and which maintenance operation wrote it back.
///
/// Plain vectors that start as zeros, so that memory which is never written back costs none here.
#[derive(Clone, Debug)]
pub(crate) struct LineOrigins {
    shift: u32,
    stored_by: Vec<u32>,
    stored_at: Vec<u32>,
    cleaned_by: Vec<u32>,
    /// Pieces in which anything was written.
    written: Vec<bool>,
}

/// log2 of the lines of a piece, which is forgotten as a whole: a page of the host for each vector.
const PIECE_SHIFT: u32 = 10;

impl LineOrigins {
    pub(crate) fn new(size: u64, shift: u32) -> Self {
        let lines = (size >> shift) as usize;
        let vector = || vec![0; lines];
        let written = vec![false; lines.div_ceil(1 << PIECE_SHIFT)];
        Self { shift, stored_by: vector(), stored_at: vector(), cleaned_by: vector(), written }
    }

    /// Forgets everything. Vectors of many megabytes are not made anew: that would cost more than a short trial.
    pub(crate) fn reset(&mut self) {
        let lines = self.stored_by.len();
        for (piece, written) in self.written.iter_mut().enumerate() {
            if std::mem::take(written) {
                let (first, end) = (piece << PIECE_SHIFT, lines.min((piece + 1) << PIECE_SHIFT));
                for vector in [&mut self.stored_by, &mut self.stored_at, &mut self.cleaned_by] {
                    vector[first..end].fill(0);
                }
            }
        }
    }

    #[inline]
    pub(crate) fn store(&mut self, offset: u64, origin: Origin) {
        let line = (offset >> self.shift) as usize;
        self.stored_by[line] = origin.insn;
        self.stored_at[line] = origin.icount;
        self.written[line >> PIECE_SHIFT] = true;
    }

    pub(crate) fn stored(&self, offset: u64) -> Option<Origin> {
        let line = (offset >> self.shift) as usize;
        let origin = Origin { insn: self.stored_by[line], icount: self.stored_at[line] };
        (origin.insn != 0).then_some(origin)
    }

    pub(crate) fn clean(&mut self, offset: u64, by: u32) {
        let line = (offset >> self.shift) as usize;
        self.cleaned_by[line] = by;
        self.written[line >> PIECE_SHIFT] = true;
    }

    /// Returns which maintenance operation wrote the line back last, if it has not been asked for since.
    #[inline]
    pub(crate) fn take_cleaner(&mut self, offset: u64) -> Option<u32> {
        let cleaner = &mut self.cleaned_by[(offset >> self.shift) as usize];
        // Most lines have none: reading alone leaves their pages untouched.
        if *cleaner == 0 { None } else { Some(std::mem::take(cleaner)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_forgets_all_lines() {
        let size = (3 << PIECE_SHIFT << 5) / 2;
        let (mut origins, last) = (LineOrigins::new(size, 5), size - 32);
        for round in 1..3 {
            origins.store(0, Origin { insn: round, icount: 1 });
            origins.clean(last, round);
            assert_eq!(origins.stored(0), Some(Origin { insn: round, icount: 1 }));
            origins.reset();
            assert_eq!((origins.stored(0), origins.take_cleaner(last)), (None, None));
        }
    }
}
