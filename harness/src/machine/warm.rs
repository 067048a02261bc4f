// SPDX-License-Identifier: GPL-2.0-or-later
//! A QEMU process that serves trial after trial of one snapshot in one mode.
//!
//! Nearly all that a trial takes in a process of its own is QEMU translating the same code again. Here the plugin takes the guest
//! back to the instant of the snapshot inside the process, and translations stay. Requests go to the plugin one after the other
//! over QEMU's standard input, a socket without a name; each is answered when its record lies on the disk.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use instrument::{Mode, Reply, Request};

use crate::error::{Error, Result};
use crate::process::{Child, CommandRun, check_interrupted};

/// How many trials a process serves before another one takes its place, which bounds what grows in it by translations.
pub(super) const LIFETIME: u32 = 256;

/// How often a wait looks whether the user interrupted; the plugin's answer, or QEMU's end, is noticed at once.
const SLICE: Duration = Duration::from_millis(50);

/// What a process serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Serves {
    /// The snapshot to which the guest goes back: of one image on one machine.
    pub(super) snapshot: PathBuf,
    /// What the model does: translations depend on it.
    pub(super) mode: Mode,
}

/// How a trial came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The plugin ended it; the process waits for another.
    Answered,
    /// QEMU ended, with exit code 0 or not.
    Exited {
        /// Whether the exit code is 0.
        cleanly: bool,
    },
    /// It did not within the host's deadline.
    TimedOut,
}

/// A process that waits for requests. Dropping it ends QEMU.
pub(super) struct WarmMachine {
    child: Child,
    socket: UnixStream,
    serves: Serves,
    served: u32,
}

impl WarmMachine {
    /// Starts QEMU with its first request, which `command` names in its arguments.
    ///
    /// # Errors
    ///
    /// Infrastructure: QEMU cannot be started.
    pub(super) fn start(command: CommandRun, serves: Serves) -> Result<Self> {
        let (child, socket) = command.spawn_with_socket()?;
        socket.set_read_timeout(Some(SLICE)).map_err(|error| broken(&error))?;
        Ok(Self { child, socket, serves, served: 0 })
    }

    /// Returns whether a trial of this kind may be asked of this process.
    pub(super) fn can_serve(&self, serves: &Serves) -> bool {
        self.serves == *serves && self.served < LIFETIME
    }

    /// Asks for another trial. A process that is gone is no error here: the wait for the answer says so.
    ///
    /// # Errors
    ///
    /// Infrastructure: the request cannot be written as JSON.
    pub(super) fn ask(&mut self, request: &Request) -> Result<()> {
        let line = request.to_line().map_err(|error| {
            Error::infrastructure(format!("cannot write a request for the plugin: {error}"))
        })?;
        let _ = self.socket.write_all(line.as_bytes());
        Ok(())
    }

    /// Waits for the end of the trial that was asked for last, or with which the process was started. After anything but
    /// [`Ended::Answered`] the process is gone.
    ///
    /// # Errors
    ///
    /// Interrupted, or infrastructure: the plugin's answer is none.
    pub(super) fn wait(&mut self, deadline: Duration) -> Result<Ended> {
        let until = Instant::now() + deadline;
        let mut line = Vec::new();
        let mut byte = [0];
        loop {
            match self.socket.read(&mut byte) {
                Ok(1) if byte[0] == b'\n' => break,
                Ok(1) => line.push(byte[0]),
                // Its end of the socket is closed: it has ended, or is about to.
                Ok(_) => return self.exited(until),
                Err(error) if is_transient(error.kind()) => {
                    check_interrupted()?;
                    if Instant::now() >= until {
                        self.child.end()?;
                        return Ok(Ended::TimedOut);
                    }
                }
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return self.exited(until),
                Err(error) => return Err(broken(&error)),
            }
        }
        let text = String::from_utf8_lossy(&line);
        Reply::from_json(&text).map_err(|error| {
            Error::infrastructure(format!("the plugin answered something else than an answer: {error}"))
        })?;
        self.served += 1;
        Ok(Ended::Answered)
    }

    fn exited(&mut self, until: Instant) -> Result<Ended> {
        match self.child.wait_until(Some(until))? {
            Some(status) => Ok(Ended::Exited { cleanly: status.success() }),
            None => {
                self.child.end()?;
                Ok(Ended::TimedOut)
            }
        }
    }
}

impl Drop for WarmMachine {
    fn drop(&mut self) {
        // Nothing of it is wanted any more: its records are on the disk, and QEMU takes its time to obey SIGTERM.
        let _ = self.child.kill();
    }
}

fn is_transient(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

fn broken(error: &std::io::Error) -> Error {
    Error::infrastructure(format!("the socket to QEMU's plugin is broken: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const ANSWER: &str = r#"{\"version\":1,\"translations\":0,\"return_us\":0}"#;

    fn serves() -> Serves {
        Serves { snapshot: Path::new("/s").to_owned(), mode: Mode::Enforce }
    }

    /// A process that does what a shell script says, its standard input being the socket.
    fn machine(script: &str) -> WarmMachine {
        let script = script.replace("ANSWER", &format!("echo \"{ANSWER}\" >&0"));
        WarmMachine::start(CommandRun::new("sh").args(["-c", &script]), serves()).unwrap()
    }

    fn wait(machine: &mut WarmMachine) -> Ended {
        machine.wait(Duration::from_secs(20)).unwrap()
    }

    #[test]
    fn one_process_answers_one_request_after_the_other() {
        let mut machine = machine("ANSWER; while read request; do ANSWER; done");
        for _ in 0..3 {
            assert_eq!(wait(&mut machine), Ended::Answered);
            machine.ask(&Request::new(Mode::Enforce)).unwrap();
        }
        assert!(machine.can_serve(&serves()));
        assert!(!machine.can_serve(&Serves { mode: Mode::Off, ..serves() }));
        machine.served = LIFETIME;
        assert!(!machine.can_serve(&serves()), "it has served its time");
    }

    #[test]
    fn a_process_that_ends_says_how() {
        assert_eq!(wait(&mut machine("exit 0")), Ended::Exited { cleanly: true });
        assert_eq!(wait(&mut machine("exit 1")), Ended::Exited { cleanly: false });
        assert_eq!(wait(&mut machine("kill -KILL $$")), Ended::Exited { cleanly: false });
        let mut once = machine("ANSWER");
        assert_eq!(wait(&mut once), Ended::Answered);
        once.ask(&Request::new(Mode::Enforce)).unwrap();
        assert_eq!(wait(&mut once), Ended::Exited { cleanly: true }, "it was gone before it was asked");
    }

    #[test]
    fn a_process_that_neither_answers_nor_ends_is_ended() {
        let mut silent = machine("exec sleep 1000");
        assert_eq!(silent.wait(Duration::from_millis(200)).unwrap(), Ended::TimedOut);
    }

    #[test]
    fn an_answer_that_is_none_is_refused() {
        let mut machine = machine("echo hello >&0; exec sleep 1000");
        let error = machine.wait(Duration::from_secs(20)).unwrap_err();
        assert!(error.to_string().starts_with("the plugin answered something else"), "{error}");
    }
}
