// SPDX-License-Identifier: GPL-2.0-or-later
//! Keeps what a build runs apart from this machine: a patch may change a Makefile, and make does what a Makefile says.
//!
//! Bubblewrap gives the build a file system of its own: `/usr` and the source tree to read, its build tree and the compiler
//! cache to write, an empty `/tmp`, and nothing else, so no home, no `/run`, no `/sys`, and of `/proc` its own processes only.
//! It has no network, no capabilities, no terminal, and no way back to them: `nosuid` everywhere, `no_new_privs`, and no user
//! namespace inside. A guard around it bounds tasks, memory, files and disk. What this does not defend against is in
//! `harness/doc/security.md`.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::process::{CommandRun, find_program};

static OFF: AtomicBool = AtomicBool::new(false);

/// Whether bubblewrap works here; else what it says.
static WORKS: LazyLock<Result<(), String>> = LazyLock::new(probe);

/// What every build may read, as far as it is there; compilers in other places come on top.
const READABLE: [&str; 4] = ["/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d"];

/// Directories that are links into `/usr` on merged systems, and directories on others.
const MERGED: [&str; 5] = ["bin", "sbin", "lib", "lib32", "lib64"];

/// Where programs are in any case, behind the caller's own path.
const SYSTEM_PATH: &str = ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Bytes of `/tmp`, which is in memory.
const TMP: u64 = 1 << 30;

/// The most tasks of a build; `make -j64` needs some hundreds.
const TASKS: u32 = 2048;

/// Limits of each process: address space and largest file in bytes, core files, tasks of the user (which do not bind root,
/// hence the control group).
const LIMITS: [&str; 4] = ["--as=8589934592", "--fsize=4294967296", "--core=0", "--nproc=2048"];

/// Mebibytes of a build tree, which has 150, and that must stay free on its disk.
const LARGEST: u64 = 8192;
pub(super) const FREE: u64 = 256;

/// Runs a command in a control group that bounds its tasks, if root may make one, and ends it when its build tree grows too
/// large. Arguments: build tree, most tasks, most and least mebibytes, command. Empty groups that a killed guard left behind are
/// removed by the next one.
const GUARD: &str = r#"
obj=$1 tasks=$2 largest=$3 free=$4
shift 4
group=
for base in /sys/fs/cgroup/pids /sys/fs/cgroup; do
    rmdir "$base"/patcheval.?????? 2>/dev/null
    new=$(mktemp -d "$base/patcheval.XXXXXX" 2>/dev/null) || continue
    if { echo "$tasks" >"$new/pids.max"; } 2>/dev/null && { echo 0 >"$new/cgroup.procs"; } 2>/dev/null; then
        group=$new
        break
    fi
    rmdir "$new"
done
"$@" &
build=$!
while sleep 2; do
    if [ "$(du -sm "$obj" | cut -f 1)" -gt "$largest" ]; then
        echo "sandbox: the build wrote more than $largest MiB" >&2
    elif [ "$(df -Pm "$obj" | awk 'END { print $4 }')" -lt "$free" ]; then
        echo "sandbox: No space left on device: less than $free MiB" >&2
    else
        continue
    fi
    kill -KILL "$build"
    break
done &
watch=$!
wait "$build"
status=$?
kill "$watch" 2>/dev/null
if [ -n "$group" ]; then
    echo 0 >"${group%/*}/cgroup.procs"
    rmdir "$group" 2>/dev/null
fi
exit "$status"
"#;

/// From here on builds run as whoever started the harness, with all that they may do.
pub fn switch_off() {
    OFF.store(true, Ordering::Relaxed);
}

/// Says why builds cannot be kept apart here, if so.
pub fn obstacle() -> Option<&'static str> {
    WORKS.as_ref().err().map(String::as_str)
}

/// Directories that a build sees beside the system's.
#[derive(Clone, Copy, Debug)]
pub(super) struct SandboxView<'a> {
    /// The build tree, to write; also where the build is guarded for its size.
    pub(super) obj: &'a Path,
    /// Other directories to write.
    pub(super) writable: &'a [PathBuf],
    /// Files and directories to read, if they exist.
    pub(super) readable: &'a [PathBuf],
}

