// SPDX-License-Identifier: GPL-2.0-or-later
//! Looks for everything that an evaluation needs, and says of each missing thing how to mend it.
//!
//! [`probe`] asks the machine and judges nothing; [`diagnose`] judges and asks nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::build::namespace::Namespace;
use crate::cache_dir::Cache;
use crate::error::{Error, Result};
use crate::plan::hardware::MachineFile;
use crate::plan::parts::{ArchitectureFile, CompilerFile, SourceFile};
use crate::process::{CommandRun, find_program};
use crate::qemu;

/// Programs without which nothing can be built, and what each is for.
const NEEDED: [(&str, &str); 8] = [
    ("make", "builds kernels"),
    ("gcc", "builds kbuild's own tools"),
    ("bc", "computes a header of the kernel"),
    ("bison", "builds kbuild's configurator"),
    ("flex", "builds kbuild's configurator"),
    ("git", "applies patches"),
    ("tar", "unpacks sources"),
    ("xz", "unpacks sources"),
];

/// Programs that can be missing, and what is lost then.
const USEFUL: [(&str, &str); 7] = [
    ("bwrap", "patches are built only with --no-sandbox, which trusts whoever wrote them"),
    ("prlimit", "as without bwrap"),
    ("ccache", "patches to central headers take as long as a base build"),
    ("setpriv", "a harness that is killed by SIGKILL leaves its QEMU running"),
    ("mmdebstrap", "ci/setup cannot extract a newer QEMU; it installs this first"),
    ("bzip2", "the source of the guest's shell cannot be unpacked"),
    ("curl", "sources cannot be downloaded from a URL"),
];

/// A source tree takes 1.4 GB, each base build 150 MB, each variant 15 MB, QEMU 240 MB, a study's snapshots some hundred.
const ROOM: u64 = 4 << 30;

const SETUP: &str = "run ci/setup";

/// What was found on the machine.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Every program asked for, and where it is.
    pub programs: Vec<(&'static str, Option<PathBuf>)>,
    /// Those of all architectures; none where there is no repository.
    pub compilers: Vec<Compiler>,
    /// By architecture: QEMU, or why there is none.
    pub qemu: Vec<(String, Result<FoundQemu, String>)>,
    /// Further emulators, by the NAME of `qemu-system-NAME`, with the repository's machines that need them.
    pub more_qemu: Vec<FurtherEmulator>,
    /// Archives of kernel sources.
    pub sources: Vec<PathBuf>,
    /// By the words of kernels' names: the Debian package of which the source is.
    pub packages: Vec<(String, String)>,
    /// The repository's machines on which each trial has a QEMU of its own.
    pub cold: Vec<String>,
    /// The archive of the source of the guest's shell, or why there is none.
    pub shell: Result<PathBuf, String>,
    /// Whether overlays can be mounted in a namespace, as root or through a user namespace.
    pub overlay: bool,
    /// Where the cache is.
    pub cache: PathBuf,
    /// Bytes free there.
    pub free: u64,
}

/// A compiler of kernels and guests.
#[derive(Clone, Debug)]
pub struct Compiler {
    /// What it compiles for.
    pub title: String,
    /// Whether the usual board of its architecture needs it; only kernels for others are lost without one that is not.
    pub needed: bool,
    /// The kernels that it compiles, as in `arm-SOURCE-v5`.
    pub kernels: Vec<String>,
    /// How `ci/setup` is called to install it.
    pub mend: String,
    /// Its version, or why there is none.
    pub version: Result<String, String>,
    /// Whether it has a static C library.
    pub static_libc: bool,
}

/// What the repository wants to be there.
#[derive(Clone, Debug, Default)]
pub struct WantedParts {
    /// The architectures for which kernels can be composed.
    pub architectures: Vec<ArchitectureFile>,
    /// The sources of which they can be composed, by the words of their names.
    pub sources: BTreeMap<String, SourceFile>,
    /// Its machines.
    pub machines: Vec<MachineFile>,
}

/// An emulator that not all need.
#[derive(Clone, Debug)]
pub struct FurtherEmulator {
    /// The NAME of `qemu-system-NAME`.
    pub target: String,
    /// The repository's machines that need it.
    pub machines: Vec<String>,
    /// How `ci/setup` is called to get it.
    pub mend: String,
    /// QEMU, or why there is none.
    pub found: Result<FoundQemu, String>,
}

