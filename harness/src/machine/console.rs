// SPDX-License-Identifier: GPL-2.0-or-later
//! A trial on a terminal: the same boot from reset, but its serial port is whoever looks at it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::emulated::from_reset;
use super::seam::Trial;
use crate::error::{Error, Result};
use crate::process::CommandRun;

/// Where a debugger finds QEMU: `-s` would open the same port to the network.
pub const GDB: &str = "127.0.0.1:1234";

/// What is written on the console, in the directory of its files.
pub const LOG: &str = "console";

/// Returns the command that boots a trial from reset on the terminal, and halts it before its first instruction if a debugger is to
/// come. Its files lie in `dir`.
///
/// # Errors
///
/// Infrastructure, when they cannot be written.
pub fn live(trial: &Trial<'_>, dir: &Path, gdb: bool) -> Result<CommandRun> {
    let mut args = from_reset(trial, dir)?;
    let serial = args.iter().position(|arg| arg == "-serial").and_then(|at| args.get_mut(at + 1));
    let serial = serial.ok_or_else(|| Error::internal("a machine without a serial port"))?;
    *serial = "chardev:console".into();
    let mut terminal = OsString::from("stdio,id=console,mux=on,signal=off,logfile=");
    // A comma ends an option, and two stand for one.
    terminal.push(dir.join(LOG).to_string_lossy().replace(',', ",,"));
    args.extend(["-chardev".into(), terminal, "-mon".into(), "chardev=console,mode=readline".into()]);
    if gdb {
        args.extend(["-S".into(), "-gdb".into(), format!("tcp:{GDB}").into()]);
    }
    Ok(super::command(trial.qemu, args))
}

/// Returns the file that a debugger loads for a kernel's image.
pub fn symbols(image_dir: &Path) -> PathBuf {
    image_dir.join("vmlinux")
}
