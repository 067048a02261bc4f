// SPDX-License-Identifier: GPL-2.0-or-later
//! Sweeps: one machine with D-caches of many shapes.

use crate::plan::design::SweepFile;
use crate::plan::hardware::DataCache;
use crate::plan::hardware::MachineFile;
use crate::plan::hardware::Replacement;

/// Returns the machines of a sweep, each under a name that says its D-cache: `malta.d128x4x32.lru` has 128 sets of 4
/// ways with lines of 32 bytes. They come in the order of sets, ways, line and replacement as the study has them.
pub(super) fn machines(sweep: &SweepFile, machine: &MachineFile) -> Vec<MachineFile> {
    let own = machine.caches.dcache;
    let mut machines = Vec::new();
    for sets in choices(&sweep.sets, own.sets) {
        for ways in choices(&sweep.ways, own.ways) {
            for line in choices(&sweep.line, own.line) {
                for replacement in choices(&sweep.replacement, own.replacement) {
                    let dcache = DataCache { sets, ways, line, replacement, ..own };
                    machines.push(with(machine, dcache));
                }
            }
        }
    }
    machines
}

fn choices<T: Copy>(given: &[T], own: T) -> Vec<T> {
    if given.is_empty() { vec![own] } else { given.to_vec() }
}

fn with(machine: &MachineFile, dcache: DataCache) -> MachineFile {
    let DataCache { sets, ways, line, replacement, .. } = dcache;
    let mut machine = machine.clone();
    machine.name = format!("{}.d{sets}x{ways}x{line}.{}", machine.name, word(replacement));
    machine.caches.dcache = dcache;
    machine
}

fn word(replacement: Replacement) -> &'static str {
    match replacement {
        Replacement::Lru => "lru",
        Replacement::Plru => "plru",
        Replacement::RoundRobin => "rr",
        Replacement::Random => "random",
    }
}
