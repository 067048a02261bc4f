// SPDX-License-Identifier: GPL-2.0-or-later
//! The back end that is no pretence: kernels that kbuild makes, under QEMU with the plugin in it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use instrument::{Request, Setup};

use super::argv::{self, BootSource};
use super::halt::HaltWatch;
use super::plugin;
use super::seam::{Kernels, Machines, Remains, Trial, Worker};
use super::snapshot::{self, Booted};
use super::warm::{Ended, Serves, WarmMachine};
use crate::build::Builder;
use crate::cache_dir::Cache;
use crate::error::{Error, Result};
use crate::guest::{self, Ingredients, Initramfs};
use crate::plan::{Kernel, Testcase};
use crate::process::Sink;
use crate::qemu::{self, Qemu};
use crate::source::Tree;

/// How long a trial may take on the host, at least. It takes a third of a second; two minutes are for hosts that swap.
const HOST_DEADLINE: Duration = Duration::from_secs(120);

/// How often the console of a boot is looked at for a kernel that has halted.
const HALT_POLL: Duration = Duration::from_millis(20);

/// How long a million of the guest's instructions may take: some five times as long as with the model at work.
const HOST_DEADLINE_MINSN: Duration = Duration::from_millis(50);

/// What a boot from reset may take on top of its testcase, in millions of instructions; it takes about a hundred.
const BOOT_MINSNS: u64 = 1000;

/// Files in a trial's scratch directory.
const CONSOLE: &str = "console";
const RECORD: &str = "record.json";
const STDERR: &str = "stderr";

/// QEMU.
#[derive(Debug)]
pub(super) struct Emulated;

impl Machines for Emulated {
    fn is_fake(&self) -> bool {
        false
    }

    fn qemu(&self, cache: &Cache, target: &str) -> Result<Qemu> {
        qemu::find(cache, target)
    }

    fn plugin(&self) -> Result<PathBuf> {
        super::find_plugin()
    }

    fn kernels<'a>(
        &'a self,
        cache: &'a Cache,
        kernel: &'a Kernel,
        tree: &'a Tree,
        root: &Path,
    ) -> Result<Box<dyn Kernels + 'a>> {
        Ok(Box::new(Builder::new(cache, kernel, tree, root)?))
    }

    fn guest(&self, cache: &Cache, kernel: &Kernel, ingredients: &Ingredients<'_>) -> Result<Initramfs> {
        guest::pack(cache, kernel, ingredients)
    }

    fn boot(&self, qemu: &Qemu, boot: &BootSource<'_>, to: &Path, scratch: &Path) -> Result<Booted> {
        snapshot::take(qemu, boot, to, scratch)
    }

    fn worker(&self) -> Box<dyn Worker + '_> {
        Box::new(QemuWorker { warm: None })
    }
}

/// Runs trials of one snapshot in one mode in one QEMU, as long as they come one after the other.
struct QemuWorker {
    warm: Option<WarmMachine>,
}

impl Worker for QemuWorker {
    fn run(&mut self, trial: &Trial<'_>, scratch: &Path) -> Result<Remains> {
        let alone = trial.boot.machine.cold.is_some() || trial.testcase.cold.is_some();
        match trial.snapshot {
            Some(snapshot) if trial.qemu.lacks.is_empty() => {
                self.warm.take_if(|_| alone);
                let remains = self.serve(trial, snapshot, scratch);
                self.warm.take_if(|_| alone);
                remains
            }
            Some(snapshot) => execute(trial, restored(trial, snapshot, false, scratch)?, scratch),
            None => {
                let mut args = from_reset(trial, scratch)?;
                args.extend(argv::steady(trial.boot.machine).into_iter().flatten());
                execute(trial, args, scratch)
            }
        }
    }

    fn start_afresh(&mut self) {
        self.warm = None;
    }

    fn keeps_a_machine(&self) -> bool {
        self.warm.is_some()
    }
}

impl QemuWorker {
    /// Runs a trial in the QEMU at hand, or else in a new one.
    fn serve(&mut self, trial: &Trial<'_>, snapshot: &Path, scratch: &Path) -> Result<Remains> {
        let serves = Serves { snapshot: snapshot.to_owned(), mode: trial.id.mode };
        let begun = Instant::now();
        if let Some(mut warm) = self.warm.take().filter(|warm| warm.can_serve(&serves)) {
            warm.ask(&request(trial, scratch))?;
            let ended = self.wait(warm, trial)?;
            if ended == Ended::Answered {
                return Ok(Remains { warm: true, ..remains(ended, begun, scratch)? });
            }
            // A QEMU that ended, or hangs, may do so for what came before this trial.
            let record = scratch.join(RECORD);
            if record.exists() {
                std::fs::remove_file(&record).map_err(|error| Error::io("remove", &record, error))?;
            }
        }
        let args = restored(trial, snapshot, true, scratch)?;
        let command = super::command(trial.qemu, args).stderr(Sink::File(scratch.join(STDERR)));
        let ended = self.wait(WarmMachine::start(command, serves)?, trial)?;
        remains(ended, begun, scratch)
    }

    /// Waits for the end of a trial, and keeps the machine if it serves another one.
    fn wait(&mut self, mut warm: WarmMachine, trial: &Trial<'_>) -> Result<Ended> {
        let ended = warm.wait(host_deadline(trial.testcase))?;
        self.warm = Some(warm).filter(|_| ended == Ended::Answered);
        Ok(ended)
    }
}

