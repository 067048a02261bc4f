// SPDX-License-Identifier: GPL-2.0-or-later
//! A machine that only pretends, for tests of whatever runs trials: it builds, boots and runs nothing, and ends each trial as
//! a script says.
//!
//! Sources and patches are real: the image of a fake kernel is the text of the files that its series changes, by which
//! a script may tell kernels apart. What such a machine leaves behind is read, judged and reported as any other.

mod ending;
mod script;

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use self::script::Script;
use super::argv::BootSource;
use super::seam::{Kernels, Machines, Remains, Trial, Worker};
use super::snapshot::Booted;
use crate::build::{BASE, BuildRecord, Built, IMAGE, Image};
use crate::cache_dir::{Cache, key, sha256_file, write_atomically};
use crate::error::{Error, Result};
use crate::guest::{self, Ingredients, Initramfs};
use crate::patch::Staged;
use crate::plan::{Kernel, dtb_name};
use crate::process::check_interrupted;
use crate::qemu::{NEEDED, Qemu};
use crate::source::Tree;

/// What manifests and reports have instead of a version of QEMU.
const NAME: &str = "a fake machine: every outcome is made up";

/// How often somebody who waits looks whether he is to stop.
const POLL: Duration = Duration::from_millis(5);

/// An ELF file of a MIPS machine with nothing in it: a header (elf(5)), which says that there is no more.
const EMPTY_ELF: [u8; 52] = {
    let mut header = [0; 52];
    let start = [0x7f, b'E', b'L', b'F', 1, 2, 1];
    let mut at = 0;
    while at < start.len() {
        header[at] = start[at];
        at += 1;
    }
    // ET_EXEC, EM_MIPS, EV_CURRENT; the size of the header, and of the entries of tables that are not there.
    (header[17], header[19], header[23]) = (2, 8, 1);
    (header[41], header[43], header[47]) = (52, 32, 40);
    header
};

/// The back end.
#[derive(Debug)]
pub(super) struct Fake {
    path: PathBuf,
    script: Script,
    /// Keeps the cache's entries apart from those of other scripts, and of kernels.
    key: String,
}

impl Fake {
    /// Reads a script.
    ///
    /// # Errors
    ///
    /// Study, for a script that cannot be read.
    pub(super) fn new(path: &Path) -> Result<Self> {
        let script = Script::read(path).map_err(|error| error.context(super::FAKE))?;
        Ok(Self { path: path.to_owned(), script, key: sha256_file(path)? })
    }

    fn key(&self, parts: &[(&str, &[u8])]) -> String {
        key([("fake", self.key.as_bytes())].into_iter().chain(parts.iter().copied()))
    }
}

impl Machines for Fake {
    fn is_fake(&self) -> bool {
        true
    }

    fn qemu(&self, _: &Cache, _: &str) -> Result<Qemu> {
        Ok(Qemu {
            command: vec!["false".into()],
            version: NEEDED,
            stated: NAME.to_owned(),
            lacks: Vec::new(),
        })
    }

    fn plugin(&self) -> Result<PathBuf> {
        Ok(self.path.clone())
    }

    fn kernels<'a>(
        &'a self,
        cache: &'a Cache,
        kernel: &'a Kernel,
        tree: &'a Tree,
        _: &Path,
    ) -> Result<Box<dyn Kernels + 'a>> {
        Ok(Box::new(FakeKernels { fake: self, cache, kernel, tree }))
    }

    fn guest(&self, cache: &Cache, kernel: &Kernel, ingredients: &Ingredients<'_>) -> Result<Initramfs> {
        let mut text = format!("guest programs of {}\n", kernel.name);
        for case in ingredients.testcases {
            text += &case.name;
            for source in &case.sources {
                text += &format!(" {}", sha256_file(&ingredients.root.join(source))?);
            }
            text += "\n";
        }
        let key = self.key(&[("guest", text.as_bytes())]);
        let dir = cache
            .entry(guest::KIND, &key, |dir| write_atomically(&dir.join("initramfs"), text.as_bytes()))?;
        let path = dir.join("initramfs");
        Ok(Initramfs { sha256: sha256_file(&path)?, path })
    }

    fn boot(&self, _: &Qemu, boot: &BootSource<'_>, to: &Path, _: &Path) -> Result<Booted> {
        let image = read(boot.image)?;
        if let Some(rule) = self.script.boot(&boot.machine.name, &image) {
            wait(rule.takes_ms)?;
            if let Some(console) = rule.console.clone() {
                return Ok(Booted::NotReady { console, timed_out: rule.late });
            }
        }
        write_atomically(to, &image)?;
        Ok(Booted::Ready)
    }

    fn worker(&self) -> Box<dyn Worker + '_> {
        Box::new(FakeWorker { fake: self, serves: None })
    }
}

/// The kernels of one source.
struct FakeKernels<'a> {
    fake: &'a Fake,
    cache: &'a Cache,
    kernel: &'a Kernel,
    tree: &'a Tree,
}

