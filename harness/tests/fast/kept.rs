// SPDX-License-Identifier: GPL-2.0-or-later
//! Patches as people keep them: quilt's series, other prefixes than git's, one patch of a long series, what `git format-patch
//! --stdout` writes, mails that flow, and bytes that no encoding has.

use std::path::Path;
use std::process::Command;

use super::world::{NEW, World};
use super::{STUDY_ERROR, has};

const PATCH: &str = "patches/fake/change/0001-change.patch";
const VARIANT: &str = "name: change\ntitle: \"a change\"\nwhy: \"no reason\"\n";
const STUDY_NEW: [&str; 6] = ["study", "new", "--kernel", "fake", "--mbox", "x.mbox"];

/// A world whose variant has no patch yet.
fn world() -> World {
    let world = World::new();
    world.qemu(NEW);
    std::fs::remove_file(world.root().join(PATCH)).unwrap();
    world
}

/// A hunk that changes line `n` of `kernel/a.c`.
fn hunk(n: u64, from: &str, to: &str) -> String {
    format!("@@ -{},3 +{},3 @@\n line {}\n-{from}\n+{to}\n line {}\n", n - 1, n - 1, n - 1, n + 1)
}

/// A diff of that file with these words before its paths.
fn diff(old: &str, new: &str, hunk: &str) -> String {
    format!("--- {old}kernel/a.c\n+++ {new}kernel/a.c\n{hunk}")
}

fn mail(subject: &str, headers: &str, body: &str) -> String {
    format!(
        "From mboxrd@z Thu Jan  1 00:00:00 1970\nFrom: Ann <ann@example.org>\nSubject: {subject}\n{headers}\n{body}"
    )
}

fn variant(world: &World, more: &str) {
    world.write("patches/fake/change/variant.yaml", &format!("{VARIANT}{more}"));
}

/// Asserts that all patches apply: the next thing that is wanted is a compiler.
fn applies(world: &World) {
    has(&world.fails(&["run", "fake"], 3), &["mips-linux-gnu-gcc: no such program"]);
}

fn refused(world: &World, wanted: &[&str]) {
    has(&world.fails(&["run", "fake"], STUDY_ERROR), wanted);
}

#[test]
fn any_first_directory_is_a_prefix() {
    let world = world();
    let five = hunk(5, "line 5", "five");
    for (old, new) in [("linux.orig/", "linux/"), ("./", "./"), ("b/", "a/"), ("i/", "w/")] {
        world.write(PATCH, &diff(old, new, &five));
        applies(&world);
        let header = format!("diff --git {old}kernel/a.c {new}kernel/a.c\n");
        world.write(PATCH, &format!("{header}{}", diff(old, new, &five)));
        applies(&world);
    }
    // Without any, git would look for another file.
    world.write(PATCH, &format!("A remark.\n\n{}", diff("", "", &five)));
    refused(
        &world,
        &["0001-change.patch:3: names the path kernel/a.c without a/ or b/ before it", "no-prefix"],
    );
    world.write(PATCH, "--- /dev/null\n+++ kernel/b.c\n@@ -0,0 +1 @@\n+new\n");
    refused(&world, &["0001-change.patch:2: names the path kernel/b.c without a/"]);
    world.write(PATCH, &diff("../", "../", &five));
    refused(&world, &["0001-change.patch:2: leads out of the source tree with the path ../kernel/a.c"]);
}

/// A directory of quilt's: the second patch needs the first one, and the last one is not listed.
fn quilt(world: &World, directory: &str) {
    world.write(&format!("{directory}/z.patch"), &diff("a/", "b/", &hunk(5, "line 5", "five")));
    world.write(&format!("{directory}/late/b.patch"), &diff("a/", "b/", &hunk(5, "five", "FIVE")));
    world.write(&format!("{directory}/c.patch"), &diff("a/", "b/", &hunk(9, "not there", "nine")));
    world
        .write(&format!("{directory}/series"), "# a remark\nz.patch -p1\n\n  late/b.patch # why\n#c.patch\n");
}

