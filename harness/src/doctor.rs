// SPDX-License-Identifier: GPL-2.0-or-later
//! Looks for everything that an evaluation needs, and says of each missing thing how to mend it.
//!
//! [`probe`] asks the machine and judges nothing; [`diagnose`] judges and asks nothing.

use std::path::PathBuf;

use crate::build::namespace::Namespace;
use crate::cache_dir::Cache;
use crate::error::{Error, Result};
use crate::process::{Run, find_program};
use crate::qemu;

/// The architectures that have a decoder in the plugin, and QEMU's target.
const EMULATORS: [(&str, &str); 2] = [("MIPS", "mips"), ("ARM", "arm")];

/// What kernels and guest programs are compiled for, and the compiler's prefix.
const COMPILERS: [(&str, &str); 3] =
    [("MIPS", "mips-linux-gnu-"), ("ARM", "arm-linux-gnueabihf-"), (OLD_ARM, "arm-linux-gnueabi-")];

/// Compilers for ARM v7 with hard float have no C library for these. Only kernels for them are lost without.
const OLD_ARM: &str = "ARM v5 and v6";

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
    /// By what it compiles for: the compiler's version, or why there is none.
    pub compilers: Vec<(&'static str, Result<String, String>)>,
    /// By what it compiles for: whether the compiler has a static C library.
    pub static_libc: Vec<(&'static str, bool)>,
    /// By architecture: QEMU, or why there is none.
    pub qemu: Vec<(&'static str, Result<FoundQemu, String>)>,
    /// Archives of kernel sources.
    pub sources: Vec<PathBuf>,
    /// The archive of the source of the guest's shell, or why there is none.
    pub shell: Result<PathBuf, String>,
    /// Whether overlays can be mounted in a namespace, as root or through a user namespace.
    pub overlay: bool,
    /// Where the cache is.
    pub cache: PathBuf,
    /// Bytes free there.
    pub free: u64,
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
pub enum State {
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
    pub state: State,
    /// What was found, or what is lost without it.
    pub text: String,
    /// What to do, unless all is well.
    pub mend: Option<String>,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mark = match self.state {
            State::Well => "ok     ",
            State::Lacking => "lacking",
            State::Missing => "MISSING",
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
    findings.iter().all(|f| f.state != State::Missing)
}

/// Asks the machine.
///
/// # Errors
///
/// Infrastructure, if the cache directory cannot be written to; interrupted.
pub fn probe(cache: &Cache) -> Result<Facts> {
    let names = NEEDED.iter().chain(&USEFUL).map(|(name, _)| *name);
    let free = rustix::fs::statvfs(cache.root())
        .map_err(|e| Error::io("ask for the free space of", cache.root(), e.into()))?;
    let each = |ask: fn(&str) -> Result<String, String>| {
        COMPILERS.map(|(arch, cross)| (arch, ask(&format!("{cross}gcc")))).to_vec()
    };
    Ok(Facts {
        programs: names.map(|name| (name, find_program(name.as_ref()))).collect(),
        compilers: each(|cc| first_line(Run::new(cc).arg("--version"))),
        static_libc: each(|cc| first_line(Run::new(cc).arg("-print-file-name=libc.a")))
            .into_iter()
            .map(|(arch, path)| (arch, path.is_ok_and(|path| path.starts_with('/'))))
            .collect(),
        qemu: EMULATORS.map(|(arch, target)| (arch, probe_qemu(cache, target))).to_vec(),
        sources: crate::source::debian_archives(cache),
        shell: crate::guest::shell::archive(cache).map_err(|e| e.to_string()),
        overlay: Namespace::probe(cache)?.is_some(),
        cache: cache.root().to_owned(),
        free: free.f_bavail.saturating_mul(free.f_frsize),
    })
}

fn first_line(run: Run) -> Result<String, String> {
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
    for (arch, compiler) in &facts.compilers {
        let name = format!("{arch} compiler");
        findings.push(match compiler {
            Ok(version) => well(&name, version.clone()),
            Err(why) => without(arch, &name, why),
        });
    }
    for (arch, there) in &facts.static_libc {
        let name = format!("{arch} static C library");
        findings.push(if *there {
            well(&name, "libc.a".to_owned())
        } else {
            without(arch, &name, "no libc.a: the guest's programs cannot be linked")
        });
    }
    findings.extend(facts.qemu.iter().map(|(arch, found)| judge_qemu(arch, found)));
    findings.push(judge_sources(facts));
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

/// A compiler or its library is not there: most studies do without the one for old ARM CPUs.
fn without(arch: &str, name: &str, why: &str) -> Finding {
    if arch == OLD_ARM {
        return lacking(name, format!("{why}: no kernels for {arch} can be built"), SETUP);
    }
    missing(name, why.to_owned(), SETUP)
}

fn judge_qemu(arch: &str, found: &Result<FoundQemu, String>) -> Finding {
    let name = format!("{arch} QEMU");
    match found {
        Ok(FoundQemu { version, plugins: true, lacks }) if lacks.is_empty() => well(&name, version.clone()),
        Ok(FoundQemu { version, plugins: true, lacks }) => lacking(
            &name,
            format!(
                "{version} does not export {}: each trial runs in a process of its own, and takes ten times as long",
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

fn judge_sources(facts: &Facts) -> Finding {
    if facts.sources.is_empty() {
        let lost = "no Debian source package: only kernels that name another source can be built".to_owned();
        return lacking("kernel source", lost, SETUP);
    }
    let shown: Vec<_> = facts.sources.iter().map(|p| p.display().to_string()).collect();
    well("kernel source", shown.join(", "))
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
    Finding { name: name.to_owned(), state: State::Well, text, mend: None }
}

fn lacking(name: &str, text: String, mend: &str) -> Finding {
    Finding { name: name.to_owned(), state: State::Lacking, text, mend: Some(mend.to_owned()) }
}

fn missing(name: &str, text: String, mend: &str) -> Finding {
    Finding { state: State::Missing, ..lacking(name, text, mend) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        let names = NEEDED.iter().chain(&USEFUL).map(|(name, _)| *name);
        Facts {
            programs: names.map(|name| (name, Some(PathBuf::from("/usr/bin").join(name)))).collect(),
            compilers: vec![("MIPS", Ok("gcc 12".to_owned()))],
            static_libc: vec![("MIPS", true)],
            qemu: vec![(
                "MIPS",
                Ok(FoundQemu { version: "11.1.3".to_owned(), plugins: true, lacks: vec![] }),
            )],
            sources: vec!["/usr/src/linux-source-6.1.tar.xz".into()],
            shell: Ok("/c/busybox/busybox_1.35.0.orig.tar.bz2".into()),
            overlay: true,
            cache: "/c".into(),
            free: ROOM,
        }
    }

    fn bad(facts: &Facts) -> Vec<(String, State)> {
        let findings = diagnose(facts);
        assert!(findings.iter().all(|f| (f.state == State::Well) == f.mend.is_none()));
        findings.into_iter().filter(|f| f.state != State::Well).map(|f| (f.name, f.state)).collect()
    }

    #[test]
    fn a_complete_machine_is_healthy() {
        assert_eq!(bad(&facts()), []);
        assert!(healthy(&diagnose(&facts())));
    }

    #[test]
    fn what_only_makes_things_slower_does_not_stop_an_evaluation() {
        let mut facts = facts();
        facts.overlay = false;
        facts.shell = Err("there is no source of busybox".to_owned());
        facts.programs.iter_mut().filter(|(name, _)| *name == "ccache").for_each(|(_, place)| *place = None);
        let expected = ["ccache", "shell source", "overlay"].map(|name| (name.to_owned(), State::Lacking));
        assert_eq!(bad(&facts), expected);
        assert!(healthy(&diagnose(&facts)));
    }

    #[test]
    fn most_studies_do_without_a_compiler_for_old_cpus() {
        let mut facts = facts();
        facts.compilers.push((OLD_ARM, Err("arm-linux-gnueabi-gcc: no such program".to_owned())));
        facts.static_libc.push((OLD_ARM, false));
        let names = ["ARM v5 and v6 compiler", "ARM v5 and v6 static C library"];
        assert_eq!(bad(&facts), names.map(|name| (name.to_owned(), State::Lacking)));
        assert!(healthy(&diagnose(&facts)));
    }

    #[test]
    fn what_is_missing_stops_it_and_can_be_mended() {
        let mut facts = facts();
        facts.static_libc[0].1 = false;
        facts.qemu[0].1 =
            Err("qemu-system-mips 11.1 or newer is needed, but /usr/bin/qemu-system-mips is 7.2".to_owned());
        facts.free = (3 << 30) + (1 << 29);
        let findings = diagnose(&facts);
        assert!(!healthy(&findings));
        let texts: Vec<_> =
            findings.iter().filter(|f| f.state == State::Missing).map(|f| f.text.as_str()).collect();
        assert!(texts[1].contains("11.1") && texts[1].contains("7.2"));
        assert_eq!(texts[2], "3.5 GiB free in /c, 4.0 GiB are needed");
    }

    #[test]
    fn a_qemu_without_modules_is_slower() {
        let mut facts = facts();
        let lacks = vec!["cpu_exit"];
        facts.qemu[0].1 = Ok(FoundQemu { version: "11.2".to_owned(), plugins: true, lacks });
        assert_eq!(bad(&facts), [("MIPS QEMU".to_owned(), State::Lacking)]);
        assert!(healthy(&diagnose(&facts)));
        let found = diagnose(&facts).into_iter().find(|f| f.state == State::Lacking).unwrap();
        assert!(found.text.contains("does not export cpu_exit"), "{}", found.text);
    }

    #[test]
    fn a_qemu_without_plugins_is_no_use() {
        let mut facts = facts();
        facts.qemu[0].1 = Ok(FoundQemu { version: "11.2".to_owned(), plugins: false, lacks: vec![] });
        assert_eq!(bad(&facts), [("MIPS QEMU".to_owned(), State::Missing)]);
    }
}
