// SPDX-License-Identifier: GPL-2.0-or-later
//! Kernels that are composed by their names, and kernels with files of their own.

use std::collections::BTreeMap;

use super::*;
use crate::error::Error;
use crate::plan::hardware::ByteOrder;

const SOURCES: &str = "\
\"6.1\": {debian: linux-source-6.1}
\"6.12\": {debian: linux-source-6.12}
\"7.3\": {debian: linux-source-7.3, suite: trixie-backports, renamed: {PROC_SYSCTL: SYSCTL}}
";

const FEATURES: &str = "\
kprobes: {fragments: [kprobes.config], provides: [kernel-probes]}
smp: {fragments: [any-smp.config], only: [mips]}
";

/// Returns a repository with parts of kernels and this file of one.
fn parts(file: Option<&str>) -> Texts {
    let mut texts = texts();
    texts.insert("kernels/common/sources.yaml", SOURCES);
    texts.insert("kernels/common/features.yaml", FEATURES);
    for name in ["arm", "v6", "v6-smp", "smp", "any-smp", "kprobes", "highmem", "own"] {
        texts.insert_path(format!("kernels/{name}.config"));
    }
    texts.insert(
        "kernels/machines/virt.yaml",
        MACHINE.replace("mips", "arm").replace("malta", "virt").replace("  advertise: true\n", ""),
    );
    if let Some(file) = file {
        texts.insert("kernels/own.yaml", file);
    }
    texts
}

fn find(texts: &Texts, kernel: &str) -> Result<Kernel, Error> {
    let machine = if kernel.starts_with("mips") { "malta" } else { "virt" };
    let wanted = WantedCell { kernel, machine, testcases: &[], variant: None, seeds: 1 };
    Ok(single(texts, &wanted)?.targets.remove(0).kernel)
}

fn composed(name: &str) -> Kernel {
    find(&parts(None), name).unwrap()
}

fn fragments(kernel: &Kernel) -> String {
    let names = kernel.fragments.iter().map(|path| path.file_stem().unwrap().to_str().unwrap());
    names.collect::<Vec<_>>().join(" ")
}

/// The error about a kernel, with its hints.
fn wrong(texts: &Texts, kernel: &str) -> String {
    let error = find(texts, kernel).unwrap_err();
    [vec![error.to_string()], error.hints().to_vec()].concat().join(" | ")
}

#[test]
fn a_source_says_which_symbols_it_has_by_other_names() {
    assert!(composed("arm-6.12").renamed.is_empty());
    assert_eq!(composed("arm-7.3").renamed, BTreeMap::from([("PROC_SYSCTL".into(), "SYSCTL".into())]));
}

#[test]
fn a_name_is_architecture_source_and_features() {
    let arm = composed("arm-6.12");
    assert_eq!(arm.name, "arm-6.12");
    assert_eq!(arm.source, Source::Debian("linux-source-6.12".into()));
    assert_eq!((arm.cross_compile.as_str(), arm.target.as_str()), ("arm-linux-gnueabihf-", "Image"));
    assert_eq!(
        (arm.guest.cc.as_str(), arm.guest.cflags.as_slice()),
        ("arm-linux-gnueabihf-gcc", &["-marm".into()][..])
    );
    assert_eq!(arm.uimage, Some(Uimage { load: 0x8000 }));
    assert_eq!(fragments(&arm), "arm");
    let both = composed("mips-6.1-kprobes-highmem");
    assert_eq!(fragments(&both), "mips kprobes highmem");
    assert_eq!(both.provides, [Class::new("kernel-probes"), Class::new("highmem")]);
    // Longer than `6.1`, which is a beginning of it.
    assert_eq!(composed("mips-6.12-highmem").source, Source::Debian("linux-source-6.12".into()));
}

#[test]
fn a_board_stands_in_place_of_the_usual_one() {
    let v6 = composed("arm-6.1-v6");
    assert_eq!((fragments(&v6).as_str(), v6.dtbs.as_slice()), ("v6", &["v6.dtb".into()][..]));
    assert_eq!((v6.cross_compile.as_str(), v6.guest.cflags.len()), ("arm-linux-gnueabi-", 2));
    // One word before it is two.
    assert_eq!(fragments(&composed("arm-6.1-v6-smp")), "v6-smp");
    assert_eq!(fragments(&composed("arm-6.1-v6-kprobes-smp")), "v6 kprobes smp");
    assert_eq!(
        wrong(&parts(None), "arm-6.1-v6-v6-smp"),
        "kernel arm-6.1-v6-v6-smp: is for one board, not for `v6` and `v6-smp`"
    );
}

