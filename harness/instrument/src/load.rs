// SPDX-License-Identifier: GPL-2.0-or-later
//! Stale loads, as a record lists them.

use cache_model::Missing;
use serde::{Deserialize, Serialize};

use crate::record::{Maintenance, Phase, Writer};

/// A load through the D$ that hit a line with other bytes than were stored last: one of another colour, or one over memory that
/// was written past the caches. The guest went on with the bytes that were stored last, in every mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedLoad {
    /// Virtual address of the instruction that loaded.
    pub pc: u64,
    /// Virtual address of the first byte that differed.
    pub address: u64,
    /// Physical address of the same.
    pub physical: u64,
    /// Whether the instruction belongs to user space.
    pub user: bool,
    /// Phase of the trial.
    pub phase: Phase,
    /// Guest instructions since the record began.
    pub instruction: u64,
    /// The bytes in the line that was hit, from the first that differed to the end of the load or of the line, in memory order, as
    /// lower-case hex.
    pub loaded: String,
    /// The bytes that were stored last.
    pub expected: String,
    /// What was missing: the write-back of the line that was stored to, the invalidation of the one that was hit, or both.
    pub missing: Missing,
    /// The last store to the line, if the model saw it.
    pub writer: Option<Writer>,
    /// The colour of the line that was hit; 0 where the D$ has one only.
    pub colour: u32,
    /// The colour of the line that holds the store; absent where none is dirty any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_colour: Option<u32>,
    /// Maintenance since that store, of this line and of its neighbours, oldest first; the newest few.
    pub past: Vec<Maintenance>,
    /// How many stale loads this instruction made, this one included.
    pub count: u64,
}
