// SPDX-License-Identifier: GPL-2.0-or-later
//! Kernels by their names: ARCH-SOURCE[-FEATURE...] is composed of an architecture's file, a source, a board and
//! features; a kernel with a file of its own takes from there what that file leaves out.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::error::Result;
use crate::nearest::nearest;
use crate::nearest::suggestion;
use crate::plan::check;
use crate::plan::class;
use crate::plan::class::Class;
use crate::plan::hardware::ByteOrder;
use crate::plan::hardware::MachineFile;
use crate::plan::load::Texts;
use crate::plan::load::architecture_path;
use crate::plan::load::kernel_path;
use crate::plan::load::machine_path;
use crate::plan::model::Arch;
use crate::plan::parts::ArchitectureFile;
use crate::plan::parts::BoardFile;
use crate::plan::parts::CompilerFile;
use crate::plan::parts::FeatureFile;
use crate::plan::parts::GuestCompiler;
use crate::plan::parts::KernelFile;
use crate::plan::parts::SourceFile;
use crate::plan::parts::Uimage;
use crate::plan::precedent::KernelWords;
use crate::plan::version::Version;
use crate::yaml;

/// The sources of composed kernels, by the words of their names.
pub(super) const SOURCES: &str = "kernels/common/sources.yaml";

/// The features that kernels of several architectures may have, by the words of their names.
pub(super) const FEATURES: &str = "kernels/common/features.yaml";

/// A kernel with everything filled in, before it is checked.
#[derive(Clone, Debug)]
pub(super) struct Composed {
    /// What errors name as its place.
    pub(super) place: String,
    pub(super) name: String,
    pub(super) arch: Arch,
    pub(super) cross_compile: String,
    pub(super) source: SourceFile,
    pub(super) version: Option<Version>,
    pub(super) fragments: Vec<String>,
    pub(super) target: String,
    pub(super) image: String,
    pub(super) dtbs: Vec<String>,
    pub(super) uimage: Option<Uimage>,
    pub(super) guest: GuestCompiler,
    pub(super) provides: Vec<Class>,
    pub(super) oops: Vec<String>,
    pub(super) page_size: u32,
    pub(super) byte_order: Option<ByteOrder>,
}

/// Finds the kernel called `name`; an error says that `from` refers to it.
pub(super) fn kernel(texts: &Texts, name: &str, from: &str) -> Result<Composed> {
    let path = kernel_path(name);
    if let Some(text) = texts.text(&path) {
        check::name(from, "kernel", name)?;
        let file: KernelFile = yaml::parse(&path, text)?;
        check::same_name(&path, &file.name, name)?;
        return fill(texts, &path, file);
    }
    let Some(words) = split(texts, name)? else { return Err(unknown(texts, name, from)) };
    fill(texts, &format!("kernel {name}"), words)
}

/// Returns of what the kernel called `name` is composed, if its name says so: architecture, board unless it is the usual one, features.
///
/// # Errors
///
/// Study, for a file that is wrong.
pub fn words_of_kernel(texts: &Texts, name: &str) -> Result<Option<KernelWords>> {
    let own = if texts.text(&kernel_path(name)).is_some() { None } else { split(texts, name)? };
    Ok(own.map(|file| (file.arch.name().to_owned(), file.board, file.features)))
}

/// Returns the name of the kernel that is `name` but of another source; an error names `from` as the study.
pub(super) fn of_version(texts: &Texts, name: &str, version: &str, from: &str) -> Result<String> {
    let sources: BTreeMap<String, SourceFile> = table(texts, SOURCES)?;
    if !sources.contains_key(version) {
        let message = format!("{from}: versions: {SOURCES} has no source `{version}`");
        return Err(Error::study(message).hint(suggestion(version, sources.keys().map(String::as_str))));
    }
    // The words of a kernel with a file of its own are of that file's choosing.
    let own = if texts.text(&kernel_path(name)).is_some() { None } else { split(texts, name)? };
    let Some(KernelFile { arch, board, features, .. }) = own else {
        return Err(Error::study(format!(
            "{from}: versions: `{name}` is not a kernel whose name says its source"
        ))
        .hint("a name of the form ARCH-SOURCE[-FEATURE...] does"));
    };
    let words = [arch.name(), version].into_iter().chain(board.as_deref());
    Ok(words.chain(features.iter().map(String::as_str)).collect::<Vec<_>>().join("-"))
}

