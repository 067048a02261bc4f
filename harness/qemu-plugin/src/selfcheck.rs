// SPDX-License-Identifier: GPL-2.0-or-later
//! Proof that register handles mean what the plugin thinks they mean.
//!
//! For the first loads and stores of the run, base register plus offset, read through the forged handles,
//! must be the address that QEMU reports for the access. One mismatch is enough not to trust anything.

use trial_record::SelfCheck;

/// How many agreements are proof enough; measured, there was no mismatch in 19 million.
const ENOUGH: u64 = 10_000;
/// How many instructions are instrumented for the check at most.
const SITES: u32 = 2_000;

/// State of the check.
#[derive(Default)]
pub struct Checker {
    sites: u32,
    expected: Option<u64>,
    tally: SelfCheck,
}

impl Checker {
    /// Whether another instruction should be instrumented for the check.
    pub fn wants_site(&mut self) -> bool {
        let wants = self.sites < SITES && self.tally.agreed < ENOUGH;
        self.sites += u32::from(wants);
        wants
    }

    /// Notes the address that the instruction about to run should access.
    pub fn expect(&mut self, address: Option<u64>) {
        self.expected = if self.tally.agreed < ENOUGH { address } else { None };
    }

    /// Compares with the address that QEMU reports; returns false on a mismatch.
    pub fn compare(&mut self, address: u64) -> bool {
        match self.expected.take() {
            Some(expected) if expected == address => self.tally.agreed += 1,
            Some(_) => self.tally.disagreed += 1,
            None => {}
        }
        self.tally.disagreed == 0
    }

    /// The figures so far.
    pub fn tally(&self) -> SelfCheck {
        self.tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mismatch_is_enough() {
        let mut checker = Checker::default();
        checker.expect(Some(8));
        assert!(checker.compare(8));
        assert!(checker.compare(12), "an access without expectation says nothing");
        checker.expect(Some(8));
        assert!(!checker.compare(12));
        assert_eq!(checker.tally(), SelfCheck { agreed: 1, disagreed: 1 });
    }
}
