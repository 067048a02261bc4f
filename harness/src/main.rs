// SPDX-License-Identifier: GPL-2.0-or-later
//! The `patcheval` command: everything happens in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    patcheval::cli::main()
}
