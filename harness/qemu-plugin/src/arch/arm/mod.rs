// SPDX-License-Identifier: GPL-2.0-or-later
//! ARM v5 to v7, little endian, in ARM and Thumb-2 encoding. Encodings: ARM DDI 0406C, A8.8.98 (MCR), A8.8.99 (MCRR),
//! B4 and, for v5 and v6, appendices D12 and D15; the operations themselves are in [`cache_model::maintenance`].

mod accesses;
mod table;

#[cfg(test)]
pub(super) use accesses::accesses;
pub(super) use table::TABLE;

use cache_model::VirtAddr;
use cache_model::maintenance::ArmVersion;

use super::architecture::{Architecture, CachesState, RegisterRole};
use super::instruction::{Accesses, Decoded, Special};

/// SCTLR bits M (MMU), C (D$) and I (I$) (ARM DDI 0406C, B4.1.130).
const SCTLR_MCI: u64 = 1 | 1 << 2 | 1 << 12;

/// SCTLR bits of the caches alone.
const SCTLR_CI: u64 = SCTLR_MCI & !1;

/// CPSR bit that says Thumb (ARM DDI 0406C, B1.3.3).
const CPSR_T: u64 = 1 << 5;

/// 32-bit ARM, little endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arm {
    /// Version of the architecture.
    pub version: ArmVersion,
}

impl Architecture for Arm {
    /// v7, since a name does not say more than that.
    fn from_name(name: &str) -> Option<Self> {
        (name == "arm").then_some(Self { version: ArmVersion::V7 })
    }

    fn with_isa(self, isa: &str) -> Option<Self> {
        match isa {
            "arm-v5" => Some(Self { version: ArmVersion::V5 }),
            "arm-v6" => Some(Self { version: ArmVersion::V6 }),
            _ => None,
        }
    }

    /// The module area below the kernel.
    fn kernel_start(self) -> VirtAddr {
        VirtAddr::new(0xbf00_0000)
    }

    #[inline]
    fn address(self, value: u64) -> VirtAddr {
        VirtAddr::new(value & 0xffff_ffff)
    }

    #[inline]
    fn decode(self, bytes: [u8; 4], len: usize) -> Option<Decoded> {
        decode(self.version, bytes, len)
    }

    #[inline]
    fn may_halt(self, bytes: [u8; 4], len: usize) -> bool {
        may_halt(bytes, len)
    }

    #[inline]
    fn accesses(self, bytes: [u8; 4], len: usize) -> Accesses {
        accesses::accesses(bytes, len)
    }

    /// A first halfword of 0b11101 or above begins a Thumb instruction of two (ARM DDI 0406C, A6.1).
    fn insn_len(self, first: [u8; 2]) -> u64 {
        if first[1] >= 0xe8 { 4 } else { 2 }
    }

    /// Unaligned accesses, and doublewords at a word's alignment.
    #[inline]
    fn may_cross(self, virt: VirtAddr, line: usize) -> bool {
        virt.get() & (line as u64 - 1) > line as u64 - 8
    }

    /// The length of a Thumb IT block.
    fn conditional_after(self, bytes: [u8; 4], len: usize) -> usize {
        // 1011 1111 firstcond mask: the lowest bit set in the mask is where the block ends (ARM DDI 0406C, A8.8.54).
        let hint = u16::from_le_bytes([bytes[0], bytes[1]]);
        if len == 2 && hint >> 8 == 0xbf && hint & 0xf != 0 {
            4 - (hint & 0xf).trailing_zeros() as usize
        } else {
            0
        }
    }

    fn holds(self, condition: u8, flags: u64) -> bool {
        holds(condition, flags)
    }

    /// lr.
    fn link_register(self) -> u32 {
        14
    }

    fn register_role(self, name: &str) -> Option<RegisterRole> {
        match name.strip_prefix('r').and_then(|n| n.parse::<u32>().ok()) {
            Some(n) if n < 16 => return Some(RegisterRole::General(n)),
            _ => {}
        }
        match name {
            "cpsr" => Some(RegisterRole::Flags),
            "lr" => Some(RegisterRole::General(14)),
            // QEMU 11.1 lists it so for 32-bit CPUs too.
            "SCTLR_EL1" => Some(RegisterRole::SystemControl),
            // Linux keeps the address of the CPU's own data there. (MPIDR, which would be its number, QEMU does not list.)
            "TPIDRPRW" => Some(RegisterRole::CpuIdentity),
            _ => None,
        }
    }

