// SPDX-License-Identifier: GPL-2.0-or-later
//! A running process group, the registry of all of them, and the signals that end them.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::error::{Error, Result};

/// How long a group may take to obey SIGTERM before SIGKILL. QEMU needs some milliseconds when it obeys at all,
/// and was once measured not to obey within ten minutes.
const GRACE: Duration = Duration::from_secs(2);

/// How often a wait looks whether the user interrupted; the end of the child itself is noticed at once.
const SLICE: Duration = Duration::from_millis(50);

static INTERRUPTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(|| Arc::new(AtomicBool::new(false)));
static GROUPS: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// Makes Ctrl-C, SIGTERM and SIGHUP set the flag that [`interrupted`] reads, once or often: whoever waits for a child
/// then ends its whole group, within some seconds even if it resists, so there is no shorter way out that would
/// leave somebody behind.
///
/// # Errors
///
/// Fails when the handlers cannot be installed.
pub fn catch_signals() -> Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&INTERRUPTED))
            .map_err(|e| Error::infrastructure(format!("cannot catch signal {signal}: {e}")))?;
    }
    Ok(())
}

/// Returns whether the user asked to stop.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Returns [`Error::interrupted`] once the user asked to stop; for loops that start no process.
///
/// # Errors
///
/// Exactly then.
pub fn check_interrupted() -> Result<()> {
    if interrupted() { Err(Error::interrupted()) } else { Ok(()) }
}

/// Sends SIGKILL to every group that still lives; for the last act of a program that gives up.
pub fn kill_all() {
    for group in groups().iter() {
        signal_group(*group, Signal::KILL);
    }
}

/// A running command; dropping it ends its whole group.
///
/// Not `Send`: see the text of [`crate::process`].
#[derive(Debug)]
pub struct Child {
    handle: duct::Handle,
    group: u32,
    shown: String,
    ended: Option<ExitStatus>,
    thread: PhantomData<*const ()>,
}

impl Child {
    pub(super) fn start(expression: &duct::Expression, shown: String) -> Result<Self> {
        // Under the lock, so that no interruption falls between the start and the entry in the registry.
        let mut groups = groups();
        check_interrupted()?;
        let started = expression.start();
        let handle = started.map_err(|e| Error::infrastructure(format!("cannot start {shown}: {e}")))?;
        let group = handle.pids()[0];
        groups.insert(group);
        Ok(Self { handle, group, shown, ended: None, thread: PhantomData })
    }

    /// Returns the process id, which is that of the group too.
    pub fn id(&self) -> u32 {
        self.group
    }

    /// Returns the status if the command has ended.
    ///
    /// # Errors
    ///
    /// Infrastructure, if the operating system does not know.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        self.wait_slice(Duration::ZERO)
    }

    /// Waits until the command ends, or until `deadline`: then it goes on running and the answer is `None`.
    ///
    /// # Errors
    ///
    /// Interrupted if the user asked to stop, after the whole group was ended.
    pub fn wait_until(&mut self, deadline: Option<Instant>) -> Result<Option<ExitStatus>> {
        loop {
            let left = deadline.map_or(SLICE, |d| d.saturating_duration_since(Instant::now()));
            if let Some(status) = self.wait_slice(left.min(SLICE))? {
                return Ok(Some(status));
            }
            if interrupted() {
                self.end()?;
                return Err(Error::interrupted());
            }
            if left.is_zero() {
                return Ok(None);
            }
        }
    }

    /// Ends the whole group: SIGTERM, a grace of two seconds, SIGKILL. Returns the status of the leader.
    ///
    /// # Errors
    ///
    /// Infrastructure, if the operating system does not know the status.
    pub fn end(&mut self) -> Result<ExitStatus> {
        if self.ended.is_none() {
            signal_group(self.group, Signal::TERM);
            self.wait_slice(GRACE)?;
        }
        self.kill()
    }

    /// Sends SIGKILL to the whole group at once and returns the status of the leader.
    ///
    /// # Errors
    ///
    /// As [`Child::end`].
    pub fn kill(&mut self) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.ended {
                return Ok(status);
            }
            signal_group(self.group, Signal::KILL);
            self.wait_slice(SLICE)?;
        }
    }

    fn wait_slice(&mut self, slice: Duration) -> Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            let waited = self.handle.wait_timeout(slice);
            let output = waited.map_err(|e| Error::infrastructure(format!("{}: {e}", self.shown)))?;
            if let Some(output) = output {
                self.ended = Some(output.status);
                // What the leader left behind in its group is nobody's any more.
                signal_group(self.group, Signal::KILL);
                groups().remove(&self.group);
            }
        }
        Ok(self.ended)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // An error here means that there is no such child any more: nothing is left to end.
        let _ = self.end();
    }
}

fn groups() -> MutexGuard<'static, BTreeSet<u32>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn signal_group(group: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(group).ok().and_then(Pid::from_raw) {
        // Fails only when nobody is left in the group, which is what is wanted.
        let _ = kill_process_group(pid, signal);
    }
}