impl FakeKernels<'_> {
    fn base_key(&self) -> String {
        let (name, tree) = (self.kernel.name.as_bytes(), self.tree.id.as_bytes());
        self.fake.key(&[("kernel", name), ("source", tree)])
    }

    fn image_key(&self, staged: &Staged) -> String {
        self.fake.key(&[("base", self.base_key().as_bytes()), ("series", staged.digest.as_bytes())])
    }

    /// What is in an image: whatever a series changes.
    fn text(&self, staged: &Staged) -> Vec<u8> {
        let mut text = format!("{} of {}\n", self.kernel.name, self.tree.id).into_bytes();
        for (path, file) in &staged.files {
            let what = if file.is_some() { "" } else { " is removed" };
            text.extend(format!("{}{what}:\n", path.display()).bytes());
            text.extend(file.iter().flat_map(|file| &file.content));
        }
        text
    }

    /// Takes its time, and fails where the script says so.
    fn compile(&self, text: &[u8], staged: &Staged) -> Result<()> {
        let Some(rule) = self.fake.script.build(&self.kernel.name, text) else { return Ok(()) };
        wait(rule.takes_ms)?;
        match &rule.error {
            None => Ok(()),
            Some(error) if staged.is_empty() => {
                Err(Error::infrastructure(format!("the build failed: {error}")))
            }
            Some(error) => Err(Error::study(format!("the build failed: {error}")).log(error)),
        }
    }

    fn fill(&self, dir: &Path, text: &[u8]) -> Result<()> {
        let dtbs = dir.join("dtbs");
        std::fs::create_dir(&dtbs).map_err(|error| Error::io("create", &dtbs, error))?;
        for dtb in &self.kernel.dtbs {
            write_atomically(&dtbs.join(dtb_name(dtb)), b"")?;
        }
        write_atomically(&dir.join("image"), text)?;
        write_atomically(&dir.join("vmlinux"), &EMPTY_ELF)?;
        write_atomically(&dir.join("System.map"), b"")
    }
}

impl Kernels for FakeKernels<'_> {
    fn has_base(&self) -> bool {
        self.cache.peek(BASE, &self.base_key()).is_some()
    }

    fn has_image(&self, staged: &Staged) -> bool {
        self.cache.peek(IMAGE, &self.image_key(staged)).is_some()
    }

    fn base(&self) -> Result<Built<PathBuf>> {
        let (begun, nothing) = (Instant::now(), Staged::default());
        let mut fresh = false;
        let dir = self.cache.entry(BASE, &self.base_key(), |dir| {
            fresh = true;
            self.compile(&self.text(&nothing), &nothing)?;
            write_atomically(&dir.join("base"), b"")
        })?;
        Ok(Built { made: dir, seconds: fresh.then(|| begun.elapsed().as_secs_f64()) })
    }

    fn image(&self, staged: &Staged) -> Result<Built<Image>> {
        let (begun, text, key) = (Instant::now(), self.text(staged), self.image_key(staged));
        let mut fresh = false;
        let dir = self.cache.entry(IMAGE, &key, |dir| {
            fresh = true;
            self.compile(&text, staged)?;
            self.fill(dir, &text)
        })?;
        let record = BuildRecord {
            v: 1,
            kernel: self.kernel.name.clone(),
            version: self.tree.version.clone(),
            source: self.tree.id.clone(),
            base: self.base_key(),
            series: staged.digest.clone(),
            compiler: "no compiler".to_owned(),
            binutils: "no linker".to_owned(),
            image_sha256: sha256_file(&dir.join("image"))?,
            vmlinux_sha256: sha256_file(&dir.join("vmlinux"))?,
            objects_rebuilt: staged.files.len(),
        };
        let made = Image {
            image: dir.join("image"),
            dtbs: dir.join("dtbs"),
            vmlinux: dir.join("vmlinux"),
            system_map: dir.join("System.map"),
            record,
            dir,
        };
        Ok(Built { made, seconds: fresh.then(|| begun.elapsed().as_secs_f64()) })
    }
}

struct FakeWorker<'a> {
    fake: &'a Fake,
    /// The snapshot of the trial before, if a machine is at hand.
    serves: Option<PathBuf>,
}

impl Worker for FakeWorker<'_> {
    fn run(&mut self, trial: &Trial<'_>, _: &Path) -> Result<Remains> {
        let begun = Instant::now();
        let fate = self.fake.script.fate(trial.id, &read(trial.boot.image)?);
        wait(fate.takes_ms)?;
        let snapshot = trial.snapshot.map(Path::to_owned);
        let alone = trial.boot.machine.cold.is_some() || trial.testcase.cold.is_some();
        let warm = !alone && snapshot.is_some() && self.serves == snapshot;
        self.serves = snapshot.filter(|_| !alone);
        let mut remains = Remains { took: begun.elapsed(), warm, ..ending::remains(fate, trial) };
        if warm && fate.warm_differs {
            remains.console.push_str("This is not what a cold machine says.\n");
        }
        Ok(remains)
    }

    fn start_afresh(&mut self) {
        self.serves = None;
    }

    fn keeps_a_machine(&self) -> bool {
        self.serves.is_some()
    }
}

fn read(image: &Path) -> Result<Vec<u8>> {
    std::fs::read(image).map_err(|error| Error::io("read", image, error))
}

/// Waits, and ends at once when the user wants to stop.
fn wait(milliseconds: u64) -> Result<()> {
    let until = Instant::now() + Duration::from_millis(milliseconds);
    while let Some(rest) = until.checked_duration_since(Instant::now()) {
        check_interrupted()?;
        sleep(rest.min(POLL));
    }
    Ok(())
}
