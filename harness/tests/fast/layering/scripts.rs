// SPDX-License-Identifier: GPL-2.0-or-later
//! The shell scripts: none ends by a chance that depends on how fast its parts are.

use std::path::Path;

/// Programs that may end before they have read all of their input. What writes to them is then killed by SIGPIPE, and with
/// `pipefail` so is the script, with code 141: only on a machine where the writer comes last, which is never the author's.
const ENDS_EARLY: [&str; 4] = ["| head", "| grep -q", "| grep -m", "| sed -n 1"];

#[test]
fn no_pipe_ends_before_what_it_reads_from() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut scripts = 0;
    let mut found = Vec::new();
    for entry in
        ["ci", ".ci", "findings"].iter().filter_map(|dir| std::fs::read_dir(root.join(dir)).ok()).flatten()
    {
        let path = entry.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        if !text.lines().any(|line| line.starts_with("set -") && line.contains("pipefail")) {
            continue;
        }
        scripts += 1;
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim_start().starts_with('#'))
        {
            if ENDS_EARLY.iter().any(|program| line.contains(program)) {
                found.push(format!("{}:{number}: {}", path.display(), line.trim()));
            }
        }
    }
    assert!(scripts > 5, "only {scripts} scripts have pipefail: are they elsewhere now?");
    assert!(
        found.is_empty(),
        "a pipe ends early in\n{}\nlet awk or sed read on to the end",
        found.join("\n")
    );
}
