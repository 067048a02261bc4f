// SPDX-License-Identifier: GPL-2.0-or-later
//! The machines, and the maintenance that each architecture has.

use cache_model::maintenance::{ArmVersion, MIPS_SYNCI, Operation, arm_mcr, arm_mrc, mips_cache};
use cache_model::{Addressing, Config, Geometry, Replacement, Snoops, Write};

use Addressing::{Pipt, Vipt, Vivt};
use ArmVersion::{V5, V6, V7};
use Isa::{Arm, Mips};

/// Which maintenance there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    Mips { synci: bool },
    Arm(ArmVersion),
}

/// A class of machines that behave alike.
#[derive(Clone, Debug)]
pub struct Machine {
    pub name: &'static str,
    pub isa: Isa,
    pub config: Config,
}

type Shape = (Addressing, u32, u32, u32);

/// MIPS from Release 2 on.
const R2: Isa = Mips { synci: true };

fn machine(name: &'static str, isa: Isa, icache: Shape, dcache: Shape) -> Machine {
    let shape = |(how, sets, ways, line): Shape| Geometry::new(sets, ways, line).unwrap().addressed(how);
    Machine { name, isa, config: Config::new(shape(icache), shape(dcache)) }
}

impl Machine {
    fn cpus(mut self, cpus: usize, globalised: bool, snoops: Snoops) -> Self {
        self.config = Config { cpus, globalised, snoops, ..self.config };
        self
    }

    fn replacing(mut self, policy: Replacement) -> Self {
        self.config =
            Config { icache_replacement: policy, dcache_replacement: policy, random_seed: 9, ..self.config };
        self
    }

    fn writing(mut self, write: Write) -> Self {
        self.config.write = write;
        self
    }
}

/// All machines. A physical index stands for any cache whose ways are no larger than a page, or that hides its aliases
/// (MIPS Config7.AR and IAR).
pub fn machines() -> Vec<Machine> {
    let (k32, k64) = ((256, 4, 32), (512, 4, 32));
    let way = |how, (sets, ways, line): (u32, u32, u32)| (how, sets, ways, line);
    let (none, others) = (Snoops::Nothing, Snoops::Others);
    vec![
        machine("24Kc, 32 KB, aliasing", R2, way(Vipt, k32), way(Vipt, k32)),
        machine("24Kc, 32 KB, no aliases", R2, way(Pipt, k32), way(Pipt, k32)),
        machine("24Kc, I$ 64 KB", R2, way(Vipt, k64), way(Vipt, k32)),
        machine("24Kf, 16 KB", R2, (Pipt, 128, 4, 32), (Pipt, 128, 4, 32)),
        machine("24Kf as in QEMU, 2 KB", R2, (Pipt, 64, 2, 16), (Pipt, 64, 2, 16)),
        machine("34Kc, two VPEs on one pair of caches", R2, way(Vipt, k32), way(Vipt, k32)),
        machine("74Kc, 32 KB, aliasing", R2, way(Vipt, k32), way(Vipt, k32)),
        machine("74Kc, I$ 64 KB", R2, way(Vipt, k64), way(Vipt, k32)),
        machine("1004Kc x 2", R2, way(Pipt, k32), way(Pipt, k32)).cpus(2, true, others),
        machine("interAptiv x 2", R2, way(Pipt, k32), way(Pipt, k32)).cpus(2, true, others),
        machine("P5600", R2, way(Pipt, k32), way(Pipt, k32)),
        machine("BMIPS3300, I$ lines of 64 bytes", Mips { synci: false }, (Vipt, 128, 4, 64), way(Vipt, k32)),
        machine("VR4300", Mips { synci: false }, (Vipt, 512, 1, 32), (Vipt, 512, 1, 16)),
        machine("I6400, I$ fills from the D$", R2, (Pipt, 256, 4, 64), (Pipt, 256, 4, 64)).cpus(
            1,
            true,
            Snoops::Own,
        ),
        machine("Cortex-A7", Arm(V7), (Vipt, 512, 2, 32), (Pipt, 128, 4, 64)),
        machine("Cortex-A9", Arm(V7), way(Vipt, k32), way(Pipt, k32)).replacing(Replacement::Random),
        machine("Cortex-A9 x 2", Arm(V7), way(Vipt, k32), way(Pipt, k32)).cpus(2, true, none),
        machine("Cortex-A15 x 2", Arm(V7), (Pipt, 256, 2, 64), (Pipt, 256, 2, 64)).cpus(2, true, none),
        machine("ARM926", Arm(V5), (Vivt, 128, 4, 32), (Vivt, 128, 4, 32)).replacing(Replacement::RoundRobin),
        machine("ARM926, 64 KB, stores allocate nothing", Arm(V5), way(Vivt, k64), way(Vivt, k64))
            .writing(Write::BackNoAllocate),
        machine("ARM926, write-through", Arm(V5), (Vivt, 128, 4, 32), (Vivt, 128, 4, 32))
            .writing(Write::Through),
        machine("ARM1136, 32 KB, aliasing", Arm(V6), way(Vipt, k32), way(Vipt, k32)),
        machine("ARM1176, 16 KB", Arm(V6), (Pipt, 128, 4, 32), (Pipt, 128, 4, 32)),
        machine("ARM11 MPCore x 2", Arm(V6), way(Vipt, k32), way(Pipt, k32)).cpus(2, false, none),
    ]
}

