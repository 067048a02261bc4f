// SPDX-License-Identifier: GPL-2.0-or-later
//! Kernels: one base build per source, configuration and toolchain, and from it each variant within seconds.
//!
//! A variant is built over the base, at the same paths, so that kbuild makes only what the patches touch: in
//! overlays in a private namespace where the machine allows them, else by changing the trees and changing them
//! back. Only the boot image, vmlinux with its line tables and System.map are kept. Images do not depend on the
//! cache's path, the user or the clock: equal inputs give equal bytes.

mod changes;
mod complaint;
mod config;
mod image;
mod in_place;
pub(crate) mod namespace;
mod options;
mod overlay;
pub mod sandbox;
#[cfg(test)]
mod tests;
mod toolchain;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use walkdir::WalkDir;

use crate::cache_dir::{Cache, key, sha256_file, write_atomically};
use crate::error::{Error, Result};
use crate::patch::Staged;
use crate::plan::{Kernel, dtb_name};
use crate::process::{CommandOutcome, CommandRun, Sink};
use crate::source::Tree;
pub use changes::{Changes, Compared, Resized};
pub use complaint::complaint;
use config::Requested;
pub use image::{BuildRecord, Image};
use image::{DTBS, GRANTED, RECORD_VERSION, load};
use namespace::Namespace;
pub use options::{ConfigOptions, Switch, configured};
use toolchain::{CCACHE, Make, Toolchain};

/// Kinds of the cache entries that this stage makes.
pub const KINDS: [&str; 2] = [BASE, IMAGE];

/// Kind of the cache entries of base builds.
pub const BASE: &str = "base";
/// Kind of the cache entries of images.
pub const IMAGE: &str = "image";

/// The requested configuration, in a base's entry.
const REQUESTED: &str = "requested.config";

/// A base build takes minutes; a patch to a central header makes a variant just as long.
const DEADLINE: Duration = Duration::from_secs(3 * 3600);

/// Lines of a failed build's log that the message quotes.
const QUOTED_LINES: usize = 15;

/// Receives the directories with a build's results, the newest first, and the number of objects made.
type Take<'a> = &'a dyn Fn(&[&Path], usize) -> Result<()>;

/// Something from the cache, or made just now.
#[derive(Clone, Debug)]
pub struct Built<T> {
    /// The thing.
    pub made: T,
    /// How long it took in host seconds; `None` from the cache.
    pub seconds: Option<f64>,
}

/// Builds one kernel and its variants.
#[derive(Debug)]
pub struct Builder<'a> {
    cache: &'a Cache,
    kernel: &'a Kernel,
    tree: &'a Tree,
    toolchain: Toolchain,
    requested: Requested,
    namespace: Option<Namespace>,
    base_key: String,
}

/// One variant's build, as the ways of building see it.
struct BuildJob<'a> {
    cache: &'a Cache,
    tree: &'a Tree,
    obj: &'a Path,
    staged: &'a Staged,
    namespace: Option<Namespace>,
    make: &'a Make,
    words: Vec<OsString>,
    log: PathBuf,
}

impl<'a> Builder<'a> {
    /// Reads the fragments, asks the tools for their versions and finds out how this machine can build.
    /// The paths of the fragments start at `root`.
    ///
    /// # Errors
    ///
    /// Study error for a fragment that is missing or has a damaged line; infrastructure for a missing compiler.
    pub fn new(cache: &'a Cache, kernel: &'a Kernel, tree: &'a Tree, root: &Path) -> Result<Self> {
        let namespace = Namespace::probe(cache)?;
        Self::with(cache, kernel, tree, root, namespace)
    }

