// SPDX-License-Identifier: GPL-2.0-or-later
//! Statistics of trials: what counts of passes and failures, and paired differences, allow one to say. Each module knows
//! numbers only, nothing of studies, and equal inputs give equal bytes on every machine.

pub mod bootstrap;
pub mod clusters;
pub mod fisher;
pub mod holm;
pub mod interval;
pub(in crate::judge) mod random;
pub mod sequential;

#[cfg(test)]
mod testing;
