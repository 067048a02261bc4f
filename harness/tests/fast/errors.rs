// SPDX-License-Identifier: GPL-2.0-or-later
//! What the command says when something is wrong with a study or with the machine, and how it ends: both are read by
//! people and by scripts, and neither needs a kernel.

use crate::world::{CROSS, NEW, OLD, World, patch};
use crate::{INFRASTRUCTURE, STUDY_ERROR, has};

#[test]
fn an_unknown_key_is_located_and_the_nearest_one_named() {
    let world = World::new();
    let study = world.read("ci/studies/quick.yaml").replace("\nbaseline:", "\nbaselin:");
    let line = 1 + study.lines().position(|line| line.starts_with("baselin:")).unwrap();
    world.write("ci/studies/quick.yaml", &study);
    let said = world.fails(&["run", "quick"], STUDY_ERROR);
    has(&said, &[&format!("ci/studies/quick.yaml:{line}:1: "), "`baselin`", "did you mean `baseline`?"]);
    // A study that cannot be read cannot be listed either.
    let listed = world.patcheval(&["list"]);
    assert_eq!((listed.code, listed.stderr), (Some(STUDY_ERROR), said));
    // Nothing was tried with the machine yet.
    assert!(!world.cache().exists());
}

#[test]
fn an_unknown_key_in_a_file_that_a_study_names_is_located_there() {
    let world = World::new();
    world.write("kernels/fake.yaml", &world.read("kernels/fake.yaml").replace("target:", "tarjet:"));
    has(
        &world.fails(&["run", "fake"], STUDY_ERROR),
        &["kernels/fake.yaml:6:1: ", "`tarjet`", "did you mean `target`?"],
    );
}

#[test]
fn a_kernel_that_does_not_exist_is_named_with_the_nearest() {
    let world = World::new();
    let study = world.read("ci/studies/fake.yaml").replace("kernel: fake", "kernel: mips-61");
    world.write("ci/studies/fake.yaml", &study);
    has(
        &world.fails(&["run", "fake"], STUDY_ERROR),
        &["ci/studies/fake.yaml", "`mips-61`", "kernels/mips-61.yaml", "did you mean `mips-6.1`?"],
    );
}

#[test]
fn a_study_that_does_not_exist_is_named_with_the_nearest() {
    has(&World::new().fails(&["run", "quik"], STUDY_ERROR), &["`quik`", "did you mean `quick`?"]);
}

/// Builds take minutes, so all patches are tried first; not even a compiler is wanted for that.
#[test]
fn a_patch_that_does_not_apply_is_found_before_any_build() {
    let world = World::new();
    world.qemu(NEW);
    world.write("patches/fake/change/0001-change.patch", &patch("line thirty-one"));
    let said = world.fails(&["run", "fake"], STUDY_ERROR);
    has(&said, &["variant change on fake", "0001-change.patch", "hunk 2 at kernel/a.c:29 does not apply"]);
    has(&said, &["hint: rebase the patch"]);
    assert!(!world.has_built());
}

/// kbuild drops what it does not know without a word; the kernel under test would then lack it.
#[test]
fn a_symbol_that_the_kernel_does_not_have_is_found_before_it_is_built() {
    let world = World::new();
    world.qemu(NEW);
    world.compiler();
    world.write("kernels/fake.config", "CONFIG_UPROBES=y\nCONFIG_NO_SUCH_THING=y\n");
    let said = world.fails(&["run", "fake"], STUDY_ERROR);
    has(&said, &["fake.config:2: CONFIG_NO_SUCH_THING=y was not granted: this kernel has no such symbol"]);
    assert!(!said.contains("CONFIG_UPROBES"), "{said}");
}

#[test]
fn a_qemu_that_is_too_old_is_named_with_both_versions() {
    let world = World::new();
    world.qemu(OLD);
    has(
        &world.fails(&["run", "fake"], INFRASTRUCTURE),
        &["qemu-system-mips 11.1 or newer is needed", "qemu-system-mips is 7.2", "hint: run ci/setup"],
    );
    assert!(!world.has_built());
}

#[test]
fn a_machine_without_qemu_is_reported() {
    let said = World::new().fails(&["run", "fake"], INFRASTRUCTURE);
    has(&said, &["qemu-system-mips 11.1 or newer is needed", "none was found", "hint: run ci/setup"]);
}

#[test]
fn a_missing_compiler_is_named() {
    let world = World::new();
    world.qemu(NEW);
    let said = world.fails(&["run", "fake"], INFRASTRUCTURE);
    has(&said, &[&format!("{CROSS}gcc: no such program"), "hint: run ci/setup"]);
    assert!(!world.has_built());
}

#[test]
fn the_doctor_finds_the_same_things_missing() {
    let world = World::new();
    world.qemu(OLD);
    let ended = world.patcheval(&["doctor"]);
    assert_eq!(ended.code, Some(INFRASTRUCTURE), "{ended:?}");
    has(&ended.stdout, &["11.1", "7.2", "ci/setup"]);
}

