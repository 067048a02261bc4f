// SPDX-License-Identifier: GPL-2.0-or-later
//! Warm trials: one QEMU serves request after request, and each begins with the guest taken back to the same instant.
//!
//! That instant is the end of the block in which the guest has asked for its command for the first time. All trials go through
//! it, the first one too, so that a trial in a process of its own begins with the same instruction, at the same time, as one
//! that follows a hundred others. What goes back: devices, CPUs and clocks by QEMU's own state, RAM by what differs, the
//! model and whatever the plugin has counted. What stays: QEMU's translations, and the plugin's tables to which these refer by
//! number.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

use instrument::{Answer, Request};

use crate::fast_path::FAST_PATH;
use crate::ffi::{self, Ram};
use crate::internals::{Internals, redirect};
use crate::plugin::Plugin;
use crate::ram::Captured;
use crate::refill::Refills;
use crate::swap::Swaps;
use crate::tlb::Tlb;

/// Standard error.
const STDERR: RawFd = 2;

/// Longest request, in bytes: it is mostly paths.
const LONGEST: usize = 1 << 16;

/// Where a QEMU that serves requests is.
#[derive(Default)]
pub(crate) enum Stage {
    /// The guest has not asked for its command yet.
    #[default]
    Starting,
    /// The guest goes on to the end of its block, and is then taken back: whatever it does until then is forgotten.
    Returning,
    /// A trial runs.
    Running,
}

/// What goes beyond one trial.
#[derive(Default)]
pub(crate) struct Warm {
    pub(crate) stage: Stage,
    /// The guest's RAM, once it has been found.
    pub(crate) ram: Option<Ram>,
    origin: Option<Origin>,
    /// Blocks translated since the trial began.
    pub(crate) translations: u64,
    return_us: u64,
}

/// Where trials begin, and the way back there.
struct Origin {
    internals: Internals,
    harness: UnixStream,
    /// QEMU's descriptor for the console, if it has one.
    console: Option<RawFd>,
    /// Devices and RAM, once the guest has come to the end of its block.
    state: Option<(Vec<u8>, Captured)>,
}

impl Plugin {
    /// The guest asks for its command for the first time in this process.
    pub(crate) fn first_command(&mut self) {
        match Origin::new(self.target.draws_tlb_entries(), self.options.request.console.as_deref()) {
            Ok(origin) => {
                origin.internals.between_turns();
                self.warm.origin = Some(origin);
                self.warm.stage = Stage::Returning;
            }
            Err(why) => self.fault(&why),
        }
    }

    /// A trial has ended, and its record lies on the disk: answers, and waits for the next request. Ends QEMU if there is none.
    pub(crate) fn serve_next(&mut self) {
        let (translations, return_us) = (self.warm.translations, self.warm.return_us);
        let answer = Answer { version: Answer::VERSION, translations, return_us };
        let Some(origin) = self.warm.origin.as_mut() else { ffi::end_process(0) };
        let request = match origin.exchange(&answer) {
            Ok(Some(request)) => request,
            Ok(None) => ffi::end_process(0),
            Err(why) => return self.refuse(&why),
        };
        let this = &self.options.request;
        if (request.mode, request.empty_callbacks) != (this.mode, this.empty_callbacks) {
            return self
                .refuse("the mode differs from that of the trials before, for which code was translated");
        }
        if let Err(why) = origin.send_output_to(&request) {
            return self.refuse(&why);
        }
        origin.internals.between_turns();
        self.options.request = request;
        self.warm.stage = Stage::Returning;
        self.finished = false;
        FAST_PATH.never_attend();
    }

    /// A request cannot be served: the trial has no record, and says why on standard error.
    fn refuse(&mut self, why: &str) {
        eprintln!("patcheval plugin: request: {why}");
        ffi::end_process(1);
    }