#[test]
fn quilt_says_which_patches_and_in_which_order() {
    let world = world();
    quilt(&world, "patches/fake/change/quilt");
    variant(&world, "series: quilt\n");
    applies(&world);
    let wrong = |line: &str, wanted: &[&str]| {
        world.write("patches/fake/change/quilt/series", &format!("z.patch\n{line}\n"));
        refused(&world, wanted);
    };
    wrong("late/b.patch -p0", &["quilt/series:2: late/b.patch: the option -p0", "quilt refresh -p1"]);
    wrong("d.patch", &["quilt/series:2: d.patch: does not exist"]);
    wrong("../0.patch", &["quilt/series:2: ../0.patch: leads out of the series"]);
    world.write("patches/fake/change/quilt/series", "# nothing\n");
    refused(&world, &["quilt: the series has no patch"]);
}

#[test]
fn quilts_list_beside_the_variant_counts_too() {
    let world = world();
    quilt(&world, "patches/fake/change");
    variant(&world, "");
    applies(&world);
    variant(&world, "series: late\n");
    refused(&world, &["the patches come from both `series` and `quilt's file `series``"]);
}

/// One mail of a long series, and two of another one that is whole.
fn picked(world: &World) {
    let body = |n, to| format!("Why.\n---\n{}", diff("a/", "b/", &hunk(n, &format!("line {n}"), to)));
    let id = |id: &str| format!("Message-ID: <{id}@x>\n");
    let text = mail("[PATCH AUTOSEL 6.1 13/45] a: five", &id("a13"), &body(5, "five"))
        + &mail("[PATCH 1/2] a: nine", &id("b1"), &body(9, "nine"))
        + &mail("[PATCH 2/2] a: ten", &(id("b2") + "In-Reply-To: <b1@x>\n"), &body(20, "twenty"));
    world.write("patches/fake/change/x.mbox", &text);
    world.write("x.mbox", &text);
}

#[test]
fn one_patch_of_a_series() {
    let world = world();
    picked(&world);
    let with = |more: &str| variant(&world, &format!("mbox: x.mbox\n{more}"));
    for more in
        ["message_id: a13@x\npatch: 13\n", "patch_message_id: <a13@x>\n", "message_id: b1@x\npatch: 2\n"]
    {
        with(more);
        applies(&world);
    }
    with("message_id: a13@x\n");
    refused(&world, &["patch 1 of 45 is missing", "`patch: NUMBER`"]);
    with("message_id: b1@x\npatch: 3\n");
    refused(
        &world,
        &["x.mbox: patch 3 is no patch of the series", "hint: it has 1 (\"[PATCH 1/2] a: nine\"); 2 ("],
    );
    with("patch_message_id: no@x\n");
    refused(&world, &["has no patch with the message id no@x"]);
    with("patch_message_id: b1@x\npatch: 1\n");
    refused(
        &world,
        &["variant.yaml:6: patch: takes one patch out of a mailbox, and it cannot be known which"],
    );
    // A study that cannot be read pairs its kernel with no machine.
    with("message_id: b1@x\n");
    let made = world.patcheval(&STUDY_NEW);
    assert_eq!(made.code, Some(0), "{made:?}");
    has(&made.stdout, &["3 variants: unfixed, a-five, a-nine\n", "a-five is patch 13 of 45 alone"]);
    has(&world.read("patches/x/a-five/variant.yaml"), &["patch: 13\nmessage_id: \"a13@x\"\n"]);
}

/// Two commits by two people, of which the second needs the first, as `git format-patch --stdout` writes them.
fn format_patch(world: &World) -> String {
    world.write("tree/kernel/a.c", &world.read("linux/kernel/a.c"));
    let tree = world.root().join("tree");
    git(&tree, "Ann", &["init", "-q"]);
    git(&tree, "Ann", &["add", "."]);
    git(&tree, "Ann", &["commit", "-qm", "base"]);
    for (author, to) in [("Ann", "five"), ("Bob", "FIVE")] {
        world.write(
            "tree/kernel/a.c",
            &world.read("linux/kernel/a.c").replace("line 5\n", &format!("{to}\n")),
        );
        git(&tree, author, &["commit", "-qam", &format!("a: {to} by {author}")]);
    }
    git(&tree, "Cid", &["format-patch", "--stdout", "-2"])
}

