// SPDX-License-Identifier: GPL-2.0-or-later
//! Patches that are hostile or broken: each is refused with one message that says where and what to do, before anything is
//! built, and nothing is written outside the cache.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::world::{NEW, World};
use super::{STUDY_ERROR, has};

const PATCH: &str = "patches/fake/change/0001-change.patch";
const VARIANT: &str = "name: change\ntitle: \"a change\"\nwhy: \"no reason\"\n";

/// A world in which the only thing to be refused is the patch.
fn world() -> World {
    let world = World::new();
    world.qemu(NEW);
    world
}

/// Asserts that the study is refused, with all of `wanted` in its one message, a hint, and without a trace.
fn refused(world: &World, wanted: &[&str]) {
    let before = world.everything();
    let said = world.fails(&["run", "fake"], STUDY_ERROR);
    has(&said, wanted);
    has(&said, &["hint: "]);
    assert_eq!(said.matches("error: ").count(), 1, "{said}");
    assert!(!world.has_built());
    let after = world.everything();
    assert!(before == after, "something was written");
    assert!(!Path::new("/tmp/patcheval-hostile.c").exists());
}

/// A patch file of the tests' data in place of the variant's own.
fn refused_patch(data: &str, wanted: &[&str]) {
    let world = world();
    world.put(&format!("hostile/{data}"), PATCH);
    refused(&world, &[&["variant change", "0001-change.patch"], wanted].concat());
}

/// A mailbox of the tests' data in place of the variant's patch files.
fn with_mbox(data: &str, more: &str) -> World {
    let world = world();
    std::fs::remove_file(world.root().join(PATCH)).unwrap();
    world.put(&format!("hostile/{data}"), "patches/fake/change/x.mbox");
    world.write("patches/fake/change/variant.yaml", &format!("{VARIANT}mbox: x.mbox\n{more}"));
    world
}

#[test]
fn paths_that_leave_the_tree() {
    refused_patch("traversal.patch", &["leads out of the source tree with the path ../../outside.c"]);
    refused_patch("absolute.patch", &[".patch:7: leads out of the source tree with the path /tmp/patcheval"]);
    refused_patch("git-directory.patch", &["leads out", ".git/hooks/post-checkout"]);
    refused_patch("quoted-path.patch", &[".patch:6: quotes the path \"a/\\056\\056/x.c\""]);
}

#[test]
fn a_link_in_the_tree() {
    let world = world();
    world.put("hostile/link-in-tree.patch", PATCH);
    std::fs::create_dir(world.root().join("victim")).unwrap();
    world.write("victim/x.c", "line 4\nline 5\nline 6\n");
    symlink("../victim", world.root().join("linux/elsewhere")).unwrap();
    refused(&world, &["0001-change.patch: goes through a symbolic link with the path elsewhere/x.c"]);
}

#[test]
fn a_link_that_an_earlier_patch_makes() {
    let world = world();
    world.put("hostile/makes-link.patch", PATCH);
    world.put("hostile/through-made-link.patch", "patches/fake/change/0002-through.patch");
    refused(&world, &["0001-change.patch:7: makes a symbolic link"]);
}

#[test]
fn what_is_no_whole_patch_of_text() {
    refused_patch("truncated.patch", &[".patch:11: ends in the middle of a hunk", "fetch it again"]);
    refused_patch("binary.patch", &[".patch:9: has a binary part"]);
    refused_patch("no-diff.patch", &["changes no file"]);
    let world = world();
    world.write(PATCH, "");
    refused(&world, &["0001-change.patch: is empty"]);
    let utf16: Vec<u8> = "--- a/kernel/a.c\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(world.root().join(PATCH), utf16).unwrap();
    refused(&world, &["0001-change.patch:1: has a zero byte", "save it as UTF-8"]);
}

