// SPDX-License-Identifier: GPL-2.0-or-later
//! Classes and what needs them, rules, sweeps, parameters.

use std::collections::BTreeMap;

use super::*;
use crate::plan::Evidence;
use crate::plan::hardware::Replacement;

const MALTA: &str = "kernels/machines/malta.yaml";
const T1: &str = "testcases/t1/case.yaml";
const SEEDS: &str = "seeds: {first: 1, count: 4}\n";

/// Returns the plan of the small study after these replacements: path, from, to.
fn planned(changes: &[(&str, &str, &str)]) -> Plan {
    let mut texts = texts();
    let before = |path: &str| match path {
        MALTA => MACHINE.to_owned(),
        T1 => case("t1"),
        "kernels/mips-6.1.yaml" => KERNEL.to_owned(),
        _ => STUDY_TEXT.to_owned(),
    };
    for (path, from, to) in changes {
        assert!(before(path).contains(from), "nothing to replace in {path}: {from}");
        texts.insert(*path, before(path).replacen(from, to, 1));
    }
    resolve(&load(&texts, STUDY).unwrap()).unwrap()
}

fn classes(changes: &[(&str, &str, &str)]) -> Vec<String> {
    planned(changes).targets[0].classes().iter().map(|class| class.name().to_owned()).collect()
}

#[test]
fn classes_follow_from_the_caches() {
    assert_eq!(classes(&[]), ["mips"]);
    let aliases = classes(&[(
        MALTA,
        "icache: {sets: 128, ways: 4, line: 32",
        "icache: {sets: 256, ways: 4, line: 32, addressing: vipt",
    )]);
    assert_eq!(aliases, ["icache-aliases", "mips"]);
    // A way of one page has no aliases, however it is indexed.
    let none = (
        MALTA,
        "icache: {sets: 128, ways: 4, line: 32",
        "icache: {sets: 128, ways: 4, line: 32, addressing: vipt",
    );
    assert_eq!(classes(&[none]), ["mips"]);
    let wide = "dcache: {sets: 256, ways: 4, line: 32, addressing: vipt";
    let dcache = (MALTA, "dcache: {sets: 128, ways: 4, line: 32", wide);
    assert_eq!(classes(&[dcache]), ["dcache-aliases", "mips"]);
    let snoops = (MALTA, "  advertise: true", "  advertise: true\n  snoops: own");
    assert_eq!(classes(&[snoops]), ["mips", "snoops"]);
    let highmem = ("kernels/mips-6.1.yaml", "image: vmlinux", "image: vmlinux\nprovides: [highmem]");
    assert_eq!(classes(&[highmem]), ["highmem", "mips"]);
    let fpga = (MALTA, "source: the manual", "provides: [fpga]\nsource: the manual");
    assert_eq!(classes(&[fpga]), ["fpga", "mips"]);
}

#[test]
fn a_testcase_has_cells_only_where_there_is_what_it_needs() {
    let needs = (T1, "repetitions", "needs: [snoops]\nrepetitions");
    let second = "  - {kernel: mips-6.1, machine: malta}\nsweep:\n  - {kernel: mips-6.1, machine: malta, sets: [64]}\n";
    let snoops = (MALTA, "  advertise: true", "  advertise: true\n  snoops: own");
    let both = planned(&[needs, snoops, (STUDY, "  - {kernel: mips-6.1, machine: malta}\n", second)]);
    assert_eq!(both.cells().len(), 2 * 4 * 2);
    let text = broken(T1, "repetitions", "needs: [highmem]\nrepetitions");
    assert_eq!(text, "ci/studies/small.yaml: no target has what testcase `t1` needs: highmem");
    let text = broken(T1, "repetitions", "needs: [higmem]\nrepetitions");
    assert_eq!(
        text,
        "testcases/t1/case.yaml: needs: no kernel and no machine provides `higmem` | did you mean `highmem`? there is: \
         arm, dcache-aliases, highmem, icache-aliases, icache-virtual, mips, smp, snoops"
    );
}

#[test]
fn an_expectation_can_speak_of_a_class() {
    let snoops = (MALTA, "  advertise: true", "  advertise: true\n  snoops: own");
    let entry = "{arch: mips, testcase: t9, outcome: fail, why: nobody flushes the copied page}";
    let of_class = "{class: snoops, testcase: t9, outcome: fail, why: because}";
    let expected = |changes: &[(&str, &str, &str)]| planned(changes).cells()[7].expected().0;
    assert_eq!(expected(&[(STUDY, entry, of_class)]), Expected::Pass);
    assert_eq!(expected(&[(STUDY, entry, of_class), snoops]), Expected::Fail);
    let text = broken(STUDY, entry, &of_class.replace("snoops", "snops"));
    assert!(text.starts_with("ci/studies/small.yaml: variant merged-alone: expect: no kernel"), "{text}");
    assert!(text.contains("did you mean `snoops`?"), "{text}");
}

#[test]
fn what_follows_from_a_machine_is_not_a_files_to_provide() {
    let text = broken("kernels/mips-6.1.yaml", "image: vmlinux", "image: vmlinux\nprovides: [smp]");
    assert!(text.starts_with("kernels/mips-6.1.yaml: provides: `smp` is not a file's to provide"), "{text}");
}

