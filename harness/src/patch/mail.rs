// SPDX-License-Identifier: GPL-2.0-or-later
//! Mails: what they are about, what they answer, and the patches in them; the only file that knows `mail_parser`.

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{Encoding, HeaderValue, Message, MessageParser, MessagePart, MimeHeaders as _, PartType};

use super::text::{Flow, Text};

/// A mail, decoded.
#[derive(Clone, Debug, Default)]
pub(super) struct Mail {
    /// Which one of its file, from 1.
    pub(super) number: usize,
    /// Its subject.
    pub(super) subject: Subject,
    /// Name of the sender, or the address.
    pub(super) author: String,
    /// Address of the sender, in lower case.
    pub(super) address: String,
    /// Its message id, without `<>`.
    pub(super) id: Option<String>,
    /// The message ids that it answers, directly or not.
    pub(super) answers: Vec<String>,
    /// Its text.
    pub(super) text: Text,
    /// Patches that are attached, by name.
    pub(super) attached: Vec<(String, Text)>,
}

/// A subject, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Subject {
    /// All of it, on one line.
    pub(super) whole: String,
    /// Without `Re:` and what is in brackets before it.
    pub(super) title: String,
    /// Whether it answers or forwards something.
    pub(super) is_reply: bool,
    /// Version of the series.
    pub(super) version: u32,
    /// Which one of how many.
    pub(super) number: Option<(u32, u32)>,
}

/// Returns the mails of a mailbox; of a file that is one mail, that one.
pub(super) fn mails(bytes: &[u8]) -> Vec<Mail> {
    let parsed = split(bytes).into_iter().enumerate();
    let parsed =
        parsed.map(|(n, raw)| (n + 1, MessageParser::default().parse(&raw).map(Message::into_owned)));
    parsed.filter_map(|(number, message)| Some(mail(number, &message?))).collect()
}

/// Cuts a mailbox into mails. The library's reader would cut at every line that begins with `From `, and prose has such
/// lines too; git takes those that end in a time and a year.
fn split(bytes: &[u8]) -> Vec<Vec<u8>> {
    if !bytes.split(|byte| *byte == b'\n').next().is_some_and(is_separator) {
        return vec![bytes.to_vec()];
    }
    let mut all: Vec<Vec<u8>> = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if is_separator(line) {
            all.push(Vec::new());
        } else if let Some(mail) = all.last_mut() {
            // As many `>` as there are, and one more, stand before a `From ` that is text.
            let text = line.iter().position(|byte| *byte != b'>').map_or(&[][..], |at| &line[at..]);
            let escaped = line.starts_with(b">") && text.starts_with(b"From ");
            mail.extend_from_slice(if escaped { &line[1..] } else { line });
        }
    }
    all
}

/// Returns whether a line stands between the mails of a mailbox, as in `From a@example.org Thu Jan  1 00:00:00 1970`.
fn is_separator(line: &[u8]) -> bool {
    let Some(rest) = std::str::from_utf8(line).ok().and_then(|line| line.strip_prefix("From ")) else {
        return false;
    };
    let Some((before, after)) = rest.rsplit_once(':') else { return false };
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let year = after.get(2..).and_then(|year| year.split_whitespace().next()?.parse::<u32>().ok());
    let minutes = before.len().checked_sub(2).and_then(|at| before.get(at..));
    minutes.is_some_and(digits) && after.get(..2).is_some_and(digits) && year.is_some_and(|year| year > 90)
}

fn mail(number: usize, message: &Message<'_>) -> Mail {
    let sender = message.from().and_then(mail_parser::Address::first);
    let address = sender.and_then(|sender| sender.address()).unwrap_or_default().to_lowercase();
    let name = sender.and_then(|sender| sender.name()).filter(|name| !name.trim().is_empty());
    let mut mail = Mail {
        number,
        subject: subject(message.subject().unwrap_or_default()),
        author: one_line(name.unwrap_or(&address)),
        address,
        id: message.message_id().map(one_line),
        answers: [message.in_reply_to(), message.references()].into_iter().flat_map(ids).collect(),
        ..Mail::default()
    };
    for part in &message.parts {
        match (&part.body, patch_name(part)) {
            (PartType::Text(text), Some(name)) => mail.attached.push((name, decoded(message, part, text))),
            (PartType::Binary(bytes) | PartType::InlineBinary(bytes), Some(name)) => {
                let damaged = not_utf8(bytes);
                let text = String::from_utf8_lossy(bytes);
                mail.attached.push((name, Text::new(&text, None, |n, _| damaged.contains(&n))));
            }
            (PartType::Text(text), None) if !is_attached(part) => {
                mail.text.add(&decoded(message, part, text));
            }
            _ => {}
        }
    }
    mail
}

