// SPDX-License-Identifier: GPL-2.0-or-later
//! How MIPS cores describe their caches to the kernel.

use cache_model::{Config, Geometry};

use crate::arch::instruction::Advertised;

/// CP0 register 16, select 1.
pub(super) const CONFIG1: Advertised = Advertised("Config1");
/// CP0 register 16, select 7, where MIPS Technologies' cores say which aliases their caches have.
pub(super) const CONFIG7: Advertised = Advertised("Config7");
/// Hardware register 1: the step for a loop of SYNCI.
pub(super) const SYNCI_STEP: Advertised = Advertised("SynciStep");

/// Config7 bits that say that the D$ and the I$ have no aliases, though their ways are larger than a page
/// (`MIPS_CONF7_AR`, `MIPS_CONF7_IAR` in `mipsregs.h`).
const CONFIG7_AR: u64 = 1 << 16;
const CONFIG7_IAR: u64 = 1 << 10;

/// Returns the value of a register, rewritten to describe `caches`.
pub(super) fn advertise(what: Advertised, old: u64, caches: &Config, aliases_hidden: bool) -> u64 {
    let (i, d) = (caches.icache, caches.dcache);
    match what {
        SYNCI_STEP => d.line().min(i.line()) as u64,
        CONFIG7 if aliases_hidden => old | CONFIG7_AR | CONFIG7_IAR,
        CONFIG1 => {
            // MIPS32 PRA volume III, Config1: IS 24:22, IL 21:19, IA 18:16, DS 15:13, DL 12:10, DA 9:7.
            let fields = |g: Geometry| {
                // Sets are 64 << n, with 7 for 32 sets.
                let sets = if g.sets() == 32 { 7 } else { g.sets().trailing_zeros().wrapping_sub(6) & 7 };
                u64::from(sets << 6 | (g.line_shift() - 1) << 3) | (g.ways() as u64 - 1)
            };
            old & !(0x3_ffff << 7) | fields(i) << 16 | fields(d) << 7
        }
        _ => old,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config1_describes_both_caches() {
        let icache = Geometry::new(128, 4, 32).unwrap();
        let caches = Config::new(icache, Geometry::new(32, 2, 16).unwrap());
        let config1 = advertise(CONFIG1, 0xffff_ffff, &caches, false);
        // 64 << 1 sets, 2 << 4 bytes, 4 ways; 32 sets, 2 << 3 bytes, 2 ways
        assert_eq!(config1 >> 7 & 0x3_ffff, (1 << 6 | 4 << 3 | 3) << 9 | 7 << 6 | 3 << 3 | 1);
        assert_eq!(config1 | 0x3_ffff << 7, 0xffff_ffff, "the other bits stay");
        assert_eq!(advertise(SYNCI_STEP, 0, &caches, false), 16);
    }

    #[test]
    fn aliases_are_hidden_where_asked() {
        let g = Geometry::new(128, 4, 32).unwrap();
        let caches = Config::new(g, g);
        assert_eq!(advertise(CONFIG7, 1, &caches, true), 1 | CONFIG7_AR | CONFIG7_IAR);
        assert_eq!(advertise(CONFIG7, 1, &caches, false), 1);
    }
}
