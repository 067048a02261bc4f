// SPDX-License-Identifier: GPL-2.0-or-later
//! One trial: a seeded run of a cell, and the line that is kept of it.

pub mod line;
