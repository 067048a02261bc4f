// SPDX-License-Identifier: GPL-2.0-or-later
//! ARM v5 to v7: operations of coprocessor 15, register c7.
//!
//! The manuals of v5 and v6 describe operations and do not name them, so those are named here as v7 names its own: the
//! cache (`IC`, `DC`, `UC` for a unified cache or both), then `I`, `C`, `CI` or `P` for invalidate, clean, both or
//! prefetch, then what: `ALL`, `MVA`, `SW`, `RANGE`, or `TEST` for test and clean. Sources: ARM926EJ-S TRM (DDI 0198),
//! register c7; ARM Architecture Reference Manual v6 (DDI 0100I), B6.6.5; ARM1136JF-S TRM (DDI 0211), register c7 and
//! its block transfer operations; ARM Architecture Reference Manual v7 (DDI 0406C), B3.18.6 and B4.2.

use super::{Action, Broadcast, CoherencePoint, Operation, Scope, Side};

/// Version of the architecture, by which one encoding means different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArmVersion {
    /// v5, as in the ARM926EJ-S.
    V5,
    /// v6, as in the ARM1136, ARM1176 and ARM11 MPCore.
    V6,
    /// v7-A.
    V7,
}

/// An operation in the versions from `first` to `last`, by the register CRm and the second opcode.
struct OperationRow {
    first: ArmVersion,
    last: ArmVersion,
    crm: u32,
    op2: u32,
    operation: Operation,
}

const fn old(first: ArmVersion, crm: u32, op2: u32, operation: Operation) -> OperationRow {
    OperationRow { first, last: ArmVersion::V6, crm, op2, operation }
}

const fn v7(crm: u32, op2: u32, operation: Operation) -> OperationRow {
    OperationRow { first: ArmVersion::V7, last: ArmVersion::V7, crm, op2, operation }
}

const fn by_mva(name: &'static str, side: Side, action: Action, point: CoherencePoint) -> Operation {
    Operation::local(name, side, Scope::Address, action, point)
}

const fn by_set_way(name: &'static str, side: Side, action: Action) -> Operation {
    Operation::local(name, side, Scope::SetWay, action, CoherencePoint::Level)
}

const fn all(name: &'static str, side: Side, action: Action) -> Operation {
    let point = if matches!(side, Side::I) { CoherencePoint::Unification } else { CoherencePoint::Coherency };
    Operation::local(name, side, Scope::All, action, point)
}

const fn range(name: &'static str, side: Side, action: Action) -> Operation {
    let point = if matches!(side, Side::I) { CoherencePoint::Unification } else { CoherencePoint::Coherency };
    Operation::local(name, side, Scope::Range, action, point)
}

