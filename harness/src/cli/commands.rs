// SPDX-License-Identifier: GPL-2.0-or-later
//! What each subcommand does.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::num::NonZero;
use std::path::{Path, PathBuf};

use clap::CommandFactory;

use super::args::{Args, Command, Sanitize, StudyCommand, When};
use crate::build::sandbox;
use crate::cache_dir::{Cache, write_atomically};
use crate::doctor;
use crate::error::{Error, Result, exit};
use crate::judge::Judgement;
use crate::plan::{Plan, TrialId};
use crate::report::{self, Style};
use crate::run::{self, Event};
use crate::ui::{self, Display, Verbosity};
use crate::{sanitize, study};

/// Does what was asked; returns the exit code.
///
/// # Errors
///
/// Whatever keeps it from being done.
pub(super) fn dispatch(args: &Args) -> Result<u8> {
    if args.no_sandbox {
        sandbox::switch_off();
        let builds = matches!(
            &args.command,
            Command::Run(_)
                | Command::Try(_)
                | Command::Replay { .. }
                | Command::Console(_)
                | Command::Sanitize(_)
                | Command::Bisect(_)
                | Command::BisectConfig(_)
                | Command::Step(_)
                | Command::Prepare(_)
                | Command::Submit(_)
        );
        if builds {
            ui::say("warning: without the sandbox, whoever wrote a patch may do what you may do");
        }
    }
    match &args.command {
        Command::Run(asked) => super::run::run(args, asked),
        Command::Try(asked) => super::try_patches::try_patches(args, asked),
        Command::Merge { shares, out } => super::run::merge(args, shares, out.as_deref()),
        Command::Report(asked) => super::report::report(args, asked),
        Command::Compare(asked) => super::compare::compare(args, asked),
        Command::Replay { run, trial } => replay(args, run, &trial.parse()?),
        Command::Console(asked) => super::console::console(args, asked),
        Command::Explain { run, what } => super::explain::explain(args, run, what),
        Command::Sanitize(asked) => sanitize_kernel(args, asked),
        Command::Plan(asked) => super::plan::forecast(args, asked),
        Command::Prepare(asked) => super::submit::prepare(args, asked),
        Command::Submit(asked) => super::submit::submit(args, asked),
        Command::Clean(asked) => super::plan::clean(asked),
        Command::Study(StudyCommand::New(asked)) => super::study::new(args, asked),
        Command::History(asked) => super::history::history(args, asked),
        Command::Bisect(asked) => super::bisect::bisect(args, asked),
        Command::BisectConfig(asked) => super::bisect::bisect_config(args, asked),
        Command::Step(asked) => super::bisect::step(args, asked),
        Command::Testcase(asked) => super::testcase::testcase(args, asked),
        Command::Template(asked) => super::template::template(args, asked),
        Command::Doctor => examine(args),
        Command::List => list(args),
        Command::Reference { output } => super::reference::write(&root(args)?, output),
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Args::command(), "patcheval", &mut stdout());
            Ok(exit::MET)
        }
    }
}

fn replay(args: &Args, run: &Path, id: &TrialId) -> Result<u8> {
    let replayed = replay_quietly(args, run, id)?;
    if replayed.is_same() {
        print(&format!("{id}: the same, byte for byte\n{}\n", replayed.now.line.to_json()?))?;
        return Ok(exit::MET);
    }
    let (then, now) = (replayed.then.to_json()?, replayed.now.line.to_json()?);
    print(&format!("{id}: not the same\nthen: {then}\nnow:  {now}\n"))?;
    Ok(exit::NOT_MET)
}

pub(super) fn replay_quietly(args: &Args, run: &Path, id: &TrialId) -> Result<run::Replayed> {
    let cache = Cache::locate()?;
    let mut display = display(args, None);
    let replayed = run::replay(&cache, &root(args)?, run, id, &mut |event| {
        // The steps of a replay come from the cache within moments.
        if let Event::Warning(_) = event {
            display.show(event);
        }
    });
    display.finish();
    replayed
}

fn sanitize_kernel(args: &Args, asked: &Sanitize) -> Result<u8> {
    let root = root(args)?;
    // Whatever can be wrong with the command line is reported before anything is built.
    let suppressions = asked.suppressions.as_deref().map(suppressions).transpose()?.unwrap_or_default();
    let Sanitize { kernel, machine, testcases, seeds, .. } = asked;
    let variants: Vec<Option<&str>> = match &asked.variants[..] {
        [] => vec![None],
        named => named.iter().map(|variant| Some(variant.as_str())).collect(),
    };
    let plan = |variant| study::single(&root, kernel, machine.as_deref(), testcases, variant, *seeds);
    let plans = variants.into_iter().map(plan).collect::<Result<Vec<_>>>()?;
    let cache = Cache::locate()?;
    cache.sweep(&run::CACHE_KINDS)?;
    let jobs = asked.jobs.or_else(cores).unwrap_or(1);
    let mut code = exit::MET;
    for plan in &plans {
        // A finding is one whatever else could not be seen.
        code = match (code, sanitize_variant(args, asked, (&cache, &root), plan, (jobs, &suppressions))?) {
            (exit::NOT_MET, _) | (_, exit::NOT_MET) => exit::NOT_MET,
            (exit::MET, other) | (other, _) => other,
        };
    }
    Ok(code)
}

