// SPDX-License-Identifier: GPL-2.0-or-later
//! ARM: every row of the table as the assembler encodes it, in both encodings and in each version.

use cache_model::maintenance::ArmVersion;

use super::{ARM, assemble, cases, check, describe, source};
use crate::arch::GuestArch;
use crate::arch::architecture::{Architecture, CachesState, RegisterRole};
use crate::arch::arm::{Arm, TABLE, accesses, decode, holds};
use crate::arch::instruction::Accesses;

/// What all versions have.
const ANY: &str = "
    mcr p15, 0, r3, c7, c6, 2 => DCISW 3
    mcr p15, 0, r3, c7, c10, 2 => DCCSW 3
    mcr p15, 0, lr, c7, c14, 2 => DCCISW 14
    mcr p15, 0, r3, c7, c10, 4 => -
    mcr p15, 0, r3, c7, c5, 4 => -
    mcr p15, 0, r3, c7, c5, 6 => -
    mrc p15, 0, r3, c7, c5, 0 => -
    mcr p14, 0, r3, c7, c5, 0 => -
    mcr p15, 1, r3, c7, c5, 0 => -
    mcr p15, 0, r4, c1, c0, 0 => SystemControl 4
    mrc p15, 0, r4, c1, c0, 0 => -
    mcr p15, 0, r4, c1, c0, 2 => -
    mcr p15, 0, r4, c2, c0, 0 => Translation
    mcr p15, 0, r4, c2, c0, 1 => Translation
    mcr p15, 0, r4, c8, c7, 0 => Translation
    mcr p15, 0, r4, c8, c5, 1 => Translation
    mcr p15, 0, r4, c13, c0, 0 => Translation
    mcr p15, 0, r4, c13, c0, 1 => Translation
    mcr p15, 0, r4, c13, c0, 3 => ThreadSwitch
    mcr p15, 0, r4, c13, c0, 2 => -
    mrc p15, 0, r4, c13, c0, 3 => -
    mcr2 p15, 0, r3, c7, c5, 0 => -
    mrc p15, 0, r2, c0, c0, 1 => -
";

/// What v5 and v6 have.
const OLD: &str = "
    mcr p15, 0, r0, c7, c5, 0 => ICIALL 0
    mcr p15, 0, r3, c7, c5, 1 => ICIMVA 3
    mcr p15, 0, r3, c7, c5, 2 => ICISW 3
    mcr p15, 0, r0, c7, c6, 0 => DCIALL 0
    mcr p15, 0, r3, c7, c6, 1 => DCIMVA 3
    mcr p15, 0, r0, c7, c7, 0 => UCIALL 0
    mcr p15, 0, r3, c7, c10, 1 => DCCMVA 3
    mcr p15, 0, r3, c7, c13, 1 => ICPMVA 3
    mcr p15, 0, r3, c7, c14, 1 => DCCIMVA 3
    mrc p15, 0, r15, c7, c10, 3 => DCCTEST -
    mrc p15, 0, r15, c7, c14, 3 => DCCITEST -
    mcr p15, 0, r3, c7, c1, 0 => -
    mcr p15, 0, r4, c3, c0, 0 => ThreadSwitch
";

const V5: &str = "
    mcr p15, 0, r0, c7, c10, 0 => -
    mcr p15, 0, r3, c7, c11, 1 => -
    mcr p15, 0, r3, c7, c14, 0 => -
    mcr p15, 0, r3, c7, c15, 1 => -
    mcrr p15, 0, r1, r0, c14 => -
";

