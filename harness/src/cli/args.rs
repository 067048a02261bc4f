// SPDX-License-Identifier: GPL-2.0-or-later
//! The command line's grammar; the doc comments are the help texts.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::bisect::{Bisect, BisectConfig, StepArgs};
use super::console::ConsoleArgs;
use super::facts;
use super::history::HistoryCommand;
use super::run::PartArgs;
use super::submit::{Prepare, SubmitCommand};
use super::template::Template;
use super::testcase::TestcaseCommand;
use super::try_patches::TryArgs;
use crate::plan::Shard;
use crate::run::RunNames;
use crate::sanitize::Date;
use crate::study;

/// Judge alternative kernel patches for one bug: build a kernel with each, boot it under QEMU with caches that can
/// go stale, stress it, and compare.
#[derive(Debug, Parser)]
#[command(name = "patcheval", version, after_help = facts::exit_codes(), max_term_width = 100)]
pub struct Args {
    /// Repository with kernels, patches and testcases [default: the one around the current directory]
    #[arg(long, global = true, value_name = "DIR", env = "PATCHEVAL_ROOT")]
    pub root: Option<PathBuf>,
    /// Print warnings and results only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print every step and every failure
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Colour of tables; auto also honours NO_COLOR
    #[arg(long, global = true, value_enum, default_value_t = When::Auto, value_name = "WHEN")]
    pub color: When,
    /// Build without a sandbox: code in a patch then runs with your own permissions
    #[arg(long, global = true, env = "PATCHEVAL_NO_SANDBOX", value_parser = clap::builder::FalseyValueParser::new())]
    pub no_sandbox: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How a report is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For a terminal.
    Table,
    /// For a pull request.
    Markdown,
    /// One page for a browser, with plots and evidence.
    Html,
    /// For programs: the judgement and what it was made of, as JSON.
    Json,
    /// For a kernel list: a message that `git send-email` takes.
    Mail,
    /// For Jenkins and GitLab: JUnit's XML.
    Junit,
    /// For what reads the kernel's own tests: KTAP, version 1.
    Ktap,
    /// Every trial, as CSV.
    Csv,
    /// What KernelCI's database takes; needs --origin.
    Kcidb,
}

/// Options of `run`.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// Name of a study under ci/studies, or path of a study's file
    #[arg(default_value = study::DEFAULT)]
    pub study: String,
    /// Trials at the same time [default: one per core]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Run directory [default: runs/<study>-<hash of all that it is made of>]
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Which part of the study.
    #[command(flatten)]
    pub part: PartArgs,
    /// Run one share of the study only, as in 2/4; `merge` puts the shares together
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
    /// Run directory whose recorded times are used to divide the study; the same for every share
    #[arg(long, value_name = "RUN", requires = "shard")]
    pub costs: Option<PathBuf>,
    /// Start QEMU anew for each trial, instead of taking a running one back to the snapshot: the results are the same, and take
    /// some eight times as long
    #[arg(long)]
    pub cold: bool,
    /// Keep console and record of each trial, also of those that pass
    #[arg(long)]
    pub keep_consoles: bool,
    /// Format of standard output: the verdicts as text, or each event as a line of JSON
    #[arg(long, value_enum, default_value_t = MessageFormat::Human, value_name = "FORMAT")]
    pub message_format: MessageFormat,
}

/// What a run prints on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MessageFormat {
    /// The verdicts, when it has ended.
    Human,
    /// What happens, as it happens: one JSON object in each line.
    Json,
}

/// Options of `plan`.
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    /// Name of a study under ci/studies, or path of a study's file
    #[arg(default_value = study::DEFAULT)]
    pub study: String,
    /// Run directory whose recorded times are used for the estimate
    #[arg(long, value_name = "RUN")]
    pub costs: Option<PathBuf>,
    /// Which part of the study.
    #[command(flatten)]
    pub part: PartArgs,
    /// Trials at the same time on each machine [default: one per core of this one]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<usize>,
}

/// Options of `clean`.
#[derive(Debug, clap::Args)]
pub struct Clean {
    /// Size to which the cache is reduced, in GiB
    #[arg(long, value_name = "GIB", default_value_t = 20.0, allow_negative_numbers = true)]
    pub keep: f64,
}

