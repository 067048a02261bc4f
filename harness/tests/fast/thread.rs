// SPDX-License-Identifier: GPL-2.0-or-later
//! A thread as it comes: quoted-printable in Latin-1, base64 with CRLF, an attachment, mails out of order, replies with quoted
//! patches, a competing series, and a pull request; and the study that is proposed of it.

use super::world::World;
use super::{STUDY_ERROR, has};

fn world() -> World {
    let world = World::new();
    world.put("thread/thread.mbox", "thread.mbox");
    world
}

const NEW: [&str; 6] = ["study", "new", "--kernel", "fake", "--mbox", "thread.mbox"];

#[test]
fn a_thread_becomes_a_study() {
    let world = world();
    let ended = world.patcheval(&NEW);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let variants = "unfixed, a-flush-f-nf, a-flush-lines-v2, a-flush-lines";
    has(&ended.stdout, &["ci/studies/thread.yaml: 4 variants: ", variants, "patcheval run thread"]);
    has(
        &ended.stdout,
        &[
            "a-flush-lines-v2 was made for the commit 0123456789abcdef0123456789abcdef01234567; fake is no git",
        ],
    );
    has(&ended.stdout, &["left out: \"[PATCH] a: flush forty\" by Carl (message_id: c1@x): "]);
    has(&ended.stdout, &["not taken: \"Re: [PATCH] a: flush\" by Eve Else (message_id: r2@x)"]);
    assert!(!ended.stdout.contains("r1@x") && !ended.stdout.contains("p1@x"), "{}", ended.stdout);
    let v2 = world.read("patches/thread/a-flush-lines-v2/variant.yaml");
    has(
        &v2,
        &[
            "title: \"a: flush lines (Ann Author, v2)\"",
            "mbox: ../thread.mbox",
            "message_id: \"a-v2-0@x\"",
            "base_commit: \"0123",
        ],
    );
    has(
        &world.read("patches/thread/a-flush-f-nf/variant.yaml"),
        &["title: \"a: flush f\u{fc}nf (Ann Author)\""],
    );
    has(&world.read("patches/thread/a-flush-lines/variant.yaml"), &["(Bob Builder)", "\"b1@x\""]);
    has(
        &world.read("ci/studies/thread.yaml"),
        &["targets:\n  - {kernel: fake, machine: malta-24kf-16k}\n", "# left out: "],
    );
    // It is a study like any other, and its patches apply: next a compiler is wanted.
    has(&world.patcheval(&["list"]).stdout, &["thread: a: flush f\u{fc}nf"]);
    world.qemu(super::world::NEW);
    has(&world.fails(&["run", "thread"], 3), &["mips-linux-gnu-gcc: no such program"]);
}

#[test]
fn what_is_there_is_not_written_over() {
    let world = world();
    assert_eq!(world.patcheval(&NEW).code, Some(0));
    let before = world.everything();
    has(&world.fails(&NEW, STUDY_ERROR), &["patches/thread is there already", "--name"]);
    assert!(world.everything() == before);
    let named = [NEW.as_slice(), &["--name", "other", "--output", "elsewhere"]].concat();
    let ended = world.patcheval(&named);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(world.root().join("elsewhere/patches/other/thread.mbox").exists());
    assert!(world.root().join("elsewhere/ci/studies/other.yaml").exists());
}

#[test]
fn nothing_is_written_of_a_thread_that_does_not_apply() {
    let world = world();
    world.write("linux/kernel/a.c", "nothing\n");
    let before = world.everything();
    has(&world.fails(&NEW, STUDY_ERROR), &["no series applies to fake: ", "mail 1 (", "hint: "]);
    world.write("empty.mbox", "");
    let said = world.fails(&["study", "new", "--kernel", "fake", "--mbox", "empty.mbox"], STUDY_ERROR);
    has(&said, &["empty.mbox: has no patch"]);
    std::fs::remove_file(world.root().join("empty.mbox")).unwrap();
    has(
        &world.fails(&["study", "new", "--kernel", "fkae", "--mbox", "thread.mbox"], STUDY_ERROR),
        &["`fkae`"],
    );
    has(
        &world.fails(&[NEW.as_slice(), &["--name", "A b"]].concat(), STUDY_ERROR),
        &["`A b` cannot be the name"],
    );
    assert!(world.everything() == before);
}

/// The study, with the variant's patches from `key`.
fn builds(world: &World, key: &str) {
    let variant = format!("name: change\ntitle: \"a change\"\nwhy: \"no reason\"\n{key}");
    world.write("patches/fake/change/variant.yaml", &variant);
    has(&world.fails(&["run", "fake"], 3), &["mips-linux-gnu-gcc: no such program"]);
}

#[test]
fn a_series_is_a_directory_or_a_mailbox() {
    let world = world();
    world.qemu(super::world::NEW);
    let patch = world.read("patches/fake/change/0001-change.patch");
    std::fs::remove_file(world.root().join("patches/fake/change/0001-change.patch")).unwrap();
    world.write(
        "patches/fake/change/v2/0000-cover-letter.patch",
        "From: A\nSubject: [PATCH v2 0/1] x\n\n+++ b/kernel/a.c\n",
    );
    world.write("patches/fake/change/v2/0001-change.patch", &patch.replace('\n', "\r\n"));
    builds(&world, "series: v2\n");
    builds(&world, "mbox: ../../../thread.mbox\nmessage_id: <a-v2-0@x>\n");
    builds(&world, "mbox: ../../../thread.mbox\nmessage_id: a-v2-2@x\n");
    // A proposal in a reply can be chosen too.
    builds(&world, "mbox: ../../../thread.mbox\nmessage_id: r2@x\n");
}
