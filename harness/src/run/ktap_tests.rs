// SPDX-License-Identifier: GPL-2.0-or-later
//! KTAP as it is read here against the kernel's own reader, `tools/testing/kunit/kunit_parser.py`, on the kernel's own logs,
//! where a kernel's source is in the cache and there is a python3.

use std::path::Path;
use std::time::Duration;

use crate::cache_dir::Cache;
use crate::process::CommandRun;
use crate::trial::parse_ktap;

/// Prints of each log what the kernel's reader counts: passed, failed or crashed, skipped, errors.
const SCRIPT: &str = "\
import contextlib, glob, io, sys
sys.path.insert(0, '.')
with contextlib.redirect_stdout(io.StringIO()):
    import kunit_parser
    try:
        from kunit_printer import null_printer
    except ImportError:
        null_printer = None
for log in sorted(glob.glob('test_data/*.log')):
    with contextlib.redirect_stdout(io.StringIO()):
        lines = open(log).readlines()
        try:
            test = kunit_parser.parse_run_tests(lines, null_printer)
        except TypeError:
            test = kunit_parser.parse_run_tests(lines)
    c = test.counts
    print('\\nCOUNTS', log, c.passed, c.failed + c.crashed, c.skipped, c.errors, file=sys.stderr)
";

fn compare(directory: &Path) -> usize {
    let run = CommandRun::new("python3")
        .args(["-B", "-c", SCRIPT])
        .dir(directory)
        .deadline(Duration::from_secs(120));
    let ended = run.output().unwrap();
    assert!(ended.outcome.success(), "{ended:?}");
    let mut compared = 0;
    for line in ended.stderr.lines().filter_map(|line| line.strip_prefix("COUNTS ")) {
        let (log, counts) = line.split_once(' ').unwrap();
        let counts: Vec<u32> = counts.split(' ').map(|count| count.parse().unwrap()).collect();
        let tests = parse_ktap(&std::fs::read_to_string(directory.join(log)).unwrap());
        // A suite that was cut off leaves its results where the suites are.
        let numbered = tests.iter().map(|test| test.check.number).eq(1..=tests.len() as u32);
        let whole = !tests.is_empty() && numbered && tests.iter().all(|test| test.incomplete().is_none());
        let mut ours = [0; 3];
        for test in &tests {
            let checks = test.checks();
            ours = [ours[0] + checks.passed, ours[1] + checks.failed, ours[2] + checks.skipped];
        }
        // What kselftest puts behind `# ` are results here, and remarks there.
        if log.contains("kselftest") {
            let passed = tests.iter().filter(|test| test.check.ok && !test.check.note.starts_with("SKIP"));
            assert_eq!(passed.count(), counts[0] as usize, "{log}");
        } else if counts[3] == 0 {
            assert!(whole, "{}: {log}: not whole: {tests:?}", directory.display());
            assert_eq!(ours, counts[..3], "{}: {log}", directory.display());
        } else {
            // What the kernel's reader finds an error in is believed here as little.
            assert!(!whole, "{}: {log}: {tests:?}", directory.display());
        }
        compared += 1;
    }
    compared
}

#[test]
fn ktap_is_read_as_the_kernel_reads_it() {
    let python =
        CommandRun::new("python3").arg("--version").output().is_ok_and(|ended| ended.outcome.success());
    let sources = Cache::locate().unwrap().root().join("source");
    let trees = sources.read_dir().into_iter().flatten().flatten().map(|entry| entry.path().join("tree"));
    for tree in trees.filter(|tree| python && tree.join("tools/testing/kunit/test_data").is_dir()) {
        assert!(compare(&tree.join("tools/testing/kunit")) >= 15);
    }
}