const V6: &str = "
    mcr p15, 0, r3, c7, c7, 1 => UCIMVA 3
    mcr p15, 0, r3, c7, c7, 2 => UCISW 3
    mcr p15, 0, r0, c7, c10, 0 => DCCALL 0
    mcr p15, 0, r0, c7, c11, 0 => UCCALL 0
    mcr p15, 0, r3, c7, c11, 1 => UCCMVA 3
    mcr p15, 0, r3, c7, c11, 2 => UCCSW 3
    mcr p15, 0, r0, c7, c14, 0 => DCCIALL 0
    mcr p15, 0, r0, c7, c15, 0 => UCCIALL 0
    mcr p15, 0, r3, c7, c15, 1 => UCCIMVA 3
    mcr p15, 0, r3, c7, c15, 2 => UCCISW 3
    mcrr p15, 0, r1, r0, c5 => ICIRANGE 0..1
    mcrr p15, 0, r1, r0, c6 => DCIRANGE 0..1
    mcrr p15, 0, r1, r0, c12 => DCCRANGE 0..1
    mcrr p15, 0, r1, r0, c14 => DCCIRANGE 0..1
    mcrr p15, 1, r1, r0, c12 => ICPRANGE 0..1
    mcrr p15, 2, r1, r0, c12 => DCPRANGE 0..1
    mcrr p15, 0, r1, r0, c2 => -
    mcrr p14, 0, r1, r0, c5 => -
    mrrc p15, 0, r1, r0, c5 => -
";

const V7: &str = "
    mcr p15, 0, r0, c7, c1, 0 => ICIALLUIS 0
    mcr p15, 0, r0, c7, c1, 6 => -
    mcr p15, 0, r0, c7, c5, 0 => ICIALLU 0
    mcr p15, 0, r3, c7, c5, 1 => ICIMVAU 3
    mcr p15, 0, r3, c7, c5, 7 => -
    mcr p15, 0, r3, c7, c6, 1 => DCIMVAC 3
    mcr p15, 0, r3, c7, c8, 0 => -
    mcr p15, 0, r3, c7, c10, 1 => DCCMVAC 3
    mcr p15, 0, r3, c7, c10, 5 => -
    mcr p15, 0, r3, c7, c11, 1 => DCCMVAU 3
    mcr p15, 0, r3, c7, c13, 1 => -
    mcr p15, 0, r3, c7, c14, 1 => DCCIMVAC 3
    mcr p15, 0, r0, c7, c7, 0 => -
    mcr p15, 0, r0, c7, c15, 0 => -
    mrc p15, 0, r3, c7, c10, 3 => -
    mcrr p15, 0, r1, r0, c2 => Translation
    mcrr p15, 1, r1, r0, c2 => Translation
    mcrr p15, 0, r1, r0, c14 => -
    mcr p15, 0, r4, c3, c0, 0 => Translation
";

/// Only ARM code has these: markers, and conditions in the instruction itself.
const ARM_ONLY: &str = "
    orr r1, r1, r1 => Marker 0 0
    orr r6, r6, r6 => Marker 5 0
    orr r7, r7, r7 => -
    orr r0, r0, r0 => -
    orr r1, r1, r2 => -
    orreq r1, r1, r1 => -
    orrs r1, r1, r1 => -
    mcreq p15, 0, r3, c7, c10, 2 => DCCSW 3 if 0
    mcrne p15, 0, r3, c7, c10, 2 => DCCSW 3 if 1
    mcrle p15, 0, r4, c1, c0, 0 => SystemControl 4 if 13
    mcrcc p15, 0, r4, c13, c0, 1 => Translation if 3
    svceq 0x1fee07 => -
";

/// Assembles and checks the cases of one version; returns the words as ARM stores them.
fn assembled(version: ArmVersion, name: &str, arguments: &[&str], texts: &[&str]) -> Vec<u32> {
    let lines: Vec<_> = texts.iter().flat_map(|text| cases(text)).collect();
    let source = source(".syntax unified", &lines);
    let bytes = assemble(ARM, name, arguments, &source);
    let target = GuestArch::Arm(Arm { version });
    check(&lines, &bytes, |bytes| target.decode(bytes, 4));
    let chunks = bytes.chunks_exact(4).take(lines.len());
    let words: Vec<u32> = chunks.map(|chunk| u32::from_le_bytes(chunk.try_into().unwrap())).collect();
    for (word, (instruction, _)) in words.iter().zip(&lines) {
        assert_eq!(accesses(word.to_le_bytes(), 4), Accesses::NONE, "{instruction}");
    }
    words
}

