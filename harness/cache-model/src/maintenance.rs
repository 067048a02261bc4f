// SPDX-License-Identifier: GPL-2.0-or-later
//! Cache maintenance operations: what each does, under the name its architecture gives it.

/// The cache that an operation works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Instruction cache.
    I,
    /// Data cache.
    D,
    /// Both (MIPS SYNCI: write back D, then invalidate I).
    Both,
    /// A cache below L1. It changes nothing in the model, whose I$ and D$ meet above L2, but is counted.
    Outer,
}

/// How an operation names its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// By virtual address: MIPS Hit operations, ARM operations by MVA.
    Address,
    /// By set and way, in the layout of MIPS Index operations.
    Index,
    /// By set and way, in the layout of ARM set/way operations.
    SetWay,
    /// The whole cache.
    All,
}

/// What happens to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The line is dropped.
    ///
    /// A *dirty* D$ line is written back first: the architectures allow it to have been evicted at any
    /// moment before, so this is one of the permitted outcomes, and the one that loses no data.
    Invalidate,
    /// A dirty line is written back and stays.
    Clean,
    /// A dirty line is written back and dropped.
    CleanInvalidate,
    /// The I$ reads the line (MIPS Fill_I).
    Fill,
    /// Nothing that the model holds changes (loads and stores of tags, locks, other levels).
    None,
}

/// One maintenance operation of an architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Name in the architecture's manual, or in Linux where that is the better known one.
    pub name: &'static str,
    /// The cache.
    pub side: Side,
    /// How the line is named.
    pub scope: Scope,
    /// What happens to it.
    pub action: Action,
}

const fn op(name: &'static str, side: Side, scope: Scope, action: Action) -> Operation {
    Operation { name, side, scope, action }
}

/// Operations of the MIPS `CACHE` instruction for one value of its 5-bit field: bits 1:0 are the cache
/// (I, D, T, S), bits 4:2 the operation (MIPS32 PRA volume II, table of CACHE encodings; `cacheops.h`).
pub fn mips_cache(field: u32) -> Operation {
    use Action::{Clean, CleanInvalidate, Fill, Invalidate, None};
    use Scope::{Address, Index};
    match field & 0x1f {
        0x00 => op("Index_Invalidate_I", Side::I, Index, Invalidate),
        0x01 => op("Index_Writeback_Inv_D", Side::D, Index, CleanInvalidate),
        0x04 => op("Index_Load_Tag_I", Side::I, Index, None),
        0x05 => op("Index_Load_Tag_D", Side::D, Index, None),
        // Linux stores tags only to make all lines invalid, before it trusts a cache.
        0x08 => op("Index_Store_Tag_I", Side::I, Index, Invalidate),
        0x09 => op("Index_Store_Tag_D", Side::D, Index, Invalidate),
        0x10 => op("Hit_Invalidate_I", Side::I, Address, Invalidate),
        0x11 => op("Hit_Invalidate_D", Side::D, Address, Invalidate),
        0x14 => op("Fill_I", Side::I, Address, Fill),
        0x15 => op("Hit_Writeback_Inv_D", Side::D, Address, CleanInvalidate),
        0x19 => op("Hit_Writeback_D", Side::D, Address, Clean),
        0x1c => op("Fetch_Lock_I", Side::I, Address, Fill),
        0x1d => op("Fetch_Lock_D", Side::D, Address, None),
        0x03 => op("Index_Writeback_Inv_SD", Side::Outer, Index, None),
        0x17 => op("Hit_Writeback_Inv_SD", Side::Outer, Address, None),
        0x13 => op("Hit_Invalidate_SD", Side::Outer, Address, None),
        other if other & 3 >= 2 => op("secondary", Side::Outer, Index, None),
        other if other & 3 == 0 => op("implementation_I", Side::I, Address, None),
        _ => op("implementation_D", Side::D, Address, None),
    }
}

/// MIPS `SYNCI`: writes back the D$ line and invalidates the I$ line of an address (MIPS32 R2, SYNCI).
pub const MIPS_SYNCI: Operation = op("SYNCI", Side::Both, Scope::Address, Action::CleanInvalidate);

/// The ARM v7 operation `MCR p15, 0, Rt, c7, <crm>, <op2>`, or `None` where that is not a cache
/// operation (branch predictor, barriers, address translation). ARM DDI 0406C, B3.18.6 and B4.2.
pub fn arm_c7(crm: u32, op2: u32) -> Option<Operation> {
    use Action::{Clean, CleanInvalidate, Invalidate};
    use Scope::{Address, All, SetWay};
    Some(match (crm, op2) {
        (1, 0) => op("ICIALLUIS", Side::I, All, Invalidate),
        (5, 0) => op("ICIALLU", Side::I, All, Invalidate),
        (5, 1) => op("ICIMVAU", Side::I, Address, Invalidate),
        (6, 1) => op("DCIMVAC", Side::D, Address, Invalidate),
        (6, 2) => op("DCISW", Side::D, SetWay, Invalidate),
        (10, 1) => op("DCCMVAC", Side::D, Address, Clean),
        (10, 2) => op("DCCSW", Side::D, SetWay, Clean),
        (11, 1) => op("DCCMVAU", Side::D, Address, Clean),
        (14, 1) => op("DCCIMVAC", Side::D, Address, CleanInvalidate),
        (14, 2) => op("DCCISW", Side::D, SetWay, CleanInvalidate),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mips_fields_follow_cacheops_h() {
        assert_eq!(mips_cache(0x10).name, "Hit_Invalidate_I");
        assert_eq!(mips_cache(0x15).action, Action::CleanInvalidate);
        assert_eq!(mips_cache(0x0b).side, Side::Outer);
        assert_eq!(mips_cache(0x18).side, Side::I);
    }

    #[test]
    fn arm_leaves_barriers_alone() {
        assert_eq!(arm_c7(10, 4), None);
        assert_eq!(arm_c7(11, 1).unwrap().name, "DCCMVAU");
    }
}
