// SPDX-License-Identifier: GPL-2.0-or-later
//! RISC-V, RV64GC. Encodings: The RISC-V Instruction Set Manual, volumes I (unprivileged) and II (privileged), 20240411; the
//! maintenance itself is in [`cache_model::maintenance`].

mod accesses;
mod table;

#[cfg(test)]
pub(super) use accesses::{accesses, operand};
pub(super) use table::TABLE;

use cache_model::{PhysAddr, VirtAddr};

use super::architecture::{Architecture, RegisterRole};
use super::instruction::{Accesses, Decoded, Operand, Special};

/// Names of the integer registers in the order of their numbers, as QEMU lists them: those of the psABI.
const NAMES: [&str; 32] = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "fp", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6",
    "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
];

/// RV64GC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Riscv;

impl Architecture for Riscv {
    fn from_name(name: &str) -> Option<Self> {
        (name == "riscv64").then_some(Self)
    }

    fn with_isa(self, _isa: &str) -> Option<Self> {
        None
    }

    fn is_64_bit(self) -> bool {
        true
    }

    /// The end of Sv39's lower half, which is the least of all modes.
    fn kernel_start(self) -> VirtAddr {
        VirtAddr::new(1 << 38)
    }

    #[inline]
    fn decode(self, bytes: [u8; 4], len: usize) -> Option<Decoded> {
        decode(bytes, len).map(Decoded::from)
    }

    /// WFI.
    #[inline]
    fn may_halt(self, bytes: [u8; 4], len: usize) -> bool {
        len == 4 && u32::from_le_bytes(bytes) == 0x1050_0073
    }

    #[inline]
    fn accesses(self, bytes: [u8; 4], len: usize) -> Accesses {
        accesses::accesses(bytes, len)
    }

    fn access_operand(self, bytes: [u8; 4]) -> Option<Operand> {
        accesses::operand(bytes)
    }

    /// The lowest two bits are ones in all that are not compressed (volume I, chapter "Base Instruction-Length Encoding").
    fn insn_len(self, first: [u8; 2]) -> u64 {
        if first[0] & 3 == 3 { 4 } else { 2 }
    }

    /// QEMU does unaligned accesses by itself.
    #[inline]
    fn may_cross(self, virt: VirtAddr, line: usize) -> bool {
        virt.get() & (line as u64 - 1) > line as u64 - 8
    }

    #[inline]
    fn unmapped(self, _virt: VirtAddr) -> Option<PhysAddr> {
        None
    }

    /// ra.
    fn link_register(self) -> u32 {
        1
    }

    fn zero_register(self) -> Option<u32> {
        Some(0)
    }

    fn register_role(self, name: &str) -> Option<RegisterRole> {
        NAMES.iter().position(|known| *known == name).map(|number| RegisterRole::General(number as u32))
    }

    fn missing_registers(self, found: &dyn Fn(RegisterRole) -> bool) -> Option<&'static str> {
        let all = (1..32).map(RegisterRole::General).all(found);
        (!all).then_some("RISC-V's registers ra to t6")
    }
}

/// Returns what the plugin must know about an instruction of `len` bytes.
#[inline]
pub fn decode(bytes: [u8; 4], len: usize) -> Option<Special> {
    if len == 2 {
        let half = u16::from_le_bytes([bytes[0], bytes[1]]);
        return (half == table::COMPRESSED_SWITCH).then_some(Special::ThreadSwitch);
    }
    let word = u32::from_le_bytes(bytes);
    // MISC-MEM, OP-IMM, LUI and SYSTEM, as all of four bytes.
    if len != 4 || !matches!(word & 0x7f, 0x0f | 0x13 | 0x37 | 0x73) {
        return None;
    }
    let row = TABLE.iter().find(|row| row.matches(word))?;
    (row.make)(word)
}
