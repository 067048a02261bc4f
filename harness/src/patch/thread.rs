// SPDX-License-Identifier: GPL-2.0-or-later
//! The series of patches in a thread: which mails are patches, which belong together, and in which order they apply.
//!
//! A patch is a mail with a diff of its own that does not answer another one by its subject. Patches belong to one series if
//! author, version and number of patches are the same, and one mail answers the other or both answer the same; where no mail
//! answers another, as `b4 am` and `git format-patch --stdout` write them, whoever the author, if one comes right after the
//! other in the mailbox and by its number. A reply that has a diff of its own, not quoted, is kept apart: it may be a
//! proposal or a remark, and only people can decide.

use std::collections::BTreeMap;

use super::Patch;
use super::mail::Mail;
use super::parse::parse;
use super::text::Text;
use crate::error::{Error, Result};
use crate::plan::One;

/// A thread, or whatever else is in a mailbox.
#[derive(Clone, Debug, Default)]
pub struct Thread {
    /// The series, in the order in which the mailbox has them.
    pub series: Vec<Series>,
    /// Replies with a diff of their own, each as a series of one.
    pub replies: Vec<Series>,
    /// How many mails have no patch.
    pub others: usize,
}

/// A series of patches.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// Title of the cover letter, or of the first patch.
    pub title: String,
    /// Its subject.
    pub subject: String,
    /// Name of the author.
    pub author: String,
    /// Its version, from 1.
    pub version: u32,
    /// Message id of the cover letter, or of the first patch.
    pub message_id: Option<String>,
    /// The commit for which it was made.
    pub base_commit: Option<String>,
    /// How many other patches it says that it needs.
    pub prerequisites: usize,
    address: String,
    /// How many patches it is to have.
    total: u32,
    ids: Vec<String>,
    answers: Vec<String>,
    direct: Vec<String>,
    mails: BTreeMap<u32, Mail>,
    /// Which mail of the mailbox was added last, and its number in the series.
    last: (usize, u32),
}

impl Thread {
    /// Sorts mails into series.
    pub(super) fn new(mails: Vec<Mail>) -> Self {
        let mut thread = Self::default();
        for mail in mails {
            let cover = mail.subject.number.is_some_and(|(n, total)| n == 0 && total > 0);
            let diff = !patches_of(&mail).is_empty();
            match (mail.subject.is_reply, diff) {
                (true, true) => thread.replies.push(Series::new(mail)),
                (false, true) => thread.add(mail),
                (false, false) if cover => thread.add(mail),
                _ => thread.others += 1,
            }
        }
        // A cover letter whose patches are elsewhere is one more mail.
        let covers = thread.series.len();
        thread.series.retain(|series| series.mails.keys().any(|n| *n > 0));
        thread.others += covers - thread.series.len();
        thread
    }

    fn add(&mut self, mail: Mail) {
        let of = self.series.iter().position(|series| series.takes(&mail));
        match of.or_else(|| self.series.iter().position(|series| series.goes_on_in(&mail))) {
            Some(at) => self.series[at].add(mail),
            None => self.series.push(Series::new(mail)),
        }
    }

    /// Returns the series of a mail, or the only one there is.
    ///
    /// # Errors
    ///
    /// Study, when there is none, or more than one and nothing says which; `file` is the mailbox.
    pub fn choose(&self, file: &str, message_id: Option<&str>) -> Result<&Series> {
        let all = || self.series.iter().chain(&self.replies);
        if let Some(id) = message_id {
            let found = all().find(|series| series.ids.iter().any(|own| own == id));
            return found.ok_or_else(|| {
                let error = Error::study(format!("{file}: has no patch with the message id {id}"));
                error.hint(format!("it has {}", list(all())))
            });
        }
        match self.series.as_slice() {
            [one] => Ok(one),
            [] if self.replies.is_empty() => {
                Err(Error::study(format!("{file}: has no patch in {} mails", self.others)).hint(
                    "save the mails with the patches, as `b4 mbox` does; quoted patches in replies are none",
                ))
            }
            [] => {
                Err(Error::study(format!("{file}: has patches in replies only: {}", list(all())))
                    .hint(CHOOSE))
            }
            more => {
                let count = more.len();
                Err(Error::study(format!(
                    "{file}: has {count} series, and a variant is one of them: {}",
                    list(self.series.iter())
                ))
                .hint(CHOOSE))
            }
        }
    }
}

