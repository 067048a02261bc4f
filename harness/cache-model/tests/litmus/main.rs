// SPDX-License-Identifier: GPL-2.0-or-later
//! Litmus tests: a store, maintenance of every kind through every address on every CPU, a fetch; on each machine. What
//! must come out is in `rule.rs`, from the manuals.

mod machines;
mod properties;
mod rule;
mod system;

use std::fmt;

use cache_model::maintenance::{Operation, Scope};
use cache_model::{FlushUse, Model, PlainMemory};

use machines::{Machine, machines};
use rule::{Rule, Verdict};
use system::{System, slots};

/// How one half of the maintenance names the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Omitted,
    Address,
    /// All ways of the set that the address names.
    Index,
    All,
    /// Of all CPUs.
    AllShared,
    /// Both halves at once.
    Synci,
}

/// Something that is done: how, through which of two addresses of the line, on which CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    how: How,
    other_colour: bool,
    other_cpu: bool,
}

/// One litmus test. "Other" is always seen from the fetch for colours and from the store for CPUs.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// The I$ has the line before the store.
    cached: bool,
    store_other_colour: bool,
    clean: Step,
    invalidate: Step,
    invalidate_first: bool,
    /// The line is fetched between the two halves as well.
    fetch_between: bool,
    fetch_other_cpu: bool,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let colour = if self.other_colour { ", other colour" } else { "" };
        let cpu = if self.other_cpu { ", other CPU" } else { "" };
        write!(f, "by {:?}{colour}{cpu}", self.how)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut halves = [format!("clean {}", self.clean), format!("invalidate {}", self.invalidate)];
        if self.invalidate_first {
            halves.swap(0, 1);
        }
        write!(
            f,
            "{}store{}; {}; {}{}; fetch{}",
            if self.cached { "fetch; " } else { "" },
            if self.store_other_colour { ", other colour" } else { "" },
            halves[0],
            if self.fetch_between { "fetch; " } else { "" },
            halves[1],
            if self.fetch_other_cpu { ", other CPU" } else { "" },
        )
    }
}

const PHYS: u64 = 0x4_0100;

/// The two addresses at which the line is mapped, on neighbouring pages; the first is where it is fetched. Index
/// operations through it name the slot of the physical address too.
const ADDRESSES: [u64; 2] = [0x7000_0100, 0x7000_1100];

fn steps(hows: &[How], smp: bool) -> Vec<Step> {
    let mut all = Vec::new();
    for how in hows {
        for (other_colour, other_cpu) in [(false, false), (false, true), (true, false), (true, true)] {
            let nothing = *how == How::Omitted && (other_colour || other_cpu);
            if !nothing && (smp || !other_cpu) {
                all.push(Step { how: *how, other_colour, other_cpu });
            }
        }
    }
    all
}

fn rows(machine: &Machine) -> Vec<Row> {
    let smp = machine.config.cpus > 1;
    let (isa, both) = (machine.isa, [false, true]);
    let mut cleans = vec![How::Omitted, How::Address, How::Index, How::All];
    cleans.extend(isa.synci().map(|_| How::Synci));
    let mut invalidates = vec![How::Omitted, How::Address, How::All];
    invalidates.extend(isa.invalidate_index().map(|_| How::Index));
    invalidates.extend(isa.invalidate_all_shared().map(|_| How::AllShared));
    let mut all = Vec::new();
    for clean in steps(&cleans, smp) {
        for invalidate in steps(&invalidates, smp) {
            for bits in 0..32 {
                let [cached, store_other_colour, invalidate_first, fetch_between, fetch_other_cpu] =
                    [0, 1, 2, 3, 4].map(|bit| both[bits >> bit & 1]);
                if fetch_other_cpu && !smp {
                    continue;
                }
                all.push(Row {
                    cached,
                    store_other_colour,
                    clean,
                    invalidate,
                    invalidate_first,
                    fetch_between,
                    fetch_other_cpu,
                });
            }
        }
    }
    all
}

