// SPDX-License-Identifier: GPL-2.0-or-later
//! What one trial asks of the plugin.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Mode;
use crate::format::{FileFormat, ReadError};

/// What is asked of the plugin for one trial, or for one boot.
///
/// ```json
/// {
///   "version": 1,
///   "mode": "enforce",
///   "mmu_on": true,
///   "command": "t1-first-return seed=7 repetitions=2",
///   "deadline": 400000000,
///   "stale_limit": 10000,
///   "record": "/cache/tmp/x1/record.json",
///   "ready": null,
///   "empty_callbacks": false,
///   "console": "/cache/tmp/x1/console",
///   "stderr": "/cache/tmp/x1/stderr"
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// [`Request::VERSION`] of the writer.
    pub version: u32,
    /// What the model does with stale fetches.
    pub mode: Mode,
    /// Whether the guest's MMU and caches are on from the start: so after a restore, not so after a reset.
    pub mmu_on: bool,
    /// What the guest gets at its COMMAND marker, one line without its end; with it, the END marker ends QEMU too.
    pub command: Option<String>,
    /// Guest instructions after which the plugin ends the record, and QEMU; without it, never.
    pub deadline: Option<u64>,
    /// How many stale fetches of one word at one place end the record, and QEMU, in mode enforce: the guest loops. Without it,
    /// never.
    #[serde(default)]
    pub stale_limit: Option<u64>,
    /// Where the record goes; without it, there is none.
    pub record: Option<PathBuf>,
    /// A FIFO to wait on at the COMMAND marker when there is no command: the guest goes on once a writer has opened and
    /// closed it.
    pub ready: Option<PathBuf>,
    /// Whether callbacks are made and do nothing, to measure what QEMU itself needs for making them.
    pub empty_callbacks: bool,
    /// The file to which QEMU writes what the guest prints. For the first request of a QEMU it is the one that its own arguments
    /// name; it is made anew for each that follows.
    pub console: Option<PathBuf>,
    /// The file to which QEMU's standard error goes; likewise.
    pub stderr: Option<PathBuf>,
}

const REQUEST: FileFormat = FileFormat::new("request", "plugin", Request::VERSION);

impl Request {
    /// Version of the format that this crate writes and reads.
    pub const VERSION: u32 = 1;

    /// The [`Request::stale_limit`] of trials. A trial executes some 2 to 50 million instructions, so that it is at least one in
    /// 5,000 of them, all at one place; at some four microseconds each it takes 0.04 s.
    pub const STALE_LIMIT: u64 = 10_000;

    /// Returns the request of a mode and of nothing else, for a machine that starts from reset.
    pub fn new(mode: Mode) -> Self {
        Self {
            version: Self::VERSION,
            mode,
            mmu_on: false,
            command: None,
            deadline: None,
            stale_limit: None,
            record: None,
            ready: None,
            empty_callbacks: false,
            console: None,
            stderr: None,
        }
    }

    /// Returns the request as JSON in one line, with its end.
    ///
    /// # Errors
    ///
    /// A path that is not UTF-8.
    pub fn to_line(&self) -> serde_json::Result<String> {
        serde_json::to_string(self).map(|json| json + "\n")
    }

    /// Returns the deadline, which is never reached where there is none.
    pub fn deadline(&self) -> u64 {
        self.deadline.unwrap_or(u64::MAX)
    }

    /// Returns the request as JSON, over several lines.
    ///
    /// # Errors
    ///
    /// A path that is not UTF-8.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    /// Reads a request.
    ///
    /// # Errors
    ///
    /// Another version than [`Request::VERSION`]; not a whole request, or one with a key that is unknown.
    pub fn from_json(text: &str) -> Result<Self, ReadError> {
        REQUEST.read(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::tests::example;

    #[test]
    fn the_documented_request_is_what_is_written_and_read() {
        let request = Request {
            mmu_on: true,
            command: Some("t1-first-return seed=7 repetitions=2".into()),
            deadline: Some(400_000_000),
            stale_limit: Some(Request::STALE_LIMIT),
            record: Some("/cache/tmp/x1/record.json".into()),
            console: Some("/cache/tmp/x1/console".into()),
            stderr: Some("/cache/tmp/x1/stderr".into()),
            ..Request::new(Mode::Enforce)
        };
        let text = request.to_json().unwrap();
        assert_eq!(text, example(include_str!("request.rs")));
        assert_eq!(Request::from_json(&text).unwrap(), request);
        let line = request.to_line().unwrap();
        assert_eq!((line.lines().count(), Request::from_json(&line).unwrap()), (1, request.clone()));
        assert_eq!((request.deadline(), Request::new(Mode::Off).deadline()), (400_000_000, u64::MAX));
    }

    #[test]
    fn what_is_optional_may_be_absent_and_nothing_else() {
        let short = r#"{"version": 1, "mode": "off", "mmu_on": false, "empty_callbacks": false}"#;
        assert_eq!(Request::from_json(short).unwrap(), Request::new(Mode::Off));
        let why =
            |from: &str, to: &str| Request::from_json(&short.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(why(r#""mmu_on": false, "#, "").contains("missing field `mmu_on`"));
        assert!(
            why("off", "on").contains("unknown variant `on`, expected one of `off`, `observe`, `enforce`")
        );
        assert!(why("mmu_on", "mmu").contains("unknown field `mmu`"));
        assert_eq!(why("1", "0"), "request has version 0, this plugin reads version 1");
    }
}
