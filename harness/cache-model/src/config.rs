// SPDX-License-Identifier: GPL-2.0-or-later
//! What the caches of a machine are like.

use crate::dcache::Write;
use crate::geometry::Geometry;
use crate::replacement::Replacement;

/// Which D-caches a fill of an I-cache looks into; what it does not look into is stale to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Snoops {
    /// None: the fill comes from the memory below. The usual case.
    #[default]
    Nothing,
    /// That of the same CPU (Linux: `cpu_has_ic_fills_f_dc`; MIPS I6400, Alchemy).
    Own,
    /// Those of the other CPUs (Linux: `cpu_icache_snoops_remote_store`; MIPS with a coherence manager).
    Others,
    /// All.
    All,
}

impl Snoops {
    /// Whether a fill looks into the D-cache of the same CPU.
    pub fn own(self) -> bool {
        matches!(self, Self::Own | Self::All)
    }
}

/// What the caches are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Shape of each I$.
    pub icache: Geometry,
    /// Shape of each D$.
    pub dcache: Geometry,
    /// What an I$ replaces.
    pub icache_replacement: Replacement,
    /// What a D$ replaces.
    pub dcache_replacement: Replacement,
    /// Seed of the caches that replace at random.
    pub random_seed: u64,
    /// What a store does.
    pub write: Write,
    /// Where an I$ fill looks.
    pub snoops: Snoops,
    /// How many CPUs there are with caches of their own.
    pub cpus: usize,
    /// Whether operations by address reach the caches of all CPUs (ARM v7 MP, MIPS with a coherence manager).
    pub globalised: bool,
}

impl Config {
    /// Returns the configuration of one CPU with these caches: LRU, write-back, write-allocate, no snooping.
    pub fn new(icache: Geometry, dcache: Geometry) -> Self {
        Self {
            icache,
            dcache,
            icache_replacement: Replacement::default(),
            dcache_replacement: Replacement::default(),
            random_seed: 0,
            write: Write::default(),
            snoops: Snoops::default(),
            cpus: 1,
            globalised: false,
        }
    }
}
