// SPDX-License-Identifier: GPL-2.0-or-later
//! The instructions that matter beyond their loads and stores.

use cache_model::maintenance::{ArmVersion, arm_mcr, arm_mcrr, arm_mrc};

use crate::arch::instruction::{Operand, Special};

/// `orr rN, rN, rN` (always, flags untouched) for N from 1: an architectural no-op that no compiler emits.
pub const MARKER: u32 = 0xe180_0000;
/// The kinds of markers are r1 to r6.
const MARKER_KINDS: std::ops::RangeInclusive<u32> = 1..=6;

/// An encoding: the words that have `value` in the bits of `mask`, whatever their condition.
pub struct ArmEncoding {
    pub mask: u32,
    pub value: u32,
    /// Returns `None` for what does not matter in this version.
    pub make: fn(ArmVersion, u32) -> Option<Special>,
}

impl ArmEncoding {
    /// Whether an instruction is of this kind.
    pub fn matches(&self, word: u32) -> bool {
        word & self.mask == self.value
    }
}

const fn row(mask: u32, value: u32, make: fn(ArmVersion, u32) -> Option<Special>) -> ArmEncoding {
    ArmEncoding { mask, value, make }
}

/// The first row that matches decides.
pub static TABLE: &[ArmEncoding] = &[
    row(0xfff0_0ff0, MARKER, |_, i| marker(i)),
    // MCR p15, 0, Rt, c7, CRm, op2
    row(0x0fff_0f10, 0x0e07_0f10, |version, i| {
        let operation = arm_mcr(version, i & 15, i >> 5 & 7)?;
        Some(Special::Maintenance(operation, Operand::Register(i >> 12 & 15)))
    }),
    // MRC p15, 0, Rt, c7, CRm, op2: tests and cleans
    row(0x0fff_0f10, 0x0e17_0f10, |version, i| {
        let operation = arm_mrc(version, i & 15, i >> 5 & 7)?;
        Some(Special::Maintenance(operation, Operand::Nothing))
    }),
    // MCRR p15, op1, Rt, Rt2, c2: TTBR0 and TTBR1 of 64 bits
    row(0x0ff0_0f0f, 0x0c40_0f02, |version, _| (version == ArmVersion::V7).then_some(Special::Translation)),
    // MCRR p15, op1, Rt, Rt2, CRm
    row(0x0ff0_0f00, 0x0c40_0f00, |version, i| {
        let operation = arm_mcrr(version, i >> 4 & 15, i & 15)?;
        let operand = Operand::Range { start: i >> 16 & 15, end: i >> 12 & 15 };
        Some(Special::Maintenance(operation, operand))
    }),
    // SCTLR
    row(0x0fff_0fff, 0x0e01_0f10, |_, i| Some(Special::SystemControl(i >> 12 & 15))),
    // TTBR0, TTBR1, TTBCR
    row(0x0fff_0f10, 0x0e02_0f10, |_, _| Some(Special::Translation)),
    // DACR, which Linux writes at each switch before v7 (CONFIG_CPU_USE_DOMAINS, __switch_to in entry-armv.S)
    row(0x0fff_0f10, 0x0e03_0f10, |version, _| match version {
        ArmVersion::V7 => Some(Special::Translation),
        _ => Some(Special::ThreadSwitch),
    }),
    // TLB maintenance
    row(0x0fff_0f10, 0x0e08_0f10, |_, _| Some(Special::Translation)),
    // TPIDRURO: user space reads its thread's TLS pointer there, which Linux writes at each switch (set_tls in asm/tls.h)
    row(0x0fff_0fff, 0x0e0d_0f70, |_, _| Some(Special::ThreadSwitch)),
    // c13, c0, 0 and 1: FCSEIDR and CONTEXTIDR; the others are thread identifiers
    row(0x0fff_0fdf, 0x0e0d_0f10, |_, _| Some(Special::Translation)),
];

fn marker(word: u32) -> Option<Special> {
    let n = word & 15;
    (word == MARKER | n << 16 | n << 12 | n && MARKER_KINDS.contains(&n))
        .then(|| Special::Marker { kind: n - MARKER_KINDS.start(), argument: 0 })
}
