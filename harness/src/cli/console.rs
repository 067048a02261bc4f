// SPDX-License-Identifier: GPL-2.0-or-later
//! `patcheval console`: one cell on a terminal.

use std::path::PathBuf;

use clap::ValueEnum;
use instrument::Mode;

use super::args::Args;
use super::commands::{display, print, root};
use crate::cache_dir::Cache;
use crate::error::{Error, Result, exit};
use crate::machine::console::{GDB, LOG};
use crate::run::{self, ConsoleOptions, LiveConsole};
use crate::{shell, study, ui};

/// Options of `console`.
#[derive(Debug, clap::Args)]
pub struct ConsoleArgs {
    /// Cell of the study
    #[arg(value_name = "KERNEL/MACHINE/VARIANT/TESTCASE")]
    pub cell: String,
    /// Name of a study under ci/studies, or path of a study's file
    #[arg(long, default_value = study::DEFAULT)]
    pub study: String,
    /// Seed of the testcase
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// What the model does with stale fetches
    #[arg(long, value_enum, default_value_t = ConsoleMode::Enforce)]
    pub mode: ConsoleMode,
    /// Print QEMU's command line, as a shell takes it, and start nothing
    #[arg(long)]
    pub print: bool,
    /// Halt before the first instruction, and wait for a debugger on port 1234 of this machine
    #[arg(long)]
    pub gdb: bool,
    /// Directory for what QEMU reads and writes [default: runs/console]
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// A mode of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ConsoleMode {
    /// Nothing is modelled.
    Off,
    /// Stale fetches are recorded.
    Observe,
    /// Stale bytes are executed as well.
    Enforce,
}

impl ConsoleMode {
    fn mode(self) -> Mode {
        match self {
            Self::Off => Mode::Off,
            Self::Observe => Mode::Observe,
            Self::Enforce => Mode::Enforce,
        }
    }
}

/// Builds what is needed, and becomes QEMU, or prints how it is started.
///
/// # Errors
///
/// As [`run::console`]; infrastructure, when QEMU cannot be started.
pub(super) fn console(args: &Args, asked: &ConsoleArgs) -> Result<u8> {
    let root = root(args)?;
    let plan = study::load(&root, &asked.study)?;
    let cache = Cache::locate()?;
    cache.sweep(&run::CACHE_KINDS)?;
    let dir = asked.out.clone().unwrap_or_else(|| root.join("runs/console"));
    let dir = std::path::absolute(&dir).map_err(|error| Error::io("find", &dir, error))?;
    let (cell, mode, seed, gdb) = (asked.cell.as_str(), asked.mode.mode(), asked.seed, asked.gdb);
    let options = ConsoleOptions { cell, mode, seed, gdb, dir: &dir };
    let mut display = display(args, None);
    let live = run::console(&cache, &root, &plan, &options, &mut |event| display.show(event));
    display.finish();
    let LiveConsole { command, vmlinux, is_fake } = live?;
    if gdb {
        let vmlinux = shell::word(&vmlinux.to_string_lossy());
        ui::say(&format!("gdb: gdb-multiarch {vmlinux} -ex 'target remote {GDB}'"));
    }
    if asked.print {
        print(&format!("env -i PATH=\"$PATH\" LC_ALL=C {}\n", command.shown()))?;
        return Ok(exit::MET);
    }
    if is_fake {
        return Err(
            Error::study("a fake machine has no console").hint("--print shows how QEMU would be started")
        );
    }
    ui::say(&format!(
        "console: Ctrl-A X ends it, Ctrl-A C turns to QEMU's monitor and back; kept in {}, the record in {}",
        dir.join(LOG).display(),
        dir.join("record.json").display()
    ));
    Err(command.replace())
}
