// SPDX-License-Identifier: GPL-2.0-or-later
//! Checks of kernels, of what they are made of, and of the classes that they provide.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::error::Result;
use crate::nearest::suggestion;
use crate::plan::check::distinct;
use crate::plan::check::name;
use crate::plan::class;
use crate::plan::class::Class;
use crate::plan::compose;
use crate::plan::high::Plan;
use crate::plan::high::Source;
use crate::plan::high::Target;
use crate::plan::high::dtb_name;
use crate::plan::load::Low;
use crate::plan::load::architecture_path;
use crate::plan::load::testcase_directory;
use crate::plan::parts::ArchitectureFile;
use crate::plan::parts::SourceFile;
use crate::plan::version::Version;

/// Refuses a class that is no word, and one that follows from the architecture or the figures of a machine.
pub(in crate::plan) fn provides(low: &Low, file: &str, classes: &[Class]) -> Result<()> {
    for class in classes.iter().map(Class::name) {
        name(file, "class", class)?;
        if class::OF_FIGURES.contains(&class) || low.texts.contains(&architecture_path(class)) {
            return Err(Error::study(format!(
                "{file}: provides: `{class}` is not a file's to provide: it follows from architecture and machine"
            )));
        }
    }
    Ok(())
}

/// Refuses a class that nothing in the repository provides: a misspelt one would silently never apply.
pub(in crate::plan) fn classes(low: &Low, plan: &Plan) -> Result<()> {
    let needs = plan.testcases.iter().flat_map(|case| {
        let place = format!("{}/case.yaml: needs", testcase_directory(&case.name));
        case.needs.iter().map(move |class| (place.clone(), class))
    });
    let expected = plan
        .variants
        .iter()
        .flat_map(|variant| variant.expectations.iter().map(move |entry| (variant, entry)));
    let expected = expected.filter_map(|(variant, entry)| {
        Some((format!("{}: variant {}: expect", low.file, variant.name), entry.class.as_ref()?))
    });
    let asked = plan.questions.iter().filter_map(|question| question.class.as_ref());
    let asked = asked.map(|class| (format!("{}: questions", low.file), class));
    let there: BTreeSet<Class> = plan.targets.iter().flat_map(Target::classes).collect();
    for (place, class) in needs.chain(expected).chain(asked) {
        if there.contains(class) {
            continue;
        }
        let known = compose::provided(&low.texts);
        if !known.contains(class.name()) {
            let message = format!("{place}: no kernel and no machine provides `{}`", class.name());
            return Err(
                Error::study(message).hint(suggestion(class.name(), known.iter().map(String::as_str)))
            );
        }
    }
    Ok(())
}

/// Refuses an architecture whose parts do not fit together.
pub(in crate::plan) fn architecture(file: &str, architecture: &ArchitectureFile) -> Result<()> {
    let ArchitectureFile { emulators, big_endian, board, boards, compilers, features, oops, .. } =
        architecture;
    distinct(file, "emulator", emulators.iter().map(String::as_str))?;
    if let Some(unknown) = big_endian.iter().find(|name| !emulators.contains(name)) {
        let message = format!("{file}: big_endian: `{unknown}` is not one of the emulators");
        return Err(Error::study(message).hint(suggestion(unknown, emulators.iter().map(String::as_str))));
    }
    distinct(file, "oops", oops.iter().map(String::as_str))?;
    if oops.iter().any(String::is_empty) {
        return Err(Error::study(format!("{file}: oops: an empty text is found everywhere")));
    }
    if !boards.contains_key(board) {
        let message = format!("{file}: board: `{board}` is not one of the boards");
        return Err(Error::study(message).hint(suggestion(board, boards.keys().map(String::as_str))));
    }
    for (name, board) in boards {
        if !compilers.contains_key(&board.compiler) {
            let message = format!("{file}: boards.{name}: there is no compiler `{}`", board.compiler);
            let known = compilers.keys().map(String::as_str);
            return Err(Error::study(message).hint(suggestion(&board.compiler, known)));
        }
    }
    for word in boards.keys().chain(features.keys()) {
        name(file, "board's or feature's", word)?;
    }
    match boards.keys().find(|board| features.contains_key(*board)) {
        Some(both) => Err(Error::study(format!("{file}: `{both}` is both a board and a feature"))),
        None => Ok(()),
    }
}

