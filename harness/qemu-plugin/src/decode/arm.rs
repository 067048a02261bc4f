// SPDX-License-Identifier: GPL-2.0-or-later
//! ARM v7, little endian, in ARM and Thumb-2 encoding. Encodings: ARM DDI 0406C, A8.8.98 (MCR) and B4.

use cache_model::maintenance::arm_c7;

use super::{Accesses, Operand, Special};

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

/// Returns which accesses an instruction may make, in doubt about the instruction set by the more cautious answer.
pub fn accesses(bytes: [u8; 4], len: usize) -> Accesses {
    let low = u32::from(u16::from_le_bytes([bytes[0], bytes[1]]));
    if len == 2 {
        return thumb16_accesses(low);
    }
    let arm = arm_accesses(u32::from_le_bytes(bytes));
    // Only a first halfword from 0xe800 on begins a 32-bit Thumb instruction.
    let thumb = if low >= 0xe800 { thumb32_accesses(low) } else { Accesses::NONE };
    Accesses { loads: arm.loads || thumb.loads, stores: arm.stores || thumb.stores }
}

/// ARM DDI 0406C, A6.2: 16-bit Thumb.
fn thumb16_accesses(insn: u32) -> Accesses {
    match insn >> 11 {
        // LDR (literal), LDR LDRB LDRH (immediate), LDR (SP), POP is below, LDM
        0b01001 | 0b01101 | 0b01111 | 0b10001 | 0b10011 | 0b11001 => Accesses::LOADS,
        // STR STRB STRH (immediate), STR (SP), STM
        0b01100 | 0b01110 | 0b10000 | 0b10010 | 0b11000 => Accesses::STORES,
        // register offsets; PUSH, POP and the miscellaneous
        0b01010 | 0b01011 | 0b10110 | 0b10111 => Accesses::BOTH,
        _ => Accesses::NONE,
    }
}

/// ARM DDI 0406C, A6.3: data processing (shifted, immediate, register), multiplies and branches do not access memory.
fn thumb32_accesses(first: u32) -> Accesses {
    let data_processing = first >> 9 == 0b111_0101 || first >> 11 == 0b1_1110 || first >> 9 == 0b111_1101;
    if data_processing { Accesses::NONE } else { Accesses::BOTH }
}

/// ARM DDI 0406C, A5.1.
fn arm_accesses(word: u32) -> Accesses {
    let one_bit_loads = if word >> 20 & 1 == 1 { Accesses::LOADS } else { Accesses::STORES };
    match word >> 25 & 7 {
        // branch; supervisor call and coprocessor register transfers
        0b101 | 0b111 => Accesses::NONE,
        // NEON and other unconditional instructions
        _ if word >> 28 == 0xf => Accesses::BOTH,
        // data processing, immediate
        0b001 => Accesses::NONE,
        // data processing, unless bits 7 and 4 make it a multiply or an extra load or store
        0b000 if word & 0x90 == 0x90 => Accesses::BOTH,
        0b000 => Accesses::NONE,
        // media, or load or store with register offset
        0b011 if word & 0x10 != 0 => Accesses::NONE,
        0b010..=0b100 => one_bit_loads,
        // coprocessor loads and stores
        _ => Accesses::BOTH,
    }
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
        (7, ..) => arm_c7(crm, op2).map(|operation| Special::Maintenance(operation, Operand::Register(rt))),
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
    fn what_may_access_memory() {
        let arm = |word: u32| accesses(word.to_le_bytes(), 4);
        assert_eq!(arm(0xe92d_4010), Accesses::STORES, "push {{r4, lr}}");
        assert_eq!(arm(0xe591_0000), Accesses::LOADS, "ldr r0, [r1]");
        assert_eq!(arm(0xe1c1_00d0), Accesses::BOTH, "ldrd");
        assert_eq!(arm(0xe191_3f9f), Accesses::BOTH, "ldrex");
        assert_eq!(arm(0xf421_070f), Accesses::BOTH, "vld1");
        assert_eq!(arm(0xe080_0001), Accesses::NONE, "add");
        let thumb = |first: u16, second: u16| {
            let ([a, b], [c, d]) = (first.to_le_bytes(), second.to_le_bytes());
            accesses([a, b, c, d], 4)
        };
        assert!(thumb(0xe92d, 0x4ff0).stores, "push.w");
        assert!(thumb(0xf8d0, 0x1000).loads, "ldr.w");
        let short = |insn: u16| accesses([insn.to_le_bytes()[0], insn.to_le_bytes()[1], 0, 0], 2);
        assert_eq!(short(0xb510), Accesses::BOTH, "push");
        assert_eq!(short(0x6801), Accesses::LOADS, "ldr");
        assert_eq!(short(0x1840), Accesses::NONE, "adds");
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
