// SPDX-License-Identifier: GPL-2.0-or-later
//! Stale bytes put into guest memory for the duration of one translation block.

use cache_model::{PhysAddr, VirtAddr};

/// Bytes that lie in guest memory in place of what the data side holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swap {
    /// Physical address of the first byte.
    pub phys: PhysAddr,
    /// What the data side holds, to be put back.
    pub saved: Vec<u8>,
}

/// All swaps that are in force, and where execution restarts because of them.
#[derive(Clone, Debug, Default)]
pub struct Swaps {
    active: Vec<Swap>,
    restart: Option<VirtAddr>,
}

impl Swaps {
    /// Whether stale bytes lie in guest memory.
    #[inline]
    pub fn any(&self) -> bool {
        !self.active.is_empty()
    }

    /// Notes a swap.
    pub fn add(&mut self, swap: Swap) {
        self.active.push(swap);
    }

    /// Notes that the block at `pc` is about to start again.
    pub fn expect_restart(&mut self, pc: VirtAddr) {
        self.restart = Some(pc);
    }

    /// Whether the block at `pc` is the one that was restarted in order to execute the stale bytes.
    ///
    /// An interrupt can come first; then it is not, and the bytes must go before its handler runs.
    pub fn is_restart(&mut self, pc: VirtAddr) -> bool {
        self.restart.take() == Some(pc)
    }

    /// Takes out all swaps, to be undone.
    pub fn take(&mut self) -> Vec<Swap> {
        std::mem::take(&mut self.active)
    }

    /// A store of `bytes` has reached guest memory: where it overlaps a swap, it belongs into the saved bytes.
    pub fn stored(&mut self, phys: PhysAddr, bytes: &[u8]) {
        for swap in &mut self.active {
            for (n, byte) in (0..).zip(bytes) {
                // Where it lies before the first byte, it wraps.
                let at = (phys + n).wrapping_sub(swap.phys) as usize;
                if let Some(saved) = swap.saved.get_mut(at) {
                    *saved = *byte;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_goes_into_the_saved_bytes() {
        let mut swaps = Swaps::default();
        swaps.add(Swap { phys: PhysAddr::new(0x100), saved: vec![1, 2, 3, 4] });
        swaps.stored(PhysAddr::new(0x102), &[9, 8, 7, 6]);
        assert_eq!(swaps.take(), [Swap { phys: PhysAddr::new(0x100), saved: vec![1, 2, 9, 8] }]);
    }

    #[test]
    fn an_interrupt_between_swap_and_restart_is_noticed() {
        let mut swaps = Swaps::default();
        swaps.add(Swap { phys: PhysAddr::new(0x100), saved: vec![0; 4] });
        swaps.expect_restart(VirtAddr::new(0x8000));
        assert!(!swaps.is_restart(VirtAddr::new(0x8018_0180)));
        assert!(swaps.any());
    }
}
