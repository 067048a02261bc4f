// SPDX-License-Identifier: GPL-2.0-or-later
//! QEMU TCG plugin that gives the guest L1 caches with contents, and lets it execute stale bytes.
//!
//! The rooms, each of which uses only those before it: [`arch`] knows instructions, registers and address spaces;
//! [`qemu`]'s API wraps QEMU; [`fast_path`] answers most callbacks; [`machine`] has the [`cache_model`] over the guest's RAM;
//! [`recorder`] collects what is found; [`translation`] instruments blocks; [`plugin`] brings them together, for
//! [`qemu::callbacks`], which QEMU calls.
#![deny(unsafe_code)]

pub mod arch;
pub mod fast_path;
pub mod machine;
pub mod options;
pub mod plugin;
#[expect(unsafe_code, reason = "the boundary to QEMU, and the only room with unsafe code")]
pub mod qemu;
pub mod recorder;
pub mod translation;
