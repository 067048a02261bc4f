// SPDX-License-Identifier: GPL-2.0-or-later
//! The decoders against the assemblers and disassemblers of the GNU binutils.

mod arm;
mod differential;
mod fuzz;
mod mips;
mod riscv;

use std::path::{Path, PathBuf};
use std::process::Command;

use super::GuestArch;
use super::architecture::Architecture;
use super::instruction::{Decoded, Operand, Special};

const MIPS: &str = "mips-linux-gnu-";
const ARM: &str = "arm-linux-gnueabihf-";
const RISCV: &str = "riscv64-linux-gnu-";

/// A directory that is gone at the end of a test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("decode-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left behind in a directory for temporary files harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs one of the binutils and returns what it prints.
fn run(program: &str, arguments: &[&str], file: &Path) -> String {
    let output = Command::new(program)
        .args(arguments)
        .arg(file)
        .output()
        .unwrap_or_else(|error| panic!("{program} cannot be run ({error}): ci/setup installs it"));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {}: {words}", arguments.join(" "));
    String::from_utf8(output.stdout).unwrap()
}

/// Assembles instructions, one in each line, and returns their bytes.
fn assemble(tools: &str, name: &str, arguments: &[&str], lines: &str) -> Vec<u8> {
    let scratch = Scratch::new(name);
    let (source, object, binary) = (scratch.file("x.s"), scratch.file("x.o"), scratch.file("x.bin"));
    std::fs::write(&source, format!("{lines}\n")).unwrap();
    let object_name = object.to_str().unwrap();
    run(&format!("{tools}as"), &[arguments, &["-o", object_name]].concat(), &source);
    let arguments = ["-O", "binary", "-j", ".text", object_name];
    run(&format!("{tools}objcopy"), &arguments, &binary);
    std::fs::read(binary).unwrap()
}

/// Returns what the decoder says, in few words.
fn describe(decoded: Option<Decoded>) -> String {
    let Some(Decoded { special, condition }) = decoded else { return "-".into() };
    let what = match special {
        Special::Maintenance(operation, at) => format!("{} {}", operation.name, operand(at)),
        Special::PrepareForStore(at) => format!("PrepareForStore {}", operand(at)),
        Special::Marker { kind, argument } => format!("Marker {kind} {argument}"),
        Special::Describes { what, into } => format!("{} {into}", what.0),
        Special::Translation => "Translation".into(),
        Special::ThreadSwitch => "ThreadSwitch".into(),
        Special::SystemControl(register) => format!("SystemControl {register}"),
    };
    match condition {
        None => what,
        Some(condition) => format!("{what} if {condition}"),
    }
}

fn operand(operand: Operand) -> String {
    match operand {
        Operand::Offset { base, offset } => format!("{offset}({base})"),
        Operand::Indexed { base, index } => format!("{index}[{base}]"),
        Operand::Register(number) => number.to_string(),
        Operand::Nothing => "-".into(),
        Operand::Range { start, end } => format!("{start}..{end}"),
    }
}

/// Asserts that each instruction, assembled, is what the other half of its line says.
fn check(lines: &[(String, String)], bytes: &[u8], decode: impl Fn([u8; 4]) -> Option<Decoded>) {
    assert!(bytes.len() >= 4 * lines.len(), "{} bytes for {} instructions", bytes.len(), lines.len());
    for ((instruction, wanted), bytes) in lines.iter().zip(bytes.chunks_exact(4)) {
        let bytes = bytes.try_into().unwrap();
        assert_eq!(&describe(decode(bytes)), wanted, "{instruction} ({bytes:02x?})");
    }
}

/// Splits `instruction => what it is`, one in each line.
fn cases(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let (instruction, wanted) = line.split_once("=>").unwrap();
            (instruction.trim().to_owned(), wanted.trim().to_owned())
        })
        .collect()
}

fn source(directives: &str, cases: &[(String, String)]) -> String {
    let instructions: Vec<&str> = cases.iter().map(|(instruction, _)| instruction.as_str()).collect();
    format!("{directives}\n{}", instructions.join("\n"))
}

/// The words of the `isas` in the data file of an architecture.
fn listed_isas(arch: &str) -> Vec<String> {
    let path = format!("{}/../../kernels/arch/{arch}.yaml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("isas: [")?.strip_suffix(']'));
    line.unwrap_or_else(|| panic!("no isas in {path}")).split(", ").map(str::to_owned).collect()
}

#[test]
fn every_instruction_set_that_a_machine_may_state_is_known() {
    for name in ["mips", "arm"] {
        let arch = GuestArch::from_name(name).unwrap();
        for isa in listed_isas(name) {
            assert!(arch.with_isa(&isa).is_some_and(|with| with != arch), "{isa}");
        }
        assert_eq!(arch.with_isa("none"), None);
    }
}
