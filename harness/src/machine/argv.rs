// SPDX-License-Identifier: GPL-2.0-or-later
//! QEMU's arguments for a machine: pure, so that what is run can be tested and shown.

use std::ffi::OsString;
use std::path::Path;

use crate::plan::Machine;

/// What QEMU boots.
#[derive(Clone, Copy, Debug)]
pub struct BootSource<'a> {
    /// The machine.
    pub machine: &'a Machine,
    /// Bytes in a page of the kernel.
    pub page_size: u32,
    /// The kernel image.
    pub image: &'a Path,
    /// The device tree, if the machine names one.
    pub dtb: Option<&'a Path>,
    /// The kernel's `System.map`.
    pub system_map: &'a Path,
    /// The initramfs.
    pub initramfs: &'a Path,
    /// The plugin's shared object.
    pub plugin: &'a Path,
}

/// Virtual nanoseconds per guest instruction are 2 to this power: 128 ns, a CPU of about 8 MIPS. Small enough for
/// timer ticks to come about every 80,000 instructions, as on the slow boards that the study is about.
const ICOUNT_SHIFT: u32 = 7;

/// Seed of QEMU's own randomness; the trial's seed goes to the testcase alone, so that all trials of an image can share
/// one snapshot.
const QEMU_SEED: u32 = 1;

/// Returns the arguments that every start of this machine has in common: no device but one UART, no host time, no host
/// randomness, nothing of the host in reach.
pub fn common(boot: &BootSource<'_>, append: &str, console: &Path) -> Vec<OsString> {
    let machine = boot.machine;
    let mut args: Vec<OsString> = Vec::new();
    let mut option = |name: &str, value: OsString| args.extend([name.into(), value]);
    option("-M", machine.board.clone().into());
    option("-cpu", machine.cpu.clone().into());
    if machine.smp > 1 {
        option("-smp", machine.smp.to_string().into());
    }
    option("-m", format!("{}M", machine.memory_mib).into());
    option("-icount", format!("shift={ICOUNT_SHIFT},sleep=off").into());
    option("-rtc", "base=2026-01-01,clock=vm".into());
    option("-seed", QEMU_SEED.to_string().into());
    // -audio: with -nodefaults, ARM's own boards insist on an option for their audio chip.
    for name in ["-display", "-vga", "-audio", "-nic", "-monitor"] {
        option(name, "none".into());
    }
    // A restored guest runs at once, without a command.
    option("-global", "migration.store-global-state=off".into());
    option("-serial", prefixed("file:", console));
    option("-kernel", boot.image.into());
    option("-initrd", boot.initramfs.into());
    if let Some(dtb) = boot.dtb {
        option("-dtb", dtb.into());
    }
    // panic=-1 reboots at once, and -no-reboot turns that into QEMU's exit.
    let append = format!("{} panic=-1 {append}", machine.append);
    option("-append", append.trim().into());
    args.extend(["-no-reboot".into(), "-no-user-config".into(), "-nodefaults".into()]);
    args
}

/// Returns the argument that loads the plugin with the files that hold its setup and its request.
pub fn plugin(plugin: &Path, setup: &Path, request: &Path) -> [OsString; 2] {
    let mut value = escaped(plugin);
    for (key, path) in [("setup", setup), ("request", request)] {
        value.push(format!(",{key}="));
        value.push(escaped(path));
    }
    ["-plugin".into(), value]
}

/// Returns the arguments that restore a snapshot.
///
/// A restored QEMU announces itself to the network five times in the first two seconds, and has no network to do so. The
/// timer for that counts host time, and `icount_get_limit` lets no CPU run past any timer: with two CPUs the host would
/// decide how long each one's turns are.
pub fn incoming(snapshot: &Path) -> [OsString; 4] {
    let quiet = "migration.announce-rounds=0";
    ["-incoming".into(), prefixed("file:", snapshot), "-global".into(), quiet.into()]
}

/// Returns the argument that keeps a machine with one CPU from the host's timing where it idles much, as it does while it
/// boots; none for several, which QEMU refuses.
///
/// When the CPU halts, QEMU's main thread moves the clock to the next timer (`icount_start_warp_timer`), and may do so
/// before the CPU's thread has accounted for its last instructions. While QEMU records events for a replay it waits for
/// that thread; the events go nowhere. Trials of a restored machine hardly idle, and QEMU takes no snapshot while it records.
pub fn steady(machine: &Machine) -> Option<[OsString; 2]> {
    (machine.smp == 1).then(|| ["-icount".into(), "rr=record,rrfile=/dev/null".into()])
}

