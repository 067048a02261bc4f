// SPDX-License-Identifier: GPL-2.0-or-later
//! A patch whose Makefile tries to get at the machine: each attempt ends as a build that failed, with the reason.

use std::net::TcpListener;
use std::process::Command;

use super::*;
use crate::error::ErrorKind;

/// What is outside, for a build to read or spoil.
struct Outside {
    dir: tempfile::TempDir,
    listener: TcpListener,
}

impl Outside {
    fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("outside").tempdir().unwrap();
        std::fs::write(dir.path().join("secret"), "untouched").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { dir, listener }
    }

    /// Attempts, each with what it is, shell commands, and words of the reason.
    fn attempts(&self, world: &World, base: &Path) -> Vec<(&'static str, String, &'static str)> {
        let secret = self.dir.path().join("secret");
        let secret = secret.display();
        let port = self.listener.local_addr().unwrap().port();
        let harness = std::process::id();
        let tree = world.tree.path.display();
        let other = base.parent().unwrap().join("build.log");
        let other = other.display();
        let perl = |text: &str| format!("perl -MSocket -e '{text}'");
        let connect = format!(
            "socket(S,AF_INET,SOCK_STREAM,0);connect(S,sockaddr_in({port},inet_aton(\"127.0.0.1\"))) or die \"connect: $$!\""
        );
        let fork = "for (1..5000) { defined($$pid = fork) or die \"fork: $$!\"; $$pid or sleep 60, exit }";
        vec![
            ("read a file", format!("cat {secret}"), "No such file"),
            ("read the home directory", "ls -a /root /home".into(), "cannot access '/root'"),
            ("read keys of the system", "cat /etc/shadow".into(), "No such file"),
            ("write a file", format!("echo x >{secret}"), "irectory nonexistent"),
            (
                "write through a symbolic link",
                format!("ln -s {secret} $(O)/l && echo x >$(O)/l"),
                "nonexistent",
            ),
            ("link a file of the system", "ln /usr/bin/env $(O)/env".into(), "Invalid cross-device link"),
            ("write into the system", "echo x >/usr/bin/patcheval-was-here".into(), "Read-only file system"),
            ("write into the source", format!("echo x >>{tree}/a.c"), "Read-only file system"),
            ("read what another build wrote", format!("cat {other}"), "No such file"),
            // Its own loopback device is all that it has.
            ("reach the network", perl(&connect), "connect: Connection refused"),
            ("find a socket of a daemon", "ls /run /var/run".into(), "cannot access '/run'"),
            ("end the harness", format!("kill -KILL {harness}"), "No such process"),
            ("read the harness's memory", format!("dd if=/proc/{harness}/mem count=1"), "No such file"),
            ("read the harness's environment", "printenv CARGO_MANIFEST_DIR".into(), "Error 1"),
            ("mount", "mount -t tmpfs none /tmp".into(), "mount: "),
            ("change the root", "chroot /tmp true".into(), "Operation not permitted"),
            ("become more in a namespace", "unshare --user --map-root-user true".into(), "unshare failed"),
            ("make a device", "mknod $(O)/disk b 8 0".into(), "Operation not permitted"),
            ("read the disk", "ls /dev/sda /dev/vda /dev/mem".into(), "cannot access '/dev/mem'"),
            ("read the kernel's log", "cat /dev/kmsg".into(), "No such file"),
            ("change a control group", "ls /sys/fs/cgroup".into(), "cannot access"),
            ("type into the terminal", "echo id >/dev/tty".into(), "No such device or address"),
            ("set the clock", "date -s 2030-01-01".into(), "Operation not permitted"),
            ("write a huge file", "truncate -s 5G $(O)/huge".into(), "File size limit exceeded"),
            ("fill the memory", "dd if=/dev/zero of=/tmp/huge bs=1M count=1100".into(), "No space left"),
            ("take much memory", perl("$$x = \"x\" x (9 << 30)"), "Out of memory"),
            ("never stop forking", perl(fork), "fork: Resource temporarily unavailable"),
        ]
    }
}

/// A new file that the Makefile includes, with a recipe of these commands.
fn evil(commands: &str) -> String {
    format!("--- /dev/null\n+++ b/evil.mk\n@@ -0,0 +1,3 @@\n+$(O)/vmlinux: | evil\n+evil:\n+\t{commands}\n")
}

/// Where root may not make control groups, nothing bounds its tasks.
fn bounds_tasks() -> bool {
    let group = |base: &str| {
        let probe = Path::new(base).join("patcheval.probe.");
        let works = std::fs::create_dir(&probe).is_ok() && probe.join("pids.max").exists();
        let _ = std::fs::remove_dir(&probe);
        works
    };
    !rustix::process::geteuid().is_root() || ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].into_iter().any(group)
}

#[test]
fn no_escape_from_a_build_succeeds() {
    if let Some(why) = sandbox::obstacle() {
        eprintln!("SKIPPED: the sandbox does not work here: {why}");
        return;
    }
    let (world, outside) = (World::new(), Outside::new());
    let builder = world.builder(*NAMESPACE);
    let base = builder.base().unwrap().made;
    let (mut tried, mut wrong) = (0, Vec::new());
    for (what, commands, reason) in outside.attempts(&world, &base) {
        if what == "never stop forking" && !bounds_tasks() {
            eprintln!("SKIPPED: {what}: control groups cannot be made here");
            continue;
        }
        let error = builder.image(&world.staged(&evil(&commands))).expect_err(what);
        let text = error.to_string();
        if error.kind() != ErrorKind::Study || !text.contains("the build failed") || !text.contains(reason) {
            wrong.push(format!("{what}: {text}"));
        }
        tried += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried >= 25, "{tried}");
    assert_eq!(std::fs::read_to_string(outside.dir.path().join("secret")).unwrap(), "untouched");
    assert_eq!(std::fs::read_to_string(world.tree.path.join("a.c")).unwrap(), "one\ntwo\nthree\n");
    assert!(!Path::new("/usr/bin/patcheval-was-here").exists());
    assert!(outside.listener.accept().is_err(), "somebody connected");
}

#[test]
fn nothing_of_a_build_outlives_it() {
    if sandbox::obstacle().is_some() {
        eprintln!("SKIPPED: the sandbox does not work here");
        return;
    }
    let world = World::new();
    let left = "sleep 86399.5 </dev/null >/dev/null 2>&1 &";
    world.builder(*NAMESPACE).image(&world.staged(&evil(left))).unwrap();
    let found = Command::new("pgrep").args(["-f", "^sleep 86399.5"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
}
