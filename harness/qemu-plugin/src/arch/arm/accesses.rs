// SPDX-License-Identifier: GPL-2.0-or-later
//! Which instructions access memory, in ARM and Thumb encoding.

use crate::arch::instruction::Accesses;

/// The instructions that have `value` in the bits of `mask`, and what they may do.
struct AccessRow {
    mask: u32,
    value: u32,
    accesses: Option<Accesses>,
    /// The bit that is one for a load and zero for a store, where `accesses` does not say.
    load_bit: u32,
}

const fn is(mask: u32, value: u32, accesses: Accesses) -> AccessRow {
    AccessRow { mask, value, accesses: Some(accesses), load_bit: 0 }
}

const fn by_bit(mask: u32, value: u32, load_bit: u32) -> AccessRow {
    AccessRow { mask, value, accesses: None, load_bit }
}

const NONE: Accesses = Accesses::NONE;
const LOADS: Accesses = Accesses::LOADS;
const STORES: Accesses = Accesses::STORES;
const BOTH: Accesses = Accesses::BOTH;

/// ARM DDI 0406C, A5.1 to A5.7, without the unconditional ones.
static ARM: &[AccessRow] = &[
    // data processing and multiplies of the first group, whose extra loads and stores have bits 7 and 4
    is(0x0e00_0010, 0x0000_0000, NONE),
    is(0x0e00_0090, 0x0000_0010, NONE),
    is(0x0f00_00f0, 0x0000_0090, NONE),
    // SWP, LDREX, STREX and kin
    is(0x0e00_00f0, 0x0000_0090, BOTH),
    // LDRH, STRH
    by_bit(0x0e00_00f0, 0x0000_00b0, 20),
    // LDRSB and LDRSH; without the bit, LDRD and STRD
    is(0x0e10_00d0, 0x0010_00d0, LOADS),
    is(0x0e10_00f0, 0x0000_00d0, LOADS),
    is(0x0e10_00f0, 0x0000_00f0, STORES),
    // data processing (immediate), and what shares its space
    is(0x0e00_0000, 0x0200_0000, NONE),
    // LDR, STR, LDRB, STRB; media; LDM, STM; branches
    by_bit(0x0e00_0000, 0x0400_0000, 20),
    is(0x0e00_0010, 0x0600_0010, NONE),
    by_bit(0x0e00_0000, 0x0600_0000, 20),
    by_bit(0x0e00_0000, 0x0800_0000, 20),
    is(0x0e00_0000, 0x0a00_0000, NONE),
    // MCRR, MRRC; LDC, STC, VLDR, VSTM and kin
    is(0x0fe0_0000, 0x0c40_0000, NONE),
    by_bit(0x0e00_0000, 0x0c00_0000, 20),
    // SVC, CDP, MCR, MRC
    is(0x0e00_0000, 0x0e00_0000, NONE),
];

/// A5.7, the unconditional ones: those of the condition field 15.
static ARM_UNCONDITIONAL: &[AccessRow] = &[
    // NEON data processing; BLX; MCRR2; CDP2 and MCR2
    is(0x0e00_0000, 0x0200_0000, NONE),
    is(0x0e00_0000, 0x0a00_0000, NONE),
    is(0x0fe0_0000, 0x0c40_0000, NONE),
    is(0x0e00_0000, 0x0e00_0000, NONE),
    // RFE, SRS; LDC2, STC2; NEON elements and structures, preloads
    is(0, 0, BOTH),
];

/// A6.2, 16-bit Thumb.
static THUMB16: &[AccessRow] = &[
    // LDR (literal)
    is(0xf800, 0x4800, LOADS),
    // STR STRH STRB, then LDRSB LDR LDRH LDRB LDRSH, with a register offset
    is(0xfe00, 0x5600, LOADS),
    by_bit(0xf000, 0x5000, 11),
    // STR, LDR, STRB, LDRB; STRH, LDRH; STR and LDR (SP)
    by_bit(0xe000, 0x6000, 11),
    by_bit(0xe000, 0x8000, 11),
    // PUSH, POP
    is(0xfe00, 0xb400, STORES),
    is(0xfe00, 0xbc00, LOADS),
    // STM, LDM
    by_bit(0xf000, 0xc000, 11),
    is(0, 0, NONE),
];

/// A6.3, 32-bit Thumb, by the first halfword.
static THUMB32: &[AccessRow] = &[
    // LDM, STM, RFE, SRS; LDRD, STRD, LDREX, STREX, TBB
    by_bit(0xfe40, 0xe800, 4),
    is(0xfe40, 0xe840, BOTH),
    // MCRR, MRRC, VMOV of two registers; LDC, STC, VLDR, VSTM and kin, also of the NEON and MVE that came later
    is(0xffe0, 0xec40, NONE),
    by_bit(0xfe00, 0xec00, 4),
    is(0xfe00, 0xfc00, BOTH),
    // loads and stores of single items; NEON elements and structures
    is(0xff10, 0xf910, LOADS),
    is(0xff00, 0xf900, BOTH),
    by_bit(0xff00, 0xf800, 4),
    // data processing, multiplies, branches, CDP, MCR, MRC, NEON data processing
    is(0, 0, NONE),
];

fn look_up(rows: &[AccessRow], insn: u32) -> Accesses {
    let Some(row) = rows.iter().find(|row| insn & row.mask == row.value) else { return BOTH };
    row.accesses.unwrap_or(if insn >> row.load_bit & 1 == 1 { LOADS } else { STORES })
}

/// Returns which accesses an instruction may make, in doubt about the instruction set by the more cautious answer.
pub fn accesses(bytes: [u8; 4], len: usize) -> Accesses {
    let first = u32::from(u16::from_le_bytes([bytes[0], bytes[1]]));
    if len == 2 {
        return look_up(THUMB16, first);
    }
    let word = u32::from_le_bytes(bytes);
    let arm = look_up(if word >> 28 == 0xf { ARM_UNCONDITIONAL } else { ARM }, word);
    // Only a first halfword from 0xe800 on begins a 32-bit Thumb instruction.
    let thumb = if first >= 0xe800 { look_up(THUMB32, first) } else { NONE };
    arm.or(thumb)
}