/// What to do about a mailbox with several series.
const CHOOSE: &str =
    "say which by `message_id:` in variant.yaml, or let `patcheval study new --mbox` make a variant of each";

fn list<'a>(series: impl Iterator<Item = &'a Series>) -> String {
    series.map(Series::summary).collect::<Vec<_>>().join("; ")
}

impl Series {
    fn new(mail: Mail) -> Self {
        let (_, total) = place(&mail);
        let mut series = Self {
            title: mail.subject.title.clone(),
            subject: mail.subject.whole.clone(),
            author: mail.author.clone(),
            version: mail.subject.version,
            message_id: mail.id.clone(),
            address: mail.address.clone(),
            total,
            ..Self::default()
        };
        series.add(mail);
        series
    }

    /// Returns whether a mail belongs to this series.
    fn takes(&self, mail: &Mail) -> bool {
        let (n, total) = place(mail);
        let answers = |answers: &[String], ids: &[String]| answers.iter().any(|id| ids.contains(id));
        let own = mail.id.as_slice();
        self.address == mail.address
            && self.version == mail.subject.version
            && self.total == total
            && !self.mails.contains_key(&n)
            && (answers(&mail.answers, &self.ids)
                || answers(&self.answers, own)
                || answers(&mail.answers[..mail.answers.len().min(1)], &self.direct)
                || (mail.answers.is_empty() && self.answers.is_empty()))
    }

    /// Returns whether a mail is the next patch of this series, without threading and whoever sent it.
    fn goes_on_in(&self, mail: &Mail) -> bool {
        let (n, total) = place(mail);
        let (mail_before, before) = self.last;
        self.version == mail.subject.version
            && self.total == total
            && (n, mail.number) == (before + 1, mail_before + 1)
            && mail.answers.is_empty()
            && self.answers.is_empty()
    }

    fn add(&mut self, mail: Mail) {
        let (n, _) = place(&mail);
        self.last = (mail.number, n);
        if self.mails.keys().next().is_none_or(|first| n < *first) {
            self.title.clone_from(&mail.subject.title);
            self.subject.clone_from(&mail.subject.whole);
            self.message_id.clone_from(&mail.id);
        }
        for text in std::iter::once(&mail.text)
            .chain(mail.attached.iter().map(|(_, text)| text))
            .map(|text| &text.text)
        {
            if self.base_commit.is_none() {
                self.base_commit = base_commit(text);
            }
            self.prerequisites += text.lines().filter(|l| l.starts_with("prerequisite-patch-id: ")).count();
        }
        self.ids.extend(mail.id.clone());
        self.direct.extend(mail.answers.first().cloned());
        self.answers.extend(mail.answers.iter().cloned());
        self.mails.insert(n, mail);
    }

    /// Returns whether no more than one mail of it is there.
    pub fn is_one_mail(&self) -> bool {
        self.mails.len() == 1
    }

    /// Returns a line that identifies it.
    pub fn summary(&self) -> String {
        let id = self
            .message_id
            .as_deref()
            .map_or_else(|| "without message id".into(), |id| format!("message_id: {id}"));
        format!("\"{}\" by {} ({id})", self.subject, self.author)
    }

    /// Returns the texts of the patches of a series that is one mail, whatever its number.
    pub(super) fn only(&self, file: &str) -> Result<Vec<Vec<u8>>> {
        let mails = self.mails.values().map(|mail| Self::of_mail(file, mail)).collect::<Result<Vec<_>>>()?;
        Ok(mails.into_iter().flatten().map(|patch| patch.text).collect())
    }

    /// Returns the patches in the order in which they apply.
    ///
    /// # Errors
    ///
    /// Study, when one is missing or cannot be decoded; `file` is the mailbox.
    pub fn patches(&self, file: &str) -> Result<Vec<Patch>> {
        let mut all = Vec::new();
        for n in 1..=self.total {
            let Some(mail) = self.mails.get(&n) else {
                return Err(Error::study(format!(
                    "{file}: patch {n} of {} is missing from the series {}",
                    self.total,
                    self.summary()
                ))
                .hint("fetch the whole thread, as `b4 am` does with a message id; to take a patch alone, say `patch: NUMBER`"));
            };
            all.extend(Self::of_mail(file, mail)?);
        }
        Ok(all)
    }