#[test]
fn what_was_made_for_another_tree_or_another_state_of_it() {
    refused_patch(
        "another-tree.patch",
        &["src/main.rs is not in this source tree", "it is for another tree"],
    );
    let there = "in this tree already, or it is reversed";
    refused_patch("reversed.patch", &["hunk 1 at kernel/a.c:4 does not apply", there, "git apply -R"]);
    refused_patch("fuzz.patch", &["hunk 1 at kernel/a.c:3 does not apply without fuzz", "hint: rebase"]);
    refused_patch("hunk.patch", &["hunk 1 at kernel/a.c:4 does not apply", "hint: rebase"]);
}

#[test]
fn what_the_tree_has_already() {
    let world = world();
    world.write("linux/kernel/a.c", &world.read("linux/kernel/a.c").replace("line 5\n", "line five\n"));
    world.write("linux/kernel/a.c", &world.read("linux/kernel/a.c").replace("line 30\n", "line thirty\n"));
    refused(&world, &["0001-change.patch: hunk 1 at kernel/a.c:4", "it is in this tree already"]);
    // Or an earlier patch of the series made it.
    let world = self::world();
    world.write("patches/fake/change/0002-again.patch", &world.read(PATCH));
    refused(&world, &["0002-again.patch: hunk 1", "0001-change.patch has made this change already"]);
}

#[test]
fn a_conflict_with_the_companion_names_both() {
    let world = world();
    let companion = VARIANT.replace("change", "companion");
    world.write("patches/fake/companion/variant.yaml", &companion);
    world.put("hostile/companion.patch", "patches/fake/companion/0001-companion.patch");
    let study = world
        .read("ci/studies/fake.yaml")
        .replace("{variant: change}", "{variant: change, with: [companion]}");
    world.write("ci/studies/fake.yaml", &study);
    refused(
        &world,
        &[
            "companion/0001-companion.patch: hunk 1 at kernel/a.c:4 does not apply: it conflicts with",
            "change/0001-change.patch, without which it applies",
        ],
    );
}

#[test]
fn mails_with_too_much_too_little_or_in_a_wrong_encoding() {
    let two = &[
        "x.mbox: has 2 series",
        "\"[PATCH] a: flush here\" by Ann Author (message_id: a1@x)",
        "Bob",
        "study new",
    ];
    refused(&with_mbox("two-series.mbox", ""), two);
    refused(
        &with_mbox("two-series.mbox", "message_id: c1@x\n"),
        &["has no patch with the message id c1@x", "a1@x"],
    );
    refused(&with_mbox("incomplete.mbox", ""), &["patch 2 of 2 is missing", "a0@x", "b4 am"]);
    refused(&with_mbox("quoted-only.mbox", ""), &["x.mbox: has no patch in 1 mails", "quoted"]);
    let wrong =
        &["x.mbox, mail 1 (\"[PATCH] a: flush here\"), line 7: has bytes that do not belong", "UTF-8"];
    refused(&with_mbox("wrong-encoding.mbox", ""), wrong);
    let world = with_mbox("two-series.mbox", "");
    std::fs::write(world.root().join("patches/fake/change/x.mbox"), [0x1f, 0x8b, 8, 0]).unwrap();
    refused(&world, &["x.mbox: is compressed", "gunzip"]);
}

#[test]
fn a_mail_of_a_hundred_megabytes_is_not_read() {
    let world = with_mbox("two-series.mbox", "");
    let file = std::fs::File::create(world.root().join("patches/fake/change/x.mbox")).unwrap();
    file.set_len(100 << 20).unwrap();
    let begun = std::time::Instant::now();
    refused(&world, &["x.mbox: has 100 MiB, and at most 32 MiB are read", "b4 mbox"]);
    assert!(begun.elapsed().as_secs() < 20);
    // As a patch file, too.
    let world = self::world();
    std::fs::File::create(world.root().join(PATCH)).unwrap().set_len(100 << 20).unwrap();
    refused(&world, &["0001-change.patch: has 100 MiB"]);
}

