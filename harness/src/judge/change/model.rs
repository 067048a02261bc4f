// SPDX-License-Identifier: GPL-2.0-or-later
//! What a comparison of two runs consists of; plain and serialisable.

use serde::Deserialize;
use serde::Serialize;

use crate::error::exit;
use crate::judge::comparison::LEVEL;
use crate::judge::interval::Interval;
use crate::judge::model::CellJudgement;

/// Version of the format of a written comparison.
pub const VERSION: u32 = 2;

/// What changed from one run to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunChanges {
    /// Version of the format: the writer's `VERSION`.
    pub v: u32,
    /// Cells that both runs have.
    pub compared: u32,
    /// Those of them with trials that say something in both: the family over which p-values are adjusted.
    pub tested: u32,
    /// Cells that only the first run has, as KERNEL/MACHINE/VARIANT/TESTCASE with the second run's names.
    pub only_before: Vec<String>,
    /// Cells that only the second run has.
    pub only_after: Vec<String>,
    /// Cells that changed, in the order of the second run.
    pub cells: Vec<CellChange>,
    /// What is wrong with the data of the second run.
    pub problems: Vec<String>,
    /// What the runs were made of, where that differs.
    pub made: Vec<Made>,
    /// What follows for the exit code.
    pub outlook: Outlook,
}

/// Something of which the two runs were made differently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// What, with the second run's names.
    pub what: String,
    /// How it was; none if the first run has no such thing.
    pub before: Option<String>,
    /// How it is; none if the second run has no such thing.
    pub after: Option<String>,
}

/// A cell that changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellChange {
    /// Kernel, as the second run calls it.
    pub kernel: String,
    /// Machine, as the second run calls it.
    pub machine: String,
    /// Variant, as the second run calls it.
    pub variant: String,
    /// Testcase, as the second run calls it.
    pub testcase: String,
    /// For better or for worse.
    pub direction: Direction,
    /// How it was judged.
    pub before: CellJudgement,
    /// How it is judged.
    pub after: CellJudgement,
    /// Whether the pass rates differ by more than chance; none if one has no trial that says something.
    pub rate: Option<RateChange>,
    /// Trials that passed in the first run, and fail in the second.
    pub newly_failing: Vec<String>,
    /// How many trials failed in the first run, and pass in the second.
    pub newly_passing: u32,
    /// D$ maintenance operations a trial; none without a seed that passes in both.
    pub d: Option<PriceChange>,
    /// I$ maintenance operations a trial.
    pub i: Option<PriceChange>,
    /// Guest instructions a trial inside functions that do maintenance.
    pub flush_instructions: Option<PriceChange>,
}

/// Two pass rates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RateChange {
    /// By Fisher's exact test, two-sided.
    pub p: f64,
    /// The same, adjusted by Holm's method over all cells.
    pub adjusted: f64,
}

/// A price in both runs, over trials that pass.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PriceChange {
    /// Mean of the first run's trials.
    pub before: f64,
    /// Mean of the second run's trials.
    pub after: f64,
    /// Mean difference, seed by seed.
    pub difference: f64,
    /// Seeds that pass in both runs.
    pub pairs: u32,
    /// 95 % bootstrap interval of the difference; none with fewer than two pairs. It is of this cell alone.
    pub interval: Option<Interval>,
}

/// Whether a cell is worse than it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// It has no kernel that boots any more. Or its pass rate fell significantly, it passed every trial where the baseline fails and now fails one, or its
    /// coherent control newly fails. A pass rate of the baseline is no merit, and is never worse.
    Worse,
    /// It may be: what was known is unknown now, or what fails now was unknown.
    Undecided,
    /// Its pass rate rose significantly, it passes every trial now and did not, or its coherent control holds again.
    Better,
    /// It is not the same, and neither better nor worse.
    Other,
}

/// What follows from all cells together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outlook {
    /// Some cell is worse. Wins over what is undecided.
    Worse,
    /// Some cell is undecided.
    Undecided,
    /// No cell is.
    NotWorse,
}

impl Outlook {
    /// Returns the exit code of a command that ends with this.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Worse => exit::NOT_MET,
            Self::Undecided => exit::INFRASTRUCTURE,
            Self::NotWorse => exit::MET,
        }
    }
}

impl RateChange {
    /// Returns whether the rates differ by more than chance.
    pub fn differs(self) -> bool {
        self.adjusted < LEVEL
    }
}

impl PriceChange {
    /// Returns whether it changed by more than seeds differ. One pair alone does not say how much they do: there any
    /// difference counts.
    pub fn differs(&self) -> bool {
        self.interval.map_or(self.difference != 0.0, |interval| interval.low > 0.0 || interval.high < 0.0)
    }
}

impl CellChange {
    /// Returns whether the cell has another outcome: of its trials, its verdict, its controls, its expectation.
    pub fn differs_in_outcome(&self) -> bool {
        let outcome = |cell: &CellJudgement| {
            let control = cell.coherent.control;
            (
                cell.verdict,
                cell.expected,
                cell.expectation,
                control,
                cell.decision,
                cell.unknown,
                cell.missing,
            )
        };
        // More trials that all pass, or all fail, are no other outcome.
        let (was, is) = (&self.before, &self.after);
        let product = |passes: u32, n: u32| u64::from(passes) * u64::from(n);
        let same_rate = (was.n > 0) == (is.n > 0) && product(was.passes, is.n) == product(is.passes, was.n);
        let symptoms = |cell: &CellJudgement| cell.symptoms.keys().copied().collect::<Vec<_>>();
        let turned = !self.newly_failing.is_empty() || self.newly_passing > 0;
        outcome(was) != outcome(is) || !same_rate || symptoms(was) != symptoms(is) || turned
    }

    /// Returns whether the cell has another price.
    pub fn differs_in_price(&self) -> bool {
        [&self.d, &self.i, &self.flush_instructions].iter().any(|one| one.is_some_and(|one| one.differs()))
    }
}
