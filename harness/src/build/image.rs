// SPDX-License-Identifier: GPL-2.0-or-later
//! An image in the cache: what it consists of, and what it was made from.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::options::ConfigOptions;
use crate::error::{Error, Result};

/// Directory of the device trees in an image's entry.
pub(super) const DTBS: &str = "dtbs";

/// What kbuild made of a configuration, if the image has one of its own.
pub(super) const GRANTED: &str = "granted.config";

/// Version of `build.json`.
pub(super) const RECORD_VERSION: u32 = 1;

/// A kernel that can be booted, and what resolves its addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Directory of the cache entry.
    pub dir: PathBuf,
    /// What QEMU boots.
    pub image: PathBuf,
    /// Directory of the kernel's device trees.
    pub dtbs: PathBuf,
    /// ELF file with symbols and line tables.
    pub vmlinux: PathBuf,
    /// kbuild's list of symbols.
    pub system_map: PathBuf,
    /// What the build is made of.
    pub record: BuildRecord,
}

/// `build.json`: what an image was made from; nothing in it depends on when or where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildRecord {
    /// Version of this format.
    pub v: u32,
    /// Name of the kernel.
    pub kernel: String,
    /// Version of its source, like `6.1.192`.
    pub version: String,
    /// Id of its source's content.
    pub source: String,
    /// Key of the base build.
    pub base: String,
    /// Digest of what the series changes; see [`crate::patch::Staged`].
    pub series: String,
    /// First line of the compiler's version.
    pub compiler: String,
    /// First line of the linker's version.
    pub binutils: String,
    /// SHA-256 of the image that QEMU boots. Equal images are equal kernels.
    pub image_sha256: String,
    /// SHA-256 of vmlinux.
    pub vmlinux_sha256: String,
    /// How many objects the variant's build made again; 0 for the base itself.
    pub objects_rebuilt: usize,
}

impl Image {
    /// Returns what kbuild made of the image's own configuration, if it has one: see [`super::configured`].
    ///
    /// # Errors
    ///
    /// Infrastructure, when it cannot be read.
    pub fn granted(&self) -> Result<Option<ConfigOptions>> {
        let path = self.dir.join(GRANTED);
        match std::fs::read_to_string(&path) {
            Ok(text) => ConfigOptions::parse(&path, &text).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", &path, error)),
        }
    }
}

/// Reads an image's entry.
pub(super) fn load(dir: PathBuf) -> Result<Image> {
    let file = dir.join("build.json");
    let text = std::fs::read(&file).map_err(|e| Error::io("read", &file, e))?;
    let record = serde_json::from_slice(&text).map_err(|e| {
        Error::infrastructure(format!("{}: {e}", file.display())).hint("remove that directory")
    })?;
    Ok(Image {
        image: dir.join("image"),
        dtbs: dir.join(DTBS),
        vmlinux: dir.join("vmlinux"),
        system_map: dir.join("System.map"),
        record,
        dir,
    })
}
