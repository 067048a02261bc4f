// SPDX-License-Identifier: GPL-2.0-or-later
//! From kernel addresses to functions and source lines, through vmlinux.

use std::path::Path;

use addr2line::Loader;

use crate::error::{Error, Result};

/// The symbols and line tables of one kernel.
pub struct Symbols {
    loader: Loader,
}

/// Where an address lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The function.
    pub function: String,
    /// Bytes from its start.
    pub offset: u64,
    /// Source file and line, if the line tables know it.
    pub line: Option<String>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}+{:#x}", self.function, self.offset)?;
        match &self.line {
            Some(line) => write!(f, " ({line})"),
            None => Ok(()),
        }
    }
}

impl Symbols {
    /// Reads an ELF file.
    ///
    /// # Errors
    ///
    /// Infrastructure, when it cannot be read.
    pub fn read(vmlinux: &Path) -> Result<Self> {
        let loaded = Loader::new(vmlinux);
        let loader = loaded
            .map_err(|error| Error::infrastructure(format!("cannot read {}: {error}", vmlinux.display())))?;
        Ok(Self { loader })
    }

    /// Returns where an address lies, or `None` for one outside the kernel's text.
    pub fn place(&self, address: u64) -> Option<Place> {
        let symbol = self.loader.find_symbol_info(address)?;
        let location = self.loader.find_location(address).ok().flatten();
        let line = location.and_then(|found| Some(format!("{}:{}", source_path(found.file?), found.line?)));
        Some(Place { function: symbol.name().to_owned(), offset: address - symbol.address(), line })
    }
}

/// The path of a source file within the kernel's tree: the line tables have it behind the tree's path, and with
/// the `./` and `../` of include directives in it.
fn source_path(file: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in file.split('/') {
        match part {
            "." => {}
            ".." if parts.last().is_some_and(|last| !last.is_empty()) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    // The kernel's top directories; what comes before them is where the tree was.
    const TOP: [&str; 15] = [
        "arch", "block", "certs", "crypto", "drivers", "fs", "include", "init", "ipc", "kernel", "lib", "mm",
        "net", "security", "sound",
    ];
    let start = if file.starts_with('/') { parts.iter().position(|part| TOP.contains(part)) } else { None };
    parts[start.unwrap_or(0)..].join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_tree() {
        assert_eq!(source_path("/x/source/mm/memory.c"), "mm/memory.c");
        assert_eq!(source_path("mm/../include/linux/./mm.h"), "include/linux/mm.h");
        assert_eq!(
            source_path("/c/tree/arch/mips/include/asm/r4kcache.h"),
            "arch/mips/include/asm/r4kcache.h"
        );
    }

    #[test]
    fn a_place_reads_like_an_oops() {
        let place =
            Place { function: "copy_to_page".into(), offset: 0x5c, line: Some("kernel/x.c:3".into()) };
        assert_eq!(place.to_string(), "copy_to_page+0x5c (kernel/x.c:3)");
    }
}
