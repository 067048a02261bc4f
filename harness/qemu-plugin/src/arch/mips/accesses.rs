// SPDX-License-Identifier: GPL-2.0-or-later
//! Which instructions access memory, by their major opcode and, for some of those, by further fields.

use super::isa::{MipsIsa, base_offset};
use crate::arch::instruction::{Accesses, Operand, PlainAccess};

/// What a major opcode says.
#[derive(Clone, Copy)]
enum MajorOpcode {
    /// All that there is to know.
    Is(Accesses),
    /// REGIMM.
    Regimm,
    /// The coprocessor 2 of Release 6, whose loads and stores are in the `rs` field.
    Cop2,
    /// Indexed loads and stores, and multiply-add, of the FPU.
    Cop1x,
    /// SPECIAL2.
    Special2,
    /// MSA.
    Msa,
    /// SPECIAL3.
    Special3,
    /// Release 6: relative to the PC.
    PcRelative,
}

use MajorOpcode::Is;

const NONE: MajorOpcode = Is(Accesses::NONE);
const LOADS: MajorOpcode = Is(Accesses::LOADS);
const STORES: MajorOpcode = Is(Accesses::STORES);
const BOTH: MajorOpcode = Is(Accesses::BOTH);

/// By major opcode, up to Release 5: volume II, table A.2. What is there in MIPS64 only is reserved in MIPS32.
#[rustfmt::skip]
static BEFORE_6: [MajorOpcode; 64] = [
    // SPECIAL REGIMM J JAL BEQ BNE BLEZ BGTZ
    NONE, MajorOpcode::Regimm, NONE, NONE, NONE, NONE, NONE, NONE,
    // ADDI ADDIU SLTI SLTIU ANDI ORI XORI LUI
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
    // COP0 COP1 COP2 COP1X BEQL BNEL BLEZL BGTZL
    NONE, NONE, NONE, MajorOpcode::Cop1x, NONE, NONE, NONE, NONE,
    // DADDI DADDIU LDL LDR SPECIAL2 JALX MSA SPECIAL3
    NONE, NONE, LOADS, LOADS, MajorOpcode::Special2, NONE, MajorOpcode::Msa, MajorOpcode::Special3,
    // LB LH LWL LW LBU LHU LWR LWU
    LOADS, LOADS, LOADS, LOADS, LOADS, LOADS, LOADS, LOADS,
    // SB SH SWL SW SDL SDR SWR CACHE
    STORES, STORES, STORES, STORES, STORES, STORES, STORES, NONE,
    // LL LWC1 LWC2 PREF LLD LDC1 LDC2 LD; what uses coprocessor 2's opcodes is up to the implementation
    BOTH, LOADS, BOTH, NONE, BOTH, LOADS, BOTH, LOADS,
    // SC SWC1 SWC2 (SWC3) SCD SDC1 SDC2 SD
    BOTH, STORES, BOTH, BOTH, BOTH, STORES, BOTH, STORES,
];

/// By major opcode, in Release 6: there, BOTH stands for what is reserved.
#[rustfmt::skip]
static RELEASE_6: [MajorOpcode; 64] = [
    // SPECIAL REGIMM J JAL BEQ BNE POP06 POP07
    NONE, MajorOpcode::Regimm, NONE, NONE, NONE, NONE, NONE, NONE,
    // POP10 ADDIU SLTI SLTIU ANDI ORI XORI AUI
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
    // COP0 COP1 COP2 - - - POP26 POP27
    NONE, NONE, MajorOpcode::Cop2, BOTH, BOTH, BOTH, NONE, NONE,
    // POP30 DADDIU - - - DAUI MSA SPECIAL3
    NONE, NONE, BOTH, BOTH, BOTH, NONE, MajorOpcode::Msa, MajorOpcode::Special3,
    // LB LH - LW LBU LHU - LWU
    LOADS, LOADS, BOTH, LOADS, LOADS, LOADS, BOTH, LOADS,
    // SB SH - SW - - - -
    STORES, STORES, BOTH, STORES, BOTH, BOTH, BOTH, BOTH,
    // - LWC1 BC - - LDC1 POP66 LD
    BOTH, LOADS, NONE, BOTH, BOTH, LOADS, NONE, LOADS,
    // - SWC1 BALC PCREL - SDC1 POP76 SD
    BOTH, STORES, NONE, MajorOpcode::PcRelative, BOTH, STORES, NONE, STORES,
];

/// Returns which accesses an instruction may make.
#[inline]
pub fn accesses(isa: MipsIsa, word: u32) -> Accesses {
    let classes = if isa.is_release6() { &RELEASE_6 } else { &BEFORE_6 };
    let function = word & 0x3f;
    match classes[(word >> 26) as usize] {
        Is(accesses) => accesses,
        MajorOpcode::Regimm => regimm(word >> 16 & 31),
        MajorOpcode::Cop2 => cop2(word >> 21 & 31),
        MajorOpcode::Cop1x => cop1x(function),
        MajorOpcode::Special2 => special2(function),
        MajorOpcode::Msa => msa(function),
        MajorOpcode::Special3 => special3(isa, function),
        MajorOpcode::PcRelative => pc_relative(word),
    }
}

fn regimm(rt: u32) -> Accesses {
    // ACLR and ASET of the MCU extension change a bit of memory
    if rt == 7 { Accesses::BOTH } else { Accesses::NONE }
}

fn cop2(rs: u32) -> Accesses {
    match rs {
        // LWC2, LDC2
        0x0a | 0x0e => Accesses::LOADS,
        // SWC2, SDC2
        0x0b | 0x0f => Accesses::STORES,
        _ => Accesses::NONE,
    }
}

