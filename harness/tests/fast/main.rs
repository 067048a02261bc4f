// SPDX-License-Identifier: GPL-2.0-or-later
//! Everything that needs no kernel: what the command says, studies on a fake machine from `run` to `bisect`, the rules of the
//! house and the reference.

mod comparison;
mod dying;
mod errors;
mod fake;
mod history;
mod hostile;
mod kept;
mod kernels;
mod layering;
mod reference;
mod replies;
mod thread;
mod world;

const STUDY_ERROR: i32 = 2;
const INFRASTRUCTURE: i32 = 3;

/// Asserts that a text has all of these.
fn has(text: &str, wanted: &[&str]) {
    for part in wanted {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
}

/// Says something to whoever runs the tests, though it is no failure: the test's own output is shown for failures only.
fn say_loudly(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "\nWARNING: {text}\n");
}