#[test]
fn cells_are_decided_by_a_rule_only_where_the_study_asks() {
    assert_eq!((plan().study.rule, plan().study.evidence), (None, Evidence::StaleFetch));
    let decided =
        |more: &str| planned(&[(STUDY, SEEDS, &format!("{SEEDS}until: decided\n{more}"))]).study.rule;
    assert_eq!(decided(""), Some(Rule::default()));
    let rule = Rule { batch: 2, intolerable: 0.2, ..Rule::default() };
    assert_eq!(decided("rule: {batch: 2, intolerable: 0.2}\n"), Some(rule));
    let wrong = |text: &str| broken(STUDY, SEEDS, &format!("{SEEDS}{text}\n"));
    assert!(wrong("rule: {batch: 2}").ends_with("nothing is decided by it without `until: decided`"));
    assert!(wrong("until: decided\nrule: {batch: 0}").ends_with("rule.batch must be at least 1"));
    assert!(wrong("until: decided\nrule: {tolerable: 0.2}").contains("tolerable < intolerable"));
    assert!(wrong("until: decided\nrule: {alpha: 0.5}").contains("alpha and beta"));
}

#[test]
fn a_sweep_is_a_target_for_each_combination() {
    let sweep = "sweep:\n  - {kernel: mips-6.1, machine: malta, sets: [64, 128], ways: [2], replacement: [lru, random]}\n";
    let plan = planned(&[(STUDY, SEEDS, &format!("{SEEDS}{sweep}"))]);
    let names: Vec<_> = plan.targets.iter().map(|target| target.machine.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "malta",
            "malta.d64x2x32.lru",
            "malta.d64x2x32.random",
            "malta.d128x2x32.lru",
            "malta.d128x2x32.random"
        ]
    );
    let dcache = plan.targets[2].machine.caches.dcache;
    assert_eq!((dcache.sets, dcache.ways, dcache.line, dcache.replacement), (64, 2, 32, Replacement::Random));
    assert_eq!(plan.targets[2].machine.caches.icache, plan.targets[0].machine.caches.icache);
    let text = broken(
        STUDY,
        SEEDS,
        &format!("{SEEDS}sweep:\n  - {{kernel: mips-6.1, machine: malta, sets: [3]}}\n"),
    );
    assert!(text.contains("malta.d3x4x32.lru"), "{text}");
}

#[test]
fn parameters_and_units_are_checked() {
    let two = (
        T1,
        "repetitions: 1",
        "repetitions: 2\nparameters: {kib: 64, threads: 3}\nunit: {name: exec, count: 50}",
    );
    let plan = planned(&[two]);
    assert_eq!(plan.testcases[0].parameters, BTreeMap::from([("kib".into(), 64), ("threads".into(), 3)]));
    assert_eq!(plan.testcases[0].unit.as_ref().unwrap().count, 50);
    for bad in ["parameters: {seed: 1}", "parameters: {Kib: 1}", "unit: {name: exec, count: 0}"] {
        let text = broken(T1, "repetitions: 1", &format!("repetitions: 1\n{bad}"));
        assert!(text.starts_with("testcases/t1/case.yaml: "), "{text}");
    }
}

#[test]
fn symptoms_are_known_words() {
    let text = broken(T1, "repetitions", "symptoms: [sigtrap, sigtrip]\nrepetitions");
    assert!(text.contains("sigtrip"), "{text}");
}

#[test]
fn a_test_of_the_kernels_own_has_no_program_and_one_trial() {
    let boot = "boot: {kunit: kprobes_test, append: quiet}\nneeds: [kprobes-sanity-test]\n";
    let mut texts = texts();
    texts.insert("testcases/k1/case.yaml", case("k1") + boot);
    let provides = KERNEL.replace("image: vmlinux", "image: vmlinux\nprovides: [kprobes-sanity-test]");
    texts.insert("kernels/mips-6.1.yaml", provides);
    texts.insert(STUDY, STUDY_TEXT.replace("[t1, t9]", "[t1, t9, k1]"));
    let plan = resolve(&load(&texts, STUDY).unwrap()).unwrap();
    let result = ResultSource::Kunit { suite: "kprobes_test".into() };
    assert_eq!(plan.testcases[2].boot, Some(Boot { append: "quiet".into(), result }));
    assert!(plan.testcases[2].sources.is_empty());
    let of = |name: &str| plan.trials().iter().filter(|id| id.testcase == name).count();
    assert_eq!((of("t1"), of("k1")), (4 * 5, 4 * 2));

    let refused = |rest: &str| {
        let mut texts = texts.clone();
        texts.insert("testcases/k1/case.yaml", case("k1") + rest);
        let error = resolve(&load(&texts, STUDY).unwrap()).unwrap_err();
        format!("{error}")
    };
    assert!(refused("").ends_with("has no C source"));
    let form = "boot must have exactly one form";
    assert!(refused("boot: {kunit: a, initcall: b}\n").ends_with(form));
    assert!(refused("boot: {begins: a, passes: [b]}\n").ends_with(form));
    assert!(refused("boot: {append: quiet}\n").ends_with(form));
    assert!(refused("boot: {kunit: a, init: true}\n").ends_with(form));
    assert!(refused("boot: {init: false}\n").ends_with(form));
    assert!(refused("boot: {kunit: ''}\n").ends_with("an empty text is found everywhere"));
    assert!(refused("boot: {kunit: a, append: \"a\\nb\"}\n").contains("boot.append"));
    assert!(refused("boot: {kunit: a}\nparameters: {n: 1}\n").contains("the test takes no arguments"));
    texts.insert_path("testcases/k1/main.c");
    let error = resolve(&load(&texts, STUDY).unwrap()).unwrap_err();
    assert!(error.to_string().contains("a C source, which nobody would run"), "{error}");
}
