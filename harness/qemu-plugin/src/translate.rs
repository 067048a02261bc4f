// SPDX-License-Identifier: GPL-2.0-or-later
//! Translation: what is asked of QEMU for each instruction that it translates.

use cache_model::{Memory, Model};
use trial_record::Mode;

use crate::decode::{Accesses, Advertised, Decoded, Special};
use crate::ffi::{Block, Instruction, Ram};
use crate::plugin::{BlockInfo, Event, HotBlock, Piece, Planned, Plugin, is_kseg1};
use crate::ram::ShadowedRam;

impl Plugin {
    /// Instruments a block that QEMU is about to translate.
    pub fn translate(&mut self, block: &Block<'_>) {
        if self.finished {
            return;
        }
        let modelled = self.options.mode != Mode::Off;
        if modelled && self.model.is_none() {
            self.find_ram(&block.instruction(0));
        }
        let mut pieces: [Option<Piece>; 2] = [None; 2];
        let mut rewrite = None;
        for i in 0..block.count() {
            let instruction = block.instruction(i);
            let (bytes, len) = instruction.bytes();
            let virt = self.guest_address(instruction.virt());
            if let Some((what, register)) = rewrite.take() {
                self.add_event(&instruction, Event::Rewrite { what, register }, true);
            }
            rewrite = self.instrument(&instruction, virt, bytes, len);
            if modelled {
                self.instrument_access(&instruction, virt, bytes, len);
                self.extend(&mut pieces, virt, instruction.host(), len as u32);
            }
        }
        if rewrite.is_some() {
            // The register would be read before the next block's callback could rewrite it: never seen, since
            // neither MFC0 nor RDHWR ends a block, but not to be passed over in silence.
            self.fault("an instruction that describes the machine ends its translation block");
        }
        if let (true, Some(first)) = (modelled, pieces[0]) {
            let insns = block.count() as u32;
            let cacheable =
                self.is_cacheable(&first) && pieces[1].is_none_or(|second| self.is_cacheable(&second));
            let info = BlockInfo { insns, cacheable, first, second: pieces[1] };
            block.on_entry(self.block_number(info));
        }
    }

    fn guest_address(&self, address: u64) -> u64 {
        // Both targets have 32-bit addresses; QEMU may sign-extend them.
        address & 0xffff_ffff
    }

    /// Finds RAM in QEMU's memory from an instruction that lies in it, and takes the shadow.
    fn find_ram(&mut self, instruction: &Instruction<'_>) {
        let Some(phys) = self.qemu.translate(instruction.virt()) else { return };
        let (base, size) = (self.options.ram_base, self.options.ram_size as usize);
        let host = instruction.host();
        if host == 0 || phys < base || phys - base >= size as u64 {
            return;
        }
        self.host_minus_phys = host.wrapping_sub(phys as usize);
        let ram = Ram::new(host - (phys - base) as usize, size);
        let memory = ShadowedRam::new(base, size, ram);
        self.model = Some(Model::new(self.options.icache, self.options.dcache, memory));
    }

    /// Registers callbacks for an instruction that matters; returns a register to rewrite after it.
    fn instrument(
        &mut self,
        instruction: &Instruction<'_>,
        virt: u64,
        bytes: [u8; 4],
        len: usize,
    ) -> Option<(Advertised, u32)> {
        let modelled = self.options.mode != Mode::Off;
        let Decoded { special, condition } = self.target.decode(bytes, len)?;
        let first = self.events.len();
        match special {
            Special::Maintenance(operation, operand) if modelled => {
                let site = self.findings.site(operation, virt);
                self.add_event(instruction, Event::Maintenance { site, operand }, false);
            }
            Special::Marker { kind, argument } => {
                self.add_event(instruction, Event::Marker { kind, argument }, false);
            }
            Special::Translation if modelled => self.add_event(instruction, Event::Translation, false),
            Special::SystemControl(register) if modelled => {
                self.add_event(instruction, Event::SystemControl(register), false);
            }
            Special::Describes { what, into } if self.options.advertise => return Some((what, into)),
            _ => {}
        }
        for event in &mut self.events[first..] {
            event.condition = condition;
        }
        None
    }

    fn instrument_access(&mut self, instruction: &Instruction<'_>, virt: u64, bytes: [u8; 4], len: usize) {
        let accesses = self.target.accesses(bytes, len);
        if accesses == Accesses::NONE {
            return;
        }
        let operand = self.target.access_operand(bytes).filter(|_| self.checker.wants_site());
        if let Some(operand) = operand {
            self.add_event(instruction, Event::Check(operand), false);
        }
        instruction.on_access(virt, accesses, operand.is_some());
    }

    fn add_event(&mut self, instruction: &Instruction<'_>, event: Event, write: bool) {
        instruction.on_execution(self.events.len(), write);
        self.events.push(Planned { event, condition: None });
    }

    /// Adds an instruction's bytes to the pieces of its block.
    fn extend(&self, pieces: &mut [Option<Piece>; 2], virt: u64, host: usize, len: u32) {
        if host == 0 || self.host_minus_phys == 0 {
            return;
        }
        let phys = host.wrapping_sub(self.host_minus_phys) as u64;
        let continues = |piece: &Piece| piece.virt + u64::from(piece.len) == virt;
        let same_page = |piece: &Piece| piece.virt >> 12 == virt >> 12;
        match pieces {
            [Some(piece), None] | [Some(_), Some(piece)] if continues(piece) && same_page(piece) => {
                piece.len += len;
            }
            [slot @ None, _] | [Some(_), slot @ None] => *slot = Some(Piece { virt, phys, len }),
            _ => {}
        }
    }

    fn is_cacheable(&self, piece: &Piece) -> bool {
        let in_ram = |model: &Model<ShadowedRam>| model.memory().contains(piece.phys, piece.len as usize);
        self.model.as_ref().is_some_and(in_ram) && !is_kseg1(self.target, piece.virt)
    }

    fn hot_block(&self, info: &BlockInfo) -> HotBlock {
        let geometry = self.options.icache;
        let Piece { virt, phys, len } = info.first;
        let last = phys + u64::from(len) - 1;
        let lines = (geometry.line_of(last) - geometry.line_of(phys)) >> geometry.line_shift();
        HotBlock {
            line: geometry.line_of(phys),
            insns: info.insns,
            set: geometry.set_of(virt, phys) as u32,
            lines: if info.cacheable && info.second.is_none() { lines as u32 + 1 } else { 0 },
        }
    }

    fn block_number(&mut self, info: BlockInfo) -> usize {
        let next = self.blocks.len();
        let number = *self.known_blocks.entry(info).or_insert(next);
        if number == next {
            self.hot.push(self.hot_block(&info));
            self.blocks.push(info);
        }
        number
    }
}
