// SPDX-License-Identifier: GPL-2.0-or-later
//! The boundary to QEMU, with all unsafe code: the C declarations, the safe API over them, and what QEMU calls.

pub mod abi;
pub mod api;
pub mod callbacks;
pub mod hooks;
pub mod internals;
pub mod main_thread;
