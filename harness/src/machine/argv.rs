// SPDX-License-Identifier: GPL-2.0-or-later
//! QEMU's arguments for a machine: pure, so that what is run can be tested and shown.

use std::ffi::OsString;
use std::path::Path;

use trial_record::Mode;

use crate::plan::{CacheShape, Machine, mode_name};

/// What QEMU boots.
#[derive(Clone, Copy, Debug)]
pub struct Boot<'a> {
    /// The machine.
    pub machine: &'a Machine,
    /// The kernel image.
    pub image: &'a Path,
    /// The initramfs.
    pub initramfs: &'a Path,
    /// The plugin's shared object.
    pub plugin: &'a Path,
}

/// What the plugin is asked to do; see its `options` module for the meaning of each.
#[derive(Clone, Debug)]
pub struct Plugin<'a> {
    /// What it does with stale fetches.
    pub mode: Mode,
    /// Whether the guest's MMU is on from the start: true after a restore, false from reset.
    pub restored: bool,
    /// Where it writes its record.
    pub record: Option<&'a Path>,
    /// What the guest gets at its COMMAND marker.
    pub command: Option<&'a str>,
    /// FIFO on which it waits at the COMMAND marker.
    pub ready: Option<&'a Path>,
    /// Guest instructions after which it ends the run.
    pub deadline: Option<u64>,
}

impl Plugin<'_> {
    /// A plugin that only advertises the machine's caches.
    pub fn off() -> Self {
        Self { mode: Mode::Off, restored: false, record: None, command: None, ready: None, deadline: None }
    }
}

/// Virtual nanoseconds per guest instruction are 2 to this power: 128 ns, a CPU of about 8 MIPS. Small enough for
/// timer ticks to come about every 80,000 instructions, as on the slow boards that the study is about.
const ICOUNT_SHIFT: u32 = 7;

/// Seed of QEMU's own randomness; the trial's seed goes to the testcase alone, so that all trials of an image can share
/// one snapshot.
const QEMU_SEED: u32 = 1;

/// Returns the arguments that every start of this machine has in common: no device but one UART, no host time, no host
/// randomness, nothing of the host in reach.
pub fn common(boot: &Boot<'_>, append: &str, console: &Path) -> Vec<OsString> {
    let machine = boot.machine;
    let mut args: Vec<OsString> = Vec::new();
    let mut option = |name: &str, value: OsString| args.extend([name.into(), value]);
    option("-M", machine.board.clone().into());
    option("-cpu", machine.cpu.clone().into());
    option("-m", format!("{}M", machine.memory_mib).into());
    option("-icount", format!("shift={ICOUNT_SHIFT},sleep=off").into());
    option("-rtc", "base=2026-01-01,clock=vm".into());
    option("-seed", QEMU_SEED.to_string().into());
    for name in ["-display", "-vga", "-nic", "-monitor"] {
        option(name, "none".into());
    }
    // A restored guest runs at once, without being told to.
    option("-global", "migration.store-global-state=off".into());
    option("-serial", prefixed("file:", console));
    option("-kernel", boot.image.into());
    option("-initrd", boot.initramfs.into());
    // panic=-1 reboots at once, and -no-reboot turns that into QEMU's exit.
    let append = format!("{} panic=-1 {append}", machine.append);
    option("-append", append.trim().into());
    args.extend(["-no-reboot".into(), "-no-user-config".into(), "-nodefaults".into()]);
    args
}

/// Returns the argument that loads the plugin.
pub fn plugin(boot: &Boot<'_>, plugin: &Plugin<'_>) -> [OsString; 2] {
    let machine = boot.machine;
    let mut value = escaped(boot.plugin);
    let mut add = |key: &str, text: OsString| {
        value.push(format!(",{key}="));
        value.push(text);
    };
    add("mode", mode_name(plugin.mode).into());
    add("icache", shape(machine.caches.icache).into());
    add("dcache", shape(machine.caches.dcache).into());
    add("ram", format!("{:#x}:{}", machine.ram_base, u64::from(machine.memory_mib) << 20).into());
    for (key, on) in [("advertise", machine.caches.advertise), ("mmu", plugin.restored)] {
        if on {
            add(key, "on".into());
        }
    }
    for (key, path) in [("record", plugin.record), ("ready", plugin.ready)] {
        if let Some(path) = path {
            add(key, escaped(path));
        }
    }
    if let Some(command) = plugin.command {
        add("command", command.replace(',', ",,").into());
    }
    if let Some(deadline) = plugin.deadline {
        add("deadline", deadline.to_string().into());
    }
    ["-plugin".into(), value]
}

/// Returns the argument that restores a snapshot.
pub fn incoming(snapshot: &Path) -> [OsString; 2] {
    ["-incoming".into(), prefixed("file:", snapshot)]
}

/// Returns the argument that opens a QMP socket.
pub fn qmp(socket: &Path) -> [OsString; 2] {
    let mut value = OsString::from("unix:");
    value.push(escaped(socket));
    value.push(",server=on,wait=off");
    ["-qmp".into(), value]
}

fn shape(shape: CacheShape) -> String {
    format!("{}x{}x{}", shape.sets, shape.ways, shape.line)
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
mod tests {
    use super::*;
    use crate::plan::{Arch, Caches};

    fn machine() -> Machine {
        let cache = CacheShape { sets: 128, ways: 4, line: 32 };
        Machine {
            name: "malta".into(),
            arch: Arch::Mips,
            qemu: "mips".into(),
            board: "malta".into(),
            cpu: "24Kf".into(),
            memory_mib: 64,
            ram_base: 0,
            append: "console=ttyS0".into(),
            caches: Caches { icache: cache, dcache: cache, advertise: true },
            source: String::new(),
        }
    }

    fn words(args: &[OsString]) -> String {
        args.iter().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_trial_names_everything_that_decides_it() {
        let machine = machine();
        let boot = Boot {
            machine: &machine,
            image: Path::new("vmlinux"),
            initramfs: Path::new("initramfs"),
            plugin: Path::new("p.so"),
        };
        assert_eq!(
            words(&common(&boot, "", Path::new("/t/console"))),
            "-M malta -cpu 24Kf -m 64M -icount shift=7,sleep=off -rtc base=2026-01-01,clock=vm -seed 1 \
             -display none -vga none -nic none -monitor none -global migration.store-global-state=off \
             -serial file:/t/console -kernel vmlinux -initrd initramfs -append console=ttyS0 panic=-1 \
             -no-reboot -no-user-config -nodefaults"
        );
        let asked = Plugin {
            mode: Mode::Enforce,
            restored: true,
            record: Some(Path::new("/t/a,b")),
            command: Some("t1 seed=7"),
            ready: None,
            deadline: Some(400),
        };
        assert_eq!(
            words(&plugin(&boot, &asked)),
            "-plugin p.so,mode=enforce,icache=128x4x32,dcache=128x4x32,ram=0x0:67108864,advertise=on,mmu=on,\
             record=/t/a,,b,command=t1 seed=7,deadline=400"
        );
    }
}
