// SPDX-License-Identifier: GPL-2.0-or-later
//! Finds a QEMU whose plugin interface the harness's plugin speaks.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use instrument::internals;
use object::{Object, ObjectSymbol};

use crate::cache_dir::Cache;
use crate::error::{Error, Result};
use crate::process::{CommandRun, find_program};

/// The first version whose plugin interface is number 7, the one that the plugin is written for.
pub const NEEDED: QemuVersion = QemuVersion(11, 1);

/// Directory below the cache into which ci/setup extracts QEMU where the machine's own is too old.
const PREFIX: &str = "qemu-prefix";

/// Major and minor number of a QEMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QemuVersion(pub u32, pub u32);

impl std::fmt::Display for QemuVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// A QEMU for one target, and how to start it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qemu {
    /// The words that start it: a program, and what has to come before the first of QEMU's own arguments.
    pub command: Vec<OsString>,
    /// Its version.
    pub version: QemuVersion,
    /// The whole version as it states it, like `11.1.3 (Debian 1:11.1.3+ds-1~bpo13+1)`.
    pub stated: String,
    /// What it does not export of that which warm trials need: with any of it, each trial runs in a process of its own.
    pub lacks: Vec<&'static str>,
}

impl Qemu {
    /// Returns its version as it states it, and whether trials run cold for what it lacks: they begin elsewhere then.
    pub fn described(&self) -> String {
        if self.lacks.is_empty() { self.stated.clone() } else { format!("{}, cold trials only", self.stated) }
    }

    /// Returns the command that starts it, without arguments of its own yet.
    pub fn run(&self) -> CommandRun {
        CommandRun::new(&self.command[0]).args(&self.command[1..])
    }
}

/// Returns a QEMU for `target` (as in `qemu-system-<target>`): from `PATH` if it is new enough, else from the
/// prefix in the cache directory.
///
/// # Errors
///
/// Infrastructure, naming the version that was found and the one that is needed.
pub fn find(cache: &Cache, target: &str) -> Result<Qemu> {
    let name = format!("qemu-system-{target}");
    let mut found = Vec::new();
    for command in [in_path(&name), in_prefix(&cache.root().join(PREFIX), &name)].into_iter().flatten() {
        let shown = command[0].to_string_lossy().into_owned();
        match ask(command, target) {
            Ok(qemu) if qemu.version >= NEEDED => return Ok(qemu),
            Ok(qemu) => found.push(format!("{shown} is {}", qemu.version)),
            Err(e) => found.push(e.to_string()),
        }
    }
    let found = if found.is_empty() { "none was found".to_owned() } else { found.join("; ") };
    Err(Error::infrastructure(format!(
        "{name} {NEEDED} or newer is needed for its plugin interface 7, but {found}"
    ))
    .hint("run ci/setup: it extracts one into the cache directory and changes nothing on the system"))
}

fn in_path(name: &str) -> Option<Vec<OsString>> {
    find_program(name.as_ref()).map(|path| vec![path.into()])
}

/// Returns the command of a QEMU extracted from packages of a later suite, which needs that suite's C library and
/// so that library's own loader.
fn in_prefix(prefix: &Path, name: &str) -> Option<Vec<OsString>> {
    let program = prefix.join("usr/bin").join(name);
    let (loader, libraries) = loader(prefix)?;
    program.is_file().then(|| {
        let data = prefix.join("usr/share/qemu");
        vec![
            loader.into(),
            "--library-path".into(),
            libraries.into(),
            program.into(),
            "-L".into(),
            data.into(),
        ]
    })
}

/// Returns the dynamic loader of a prefix and the directory of its libraries.
fn loader(prefix: &Path) -> Option<(PathBuf, PathBuf)> {
    let known = [
        ("usr/lib64/ld-linux-x86-64.so.2", "usr/lib/x86_64-linux-gnu"),
        ("usr/lib/ld-linux-aarch64.so.1", "usr/lib/aarch64-linux-gnu"),
    ];
    let paths = known.map(|(loader, libraries)| (prefix.join(loader), prefix.join(libraries)));
    paths.into_iter().find(|(loader, _)| loader.is_file())
}