/// Options of `report`.
#[derive(Debug, clap::Args)]
pub struct Report {
    /// Run directory
    pub run: PathBuf,
    /// Layout
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Table)]
    pub format: ReportFormat,
    /// File to write instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Name of the CI system that reports to KCIDB: lower-case letters, digits and underscores
    #[arg(long, value_name = "NAME", required_if_eq("format", "kcidb"))]
    pub origin: Option<String>,
    /// Link to the page that `history show --format html` writes: a path relative to the report's, or a URL
    #[arg(long, value_name = "URL")]
    pub trend: Option<String>,
    /// What a mail says beside its report.
    #[command(flatten)]
    pub mail: super::mail::MailOptions,
}

/// Options of `compare`.
#[derive(Debug, clap::Args)]
pub struct Compare {
    /// Run directory of the first run
    pub before: PathBuf,
    /// Run directory of the second run
    pub after: PathBuf,
    /// Name of a kernel, machine, variant or testcase in the first run, and its name in the second; may be given several times
    #[arg(long = "rename", value_name = "OLD=NEW", value_parser = names)]
    pub renames: Vec<RunNames>,
    /// Layout
    #[arg(short, long, value_enum, default_value_t = CompareFormat::Table)]
    pub format: CompareFormat,
    /// File to write instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// How a comparison is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompareFormat {
    /// For a terminal.
    Table,
    /// For a pull request.
    Markdown,
    /// For programs.
    Json,
}

fn names(text: &str) -> Result<RunNames, String> {
    match text.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => Ok((old.into(), new.into())),
        _ => Err("not OLD=NEW: the names of two kernels with = between them".into()),
    }
}

/// Options of `sanitize`.
#[derive(Debug, clap::Args)]
pub struct Sanitize {
    /// Name of a kernel under kernels
    pub kernel: String,
    /// Machine to boot it on [default: the first that a study pairs it with, `quick` before others]
    #[arg(short, long)]
    pub machine: Option<String>,
    /// Testcase to run after the boot; may be given several times [default: all, each in a boot of its own]
    #[arg(short, long = "testcase", value_name = "TESTCASE")]
    pub testcases: Vec<String>,
    /// Variant to build the kernel with, with its companions; may be given several times [default: the kernel's own tree]
    #[arg(long = "variant", value_name = "PATCHSET/VARIANT[+COMPANION...]")]
    pub variants: Vec<String>,
    /// Boots with each testcase, with seeds from 1 on
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub seeds: u32,
    /// YAML file with what to suppress: a list of {writer, fetch or load, missing, reason, expires}
    #[arg(short, long, value_name = "FILE")]
    pub suppressions: Option<PathBuf>,
    /// Day on which suppressions must not have expired [default: today, UTC]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub today: Option<Date>,
    /// Boots at the same time [default: one per core]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<usize>,
}

/// What `study` can do.
#[derive(Debug, Subcommand)]
pub enum StudyCommand {
    /// Propose a study of the series in a mailbox: write its patch set and its file
    ///
    /// Each series and version becomes a variant, beside the kernel's own tree; a series that does not apply is left out and reported.
    New(NewStudy),
}

