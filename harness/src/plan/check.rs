// SPDX-License-Identifier: GPL-2.0-or-later
//! Checks of single values: names, cache geometry, where a source comes from.

use std::collections::BTreeSet;

use cache_model::Geometry;

use crate::error::Error;
use crate::error::Result;
use crate::plan::high::Source;
use crate::plan::high::Target;
use crate::plan::model::Arch;
use crate::plan::model::CacheShape;
use crate::plan::model::Caches;
use crate::plan::model::SourceFile;

/// Refuses a name that cannot be a directory, a part of a trial's name and a word in a table.
pub(super) fn name(file: &str, what: &str, name: &str) -> Result<()> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let first = name.chars().next();
    if name.chars().all(good) && first.is_some_and(|c| c.is_ascii_alphanumeric()) {
        return Ok(());
    }
    Err(Error::study(format!(
        "{file}: the {what} name `{name}` must consist of a-z, 0-9, `-` and `.`, and begin with a letter or a digit"
    )))
}

/// Refuses a name that differs from the name of the file or directory by which others refer to it.
pub(super) fn same_name(file: &str, inside: &str, outside: &str) -> Result<()> {
    if inside == outside {
        return Ok(());
    }
    Err(Error::study(format!("{file}: says `name: {inside}`, but is found under the name `{outside}`")))
}

/// Refuses an empty list and a list with the same word twice.
pub(super) fn distinct<'a>(file: &str, what: &str, words: impl IntoIterator<Item = &'a str>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for word in words {
        if !seen.insert(word) {
            return Err(Error::study(format!("{file}: {what} `{word}` is named twice")));
        }
    }
    if seen.is_empty() {
        return Err(Error::study(format!("{file}: names no {what}")));
    }
    Ok(())
}

/// Refuses a figure that is 0 where at least 1 makes sense.
pub(super) fn positive(file: &str, what: &str, figure: u64) -> Result<()> {
    if figure == 0 {
        return Err(Error::study(format!("{file}: {what} must be at least 1")));
    }
    Ok(())
}

/// Refuses a cache geometry that the model or the guest's registers cannot have.
pub(super) fn caches(file: &str, arch: Arch, caches: &Caches) -> Result<()> {
    if caches.advertise && arch != Arch::Mips {
        return Err(Error::study(format!(
            "{file}: caches: only MIPS machines can advertise a geometry (Config1); give that of QEMU's {} here",
            arch.name()
        )));
    }
    for (which, shape) in [("icache", &caches.icache), ("dcache", &caches.dcache)] {
        geometry(file, which, shape)?;
        // MIPS32 PRA, Config1: IS/DS encode 32 to 4096 sets a way, IA/DA 1 to 8 ways.
        if caches.advertise && !((32..=4096).contains(&shape.sets) && shape.ways <= 8) {
            return Err(Error::study(format!(
                "{file}: caches.{which}: {} sets of {} ways cannot be advertised: \
                 Config1 has 32 to 4096 sets and 1 to 8 ways",
                shape.sets, shape.ways
            )));
        }
    }
    Ok(())
}

/// Asks the model itself, so that no machine is refused only when its guest boots.
fn geometry(file: &str, which: &str, shape: &CacheShape) -> Result<()> {
    Geometry::new(shape.sets, shape.ways, shape.line)
        .map(drop)
        .map_err(|error| Error::study(format!("{file}: caches.{which}: {error}")))
}

/// Refuses a U-Boot header that QEMU would not heed, or that cannot have the address.
pub(super) fn load_address(file: &str, target: &Target) -> Result<()> {
    let Some(address) = target.load_address() else { return Ok(()) };
    let (kernel, machine) = (&target.kernel.name, &target.machine.name);
    // QEMU's MIPS boards load ELF files only.
    if target.kernel.arch != Arch::Arm {
        return Err(Error::study(format!(
            "{file}: kernel {kernel}: only ARM boards load an image by `uimage`"
        )));
    }
    let end = target.machine.ram_base.saturating_add(u64::from(target.machine.memory_mib) << 20);
    if address >= end || u32::try_from(address).is_err() {
        return Err(Error::study(format!(
            "{file}: kernel {kernel} has its place at {address:#x}, where machine {machine} has no memory within 4 GiB"
        )));
    }
    Ok(())
}

