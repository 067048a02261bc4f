// SPDX-License-Identifier: GPL-2.0-or-later
//! MIPS: every row of the table as the assembler encodes it, and what the same words mean elsewhere.

use cache_model::maintenance::mips_cache;

use super::{MIPS, assemble, cases, check, describe, source};
use crate::arch::GuestArch;
use crate::arch::architecture::Architecture;
use crate::arch::instruction::{Accesses, Operand, Special};
use crate::arch::mips::{Mips, MipsIsa, TABLE, access_operand, accesses, decode, leaves_alone, plain_access};

/// What all releases have.
const ANY: &str = "
    synci 0($v0) => SYNCI 0(2)
    synci -32($sp) => SYNCI -32(29)
    cachee 0x10, -4($a0) => Hit_Invalidate_I -4(4)
    cachee 0x15, 255($a0) => Hit_Writeback_Inv_D 255(4)
    mfc0 $2, $16, 1 => Config1 2
    mfc0 $31, $16, 7 => Config7 31
    mfc0 $2, $16, 0 => -
    mfc0 $2, $16, 2 => -
    mtc0 $2, $16, 1 => -
    rdhwr $3, $1 => SynciStep 3
    rdhwr $3, $29 => -
    mtc0 $4, $10 => Translation
    mfc0 $4, $10 => -
    mtc0 $4, $11 => -
    mtc0 $4, $5, 2 => Translation
    mtc0 $4, $5, 3 => Translation
    mtc0 $4, $5, 4 => Translation
    mtc0 $4, $5, 0 => -
    tlbr => Translation
    tlbwi => Translation
    tlbinv => Translation
    tlbinvf => Translation
    tlbwr => -
    tlbp => -
    eret => -
    lui $0, 0x5ae0 => Marker 0 4
    lui $0, 0x5ae5 => Marker 5 4
    lui $2, 0x5ae5 => -
    lui $0, 0x5ae3 => Marker 3 4
    lui $0, 0x5ae6 => -
    lui $0, 0x5ae7 => -
    lui $0, 0x5ae8 => -
    pref 5, 8($4) => -
    sync => -
    sw $31, 28($sp) => -
";

const BEFORE_6: &str = "
    pref 30, 64($a0) => PrepareForStore 64(4)
    prefe 30, -64($a0) => PrepareForStore -64(4)
    prefe 5, 0($a0) => -
    prefx 30, $5($4) => PrepareForStore 5[4]
    prefx 5, $5($4) => -
    mtc0 $4, $4, 5 => -
";

const RELEASE_6: &str = "
    ginvi $4 => GINVI 4
    ginvi $0 => GINVI 0
    ginvt $4, 2 => Translation
    mtc0 $4, $4, 5 => Translation
    prefe 5, 0($a0) => -
    lwpc $4, 64 => -
    ll $4, 0($5) => -
    sc $4, 0($5) => -
    balc . => -
";

const MIPS64: &str = "
    dmfc0 $2, $16, 1 => Config1 2
    dmfc0 $2, $16, 7 => Config7 2
    dmfc0 $2, $10 => -
    dmtc0 $2, $10 => Translation
    dmtc0 $2, $4, 5 => Translation
    dmtc0 $2, $5, 2 => Translation
    dmtc0 $2, $5, 3 => Translation
    dmtc0 $2, $5, 4 => Translation
    ld $4, 0($5) => -
";

/// Assembles and checks the cases of one instruction set in both byte orders; returns the words.
fn assembled(isa: MipsIsa, arguments: &[&str], texts: &[&str]) -> Vec<u32> {
    let mut lines: Vec<_> = texts.iter().flat_map(|text| cases(text)).collect();
    let offset = if isa.is_release6() { 255 } else { 32767 };
    for field in 0..32_u32 {
        let name = mips_cache(field).name;
        let (at, base) = (if field & 1 == 0 { offset } else { -offset - 1 }, field);
        lines.push((format!("cache {field}, {at}(${base})"), format!("{name} {at}({base})")));
    }
    let source = source(".set noreorder\n.set noat\n.set nomacro", &lines);
    let mut words = Vec::new();
    for big_endian in [true, false] {
        let order = if big_endian { "-EB" } else { "-EL" };
        let bytes = assemble(MIPS, &format!("{isa:?}{order}"), &[arguments, &[order]].concat(), &source);
        let target = GuestArch::Mips(Mips { big_endian, isa });
        check(&lines, &bytes, |bytes| target.decode(bytes, 4));
        if big_endian {
            let chunks = bytes.chunks_exact(4).take(lines.len());
            words = chunks.map(|chunk| u32::from_be_bytes(chunk.try_into().unwrap())).collect();
        }
    }
    for word in &words {
        if matches!(decode(isa, *word), Some(Special::Maintenance(..))) {
            assert_eq!(accesses(isa, *word), Accesses::NONE, "{word:#010x}");
        }
    }
    words
}