    fn with(
        cache: &'a Cache,
        kernel: &'a Kernel,
        tree: &'a Tree,
        root: &Path,
        namespace: Option<Namespace>,
    ) -> Result<Self> {
        let read = |path: &PathBuf| {
            let text = std::fs::read_to_string(root.join(path));
            text.map_err(|e| Error::study(format!("cannot read the fragment {}: {e}", path.display())))
        };
        let texts = kernel.fragments.iter().map(read).collect::<Result<Vec<_>>>()?;
        let fragments = kernel.fragments.iter().map(PathBuf::as_path).zip(texts.iter().map(String::as_str));
        let requested = Requested::parse(fragments)?.renamed(&kernel.renamed);
        let toolchain = Toolchain::find(kernel)?;
        in_place::recover(cache, tree)?;
        let base_key = key([
            ("source", tree.id.as_bytes()),
            ("config", requested.text().as_bytes()),
            ("compiler", toolchain.compiler.as_bytes()),
            ("binutils", toolchain.binutils.as_bytes()),
            ("flags", Toolchain::flags().as_bytes()),
            ("arch", kernel.arch.name().as_bytes()),
            ("cross", kernel.cross_compile.as_bytes()),
            ("target", targets(kernel, &requested).join(" ").as_bytes()),
        ]);
        Ok(Self { cache, kernel, tree, toolchain, requested, namespace, base_key })
    }

    /// Returns whether the base is in the cache, so that nothing takes minutes.
    pub fn has_base(&self) -> bool {
        self.cache.peek(BASE, &self.base_key).is_some()
    }

    /// Returns whether the image of the source with `staged` applied is in the cache.
    pub fn has_image(&self, staged: &Staged) -> bool {
        self.cache.peek(IMAGE, &self.image_key(staged)).is_some()
    }

    fn image_key(&self, staged: &Staged) -> String {
        key([("base", self.base_key.as_bytes()), ("series", staged.digest.as_bytes())])
    }

    /// Returns the build tree of the unpatched source, built if it was not there.
    ///
    /// # Errors
    ///
    /// Study error for a symbol that kbuild does not grant; infrastructure for a build that fails, with the end of
    /// its log.
    pub fn base(&self) -> Result<Built<PathBuf>> {
        let begun = Instant::now();
        let mut fresh = false;
        let dir = self.cache.entry(BASE, &self.base_key, |dir| {
            fresh = true;
            self.make_base(dir)
        })?;
        Ok(Built { made: dir.join("obj"), seconds: fresh.then(|| begun.elapsed().as_secs_f64()) })
    }

    /// Returns the image of the source with `staged` applied, built if it was not there; the base too if need be,
    /// whose time does not count here.
    ///
    /// # Errors
    ///
    /// Those of [`Builder::base`]; study error for patches that do not compile, with the end of the log.
    pub fn image(&self, staged: &Staged) -> Result<Built<Image>> {
        let key = self.image_key(staged);
        if let Some(dir) = self.cache.peek(IMAGE, &key) {
            return Ok(Built { made: load(dir)?, seconds: None });
        }
        let obj = self.base()?.made;
        let begun = Instant::now();
        let dir = self.cache.entry(IMAGE, &key, |dir| self.make_image(&obj, staged, dir))?;
        Ok(Built { made: load(dir)?, seconds: Some(begun.elapsed().as_secs_f64()) })
    }

    fn make_base(&self, dir: &Path) -> Result<()> {
        let obj = dir.join("obj");
        std::fs::create_dir(&obj).map_err(|e| Error::io("create", &obj, e))?;
        let fragment = dir.join(REQUESTED);
        write_atomically(&fragment, self.requested.text().as_bytes())?;
        let make = self.toolchain.make(self.cache, self.kernel, &self.tree.path, &obj).without_ccache();
        let all = format!("KCONFIG_ALLCONFIG={}", fragment.display());
        let nothing = Staged::default();
        let job = |words| BuildJob {
            cache: self.cache,
            tree: self.tree,
            obj: &obj,
            staged: &nothing,
            namespace: self.namespace,
            make: &make,
            words,
            log: dir.join("build.log"),
        };
        let readable = [self.tree.path.clone(), fragment.clone()];
        let confined = |words| self.confine(words, &obj, &readable).map(job);
        let _lock = self.tree.lock(self.cache, false)?;
        let configure = confined(make.words(&[&all, "allnoconfig"]))?;
        configure.finish(configure.plain())?;
        self.verify(&[&obj])?;
        let build = confined(make.words(&targets(self.kernel, &self.requested)))?;
        build.finish(build.plain())
    }