/// Returns the one form of source that is filled in.
pub(super) fn source(file: &str, source: &SourceFile) -> Result<Source> {
    let SourceFile { debian, tarball, sha256, directory, git, reference } = source;
    match (debian, tarball, sha256, directory, git, reference) {
        (Some(package), None, None, None, None, None) => Ok(Source::Debian(package.clone())),
        (None, Some(path), Some(sha256), None, None, None) => {
            let digits = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
            if sha256.len() != 64 || !sha256.chars().all(digits) {
                return Err(Error::study(format!("{file}: source.sha256 is not 64 lower-case hexadecimal digits")));
            }
            Ok(Source::Tarball { path: path.into(), sha256: sha256.clone() })
        }
        (None, None, None, Some(path), None, None) => Ok(Source::Directory(path.into())),
        (None, None, None, None, Some(path), Some(reference)) => {
            Ok(Source::Git { path: path.into(), reference: reference.clone() })
        }
        _ => Err(Error::study(format!("{file}: source must have exactly one form")).hint(
            "give {debian: PACKAGE}, {tarball: PATH, sha256: HEX}, {directory: PATH} or {git: PATH, ref: REF}",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_and_never_paths() {
        for good in ["mips-6.1", "t1-first-return", "6.12"] {
            assert!(name("f", "kernel", good).is_ok(), "{good}");
        }
        for bad in ["", "..", "-x", "a/b", "A", "a b", "é"] {
            assert!(name("f", "kernel", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_list_has_no_word_twice_and_at_least_one() {
        assert!(distinct("f", "testcase", ["a", "b"]).is_ok());
        let twice = distinct("f", "testcase", ["a", "b", "a"]).unwrap_err();
        assert_eq!(twice.to_string(), "f: testcase `a` is named twice");
        assert_eq!(distinct("f", "testcase", []).unwrap_err().to_string(), "f: names no testcase");
    }

    fn shapes(sets: u32, ways: u32, line: u32, advertise: bool) -> Caches {
        let shape = CacheShape { sets, ways, line };
        Caches { icache: CacheShape { sets: 128, ways: 4, line: 32 }, dcache: shape, advertise }
    }

    #[test]
    fn geometry_is_powers_of_two_with_lines_of_8_to_128_bytes() {
        let why = |caches_: Caches| caches("m.yaml", Arch::Mips, &caches_).err().map(|e| e.to_string());
        assert_eq!(why(shapes(128, 4, 32, true)), None);
        assert_eq!(why(shapes(128, 4, 128, true)), None);
        assert_eq!(
            why(shapes(96, 4, 32, false)).unwrap(),
            "m.yaml: caches.dcache: sets = 96 is not a power of two between 1 and 65536"
        );
        assert_eq!(
            why(shapes(0, 4, 32, false)).unwrap(),
            "m.yaml: caches.dcache: sets = 0 is not a power of two between 1 and 65536"
        );
        assert_eq!(
            why(shapes(128, 4, 256, false)).unwrap(),
            "m.yaml: caches.dcache: line = 256 is not a power of two between 8 and 128"
        );
        assert!(why(shapes(16, 4, 32, true)).unwrap().contains("cannot be advertised"));
        assert!(why(shapes(16, 4, 32, false)).is_none());
    }

    #[test]
    fn only_mips_advertises() {
        assert!(caches("m", Arch::Arm, &shapes(256, 2, 64, true)).is_err());
        assert!(caches("m", Arch::Arm, &shapes(256, 2, 64, false)).is_ok());
    }

    #[test]
    fn a_source_has_one_whole_form() {
        let text = |s: &str| Some(s.to_owned());
        let none = SourceFile::default();
        assert!(source("k", &none).is_err());
        let debian = SourceFile { debian: text("linux-source-6.1"), ..none.clone() };
        assert_eq!(source("k", &debian).unwrap(), Source::Debian("linux-source-6.1".into()));
        assert!(source("k", &SourceFile { git: text("x"), ..debian }).is_err());
        assert!(source("k", &SourceFile { git: text("x"), ..none.clone() }).is_err());
        let git = SourceFile { git: text("x"), reference: text("v6.1"), ..none.clone() };
        assert_eq!(source("k", &git).unwrap(), Source::Git { path: "x".into(), reference: "v6.1".into() });
        let archive = SourceFile { tarball: text("l.tar.xz"), sha256: text("12"), ..none };
        assert!(source("k", &archive).unwrap_err().to_string().contains("64 lower-case"));
    }
}