#[test]
fn every_row_is_what_the_assembler_encodes() {
    let all = [
        (MipsIsa::Mips32, assembled(MipsIsa::Mips32, &["-mips32r5", "-mfp64", "-meva"], &[ANY, BEFORE_6])),
        (
            MipsIsa::Mips32R6,
            assembled(MipsIsa::Mips32R6, &["-mips32r6", "-meva", "-mginv"], &[ANY, RELEASE_6]),
        ),
        (
            MipsIsa::Mips64,
            assembled(MipsIsa::Mips64, &["-mips64r2", "-mabi=64", "-meva"], &[ANY, BEFORE_6, MIPS64]),
        ),
        (
            MipsIsa::Mips64R6,
            assembled(
                MipsIsa::Mips64R6,
                &["-mips64r6", "-mabi=64", "-meva", "-mginv"],
                &[ANY, RELEASE_6, MIPS64],
            ),
        ),
    ];
    for (number, row) in TABLE.iter().enumerate() {
        let decides = |isa: MipsIsa, word: u32| {
            TABLE.iter().position(|row| row.matches(isa, word)).is_some_and(|first| first == number)
        };
        let met = all.iter().any(|(isa, words)| words.iter().any(|word| decides(*isa, *word)));
        assert!(met, "row {number}, {:#010x}: no instruction has met it", row.value);
    }
}

#[test]
fn rows_are_well_formed() {
    for row in TABLE {
        assert_eq!(row.value & !row.mask, 0, "{:#010x}", row.value);
        assert_eq!(row.mask >> 26, 0x3f, "{:#010x}: the quick look goes by the major opcode", row.value);
    }
}

#[test]
fn opcodes_that_release_6_gave_away() {
    let of = |isa, word| describe(decode(isa, word).map(Into::into));
    // cache 0x15, -32($a0), before and since
    assert_eq!(of(MipsIsa::Mips32, 0xbc95_ffe0), "Hit_Writeback_Inv_D -32(4)");
    assert_eq!(of(MipsIsa::Mips32R6, 0xbc95_ffe0), "-");
    assert_eq!(of(MipsIsa::Mips32R6, 0x7c95_f025), "Hit_Writeback_Inv_D -32(4)");
    assert_eq!(of(MipsIsa::Mips64, 0x7c95_f025), "-");
    // pref 30, 0($a0), which is no instruction in Release 6, in either encoding
    assert_eq!(of(MipsIsa::Mips64, 0xcc9e_0000), "PrepareForStore 0(4)");
    assert_eq!(of(MipsIsa::Mips64R6, 0xcc9e_0000), "-");
    assert_eq!(of(MipsIsa::Mips64R6, 0x7c9e_0035), "-");
    // ginvi $a0
    assert_eq!(of(MipsIsa::Mips32, 0x7c80_003d), "-");
    // dmtc0 $v0, $10
    assert_eq!(of(MipsIsa::Mips32, 0x40a2_5000), "-");
}

#[test]
fn what_may_access_memory() {
    let of = |word| accesses(MipsIsa::Mips32, word);
    assert_eq!(of(0xafbf_001c), Accesses::STORES, "sw");
    assert_eq!(of(0x8fbf_001c), Accesses::LOADS, "lw");
    assert_eq!(of(0xe082_0000), Accesses::BOTH, "sc");
    assert_eq!(of(0x27bd_ffe0), Accesses::NONE, "addiu");
    assert_eq!(of(0x03e0_0008), Accesses::NONE, "jr");
    assert_eq!(of(0xbc95_ffe0), Accesses::NONE, "cache");
    assert_eq!(of(0x7c82_3800), Accesses::NONE, "ext");
    assert_eq!(of(0x7082_1002), Accesses::NONE, "mul");
    let of = |word| accesses(MipsIsa::Mips32R6, word);
    assert_eq!(of(0xec80_0010), Accesses::NONE, "addiupc");
    assert_eq!(of(0xec88_0010), Accesses::LOADS, "lwpc");
    assert_eq!(of(0xec98_0010), Accesses::LOADS, "ldpc");
    assert_eq!(of(0xec9e_0010), Accesses::NONE, "auipc");
    assert_eq!(of(0xe800_0010), Accesses::NONE, "balc, once swc2");
    assert_eq!(of(0x7c82_0026), Accesses::BOTH, "sc");
    assert_eq!(
        GuestArch::from_name("mips").unwrap().accesses([0xe9, 0x10, 0, 0], 2),
        Accesses::BOTH,
        "MIPS16"
    );
}

