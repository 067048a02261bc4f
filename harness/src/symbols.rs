// SPDX-License-Identifier: GPL-2.0-or-later
//! What vmlinux knows: from kernel addresses to functions and source lines, and how large functions and data are.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use addr2line::Loader;
use object::{Object as _, ObjectSymbol as _, ReadCache, SymbolKind};

use crate::error::{Error, Result};

/// No function of a kernel is longer; what lies further behind the last one is a module, a slot or a mapping.
const LONGEST: u64 = 64 << 10;

/// The symbols and line tables of one kernel.
pub struct Symbols {
    loader: Loader,
}

/// Where an address lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeLocation {
    /// The function.
    pub function: String,
    /// Bytes from its start.
    pub offset: u64,
    /// Source file and line, if the line tables know it.
    pub line: Option<String>,
}

impl std::fmt::Display for CodeLocation {
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
    pub fn locate(&self, address: u64) -> Option<CodeLocation> {
        let symbol = self.loader.find_symbol_info(address)?;
        // The loader takes whatever stands before the address, however far.
        let offset = address.checked_sub(symbol.address()).filter(|offset| *offset < LONGEST)?;
        let location = self.loader.find_location(address).ok().flatten();
        let line = location.and_then(|found| Some(format!("{}:{}", source_path(found.file?), found.line?)));
        Some(CodeLocation { function: usual_name(symbol.name()).to_owned(), offset, line })
    }
}

/// The name that everybody uses of a function with two: `arch/arm/lib/memcpy.S` and `memset.S` have `ENTRY(mmiocpy)` and
/// `ENTRY(mmioset)` at the addresses of the functions that they are named after.
fn usual_name(name: &str) -> &str {
    match name {
        "mmiocpy" => "memcpy",
        "mmioset" => "memset",
        name => name,
    }
}

/// Sizes of functions and data by name, in ascending order: static ones of one name may be many.
pub type SizesByName = BTreeMap<String, Vec<u64>>;

/// Returns the functions and data of a kernel.
///
/// # Errors
///
/// Infrastructure, when it cannot be read.
pub fn table(vmlinux: &Path) -> Result<SizesByName> {
    let file = File::open(vmlinux).map_err(|error| Error::io("open", vmlinux, error))?;
    // Of a file of a hundred megabytes, only the symbols are read.
    let cache = ReadCache::new(file);
    let elf = object::File::parse(&cache)
        .map_err(|error| Error::infrastructure(format!("cannot read {}: {error}", vmlinux.display())))?;
    let mut table = SizesByName::new();
    for symbol in elf.symbols().filter(|symbol| matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data))
    {
        let name = symbol.name().unwrap_or_default();
        if symbol.size() > 0 && !is_bookkeeping(name) {
            table.entry(without_number(name).to_owned()).or_default().push(symbol.size());
        }
    }
    table.values_mut().for_each(|sizes| sizes.sort_unstable());
    Ok(table)
}

/// Returns whether a symbol's name has the line or a count of whatever stands before it in the source.
fn is_bookkeeping(name: &str) -> bool {
    ["__initcall__", "__UNIQUE_ID_", "__compound_literal", "__key.", "__warned."]
        .iter()
        .any(|start| name.starts_with(start))
}

/// Returns a name without the number by which the compiler distinguishes local ones.
fn without_number(name: &str) -> &str {
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit());
    bare.strip_suffix('.').filter(|bare| !bare.is_empty()).unwrap_or(name)
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
    fn a_function_with_two_names_has_the_usual_one() {
        assert_eq!(
            ["mmiocpy", "mmioset", "memcpy_fromio"].map(usual_name),
            ["memcpy", "memset", "memcpy_fromio"]
        );
    }

    #[test]
    fn numbers_of_the_compiler_are_no_part_of_a_name() {
        assert_eq!(without_number("__func__.12"), "__func__");
        assert_eq!(without_number("memcpy32"), "memcpy32");
        assert_eq!(without_number("get_page.constprop.0"), "get_page.constprop");
        assert_eq!(without_number(".3"), ".3");
    }

    /// This very test is a function with a size in an ELF file.
    #[test]
    fn functions_of_an_elf_file_have_their_sizes() {
        let own = std::env::current_exe().unwrap();
        let table = table(&own).unwrap();
        assert!(table.keys().any(|name| name.contains("functions_of_an_elf_file_have_their_sizes")));
        assert!(super::table(Path::new("/dev/null")).is_err());
    }

    #[test]
    fn a_location_reads_like_an_oops() {
        let location =
            CodeLocation { function: "copy_to_page".into(), offset: 0x5c, line: Some("kernel/x.c:3".into()) };
        assert_eq!(location.to_string(), "copy_to_page+0x5c (kernel/x.c:3)");
    }
}