    /// Returns one patch of the series, without the others.
    ///
    /// # Errors
    ///
    /// Study, when it is not there, is a cover letter, or cannot be decoded; `file` is the mailbox.
    pub fn one(&self, file: &str, one: &One) -> Result<Vec<Patch>> {
        let mail = match one {
            One::Number(n) => self.mails.get(n).filter(|_| *n > 0),
            One::MessageId(id) => self.mails.values().find(|mail| mail.id.as_ref() == Some(id)),
        };
        let Some(mail) = mail.filter(|mail| !patches_of(mail).is_empty()) else {
            let there = self.mails.iter().filter(|(_, mail)| !patches_of(mail).is_empty());
            let there = there.map(|(n, mail)| format!("{n} (\"{}\")", mail.subject.whole));
            let why = format!("{file}: {one} is no patch of the series {}", self.summary());
            return Err(Error::study(why).hint(format!("it has {}", there.collect::<Vec<_>>().join("; "))));
        };
        Self::of_mail(file, mail)
    }

    /// Returns the number of the only patch of a longer series that is in the mailbox, without even the cover letter: that
    /// was picked out of its series on purpose.
    pub fn picked(&self) -> Option<(u32, u32)> {
        let n = self.mails.keys().next().filter(|_| self.mails.len() == 1 && self.total > 1)?;
        Some((*n, self.total))
    }

    fn of_mail(file: &str, mail: &Mail) -> Result<Vec<Patch>> {
        let mut all = Vec::new();
        for (part, text) in patches_of(mail) {
            let part = part.map_or_else(String::new, |part| format!(", attachment {part}"));
            let name = format!("{file}, mail {} (\"{}\"){part}", mail.number, mail.subject.whole);
            let mut patch = Patch { name, is_file: false, text: Vec::new() };
            if let Some(line) = damaged(text) {
                let why = "has bytes that do not belong to the encoding which the mail states";
                return Err(patch.fault(Some(line), why, ENCODE));
            }
            patch.text = text.text.clone().into_bytes();
            all.push(patch);
        }
        Ok(all)
    }
}

/// Returns the first line of a diff that could not be decoded: around diffs there are footers of lists in whatever encoding.
fn damaged(text: &Text) -> Option<usize> {
    // What cannot be parsed is reported when it is applied.
    let files = parse(&text.text).ok().filter(|_| !text.damaged.is_empty())?;
    let in_diff = |line: &usize| files.iter().flat_map(|file| &file.spans).any(|span| span.contains(line));
    text.damaged.iter().copied().find(in_diff)
}

/// What to do about a mail in a wrong encoding.
const ENCODE: &str = "ask for it as UTF-8, which `git send-email` sends, or take the commit from git";

/// Returns which patch of how many a mail is; one without numbers is the only one.
fn place(mail: &Mail) -> (u32, u32) {
    mail.subject.number.filter(|(n, total)| n <= total).unwrap_or((1, 1))
}

/// Returns the patches of a mail: its text if that has a diff, and what is attached, by name.
fn patches_of(mail: &Mail) -> Vec<(Option<&str>, &Text)> {
    let inline = has_diff(&mail.text.text).then_some((None, &mail.text));
    let attached = mail.attached.iter().map(|(name, text)| (Some(name.as_str()), text));
    let mut attached: Vec<_> = attached.collect();
    attached.sort_by_key(|(name, _)| *name);
    inline.into_iter().chain(attached).collect()
}

/// Returns whether a text has a diff at the beginning of its lines: one that is quoted or indented is none.
pub(super) fn has_diff(text: &str) -> bool {
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let plain = line.starts_with("--- ") && lines.peek().is_some_and(|next| next.starts_with("+++ "));
        if plain || line.starts_with("diff --git ") {
            return true;
        }
    }
    false
}

/// Returns the commit that a mail names as its base.
pub(super) fn base_commit(text: &str) -> Option<String> {
    let commit = text.lines().find_map(|line| line.strip_prefix("base-commit: "))?.trim();
    let good = (7..=64).contains(&commit.len()) && commit.chars().all(|c| c.is_ascii_hexdigit());
    good.then(|| commit.to_ascii_lowercase())
}
