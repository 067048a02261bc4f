// SPDX-License-Identifier: GPL-2.0-or-later
//! The block that is being translated: its instructions, and how they are cut into fetch groups.

use cache_model::maintenance::{Operation, Side};
use cache_model::{PhysAddr, VirtAddr};

use super::fetch_groups::FetchGroup;
use crate::arch::GuestArch;
use crate::arch::architecture::Architecture;
use crate::arch::instruction::{Decoded, Special};
use crate::machine::GuestMachine;
use crate::qemu::api::Block;

/// An instruction of the block.
#[derive(Clone, Copy)]
pub(super) struct BlockInsn {
    pub(super) virt: VirtAddr,
    pub(super) bytes: [u8; 4],
    /// How many of the bytes it has.
    pub(super) len: usize,
    pub(super) decoded: Option<Decoded>,
}

/// A fetch group of the block.
#[derive(Clone, Copy)]
pub(super) struct GroupInBlock {
    pub(super) group: FetchGroup,
    /// Number of its first instruction in the block.
    pub(super) first: usize,
}

/// Reads the instructions of a block into `code`.
pub(super) fn read(arch: GuestArch, block: &Block<'_>, code: &mut Vec<BlockInsn>) {
    code.clear();
    let mut virt = arch.address(block.instruction(0).virt());
    for i in 0..block.count() {
        let (bytes, len) = block.instruction(i).bytes();
        code.push(BlockInsn { virt, bytes, len, decoded: arch.decode(bytes, len) });
        virt = virt + len as u64;
    }
}

/// Cuts a block into the fetch groups of its I$ lines, of `line` bytes; none before RAM has been found.
pub(super) fn cut(
    arch: GuestArch,
    machine: &GuestMachine,
    line: u64,
    block: &Block<'_>,
    code: &[BlockInsn],
    groups: &mut Vec<GroupInBlock>,
) {
    groups.clear();
    let Some(BlockInsn { virt: start, .. }) = code.first().filter(|_| machine.model().is_some()) else {
        return;
    };
    let start = *start;
    let mut cut = BlockCut { groups, restartable: (0, start), conditional: 0, end_of_line: start };
    for (i, BlockInsn { virt, bytes, len, decoded }) in code.iter().copied().enumerate() {
        let end = virt + len as u64;
        if cut.conditional == 0 {
            cut.restartable = (i, virt);
        }
        // An instruction of 4 bytes can lie in two lines.
        while cut.end_of_line < end {
            let from = cut.end_of_line.max(virt);
            let host = if from == virt { block.instruction(i).host() } else { 0 };
            let phys = machine.code_at(from, host).unwrap_or_default();
            cut.begin(i, from, phys, machine.is_cacheable(from, phys));
            cut.end_of_line = from.align_down(line) + line;
        }
        cut.extend(end, len == 2);
        if drops_instructions(decoded) || machine.is_substitute(virt) {
            // What follows in the line may have to be fetched again.
            cut.end_of_line = end;
        }
        cut.after(arch.may_have_delay_slot(bytes).into(), arch.conditional_after(bytes, len));
    }
}

/// Where the cutting of a block stands.
struct BlockCut<'a> {
    groups: &'a mut Vec<GroupInBlock>,
    /// Number and address of the last instruction before which QEMU can be made to start again: not a delay slot, whose
    /// branch would be lost, nor a conditional instruction of a Thumb IT block, whose condition would be.
    restartable: (usize, VirtAddr),
    /// How many instructions from here on are not such.
    conditional: usize,
    /// End of the line of the last group.
    end_of_line: VirtAddr,
}

impl BlockCut<'_> {
    /// Begins a group with the line at `from`, at the last instruction before which QEMU can be made to start again.
    fn begin(&mut self, i: usize, from: VirtAddr, phys: PhysAddr, cacheable: bool) {
        let (first, start) = self.restartable;
        // These instructions change from the group before to this one.
        let insns = (i - first) as u32;
        if let Some(last) = self.groups.last_mut() {
            last.group.insns -= insns.min(last.group.insns);
            last.group.len = (from - last.group.virt) as u32;
        }
        let group = FetchGroup {
            start,
            insns,
            virt: from,
            phys,
            len: 0,
            cacheable,
            narrow: false,
            function: 0,
            kept: 0,
        };
        self.groups.push(GroupInBlock { group, first });
    }

    /// Adds an instruction to the last group, in whose line it ends.
    fn extend(&mut self, end: VirtAddr, narrow: bool) {
        if let Some(GroupInBlock { group, .. }) = self.groups.last_mut() {
            group.len = (end - group.virt) as u32;
            group.insns += 1;
            group.narrow |= narrow;
        }
    }

    fn after(&mut self, slots: usize, conditional: usize) {
        self.conditional = self.conditional.saturating_sub(1).max(slots).max(conditional);
    }
}

/// Whether an instruction may take lines out of the I$.
fn drops_instructions(decoded: Option<Decoded>) -> bool {
    let special = decoded.map(|decoded| decoded.special);
    matches!(special, Some(Special::Maintenance(Operation { side: Side::I | Side::Both, .. }, _)))
}
