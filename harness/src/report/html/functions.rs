// SPDX-License-Identifier: GPL-2.0-or-later
//! Which of the kernel's functions did the maintenance, in the first trial of each cell.

use std::collections::BTreeMap;

use maud::Markup;
use maud::html;

use super::PageCell;
use super::PageView;
use super::Panel;
use crate::report::data::FunctionWork;
use crate::report::number;

pub(super) fn table(view: &PageView<'_>, panel: &Panel<'_>) -> Markup {
    let first = view.data.plan.study.seeds.first;
    let work: Vec<&[FunctionWork]> = panel.cells.iter().map(|entry| work(entry, first)).collect();
    let functions = sorted(&work);
    if functions.is_empty() {
        return html! { p.quiet { "By kernel function: the run has no records of its first trials." } };
    }
    let name = format!("Operations by kernel function on {}, {}", panel.target(), panel.group.testcase);
    html! {
        div.scroll tabindex="0" role="region" aria-label=(name) {
            table.figures {
                caption { (name) ", in the trial with seed " (first) ": all (needed, redundant), and below instructions" }
                thead {
                    tr {
                        th scope="col" { "function" }
                        @for entry in &panel.cells { th scope="col" { (entry.cell.variant) } }
                    }
                }
                tbody {
                    @for (function, line) in functions {
                        tr {
                            th scope="row" {
                                (function)
                                @if let Some(line) = line { br; small { (line) } }
                            }
                            @for row in &work { td { (figures(row, function)) } }
                        }
                    }
                }
            }
        }
    }
}

/// What the functions did in the trial with this seed.
fn work<'a>(entry: &PageCell<'a>, seed: u64) -> &'a [FunctionWork] {
    let example = entry.examples.iter().find(|example| example.trial.seed == seed);
    example.map(|example| example.work.as_slice()).unwrap_or_default()
}

/// All functions with a source line, those with most operations in any variant first.
fn sorted<'a>(work: &[&'a [FunctionWork]]) -> Vec<(&'a str, Option<&'a str>)> {
    let mut functions: BTreeMap<&str, (u64, Option<&str>)> = BTreeMap::new();
    for one in work.iter().copied().flatten() {
        let (most, line) = functions.entry(&one.function).or_default();
        *most = one.operations.max(*most);
        *line = line.or(one.line.as_deref());
    }
    let mut sorted: Vec<_> = functions.into_iter().collect();
    // Stable: functions with as many operations stay in the order of their names.
    sorted.sort_by_key(|(_, (most, _))| std::cmp::Reverse(*most));
    sorted.into_iter().map(|(function, (_, line))| (function, line)).collect()
}

fn figures(row: &[FunctionWork], function: &str) -> Markup {
    let count = |count: u64| number::count(count as f64);
    let Some(work) = row.iter().find(|work| work.function == function) else { return html! { "-" } };
    let wrong = if work.insufficient > 0 {
        format!(", {} insufficient", count(work.insufficient))
    } else {
        String::new()
    };
    html! {
        (count(work.operations)) " (" (count(work.needed)) ", " (count(work.redundant)) (wrong) ")"
        br;
        small { (count(work.instructions)) }
    }
}
