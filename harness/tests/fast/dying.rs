// SPDX-License-Identifier: GPL-2.0-or-later
//! How a kernel says that it dies: the texts of the architectures' files against the kernel's own sources, where a kernel's
//! source is in the cache.

use std::path::{Path, PathBuf};

use patcheval::plan::Symptom;
use patcheval::trial::kernel_symptom as kernel;
use patcheval::trial::line::Outcome;
use walkdir::WalkDir;

use crate::say_loudly;

/// The texts of an architecture.
fn texts(arch: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (architectures, _) = patcheval::study::parts(&root).unwrap();
    architectures.into_iter().find(|architecture| architecture.name.name() == arch).unwrap().oops
}

/// Asserts that a console with this line is one of a dying kernel, and that the line is quoted.
fn dies(arch: &str, line: &str) {
    let console = format!("ok 1 one\n[    1.2] {line}\nCPU: 0 PID: 18 Comm: test Not tainted 6.1.192 #1\n");
    let (outcome, detail) = kernel(&console, &texts(arch)).unwrap_or_else(|| panic!("{arch}: {line}"));
    assert_eq!(outcome, Outcome::Fail { symptom: Symptom::KernelOops }, "{arch}: {line}");
    assert_eq!(detail.unwrap().text, format!("[    1.2] {line}"), "{arch}");
}

/// The reasons that kernels 6.1 give, as they come to the console.
#[test]
fn the_ways_to_die_of_6_1() {
    for reason in [
        "Oops",
        "Kernel bug detected",
        "Break instruction in kernel code",
        "Reserved instruction in kernel code",
        "Kernel unaligned instruction access",
        "Unhandled kernel unaligned access",
        "do_cpu invoked from kernel context!",
        "FP exception in kernel code",
        "Integer overflow",
        "CoreHi interrupt",
    ] {
        dies("mips", &format!("{reason}[#1]:"));
    }
    for reason in ["Oops: 5", "Oops - undefined instruction: 0", "kernel stack overflow: 0", ": 8"] {
        dies("arm", &format!("Internal error: {reason} [#1] PREEMPT SMP ARM"));
    }
    for reason in ["Oops", "Kernel BUG", "Oops - illegal instruction", "Oops - load access fault"] {
        dies("riscv", &format!("{reason} [#1]"));
    }
    for arch in ["mips", "arm", "riscv"] {
        dies(arch, "BUG: Bad page state in process init  pfn:01234");
        dies(arch, "BUG: Bad page map in process init  pte:00000001 pmd:00000002");
        dies(arch, "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [init:1]");
        let alive = [
            "WARNING: CPU: 0 PID: 1 at kernel/x.c:1",
            "Linux version 6.1.192 (gcc 12) #1 SMP",
            "ok 1 x [#2]",
        ];
        for line in alive {
            assert_eq!(kernel(line, &texts(arch)), None, "{line}");
        }
    }
    // A user's program may cause one, which gets a signal.
    assert_eq!(kernel("Unhandled fault: alignment exception (0x001) at 0x00010001", &texts("arm")), None);
}

/// The sources in the cache that have this file.
fn sources(file: &str) -> Vec<PathBuf> {
    let cache = patcheval::cache_dir::Cache::locate().unwrap();
    let trees = cache.root().join("source").read_dir().into_iter().flatten().flatten();
    trees.map(|entry| entry.path().join("tree")).filter(|tree| tree.join(file).is_file()).collect()
}

/// The text from the first quotation mark behind `at` to the next one.
fn quoted(text: &str) -> Option<&str> {
    text.split('"').nth(1)
}

/// The reasons with which a directory's files call `die`, by its names.
fn reasons(directory: &Path) -> Vec<String> {
    let mut reasons = Vec::new();
    for entry in WalkDir::new(directory)
        .into_iter()
        .flatten()
        .filter(|e| e.file_name().to_string_lossy().ends_with(".c"))
    {
        let text = std::fs::read_to_string(entry.path()).unwrap();
        for name in ["die(\"", "die_if_kernel(\""] {
            let calls = text
                .match_indices(name)
                .filter(|(at, _)| !text[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
            reasons.extend(calls.filter_map(|(at, _)| quoted(&text[at..])).map(str::to_owned));
        }
    }
    reasons.sort();
    reasons.dedup();
    reasons
}

/// A kernel's format as a line of the console.
fn filled(format: &str, reason: &str) -> String {
    let line = format.replace("\\n", "").replacen("%s", reason, 1);
    line.replace("[#%d]", "[#1]").replace("%s", "init").replace("%x", "5").replace("%05lx", "01234")
}

#[test]
fn each_way_to_die_that_the_sources_have_is_recognised() {
    let trees = sources("arch/mips/kernel/traps.c");
    if trees.is_empty() {
        return say_loudly("no kernel source in the cache: how kernels die was not compared with it");
    }
    for tree in trees {
        let read = |file: &str| std::fs::read_to_string(tree.join(file)).unwrap();
        for arch in ["mips", "arm"] {
            let traps = read(&format!("arch/{arch}/kernel/traps.c"));
            // The only line that counts deaths is die()'s.
            let format = traps.lines().find(|line| line.contains("[#%d]")).and_then(quoted).unwrap();
            let found: Vec<String> = ["kernel", "mm"]
                .iter()
                .flat_map(|part| reasons(&tree.join(format!("arch/{arch}/{part}"))))
                .collect();
            assert!(found.len() >= 3, "{arch}: {found:?}");
            for reason in &found {
                dies(arch, filled(format, reason).trim_end());
            }
            for (file, begins) in [
                ("mm/page_alloc.c", "BUG: Bad page state in process"),
                ("mm/memory.c", "BUG: Bad page map in process"),
                ("kernel/watchdog.c", "BUG: soft lockup"),
            ] {
                let text = read(file);
                let at = text.find(&format!("\"{begins}")).unwrap_or_else(|| panic!("{file}: no {begins}"));
                dies(arch, &filled(quoted(&text[at..]).unwrap(), "init"));
            }
        }
    }
}
