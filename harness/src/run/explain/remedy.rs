// SPDX-License-Identifier: GPL-2.0-or-later
//! The smallest maintenance that would have prevented a stale fetch, in its architecture's own terms.

use instrument::{Missing, Record, StaleFetch};

/// What an architecture calls the two operations by address.
struct OperationNames {
    write_back: &'static str,
    invalidate: &'static str,
}

const MIPS: OperationNames =
    OperationNames { write_back: "Hit_Writeback_Inv_D (or Hit_Writeback_D)", invalidate: "Hit_Invalidate_I" };
const ARM_V7: OperationNames = OperationNames { write_back: "DCCMVAU", invalidate: "ICIMVAU" };
/// ARM before v7, which has no point of unification.
const ARM_OLD: OperationNames = OperationNames { write_back: "DCCMVA", invalidate: "ICIMVA" };

/// End of the physical addresses that KSEG0 maps, and where it maps them (MIPS32 Privileged Resource Architecture, "Virtual
/// Address Spaces").
const KSEG0_END: u64 = 0x2000_0000;
const KSEG0: u64 = 0x8000_0000;

/// Returns whether an operation with this name works on data.
pub(super) fn is_data(operation: &str) -> bool {
    operation.ends_with("_D") || operation.starts_with("DC") || operation.starts_with("CBO")
}

/// Returns the operations that were missing, in the order in which they are to be done.
pub(super) fn missing(fetch: &StaleFetch, record: &Record) -> Vec<String> {
    if record.target.starts_with("riscv") {
        // It is the only one, it works on all lines, and for fetches of the hart that executes it alone.
        return vec!["FENCE.I, on the hart that fetches, after the write".to_owned()];
    }
    let names = names(record);
    let cpu = fetch.dirty_in.map(|cpu| format!(" on CPU {cpu}")).unwrap_or_default();
    let write_back = format!(
        "{} of {}{cpu} before the line was first fetched",
        names.write_back,
        data_address(fetch, record)
    );
    // The I$ is searched at the index of the address by which it is fetched.
    let by = if fetch.user { "at the colour of" } else { "of" };
    let invalidate = format!("{} {by} {:#010x} once memory had the new bytes", names.invalidate, fetch.pc);
    match fetch.missing {
        Missing::WriteBack => vec![write_back],
        Missing::Invalidate => vec![invalidate],
        Missing::Both => {
            vec![write_back.replace("before the line was first fetched", "after the write"), invalidate]
        }
    }
}

fn names(record: &Record) -> OperationNames {
    if record.target.starts_with("mips") {
        return MIPS;
    }
    // The target's name does not have the version; it follows from the operations that ran: only v7 names a point.
    let v7 = |name: &str| name.ends_with("MVAU") || name.ends_with("MVAC") || name.starts_with("ICIALLU");
    let old = |name: &str| name.ends_with("MVA") || name == "ICIALL" || name == "UCIALL";
    let has = |test: &dyn Fn(&str) -> bool| record.ledger.iter().any(|entry| test(&entry.operation));
    if has(&old) && !has(&v7) { ARM_OLD } else { ARM_V7 }
}

/// The address that a kernel would name: its own one where that is known, else the physical one.
fn data_address(fetch: &StaleFetch, record: &Record) -> String {
    if !fetch.user {
        return format!("{:#010x}", fetch.pc);
    }
    if record.target.starts_with("mips") && fetch.physical < KSEG0_END {
        return format!("{:#010x}", KSEG0 + fetch.physical);
    }
    format!("physical {:#010x}", fetch.physical)
}
