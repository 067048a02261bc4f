// SPDX-License-Identifier: GPL-2.0-or-later
//! RISC-V: every row of the table as the assembler encodes it, and what the disassembler prints as a load or store.

use std::collections::BTreeMap;
use std::process::Command;

use super::differential::{Random, disassemble};
use super::{RISCV, assemble, cases, describe, source};
use crate::arch::GuestArch;
use crate::arch::architecture::{Architecture, RegisterRole};
use crate::arch::instruction::{Accesses, Operand};
use crate::arch::riscv::{TABLE, accesses, decode, operand};

/// Extensions of the assembler: those of the table that no RV64GC has.
const ARCH: &str = "-march=rv64gc_zicbom_zicboz_svinval";

const SPECIAL: &str = "
    lui zero, 0x5ae0 => Marker 0 10
    lui zero, 0x5ae5 => Marker 5 10
    lui zero, 0x5ae6 => -
    lui zero, 0x5af0 => -
    lui a0, 0x5ae0 => -
    fence.i => FENCE.I 0
    fence rw, rw => -
    cbo.inval (a1) => CBO.INVAL 11
    cbo.clean (t6) => CBO.CLEAN 31
    cbo.flush (ra) => CBO.FLUSH 1
    cbo.zero (a1) => PrepareForStore 11
    sfence.vma => Translation
    sfence.vma a0, a1 => Translation
    sinval.vma a0, a1 => Translation
    sfence.w.inval => Translation
    sfence.inval.ir => Translation
    mret => Translation
    sret => -
    wfi => -
    ecall => -
    ebreak => -
    csrw satp, a0 => Translation
    csrrw t0, satp, t1 => Translation
    csrr a0, satp => -
    csrs mstatus, t0 => Translation
    csrc mstatus, t0 => Translation
    csrwi mstatus, 0 => Translation
    csrsi mstatus, 8 => Translation
    csrci mstatus, 8 => Translation
    csrr a0, mstatus => -
    csrrw tp, mscratch, tp => Translation
    csrrw tp, sscratch, tp => -
    csrw sepc, a0 => -
    addi tp, a1, 0 => ThreadSwitch
    addi tp, a2, 0 => -
    addi tp, a1, 1 => -
";

/// Whether there are binutils for RISC-V, which few need.
fn have_tools() -> bool {
    let there = Command::new(format!("{RISCV}as")).arg("--version").output().is_ok();
    if !there {
        eprintln!("SKIPPED: there is no {RISCV}as: `ci/setup --compiler riscv64` installs it");
    }
    there
}

#[test]
fn every_row_is_what_the_assembler_encodes() {
    if !have_tools() {
        return;
    }
    let lines = cases(SPECIAL);
    let bytes = assemble(RISCV, "riscv", &[ARCH], &source(".option norvc", &lines));
    assert_eq!(bytes.len(), 4 * lines.len());
    let target = GuestArch::from_name("riscv64").unwrap();
    let mut seen = vec![false; TABLE.len()];
    for ((instruction, wanted), bytes) in lines.iter().zip(bytes.chunks_exact(4)) {
        let bytes: [u8; 4] = bytes.try_into().unwrap();
        assert_eq!(&describe(target.decode(bytes, 4)), wanted, "{instruction} ({bytes:02x?})");
        assert_eq!(accesses(bytes, 4), Accesses::NONE, "{instruction}");
        assert_eq!(target.may_halt(bytes, 4), instruction == "wfi", "{instruction}");
        if let Some(row) = TABLE.iter().position(|row| row.matches(u32::from_le_bytes(bytes))) {
            seen[row] = true;
        }
    }
    assert_eq!(seen.iter().position(|seen| !seen), None, "a row that no instruction is of");
}

#[test]
fn a_thread_switch_can_be_compressed() {
    if !have_tools() {
        return;
    }
    let bytes = assemble(RISCV, "riscv-switch", &[ARCH], "mv tp, a1\nmv tp, a2\nmv a1, tp");
    let found: Vec<bool> =
        bytes.chunks_exact(2).map(|half| decode([half[0], half[1], 0, 0], 2).is_some()).collect();
    assert_eq!(found, [true, false, false]);
}