#[test]
fn kernel_and_machine_have_one_byte_order() {
    let mut texts = parts(None);
    assert_eq!(
        wrong(&texts, "mips-6.1-el"),
        "command line: kernel mips-6.1-el is little endian, but machine malta is big endian (`qemu: mips`) | \
         its machines have one of these as `qemu`: mipsel, mips64el"
    );
    let little = MACHINE.replace("qemu: mips", "qemu: mipsel");
    texts.insert("kernels/machines/malta.yaml", little);
    let wanted =
        WantedCell { kernel: "mips-6.1-el", machine: "malta", testcases: &[], variant: None, seeds: 1 };
    let target = single(&texts, &wanted).unwrap().targets.remove(0);
    assert_eq!(target.machine.byte_order(), ByteOrder::Little);
    assert!(wrong(&texts, "mips-6.1").contains("kernel mips-6.1 is big endian, but machine malta is little"));
    let typed = texts.text("kernels/arch/mips.yaml").unwrap().replace("[mips, mips64]", "[mips, mip64]");
    texts.insert("kernels/arch/mips.yaml", typed);
    assert!(wrong(&texts, "mips-6.1").contains("big_endian: `mip64` is not one of the emulators"));
}

#[test]
fn an_architecture_may_have_a_feature_in_its_own_way() {
    let smp = composed("arm-6.1-smp");
    assert_eq!(
        (fragments(&smp).as_str(), smp.guest.cflags.as_slice()),
        ("arm smp", &["-marm".into(), "-pthread".into()][..])
    );
    assert_eq!(fragments(&composed("mips-6.1-smp")), "mips any-smp");
    let texts = parts(None);
    assert!(wrong(&texts, "mips-6.1-highmem-highmem").contains("feature `highmem` is named twice"));
}

#[test]
fn a_study_of_several_versions_has_each_target_with_each_of_them() {
    let study = |versions: &str| {
        let mut texts = parts(None);
        let text = STUDY_TEXT.replace("kernel: mips-6.1,", "kernel: mips-6.12-highmem,");
        texts.insert(STUDY, format!("{text}versions: {versions}\n"));
        load(&texts, STUDY).and_then(|low| resolve(&low))
    };
    let titles = |plan: &Plan| plan.targets.iter().map(Target::title).collect::<Vec<_>>();
    assert_eq!(titles(&study("[]").unwrap()), ["mips-6.12-highmem on malta"]);
    let all = ["mips-6.12-highmem on malta", "mips-6.1-highmem on malta", "mips-7.3-highmem on malta"];
    assert_eq!(titles(&study("['6.1', '6.12', '7.3']").unwrap()), all);
    let wrong = study("['6.2']").unwrap_err().to_string();
    assert!(wrong.contains("versions: kernels/common/sources.yaml has no source `6.2`"), "{wrong}");
}

#[test]
fn a_name_that_cannot_be_composed_says_what_there_is() {
    let texts = parts(Some("name: own\narch: arm\nsource: {directory: linux}\n"));
    assert_eq!(
        wrong(&texts, "arm-6.1-v7"),
        "command line: there is no kernel `arm-6.1-v7`: kernels/arm-6.1-v7.yaml does not exist, and the name is not \
         ARCH-SOURCE[-FEATURE...] | did you mean `arm-6.1-v6`? | kernels with a file of their own: mips-6.1, own | \
         architectures: arm (features: kprobes, smp, v6, v6-smp), mips (features: el, highmem, kprobes, smp); sources: 6.1, 6.12, 7.3"
    );
    for name in ["arm", "arm-", "arm-6.1-", "arm-6.1-virt", "arm-6.12x", "arm-6.1-highmem", "sparc-6.1"] {
        assert!(wrong(&texts, name).contains(&format!("there is no kernel `{name}`")), "{name}");
    }
}

#[test]
fn a_file_of_its_own_takes_what_it_leaves_out_from_the_architecture() {
    let own = |rest: &str| {
        find(&parts(Some(&format!("name: own\narch: arm\nsource: {{directory: linux}}\n{rest}"))), "own")
            .unwrap()
    };
    let plain = own("");
    let usual = Kernel { name: "own".into(), source: plain.source.clone(), ..composed("arm-6.1") };
    assert_eq!((&plain, &plain.source), (&usual, &Source::Directory("linux".into())));
    let v6 = own("board: v6\nfeatures: [kprobes]\nprovides: [driver]\n");
    assert_eq!((fragments(&v6).as_str(), v6.cross_compile.as_str()), ("v6 kprobes", "arm-linux-gnueabi-"));
    assert_eq!(v6.provides, [Class::new("driver"), Class::new("kernel-probes")]);
    // Another image is loaded in another way, and another configuration needs other device trees.
    let whole = own("board: v6\nfragments: [own.config]\ntarget: zImage\nimage: arch/arm/boot/zImage\n");
    assert_eq!((whole.uimage, whole.dtbs.len(), fragments(&whole).as_str()), (None, 0, "own"));
    let wrong = |rest: &str| {
        let texts = parts(Some(&format!("name: own\narch: arm\nsource: {{directory: linux}}\n{rest}")));
        wrong(&texts, "own")
    };
    assert!(wrong("board: v7\n").contains("no board `v7` for arm | did you mean `v6`?"));
    assert!(wrong("features: [kprobe]\n").contains("no feature `kprobe` for arm | did you mean `kprobes`?"));
    assert!(wrong("image: vmlinux\n").contains("`target` and `image` are given together"));
    assert!(wrong("fragments: []\n").contains("names no fragment"));
}

