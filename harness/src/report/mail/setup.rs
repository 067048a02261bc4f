// SPDX-License-Identifier: GPL-2.0-or-later
//! With what a run was made, and how to make it again.

use crate::plan::Source;
use crate::report::ReportData;
use crate::report::content::printable;
use crate::report::mail::WIDTH;
use crate::report::mail::item;
use crate::report::mail::paragraph;
use crate::shell;

/// Returns the last two parts of a mail.
pub(super) fn setup(data: &ReportData) -> String {
    let tools = &data.tools;
    let mut text =
        paragraph(&format!("in a checkout of patcheval {}, on Debian 12 or 13:", tools.patcheval), "");
    text = format!("\nTo reproduce, {text}\n");
    text.push_str(&command("ci/setup && cargo build --release --workspace"));
    text.push_str(&command(&format!(
        "target/release/patcheval run {}",
        shell::word(&printable(&data.plan.study.file))
    )));
    let example = data.judgement.cells().find_map(|(_, cell)| cell.example.as_ref());
    if let Some(example) = example {
        text.push_str("\nand a trial that fails, explained step by step (the run prints RUN):\n\n");
        text.push_str(&command(&format!(
            "target/release/patcheval explain RUN {}",
            shell::word(&printable(&example.trial))
        )));
    }
    text.push_str("\nMade with\n\n");
    for kernel in data.plan.kernels() {
        let release = tools.releases.get(&kernel.name).map_or("unknown", String::as_str);
        let toolchain = tools.toolchains.get(&kernel.name).map_or("unknown", String::as_str);
        text.push_str(&item(&format!(
            "{}: Linux {release}, {}; {toolchain}",
            kernel.name,
            source(&kernel.source)
        )));
    }
    let plugin = tools.plugin.get(..12).unwrap_or(&tools.plugin);
    text + &item(&format!("QEMU {}; patcheval {}, plugin {plugin}", tools.qemu, tools.patcheval))
}

fn source(source: &Source) -> String {
    match source {
        Source::Debian(package) => format!("Debian's {package}"),
        Source::Tarball { path, sha256 } => format!("{} (SHA-256 {sha256})", path.display()),
        Source::Directory(path) => format!("the tree in {}", path.display()),
        Source::Git { path, reference } => format!("git {reference} of {}", path.display()),
    }
}

/// Returns a line for a shell; where it is too long, it is continued.
fn command(line: &str) -> String {
    const INDENT: &str = "  ";
    let mut text = String::new();
    let mut rest = line;
    let mut room = WIDTH - INDENT.len();
    text.push_str(INDENT);
    while rest.chars().count() > room {
        let most = rest.char_indices().nth(room - 2).map_or(rest.len(), |(at, _)| at);
        // Between words if that helps; inside a word the shell wants nothing before what follows.
        let (line, next, indent) = match rest[..most].rfind(' ').filter(|at| *at > 0) {
            Some(at) => (&rest[..=at], &rest[at + 1..], "    "),
            None => (&rest[..most], &rest[most..], ""),
        };
        text.push_str(&format!("{line}\\\n{indent}"));
        (rest, room) = (next, WIDTH - indent.len());
    }
    text + rest + "\n"
}