/// Returns whether there is a kernel called `name`, as far as that can be said without reading its parts closely.
pub(super) fn exists(texts: &Texts, name: &str) -> bool {
    texts.text(&kernel_path(name)).is_some() || split(texts, name).is_ok_and(|words| words.is_some())
}

/// Returns the words that a part of the repository's kernels and machines `provides`, as far as their files can be read.
pub(super) fn provided(texts: &Texts) -> BTreeSet<String> {
    let classes =
        |provides: &[Class]| provides.iter().map(|class| class.name().to_owned()).collect::<Vec<_>>();
    let mut words: BTreeSet<String> = class::OF_FIGURES.map(str::to_owned).into();
    let features: BTreeMap<String, FeatureFile> = table(texts, FEATURES).unwrap_or_default();
    words.extend(features.values().flat_map(|feature| classes(&feature.provides)));
    for name in texts.names("kernels/", ".yaml") {
        let file = kernel_path(name);
        let parsed = texts.text(&file).and_then(|text| yaml::parse::<KernelFile>(&file, text).ok());
        words.extend(parsed.iter().flat_map(|kernel| classes(&kernel.provides)));
    }
    for name in texts.names("kernels/machines/", ".yaml") {
        let file = machine_path(name);
        let parsed = texts.text(&file).and_then(|text| yaml::parse::<MachineFile>(&file, text).ok());
        words.extend(parsed.iter().flat_map(|machine| classes(&machine.provides)));
    }
    for arch in architectures(texts) {
        words.insert(arch.name.name().to_owned());
        words.extend(arch.boards.values().flat_map(|board| classes(&board.provides)));
        words.extend(arch.features.values().flat_map(|feature| classes(&feature.provides)));
    }
    words
}

/// The architectures whose files can be read.
fn architectures(texts: &Texts) -> impl Iterator<Item = ArchitectureFile> {
    let names = texts.names("kernels/arch/", ".yaml").into_iter();
    names.filter_map(|name| architecture(texts, &Arch::new(name), "kernels").ok())
}

/// Finds the file of an architecture that `from` names.
pub(super) fn architecture(texts: &Texts, arch: &Arch, from: &str) -> Result<ArchitectureFile> {
    let path = architecture_path(arch.name());
    let Some(text) = texts.text(&path) else {
        let message = format!("{from}: there is no architecture `{}`: {path} does not exist", arch.name());
        return Err(
            Error::study(message).hint(suggestion(arch.name(), texts.names("kernels/arch/", ".yaml")))
        );
    };
    let file: ArchitectureFile = yaml::parse(&path, text)?;
    check::same_name(&path, file.name.name(), arch.name())?;
    check::architecture(&path, &file)?;
    Ok(file)
}

/// Returns all architectures of a repository.
///
/// # Errors
///
/// Study, for a file that is wrong.
pub fn all_architectures(texts: &Texts) -> Result<Vec<ArchitectureFile>> {
    let names = texts.names("kernels/arch/", ".yaml").into_iter();
    names.map(|name| architecture(texts, &Arch::new(name), "kernels")).collect()
}

/// Returns the sources of composed kernels, by the words of their names.
///
/// # Errors
///
/// Study, for a file that is wrong.
pub fn all_sources(texts: &Texts) -> Result<BTreeMap<String, SourceFile>> {
    table(texts, SOURCES)
}

/// Returns the entries of a file, none if there is no such file.
fn table<T: DeserializeOwned>(texts: &Texts, path: &str) -> Result<BTreeMap<String, T>> {
    texts.text(path).map_or_else(|| Ok(BTreeMap::new()), |text| yaml::parse(path, text))
}

/// Returns the features that kernels of an architecture may have: its own, and those of all that it has not in its own way.
fn features(texts: &Texts, architecture: &ArchitectureFile) -> Result<BTreeMap<String, FeatureFile>> {
    let mut all: BTreeMap<String, FeatureFile> = table(texts, FEATURES)?;
    all.retain(|_, feature| feature.only.is_empty() || feature.only.contains(&architecture.name));
    all.extend(architecture.features.clone());
    Ok(all)
}