#[test]
fn every_row_is_what_the_assembler_encodes() {
    let old = "-march=armv5te";
    let mut words = assembled(ArmVersion::V5, "v5", &[old], &[ANY, OLD, V5, ARM_ONLY]);
    words.extend(assembled(ArmVersion::V6, "v6", &["-march=armv6k"], &[ANY, OLD, V6, ARM_ONLY]));
    words.extend(assembled(ArmVersion::V7, "v7", &["-march=armv7-a"], &[ANY, V7, ARM_ONLY]));
    assembled(ArmVersion::V7, "thumb", &["-march=armv7-a", "-mthumb"], &[ANY, V7]);
    for (number, row) in TABLE.iter().enumerate() {
        let decides = |word: &u32| TABLE.iter().position(|row| row.matches(*word)) == Some(number);
        assert!(words.iter().any(decides), "row {number}, {:#010x}: no instruction has met it", row.value);
    }
}

#[test]
fn rows_are_well_formed() {
    for row in TABLE {
        assert_eq!(row.value & !row.mask, 0, "{:#010x}", row.value);
    }
}

#[test]
fn hand_encoded() {
    let of = |version, word: u32| describe(decode(version, word.to_le_bytes(), 4));
    assert_eq!(of(ArmVersion::V7, 0xee07_3f3b), "DCCMVAU 3");
    assert_eq!(of(ArmVersion::V6, 0xee07_3f3b), "UCCMVA 3");
    assert_eq!(of(ArmVersion::V7, 0x0e07_0f15), "ICIALLU 0 if 0");
    assert_eq!(of(ArmVersion::V5, 0xee17_ff7e), "DCCITEST -");
    // the same operation in Thumb-2, which no CPU before v7 has
    let thumb = [0x07, 0xee, 0x3b, 0x3f];
    assert_eq!(describe(decode(ArmVersion::V7, thumb, 4)), "DCCMVAU 3");
    assert_eq!(describe(decode(ArmVersion::V6, thumb, 4)), "-");
    assert_eq!(describe(decode(ArmVersion::V7, thumb, 2)), "-");
}

#[test]
fn conditions() {
    const N: u64 = 1 << 31;
    const Z: u64 = 1 << 30;
    const C: u64 = 1 << 29;
    const V: u64 = 1 << 28;
    // The conditions that hold, as bits from EQ up, for flags from none to all of NZCV.
    for (cpsr, wanted) in [
        (0, 0b0101_0110_1010_1010_u32 | 1 << 14),
        (Z, 1 | 1 << 3 | 1 << 5 | 1 << 7 | 1 << 9 | 1 << 10 | 1 << 13 | 1 << 14),
        (C, 1 << 1 | 1 << 2 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 12 | 1 << 14),
        (N, 1 << 1 | 1 << 3 | 1 << 4 | 1 << 7 | 1 << 9 | 1 << 11 | 1 << 13 | 1 << 14),
        (N | V, 1 << 1 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 9 | 1 << 10 | 1 << 12 | 1 << 14),
        (Z | C, 1 | 1 << 2 | 1 << 5 | 1 << 7 | 1 << 9 | 1 << 10 | 1 << 13 | 1 << 14),
    ] {
        let held = (0..15).filter(|condition| holds(*condition, cpsr)).fold(0, |set, bit| set | 1 << bit);
        assert_eq!(held, wanted, "cpsr {cpsr:#x}: {held:#b}");
    }
}