fn ask(command: Vec<OsString>, target: &str) -> Result<Qemu> {
    let text = CommandRun::new(&command[0]).args(&command[1..]).arg("--version").read()?;
    let (version, stated) = parse_version(&text).ok_or_else(|| {
        Error::infrastructure(format!("{} states no version", command[0].to_string_lossy()))
    })?;
    let confined =
        CommandRun::new(&command[0]).args(&command[1..]).args(CONFINED).arg("--version").output()?;
    let mut command = command;
    if confined.outcome.success() {
        command.extend(CONFINED.map(OsString::from));
    }
    let lacks = lacks(&exported(&command), target);
    Ok(Qemu { command, version, stated, lacks })
}

/// Returns the names that a QEMU exports to plugins; none if it is no program that can be read, such as a script around one.
fn exported(command: &[OsString]) -> BTreeSet<String> {
    let is_qemu = |word: &&OsString| {
        Path::new(word).file_name().is_some_and(|name| name.to_string_lossy().starts_with("qemu-system-"))
    };
    let Some(bytes) = command.iter().find(is_qemu).and_then(|program| std::fs::read(program).ok()) else {
        return BTreeSet::new();
    };
    let Ok(file) = object::File::parse(&*bytes) else { return BTreeSet::new() };
    let defined = file.dynamic_symbols().filter(|symbol| !symbol.is_undefined());
    defined.filter_map(|symbol| Some(symbol.name().ok()?.to_owned())).collect()
}

fn lacks(exported: &BTreeSet<String>, target: &str) -> Vec<&'static str> {
    let needed = internals::needed_for_warm_trials(target).map(|internal| internal.name);
    needed.filter(|name| !exported.contains(*name)).collect()
}

/// Takes from QEMU, as soon as it has started, the system calls that an emulator has no need of: to start programs, to become
/// somebody else, to change priorities. A QEMU without seccomp refuses the option, and runs without.
const CONFINED: [&str; 2] =
    ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"];

/// Reads `QEMU emulator version 11.1.3 (Debian ...)`.
fn parse_version(text: &str) -> Option<(QemuVersion, String)> {
    let stated = text.lines().next()?.split_once("version ")?.1.trim();
    let mut numbers = stated.split(|c: char| !c.is_ascii_digit());
    let version = QemuVersion(numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
    Some((version, stated.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared_as_numbers() {
        let read = |text: &str| parse_version(text).map(|(version, _)| version);
        let debian = "QEMU emulator version 11.1.3 (Debian 1:11.1.3+ds-1~bpo13+1)\nCopyright";
        assert_eq!(read(debian), Some(QemuVersion(11, 1)));
        assert_eq!(read("QEMU emulator version 7.2.15"), Some(QemuVersion(7, 2)));
        assert_eq!(read("ld.so: no such file"), None);
        assert!(QemuVersion(11, 10) > NEEDED && QemuVersion(7, 2) < NEEDED && QemuVersion(12, 0) > NEEDED);
    }

    #[test]
    fn what_a_qemu_does_not_export_is_named() {
        let all: BTreeSet<String> =
            internals::needed_for_warm_trials("mips").map(|internal| internal.name.to_owned()).collect();
        assert!(lacks(&all, "mips").is_empty());
        let some = all.iter().filter(|name| *name != "cpu_mips_get_random").cloned().collect();
        assert_eq!(lacks(&some, "mips"), ["cpu_mips_get_random"]);
        assert_eq!(lacks(&some, "arm"), ["tlb_flush"]);
        let script = tempfile::tempdir().unwrap();
        let path = script.path().join("qemu-system-arm");
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        assert!(lacks(&exported(&[path.into()]), "arm").contains(&"cpu_exit"));
    }

    #[test]
    fn an_empty_prefix_has_no_qemu_and_the_message_says_what_is_needed() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path()).unwrap();
        let error = find(&cache, "no-such-target").unwrap_err();
        assert!(
            error.to_string().starts_with("qemu-system-no-such-target 11.1 or newer is needed"),
            "{error}"
        );
        assert!(error.to_string().ends_with("none was found"));
    }
}
