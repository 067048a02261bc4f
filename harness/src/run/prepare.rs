// SPDX-License-Identifier: GPL-2.0-or-later
//! Everything that must stand before the first boot: sources, patches, kernels, guest programs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::build::{Compared, Image as BuiltImage, complaint};
use crate::cache_dir::{Cache, sha256_file};
use crate::error::{Error, ErrorKind, Result};
use crate::guest::{Ingredients, Initramfs};
use crate::machine::{self, Machines, uimage};
use crate::patch::{self, Patch, Size, Staged};
use crate::plan::{Kernel, Patches, Plan, Target, Variant};
use crate::qemu::Qemu;
use crate::source::{self, Tree};
use crate::store::{Failure, Manifest, StoredImage};

use super::event::{Event, Stage, Watch};
use super::staged::stage_variant;

/// What trials run on.
#[derive(Debug)]
pub struct Prepared {
    /// What boots and runs it.
    pub machines: Box<dyn Machines>,
    /// What everything was made of.
    pub manifest: Manifest,
    /// QEMU by target name.
    pub qemu: BTreeMap<String, Qemu>,
    /// The plugin's shared object.
    pub plugin: PathBuf,
    /// Kernels by kernel and variant; absent when the build failed.
    pub images: BTreeMap<(String, String), BuiltImage>,
    /// What QEMU boots, by kernel, machine and variant; absent when the build failed.
    pub bootable: BTreeMap<BootNames, Bootable>,
    /// Guest programs by kernel.
    pub guests: BTreeMap<String, Initramfs>,
    /// Logs of builds that failed, by their places in the run directory.
    pub logs: BTreeMap<String, String>,
}

/// Names of a kernel, a machine and a variant.
pub type BootNames = (String, String, String);

/// A kernel as one machine takes it.
#[derive(Clone, Debug)]
pub struct Bootable {
    /// The image, behind a header with its address where that is needed.
    pub image: PathBuf,
    /// The device tree, if the machine names one.
    pub dtb: Option<PathBuf>,
    /// Where its functions are.
    pub system_map: PathBuf,
}

/// Builds everything that a plan needs; `root` is the repository.
///
/// All patches are checked against their trees before the first build begins.
///
/// # Errors
///
/// Study, for damaged patches and for configurations; infrastructure; interrupted. Patches that do not apply and kernels that
/// do not compile are no errors, but verdicts, unless nothing is left that could be compared.
pub fn prepare(cache: &Cache, root: &Path, plan: &Plan, watch: Watch<'_>) -> Result<Prepared> {
    let sources = sources(cache, root, plan, &plan.kernels(), watch)?;
    let sizes = sizes(plan, &sources)?;
    let mut prepared = assemble(cache, root, plan, &sources, watch)?;
    report_altered(cache, watch);
    prepared.manifest.sizes = sizes;
    Ok(prepared)
}

/// Says which entries of the cache were made again, because they were not what they had been.
pub(super) fn report_altered(cache: &Cache, watch: Watch<'_>) {
    for name in cache.altered() {
        watch(Event::Warning(&format!("{name} in {} was altered: made again", cache.root().display())));
    }
}

/// The same from sources that are there, but for the sizes of patches.
pub(super) fn assemble(
    cache: &Cache,
    root: &Path,
    plan: &Plan,
    sources: &BTreeMap<String, Sources>,
    watch: Watch<'_>,
) -> Result<Prepared> {
    let machines = machine::machines()?;
    if machines.is_fake() {
        watch(Event::Warning(&format!(
            "{} is set: nothing is built or run, every outcome is made up",
            machine::FAKE
        )));
    }
    let mut emulators = BTreeMap::new();
    for target in &plan.targets {
        let name = &target.machine.qemu;
        if !emulators.contains_key(name) {
            emulators.insert(name.clone(), machines.qemu(cache, name)?);
        }
    }
    let plugin = machines.plugin()?;
    let kernels = plan.kernels();
    let mut prepared = Prepared {
        manifest: Manifest {
            v: Manifest::version(),
            fake: machines.is_fake(),
            plan: plan.clone(),
            qemu: emulators.values().next().map(Qemu::described).unwrap_or_default(),
            plugin: sha256_file(&plugin)?,
            toolchains: BTreeMap::new(),
            releases: BTreeMap::new(),
            bases: BTreeMap::new(),
            images: BTreeMap::new(),
            sizes: BTreeMap::new(),
            guests: BTreeMap::new(),
            changes: BTreeMap::new(),
        },
        machines,
        qemu: emulators,
        plugin,
        images: BTreeMap::new(),
        bootable: BTreeMap::new(),
        guests: BTreeMap::new(),
        logs: BTreeMap::new(),
    };
    let steps = kernels.iter().map(|kernel| 2 + plan.variants_on(&kernel.name).count()).sum();
    watch(Event::Stage { stage: Stage::Builds, steps, done: 0 });
    for &kernel in &kernels {
        build_kernel(cache, root, plan, kernel, &sources[&kernel.name], &mut prepared, watch)?;
    }
    prepared.bootable = bootable(cache, plan, &prepared)?;
    Ok(prepared)
}

