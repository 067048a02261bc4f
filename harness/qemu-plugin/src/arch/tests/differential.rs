// SPDX-License-Identifier: GPL-2.0-or-later
//! What the disassembler prints as a load or store must be one for the decoders too, on pseudo-random words.

use std::collections::BTreeMap;

use super::{ARM, MIPS, Scratch, run};
use crate::arch::instruction::Accesses;
use crate::arch::mips::MipsIsa;
use crate::arch::{arm, mips};

/// How many words each disassembler is asked about.
const WORDS: usize = 200_000;

/// A generator of pseudo-random numbers (splitmix64), the same ones in each run.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let a = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let b = (a ^ a >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        b ^ b >> 31
    }
}

/// One line of a disassembly: the words as they are printed, the mnemonic and the operands.
struct Line<'a> {
    words: &'a str,
    mnemonic: &'a str,
    operands: &'a str,
}

/// Splits a line, unless it is none of an instruction.
fn line(text: &str) -> Option<Line<'_>> {
    let mut fields = text.split('\t');
    let _address = fields.next()?;
    let (words, mnemonic) = (fields.next()?.trim(), fields.next()?);
    Some(Line { words, mnemonic, operands: fields.next().unwrap_or_default() })
}

pub fn disassemble(tools: &str, name: &str, arguments: &[&str], bytes: &[u8]) -> String {
    let scratch = Scratch::new(name);
    let file = scratch.file("x.bin");
    std::fs::write(&file, bytes).unwrap();
    run(&format!("{tools}objdump"), &[&["-D", "-z", "-b", "binary"], arguments].concat(), &file)
}

/// What a mnemonic says of an instruction that accesses memory: `None` where its direction is not clear.
fn direction(mnemonic: &str, loads: &[&str], stores: &[&str]) -> Option<Accesses> {
    let begins = |with: &[&str]| with.iter().any(|start| mnemonic.starts_with(start));
    match (begins(loads), begins(stores)) {
        (true, _) => Some(Accesses::LOADS),
        (_, true) => Some(Accesses::STORES),
        _ => None,
    }
}

/// Compares the answers with the disassembly, and the number of loads and stores with that of needless answers.
#[derive(Default)]
struct Comparison {
    accesses: usize,
    others: usize,
    /// Mnemonics of what accesses no memory, but might have.
    needless: BTreeMap<String, usize>,
    wrong: BTreeMap<String, String>,
}

impl Comparison {
    fn line(&mut self, line: &Line<'_>, wanted: Option<Option<Accesses>>, found: Accesses) {
        let Some(direction) = wanted else {
            self.others += 1;
            if found != Accesses::NONE {
                *self.needless.entry(line.mnemonic.to_owned()).or_default() += 1;
            }
            return;
        };
        self.accesses += 1;
        let right = match direction {
            Some(direction) => found.or(direction) == found,
            None => found != Accesses::NONE,
        };
        if !right {
            let example = format!("{}: {} {}: {found:?}", line.words, line.mnemonic, line.operands);
            self.wrong.insert(line.mnemonic.to_owned(), example);
        }
    }

    fn judge(&self, name: &str, most_needless: usize) {
        let needless: usize = self.needless.values().sum();
        println!("{name}: {} accesses, {} others, {needless} needless", self.accesses, self.others);
        let wrong: Vec<&str> = self.wrong.values().map(String::as_str).collect();
        assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
        assert!(self.accesses > WORDS / 20, "{name}: only {} accesses were seen", self.accesses);
        assert!(needless <= most_needless, "{name}: {needless} needless: {:?}", self.needless);
    }
}

/// What names an address in its operands on MIPS and accesses nothing there (`dctr` and `dctw` are R4000 names for
/// two of CACHE's fields).
const MIPS_HINTS: [&str; 8] = ["cache", "cachee", "pref", "prefe", "prefx", "synci", "dctr", "dctw"];

/// What accesses memory and is printed without brackets.
const MIPS_PLAIN: [&str; 9] = ["lwpc", "lwupc", "ldpc", "llwp", "llwpe", "lldp", "scwp", "scwpe", "scdp"];

fn mips_wanted(line: &Line<'_>) -> Option<Option<Accesses>> {
    let named = MIPS_PLAIN.contains(&line.mnemonic);
    let access = named || line.operands.contains('(') && !MIPS_HINTS.contains(&line.mnemonic);
    access.then(|| direction(line.mnemonic, &["l", "gsl"], &["s", "gss"]))
}

