// SPDX-License-Identifier: GPL-2.0-or-later
//! Whether a row's patches are in the kernel that runs; where they are not, which other row is the same kernel.

use crate::judge::Built;
use crate::judge::data::Data;
use crate::judge::model::InBinary;
use crate::plan::Plan;
use crate::plan::Row;

/// What is known of images: from the build, else from the trials.
#[derive(Clone, Copy)]
pub(super) struct Images<'a> {
    pub(super) plan: &'a Plan,
    pub(super) built: &'a Built,
    /// None while it is not yet known which trials count.
    pub(super) data: Option<&'a Data<'a>>,
}

impl<'a> Images<'a> {
    fn of(&self, kernel: &str, row: &Row) -> Option<&'a str> {
        let built = self.built.images.get(kernel).and_then(|rows| rows.get(&row.name));
        built.map(String::as_str).or_else(|| self.data?.image(kernel, &row.name))
    }

    fn base(&self, kernel: &str) -> Option<&'a str> {
        let built = self.built.bases.get(kernel).map(String::as_str);
        built.or_else(|| self.of(kernel, self.own_tree()?))
    }

    /// The row without patches, if there is one.
    fn own_tree(&self) -> Option<&'a Row> {
        self.plan.rows.iter().find(|row| row.series.is_empty())
    }

    /// The baseline as something that another row can be the same as.
    fn baseline_beside(&self, row: &Row) -> Option<&'a Row> {
        let baseline = |other: &&Row| other.name == self.plan.study.baseline && other.series != row.series;
        self.plan.rows.iter().find(baseline)
    }

    /// Returns whether the patches of a row changed a kernel.
    pub(super) fn in_binary(&self, kernel: &str, row: &Row) -> InBinary {
        if row.series.is_empty() {
            return InBinary::Base;
        }
        let differs = |other: Option<&str>| Some(self.of(kernel, row)? != other?);
        // A row that is built on the baseline must differ from it, not only from the kernel's own tree.
        let from_baseline = differs(self.baseline_beside(row).and_then(|other| self.of(kernel, other)));
        let from_base = differs(self.base(kernel));
        match (from_baseline, from_base) {
            (Some(false), _) | (_, Some(false)) => InBinary::NoOp,
            (Some(true), _) | (_, Some(true)) => InBinary::Present,
            (None, None) => InBinary::Unknown,
        }
    }

    /// Returns whether trials of a row would tell nothing that is not known: its patches change nothing. The baseline is
    /// tried in any case, since all others are judged against it.
    pub(super) fn is_idle(&self, kernel: &str, row: &Row) -> bool {
        row.name != self.plan.study.baseline && self.in_binary(kernel, row) == InBinary::NoOp
    }

    /// Returns the row that is the same kernel as one whose patches change nothing, if the study has it.
    pub(super) fn twin(&self, kernel: &str, row: &Row) -> Option<&'a Row> {
        if !self.is_idle(kernel, row) {
            return None;
        }
        let same = |other: &&Row| self.of(kernel, other) == self.of(kernel, row);
        self.baseline_beside(row).filter(same).or_else(|| self.own_tree().filter(same))
    }
}
