// SPDX-License-Identifier: GPL-2.0-or-later
//! `patcheval history`: results of studies from day to day, kept and judged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};

use super::args::Args;
use super::commands::{deliver, print, root, style, today};
use crate::error::{Error, Result, exit};
use crate::history::{Added, History};
use crate::judge::trend::trends;
use crate::known::{self, Known};
use crate::nearest::suggestion;
use crate::report::{TrendReport, trend_html, trend_table};
use crate::run::{self, RunEntry};
use crate::sanitize::Date;

/// The history of a site, unless --db names another.
const FILE: &str = "runs/history.sqlite";

/// What `history` can do.
#[derive(Debug, Subcommand)]
pub enum HistoryCommand {
    /// Add runs to the history of their studies
    ///
    /// A run that was added before is not added again. A study has one entry a day: another run of it on the same day replaces
    /// the first.
    Add(Add),
    /// Say what changed, since when, and whether by more than chance
    Show(Show),
    /// The same, for schedules: exit code 1 if a cell is worse, or fails for the first time, and nobody knows of it
    Check(Show),
}

/// Options of `history add`.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// Run directories; shares are merged before
    #[arg(required = true)]
    pub runs: Vec<PathBuf>,
    /// Day of the entry [default: today, UTC]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: Option<Date>,
    /// The file with the history [default: runs/history.sqlite]
    #[arg(long, value_name = "FILE")]
    pub db: Option<PathBuf>,
}

/// Options of `history show` and `history check`.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// Name of the study [default: the only one that there is]
    pub study: Option<String>,
    /// Number of entries to look at, the newest ones
    #[arg(long, alias = "nights", value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    pub entries: u32,
    /// Look at these cells only; each of the four parts may be `*`
    #[arg(long, value_name = "KERNEL/MACHINE/VARIANT/TESTCASE")]
    pub cell: Option<String>,
    /// YAML file with known failures: a list of {cell, reason, owner, expires}
    #[arg(long, value_name = "FILE")]
    pub known: Option<PathBuf>,
    /// Day on which known failures must not have expired [default: today, UTC]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub today: Option<Date>,
    /// Layout
    #[arg(short, long, value_enum, default_value_t = TrendFormat::Table, value_name = "FORMAT")]
    pub format: TrendFormat,
    /// List every cell
    #[arg(short, long)]
    pub all: bool,
    /// File to write instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The file with the history [default: runs/history.sqlite]
    #[arg(long, value_name = "FILE")]
    pub db: Option<PathBuf>,
}

/// How a history is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TrendFormat {
    /// For a terminal.
    Table,
    /// One page for a browser; `report --format html --trend` links to its cells.
    Html,
}

pub(super) fn history(args: &Args, asked: &HistoryCommand) -> Result<u8> {
    match asked {
        HistoryCommand::Add(asked) => add(args, asked),
        HistoryCommand::Show(asked) => show(args, asked).map(|_| exit::MET),
        HistoryCommand::Check(asked) => Ok(if show(args, asked)? { exit::NOT_MET } else { exit::MET }),
    }
}

fn file(args: &Args, db: Option<&Path>) -> Result<PathBuf> {
    db.map_or_else(|| Ok(root(args)?.join(FILE)), |db| Ok(db.to_owned()))
}

fn add(args: &Args, asked: &Add) -> Result<u8> {
    let file = file(args, asked.db.as_deref())?;
    let date = asked.date.unwrap_or_else(today).to_string();
    // Read before anything is written.
    let runs: Vec<RunEntry> =
        asked.runs.iter().map(|run| run::history_entry(run, &date)).collect::<Result<_>>()?;
    if let Some(parent) = file.parent() {
        std::fs::create_dir_all(parent).map_err(|error| Error::io("create", parent, error))?;
    }
    let mut history = History::open(&file)?;
    for RunEntry { study, entry, content } in &runs {
        let what = match history.add(study, entry, content)? {
            Added::New => "added",
            Added::There => "there already",
            Added::Replaced => "added in place of another run of that day",
        };
        print(&format!("{study}, {date}, {} cells: {what}\n", entry.cells.len()))?;
    }
    Ok(exit::MET)
}

/// Prints or writes what changed; returns whether somebody should look at it.
fn show(args: &Args, asked: &Show) -> Result<bool> {
    let file = file(args, asked.db.as_deref())?;
    if !file.exists() {
        return Err(Error::study(format!("there is no history {}", file.display()))
            .hint("`patcheval history add RUN` begins one"));
    }
    let history = History::open(&file)?;
    let study = study(&history, asked.study.as_deref())?;
    let mut days = history.entries(&study, asked.entries)?;
    if let Some(pattern) = &asked.cell {
        days.iter_mut().for_each(|day| day.cells.retain(|cell, _| known::fits(pattern, cell)));
    }
    let trends = trends(&days);
    if trends.cells.is_empty() {
        let pattern = asked.cell.as_deref().unwrap_or("*/*/*/*");
        return Err(Error::study(format!("no cell of {study} is {pattern}"))
            .hint("`patcheval history show --all` lists them"));
    }
    let entries = match &asked.known {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| Error::io("read", path, error))?;
            known::read(&path.display().to_string(), &text)?
        }
        None => Vec::new(),
    };
    let today = asked.today.unwrap_or_else(today);
    let described = |entry: &Known| format!("{} ({}, until {})", entry.reason, entry.owner, entry.expires);
    let known: BTreeMap<String, String> = trends
        .cells
        .iter()
        .filter_map(|cell| Some((cell.cell.clone(), described(known::of(&entries, &cell.cell, today)?))))
        .collect();
    let expired = entries.iter().filter(|entry| entry.expires < today);
    let expired = expired.map(|entry| format!("{}: {}", entry.cell, described(entry))).collect();
    let report = TrendReport { study, trends, known, expired };
    let text = match asked.format {
        TrendFormat::Table => trend_table(&report, asked.all, style(args)),
        TrendFormat::Html => trend_html(&report),
    };
    deliver(&text, asked.output.as_deref())?;
    Ok(report.alarming().next().is_some())
}

fn study(history: &History, asked: Option<&str>) -> Result<String> {
    let studies = history.studies()?;
    let there = || studies.iter().map(String::as_str);
    match (asked, &studies[..]) {
        (Some(name), _) if studies.iter().any(|study| study == name) => Ok(name.to_owned()),
        (Some(name), _) => {
            Err(Error::study(format!("the history has no study `{name}`")).hint(suggestion(name, there())))
        }
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(Error::study("which study?").hint(suggestion("", there()))),
    }
}
