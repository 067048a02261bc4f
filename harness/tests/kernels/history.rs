// SPDX-License-Identifier: GPL-2.0-or-later
//! A git history made from the kernel's source, in which one commit breaks what a testcase looks at.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use walkdir::WalkDir;

/// Commits after the base.
const COMMITS: usize = 64;

/// The file and the line that the breaking commit changes.
const UPROBES: &str = "kernel/events/uprobes.c";
const FLUSHES: &str = "\tarch_uprobe_copy_ixol(area->pages[0], 0, &insn, UPROBE_SWBP_INSN_SIZE);\n";
const FLUSHES_NOT: &str = "\tcopy_to_page(area->pages[0], 0, &insn, UPROBE_SWBP_INSN_SIZE);\n";

/// Files that commits tidy up, compiled for every kernel.
const FILES: [&str; 23] = [
    "kernel/fork.c",
    "kernel/exit.c",
    "kernel/signal.c",
    "kernel/sys.c",
    "kernel/pid.c",
    "kernel/cred.c",
    "mm/mmap.c",
    "mm/memory.c",
    "mm/vmscan.c",
    "mm/util.c",
    "mm/slab_common.c",
    "lib/string.c",
    "lib/vsprintf.c",
    "lib/rbtree.c",
    "fs/open.c",
    "fs/namei.c",
    "fs/exec.c",
    "fs/file.c",
    "arch/mips/kernel/traps.c",
    "arch/mips/kernel/process.c",
    "arch/mips/mm/c-r4k.c",
    "arch/mips/mm/init.c",
    "kernel/panic.c",
];

/// Large parts of which no file is compiled here, but whose Kconfig files and makefiles are read.
const EMPTY: [&str; 9] = [
    "Documentation/",
    "drivers/gpu/",
    "drivers/net/",
    "drivers/media/",
    "drivers/staging/",
    "drivers/infiniband/",
    "drivers/scsi/",
    "sound/",
    "tools/testing/",
];

/// A history, and what is known of it.
#[derive(Debug)]
pub struct History {
    pub repository: PathBuf,
    /// Name of the branch.
    pub branch: String,
    /// The commit that broke it.
    pub culprit: String,
}

/// Git, with nobody's configuration.
fn git(repository: &Path, args: &[&str]) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(repository).args(args);
    for (name, value) in [("CONFIG_GLOBAL", "/dev/null"), ("CONFIG_NOSYSTEM", "1")] {
        git.env(format!("GIT_{name}"), value);
    }
    for who in ["AUTHOR", "COMMITTER"] {
        git.env(format!("GIT_{who}_NAME"), "A. Author").env(format!("GIT_{who}_EMAIL"), "author@example.org");
        git.env(format!("GIT_{who}_DATE"), "2026-01-01T00:00:00Z");
    }
    git
}

/// Runs git, and returns what it printed.
fn output(mut git: Command) -> String {
    let output = git.output().unwrap();
    assert!(output.status.success(), "{git:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A bare repository with a kernel's source as the branch `base`, made once; `tree` is the source.
pub fn repository(tree: &Path) -> PathBuf {
    static MADE: Mutex<()> = Mutex::new(());
    let _alone = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("linux-6.1.git");
    if git(&place, &["rev-parse", "--quiet", "--verify", "base"]).output().unwrap().status.success() {
        return place;
    }
    let _ = std::fs::remove_dir_all(&place);
    std::fs::create_dir(&place).unwrap();
    output(git(&place, &["init", "--quiet", "--bare"]));
    output(git(&place, &["config", "core.compression", "1"]));
    let list = place.join("list");
    let names: Vec<String> = files(tree);
    std::fs::write(&list, names.join("\n")).unwrap();
    let (dir, work) = (format!("--git-dir={}", place.display()), format!("--work-tree={}", tree.display()));
    let from = format!("--pathspec-from-file={}", list.display());
    output(git(tree, &["-c", "core.bare=false", &dir, &work, "add", "--force", &from]));
    let id = output(git(tree, &["-c", "core.bare=false", &dir, &work, "write-tree"]));
    let commit = output(git(&place, &["commit-tree", "-m", "Linux 6.1", id.trim()]));
    output(git(&place, &["branch", "base", commit.trim()]));
    // `git bisect` starts where HEAD is.
    output(git(&place, &["symbolic-ref", "HEAD", "refs/heads/base"]));
    place
}

fn files(tree: &Path) -> Vec<String> {
    let wanted = |name: &str| {
        let file = name.rsplit('/').next().unwrap_or_default();
        let read = ["Kconfig", "Makefile", "Kbuild"].iter().any(|read| file.starts_with(read));
        let elsewhere = name.strip_prefix("arch/").and_then(|rest| rest.split_once('/'));
        let foreign = elsewhere.is_some_and(|(arch, rest)| {
            let system_calls = arch == "x86" && rest.starts_with("entry/syscalls/");
            !(["mips", "arm"].contains(&arch) || system_calls)
        });
        read || !(foreign || EMPTY.iter().any(|part| name.starts_with(part)))
    };
    let mut names = Vec::new();
    for entry in WalkDir::new(tree).sort_by_file_name() {
        let entry = entry.unwrap();
        let name = entry.path().strip_prefix(tree).unwrap().to_str().unwrap();
        if entry.file_type().is_symlink() || (entry.file_type().is_file() && wanted(name)) {
            names.push(name.to_owned());
        }
    }
    names
}

/// Draws numbers from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        // splitmix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % n as u64).unwrap()
    }
}

