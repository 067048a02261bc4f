// SPDX-License-Identifier: GPL-2.0-or-later
//! What is chosen for patches of which nothing else is said.

use crate::plan::high::Plan;
use crate::plan::high::Target;

/// The kernel's architecture, its board unless it is the usual one, and its features.
pub type KernelWords = (String, Option<String>, Vec<String>);

/// A target, the testcases that show a bug on it, and the variant that has the bug.
#[derive(Clone, Debug)]
pub struct Precedent {
    /// Kernel and machine.
    pub target: Target,
    /// Of what the kernel is composed, if its name says so.
    pub words: Option<KernelWords>,
    /// Patch set, name and companions of the baseline; none where no study runs the kernel.
    pub baseline: Option<(String, String, Vec<String>)>,
    /// Names of testcases.
    pub testcases: Vec<String>,
    /// Which study it is that of.
    pub study: Option<String>,
    /// How the testcases were chosen.
    pub chosen: String,
}

impl Precedent {
    /// Says what was chosen, and why.
    pub fn notes(&self, plan: &Plan, kernel_as_it_is: bool) -> Vec<String> {
        let study = self.study.as_deref();
        let of = study.map_or_else(|| "as asked".to_owned(), |study| format!("as in the study {study}"));
        let kernel = &plan.targets[0].kernel.name;
        let mut notes = vec![
            format!("target: {kernel} on {}, {of}", self.target.machine.name),
            format!("testcases: {}: {}", self.testcases.join(", "), self.chosen),
        ];
        let baseline = plan.variants.iter().find(|variant| variant.name == plan.study.baseline);
        if let Some(variant) = baseline.filter(|_| !kernel_as_it_is && *kernel == self.target.kernel.name) {
            let with = variant.companions.join(", ");
            let with = if with.is_empty() { with } else { format!(" with {with}") };
            notes.push(format!(
                "baseline: {}{with}: {}; --baseline names another",
                variant.name, variant.title
            ));
        } else if kernel_as_it_is {
            notes.push(format!(
                "baseline: {kernel} as it is; whether the bug shows there is part of the answer"
            ));
        }
        notes
    }
}
