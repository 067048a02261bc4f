// SPDX-License-Identifier: GPL-2.0-or-later
//! From the stale fetches and loads of a kernel to the flushes that it lacks. Pure: `run` boots the kernel, `cli` knows the date.
//!
//! One missing flush makes many of them, at addresses that differ from run to run. They are distinguished by who
//! wrote, what was read and what was missing; such a class is what somebody mends, or has a reason to let be.

mod classes;
mod date;
mod suppress;
mod text;

pub use classes::{ClassKey, Classes, Fetched, Spot, StaleAccess, StaleFetchClass};
pub use date::Date;
pub use suppress::{Sorted, Suppression, read, sort};
pub use text::{Title, report};

#[cfg(test)]
mod tests;