#[test]
fn the_page_is_the_kernels_own_or_its_features_or_its_architectures() {
    let kernel = |arch: &str, features: &str, own: &str| {
        let mut texts = parts(Some(&format!("name: own\narch: arm\nsource: {{directory: linux}}\n{own}")));
        texts.insert("kernels/arch/arm.yaml", format!("{ARM}{arch}"));
        texts.insert("kernels/common/features.yaml", format!("{FEATURES}{features}"));
        texts
    };
    let page = |texts: &Texts, kernel: &str| find(texts, kernel).unwrap().page_size;
    let pages = "p16: {fragments: [own.config], page_size: 16384}\np64: {fragments: [own.config], page_size: 65536}\n";
    let texts = kernel("page_size: 8192\n", pages, "features: [p16]\npage_size: 32768\n");
    assert_eq!(
        ["own", "arm-6.1-p64", "arm-6.1-kprobes", "mips-6.1"].map(|name| page(&texts, name)),
        [32768, 65536, 8192, 4096]
    );
    assert_eq!(
        wrong(&kernel("", pages, "features: [p64, p16]\n"), "own"),
        "kernels/own.yaml: page_size: one feature has 16384, another 65536"
    );
    assert_eq!(
        wrong(&kernel("", "", "page_size: 1024\n"), "own"),
        "kernels/own.yaml: page_size: 1024 is not a power of two between 4096 and 65536"
    );
}

#[test]
fn colours_are_of_the_kernels_pages() {
    let mut texts = parts(Some("name: own\narch: mips\nsource: {directory: linux}\npage_size: 16384\n"));
    let machine = |sets: u32| {
        let shape = |sets: u32| format!("{{sets: {sets}, ways: 2, line: 32, addressing: vipt}}");
        let icache =
            MACHINE.replace("icache: {sets: 128, ways: 4, line: 32}", &format!("icache: {}", shape(sets)));
        icache.replace("dcache: {sets: 128, ways: 4, line: 32}", &format!("dcache: {}", shape(512)))
    };
    let mut classes = |kernel, sets| {
        texts.insert("kernels/machines/malta.yaml", machine(sets));
        let wanted = WantedCell { kernel, machine: "malta", testcases: &[], variant: None, seeds: 1 };
        let classes = single(&texts, &wanted).unwrap().targets.remove(0).classes();
        classes.iter().map(Class::name).filter(|name| name.contains("aliases")).collect::<Vec<_>>().join(" ")
    };
    // A way of 16 KB, and one of 32.
    assert_eq!(classes("mips-6.1", 512), "dcache-aliases icache-aliases");
    assert_eq!((classes("own", 512).as_str(), classes("own", 1024).as_str()), ("", "icache-aliases"));
}

/// Plans of before pages had a size are read, and plans of the usual size are written as they were.
#[test]
fn a_plan_says_the_size_of_pages_where_it_is_not_the_usual_one() {
    let kernel = composed("arm-6.1");
    let text = serde_json::to_string(&kernel).unwrap();
    assert!(!text.contains("page_size"), "{text}");
    assert_eq!(serde_json::from_str::<Kernel>(&text).unwrap(), kernel);
    let large = Kernel { page_size: 16384, ..kernel };
    let text = serde_json::to_string(&large).unwrap();
    assert_eq!(serde_json::from_str::<Kernel>(&text).unwrap(), large);
}

#[test]
fn an_architecture_whose_parts_do_not_fit_is_refused() {
    let with = |from: &str, to: &str| {
        assert!(ARM.contains(from), "{from}");
        let mut texts = parts(None);
        texts.insert("kernels/arch/arm.yaml", ARM.replacen(from, to, 1));
        wrong(&texts, "arm-6.1")
    };
    assert!(
        with("board: virt", "board: vit")
            .contains("board: `vit` is not one of the boards | did you mean `virt`?")
    );
    assert!(with("compiler: armhf", "compiler: armh").contains("boards.virt: there is no compiler `armh`"));
    assert!(with("{smp: {", "{v6: {").contains("`v6` is both a board and a feature"));
    assert!(with("name: arm", "name: amr").contains("says `name: amr`, but is found under the name `arm`"));
    assert!(with("[arm]", "[]").contains("names no emulator"));
}

#[test]
fn an_expectation_may_speak_of_a_kernel_that_could_be_composed() {
    let mut texts = parts(None);
    let with = |texts: &mut Texts, kernel: &str| {
        let expect = format!("expect:\n  - {{kernel: {kernel}, outcome: fail, why: because}}\n");
        texts.insert("patches/xol/merged/variant.yaml", variant("merged", &expect));
        load(texts, STUDY).and_then(|low| resolve(&low))
    };
    assert!(with(&mut texts, "arm-6.12-kprobes").is_ok());
    let error = with(&mut texts, "arm-6.13-kprobes").unwrap_err();
    assert!(error.to_string().contains("there is no kernel `arm-6.13-kprobes` in this study"), "{error}");
}
