// SPDX-License-Identifier: GPL-2.0-or-later
//! Who stored, or did maintenance.

/// Who did something, and when, in the caller's terms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// Names an instruction; 0 for nobody.
    pub by: u32,
    /// A count of instructions.
    pub at: u32,
}

impl Who {
    #[inline]
    pub(crate) fn packed(self) -> u64 {
        u64::from(self.at) << 32 | u64::from(self.by)
    }

    #[inline]
    pub(crate) fn unpacked(value: u64) -> Self {
        Self { by: value as u32, at: (value >> 32) as u32 }
    }
}
