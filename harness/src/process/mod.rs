// SPDX-License-Identifier: GPL-2.0-or-later
//! The only place that starts processes.
//!
//! Every child leads a process group of its own, so that a deadline, Ctrl-C or a dropped handle ends the
//! grandchildren too (make's compilers, QEMU behind a wrapper): SIGTERM to the group, a short grace, SIGKILL.
//! Output goes to files, never through pipes: a grandchild that outlives its parent would keep a pipe open.
//!
//! A harness that is killed by SIGKILL cannot end anybody, so children are started through
//! `setpriv --pdeathsig KILL` where util-linux has it. The kernel sends that signal when the *thread* that
//! spawned the child ends, not when the process does: [`Child`] is therefore not `Send`, and a thread that
//! starts one also waits for it, or drops (and so ends) it, before it ends itself.

mod child;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::shell;

pub use child::{Child, catch_signals, check_interrupted, interrupted, kill_all};

/// What to say when a program is missing.
const MISSING_HINT: &str = "run ci/setup, or `patcheval doctor` to see what is missing";

static SETPRIV: LazyLock<Option<PathBuf>> = LazyLock::new(|| find_program(OsStr::new("setpriv")));

/// Returns where `program` is: itself if it has a slash, else the first executable of that name in `PATH`.
pub fn find_program(program: &OsStr) -> Option<PathBuf> {
    let executable =
        |path: &Path| path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    if program.as_encoded_bytes().contains(&b'/') {
        return Some(PathBuf::from(program)).filter(|p| executable(p));
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|p| executable(p))
}

/// Where a child's standard output or standard error goes.
#[derive(Clone, Debug, Default)]
pub enum Sink {
    /// Thrown away.
    #[default]
    Null,
    /// To a file, which is emptied first.
    File(PathBuf),
    /// To the end of a file.
    Append(PathBuf),
    /// Standard error only: to wherever standard output goes.
    Stdout,
}

/// A command to run; see the methods for the parts.
#[derive(Clone, Debug)]
pub struct CommandRun {
    program: OsString,
    args: Vec<OsString>,
    dir: Option<PathBuf>,
    env: BTreeMap<OsString, OsString>,
    env_clear: bool,
    stdin: Option<PathBuf>,
    /// Standard input instead of a file.
    socket: Option<Arc<OwnedFd>>,
    stdout: Sink,
    stderr: Sink,
    deadline: Option<Duration>,
    nice: bool,
}

/// How a command that was waited for ended.
#[derive(Clone, Copy, Debug)]
pub struct CommandOutcome {
    /// Its exit status; that of the signal if the deadline ended it.
    pub status: ExitStatus,
    /// Whether the deadline ended it.
    pub timed_out: bool,
}

impl CommandOutcome {
    /// Returns whether the command ended by itself, with exit code 0.
    pub fn success(&self) -> bool {
        self.status.success() && !self.timed_out
    }

    /// Returns whether SIGKILL ended the command, or what it ran: bwrap and shells report that as 128 and the signal's number.
    pub fn was_killed(&self) -> bool {
        const KILL: i32 = 9;
        self.status.signal() == Some(KILL) || self.status.code() == Some(128 + KILL)
    }
}

/// What a command printed, and how it ended.
#[derive(Clone, Debug)]
pub struct Captured {
    /// How it ended.
    pub outcome: CommandOutcome,
    /// Its standard output, with what is not UTF-8 replaced.
    pub stdout: String,
    /// Its standard error, likewise.
    pub stderr: String,
}

impl CommandRun {
    /// Returns a command without arguments, in the current directory, with null input and output and no deadline.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            dir: None,
            env: BTreeMap::new(),
            env_clear: false,
            stdin: None,
            socket: None,
            stdout: Sink::Null,
            stderr: Sink::Null,
            deadline: None,
            nice: false,
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds several arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets the directory in which the command runs.
    #[must_use]
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// Sets one environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Keeps nothing of the harness's environment but `PATH`, `HOME` and `TMPDIR`, so that a build depends on nothing that
    /// happens to be set; the locale becomes C.
    #[must_use]
    pub fn env_clear(mut self) -> Self {
        self.env_clear = true;
        self
    }

    /// Starts the command with one end of a socket as its standard input, and returns the other end: both may write to it and
    /// read from it. Whoever of the two ends, the other one reads the end of the stream.
    ///
    /// # Errors
    ///
    /// As [`CommandRun::spawn`].
    pub fn spawn_with_socket(mut self) -> Result<(Child, UnixStream)> {
        let pair = UnixStream::pair();
        let (ours, theirs) =
            pair.map_err(|e| Error::infrastructure(format!("cannot make a pair of sockets: {e}")))?;
        self.socket = Some(Arc::new(theirs.into()));
        Ok((self.spawn()?, ours))
    }

    /// Takes standard input from a file.
    #[must_use]
    pub fn stdin(mut self, path: impl Into<PathBuf>) -> Self {
        self.stdin = Some(path.into());
        self
    }

    /// Sets where standard output goes.
    #[must_use]
    pub fn stdout(mut self, sink: Sink) -> Self {
        self.stdout = sink;
        self
    }

    /// Sets where standard error goes.
    #[must_use]
    pub fn stderr(mut self, sink: Sink) -> Self {
        self.stderr = sink;
        self
    }

    /// Sets after how much host time [`CommandRun::wait`] ends the whole group.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Lets everything else on the machine go first, for work whose speed does not matter.
    #[must_use]
    pub fn nice(mut self) -> Self {
        self.nice = true;
        self
    }

