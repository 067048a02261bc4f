// SPDX-License-Identifier: GPL-2.0-or-later
//! Machines: what may stand in their files, and what kernels must bring for them.

use super::*;
use crate::plan::hardware::{Addressing, Aliases, ByteOrder, Isa, Replacement, Snoops, Write};

const MALTA: &str = "kernels/machines/malta.yaml";
const KERNEL_FILE: &str = "kernels/mips-6.1.yaml";
const CPU: &str = "cpu: 24Kf";
const ICACHE: &str = "icache: {sets: 128, ways: 4, line: 32";
const DCACHE: &str = "dcache: {sets: 128, ways: 4, line: 32";
const ADVERTISE: &str = "  advertise: true\n";

/// Returns the machine whose file has `from` replaced by `to`.
fn with(from: &str, to: &str) -> Machine {
    assert!(MACHINE.contains(from), "nothing to replace: {from}");
    let mut texts = texts();
    texts.insert(MALTA, MACHINE.replacen(from, to, 1));
    resolve(&load(&texts, STUDY).unwrap()).unwrap().targets[0].machine.clone()
}

#[test]
fn an_old_file_is_one_cpu_with_plain_caches() {
    let machine = plan().targets[0].machine.clone();
    assert_eq!((machine.smp, &machine.dtb, &machine.isa), (1, &None, &None));
    let caches = machine.caches;
    assert_eq!((caches.icache.addressing, caches.icache.replacement), (Addressing::Pipt, Replacement::Lru));
    assert_eq!((caches.dcache.addressing, caches.dcache.replacement), (Addressing::Pipt, Replacement::Lru));
    assert_eq!((caches.dcache.write, caches.snoops), (Write::BackAllocate, Snoops::Nothing));
    assert!(!caches.shared && !caches.globalised && caches.aliases == Aliases::Shown);
    assert_eq!(machine.cache_pairs(), 1);
}

#[test]
fn what_a_file_states_is_in_the_plan() {
    let icache = with(ICACHE, &format!("{ICACHE}, addressing: vipt, replacement: plru")).caches.icache;
    assert_eq!((icache.addressing, icache.replacement), (Addressing::Vipt, Replacement::Plru));
    let dcache = format!("{DCACHE}, addressing: vivt, replacement: round-robin, write: back-no-allocate");
    let dcache = with(DCACHE, &dcache).caches.dcache;
    assert_eq!((dcache.addressing, dcache.replacement), (Addressing::Vivt, Replacement::RoundRobin));
    assert_eq!(dcache.write, Write::BackNoAllocate);
    assert_eq!(with(CPU, "cpu: 34Kf\nsmp: 2").cache_pairs(), 2);
    assert_eq!(with(CPU, "cpu: mips32r6-generic\nisa: mips-r6").isa, Some(Isa::new("mips-r6")));
    let caches = with(ADVERTISE, "  advertise: true\n  snoops: own\n  globalised: true\n  aliases: hidden\n");
    let caches = caches.caches;
    assert_eq!((caches.snoops, caches.globalised, caches.aliases), (Snoops::Own, true, Aliases::Hidden));
    let shared = "  advertise: true\n  shared: true\nsmp: 2\n";
    assert_eq!(with(ADVERTISE, shared).cache_pairs(), 1);
    assert_eq!(with(ADVERTISE, "  snoops: others\nsmp: 2\n").caches.snoops, Snoops::Others);
    assert_eq!(with(CPU, "cpu: 34Kf\ncold: why").cold.as_deref(), Some("why"));
    let wide = with("qemu: mips", "qemu: mips64");
    assert_eq!((wide.qemu.as_str(), wide.byte_order()), ("mips64", ByteOrder::Big));
}

#[test]
fn a_word_that_is_none_is_located_with_those_that_are() {
    assert_eq!(
        broken(MALTA, ICACHE, &format!("{ICACHE}, addressing: vitp")),
        "kernels/machines/malta.yaml:10:54: caches.icache.addressing: unknown variant `vitp`, expected one of `pipt`, \
         `vipt`, `vivt` | did you mean `vipt`?"
    );
    let replacement = broken(MALTA, DCACHE, &format!("{DCACHE}, replacement: rr"));
    assert!(replacement.starts_with("kernels/machines/malta.yaml:11:55: "), "{replacement}");
    assert!(replacement.contains("`lru`, `plru`, `round-robin`, `random`"), "{replacement}");
    let write = broken(MALTA, ICACHE, &format!("{ICACHE}, write: through"));
    assert!(write.contains(":10:42: caches.icache: unknown field `write`"), "{write}");
    assert!(broken(MALTA, DCACHE, &format!("{DCACHE}, write: back")).contains("`back-no-allocate`"));
    assert!(broken(MALTA, ADVERTISE, "  snoops: none\n").contains("`nothing`, `own`, `others`, `all`"));
    assert!(broken(MALTA, ADVERTISE, "  aliases: no\n").contains("`shown` or `hidden`"));
}