#[test]
fn keys_of_a_variant_are_checked_with_file_and_line() {
    let with = |text: &str, wanted: &[&str]| {
        let world = world();
        std::fs::remove_file(world.root().join(PATCH)).unwrap();
        world.write("patches/fake/change/variant.yaml", &format!("{VARIANT}{text}"));
        world.write("patches/fake/change/thread.mbox", "");
        refused(&world, wanted);
    };
    with(
        "mbx: thread.mbox\n",
        &["patches/fake/change/variant.yaml:4:1: unknown field `mbx`", "did you mean `mbox`?"],
    );
    with(
        "mbox: tread.mbox\n",
        &[
            "variant.yaml:4: mbox: patches/fake/change/tread.mbox does not exist",
            "did you mean `thread.mbox`?",
        ],
    );
    with(
        "mbox: thread.mbox\ngit: {path: x, range: a..b}\n",
        &["variant.yaml:4: mbox: the patches come from both `mbox` and `git`"],
    );
    with("series: ../../../../x\n", &["variant.yaml:4: series: `../../../../x` leads out of the repository"]);
    with(
        "git: {path: linux, range: --output=x}\n",
        &["variant.yaml:4: git: the range `--output=x` is neither"],
    );
    with("mbox: thread.mbox\nmessage_id: \"a b\"\n", &["variant.yaml:5: message_id: `a b` is no message id"]);
    with("base_commit: v6.1\n", &["variant.yaml:4: base_commit: `v6.1` is no commit"]);
}

/// Runs git in a repository of the test's own.
fn git(dir: &Path, words: &[&str]) {
    let mut git = Command::new("git");
    git.current_dir(dir).args([
        "-c",
        "user.name=A",
        "-c",
        "user.email=a@example.org",
        "-c",
        "init.defaultBranch=main",
    ]);
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    let output = git.args(words).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn ranges_of_a_repository() {
    let world = world();
    std::fs::remove_file(world.root().join(PATCH)).unwrap();
    world.write("tree/kernel/a.c", &world.read("linux/kernel/a.c"));
    let tree = world.root().join("tree");
    git(&tree, &["init", "-q"]);
    git(&tree, &["add", "."]);
    git(&tree, &["commit", "-qm", "base"]);
    git(&tree, &["checkout", "-qb", "topic"]);
    world.write("tree/kernel/a.c", &world.read("linux/kernel/a.c").replace("line 5\n", "line five\n"));
    git(&tree, &["commit", "-qam", "five"]);
    let with = |range: &str, wanted: &[&str]| {
        let text = format!("{VARIANT}git: {{path: tree, range: {range}}}\n");
        world.write("patches/fake/change/variant.yaml", &text);
        refused(&world, wanted);
    };
    with("main..tpoic", &["tree: no commits main..tpoic: ", "only reads the repository"]);
    with("topic..main", &["tree: topic..main has no commits"]);
    with(
        "topic",
        &["topic is not a range, nor a branch with an upstream branch", "hint: say where", "..topic"],
    );
    // A commit that applies gets as far as to the compiler.
    let text = format!("{VARIANT}git: {{path: tree, range: main..topic}}\n");
    world.write("patches/fake/change/variant.yaml", &text);
    let said = world.fails(&["run", "fake"], 3);
    has(&said, &["mips-linux-gnu-gcc: no such program"]);
    git(&tree, &["checkout", "-q", "main"]);
    git(&tree, &["merge", "-q", "--no-ff", "-m", "merge five", "topic"]);
    with("topic~1..main", &["tree, commit ", "(\"merge five\"): is a merge, and no patch"]);
    // The repository's own programs are not run, and it stays as it is.
    git(&tree, &["config", "core.fsmonitor", "touch /tmp/patcheval-hostile.c"]);
    git(&tree, &["config", "diff.external", "touch /tmp/patcheval-hostile.c"]);
    world.write("linux/kernel/a.c", &world.read("linux/kernel/a.c").replace("line 4\n", "line four\n"));
    with("main~1..topic", &["(\"five\"): hunk 1 at kernel/a.c:2 does not apply without fuzz"]);
}
