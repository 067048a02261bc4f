// SPDX-License-Identifier: GPL-2.0-or-later
//! Judges alternative kernel patches for one bug.
//!
//! Data flows one way, and a module knows only those to its left:
//! `plan -> source -> patch -> build -> guest -> machine -> trial -> judge -> report`.
//! `run` composes them, `store` keeps their outputs, `cli` and `ui` see everything and are seen by nobody.
//! `plan`, `judge` and `report` are pure. `error`, `process` and `yaml` are tools below all of them.

pub mod error;
pub mod judge;
pub mod machine;
pub mod nearest;
pub mod plan;
pub mod process;
pub mod qemu;
pub mod report;
pub mod store;
pub mod study;
pub mod trial;
pub mod yaml;