/// The operations that a step consists of, each with the operands that it takes in turn.
fn operations(machine: &Machine, clean: bool, step: Step) -> Option<(Operation, Vec<u64>)> {
    let isa = machine.isa;
    let at = ADDRESSES[usize::from(step.other_colour)];
    let geometry = if clean { machine.config.dcache } else { machine.config.icache };
    let by_index = if clean { Some(isa.clean_index()) } else { isa.invalidate_index() };
    Some(match step.how {
        How::Omitted => return None,
        How::Synci => (isa.synci()?, vec![at]),
        How::Address => (if clean { isa.clean_address() } else { isa.invalidate_address() }, vec![at]),
        How::AllShared => (isa.invalidate_all_shared()?, vec![0]),
        How::Index => {
            let set = (at >> geometry.line_shift()) as usize & (geometry.sets() - 1);
            (by_index?, (0..geometry.ways()).map(|way| isa.operand(geometry, set, way)).collect())
        }
        How::All => match if clean { isa.clean_all() } else { isa.invalidate_all() } {
            Some(operation) => (operation, vec![0]),
            None => (by_index?, slots(isa, geometry)),
        },
    })
}

/// Runs a row on the model and by the rule; returns what the model said and what the rule says.
fn run(machine: &Machine, cold: &Model<PlainMemory>, row: &Row) -> [(Verdict, Vec<FlushUse>); 2] {
    let mut system = System::new(cold.clone());
    let fetcher = usize::from(row.fetch_other_cpu);
    let written_at = ADDRESSES[usize::from(row.store_other_colour)];
    let mut rule = Rule::new(machine.config, PHYS, fetcher, ADDRESSES[0], written_at);
    let (mut said, mut ruled) = (Vec::new(), Vec::new());
    if row.cached {
        system.fetch(fetcher, ADDRESSES[0], PHYS);
        rule.fetch();
    }
    system.store(0, written_at, PHYS, 0x11);
    rule.store();
    for half in 0..2 {
        let clean = (half == 0) != row.invalidate_first;
        let step = if clean { row.clean } else { row.invalidate };
        let cpu = usize::from(step.other_cpu);
        if let Some((operation, operands)) = operations(machine, clean, step) {
            let all: Vec<FlushUse> = operands
                .iter()
                .map(|virt| {
                    let phys = Some(PHYS).filter(|_| operation.scope == Scope::Address);
                    system.maintain(cpu, &operation, *virt, phys)
                })
                .collect();
            // Of all ways one has the line; the others are empty.
            said.push(
                all.into_iter()
                    .find(|flush_use| *flush_use != FlushUse::Redundant)
                    .unwrap_or(FlushUse::Redundant),
            );
            let whole = Operation { scope: Scope::All, ..operation };
            let as_ruled = if step.how == How::All { whole } else { operation };
            ruled.push(rule.maintain(&as_ruled, cpu, ADDRESSES[usize::from(step.other_colour)]));
        }
        if half == 0 && row.fetch_between {
            system.fetch(fetcher, ADDRESSES[0], PHYS);
            rule.fetch();
        }
    }
    let verdict = system.fetch(fetcher, ADDRESSES[0], PHYS).map(|stale| (stale.missing, stale.dirty_in));
    [(verdict, said), (rule.fetch(), ruled)]
}

/// All rows of the machines of some architecture.
fn judge(ours: impl Fn(&Machine) -> bool) {
    let (mut failures, mut count, mut stale) = (Vec::new(), 0, 0);
    for machine in machines().into_iter().filter(ours) {
        // One page is enough, and is copied for every row.
        let cold = Model::new(machine.config, PlainMemory::new(PHYS & !0xfff, 0x1000));
        for row in rows(&machine) {
            let [model, manual] = run(&machine, &cold, &row);
            count += 1;
            stale += usize::from(manual.0.is_some());
            if model != manual {
                failures
                    .push(format!("{}: {row}\n    model  {model:?}\n    manual {manual:?}", machine.name));
            }
        }
    }
    let shown = failures.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(failures.is_empty(), "{} of {count} rows fail:\n{shown}", failures.len());
    assert!(count > 10_000 && stale > count / 10 && stale < count, "{stale} stale of {count}");
    println!("{count} rows, {stale} of them stale");
}

#[test]
fn mips_does_what_its_manuals_say() {
    judge(|machine| machine.isa.is_mips());
}

#[test]
fn arm_does_what_its_manuals_say() {
    judge(|machine| !machine.isa.is_mips());
}
