// SPDX-License-Identifier: GPL-2.0-or-later
//! What the plugin must know about an instruction, in the terms of no architecture.

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
    /// The sum of two registers (MIPS `PREFX`).
    Indexed {
        /// Number of the first.
        base: u32,
        /// Number of the second.
        index: u32,
    },
    /// The value of a register.
    Register(u32),
    /// None: the instruction works on a whole cache, and its register is where it leaves what it has tested (ARM v5 `MRC`).
    Nothing,
    /// From the address in one register to that in another; the lines of both belong to it (ARM v6 `MCRR`).
    Range {
        /// Number of the register with the first address.
        start: u32,
        /// Number of the register with the last address.
        end: u32,
    },
}

/// A register that describes the machine to the kernel, and is rewritten to describe the model, by the name that its
/// architecture gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertised(pub &'static str);

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
    /// Another thread is about to run, of this process or of another one: Linux writes what the thread is known by.
    ThreadSwitch,
    /// Writes the register that switches MMU and caches, from a general register.
    SystemControl(u32),
}

/// An instruction that matters, and when it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// What it does if it is executed.
    pub special: Special,
    /// The condition field of an ARM instruction, for [`Architecture::holds`](super::architecture::Architecture::holds); `None` for one that is always executed.
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