    /// Takes the guest back to where trials begin; the first time, keeps it.
    pub fn go_back(&mut self) {
        let begun = Instant::now();
        if let Err(why) = self.return_to_origin() {
            self.fault(&why);
        }
        self.forget_trial();
        self.warm.stage = Stage::Running;
        self.warm.translations = 0;
        self.warm.return_us = begun.elapsed().as_micros() as u64;
    }

    fn return_to_origin(&mut self) -> Result<(), String> {
        let Some(origin) = self.warm.origin.as_mut() else { return Err("there is no way back".into()) };
        if origin.state.is_none() {
            let ram = self.warm.ram.clone().ok_or("the guest's RAM was not found")?;
            let captured = Captured::new(self.options.setup.ram.base, ram);
            origin.state = Some((origin.internals.save_devices()?, captured));
        }
        let Some((devices, captured)) = &origin.state else { return Ok(()) };
        let written = captured.write_back_to(|phys, bytes| self.qemu.write_physical(phys, bytes));
        if !written {
            return Err("QEMU does not take the guest's RAM back".into());
        }
        if let Some(model) = &mut self.model {
            model.memory_mut().reset(captured);
            model.reset();
        }
        origin.internals.load_devices(devices)
    }

    /// Forgets whatever belongs to one trial.
    fn forget_trial(&mut self) {
        self.cached = self.starts_cached();
        self.tlb = Tlb::default();
        self.swaps = Swaps::default();
        self.refills = Refills::default();
        self.deferred_stores.clear();
        self.identities.clear();
        self.functions.reset();
        self.findings.reset();
        self.checker.reset();
        FAST_PATH.reset();
        self.update_threshold();
    }
}

impl Origin {
    fn new(tlb_random: bool, console: Option<&Path>) -> Result<Self, String> {
        let internals =
            Internals::resolve(tlb_random).map_err(|name| format!("this QEMU has no {name} as in 11.1"))?;
        let channel = std::io::stdin().as_fd().try_clone_to_owned();
        let channel = channel.map_err(|error| format!("standard input: {error}"))?;
        let console = console.and_then(descriptor_of);
        Ok(Self { internals, harness: UnixStream::from(channel), console, state: None })
    }

    /// Answers, and returns the next request, or none if the harness has gone.
    fn exchange(&mut self, answer: &Answer) -> Result<Option<Request>, String> {
        if self.harness.write_all(answer.to_line().as_bytes()).is_err() {
            return Ok(None);
        }
        let mut line = Vec::new();
        let mut byte = [0];
        while line.len() < LONGEST {
            match self.harness.read(&mut byte) {
                Ok(1) if byte[0] == b'\n' => break,
                Ok(1) => line.push(byte[0]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                _ => return Ok(None),
            }
        }
        let text = String::from_utf8(line).map_err(|error| error.to_string())?;
        Request::from_json(&text).map(Some).map_err(|error| error.to_string())
    }

    /// Has QEMU write what the guest prints, and what it says itself, to the files of a request.
    fn send_output_to(&self, request: &Request) -> Result<(), String> {
        let files = [(self.console, &request.console), (Some(STDERR), &request.stderr)];
        for (descriptor, path) in files {
            let (Some(descriptor), Some(path)) = (descriptor, path) else { continue };
            let redirected = File::create(path).and_then(|file| redirect(descriptor, &file));
            redirected.map_err(|error| format!("cannot write to {}: {error}", path.display()))?;
        }
        Ok(())
    }
}

/// Returns the descriptor by which this process has a file open.
fn descriptor_of(path: &Path) -> Option<RawFd> {
    let path = path.canonicalize().ok()?;
    std::fs::read_dir("/proc/self/fd").ok()?.flatten().find_map(|entry| {
        let is_it = std::fs::read_link(entry.path()).is_ok_and(|open| open == path);
        if is_it { entry.file_name().to_str()?.parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn an_open_file_is_found_by_its_path() {
        let path = std::env::temp_dir().join(format!("plugin-descriptor-{}", std::process::id()));
        let file = File::create(&path).unwrap();
        assert_eq!(descriptor_of(&path), Some(file.as_raw_fd()));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(descriptor_of(&path), None);
    }
}
