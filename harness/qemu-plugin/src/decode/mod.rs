// SPDX-License-Identifier: GPL-2.0-or-later
//! What the plugin must know about an instruction, per architecture.

pub mod arm;
pub mod mips;
#[cfg(test)]
mod tests;

use cache_model::maintenance::{ArmVersion, Operation};

use mips::Isa;

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
    /// The sum of two registers (MIPS `PREFX`).
    Indexed {
        /// Number of the first.
        base: u32,
        /// Number of the second.
        index: u32,
    },
    /// The value of a register.
    Register(u32),
    /// From the address in one register to that in another; the lines of both belong to it (ARM v6 `MCRR`).
    Range {
        /// Number of the register with the first address.
        start: u32,
        /// Number of the register with the last address.
        end: u32,
    },
}

/// A register that describes the machine to the kernel, and is rewritten to describe the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advertised {
    /// MIPS CP0 register 16, select 1.
    Config1,
    /// MIPS CP0 register 16, select 7, where MIPS Technologies' cores say which aliases their caches have.
    Config7,
    /// MIPS hardware register 1: the step for a loop of SYNCI.
    SynciStep,
}

/// An instruction that matters to the plugin beyond its loads and stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// Cache maintenance.
    Maintenance(Operation, Operand),
    /// MIPS `PREF` with hint 30: a D$ line may become valid and dirty without having been read.
    PrepareForStore(Operand),
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

/// An instruction that matters, and when it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// What it does if it is executed.
    pub special: Special,
    /// The condition field of an ARM instruction, for [`arm::holds`]; `None` for one that is always executed.
    ///
    /// It is also `None` in an IT block of Thumb-2 code, whose condition stands in another instruction.
    pub condition: Option<u8>,
}

impl From<Special> for Decoded {
    fn from(special: Special) -> Self {
        Self { special, condition: None }
    }
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

    /// What either of two may do.
    pub const fn or(self, other: Self) -> Self {
        Self { loads: self.loads || other.loads, stores: self.stores || other.stores }
    }
}

/// A load or store of one aligned item at a register plus an offset, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainAccess {
    /// Number of the register.
    pub base: u32,
    /// Bytes to add.
    pub offset: i16,
    /// Bytes accessed.
    pub len: u8,
    /// Whether it is a store.
    pub store: bool,
}

/// Instruction set and byte order of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// MIPS, of 32 or 64 bits.
    Mips {
        /// Byte order.
        big_endian: bool,
        /// Width and release.
        isa: Isa,
    },
    /// 32-bit ARM, little endian.
    Arm {
        /// Version of the architecture.
        version: ArmVersion,
    },
}

impl Target {
    /// Returns the target that QEMU calls `name`: MIPS up to Release 5, ARM v7, since a name does not say more than that.
    pub fn from_name(name: &str) -> Option<Self> {
        let mips = |big_endian, isa| Some(Self::Mips { big_endian, isa });
        match name {
            "mips" => mips(true, Isa::Mips32),
            "mipsel" => mips(false, Isa::Mips32),
            "mips64" => mips(true, Isa::Mips64),
            "mips64el" => mips(false, Isa::Mips64),
            "arm" => Some(Self::Arm { version: ArmVersion::V7 }),
            _ => None,
        }
    }

    /// Whether the CPU chooses a TLB entry at random when it is asked to replace one (TLBWR).
    pub fn draws_tlb_entries(self) -> bool {
        matches!(self, Self::Mips { .. })
    }

    /// The same target with Release 6 of MIPS; ARM is left as it is.
    #[must_use]
    pub fn with_release6(self) -> Self {
        match self {
            Self::Mips { big_endian, isa } => Self::Mips { big_endian, isa: isa.release6() },
            arm @ Self::Arm { .. } => arm,
        }
    }

    /// The same target with another version of ARM; MIPS is left as it is.
    #[must_use]
    pub fn with_arm_version(self, version: ArmVersion) -> Self {
        match self {
            Self::Arm { .. } => Self::Arm { version },
            mips @ Self::Mips { .. } => mips,
        }
    }

    /// Whether registers and instructions are big endian.
    pub fn big_endian(self) -> bool {
        matches!(self, Self::Mips { big_endian: true, .. })
    }

    /// Whether registers and addresses have 64 bits.
    pub fn is_64_bit(self) -> bool {
        matches!(self, Self::Mips { isa: Isa::Mips64 | Isa::Mips64R6, .. })
    }

    /// First address, of the low 32 bits, that is not user space: KSEG0, or ARM's module area below the kernel.
    pub fn kernel_start(self) -> u64 {
        match self {
            Self::Mips { .. } => 0x8000_0000,
            Self::Arm { .. } => 0xbf00_0000,
        }
    }

    /// Number of the register that a call leaves its return address in: $ra, lr.
    pub fn link_register(self) -> u32 {
        match self {
            Self::Mips { .. } => 31,
            Self::Arm { .. } => 14,
        }
    }

    /// Decodes one instruction of 2 or 4 bytes, in memory order.
    #[inline]
    pub fn decode(self, bytes: [u8; 4], len: usize) -> Option<Decoded> {
        match self {
            Self::Mips { big_endian, isa } if len == 4 => {
                mips::decode(isa, mips_word(big_endian, bytes)).map(Decoded::from)
            }
            Self::Mips { .. } => None,
            Self::Arm { version } => arm::decode(version, bytes, len),
        }
    }

