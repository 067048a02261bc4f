// SPDX-License-Identifier: GPL-2.0-or-later
//! Boots a kernel until the guest says it is ready, and saves the machine at that very instruction.
//!
//! The guest executes its COMMAND marker, and the plugin holds it there, reading from a FIFO. Only then is QEMU
//! asked to stop, and only then does the FIFO's writer let go: the next block that QEMU enters is where it stops. So the
//! snapshot is of the same instruction in every run, however slow the host is.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use instrument::Request;
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use serde_json::json;

use super::argv::{self, BootSource};
use super::halt::HaltWatch;
use super::plugin;
use super::qmp::Qmp;
use crate::error::{Error, Result};
use crate::process::{Child, Sink, check_interrupted};
use crate::qemu::Qemu;

/// How long a boot may take on the host; it takes about a second.
const BOOT_DEADLINE: Duration = Duration::from_secs(120);

/// How long to wait for QEMU's main loop to have seen the order to stop, before the guest is let go: it needs
/// microseconds. If it was too short, the plugin notices, and the next one is tried.
const SETTLE: [Duration; 3] = [Duration::from_millis(30), Duration::from_millis(500), Duration::from_secs(4)];

/// Poll interval for files that others make.
const POLL: Duration = Duration::from_millis(4);

/// How a boot ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Booted {
    /// The snapshot has been saved.
    Ready,
    /// The guest did not become ready: its console output, and whether the host's deadline ended it.
    NotReady {
        /// Everything on the console.
        console: String,
        /// The host's deadline passed.
        timed_out: bool,
    },
}

/// Boots a machine and saves it into the file `to` when the guest is ready; `scratch` is an empty directory.
///
/// # Errors
///
/// Infrastructure, when QEMU does not start or cannot save; interrupted.
pub fn take(qemu: &Qemu, boot: &BootSource<'_>, to: &Path, scratch: &Path) -> Result<Booted> {
    let mut last = None;
    for settle in SETTLE {
        check_interrupted()?;
        match attempt(qemu, boot, to, scratch, settle)? {
            Attempt::Booted(booted) => return Ok(booted),
            Attempt::Missed(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| Error::internal("no attempt at a snapshot")))
}

enum Attempt {
    Booted(Booted),
    Missed(Error),
}

fn attempt(
    qemu: &Qemu,
    boot: &BootSource<'_>,
    to: &Path,
    scratch: &Path,
    settle: Duration,
) -> Result<Attempt> {
    let (console, stderr) = (scratch.join("console"), scratch.join("stderr"));
    let (ready, socket) = (scratch.join("ready"), scratch.join("qmp"));
    for stale in [&ready, &socket, &console] {
        let _ = std::fs::remove_file(stale);
    }
    mknodat(CWD, &ready, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
        .map_err(|error| Error::io("create", &ready, error.into()))?;
    let mut args = argv::common(boot, "", &console);
    args.extend(argv::qmp(&socket));
    let request = Request { ready: Some(ready.clone()), ..Request::new(instrument::Mode::Off) };
    args.extend(plugin::attach(
        boot.plugin,
        &plugin::setup(boot.machine, boot.page_size, None),
        &request,
        scratch,
    )?);
    let mut child = super::command(qemu, args).stderr(Sink::File(stderr.clone())).spawn()?;
    let deadline = Instant::now() + BOOT_DEADLINE;
    let mut halt = HaltWatch::new(&console);
    let waited = wait_for_reader(&ready, &mut child, deadline, &mut halt)?;
    let Waited::Reader(hold) = waited else {
        let timed_out = matches!(waited, Waited::TooLong);
        child.kill()?;
        let console = read_lossy(&console);
        if console.is_empty() && !timed_out {
            return Err(Error::infrastructure(format!("QEMU did not start: {}", read_lossy(&stderr).trim())));
        }
        return Ok(Attempt::Booted(Booted::NotReady { console, timed_out }));
    };
    match save(&socket, hold, settle, to) {
        Ok(()) => {
            child.wait_until(Some(Instant::now() + Duration::from_secs(5)))?;
            Ok(Attempt::Booted(Booted::Ready))
        }
        Err(error) => {
            child.kill()?;
            let _ = std::fs::remove_file(to);
            Ok(Attempt::Missed(
                error.context(format!("cannot save a snapshot ({})", read_lossy(&stderr).trim())),
            ))
        }
    }
}

/// What waiting for the plugin came to.
enum Waited {
    /// It reads from the FIFO; this is the end that holds it.
    Reader(File),
    /// QEMU ended, or the kernel halted.
    Ended,
    /// The time is up.
    TooLong,
}

/// Waits until the plugin reads from the FIFO.
fn wait_for_reader(
    ready: &Path,
    child: &mut Child,
    deadline: Instant,
    halt: &mut HaltWatch,
) -> Result<Waited> {
    loop {
        let mut options = OpenOptions::new();
        options.write(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
        match options.open(ready) {
            Ok(file) => return Ok(Waited::Reader(file)),
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("open", ready, error)),
        }
        if child.wait_until(Some(Instant::now() + POLL))?.is_some() || halt.has_halted() {
            return Ok(Waited::Ended);
        }
        if Instant::now() > deadline {
            return Ok(Waited::TooLong);
        }
    }
}

fn save(socket: &Path, hold: File, settle: Duration, to: &Path) -> Result<()> {
    let mut qmp = Qmp::connect(socket)?;
    qmp.send("stop", &json!({}))?;
    sleep(settle);
    drop(hold);
    qmp.answer()?;
    let uri = format!("file:{}", to.display());
    qmp.execute("migrate", &json!({ "uri": uri }))?;
    loop {
        let state = qmp.execute("query-migrate", &json!({}))?;
        match state["status"].as_str().unwrap_or_default() {
            "completed" => break,
            "failed" | "cancelled" => {
                let why = state["error-desc"].as_str().unwrap_or("no reason given");
                return Err(Error::infrastructure(format!("migration failed: {why}")));
            }
            _ => sleep(POLL),
        }
    }
    qmp.execute("quit", &json!({})).map(drop)
}

fn read_lossy(path: &Path) -> String {
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
