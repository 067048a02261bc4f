// SPDX-License-Identifier: GPL-2.0-or-later
//! `patcheval report`: one run in any layout.

use super::args::{Args, Format, Report};
use super::commands::{deliver, table};
use crate::error::{Error, Result};
use crate::report::{self, ReportData};
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
    let mut data = run::report_data(&asked.run)?;
    data.trend.clone_from(&asked.trend);
    let text = text(args, asked, &data)?;
    deliver(&text, asked.output.as_deref())?;
    Ok(data.judgement.overall.exit_code())
}

fn text(args: &Args, asked: &Report, data: &ReportData) -> Result<String> {
    let judgement = &data.judgement;
    Ok(match asked.format {
        Format::Table => table(args, judgement),
        Format::Markdown => report::markdown(judgement),
        Format::Html => report::html(data),
        Format::Json => report::json(data)?,
        Format::Mail => report::mail(data, &asked.mail.envelope(&data.plan))?,
        Format::Junit => report::junit(data)?,
        Format::Ktap => report::ktap(data),
        Format::Csv => report::csv(data)?,
        Format::Kcidb => report::kcidb(data, asked.origin.as_deref().unwrap_or_default())?,
    })
}