/// Gives each machine each image in the form in which it takes it.
fn bootable(cache: &Cache, plan: &Plan, prepared: &Prepared) -> Result<BTreeMap<BootNames, Bootable>> {
    let mut all = BTreeMap::new();
    for target in &plan.targets {
        for variant in plan.variants_on(&target.kernel.name) {
            let built = (target.kernel.name.clone(), variant.name.clone());
            let Some(built) = prepared.images.get(&built) else { continue };
            let image = match target.load_address() {
                None => built.image.clone(),
                Some(address) => {
                    let address = u32::try_from(address)
                        .map_err(|_| Error::internal("a load address beyond 4 GiB was not refused"))?;
                    uimage::provide(cache, &built.image, &built.record.image_sha256, address)?
                }
            };
            let dtb = target.machine.dtb.as_ref().map(|dtb| built.dtbs.join(dtb));
            let system_map = built.system_map.clone();
            all.insert(names(target, variant), Bootable { image, dtb, system_map });
        }
    }
    Ok(all)
}

pub(super) fn names(target: &Target, variant: &Variant) -> BootNames {
    (target.kernel.name.clone(), target.machine.name.clone(), variant.name.clone())
}

/// A kernel's tree, and what each variant changes in it.
pub(super) struct Sources {
    pub(super) tree: Tree,
    pub(super) staged: BTreeMap<String, Staged>,
    /// Why the patches of the other variants do not apply.
    pub(super) rejected: BTreeMap<String, String>,
}

/// The variants of a kernel, each with the kernel.
fn on<'a>(plan: &'a Plan, kernel: &'a Kernel) -> impl Iterator<Item = (&'a Kernel, &'a Variant)> {
    plan.variants_on(&kernel.name).map(move |variant| (kernel, variant))
}

pub(super) fn sources(
    cache: &Cache,
    root: &Path,
    plan: &Plan,
    kernels: &[&Kernel],
    watch: Watch<'_>,
) -> Result<BTreeMap<String, Sources>> {
    let steps = kernels.iter().map(|kernel| 1 + plan.variants_on(&kernel.name).count()).sum();
    watch(Event::Stage { stage: Stage::Sources, steps, done: 0 });
    let mut series: BTreeMap<&[Patches], Vec<Patch>> = BTreeMap::new();
    for (kernel, variant) in kernels.iter().flat_map(|kernel| on(plan, kernel)) {
        let of = variant.series_on(&kernel.name);
        if !series.contains_key(of) {
            let patches = patch::gather(root, of);
            series.insert(of, patches.map_err(|error| error.context(format!("variant {}", variant.name)))?);
        }
    }
    let (mut all, mut rejections) = (BTreeMap::new(), Vec::new());
    for &kernel in kernels {
        let what = format!("source of {}", kernel.name);
        watch(Event::Begin(&what));
        let tree = source::provide(cache, &kernel.source, root)?;
        watch(Event::Step { what: &what, seconds: None });
        let (mut staged, mut rejected) = (BTreeMap::new(), BTreeMap::new());
        for variant in plan.variants_on(&kernel.name) {
            let of = variant.series_on(&kernel.name);
            let changes =
                stage_variant(root, &tree, kernel, of, &series[of]).map_err(|error| made_for(error, variant));
            watch(Event::Step {
                what: &format!("patches of {} on {}", variant.name, kernel.name),
                seconds: None,
            });
            match changes {
                Ok(changes) => drop(staged.insert(variant.name.clone(), changes)),
                Err(error) if error.kind() == ErrorKind::Rejected => {
                    rejected.insert(variant.name.clone(), error.to_string());
                    let named = error.context(format!("variant {} on {}", variant.name, kernel.name));
                    rejections.push((variant, named));
                }
                Err(error) => {
                    return Err(error.context(format!("variant {} on {}", variant.name, kernel.name)));
                }
            }
        }
        all.insert(kernel.name.clone(), Sources { tree, staged, rejected });
    }
    something_is_left(plan, &all, rejections, watch)?;
    Ok(all)
}

/// Reports all patches that do not apply at once; an error, if there is then nothing to compare, or nothing to compare with.
fn something_is_left(
    plan: &Plan,
    all: &BTreeMap<String, Sources>,
    rejections: Vec<(&Variant, Error)>,
    watch: Watch<'_>,
) -> Result<()> {
    let baseline = plan.study.baseline.as_str();
    let without_baseline = rejections.iter().any(|(variant, _)| variant.name == baseline);
    let others = || all.values().flat_map(|sources| sources.staged.keys());
    let nothing = !rejections.is_empty() && others().all(|name| name == baseline);
    if !without_baseline && !nothing {
        for (_, error) in &rejections {
            watch(Event::Warning(&error.to_string()));
        }
        return Ok(());
    }
    let mut errors = rejections.into_iter().map(|(_, error)| error);
    let Some(first) = errors.next() else { return Ok(()) };
    let hints: Vec<String> = first.hints().to_vec();
    let message = errors.fold(first.to_string(), |all, error| format!("{all}\n{error}"));
    Err(hints.into_iter().fold(Error::study(message), Error::hint))
}

