// SPDX-License-Identifier: GPL-2.0-or-later
//! `console`: what is on the terminal, and the command line that somebody may paste.

use std::process::{Command, Stdio};

use crate::bench::Bench;

const CELL: &str = "mips-6.1/malta-24kf-16k/unfixed/t1-first-return";

/// Runs a command to its end and returns what it printed.
fn output(command: &mut Command) -> String {
    let ended = command.stdin(Stdio::null()).output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    String::from_utf8_lossy(&ended.stdout).into_owned()
}

#[test]
fn a_cell_is_on_the_terminal_and_its_command_line_gives_the_same() {
    let bench = Bench::with_quick(|text| text);
    let _alone = Bench::alone();
    let out = bench.out("console");
    let words = ["console", CELL, "--seed", "2", "--mode", "off", "--out", out.to_str().unwrap()];
    let live = output(&mut bench.command(&words));
    for said in ["Linux version 6.1", "KTAP version 1", "ok 1 "] {
        assert!(live.contains(said), "no `{said}` in {live}");
    }
    let kept = std::fs::read_to_string(out.join("console")).unwrap();
    assert!(kept.contains("KTAP version 1") && out.join("record.json").is_file(), "{kept}");
    let line = output(&mut bench.command(&[&words[..], &["--print"]].concat()));
    let pasted = output(Command::new("sh").args(["-c", &line]));
    let results =
        |text: &str| text.lines().filter(|line| line.contains("ok ")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(results(&pasted), results(&live));
}
