// SPDX-License-Identifier: GPL-2.0-or-later
//! Instructions before whose execution the plugin is called, by number.

use cache_model::VirtAddr;

use crate::arch::instruction::{Advertised, Operand};
use crate::fast_path::InsnRef;
use crate::machine::refill::Substitute;

/// An instruction before whose execution the plugin is called.
#[derive(Clone, Copy)]
pub enum InsnEvent {
    /// Cache maintenance, by the number of its site; `substitute` can take its place.
    Maintenance {
        /// Number of its site.
        site: usize,
        /// Its operand.
        operand: Operand,
        /// The load that can take its place.
        substitute: Option<Substitute>,
    },
    /// A line becomes dirty without having been read.
    PrepareForStore(Operand),
    /// A marker of the guest protocol.
    Marker {
        /// Which one.
        kind: u32,
        /// Number of the argument's register.
        argument: u32,
    },
    /// The instruction before has read a register that describes the machine.
    Rewrite {
        /// Which one.
        what: Advertised,
        /// Number of the register that has its value.
        register: u32,
    },
    /// The translation of addresses changes.
    Translation,
    /// Another thread is about to run.
    ThreadSwitch,
    /// The register that switches MMU and caches is written, from a general register.
    SystemControl(u32),
    /// A function that copies for others is entered; it begins here.
    Called(VirtAddr),
    /// An access follows, whose address is to be compared with this operand.
    Check(Operand),
}

/// An event, and the condition field of the instruction that causes it if that is not always executed.
#[derive(Clone, Copy)]
pub struct PlannedEvent {
    /// What happens.
    pub event: InsnEvent,
    /// The condition.
    pub condition: Option<u8>,
    /// The instruction.
    pub insn: InsnRef,
}