/// Returns the guest's command.
fn command(testcase: &Testcase, seed: u64) -> String {
    let words = [("seed", seed), ("repetitions", testcase.repetitions.into())];
    let own = testcase.parameters.iter().map(|(name, value)| (name.as_str(), u64::from(*value)));
    words
        .into_iter()
        .chain(own)
        .fold(testcase.name.clone(), |so_far, (word, value)| format!("{so_far} {word}={value}"))
}

/// Returns what a trial that starts from a snapshot asks of the plugin.
fn request(trial: &Trial<'_>, scratch: &Path) -> Request {
    Request {
        mmu_on: true,
        command: Some(command(trial.testcase, trial.id.seed)),
        deadline: Some(trial.testcase.deadline_minsns * 1_000_000),
        stale_limit: Some(Request::STALE_LIMIT),
        record: Some(scratch.join(RECORD)),
        console: Some(scratch.join(CONSOLE)),
        stderr: Some(scratch.join(STDERR)),
        ..Request::new(trial.id.mode)
    }
}

/// Returns QEMU's arguments for a trial that starts from a snapshot, and for others after it if it `serves` them.
fn restored(trial: &Trial<'_>, snapshot: &Path, serves: bool, scratch: &Path) -> Result<Vec<OsString>> {
    let boot = &trial.boot;
    let setup = Setup { serves, ..plugin::setup(boot.machine, boot.page_size, Some(boot.system_map)) };
    let mut args = argv::common(boot, "", &scratch.join(CONSOLE));
    args.extend(argv::bounded_translations());
    args.extend(argv::incoming(snapshot));
    args.extend(plugin::attach(boot.plugin, &setup, &request(trial, scratch), scratch)?);
    Ok(args)
}

/// Returns QEMU's arguments for a boot from reset, with the model at work from the first instruction on. The command is
/// on the kernel's command line; it is empty where the kernel runs the test itself.
pub(super) fn from_reset(trial: &Trial<'_>, scratch: &Path) -> Result<Vec<OsString>> {
    let Trial { boot, id, testcase, .. } = trial;
    let append = match &testcase.boot {
        Some(own) => format!("patcheval.run= {}", own.append),
        None => format!("patcheval.run={}", command(testcase, id.seed).replace(' ', ",")),
    };
    let request = Request {
        deadline: Some((testcase.deadline_minsns + BOOT_MINSNS) * 1_000_000),
        stale_limit: Some(Request::STALE_LIMIT),
        record: Some(scratch.join(RECORD)),
        ..Request::new(id.mode)
    };
    let mut args = argv::common(boot, &append, &scratch.join(CONSOLE));
    let setup = plugin::setup(boot.machine, boot.page_size, Some(boot.system_map));
    args.extend(plugin::attach(boot.plugin, &setup, &request, scratch)?);
    Ok(args)
}

/// Runs a trial in a QEMU that serves no other.
fn execute(trial: &Trial<'_>, args: Vec<OsString>, scratch: &Path) -> Result<Remains> {
    let begun = Instant::now();
    let command = super::command(trial.qemu, args).stderr(Sink::File(scratch.join(STDERR)));
    let deadline = begun + host_deadline(trial.testcase);
    let mut halt = HaltWatch::new(&scratch.join(CONSOLE));
    let mut child = command.spawn()?;
    let ended = loop {
        let now = Instant::now();
        if let Some(status) = child.wait_until(Some(deadline.min(now + HALT_POLL)))? {
            break Ended::Exited { cleanly: status.success() };
        }
        if now >= deadline {
            child.kill()?;
            break Ended::TimedOut;
        }
        if halt.has_halted() {
            // Asked to end, QEMU lets the plugin write its record.
            break Ended::Exited { cleanly: child.end()?.success() };
        }
    };
    remains(ended, begun, scratch)
}

fn host_deadline(testcase: &Testcase) -> Duration {
    let minsns = u32::try_from(testcase.deadline_minsns).unwrap_or(u32::MAX);
    HOST_DEADLINE.max(HOST_DEADLINE_MINSN * minsns)
}

fn remains(ended: Ended, begun: Instant, scratch: &Path) -> Result<Remains> {
    let took = begun.elapsed();
    Ok(Remains {
        console: read(&scratch.join(CONSOLE))?,
        stderr: read(&scratch.join(STDERR))?,
        record: read(&scratch.join(RECORD))?,
        timed_out: ended == Ended::TimedOut,
        clean_exit: matches!(ended, Ended::Answered | Ended::Exited { cleanly: true }),
        warm: false,
        took,
    })
}

/// Reads a file that the run may not have made.
fn read(path: &Path) -> Result<String> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Error::io("read", path, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn parameters_become_words_of_the_command() {
        let mut testcase = crate::plan::tests::plan().testcases.remove(0);
        assert_eq!(command(&testcase, 7), "t1 seed=7 repetitions=1");
        testcase.parameters = BTreeMap::from([("threads".into(), 3), ("kib".into(), 64)]);
        assert_eq!(command(&testcase, 7), "t1 seed=7 repetitions=1 kib=64 threads=3");
    }
}
