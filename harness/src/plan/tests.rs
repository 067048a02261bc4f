// SPDX-License-Identifier: GPL-2.0-or-later
//! Tests of `load` and `resolve` together, and the small study that the tests of other modules use.

mod hardware;
mod kernels;
mod keys;
mod versions;

use super::*;

/// The study's file in [`texts`].
const STUDY: &str = "ci/studies/small.yaml";

const KERNEL: &str = "\
name: mips-6.1
arch: mips
cross_compile: mips-linux-gnu-
source: {debian: linux-source-6.1}
fragments: [mips.config]
target: vmlinux
image: vmlinux
guest: {cc: mips-linux-gnu-gcc, cflags: [-mips32r2]}
";

/// Architectures without what kernels of their own do not need.
const MIPS: &str = "\
name: mips
title: MIPS
emulators: [mips, mipsel, mips64, mips64el]
big_endian: [mips, mips64]
isas: [mips-r6]
can_advertise: true
target: vmlinux
image: vmlinux
board: malta
boards:
  malta: {compiler: mips, fragments: [mips.config]}
  el: {compiler: mips, fragments: [mips.config], byte_order: little}
compilers: {mips: {prefix: mips-linux-gnu-, packages: [gcc-mips-linux-gnu], cflags: [-mips32r2]}}
features: {highmem: {fragments: [highmem.config], provides: [highmem]}}
oops: [Oops]
";

const ARM: &str = "\
name: arm
title: ARM
emulators: [arm]
isas: [arm-v5, arm-v6]
target: Image
image: arch/arm/boot/Image
uimage: {load: 0x8000}
board: virt
boards:
  virt: {compiler: armhf, fragments: [arm.config]}
  v6: {compiler: armel, fragments: [v6.config], dtbs: [v6.dtb]}
  v6-smp: {compiler: armel, fragments: [v6-smp.config]}
compilers:
  armhf: {prefix: arm-linux-gnueabihf-, packages: [gcc-arm-linux-gnueabihf], cflags: [-marm]}
  armel: {prefix: arm-linux-gnueabi-, packages: [gcc-arm-linux-gnueabi], cflags: [-marm, -march=armv5te]}
features: {smp: {fragments: [smp.config], cflags: [-pthread]}}
oops: [Oops, 'Internal error:']
";

const MACHINE: &str = "\
name: malta
arch: mips
qemu: mips
board: malta
cpu: 24Kf
memory_mib: 64
ram_base: 0x0
append: console=ttyS0
caches:
  icache: {sets: 128, ways: 4, line: 32}
  dcache: {sets: 128, ways: 4, line: 32}
  advertise: true
source: the manual
";

const STUDY_TEXT: &str = "\
name: small
title: Where should the flush go?
targets:
  - {kernel: mips-6.1, machine: malta}
patches: xol
variants:
  - {variant: unfixed, with: [companion]}
  - {variant: merged, with: [companion]}
  - {variant: lazy, with: [companion]}
  - variant: merged
    name: merged-alone
    expect:
      - {arch: mips, testcase: t9, outcome: fail, why: nobody flushes the copied page}
      - {testcase: t1, outcome: any, why: not predicted}
baseline: unfixed
testcases: [t1, t9]
mode: enforce
seeds: {first: 1, count: 4}
coherent_seeds: 1
";

fn variant(name: &str, rest: &str) -> String {
    format!("name: {name}\ntitle: the {name} one\nwhy: because\n{rest}")
}

fn case(name: &str) -> String {
    format!("name: {name}\ntitle: Case {name}\nshows: something\nrepetitions: 1\ndeadline_minsns: 400\n")
}

