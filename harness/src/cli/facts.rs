// SPDX-License-Identifier: GPL-2.0-or-later
//! What help and man pages say beside the grammar: exit codes, environment variables, files.

/// Exit codes and their meanings.
pub(super) const EXIT_CODES: [(&str, &str); 8] = [
    ("0", "all expectations met; compare: nothing got worse; bisect: found; step: good"),
    ("1", "some expectation not met, or a control failed; compare: worse; bisect: none; step: bad"),
    ("2", "usage or study error"),
    ("3", "infrastructure failed, or left trials unknown; compare: undecided"),
    ("70", "bug in patcheval"),
    ("125", "step: undecided"),
    ("128", "step: infrastructure failed (129: usage or study error, 198: bug); ends `git bisect run`"),
    ("130", "interrupted; finished trials are kept"),
];

/// Environment variables and their meanings.
pub(super) const ENVIRONMENT: [(&str, &str); 5] = [
    (
        "PATCHEVAL_CACHE",
        "The cache directory, for sources, builds and snapshots; else $XDG_CACHE_HOME/patcheval, else ~/.cache/patcheval.",
    ),
    ("PATCHEVAL_ROOT", "The repository with kernels, patches and testcases, as --root."),
    ("PATCHEVAL_PLUGIN", "The plugin's shared object; else libqemu_plugin.so beside the program."),
    ("PATCHEVAL_NO_SANDBOX", "If set, and neither empty nor 0, false, no or off: as --no-sandbox."),
    ("NO_COLOR", "If set and not empty: no colour, unless --color always says otherwise."),
];

/// Files and what they are.
pub(super) const FILES: [(&str, &str); 7] = [
    ("ci/studies/STUDY.yaml", "A study: what is run."),
    ("kernels/arch/, kernels/common/", "What kernels are composed of: architectures, sources, features."),
    (
        "kernels/KERNEL.yaml, kernels/machines/MACHINE.yaml",
        "Other kernels, and the machines on which they run.",
    ),
    (
        "patches/SET/VARIANT/",
        "A variant: variant.yaml, and the patches beside it in the order of their names.",
    ),
    ("testcases/CASE/", "A testcase: case.yaml and its C sources."),
    ("runs/STUDY-HASH/", "The directory of a run, unless --out names another."),
    ("harness/doc/reference/", "The keys of all YAML files; harness/doc/schema/ has their JSON Schemas."),
];

/// Returns what is printed behind the help.
pub(super) fn exit_codes() -> String {
    let lines = EXIT_CODES.iter().map(|(code, meaning)| format!("\n  {code:<4} {meaning}"));
    format!("Exit codes:{}", lines.collect::<String>())
}
