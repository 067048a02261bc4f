// SPDX-License-Identifier: GPL-2.0-or-later
//! Which function QEMU calls for what: the kinds of callbacks that can be asked for, and the table of functions.

use std::ffi::{c_int, c_uint};

use super::abi::{BlockCallback, DiscontinuityCallback, MemoryCallback, NO_REGS, Opaque, R_REGS, RW_REGS_PC};

/// The functions that QEMU calls. The layer above the API has them; the API registers them.
pub(super) struct Callbacks {
    /// A fetch group is entered; the other one is for several CPUs that have caches of their own.
    pub(super) group: BlockCallback,
    pub(super) group_per_cpu: BlockCallback,
    /// A block without groups is entered.
    pub(super) counted: BlockCallback,
    /// An instruction with an event is about to run, or one that may halt the CPU.
    pub(super) event: BlockCallback,
    pub(super) halt: BlockCallback,
    /// The first load, or store, of an access group.
    pub(super) grouped: [MemoryCallback; 2],
    /// A load and a store of each [`AccessKind`], and the load in place of a cache operation.
    pub(super) in_one_line: [MemoryCallback; 2],
    pub(super) may_cross: [MemoryCallback; 2],
    pub(super) checked: [MemoryCallback; 2],
    pub(super) substitute: MemoryCallback,
    /// Does nothing.
    pub(super) no_access: MemoryCallback,
    /// No CPU runs, as was asked for.
    pub(super) between_turns: extern "C" fn(Opaque, u64),
}

extern "C" fn on_nothing(_vcpu: c_uint, _group: Opaque) {}

impl Callbacks {
    pub(super) fn of_entry(&self, how: EntryCallbacks) -> (BlockCallback, c_int) {
        let flags = match (how.restart, how.per_cpu) {
            (true, _) => RW_REGS_PC,
            (false, true) => R_REGS,
            (false, false) => NO_REGS,
        };
        match (how.empty, how.per_cpu) {
            (true, _) => (on_nothing, flags),
            (false, true) => (self.group_per_cpu, flags),
            (false, false) => (self.group, flags),
        }
    }

    pub(super) fn of_access(&self, kind: AccessKind) -> [MemoryCallback; 2] {
        match kind {
            AccessKind::InOneLine => self.in_one_line,
            AccessKind::MayCross => self.may_cross,
            AccessKind::Checked => self.checked,
            AccessKind::Substitute => [self.substitute, self.no_access],
            AccessKind::Empty => [self.no_access; 2],
        }
    }
}

/// What QEMU is to call for the whole guest.
pub(super) struct GuestCallbacks {
    pub(super) vcpu_init: extern "C" fn(c_uint, Opaque),
    pub(super) exception: DiscontinuityCallback,
    pub(super) translation: extern "C" fn(Opaque, Opaque),
    /// QEMU drops all its translations, because there is no room for another.
    pub(super) flush: extern "C" fn(Opaque),
    pub(super) exit: extern "C" fn(Opaque),
}

/// How entries of groups are reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntryCallbacks {
    /// The guest can be made to start a group again.
    pub restart: bool,
    /// Several CPUs have caches of their own, and it has to be found out which of them runs.
    pub per_cpu: bool,
    /// The callback does nothing.
    pub empty: bool,
}

/// What a callback before an instruction may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbackRights {
    /// Read registers.
    Read,
    /// Write them, too.
    Write,
    /// Have QEMU start again somewhere.
    Restart,
}

/// What is to be done on an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessKind {
    /// It lies in one D$ line.
    InOneLine,
    /// It may touch two.
    MayCross,
    /// Its address is to be compared with a prediction.
    Checked,
    /// It is that of a load in place of a cache operation.
    Substitute,
    /// Nothing.
    Empty,
}
