// SPDX-License-Identifier: GPL-2.0-or-later
//! From a judgement to something to read. Pure.
//!
//! `content` turns a judgement into words, once; [`table()`] and [`markdown()`] only lay them out, so that every
//! figure is the same in both.

mod answer;
mod cell;
mod change;
mod confidence;
mod content;
mod dossier;
mod grid;
mod markdown;
mod number;
mod table;

pub use cell::StaleClass;
pub use cell::cell;
pub use change::change_markdown;
pub use change::change_table;
pub use dossier::Dossier;
pub use dossier::Exhibit;
pub use dossier::FunctionWork;
pub use dossier::Index;
pub use dossier::Tools;
pub use markdown::markdown;
pub use table::Style;
pub use table::table;

#[cfg(test)]
mod tests;
