// SPDX-License-Identifier: GPL-2.0-or-later
//! Whether a variant's patches are in the kernel that runs; where they are not, which other variant is the same kernel.

use crate::judge::KernelFacts;
use crate::judge::data::Data;
use crate::judge::model::InBinary;
use crate::plan::Plan;
use crate::plan::Variant;

/// What is known of images: from the build, else from the trials.
#[derive(Clone, Copy)]
pub(super) struct Images<'a> {
    pub(super) plan: &'a Plan,
    pub(super) built: &'a KernelFacts,
    /// None while it is not yet known which trials count.
    pub(super) data: Option<&'a Data<'a>>,
}

impl<'a> Images<'a> {
    fn of(&self, kernel: &str, variant: &Variant) -> Option<&'a str> {
        let built = self.built.images.get(kernel).and_then(|variants| variants.get(&variant.name));
        built.map(String::as_str).or_else(|| self.data?.image(kernel, &variant.name))
    }

    fn base(&self, kernel: &str) -> Option<&'a str> {
        let built = self.built.bases.get(kernel).map(String::as_str);
        built.or_else(|| self.of(kernel, self.own_tree(kernel)?))
    }

    /// The variant without patches, if there is one.
    fn own_tree(&self, kernel: &str) -> Option<&'a Variant> {
        self.plan.variants_on(kernel).find(|variant| variant.series_on(kernel).is_empty())
    }

    /// The baseline as something that another variant can be the same as.
    fn baseline_beside(&self, kernel: &str, variant: &Variant) -> Option<&'a Variant> {
        let baseline = |other: &&Variant| {
            other.name == self.plan.study.baseline && other.series_on(kernel) != variant.series_on(kernel)
        };
        self.plan.variants.iter().find(baseline)
    }

    /// Returns whether the patches of a variant changed a kernel.
    pub(super) fn in_binary(&self, kernel: &str, variant: &Variant) -> InBinary {
        if variant.not_on.contains_key(kernel) {
            return InBinary::Unknown;
        }
        if variant.series_on(kernel).is_empty() {
            return InBinary::Base;
        }
        let differs = |other: Option<&str>| Some(self.of(kernel, variant)? != other?);
        // A variant that is built on the baseline must differ from it, not only from the kernel's own tree.
        let from_baseline =
            differs(self.baseline_beside(kernel, variant).and_then(|other| self.of(kernel, other)));
        let from_base = differs(self.base(kernel));
        match (from_baseline, from_base) {
            (Some(false), _) | (_, Some(false)) => InBinary::NoOp,
            (Some(true), _) | (_, Some(true)) => InBinary::Present,
            (None, None) => InBinary::Unknown,
        }
    }

    /// Returns whether trials of a variant would show nothing new: its patches change nothing. The baseline is
    /// tried in any case, since all others are judged against it.
    pub(super) fn is_idle(&self, kernel: &str, variant: &Variant) -> bool {
        variant.name != self.plan.study.baseline && self.in_binary(kernel, variant) == InBinary::NoOp
    }

    /// Returns the variant that is the same kernel as one whose patches change nothing, if the study has it.
    pub(super) fn twin(&self, kernel: &str, variant: &Variant) -> Option<&'a Variant> {
        if !self.is_idle(kernel, variant) {
            return None;
        }
        let same = |other: &&Variant| self.of(kernel, other) == self.of(kernel, variant);
        self.baseline_beside(kernel, variant).filter(same).or_else(|| self.own_tree(kernel).filter(same))
    }
}
