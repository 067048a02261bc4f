// SPDX-License-Identifier: GPL-2.0-or-later
//! What only a kernel can show, on real kernels under real QEMU: built once, cached, and run through the command itself. The
//! quick study is run once for all. What runs, shares, resumes and bisects studies is tested on a fake machine, in `fast`.
//!
//! `ci/setup` provides what these need; without it they fail and say what is missing.

mod bench;
mod bisection;
mod campaign;
mod console;
mod equality;
mod figures;
mod guests;
mod history;
mod interruption;
mod litmus;
mod own_patches;
mod scripts;
mod tutorial;

use std::collections::HashSet;
use std::path::Path;

use bench::{Bench, Lines};

/// What the variants of the quick study are known for on the machine on which the bug shows.
#[test]
fn the_quick_study_tells_the_fixes_apart() {
    let run = Bench::quick();
    figures::unfixed_fails_and_every_fix_passes(&run);
    figures::merged_alone_dies_at_its_breakpoint_page(&run);
    figures::coherent_passes_everything(&run);
    figures::prices_are_in_order(&run);
    assert_eq!(run.code(), Some(0), "every expectation of the quick study is met");
}

#[test]
fn arm_passes_every_variant_of_the_quick_study() {
    figures::arm_passes_everything(&Bench::quick());
}

#[test]
fn a_trial_is_replayed_byte_for_byte_and_explained() {
    let run = Bench::quick();
    let bench = run.bench();
    let failed = run.first_failure("mips-6.1/malta-24kf-16k/unfixed/t1-first-return/enforce/");
    let replayed = bench.patcheval(&["replay", &run.dir(), &failed]);
    assert!(replayed.stdout.contains("the same, byte for byte"), "{} {}", replayed.stdout, replayed.stderr);
    assert_eq!(replayed.code, Some(0));
    let story = bench.patcheval(&["explain", &run.dir(), &failed]).stdout;
    assert!(story.contains("missing: Hit_Writeback_Inv_D (or Hit_Writeback_D) of 0x8"), "{story}");
    assert!(story.contains("executed 00000000, memory holds 000d000d"), "{story}");
    assert!(story.contains("last written by "), "{story}");
    assert!(
        story.contains("instructions in r4k_blast_dcache_page_dc32 (arch/mips/include/asm/r4kcache.h:"),
        "{story}"
    );
}

/// A trial in a QEMU of its own leaves the same bytes behind as one in a QEMU that has served others.
#[test]
fn cold_trials_have_the_bytes_of_warm_ones() {
    let quick = Bench::quick();
    let warm: HashSet<String> = quick.text().lines().map(str::to_owned).collect();
    let bench = Bench::with_study("twice", MINI_STUDY, |_| {});
    let cold = bench.run_with(&Bench::alone(), "twice", "cold", &["--cold"]).text();
    assert!(cold.lines().count() > 30);
    for line in cold.lines() {
        assert!(warm.contains(line), "not the bytes of the quick study: {line}");
    }
    assert!(!Path::new(&quick.dir()).join("differences").exists());
}

/// Two CPUs take turns, and nothing of the host may decide whose turn it is.
#[test]
#[ignore = "builds a third kernel: ci/test --full"]
fn two_cpus_give_the_same_bytes_twice() {
    let bench = Bench::with_study("two-cpus", TWO_CPUS_STUDY, |_| {});
    let (first, second) = (bench.run("two-cpus", "first"), bench.run("two-cpus", "second"));
    assert_eq!(first.text(), second.text());
    for (mode, trials) in [("/enforce/", 2 * 6), ("/off/", 2)] {
        assert_eq!((mode, figures::passes(&first.with(mode))), (mode, trials));
    }
}

/// Every trial of the quick study, twice: the longest proof that equal inputs give equal bytes.
#[test]
#[ignore = "takes five minutes: ci/test --full"]
fn the_whole_quick_study_gives_the_same_bytes_twice() {
    let bench = Bench::with_quick(|text| text);
    let (first, second) = (bench.run("quick", "first"), bench.run("quick", "second"));
    assert_eq!(first.code(), Some(0));
    assert_eq!(first.text(), second.text());
}

/// The kernel's own tests: boots from reset, which idle, and scripts.
#[test]
#[ignore = "builds four more kernels: ci/test --full"]
fn the_kernel_s_own_tests_give_the_same_bytes_twice() {
    let bench = Bench::with_quick(|text| text);
    let (first, second) = (bench.run("selftests", "first"), bench.run("selftests", "second"));
    assert_eq!(first.text(), second.text());
    let unknown = first.of("").into_iter().filter(|line| line["outcome"]["result"] == "unknown");
    assert_eq!(unknown.count(), 0);
}