/// Returns the text of a part, which the library has decoded: it puts U+FFFD in place of what it cannot decode, and a mail
/// can have that character itself.
fn decoded(message: &Message<'_>, part: &MessagePart<'_>, text: &str) -> Text {
    let kind = part.content_type();
    let attribute = |name| kind.and_then(|kind| kind.attribute(name)).unwrap_or_default();
    let is = |name, value: &str| attribute(name).eq_ignore_ascii_case(value);
    let flow = is("format", "flowed").then(|| if is("delsp", "yes") { Flow::Drops } else { Flow::Keeps });
    let replaced = |line: &str| line.contains(char::REPLACEMENT_CHARACTER);
    let unicode = ["", "utf-8", "utf8", "us-ascii"].iter().any(|name| is("charset", name));
    let raw = message.raw_message().get(part.offset_body as usize..part.offset_end as usize);
    let bytes = raw.filter(|_| unicode && replaced(text)).and_then(|raw| match part.encoding {
        Encoding::None => Some(raw.to_vec()),
        Encoding::QuotedPrintable => quoted_printable_decode(raw),
        Encoding::Base64 => base64_decode(raw),
    });
    match bytes.map(|bytes| not_utf8(&bytes)) {
        Some(damaged) => Text::new(text, flow, |n, _| damaged.contains(&n)),
        None => Text::new(text, flow, |_, line| replaced(line)),
    }
}

/// Returns the lines, from 1, that are not UTF-8.
fn not_utf8(bytes: &[u8]) -> Vec<usize> {
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    lines.filter(|(_, line)| std::str::from_utf8(line).is_err()).map(|(n, _)| n + 1).collect()
}

fn ids(header: &HeaderValue<'_>) -> Vec<String> {
    match header {
        HeaderValue::Text(id) => vec![one_line(id)],
        HeaderValue::TextList(ids) => ids.iter().map(|id| one_line(id)).collect(),
        _ => Vec::new(),
    }
}

fn is_attached(part: &MessagePart<'_>) -> bool {
    part.content_disposition().is_some_and(mail_parser::ContentType::is_attachment)
}

/// Returns the name of an attached patch; none for any other part.
fn patch_name(part: &MessagePart<'_>) -> Option<String> {
    let name = part.attachment_name().map(one_line);
    let kind = part.content_type().and_then(|kind| kind.subtype()).unwrap_or_default();
    let by_kind = ["x-patch", "x-diff", "patch", "diff"].contains(&kind.to_lowercase().as_str());
    let by_name = |name: &String| [".patch", ".diff"].iter().any(|end| name.ends_with(end));
    if by_kind || name.as_ref().is_some_and(by_name) {
        return Some(name.unwrap_or_else(|| "attachment".into()));
    }
    None
}

/// Returns a text without line breaks and other characters that could steer a terminal.
fn one_line(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Takes a subject apart: `Re: [RFC PATCH v2 1/3] title`.
pub(super) fn subject(text: &str) -> Subject {
    let whole = one_line(text);
    let mut subject = Subject { whole: whole.clone(), version: 1, ..Subject::default() };
    let mut rest = whole.as_str();
    loop {
        rest = rest.trim_start();
        let answer = ["re:", "aw:", "sv:", "antw:", "fwd:", "fw:"]
            .iter()
            .find(|answer| rest.get(..answer.len()).is_some_and(|start| start.eq_ignore_ascii_case(answer)));
        if let Some(answer) = answer {
            subject.is_reply = true;
            rest = &rest[answer.len()..];
        } else if let Some((inside, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            for word in inside.split([' ', ',']) {
                tag(&mut subject, word);
            }
            rest = after;
        } else {
            break;
        }
    }
    rest.clone_into(&mut subject.title);
    subject
}

/// Reads a word in brackets: `v2`, `PATCHv2`, `1/3`; others say nothing that matters here.
fn tag(subject: &mut Subject, word: &str) {
    let word = word.to_ascii_lowercase();
    let version = word.strip_prefix("patch").unwrap_or(&word).trim_start_matches('-').strip_prefix('v');
    if let Some(version) = version.and_then(|version| version.parse().ok()) {
        subject.version = version;
    } else if let Some((n, total)) = word.split_once('/')
        && let (Ok(n), Ok(total)) = (n.parse(), total.parse())
    {
        subject.number = Some((n, total));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_cut_where_mails_begin() {
        let text = b"From a@b Thu Jan  1 00:00:00 1970\nSubject: x\n\nFrom here on: 1\n>From there\n>>From\n>>From x\n\
                     From git@z Mon Sep 17 00:00:00 2001\r\nSubject: y\n";
        let cut = split(text);
        let expected = "Subject: x\n\nFrom here on: 1\nFrom there\n>>From\n>From x\n";
        assert_eq!(cut, [expected.as_bytes(), b"Subject: y\n"]);
        assert_eq!(split(b"Subject: x\n\nFrom a 00:00:00 1970\n").len(), 1);
    }

    #[test]
    fn subjects_are_taken_apart() {
        let of = |text: &str| {
            let s = subject(text);
            (s.is_reply, s.version, s.number, s.title)
        };
        assert_eq!(of("[PATCH] uprobes: flush"), (false, 1, None, "uprobes: flush".into()));
        assert_eq!(of("[RFC PATCH v2 0/3] a"), (false, 2, Some((0, 3)), "a".into()));
        assert_eq!(of("[PATCHv3,net 02/10] [foo] b"), (false, 3, Some((2, 10)), "b".into()));
        assert_eq!(of("Re: AW: [PATCH V2\n 1/1] c"), (true, 2, Some((1, 1)), "c".into()));
        assert_eq!(of("fix v2 of 1/3"), (false, 1, None, "fix v2 of 1/3".into()));
    }
}
