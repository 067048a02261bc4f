// SPDX-License-Identifier: GPL-2.0-or-later
//! Translation: how blocks are cut and instrumented, and the tables that translated blocks refer to by number. These outlive
//! a trial: the blocks do.

pub mod access_groups;
mod block;
pub mod events;
pub mod fetch_groups;
mod instrument;
mod kept;
pub mod table;

use access_groups::{AccessGroups, OpenAccessGroup};
use block::{BlockInsn, GroupInBlock};
use events::PlannedEvent;
use fetch_groups::{FetchGroup, FetchGroups};
use kept::KeptBytes;

use crate::arch::GuestArch;
use crate::fast_path::InsnRef;
use crate::machine::GuestMachine;
use crate::options::PluginOptions;
use crate::recorder::Recorder;

/// The tables, and the block that is being translated.
#[derive(Default)]
pub struct Translation {
    fetch_groups: FetchGroups,
    kept: KeptBytes,
    access_groups: AccessGroups,
    events: Vec<PlannedEvent>,
    /// Instructions and fetch groups of the block that is being translated.
    code: Vec<BlockInsn>,
    groups_in_block: Vec<GroupInBlock>,
    /// Accesses of it that are to be reported together.
    open_group: Option<OpenAccessGroup>,
}

/// What translation works with beside its own tables.
pub struct BlockContext<'a> {
    /// The guest's architecture.
    pub arch: GuestArch,
    /// What was asked for.
    pub options: &'a PluginOptions,
    /// The machine.
    pub machine: &'a mut GuestMachine,
    /// It numbers sites and functions.
    pub recorder: &'a mut Recorder,
}

impl Translation {
    /// Returns the event of a number.
    pub fn event(&self, number: usize) -> PlannedEvent {
        self.events[number]
    }

    /// Returns the fetch group of a number.
    pub fn group(&self, number: u32) -> FetchGroup {
        self.fetch_groups.get(number)
    }

    /// Returns the stale bytes that a group was translated from; `None` if it was translated from those in memory.
    pub fn kept_bytes(&self, group: &FetchGroup) -> Option<&[u8]> {
        self.kept.get(group.kept)
    }

    /// Returns the fetch group of an instruction, by [`InsnRef::id`].
    pub fn group_of(&self, id: u32) -> FetchGroup {
        self.fetch_groups.get(InsnRef::group(id))
    }
}
