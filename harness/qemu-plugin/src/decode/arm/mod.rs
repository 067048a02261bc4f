// SPDX-License-Identifier: GPL-2.0-or-later
//! ARM v5 to v7, little endian, in ARM and Thumb-2 encoding. Encodings: ARM DDI 0406C, A8.8.98 (MCR), A8.8.99 (MCRR),
//! B4 and, for v5 and v6, appendices D12 and D15; the operations themselves are in [`cache_model::maintenance`].

mod accesses;
mod table;

pub use accesses::accesses;
pub(super) use table::TABLE;

use cache_model::maintenance::ArmVersion;

use super::{Decoded, Special};

/// The condition field that says always; the one above it marks another set of instructions.
const ALWAYS: u32 = 0xe;

/// Returns what the plugin must know about an instruction of `len` bytes.
///
/// A coprocessor instruction has the same 32 bits in both instruction sets, stored as one word in ARM and as two
/// halfwords, the higher first, in Thumb-2. Which of the two this is need not be known: the bytes of one
/// read as the other are a 16-bit or an undefined instruction or an `svceq`, neither of which matters here. Thumb
/// before v7 has no coprocessor instructions.
///
/// Thumb-2 has its conditions in a separate instruction, IT, which cannot be seen from here: an operation in an
/// IT block counts as executed always.
#[inline]
pub fn decode(version: ArmVersion, bytes: [u8; 4], len: usize) -> Option<Decoded> {
    if len != 4 {
        return None;
    }
    let word = u32::from_le_bytes(bytes);
    let thumb = word.rotate_left(16);
    if may_matter(word)
        && let Some(special) = look_up(version, word)
    {
        let condition = word >> 28;
        return match condition {
            0xf => None,
            ALWAYS => Some(special.into()),
            _ => Some(Decoded { special, condition: Some(condition as u8) }),
        };
    }
    if version == ArmVersion::V7 && thumb >> 28 == ALWAYS && is_coprocessor15(thumb) {
        return look_up(version, thumb).map(Decoded::from);
    }
    None
}

/// Whether an instruction of `len` bytes may halt the CPU: WFI, or before v7 `MCR p15, 0, Rt, c7, c0, 4`, in either
/// instruction set.
#[inline]
pub fn may_halt(bytes: [u8; 4], len: usize) -> bool {
    let word = u32::from_le_bytes(bytes);
    let is_mcr = |word: u32| word & 0x0fff_0fff == 0x0e07_0f90;
    match len {
        2 => word & 0xffff == 0xbf30,
        _ => {
            let thumb = word.rotate_left(16);
            word & 0x0fff_ffff == 0x0320_f003 || thumb == 0xf3af_8003 || is_mcr(word) || is_mcr(thumb)
        }
    }
}

/// Whether an instruction is executed with these condition flags (ARM DDI 0406C, A8.3.1).
pub fn holds(condition: u8, cpsr: u64) -> bool {
    let flag = |bit: u32| cpsr >> bit & 1 == 1;
    let (n, z, c, v) = (flag(31), flag(30), flag(29), flag(28));
    let holds = match condition >> 1 {
        0 => z,
        1 => c,
        2 => n,
        3 => v,
        4 => c && !z,
        5 => n == v,
        6 => n == v && !z,
        _ => return true,
    };
    holds != (condition & 1 == 1)
}

/// A quick look, which all but a few instructions do not pass.
fn may_matter(word: u32) -> bool {
    is_coprocessor15(word) || word & 0xfff0_0ff0 == table::MARKER
}

/// Whether a word may be a register transfer of coprocessor 15: MCR, MRC, MCRR, MRRC.
fn is_coprocessor15(word: u32) -> bool {
    word & 0x0d00_0f00 == 0x0c00_0f00
}

/// The first row decides, also by saying that the instruction does not matter in this version.
fn look_up(version: ArmVersion, word: u32) -> Option<Special> {
    let row = TABLE.iter().find(|row| row.matches(word))?;
    (row.make)(version, word)
}