/// Options of `study new`.
#[derive(Debug, clap::Args)]
pub struct NewStudy {
    /// Name of a kernel under kernels
    #[arg(short, long)]
    pub kernel: String,
    /// Mailbox with the thread, as `b4 mbox` or an archive of a list gives it
    #[arg(long, value_name = "FILE")]
    pub mbox: PathBuf,
    /// Machine to run on [default: the first that a study pairs the kernel with, `quick` before others]
    #[arg(short, long)]
    pub machine: Option<String>,
    /// Testcase to run; may be given several times [default: those of the study that pairs the kernel]
    #[arg(short, long = "testcase", value_name = "TESTCASE")]
    pub testcases: Vec<String>,
    /// Name of the study and of its patch set [default: made of the mailbox's name]
    #[arg(short, long)]
    pub name: Option<String>,
    /// Directory to write patches/NAME and ci/studies/NAME.yaml into [default: the repository]
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a study: build its kernels, run its trials, print the verdicts
    ///
    /// An interrupted run continues where it stopped; a complete one is only judged again.
    Run(RunArgs),
    /// Try your own patches: plan the smallest honest study of them, say what it will cost, and run it
    ///
    /// The trials with the model off come first, and nothing else is run if one of them fails. Then each cell is reported as it ends.
    /// The study is kept, so that `patcheval run` can run it again. Exit codes as for `run`.
    #[command(name = "try")]
    Try(TryArgs),
    /// Put the shares of a run together, and print the verdicts
    ///
    /// The merged run is byte for byte the run that one machine would have made. Shares can be added later; until then their
    /// trials are missing.
    Merge {
        /// Run directories of the shares
        #[arg(required = true)]
        shares: Vec<PathBuf>,
        /// Run directory to make [default: beside the first share, named like a run of the whole]
        #[arg(short, long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Print the verdicts of a run, in any layout
    Report(Report),
    /// Compare two runs: list the cells that changed, and whether any got worse
    ///
    /// Worse is a cell whose pass rate fell by more than chance, which passed every trial and now fails one, or whose
    /// coherent control newly fails; a price alone does not make it worse. Exit code 0: nothing got worse; 1: something did; 3:
    /// undecided, because something is unknown or missing that was not.
    Compare(Compare),
    /// Run one trial of a run again, and compare it byte for byte
    Replay {
        /// Run directory
        run: PathBuf,
        /// Trial, as KERNEL/MACHINE/VARIANT/TESTCASE/MODE/SEED
        trial: String,
    },
    /// Boot a cell's kernel on this terminal, and run one trial of its testcase
    ///
    /// The boot is from reset, with the model at work; the console is kept. Ctrl-A X ends QEMU.
    Console(ConsoleArgs),
    /// Explain the verdict of a cell, or the stale fetches of a trial, with source lines
    Explain {
        /// Run directory
        run: PathBuf,
        /// Cell, as KERNEL/MACHINE/VARIANT/TESTCASE, or trial, as KERNEL/MACHINE/VARIANT/TESTCASE/MODE/SEED
        #[arg(value_name = "CELL|TRIAL")]
        what: String,
    },
    /// Keep the results of a study from day to day, and show which cells changed and when
    #[command(subcommand)]
    History(HistoryCommand),
    /// Boot a kernel from reset and list each class of stale fetches once
    ///
    /// The model only observes. Exit code 0: none was found but suppressed ones and code being patched; 1: others were found;
    /// 3: none was found, but a boot did not reach the end of its testcase.
    Sanitize(Sanitize),
    /// Find the commit that broke or fixed a cell, even if it fails only sometimes
    ///
    /// Exit code 0: found; 1: not found, and the commits still possible are listed. An interrupted bisection continues where it
    /// stopped.
    Bisect(Bisect),
    /// Find the option that breaks a cell, between a configuration with which it passes and one with which it fails
    ///
    /// The options in which they differ are switched one after another; what kbuild makes of each configuration between the
    /// two is built, booted and tried as `bisect` does it, with the same exit codes. Both sides of the answer are kept.
    BisectConfig(BisectConfig),
    /// Judge one commit, for `git bisect run`
    ///
    /// Exit code 0: good; 1: bad; 125: does not build or boot, or trials did not decide; 128: infrastructure failed; 129:
    /// usage or study error; 130: interrupted; 198: bug in patcheval.
    Step(StepArgs),
    /// Check that this machine has everything that a study needs
    Doctor,
    /// Show what a study would cost: cells, builds, trials, minutes by the number of machines
    ///
    /// Sources that the cache does not have are unpacked; nothing is built.
    Plan(PlanArgs),
    /// Build a study's kernels and boot them to their snapshots, without running trials
    Prepare(Prepare),
    /// Run a study on a cluster
    #[command(subcommand)]
    Submit(SubmitCommand),
    /// Reduce the cache to a size: entries unused for longest are removed first, entries in use never
    Clean(Clean),
    /// Make a study
    #[command(subcommand)]
    Study(StudyCommand),
    /// Make a testcase
    #[command(subcommand)]
    Testcase(TestcaseCommand),
    /// Write a workflow for a CI system that runs a study every night in shares and publishes the reports
    Template(Template),
    /// List the studies of the repository
    List,
    /// Write the reference: JSON Schemas and pages of the YAML files, and man pages
    ///
    /// They are made from the types that read the files and from the grammar of the command line. Those of the repository
    /// lie in harness/doc; a test fails if they are not what this command writes.
    Reference {
        /// Directory to write it to
        #[arg(short, long, value_name = "DIR")]
        output: PathBuf,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}