    fn missing_registers(self, found: &dyn Fn(RegisterRole) -> bool) -> Option<&'static str> {
        let all = (0..13).map(RegisterRole::General).all(found) && found(RegisterRole::Flags);
        (!all).then_some("ARM's registers r0 to r12 and cpsr")
    }

    /// Bit 0 says Thumb.
    fn restart_address(self, start: VirtAddr, flags: u64) -> u64 {
        start.get() | u64::from(flags & CPSR_T != 0)
    }

    fn caches_always_on(self) -> bool {
        false
    }

    fn caches_state(self, system_control: u64) -> CachesState {
        match (system_control & SCTLR_MCI, system_control & SCTLR_CI) {
            (SCTLR_MCI, _) => CachesState::On,
            (_, 0) => CachesState::Off,
            _ => CachesState::Partly,
        }
    }
}

/// The condition field that says always; the one above it marks another set of instructions.
const ALWAYS: u32 = 0xe;

/// Returns what the plugin must know about an instruction of `len` bytes.
///
/// A coprocessor instruction has the same 32 bits in both instruction sets, stored as one word in ARM and as two
/// halfwords, the higher first, in Thumb-2. Which of the two this is need not be known: the bytes of one
/// read as the other are a 16-bit or an undefined instruction or an `svceq`, neither of which matters here. Thumb
/// before v7 has no coprocessor instructions.
///
/// Thumb-2 has its conditions in a separate instruction, IT, which cannot be seen from here: an operation in an
/// IT block counts as executed always.
#[inline]
pub fn decode(version: ArmVersion, bytes: [u8; 4], len: usize) -> Option<Decoded> {
    if len != 4 {
        return None;
    }
    let word = u32::from_le_bytes(bytes);
    let thumb = word.rotate_left(16);
    if may_matter(word)
        && let Some(special) = look_up(version, word)
    {
        let condition = word >> 28;
        return match condition {
            0xf => None,
            ALWAYS => Some(special.into()),
            _ => Some(Decoded { special, condition: Some(condition as u8) }),
        };
    }
    if version == ArmVersion::V7 && thumb >> 28 == ALWAYS && is_coprocessor15(thumb) {
        return look_up(version, thumb).map(Decoded::from);
    }
    None
}

/// Whether an instruction of `len` bytes may halt the CPU: WFI, or before v7 `MCR p15, 0, Rt, c7, c0, 4`, in either
/// instruction set.
#[inline]
pub fn may_halt(bytes: [u8; 4], len: usize) -> bool {
    let word = u32::from_le_bytes(bytes);
    let is_mcr = |word: u32| word & 0x0fff_0fff == 0x0e07_0f90;
    match len {
        2 => word & 0xffff == 0xbf30,
        _ => {
            let thumb = word.rotate_left(16);
            word & 0x0fff_ffff == 0x0320_f003 || thumb == 0xf3af_8003 || is_mcr(word) || is_mcr(thumb)
        }
    }
}

/// Whether an instruction is executed with these condition flags (ARM DDI 0406C, A8.3.1).
pub fn holds(condition: u8, cpsr: u64) -> bool {
    let flag = |bit: u32| cpsr >> bit & 1 == 1;
    let (n, z, c, v) = (flag(31), flag(30), flag(29), flag(28));
    let holds = match condition >> 1 {
        0 => z,
        1 => c,
        2 => n,
        3 => v,
        4 => c && !z,
        5 => n == v,
        6 => n == v && !z,
        _ => return true,
    };
    holds != (condition & 1 == 1)
}

/// A quick look, which all but a few instructions do not pass.
fn may_matter(word: u32) -> bool {
    is_coprocessor15(word) || word & 0xfff0_0ff0 == table::MARKER
}

/// Whether a word may be a register transfer of coprocessor 15: MCR, MRC, MCRR, MRRC.
fn is_coprocessor15(word: u32) -> bool {
    word & 0x0d00_0f00 == 0x0c00_0f00
}

/// The first row decides, also by saying that the instruction does not matter in this version.
fn look_up(version: ArmVersion, word: u32) -> Option<Special> {
    let row = TABLE.iter().find(|row| row.matches(word))?;
    (row.make)(version, word)
}
