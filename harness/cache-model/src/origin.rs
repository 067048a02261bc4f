// SPDX-License-Identifier: GPL-2.0-or-later
//! The origin of a store or of a maintenance operation.

/// The instruction that did something, and when, in the caller's terms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Number of the instruction, 0 for none.
    pub insn: u32,
    /// Count of guest instructions at that time, its low 32 bits.
    pub icount: u32,
}

impl Origin {
    #[inline]
    pub(crate) fn packed(self) -> u64 {
        u64::from(self.icount) << 32 | u64::from(self.insn)
    }

    #[inline]
    pub(crate) fn unpacked(value: u64) -> Self {
        Self { insn: value as u32, icount: (value >> 32) as u32 }
    }
}
