// SPDX-License-Identifier: GPL-2.0-or-later
//! `console` as far as it needs no QEMU, and consoles that are kept on request.

use super::{SCRIPT, out, run, world};
use crate::{STUDY_ERROR, has};

const CELL: &str = "fake/malta-24kf-16k/fixed/t1-first-return";

#[test]
fn the_command_line_of_a_cell_can_be_pasted() {
    let world = world(SCRIPT);
    let words = ["console", CELL, "--study", "pretend", "--seed", "7", "--mode", "observe", "--print"];
    let printed = world.patcheval(&words);
    assert_eq!(printed.code, Some(0), "{printed:?}");
    has(
        &printed.stdout,
        &[
            "env -i PATH=\"$PATH\" LC_ALL=C false -M malta ",
            "patcheval.run=t1-first-return,seed=7,",
            "-serial chardev:console",
        ],
    );
    has(
        &printed.stdout,
        &[
            "-chardev stdio,id=console,mux=on,signal=off,logfile=",
            "/runs/console/console -mon chardev=console",
        ],
    );
    assert!(!printed.stdout.contains(" -S "), "{}", printed.stdout);
    has(&world.read("runs/console/request.json"), &["\"observe\"", "runs/console/record.json"]);
    let debugged = world.patcheval(&[&words[..], &["--gdb"]].concat());
    has(&debugged.stdout, &[" -S -gdb tcp:127.0.0.1:1234"]);
    has(&debugged.stderr, &["gdb: gdb-multiarch /", "/vmlinux -ex 'target remote 127.0.0.1:1234'"]);
    has(&world.fails(&words[..4], STUDY_ERROR), &["a fake machine has no console", "--print"]);
    let wrong = CELL.replace("fixed", "fixt");
    has(
        &world.fails(&["console", &wrong, "--study", "pretend"], STUDY_ERROR),
        &["no variant `fixt`", "`fixed`"],
    );
}

#[test]
fn consoles_of_trials_that_pass_are_kept_on_request() {
    let world = world(SCRIPT);
    let part = ["--only", "fake/*/fixed/t1*"];
    run(&world, "pretend", "some", &part);
    run(&world, "pretend", "all", &[&part[..], &["--keep-consoles"]].concat());
    let kept = |dir: &str, seed: u32| {
        out(&world, dir).join(format!("trials/{CELL}/enforce/{seed}/console")).is_file()
    };
    assert_eq!(
        [1, 2, 3, 4].map(|seed| kept("some", seed)),
        [true, false, false, false],
        "the first of a cell"
    );
    assert_eq!([1, 2, 3, 4].map(|seed| kept("all", seed)), [true; 4]);
    assert_eq!(world.read("some/trials.jsonl"), world.read("all/trials.jsonl"));
}