    /// Checks that kbuild granted every request.
    fn verify(&self, from: &[&Path]) -> Result<()> {
        self.requested.verify(&granted(from)?, &self.tree.path)
    }

    fn make_image(&self, obj: &Path, staged: &Staged, dir: &Path) -> Result<()> {
        let own = staged.files.contains_key(Path::new(options::FILE));
        let take = |from: &[&Path], objects: usize| {
            // Of two configurations nobody knows what those between them may ask for.
            match own {
                true => keep_config(from, dir)?,
                false if changes_kconfig(staged) => self.verify(from)?,
                false => {}
            }
            self.keep(from, objects, staged, dir)
        };
        if staged.is_empty() {
            return take(&[obj], 0);
        }
        let make = self.toolchain.make(self.cache, self.kernel, &self.tree.path, obj);
        // Asked for a symbol that the base does not have, kbuild would ask back and get no answer.
        let requested = if own { self.tree.path.join(options::FILE) } else { obj.with_file_name(REQUESTED) };
        let all = format!("KCONFIG_ALLCONFIG={}", requested.display());
        let configures = own || changes_kconfig(staged);
        let mut goals = if configures { vec![all.as_str(), "allnoconfig"] } else { Vec::new() };
        goals.extend(targets(self.kernel, &self.requested));
        let job = BuildJob {
            cache: self.cache,
            tree: self.tree,
            obj,
            staged,
            namespace: self.namespace,
            make: &make,
            words: self.confine(make.words(&goals), obj, &[self.tree.path.clone(), requested.clone()])?,
            log: dir.join("build.log"),
        };
        match self.namespace {
            Some(namespace) => overlay::build(namespace, &job, &take),
            None => in_place::build(&job, &take),
        }
    }

    /// Keeps a command from everything but the build tree, which it writes, and what it is to read.
    fn confine(&self, words: Vec<OsString>, obj: &Path, readable: &[PathBuf]) -> Result<Vec<OsString>> {
        let ccache = self.cache.root().join(CCACHE);
        std::fs::create_dir_all(&ccache).map_err(|e| Error::io("create", &ccache, e))?;
        let readable = [readable, self.toolchain.directories.as_slice()].concat();
        sandbox::confine(words, sandbox::SandboxView { obj, writable: &[ccache], readable: &readable })
    }

    /// Copies what is worth keeping from the first directory that has it.
    fn keep(&self, from: &[&Path], objects_rebuilt: usize, staged: &Staged, dir: &Path) -> Result<()> {
        let mut files: Vec<(PathBuf, String)> = vec![
            (self.kernel.image.clone(), "image".into()),
            ("vmlinux".into(), "vmlinux".into()),
            ("System.map".into(), "System.map".into()),
        ];
        let dts = Path::new("arch").join(self.kernel.arch.name()).join("boot/dts");
        files.extend(self.kernel.dtbs.iter().map(|dtb| (dts.join(dtb), format!("{DTBS}/{}", dtb_name(dtb)))));
        let dtbs = dir.join(DTBS);
        std::fs::create_dir(&dtbs).map_err(|e| Error::io("create", &dtbs, e))?;
        for (name, to) in files {
            let Some(found) = from.iter().map(|d| d.join(&name)).find(|p| p.is_file()) else {
                return Err(Error::study(format!(
                    "the make target {} gives no {}",
                    targets(self.kernel, &self.requested).join(" "),
                    name.display()
                )));
            };
            std::fs::copy(&found, dir.join(&to)).map_err(|e| Error::io("copy", &found, e))?;
        }
        let record = BuildRecord {
            v: RECORD_VERSION,
            kernel: self.kernel.name.clone(),
            version: self.tree.version.clone(),
            source: self.tree.id.clone(),
            base: self.base_key.clone(),
            series: staged.digest.clone(),
            compiler: self.toolchain.compiler.clone(),
            binutils: self.toolchain.binutils.clone(),
            image_sha256: sha256_file(&dir.join("image"))?,
            vmlinux_sha256: sha256_file(&dir.join("vmlinux"))?,
            objects_rebuilt,
        };
        let text =
            serde_json::to_vec_pretty(&record).map_err(|e| Error::internal(format!("build.json: {e}")))?;
        write_atomically(&dir.join("build.json"), &text)
    }
}

