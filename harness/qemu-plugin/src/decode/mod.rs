// SPDX-License-Identifier: GPL-2.0-or-later
//! What the plugin must know about an instruction, per architecture.

pub mod arm;
pub mod mips;

use cache_model::maintenance::Operation;

/// Where an instruction finds its operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// Register `base` plus a signed offset.
    Offset {
        /// Number of the register.
        base: u32,
        /// Bytes to add.
        offset: i32,
    },
    /// The value of a register.
    Register(u32),
}

/// A register that describes the machine to the kernel, and is rewritten to describe the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advertised {
    /// MIPS CP0 register 16, select 1.
    Config1,
    /// MIPS hardware register 1: the step for a loop of SYNCI.
    SynciStep,
}

/// An instruction that matters to the plugin beyond its loads and stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// Cache maintenance.
    Maintenance(Operation, Operand),
    /// A marker of the guest protocol, with the register that holds its argument.
    Marker {
        /// 0 to 5: command, setup, armed, run, teardown, end.
        kind: u32,
        /// Number of the argument's register.
        argument: u32,
    },
    /// Reads a register that describes the machine into general register `into`.
    Describes {
        /// Which one.
        what: Advertised,
        /// Number of the register that receives it.
        into: u32,
    },
    /// Changes the translation of addresses.
    Translation,
    /// ARM: writes SCTLR, which switches MMU and caches, from a register.
    SystemControl(u32),
}

/// Which accesses to memory an instruction may make: asking QEMU only about those makes translation cheaper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accesses {
    /// It may load.
    pub loads: bool,
    /// It may store.
    pub stores: bool,
}

impl Accesses {
    /// None at all.
    pub const NONE: Self = Self { loads: false, stores: false };
    /// Loads only.
    pub const LOADS: Self = Self { loads: true, stores: false };
    /// Stores only.
    pub const STORES: Self = Self { loads: false, stores: true };
    /// Either or both; the answer wherever there is doubt.
    pub const BOTH: Self = Self { loads: true, stores: true };
}

/// Instruction set and byte order of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// 32-bit MIPS.
    Mips {
        /// Byte order.
        big_endian: bool,
    },
    /// 32-bit ARM, little endian.
    Arm,
}

impl Target {
    /// Returns the target that QEMU calls `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "mips" => Some(Self::Mips { big_endian: true }),
            "mipsel" => Some(Self::Mips { big_endian: false }),
            "arm" => Some(Self::Arm),
            _ => None,
        }
    }

    /// Whether registers and instructions are big endian.
    pub fn big_endian(self) -> bool {
        self == Self::Mips { big_endian: true }
    }

    /// First address that is not user space: KSEG0, or ARM's module area below the kernel.
    pub fn kernel_start(self) -> u64 {
        match self {
            Self::Mips { .. } => 0x8000_0000,
            Self::Arm => 0xbf00_0000,
        }
    }

    /// Decodes one instruction of 2 or 4 bytes, in memory order.
    pub fn decode(self, bytes: [u8; 4], len: usize) -> Option<Special> {
        match self {
            Self::Mips { big_endian: true } => mips::decode(u32::from_be_bytes(bytes)),
            Self::Mips { big_endian: false } => mips::decode(u32::from_le_bytes(bytes)),
            Self::Arm => arm::decode(bytes, len),
        }
    }

    /// Which accesses an instruction of 2 or 4 bytes, in memory order, may make.
    pub fn accesses(self, bytes: [u8; 4], len: usize) -> Accesses {
        match self {
            Self::Mips { big_endian: true } => mips::accesses(u32::from_be_bytes(bytes)),
            Self::Mips { big_endian: false } => mips::accesses(u32::from_le_bytes(bytes)),
            Self::Arm => arm::accesses(bytes, len),
        }
    }

    /// For an instruction that loads or stores at register plus offset, that operand (MIPS only).
    pub fn access_operand(self, bytes: [u8; 4]) -> Option<Operand> {
        match self {
            Self::Mips { big_endian: true } => mips::access_operand(u32::from_be_bytes(bytes)),
            Self::Mips { big_endian: false } => mips::access_operand(u32::from_le_bytes(bytes)),
            Self::Arm => None,
        }
    }
}
