// SPDX-License-Identifier: GPL-2.0-or-later
//! What the plugin answers when a trial has ended.

use serde::{Deserialize, Serialize};

use crate::format::{FileFormat, ReadError};

/// Says that the trial that was asked for has ended, that its record and its console are complete, and that this QEMU may be
/// asked for another. A trial that ends QEMU (power-off, a fault of the instrument) has no answer but the end of the stream.
///
/// ```json
/// {"version":1,"translations":34,"return_us":3900}
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// [`Reply::VERSION`] of the writer.
    pub version: u32,
    /// How many blocks QEMU translated for this trial: a measure of what a warm machine saves, and never part of a result.
    pub translations: u64,
    /// Microseconds that it took to take the guest back to where the trial began; never part of a result.
    pub return_us: u64,
}

const ANSWER: FileFormat = FileFormat::new("answer", "harness", Reply::VERSION);

impl Reply {
    /// Version of the format that this crate writes and reads.
    pub const VERSION: u32 = 1;

    /// Returns the answer as JSON in one line, with its end.
    pub fn to_line(&self) -> String {
        let Self { version, translations, return_us } = self;
        format!(r#"{{"version":{version},"translations":{translations},"return_us":{return_us}}}"#) + "\n"
    }

    /// Reads an answer.
    ///
    /// # Errors
    ///
    /// Another version than [`Reply::VERSION`]; not a whole answer, or one with a key that is unknown.
    pub fn from_json(text: &str) -> Result<Self, ReadError> {
        ANSWER.read(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        let answer = Reply { version: Reply::VERSION, translations: 34, return_us: 3900 };
        assert_eq!(Reply::from_json(&answer.to_line()), Ok(answer));
        assert_eq!(answer.to_line().trim_end(), crate::setup::tests::example(include_str!("reply.rs")));
        let newer = Reply { version: 2, ..answer }.to_line();
        let error = Reply::from_json(&newer).unwrap_err().to_string();
        assert_eq!(error, "answer has version 2, this harness reads version 1");
    }
}
