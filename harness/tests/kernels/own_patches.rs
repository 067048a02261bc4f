// SPDX-License-Identifier: GPL-2.0-or-later
//! `try` on a real kernel, with a patch of the repository as somebody's own.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Instant;

use crate::bench::{Bench, Lines};

/// Its patch applies to the kernel with the bug, and fixes it.
const PATCH: &str = "patches/uprobes-xol/special-mapping-flush/0001-mm-Flush-the-pages-of-a-special-mapping-when-it-is-i.patch";

/// The name that is made of its subject.
const NAME: &str = "mm-flush-the-pages-of-a-special-mapping";

#[test]
fn an_own_patch_is_tried_and_its_study_gives_the_same_bytes() {
    let bench = Bench::with_quick(|text| text);
    let alone = Bench::alone();
    let (patch, begun) = (bench.root().join(PATCH), Instant::now());
    let mut tried = bench.command(&["try", patch.to_str().unwrap(), "--seeds", "8"]);
    let mut tried = tried.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut cells = Vec::new();
    let mut stderr = String::new();
    for line in BufReader::new(tried.stderr.take().unwrap()).lines().map(Result::unwrap) {
        if line.contains("t1-first-return: ") && line.contains(" of 8 pass") {
            cells.push((line.clone(), begun.elapsed()));
        }
        stderr += &(line + "\n");
    }
    let ended = tried.wait_with_output().unwrap();
    let stdout = String::from_utf8(ended.stdout).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{stdout}{stderr}");
    for said in ["target: mips-6.1 on malta-24kf-16k", "baseline: unfixed with opcode-page-flush", "cost: "] {
        assert!(stderr.contains(said), "{stderr}");
    }
    assert_eq!(cells.len(), 2, "{stderr}");
    assert!(cells.iter().any(|(line, _)| line.contains("unfixed/") && line.contains("sigtrap")), "{cells:?}");
    assert!(cells.iter().any(|(line, _)| line.contains(NAME) && line.contains("8 of 8 pass")), "{cells:?}");
    println!("the first cell after {:?}, everything after {:?}", cells[0].1, begun.elapsed());

    let runs: Vec<_> =
        bench.root().join("runs").read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    let study = runs.iter().map(|dir| dir.join("study.yaml")).find(|file| file.is_file()).unwrap();
    let first = runs.iter().find(|dir| dir.join("run.json").is_file()).unwrap();
    let again = bench.run_with(&alone, study.to_str().unwrap(), "again", &[]);
    assert_eq!(Lines::read(first, Some(0)).text(), again.text());
}
