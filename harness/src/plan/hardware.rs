// SPDX-License-Identifier: GPL-2.0-or-later
//! The low form of a machine: what a board, its CPUs and their caches are like.

use schemars::JsonSchema;
use serde::Deserialize;

pub use instrument::hardware::{
    Addressing, Aliases, ByteOrder, Caches, DataCache, InstructionCache, Isa, Replacement, Snoops, Write,
};

use crate::plan::class::Class;
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
    /// What this machine has and others have not, for testcases that need it, beside what follows from its caches and CPUs.
    #[serde(default)]
    pub provides: Vec<Class>,
    /// Why each trial here has a QEMU of its own, if QEMU cannot take this machine back to its snapshot in a process that goes
    /// on: then the results of its trials would depend on those before. Several CPUs are such a reason.
    pub cold: Option<String>,
    /// Where the figures come from.
    pub source: String,
}

fn one() -> u32 {
    1
}
