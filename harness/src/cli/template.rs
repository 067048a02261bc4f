// SPDX-License-Identifier: GPL-2.0-or-later
//! `patcheval template`: a workflow for a CI system.

use std::path::PathBuf;

use clap::ValueEnum;

use super::args::Args;
use super::commands::{deliver, root};
use crate::error::{Error, Result, exit};
use crate::study;
use crate::template::{Workflow, github, gitlab};

/// Options of `template`.
#[derive(Debug, clap::Args)]
pub struct Template {
    /// CI system
    #[arg(value_enum)]
    pub system: System,
    /// Name of a study under ci/studies, or path of a study's file
    #[arg(default_value = study::DEFAULT)]
    pub study: String,
    /// Number of machines that share the study
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub shards: u32,
    /// Time of the run, as five fields of cron in UTC
    #[arg(long, value_name = "CRON", default_value = "17 2 * * *")]
    pub cron: String,
    /// File to write instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// A CI system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum System {
    /// GitHub Actions.
    Github,
    /// GitLab.
    Gitlab,
}

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
