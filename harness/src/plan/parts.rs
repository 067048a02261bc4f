// SPDX-License-Identifier: GPL-2.0-or-later
//! The low form of what kernels are made of: architectures, sources and features, and kernels with a file of their own.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::plan::class::Class;
use crate::plan::hardware::ByteOrder;
use crate::plan::hardware::Isa;
use crate::plan::model::Arch;

/// `kernels/arch/<arch>.yaml`: what the kernels of an architecture have in common, and the tools that build and run them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchitectureFile {
    /// Name of the architecture, kbuild's `ARCH`; the same as the file's.
    pub name: Arch,
    /// What people call it.
    pub title: String,
    /// QEMU's emulators of it, the NAME of `qemu-system-NAME`. Debian's package has the name of the first.
    pub emulators: Vec<String>,
    /// Whether `ci/setup` gets the first emulator only together with one of its compilers (`--compiler`): few need it.
    #[serde(default)]
    pub optional: bool,
    /// Those of the emulators whose guests are big endian.
    #[serde(default)]
    pub big_endian: Vec<String>,
    /// Instruction sets that a machine of it may state in `isa`.
    #[serde(default)]
    pub isas: Vec<Isa>,
    /// Bytes in a page of its kernels, unless a feature has pages of another size: a power of two from 4096 to 65536.
    #[serde(default = "usual_page")]
    pub page_size: u32,
    /// Whether the QEMU plugin can show a guest other caches than those that QEMU states.
    #[serde(default)]
    pub can_advertise: bool,
    /// Make target that builds the image.
    pub target: String,
    /// What QEMU boots, relative to the build tree.
    pub image: String,
    /// The header that the image needs to be loaded to its place. Without it no kernel of this architecture can have one:
    /// QEMU's boards load ELF files only.
    pub uimage: Option<Uimage>,
    /// The board for which a kernel is configured if nothing names another.
    pub board: String,
    /// Boards, by the word that names them in a kernel's name.
    pub boards: BTreeMap<String, BoardFile>,
    /// Compilers, by the names under which boards choose them.
    pub compilers: BTreeMap<String, CompilerFile>,
    /// Features that only this architecture has, or has in another way than `kernels/common/features.yaml` says.
    #[serde(default)]
    pub features: BTreeMap<String, FeatureFile>,
    /// Texts of the console that only a kernel prints that has oopsed. The first of them that is found is quoted.
    pub oops: Vec<String>,
}

impl ArchitectureFile {
    /// Returns the byte order of an emulator's guests.
    pub fn byte_order(&self, emulator: &str) -> ByteOrder {
        let big = self.big_endian.iter().any(|name| name == emulator);
        if big { ByteOrder::Big } else { ByteOrder::Little }
    }
}

/// Bytes in a page of a kernel whose configuration asks for no other size.
pub const USUAL_PAGE: u32 = 4096;

fn usual_page() -> u32 {
    USUAL_PAGE
}

/// One of the `boards:` of an architecture: what a kernel is configured for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BoardFile {
    /// Which of the architecture's compilers compiles kernel and guest.
    pub compiler: String,
    /// Configuration fragments, files under `kernels/`, merged in this order over `allnoconfig`.
    pub fragments: Vec<String>,
    /// Byte order of its kernels, if it is not that of the architecture's first emulator.
    pub byte_order: Option<ByteOrder>,
    /// Device trees that are built beside the image: make targets, the names of files below the architecture's `dts`.
    #[serde(default)]
    pub dtbs: Vec<String>,
    /// Classes of targets with a kernel for this board.
    #[serde(default)]
    pub provides: Vec<Class>,
}

/// One of the `compilers:` of an architecture.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompilerFile {
    /// kbuild's `CROSS_COMPILE`, with the trailing dash; what it compiles for, as people call it, is in `title`.
    pub prefix: String,
    /// What it compiles for, as `patcheval doctor` calls it; the architecture by default.
    pub title: Option<String>,
    /// Debian's packages of it, with a static C library, on one line: `ci/setup` reads them too.
    pub packages: Vec<String>,
    /// Whether `ci/setup` installs it only when asked for it by its name (`--compiler`): few need it.
    #[serde(default)]
    pub optional: bool,
    /// Flags of the guest's programs, which select the instruction set.
    #[serde(default)]
    pub cflags: Vec<String>,
}