/// A QEMU that is new enough.
#[derive(Clone, Debug)]
pub struct FoundQemu {
    /// Its version, and where it is.
    pub version: String,
    /// Whether it was built to take plugins.
    pub plugins: bool,
    /// What it does not export of that which warm trials need.
    pub lacks: Vec<&'static str>,
}

/// How well one thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingState {
    /// There, and good.
    Well,
    /// Not there; everything works all the same, but not as well.
    Lacking,
    /// Not there, and nothing works without it.
    Missing,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub name: String,
    /// How it is.
    pub state: FindingState,
    /// What was found, or what is lost without it.
    pub text: String,
    /// What to do, unless all is well.
    pub mend: Option<String>,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mark = match self.state {
            FindingState::Well => "ok     ",
            FindingState::Lacking => "lacking",
            FindingState::Missing => "MISSING",
        };
        write!(f, "{mark}  {}: {}", self.name, self.text)?;
        match &self.mend {
            Some(mend) => write!(f, "\n           -> {mend}"),
            None => Ok(()),
        }
    }
}

/// Returns whether an evaluation can run.
pub fn healthy(findings: &[Finding]) -> bool {
    findings.iter().all(|f| f.state != FindingState::Missing)
}

/// Asks the machine for what every repository needs, and for what this one wants.
///
/// # Errors
///
/// Infrastructure, if the cache directory cannot be written to; interrupted.
pub fn probe(cache: &Cache, wanted: &WantedParts) -> Result<Facts> {
    let names = NEEDED.iter().chain(&USEFUL).map(|(name, _)| *name);
    let free = rustix::fs::statvfs(cache.root())
        .map_err(|e| Error::io("ask for the free space of", cache.root(), e.into()))?;
    let architectures = &wanted.architectures;
    let emulator = |arch: &ArchitectureFile| {
        let target = arch.emulators.first().map(String::as_str).unwrap_or_default();
        (arch.title.clone(), probe_qemu(cache, target))
    };
    let cold = wanted.machines.iter().filter(|machine| machine.cold.is_some());
    let package = |(word, source): (&String, &SourceFile)| Some((word.clone(), source.debian.clone()?));
    Ok(Facts {
        programs: names.map(|name| (name, find_program(name.as_ref()))).collect(),
        compilers: architectures.iter().flat_map(compilers).collect(),
        qemu: usual_architectures(wanted).map(emulator).collect(),
        more_qemu: more_emulators(wanted)
            .map(|(target, machines)| FurtherEmulator {
                target: target.to_owned(),
                machines,
                mend: mend_of_emulator(target, architectures),
                found: probe_qemu(cache, target),
            })
            .collect(),
        sources: crate::source::debian_archives(cache),
        cold: cold.map(|machine| machine.name.clone()).collect(),
        packages: wanted.sources.iter().filter_map(package).collect(),
        shell: crate::guest::shell::archive(cache).map_err(|e| e.to_string()),
        overlay: Namespace::probe(cache)?.is_some(),
        cache: cache.root().to_owned(),
        free: free.f_bavail.saturating_mul(free.f_frsize),
    })
}

/// The architectures that `ci/setup` makes the machine ready for without being asked.
fn usual_architectures(wanted: &WantedParts) -> impl Iterator<Item = &ArchitectureFile> {
    wanted.architectures.iter().filter(|arch| !arch.optional)
}

/// The emulators that machines need beside the first of each architecture, with these machines.
fn more_emulators(wanted: &WantedParts) -> impl Iterator<Item = (&str, Vec<String>)> {
    let first: Vec<&String> = usual_architectures(wanted).filter_map(|arch| arch.emulators.first()).collect();
    let mut more: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for machine in wanted.machines.iter().filter(|machine| !first.contains(&&machine.qemu)) {
        more.entry(&machine.qemu).or_default().push(machine.name.clone());
    }
    more.into_iter()
}