/// `MCR p15, 0, Rt, c7, CRm, op2`.
static MCR: &[OperationRow] = {
    use Action::{Clean, CleanInvalidate, Invalidate, Prefetch};
    use ArmVersion::{V5, V6};
    use Broadcast::{ByAddress, InnerShareable};
    use CoherencePoint::{Coherency, Unification};
    use Side::{Both, D, I};
    &[
        // By set and way all versions have the same, and v5 and v6 the same by address, in older names.
        old(V5, 5, 0, all("ICIALL", I, Invalidate)),
        old(V5, 5, 1, by_mva("ICIMVA", I, Invalidate, Unification)),
        old(V5, 5, 2, by_set_way("ICISW", I, Invalidate)),
        old(V5, 6, 0, all("DCIALL", D, Invalidate)),
        old(V5, 6, 1, by_mva("DCIMVA", D, Invalidate, Coherency)),
        old(V5, 6, 2, by_set_way("DCISW", D, Invalidate)),
        old(V5, 7, 0, all("UCIALL", Both, Invalidate)),
        old(V5, 10, 1, by_mva("DCCMVA", D, Clean, Coherency)),
        old(V5, 10, 2, by_set_way("DCCSW", D, Clean)),
        old(V5, 13, 1, by_mva("ICPMVA", I, Prefetch, Unification)),
        old(V5, 14, 1, by_mva("DCCIMVA", D, CleanInvalidate, Coherency)),
        old(V5, 14, 2, by_set_way("DCCISW", D, CleanInvalidate)),
        // Whole caches at once, and unified ones (no ARM11 has one: its I$ and D$ are both meant), are new in v6.
        old(V6, 7, 1, by_mva("UCIMVA", Both, Invalidate, Coherency)),
        old(V6, 7, 2, by_set_way("UCISW", Both, Invalidate)),
        old(V6, 10, 0, all("DCCALL", D, Clean)),
        old(V6, 11, 0, all("UCCALL", D, Clean)),
        old(V6, 11, 1, by_mva("UCCMVA", D, Clean, Coherency)),
        old(V6, 11, 2, by_set_way("UCCSW", D, Clean)),
        old(V6, 14, 0, all("DCCIALL", D, CleanInvalidate)),
        old(V6, 15, 0, all("UCCIALL", Both, CleanInvalidate)),
        old(V6, 15, 1, by_mva("UCCIMVA", Both, CleanInvalidate, Coherency)),
        old(V6, 15, 2, by_set_way("UCCISW", Both, CleanInvalidate)),
        v7(1, 0, all("ICIALLUIS", I, Invalidate).broadcast(InnerShareable)),
        v7(5, 0, all("ICIALLU", I, Invalidate)),
        v7(5, 1, by_mva("ICIMVAU", I, Invalidate, Unification).broadcast(ByAddress)),
        v7(6, 1, by_mva("DCIMVAC", D, Invalidate, Coherency).broadcast(ByAddress)),
        v7(6, 2, by_set_way("DCISW", D, Invalidate)),
        v7(10, 1, by_mva("DCCMVAC", D, Clean, Coherency).broadcast(ByAddress)),
        v7(10, 2, by_set_way("DCCSW", D, Clean)),
        v7(11, 1, by_mva("DCCMVAU", D, Clean, Unification).broadcast(ByAddress)),
        v7(14, 1, by_mva("DCCIMVAC", D, CleanInvalidate, Coherency).broadcast(ByAddress)),
        v7(14, 2, by_set_way("DCCISW", D, CleanInvalidate)),
    ]
};

/// `MRC p15, 0, Rt, c7, CRm, op2`.
static MRC: &[OperationRow] = &[
    old(ArmVersion::V5, 10, 3, all("DCCTEST", Side::D, Action::Clean)),
    old(ArmVersion::V5, 14, 3, all("DCCITEST", Side::D, Action::CleanInvalidate)),
];

/// `MCRR p15, op1, Rt, Rt2, CRm`, with the first opcode in place of the second.
static MCRR: &[OperationRow] = &[
    old(ArmVersion::V6, 5, 0, range("ICIRANGE", Side::I, Action::Invalidate)),
    old(ArmVersion::V6, 6, 0, range("DCIRANGE", Side::D, Action::Invalidate)),
    old(ArmVersion::V6, 12, 0, range("DCCRANGE", Side::D, Action::Clean)),
    old(ArmVersion::V6, 14, 0, range("DCCIRANGE", Side::D, Action::CleanInvalidate)),
    old(ArmVersion::V6, 12, 1, range("ICPRANGE", Side::I, Action::Prefetch)),
    old(ArmVersion::V6, 12, 2, range("DCPRANGE", Side::D, Action::Prefetch)),
];

fn find(rows: &[OperationRow], version: ArmVersion, crm: u32, op: u32) -> Option<Operation> {
    let matches = |row: &&OperationRow| {
        (row.first as u8..=row.last as u8).contains(&(version as u8)) && (row.crm, row.op2) == (crm, op)
    };
    rows.iter().find(matches).map(|row| row.operation)
}

