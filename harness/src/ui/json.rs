// SPDX-License-Identifier: GPL-2.0-or-later
//! A run's events for programs: one JSON object in each line of standard output, as they happen.

use std::io::{Write, stdout};

use serde::Serialize;

use crate::run::Event;
use crate::trial::line::{Outcome, TrialLine};

/// Version of the messages; each line has it.
const VERSION: u32 = 1;

/// One line. `message` says which kind it is.
#[derive(Debug, Serialize)]
#[serde(tag = "message", rename_all = "lowercase")]
enum Message<'a> {
    /// A stage begins: sources, builds, boots or trials.
    Stage {
        v: u32,
        stage: &'static str,
        /// How many steps it has.
        steps: usize,
        /// How many of them are done already.
        done: usize,
    },
    /// A step begins that may take long.
    Begin { v: u32, what: &'a str },
    /// A step has ended.
    Step {
        v: u32,
        what: &'a str,
        /// Host seconds; null when the cache had it.
        seconds: Option<f64>,
    },
    /// A trial has ended.
    Trial {
        v: u32,
        trial: String,
        #[serde(flatten)]
        outcome: Outcome,
        /// What is known about a failure; written by the guest.
        detail: Option<&'a str>,
        stale_fetches: u64,
    },
    /// The last trial of a cell has ended; only where trials are run cell by cell.
    Cell { v: u32, cell: &'a str, trials: usize, passes: usize, unknown: usize, symptoms: &'a str },
    /// Something that the user should know, and that stops nothing.
    Warning { v: u32, text: &'a str },
    /// The run has ended.
    Finished {
        v: u32,
        /// The run directory.
        run: &'a str,
        /// The outcome in words; null for a share of a study, which is not judged.
        outcome: Option<&'a str>,
        /// The exit code that follows.
        code: u8,
    },
}

/// Writes events as JSON, beside whatever a display shows on standard error.
#[derive(Debug)]
pub struct Json;

impl Json {
    /// Writes one event.
    pub fn show(event: Event<'_>) {
        let v = VERSION;
        write(&match event {
            Event::Stage { stage, steps, done } => Message::Stage { v, stage: stage.name(), steps, done },
            Event::Begin(what) => Message::Begin { v, what },
            Event::Step { what, seconds } => Message::Step { v, what, seconds },
            Event::Trial(line) => trial(line),
            Event::Cell { cell, trials, passes, unknown, symptoms } => {
                Message::Cell { v, cell, trials, passes, unknown, symptoms }
            }
            Event::Warning(text) => Message::Warning { v, text },
        });
    }

    /// Writes the last message.
    pub fn finished(run: &str, outcome: Option<&str>, code: u8) {
        write(&Message::Finished { v: VERSION, run, outcome, code });
    }
}

fn trial(line: &TrialLine) -> Message<'_> {
    Message::Trial {
        v: VERSION,
        trial: line.id.to_string(),
        outcome: line.outcome,
        detail: line.detail.as_ref().map(|detail| detail.text.as_str()),
        stale_fetches: line.stale_fetches,
    }
}

/// A reader that has gone away is no reason to stop.
fn write(message: &Message<'_>) {
    let _ = serde_json::to_string(message).map(|text| writeln!(stdout(), "{text}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::line::{Cause, Detail, Symptom};

    #[test]
    fn a_message_is_one_line_whatever_a_guest_writes() {
        let id = "mips-6.1/malta/merged/t1/enforce/2".parse().unwrap();
        let mut line = TrialLine::unknown(id, Cause::NoRecord, "");
        line.outcome = Outcome::Fail { symptom: Symptom::LostHit };
        line.detail = Some(Detail { text: "a\n\"b\"\u{1b}[2J".into(), ..Detail::default() });
        let text = serde_json::to_string(&trial(&line)).unwrap();
        let expected = r#"{"message":"trial","v":1,"trial":"mips-6.1/malta/merged/t1/enforce/2","result":"fail","symptom":"lost-hit","detail":"a\n\"b\"\u001b[2J","stale_fetches":0}"#;
        assert_eq!(text, expected);
    }
}
