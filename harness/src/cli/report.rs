// SPDX-License-Identifier: GPL-2.0-or-later
//! `patcheval report`: one run in any layout.

use super::args::{Args, Format, Report};
use super::commands::{deliver, table};
use crate::error::{Error, Result};
use crate::report::{self, Dossier};
use crate::run;

/// Prints or writes a run's report; returns the exit code, which is that of the verdict.
///
/// # Errors
///
/// Study, when the directory is not a run; infrastructure.
pub(super) fn report(args: &Args, asked: &Report) -> Result<u8> {
    asked.mail.belong_to(asked.format)?;
    if asked.trend.is_some() && asked.format != Format::Html {
        return Err(Error::study("--trend is for --format html"));
    }
    let mut dossier = run::dossier(&asked.run)?;
    dossier.trend.clone_from(&asked.trend);
    let text = text(args, asked, &dossier)?;
    deliver(&text, asked.output.as_deref())?;
    Ok(dossier.judgement.overall.exit_code())
}

fn text(args: &Args, asked: &Report, dossier: &Dossier) -> Result<String> {
    let judgement = &dossier.judgement;
    Ok(match asked.format {
        Format::Table => table(args, judgement),
        Format::Markdown => report::markdown(judgement),
        Format::Html => report::html(dossier),
        Format::Json => report::json(dossier)?,
        Format::Mail => report::mail(dossier, &asked.mail.envelope(&dossier.plan))?,
        Format::Junit => report::junit(dossier)?,
        Format::Ktap => report::ktap(dossier),
        Format::Csv => report::csv(dossier)?,
        Format::Kcidb => report::kcidb(dossier, asked.origin.as_deref().unwrap_or_default())?,
    })
}
