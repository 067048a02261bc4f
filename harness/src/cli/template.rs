// SPDX-License-Identifier: GPL-2.0-or-later
//! `patcheval template`: a workflow for a CI system.

use super::args::{Args, System, Template};
use super::commands::{deliver, root};
use crate::error::{Error, Result, exit};
use crate::study;
use crate::template::{Workflow, github, gitlab};

/// Prints or writes a workflow.
///
/// # Errors
///
/// Study, for a study or a schedule that makes no sense.
pub(super) fn template(args: &Args, asked: &Template) -> Result<u8> {
    let plan = study::load(&root(args)?, &asked.study)?;
    let fields: Vec<&str> = asked.cron.split_whitespace().collect();
    let known = |field: &&str| field.chars().all(|c| c.is_ascii_alphanumeric() || "*,-/".contains(c));
    if fields.len() != 5 || !fields.iter().all(known) {
        return Err(Error::study(format!("--cron: `{}` has not five fields of cron", asked.cron))
            .hint("as in '17 2 * * *': at 2:17 every night"));
    }
    let workflow = Workflow { plan: &plan, shards: asked.shards, cron: fields.join(" ") };
    let text = match asked.system {
        System::Github => github(&workflow),
        System::Gitlab => gitlab(&workflow),
    };
    deliver(&text, asked.output.as_deref())?;
    Ok(exit::MET)
}
