// SPDX-License-Identifier: GPL-2.0-or-later
//! Which functions of the kernel do cache maintenance, and how many instructions the guest spends in each.

use cache_model::VirtAddr;
use instrument::{FunctionCost, Phase};

use super::calls::copies;
use crate::arch::GuestArch;
use crate::arch::architecture::Architecture;

/// What is known of a function.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FunctionKind {
    /// Its code has not been looked at.
    Unknown,
    /// It does no maintenance.
    Other,
    /// It does; its number among those that do.
    Flushes(u32),
}

/// The kernel's functions by address, from its `System.map`. Fetch groups refer to those that do maintenance by number.
#[derive(Default)]
pub struct KernelFunctions {
    /// Where each begins, in order; each ends where the next begins.
    starts: Vec<VirtAddr>,
    kinds: Vec<FunctionKind>,
    /// Where each of those begins that do maintenance.
    flushing: Vec<VirtAddr>,
    /// Where each of those begins and ends that copy for others, in order.
    copying: Vec<(VirtAddr, VirtAddr)>,
    /// Where the function asked about last begins and ends, and its number: one function is asked about many times.
    last: (VirtAddr, VirtAddr, u32),
}

/// Longer ones are not looked at: what looks so long is the end of the text, not a function.
const LONGEST: u64 = 1 << 16;

impl KernelFunctions {
    /// Reads the text of a `System.map`: in each line an address in hexadecimal, a type, and a name.
    pub fn parse(text: &str, arch: GuestArch) -> Self {
        let code = |line: &str| {
            let mut words = line.split(' ');
            let address = u64::from_str_radix(words.next()?, 16).ok()?;
            matches!(words.next()?, "T" | "t" | "W" | "w").then_some(arch.address(address))
        };
        let mut starts: Vec<VirtAddr> = text.lines().filter_map(code).collect();
        starts.sort_unstable();
        starts.dedup();
        let copying =
            text.lines().filter(|line| line.rsplit(' ').next().is_some_and(copies)).filter_map(code);
        let end = |start| starts.get(starts.partition_point(|next| *next <= start)).copied();
        let mut copying: Vec<_> = copying.filter_map(|start| Some((start, end(start)?))).collect();
        copying.sort_unstable();
        copying.dedup();
        Self { kinds: vec![FunctionKind::Unknown; starts.len()], starts, copying, ..Self::default() }
    }

    /// Returns where the function at an address begins, if it copies for others.
    pub fn copy_of(&self, address: VirtAddr) -> Option<VirtAddr> {
        let after = self.copying.partition_point(|(start, _)| *start <= address);
        let (start, end) = *self.copying.get(after.checked_sub(1)?)?;
        (address < end).then_some(start)
    }

    /// Returns the number, above 0, of the function at an address if it does maintenance, else 0. `flushes` looks
    /// through the code of a function, from its first byte to the one after its last.
    pub fn number(&mut self, address: VirtAddr, flushes: impl FnOnce(VirtAddr, VirtAddr) -> bool) -> u32 {
        if (self.last.0..self.last.1).contains(&address) {
            return self.last.2;
        }
        let next = self.starts.partition_point(|start| *start <= address);
        let (Some(this), Some(end)) = (next.checked_sub(1), self.starts.get(next)) else { return 0 };
        let start = self.starts[this];
        if self.kinds[this] == FunctionKind::Unknown {
            self.kinds[this] = if *end - start <= LONGEST && flushes(start, *end) {
                self.flushing.push(start);
                FunctionKind::Flushes(self.flushing.len() as u32)
            } else {
                FunctionKind::Other
            };
        }
        let number = match self.kinds[this] {
            FunctionKind::Flushes(number) => number,
            _ => 0,
        };
        self.last = (start, *end, number);
        number
    }
}

/// Instructions of one trial in the functions that do maintenance, by number and phase.
#[derive(Default)]
pub struct FunctionCosts(Vec<[u64; Phase::ALL.len()]>);

impl FunctionCosts {
    /// Counts instructions in a function, by its number; 0 is none.
    #[inline]
    pub fn count(&mut self, number: u32, phase: Phase, instructions: i64) {
        let Some(at) = (number as usize).checked_sub(1) else { return };
        if self.0.len() <= at {
            self.0.resize(at + 1, [0; Phase::ALL.len()]);
        }
        let count = &mut self.0[at][phase as usize];
        *count = count.saturating_add_signed(instructions);
    }

    /// Functions in which instructions were counted, by address.
    pub fn all(&self, functions: &KernelFunctions) -> Vec<FunctionCost> {
        let counted = self.0.iter().zip(&functions.flushing);
        let counted = counted.filter(|(instructions, _)| **instructions != [0; Phase::ALL.len()]);
        let mut costs: Vec<_> = counted
            .map(|(instructions, pc)| FunctionCost { pc: pc.get(), instructions: *instructions })
            .collect();
        costs.sort_by_key(|cost| cost.pc);
        costs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_that_copy_are_known_by_name() {
        let map =
            "80100000 T memcpy\n80100040 t l_exc\n80100080 T copy_page\n80100080 T other\n80100100 T c\n";
        let functions = KernelFunctions::parse(map, GuestArch::from_name("mips").unwrap());
        let copy_of = |address: u64| functions.copy_of(address.into()).map(VirtAddr::get);
        let found = [0x8010_0000, 0x8010_003c, 0x8010_0040, 0x8010_00fc, 0x8010_0100, 0].map(copy_of);
        assert_eq!(found, [Some(0x8010_0000), Some(0x8010_0000), None, Some(0x8010_0080), None, None]);
    }

    #[test]
    fn counts_what_lies_in_functions_that_flush() {
        let map = "80100000 T a\n80100040 t blast\n80100080 D data\n80100100 T c\n";
        let mut functions = KernelFunctions::parse(map, GuestArch::from_name("mips").unwrap());
        let flushes = |start: VirtAddr, end: VirtAddr| (start.get(), end.get()) == (0x8010_0040, 0x8010_0100);
        assert_eq!(functions.number(VirtAddr::new(0x8010_0000), flushes), 0);
        let blast = functions.number(VirtAddr::new(0x8010_0044), flushes);
        assert_eq!(functions.number(VirtAddr::new(0x8010_00fc), |_, _| unreachable!()), blast);
        assert_eq!(functions.number(VirtAddr::new(0x8000_0000), flushes), 0);
        let mut costs = FunctionCosts::default();
        costs.count(blast, Phase::Run, 10);
        costs.count(blast, Phase::Run, -3);
        costs.count(0, Phase::Run, 5);
        let cost = FunctionCost { pc: 0x8010_0040, instructions: [0, 0, 0, 7, 0] };
        assert_eq!(costs.all(&functions), [cost]);
    }
}
