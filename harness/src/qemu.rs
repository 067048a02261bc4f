// SPDX-License-Identifier: GPL-2.0-or-later
//! QEMU on this machine (stand-in).

use std::ffi::OsString;

/// A QEMU that can run the study.
#[derive(Clone, Debug)]
pub struct Qemu {
    command: Vec<OsString>,
    /// Version, as in `11.1.3`.
    pub version: String,
}

impl Qemu {
    /// Program and its first arguments.
    pub fn command(&self) -> (OsString, Vec<OsString>) {
        (self.command[0].clone(), self.command[1..].to_vec())
    }
}
