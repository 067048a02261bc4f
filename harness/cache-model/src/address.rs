// SPDX-License-Identifier: GPL-2.0-or-later
//! Addresses of the guest: a virtual one cannot be taken for a physical one.

use std::fmt;
use std::ops::{Add, Sub};

macro_rules! address {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// Returns the address of this value.
            #[inline]
            pub const fn new(value: u64) -> Self {
                Self(value)
            }

            /// Its value.
            #[inline]
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The address so many bytes further on; after the last one comes the first.
            #[inline]
            pub const fn wrapping_add(self, bytes: u64) -> Self {
                Self(self.0.wrapping_add(bytes))
            }

            /// How many bytes further on it is than another one, wrapping.
            #[inline]
            pub const fn wrapping_sub(self, other: Self) -> u64 {
                self.0.wrapping_sub(other.0)
            }

            /// The start of the block of so many bytes, a power of two, in which it lies.
            #[inline]
            pub const fn align_down(self, bytes: u64) -> Self {
                Self(self.0 & !(bytes - 1))
            }
        }

        impl From<u64> for $name {
            #[inline]
            fn from(value: u64) -> Self {
                Self(value)
            }
        }

        impl From<$name> for u64 {
            #[inline]
            fn from(address: $name) -> Self {
                address.0
            }
        }

        impl Add<u64> for $name {
            type Output = Self;

            #[inline]
            fn add(self, bytes: u64) -> Self {
                Self(self.0 + bytes)
            }
        }

        impl Sub for $name {
            type Output = u64;

            #[inline]
            fn sub(self, other: Self) -> u64 {
                self.0 - other.0
            }
        }

        impl fmt::LowerHex for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::LowerHex::fmt(&self.0, f)
            }
        }
    };
}

address! {
    /// A virtual address of 64 bits. Those of a guest with fewer are extended by zeros.
    VirtAddr
}

address! {
    /// A physical address.
    PhysAddr
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_64_bits_and_wrap_where_asked() {
        let last = VirtAddr::new(u64::MAX);
        assert_eq!((last.wrapping_add(2), VirtAddr::new(1).wrapping_sub(last)), (VirtAddr::new(1), 2));
        let line = PhysAddr::new(0xffff_8000_1234_5678).align_down(64);
        assert_eq!(
            (line + 0x38, format!("{line:#x}").as_str()),
            (PhysAddr::from(0xffff_8000_1234_5678), "0xffff800012345640")
        );
    }
}
