// SPDX-License-Identifier: GPL-2.0-or-later
//! A QEMU machine with a kernel in it: how it is started, how it is frozen once it has booted, and how it runs trials;
//! behind a seam, so that whatever runs trials can be tried without QEMU.

pub mod argv;
pub mod console;
mod emulated;
mod fake;
mod halt;
pub mod plugin;
mod qmp;
mod seam;
mod snapshot;
pub mod uimage;
mod warm;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::process::CommandRun;
use crate::qemu::Qemu;

pub use argv::BootSource;
pub use seam::{Kernels, Machines, Remains, Trial, Worker};
pub use snapshot::Booted;

/// The variable by which tests choose a fake machine: the path of its script. A run of one says so in its manifest, and is
/// refused by whoever does not have the variable.
pub const FAKE: &str = "PATCHEVAL_FAKE_MACHINE";

/// Whether tests have chosen a fake machine.
pub fn is_fake() -> bool {
    script().is_some()
}

fn script() -> Option<PathBuf> {
    std::env::var_os(FAKE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Returns the back end: QEMU, unless tests have chosen another.
///
/// # Errors
///
/// Study, for the script of a fake machine that cannot be read.
pub fn machines() -> Result<Box<dyn Machines>> {
    Ok(match script() {
        Some(script) => Box::new(fake::Fake::new(&script)?),
        None => Box::new(emulated::Emulated),
    })
}

/// Returns the command that starts QEMU with these arguments.
pub fn command(qemu: &Qemu, args: impl IntoIterator<Item = OsString>) -> CommandRun {
    qemu.run().args(args).env_clear()
}

/// Returns where the plugin's shared object is: `$PATCHEVAL_PLUGIN`, or beside the running program, where cargo puts it.
///
/// # Errors
///
/// Infrastructure, when it is not there.
pub fn find_plugin() -> Result<PathBuf> {
    const NAME: &str = "libqemu_plugin.so";
    if let Some(path) = std::env::var_os("PATCHEVAL_PLUGIN").filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let program = std::env::current_exe().unwrap_or_default();
    // Tests run one folder further down, in `deps`.
    program
        .ancestors()
        .skip(1)
        .take(2)
        .map(|dir: &Path| dir.join(NAME))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            Error::infrastructure(format!("{NAME} is not beside {}", program.display()))
                .hint("build it: cargo build --release --workspace")
        })
}
