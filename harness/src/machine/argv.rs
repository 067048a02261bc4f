// SPDX-License-Identifier: GPL-2.0-or-later
//! QEMU's arguments for a machine: pure, so that what is run can be tested and shown.

use std::ffi::OsString;
use std::path::Path;

use trial_record::Mode;

use crate::plan::hardware::{Addressing, Aliases, Caches, Isa, Replacement, Snoops, Write};
use crate::plan::{Machine, mode_name};

/// What QEMU boots.
#[derive(Clone, Copy, Debug)]
pub struct Boot<'a> {
    /// The machine.
    pub machine: &'a Machine,
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
    /// Whether its callbacks do nothing, to measure what QEMU needs for making them.
    pub hollow: bool,
}

impl Plugin<'_> {
    /// A plugin that only advertises the machine's caches.
    pub fn off() -> Self {
        Self {
            mode: Mode::Off,
            restored: false,
            record: None,
            command: None,
            ready: None,
            deadline: None,
            hollow: false,
        }
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
    if machine.smp > 1 {
        option("-smp", machine.smp.to_string().into());
    }
    option("-m", format!("{}M", machine.memory_mib).into());
    option("-icount", format!("shift={ICOUNT_SHIFT},sleep=off").into());
    option("-rtc", "base=2026-01-01,clock=vm".into());
    option("-seed", QEMU_SEED.to_string().into());
    // -audio: with -nodefaults, ARM's own boards insist on being told what to do with their audio chip.
    for name in ["-display", "-vga", "-audio", "-nic", "-monitor"] {
        option(name, "none".into());
    }
    // A restored guest runs at once, without being told to.
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

/// Returns the argument that loads the plugin.
pub fn plugin(boot: &Boot<'_>, plugin: &Plugin<'_>) -> [OsString; 2] {
    let machine = boot.machine;
    let mut value = escaped(boot.plugin);
    let mut add = |key: &str, text: OsString| {
        value.push(format!(",{key}="));
        value.push(text);
    };
    add("mode", mode_name(plugin.mode).into());
    for (key, text) in hardware(machine) {
        add(key, text.into());
    }
    add("ram", format!("{:#x}:{}", machine.ram_base, u64::from(machine.memory_mib) << 20).into());
    for (key, on) in
        [("advertise", machine.caches.advertise), ("mmu", plugin.restored), ("hollow", plugin.hollow)]
    {
        if on {
            add(key, "on".into());
        }
    }
    // Only a record has use for the functions in it.
    let symbols = plugin.record.filter(|_| plugin.mode != Mode::Off).map(|_| boot.system_map);
    for (key, path) in [("symbols", symbols), ("record", plugin.record), ("ready", plugin.ready)] {
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

/// Returns the argument that opens a QMP socket.
pub fn qmp(socket: &Path) -> [OsString; 2] {
    let mut value = OsString::from("unix:");
    value.push(escaped(socket));
    value.push(",server=on,wait=off");
    ["-qmp".into(), value]
}

/// Returns what the plugin is told of CPUs and caches; what is absent is its default.
fn hardware(machine: &Machine) -> Vec<(&'static str, String)> {
    let Caches { icache, dcache, snoops, globalised, aliases, .. } = machine.caches;
    let shape = |sets: u32, ways: u32, line: u32, behaviour: &[&str]| {
        format!("{sets}x{ways}x{line}{}", behaviour.concat())
    };
    let write = match dcache.write {
        Write::BackAllocate => "",
        Write::BackNoAllocate => ":no-allocate",
        Write::Through => ":through",
    };
    let i = [addressing(icache.addressing), replacement(icache.replacement)];
    let d = [addressing(dcache.addressing), replacement(dcache.replacement), write];
    let snoops = match snoops {
        Snoops::Nothing => None,
        Snoops::Own => Some("own"),
        Snoops::Others => Some("others"),
        Snoops::All => Some("all"),
    };
    let isa = machine.isa.map(|isa| match isa {
        Isa::MipsR6 => "r6",
        Isa::ArmV5 => "v5",
        Isa::ArmV6 => "v6",
    });
    let pairs = machine.cache_pairs();
    let all = [
        ("icache", Some(shape(icache.sets, icache.ways, icache.line, &i))),
        ("dcache", Some(shape(dcache.sets, dcache.ways, dcache.line, &d))),
        ("snoops", snoops.map(str::to_owned)),
        ("globalised", globalised.then(|| "on".to_owned())),
        ("caches", (pairs > 1).then(|| pairs.to_string())),
        ("aliases", (aliases == Aliases::Hidden).then(|| "hidden".to_owned())),
        ("isa", isa.map(str::to_owned)),
    ];
    all.into_iter().filter_map(|(key, text)| Some((key, text?))).collect()
}

fn addressing(addressing: Addressing) -> &'static str {
    match addressing {
        Addressing::Pipt => "",
        Addressing::Vipt => ":vipt",
        Addressing::Vivt => ":vivt",
    }
}

fn replacement(replacement: Replacement) -> &'static str {
    match replacement {
        Replacement::Lru => "",
        Replacement::Plru => ":plru",
        Replacement::RoundRobin => ":round-robin",
        Replacement::Random => ":random",
    }
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
    use crate::plan::Arch;
    use crate::plan::hardware::{DataCache, InstructionCache};

    fn machine() -> Machine {
        let (addressing, replacement) = (Addressing::Pipt, Replacement::Lru);
        let icache = InstructionCache { sets: 128, ways: 4, line: 32, addressing, replacement };
        let write = Write::BackAllocate;
        let dcache = DataCache { sets: 64, ways: 8, line: 16, addressing, replacement, write };
        Machine {
            name: "malta".into(),
            arch: Arch::Mips,
            isa: None,
            qemu: "mips".into(),
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
            source: String::new(),
            swept_from: None,
        }
    }

    fn words(args: &[OsString]) -> String {
        args.iter().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    fn boot(machine: &Machine) -> Boot<'_> {
        Boot {
            machine,
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
        let asked = Plugin {
            mode: Mode::Enforce,
            restored: true,
            record: Some(Path::new("/t/a,b")),
            command: Some("t1 seed=7"),
            ready: None,
            deadline: Some(400),
            hollow: false,
        };
        assert_eq!(
            words(&plugin(&boot, &asked)),
            "-plugin p.so,mode=enforce,icache=128x4x32,dcache=64x8x16,ram=0x0:67108864,advertise=on,mmu=on,\
             symbols=System.map,record=/t/a,,b,command=t1 seed=7,deadline=400"
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
        let boot = Boot { dtb: Some(Path::new("/i/a.dtb")), ..boot(&machine) };
        let said = words(&common(&boot, "", Path::new("/t/console")));
        assert!(said.contains("-cpu 24Kf -smp 2 -m 64M"), "{said}");
        assert!(said.contains("-initrd initramfs -dtb /i/a.dtb -append"), "{said}");
    }

    #[test]
    fn the_plugin_is_told_what_is_not_its_default() {
        let told = |change: &dyn Fn(&mut Machine)| {
            let mut machine = machine();
            change(&mut machine);
            let words: Vec<_> =
                hardware(&machine).iter().map(|(key, text)| format!("{key}={text}")).collect();
            words.join(",").replace("icache=128x4x32", "I").replace("dcache=64x8x16", "D")
        };
        assert_eq!(told(&|_| ()), "I,D");
        assert_eq!(told(&|m| m.caches.icache.addressing = Addressing::Vipt), "I:vipt,D");
        assert_eq!(told(&|m| m.caches.icache.replacement = Replacement::Plru), "I:plru,D");
        let arm926 = |m: &mut Machine| {
            m.caches.icache.addressing = Addressing::Vivt;
            m.caches.dcache.addressing = Addressing::Vivt;
            m.caches.dcache.replacement = Replacement::Random;
            m.caches.dcache.write = Write::BackNoAllocate;
            m.isa = Some(Isa::ArmV5);
        };
        assert_eq!(told(&arm926), "I:vivt,D:vivt:random:no-allocate,isa=v5");
        let through = |m: &mut Machine| {
            m.caches.dcache.replacement = Replacement::RoundRobin;
            m.caches.dcache.write = Write::Through;
        };
        assert_eq!(told(&through), "I,D:round-robin:through");
        for (snoops, text) in [(Snoops::Own, "own"), (Snoops::Others, "others"), (Snoops::All, "all")] {
            assert_eq!(told(&|m| m.caches.snoops = snoops), format!("I,D,snoops={text}"));
        }
        assert_eq!(told(&|m| (m.smp, m.caches.globalised) = (2, true)), "I,D,globalised=on,caches=2");
        assert_eq!(told(&|m| (m.smp, m.caches.shared) = (2, true)), "I,D");
        assert_eq!(told(&|m| m.caches.aliases = Aliases::Hidden), "I,D,aliases=hidden");
        assert_eq!(told(&|m| m.isa = Some(Isa::MipsR6)), "I,D,isa=r6");
        assert_eq!(told(&|m| m.isa = Some(Isa::ArmV6)), "I,D,isa=v6");
    }
}
