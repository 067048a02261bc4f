// SPDX-License-Identifier: GPL-2.0-or-later
//! What an architecture has to say for itself. Adding one means one more implementation, in a directory beside this file.

use cache_model::{Config, PhysAddr, VirtAddr};
use instrument::hardware::ByteOrder;

use super::instruction::{Accesses, Advertised, Decoded, Operand, PlainAccess};

/// What the plugin does with a register beside reading operands from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterRole {
    /// A general register, by its number in instructions.
    General(u32),
    /// It holds the flags on which conditional instructions depend, and the instruction set.
    Flags,
    /// It switches MMU and caches.
    SystemControl,
    /// Its value differs between CPUs, and stays the same on each.
    CpuIdentity,
}

/// Which of MMU and caches a value of the system control register switches on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CachesState {
    /// The MMU and both caches.
    On,
    /// Neither cache.
    Off,
    /// One of the caches, or both without the MMU.
    Partly,
}

/// Instruction set, registers and address spaces of a guest. The defaults are those of the simplest architecture: fixed
/// instructions of 4 bytes without conditions or delay slots, and one cached, mapped address space.
pub trait Architecture: Copy {
    /// Returns the architecture that QEMU calls `name`, with its usual instruction set.
    fn from_name(name: &str) -> Option<Self>;

    /// Returns the same architecture with the instruction set of this name, if it has one: these are the words that its data file
    /// under `kernels/arch` lists.
    fn with_isa(self, isa: &str) -> Option<Self>;

    /// Whether registers and instructions are big endian.
    fn big_endian(self) -> bool {
        false
    }

    /// The byte order, as setups and records state it.
    fn byte_order(self) -> ByteOrder {
        if self.big_endian() { ByteOrder::Big } else { ByteOrder::Little }
    }

    /// Whether registers and addresses have 64 bits.
    fn is_64_bit(self) -> bool {
        false
    }

    /// Whether its guests can run: of one that is not complete only instructions are known.
    fn is_complete(self) -> bool {
        true
    }

    /// First address that is not user space.
    fn kernel_start(self) -> VirtAddr;

    /// The virtual address, or the operand, that a value of a register or an address from QEMU stands for. A guest with fewer
    /// bits extends it by zeros, whatever QEMU does.
    #[inline]
    fn address(self, value: u64) -> VirtAddr {
        VirtAddr::new(value)
    }

    /// Decodes one instruction of `len` bytes, in memory order.
    fn decode(self, bytes: [u8; 4], len: usize) -> Option<Decoded>;

    /// Whether an instruction may halt the CPU until an interrupt.
    fn may_halt(self, bytes: [u8; 4], len: usize) -> bool;

    /// Which accesses an instruction may make.
    fn accesses(self, bytes: [u8; 4], len: usize) -> Accesses;

    /// Bytes of the instruction that begins with these two.
    fn insn_len(self, _first: [u8; 2]) -> u64 {
        4
    }

    /// Physical address of a virtual one that no TLB maps.
    #[inline]
    fn unmapped(self, _virt: VirtAddr) -> Option<PhysAddr> {
        None
    }

    /// Whether accesses at an address bypass the caches because of the address alone.
    #[inline]
    fn is_uncached(self, _virt: VirtAddr) -> bool {
        false
    }

    /// Whether an access at an address, of at most 8 bytes, may cross into the next line.
    #[inline]
    fn may_cross(self, _virt: VirtAddr, _line: usize) -> bool {
        false
    }

    /// Whether the instruction may have a delay slot.
    fn may_have_delay_slot(self, _bytes: [u8; 4]) -> bool {
        false
    }

    /// How many of the instructions that follow this one are conditional because of it.
    fn conditional_after(self, _bytes: [u8; 4], _len: usize) -> usize {
        0
    }

    /// A load of one byte to where a cache operation works, without other effect, as it lies in memory; `None` where the
    /// operation itself makes QEMU translate its address.
    fn load_in_place_of(self, _bytes: [u8; 4], _operand: Operand) -> Option<[u8; 4]> {
        None
    }

    /// What an instruction loads or stores, if that is plain.
    fn plain_access(self, _bytes: [u8; 4], _len: usize) -> Option<PlainAccess> {
        None
    }

    /// Whether an instruction leaves a general register as it is, and the next one comes after it; in doubt it does not.
    fn leaves_alone(self, _bytes: [u8; 4], _len: usize, _register: u32) -> bool {
        false
    }

    /// For an instruction that loads or stores at register plus offset, that operand.
    fn access_operand(self, _bytes: [u8; 4]) -> Option<Operand> {
        None
    }

    /// Whether an instruction with this condition field is executed with these flags.
    fn holds(self, _condition: u8, _flags: u64) -> bool {
        true
    }

    /// Number of the register that a call leaves its return address in.
    fn link_register(self) -> u32;

    /// Number of the general register that is always zero.
    fn zero_register(self) -> Option<u32> {
        None
    }

    /// How many general registers QEMU reads by their GDB number without listing them.
    fn unlisted_registers(self) -> u32 {
        0
    }

    /// What a register is for that QEMU lists by this name.
    fn register_role(self, _name: &str) -> Option<RegisterRole> {
        None
    }

    /// Names the registers that are needed and that QEMU does not list, by the roles `found`.
    fn missing_registers(self, _found: &dyn Fn(RegisterRole) -> bool) -> Option<&'static str> {
        None
    }

    /// The address to give QEMU for starting again at an instruction.
    fn restart_address(self, start: VirtAddr, _flags: u64) -> u64 {
        start.get()
    }

    /// Whether the CPU chooses a TLB entry at random when it is asked to replace one.
    fn draws_tlb_entries(self) -> bool {
        false
    }

    /// Whether the caches are on from reset, and stay so.
    fn caches_always_on(self) -> bool {
        true
    }

    /// What a value of the system control register switches on.
    fn caches_state(self, _system_control: u64) -> CachesState {
        CachesState::On
    }

    /// The value of a register that describes the machine, rewritten to describe `caches`.
    fn advertise(self, _what: Advertised, old: u64, _caches: &Config, _aliases_hidden: bool) -> u64 {
        old
    }
}