/// Refuses a kernel on a machine of the other byte order, which would not start, or do nothing that can be understood.
pub(in crate::plan) fn byte_order(
    file: &str,
    target: &Target,
    architecture: &ArchitectureFile,
) -> Result<()> {
    let Target { kernel, machine } = target;
    let usual = architecture.emulators.first().map(|first| architecture.byte_order(first));
    let Some(order) = kernel.byte_order.or(usual).filter(|order| *order != machine.byte_order()) else {
        return Ok(());
    };
    let (name, order_there) = (order.name(), machine.byte_order().name());
    let same = |emulator: &&String| architecture.byte_order(emulator) == order;
    let emulators: Vec<&str> = architecture.emulators.iter().filter(same).map(String::as_str).collect();
    Err(Error::study(format!(
        "{file}: kernel {} is {name} endian, but machine {} is {order_there} endian (`qemu: {}`)",
        kernel.name, machine.name, machine.qemu
    ))
    .hint(format!("its machines have one of these as `qemu`: {}", emulators.join(", "))))
}

/// Refuses device trees that are no make targets below the architecture's `dts`, or that have one file name.
pub(in crate::plan) fn dtbs(file: &str, dtbs: &[String]) -> Result<()> {
    for dtb in dtbs {
        let parts_are_names = dtb.split('/').all(|part| {
            let good = |c: char| c.is_ascii_alphanumeric() || "-._+,".contains(c);
            !part.starts_with(['.', '-']) && part.chars().all(good) && !part.is_empty()
        });
        if !parts_are_names || !dtb.ends_with(".dtb") {
            return Err(Error::study(format!("{file}: dtbs: `{dtb}` is not like versatile-pb.dtb")));
        }
    }
    match dtbs {
        [] => Ok(()),
        some => distinct(file, "device tree", some.iter().map(|dtb| dtb_name(dtb))),
    }
}

/// Refuses a machine with a device tree that the kernel's build does not make.
pub(in crate::plan) fn has_dtb(file: &str, target: &Target) -> Result<()> {
    let (kernel, Some(dtb)) = (&target.kernel, &target.machine.dtb) else { return Ok(()) };
    let known = || kernel.dtbs.iter().map(|known| dtb_name(known));
    if known().any(|known| known == dtb) {
        return Ok(());
    }
    let message = format!(
        "{file}: machine {} needs the device tree {dtb}, which is not among the `dtbs` of kernel {}",
        target.machine.name, kernel.name
    );
    Err(Error::study(message).hint(suggestion(dtb, known())))
}

/// Refuses a U-Boot header that QEMU would not heed.
pub(in crate::plan) fn no_load_address(file: &str, target: &Target) -> Result<()> {
    let (kernel, arch) = (&target.kernel.name, target.kernel.arch.name());
    match target.kernel.uimage {
        None => Ok(()),
        Some(_) => {
            Err(Error::study(format!("{file}: kernel {kernel}: boards of {arch} load no image by `uimage`")))
        }
    }
}

/// Refuses a U-Boot header that cannot have the address.
pub(in crate::plan) fn load_address(file: &str, target: &Target) -> Result<()> {
    let Some(address) = target.load_address() else { return Ok(()) };
    let (kernel, machine) = (&target.kernel.name, &target.machine.name);
    let end = target.machine.ram_base.saturating_add(u64::from(target.machine.memory_mib) << 20);
    if address >= end || u32::try_from(address).is_err() {
        return Err(Error::study(format!(
            "{file}: kernel {kernel} has its place at {address:#x}, where machine {machine} has no memory within 4 GiB"
        )));
    }
    Ok(())
}

/// Returns the one form of source that is filled in.
pub(in crate::plan) fn source(file: &str, source: &SourceFile) -> Result<Source> {
    let SourceFile { version, debian, suite, tarball, sha256, directory, git, reference, renamed: _ } =
        source;
    if let Some(version) = version.as_ref().filter(|version| Version::parse(version).is_none()) {
        return Err(Error::study(format!(
            "{file}: source.version: `{version}` is not like 6.12 or 7.3.4-rc1"
        )));
    }
    if suite.is_some() && debian.is_none() {
        return Err(Error::study(format!("{file}: source.suite: only a Debian package is of a release")));
    }
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