#[test]
fn loads_and_stores() {
    let of = |isa, word| access_operand(isa, word);
    // sw $ra, 28($sp); lwl $t0, 0($a0); ld $v0, -8($sp); ll $v0, 0($a0)
    assert_eq!(of(MipsIsa::Mips32, 0xafbf_001c), Some(Operand::Offset { base: 29, offset: 28 }));
    assert_eq!(of(MipsIsa::Mips32, 0x8888_0000), None);
    assert_eq!(of(MipsIsa::Mips64R6, 0xdfa2_fff8), Some(Operand::Offset { base: 29, offset: -8 }));
    assert_eq!(of(MipsIsa::Mips64, 0xc082_0000), Some(Operand::Offset { base: 4, offset: 0 }));
    assert_eq!(of(MipsIsa::Mips64R6, 0xc082_0000), None);
}

#[test]
fn plain_accesses_and_what_may_lie_between_them() {
    let plain = |word| plain_access(MipsIsa::Mips32, word).map(|a| (a.base, a.offset, a.len, a.store));
    // sw $ra, 28($sp); lw $v0, -8($s0); lhu $t0, 2($a1); sb $zero, 0($a0)
    assert_eq!(plain(0xafbf_001c), Some((29, 28, 4, true)));
    assert_eq!(plain(0x8e02_fff8), Some((16, -8, 4, false)));
    assert_eq!(plain(0x94a8_0002), Some((5, 2, 2, false)));
    assert_eq!(plain(0xa080_0000), Some((4, 0, 1, true)));
    // lwl, swr, ll, sc, lwc1, cache, pref
    for word in [0x8888_0000, 0xb888_0003, 0xc082_0000, 0xe082_0000, 0xc480_0000, 0xbc90_0000, 0xcc80_0000] {
        assert_eq!(plain(word), None, "{word:08x}");
    }
    assert_eq!(plain_access(MipsIsa::Mips32R6, 0xafbf_001c), None, "not looked into");
    let alone = |word, register| leaves_alone(MipsIsa::Mips32, word, register);
    // addu $v0, $a0, $a1; addiu $sp, $sp, -32; lw $s0, 0($s0); sw $s0, 0($s0); mult; ins $t0, $t1, 0, 8
    assert!(alone(0x0085_1021, 4) && !alone(0x0085_1021, 2));
    assert!(alone(0x27bd_ffe0, 4) && !alone(0x27bd_ffe0, 29));
    assert!(alone(0x8e10_0000, 17) && !alone(0x8e10_0000, 16) && alone(0xae10_0000, 16));
    assert!(alone(0x0085_0018, 4));
    assert!(!alone(0x7d28_3804, 4), "not looked into");
    // jr $ra; syscall; teq; beq; bgez; jal; eret; mfc0; rdhwr; lwl
    for word in [
        0x03e0_0008,
        0x0000_000c,
        0x0085_0034,
        0x1085_0001,
        0x0481_0001,
        0x0c00_0000,
        0x4200_0018,
        0x4002_6000,
        0x7c03_e83b,
        0x8888_0000,
    ] {
        assert!(!alone(word, 16), "{word:08x}");
    }
}

#[test]
fn targets_by_qemus_names() {
    let target = |name| GuestArch::from_name(name).unwrap();
    let release6 = |name| target(name).with_isa("mips-r6").unwrap();
    assert_eq!(target("mips64el"), GuestArch::Mips(Mips { big_endian: false, isa: MipsIsa::Mips64 }));
    assert_eq!(release6("mips"), GuestArch::Mips(Mips { big_endian: true, isa: MipsIsa::Mips32R6 }));
    assert!(release6("mips64").is_64_bit() && !target("mipsel").is_64_bit());
    assert!(target("mips64").big_endian() && !target("mips64el").big_endian());
    assert_eq!(target("mips").with_isa("arm-v5"), None);
    assert_eq!(GuestArch::from_name("microblaze"), None);
}

#[test]
fn the_load_in_place_of_an_operation_has_its_operand() {
    let r6 = GuestArch::Mips(Mips { big_endian: false, isa: MipsIsa::Mips32R6 });
    let of = |target: GuestArch, word: u32, big: bool| {
        let bytes = if big { word.to_be_bytes() } else { word.to_le_bytes() };
        let Special::Maintenance(_, operand) = target.decode(bytes, 4).unwrap().special else { panic!() };
        let code = target.load_in_place_of(bytes, operand)?;
        assert!(!target.may_have_delay_slot(bytes));
        Some(if big { u32::from_be_bytes(code) } else { u32::from_le_bytes(code) })
    };
    // cache 0x15, -4($a0); synci -32($sp); of Release 6: cache 0x10, -4($a0); each as lb $zero.
    let mips = GuestArch::from_name("mips").unwrap();
    assert_eq!(of(mips, 0xbc95_fffc, true), Some(0x8080_fffc));
    assert_eq!(of(mips, 0x07bf_ffe0, true), Some(0x83a0_ffe0));
    assert_eq!(of(r6, 0x7c90_fe25, false), Some(0x8080_fffc));
    // cachee 0x10, -4($a0) is of another address space.
    assert_eq!(of(mips, 0x7c90_fe1b, true), None);
}
