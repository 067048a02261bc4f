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
}

impl LineOrigins {
    pub(crate) fn new(size: u64, shift: u32) -> Self {
        let lines = (size >> shift) as usize;
        Self { shift, stored_by: vec![0; lines], stored_at: vec![0; lines], cleaned_by: vec![0; lines] }
    }

    #[inline]
    pub(crate) fn store(&mut self, offset: u64, origin: Origin) {
        let line = (offset >> self.shift) as usize;
        self.stored_by[line] = origin.insn;
        self.stored_at[line] = origin.icount;
    }

    pub(crate) fn stored(&self, offset: u64) -> Option<Origin> {
        let line = (offset >> self.shift) as usize;
        let origin = Origin { insn: self.stored_by[line], icount: self.stored_at[line] };
        (origin.insn != 0).then_some(origin)
    }

    pub(crate) fn clean(&mut self, offset: u64, by: u32) {
        self.cleaned_by[(offset >> self.shift) as usize] = by;
    }

    /// Returns which maintenance operation wrote the line back last, if it has not been asked for since.
    #[inline]
    pub(crate) fn take_cleaner(&mut self, offset: u64) -> Option<u32> {
        let cleaner = &mut self.cleaned_by[(offset >> self.shift) as usize];
        // Most lines have none: reading alone leaves their pages untouched.
        if *cleaner == 0 { None } else { Some(std::mem::take(cleaner)) }
    }
}
