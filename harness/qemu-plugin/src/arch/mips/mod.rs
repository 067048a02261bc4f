// SPDX-License-Identifier: GPL-2.0-or-later
//! MIPS32 and MIPS64, Releases 1 to 6. Encodings: MIPS PRA volume II (MD00086 and MD00087; MIPS32 and MIPS64, Release
//! 6); `arch/mips/include/uapi/asm/inst.h`.
//!
//! MIPS16 and microMIPS are not decoded: neither Linux's uprobes nor the testcases know them.

mod accesses;
mod advertise;
mod isa;
mod table;

#[cfg(test)]
pub(super) use accesses::{access_operand, accesses, leaves_alone, plain_access};
pub use isa::MipsIsa;
pub(super) use table::TABLE;

use cache_model::{Config, PhysAddr, VirtAddr};

use super::architecture::Architecture;
use super::instruction::{Accesses, Advertised, Decoded, Operand, PlainAccess, Special};

/// MIPS, of 32 or 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mips {
    /// Byte order.
    pub big_endian: bool,
    /// Width and release.
    pub isa: MipsIsa,
}

impl Mips {
    #[inline]
    fn word(self, bytes: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }
}

impl Architecture for Mips {
    /// Up to Release 5, since a name does not say more than that.
    fn from_name(name: &str) -> Option<Self> {
        let (big_endian, isa) = match name {
            "mips" => (true, MipsIsa::Mips32),
            "mipsel" => (false, MipsIsa::Mips32),
            "mips64" => (true, MipsIsa::Mips64),
            "mips64el" => (false, MipsIsa::Mips64),
            _ => return None,
        };
        Some(Self { big_endian, isa })
    }

    fn with_isa(self, isa: &str) -> Option<Self> {
        (isa == "mips-r6").then(|| Self { isa: self.isa.release6(), ..self })
    }

    fn big_endian(self) -> bool {
        self.big_endian
    }

    fn is_64_bit(self) -> bool {
        matches!(self.isa, MipsIsa::Mips64 | MipsIsa::Mips64R6)
    }

    /// No 64-bit guest has run.
    fn is_complete(self) -> bool {
        !self.is_64_bit()
    }

    /// KSEG0.
    fn kernel_start(self) -> VirtAddr {
        VirtAddr::new(0x8000_0000)
    }

    /// MIPS32 is MIPS64 with addresses that are extended by their sign; here they are extended by zeros.
    #[inline]
    fn address(self, value: u64) -> VirtAddr {
        VirtAddr::new(value & 0xffff_ffff)
    }

    #[inline]
    fn decode(self, bytes: [u8; 4], len: usize) -> Option<Decoded> {
        if len == 4 { decode(self.isa, self.word(bytes)).map(Decoded::from) } else { None }
    }

    /// WAIT.
    #[inline]
    fn may_halt(self, bytes: [u8; 4], len: usize) -> bool {
        len == 4 && self.word(bytes) & 0xfe00_003f == 0x4200_0020
    }

    #[inline]
    fn accesses(self, bytes: [u8; 4], len: usize) -> Accesses {
        // MIPS16 or microMIPS
        if len == 4 { accesses::accesses(self.isa, self.word(bytes)) } else { Accesses::BOTH }
    }

    /// KSEG0 and KSEG1.
    #[inline]
    fn unmapped(self, virt: VirtAddr) -> Option<PhysAddr> {
        let virt = virt.get();
        (0x8000_0000..0xc000_0000).contains(&virt).then_some(PhysAddr::new(virt & 0x1fff_ffff))
    }

    /// KSEG1.
    #[inline]
    fn is_uncached(self, virt: VirtAddr) -> bool {
        (0xa000_0000..0xc000_0000).contains(&virt.get())
    }

    /// All branches and jumps that have a delay slot in some release.
    fn may_have_delay_slot(self, bytes: [u8; 4]) -> bool {
        let word = self.word(bytes);
        match word >> 26 {
            // SPECIAL: JR, JALR
            0 => matches!(word & 0x3f, 0x08 | 0x09),
            // REGIMM, of which traps and SYNCI have none
            0x01 => !matches!(word >> 16 & 0x1f, 0x08..=0x0e | 0x1f),
            // J, JAL, BEQ to BGTZ, and their "likely" forms
            0x02..=0x07 | 0x14..=0x17 => true,
            // COP1 and COP2: BC1, BC2 and what Release 6 made of them
            0x11 | 0x12 => word >> 21 & 0x1f >= 8 && word >> 21 & 0x1f < 0x10,
            // JALX
            0x1d => true,
            _ => false,
        }
    }

    /// `lb $zero, offset(base)`. Not for CACHEE, which has an address space of its own.
    fn load_in_place_of(self, bytes: [u8; 4], operand: Operand) -> Option<[u8; 4]> {
        let Operand::Offset { base, offset } = operand else { return None };
        let word = self.word(bytes);
        let cachee = word >> 26 == 0x1f && word & 0x3f == 0x1b;
        let load = 0x20 << 26 | base << 21 | offset as u32 & 0xffff;
        (!cachee).then(|| if self.big_endian { load.to_be_bytes() } else { load.to_le_bytes() })
    }

    fn plain_access(self, bytes: [u8; 4], len: usize) -> Option<PlainAccess> {
        if len == 4 { accesses::plain_access(self.isa, self.word(bytes)) } else { None }
    }

    fn leaves_alone(self, bytes: [u8; 4], len: usize, register: u32) -> bool {
        len == 4 && accesses::leaves_alone(self.isa, self.word(bytes), register)
    }

    fn access_operand(self, bytes: [u8; 4]) -> Option<Operand> {
        accesses::access_operand(self.isa, self.word(bytes))
    }

    /// `$ra`.
    fn link_register(self) -> u32 {
        31
    }

    /// TLBWR.
    fn draws_tlb_entries(self) -> bool {
        true
    }

    fn zero_register(self) -> Option<u32> {
        Some(0)
    }

    /// QEMU 11.1 lists no MIPS registers to plugins.
    fn unlisted_registers(self) -> u32 {
        32
    }

    fn advertise(self, what: Advertised, old: u64, caches: &Config, aliases_hidden: bool) -> u64 {
        advertise::advertise(what, old, caches, aliases_hidden)
    }
}

/// The major opcodes that occur in the table, one bit each: most instructions have none of them.
const MAJORS: u64 = {
    let (mut set, mut i) = (0, 0);
    while i < TABLE.len() {
        set |= 1 << (TABLE[i].value >> 26);
        i += 1;
    }
    set
};

/// Returns what the plugin must know about an instruction word.
#[inline]
pub fn decode(isa: MipsIsa, word: u32) -> Option<Special> {
    if MAJORS >> (word >> 26) & 1 == 0 {
        return None;
    }
    let row = TABLE.iter().find(|row| row.matches(isa, word))?;
    Some((row.make)(word))
}