/// Returns a command that runs `words` apart from this machine; `words` themselves where that was switched off.
///
/// # Errors
///
/// Infrastructure, where it does not work.
pub(super) fn confine(words: Vec<OsString>, view: SandboxView<'_>) -> Result<Vec<OsString>> {
    if OFF.load(Ordering::Relaxed) {
        return Ok(words);
    }
    if let Some(why) = obstacle() {
        return Err(Error::infrastructure(format!("builds cannot be kept apart from this machine: {why}"))
            .hint("ci/setup installs bubblewrap; in a container it may need user namespaces to be allowed")
            .hint(
                "--no-sandbox builds without: then trust whoever wrote the patches with all that you may do",
            ));
    }
    let mut all: Vec<OsString> = ["sh", "-c", GUARD, "sandbox"].map(Into::into).into();
    all.push(view.obj.into());
    all.extend(
        [TASKS.to_string(), LARGEST.to_string(), FREE.to_string(), "prlimit".into()].map(OsString::from),
    );
    all.extend(LIMITS.map(OsString::from));
    all.extend(bubblewrap(view));
    all.extend(words);
    Ok(all)
}

/// Bubblewrap's command with its options, up to the command that it is to run.
fn bubblewrap(view: SandboxView<'_>) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["bwrap", "--unshare-user", "--unshare-all", "--disable-userns"]
        .iter()
        .chain(&["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--ro-bind", "/usr", "/usr"])
        .map(Into::into)
        .collect();
    let mut add = |option: &str, args: &[&OsStr]| {
        words.push(option.into());
        words.extend(args.iter().map(|arg| (*arg).to_owned()));
    };
    for name in MERGED {
        let path = Path::new("/").join(name);
        if let Ok(to) = path.read_link() {
            add("--symlink", &[to.as_os_str(), path.as_os_str()]);
        } else if path.is_dir() {
            add("--ro-bind", &[path.as_os_str(), path.as_os_str()]);
        }
    }
    let system = READABLE.iter().map(Path::new);
    for path in system.chain(view.readable.iter().map(PathBuf::as_path)) {
        add("--ro-bind-try", &[path.as_os_str(), path.as_os_str()]);
    }
    add("--proc", &["/proc".as_ref()]);
    add("--dev", &["/dev".as_ref()]);
    add("--size", &[TMP.to_string().as_ref()]);
    add("--tmpfs", &["/tmp".as_ref()]);
    // After /tmp, which a cache may lie in.
    for path in view.readable.iter().filter(|path| path.starts_with("/tmp")) {
        add("--ro-bind-try", &[path.as_os_str(), path.as_os_str()]);
    }
    for path in view.writable.iter().map(PathBuf::as_path).chain([view.obj]) {
        add("--bind", &[path.as_os_str(), path.as_os_str()]);
    }
    add("--remount-ro", &["/".as_ref()]);
    add("--remount-ro", &["/dev".as_ref()]);
    // What the caller's path names may not be here; what is needed is.
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(SYSTEM_PATH);
    add("--setenv", &["PATH".as_ref(), &path]);
    add("--setenv", &["HOME".as_ref(), "/tmp".as_ref()]);
    add("--setenv", &["TMPDIR".as_ref(), "/tmp".as_ref()]);
    words.push("--".into());
    words
}

fn probe() -> Result<(), String> {
    for program in ["bwrap", "prlimit"] {
        find_program(OsStr::new(program)).ok_or(format!("{program} is missing"))?;
    }
    let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
    let view = SandboxView { obj: scratch.path(), writable: &[], readable: &[] };
    let mut words = bubblewrap(view);
    words.push("true".into());
    let run = CommandRun::new(&words[0]).args(&words[1..]).deadline(Duration::from_secs(10)).output();
    match run {
        Ok(captured) if captured.outcome.success() => Ok(()),
        Ok(captured) => Err(captured.stderr.trim().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