/// Returns a repository with one kernel, one machine, four variants, two testcases and a study of them.
pub(crate) fn texts() -> Texts {
    let mut texts = Texts::default();
    texts.insert("kernels/mips-6.1.yaml", KERNEL);
    texts.insert("kernels/machines/malta.yaml", MACHINE);
    texts.insert("kernels/arch/mips.yaml", MIPS);
    texts.insert("kernels/arch/arm.yaml", ARM);
    let fails = "expect:\n  - {arch: mips, testcase: t1, outcome: fail, why: slot 0 is never flushed}\n";
    texts.insert("patches/xol/unfixed/variant.yaml", variant("unfixed", fails));
    texts.insert("patches/xol/merged/variant.yaml", variant("merged", ""));
    texts.insert("patches/xol/lazy/variant.yaml", variant("lazy", "on: unfixed\n"));
    texts.insert("patches/xol/companion/variant.yaml", variant("companion", ""));
    texts.insert("testcases/t1/case.yaml", case("t1"));
    texts.insert("testcases/t9/case.yaml", case("t9"));
    texts.insert(STUDY, STUDY_TEXT);
    for path in [
        "kernels/mips.config",
        "patches/xol/unfixed/0001-undo.patch",
        "patches/xol/lazy/0002-b.patch",
        "patches/xol/lazy/0001-a.patch",
        "patches/xol/lazy/notes.txt",
        "patches/xol/companion/0001-c.patch",
        "testcases/t1/main.c",
        "testcases/t9/main.c",
        "testcases/guest/init.c",
    ] {
        texts.insert_path(path);
    }
    texts
}

/// Returns the plan of [`texts`].
pub(crate) fn plan() -> Plan {
    resolve(&load(&texts(), STUDY).unwrap()).unwrap()
}

/// Returns the error, with its hints, that replacing `from` by `to` in the text of `path` leads to.
fn broken(path: &str, from: &str, to: &str) -> String {
    let texts_before = [
        ("kernels/mips-6.1.yaml", KERNEL.to_owned()),
        ("kernels/machines/malta.yaml", MACHINE.to_owned()),
        ("patches/xol/unfixed/variant.yaml", variant("unfixed", "")),
        ("patches/xol/lazy/variant.yaml", variant("lazy", "on: unfixed\n")),
        ("patches/xol/companion/variant.yaml", variant("companion", "")),
        ("testcases/t1/case.yaml", case("t1")),
        (STUDY, STUDY_TEXT.to_owned()),
    ];
    let before = &texts_before.iter().find(|(known, _)| *known == path).unwrap().1;
    assert!(before.contains(from), "nothing to replace in {path}");
    let mut texts = texts();
    texts.insert(path, before.replacen(from, to, 1));
    let error = load(&texts, STUDY).and_then(|low| resolve(&low)).unwrap_err();
    assert_eq!(error.exit_code(), crate::error::exit::STUDY);
    [vec![error.to_string()], error.hints().to_vec()].concat().join(" | ")
}

#[test]
fn a_series_is_what_lies_below_then_its_own_then_the_companions() {
    let plan = plan();
    let series = |name: &str| {
        let variant = plan.variants.iter().find(|variant| variant.name == name).unwrap();
        variant.series.iter().map(|path| path.to_string().replace("patches/xol/", "")).collect::<Vec<_>>()
    };
    assert_eq!(series("merged-alone"), [""; 0]);
    assert_eq!(series("merged"), ["companion/0001-c.patch"]);
    assert_eq!(
        series("lazy"),
        ["unfixed/0001-undo.patch", "lazy/0001-a.patch", "lazy/0002-b.patch", "companion/0001-c.patch"]
    );
}

#[test]
fn expectations_are_pass_unless_the_variant_or_after_it_the_variant_says_otherwise() {
    let plan = plan();
    let expected: Vec<String> = plan
        .cells()
        .iter()
        .map(|cell| format!("{} {} {}", cell.variant.name, cell.testcase.name, cell.expected().0.name()))
        .collect();
    assert_eq!(
        expected,
        [
            "unfixed t1 fail",
            "unfixed t9 pass",
            "merged t1 pass",
            "merged t9 pass",
            "lazy t1 pass",
            "lazy t9 pass",
            "merged-alone t1 any",
            "merged-alone t9 fail",
        ]
    );
    assert_eq!(plan.cells()[0].expected().1, "slot 0 is never flushed");
}

