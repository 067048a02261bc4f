// SPDX-License-Identifier: GPL-2.0-or-later
//! The seam between what a trial is and what carries it out: QEMU, or in tests a machine that only pretends.
//!
//! Everything that takes time or a tool is behind it: kernels, guest programs, boots and trials. A back end may keep what it
//! likes from one trial of a worker to the next, as long as what is left behind is the same as if it had kept nothing: the
//! order of results, shares and resumption know nothing of it.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::argv::BootSource;
use super::snapshot::Booted;
use crate::build::{Builder, Built, Image};
use crate::cache_dir::Cache;
use crate::error::Result;
use crate::guest::{Ingredients, Initramfs};
use crate::patch::Staged;
use crate::plan::{Kernel, Testcase, TrialId};
use crate::qemu::Qemu;
use crate::source::Tree;

/// A trial to be run.
#[derive(Clone, Copy, Debug)]
pub struct Trial<'a> {
    /// QEMU.
    pub qemu: &'a Qemu,
    /// Machine, image, initramfs, plugin.
    pub boot: BootSource<'a>,
    /// The machine, booted and waiting; without it the trial is a boot from reset.
    pub snapshot: Option<&'a Path>,
    /// Which trial: its mode and its seed are what the guest and the model get.
    pub id: &'a TrialId,
    /// The workload.
    pub testcase: &'a Testcase,
}

/// What is left behind when a trial has ended, however it did.
#[derive(Clone, Debug, Default)]
pub struct Remains {
    /// Everything on the console.
    pub console: String,
    /// QEMU's standard error.
    pub stderr: String,
    /// The plugin's record as it was written; empty if there is none.
    pub record: String,
    /// The host's deadline ended it.
    pub timed_out: bool,
    /// QEMU ended with exit code 0.
    pub clean_exit: bool,
    /// It ran on a machine that had been taken back from another trial.
    pub warm: bool,
    /// Wall-clock time; never part of a result.
    pub took: Duration,
}

/// What runs one trial after the other, on one thread.
pub trait Worker {
    /// Runs a trial; `scratch` is an empty directory for this trial alone.
    ///
    /// # Errors
    ///
    /// Interrupted, or infrastructure that would fail every other trial too (no QEMU, no disk). What befalls this
    /// one trial is left behind, and is no error.
    fn run(&mut self, trial: &Trial<'_>, scratch: &Path) -> Result<Remains>;

    /// Forgets whatever is kept from the trials before: the next one runs as if it were the first.
    fn start_afresh(&mut self) {}

    /// Whether a machine is kept that another trial of the same kind would run on.
    fn keeps_a_machine(&self) -> bool {
        false
    }
}

/// What builds the images of one kernel.
pub trait Kernels {
    /// Returns whether the base is in the cache, so that nothing takes minutes.
    fn has_base(&self) -> bool;
    /// Returns whether the image of the source with `staged` applied is in the cache.
    fn has_image(&self, staged: &Staged) -> bool;
    /// Returns the build tree of the unpatched source, built if it was not there.
    ///
    /// # Errors
    ///
    /// As [`Builder::base`].
    fn base(&self) -> Result<Built<PathBuf>>;
    /// Returns the image of the source with `staged` applied, built if it was not there.
    ///
    /// # Errors
    ///
    /// As [`Builder::image`].
    fn image(&self, staged: &Staged) -> Result<Built<Image>>;
}

impl Kernels for Builder<'_> {
    fn has_base(&self) -> bool {
        Builder::has_base(self)
    }

    fn has_image(&self, staged: &Staged) -> bool {
        Builder::has_image(self, staged)
    }

    fn base(&self) -> Result<Built<PathBuf>> {
        Builder::base(self)
    }

    fn image(&self, staged: &Staged) -> Result<Built<Image>> {
        Builder::image(self, staged)
    }
}

/// A back end.
pub trait Machines: Debug + Sync {
    /// Whether every outcome is made up.
    fn is_fake(&self) -> bool;

    /// Returns the emulator for a target of QEMU.
    ///
    /// # Errors
    ///
    /// As [`crate::qemu::find`].
    fn qemu(&self, cache: &Cache, target: &str) -> Result<Qemu>;

    /// Returns the file that decides what the model does: the plugin's shared object.
    ///
    /// # Errors
    ///
    /// As [`super::find_plugin`].
    fn plugin(&self) -> Result<PathBuf>;

    /// Returns what builds a kernel from a tree; `root` is the repository.
    ///
    /// # Errors
    ///
    /// As [`Builder::new`].
    fn kernels<'a>(
        &'a self,
        cache: &'a Cache,
        kernel: &'a Kernel,
        tree: &'a Tree,
        root: &Path,
    ) -> Result<Box<dyn Kernels + 'a>>;

    /// Returns a kernel's guest programs.
    ///
    /// # Errors
    ///
    /// As [`crate::guest::pack`].
    fn guest(&self, cache: &Cache, kernel: &Kernel, ingredients: &Ingredients<'_>) -> Result<Initramfs>;

    /// Boots a machine and saves it into the file `to` when the guest is ready; `scratch` is an empty directory.
    ///
    /// # Errors
    ///
    /// Interrupted, or infrastructure: QEMU cannot be started, or the file cannot be written.
    fn boot(&self, qemu: &Qemu, boot: &BootSource<'_>, to: &Path, scratch: &Path) -> Result<Booted>;

    /// Returns a worker for the calling thread.
    fn worker(&self) -> Box<dyn Worker + '_>;
}