/// How `ci/setup` is called to get an emulator: that of an optional architecture comes with the compiler of its usual board.
fn mend_of_emulator(target: &str, architectures: &[ArchitectureFile]) -> String {
    let of = |arch: &&ArchitectureFile| arch.optional && arch.emulators.iter().any(|name| name == target);
    let board = architectures.iter().find(of).and_then(|arch| arch.boards.get(&arch.board));
    board.map_or_else(|| SETUP.to_owned(), |board| format!("{SETUP} --compiler {}", board.compiler))
}

/// Asks for the compilers of an architecture, that of its usual board first.
fn compilers(arch: &ArchitectureFile) -> Vec<Compiler> {
    let usual = arch.boards.get(&arch.board).map(|board| &board.compiler);
    let probe = |(name, file): (&String, &CompilerFile)| {
        let cc = format!("{}gcc", file.prefix);
        let libc = first_line(CommandRun::new(&cc).arg("-print-file-name=libc.a"));
        let boards = arch.boards.iter().filter(|(_, board)| board.compiler == *name).map(|(word, _)| word);
        let kernel = |word: &String| {
            let board = if *word == arch.board { String::new() } else { format!("-{word}") };
            format!("{}-SOURCE{board}", arch.name.name())
        };
        Compiler {
            title: file.title.clone().unwrap_or_else(|| arch.title.clone()),
            needed: usual == Some(name) && !file.optional,
            kernels: boards.map(kernel).collect(),
            mend: if file.optional { format!("{SETUP} --compiler {name}") } else { SETUP.to_owned() },
            version: first_line(CommandRun::new(&cc).arg("--version")),
            static_libc: libc.is_ok_and(|path| path.starts_with('/')),
        }
    };
    let mut all: Vec<Compiler> = arch.compilers.iter().map(probe).collect();
    all.sort_by_key(|compiler| !compiler.needed);
    all
}

fn first_line(run: CommandRun) -> Result<String, String> {
    let text = run.read().map_err(|e| e.to_string())?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn probe_qemu(cache: &Cache, target: &str) -> Result<FoundQemu, String> {
    let qemu = qemu::find(cache, target).map_err(|e| e.to_string())?;
    let help = qemu.run().arg("--help").read().map_err(|e| e.to_string())?;
    let version = format!("{} ({})", qemu.stated, qemu.command[0].to_string_lossy());
    Ok(FoundQemu { version, plugins: help.contains("-plugin "), lacks: qemu.lacks })
}

/// Judges what was found, in the order in which a user would mend it.
pub fn diagnose(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, place) in &facts.programs {
        let needed = NEEDED.iter().find(|(n, _)| n == name);
        let lost = USEFUL.iter().find(|(n, _)| n == name).or(needed).map_or("", |(_, why)| *why);
        findings.push(match place {
            Some(place) => well(name, place.display().to_string()),
            None if needed.is_some() => missing(name, format!("not found: it {lost}"), SETUP),
            None => lacking(name, format!("not found: {lost}"), SETUP),
        });
    }
    for compiler in &facts.compilers {
        let name = format!("{} compiler", compiler.title);
        findings.push(match &compiler.version {
            Ok(version) => well(&name, version.clone()),
            Err(why) => without(compiler, &name, why),
        });
    }
    for compiler in &facts.compilers {
        let name = format!("{} static C library", compiler.title);
        findings.push(if compiler.static_libc {
            well(&name, "libc.a".to_owned())
        } else {
            without(compiler, &name, "no libc.a: the guest's programs cannot be linked")
        });
    }
    if facts.qemu.is_empty() {
        let lost = "none, as there is no repository here: compilers and QEMU were not looked for".to_owned();
        findings.push(lacking("architectures", lost, "run it in a clone of patcheval's repository"));
    }
    findings.extend(facts.qemu.iter().map(|(arch, found)| judge_qemu(arch, found)));
    findings.extend(facts.more_qemu.iter().map(|FurtherEmulator { target, machines, mend, found }| {
        let judged = judge_qemu(target, found);
        let usual = |advice: String| if advice == SETUP { mend.clone() } else { advice };
        match (judged.state, judged.mend.clone().map(usual)) {
            // Debian's package of an architecture has all of its emulators; so has what ci/setup extracts.
            (FindingState::Missing, Some(mend)) => {
                let lost = format!("{}: no trial runs on {}", judged.text, machines.join(", "));
                lacking(&judged.name, lost, &mend)
            }
            (_, mend) => Finding { mend, ..judged },
        }
    }));
    if !facts.cold.is_empty() {
        let text =
            format!("each trial in a QEMU of its own on {}: `cold` in their files", facts.cold.join(", "));
        findings.push(well("machines", text));
    }
    findings.extend(judge_sources(facts));
    findings.push(match &facts.shell {
        Ok(archive) => well("shell source", archive.display().to_string()),
        Err(why) => lacking("shell source", format!("{why}: no testcase with `shell: true` can run"), SETUP),
    });
    findings.push(if facts.overlay {
        well("overlay", "can be mounted in a private namespace".to_owned())
    } else {
        let lost = "not allowed here: every variant's build copies the build tree first".to_owned();
        lacking("overlay", lost, "run as root, or allow unprivileged user namespaces")
    });
    findings.push(judge_room(facts));
    findings
}

