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

use instrument::{Reply, Request};

use crate::machine::ram::RamSnapshot;
use crate::qemu::internals::{Internals, redirect};

/// Standard error.
const STDERR: RawFd = 2;

/// Longest request, in bytes: it is mostly paths.
const LONGEST: usize = 1 << 16;

/// Where a QEMU that serves requests is.
#[derive(Default)]
pub(super) enum ServingStage {
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
pub(super) struct Warm {
    pub(super) stage: ServingStage,
    pub(super) start: Option<StartPoint>,
    /// Blocks translated since the trial began.
    pub(super) translations: u64,
    pub(super) return_us: u64,
    /// Whether translations of stale bytes were dropped for want of room.
    pub(super) kept_were_dropped: bool,
}

/// Where trials begin, and the way back there.
pub(super) struct StartPoint {
    pub(super) internals: Internals,
    harness: UnixStream,
    /// QEMU's descriptor for the console, if it has one.
    console: Option<RawFd>,
    /// Devices and RAM, once the guest has come to the end of its block.
    pub(super) state: Option<(Vec<u8>, RamSnapshot)>,
}

impl StartPoint {
    pub(super) fn new(tlb_random: bool, console: Option<&Path>) -> Result<Self, String> {
        let internals =
            Internals::resolve(tlb_random).map_err(|name| format!("this QEMU has no {name} as in 11.1"))?;
        let channel = std::io::stdin().as_fd().try_clone_to_owned();
        let channel = channel.map_err(|error| format!("standard input: {error}"))?;
        let console = match console {
            Some(path) => Some(
                descriptor_of(path)
                    .ok_or_else(|| format!("no open file of this QEMU is its console, {}", path.display()))?,
            ),
            None => None,
        };
        Ok(Self { internals, harness: UnixStream::from(channel), console, state: None })
    }

    /// Answers, and returns the next request, or none if the harness has gone.
    pub(super) fn exchange(&mut self, answer: &Reply) -> Result<Option<Request>, String> {
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

    /// Has QEMU throw away what the guest prints until it has been taken back.
    pub(super) fn silence(&self) -> Result<(), String> {
        let Some(console) = self.console else { return Ok(()) };
        let null = File::options().write(true).open("/dev/null");
        let redirected = null.and_then(|null| redirect(console, &null));
        redirected.map_err(|error| format!("cannot write to /dev/null: {error}"))
    }

    /// Has QEMU write what the guest prints, and what it says itself, to the files of a request.
    pub(super) fn send_output_to(&self, request: &Request) -> Result<(), String> {
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
