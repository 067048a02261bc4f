// SPDX-License-Identifier: GPL-2.0-or-later
//! `patcheval report`: one run in any layout.

use super::args::{Args, Report, ReportFormat};
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
    if asked.trend.is_some() && asked.format != ReportFormat::Html {
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
        ReportFormat::Table => table(args, judgement),
        ReportFormat::Markdown => report::markdown(judgement),
        ReportFormat::Html => report::html(data),
        ReportFormat::Json => report::json(data)?,
        ReportFormat::Mail => report::mail(data, &asked.mail.envelope(&data.plan))?,
        ReportFormat::Junit => report::junit(data)?,
        ReportFormat::Ktap => report::ktap(data),
        ReportFormat::Csv => report::csv(data)?,
        ReportFormat::Kcidb => report::kcidb(data, asked.origin.as_deref().unwrap_or_default())?,
    })
}