fn git(dir: &Path, who: &str, words: &[&str]) -> String {
    let (name, address) = (format!("user.name={who}"), format!("user.email={who}@example.org"));
    let mut git = Command::new("git");
    git.current_dir(dir).args(["-c", &name, "-c", &address, "-c", "init.defaultBranch=main"]).args(words);
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    let output = git.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_git_format_patch_prints_has_no_message_ids() {
    let world = world();
    let text = format_patch(&world);
    assert!(!text.to_lowercase().contains("message-id:"), "{text}");
    world.write("patches/fake/change/x.mbox", &text);
    variant(&world, "mbox: x.mbox\n");
    applies(&world);
    // b4 am gives each mail its id, and leaves the threading out.
    let with_ids = text.replace("Subject: [PATCH 1", "Message-Id: <a@x>\nSubject: [PATCH 1");
    let with_ids = with_ids.replace("Subject: [PATCH 2", "Message-Id: <b@x>\nSubject: [PATCH 2");
    world.write("patches/fake/change/x.mbox", &with_ids);
    applies(&world);
    // The next series begins with its own first patch.
    let other = mail("[PATCH 1/2] a: nine", "", &diff("a/", "b/", &hunk(9, "line 9", "nine")))
        + &mail("[PATCH 2/2] a: twenty", "", &diff("a/", "b/", &hunk(20, "line 20", "twenty")));
    world.write("x.mbox", &(text + &other));
    let made = world.patcheval(&STUDY_NEW);
    assert_eq!(made.code, Some(0), "{made:?}");
    has(&made.stdout, &["3 variants: unfixed, a-five-by-ann, a-nine\n"]);
    has(&world.read("patches/x/a-nine/0002.patch"), &["Subject: [PATCH 1/2] a: nine\n", "+twenty\n"]);
    has(&world.fails(&["run", "x"], 3), &["mips-linux-gnu-gcc: no such program"]);
}

#[test]
fn a_mail_that_flows_is_unwrapped() {
    let world = world();
    let flowed = "Content-Type: text/plain; charset=UTF-8;\n format=flowed\n";
    let body = "Why.\n---\n--- a/kernel/a.c\n+++ b/kernel/a.c\n@@ -4,3 +4,3 @@\n  line 4\n-line 5\n+line 5, which \nis long\n  line 6\n";
    let text = mail("[PATCH] a: five", flowed, body);
    world.write("patches/fake/change/x.mbox", &text);
    variant(&world, "mbox: x.mbox\n");
    applies(&world);
    std::fs::remove_file(world.root().join("patches/fake/change/x.mbox")).unwrap();
    variant(&world, "");
    world.write(PATCH, text.split_once('\n').unwrap().1);
    applies(&world);
    // Without the header it is damaged.
    world.write(PATCH, &text.split_once('\n').unwrap().1.replace("format=flowed", "x=y"));
    refused(&world, &["0001-change.patch:"]);
}

#[test]
fn only_what_cannot_be_decoded_within_the_diff_is_damaged() {
    let world = world();
    let utf8 = "MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n";
    let body = |to: &str| format!("It said \"\u{fffd}\".\n---\n{}", diff("a/", "b/", &hunk(5, "line 5", to)));
    let write =
        |text: Vec<u8>| std::fs::write(world.root().join("patches/fake/change/x.mbox"), text).unwrap();
    variant(&world, "mbox: x.mbox\n");
    for encoding in ["8bit", "quoted-printable", "base64"] {
        let headers = format!("{utf8}Content-Transfer-Encoding: {encoding}\n");
        let body = body("\u{fffd}");
        let body = match encoding {
            "quoted-printable" => body.replace('\u{fffd}', "=EF=BF=BD"),
            // As coreutils encode it.
            "base64" => base64(&body),
            _ => body,
        };
        write(mail("[PATCH] a: five", &headers, &body).into_bytes());
        applies(&world);
    }
    // A list's footer in Latin-1.
    let mut footer = mail("[PATCH] a: five", utf8, &body("five")).into_bytes();
    footer.extend(b"-- \n2.39\n_____\nListe f\xfcr Kerne\n");
    write(footer);
    applies(&world);
    let text = mail("[PATCH] a: five", utf8, &body("f?nf")).into_bytes();
    write(text.into_iter().map(|byte| if byte == b'?' { 0xfc } else { byte }).collect());
    refused(&world, &["x.mbox, mail 1 (\"[PATCH] a: five\"), line 8: has bytes that do not belong"]);
}

fn base64(text: &str) -> String {
    let scratch = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(scratch.path(), text).unwrap();
    let output = Command::new("base64").arg(scratch.path()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}