/// The operation `MCR p15, 0, Rt, c7, <crm>, <op2>`, or `None` where that is not a cache operation in this version
/// (branch predictor, barriers, address translation, wait for interrupt).
pub fn arm_mcr(version: ArmVersion, crm: u32, op2: u32) -> Option<Operation> {
    find(MCR, version, crm, op2)
}

/// The operation `MRC p15, 0, Rt, c7, <crm>, <op2>`: v5 tests and cleans.
pub fn arm_mrc(version: ArmVersion, crm: u32, op2: u32) -> Option<Operation> {
    find(MRC, version, crm, op2)
}

/// The operation `MCRR p15, <op1>, Rt, Rt2, <crm>` on the range from the address in Rt2 to that in Rt: v6 only.
pub fn arm_mcrr(version: ArmVersion, op1: u32, crm: u32) -> Option<Operation> {
    find(MCRR, version, crm, op1)
}

/// [`arm_mcr`] of v7.
pub fn arm_c7(crm: u32, op2: u32) -> Option<Operation> {
    arm_mcr(ArmVersion::V7, crm, op2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ArmVersion::{V5, V6, V7};

    fn name(version: ArmVersion, crm: u32, op2: u32) -> Option<&'static str> {
        arm_mcr(version, crm, op2).map(|operation| operation.name)
    }

    #[test]
    fn one_encoding_means_different_things() {
        assert_eq!([V5, V6, V7].map(|v| name(v, 11, 1)), [None, Some("UCCMVA"), Some("DCCMVAU")]);
        assert_eq!([V5, V6, V7].map(|v| name(v, 7, 0)), [Some("UCIALL"), Some("UCIALL"), None]);
        assert_eq!([V5, V6, V7].map(|v| name(v, 10, 0)), [None, Some("DCCALL"), None]);
        assert_eq!([V5, V6, V7].map(|v| name(v, 14, 2)), [Some("DCCISW"); 3]);
        assert_eq!(arm_mcrr(V6, 0, 14).unwrap().name, "DCCIRANGE");
        assert_eq!(arm_mcrr(V7, 0, 14), None);
        assert_eq!(arm_mrc(V5, 10, 3).unwrap().scope, Scope::All);
        assert_eq!(arm_mrc(V7, 10, 3), None);
    }

    #[test]
    fn barriers_and_branch_predictors_are_nothing() {
        for version in [V5, V6, V7] {
            // WFI, BPIALLIS, ISB, BPIALL, BPIMVA, address translation, DSB, DMB
            for (crm, op2) in [(0, 4), (1, 6), (5, 4), (5, 6), (5, 7), (8, 0), (10, 4), (10, 5)] {
                assert_eq!(name(version, crm, op2), None, "{version:?} c{crm}, {op2}");
            }
        }
    }

    #[test]
    fn a_row_says_what_its_name_says() {
        for row in MCR.iter().chain(MRC).chain(MCRR) {
            let Operation { name, side, scope, action, .. } = row.operation;
            let (cache, rest) = name.split_at(2);
            let what = rest.trim_start_matches(['C', 'I', 'P']);
            let wanted = match &rest[..rest.len() - what.len()] {
                "I" => Action::Invalidate,
                "C" => Action::Clean,
                "CI" => Action::CleanInvalidate,
                "P" => Action::Prefetch,
                other => panic!("{name}: {other}"),
            };
            assert_eq!(action, wanted, "{name}");
            match cache {
                "IC" => assert_eq!(side, Side::I, "{name}"),
                "DC" => assert_eq!(side, Side::D, "{name}"),
                // A clean does nothing to an I$.
                _ => assert_eq!(side, if action == Action::Clean { Side::D } else { Side::Both }, "{name}"),
            }
            let wanted = match what {
                "ALL" | "ALLU" | "ALLUIS" | "TEST" => Scope::All,
                "SW" => Scope::SetWay,
                "RANGE" => Scope::Range,
                _ => Scope::Address,
            };
            assert_eq!(scope, wanted, "{name}");
        }
    }
}
