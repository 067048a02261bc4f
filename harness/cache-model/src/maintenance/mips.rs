// SPDX-License-Identifier: GPL-2.0-or-later
//! MIPS: the `CACHE` instruction and its EVA twin `CACHEE`, `SYNCI` and `GINVI`.

use super::{Action, Broadcast, CoherencePoint, Operation, Scope, Side};

/// Operations of the `CACHE` instruction by its 5-bit field: bits 1:0 are the cache (I, D, T, S), bits 4:2 the
/// operation. MIPS32 PRA volume II, table of CACHE encodings (the same in Release 6), in the names of Linux's
/// `cacheops.h`, which calls the secondary cache SD; T is the tertiary one. The fields that MIPS32 leaves to the
/// implementation have the name of the R4000, which they come from.
static CACHE: [Operation; 32] = {
    use Action::{Clean, CleanInvalidate, Fill, Invalidate, None};
    use Side::{D, I, Outer};
    [
        index("Index_Invalidate_I", I, Invalidate),
        index("Index_Writeback_Inv_D", D, CleanInvalidate),
        index("Index_Writeback_Inv_T", Outer, None),
        index("Index_Writeback_Inv_SD", Outer, None),
        index("Index_Load_Tag_I", I, None),
        index("Index_Load_Tag_D", D, None),
        index("Index_Load_Tag_T", Outer, None),
        index("Index_Load_Tag_SD", Outer, None),
        // Linux stores tags only to make all lines invalid, before it trusts a cache.
        index("Index_Store_Tag_I", I, Invalidate),
        index("Index_Store_Tag_D", D, Invalidate),
        index("Index_Store_Tag_T", Outer, None),
        index("Index_Store_Tag_SD", Outer, None),
        hit("Implementation_I", I, None),
        hit("Create_Dirty_Excl_D", D, None),
        hit("Implementation_T", Outer, None),
        hit("Create_Dirty_Excl_SD", Outer, None),
        hit("Hit_Invalidate_I", I, Invalidate),
        hit("Hit_Invalidate_D", D, Invalidate),
        hit("Hit_Invalidate_T", Outer, None),
        hit("Hit_Invalidate_SD", Outer, None),
        hit("Fill_I", I, Fill).broadcast(Broadcast::Local),
        hit("Hit_Writeback_Inv_D", D, CleanInvalidate),
        hit("Hit_Writeback_Inv_T", Outer, None),
        hit("Hit_Writeback_Inv_SD", Outer, None),
        // Writes an I$ line to memory, which nothing in the model can make newer than memory.
        hit("Hit_Writeback_I", I, None),
        hit("Hit_Writeback_D", D, Clean),
        hit("Hit_Writeback_T", Outer, None),
        hit("Hit_Writeback_SD", Outer, None),
        hit("Fetch_Lock_I", I, Fill).broadcast(Broadcast::Local),
        hit("Fetch_Lock_D", D, None).broadcast(Broadcast::Local),
        hit("Fetch_Lock_T", Outer, None).broadcast(Broadcast::Local),
        hit("Fetch_Lock_SD", Outer, None).broadcast(Broadcast::Local),
    ]
};

const fn index(name: &'static str, side: Side, action: Action) -> Operation {
    Operation::local(name, side, Scope::Index, action, CoherencePoint::Level)
}

const fn hit(name: &'static str, side: Side, action: Action) -> Operation {
    Operation::local(name, side, Scope::Address, action, CoherencePoint::Level)
        .broadcast(Broadcast::ByAddress)
}

/// The operation of `CACHE` or `CACHEE` for one value of its 5-bit field; higher bits are ignored.
pub fn mips_cache(field: u32) -> Operation {
    CACHE[(field & 0x1f) as usize]
}

/// `SYNCI`: writes back the D$ line and invalidates the I$ line of an address (MIPS32 PRA volume II, from Release 2).
pub const MIPS_SYNCI: Operation = Operation::local(
    "SYNCI",
    Side::Both,
    Scope::Address,
    Action::CleanInvalidate,
    CoherencePoint::Unification,
)
.broadcast(Broadcast::ByAddress);

/// `GINVI`: invalidates the whole I$ of all cores, or of the one that its register names if that is not zero (MIPS32
/// PRA volume II, Release 6).
pub const MIPS_GINVI: Operation =
    Operation::local("GINVI", Side::I, Scope::All, Action::Invalidate, CoherencePoint::Level)
        .broadcast(Broadcast::InnerShareable);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_follow_cacheops_h() {
        for (field, name) in [
            (0x00, "Index_Invalidate_I"),
            (0x01, "Index_Writeback_Inv_D"),
            (0x03, "Index_Writeback_Inv_SD"),
            (0x04, "Index_Load_Tag_I"),
            (0x09, "Index_Store_Tag_D"),
            (0x0b, "Index_Store_Tag_SD"),
            (0x0d, "Create_Dirty_Excl_D"),
            (0x10, "Hit_Invalidate_I"),
            (0x11, "Hit_Invalidate_D"),
            (0x14, "Fill_I"),
            (0x15, "Hit_Writeback_Inv_D"),
            (0x17, "Hit_Writeback_Inv_SD"),
            (0x18, "Hit_Writeback_I"),
            (0x19, "Hit_Writeback_D"),
            (0x1b, "Hit_Writeback_SD"),
        ] {
            assert_eq!(mips_cache(field).name, name);
        }
    }

    #[test]
    fn the_low_bits_are_the_cache_and_names_are_unique() {
        for field in 0..32 {
            let operation = mips_cache(field);
            let side = [Side::I, Side::D, Side::Outer, Side::Outer][field as usize & 3];
            assert_eq!(operation.side, side, "{field:#x}");
            let letter = ["_I", "_D", "_T", "_SD"][field as usize & 3];
            assert!(operation.name.ends_with(letter), "{field:#x} {}", operation.name);
            assert_eq!(operation.scope == Scope::Index, field < 0x0c, "{field:#x}");
            assert!((0..field).all(|other| mips_cache(other).name != operation.name), "{field:#x}");
            assert!(operation.side != Side::Outer || operation.action == Action::None, "{field:#x}");
        }
    }
}
