// SPDX-License-Identifier: GPL-2.0-or-later
//! What the quick study must show.

use serde_json::Value;

use crate::Lines;

const MALTA: &str = "mips-6.1/malta-24kf-16k";
/// Trials of a cell.
const SEEDS: usize = 8;
const FIXES: [&str; 5] = [
    "ixol-flush",
    "special-mapping-flush",
    "special-mapping-fault-flush",
    "flush-icache-page",
    "lazy-dcache",
];

pub fn passes(trials: &[&Value]) -> usize {
    trials.iter().filter(|line| line["outcome"]["result"] == "pass").count()
}

/// The unfixed kernel fails at least three of eight trials, with the symptoms that hardware shows; every fix passes all.
pub fn unfixed_fails_and_every_fix_passes(run: &Lines) {
    let unfixed = run.of(&format!("{MALTA}/unfixed/t1-first-return/enforce/"));
    assert_eq!(unfixed.len(), SEEDS);
    assert!(passes(&unfixed) <= SEEDS - 3, "{} of {SEEDS} pass", passes(&unfixed));
    for line in unfixed.iter().filter(|line| line["outcome"]["result"] != "pass") {
        let symptom = line["outcome"]["symptom"].as_str().unwrap_or("none");
        assert!(["sigtrap", "sigill", "sigsegv"].contains(&symptom), "{line}");
        assert_eq!(line["detail"]["in_xol"], true, "{line}");
        assert_eq!(line["stale"][0]["user"], true, "{line}");
    }
    for fix in FIXES {
        let trials = run.of(&format!("{MALTA}/{fix}/t1-first-return/enforce/"));
        assert_eq!(passes(&trials), SEEDS, "{fix}");
        assert!(trials.iter().all(|line| line["stale_fetches"] == 0), "{fix}");
    }
}

/// Without the companion, the page with the breakpoint is itself stale.
pub fn merged_alone_dies_at_its_breakpoint_page(run: &Lines) {
    let trials = run.of(&format!("{MALTA}/merged-alone/t9-entry-after-enable/enforce/"));
    assert_eq!(trials.len(), SEEDS);
    assert!(passes(&trials) <= SEEDS - 3, "{} of {SEEDS} pass", passes(&trials));
}

/// With the model off nothing fails, with any variant.
pub fn coherent_passes_everything(run: &Lines) {
    let trials = run.with("/off/");
    // On ARM one variant is the unfixed kernel, and is not tried.
    assert_eq!(trials.len(), (7 + 6) * 3 * 2);
    assert_eq!(passes(&trials), trials.len());
}

/// On ARM v7 a page that nobody announced is flushed when it is mapped: every variant passes everything.
pub fn arm_passes_everything(run: &Lines) {
    let trials = run.of("arm-6.1/virt-a15/");
    // `flush-icache-page` is the unfixed kernel there, and is not tried.
    assert_eq!(run.of("arm-6.1/virt-a15/flush-icache-page/").len(), 0);
    assert_eq!(trials.len(), 6 * 3 * (SEEDS + 2));
    assert_eq!(passes(&trials), trials.len());
}

/// The merged fix is the cheapest in D operations, flushing at each executable fault the dearest in I operations.
pub fn prices_are_in_order(run: &Lines) {
    let mean = |fix: &str, key: &str| {
        let trials = run.of(&format!("{MALTA}/{fix}/t1-first-return/enforce/"));
        trials.iter().map(|line| line[key].as_u64().unwrap()).sum::<u64>() / trials.len() as u64
    };
    for fix in &FIXES[1..] {
        assert!(mean("ixol-flush", "d_operations") < mean(fix, "d_operations"), "{fix}");
    }
    for fix in FIXES.iter().filter(|fix| **fix != "flush-icache-page") {
        assert!(mean("flush-icache-page", "i_operations") > mean(fix, "i_operations"), "{fix}");
    }
}
