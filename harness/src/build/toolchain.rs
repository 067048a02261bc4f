// SPDX-License-Identifier: GPL-2.0-or-later
//! The compiler, and all other arguments of kbuild, so that equal inputs give equal images.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::cache_dir::Cache;
use crate::error::Result;
use crate::plan::Kernel;
use crate::process::{CommandRun, find_program};

/// The directory of the compiler cache, in the cache.
pub(super) const CCACHE: &str = "ccache";

/// Line tables, so that addresses resolve to source lines, and no more: the whole of `-g` would double a link.
const DEBUG: &str = "-g1";

/// What kbuild would otherwise take from the clock, the user and the machine.
const PINNED: [(&str, &str); 4] = [
    ("KBUILD_BUILD_TIMESTAMP", "Thu Jan  1 00:00:00 UTC 2026"),
    ("KBUILD_BUILD_USER", "patcheval"),
    ("KBUILD_BUILD_HOST", "patcheval"),
    ("KBUILD_BUILD_VERSION", "1"),
];

/// The tools of one kernel, and how they are called.
#[derive(Clone, Debug)]
pub(super) struct Toolchain {
    /// First line of the compiler's version.
    pub(super) compiler: String,
    /// First line of the linker's version.
    pub(super) binutils: String,
    /// Where the tools are, if not where the system has its own.
    pub(super) directories: Vec<PathBuf>,
    ccache: bool,
}

impl Toolchain {
    /// Asks the tools for their versions.
    pub(super) fn find(kernel: &Kernel) -> Result<Self> {
        let version = |tool: &str| -> Result<String> {
            let text = CommandRun::new(format!("{}{tool}", kernel.cross_compile)).arg("--version").read()?;
            Ok(text.lines().next().unwrap_or_default().to_owned())
        };
        let ccache = find_program("ccache".as_ref()).is_some();
        let program = find_program(format!("{}gcc", kernel.cross_compile).as_ref());
        // Of `/opt/x/bin/x-gcc` all of `/opt/x`.
        let directory = program.and_then(|path| {
            let beside = path.canonicalize().ok()?.parent()?.to_owned();
            let above = beside.parent().filter(|_| beside.ends_with("bin")).map(Path::to_owned);
            Some(above.unwrap_or(beside))
        });
        let directories = directory.filter(|path| !path.starts_with("/usr")).into_iter().collect();
        Ok(Self { compiler: version("gcc")?, binutils: version("ld")?, directories, ccache })
    }

    /// Returns what the image depends on beside source, configuration and versions.
    pub(super) fn flags() -> String {
        let pinned: Vec<_> = PINNED.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("CC -ffile-prefix-map KCFLAGS={DEBUG} {}", pinned.join(" "))
    }

    /// Returns a `make` of `kernel` from `tree` into `obj`, without a target, in a clean environment.
    pub(super) fn make(&self, cache: &Cache, kernel: &Kernel, tree: &Path, obj: &Path) -> Make {
        let (source, build) = (tree.display(), obj.display());
        let cross = &kernel.cross_compile;
        // No path of the cache may get into the image, not even into its debug information. With the compiler's name
        // and not in KCFLAGS, of which some Makefiles (MIPS: the vDSO's) take only the flags that they know.
        let maps = format!("-ffile-prefix-map={source}/= -ffile-prefix-map={build}=.");
        let ccache = if self.ccache { "ccache " } else { "" };
        let jobs = std::thread::available_parallelism().map_or(1, usize::from);
        let words = vec![
            "make".to_owned(),
            "-s".to_owned(),
            format!("-j{jobs}"),
            "-C".to_owned(),
            source.to_string(),
            format!("O={build}"),
            format!("ARCH={}", kernel.arch.name()),
            format!("CROSS_COMPILE={cross}"),
            format!("CC={ccache}{cross}gcc {maps}"),
            format!("KCFLAGS={DEBUG}"),
            // Set and empty: no "+" for a tree that is below somebody's git repository.
            "LOCALVERSION=".to_owned(),
        ];
        let mut env: Vec<(String, OsString)> =
            PINNED.iter().map(|(name, value)| ((*name).to_owned(), value.into())).collect();
        env.push(("CCACHE_DIR".to_owned(), cache.root().join(CCACHE).into()));
        // Without CCACHE_BASEDIR: it would make paths relative, and the prefix maps above would not know them. Every
        // variant of a base is built at the same paths anyway.
        env.push(("CCACHE_COMPILERCHECK".to_owned(), "content".into()));
        // Never CCACHE_DEPEND: without a run of the preprocessor ccache does not see `.incbin`, and would put the
        // previous kernel into an ARM zImage.
        Make { words: words.into_iter().map(Into::into).collect(), env }
    }
}

/// A `make` command that still lacks its target.
#[derive(Clone, Debug)]
pub(super) struct Make {
    words: Vec<OsString>,
    env: Vec<(String, OsString)>,
}

impl Make {
    /// Returns the words of the command with these targets and variables behind.
    pub(super) fn words(&self, targets: &[&str]) -> Vec<OsString> {
        self.words.iter().cloned().chain(targets.iter().map(Into::into)).collect()
    }

    /// Lets every compilation run, and stores none: nothing of a base can serve a variant that does not have it
    /// anyway, and a first run through ccache costs a quarter more. The command lines stay the same.
    pub(super) fn without_ccache(mut self) -> Self {
        self.env.push(("CCACHE_DISABLE".to_owned(), "1".into()));
        self
    }

    /// Sets the environment of the command, whatever wraps it.
    pub(super) fn environment(&self, run: CommandRun) -> CommandRun {
        self.env.iter().fold(run.env_clear(), |run, (name, value)| run.env(name, value))
    }
}
