// SPDX-License-Identifier: GPL-2.0-or-later
//! Events of a run, for whoever watches it.

use crate::trial::line::TrialLine;

/// Part of a run that has a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Sources are unpacked and patches checked.
    Sources,
    /// Kernels and guest programs are built.
    Builds,
    /// Machines boot, to be saved as snapshots.
    Boots,
    /// Trials run.
    Trials,
}

impl Stage {
    /// Returns the word for displays.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sources => "sources",
            Self::Builds => "builds",
            Self::Boots => "boots",
            Self::Trials => "trials",
        }
    }
}

/// One thing that happened.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A stage begins.
    Stage {
        /// Which.
        stage: Stage,
        /// How many steps it has.
        steps: usize,
        /// How many of them are done already.
        done: usize,
    },
    /// A step of the stage begins that may take long.
    Begin(&'a str),
    /// A step has ended.
    Step {
        /// What it was about.
        what: &'a str,
        /// Host seconds; `None` when the cache had it.
        seconds: Option<f64>,
    },
    /// A trial has ended.
    Trial(&'a TrialLine),
    /// The last trial of a cell has ended; only where trials are run cell by cell.
    Cell {
        /// Its name.
        cell: &'a str,
        /// How many trials it has in the study's mode.
        trials: usize,
        /// How many of them pass.
        passes: usize,
        /// How many of them say nothing.
        unknown: usize,
        /// How the others fail, and how many of them so.
        symptoms: &'a str,
    },
    /// Something that the user should know, and that stops nothing.
    Warning(&'a str),
}

/// Whoever watches a run.
pub type Watch<'a> = &'a mut dyn FnMut(Event<'_>);