#[test]
fn what_may_access_memory() {
    let arm = |word: u32| accesses(word.to_le_bytes(), 4);
    assert_eq!(arm(0xe92d_4010), Accesses::STORES, "push {{r4, lr}}");
    assert_eq!(arm(0xe591_0000), Accesses::LOADS, "ldr r0, [r1]");
    assert_eq!(arm(0xe1c1_00d0), Accesses::LOADS, "ldrd");
    assert_eq!(arm(0xe1c1_00f0), Accesses::STORES, "strd");
    assert_eq!(arm(0xe191_3f9f), Accesses::BOTH, "ldrex");
    assert_eq!(arm(0xf421_070f), Accesses::BOTH, "vld1");
    assert_eq!(arm(0xe000_0291), Accesses::NONE, "mul");
    assert_eq!(arm(0xe080_0001), Accesses::NONE, "add");
    let thumb = |first: u16, second: u16| {
        let ([a, b], [c, d]) = (first.to_le_bytes(), second.to_le_bytes());
        accesses([a, b, c, d], 4)
    };
    assert!(thumb(0xe92d, 0x4ff0).stores, "push.w");
    assert!(thumb(0xf8d0, 0x1000).loads, "ldr.w");
    assert!(thumb(0xe8df, 0xf001).loads, "tbb");
    let short = |insn: u16| accesses([insn.to_le_bytes()[0], insn.to_le_bytes()[1], 0, 0], 2);
    assert_eq!(short(0xb510), Accesses::STORES, "push");
    assert_eq!(short(0xbd10), Accesses::LOADS, "pop");
    assert_eq!(short(0xb108), Accesses::NONE, "cbz");
    assert_eq!(short(0x6801), Accesses::LOADS, "ldr");
    assert_eq!(short(0x5e88), Accesses::LOADS, "ldrsh");
    assert_eq!(short(0x5488), Accesses::STORES, "strb");
    assert_eq!(short(0x1840), Accesses::NONE, "adds");
}

#[test]
fn a_setup_names_the_version() {
    let arm = GuestArch::from_name("arm").unwrap();
    assert_eq!(arm, GuestArch::Arm(Arm { version: ArmVersion::V7 }));
    for (isa, version) in [("arm-v5", ArmVersion::V5), ("arm-v6", ArmVersion::V6)] {
        assert_eq!(arm.with_isa(isa), Some(GuestArch::Arm(Arm { version })));
    }
    assert_eq!(arm.with_isa("mips-r6"), None);
}

#[test]
fn caches_are_on_with_the_mmu() {
    let state = |value| GuestArch::from_name("arm").unwrap().caches_state(value);
    assert_eq!([0x1005, 0x0001, 0x0000].map(state), [CachesState::On, CachesState::Off, CachesState::Off]);
    assert_eq!([0x1004, 0x0005, 0x1001].map(state), [CachesState::Partly; 3]);
}

#[test]
fn registers_have_their_roles() {
    let arm = GuestArch::from_name("arm").unwrap();
    let role = |name| arm.register_role(name);
    assert_eq!(role("r12"), Some(RegisterRole::General(12)));
    assert_eq!((role("lr"), role("r16")), (Some(RegisterRole::General(14)), None));
    assert_eq!(arm.missing_registers(&|_| true), None);
    assert!(arm.missing_registers(&|role| role != RegisterRole::Flags).is_some());
    assert!(arm.missing_registers(&|role| role != RegisterRole::General(12)).is_some());
}

#[test]
fn what_may_halt_the_cpu() {
    let arm = GuestArch::from_name("arm").unwrap();
    let wait_for_interrupt = ["0320f003", "e320f003", "ee070f90", "0e073f90"];
    for word in wait_for_interrupt {
        let word = u32::from_str_radix(word, 16).unwrap();
        assert!(arm.may_halt(word.to_le_bytes(), 4), "{word:08x}");
    }
    // As Thumb-2 has them: two halfwords.
    for word in [0xf3af_8003_u32, 0xee07_0f90] {
        assert!(arm.may_halt(word.rotate_left(16).to_le_bytes(), 4), "{word:08x}");
    }
    assert!(arm.may_halt([0x30, 0xbf, 0, 0], 2));
    // WFE, NOP; a cache operation
    for word in [0xe320_f002_u32, 0xe320_f000, 0xee07_0f15] {
        assert!(!arm.may_halt(word.to_le_bytes(), 4), "{word:08x}");
    }
    assert!(!arm.may_halt([0x20, 0xbf, 0, 0], 2));
    let mips = GuestArch::from_name("mips").unwrap();
    assert!(mips.may_halt(0x4200_0020_u32.to_be_bytes(), 4));
    assert!(!mips.may_halt(0x4200_0018_u32.to_be_bytes(), 4));
}