/// An entry of `kernels/common/features.yaml`, or of an architecture's `features`: something that a kernel may have.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeatureFile {
    /// Configuration fragments, files under `kernels/`, merged after those of the board.
    #[serde(default)]
    pub fragments: Vec<String>,
    /// Classes of targets with such a kernel, for testcases that need them.
    #[serde(default)]
    pub provides: Vec<Class>,
    /// Only on these architectures; on all by default.
    #[serde(default)]
    pub only: Vec<Arch>,
    /// Further flags of the guest's programs.
    #[serde(default)]
    pub cflags: Vec<String>,
    /// Bytes in a page, where the fragments choose another size than the architecture's.
    pub page_size: Option<u32>,
}

/// `kernels/<kernel>.yaml`: a kernel that is not composed by its name. What is left out is the architecture's.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KernelFile {
    /// Name of the kernel, the same as the file's.
    pub name: String,
    /// kbuild's `ARCH`.
    pub arch: Arch,
    /// Where the source comes from.
    pub source: SourceFile,
    /// The board for which it is configured; the architecture's first one by default.
    pub board: Option<String>,
    /// Features that it has, by name.
    #[serde(default)]
    pub features: Vec<String>,
    /// kbuild's `CROSS_COMPILE`, with the trailing dash; that of the board's compiler by default.
    pub cross_compile: Option<String>,
    /// Configuration fragments in place of the board's, files under `kernels/`, merged in this order over `allnoconfig`.
    pub fragments: Option<Vec<String>>,
    /// Make target that builds the image; given together with `image`.
    pub target: Option<String>,
    /// What QEMU boots, relative to the build tree; given together with `target`.
    pub image: Option<String>,
    /// Device trees that are built beside the image: make targets, the names of files below the architecture's `dts`. The
    /// board's by default, or none where there are `fragments`.
    pub dtbs: Option<Vec<String>>,
    /// The header that `image` needs to be loaded to its place; without it QEMU knows the place.
    pub uimage: Option<Uimage>,
    /// How the guest's programs are compiled; by the board's compiler by default.
    pub guest: Option<GuestCompiler>,
    /// What this kernel has and others have not, for testcases that need it.
    #[serde(default)]
    pub provides: Vec<Class>,
    /// Bytes in a page, as the configuration has it; that of the features, or of the architecture, by default.
    pub page_size: Option<u32>,
}

/// `uimage:` of a kernel: QEMU gets the image with a legacy U-Boot header before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Uimage {
    /// Where the image is loaded and entered, counted from the start of the machine's memory.
    pub load: u32,
}

/// `source:` of a kernel, or an entry of `kernels/common/sources.yaml`; exactly one of the four forms is to be filled in.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// Version of the kernel, as in `6.12`, for variants that differ by version; in `kernels/common/sources.yaml` the name of
    /// the entry by default.
    pub version: Option<String>,
    /// Debian package that installs the source under `/usr/src`, for instance `linux-source-6.1`.
    pub debian: Option<String>,
    /// Debian's release from which `ci/setup` extracts the package where the machine's own has none; `bookworm` by default.
    pub suite: Option<String>,
    /// Path of a tar archive; needs `sha256`.
    pub tarball: Option<String>,
    /// SHA-256 of the tar archive, 64 hexadecimal digits.
    pub sha256: Option<String>,
    /// Path of an unpacked source tree.
    pub directory: Option<String>,
    /// Path of a git repository; needs `ref`.
    pub git: Option<String>,
    /// Commit, tag or branch of the git repository.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// Symbols of the fragments that have another name in this source, without `CONFIG_`: old name, new name.
    #[serde(default)]
    pub renamed: BTreeMap<String, String>,
}

/// `guest:` of a kernel: the compiler of the programs that run in the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuestCompiler {
    /// Compiler command.
    pub cc: String,
    /// Flags that select the instruction set.
    #[serde(default)]
    pub cflags: Vec<String>,
}
