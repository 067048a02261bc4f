// SPDX-License-Identifier: GPL-2.0-or-later
//! Man pages from the grammar of the command line.

use std::collections::BTreeMap;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::args::Args;
use super::facts::{ENVIRONMENT, EXIT_CODES, FILES};
use crate::error::{Error, Result};

/// Returns the man pages of the program and of each subcommand, by file name.
///
/// # Errors
///
/// Internal.
pub(super) fn pages() -> Result<BTreeMap<String, String>> {
    let mut program = Args::command().disable_help_subcommand(true);
    program.build();
    let mut commands = vec![program.clone()];
    below(&program, "patcheval", &mut commands);
    commands.into_iter().map(page).collect()
}

/// Adds the subcommands of a command, named as on the command line, and theirs.
fn below(command: &Command, name: &str, commands: &mut Vec<Command>) {
    for command in command.get_subcommands() {
        let name = format!("{name}-{}", command.get_name());
        commands.push(command.clone().display_name(name.clone()).bin_name(name.replace('-', " ")));
        below(command, &name, commands);
    }
}

fn page(command: Command) -> Result<(String, String)> {
    let has_subcommands = command.has_subcommands();
    // What stands behind the help is here a section of its own.
    let man =
        Man::new(command.after_help(None::<&str>)).manual("patcheval").source(env!("CARGO_PKG_VERSION"));
    let failed = |error| Error::internal(format!("a man page: {error}"));
    let mut text = Vec::new();
    man.render_title(&mut text).map_err(failed)?;
    man.render_name_section(&mut text).map_err(failed)?;
    man.render_synopsis_section(&mut text).map_err(failed)?;
    man.render_description_section(&mut text).map_err(failed)?;
    man.render_options_section(&mut text).map_err(failed)?;
    if has_subcommands {
        man.render_subcommands_section(&mut text).map_err(failed)?;
    }
    for (title, items) in [
        ("EXIT STATUS", EXIT_CODES.as_slice()),
        ("ENVIRONMENT", ENVIRONMENT.as_slice()),
        ("FILES", FILES.as_slice()),
    ] {
        section(title, items).to_writer(&mut text).map_err(failed)?;
    }
    let text = String::from_utf8(text).map_err(|error| Error::internal(format!("a man page: {error}")))?;
    // No line of the repository ends in blanks.
    let lines = text.lines().map(|line| line.trim_end().to_owned() + "\n");
    Ok((man.get_filename(), lines.collect()))
}

fn section(title: &str, items: &[(&str, &str)]) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    for (name, meaning) in items {
        roff.control("TP", []).text([bold(*name)]).text([roman(*meaning)]);
    }
    roff
}