#[test]
fn trials_are_named_once_each_and_the_control_comes_first() {
    let plan = plan();
    let trials: Vec<String> = plan.trials().iter().map(ToString::to_string).collect();
    assert_eq!(trials.len(), 8 * (4 + 1));
    assert_eq!(trials[0], "mips-6.1/malta/unfixed/t1/off/1");
    assert_eq!(trials[1], "mips-6.1/malta/unfixed/t1/enforce/1");
    assert_eq!(trials[4], "mips-6.1/malta/unfixed/t1/enforce/4");
    assert_eq!(trials[5], "mips-6.1/malta/unfixed/t9/off/1");
    assert_eq!(trials.iter().collect::<std::collections::BTreeSet<_>>().len(), trials.len());
    for id in plan.trials() {
        assert_eq!(plan.cell_of(&id).unwrap().trial(id.mode, id.seed), id);
    }
    let error = plan.cell_of(&"mips-6.1/malta/lasy/t1/off/1".parse().unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "study small has no variant `lasy`");
    assert!(error.hints()[0].starts_with("did you mean `lazy`?"));
}

#[test]
fn a_plan_survives_being_written_down() {
    let json = serde_json::to_string(&plan()).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan());
}

#[test]
fn what_does_not_exist_is_named_with_what_does() {
    assert_eq!(
        broken(STUDY, "kernel: mips-6.1", "kernel: mips-61"),
        "ci/studies/small.yaml: there is no kernel `mips-61`: kernels/mips-61.yaml does not exist, and the name is not \
         ARCH-SOURCE[-FEATURE...] | did you mean `mips-6.1`? | kernels with a file of their own: mips-6.1"
    );
    assert!(broken(STUDY, "machine: malta", "machine: virt").contains("no machine `virt`"));
    assert!(
        broken(STUDY, "variant: lazy", "variant: lasy")
            .contains("did you mean `lazy`? there is: companion, ")
    );
    assert!(broken(STUDY, "[companion]", "[komp]").contains("no variant `komp`"));
    assert!(broken(STUDY, "[t1, t9]", "[t1, t8]").contains("no testcase `t8`"));
    let below = broken("patches/xol/lazy/variant.yaml", "on: unfixed", "on: unfix");
    assert!(below.starts_with("patches/xol/lazy/variant.yaml: there is no variant `unfix`"), "{below}");
    let fragment = broken("kernels/mips-6.1.yaml", "[mips.config]", "[mps.config]");
    assert!(fragment.ends_with("| did you mean `mips.config`? there is: mips.config"), "{fragment}");
    assert!(broken(STUDY, "baseline: unfixed", "baseline: companion").contains("is not one of the variants"));
    assert!(
        broken(STUDY, "testcase: t9, outcome", "testcase: t7, outcome").contains("no testcase `t7` in this")
    );
    assert!(
        broken(STUDY, "{arch: mips, testcase: t9", "{arch: x86, testcase: t9")
            .contains("no architecture `x86`")
    );
}

#[test]
fn names_are_unique_and_match_their_files() {
    assert!(broken(STUDY, "    name: merged-alone\n", "").contains("variant `merged` is named twice"));
    assert!(broken(STUDY, "[t1, t9]", "[t1, t9, t1]").contains("testcase `t1` is named twice"));
    let target = "  - {kernel: mips-6.1, machine: malta}\n";
    assert!(broken(STUDY, target, &target.repeat(2)).contains("target `mips-6.1 on malta` is named twice"));
    assert_eq!(
        broken("testcases/t1/case.yaml", "name: t1", "name: t2"),
        "testcases/t1/case.yaml: says `name: t2`, but is found under the name `t1`"
    );
    assert!(broken(STUDY, "name: small", "name: Small").contains("study name `Small` must consist of"));
    assert!(broken(STUDY, "patches: xol", "patches: ../xol").contains("patch set name"));
}

