// SPDX-License-Identifier: GPL-2.0-or-later
//! The instructions that matter beyond their loads and stores.

use cache_model::maintenance::{MIPS_GINVI, MIPS_SYNCI, mips_cache};

use super::advertise::{CONFIG1, CONFIG7, SYNCI_STEP};
use super::isa::{MipsIsa, base_offset, base_offset9};
use crate::arch::instruction::{Advertised, Operand, Special};

/// `lui $zero, 0x5ae0 + kind`: an architectural no-op that no compiler emits.
const MARKER: u32 = 0x3c00_5ae0;
/// Argument register of a marker, $a0.
const MARKER_ARGUMENT: u32 = 4;

/// Where an encoding has the meaning that a row gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum In {
    /// In all releases.
    Any,
    /// Up to Release 5.
    Before6,
    /// In Release 6.
    Release6,
    /// In MIPS64.
    Mips64,
}

/// An encoding: the words that have `value` in the bits of `mask`.
pub struct MipsEncoding {
    pub mask: u32,
    pub value: u32,
    pub valid: In,
    pub make: fn(u32) -> Special,
}

impl MipsEncoding {
    /// Whether an instruction is of this kind.
    pub fn matches(&self, isa: MipsIsa, word: u32) -> bool {
        word & self.mask == self.value
            && match self.valid {
                In::Any => true,
                In::Before6 => !isa.is_release6(),
                In::Release6 => isa.is_release6(),
                In::Mips64 => matches!(isa, MipsIsa::Mips64 | MipsIsa::Mips64R6),
            }
    }
}

const fn row(mask: u32, value: u32, valid: In, make: fn(u32) -> Special) -> MipsEncoding {
    MipsEncoding { mask, value, valid, make }
}

/// A move to or from a register of coprocessor 0, as `M[TF]C0 rt, $register, select`.
const fn cp0(value: u32, register: u32, select: u32, valid: In, make: fn(u32) -> Special) -> MipsEncoding {
    row(0xffe0_ffff, value | register << 11 | select, valid, make)
}

const MFC0: u32 = 0x4000_0000;
const DMFC0: u32 = 0x4020_0000;
const MTC0: u32 = 0x4080_0000;
const DMTC0: u32 = 0x40a0_0000;

/// The first row that matches decides. A row's mask covers the major opcode.
pub static TABLE: &[MipsEncoding] = &[
    // the kinds are 0 to 5
    row(0xffff_fffc, MARKER, In::Any, marker),
    row(0xffff_fffe, MARKER | 4, In::Any, marker),
    // CACHE op, offset(base)
    row(0xfc00_0000, 0xbc00_0000, In::Before6, |i| maintenance(i, base_offset(i))),
    row(0xfc00_007f, 0x7c00_0025, In::Release6, |i| maintenance(i, base_offset9(i))),
    // CACHEE op, offset(base)
    row(0xfc00_007f, 0x7c00_001b, In::Any, |i| maintenance(i, base_offset9(i))),
    // SYNCI offset(base)
    row(0xfc1f_0000, 0x041f_0000, In::Any, |i| Special::Maintenance(MIPS_SYNCI, base_offset(i))),
    // GINVI rs
    row(0xfc1f_ffff, 0x7c00_003d, In::Release6, |i| {
        Special::Maintenance(MIPS_GINVI, Operand::Register(i >> 21 & 31))
    }),
    // GINVT rs, type
    row(0xfc1f_fcff, 0x7c00_00bd, In::Release6, |_| Special::Translation),
    // PREF, PREFE and PREFX with hint 30, which Release 6 took away
    row(0xfc1f_0000, 0xcc1e_0000, In::Before6, |i| Special::PrepareForStore(base_offset(i))),
    row(0xfc1f_007f, 0x7c1e_0023, In::Before6, |i| Special::PrepareForStore(base_offset9(i))),
    row(0xfc00_ffff, 0x4c00_f00f, In::Before6, |i| {
        Special::PrepareForStore(Operand::Indexed { base: i >> 21 & 31, index: i >> 16 & 31 })
    }),
    cp0(MFC0, 16, 1, In::Any, |i| describes(CONFIG1, i)),
    cp0(MFC0, 16, 7, In::Any, |i| describes(CONFIG7, i)),
    cp0(DMFC0, 16, 1, In::Mips64, |i| describes(CONFIG1, i)),
    cp0(DMFC0, 16, 7, In::Mips64, |i| describes(CONFIG7, i)),
    // RDHWR rt, $1
    row(0xffe0_ffff, 0x7c00_083b, In::Any, |i| describes(SYNCI_STEP, i)),
    // EntryHi, which holds the ASID; MemoryMapID, which Release 6 may use in its place; SegCtl0 to SegCtl2
    cp0(MTC0, 10, 0, In::Any, |_| Special::Translation),
    cp0(DMTC0, 10, 0, In::Mips64, |_| Special::Translation),
    cp0(MTC0, 4, 5, In::Release6, |_| Special::Translation),
    cp0(DMTC0, 4, 5, In::Mips64, |_| Special::Translation),
    cp0(MTC0, 5, 2, In::Any, |_| Special::Translation),
    cp0(MTC0, 5, 3, In::Any, |_| Special::Translation),
    cp0(MTC0, 5, 4, In::Any, |_| Special::Translation),
    cp0(DMTC0, 5, 2, In::Mips64, |_| Special::Translation),
    cp0(DMTC0, 5, 3, In::Mips64, |_| Special::Translation),
    cp0(DMTC0, 5, 4, In::Mips64, |_| Special::Translation),
    // TLBR, which loads EntryHi; TLBWI, TLBINV, TLBINVF. Not TLBWR, the refill of an address that was not mapped: what was
    // mapped there before has been given up by one of these, or by a write of EntryHi.
    row(0xffff_ffff, 0x4200_0001, In::Any, |_| Special::Translation),
    row(0xffff_ffff, 0x4200_0002, In::Any, |_| Special::Translation),
    row(0xffff_ffff, 0x4200_0003, In::Any, |_| Special::Translation),
    row(0xffff_ffff, 0x4200_0004, In::Any, |_| Special::Translation),
];

fn marker(word: u32) -> Special {
    Special::Marker { kind: word & 7, argument: MARKER_ARGUMENT }
}

fn maintenance(word: u32, operand: Operand) -> Special {
    Special::Maintenance(mips_cache(word >> 16), operand)
}

fn describes(what: Advertised, word: u32) -> Special {
    Special::Describes { what, into: word >> 16 & 31 }
}
