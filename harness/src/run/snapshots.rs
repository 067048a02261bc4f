// SPDX-License-Identifier: GPL-2.0-or-later
//! Kernels booted once each, and the machines saved when their guests are ready.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::event::{Event, Stage, Watch};
use super::pool::parallel;
use super::prepare::{BootNames, Prepared, names, report_altered};
use crate::cache_dir::{Cache, key, sha256_file};
use crate::error::{Error, Result};
use crate::guest;
use crate::machine::{BootSource, Booted, plugin};
use crate::plan::{Target, Variant};
use crate::qemu::Qemu;

/// Kind of the cache entries, and the file in each.
pub(super) const SNAPSHOTS: &str = "snapshot";
const SNAPSHOT: &str = "machine";

/// A target and a variant that have a kernel to boot.
#[derive(Clone, Copy, Debug)]
pub struct Combination<'a> {
    /// Kernel and machine.
    pub target: &'a Target,
    /// Patches.
    pub variant: &'a Variant,
    /// Layout of the guest's memory: see [`crate::plan::Plan::layout_of`].
    pub layout: u32,
}

/// How the boot of a combination went.
#[derive(Clone, Debug)]
pub enum Snapshot {
    /// The saved machine.
    Saved(PathBuf),
    /// It did not become ready.
    NotReady {
        /// The console.
        console: String,
        /// The host's deadline passed.
        timed_out: bool,
    },
}

/// Snapshots by kernel, machine and variant, and by layout.
pub type Snapshots = BTreeMap<(BootNames, u32), Snapshot>;

impl Prepared {
    /// Returns how QEMU starts a combination, or `None` when there is no kernel for it.
    pub fn boot<'a>(&'a self, combination: &Combination<'a>) -> Option<BootSource<'a>> {
        let Combination { target, variant, .. } = *combination;
        let bootable = self.bootable.get(&names(target, variant))?;
        Some(BootSource {
            machine: &target.machine,
            page_size: target.kernel.page_size,
            image: &bootable.image,
            dtb: bootable.dtb.as_deref(),
            system_map: &bootable.system_map,
            initramfs: &self.guests.get(&target.kernel.name)?.path,
            plugin: &self.plugin,
        })
    }

    /// The emulator of a target.
    pub fn qemu_of(&self, target: &Target) -> Result<&Qemu> {
        self.qemu.get(&target.machine.qemu).ok_or_else(|| Error::internal("no QEMU for a target of the plan"))
    }

