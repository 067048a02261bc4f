// SPDX-License-Identifier: GPL-2.0-or-later
//! Cache maintenance operations: what each does, under the name its architecture gives it.

mod arm;
mod mips;
mod riscv;

pub use arm::{ArmVersion, arm_c7, arm_mcr, arm_mcrr, arm_mrc};
pub use mips::{MIPS_GINVI, MIPS_SYNCI, mips_cache};
pub use riscv::{RISCV_FENCE_I, riscv_cbo};

/// The cache that an operation works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Side {
    /// Instruction cache.
    I,
    /// Data cache.
    D,
    /// Both (MIPS SYNCI, RISC-V FENCE.I: write back D, then invalidate I).
    Both,
    /// A cache below L1. It changes nothing in the model, whose I$ and D$ meet above L2, but is counted.
    Outer,
}

/// How an operation names its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// By virtual address: MIPS Hit operations, ARM operations by MVA.
    Address,
    /// All lines from that of a first to that of a last virtual address, both included: ARM v6 `MCRR`.
    Range,
    /// By set and way, in the layout of MIPS Index operations.
    Index,
    /// By set and way, in the layout of ARM set/way operations.
    SetWay,
    /// The whole cache. Also what ARM v5 tests and cleans: the instruction does one line at a time and says whether
    /// dirty ones are left, but QEMU says at once that none are.
    All,
}

/// What happens to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The line is dropped.
    ///
    /// A *dirty* D$ line is written back first: the architectures allow it to have been evicted at any
    /// moment before, so this is one of the permitted outcomes, and the one that loses no data.
    Invalidate,
    /// A dirty line is written back and stays. For [`Side::Both`] the line of the I$ is dropped.
    Clean,
    /// A dirty line is written back and dropped.
    CleanInvalidate,
    /// The cache reads the line, also if it has it (MIPS Fill_I).
    Fill,
    /// The cache reads the line unless it has it (ARM v5 and v6 prefetch of an I$ line).
    Prefetch,
    /// Nothing that the model holds changes (loads and stores of tags, locks, other levels).
    None,
}

/// Up to where an operation has its effect. In the model both points of an ARM CPU are the memory below L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoherencePoint {
    /// No further than the one cache that the operation names: MIPS `CACHE`, ARM set/way.
    Level,
    /// The point of unification (PoU), where I$ and D$ of one CPU see the same copy.
    Unification,
    /// The point of coherency (PoC), where all that access memory see the same copy.
    Coherency,
}

/// Which CPUs' caches an operation reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broadcast {
    /// Those of the CPU that executes it.
    Local,
    /// Those of all CPUs in the inner shareable domain, always (ARM ICIALLUIS, MIPS GINVI of all cores).
    InnerShareable,
    /// Those of the CPUs that share the address: ARM v7 with the multiprocessing extensions by MVA (DDI 0406C, B2.2.6);
    /// MIPS Hit operations where a coherence manager globalises them.
    ByAddress,
}

/// One maintenance operation of an architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Name in the architecture's manual, or in Linux where that is the better known one.
    pub name: &'static str,
    /// The cache.
    pub side: Side,
    /// How the line is named.
    pub scope: Scope,
    /// What happens to it.
    pub action: Action,
    /// Up to where.
    pub point: CoherencePoint,
    /// On which CPUs.
    pub broadcast: Broadcast,
}

impl Operation {
    const fn local(
        name: &'static str,
        side: Side,
        scope: Scope,
        action: Action,
        point: CoherencePoint,
    ) -> Self {
        Self { name, side, scope, action, point, broadcast: Broadcast::Local }
    }

    /// Whether what it does depends on the physical address behind its operand: it is by address, and for a cache that the
    /// model has.
    pub fn needs_translation(&self) -> bool {
        matches!(self.scope, Scope::Address | Scope::Range)
            && self.action != Action::None
            && self.side != Side::Outer
    }

    const fn broadcast(self, broadcast: Broadcast) -> Self {
        Self { broadcast, ..self }
    }
}