/// Adds to the error of a patch that does not apply what the patch says of where it would.
fn made_for(error: Error, variant: &Variant) -> Error {
    match &variant.base_commit {
        Some(commit) => error.hint(format!("{} was made for the commit {commit}", variant.directory)),
        None => error,
    }
}

/// Returns how far each variant's tree is from the baseline's, by kernel and variant.
fn sizes(
    plan: &Plan,
    sources: &BTreeMap<String, Sources>,
) -> Result<BTreeMap<String, BTreeMap<String, Size>>> {
    let mut sizes = BTreeMap::new();
    for (kernel, Sources { tree, staged, .. }) in sources {
        let unpatched = Staged::default();
        let baseline = staged.get(&plan.study.baseline).unwrap_or(&unpatched);
        let variants = staged
            .iter()
            .map(|(variant, staged)| Ok((variant.clone(), patch::difference(&tree.path, baseline, staged)?)));
        sizes.insert(kernel.clone(), variants.collect::<Result<_>>()?);
    }
    Ok(sizes)
}

fn build_kernel(
    cache: &Cache,
    root: &Path,
    plan: &Plan,
    kernel: &Kernel,
    sources: &Sources,
    prepared: &mut Prepared,
    watch: Watch<'_>,
) -> Result<()> {
    let Prepared { machines, manifest, images: all_images, guests, logs, .. } = prepared;
    let builder = machines.kernels(cache, kernel, &sources.tree, root)?;
    let what = format!("{} without patches", kernel.name);
    watch(Event::Begin(&what));
    let built = builder.base()?;
    let base = builder.image(&Staged::default())?;
    watch(Event::Step { what: &what, seconds: built.seconds.or(base.seconds) });
    let name = || kernel.name.clone();
    let record = &base.made.record;
    manifest.toolchains.insert(name(), format!("{}; {}", record.compiler, record.binutils));
    manifest.releases.insert(name(), record.version.clone());
    manifest.bases.insert(name(), image(&base.made));
    let mut images = BTreeMap::new();
    let mut changes = BTreeMap::new();
    let mut compared = Compared::new(&base.made);
    for variant in plan.variants_on(&kernel.name) {
        let what = format!("{} with {}", kernel.name, variant.name);
        if let Some(why) = sources.rejected.get(&variant.name) {
            images.insert(variant.name.clone(), no_image(why.clone(), true, None));
            watch(Event::Step { what: &what, seconds: None });
            continue;
        }
        watch(Event::Begin(&what));
        let (entry, seconds) = match builder.image(&sources.staged[&variant.name]) {
            Ok(built) => {
                let entry = image(&built.made);
                changes.insert(variant.name.clone(), compared.with(&built.made)?);
                all_images.insert((name(), variant.name.clone()), built.made);
                (entry, built.seconds)
            }
            // The base has been built: what fails now are the patches.
            Err(error) if error.kind() == ErrorKind::Study => {
                let text = error.to_string();
                let log = error.logged().unwrap_or(&text);
                let text = complaint(log, &sources.tree.path);
                watch(Event::Warning(&format!("{what} does not build: {text}")));
                let place = Failure::log_of(&kernel.name, &variant.name);
                logs.insert(place.clone(), log.to_owned());
                (no_image(text, false, Some(place)), None)
            }
            Err(error) => return Err(error),
        };
        images.insert(variant.name.clone(), entry);
        watch(Event::Step { what: &what, seconds });
    }
    manifest.images.insert(name(), images);
    manifest.changes.insert(name(), changes);
    let what = format!("guest programs for {}", kernel.name);
    watch(Event::Begin(&what));
    let ingredients = Ingredients {
        root,
        library: Path::new(LIBRARY),
        testcases: &plan.testcases,
        kernel_tree: &sources.tree.path,
        kernel_build: &built.made,
    };
    let guest = machines.guest(cache, kernel, &ingredients)?;
    watch(Event::Step { what: &what, seconds: None });
    manifest.guests.insert(name(), guest.sha256.clone());
    guests.insert(name(), guest);
    Ok(())
}

/// The guest library, relative to the repository.
const LIBRARY: &str = "testcases/guest";

impl Prepared {
    /// Returns the vmlinux that belongs to an image of a manifest, if the cache still has it.
    pub fn vmlinux(cache: &Cache, image: &StoredImage) -> Option<PathBuf> {
        Some(cache.peek(crate::build::IMAGE, &image.key)?.join("vmlinux"))
    }
}

fn no_image(text: String, rejected: bool, log: Option<String>) -> StoredImage {
    StoredImage { key: String::new(), sha256: String::new(), failed: Some(Failure { text, rejected, log }) }
}

fn image(built: &BuiltImage) -> StoredImage {
    let key = built.dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    StoredImage { key, sha256: built.record.image_sha256.clone(), failed: None }
}
