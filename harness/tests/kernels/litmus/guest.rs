// SPDX-License-Identifier: GPL-2.0-or-later
//! A guest without a kernel: assembled, run under QEMU with the plugin, and read.

use std::path::{Path, PathBuf};
use std::time::Duration;

use instrument::hardware::{
    self, Addressing, Aliases, ByteOrder, DataCache, InstructionCache, Replacement, Snoops, Write,
};
use instrument::{Mode, Ram, Request, Setup};
use patcheval::cache_dir::Cache;
use patcheval::machine::plugin::attach;
use patcheval::machine::{command, find_plugin};
use patcheval::process::CommandRun;
use patcheval::qemu;
use serde_json::Value;
use tempfile::TempDir;

use super::steps::{Caches, STRIDE, Shape, Step, word};

/// A board, and caches for it.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    pub name: &'static str,
    /// QEMU's target.
    pub target: &'static str,
    pub board: &'static str,
    pub cpu: &'static str,
    pub ram_base: u64,
    /// Compiler and its flags.
    pub compiler: &'static [&'static str],
    pub source: &'static str,
    pub caches: Caches,
    /// What a store does.
    pub write: Write,
    /// Where a fill of the I$ looks.
    pub snoops: Snoops,
}

/// What a run left: what the fetches printed, and the plugin's record.
pub struct Ran {
    pub printed: String,
    pub record: String,
}

impl Ran {
    pub fn field(&self, name: &str) -> Value {
        let record: Value = serde_json::from_str(&self.record).unwrap();
        record[name].clone()
    }
}

/// A program for one machine.
pub struct Program {
    machine: Machine,
    dir: TempDir,
}

const RAM_MIB: u64 = 64;

/// A run takes a second on an idle host.
const DEADLINE: Duration = Duration::from_secs(60);

impl Program {
    /// Assembles the rows.
    pub fn assemble(machine: &Machine, rows: &[Vec<Step>]) -> Self {
        let dir = TempDir::with_prefix_in("litmus-", env!("CARGO_TARGET_TMPDIR")).unwrap();
        let program = Self { machine: *machine, dir };
        let words: String = rows.iter().map(|row| format!(".word {:#x}\n", word(row))).collect();
        std::fs::write(program.path("rows.inc"), words).unwrap();
        std::fs::write(program.path("geometry.h"), geometry(machine, rows.len())).unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernels/litmus").join(machine.source);
        let said = CommandRun::new(machine.compiler[0])
            .args(&machine.compiler[1..])
            .args(["-nostdlib", "-static", "-Wl,--build-id=none", "-Wl,-z,noexecstack", "-I"])
            .arg(program.dir.path())
            .arg(format!("-Wa,-I{}", program.dir.path().display()))
            .arg("-o")
            .arg(program.path("program"))
            .arg(source)
            .output()
            .unwrap();
        assert!(said.outcome.success(), "{}: {}", machine.source, said.stderr);
        program
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs it to its end.
    pub fn run(&self, mode: Mode, accelerator: &str) -> Ran {
        let ran = self.run_to(mode, accelerator, None);
        assert_eq!(ran.field("end")["how"], "finished", "{}, {mode:?}", self.machine.name);
        ran
    }

    /// Runs it until it ends, or has as many stale fetches at one place as it may.
    pub fn run_to(&self, mode: Mode, accelerator: &str, stale_limit: Option<u64>) -> Ran {
        let machine = &self.machine;
        let qemu = qemu::find(&Cache::locate().unwrap(), machine.target).unwrap();
        let [console, record] = ["console", "record"].map(|name| self.path(name));
        let request = Request {
            // With a command, the plugin ends QEMU at the END marker.
            command: Some("end".into()),
            deadline: Some(100_000_000),
            stale_limit,
            record: Some(record.clone()),
            ..Request::new(mode)
        };
        let plugin = attach(&find_plugin().unwrap(), &setup(machine), &request, self.dir.path()).unwrap();
        let serial = format!("file:{}", console.display());
        let memory = format!("{RAM_MIB}M");
        let mut args: Vec<&str> =
            vec!["-M", machine.board, "-cpu", machine.cpu, "-m", &memory, "-accel", accelerator];
        args.extend(["-icount", "shift=7,sleep=off", "-rtc", "base=2026-01-01,clock=vm", "-seed", "1"]);
        for device in ["-display", "-vga", "-nic", "-monitor"] {
            args.extend([device, "none"]);
        }
        args.extend(["-no-reboot", "-no-user-config", "-nodefaults", "-serial", &serial]);
        let program = self.path("program");
        let args = args.into_iter().map(Into::into).chain(plugin);
        let args = args.chain(["-kernel".into(), program.into_os_string()]);
        let said = command(&qemu, args).deadline(DEADLINE).output().unwrap();
        assert!(said.outcome.success(), "{}, {mode:?}: {:?} {}", machine.name, said.outcome, said.stderr);
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        Ran { printed: read(&console), record: read(&record) }
    }
}

fn setup(machine: &Machine) -> Setup {
    let Caches { icache, dcache, .. } = machine.caches;
    let addressing = |shape: Shape| if shape.3 { Addressing::Vipt } else { Addressing::Pipt };
    Setup {
        version: Setup::VERSION,
        isa: None,
        byte_order: if machine.target == "mips" { ByteOrder::Big } else { ByteOrder::Little },
        cpus: 1,
        page_size: 4096,
        ram: Ram { base: machine.ram_base, size: RAM_MIB << 20 },
        caches: hardware::Caches {
            icache: InstructionCache {
                sets: icache.0,
                ways: icache.1,
                line: icache.2,
                addressing: addressing(icache),
                replacement: Replacement::Lru,
            },
            dcache: DataCache {
                sets: dcache.0,
                ways: dcache.1,
                line: dcache.2,
                addressing: addressing(dcache),
                replacement: Replacement::Lru,
                write: machine.write,
            },
            advertise: false,
            snoops: machine.snoops,
            globalised: false,
            shared: false,
            aliases: Aliases::Shown,
        },
        symbols: None,
        serves: false,
    }
}

/// What the program must know of the caches.
fn geometry(machine: &Machine, rows: usize) -> String {
    let mut text = format!("#define ROWS {rows}\n#define STRIDE {STRIDE}\n");
    // Pairs of pages: one more, because the window begins in the middle of one.
    text += &format!("#define PAIRS {}\n", rows * STRIDE as usize / 0x2000 + 1);
    for (cache, Shape(sets, ways, line, _)) in [("I", machine.caches.icache), ("D", machine.caches.dcache)] {
        for (name, value) in [
            ("SETS", sets),
            ("WAYS", ways),
            ("LINE", line),
            ("WAY", sets * line),
            ("LINES", sets * ways),
            ("SET_BITS", sets.trailing_zeros()),
            ("WAY_BITS", ways.trailing_zeros()),
            ("LINE_SHIFT", line.trailing_zeros()),
        ] {
            text += &format!("#define {cache}_{name} {value}\n");
        }
    }
    text
}
