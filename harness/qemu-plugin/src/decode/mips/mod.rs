// SPDX-License-Identifier: GPL-2.0-or-later
//! MIPS32 and MIPS64, Releases 1 to 6. Encodings: MIPS PRA volume II (MD00086 and MD00087; MIPS32 and MIPS64, Release
//! 6); `arch/mips/include/uapi/asm/inst.h`.
//!
//! MIPS16 and microMIPS are not decoded: neither Linux's uprobes nor the testcases know them.

mod accesses;
mod table;

pub use accesses::{access_operand, accesses, leaves_alone, plain_access};
pub(super) use table::TABLE;

use super::{Operand, Special};

/// Width and release: what an encoding means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// MIPS32 up to Release 5.
    Mips32,
    /// MIPS32 Release 6, which removed some instructions and gave their opcodes to others.
    Mips32R6,
    /// MIPS64 up to Release 5, and MIPS III and IV.
    Mips64,
    /// MIPS64 Release 6.
    Mips64R6,
}

impl Isa {
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

/// The major opcodes that occur in the table, one bit each: most instructions have none of them.
const MAJORS: u64 = {
    let (mut set, mut i) = (0, 0);
    while i < TABLE.len() {
        set |= 1 << (TABLE[i].value >> 26);
        i += 1;
    }
    set
};

/// Returns what the plugin must know about an instruction word.
#[inline]
pub fn decode(isa: Isa, word: u32) -> Option<Special> {
    if MAJORS >> (word >> 26) & 1 == 0 {
        return None;
    }
    let row = TABLE.iter().find(|row| row.matches(isa, word))?;
    Some((row.make)(word))
}

/// The operand of an instruction of the I format.
fn base_offset(word: u32) -> Operand {
    Operand::Offset { base: word >> 21 & 31, offset: i32::from(word as u16 as i16) }
}

/// The operand of an instruction of SPECIAL3 (EVA, Release 6).
fn base_offset9(word: u32) -> Operand {
    Operand::Offset { base: word >> 21 & 31, offset: (word << 16) as i32 >> 23 }
}
