// SPDX-License-Identifier: GPL-2.0-or-later
//! The architectures of guests: one directory for each, which alone knows its instructions, registers and address spaces.

pub mod architecture;
pub mod arm;
pub mod instruction;
pub mod mips;
pub mod riscv;
#[cfg(test)]
mod tests;

use cache_model::{Config, PhysAddr, VirtAddr};

use architecture::{Architecture, CachesState, RegisterRole};
use arm::Arm;
use instruction::{Accesses, Advertised, Decoded, Operand, PlainAccess};
use mips::Mips;
use riscv::Riscv;

/// The architecture of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestArch {
    /// MIPS.
    Mips(Mips),
    /// 32-bit ARM.
    Arm(Arm),
    /// 64-bit RISC-V.
    Riscv(Riscv),
}

/// Does the same with whichever architecture it is.
macro_rules! with {
    ($arch:expr, $it:ident => $do:expr) => {
        match $arch {
            GuestArch::Mips($it) => $do,
            GuestArch::Arm($it) => $do,
            GuestArch::Riscv($it) => $do,
        }
    };
}

/// Hands each function on to the architecture, without a table of functions: some are called for every slow access.
macro_rules! forward {
    ($(fn $name:ident(self $(, $arg:ident : $type:ty)*) -> $ret:ty;)*) => {
        impl Architecture for GuestArch {
            fn from_name(name: &str) -> Option<Self> {
                let mips = Mips::from_name(name).map(Self::Mips);
                let arm = || Arm::from_name(name).map(Self::Arm);
                mips.or_else(arm).or_else(|| Riscv::from_name(name).map(Self::Riscv))
            }

            fn with_isa(self, isa: &str) -> Option<Self> {
                match self {
                    Self::Mips(mips) => mips.with_isa(isa).map(Self::Mips),
                    Self::Arm(arm) => arm.with_isa(isa).map(Self::Arm),
                    Self::Riscv(riscv) => riscv.with_isa(isa).map(Self::Riscv),
                }
            }

            $(
                #[inline]
                fn $name(self $(, $arg: $type)*) -> $ret {
                    with!(self, it => it.$name($($arg),*))
                }
            )*
        }
    };
}

forward! {
    fn big_endian(self) -> bool;
    fn is_64_bit(self) -> bool;
    fn is_complete(self) -> bool;
    fn kernel_start(self) -> VirtAddr;
    fn address(self, value: u64) -> VirtAddr;
    fn decode(self, bytes: [u8; 4], len: usize) -> Option<Decoded>;
    fn may_halt(self, bytes: [u8; 4], len: usize) -> bool;
    fn accesses(self, bytes: [u8; 4], len: usize) -> Accesses;
    fn insn_len(self, first: [u8; 2]) -> u64;
    fn unmapped(self, virt: VirtAddr) -> Option<PhysAddr>;
    fn is_uncached(self, virt: VirtAddr) -> bool;
    fn may_cross(self, virt: VirtAddr, line: usize) -> bool;
    fn may_have_delay_slot(self, bytes: [u8; 4]) -> bool;
    fn conditional_after(self, bytes: [u8; 4], len: usize) -> usize;
    fn load_in_place_of(self, bytes: [u8; 4], operand: Operand) -> Option<[u8; 4]>;
    fn plain_access(self, bytes: [u8; 4], len: usize) -> Option<PlainAccess>;
    fn leaves_alone(self, bytes: [u8; 4], len: usize, register: u32) -> bool;
    fn access_operand(self, bytes: [u8; 4]) -> Option<Operand>;
    fn holds(self, condition: u8, flags: u64) -> bool;
    fn link_register(self) -> u32;
    fn zero_register(self) -> Option<u32>;
    fn unlisted_registers(self) -> u32;
    fn register_role(self, name: &str) -> Option<RegisterRole>;
    fn missing_registers(self, found: &dyn Fn(RegisterRole) -> bool) -> Option<&'static str>;
    fn restart_address(self, start: VirtAddr, flags: u64) -> u64;
    fn draws_tlb_entries(self) -> bool;
    fn caches_always_on(self) -> bool;
    fn caches_state(self, system_control: u64) -> CachesState;
    fn advertise(self, what: Advertised, old: u64, caches: &Config, aliases_hidden: bool) -> u64;
}