/// Boots one variant and prints what was found.
fn sanitize_variant(
    args: &Args,
    asked: &Sanitize,
    (cache, root): (&Cache, &Path),
    plan: &Plan,
    (jobs, suppressions): (usize, &[sanitize::Suppression]),
) -> Result<u8> {
    let mut display = display(args, None);
    let found = run::sanitize(cache, root, plan, jobs, &mut |event| display.show(event));
    display.finish();
    let found = found?;
    let sorted = sanitize::sort(&found.classes, suppressions, asked.today.unwrap_or_else(today));
    let title = sanitize::Title {
        target: &plan.targets[0].title(),
        variant: &plan.variants[0].name,
        testcases: plan.testcases.len(),
        seeds: asked.seeds,
    };
    print(&sanitize::report(&title, &found.classes, &sorted))?;
    for (what, sentences) in [("skipped", &found.skipped), ("incomplete", &found.incomplete)] {
        for sentence in sentences {
            print(&format!("{what}: {sentence}\n"))?;
        }
    }
    Ok(match (sorted.findings.is_empty(), found.incomplete.is_empty()) {
        (false, _) => exit::NOT_MET,
        (true, false) => exit::INFRASTRUCTURE,
        (true, true) => exit::MET,
    })
}

fn suppressions(file: &Path) -> Result<Vec<sanitize::Suppression>> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Error::study(format!("cannot read {}: {error}", file.display())))?;
    sanitize::read(&file.display().to_string(), &text)
}

/// The day in UTC; a clock before 1970 is taken for 1970.
pub(super) fn today() -> sanitize::Date {
    const DAY: u64 = 24 * 60 * 60;
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    sanitize::Date::after_epoch(since.map_or(0, |since| since.as_secs() / DAY))
}

fn examine(args: &Args) -> Result<u8> {
    // Also where there is no repository.
    let wanted = root(args).ok().map(|root| {
        let ((architectures, sources), machines) = (study::parts(&root)?, study::machines(&root)?);
        Ok(doctor::WantedParts { architectures, sources, machines })
    });
    let wanted = wanted.transpose()?.unwrap_or_default();
    let findings = doctor::diagnose(&doctor::probe(&Cache::locate()?, &wanted)?);
    for finding in &findings {
        print(&format!("{finding}\n"))?;
    }
    Ok(if doctor::healthy(&findings) { exit::MET } else { exit::INFRASTRUCTURE })
}

fn list(args: &Args) -> Result<u8> {
    let root = root(args)?;
    for name in study::names(&root) {
        let plan = study::load(&root, &name)?;
        let most = if plan.study.rule.is_some() { "at most " } else { "" };
        let (cells, trials) = (plan.cells().len(), plan.trials().len());
        print(&format!("{name}: {}\n    {cells} cells, {most}{trials} trials\n", plan.study.title))?;
    }
    Ok(exit::MET)
}

/// The repository: what was named, else the first directory upwards that has studies.
pub(super) fn root(args: &Args) -> Result<PathBuf> {
    let is_root = |dir: &Path| dir.join("ci/studies").is_dir() && dir.join("kernels").is_dir();
    if let Some(root) = &args.root {
        return if is_root(root) {
            std::path::absolute(root).map_err(|error| Error::io("find", root, error))
        } else {
            Err(Error::study(format!("{} has no kernels and no ci/studies", root.display())))
        };
    }
    let here = std::env::current_dir().map_err(|error| Error::io("find", Path::new("."), error))?;
    here.ancestors().find(|dir| is_root(dir)).map(Path::to_owned).ok_or_else(|| {
        Error::study("no repository with kernels and ci/studies around the current directory")
            .hint("change into it, or name it with --root")
    })
}

pub(super) fn cores() -> Option<usize> {
    std::thread::available_parallelism().ok().map(NonZero::get)
}

fn verbosity(args: &Args) -> Verbosity {
    match (args.quiet, args.verbose) {
        (true, _) => Verbosity::Quiet,
        (_, true) => Verbosity::Verbose,
        _ => Verbosity::Normal,
    }
}

pub(super) fn table(args: &Args, judgement: &Judgement) -> String {
    report::table(judgement, style(args))
}

/// What shows a run whose variants are compared with `baseline`.
pub(super) fn display(args: &Args, baseline: Option<&str>) -> Display {
    Display::new(verbosity(args), colour(args, stderr().is_terminal()), baseline)
}

fn colour(args: &Args, terminal: bool) -> bool {
    match args.color {
        When::Always => true,
        When::Never => false,
        When::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    }
}

/// How standard output wants its text.
pub(super) fn style(args: &Args) -> Style {
    let terminal = stdout().is_terminal();
    let colour = colour(args, terminal);
    // What is piped is read by people in windows of any size: it gets the widest layout.
    let width = if terminal { terminal_width() } else { usize::MAX };
    Style { colour, width }
}

/// Prints a result, or writes it to the file that was asked for.
pub(super) fn deliver(text: &str, output: Option<&Path>) -> Result<()> {
    match output {
        Some(path) => write_atomically(path, text.as_bytes()),
        None => print(text),
    }
}

fn terminal_width() -> usize {
    rustix::termios::tcgetwinsize(stdout()).map_or(100, |size| usize::from(size.ws_col).max(40))
}

/// Prints a result; a reader that has gone away (`| head`) is no error.
pub(super) fn print(text: &str) -> Result<()> {
    match stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::infrastructure(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
