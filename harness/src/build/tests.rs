// SPDX-License-Identifier: GPL-2.0-or-later
//! Both ways of building, on a "kernel" whose Makefile compiles nothing.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::LazyLock;

mod escapes;

use super::*;
use crate::patch::{Patch, StagedFile, stage};
use crate::plan::{Arch, GuestCompiler, Source};

/// Writes `vmlinux` from two sources through two "objects", and counts how often it made an object.
const MAKEFILE: &str = r#"VERSION = 6
PATCHLEVEL = 1
all: $(O)/vmlinux $(O)/System.map
allnoconfig:
	cp $(KCONFIG_ALLCONFIG) $(O)/.config
$(O)/%.o: %.c
	if grep -q '^error' $<; then echo "$<:1: broken"; exit 1; fi
	cp $< $@
$(O)/vmlinux: $(O)/a.o $(O)/b.o
	cat $^ $(wildcard extra/*.c) >$@
$(O)/System.map:
	touch $@
sub/board.dtb:
	mkdir -p $(O)/arch/mips/boot/dts/sub
	echo tree >$(O)/arch/mips/boot/dts/$@
-include evil.mk
"#;

/// Stands for a cross compiler and a linker.
const TOOL: &str = "#!/bin/sh\necho tool 1.0\n";

/// Whether this machine allows overlays at all; the tests of the other way run anyhow.
static NAMESPACE: LazyLock<Option<Namespace>> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    Namespace::probe(&Cache::at(&dir.path().join("cache")).unwrap()).unwrap()
});

struct World {
    dir: tempfile::TempDir,
    cache: Cache,
    kernel: Kernel,
    tree: Tree,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("build").tempdir().unwrap();
        let linux = dir.path().join("linux");
        std::fs::create_dir(&linux).unwrap();
        let files = [
            ("Makefile", MAKEFILE),
            ("a.c", "one\ntwo\nthree\n"),
            ("b.c", "b\n"),
            ("Kconfig", "config OLD\n"),
        ];
        for (name, text) in files {
            std::fs::write(linux.join(name), text).unwrap();
        }
        std::fs::write(dir.path().join("f.config"), "CONFIG_A=y\n").unwrap();
        let tools = dir.path().join("tools");
        std::fs::create_dir(&tools).unwrap();
        for tool in ["x-gcc", "x-ld"] {
            std::fs::write(tools.join(tool), TOOL).unwrap();
            std::fs::set_permissions(tools.join(tool), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let cache = Cache::at(&dir.path().join("cache")).unwrap();
        let source = Source::Directory("linux".into());
        let tree = crate::source::provide(&cache, &source, dir.path()).unwrap();
        let kernel = Kernel {
            name: "k".to_owned(),
            arch: Arch::new("mips"),
            cross_compile: tools.join("x-").display().to_string(),
            source,
            fragments: vec!["f.config".into()],
            target: "all".to_owned(),
            image: "vmlinux".into(),
            dtbs: vec!["sub/board.dtb".to_owned()],
            uimage: None,
            guest: GuestCompiler { cc: String::new(), cflags: Vec::new() },
            provides: Vec::new(),
            oops: Vec::new(),
            renamed: BTreeMap::new(),
            page_size: 4096,
            byte_order: None,
        };
        Self { dir, cache, kernel, tree }
    }

    fn builder(&self, namespace: Option<Namespace>) -> Builder<'_> {
        if let Some(why) = sandbox::obstacle() {
            eprintln!("NOT SANDBOXED, because it does not work here: {why}");
            sandbox::switch_off();
        }
        Builder::with(&self.cache, &self.kernel, &self.tree, self.dir.path(), namespace).unwrap()
    }

    fn staged(&self, patch: &str) -> Staged {
        let patch = Patch { name: "p.patch".into(), is_file: true, text: patch.into() };
        stage(&self.tree.path, &[patch]).unwrap()
    }

    /// Everything below the source and build trees, with contents and times.
    fn snapshot(&self, obj: &Path) -> Vec<(PathBuf, Vec<u8>, SystemTime)> {
        let walk = WalkDir::new(&self.tree.path).sort_by_file_name().into_iter();
        let walk = walk.chain(WalkDir::new(obj).sort_by_file_name()).map(Result::unwrap);
        let files = walk.filter(|e| e.file_type().is_file()).map(walkdir::DirEntry::into_path);
        files
            .map(|p| (p.clone(), std::fs::read(&p).unwrap(), p.metadata().unwrap().modified().unwrap()))
            .collect()
    }
}

const CHANGE: &str = "--- a/a.c\n+++ b/a.c\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n";
const MAKE_AND_DELETE: &str = "--- a/a.c\n+++ b/a.c\n@@ -1,3 +1,3 @@\n-one\n+1\n two\n three\n\
    --- /dev/null\n+++ b/extra/new.c\n@@ -0,0 +1 @@\n+new\n\
    diff --git a/Kconfig b/Kconfig\ndeleted file mode 100644\n--- a/Kconfig\n+++ /dev/null\n@@ -1 +0,0 @@\n-config OLD\n";

fn both_ways(namespace: Option<Namespace>) {
    let world = World::new();
    let builder = world.builder(namespace);
    let obj = builder.base().unwrap().made;
    let before = world.snapshot(&obj);
    let read = |image: &Image| std::fs::read_to_string(&image.vmlinux).unwrap();

    let base = builder.image(&Staged::default()).unwrap().made;
    assert_eq!(read(&base), "one\ntwo\nthree\nb\n");
    assert_eq!(std::fs::read_to_string(base.dtbs.join("board.dtb")).unwrap(), "tree\n");
    let first = builder.image(&world.staged(CHANGE)).unwrap();
    assert_eq!(read(&first.made), "one\n2\nthree\nb\n");
    assert_eq!(first.made.record.objects_rebuilt, 1);
    assert!(first.made.dtbs.join("board.dtb").is_file());
    assert!(first.seconds.is_some());
    let second = builder.image(&world.staged(MAKE_AND_DELETE)).unwrap().made;
    assert_eq!(read(&second), "1\ntwo\nthree\nb\nnew\n");

    assert_eq!(world.snapshot(&obj), before, "the base is as it was");
    assert!(!world.tree.path.join("extra").exists());
    assert!(
        builder.image(&world.staged(CHANGE)).unwrap().seconds.is_none(),
        "the second time is from the cache"
    );
    assert_eq!(std::fs::read_dir(world.cache.root().join("tmp")).unwrap().count(), 0);
}

/// A link in place of a file, and the other way round: make reads through it, and nothing of the base is written to.
fn links(namespace: Option<Namespace>) {
    let world = World::new();
    std::fs::remove_file(world.dir.path().join("linux/Kconfig")).unwrap();
    std::os::unix::fs::symlink("b.c", world.dir.path().join("linux/Kconfig")).unwrap();
    let world = World {
        tree: crate::source::provide(&world.cache, &world.kernel.source, world.dir.path()).unwrap(),
        ..world
    };
    let builder = world.builder(namespace);
    let obj = builder.base().unwrap().made;
    let before = world.snapshot(&obj);
    let file = |content: &[u8], link| Some(StagedFile { content: content.to_vec(), executable: false, link });
    let files = [
        ("a.c", file(b"b.c", true)),
        ("Kconfig", file(b"config NEW\n", false)),
        ("b.c", file(b"b\n", false)),
    ];
    let staged = Staged::new(files.into_iter().map(|(path, file)| (path.into(), file)).collect());
    let image = builder.image(&staged).unwrap().made;
    assert_eq!(std::fs::read_to_string(&image.vmlinux).unwrap(), "b\nb\n");
    assert_eq!(world.snapshot(&obj), before, "the base is as it was");
    assert_eq!(std::fs::read_link(world.tree.path.join("Kconfig")).unwrap(), Path::new("b.c"));
    let plain = file(b"b.c", false);
    let other = Staged::new(BTreeMap::from([("a.c".into(), plain)]));
    assert_ne!(other.digest, Staged::new(BTreeMap::from([("a.c".into(), file(b"b.c", true))])).digest);
}

#[test]
fn links_of_a_history_are_laid_over_a_tree() {
    links(None);
    if let Some(namespace) = *NAMESPACE {
        links(Some(namespace));
    }
}

#[test]
fn in_place_a_variant_is_built_and_everything_put_back() {
    both_ways(None);
}

#[test]
fn in_an_overlay_a_variant_is_built_and_the_base_untouched() {
    match *NAMESPACE {
        Some(namespace) => both_ways(Some(namespace)),
        None => eprintln!("skipped: no overlay in a mount namespace on this machine"),
    }
}

#[test]
fn a_patch_that_does_not_compile_is_quoted_with_its_log() {
    for namespace in [None, *NAMESPACE] {
        let world = World::new();
        let builder = world.builder(namespace);
        let obj = builder.base().unwrap().made;
        let before = world.snapshot(&obj);
        let error = builder.image(&world.staged(&CHANGE.replace("+2", "+error"))).unwrap_err();
        assert_eq!(error.kind(), crate::error::ErrorKind::Study);
        let text = error.to_string();
        assert!(text.contains("build.log") && text.contains("a.c:1: broken"), "{text}");
        assert_eq!(world.snapshot(&obj), before);
    }
}

#[test]
fn a_build_that_was_killed_in_place_is_undone_before_the_next() {
    let world = World::new();
    let obj = world.builder(None).base().unwrap().made;
    let before = world.snapshot(&obj);
    let staged = world.staged(MAKE_AND_DELETE);
    // As change_and_build leaves it when it is killed half way.
    in_place::write_journal(&world.tree, &obj, &staged).unwrap();
    std::fs::rename(&obj, obj.with_extension("base")).unwrap();
    std::fs::create_dir(&obj).unwrap();
    std::fs::write(world.tree.path.join("a.c"), "half").unwrap();
    std::fs::create_dir(world.tree.path.join("extra")).unwrap();
    std::fs::write(world.tree.path.join("extra/new.c"), "new\n").unwrap();
    std::fs::remove_file(world.tree.path.join("Kconfig")).unwrap();

    world.builder(None);
    assert_eq!(world.snapshot(&obj), before);
    assert!(!world.tree.path.join("extra").exists());
}

#[test]
fn a_symbol_that_kbuild_drops_is_an_error() {
    let mut world = World::new();
    let makefile = MAKEFILE.replace("cp $(KCONFIG_ALLCONFIG)", "grep -v OLD $(KCONFIG_ALLCONFIG) >");
    std::fs::write(world.dir.path().join("linux/Makefile"), makefile).unwrap();
    std::fs::write(world.dir.path().join("f.config"), "CONFIG_A=y\n# why\nCONFIG_OLD=y\n").unwrap();
    world.tree = crate::source::provide(&world.cache, &world.kernel.source, world.dir.path()).unwrap();
    let error = world.builder(*NAMESPACE).base().unwrap_err();
    assert_eq!(error.to_string(), "f.config:3: CONFIG_OLD=y was not granted: its dependencies are not met");
}

#[test]
fn a_build_that_somebody_killed_is_distinguished_from_one_that_is_broken() {
    use std::os::unix::process::ExitStatusExt as _;
    let ended = |raw| CommandOutcome { status: std::process::ExitStatus::from_raw(raw), timed_out: false };
    let (signal, shell, broken) = (ended(9), ended(137 << 8), ended(2 << 8));
    assert!(was_killed(signal, "") && was_killed(shell, ""));
    assert!(was_killed(broken, "  CC a.o\nmake[2]: *** [scripts/Makefile.build:250: a.o] Killed\n"));
    assert!(was_killed(broken, "gcc: fatal error: Killed signal terminated program cc1\n"));
    assert!(!was_killed(
        broken,
        "a.c:1:1: error: 'Killed' undeclared\nmake: *** [Makefile:1: a.o] Error 1\n"
    ));
}
