// SPDX-License-Identifier: GPL-2.0-or-later
//! One cell on a terminal, for whoever writes a testcase or looks for what a kernel does.

use std::path::{Path, PathBuf};

use instrument::Mode;

use super::bisect::one_cell;
use super::event::Watch;
use super::prepare::prepare;
use super::snapshots::Combination;
use crate::cache_dir::Cache;
use crate::error::{Error, Result};
use crate::guest;
use crate::machine::{self, BootSource, Trial, console};
use crate::plan::{Cell, Plan};
use crate::process::CommandRun;

/// What is wanted on the terminal.
#[derive(Clone, Copy, Debug)]
pub struct ConsoleOptions<'a> {
    /// `KERNEL/MACHINE/VARIANT/TESTCASE` of the study.
    pub cell: &'a str,
    /// What the model does.
    pub mode: Mode,
    /// The testcase's seed.
    pub seed: u64,
    /// Whether a debugger is to come before the first instruction.
    pub gdb: bool,
    /// Directory of its files.
    pub dir: &'a Path,
}

/// A machine that is ready to be started on a terminal.
#[derive(Debug)]
pub struct LiveConsole {
    /// What starts it.
    pub command: CommandRun,
    /// The kernel with its symbols.
    pub vmlinux: PathBuf,
    /// Whether nothing would be started in truth.
    pub is_fake: bool,
}

/// Builds a cell's kernel, and returns the command that boots it from reset and runs one trial.
///
/// # Errors
///
/// Study, for a cell that the study does not have, and for a kernel that does not build; infrastructure.
pub fn console(
    cache: &Cache,
    root: &Path,
    plan: &Plan,
    options: &ConsoleOptions<'_>,
    watch: Watch<'_>,
) -> Result<LiveConsole> {
    let plan = one_cell(plan, options.cell)?;
    let prepared = prepare(cache, root, &plan, watch)?;
    let (target, variant, testcase) = (&plan.targets[0], &plan.variants[0], &plan.testcases[0]);
    let id = Cell { target, variant, testcase }.trial(options.mode, options.seed);
    let combination = Combination { target, variant, layout: plan.layout_of(&id) };
    let Some(boot) = prepared.boot(&combination) else {
        let image = &prepared.manifest.images[&target.kernel.name][&variant.name];
        let why = image.failed.as_ref().map(|failed| failed.text.clone()).unwrap_or_default();
        return Err(Error::study(format!("{} has no kernel: {why}", options.cell)));
    };
    let guest = guest::in_layout(cache, &prepared.guests[&target.kernel.name], combination.layout)?;
    let boot = BootSource { initramfs: &guest.path, ..boot };
    std::fs::create_dir_all(options.dir).map_err(|error| Error::io("create", options.dir, error))?;
    let trial = Trial { qemu: prepared.qemu_of(target)?, boot, snapshot: None, id: &id, testcase };
    let image = &prepared.images[&(target.kernel.name.clone(), variant.name.clone())];
    Ok(LiveConsole {
        command: console::live(&trial, options.dir, options.gdb)?,
        vmlinux: console::symbols(&image.dir),
        is_fake: machine::is_fake(),
    })
}
