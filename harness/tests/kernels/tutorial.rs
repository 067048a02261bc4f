// SPDX-License-Identifier: GPL-2.0-or-later
//! The tutorial, followed to the letter: its commands are run in order, in a copy of the repository.

use std::path::Path;
use std::process::Command;

use crate::bench::Bench;

const TUTORIAL: &str = include_str!("../../doc/tutorial.md");

/// The blocks of the tutorial that are to be typed in, in order; those that get the tool have been done.
fn commands() -> Vec<&'static str> {
    let blocks = TUTORIAL.split("\n```sh\n").skip(1);
    blocks.map(|rest| rest.split("\n```").next().unwrap()).collect()
}

/// Runs commands as they would be typed after the first step: in a repository, with the program in the path.
fn run(root: &Path, commands: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_patcheval")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", commands]).current_dir(root).env("PATH", path);
    let output = bash.env_remove("PATCHEVAL_ROOT").output().unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "in the tutorial:\n{commands}\n{}", text.concat());
    text.concat()
}

#[test]
#[ignore = "builds a third kernel: ci/test --full"]
fn the_tutorial_can_be_followed_to_the_letter() {
    let bench = Bench::with_quick(|text| text);
    let _alone = Bench::alone();
    let blocks = commands();
    assert_eq!(blocks.len(), 9);
    let said: String = blocks.into_iter().map(|block| run(bench.root(), block)).collect();
    // What the text builds on: the bug shows, two patches mend it, the third loses hits, and its second version mends it too.
    let variant = |name: &str, what: &str| {
        said.lines().any(|line| line.split_whitespace().next() == Some(name) && line.contains(what))
    };
    assert!(variant("unfixed", "kernel-oops") && variant("unfixed", "fail: met"), "{said}");
    assert!(variant("in-prepare", "passes-all") && variant("when-armed", "passes-all"), "{said}");
    assert!(variant("by-name", "lost-hit") && variant("by-name", "pass: CONTRADICTED"), "{said}");
    assert!(variant("by-name-v2", "passes-all"), "{said}");
    for sentence in [
        "written by arch_prepare_kprobe (arch/mips/kernel/kprobes.c:131), executed by the kernel, missing: write-back",
        "written by arch_arm_kprobe (arch/mips/kernel/kprobes.c:141), executed by the kernel, missing: write-back",
        "nothing got worse: 4 cells in both: 0 worse, 1 better",
        "In-Reply-To: <20260101000000.1-1-you@example.org>",
    ] {
        assert!(said.contains(sentence), "{sentence}\n{said}");
    }
}