fn cop1x(function: u32) -> Accesses {
    match function {
        // LWXC1, LDXC1, LUXC1
        0x00..=0x07 => Accesses::LOADS,
        // SWXC1, SDXC1, SUXC1
        0x08..=0x0e => Accesses::STORES,
        // PREFX, ALNV.PS, and multiply-add
        _ => Accesses::NONE,
    }
}

fn special2(function: u32) -> Accesses {
    match function {
        // MADD MADDU MUL MSUB MSUBU, CLZ CLO DCLZ DCLO, SDBBP
        0x00..=0x02 | 0x04 | 0x05 | 0x20 | 0x21 | 0x24 | 0x25 | 0x3f => Accesses::NONE,
        // of the implementation
        _ => Accesses::BOTH,
    }
}

fn msa(function: u32) -> Accesses {
    match function {
        // LD.df
        0x20..=0x23 => Accesses::LOADS,
        // ST.df
        0x24..=0x27 => Accesses::STORES,
        _ => Accesses::NONE,
    }
}

fn special3(isa: MipsIsa, function: u32) -> Accesses {
    match function {
        // EXT and INS in their forms, BSHFL, DBSHFL, CACHEE, PREFE, RDHWR
        0x00..=0x07 | 0x20 | 0x24 | 0x1b | 0x23 | 0x3b => Accesses::NONE,
        // DSP but for LX, in its versions of 32 and 64 bits
        0x0c | 0x0d | 0x10..=0x18 | 0x30 | 0x31 | 0x34 | 0x38 | 0x3c => Accesses::NONE,
        // LX (DSP), LWLE LWRE, LBUE LHUE, LBE LHE LLE LWE
        0x0a | 0x19 | 0x1a | 0x28 | 0x29 | 0x2c..=0x2f => Accesses::LOADS,
        // SBE SHE, SWE, SWLE SWRE
        0x1c | 0x1d | 0x1f | 0x21 | 0x22 => Accesses::STORES,
        // CACHE, PREF, GINVI and GINVT, which have other opcodes before or none
        0x25 | 0x35 | 0x3d if isa.is_release6() => Accesses::NONE,
        // SCE; SC SCD LL LLD of Release 6; of the implementation
        _ => Accesses::BOTH,
    }
}

fn pc_relative(word: u32) -> Accesses {
    match word >> 18 & 7 {
        // LWPC in 2 and 3, LWUPC in 4 and 5, LDPC
        2..=6 => Accesses::LOADS,
        // ADDIUPC in 0 and 1, AUIPC and ALUIPC
        _ => Accesses::NONE,
    }
}

/// Returns the operand of a load or store whose reported address is register plus offset: not the
/// unaligned halves (LWL and kin), for which QEMU reports the aligned address.
pub fn access_operand(isa: MipsIsa, word: u32) -> Option<Operand> {
    /// LB LH LW LBU LHU LWU, SB SH SW, LWC1 LDC1 LD, SWC1 SDC1 SD.
    const ANY: u64 = 1 << 0x20
        | 1 << 0x21
        | 1 << 0x23
        | 1 << 0x24
        | 1 << 0x25
        | 1 << 0x27
        | 1 << 0x28
        | 1 << 0x29
        | 1 << 0x2b
        | 1 << 0x31
        | 1 << 0x35
        | 1 << 0x37
        | 1 << 0x39
        | 1 << 0x3d
        | 1 << 0x3f;
    /// LL LLD SC SCD.
    const BEFORE_6: u64 = 1 << 0x30 | 1 << 0x34 | 1 << 0x38 | 1 << 0x3c;
    let opcodes = if isa.is_release6() { ANY } else { ANY | BEFORE_6 };
    (opcodes >> (word >> 26) & 1 == 1).then(|| base_offset(word))
}

/// Returns what an instruction loads or stores: LB LH LW LBU LHU, SB SH SW.
pub fn plain_access(isa: MipsIsa, word: u32) -> Option<PlainAccess> {
    let (len, store) = match word >> 26 {
        0x20 | 0x24 => (1, false),
        0x21 | 0x25 => (2, false),
        0x23 => (4, false),
        0x28 => (1, true),
        0x29 => (2, true),
        0x2b => (4, true),
        _ => return None,
    };
    (isa == MipsIsa::Mips32).then_some(PlainAccess { base: word >> 21 & 31, offset: word as i16, len, store })
}

/// Whether an instruction leaves a general register as it is, and neither branches nor traps nor waits: of those that
/// compilers put between loads and stores. Volume II, tables A.2 and A.3.
pub fn leaves_alone(isa: MipsIsa, word: u32, register: u32) -> bool {
    let (rt, rd) = (word >> 16 & 31, word >> 11 & 31);
    let leaves = match word >> 26 {
        // SPECIAL: SLL to SRAV, MOVZ and MOVN, MFHI to MTLO, MULT to DIVU, ADD to NOR, SLT and SLTU
        0x00 => {
            let function = word & 0x3f;
            let harmless = matches!(function, 0 | 2..=4 | 6 | 7 | 10 | 11 | 0x10..=0x13 | 0x18..=0x1b | 0x20..=0x27 | 0x2a | 0x2b);
            harmless && rd != register
        }
        // ADDI to LUI; LB to LW, LBU, LHU
        0x08..=0x0f | 0x20 | 0x21 | 0x23..=0x25 => rt != register,
        // SB SH SW
        0x28 | 0x29 | 0x2b => true,
        _ => false,
    };
    isa == MipsIsa::Mips32 && leaves
}
