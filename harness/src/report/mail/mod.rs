// SPDX-License-Identifier: GPL-2.0-or-later
//! A mail for a kernel list: plain text of at most 76 columns, as a message that `git send-email` takes.

mod body;
mod header;
mod matrix;
mod setup;
mod tested;

pub use header::HeaderText;
pub use header::Mailbox;
pub use header::MessageId;
pub use tested::TestedBy;

use crate::error::Error;
use crate::error::Result;
use crate::report::ReportData;
use crate::report::content::printable;
use crate::report::sentence;
use crate::report::wrap::length;

/// Columns of a mail.
const WIDTH: usize = 76;

/// Columns of a subject that stays in one line with its name, and so needs no encoding.
const SUBJECT: usize = WIDTH - "Subject: ".len();

/// What a user says about a mail.
#[derive(Clone, Debug, Default)]
pub struct Envelope {
    /// Whom it is from.
    pub from: Option<Mailbox>,
    /// Whom it is for.
    pub to: Vec<Mailbox>,
    /// Who gets a copy.
    pub cc: Vec<Mailbox>,
    /// The message that it answers.
    pub in_reply_to: Option<MessageId>,
    /// Its subject; by default the study and its answer.
    pub subject: Option<HeaderText>,
    /// What to vouch for.
    pub tested_by: Vec<TestedBy>,
    /// Who vouches.
    pub tester: Option<Mailbox>,
}

/// Returns the run as a message.
///
/// # Errors
///
/// Study, when a `Tested-by` was asked for that the run does not bear out, or for nobody.
pub fn mail(data: &ReportData, envelope: &Envelope) -> Result<String> {
    let mut body = body::body(data);
    body.push_str(&vouched(data, envelope)?);
    let head = header::Head {
        from: envelope.from.as_ref(),
        to: &envelope.to,
        cc: &envelope.cc,
        in_reply_to: envelope.in_reply_to.as_ref(),
        subject: &subject(data, envelope),
    };
    Ok(head.message(&body))
}

fn subject(data: &ReportData, envelope: &Envelope) -> String {
    let judgement = &data.judgement;
    let subject = match &envelope.subject {
        Some(line) => line.text().to_owned(),
        None => {
            let study = printable(&format!("[patcheval] {}: ", judgement.study));
            let room = SUBJECT.saturating_sub(length(&study));
            study + &sentence::headline(judgement, room)
        }
    };
    let answers = subject.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("re:"));
    if envelope.in_reply_to.is_some() && !answers { format!("Re: {subject}") } else { subject }
}

fn vouched(data: &ReportData, envelope: &Envelope) -> Result<String> {
    if envelope.tested_by.is_empty() {
        return Ok(String::new());
    }
    let who = envelope.tester.as_ref().filter(|who| who.is_named()).ok_or_else(|| {
        Error::study("a Tested-by needs the name and the address of whoever tested")
            .hint("give them: --tested-by-name 'NAME <USER@HOST>'")
    })?;
    let mut text = String::new();
    for one in &envelope.tested_by {
        let sentence = one.sentence(data)?;
        text.push_str(&format!("\n{}Tested-by: {}\n", paragraph(&sentence, ""), who.plain()));
    }
    Ok(text)
}

/// Returns a text in lines that fit, those after the first behind `indent`; what has no blanks is broken anyway.
fn paragraph(text: &str, indent: &str) -> String {
    let text: String = text.chars().map(|c| if is_plain(c) { c } else { '?' }).collect();
    let room = WIDTH - length(indent);
    let words = text.split(' ').map(|word| {
        let chars: Vec<char> = word.chars().collect();
        chars.chunks(room).map(|part| part.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
    });
    crate::report::wrap::wrapped(&words.collect::<Vec<_>>().join(" "), indent, WIDTH)
}

/// Whether a character stays as it is: Latin letters and ASCII. Part of a mail was written by a guest, and what one sees
/// must be what is there, from left to right and one column each.
fn is_plain(c: char) -> bool {
    c.is_ascii_graphic() || c == ' ' || (c.is_alphabetic() && c <= '\u{24f}')
}

/// Returns an item of a list.
fn item(text: &str) -> String {
    paragraph(&format!("- {text}"), "  ")
}