impl Isa {
    fn arm(self, crm: u32, op2: u32) -> Option<Operation> {
        match self {
            Arm(version) => arm_mcr(version, crm, op2),
            Mips { .. } => None,
        }
    }

    pub fn is_mips(self) -> bool {
        matches!(self, Mips { .. })
    }

    /// Writes back the D$ line of an address: Hit_Writeback_Inv_D as Linux does it, DCCMVA, DCCMVAU.
    pub fn clean_address(self) -> Operation {
        let arm = if self == Arm(V7) { self.arm(11, 1) } else { self.arm(10, 1) };
        arm.unwrap_or_else(|| mips_cache(0x15))
    }

    /// Writes back the D$ line in a slot: Index_Writeback_Inv_D, DCCSW.
    pub fn clean_index(self) -> Operation {
        self.arm(10, 2).unwrap_or_else(|| mips_cache(0x01))
    }

    /// Writes back the whole D$, if there is one operation for that.
    pub fn clean_all(self) -> Option<Operation> {
        match self {
            Arm(V5) => arm_mrc(V5, 10, 3),
            Arm(V6) => arm_mcr(V6, 10, 0),
            _ => None,
        }
    }

    /// Invalidates the I$ line of an address: Hit_Invalidate_I, ICIMVA, ICIMVAU.
    pub fn invalidate_address(self) -> Operation {
        self.arm(5, 1).unwrap_or_else(|| mips_cache(0x10))
    }

    /// Invalidates the I$ line in a slot: Index_Invalidate_I, ICISW; v7 has none.
    pub fn invalidate_index(self) -> Option<Operation> {
        if self.is_mips() { Some(mips_cache(0x00)) } else { self.arm(5, 2) }
    }

    /// Invalidates the whole I$, if there is one operation for that: ICIALL, ICIALLU.
    pub fn invalidate_all(self) -> Option<Operation> {
        self.arm(5, 0)
    }

    /// Invalidates the whole I$ of all CPUs: ICIALLUIS.
    pub fn invalidate_all_shared(self) -> Option<Operation> {
        self.arm(1, 0).filter(|_| self == Arm(V7))
    }

    /// Both halves at once.
    pub fn synci(self) -> Option<Operation> {
        (self == R2).then_some(MIPS_SYNCI)
    }

    /// The operand that names a slot: set and way as MIPS has them in an address, ARM in a register.
    pub fn operand(self, geometry: Geometry, set: usize, way: usize) -> u64 {
        let (set, way) = (set as u64, way as u64);
        if self.is_mips() {
            return 0x8000_0000 + (way * geometry.sets() as u64 + set) * geometry.line() as u64;
        }
        // A direct-mapped cache has no bits for the way.
        let ways = geometry.ways().trailing_zeros();
        let way = if ways == 0 { 0 } else { way << (32 - ways) };
        way | set << geometry.line_shift()
    }
}
