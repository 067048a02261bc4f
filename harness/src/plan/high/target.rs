// SPDX-License-Identifier: GPL-2.0-or-later
//! Targets: kernels, and the machines on which they run.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::plan::class;
use crate::plan::class::Class;
use crate::plan::hardware::ByteOrder;
use crate::plan::hardware::Caches;
use crate::plan::hardware::Isa;
use crate::plan::high::Testcase;
use crate::plan::model::Arch;
use crate::plan::parts::GuestCompiler;
use crate::plan::parts::USUAL_PAGE;
use crate::plan::parts::Uimage;

/// A kernel on a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The kernel.
    pub kernel: Kernel,
    /// A machine of the kernel's architecture.
    pub machine: Machine,
}

impl Target {
    /// Returns the name used in reports, `KERNEL on MACHINE`.
    pub fn title(&self) -> String {
        format!("{} on {}", self.kernel.name, self.machine.name)
    }

    /// Returns the classes to which this target belongs.
    pub fn classes(&self) -> BTreeSet<Class> {
        class::of(self)
    }

    /// Returns whether `testcase` makes sense here.
    pub fn has_what_needs(&self, testcase: &Testcase) -> bool {
        let classes = self.classes();
        testcase.needs.iter().all(|class| classes.contains(class))
    }

    /// Returns the address to which QEMU loads the image, if it needs one; it fits into 32 bits.
    pub fn load_address(&self) -> Option<u64> {
        self.kernel.uimage.map(|uimage| self.machine.ram_base.saturating_add(uimage.load.into()))
    }
}

/// A source, a configuration, and how to build it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    /// Name.
    pub name: String,
    /// kbuild's `ARCH`.
    pub arch: Arch,
    /// kbuild's `CROSS_COMPILE`, with the trailing dash.
    pub cross_compile: String,
    /// Where the source comes from.
    pub source: Source,
    /// Configuration fragments in the order in which they are merged over `allnoconfig`.
    pub fragments: Vec<PathBuf>,
    /// Make target that builds the image.
    pub target: String,
    /// What QEMU boots, relative to the build tree.
    pub image: PathBuf,
    /// Device trees that are built beside the image, as the make targets below the architecture's `dts`; no file name
    /// twice.
    pub dtbs: Vec<String>,
    /// The U-Boot header that QEMU needs before the image, if any.
    pub uimage: Option<Uimage>,
    /// How the guest's programs are compiled.
    pub guest: GuestCompiler,
    /// What it has and others have not.
    pub provides: Vec<Class>,
    /// Texts of the console that it prints only when it has oopsed; at least one, none empty.
    #[serde(default = "oops_before")]
    pub oops: Vec<String>,
    /// Symbols of the fragments that have another name in this source, without `CONFIG_`: old name, new name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub renamed: BTreeMap<String, String>,
    /// Bytes in a page. Plans say it where it is not the usual size.
    #[serde(default = "usual_page", skip_serializing_if = "is_usual")]
    pub page_size: u32,
    /// Byte order. Plans say it where it is not the architecture's usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub byte_order: Option<ByteOrder>,
}

fn usual_page() -> u32 {
    USUAL_PAGE
}

fn is_usual(page_size: &u32) -> bool {
    *page_size == USUAL_PAGE
}

/// What was an oops in runs that were made before architectures had it in their files.
fn oops_before() -> Vec<String> {
    ["Oops", "Unable to handle kernel", "kernel BUG at", "Internal error:"].map(str::to_owned).into()
}

/// Returns the file name of a device tree that is named by its make target.
pub fn dtb_name(target: &str) -> &str {
    target.rsplit('/').next().unwrap_or(target)
}

/// Where a kernel's source comes from. Paths are as the user wrote them, relative to the repository's root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A Debian package that installs a source archive under `/usr/src`.
    Debian(String),
    /// A tar archive.
    Tarball {
        /// The archive.
        path: PathBuf,
        /// Its SHA-256, 64 lower-case hexadecimal digits.
        sha256: String,
    },
    /// An unpacked source tree, never written to.
    Directory(PathBuf),
    /// A commit of a git repository.
    Git {
        /// The repository.
        path: PathBuf,
        /// Commit, tag or branch.
        reference: String,
    },
}

/// A QEMU board, a CPU and its modelled caches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Name.
    pub name: String,
    /// Architecture.
    pub arch: Arch,
    /// What the plugin decodes, if it is not the architecture's usual instruction set.
    pub isa: Option<Isa>,
    /// Which `qemu-system-...`: `mips`, `mipsel`, `mips64`, `mips64el`, `arm` or `riscv64`.
    pub qemu: String,
    /// Byte order of its guests; runs that are older than this key do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub byte_order: Option<ByteOrder>,
    /// QEMU's `-M`.
    pub board: String,
    /// QEMU's `-cpu`.
    pub cpu: String,
    /// Number of CPUs; at least 1.
    pub smp: u32,
    /// File name of the device tree that the board needs; each kernel that runs here builds it.
    pub dtb: Option<String>,
    /// Guest memory in MiB.
    pub memory_mib: u32,
    /// Physical address at which the guest's memory begins.
    pub ram_base: u64,
    /// Kernel command line that the board needs.
    pub append: String,
    /// The modelled first-level caches; sets, ways and lines are powers of two.
    pub caches: Caches,
    /// What it has and others have not, beside what follows from its figures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provides: Vec<Class>,
    /// Why each trial has a QEMU of its own; `None` where QEMU can take the machine back to its snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cold: Option<String>,
    /// Where the figures come from.
    pub source: String,
    /// The machine of which this is another shape, if it comes from a sweep.
    pub swept_from: Option<String>,
}

impl Machine {
    /// Returns how many pairs of caches there are.
    pub fn cache_pairs(&self) -> u32 {
        if self.caches.shared { 1 } else { self.smp }
    }

    /// Returns the byte order. Runs that do not say it had machines with `mips` or `arm` only.
    pub fn byte_order(&self) -> ByteOrder {
        let before = if self.qemu == "mips" { ByteOrder::Big } else { ByteOrder::Little };
        self.byte_order.unwrap_or(before)
    }
}
