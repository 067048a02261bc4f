// SPDX-License-Identifier: GPL-2.0-or-later
//! What a killed process has left half done.

use std::fs::{self, OpenOptions};
use std::path::Path;

use crate::error::{Error, Result};

/// Cuts off a last line that a killed process left unfinished: its trial counts as not run.
pub(crate) fn mend(path: &Path) -> Result<()> {
    let Ok(bytes) = fs::read(path) else { return Ok(()) };
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if whole == bytes.len() {
        return Ok(());
    }
    let cut = OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(whole as u64));
    cut.map_err(|error| Error::io("mend", path, error))
}
