// SPDX-License-Identifier: GPL-2.0-or-later
//! Judges alternative kernel patches for one bug.
//!
//! Data flows one way, and a module knows only those to its left:
//! `plan -> source -> patch -> build -> guest -> machine -> trial -> judge -> report`.
//! `study` reads the files that `plan` understands, `run` composes the stages, `store` keeps their outputs, `doctor`
//! looks at the machine, `sanitize` sorts the stale fetches of a boot, `known` reads known failures, `history` keeps results from day to day,
//! `reference` documents the files, `template` writes a study as a workflow for what a site has, `slurm` speaks to
//! Slurm, `ui` shows the events of `run`, and `cli` sees everything and is seen by nobody. `plan`, `trial`, `judge`, `report`,
//! `sanitize`, `known`, `reference` and `template` are pure. `error`, `process`, `shell`, `yaml`, `nearest`, `cache_dir`, `qemu` and
//! `symbols` are tools below all of them.
#![forbid(unsafe_code)]

pub mod build;
pub mod cache_dir;
pub mod cli;
pub mod doctor;
pub mod error;
#[cfg(test)]
mod fuzz;
pub mod guest;
pub mod history;
pub mod judge;
pub mod known;
pub mod machine;
pub mod nearest;
pub mod patch;
pub mod plan;
pub mod process;
pub mod qemu;
pub mod reference;
pub mod report;
pub mod run;
pub mod sanitize;
pub mod shell;
pub mod slurm;
pub mod source;
pub mod store;
pub mod study;
pub mod symbols;
pub mod template;
pub mod trial;
pub mod ui;
pub mod yaml;
