// SPDX-License-Identifier: GPL-2.0-or-later
//! Random instructions, and all that there are, for all decoders: no panic, no impossible answer.

use cache_model::maintenance::ArmVersion;

use super::differential::Random;
use crate::arch::GuestArch;
use crate::arch::architecture::Architecture;
use crate::arch::arm::Arm;
use crate::arch::instruction::{Accesses, Decoded, Operand, Special};
use crate::arch::mips::{Mips, MipsIsa};
use crate::arch::riscv::Riscv;

const ISAS: [MipsIsa; 4] = [MipsIsa::Mips32, MipsIsa::Mips32R6, MipsIsa::Mips64, MipsIsa::Mips64R6];
const VERSIONS: [ArmVersion; 3] = [ArmVersion::V5, ArmVersion::V6, ArmVersion::V7];

/// Whether a word is maintenance, written down a second time, from the manuals and not from the tables.
fn may_be_mips_maintenance(isa: MipsIsa, word: u32) -> bool {
    match (word >> 26, word & 0x3f) {
        (0x2f, _) => !isa.is_release6(),
        (0x01, _) => word >> 16 & 0x1f == 0x1f,
        (0x1f, 0x1b) => true,
        (0x1f, 0x25 | 0x3d) => isa.is_release6(),
        _ => false,
    }
}

fn may_be_arm_maintenance(version: ArmVersion, word: u32) -> bool {
    let (kind, coprocessor) = (word >> 24 & 0xf, word >> 8 & 0xf);
    let transfer = kind == 0xe && word >> 4 & 1 == 1 && word >> 16 & 0xf == 7 && word >> 21 & 7 == 0;
    let read = word >> 20 & 1 == 1;
    let two = kind == 0xc && word >> 20 & 0xf == 4;
    coprocessor == 15
        && match version {
            ArmVersion::V5 => transfer,
            ArmVersion::V6 => transfer || two,
            ArmVersion::V7 => transfer && !read,
        }
}

/// Checks the registers of an operand, of which there are `count`.
fn registers(operand: Operand, count: u32) -> bool {
    match operand {
        Operand::Offset { base, offset } => {
            base < count && (i32::from(i16::MIN)..=i32::from(i16::MAX)).contains(&offset)
        }
        Operand::Register(number) => number < count,
        Operand::Nothing => true,
        Operand::Indexed { base: a, index: b } | Operand::Range { start: a, end: b } => {
            a < count && b < count
        }
    }
}

/// The words of RISC-V that are maintenance, from the manual and not from the table.
fn may_be_riscv_maintenance(word: u32) -> bool {
    let (opcode, function) = (word & 0x7f, word >> 12 & 7);
    opcode == 0x0f && (function == 1 || function == 2 && word >> 20 < 3)
}

fn sound(decoded: Decoded, count: u32) -> bool {
    (match decoded.special {
        Special::Maintenance(_, operand) | Special::PrepareForStore(operand) => registers(operand, count),
        Special::Marker { kind, argument } => kind < 6 && argument < count,
        Special::Describes { into, .. } => into < count,
        Special::SystemControl(register) => register < count,
        Special::Translation | Special::ThreadSwitch => true,
    }) && decoded.condition.is_none_or(|condition| condition < 14)
}

fn mips(isa: MipsIsa, big_endian: bool, word: u32) {
    let target = GuestArch::Mips(Mips { big_endian, isa });
    let bytes = if big_endian { word.to_be_bytes() } else { word.to_le_bytes() };
    let accesses = target.accesses(bytes, 4);
    target.access_operand(bytes);
    assert_eq!(target.decode(bytes, 2), None);
    let Some(decoded) = target.decode(bytes, 4) else { return };
    assert!(sound(decoded, 32) && decoded.condition.is_none(), "{target:?} {word:#010x}: {decoded:?}");
    assert_eq!(accesses, Accesses::NONE, "{target:?} {word:#010x}: {decoded:?}");
    if let Special::Maintenance(..) = decoded.special {
        assert!(may_be_mips_maintenance(isa, word), "{target:?} {word:#010x}: {decoded:?}");
    }
}

