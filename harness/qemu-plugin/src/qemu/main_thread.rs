// SPDX-License-Identifier: GPL-2.0-or-later
//! QEMU's main thread, which moves the guest's clock while all CPUs are halted.
//!
//! A CPU is marked as halted before the instructions that it has executed are added to the clock. If the main thread
//! is awake in between, for a timer that has just run, it finds all CPUs halted and moves the clock to the next timer
//! (`icount_start_warp_timer`); then the instructions are added on top, and the timer is late by what the host decides.
//! So a CPU halts only while the main thread sleeps: it is woken by the vCPU thread alone, after that has accounted.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::sleep;
use std::time::Duration;

/// What `/proc/<pid>/task/<tid>/syscall` begins with while the thread sleeps in `ppoll`, as QEMU's main loop does. A thread
/// that has been woken, and has not run yet, is `running`.
#[cfg(target_arch = "x86_64")]
const IN_PPOLL: &[u8] = b"271 ";
#[cfg(not(target_arch = "x86_64"))]
const IN_PPOLL: &[u8] = b"73 ";

const POLL: Duration = Duration::from_micros(20);

/// How often to look, at most, which takes some two seconds: for a main thread that waits for the CPU in turn, as when the
/// machine is stopped.
const LOOKS: u32 = 30_000;

static SYSCALL: OnceLock<Option<File>> = OnceLock::new();

/// The main thread was never seen to sleep in its main loop: here it does something else, as under valgrind.
static IN_VAIN: AtomicBool = AtomicBool::new(false);

/// Forgets that it was in vain, for another trial.
pub fn watch_again() {
    IN_VAIN.store(false, Relaxed);
}

/// Waits until the main thread sleeps in its main loop; not at all where the host does not show it, or where it was in vain before.
pub fn wait_until_idle() {
    if IN_VAIN.load(Relaxed) {
        return;
    }
    let process = std::process::id();
    let open = || File::open(format!("/proc/self/task/{process}/syscall")).ok();
    let Some(file) = SYSCALL.get_or_init(open) else { return };
    for _ in 0..LOOKS {
        let mut start = [0; 4];
        match file.read_at(&mut start, 0) {
            Ok(_) if start.starts_with(IN_PPOLL) => return,
            Ok(_) => sleep(POLL),
            Err(_) => return,
        }
    }
    IN_VAIN.store(true, Relaxed);
}
