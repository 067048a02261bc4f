// SPDX-License-Identifier: GPL-2.0-or-later
//! RISC-V: `FENCE.I`, and the cache-block management of Zicbom.

use super::{Action, Broadcast, CoherencePoint, Operation, Scope, Side};

/// `FENCE.I`: what the hart has stored is visible to its later fetches (The RISC-V Instruction Set Manual, volume I, chapter
/// "Zifencei"); to those of other harts it says nothing. How is up to the hart: it drops its whole I$, and first writes its
/// whole D$ back where fills of the I$ do not look into that.
pub const RISCV_FENCE_I: Operation =
    Operation::local("FENCE.I", Side::Both, Scope::All, Action::Clean, CoherencePoint::Unification);

/// The operation of a `CBO` instruction by its 12-bit field, or `None` for a value that is none (volume I, chapter "CMO"):
/// Linux gives these blocks to devices, so that they reach the point of coherency.
pub fn riscv_cbo(field: u32) -> Option<Operation> {
    let by_address = |name, action| {
        Operation::local(name, Side::D, Scope::Address, action, CoherencePoint::Coherency)
            .broadcast(Broadcast::ByAddress)
    };
    match field {
        0 => Some(by_address("CBO.INVAL", Action::Invalidate)),
        1 => Some(by_address("CBO.CLEAN", Action::Clean)),
        2 => Some(by_address("CBO.FLUSH", Action::CleanInvalidate)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_is_done() {
        let done = |field| riscv_cbo(field).map(|operation| (operation.name, operation.action));
        assert_eq!(done(0), Some(("CBO.INVAL", Action::Invalidate)));
        assert_eq!(done(1), Some(("CBO.CLEAN", Action::Clean)));
        assert_eq!(done(2), Some(("CBO.FLUSH", Action::CleanInvalidate)));
        // CBO.ZERO is a store.
        assert_eq!((done(3), done(4)), (None, None));
        assert_eq!(RISCV_FENCE_I.broadcast, Broadcast::Local);
    }
}