/// A compiler or its library is not there: most studies do without those of other boards than the usual ones.
fn without(compiler: &Compiler, name: &str, why: &str) -> Finding {
    if !compiler.needed {
        let lost = format!("{why}: no kernel {} can be built", compiler.kernels.join(", "));
        return lacking(name, lost, &compiler.mend);
    }
    missing(name, why.to_owned(), &compiler.mend)
}

fn judge_qemu(arch: &str, found: &Result<FoundQemu, String>) -> Finding {
    let name = format!("{arch} QEMU");
    match found {
        Ok(FoundQemu { version, plugins: true, lacks }) if lacks.is_empty() => well(&name, version.clone()),
        Ok(FoundQemu { version, plugins: true, lacks }) => lacking(
            &name,
            format!(
                "{version} does not export {}: each trial runs in a process of its own, and takes some eight times as long",
                lacks.join(", ")
            ),
            "use a QEMU built with modules, as distributions build it; ci/setup extracts one where PATH has none",
        ),
        Ok(FoundQemu { version, .. }) => missing(
            &name,
            format!("{version} was built without plugins"),
            "remove it from PATH and run ci/setup, which extracts one with plugins",
        ),
        Err(why) => missing(&name, why.clone(), SETUP),
    }
}

/// What there is of kernel sources, and which of those that the repository's kernels are composed of are not there.
fn judge_sources(facts: &Facts) -> Vec<Finding> {
    if facts.sources.is_empty() {
        let lost = "no Debian source package: only kernels that name another source can be built".to_owned();
        return vec![lacking("kernel source", lost, SETUP)];
    }
    let shown: Vec<_> = facts.sources.iter().map(|p| p.display().to_string()).collect();
    let there = |package: &str| {
        let archive = format!("{package}.tar.xz");
        facts.sources.iter().any(|path| path.file_name().is_some_and(|name| *name == *archive))
    };
    let absent = facts.packages.iter().filter(|(_, package)| !there(package)).map(|(word, package)| {
        let lost = format!("no {package}: no kernel ARCH-{word} can be built");
        lacking(&format!("source of Linux {word}"), lost, &format!("run ci/setup --kernel {word}"))
    });
    std::iter::once(well("kernel source", shown.join(", "))).chain(absent).collect()
}

fn judge_room(facts: &Facts) -> Finding {
    let gib = |bytes: u64| format!("{}.{} GiB", bytes >> 30, ((bytes % (1 << 30)) * 10) >> 30);
    let found = format!("{} free in {}", gib(facts.free), facts.cache.display());
    if facts.free >= ROOM {
        return well("disk", found);
    }
    let mend = "free some space, or set PATCHEVAL_CACHE to a directory on another disk";
    missing("disk", format!("{found}, {} are needed", gib(ROOM)), mend)
}

fn well(name: &str, text: String) -> Finding {
    Finding { name: name.to_owned(), state: FindingState::Well, text, mend: None }
}

fn lacking(name: &str, text: String, mend: &str) -> Finding {
    Finding { name: name.to_owned(), state: FindingState::Lacking, text, mend: Some(mend.to_owned()) }
}

fn missing(name: &str, text: String, mend: &str) -> Finding {
    Finding { state: FindingState::Missing, ..lacking(name, text, mend) }
}

#[cfg(test)]
mod tests;
