// SPDX-License-Identifier: GPL-2.0-or-later
//! Lays a report out as one HTML page. Pure.
//!
//! The page needs nothing but itself: no script, no picture, no font is fetched, and its policy forbids that any be. It
//! can be read without colours, without a mouse and on paper. `maud` escapes every text, and [`text::visible`] shows
//! what else in a guest's output could deceive a reader.

mod cell;
mod decision;
mod flushes;
mod functions;
mod geometry;
mod matrix;
mod notes;
mod page;
mod plot;
mod text;
mod trend;

use std::collections::BTreeMap;

use crate::judge::CellJudgement;
use crate::judge::Group;
use crate::judge::Judgement;
use crate::plan::Machine;
use crate::report::content::CellRow;
use crate::report::content::Content;
use crate::report::content::row;
use crate::report::data::ExampleTrial;
use crate::report::data::ReportData;
use crate::trial::line::TrialLine;

pub use trend::trend_html;

/// Returns the whole report as an HTML page.
pub fn html(data: &ReportData) -> String {
    page::page(&PageView::new(data)).into_string()
}

/// A data as the parts of the page need it.
struct PageView<'a> {
    data: &'a ReportData,
    judgement: &'a Judgement,
    /// What the other layouts say too.
    content: Content,
    /// The groups of the judgement, in its order.
    panels: Vec<Panel<'a>>,
}

/// A testcase on a target.
struct Panel<'a> {
    group: &'a Group,
    cells: Vec<PageCell<'a>>,
}

/// A cell with all that is known of it.
struct PageCell<'a> {
    /// By which links name it.
    number: usize,
    cell: &'a CellJudgement,
    row: CellRow,
    /// Its trials with the model on, by seed. Of several lines of a trial the first one counts.
    trials: Vec<&'a TrialLine>,
    /// Those of them that can be shown whole.
    examples: Vec<&'a ExampleTrial>,
}

impl<'a> PageView<'a> {
    fn new(data: &'a ReportData) -> Self {
        let judgement = &data.judgement;
        let index = data.index();
        let mut examples: BTreeMap<[&str; 4], Vec<&ExampleTrial>> = BTreeMap::new();
        for example in &data.examples {
            let id = &example.trial;
            let key = [&id.kernel, &id.machine, &id.variant, &id.testcase].map(String::as_str);
            examples.entry(key).or_default().push(example);
        }
        let mut numbers = 1..;
        let mut entry = |group: &'a Group, cell: &'a CellJudgement| {
            let key = [&group.kernel, &group.machine, &cell.variant, &group.testcase].map(String::as_str);
            let mut trials = index.trials(group, cell).to_vec();
            trials.sort_by_key(|line| line.id.seed);
            trials.dedup_by_key(|line| line.id.seed);
            let number = numbers.next().unwrap_or_default();
            PageCell {
                number,
                cell,
                row: row(cell),
                trials,
                examples: examples.remove(&key).unwrap_or_default(),
            }
        };
        let panel = |group: &'a Group| Panel {
            group,
            cells: group.cells.iter().map(|cell| entry(group, cell)).collect(),
        };
        let panels = judgement.groups.iter().map(panel).collect();
        Self { data, judgement, content: Content::new(judgement), panels }
    }

    /// The panels of each target, which are neighbours.
    fn targets(&self) -> impl Iterator<Item = &[Panel<'a>]> {
        let target = |panel: &Panel<'a>| (&panel.group.kernel, &panel.group.machine);
        self.panels.chunk_by(move |a, b| target(a) == target(b))
    }

    /// The targets that the study names; those of sweeps are shown as plots.
    fn named_targets(&self) -> impl Iterator<Item = &[Panel<'a>]> {
        self.targets().filter(|panels| panels.iter().all(|panel| panel.group.swept_from.is_none()))
    }

    fn machine(&self, group: &Group) -> Option<&Machine> {
        let targets = &self.data.plan.targets;
        let target = targets
            .iter()
            .find(|target| target.kernel.name == group.kernel && target.machine.name == group.machine);
        target.map(|target| &target.machine)
    }
}

impl Panel<'_> {
    /// The target's name, `KERNEL on MACHINE`.
    fn target(&self) -> String {
        format!("{} on {}", self.group.kernel, self.group.machine)
    }
}

#[cfg(test)]
mod tests;
