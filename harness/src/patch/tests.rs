// SPDX-License-Identifier: GPL-2.0-or-later
//! Tests with a tiny tree.

mod damaged;

use super::*;

/// Context lines around line `at` of a file whose line n reads `line n`.
fn hunk(at: u64, to: &str) -> String {
    let line = |n: u64| format!(" line {n}\n");
    format!("@@ -{},3 +{},3 @@\n{}-line {at}\n+{to}\n{}", at - 1, at - 1, line(at - 1), line(at + 1))
}

fn diff(path: &str, hunks: &[String]) -> String {
    format!("diff --git a/{path} b/{path}\nindex 1..2 100644\n--- a/{path}\n+++ b/{path}\n{}", hunks.concat())
}

struct World {
    dir: tempfile::TempDir,
    series: Vec<PathBuf>,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let text: String = (1..=30).map(|n| format!("line {n}\n")).collect();
        std::fs::create_dir_all(dir.path().join("tree/kernel/events")).unwrap();
        std::fs::write(dir.path().join("tree/kernel/events/uprobes.c"), text).unwrap();
        Self { dir, series: Vec::new() }
    }

    fn patch(mut self, text: &str) -> Self {
        let path = self.dir.path().join(format!("000{}-x.patch", self.series.len() + 1));
        std::fs::write(&path, format!("From: A\nSubject: x\n\nWhy.\n---\n x | 2 +-\n\n{text}-- \n2.39\n"))
            .unwrap();
        self.series.push(path);
        self
    }

    fn stage(&self) -> Result<Staged> {
        let series: Vec<_> = self.series.iter().cloned().map(crate::plan::Patches::File).collect();
        stage(&self.dir.path().join("tree"), &gather(Path::new("/"), &series)?)
    }

    fn error(&self) -> String {
        let error = self.stage().unwrap_err();
        assert_eq!(error.exit_code(), crate::error::exit::STUDY);
        error.to_string().replace(&format!("{}/", self.dir.path().display()), "")
    }
}

const FILE: &str = "kernel/events/uprobes.c";

#[test]
fn patches_apply_in_order_and_the_tree_stays_as_it_was() {
    let second = hunk(10, "third").replace("-line 10", "-second");
    let world = World::new().patch(&diff(FILE, &[hunk(10, "second")])).patch(&diff(FILE, &[second]));
    let staged = world.stage().unwrap();
    let text = String::from_utf8(staged.files[Path::new(FILE)].clone().unwrap().content).unwrap();
    assert!(text.contains("line 9\nthird\nline 11\n"));
    assert!(std::fs::read_to_string(world.dir.path().join("tree").join(FILE)).unwrap().contains("line 10\n"));
}

#[test]
fn a_hunk_that_does_not_apply_is_named() {
    let world = World::new().patch(&diff(FILE, &[hunk(5, "x"), hunk(20, "y").replace("-line 20", "-other")]));
    assert_eq!(world.error(), "0001-x.patch: hunk 2 at kernel/events/uprobes.c:19 does not apply");
    assert_eq!(world.stage().unwrap_err().kind(), crate::error::ErrorKind::Rejected);
}

#[test]
fn there_is_no_fuzz() {
    let world = World::new().patch(&diff(FILE, &[hunk(20, "y").replace(" line 21", " changed")]));
    assert_eq!(
        world.error(),
        "0001-x.patch: hunk 1 at kernel/events/uprobes.c:19 does not apply without fuzz: some lines around the change \
         differ in this tree"
    );
}

#[test]
fn what_ends_as_it_was_is_no_change_and_has_the_digest_of_nothing() {
    let back = hunk(10, "line 10").replace("-line 10", "-x");
    let world = World::new().patch(&diff(FILE, &[hunk(10, "x")])).patch(&diff(FILE, &[back]));
    let staged = world.stage().unwrap();
    assert!(staged.is_empty());
    assert_eq!(staged.digest, World::new().stage().unwrap().digest);
}

#[test]
fn files_are_made_deleted_and_renamed() {
    let made = "diff --git a/new.sh b/new.sh\nnew file mode 100755\n--- /dev/null\n+++ b/new.sh\n@@ -0,0 +1 @@\n+echo\n";
    let moved = "diff --git a/kernel/events/uprobes.c b/k.c\nsimilarity index 100%\nrename from kernel/events/uprobes.c\nrename to k.c\n";
    let staged = World::new().patch(made).patch(moved).stage().unwrap();
    let new = staged.files[Path::new("new.sh")].clone().unwrap();
    assert_eq!((new.content.as_slice(), new.executable), (b"echo\n".as_slice(), true));
    assert_eq!(staged.files[Path::new(FILE)], None);
    assert!(staged.files[Path::new("k.c")].is_some());
}

#[test]
fn a_missing_file_is_named() {
    assert_eq!(
        World::new().patch(&diff("mm/x.c", &[hunk(5, "x")])).error(),
        "0001-x.patch: mm/x.c is not in this source tree, nor is any other file that it changes: it is for another tree"
    );
}

#[test]
fn paths_out_of_the_tree_are_refused() {
    for path in ["../x.c", "/etc/x.c", "a/../../x.c", ".git/config"] {
        let error = World::new().patch(&diff(path, &[hunk(5, "x")])).error();
        assert!(error.contains("leads out of the source tree"), "{path}: {error}");
    }
    let world = World::new().patch(&diff("out/x.c", &[hunk(5, "x")]));
    std::os::unix::fs::symlink("/tmp", world.dir.path().join("tree/out")).unwrap();
    assert!(world.error().contains("goes through a symbolic link"));
}

#[test]
fn empty_binary_and_cut_patches_are_refused() {
    assert_eq!(World::new().patch("").error(), "0001-x.patch: changes no file");
    let binary =
        "diff --git a/x.png b/x.png\nnew file mode 100644\nGIT binary patch\nliteral 1\nIcmZPo000310RR91\n\n";
    assert!(World::new().patch(binary).error().contains("binary"));
    let link = "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc\n";
    assert!(World::new().patch(link).error().contains("symbolic link"));
    let cut = diff(FILE, &["@@ -1,9 +1,9 @@\n line 1\n".to_owned()]);
    assert!(World::new().patch(&cut).error().contains("hunk"));
}

#[test]
fn a_hunk_that_looks_like_a_header_is_no_header() {
    let text = diff(FILE, &["@@ -1,2 +1,3 @@\n line 1\n+-- a/etc/passwd\n line 2\n".to_owned()]);
    let files = parse(&text).unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].hunks, [1]);
}
