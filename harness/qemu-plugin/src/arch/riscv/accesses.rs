// SPDX-License-Identifier: GPL-2.0-or-later
//! Which instructions access memory, of four bytes and of two (volume I, chapters "RV32/64G Instruction Set Listings" and "C").

use crate::arch::instruction::{Accesses, Operand};

const NONE: Accesses = Accesses::NONE;
const LOADS: Accesses = Accesses::LOADS;
const STORES: Accesses = Accesses::STORES;
const BOTH: Accesses = Accesses::BOTH;

/// Major opcodes, bits 6:2 of an instruction of four bytes.
mod major {
    pub const LOAD: u32 = 0x00;
    pub const LOAD_FP: u32 = 0x01;
    pub const CUSTOM: [u32; 4] = [0x02, 0x0a, 0x16, 0x1e];
    pub const STORE: u32 = 0x08;
    pub const STORE_FP: u32 = 0x09;
    pub const AMO: u32 = 0x0b;
    pub const SYSTEM: u32 = 0x1c;
}

/// The compressed instructions that access memory, by quadrant (bits 1:0) and function (bits 15:13).
static COMPRESSED: [(u32, u32, Accesses); 12] = [
    // C.FLD, C.LW, C.LD; C.LBU, C.LHU, C.LH, C.SB and C.SH of Zcb; C.FSD, C.SW, C.SD
    (0, 1, LOADS),
    (0, 2, LOADS),
    (0, 3, LOADS),
    (0, 5, STORES),
    (0, 6, STORES),
    (0, 7, STORES),
    // C.FLDSP, C.LWSP, C.LDSP; C.FSDSP (of Zcmp: push and pop), C.SWSP, C.SDSP
    (2, 1, LOADS),
    (2, 2, LOADS),
    (2, 3, LOADS),
    (2, 5, BOTH),
    (2, 6, STORES),
    (2, 7, STORES),
];

/// Returns which accesses an instruction may make.
pub fn accesses(bytes: [u8; 4], len: usize) -> Accesses {
    if len == 2 {
        return compressed(u16::from_le_bytes([bytes[0], bytes[1]]).into());
    }
    let word = u32::from_le_bytes(bytes);
    match word >> 2 & 0x1f {
        // Also of the vector extension.
        major::LOAD | major::LOAD_FP => LOADS,
        major::STORE | major::STORE_FP => STORES,
        // LR.W and LR.D
        major::AMO if word >> 27 == 2 => LOADS,
        major::AMO => BOTH,
        // HLV, HLVX and HSV
        major::SYSTEM if word >> 12 & 7 == 4 => BOTH,
        // T-Head has loads and stores there.
        opcode if major::CUSTOM.contains(&opcode) => BOTH,
        _ => NONE,
    }
}

fn compressed(half: u32) -> Accesses {
    let (quadrant, function) = (half & 3, half >> 13);
    if (quadrant, function) == (0, 4) {
        // Bits 12:10 are 000 and 001 for the loads of Zcb, 010 and 011 for its stores.
        return if half >> 11 & 1 == 0 { LOADS } else { STORES };
    }
    let found = COMPRESSED.iter().find(|row| (row.0, row.1) == (quadrant, function));
    found.map_or(NONE, |(_, _, accesses)| *accesses)
}

/// Returns where an instruction of four bytes loads or stores, if that is a register plus an offset.
pub fn operand(bytes: [u8; 4]) -> Option<Operand> {
    let word = u32::from_le_bytes(bytes);
    if word & 3 != 3 {
        return None;
    }
    let (base, signed) = (word >> 15 & 31, word as i32);
    match word >> 2 & 0x1f {
        major::LOAD => Some(Operand::Offset { base, offset: signed >> 20 }),
        major::STORE => {
            let offset = (signed >> 25 << 5) | (word >> 7 & 31) as i32;
            Some(Operand::Offset { base, offset })
        }
        _ => None,
    }
}
