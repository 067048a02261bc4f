// SPDX-License-Identifier: GPL-2.0-or-later
//! Sorts trial lines into the cells of a plan, and says what is wrong with them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::judge::KernelFacts;
use crate::judge::evidence;
use crate::judge::obstacle::obstacle;
use crate::judge::schedule::called_set;
use crate::judge::schedule::is_idle;
use crate::plan::Plan;
use crate::plan::TrialId;
use crate::trial::line::Outcome;
use crate::trial::line::TrialLine;

/// How many names a problem lists.
const LISTED: usize = 3;

/// The usable lines of a study.
pub(super) struct Data<'a> {
    lines: BTreeMap<&'a TrialId, &'a TrialLine>,
    /// What is wrong with the data, as sentences.
    pub(super) problems: Vec<String>,
    /// Trials that the study calls for, without a line.
    pub(super) missing: u32,
    called: BTreeSet<TrialId>,
    /// The image of each kernel's variant.
    images: BTreeMap<(&'a str, &'a str), &'a str>,
}

impl<'a> Data<'a> {
    /// Takes each planned trial's line, the first if there are several.
    pub(super) fn new(plan: &Plan, built: &KernelFacts, lines: &'a [TrialLine]) -> Self {
        let planned: BTreeSet<TrialId> = plan.trials().into_iter().collect();
        let called = called_set(plan, built, lines);
        // Nobody needs them, but trials of no-ops are as good as any.
        let idle = |id: &TrialId| plan.cell_of(id).is_ok_and(|cell| is_idle(plan, built, &cell));
        let mut data = Self {
            lines: BTreeMap::new(),
            problems: Vec::new(),
            missing: 0,
            called,
            images: BTreeMap::new(),
        };
        let (mut foreign, mut uncalled) = (Vec::new(), Vec::new());
        let (mut repeated, mut disagreeing) = (Vec::new(), Vec::new());
        for line in lines {
            if !planned.contains(&line.id) {
                foreign.push(line.id.to_string());
                continue;
            }
            // Older runs have lines of kernels that could not be built.
            if plan.cell_of(&line.id).is_ok_and(|cell| obstacle(built, &cell).is_some()) {
                continue;
            }
            if !data.called.contains(&line.id) && !idle(&line.id) {
                uncalled.push(line.id.to_string());
                continue;
            }
            match data.lines.get(&line.id) {
                None => drop(data.lines.insert(&line.id, line)),
                Some(first) if *first == line => repeated.push(line.id.to_string()),
                Some(_) => disagreeing.push(line.id.to_string()),
            }
        }
        let absent = data.called.iter().filter(|id| !data.lines.contains_key(id)).map(ToString::to_string);
        let absent: Vec<String> = absent.collect();
        data.missing = u32::try_from(absent.len()).unwrap_or(u32::MAX);
        data.problem("not of this study, left out", &foreign);
        data.problem("beyond what the study's rule called for, left out", &uncalled);
        data.problem("recorded more than once, counted once", &repeated);
        data.problem("recorded more than once with different results, the first one counted", &disagreeing);
        data.problem("missing", &absent);
        data.take_images();
        data
    }

    /// Returns the line of a trial.
    pub(super) fn get(&self, id: &TrialId) -> Option<&'a TrialLine> {
        self.lines.get(id).copied()
    }

    /// Returns whether a trial counts, or is missed: the study called for it, or has it all the same.
    pub(super) fn counts(&self, id: &TrialId) -> bool {
        self.called.contains(id) || self.lines.contains_key(id)
    }

    /// Returns all usable lines.
    pub(super) fn lines(&self) -> impl Iterator<Item = &'a TrialLine> {
        self.lines.values().copied()
    }

    /// Returns the image of a variant's kernel, if a trial names one.
    pub(super) fn image(&self, kernel: &str, variant: &str) -> Option<&'a str> {
        self.images.get(&(kernel, variant)).copied()
    }

    /// Adds a problem about the trials called `names`, if there are any.
    fn problem(&mut self, what: &str, names: &[String]) {
        if names.is_empty() {
            return;
        }
        let more = if names.len() > LISTED { ", ..." } else { "" };
        let listed = names[..names.len().min(LISTED)].join(", ");
        let trials = if names.len() == 1 { "trial" } else { "trials" };
        self.problems.push(format!("{} {trials} {what}: {listed}{more}", names.len()));
    }

    /// Remembers each variant's image. Trials of one variant on one kernel must be of one: otherwise two experiments are mixed.
    fn take_images(&mut self) {
        let mut images: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
        for line in self.lines.values().filter(|line| !line.image.is_empty()) {
            images.entry((&line.id.kernel, &line.id.variant)).or_default().insert(&line.image);
            self.images.entry((&line.id.kernel, &line.id.variant)).or_insert(&line.image);
        }
        for ((kernel, variant), images) in images.into_iter().filter(|(_, images)| images.len() > 1) {
            self.problems
                .push(format!("trials of {variant} on {kernel} are of {} different images", images.len()));
        }
    }
}

/// Returns what each of the lines of a study counts as; nothing where it is left out: it is not of the study, was not
/// called for, or is a repetition.
pub fn outcomes(plan: &Plan, built: &KernelFacts, lines: &[TrialLine]) -> Vec<Option<Outcome>> {
    let data = Data::new(plan, built, lines);
    let counts = |line: &TrialLine| data.get(&line.id).is_some_and(|first| std::ptr::eq(first, line));
    lines.iter().map(|line| counts(line).then(|| evidence::outcome(plan, line))).collect()
}
