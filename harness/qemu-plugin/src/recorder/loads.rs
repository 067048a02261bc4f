// SPDX-License-Identifier: GPL-2.0-or-later
//! Stale loads of one trial, by the instruction that made them.

use std::collections::HashMap;

use cache_model::{StaleLoad, VirtAddr};
use instrument::{ListedLoad, Maintenance, Phase, Record, Writer};

use super::findings::ago;

/// Of how many instructions stale loads are counted one by one: many more than are listed.
const COUNTED: usize = 1 << 12;

/// Where and when a stale load was made.
#[derive(Clone, Copy)]
pub(super) struct LoadPlace {
    /// Virtual address of the instruction.
    pub(super) pc: VirtAddr,
    /// Virtual address of the instruction that stored last to the line, if the model saw it.
    pub(super) writer: VirtAddr,
    pub(super) user: bool,
    pub(super) phase: Phase,
    /// Guest instructions before it.
    pub(super) now: u64,
}

/// What has been found so far.
#[derive(Default)]
pub(super) struct LoadFindings {
    count: u64,
    counts: HashMap<VirtAddr, u64>,
    listed: Vec<ListedLoad>,
}

impl LoadFindings {
    /// How many there were.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Those that are listed, with how many there have been of each instruction.
    pub(super) fn listed(&self) -> Vec<ListedLoad> {
        let counted = |load: &ListedLoad| {
            let count = self.counts.get(&VirtAddr::new(load.pc)).copied().unwrap_or(1);
            ListedLoad { count, ..load.clone() }
        };
        self.listed.iter().map(counted).collect()
    }

    /// Counts a stale load, and lists it if it is the first of its instruction and the list is not full. `history` finds the
    /// writer's caller and the maintenance since the store.
    pub(super) fn add(
        &mut self,
        stale: &StaleLoad,
        place: LoadPlace,
        history: impl FnOnce() -> (Option<VirtAddr>, Vec<Maintenance>),
    ) {
        self.count += 1;
        if let Some(count) = self.counts.get_mut(&place.pc) {
            *count += 1;
            return;
        }
        if self.counts.len() < COUNTED {
            self.counts.insert(place.pc, 1);
        }
        if self.listed.len() < Record::LOADS_LISTED {
            let (caller, past) = history();
            self.listed.push(listed(stale, place, caller, past));
        }
    }
}

fn listed(
    stale: &StaleLoad,
    place: LoadPlace,
    caller: Option<VirtAddr>,
    past: Vec<Maintenance>,
) -> ListedLoad {
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    ListedLoad {
        pc: place.pc.get(),
        address: stale.virt.get(),
        physical: stale.phys.get(),
        user: place.user,
        phase: place.phase,
        instruction: place.now,
        loaded: hex(&stale.loaded),
        expected: hex(&stale.expected),
        missing: stale.missing,
        writer: stale.writer.map(|origin| Writer {
            pc: place.writer.get(),
            instructions_ago: ago(place.now, origin),
            caller: caller.map(VirtAddr::get),
        }),
        colour: stale.colour as u32,
        written_colour: stale.written_colour.map(|colour| colour as u32),
        past,
        count: 1,
    }
}

#[cfg(test)]
mod tests {
    use cache_model::{Missing, Origin};

    use super::*;

    #[test]
    fn an_instruction_is_listed_once_and_counted_each_time() {
        let stale = StaleLoad {
            virt: 0x7fff_8004.into(),
            phys: 0x1004.into(),
            loaded: vec![0, 1],
            expected: vec![0xab, 0],
            missing: Missing::WriteBack,
            writer: Some(Origin { insn: 7, icount: 30 }),
            colour: 1,
            written_colour: Some(0),
        };
        let at = |pc: u64, now| LoadPlace {
            pc: pc.into(),
            writer: 0x8010_0000.into(),
            user: pc < 0x8000_0000,
            phase: Phase::Run,
            now,
        };
        let mut found = LoadFindings::default();
        for (pc, now) in [(0x40_0000, 50), (0x8020_0000, 60), (0x40_0000, 70)] {
            found.add(&stale, at(pc, now), || (None, Vec::new()));
        }
        assert_eq!(found.count(), 3);
        let [first, second] = &found.listed()[..] else { panic!("two instructions") };
        assert_eq!((first.pc, first.count, first.user), (0x40_0000, 2, true));
        assert_eq!((second.pc, second.count, second.user), (0x8020_0000, 1, false));
        assert_eq!((first.loaded.as_str(), first.expected.as_str()), ("0001", "ab00"));
        assert_eq!(first.writer.map(|writer| writer.instructions_ago), Some(20));
    }
}