impl BuildJob<'_> {
    /// Returns the command without an overlay.
    fn plain(&self) -> CommandRun {
        match self.namespace {
            Some(namespace) => namespace.plain(&self.words),
            None => CommandRun::new(&self.words[0]).args(&self.words[1..]),
        }
    }

    /// Runs the command to its end; its output goes to the log.
    fn finish(&self, run: CommandRun) -> Result<()> {
        let run = self.make.environment(run).stdout(Sink::Append(self.log.clone())).stderr(Sink::Stdout);
        let outcome = run.deadline(DEADLINE).wait()?;
        if outcome.success() {
            return Ok(());
        }
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        let end = lines[lines.len().saturating_sub(QUOTED_LINES)..].join("\n");
        if outcome.timed_out {
            return Err(Error::infrastructure(format!(
                "the build took longer than {} s",
                DEADLINE.as_secs()
            )));
        }
        let message = format!("the build failed; the end of {}:\n{end}", self.log.display());
        if end.contains("No space left on device") && is_full(self.obj) {
            return Err(Error::infrastructure(message)
                .hint("the disk is full: free some space and run the same command again"));
        }
        if was_killed(outcome, &end) {
            return Err(Error::infrastructure(format!("the build was killed; {message}")).hint(
                "out of memory? the same command goes on where it was; if it ends so again, leave out the variant",
            ));
        }
        // The unpatched kernel is expected to build: if it does not, the machine is at fault.
        Err(match self.staged.is_empty() {
            true => Error::infrastructure(message),
            false => Error::study(message).log(log),
        })
    }
}

/// Whether somebody killed a build or a part of it, as the kernel does when memory runs out: that says nothing of a patch.
///
/// make reports it by the signal's name behind the target, gcc in a sentence.
fn was_killed(outcome: CommandOutcome, end: &str) -> bool {
    let reports = |line: &str| {
        line.starts_with("make") && line.ends_with("] Killed")
            || line.contains("Killed signal terminated program")
    };
    outcome.was_killed() || end.lines().any(reports)
}

/// What kbuild made of a request, from the first directory that has a configuration.
fn granted(from: &[&Path]) -> Result<String> {
    let configs: Vec<PathBuf> = from.iter().map(|dir| dir.join(".config")).collect();
    let config = configs.iter().find(|path| path.is_file()).unwrap_or(&configs[0]);
    std::fs::read_to_string(config).map_err(|e| Error::io("read", config, e))
}

fn keep_config(from: &[&Path], dir: &Path) -> Result<()> {
    write_atomically(&dir.join(GRANTED), granted(from)?.as_bytes())
}

/// Whether a series changes which symbols there are.
fn changes_kconfig(staged: &Staged) -> bool {
    let is_kconfig =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"Kconfig"));
    staged.files.keys().any(is_kconfig)
}

/// Whether a disk is: what a build says of it may be a lie.
fn is_full(dir: &Path) -> bool {
    let room = rustix::fs::statvfs(dir).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    room < sandbox::FREE << 20
}

/// What kbuild is to make.
fn targets<'k>(kernel: &'k Kernel, requested: &Requested) -> Vec<&'k str> {
    let modules = requested.has_modules().then_some("modules");
    std::iter::once(&kernel.target).chain(&kernel.dtbs).map(String::as_str).chain(modules).collect()
}

/// Counts object files below a directory, those made since `begun` if given; kbuild's intermediate links do not count.
fn count_objects(dir: &Path, begun: Option<SystemTime>) -> Result<usize> {
    let mut count = 0;
    for entry in WalkDir::new(dir) {
        let entry = entry.map_err(|e| Error::infrastructure(format!("cannot count objects: {e}")))?;
        let name = entry.file_name().to_string_lossy();
        let counts = name.ends_with(".o") && !name.starts_with(".tmp_") && !name.starts_with("vmlinux");
        let new = || begun.is_none_or(|t| entry.metadata().is_ok_and(|m| m.modified().is_ok_and(|m| m >= t)));
        if counts && entry.file_type().is_file() && new() {
            count += 1;
        }
    }
    Ok(count)
}
