// SPDX-License-Identifier: GPL-2.0-or-later
//! Classes of targets: by them testcases say what they need, and expectations where they apply.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::plan::hardware::Addressing;
use crate::plan::hardware::Aliases;
use crate::plan::hardware::Caches;
use crate::plan::hardware::Snoops;
use crate::plan::high::Target;
use crate::plan::model::Arch;

/// Size of a page in bytes: what kernels for MIPS and ARM use if nobody asks for another size.
const PAGE: u32 = 4096;

/// Something that a machine or a kernel has, and others have not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The architecture is MIPS.
    Mips,
    /// The architecture is ARM.
    Arm,
    /// The I-cache is indexed by virtual address and known by physical one, and a way is larger than a page.
    IcacheAliases,
    /// The I-cache is known by virtual address.
    IcacheVirtual,
    /// The D-cache is indexed by virtual address, and a way is larger than a page; hardware does not hide it.
    DcacheAliases,
    /// A fill of the I-cache looks into the D-cache of its own CPU.
    Snoops,
    /// There is more than one CPU.
    Smp,
    /// The kernel has memory that it does not map by itself.
    Highmem,
    /// The kernel was built with `CONFIG_KPROBE_EVENTS`: user space can set probes on the kernel's own functions.
    KernelProbes,
    /// The kernel was built with `CONFIG_KPROBES_SANITY_TEST`.
    KprobesSanityTest,
    /// The kernel was built with `CONFIG_ARM_KPROBES_TEST`.
    ArmKprobesTest,
    /// The kernel was built with `CONFIG_FTRACE_STARTUP_TEST`.
    FtraceStartupTest,
    /// The kernel was built with `CONFIG_STATIC_KEYS_SELFTEST`.
    StaticKeysSelftest,
    /// The kernel was built with what `tools/testing/selftests/ftrace` wants to find, and tests nothing while it boots.
    FtraceSelftests,
}

impl Class {
    /// All classes, in the order of reports.
    pub const ALL: [Self; 14] = [
        Self::Mips,
        Self::Arm,
        Self::IcacheAliases,
        Self::IcacheVirtual,
        Self::DcacheAliases,
        Self::Snoops,
        Self::Smp,
        Self::Highmem,
        Self::KernelProbes,
        Self::KprobesSanityTest,
        Self::ArmKprobesTest,
        Self::FtraceStartupTest,
        Self::StaticKeysSelftest,
        Self::FtraceSelftests,
    ];

    /// Returns the word used in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mips => "mips",
            Self::Arm => "arm",
            Self::IcacheAliases => "icache-aliases",
            Self::IcacheVirtual => "icache-virtual",
            Self::DcacheAliases => "dcache-aliases",
            Self::Snoops => "snoops",
            Self::Smp => "smp",
            Self::Highmem => "highmem",
            Self::KernelProbes => "kernel-probes",
            Self::KprobesSanityTest => "kprobes-sanity-test",
            Self::ArmKprobesTest => "arm-kprobes-test",
            Self::FtraceStartupTest => "ftrace-startup-test",
            Self::StaticKeysSelftest => "static-keys-selftest",
            Self::FtraceSelftests => "ftrace-selftests",
        }
    }

    /// Returns whether a kernel's file may claim this class; the others follow from architecture and machine.
    pub fn is_of_kernels(self) -> bool {
        match self {
            Self::Highmem
            | Self::KernelProbes
            | Self::KprobesSanityTest
            | Self::ArmKprobesTest
            | Self::FtraceStartupTest
            | Self::StaticKeysSelftest
            | Self::FtraceSelftests => true,
            Self::Mips
            | Self::Arm
            | Self::IcacheAliases
            | Self::IcacheVirtual
            | Self::DcacheAliases
            | Self::Snoops
            | Self::Smp => false,
        }
    }
}

/// Returns the classes to which a target belongs.
pub(super) fn of(target: &Target) -> BTreeSet<Class> {
    let arch = match target.kernel.arch {
        Arch::Mips => Class::Mips,
        Arch::Arm => Class::Arm,
    };
    let mut classes: BTreeSet<Class> = target.kernel.provides.iter().copied().collect();
    classes.insert(arch);
    classes.extend(of_caches(&target.machine.caches));
    classes.extend((target.machine.smp > 1).then_some(Class::Smp));
    classes
}

fn of_caches(caches: &Caches) -> Vec<Class> {
    let Caches { icache, dcache, .. } = caches;
    let (iway, dway) = (icache.sets.saturating_mul(icache.line), dcache.sets.saturating_mul(dcache.line));
    let conditions = [
        (Class::IcacheAliases, icache.addressing == Addressing::Vipt && iway > PAGE),
        (Class::IcacheVirtual, icache.addressing == Addressing::Vivt),
        (
            Class::DcacheAliases,
            dcache.addressing != Addressing::Pipt && dway > PAGE && caches.aliases == Aliases::Shown,
        ),
        (Class::Snoops, matches!(caches.snoops, Snoops::Own | Snoops::All)),
    ];
    conditions.into_iter().filter(|(_, holds)| *holds).map(|(class, _)| class).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_files() {
        for class in Class::ALL {
            assert_eq!(serde_json::to_value(class).unwrap(), class.name());
        }
    }
}