/// Takes a name of the form ARCH-SOURCE[-FEATURE...] apart, if it is one.
fn split(texts: &Texts, name: &str) -> Result<Option<KernelFile>> {
    let mut known = texts.names("kernels/arch/", ".yaml");
    known.sort_by_key(|name| std::cmp::Reverse(name.len()));
    let after = |word: &str, rest: &str| -> Option<String> {
        let rest = rest.strip_prefix(word)?;
        (rest.is_empty() || rest.starts_with('-')).then(|| rest.to_owned())
    };
    let Some((arch, rest)) = known.iter().find_map(|arch| Some((*arch, after(arch, name)?))) else {
        return Ok(None);
    };
    let architecture = architecture(texts, &Arch::new(arch), "kernels")?;
    let sources: BTreeMap<String, SourceFile> = table(texts, SOURCES)?;
    let mut versions: Vec<&String> = sources.keys().collect();
    versions.sort_by_key(|version| std::cmp::Reverse(version.len()));
    let rest = rest.strip_prefix('-').unwrap_or_default();
    let Some((version, rest)) = versions.iter().find_map(|version| Some((*version, after(version, rest)?)))
    else {
        return Ok(None);
    };
    let features = features(texts, &architecture)?;
    let known = words(&architecture, &features);
    let Some(words) = parse(&rest, &known) else { return Ok(None) };
    let (boards, features): (Vec<&str>, Vec<&str>) =
        words.into_iter().partition(|word| architecture.boards.contains_key(*word));
    if let [first, second, ..] = boards.as_slice() {
        return Err(Error::study(format!(
            "kernel {name}: is for one board, not for `{first}` and `{second}`"
        )));
    }
    Ok(Some(KernelFile {
        name: name.to_owned(),
        arch: architecture.name.clone(),
        source: with_version(version, &sources[version]),
        board: boards.first().map(|board| (*board).to_owned()),
        features: features.into_iter().map(str::to_owned).collect(),
        cross_compile: None,
        fragments: None,
        target: None,
        image: None,
        dtbs: None,
        uimage: None,
        guest: None,
        provides: Vec::new(),
        page_size: None,
    }))
}

/// The name of a source is its version, unless it is another word.
fn with_version(name: &str, source: &SourceFile) -> SourceFile {
    let named = Version::parse(name).map(|_| name.to_owned());
    SourceFile { version: source.version.clone().or(named), ..source.clone() }
}

/// The words that may follow a source in a kernel's name, the longest first: `v6-smp` is one word before it is two.
fn words<'a>(
    architecture: &'a ArchitectureFile,
    features: &'a BTreeMap<String, FeatureFile>,
) -> Vec<&'a str> {
    let boards = architecture.boards.keys().filter(|board| **board != architecture.board);
    let mut words: Vec<&str> = boards.chain(features.keys()).map(String::as_str).collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words
}

/// Reads `rest` as words, each with a dash before it.
fn parse<'w>(rest: &str, words: &[&'w str]) -> Option<Vec<&'w str>> {
    if rest.is_empty() {
        return Some(Vec::new());
    }
    let rest = rest.strip_prefix('-')?;
    words.iter().find_map(|word| {
        let rest = rest.strip_prefix(word).filter(|rest| rest.is_empty() || rest.starts_with('-'))?;
        let more = parse(rest, words)?;
        Some([vec![*word], more].concat())
    })
}

