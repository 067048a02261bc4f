// SPDX-License-Identifier: GPL-2.0-or-later
//! QEMU TCG plugin that gives the guest L1 caches with contents, and lets it execute stale bytes.
//!
//! [`ffi`] is the boundary to QEMU, [`decode`] knows instructions, [`plugin`] feeds the [`cache_model`] with what the
//! guest does (`translate` asks QEMU for callbacks, for each of the [`fetch_groups`] of a block, [`fast_path`] answers most
//! of them, `guest` acts on single instructions), [`swap`] puts stale bytes where QEMU will execute them, [`refill`] has the
//! guest translate addresses of cache operations, and [`record`] writes down what happened.
#![deny(unsafe_code)]

mod access;
pub mod access_groups;
pub mod decode;
mod end;
pub mod fast_path;
pub mod fetch_groups;
#[expect(unsafe_code, reason = "the boundary to QEMU, and the only such file")]
pub mod ffi;
pub mod functions;
mod guest;
#[expect(unsafe_code, reason = "the boundary to what QEMU exports beside its plugin API")]
mod internals;
mod main_thread;
pub mod options;
pub mod plugin;
pub mod ram;
pub mod record;
pub mod refill;
pub mod selfcheck;
pub mod swap;
pub mod tlb;
mod translate;
mod warm;
