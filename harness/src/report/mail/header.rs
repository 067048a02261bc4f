// SPDX-License-Identifier: GPL-2.0-or-later
//! The head of a message (RFC 5322), and what users may put into it.
//!
//! Date and Message-ID are left out: they would be the only things in a report that no run determines, and
//! `git send-email` adds them.

use std::str::FromStr;

use mail_builder::headers::Header;
use mail_builder::headers::address::Address;
use mail_builder::headers::text::Text;

/// A mail address with or without a name: `Some Body <some@body.org>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    name: String,
    address: String,
}

/// The name of a message, without its angle brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageId(String);

/// Text that stays in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderText(String);

/// What a user's text is refused for, before anything else: a line break in it would begin a header of its own.
fn one_line(text: &str) -> Result<&str, String> {
    if text.chars().any(char::is_control) {
        return Err("has a line break or another control character in it".into());
    }
    Ok(text.trim())
}

/// Whether a text is `LOCAL@DOMAIN` of the characters that need no quotes.
fn is_address(text: &str) -> bool {
    let fine = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_graphic() && !r#"()<>[]:;@\,""#.contains(c))
    };
    text.split_once('@').is_some_and(|(local, domain)| fine(local) && fine(domain))
}

impl FromStr for Mailbox {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = one_line(text)?;
        let (name, address) = match text.strip_suffix('>').and_then(|text| text.split_once('<')) {
            Some((name, address)) => (name.trim(), address.trim()),
            None => ("", text),
        };
        if !is_address(address) {
            return Err(format!("`{address}` is no mail address: NAME <USER@HOST> or USER@HOST is wanted"));
        }
        let quoted = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
        Ok(Self { name: quoted.unwrap_or(name).to_owned(), address: address.to_owned() })
    }
}

impl FromStr for MessageId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = one_line(text)?;
        let inside = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
        if !is_address(inside) {
            return Err("is no Message-ID: it looks like 20260101.1234@host".into());
        }
        Ok(Self(inside.to_owned()))
    }
}

impl FromStr for HeaderText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(one_line(text)?.to_owned()))
    }
}

impl HeaderText {
    /// Returns the text.
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl Mailbox {
    /// Whether there is a name, which a `Tested-by` must have.
    pub(super) fn is_named(&self) -> bool {
        !self.name.is_empty()
    }

    /// Returns the address as a line of a message's body has it: not encoded.
    pub(super) fn plain(&self) -> String {
        format!("{} <{}>", self.name, self.address).trim_start().to_owned()
    }

    fn header(&self) -> Address<'_> {
        let name = Some(self.name.as_str()).filter(|name| !name.is_empty());
        Address::new_address(name, self.address.as_str())
    }
}

/// Returns a header, folded and encoded; lines end as they do in files.
fn header(name: &str, value: &impl Header) -> String {
    let mut bytes = format!("{name}: ").into_bytes();
    let column = bytes.len();
    value.write_header(&mut bytes, column);
    String::from_utf8_lossy(&bytes).replace('\r', "")
}

/// What the head says.
pub(super) struct Head<'a> {
    pub(super) from: Option<&'a Mailbox>,
    pub(super) to: &'a [Mailbox],
    pub(super) cc: &'a [Mailbox],
    pub(super) in_reply_to: Option<&'a MessageId>,
    pub(super) subject: &'a str,
}

impl Head<'_> {
    /// Returns the message with this head and a body.
    pub(super) fn message(&self, body: &str) -> String {
        let mut text = String::new();
        if let Some(from) = self.from {
            text.push_str(&header("From", &from.header()));
        }
        for (name, list) in [("To", self.to), ("Cc", self.cc)] {
            if !list.is_empty() {
                text.push_str(&header(name, &Address::new_list(list.iter().map(Mailbox::header).collect())));
            }
        }
        text.push_str(&header("Subject", &Text::new(self.subject)));
        if let Some(MessageId(id)) = self.in_reply_to {
            text.push_str(&format!("In-Reply-To: <{id}>\nReferences: <{id}>\n"));
        }
        let encoding = if body.is_ascii() { "7bit" } else { "8bit" };
        text.push_str("MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n");
        text + &format!("Content-Transfer-Encoding: {encoding}\n\n{body}")
    }
}
