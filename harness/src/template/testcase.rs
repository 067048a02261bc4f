// SPDX-License-Identifier: GPL-2.0-or-later
//! The skeleton of a testcase: a program that builds and passes as it is.

/// What stands in the templates for the testcase's name.
const NAME: &str = "@NAME@";

const CASE: &str = include_str!("testcase/case.yaml");
const PLAIN: &str = include_str!("testcase/plain.c");
const PROBES: &str = include_str!("testcase/probes.c");

/// Returns the files of a testcase called `name` by their names in its directory; with `probes` it sets a uprobe.
pub fn testcase(name: &str, probes: bool) -> [(&'static str, String); 2] {
    let program = if probes { PROBES } else { PLAIN };
    [("case.yaml", CASE.replace(NAME, name)), ("main.c", program.replace(NAME, name))]
}