/// Every machine boots, can be restored, and passes all testcases while the model is off.
#[test]
#[ignore = "builds five more kernels: ci/test --full"]
fn every_machine_runs_the_testcases() {
    let bench = Bench::with_quick(|text| text);
    for (study, trials) in [("machines", 16 * 2 * 3), ("mpcore", 2 * 2)] {
        let run = bench.run(study, study);
        let coherent = run.with("/off/");
        assert_eq!((study, figures::passes(&coherent)), (study, trials));
        assert_eq!(coherent.len(), trials);
        // Of all machines, two CPUs of this one have idled most while the host was busy.
        if study == "mpcore" {
            assert_eq!(run.text(), bench.run(study, "again").text());
        }
    }
}

/// CVE-2025-37822: RISC-V wrote slots and executed no fence.i. Which fixes hold, and that equal inputs give equal bytes.
#[test]
#[ignore = "needs `ci/setup --compiler riscv64` and builds seven images: ci/test --full"]
fn risc_v_needs_a_fence_for_each_slot() {
    let bench = Bench::with_quick(|text| text);
    let run = bench.run("riscv-xol", "riscv-xol");
    for machine in ["virt-u74", "virt-u74-no-snoop"] {
        for (variant, result) in [("unfixed", "fail"), ("merged", "pass"), ("dirty-page", "fail")] {
            let trials = run.of(&format!("riscv-6.1/{machine}/{variant}/t2-slot-reuse/enforce/"));
            assert_eq!(trials.len(), 10, "{machine} {variant}");
            assert!(trials.iter().all(|line| line["outcome"]["result"] == result), "{machine}: {trials:?}");
        }
    }
    assert_eq!(run.code(), Some(0), "every expectation of the study is met");
}

/// Without the override that ARM got in 2014, a reused XOL slot still holds the previous probe's instruction.
#[test]
fn arm_without_its_override_fails_slot_reuse() {
    let patch = include_str!("../data/arm-no-ixol-override.patch");
    let bench =
        Bench::with_study("override", OVERRIDE_STUDY, |root| bench::add_variant(root, "no-override", patch));
    let run = bench.run("override", "run");
    let trials = run.of("arm-6.1/virt-a15/no-override/t2-slot-reuse/enforce/");
    assert_eq!(trials.len(), 5);
    assert!(trials.iter().all(|line| line["outcome"]["result"] == "fail"), "{trials:?}");
    assert!(trials.iter().all(|line| line["stale_fetches"].as_u64() > Some(0)));
    let merged = run.of("arm-6.1/virt-a15/ixol-flush/t2-slot-reuse/enforce/");
    assert!(merged.iter().all(|line| line["outcome"]["result"] == "pass"), "{merged:?}");
}

/// With the 2 KB caches that QEMU's 24Kf has by itself, the dirty line is evicted before it is fetched.
#[test]
fn small_caches_hide_the_bug() {
    let bench = Bench::with_study("small", SMALL_STUDY, |_| {});
    let run = bench.run("small", "run");
    let trials = run.of("mips-6.1/malta-24kf-2k/unfixed/t1-first-return/enforce/");
    assert_eq!(trials.len(), 10);
    assert!(trials.iter().all(|line| line["outcome"]["result"] == "pass"), "{trials:?}");
}

/// The merged fix invalidates the I$ at the kernel's address of a slot: where the I$ has aliases, that is not the line from
/// which the user executes it, and a slot that is used again still has the instruction of the probe before.
#[test]
fn the_merged_fix_leaves_slot_reuse_broken_where_the_icache_has_aliases() {
    // With 16 colours those of the two addresses hardly ever agree, wherever the page lies.
    let bench = Bench::with_study("aliases", ALIASES_STUDY, |root| {
        let machines = root.join("kernels/machines");
        let two_colours = std::fs::read_to_string(machines.join("malta-24kc-32k.yaml")).unwrap();
        let many = two_colours
            .replace("name: malta-24kc-32k", "name: malta-16-colours")
            .replace("icache: {sets: 256, ways: 4", "icache: {sets: 2048, ways: 1");
        assert!(many.contains("sets: 2048") && many.contains("addressing: vipt"));
        std::fs::write(machines.join("malta-16-colours.yaml"), many).unwrap();
    });
    let run = bench.run("aliases", "run");
    let reuse = run.of("mips-6.1/malta-16-colours/ixol-flush/t2-slot-reuse/enforce/");
    assert_eq!(reuse.len(), 3);
    assert!(reuse.iter().all(|line| line["outcome"]["result"] == "fail"), "{reuse:?}");
    assert!(reuse.iter().all(|line| line["stale"][0]["missing"] == "invalidate"), "{reuse:?}");
    let without = run.of("mips-6.1/malta-24kc-32k-ar/ixol-flush/t2-slot-reuse/enforce/");
    assert_eq!(without.len(), 3);
    assert!(without.iter().all(|line| line["outcome"]["result"] == "pass"), "{without:?}");
}