#[test]
fn parts_that_do_not_fit_together_are_refused() {
    let why = |from: &str, to: &str| broken(MALTA, from, to).replace("kernels/machines/malta.yaml: ", "");
    assert_eq!(why(CPU, "cpu: 24Kf\nsmp: 0"), "smp: 0 CPUs are not between 1 and 16");
    assert_eq!(why(CPU, "cpu: 24Kf\nsmp: 17"), "smp: 17 CPUs are not between 1 and 16");
    assert_eq!(why(CPU, "cpu: 24Kf\nisa: arm-v6"), "isa: `arm-v6` is not one of mips's | there is: mips-r6");
    assert_eq!(why(ADVERTISE, "  shared: true\n"), "caches.shared: there is one CPU only");
    let lonely = "caches.snoops: there are no other caches to look into";
    assert_eq!(why(ADVERTISE, "  snoops: others\n"), lonely);
    assert_eq!(why(ADVERTISE, "  snoops: all\n  shared: true\nsmp: 2\n"), lonely);
    assert!(why(ADVERTISE, "  aliases: hidden\n").contains("needs `advertise: true`"));
    let virtual_index = format!("{DCACHE}, addressing: vipt}}\n  aliases: hidden\n");
    assert!(
        why(&format!("{DCACHE}}}\n"), &virtual_index)
            .starts_with("caches.aliases: the dcache has some unless")
    );
}

#[test]
fn geometry_is_powers_of_two_with_lines_of_8_to_128_bytes() {
    let why = |sets: u32, ways: u32, line: u32, advertise: bool| {
        let from = format!("{DCACHE}}}\n{ADVERTISE}");
        let to = format!("dcache: {{sets: {sets}, ways: {ways}, line: {line}}}\n  advertise: {advertise}\n");
        let mut texts = texts();
        texts.insert(MALTA, MACHINE.replace(&from, &to));
        load(&texts, STUDY).and_then(|low| resolve(&low)).err().map(|error| error.to_string())
    };
    assert_eq!(why(128, 4, 32, true), None);
    assert_eq!(why(128, 4, 128, true), None);
    let file = "kernels/machines/malta.yaml: caches.dcache";
    assert_eq!(
        why(96, 4, 32, false).unwrap(),
        format!("{file}: sets = 96 is not a power of two between 1 and 65536")
    );
    assert_eq!(
        why(0, 4, 32, false).unwrap(),
        format!("{file}: sets = 0 is not a power of two between 1 and 65536")
    );
    assert_eq!(
        why(128, 4, 256, false).unwrap(),
        format!("{file}: line = 256 is not a power of two between 8 and 128")
    );
    assert!(why(16, 4, 32, true).unwrap().contains("cannot be advertised"));
    assert_eq!(why(16, 4, 32, false), None);
}

#[test]
fn a_device_tree_is_one_that_the_kernel_builds() {
    let mut texts = texts();
    texts.insert(MALTA, MACHINE.replace(CPU, "cpu: 24Kf\ndtb: malta.dtb"));
    let mut why = |dtbs: &str| {
        texts.insert(KERNEL_FILE, format!("{KERNEL}{dtbs}"));
        let error = load(&texts, STUDY).and_then(|low| resolve(&low)).err();
        error.map(|error| format!("{error} | {}", error.hints().join(" ")))
    };
    assert_eq!(
        why("").unwrap(),
        "ci/studies/small.yaml: machine malta needs the device tree malta.dtb, which is not among the `dtbs` of kernel \
         mips-6.1 | there is none at all"
    );
    assert!(why("dtbs: [malti.dtb]\n").unwrap().contains("did you mean `malti.dtb`?"));
    assert_eq!(why("dtbs: [malta.dtb]\n"), None);
    // Since Linux 6.5 some lie in a directory further down.
    assert_eq!(why("dtbs: [mti/malta.dtb, other.dtb]\n"), None);
    assert!(why("dtbs: [a/malta.dtb, malta.dtb]\n").unwrap().contains("`malta.dtb` is named twice"));
    for bad in ["malta", "../malta.dtb", "-k.dtb", "a b.dtb", "/malta.dtb", "A=b.dtb"] {
        let said = why(&format!("dtbs: [\"{bad}\"]\n")).unwrap();
        assert!(said.contains(&format!("dtbs: `{bad}` is not like versatile-pb.dtb")), "{said}");
    }
}