    /// Whether an instruction of 2 or 4 bytes, in memory order, may halt the CPU until an interrupt.
    #[inline]
    pub fn may_halt(self, bytes: [u8; 4], len: usize) -> bool {
        match self {
            // WAIT
            Self::Mips { big_endian, .. } => {
                len == 4 && mips_word(big_endian, bytes) & 0xfe00_003f == 0x4200_0020
            }
            Self::Arm { .. } => arm::may_halt(bytes, len),
        }
    }

    /// Which accesses an instruction of 2 or 4 bytes, in memory order, may make.
    #[inline]
    pub fn accesses(self, bytes: [u8; 4], len: usize) -> Accesses {
        match self {
            Self::Mips { big_endian, isa } if len == 4 => mips::accesses(isa, mips_word(big_endian, bytes)),
            // MIPS16 or microMIPS
            Self::Mips { .. } => Accesses::BOTH,
            Self::Arm { .. } => arm::accesses(bytes, len),
        }
    }

    /// Physical address of a virtual one that no TLB maps: MIPS KSEG0 and KSEG1.
    #[inline]
    pub fn unmapped(self, virt: u64) -> Option<u64> {
        let unmapped = matches!(self, Self::Mips { .. }) && (0x8000_0000..0xc000_0000).contains(&virt);
        unmapped.then_some(virt & 0x1fff_ffff)
    }

    /// Whether an address is uncached by its place: MIPS KSEG1.
    #[inline]
    pub fn is_uncached(self, virt: u64) -> bool {
        matches!(self, Self::Mips { .. }) && (0xa000_0000..0xc000_0000).contains(&virt)
    }

    /// Whether an access at an address, of at most 8 bytes, may cross into the next line. Only ARM's can: unaligned ones,
    /// and doublewords at a word's alignment.
    #[inline]
    pub fn may_cross(self, virt: u64, line: usize) -> bool {
        let in_line = virt & (line as u64 - 1);
        matches!(self, Self::Arm { .. }) && in_line > line as u64 - 8
    }

    /// Whether the instruction may have a delay slot: of MIPS, all branches and jumps that have one in some release.
    pub fn may_have_delay_slot(self, bytes: [u8; 4]) -> bool {
        let Self::Mips { big_endian, .. } = self else { return false };
        let word = mips_word(big_endian, bytes);
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

    /// A load of one byte to where a MIPS cache operation works, `lb $zero, offset(base)`, as it lies in memory. Not for
    /// CACHEE, which has an address space of its own.
    pub fn load_in_place_of(self, bytes: [u8; 4], operand: Operand) -> Option<[u8; 4]> {
        let (Self::Mips { big_endian, .. }, Operand::Offset { base, offset }) = (self, operand) else {
            return None;
        };
        let word = mips_word(big_endian, bytes);
        let cachee = word >> 26 == 0x1f && word & 0x3f == 0x1b;
        let load = 0x20 << 26 | base << 21 | offset as u32 & 0xffff;
        (!cachee).then(|| if big_endian { load.to_be_bytes() } else { load.to_le_bytes() })
    }

    /// How many instructions a Thumb IT instruction makes conditional, 0 for any other.
    pub fn it_block(self, bytes: [u8; 4], len: usize) -> usize {
        // 1011 1111 firstcond mask: the lowest bit set in the mask is where the block ends (ARM DDI 0406C, A8.8.54).
        let hint = u16::from_le_bytes([bytes[0], bytes[1]]);
        if matches!(self, Self::Arm { .. }) && len == 2 && hint >> 8 == 0xbf && hint & 0xf != 0 {
            4 - (hint & 0xf).trailing_zeros() as usize
        } else {
            0
        }
    }

    /// What an instruction of 4 bytes loads or stores, if that is plain (MIPS only: ARM's encodings do not show by themselves
    /// which instruction set they are of).
    pub fn plain_access(self, bytes: [u8; 4], len: usize) -> Option<PlainAccess> {
        match self {
            Self::Mips { big_endian, isa } if len == 4 => {
                mips::plain_access(isa, mips_word(big_endian, bytes))
            }
            _ => None,
        }
    }

    /// Whether an instruction leaves a general register as it is, and the next one comes after it; in doubt it does not.
    pub fn leaves_alone(self, bytes: [u8; 4], len: usize, register: u32) -> bool {
        match self {
            Self::Mips { big_endian, isa } if len == 4 => {
                mips::leaves_alone(isa, mips_word(big_endian, bytes), register)
            }
            _ => false,
        }
    }

    /// For an instruction that loads or stores at register plus offset, that operand (MIPS only).
    pub fn access_operand(self, bytes: [u8; 4]) -> Option<Operand> {
        match self {
            Self::Mips { big_endian, isa } => mips::access_operand(isa, mips_word(big_endian, bytes)),
            Self::Arm { .. } => None,
        }
    }
}

fn mips_word(big_endian: bool, bytes: [u8; 4]) -> u32 {
    if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}