#[test]
fn series_that_make_no_sense_are_refused() {
    let circle = broken("patches/xol/unfixed/variant.yaml", "why:", "on: lazy\nwhy:");
    assert!(circle.contains("`on` goes round in a circle: unfixed on lazy on unfixed"), "{circle}");
    assert!(
        broken(STUDY, "{variant: lazy, with: [companion]}", "{variant: lazy, with: [unfixed]}")
            .contains("variant `lazy` applies `unfixed` twice")
    );
    assert!(broken(STUDY, "[companion]", "[companion, companion]").contains("applies `companion` twice"));
    assert!(
        broken("patches/xol/companion/variant.yaml", "why:", "on: unfixed\nwhy:")
            .contains("variant `merged`: the companion `companion` applies on `unfixed`")
    );
    let mut texts = texts();
    texts.insert("patches/xol/merged/variant.yaml", variant("merged", "on: unfixed\n"));
    let error = load(&texts, STUDY).and_then(|low| resolve(&low)).unwrap_err();
    assert_eq!(error.to_string(), "patches/xol/merged: has `on`, but no patches of its own");
}

#[test]
fn figures_that_make_no_sense_are_refused() {
    assert!(broken(STUDY, "count: 4", "count: 0").contains("seeds.count must be at least 1"));
    assert!(
        broken(STUDY, "coherent_seeds: 1", "coherent_seeds: 0").contains("coherent_seeds must be at least 1")
    );
    assert!(broken(STUDY, "first: 1", "first: 18446744073709551615").contains("seeds.first is too large"));
    assert!(broken(STUDY, "mode: enforce", "mode: off").contains("a study needs the model"));
    assert!(broken("testcases/t1/case.yaml", "repetitions: 1", "repetitions: 0").contains("at least 1"));
    assert!(
        broken("kernels/machines/malta.yaml", "ways: 4", "ways: 3")
            .contains("ways = 3 is not a power of two")
    );
    assert!(
        broken("kernels/machines/malta.yaml", "qemu: mips", "qemu: mps").contains("did you mean `mips`?")
    );
    let machine = broken("kernels/machines/malta.yaml", "arch: mips\nqemu: mips", "arch: arm\nqemu: arm");
    assert!(machine.contains("arm machines cannot advertise"), "{machine}");
    let arch = broken("kernels/machines/malta.yaml", "arch: mips", "arch: mps");
    assert_eq!(
        arch,
        "kernels/machines/malta.yaml: there is no architecture `mps`: kernels/arch/mps.yaml does not exist | did you \
         mean `mips`? there is: arm, mips"
    );
    let kernel = broken("kernels/mips-6.1.yaml", "arch: mips", "arch: arm");
    assert!(kernel.contains("kernel mips-6.1 is for arm, but machine malta is mips"), "{kernel}");
}

#[test]
fn a_load_address_lies_in_memory_that_qemu_loads_to() {
    let mut texts = texts();
    let (kernel, machine) = (KERNEL.replace("arch: mips", "arch: arm"), MACHINE.replace("mips", "arm"));
    texts.insert("kernels/mips-6.1.yaml", format!("{kernel}uimage: {{load: 0x8000}}\n"));
    let mut why = |base: &str| {
        let machine = machine.replace("advertise: true", "advertise: false");
        texts.insert("kernels/machines/malta.yaml", machine.replace("ram_base: 0x0", base));
        load(&texts, STUDY)
            .and_then(|low| resolve(&low))
            .map(|plan| plan.targets[0].load_address())
            .map_err(|e| e.to_string())
    };
    assert_eq!(why("ram_base: 0x40000000").unwrap(), Some(0x4000_8000));
    assert!(
        why("ram_base: 0x100000000")
            .unwrap_err()
            .contains("at 0x100008000, where machine malta has no memory")
    );
    assert_eq!(plan().targets[0].load_address(), None);
    assert_eq!(
        broken("kernels/mips-6.1.yaml", "image: vmlinux", "image: vmlinux\nuimage: {load: 0x8000}"),
        "ci/studies/small.yaml: kernel mips-6.1: boards of mips load no image by `uimage`"
    );
}

#[test]
fn a_misspelt_key_is_located() {
    assert_eq!(
        broken(STUDY, "with: [companion]", "wiht: [companion]"),
        "ci/studies/small.yaml:7:24: variants[0]: unknown field `wiht`, expected one of `variant`, `name`, `with`, \
         `expect` | did you mean `with`?"
    );
}