fn mips(machine: &str, isa: MipsIsa) {
    let mut random = Random(isa as u64);
    let bytes: Vec<u8> = (0..WORDS).flat_map(|_| (random.next() as u32).to_be_bytes()).collect();
    let machine = format!("mips:{machine}");
    let arguments = ["-m", &machine, "-EB", "-M", "msa,virt,xpa,ginv"];
    let text = disassemble(MIPS, &machine, &arguments, &bytes);
    let mut comparison = Comparison::default();
    for line in text.lines().filter_map(line).filter(|line| line.mnemonic != ".word") {
        let word = u32::from_str_radix(line.words, 16).unwrap();
        comparison.line(&line, mips_wanted(&line), mips::accesses(isa, word));
    }
    // What the implementation may define: UDI, and the opcodes of coprocessor 2, in which Octeon has branches.
    comparison.judge(&machine, WORDS / 12);
}

#[test]
fn mips_before_release_6() {
    mips("isa32r2", MipsIsa::Mips32);
    mips("isa32r5", MipsIsa::Mips32);
    mips("isa64r5", MipsIsa::Mips64);
    mips("octeon3", MipsIsa::Mips64);
    mips("gs464e", MipsIsa::Mips64);
}

#[test]
fn mips_release_6() {
    mips("isa32r6", MipsIsa::Mips32R6);
    mips("isa64r6", MipsIsa::Mips64R6);
}

fn arm_wanted(line: &Line<'_>) -> Option<Option<Accesses>> {
    const LISTS: [&str; 9] = ["ldm", "stm", "push", "pop", "vpush", "vpop", "vldm", "vstm", "rfe"];
    const LOADS: [&str; 10] = ["ld", "vld", "pop", "vpop", "rfe", "tb", "lfm", "cfld", "fldm", "wld"];
    const STORES: [&str; 9] = ["st", "vst", "push", "vpush", "srs", "sfm", "cfst", "fstm", "wst"];
    let begins = |with: &[&str]| with.iter().any(|start| line.mnemonic.starts_with(start));
    // An index into a vector is a number, a base register is not.
    let memory = line.operands.split('[').skip(1).any(|rest| rest.starts_with(|c: char| c.is_alphabetic()));
    let access = (memory && !begins(&["pl"])) || begins(&LISTS) || begins(&["srs", "fldm", "fstm"]);
    access.then(|| direction(line.mnemonic, &LOADS, &STORES))
}

fn is_undefined(line: &Line<'_>) -> bool {
    line.mnemonic.is_empty() || line.mnemonic.contains("UNDEFINED") || line.mnemonic.starts_with('.')
}

#[test]
fn arm_code() {
    let mut random = Random(7);
    let bytes: Vec<u8> = (0..WORDS).flat_map(|_| (random.next() as u32).to_le_bytes()).collect();
    let text = disassemble(ARM, "arm", &["-m", "arm"], &bytes);
    let mut comparison = Comparison::default();
    for line in text.lines().filter_map(line).filter(|line| !is_undefined(line)) {
        let word = u32::from_str_radix(line.words, 16).unwrap();
        // The loads and stores of some old coprocessors are printed in the place of MCRR and MRRC too.
        if word & 0x0fe0_0000 == 0x0c40_0000 {
            continue;
        }
        comparison.line(&line, arm_wanted(&line), arm::accesses(word.to_le_bytes(), 4));
    }
    // What could be Thumb code.
    comparison.judge("arm", WORDS / 50);
}

#[test]
fn thumb_code() {
    let mut random = Random(8);
    // Every other halfword may begin an instruction of 32 bits, or every fourth instruction would at best.
    let halfword = |bits: u64| (if bits >> 16 & 1 == 1 { bits | 0xe000 } else { bits }) as u16;
    let bytes: Vec<u8> = (0..2 * WORDS).flat_map(|_| halfword(random.next()).to_le_bytes()).collect();
    let text = disassemble(ARM, "thumb", &["-m", "arm", "-M", "force-thumb"], &bytes);
    let mut comparison = Comparison::default();
    for line in text.lines().filter_map(line).filter(|line| !is_undefined(line)) {
        let mut bytes = [0; 4];
        let halfwords: Vec<&str> = line.words.split(' ').collect();
        for (place, text) in bytes.chunks_exact_mut(2).zip(&halfwords) {
            place.copy_from_slice(&u16::from_str_radix(text, 16).unwrap().to_le_bytes());
        }
        // As in ARM code.
        if u16::from_le_bytes([bytes[0], bytes[1]]) & 0xffe0 == 0xec40 {
            continue;
        }
        let found = arm::accesses(bytes, 2 * halfwords.len());
        comparison.line(&line, arm_wanted(&line), found);
    }
    // What could be ARM code: a needless answer costs time once, when the instruction is translated.
    comparison.judge("thumb", WORDS / 5);
}
