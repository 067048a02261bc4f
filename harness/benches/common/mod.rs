// SPDX-License-Identifier: GPL-2.0-or-later
//! What every benchmark stands on: its way in, and what it measures with.

use std::path::{Path, PathBuf};

use patcheval::error::{Error, Result};

/// A variant without patches, and the first testcase: what is measured is not the patches.
pub const VARIANT: &str = "merged-alone";
pub const TESTCASE: &str = "t1-first-return";

/// Measures, with the repository's root, unless only called to see that it can be.
pub fn main(measure: fn(&Path) -> Result<()>) {
    // `cargo test --benches` and `cargo clippy` must not run minutes of QEMU.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    if let Err(error) = root().and_then(|root| measure(&root)) {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}

fn root() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().map_err(|error| Error::io("find", &root, error))
}
