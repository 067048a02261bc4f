// SPDX-License-Identifier: GPL-2.0-or-later
//! Width and release of MIPS, and the operands of its instruction formats.

use crate::arch::instruction::Operand;

/// Width and release: what an encoding means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MipsIsa {
    /// MIPS32 up to Release 5.
    Mips32,
    /// MIPS32 Release 6, which removed some instructions and gave their opcodes to others.
    Mips32R6,
    /// MIPS64 up to Release 5, and MIPS III and IV.
    Mips64,
    /// MIPS64 Release 6.
    Mips64R6,
}

impl MipsIsa {
    /// Whether it is Release 6.
    pub fn is_release6(self) -> bool {
        matches!(self, Self::Mips32R6 | Self::Mips64R6)
    }

    /// Release 6 of the same width.
    #[must_use]
    pub fn release6(self) -> Self {
        match self {
            Self::Mips32 | Self::Mips32R6 => Self::Mips32R6,
            Self::Mips64 | Self::Mips64R6 => Self::Mips64R6,
        }
    }
}

/// The operand of an instruction of the I format.
pub(super) fn base_offset(word: u32) -> Operand {
    Operand::Offset { base: word >> 21 & 31, offset: i32::from(word as u16 as i16) }
}

/// The operand of an instruction of SPECIAL3 (EVA, Release 6).
pub(super) fn base_offset9(word: u32) -> Operand {
    Operand::Offset { base: word >> 21 & 31, offset: (word << 16) as i32 >> 23 }
}
