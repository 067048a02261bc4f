// SPDX-License-Identifier: GPL-2.0-or-later
//! Options of `report --format mail`.

use std::collections::BTreeSet;

use super::args::ReportFormat;
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::report::{Envelope, HeaderText, Mailbox, MessageId, TestedBy};

/// What a mail says beside its report.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Options of mail")]
pub struct MailOptions {
    /// Whom the mail is from [default: git send-email decides]
    #[arg(long, value_name = "MAILBOX")]
    pub from: Option<Mailbox>,
    /// Whom the mail is for; may be given several times
    #[arg(long, value_name = "MAILBOX")]
    pub to: Vec<Mailbox>,
    /// Who gets a copy; may be given several times
    #[arg(long, value_name = "MAILBOX")]
    pub cc: Vec<Mailbox>,
    /// Message that the mail answers, by its Message-ID [default: that of the variants, if it is one]
    #[arg(long, value_name = "MSGID")]
    pub in_reply_to: Option<MessageId>,
    /// Subject [default: the study and its outcome]
    #[arg(long, value_name = "TEXT")]
    pub subject: Option<HeaderText>,
    /// Say Tested-by for a variant that passed, everywhere or on one machine; may be given several times
    #[arg(long, value_name = "VARIANT[@MACHINE]", requires = "tested_by_name")]
    pub tested_by: Vec<TestedBy>,
    /// Who tested
    #[arg(long, value_name = "NAME <USER@HOST>", requires = "tested_by")]
    pub tested_by_name: Option<Mailbox>,
}

impl MailOptions {
    /// Refuses options that another format has no use for: whoever gives them expects something of them.
    pub(super) fn belong_to(&self, format: ReportFormat) -> Result<()> {
        let lists = [self.to.is_empty(), self.cc.is_empty(), self.tested_by.is_empty()];
        let none = self.from.is_none() && self.in_reply_to.is_none() && self.subject.is_none();
        if format == ReportFormat::Mail || (none && lists == [true; 3]) {
            return Ok(());
        }
        Err(Error::study("--from, --to, --cc, --in-reply-to, --subject and --tested-by are for mails")
            .hint("add --format mail"))
    }

    /// Returns what the report needs of them.
    pub(super) fn envelope(&self, plan: &Plan) -> Envelope {
        Envelope {
            from: self.from.clone(),
            to: self.to.clone(),
            cc: self.cc.clone(),
            in_reply_to: self.in_reply_to.clone().or_else(|| only_message(plan)),
            subject: self.subject.clone(),
            tested_by: self.tested_by.clone(),
            tester: self.tested_by_name.clone(),
        }
    }
}

/// The message with which the patches of a study came: of several nobody knows which one is to be answered.
fn only_message(plan: &Plan) -> Option<MessageId> {
    let ids: BTreeSet<&String> =
        plan.variants.iter().filter_map(|variant| variant.message_id.as_ref()).collect();
    let mut ids = ids.into_iter();
    let only = ids.next().filter(|_| ids.next().is_none())?;
    only.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::plan;

    #[test]
    fn the_message_of_the_patches_is_answered_if_there_is_only_one() {
        let mut plan = plan();
        let options = MailOptions::default();
        assert_eq!(options.envelope(&plan).in_reply_to, None);
        plan.variants[1].message_id = Some("cover@host".into());
        assert_eq!(options.envelope(&plan).in_reply_to, "cover@host".parse().ok());
        let asked = MailOptions { in_reply_to: "other@host".parse().ok(), ..MailOptions::default() };
        assert_eq!(asked.envelope(&plan).in_reply_to, "other@host".parse().ok());
        plan.variants[2].message_id = Some("v2@host".into());
        assert_eq!(options.envelope(&plan).in_reply_to, None);
    }
}
