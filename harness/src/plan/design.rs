// SPDX-License-Identifier: GPL-2.0-or-later
//! The design of a study as an experiment: how many trials, what counts as evidence, what is varied, what is asked.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::plan::class::Class;
use crate::plan::hardware::Replacement;

/// How the interval of a pass rate is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IntervalMethod {
    /// By Clopper and Pearson: never covers less than it states.
    #[default]
    ClopperPearson,
    /// By Wilson: narrower, and covers what it states in the mean.
    Wilson,
}

/// When a cell has had enough trials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// When each of its seeds has been tried.
    #[default]
    Bound,
    /// When its verdict is decided by the study's `rule`, or each of its seeds has been tried.
    Decided,
}

/// `rule:` of a study: A. Wald's sequential probability ratio test of a cell's failure rate ("Sequential Tests of
/// Statistical Hypotheses", Annals of Mathematical Statistics 16 (1945), 117-186), looked at after each batch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// Trials of a cell between two looks.
    pub batch: u32,
    /// The failure rate up to which a variant is called sound.
    pub tolerable: f64,
    /// The failure rate from which on it is called faulty.
    pub intolerable: f64,
    /// The chance of calling a variant faulty whose rate is tolerable.
    pub alpha: f64,
    /// The chance of calling a variant sound whose rate is intolerable.
    pub beta: f64,
}

/// Which failures are the study's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// Those with a stale fetch behind them, or with a program counter in the XOL page; of others the model is not
    /// the cause, and they are unknown.
    #[default]
    StaleFetch,
    /// All, for bugs that need no stale fetch.
    Any,
}

/// One of the `questions:` of a study: yes or no, by what a variant does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The question, as it is to stand in reports.
    pub ask: String,
    /// Name of the variant whose trials answer it.
    #[serde(alias = "row")]
    pub variant: String,
    /// Names of the testcases that bear on it.
    pub testcases: Vec<String>,
    /// Only on targets of this class.
    pub class: Option<Class>,
    /// What yes looks like.
    pub yes: Yes,
}

/// What yes looks like in the trials of a cell; everything else means no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Yes {
    /// Every trial passes.
    Passes,
    /// Some trial fails.
    Fails,
}

/// One of the `sweep:` of a study: the machine with each combination of the figures that are given; those that are not
/// stay what they are.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SweepFile {
    /// Name of a kernel.
    pub kernel: String,
    /// Name of a machine of the same architecture.
    pub machine: String,
    /// The D-cache's sets per way.
    #[serde(default)]
    pub sets: Vec<u32>,
    /// The D-cache's ways.
    #[serde(default)]
    pub ways: Vec<u32>,
    /// The D-cache's line length in bytes.
    #[serde(default)]
    pub line: Vec<u32>,
    /// The D-cache's replacement.
    #[serde(default)]
    pub replacement: Vec<Replacement>,
}

impl Default for Rule {
    /// Ten trials between looks. Half a per cent is tolerable, so that one stray failure does not yet condemn a variant,
    /// and a tenth is not; to condemn a sound variant is worse than to spare a faulty one a while longer.
    fn default() -> Self {
        Self { batch: 10, tolerable: 0.005, intolerable: 0.10, alpha: 0.01, beta: 0.05 }
    }
}
