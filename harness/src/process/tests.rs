// SPDX-License-Identifier: GPL-2.0-or-later
//! Tests with real, tiny processes.

use super::*;

fn sh(script: &str) -> CommandRun {
    CommandRun::new("sh").args(["-c", script])
}

/// Whether a process of this id exists and is not a zombie.
fn alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}

#[test]
fn a_missing_program_is_named_and_the_hint_says_what_to_do() {
    let error = CommandRun::new("patcheval-no-such-program").wait().unwrap_err();
    assert_eq!(error.to_string(), "patcheval-no-such-program: no such program");
    assert_eq!(error.hints(), [MISSING_HINT]);
}

#[test]
fn output_status_and_environment_are_seen() {
    let got = sh("echo $GREETING; echo oops >&2; exit 3").env("GREETING", "hello").output().unwrap();
    assert_eq!((got.stdout.as_str(), got.stderr.as_str()), ("hello\n", "oops\n"));
    assert_eq!(got.outcome.status.code(), Some(3));
    assert!(!got.outcome.success());
}

#[test]
fn a_cleared_environment_has_only_what_was_given() {
    let got = CommandRun::new("env").env_clear().env("A", "1").read().unwrap();
    let names: Vec<_> = got.lines().filter_map(|l| l.split('=').next()).collect();
    assert!(names.contains(&"A") && names.contains(&"PATH") && names.contains(&"LC_ALL"));
    assert!(!names.contains(&"CARGO"), "{names:?}");
}

#[test]
fn the_deadline_ends_grandchildren_that_ignore_sigterm() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    let script =
        format!("trap '' TERM; (trap '' TERM; exec sleep 1000) & echo $! > {}; wait", file.display());
    let outcome = sh(&script).deadline(Duration::from_millis(300)).wait().unwrap();
    assert!(outcome.timed_out);
    let pid = std::fs::read_to_string(file).unwrap();
    let until = Instant::now() + Duration::from_secs(5);
    while alive(&pid) {
        assert!(Instant::now() < until, "grandchild {pid} outlived its group");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_dropped_child_is_ended() {
    let child = sh("sleep 1000 & wait").spawn().unwrap();
    let pid = child.id().to_string();
    assert!(alive(&pid));
    drop(child);
    assert!(!alive(&pid));
}

#[test]
fn both_outputs_can_go_to_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let run = sh("echo one; echo two >&2; echo three");
    run.stdout(Sink::File(log.clone())).stderr(Sink::Stdout).wait().unwrap();
    assert_eq!(std::fs::read_to_string(log).unwrap(), "one\ntwo\nthree\n");
}

#[test]
fn a_command_is_shown_as_a_shell_takes_it() {
    assert_eq!(
        CommandRun::new("make").args(["CC=ccache gcc", "it's", ""]).shown(),
        r#"make 'CC=ccache gcc' "it's" ''"#
    );
}

#[test]
fn a_socket_reaches_the_child_and_ends_with_it() {
    use std::io::{BufRead, BufReader, Write};
    let (mut child, mut socket) =
        CommandRun::new("sh").args(["-c", "read word && echo got $word >&0"]).spawn_with_socket().unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.write_all(b"hello\n").unwrap();
    let mut lines = BufReader::new(socket).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "got hello");
    assert!(lines.next().is_none(), "nobody else holds the child's end");
    assert!(child.wait_until(None).unwrap().unwrap().success());
}

#[test]
fn a_child_reads_the_end_of_its_socket_when_we_let_go() {
    let (mut child, socket) = CommandRun::new("cat").spawn_with_socket().unwrap();
    drop(socket);
    let status = child.wait_until(Some(Instant::now() + Duration::from_secs(20))).unwrap();
    assert!(status.expect("it ends by itself").success());
}
