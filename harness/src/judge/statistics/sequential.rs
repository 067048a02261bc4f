// SPDX-License-Identifier: GPL-2.0-or-later
//! The rule that decides a cell.

use serde::Deserialize;
use serde::Serialize;

use crate::plan::Rule;

/// What a rule says of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Nothing yet.
    Open,
    /// The failure rate is tolerable.
    Sound,
    /// The failure rate is not tolerable.
    Faulty,
}

/// Returns what the rule says of a cell with this many trials that passed and that failed.
pub fn decide(rule: &Rule, passes: u32, failures: u32) -> Decision {
    let Rule { tolerable, intolerable, alpha, beta, .. } = *rule;
    let ratio = f64::from(failures) * (intolerable / tolerable).ln()
        + f64::from(passes) * ((1.0 - intolerable) / (1.0 - tolerable)).ln();
    if ratio >= ((1.0 - beta) / alpha).ln() {
        Decision::Faulty
    } else if ratio <= (beta / (1.0 - alpha)).ln() {
        Decision::Sound
    } else {
        Decision::Open
    }
}