    /// Returns the command as a line that a shell would take, for messages and "Reproduce with:".
    pub fn shown(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.args);
        let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
        shell::line(words.iter().map(AsRef::as_ref))
    }

    /// Starts the command and returns at once.
    ///
    /// # Errors
    ///
    /// Infrastructure: the program is missing or cannot be started, or an output file cannot be created.
    pub fn spawn(self) -> Result<Child> {
        let Some(program) = find_program(&self.program) else {
            let name = self.program.to_string_lossy();
            return Err(Error::infrastructure(format!("{name}: no such program")).hint(MISSING_HINT));
        };
        let shown = self.shown();
        Child::start(&self.expression(program)?, shown)
    }

    /// Becomes the command, which gets this process's terminal; returns only to say why it cannot be started.
    pub fn replace(self) -> Error {
        let Some(program) = find_program(&self.program) else {
            let name = self.program.to_string_lossy();
            return Error::infrastructure(format!("{name}: no such program")).hint(MISSING_HINT);
        };
        let shown = self.shown();
        let mut command = std::process::Command::new(program);
        command.args(self.args);
        if self.env_clear {
            command.env_clear();
        }
        let error = command.envs(self.env).exec();
        Error::infrastructure(format!("{shown}: {error}"))
    }

    /// Runs the command to its end or its deadline.
    ///
    /// # Errors
    ///
    /// As [`CommandRun::spawn`]; interrupted if the user asked to stop, after the whole group was ended.
    pub fn wait(self) -> Result<CommandOutcome> {
        let deadline = self.deadline.map(|d| Instant::now() + d);
        let mut child = self.spawn()?;
        if let Some(status) = child.wait_until(deadline)? {
            return Ok(CommandOutcome { status, timed_out: false });
        }
        Ok(CommandOutcome { status: child.end()?, timed_out: true })
    }

    /// Runs the command as [`CommandRun::wait`] does and returns what it printed, whatever the sinks were.
    ///
    /// # Errors
    ///
    /// As [`CommandRun::wait`].
    pub fn output(mut self) -> Result<Captured> {
        let scratch = tempfile::tempdir()
            .map_err(|e| Error::io("create a scratch directory in", &std::env::temp_dir(), e))?;
        let (out, err) = (scratch.path().join("out"), scratch.path().join("err"));
        self.stdout = Sink::File(out.clone());
        self.stderr = Sink::File(err.clone());
        let outcome = self.wait()?;
        let read = |path: &Path| {
            let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
            Ok::<_, Error>(String::from_utf8_lossy(&bytes).into_owned())
        };
        Ok(Captured { outcome, stdout: read(&out)?, stderr: read(&err)? })
    }

    /// Runs the command and returns its standard output.
    ///
    /// # Errors
    ///
    /// As [`CommandRun::wait`], and infrastructure, with the last lines of standard error, if it did not succeed.
    pub fn read(self) -> Result<String> {
        let shown = self.shown();
        let captured = self.output()?;
        if captured.outcome.success() {
            return Ok(captured.stdout);
        }
        let why = if captured.outcome.timed_out {
            "took too long".to_owned()
        } else {
            let lines: Vec<_> = captured.stderr.trim().lines().collect();
            let last = lines[lines.len().saturating_sub(5)..].join("\n");
            format!("ended with {}: {last}", captured.outcome.status)
        };
        Err(Error::infrastructure(format!("{shown}: {why}")))
    }

    fn expression(self, program: PathBuf) -> Result<duct::Expression> {
        let mut words: Vec<OsString> = Vec::new();
        if let Some(setpriv) = SETPRIV.as_deref() {
            words.extend([setpriv.into(), "--pdeathsig".into(), "KILL".into(), "--".into()]);
        }
        if self.nice {
            words.extend(["nice".into(), "-n".into(), "19".into()]);
        }
        words.push(program.into());
        words.extend(self.args);
        let mut made = duct::cmd(words.remove(0), words).unchecked();
        if let Some(dir) = &self.dir {
            made = made.dir(dir);
        }
        let kept = ["PATH", "HOME", "TMPDIR"].iter().filter_map(|n| Some((n.into(), std::env::var_os(n)?)));
        if self.env_clear {
            let locale = [("LC_ALL".into(), "C".into())];
            made =
                made.full_env(kept.chain(locale).chain(self.env).collect::<BTreeMap<OsString, OsString>>());
        } else {
            made = self.env.into_iter().fold(made, |made, (name, value)| made.env(name, value));
        }
        made = match (&self.stdin, self.socket) {
            (_, Some(socket)) => {
                let socket = socket.try_clone();
                made.stdin_file(
                    socket.map_err(|e| Error::infrastructure(format!("cannot pass on a socket: {e}")))?,
                )
            }
            (Some(path), None) => made.stdin_file(File::open(path).map_err(|e| Error::io("open", path, e))?),
            (None, None) => made.stdin_null(),
        };
        // Applied inside out: a standard error that follows standard output has to see the final one.
        if let Sink::Stdout = self.stderr {
            made = made.stderr_to_stdout();
        } else if let Some(file) = open(&self.stderr)? {
            made = made.stderr_file(file);
        } else {
            made = made.stderr_null();
        }
        made = match open(&self.stdout)? {
            Some(file) => made.stdout_file(file),
            None => made.stdout_null(),
        };
        Ok(made.before_spawn(|command| {
            command.process_group(0);
            Ok(())
        }))
    }
}

fn open(sink: &Sink) -> Result<Option<File>> {
    let (path, append) = match sink {
        Sink::Null | Sink::Stdout => return Ok(None),
        Sink::File(path) => (path, false),
        Sink::Append(path) => (path, true),
    };
    let opened = OpenOptions::new().create(true).write(true).append(append).truncate(!append).open(path);
    opened.map(Some).map_err(|e| Error::io("create", path, e))
}
