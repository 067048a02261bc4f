// SPDX-License-Identifier: GPL-2.0-or-later
//! What a study would cost: what the cache has already, and what is left to be made.

use std::path::Path;

use super::prepare::sources;
use crate::cache_dir::Cache;
use crate::error::Result;
use crate::machine;
use crate::plan::Plan;
use crate::run::Watch;

/// What there is of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheStatus {
    /// Name of the kernel.
    pub kernel: String,
    /// Its version, like `6.1.192`.
    pub version: String,
    /// Whether its base build is in the cache.
    pub base: bool,
    /// How many different images the variants need, that of the kernel's own tree among them.
    pub images: usize,
    /// How many of them are in the cache.
    pub built: usize,
}

/// Looks for what a plan needs. Sources are unpacked if they are not there, since patches cannot be looked at without
/// them; nothing is built.
///
/// # Errors
///
/// As [`super::prepare()`], for sources, patches and toolchains.
pub fn cache_status(cache: &Cache, root: &Path, plan: &Plan, watch: Watch<'_>) -> Result<Vec<CacheStatus>> {
    let kernels = plan.kernels();
    let sources = sources(cache, root, plan, &kernels, watch)?;
    let machines = machine::machines()?;
    let mut statuses = Vec::new();
    for &kernel in &kernels {
        let of = &sources[&kernel.name];
        let builder = machines.kernels(cache, kernel, &of.tree, root)?;
        let none = crate::patch::Staged::default();
        let mut series: Vec<_> = of.staged.values().chain([&none]).collect();
        series.sort_by(|a, b| a.digest.cmp(&b.digest));
        series.dedup_by(|a, b| a.digest == b.digest);
        statuses.push(CacheStatus {
            kernel: kernel.name.clone(),
            version: of.tree.version.clone(),
            base: builder.has_base(),
            images: series.len(),
            built: series.iter().filter(|staged| builder.has_image(staged)).count(),
        });
    }
    Ok(statuses)
}
