// SPDX-License-Identifier: GPL-2.0-or-later
//! The name of one trial, from which it can be run again.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use instrument::Mode;
use schemars::JsonSchema;
use schemars::Schema;
use schemars::SchemaGenerator;
use schemars::json_schema;
use serde::Deserialize;
use serde::Serialize;

use crate::error::Error;

/// Names one trial of a study: six words with `/` between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TrialId {
    /// Name of the kernel.
    pub kernel: String,
    /// Name of the machine.
    pub machine: String,
    /// Name of the variant.
    #[serde(alias = "row")]
    pub variant: String,
    /// Name of the testcase.
    pub testcase: String,
    /// What the model does; `off` is the coherent control.
    #[schemars(schema_with = "mode_schema")]
    pub mode: Mode,
    /// Seed of the trial.
    pub seed: u64,
}

/// Returns the word for `mode` in trial names, file names and reports.
pub fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Off => "off",
        Mode::Observe => "observe",
        Mode::Enforce => "enforce",
    }
}

/// Returns the JSON Schema of a mode, whose own crate knows nothing of schemas.
pub fn mode_schema(_: &mut SchemaGenerator) -> Schema {
    let words = [Mode::Off, Mode::Observe, Mode::Enforce].map(mode_name);
    json_schema!({"type": "string", "enum": words})
}

impl TrialId {
    /// The parts in the order of the name, comparable.
    fn parts(&self) -> (&str, &str, &str, &str, u8, u64) {
        (&self.kernel, &self.machine, &self.variant, &self.testcase, self.mode as u8, self.seed)
    }
}

impl PartialOrd for TrialId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for TrialId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl fmt::Display for TrialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kernel, machine, variant, testcase, mode, seed } = self;
        write!(f, "{kernel}/{machine}/{variant}/{testcase}/{}/{seed}", mode_name(*mode))
    }
}

impl FromStr for TrialId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = |why: &str| {
            Error::study(format!("`{text}` is not the name of a trial: {why}"))
                .hint("a trial is KERNEL/MACHINE/VARIANT/TESTCASE/MODE/SEED, as `patcheval report` names it")
        };
        let parts: Vec<&str> = text.split('/').collect();
        let [kernel, machine, variant, testcase, mode, seed] = parts[..] else {
            return Err(bad(&format!("it has {} parts, not 6", parts.len())));
        };
        if [kernel, machine, variant, testcase].contains(&"") {
            return Err(bad("a part is empty"));
        }
        let mode = [Mode::Off, Mode::Observe, Mode::Enforce]
            .into_iter()
            .find(|known| mode_name(*known) == mode)
            .ok_or_else(|| bad(&format!("mode `{mode}` is none of off, observe, enforce")))?;
        let seed = seed.parse().map_err(|_| bad(&format!("seed `{seed}` is not a number")))?;
        Ok(Self {
            kernel: kernel.into(),
            machine: machine.into(),
            variant: variant.into(),
            testcase: testcase.into(),
            mode,
            seed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "mips-6.1/malta-24kf-16k/unfixed/t1-first-return/enforce/7";

    #[test]
    fn a_name_survives_parsing_and_printing() {
        let id: TrialId = NAME.parse().unwrap();
        assert_eq!((id.mode, id.seed, id.variant.as_str()), (Mode::Enforce, 7, "unfixed"));
        assert_eq!(id.to_string(), NAME);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let why = |text: &str| text.parse::<TrialId>().unwrap_err().to_string();
        assert_eq!(why("a/b"), "`a/b` is not the name of a trial: it has 2 parts, not 6");
        assert!(why("a/b/c/d/on/7").ends_with("mode `on` is none of off, observe, enforce"));
        assert!(why("a/b/c/d/off/x").ends_with("seed `x` is not a number"));
        assert!(why("a//c/d/off/1").ends_with("a part is empty"));
    }

    #[test]
    fn controls_sort_before_trials_and_seeds_by_number() {
        let id = |text: &str| text.parse::<TrialId>().unwrap();
        let mut all = [id("a/b/c/d/enforce/10"), id("a/b/c/d/enforce/9"), id("a/b/c/d/off/11")];
        all.sort();
        assert_eq!(all.map(|id| id.seed), [11, 9, 10]);
    }
}
