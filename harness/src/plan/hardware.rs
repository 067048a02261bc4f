// SPDX-License-Identifier: GPL-2.0-or-later
//! The low form of a machine: what a board, its CPUs and their caches are like.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::plan::model::Arch;

/// `kernels/machines/<machine>.yaml`: a QEMU board, its CPUs and their modelled caches.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MachineFile {
    /// Name of the machine, the same as the file's.
    pub name: String,
    /// Architecture; a kernel of another one cannot run here.
    pub arch: Arch,
    /// What the plugin decodes; without it, the architecture's usual instruction set.
    pub isa: Option<Isa>,
    /// Which `qemu-system-...`.
    pub qemu: String,
    /// QEMU's `-M`.
    pub board: String,
    /// QEMU's `-cpu`.
    pub cpu: String,
    /// Number of CPUs, QEMU's `-smp`.
    #[serde(default = "one")]
    pub smp: u32,
    /// The device tree that the board needs, one of those that the kernel's build makes; without it QEMU has its own,
    /// or the kernel needs none.
    pub dtb: Option<String>,
    /// Guest memory in MiB.
    pub memory_mib: u32,
    /// Physical address at which the guest's memory begins.
    pub ram_base: u64,
    /// Kernel command line that the board needs.
    pub append: String,
    /// The modelled first-level caches.
    pub caches: Caches,
    /// Where the figures come from.
    pub source: String,
}

fn one() -> u32 {
    1
}

/// An instruction set other than the usual one of its architecture, which is MIPS up to Release 5 or ARM v7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Isa {
    /// MIPS Release 6.
    MipsR6,
    /// ARM v5.
    ArmV5,
    /// ARM v6.
    ArmV6,
}

impl Isa {
    /// Returns the architecture that has this instruction set.
    pub fn arch(self) -> Arch {
        match self {
            Self::MipsR6 => Arch::Mips,
            Self::ArmV5 | Self::ArmV6 => Arch::Arm,
        }
    }
}

/// The first-level caches of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Caches {
    /// Instruction cache.
    pub icache: InstructionCache,
    /// Data cache.
    pub dcache: DataCache,
    /// Whether the guest is shown these figures instead of QEMU's own (MIPS Config1). The kernel must see the
    /// geometry that the model has, or its index operations flush too little.
    #[serde(default)]
    pub advertise: bool,
    /// Which D-caches a fill of an I-cache looks into.
    #[serde(default)]
    pub snoops: Snoops,
    /// Whether maintenance by address reaches the caches of all CPUs.
    #[serde(default)]
    pub globalised: bool,
    /// Whether all CPUs share one pair of caches, as the virtual processing elements of a MIPS 34K core.
    #[serde(default)]
    pub shared: bool,
    /// What the kernel is told of aliases (MIPS Config7.AR and IAR).
    #[serde(default)]
    pub aliases: Aliases,
}

/// Shape and behaviour of an instruction cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstructionCache {
    /// Sets per way.
    pub sets: u32,
    /// Ways.
    pub ways: u32,
    /// Line length in bytes.
    pub line: u32,
    /// By which address it is indexed, and by which its lines are known.
    #[serde(default)]
    pub addressing: Addressing,
    /// Which line of a set makes room.
    #[serde(default)]
    pub replacement: Replacement,
}

/// Shape and behaviour of a data cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataCache {
    /// Sets per way.
    pub sets: u32,
    /// Ways.
    pub ways: u32,
    /// Line length in bytes.
    pub line: u32,
    /// By which address it is indexed, and by which its lines are known.
    #[serde(default)]
    pub addressing: Addressing,
    /// Which line of a set makes room.
    #[serde(default)]
    pub replacement: Replacement,
    /// What a store does.
    #[serde(default)]
    pub write: Write,
}

/// By which address a cache is indexed, and by which its lines are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Addressing {
    /// Physical index and tag.
    #[default]
    Pipt,
    /// Virtual index, physical tag.
    Vipt,
    /// Virtual index and tag.
    Vivt,
}

/// Which line of a full set makes room for a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Replacement {
    /// The least recently used.
    #[default]
    Lru,
    /// The least recently used as far as a tree of bits can tell.
    Plru,
    /// Each in turn.
    RoundRobin,
    /// Any.
    Random,
}

/// What a store does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Write {
    /// Makes a line dirty, and fetches it first if it is not there.
    #[default]
    BackAllocate,
    /// Makes a line dirty if it is there, else goes past the cache.
    BackNoAllocate,
    /// Goes through to memory; no line is ever dirty.
    Through,
}

/// Which D-caches a fill of an I-cache looks into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Snoops {
    /// None: the fill comes from below.
    #[default]
    Nothing,
    /// That of the same CPU.
    Own,
    /// Those of the other CPUs.
    Others,
    /// All.
    All,
}

/// What the kernel is told of aliases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Aliases {
    /// That they follow from the size of a way.
    #[default]
    Shown,
    /// That there are none.
    Hidden,
}