/// A model that cries wolf is worth nothing: programs that do what they must are never fetched stale, nor is the kernel.
#[test]
fn userland_that_flushes_as_it_must_is_never_stale() {
    let bench = Bench::with_study("clean", CLEAN_STUDY, |_| {});
    let run = bench.run("clean", "run");
    let trials = run.with("/observe/");
    assert_eq!(trials.len(), 3 * 2);
    assert!(trials.iter().all(|line| line["outcome"]["result"] == "pass"), "{trials:?}");
    assert!(trials.iter().all(|line| line["stale_fetches"] == 0), "{trials:?}");
}

#[test]
fn an_interrupted_run_leaves_nothing_and_goes_on_to_the_same_bytes() {
    interruption::interrupt_and_resume();
}

#[test]
fn killed_machines_lose_and_change_nothing() {
    interruption::kill_machines_and_go_on();
}

/// A part of the quick study: the trials are the same. All its testcases are here, since a guest has those of its study in its
/// initramfs, and so in its memory.
const MINI_STUDY: &str = "\
name: twice
title: \"A part of the quick study, once more\"
targets: [{kernel: mips-6.1, machine: malta-24kf-16k}, {kernel: arm-6.1, machine: virt-a15}]
patches: uprobes-xol
variants: [{variant: unfixed, with: [opcode-page-flush]}]
baseline: unfixed
testcases: [t1-first-return, t2-slot-reuse, t9-entry-after-enable]
seeds: {first: 1, count: 8}
coherent_seeds: 1
";

const TWO_CPUS_STUDY: &str = "\
name: two-cpus
title: \"Two CPUs, twice\"
targets: [{kernel: arm-6.1-smp, machine: virt-a15-smp2}]
patches: uprobes-xol
variants: [{variant: ixol-flush, with: [opcode-page-flush]}]
baseline: ixol-flush
testcases: [t1-first-return, t14-migration]
seeds: {first: 1, count: 6}
coherent_seeds: 1
";

const ALIASES_STUDY: &str = "\
name: aliases
title: \"The merged fix where the I-cache has aliases, and where it has none\"
targets: [{kernel: mips-6.1, machine: malta-16-colours}, {kernel: mips-6.1, machine: malta-24kc-32k-ar}]
patches: uprobes-xol
variants: [{variant: ixol-flush, with: [opcode-page-flush]}]
baseline: ixol-flush
testcases: [t2-slot-reuse]
seeds: {first: 1, count: 3}
coherent_seeds: 1
";

const CLEAN_STUDY: &str = "\
name: clean
title: \"Programs that flush as they must\"
targets:
  - {kernel: mips-6.1, machine: malta-24kf-16k}
  - {kernel: mips-6.1, machine: malta-24kc-32k}
  - {kernel: arm-6.1, machine: virt-a15}
patches: uprobes-xol
variants: [{variant: ixol-flush, with: [opcode-page-flush]}]
baseline: ixol-flush
testcases: [t15-clean-userland]
mode: observe
seeds: {first: 1, count: 2}
coherent_seeds: 1
";

const OVERRIDE_STUDY: &str = "\
name: override
title: \"ARM without its override\"
targets: [{kernel: arm-6.1, machine: virt-a15}]
patches: uprobes-xol
variants: [{variant: no-override}, {variant: ixol-flush}]
baseline: no-override
testcases: [t2-slot-reuse]
seeds: {first: 1, count: 5}
coherent_seeds: 1
";

const SMALL_STUDY: &str = "\
name: small
title: \"QEMU's own caches\"
targets: [{kernel: mips-6.1, machine: malta-24kf-2k}]
patches: uprobes-xol
variants: [{variant: unfixed, with: [opcode-page-flush]}]
baseline: unfixed
testcases: [t1-first-return]
seeds: {first: 1, count: 10}
coherent_seeds: 1
";