/// Fills in what a kernel does not say by itself.
fn fill(texts: &Texts, place: &str, file: KernelFile) -> Result<Composed> {
    let architecture = architecture(texts, &file.arch, place)?;
    let board = board(&architecture, place, file.board.as_deref())?;
    let compiler = compiler(&architecture, board)?;
    let known = features(texts, &architecture)?;
    let mut features = Vec::new();
    for name in &file.features {
        features.push(known.get(name).ok_or_else(|| {
            let message = format!("{place}: there is no feature `{name}` for {}", architecture.name.name());
            Error::study(message).hint(suggestion(name, known.keys().map(String::as_str)))
        })?);
    }
    if !file.features.is_empty() {
        check::distinct(place, "feature", file.features.iter().map(String::as_str))?;
    }
    let (target, image, uimage) = match (file.target, file.image) {
        (Some(target), Some(image)) => (target, image, file.uimage),
        (None, None) if file.uimage.is_none() => {
            (architecture.target.clone(), architecture.image.clone(), architecture.uimage)
        }
        _ => {
            return Err(Error::study(format!(
                "{place}: `target` and `image` are given together, and `uimage` only with them"
            )));
        }
    };
    let mut guest = file.guest.unwrap_or_else(|| GuestCompiler {
        cc: format!("{}gcc", compiler.prefix),
        cflags: compiler.cflags.clone(),
    });
    guest.cflags.extend(features.iter().flat_map(|feature| feature.cflags.clone()));
    let dtbs = file.dtbs.unwrap_or_else(|| match &file.fragments {
        None => board.dtbs.clone(),
        Some(_) => Vec::new(),
    });
    let of_features: BTreeSet<u32> = features.iter().filter_map(|feature| feature.page_size).collect();
    let page_size = check::page_size(place, file.page_size, &of_features, architecture.page_size)?;
    let provides = [&file.provides, &board.provides].into_iter().cloned();
    let provides = provides.chain(features.iter().map(|feature| feature.provides.clone())).flatten();
    let mut fragments = file.fragments.unwrap_or_else(|| board.fragments.clone());
    fragments.extend(features.iter().flat_map(|feature| feature.fragments.clone()));
    Ok(Composed {
        place: place.to_owned(),
        name: file.name,
        arch: file.arch,
        cross_compile: file.cross_compile.unwrap_or_else(|| compiler.prefix.clone()),
        version: file.source.version.as_deref().and_then(Version::parse),
        source: file.source,
        fragments,
        target,
        image,
        dtbs,
        uimage,
        guest,
        provides: once_each(provides),
        oops: architecture.oops.clone(),
        page_size,
        byte_order: board.byte_order,
    })
}

/// Two features may provide one class.
fn once_each(classes: impl Iterator<Item = Class>) -> Vec<Class> {
    let mut all: Vec<Class> = Vec::new();
    for class in classes {
        if !all.contains(&class) {
            all.push(class);
        }
    }
    all
}

/// Returns the board that is named, or else the usual one.
fn board<'a>(architecture: &'a ArchitectureFile, place: &str, name: Option<&str>) -> Result<&'a BoardFile> {
    let name = name.unwrap_or(&architecture.board);
    architecture.boards.get(name).ok_or_else(|| {
        let message = format!("{place}: there is no board `{name}` for {}", architecture.name.name());
        Error::study(message).hint(suggestion(name, architecture.boards.keys().map(String::as_str)))
    })
}

fn compiler<'a>(architecture: &'a ArchitectureFile, board: &BoardFile) -> Result<&'a CompilerFile> {
    architecture
        .compilers
        .get(&board.compiler)
        .ok_or_else(|| Error::internal(format!("`{}` was checked to be a compiler", board.compiler)))
}

/// The error about a kernel that there is not, with what there is.
fn unknown(texts: &Texts, name: &str, from: &str) -> Error {
    let own: Vec<&str> = texts.names("kernels/", ".yaml");
    let mut names: Vec<String> = own.iter().map(|name| (*name).to_owned()).collect();
    let sources: BTreeMap<String, SourceFile> = table(texts, SOURCES).unwrap_or_default();
    let mut parts = Vec::new();
    for architecture in architectures(texts) {
        let features = features(texts, &architecture).unwrap_or_default();
        let mut words = words(&architecture, &features);
        words.sort_unstable();
        let arch = architecture.name.name();
        for version in sources.keys() {
            names.push(format!("{arch}-{version}"));
            names.extend(words.iter().map(|word| format!("{arch}-{version}-{word}")));
        }
        parts.push(match words.as_slice() {
            [] => arch.to_owned(),
            some => format!("{arch} (features: {})", some.join(", ")),
        });
    }
    let path = kernel_path(name);
    let mut error = Error::study(format!(
        "{from}: there is no kernel `{name}`: {path} does not exist, and the name is not ARCH-SOURCE[-FEATURE...]"
    ));
    if let Some(near) = nearest(name, names.iter().map(String::as_str)) {
        error = error.hint(format!("did you mean `{near}`?"));
    }
    if !own.is_empty() {
        error = error.hint(format!("kernels with a file of their own: {}", own.join(", ")));
    }
    let versions: Vec<&str> = sources.keys().map(String::as_str).collect();
    if versions.is_empty() || parts.is_empty() {
        return error;
    }
    error.hint(format!("architectures: {}; sources: {}", parts.join(", "), versions.join(", ")))
}
