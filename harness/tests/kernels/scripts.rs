// SPDX-License-Identifier: GPL-2.0-or-later
//! Testcases that are shell scripts: busybox is compiled for each architecture, and the kernel's own ftracetest runs.

use std::path::Path;
use std::process::Command;

use crate::bench::Bench;

/// The kernels have uprobe events, but no kprobe events.
const STUDY: &str = "\
name: scripts
title: \"The kernel's own scripts\"
targets: [{kernel: mips-6.1, machine: malta-24kf-16k}, {kernel: arm-6.1, machine: virt-a15}]
patches: uprobes-xol
variants: [{variant: ixol-flush, with: [opcode-page-flush]}]
baseline: ixol-flush
testcases: [k5-ftrace-uprobes, k6-ftrace-kprobes, script-fails]
seeds: {first: 1, count: 1}
coherent_seeds: 1
";

#[test]
fn the_kernel_s_own_scripts_run_and_what_does_not_apply_is_unknown() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/guests/script-fails");
    let bench = Bench::with_study("scripts", STUDY, |root| {
        let copied = Command::new("cp").arg("-r").arg(data).arg(root.join("testcases")).status().unwrap();
        assert!(copied.success());
        for case in ["k5-ftrace-uprobes", "k6-ftrace-kprobes"] {
            let path = root.join("testcases").join(case).join("case.yaml");
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.contains("needs: [ftrace-selftests]\n"));
            std::fs::write(&path, text.replace("needs: [ftrace-selftests]\n", "")).unwrap();
        }
    });
    let run = bench.run("scripts", "run");
    for target in ["mips-6.1/malta-24kf-16k", "arm-6.1/virt-a15"] {
        for mode in ["enforce", "off"] {
            let trial = |case: &str| {
                let trials = run.of(&format!("{target}/ixol-flush/{case}/{mode}/"));
                assert_eq!(trials.len(), 1, "{target} {case} {mode}");
                trials[0].clone()
            };
            let uprobes = trial("k5-ftrace-uprobes");
            assert_eq!(uprobes["outcome"]["result"], "pass", "{uprobes}");
            assert_eq!(uprobes["checks"]["passed"], 1, "{uprobes}");
            let kprobes = trial("k6-ftrace-kprobes");
            assert_eq!(kprobes["outcome"]["cause"], "skipped", "{kprobes}");
            assert!(kprobes["checks"]["skipped"].as_u64() > Some(15), "{kprobes}");
            let fails = trial("script-fails");
            let checks = ["passed", "failed", "skipped"].map(|what| fails["checks"][what].as_u64());
            assert_eq!(checks, [Some(1); 3], "{fails}");
            assert_eq!(fails["detail"]["text"], "fails.tc-1: wrong-result (what=FAIL)", "{fails}");
            let path = format!("trials/{target}/ixol-flush/script-fails/{mode}/1/console");
            let console = std::fs::read_to_string(Path::new(&run.dir()).join(path)).unwrap();
            assert!(console.contains("# the last words"), "{console}");
        }
    }
}