#[test]
fn an_operand_is_register_and_offset() {
    if !have_tools() {
        return;
    }
    let lines = [
        ("ld a0, -8(s0)", Some((8, -8))),
        ("lb t0, 2047(sp)", Some((2, 2047))),
        ("sd a0, -2048(a1)", Some((11, -2048))),
        ("sb t6, 31(gp)", Some((3, 31))),
        ("sw zero, -1(t5)", Some((30, -1))),
        ("amoadd.w a0, a1, (a2)", None),
        ("addi a0, a0, 1", None),
    ];
    let text: Vec<&str> = lines.iter().map(|(text, _)| *text).collect();
    let bytes = assemble(RISCV, "riscv-operand", &[ARCH], &format!(".option norvc\n{}", text.join("\n")));
    for ((text, wanted), bytes) in lines.iter().zip(bytes.chunks_exact(4)) {
        let wanted = wanted.map(|(base, offset)| Operand::Offset { base, offset });
        assert_eq!(operand(bytes.try_into().unwrap()), wanted, "{text}");
    }
}

#[test]
fn registers_have_the_names_that_qemu_lists() {
    let target = GuestArch::from_name("riscv64").unwrap();
    let general = |name| match target.register_role(name) {
        Some(RegisterRole::General(number)) => Some(number),
        _ => None,
    };
    let names = ["zero", "ra", "fp", "s1", "a0", "a7", "s2", "t3", "t6", "pc", "ft0"];
    let numbers = names.map(general);
    let [zero, ra, fp, s1, a0, a7, s2, t3, t6, pc, ft0] = numbers;
    assert_eq!((zero, ra, fp, s1, a0, a7), (Some(0), Some(1), Some(8), Some(9), Some(10), Some(17)));
    assert_eq!((s2, t3, t6, pc, ft0), (Some(18), Some(28), Some(31), None, None));
    assert_eq!(target.missing_registers(&|_| true), None);
    assert!(target.missing_registers(&|role| role != RegisterRole::General(31)).is_some());
}

/// Whether a line of a disassembly accesses memory, and by what its mnemonic says.
fn wanted(mnemonic: &str) -> Option<Accesses> {
    const NOT: [&str; 6] = ["li", "lui", "lpad", "sfence", "sinval", "sret"];
    let name = mnemonic.strip_prefix("c.").unwrap_or(mnemonic);
    let stores = ["sb", "sh", "sw", "sd", "fsh", "fsw", "fsd", "fsq"];
    let loads = ["lb", "lh", "lw", "ld", "lr", "flh", "flw", "fld", "flq"];
    if NOT.contains(&name) {
        return None;
    }
    if name.starts_with("amo") || name.starts_with("sc.") {
        return Some(Accesses::BOTH);
    }
    // sd, and sdsp of the compressed ones; not sh1add.
    let is = |of: &str| {
        name.strip_prefix(of).is_some_and(|rest| ["", "u", "sp"].contains(&rest) || rest.starts_with('.'))
    };
    if stores.into_iter().any(is) {
        return Some(Accesses::STORES);
    }
    loads.into_iter().any(is).then_some(Accesses::LOADS)
}

#[test]
fn what_the_disassembler_prints_as_an_access_is_one() {
    if !have_tools() {
        return;
    }
    const HALVES: usize = 400_000;
    let mut random = Random(9);
    let bytes: Vec<u8> = (0..HALVES).flat_map(|_| (random.next() as u16).to_le_bytes()).collect();
    let text = disassemble(RISCV, "riscv-words", &["-m", "riscv:rv64", "-M", "no-aliases"], &bytes);
    let (mut seen, mut needless) = (0, BTreeMap::<String, usize>::new());
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [_, words, mnemonic, ..] = fields[..] else { continue };
        let (words, len) = (words.trim(), words.trim().len() / 2);
        if mnemonic.starts_with('.') || !(len == 2 || len == 4) {
            continue;
        }
        let bytes = u32::from_str_radix(words, 16).unwrap().to_le_bytes();
        let found = accesses(bytes, len);
        match wanted(mnemonic) {
            Some(direction) => {
                assert_eq!(found.or(direction), found, "{line}");
                seen += 1;
            }
            None if found != Accesses::NONE => *needless.entry(mnemonic.to_owned()).or_default() += 1,
            None => {}
        }
    }
    assert!(seen > HALVES / 10, "only {seen} accesses were seen");
    let many: usize = needless.values().sum();
    assert!(many < HALVES / 100, "{needless:?}");
}
