// SPDX-License-Identifier: GPL-2.0-or-later
//! The `patcheval` command: everything happens in the library.

fn main() {}
