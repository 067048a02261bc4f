// SPDX-License-Identifier: GPL-2.0-or-later
//! The command line.

mod args;
mod bisect;
mod commands;
mod compare;
mod console;
mod explain;
mod facts;
mod history;
mod mail;
mod man;
mod plan;
mod reference;
mod report;
mod run;
mod study;
mod submit;
mod template;
mod testcase;
mod try_patches;

use std::process::ExitCode;

use clap::Parser;

use crate::error::{ErrorKind, exit};
use crate::process;
use crate::ui;

pub use args::Args;
pub use reference::{reference, yaml_files};

/// Runs the command that the process was started with; the one place that turns errors into text and exit codes.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version are no errors.
            let wrong = if bisect::asks_for_step(std::env::args_os()) {
                bisect::step_exit_code(ErrorKind::Study)
            } else {
                exit::STUDY
            };
            let code = if error.use_stderr() { wrong } else { exit::MET };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let result = process::catch_signals().and_then(|()| commands::dispatch(&args));
    // Whatever an error has left running.
    process::kill_all();
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            ui::error(&error);
            if error.kind() == ErrorKind::Interrupted {
                ui::say("hint: finished trials are kept; the same command goes on where it was");
            }
            let is_step = matches!(args.command, args::Command::Step(_));
            ExitCode::from(if is_step { bisect::step_exit_code(error.kind()) } else { error.exit_code() })
        }
    }
}