fn arm(version: ArmVersion, word: u32) {
    let target = GuestArch::Arm(Arm { version });
    let bytes = word.to_le_bytes();
    let accesses = target.accesses(bytes, 4);
    target.accesses(bytes, 2);
    assert_eq!(target.decode(bytes, 2), None);
    let Some(decoded) = target.decode(bytes, 4) else { return };
    assert!(sound(decoded, 16), "{target:?} {word:#010x}: {decoded:?}");
    if let Special::Maintenance(operation, _) = decoded.special {
        let thumb = version == ArmVersion::V7 && may_be_arm_maintenance(version, word.rotate_left(16));
        assert!(may_be_arm_maintenance(version, word) || thumb, "{target:?} {word:#010x}: {decoded:?}");
        assert_eq!(accesses, Accesses::NONE, "{target:?} {word:#010x}: {}", operation.name);
    }
}

fn riscv(word: u32) {
    let target = GuestArch::Riscv(Riscv);
    let bytes = word.to_le_bytes();
    target.accesses(bytes, 2);
    target.access_operand(bytes);
    assert!(target.decode(bytes, 2).is_none_or(|decoded| sound(decoded, 32)), "{word:#010x}");
    let Some(decoded) = target.decode(bytes, 4) else { return };
    assert!(sound(decoded, 32) && decoded.condition.is_none(), "{word:#010x}: {decoded:?}");
    assert_eq!(target.accesses(bytes, 4), Accesses::NONE, "{word:#010x}: {decoded:?}");
    if let Special::Maintenance(..) = decoded.special {
        assert!(may_be_riscv_maintenance(word), "{word:#010x}: {decoded:?}");
    }
}

/// A word that is often close to one that matters: random bits in the fields of one that does.
fn word(random: &mut Random) -> u32 {
    const SEEDS: [u32; 15] = [
        0x0000_100f,
        0x0025_a00f,
        0x3405_1073,
        0xbc95_ffe0,
        0x045f_0000,
        0x7c90_fe1b,
        0x7c95_f025,
        0x7c80_003d,
        0xcc9e_0000,
        0x4002_8001,
        0x4200_0002,
        0xee07_3f3b,
        0xec40_0f05,
        0xee17_ff7e,
        0x3f3b_ee07,
    ];
    let bits = random.next();
    let noise = bits as u32;
    match bits >> 32 & 3 {
        0 => noise,
        // flips a few bits
        1 => SEEDS[(bits >> 40) as usize % SEEDS.len()] ^ noise & random.next() as u32 & random.next() as u32,
        // keeps the halfword that says what it is, for one encoding or the other
        2 => SEEDS[(bits >> 40) as usize % SEEDS.len()] & 0xffff_0000 | noise & 0xffff,
        _ => SEEDS[(bits >> 40) as usize % SEEDS.len()] & 0xfff0_0fff | noise & 0x000f_f000,
    }
}

/// Feeds one word to all decoders.
fn feed(word: u32) {
    for isa in ISAS {
        mips(isa, true, word);
        mips(isa, false, word);
    }
    for version in VERSIONS {
        arm(version, word);
    }
    riscv(word);
}

#[test]
fn random_words_near_those_that_matter() {
    let mut random = Random(1);
    for _ in 0..200_000 {
        feed(word(&mut random));
    }
}

/// More than any fuzzing: all 2^32 words, each for every decoder and byte order.
#[test]
#[ignore = "takes minutes: ci/test --full"]
fn every_word_there_is() {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let all = 1_u64 << 32;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let part = all * thread / threads..all * (thread + 1) / threads;
            scope.spawn(move || part.for_each(|word| feed(word as u32)));
        }
    });
}