    /// Boots each combination once, on `jobs` threads, unless the cache has its snapshot.
    ///
    /// # Errors
    ///
    /// Infrastructure; interrupted. A kernel that does not boot is no error.
    pub fn snapshots(
        &self,
        cache: &Cache,
        combinations: &[Combination<'_>],
        jobs: usize,
        watch: Watch<'_>,
    ) -> Result<Snapshots> {
        watch(Event::Stage { stage: Stage::Boots, steps: combinations.len(), done: 0 });
        let mut snapshots = Snapshots::new();
        let work = |(): &mut (), combination: &Combination<'_>| self.snapshot(cache, combination);
        parallel(
            jobs,
            combinations,
            || (),
            work,
            |combination, snapshot| {
                let &Combination { target, variant, layout } = combination;
                let what = format!("{} with {}", target.title(), variant.name);
                watch(Event::Step { what: &what, seconds: None });
                if let Some(snapshot) = snapshot {
                    snapshots.insert((names(target, variant), layout), snapshot);
                }
                Ok(())
            },
        )?;
        report_altered(cache, watch);
        Ok(snapshots)
    }

    fn snapshot(&self, cache: &Cache, combination: &Combination<'_>) -> Result<Option<Snapshot>> {
        let Some(boot) = self.boot(combination) else { return Ok(None) };
        let target = combination.target;
        let guest = guest::in_layout(cache, &self.guests[&target.kernel.name], combination.layout)?;
        let boot = BootSource { initramfs: &guest.path, ..boot };
        fits(&boot, target)?;
        let qemu = self.qemu_of(target)?;
        let machine = serde_json::to_string(&target.machine)
            .map_err(|error| Error::internal(format!("machine: {error}")))?;
        let setup = plugin::setup(&target.machine, target.kernel.page_size, None).to_json();
        let setup = setup.map_err(|error| Error::internal(format!("setup: {error}")))?;
        let image = &self.manifest.images[&target.kernel.name][&combination.variant.name].sha256;
        let dtb = boot.dtb.map(sha256_file).transpose()?.unwrap_or_default();
        let key = key([
            ("image", image.as_bytes()),
            ("dtb", dtb.as_bytes()),
            ("address", &target.load_address().unwrap_or_default().to_be_bytes()),
            ("guest", guest.sha256.as_bytes()),
            ("machine", machine.as_bytes()),
            ("setup", setup.as_bytes()),
            ("qemu", qemu.stated.as_bytes()),
            ("plugin", self.manifest.plugin.as_bytes()),
        ]);
        let mut not_ready = None;
        let entry = cache.entry(SNAPSHOTS, &key, |dir| {
            let scratch = cache.scratch()?;
            match self.machines.boot(qemu, &boot, &dir.join(SNAPSHOT), scratch.path())? {
                Booted::Ready => Ok(()),
                Booted::NotReady { console, timed_out } => {
                    not_ready = Some(Snapshot::NotReady { console, timed_out });
                    Err(Error::infrastructure("not ready"))
                }
            }
        });
        match (entry, not_ready) {
            (Ok(dir), _) => Ok(Some(Snapshot::Saved(dir.join(SNAPSHOT)))),
            (Err(_), Some(not_ready)) => Ok(Some(not_ready)),
            (Err(error), None) => Err(error),
        }
    }
}

/// What a kernel needs of a machine's memory beside the guest's programs, in bytes: Linux 6.1 of this repository takes 8 to 12 MiB,
/// and its first processes some more.
const KERNEL_BYTES: u64 = 16 << 20;

/// Refuses guest programs for which a machine has no room: Linux holds them twice while it unpacks them, as the archive and as files,
/// and would panic for want of a first process.
fn fits(boot: &BootSource<'_>, target: &Target) -> Result<()> {
    // One that is not there is reported by whoever boots it.
    let size = std::fs::metadata(boot.initramfs).map_or(0, |file| file.len());
    let memory = u64::from(target.machine.memory_mib) << 20;
    if 2 * size + KERNEL_BYTES <= memory {
        return Ok(());
    }
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    Err(Error::study(format!(
        "{}: the guest's programs take {:.1} MiB, twice while Linux unpacks them, and the machine has {} MiB",
        target.title(),
        mib(size),
        target.machine.memory_mib
    ))
    .hint("divide the study's testcases among several studies, or give the machine more `memory_mib`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::plan;
    use std::path::Path;

    #[test]
    fn programs_that_a_machine_has_no_room_for_are_refused() {
        let plan = plan();
        let dir = tempfile::tempdir().unwrap();
        let initramfs = dir.path().join("initramfs");
        let file = std::fs::File::create(&initramfs).unwrap();
        let target = &plan.targets[0];
        let boot = BootSource {
            machine: &target.machine,
            page_size: 4096,
            image: Path::new("vmlinux"),
            dtb: None,
            system_map: Path::new("System.map"),
            initramfs: &initramfs,
            plugin: Path::new("p.so"),
        };
        let room = (u64::from(target.machine.memory_mib) << 20) - KERNEL_BYTES;
        file.set_len(room / 2).unwrap();
        assert!(fits(&boot, target).is_ok());
        file.set_len(room / 2 + 1).unwrap();
        let error = fits(&boot, target).unwrap_err();
        assert!(error.to_string().contains("twice while Linux unpacks them"), "{error}");
        assert!(error.hints()[0].contains("memory_mib"), "{error:?}");
    }
}
