// SPDX-License-Identifier: GPL-2.0-or-later
//! `patcheval testcase new`: the skeleton of a testcase.

use clap::Subcommand;

use super::args::Args;
use super::commands::{print, root};
use crate::error::{Error, Result, exit};
use crate::plan;
use crate::template;

/// What `testcase` can do.
#[derive(Debug, Subcommand)]
pub enum TestcaseCommand {
    /// Write a testcase that builds and passes, as a program to begin with
    ///
    /// It writes code and calls it in fresh processes; with --probes it sets a uprobe on a function that these call.
    New {
        /// Name of the testcase, and of its directory under testcases
        name: String,
        /// Set a uprobe
        #[arg(long)]
        probes: bool,
    },
}

/// Writes a testcase, and says what is to be done next.
///
/// # Errors
///
/// Study, for a name that is none, and for a testcase that is there already.
pub(super) fn testcase(args: &Args, asked: &TestcaseCommand) -> Result<u8> {
    let TestcaseCommand::New { name, probes } = asked;
    plan::testcase_name(name)?;
    let dir = root(args)?.join("testcases").join(name);
    std::fs::create_dir(&dir).map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => Error::study(format!("{} is there already", dir.display()))
            .hint("choose another name, or remove it first"),
        _ => Error::io("create", &dir, e),
    })?;
    for (file, text) in template::testcase(name, *probes) {
        let path = dir.join(file);
        std::fs::write(&path, text).map_err(|e| Error::io("write", &path, e))?;
        print(&format!("{}\n", path.display()))?;
    }
    print(&format!(
        "next: write what it does in main.c and what it shows in case.yaml, and add {name} to the testcases of a study\n"
    ))?;
    Ok(exit::MET)
}