/// Most memory for QEMU's translations, in MiB. A trial needs some forty; without a bound of its own, QEMU takes an eighth of
/// the host's memory, up to a gigabyte. When it is full, QEMU translates anew.
const TRANSLATIONS_MIB: u32 = 96;

/// Returns the argument that bounds the memory for QEMU's translations.
pub fn bounded_translations() -> [OsString; 2] {
    ["-accel".into(), format!("tcg,tb-size={TRANSLATIONS_MIB}").into()]
}

/// Returns the argument that opens a QMP socket.
pub fn qmp(socket: &Path) -> [OsString; 2] {
    let mut value = OsString::from("unix:");
    value.push(escaped(socket));
    value.push(",server=on,wait=off");
    ["-qmp".into(), value]
}

fn prefixed(prefix: &str, path: &Path) -> OsString {
    let mut value = OsString::from(prefix);
    value.push(path);
    value
}

/// A path inside a QEMU option list, where a comma is written twice.
fn escaped(path: &Path) -> OsString {
    path.to_string_lossy().replace(',', ",,").into()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::plan::Arch;
    use crate::plan::hardware::{
        Addressing, Aliases, Caches, DataCache, InstructionCache, Replacement, Snoops, Write,
    };

    pub(in crate::machine) fn machine() -> Machine {
        let (addressing, replacement) = (Addressing::Pipt, Replacement::Lru);
        let icache = InstructionCache { sets: 128, ways: 4, line: 32, addressing, replacement };
        let write = Write::BackAllocate;
        let dcache = DataCache { sets: 64, ways: 8, line: 16, addressing, replacement, write };
        Machine {
            name: "malta".into(),
            arch: Arch::new("mips"),
            isa: None,
            qemu: "mips".into(),
            byte_order: None,
            board: "malta".into(),
            cpu: "24Kf".into(),
            smp: 1,
            dtb: None,
            memory_mib: 64,
            ram_base: 0,
            append: "console=ttyS0".into(),
            caches: Caches {
                icache,
                dcache,
                advertise: true,
                snoops: Snoops::Nothing,
                globalised: false,
                shared: false,
                aliases: Aliases::Shown,
            },
            provides: Vec::new(),
            cold: None,
            source: String::new(),
            swept_from: None,
        }
    }

    fn words(args: &[OsString]) -> String {
        args.iter().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    fn boot(machine: &Machine) -> BootSource<'_> {
        BootSource {
            machine,
            page_size: 4096,
            image: Path::new("vmlinux"),
            dtb: None,
            system_map: Path::new("System.map"),
            initramfs: Path::new("initramfs"),
            plugin: Path::new("p.so"),
        }
    }

    #[test]
    fn a_trial_names_everything_that_decides_it() {
        let machine = machine();
        let boot = boot(&machine);
        assert_eq!(
            words(&common(&boot, "", Path::new("/t/console"))),
            "-M malta -cpu 24Kf -m 64M -icount shift=7,sleep=off -rtc base=2026-01-01,clock=vm -seed 1 \
             -display none -vga none -audio none -nic none -monitor none -global migration.store-global-state=off \
             -serial file:/t/console -kernel vmlinux -initrd initramfs -append console=ttyS0 panic=-1 \
             -no-reboot -no-user-config -nodefaults"
        );
        let [setup, request] = ["/t/setup.json", "/t/a,b"].map(Path::new);
        assert_eq!(
            words(&plugin(boot.plugin, setup, request)),
            "-plugin p.so,setup=/t/setup.json,request=/t/a,,b"
        );
    }

    #[test]
    fn a_restored_machine_sets_no_timer_of_the_host() {
        assert_eq!(
            words(&incoming(Path::new("/s/machine"))),
            "-incoming file:/s/machine -global migration.announce-rounds=0"
        );
    }

    #[test]
    fn only_one_cpu_can_be_steady() {
        let one = machine();
        assert_eq!(
            steady(&one).map(|args| words(&args)).as_deref(),
            Some("-icount rr=record,rrfile=/dev/null")
        );
        assert_eq!(steady(&Machine { smp: 2, ..one }), None);
    }

    #[test]
    fn cpus_and_the_device_tree_are_named_to_qemu() {
        let machine = Machine { smp: 2, ..machine() };
        let boot = BootSource { dtb: Some(Path::new("/i/a.dtb")), ..boot(&machine) };
        let said = words(&common(&boot, "", Path::new("/t/console")));
        assert!(said.contains("-cpu 24Kf -smp 2 -m 64M"), "{said}");
        assert!(said.contains("-initrd initramfs -dtb /i/a.dtb -append"), "{said}");
    }
}
