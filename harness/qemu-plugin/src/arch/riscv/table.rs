// SPDX-License-Identifier: GPL-2.0-or-later
//! The instructions of four bytes that matter beyond their loads and stores.

use cache_model::maintenance::{RISCV_FENCE_I, riscv_cbo};

use crate::arch::instruction::{Operand, Special};

/// `lui zero, 0x5ae0 + kind`: a HINT, which changes no register and which no compiler emits.
const MARKER: u32 = 0x05ae_0037;
/// How many kinds of markers there are.
const MARKER_KINDS: u32 = 6;
/// a0, which has a marker's argument.
const ARGUMENT: u32 = 10;

/// Registers of the machine (volume II, chapter "CSRs") whose writing may change what addresses mean: SATP; MSTATUS, for MPRV;
/// and MSCRATCH, which a handler in M-mode, where addresses are physical, writes before it accesses memory.
const TRANSLATING: [u32; 3] = [0x180, 0x300, 0x340];

/// An encoding: the words that have `value` in the bits of `mask`.
pub struct RiscvEncoding {
    pub mask: u32,
    pub value: u32,
    pub make: fn(u32) -> Option<Special>,
}

impl RiscvEncoding {
    /// Whether an instruction is of this kind.
    pub fn matches(&self, word: u32) -> bool {
        word & self.mask == self.value
    }
}

const fn row(mask: u32, value: u32, make: fn(u32) -> Option<Special>) -> RiscvEncoding {
    RiscvEncoding { mask, value, make }
}

/// The first row that matches decides.
pub static TABLE: &[RiscvEncoding] = &[
    row(0xffff_8fff, MARKER, |i| {
        let kind = i >> 12 & 7;
        (kind < MARKER_KINDS).then_some(Special::Marker { kind, argument: ARGUMENT })
    }),
    // FENCE.I, whose other fields are reserved and to be ignored
    row(0x0000_707f, 0x0000_100f, |_| Some(Special::Maintenance(RISCV_FENCE_I, Operand::Register(0)))),
    // CBO.ZERO
    row(0xfff0_7fff, 0x0040_200f, |i| Some(Special::PrepareForStore(Operand::Register(i >> 15 & 31)))),
    // CBO.INVAL, CBO.CLEAN, CBO.FLUSH
    row(0x0000_7fff, 0x0000_200f, |i| {
        Some(Special::Maintenance(riscv_cbo(i >> 20)?, Operand::Register(i >> 15 & 31)))
    }),
    // SFENCE.VMA; SINVAL.VMA and its two fences
    row(0xfe00_7fff, 0x1200_0073, |_| Some(Special::Translation)),
    row(0xfe00_7fff, 0x1600_0073, |_| Some(Special::Translation)),
    row(0xffef_ffff, 0x1800_0073, |_| Some(Special::Translation)),
    // MRET: to a mode whose addresses are translated
    row(0xffff_ffff, 0x3020_0073, |_| Some(Special::Translation)),
    // CSRRW and CSRRWI
    row(0x0000_307f, 0x0000_1073, written),
    // CSRRS, CSRRC and their immediate forms, which write nothing with zero in rs1
    row(0x0000_007f, 0x0000_0073, |i| if i >> 12 & 2 != 0 && i >> 15 & 31 != 0 { written(i) } else { None }),
    // mv tp, a1: __switch_to in arch/riscv/kernel/entry.S
    row(0xffff_ffff, 0x0005_8213, |_| Some(Special::ThreadSwitch)),
];

/// `c.mv tp, a1`, the same of two bytes.
pub const COMPRESSED_SWITCH: u16 = 0x822e;

fn written(word: u32) -> Option<Special> {
    TRANSLATING.contains(&(word >> 20)).then_some(Special::Translation)
}