/// Writes a history: each commit tidies up several files, one leaves out the flush, three do not build and two do not boot.
pub fn write(repository: &Path, seed: u64) -> History {
    let mut dice = Dice(seed);
    let mut special: Vec<usize> = Vec::new();
    while special.len() < 6 {
        let place = 2 + dice.below(COMMITS - 3);
        if !special.contains(&place) {
            special.push(place);
        }
    }
    let branch = format!("h{seed}");
    let base = output(git(repository, &["rev-parse", "base"])).trim().to_owned();
    let show = |file: &str| output(git(repository, &["show", &format!("base:{file}")]));
    let mut contents: Vec<(&str, String)> = FILES.iter().map(|file| (*file, show(file))).collect();
    let mut uprobes = show(UPROBES);
    assert!(uprobes.contains(FLUSHES));
    let mut stream = String::new();
    let mut spoilt: Option<usize> = None;
    for number in 1..=COMMITS {
        let mut touched: Vec<usize> = (0..3).map(|_| dice.below(FILES.len())).chain(spoilt.take()).collect();
        touched.sort_unstable();
        touched.dedup();
        for file in &touched {
            let text = &mut contents[*file].1;
            match dice.below(2) {
                0 => writeln!(text, "/* Remark {number} of history {seed}. */").unwrap(),
                _ => writeln!(text, "static const int __maybe_unused pe_{number} = {seed};").unwrap(),
            }
        }
        let place = special.iter().position(|place| *place == number);
        let subject = if place == Some(0) { "uprobes: Simplify" } else { "Tidy up" };
        begin(&mut stream, (&branch, &base), number, &format!("{subject}, part {number}"));
        if place == Some(0) {
            uprobes = uprobes.replace(FLUSHES, FLUSHES_NOT);
            change(&mut stream, UPROBES, &uprobes);
        }
        for file in touched {
            change(&mut stream, contents[file].0, &contents[file].1);
        }
        let spoils = match place {
            Some(1..=3) => "int broken(void) { return 0 }\n",
            Some(4..) => "static int __init pe_die(void) { panic(\"here\"); }\nearly_initcall(pe_die);\n",
            _ => continue,
        };
        // The last file is mended by the next commit, which touches it.
        let last = FILES.len() - 1;
        change(&mut stream, FILES[last], &format!("{}{spoils}", contents[last].1));
        spoilt = Some(last);
    }
    let mut import = git(repository, &["fast-import", "--quiet", "--force"]);
    let mut import = import.stdin(Stdio::piped()).spawn().unwrap();
    import.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(import.wait().unwrap().success());
    let all = output(git(repository, &["rev-list", "--reverse", &format!("base..{branch}")]));
    let culprit = all.lines().nth(special[0] - 1).unwrap().to_owned();
    History { repository: repository.to_owned(), branch, culprit }
}

/// The head of a commit, for `git fast-import`.
fn begin(stream: &mut String, (branch, base): (&str, &str), number: usize, message: &str) {
    let from = if number == 1 { base.to_owned() } else { format!(":{}", number - 1) };
    let who = format!("A. Author <author@example.org> {} +0000", 1_767_225_600 + number * 60);
    write!(
        stream,
        "commit refs/heads/{branch}\nmark :{number}\nauthor {who}\ncommitter {who}\ndata {}\n{message}\nfrom {from}\n",
        message.len()
    )
    .unwrap();
}

fn change(stream: &mut String, file: &str, text: &str) {
    write!(stream, "M 100644 inline {file}\ndata {}\n{text}\n", text.len()).unwrap();
}