#[test]
fn a_testcase_has_a_name_of_its_own_and_a_skeleton_is_one() {
    let world = World::new();
    let said = world.fails(&["testcase", "new", "Mine"], STUDY_ERROR);
    has(&said, &["the testcase name `Mine` must consist of a-z"]);
    for options in [&["testcase", "new", "mine"][..], &["testcase", "new", "mine-too", "--probes"]] {
        let ended = world.patcheval(options);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        has(&ended.stdout, &["/case.yaml\n", "/main.c\n"]);
        has(&world.fails(options, STUDY_ERROR), &["is there already"]);
    }
    // A study may have them.
    let study = world.read("ci/studies/fake.yaml").replace("[t1-first-return]", "[mine, mine-too]");
    world.write("ci/studies/fake.yaml", &study);
    let listed = world.patcheval(&["list"]);
    assert_eq!((listed.code, listed.stderr.as_str()), (Some(0), ""));
    has(&listed.stdout, &["fake: "]);
}

#[test]
fn a_directory_that_is_no_run_is_not_reported_on() {
    let world = World::new();
    for directory in ["kernels", "no/such/directory"] {
        let said = world.fails(&["report", directory], STUDY_ERROR);
        has(&said, &[&format!("{directory} is not a run directory"), "hint: runs lie under runs/"]);
    }
    // Looking at a directory must not make it look like a run.
    assert!(!world.root().join("kernels/report.md").exists());
}

#[test]
fn a_malformed_trial_name_is_explained() {
    let world = World::new();
    for command in ["replay", "explain"] {
        let said = world.fails(&[command, "kernels", "mips-6.1/malta/unfixed/t1/7"], STUDY_ERROR);
        has(
            &said,
            &["`mips-6.1/malta/unfixed/t1/7`", "5 parts, not 6", "KERNEL/MACHINE/VARIANT/TESTCASE/MODE/SEED"],
        );
    }
}

#[test]
fn what_is_wrong_with_a_sanitize_command_is_reported_before_any_build() {
    let world = World::new();
    world.write("s.yaml", "- {writer: a, raeson: b}\n");
    let said = world.fails(&["sanitize", "mips-6.1", "--suppressions", "s.yaml"], STUDY_ERROR);
    has(&said, &["s.yaml:1:", "`raeson`", "did you mean `reason`?"]);
    let said = world.fails(&["sanitize", "mips-61", "--machine", "malta-24kf-16k"], STUDY_ERROR);
    has(&said, &["there is no kernel `mips-61`", "did you mean `mips-6.1`?"]);
    let said = world.fails(&["sanitize", "mips-6.1", "--today", "2027-02-29"], STUDY_ERROR);
    has(&said, &["`2027-02-29` is not a day as YYYY-MM-DD"]);
    assert!(!world.has_built());
}

#[test]
fn a_directory_that_is_no_repository_is_refused() {
    let world = World::new();
    let said = world.fails(&["--root", "kernels", "list"], STUDY_ERROR);
    has(&said, &["kernels has no kernels and no ci/studies"]);
}

#[test]
fn the_help_tells_the_exit_codes() {
    let ended = World::new().patcheval(&["--help"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let (_, codes) = ended.stdout.split_once("Exit codes:\n").unwrap();
    let listed: Vec<&str> = codes.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(listed, ["0", "1", "2", "3", "70", "125", "128", "130"]);
}

#[test]
fn a_word_that_is_no_command_is_a_usage_error() {
    let ended = World::new().patcheval(&["reply"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(STUDY_ERROR), ""));
    has(&ended.stderr, &["'reply'", "'replay'"]);
}

#[test]
fn completions_name_the_commands() {
    let ended = World::new().patcheval(&["completions", "bash"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    has(&ended.stdout, &["complete -F", "replay", "--verbose"]);
}

#[test]
fn the_list_has_the_studies_with_their_size() {
    let world = World::new();
    let ended = world.patcheval(&["list"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    has(&ended.stdout, &["quick: ", "fake: A kernel that cannot be built\n", " 2 trials\n"]);
    // From anywhere inside the repository, and by its name from outside.
    let by_name = world.patcheval(&["--root", &world.root().to_string_lossy(), "list"]);
    assert_eq!(by_name.stdout, ended.stdout);
}

#[test]
fn a_share_that_is_none_and_shares_that_are_not_there_are_refused() {
    let world = World::new();
    for wrong in ["0/4", "5/4", "four"] {
        let ended = world.patcheval(&["run", "quick", "--shard", wrong]);
        assert_eq!(ended.code, Some(STUDY_ERROR));
        has(&ended.stderr, &[&format!("`{wrong}` is no share of a study")]);
    }
    has(&world.fails(&["merge", "nowhere"], STUDY_ERROR), &["nowhere is not a run directory"]);
    has(
        &world.fails(&["plan", "quick", "--costs", "nowhere"], STUDY_ERROR),
        &["nowhere is not a run directory"],
    );
}

#[test]
fn cleaning_an_empty_cache_removes_nothing() {
    let world = World::new();
    let ended = world.patcheval(&["clean", "--keep", "0"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    has(&ended.stdout, &["left: 0.00 GiB in "]);
    has(&world.fails(&["clean", "--keep", "-1"], STUDY_ERROR), &["--keep takes a size in GiB"]);
}
