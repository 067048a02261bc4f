// SPDX-License-Identifier: GPL-2.0-or-later
//! MIPS32 R1 to R5. Encodings: MIPS32 PRA volume II; `arch/mips/include/uapi/asm/inst.h`.

use cache_model::maintenance::{MIPS_SYNCI, mips_cache};

use super::{Accesses, Advertised, Operand, Special};

/// `lui $zero, 0x5ae0 + kind`: an architectural no-op that no compiler emits.
const MARKER: u32 = 0x3c00_5ae0;
/// Argument register of a marker, $a0.
const MARKER_ARGUMENT: u32 = 4;

struct Row {
    mask: u32,
    value: u32,
    make: fn(u32) -> Special,
}

/// The first row that matches decides.
const TABLE: &[Row] = &[
    Row {
        mask: 0xffff_fff8,
        value: MARKER,
        make: |i| Special::Marker { kind: i & 7, argument: MARKER_ARGUMENT },
    },
    // CACHE op, offset(base)
    Row {
        mask: 0xfc00_0000,
        value: 0xbc00_0000,
        make: |i| Special::Maintenance(mips_cache(i >> 16), base_offset(i)),
    },
    // SYNCI offset(base)
    Row { mask: 0xfc1f_0000, value: 0x041f_0000, make: |i| Special::Maintenance(MIPS_SYNCI, base_offset(i)) },
    // CACHEE op, offset9(base)
    Row {
        mask: 0xfc00_007f,
        value: 0x7c00_001b,
        make: |i| Special::Maintenance(mips_cache(i >> 16), base_offset9(i)),
    },
    // mfc0 rt, $16, 1
    Row {
        mask: 0xffe0_ffff,
        value: 0x4000_8001,
        make: |i| Special::Describes { what: Advertised::Config1, into: i >> 16 & 31 },
    },
    // rdhwr rt, $1
    Row {
        mask: 0xffe0_ffff,
        value: 0x7c00_083b,
        make: |i| Special::Describes { what: Advertised::SynciStep, into: i >> 16 & 31 },
    },
    // mtc0 rt, $10 (EntryHi, which holds the ASID)
    Row { mask: 0xffe0_ffff, value: 0x4080_5000, make: |_| Special::Translation },
    // tlbwi, tlbwr, tlbinv, tlbinvf
    Row { mask: 0xffff_ffff, value: 0x4200_0002, make: |_| Special::Translation },
    Row { mask: 0xffff_ffff, value: 0x4200_0006, make: |_| Special::Translation },
    Row { mask: 0xffff_fff8, value: 0x4200_0000, make: |_| Special::Translation },
];

/// Returns what the plugin must know about an instruction word.
pub fn decode(word: u32) -> Option<Special> {
    TABLE.iter().find(|row| word & row.mask == row.value).map(|row| (row.make)(word))
}

/// Returns which accesses an instruction may make, by its major opcode.
pub fn accesses(word: u32) -> Accesses {
    match word >> 26 {
        // LB LH LWL LW LBU LHU LWR LWU, LWC1 LWC2 LDC1 LDC2 (and LLD, LD of MIPS64)
        0x1a | 0x1b | 0x20..=0x27 | 0x31 | 0x32 | 0x35..=0x37 => Accesses::LOADS,
        // SB SH SWL SW SDL SDR SWR, SWC1 SWC2 SDC1 SDC2 SD
        0x28..=0x2e | 0x39 | 0x3a | 0x3d..=0x3f => Accesses::STORES,
        // LL SC, COP1X, SPECIAL2, SPECIAL3 with its indexed, EVA and R6 forms, MSA
        0x13 | 0x1c | 0x1e | 0x1f | 0x30 | 0x34 | 0x38 | 0x3c => Accesses::BOTH,
        _ => Accesses::NONE,
    }
}

/// Returns the operand of a load or store whose reported address is register plus offset: not the
/// unaligned halves (LWL and kin), for which QEMU reports the aligned address.
pub fn access_operand(word: u32) -> Option<Operand> {
    /// LB LH LW LBU LHU, SB SH SW, LL, LWC1, LDC1, SC, SWC1, SDC1.
    const OPCODES: [u32; 14] =
        [0x20, 0x21, 0x23, 0x24, 0x25, 0x28, 0x29, 0x2b, 0x30, 0x31, 0x35, 0x38, 0x39, 0x3d];
    OPCODES.contains(&(word >> 26)).then(|| base_offset(word))
}

fn base_offset(word: u32) -> Operand {
    Operand::Offset { base: word >> 21 & 31, offset: i32::from(word as u16 as i16) }
}

fn base_offset9(word: u32) -> Operand {
    Operand::Offset { base: word >> 21 & 31, offset: (word << 16) as i32 >> 23 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(word: u32) -> Option<(&'static str, Operand)> {
        match decode(word) {
            Some(Special::Maintenance(operation, operand)) => Some((operation.name, operand)),
            _ => None,
        }
    }

    #[test]
    fn maintenance() {
        // cache 0x15, -32($a0), as `as` encodes it
        assert_eq!(
            name(0xbc95_ffe0),
            Some(("Hit_Writeback_Inv_D", Operand::Offset { base: 4, offset: -32 }))
        );
        // synci 0($v0)
        assert_eq!(name(0x045f_0000), Some(("SYNCI", Operand::Offset { base: 2, offset: 0 })));
        // cachee 0x10, -4($a0)
        assert_eq!(name(0x7c90_fe1b), Some(("Hit_Invalidate_I", Operand::Offset { base: 4, offset: -4 })));
    }

    #[test]
    fn registers_that_describe_the_machine() {
        let config1 = Special::Describes { what: Advertised::Config1, into: 2 };
        assert_eq!(decode(0x4002_8001), Some(config1));
        assert_eq!(decode(0x4002_8000), None, "Config0");
        let step = Special::Describes { what: Advertised::SynciStep, into: 3 };
        assert_eq!(decode(0x7c03_083b), Some(step));
    }

    #[test]
    fn markers_are_lui_zero_only() {
        assert_eq!(decode(0x3c00_5ae5), Some(Special::Marker { kind: 5, argument: 4 }));
        assert_eq!(decode(0x3c02_5ae5), None);
    }

    #[test]
    fn what_may_access_memory() {
        assert_eq!(accesses(0xafbf_001c), Accesses::STORES, "sw");
        assert_eq!(accesses(0x8fbf_001c), Accesses::LOADS, "lw");
        assert_eq!(accesses(0xe082_0000), Accesses::BOTH, "sc");
        assert_eq!(accesses(0x27bd_ffe0), Accesses::NONE, "addiu");
        assert_eq!(accesses(0x03e0_0008), Accesses::NONE, "jr");
        assert_eq!(accesses(0xbc95_ffe0), Accesses::NONE, "cache");
    }

    #[test]
    fn loads_and_stores() {
        // sw $ra, 28($sp); lwl $t0, 0($a0)
        assert_eq!(access_operand(0xafbf_001c), Some(Operand::Offset { base: 29, offset: 28 }));
        assert_eq!(access_operand(0x8888_0000), None);
    }
}
