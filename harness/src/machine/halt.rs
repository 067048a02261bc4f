// SPDX-License-Identifier: GPL-2.0-or-later
//! Kernels that have halted: some boards of QEMU can neither restart nor power off, so that a kernel that wants to says so and then
//! does nothing for ever.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Last words of a kernel: `kernel_halt` in kernel/reboot.c (`reboot: System halted`), and `machine_restart` in
/// arch/arm/kernel/reboot.c where nothing restarts the board (`Reboot failed -- System halted`).
const HALTED: &[u8] = b"System halted";

/// The console of a machine, as far as it has been read.
pub(super) struct HaltWatch {
    console: PathBuf,
    seen: u64,
    /// The end of what has been read, which may hold the beginning of the words.
    tail: Vec<u8>,
}

impl HaltWatch {
    pub(super) fn new(console: &Path) -> Self {
        Self { console: console.to_owned(), seen: 0, tail: Vec::new() }
    }

    /// Reads what is new; returns whether the kernel has halted. A console that cannot be read has said nothing.
    pub(super) fn has_halted(&mut self) -> bool {
        let read = |seen, text: &mut Vec<u8>| {
            let mut file = File::open(&self.console)?;
            file.seek(SeekFrom::Start(seen))?;
            file.read_to_end(text)
        };
        let Ok(new) = read(self.seen, &mut self.tail) else { return false };
        self.seen += new as u64;
        let halted = self.tail.windows(HALTED.len()).any(|words| words == HALTED);
        self.tail.drain(..self.tail.len().saturating_sub(HALTED.len()));
        halted
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_kernel_that_halts_is_noticed_however_its_words_arrive() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("console");
        let mut watch = HaltWatch::new(&path);
        assert!(!watch.has_halted(), "there is no console yet");
        let mut console = File::create(&path).unwrap();
        for part in ["[    0.1] Linux version 6.1\n", "[    9.1] Reboot failed -- Sys", "tem hal"] {
            console.write_all(part.as_bytes()).unwrap();
            assert!(!watch.has_halted(), "{part}");
        }
        console.write_all(b"ted\n").unwrap();
        assert!(watch.has_halted());
        assert!(!watch.has_halted(), "it is said once");
    }
}
