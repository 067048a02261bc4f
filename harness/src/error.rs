// SPDX-License-Identifier: GPL-2.0-or-later
//! The one error type of the harness: a kind, which fixes the exit code, a message for people, and hints.

use std::fmt;
use std::path::Path;

/// What went wrong, in the terms that decide the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The command line or one of the study's files is wrong: the user can mend it.
    Study,
    /// A patch does not apply to a source: where nothing goes on without it, as [`ErrorKind::Study`].
    Rejected,
    /// The machine, a tool or the file system let us down: nothing is said about any patch.
    Infrastructure,
    /// The user asked to stop (Ctrl-C or SIGTERM).
    Interrupted,
    /// A bug in patcheval itself.
    Internal,
}

/// Exit codes of the command; documented in `patcheval --help` and in `harness/doc/exit-codes.md`.
pub mod exit {
    /// All expectations met.
    pub const MET: u8 = 0;
    /// Evaluated, and some expectation was not met, or a coherent control failed.
    pub const NOT_MET: u8 = 1;
    /// Usage or study error.
    pub const STUDY: u8 = 2;
    /// Infrastructure failed, or made cells unknown.
    pub const INFRASTRUCTURE: u8 = 3;
    /// A bug in patcheval.
    pub const INTERNAL: u8 = 70;
    /// Interrupted by a signal.
    pub const INTERRUPTED: u8 = 130;
}

/// An error with the kind that fixes its exit code, and hints that say what to do.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hints: Vec<String>,
    log: Option<String>,
}

/// Result of anything in the harness that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hints: Vec::new(), log: None }
    }

    /// Returns an error that the user can mend by changing the command line or a file of the study.
    pub fn study(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Study, message)
    }

    /// Returns an error of the machine or of a tool on it.
    pub fn infrastructure(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Infrastructure, message)
    }

    /// Returns the error that stands for Ctrl-C or SIGTERM.
    pub fn interrupted() -> Self {
        Self::new(ErrorKind::Interrupted, "interrupted")
    }

    /// Returns an error that only a bug in patcheval can cause.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Returns the error of a file operation, with the path in the message; a full disk says what to do.
    #[expect(clippy::needless_pass_by_value, reason = "used as map_err(|e| Error::io(.., e))")]
    pub fn io(doing: &str, path: &Path, error: std::io::Error) -> Self {
        let made = Self::infrastructure(format!("cannot {doing} {}: {error}", path.display()));
        if error.kind() == std::io::ErrorKind::StorageFull {
            return made.hint(
                "the disk is full: free some space and run the same command again, it goes on where it was",
            );
        }
        made
    }

    /// Adds a sentence that says what the user can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds the whole log of the tool that failed, for whoever keeps it.
    #[must_use]
    pub fn log(mut self, log: impl Into<String>) -> Self {
        self.log = Some(log.into());
        self
    }

    /// Says that it is a patch that does not apply to a source.
    #[must_use]
    pub fn rejected(mut self) -> Self {
        self.kind = ErrorKind::Rejected;
        self
    }

    /// Puts `context` before the message, as in `context: message`.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// Returns what kind of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns the hints, in the order in which they were added.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// Returns the whole log of the tool that failed, if it is at hand.
    pub fn logged(&self) -> Option<&str> {
        self.log.as_deref()
    }

    /// Returns the exit code of a command that ends with this error.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            ErrorKind::Study | ErrorKind::Rejected => exit::STUDY,
            ErrorKind::Infrastructure => exit::INFRASTRUCTURE,
            ErrorKind::Interrupted => exit::INTERRUPTED,
            ErrorKind::Internal => exit::INTERNAL,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
