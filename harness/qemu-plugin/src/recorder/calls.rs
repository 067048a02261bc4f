// SPDX-License-Identifier: GPL-2.0-or-later
//! Who called the functions that copy and clear: of a store in one of them, the caller is the one that wrote.
//!
//! They keep their return address where it pleases them, or nowhere (ARM's `memcpy` has data in that register). So it is read
//! when they are entered.

use std::collections::VecDeque;

use cache_model::{Origin, VirtAddr};

/// Functions of Linux that store what others want stored, on MIPS, ARM and RISC-V: `arch/mips/lib/memcpy.S`,
/// `memset.S`, `arch/mips/mm/page.c`, `arch/arm/lib/`, `arch/arm/mm/copypage-*.c`, `arch/riscv/lib/`, `lib/usercopy.c`.
const COPIES: [&str; 26] = [
    "memcpy",
    "__memcpy",
    "mmiocpy",
    "memmove",
    "__rmemcpy",
    "memset",
    "mmioset",
    "__memset",
    "__memset32",
    "__memset64",
    "__memzero",
    "__bzero",
    "copy_page",
    "clear_page",
    "__copy_user",
    "__raw_copy_from_user",
    "__raw_copy_to_user",
    "arm_copy_from_user",
    "arm_copy_to_user",
    "__copy_to_user_std",
    "__asm_copy_from_user",
    "__asm_copy_to_user",
    "_copy_from_user",
    "_copy_to_user",
    "v6_copy_user_highpage_nonaliasing",
    "v4wb_copy_user_highpage",
];

/// Returns whether a function of this name copies or clears for others.
pub(super) fn copies(name: &str) -> bool {
    COPIES.contains(&name)
}

/// A call of such a function.
#[derive(Clone, Copy)]
struct Call {
    /// Where it begins.
    function: VirtAddr,
    caller: VirtAddr,
    /// The low 32 bits of the instruction count.
    icount: u32,
}

/// The calls of one trial, the newest ones.
#[derive(Default)]
pub(super) struct Calls(VecDeque<Call>);

/// How many calls are remembered: those of a short trial.
const REMEMBERED: usize = 1 << 15;

/// How many such functions may call one another.
const DEPTH: usize = 4;

impl Calls {
    pub(super) fn push(&mut self, function: VirtAddr, caller: VirtAddr, icount: u32) {
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(Call { function, caller, icount });
    }

    /// Returns where the first caller that copies for nobody goes on after a store at an address; `None` for a store in another
    /// function, or one whose call is forgotten. `copy_of` finds where the function at an address begins, if it is such.
    pub(super) fn caller(
        &self,
        store: VirtAddr,
        origin: Origin,
        copy_of: impl Fn(VirtAddr) -> Option<VirtAddr>,
    ) -> Option<VirtAddr> {
        let mut function = copy_of(store)?;
        let mut before = self.0.iter().rev().skip_while(|call| call.icount > origin.icount);
        for _ in 0..DEPTH {
            let call = before.find(|call| call.function == function)?;
            match copy_of(call.caller) {
                Some(next) => function = next,
                None => return Some(call.caller),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two functions that copy, of 0x100 bytes each.
    fn copy_of(address: VirtAddr) -> Option<VirtAddr> {
        let start = address.align_down(0x100);
        [0x1000, 0x1100].contains(&start.get()).then_some(start)
    }

    #[test]
    fn the_caller_is_the_first_one_that_copies_for_nobody() {
        let mut calls = Calls::default();
        for (function, caller, icount) in
            [(0x1000, 0x5000, 10), (0x1100, 0x6000, 20), (0x1000, 0x1140, 22), (0x1000, 0x7000, 50)]
        {
            calls.push(VirtAddr::new(function), VirtAddr::new(caller), icount);
        }
        let caller = |store: u64, icount| {
            let found = calls.caller(store.into(), Origin { insn: 1, icount }, copy_of);
            found.map(VirtAddr::get)
        };
        assert_eq!(caller(0x1080, 15), Some(0x5000));
        // By way of the other function.
        assert_eq!(caller(0x1080, 30), Some(0x6000));
        assert_eq!(caller(0x1080, 60), Some(0x7000));
        assert_eq!(caller(0x1180, 60), Some(0x6000));
        assert_eq!((caller(0x1080, 9), caller(0x2000, 60)), (None, None));
    }
}
