// SPDX-License-Identifier: GPL-2.0-or-later
//! The stale bytes that fetch groups were translated from.

use std::collections::HashMap;

/// Bytes, by number from 1 on. The same bytes have the same number: a line that becomes stale again and again does so with few
/// different contents.
#[derive(Default)]
pub(super) struct KeptBytes {
    bytes: Vec<Box<[u8]>>,
    numbers: HashMap<Box<[u8]>, u32>,
}

impl KeptBytes {
    /// Returns the number of these bytes.
    pub(super) fn number(&mut self, bytes: &[u8]) -> u32 {
        if let Some(number) = self.numbers.get(bytes) {
            return *number;
        }
        self.bytes.push(bytes.into());
        let number = self.bytes.len() as u32;
        self.numbers.insert(bytes.into(), number);
        number
    }

    /// Returns the bytes of a number; `None` for 0.
    pub(super) fn get(&self, number: u32) -> Option<&[u8]> {
        self.bytes.get((number as usize).checked_sub(1)?).map(|bytes| &bytes[..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_bytes_have_one_number_and_none_is_zero() {
        let mut kept = KeptBytes::default();
        let (one, other) = (kept.number(&[1, 2]), kept.number(&[1]));
        assert_eq!((one, other, kept.number(&[1, 2])), (1, 2, 1));
        assert_eq!((kept.get(one), kept.get(other), kept.get(0)), (Some(&[1, 2][..]), Some(&[1][..]), None));
    }
}
