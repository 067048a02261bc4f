// SPDX-License-Identifier: GPL-2.0-or-later
//! `patcheval compare`: what changed between two runs.

use super::args::{Args, Compare, CompareFormat};
use super::commands::{deliver, style};
use crate::error::{Error, Result};
use crate::{report, run};

/// Prints or writes what changed; returns the exit code, which says whether something got worse.
///
/// # Errors
///
/// As [`run::compare`].
pub(super) fn compare(args: &Args, asked: &Compare) -> Result<u8> {
    let changes = run::compare(&asked.before, &asked.after, &asked.renames)?;
    let [before, after] = [&asked.before, &asked.after].map(|run| run.display().to_string());
    let text = match asked.format {
        CompareFormat::Table => report::change_table(&changes, &before, &after, style(args)),
        CompareFormat::Markdown => report::change_markdown(&changes, &before, &after),
        CompareFormat::Json => {
            let json = serde_json::to_string_pretty(&changes);
            json.map_err(|error| Error::internal(format!("comparison: {error}")))? + "\n"
        }
    };
    deliver(&text, asked.output.as_deref())?;
    Ok(changes.outlook.exit_code())
}
