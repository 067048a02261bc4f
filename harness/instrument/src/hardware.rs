// SPDX-License-Identifier: GPL-2.0-or-later
//! Words for instruction sets and caches, in setups and in the YAML files of machines alike.

pub use cache_model::{Addressing, Replacement, Snoops, Write};
#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A word for an instruction set other than the usual one of its architecture, such as `arm-v6`: one of the `isas` that
/// `kernels/arch/<arch>.yaml` lists, each of which the plugin's part for that architecture knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(transparent)]
pub struct Isa(String);

impl Isa {
    /// Returns the instruction set of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// In which order a guest has the bytes of a word in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ByteOrder {
    /// The most significant byte first.
    Big,
    /// The least significant byte first.
    Little,
}

impl ByteOrder {
    /// Returns the word used in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Big => "big",
            Self::Little => "little",
        }
    }
}

/// The first-level caches of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
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
    /// What the kernel reads about aliases (MIPS Config7.AR and IAR).
    #[serde(default)]
    pub aliases: Aliases,
}

impl Caches {
    /// Returns how many pairs of caches so many CPUs have.
    pub fn pairs(&self, cpus: u32) -> u32 {
        if self.shared { 1 } else { cpus }
    }
}

/// Shape and behaviour of an instruction cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
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

/// What the kernel reads about aliases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Aliases {
    /// That they follow from the size of a way.
    #[default]
    Shown,
    /// That there are none.
    Hidden,
}
