// SPDX-License-Identifier: GPL-2.0-or-later
//! ARM v7, little endian, in ARM and Thumb-2 encoding. Encodings: ARM DDI 0406C, A8.8.98 (MCR) and B4.

use cache_model::maintenance::arm_c7;

use super::{Operand, Special};

/// `orr rN, rN, rN` (always, flags untouched) for N from 1: an architectural no-op that no compiler emits.
const MARKER: u32 = 0xe180_0000;
/// The kinds of markers are r1 to r6.
const MARKER_KINDS: std::ops::RangeInclusive<u32> = 1..=6;

/// Returns what the plugin must know about an instruction of `len` bytes.
///
/// A coprocessor instruction has the same 32 bits in both instruction sets, stored as one word in ARM and as two
/// halfwords, the higher first, in Thumb-2. Which of the two this is need not be known: the bytes of one
/// read as the other are a 16-bit instruction or an `svceq`, neither of which matters here.
pub fn decode(bytes: [u8; 4], len: usize) -> Option<Special> {
    if len != 4 {
        return None;
    }
    let arm = u32::from_le_bytes(bytes);
    let thumb = arm.rotate_left(16);
    marker(arm).or_else(|| coprocessor(arm)).or_else(|| coprocessor(thumb).filter(|_| thumb >> 28 == 0xe))
}

fn marker(word: u32) -> Option<Special> {
    let n = word & 15;
    (word == MARKER | n << 16 | n << 12 | n && MARKER_KINDS.contains(&n))
        .then(|| Special::Marker { kind: n - MARKER_KINDS.start(), argument: 0 })
}

/// `MCR p15, 0, Rt, CRn, CRm, op2`.
fn coprocessor(word: u32) -> Option<Special> {
    if word & 0x0ff0_0f10 != 0x0e00_0f10 || word >> 28 == 0xf {
        return None;
    }
    let (crn, rt, crm, op2) = (word >> 16 & 15, word >> 12 & 15, word & 15, word >> 5 & 7);
    match (crn, crm, op2) {
        (7, ..) => {
            arm_c7(crm, op2).map(|operation| Special::Maintenance(operation, Operand::Register(rt)))
        }
        (1, 0, 0) => Some(Special::SystemControl(rt)),
        // TTBR0/1 and TTBCR, DACR, TLB maintenance, CONTEXTIDR
        (2 | 3 | 8 | 13, ..) => Some(Special::Translation),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(bytes: [u8; 4]) -> Option<(&'static str, Operand)> {
        match decode(bytes, 4) {
            Some(Special::Maintenance(operation, operand)) => Some((operation.name, operand)),
            _ => None,
        }
    }

    #[test]
    fn maintenance_in_both_encodings() {
        // mcr p15, 0, r3, c7, c11, 1
        assert_eq!(name(0xee07_3f3b_u32.to_le_bytes()), Some(("DCCMVAU", Operand::Register(3))));
        assert_eq!(name([0x07, 0xee, 0x3b, 0x3f]), Some(("DCCMVAU", Operand::Register(3))));
        // mcr p15, 0, r0, c7, c5, 0, and its conditional form in ARM code
        assert_eq!(name(0xee07_0f15_u32.to_le_bytes()), Some(("ICIALLU", Operand::Register(0))));
        assert_eq!(name(0x0e07_0f15_u32.to_le_bytes()), Some(("ICIALLU", Operand::Register(0))));
    }

    #[test]
    fn barriers_and_other_coprocessors_are_nothing() {
        assert_eq!(decode(0xee07_0f9a_u32.to_le_bytes(), 4), None, "DSB");
        assert_eq!(decode(0xee07_0e15_u32.to_le_bytes(), 4), None, "p14");
        assert_eq!(decode(0xee17_0f15_u32.to_le_bytes(), 4), None, "MRC");
    }

    #[test]
    fn control_and_translation() {
        assert_eq!(decode(0xee01_0f10_u32.to_le_bytes(), 4), Some(Special::SystemControl(0)));
        assert_eq!(decode(0xee02_0f10_u32.to_le_bytes(), 4), Some(Special::Translation));
    }

    #[test]
    fn markers() {
        assert_eq!(decode(0xe181_1001_u32.to_le_bytes(), 4), Some(Special::Marker { kind: 0, argument: 0 }));
        assert_eq!(decode(0xe186_6006_u32.to_le_bytes(), 4), Some(Special::Marker { kind: 5, argument: 0 }));
        assert_eq!(decode(0xe180_0000_u32.to_le_bytes(), 4), None);
        assert_eq!(decode(0xe187_7007_u32.to_le_bytes(), 4), None);
    }
}
