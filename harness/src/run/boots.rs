// SPDX-License-Identifier: GPL-2.0-or-later
//! Kernels that do not build, and those that do not boot with the model off: no trial of them can say anything.
//!
//! One that says nothing of itself on its console may only have been too slow: its trials are unknown.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Event, Watch};
use super::snapshots::{Snapshot, Snapshots};
use crate::error::Result;
use crate::judge::{NoImage, Reason};
use crate::plan::Plan;
use crate::store::{Manifest, NotBooted, RunDir};
use crate::trial;

/// Writes down the kernels that do not boot, and returns their names: kernel, machine and variant.
///
/// # Errors
///
/// Infrastructure.
pub(super) fn keep_failed(
    dir: &RunDir,
    plan: &Plan,
    snapshots: &Snapshots,
    watch: Watch<'_>,
) -> Result<BTreeSet<[String; 3]>> {
    let mut names = BTreeSet::new();
    for (boot, console) in failed(plan, snapshots) {
        dir.append_boot(&boot, console)?;
        report(&boot, watch);
        names.insert(boot.names());
    }
    Ok(names)
}

/// Reports the kernels that do not boot.
pub(super) fn report_failed(plan: &Plan, snapshots: &Snapshots, watch: Watch<'_>) {
    for (boot, _) in failed(plan, snapshots) {
        report(&boot, watch);
    }
}

fn report(boot: &NotBooted, watch: Watch<'_>) {
    let NotBooted { kernel, machine, variant, text, .. } = boot;
    watch(Event::Warning(&format!("{variant} does not boot with {kernel} on {machine}: {text}")));
}

/// The kernels that do not boot and say so, each with its console.
fn failed<'a>(plan: &Plan, snapshots: &'a Snapshots) -> Vec<(NotBooted, &'a str)> {
    let mut failed = Vec::new();
    for (((kernel, machine, variant), _), snapshot) in snapshots {
        let Snapshot::NotReady { console, .. } = snapshot else { continue };
        let target = plan.targets.iter().find(|target| target.kernel.name == *kernel);
        let symptom = target.and_then(|target| trial::kernel_symptom(console, &target.kernel.oops));
        let Some((_, detail)) = symptom else { continue };
        let boot = NotBooted {
            kernel: kernel.clone(),
            machine: machine.clone(),
            variant: variant.clone(),
            text: detail.unwrap_or_default().text,
            log: NotBooted::log_of(kernel, machine, variant),
        };
        failed.push((boot, console.as_str()));
    }
    failed
}

/// Returns why there are images that could not be made, as they are judged.
pub(super) fn no_images(manifest: &Manifest) -> BTreeMap<String, BTreeMap<String, NoImage>> {
    let mut all: BTreeMap<String, BTreeMap<String, NoImage>> = BTreeMap::new();
    for (kernel, variants) in &manifest.images {
        for (variant, image) in variants {
            let Some(failed) = &image.failed else { continue };
            let reason = Reason { text: failed.text.clone(), log: failed.log.clone() };
            let none = NoImage { rejected: failed.rejected, reason };
            all.entry(kernel.clone()).or_default().insert(variant.clone(), none);
        }
    }
    all
}

/// Returns why kernels do not boot, as they are judged.
pub(super) fn not_booted(boots: &[NotBooted]) -> BTreeMap<[String; 3], Reason> {
    let reason = |boot: &NotBooted| Reason { text: boot.text.clone(), log: Some(boot.log.clone()) };
    boots.iter().map(|boot| (boot.names(), reason(boot))).collect()
}
