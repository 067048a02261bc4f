// SPDX-License-Identifier: GPL-2.0-or-later
//! Classes of targets: by them testcases say what they need, and expectations where they apply.
//!
//! A class is any word that something provides. Some follow from the architecture and the machine; kernels and machines
//! provide others in their files.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::plan::hardware::Addressing;
use crate::plan::hardware::Aliases;
use crate::plan::hardware::Caches;
use crate::plan::hardware::Snoops;
use crate::plan::high::Target;

/// A word for something that a machine or a kernel has, and others have not: the name of the architecture, what a file
/// `provides`, or what follows from the machine (`icache-aliases`, `icache-virtual`, `dcache-aliases`, `snoops`, `smp`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Class(String);

impl Class {
    /// Returns the class with this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Returns the word used in files and reports.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// The I-cache is indexed by virtual address and known by physical one, and a way is larger than a page.
const ICACHE_ALIASES: &str = "icache-aliases";
/// The I-cache is known by virtual address.
const ICACHE_VIRTUAL: &str = "icache-virtual";
/// The D-cache is indexed by virtual address, and a way is larger than a page; hardware does not hide it.
const DCACHE_ALIASES: &str = "dcache-aliases";
/// A fill of the I-cache looks into the D-cache of its own CPU.
const SNOOPS: &str = "snoops";
/// There is more than one CPU.
const SMP: &str = "smp";

/// The classes that follow from a machine's figures, which no file may claim.
pub(super) const OF_FIGURES: [&str; 5] = [ICACHE_ALIASES, ICACHE_VIRTUAL, DCACHE_ALIASES, SNOOPS, SMP];

/// Returns the classes to which a target belongs.
pub(super) fn of(target: &Target) -> BTreeSet<Class> {
    let provided = target.kernel.provides.iter().chain(&target.machine.provides);
    let mut classes: BTreeSet<Class> = provided.cloned().collect();
    classes.insert(Class::new(target.kernel.arch.name()));
    classes.extend(of_caches(&target.machine.caches, target.kernel.page_size));
    classes.extend((target.machine.smp > 1).then(|| Class::new(SMP)));
    classes
}

fn of_caches(caches: &Caches, page: u32) -> impl Iterator<Item = Class> + use<> {
    let Caches { icache, dcache, .. } = caches;
    let (iway, dway) = (icache.sets.saturating_mul(icache.line), dcache.sets.saturating_mul(dcache.line));
    let conditions = [
        (ICACHE_ALIASES, icache.addressing == Addressing::Vipt && iway > page),
        (ICACHE_VIRTUAL, icache.addressing == Addressing::Vivt),
        (
            DCACHE_ALIASES,
            dcache.addressing != Addressing::Pipt && dway > page && caches.aliases == Aliases::Shown,
        ),
        (SNOOPS, matches!(caches.snoops, Snoops::Own | Snoops::All)),
    ];
    conditions.into_iter().filter(|(_, holds)| *holds).map(|(class, _)| Class::new(class))
}
