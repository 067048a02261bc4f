// SPDX-License-Identifier: GPL-2.0-or-later
//! Part of a study: some of its cells, on fewer or more seeds, with what their verdicts rest on.

use serde::Deserialize;
use serde::Serialize;

use crate::error::Error;
use crate::error::Result;
use crate::nearest::suggestion;
use crate::plan::high::Cell;
use crate::plan::high::Plan;

/// Which part of a study a plan is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StudyPart {
    /// The cells that were asked for, as they were written; none where all are kept.
    pub only: Vec<String>,
    /// How many cells are kept.
    pub cells: usize,
    /// How many the study has.
    pub of_cells: usize,
    /// Seeds of each cell.
    pub seeds: u32,
    /// Seeds of each cell in the study.
    pub of_seeds: u32,
}

/// The words of a cell's name, in their order.
const WORDS: [&str; 4] = ["kernel", "machine", "variant", "testcase"];

type CellName<'a> = [&'a str; 4];

/// Returns the part of a plan that is about some cells, each written as `KERNEL/MACHINE/VARIANT/TESTCASE` in which `*` stands for
/// any text of one word; without any, about all. The baseline stays wherever one of the cells is, since whether the bug shows there
/// is what the verdict rests on, and so do the trials with the model off. Of several cells the targets, variants and testcases are
/// kept, each with each.
///
/// # Errors
///
/// Study, for a name that fits no cell, with the nearest ones, and for no seeds at all.
pub fn part(plan: &Plan, only: &[String], seeds: Option<u32>) -> Result<Plan> {
    let mut part = plan.clone();
    if let Some(count) = seeds {
        if count == 0 {
            return Err(Error::study("--seeds 0: nothing follows from no trial")
                .hint("each cell needs at least one seed"));
        }
        part.study.seeds.count = count;
        let most = u64::from(count.max(plan.study.coherent_seeds));
        if plan.study.seeds.first.checked_add(most).is_none() {
            return Err(Error::study(format!("--seeds {count} is too large")));
        }
    }
    let all = plan.cells();
    let patterns = only.iter().map(|text| pattern(text)).collect::<Result<Vec<_>>>()?;
    for (text, pattern) in only.iter().zip(&patterns) {
        if !all.iter().any(|cell| has(pattern, name(cell))) {
            return Err(unknown(plan, text, *pattern, &all));
        }
    }
    if !patterns.is_empty() {
        let wanted: Vec<CellName<'_>> =
            all.iter().map(name).filter(|name| patterns.iter().any(|pattern| has(pattern, *name))).collect();
        let names = |word: usize, one: &str| wanted.iter().any(|name| name[word] == one);
        part.targets.retain(|target| {
            wanted.iter().any(|name| name[0] == target.kernel.name && name[1] == target.machine.name)
        });
        part.variants.retain(|variant| variant.name == plan.study.baseline || names(2, &variant.name));
        part.testcases.retain(|testcase| names(3, &testcase.name));
    }
    // A question that some of its trials would answer is not answered.
    let (variants, testcases) = (&part.variants, &part.testcases);
    part.questions.retain(|question| {
        variants.iter().any(|variant| variant.name == question.variant)
            && question.testcases.iter().all(|name| testcases.iter().any(|testcase| testcase.name == *name))
    });
    let kept = part.cells().len();
    let (now, before) = (part.study.seeds.count, plan.study.seeds.count);
    if kept < all.len() || now != before {
        part.study.title = format!(
            "{} [part of the study: {kept} of {} cells, {now} of {before} seeds]",
            plan.study.title,
            all.len()
        );
        part.study.part = Some(StudyPart {
            only: only.to_vec(),
            cells: kept,
            of_cells: all.len(),
            seeds: now,
            of_seeds: before,
        });
    }
    Ok(part)
}

fn name<'a>(cell: &Cell<'a>) -> CellName<'a> {
    let Cell { target, variant, testcase } = *cell;
    [&target.kernel.name, &target.machine.name, &variant.name, &testcase.name].map(String::as_str)
}

fn pattern(text: &str) -> Result<CellName<'_>> {
    let words: Vec<&str> = text.split('/').collect();
    <[&str; 4]>::try_from(words).map_err(|words| {
        Error::study(format!("`{text}` is no cell: it has {} words, not 4", words.len())).hint(
            "a cell is KERNEL/MACHINE/VARIANT/TESTCASE; `*` stands for any text of a word, as in */*/ixol-flush/*",
        )
    })
}

fn has(pattern: &CellName<'_>, name: CellName<'_>) -> bool {
    pattern.iter().zip(name).all(|(pattern, word)| fits(pattern, word))
}

/// Returns whether a text is as `pattern` says, in which `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(behind) = text.strip_prefix(start) else { return false };
    let ends = behind.char_indices().map(|(at, _)| at).chain([behind.len()]);
    ends.into_iter().any(|at| fits(rest, &behind[at..]))
}

/// Says which word of a name is wrong, or which cells are nearest where each word is right by itself.
fn unknown(plan: &Plan, text: &str, pattern: CellName<'_>, all: &[Cell<'_>]) -> Error {
    let study = &plan.study.name;
    for (n, word) in WORDS.iter().enumerate() {
        let mut names: Vec<&str> = all.iter().map(|cell| name(cell)[n]).collect();
        names.dedup();
        names.sort_unstable();
        names.dedup();
        if !names.iter().any(|name| fits(pattern[n], name)) {
            return Error::study(format!("study {study} has no {word} `{}`: {text}", pattern[n]))
                .hint(suggestion(pattern[n], names));
        }
    }
    let likeness = |cell: &Cell<'_>| {
        pattern.iter().zip(name(cell)).filter(|(pattern, word)| fits(pattern, word)).count()
    };
    let most = all.iter().map(likeness).max().unwrap_or_default();
    let near: Vec<String> =
        all.iter().filter(|cell| likeness(cell) == most).take(5).map(|cell| name(cell).join("/")).collect();
    Error::study(format!("study {study} has no cell {text}"))
        .hint(format!("the nearest are: {}", near.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::plan;

    fn names(plan: &Plan) -> Vec<String> {
        plan.cells().iter().map(|cell| name(cell).join("/")).collect()
    }

    fn only(cells: &[&str]) -> Result<Plan> {
        let cells: Vec<String> = cells.iter().map(|cell| (*cell).to_owned()).collect();
        part(&plan(), &cells, None)
    }

    #[test]
    fn the_baseline_stays_where_a_cell_is() {
        let part = only(&["mips-6.1/malta/lazy/t9"]).unwrap();
        assert_eq!(names(&part), ["mips-6.1/malta/unfixed/t9", "mips-6.1/malta/lazy/t9"]);
        assert!(part.trials().iter().any(|id| id.mode == instrument::Mode::Off));
        let (some, whole) = (part.study.part.unwrap(), plan());
        assert_eq!((some.cells, some.of_cells), (2, whole.cells().len()));
        assert!(
            part.study.title.ends_with("[part of the study: 2 of 8 cells, 4 of 4 seeds]"),
            "{}",
            part.study.title
        );
    }

    #[test]
    fn a_star_stands_for_any_text_of_a_word() {
        let part = only(&["*/*/merged*/t1"]).unwrap();
        assert_eq!(
            part.variants.iter().map(|v| v.name.as_str()).collect::<Vec<_>>(),
            ["unfixed", "merged", "merged-alone"]
        );
        assert!(only(&["*/*/*/*"]).unwrap().study.part.is_none(), "all of it is no part");
        assert!(fits("t*-x", "t10-x") && !fits("t*-x", "t10-y") && !fits("t", "t1") && fits("*", ""));
    }

    #[test]
    fn seeds_can_be_fewer_and_more() {
        let fewer = part(&plan(), &[], Some(2)).unwrap();
        assert_eq!((fewer.study.seeds.count, fewer.cells().len()), (2, plan().cells().len()));
        assert!(fewer.study.title.ends_with("8 of 8 cells, 2 of 4 seeds]"), "{}", fewer.study.title);
        assert_eq!(part(&plan(), &[], Some(9)).unwrap().study.seeds.count, 9);
        assert_eq!(part(&plan(), &[], Some(4)).unwrap(), plan(), "what changes nothing is the study itself");
        assert!(part(&plan(), &[], Some(0)).is_err());
    }

    #[test]
    fn what_fits_no_cell_is_reported_with_the_nearest_names() {
        let error = |cell: &str| {
            let error = only(&[cell]).unwrap_err();
            format!("{error}; {}", error.hints().join("; "))
        };
        let text = error("mips-6.1/malta/lasy/t9");
        assert!(text.contains("no variant `lasy`") && text.contains("did you mean `lazy`?"), "{text}");
        let text = error("mips-6.1/malta/t9");
        assert!(text.contains("has 3 words, not 4"), "{text}");
        let text = error("mips-6.1/malta/lazy*x/t9");
        assert!(text.contains("no variant `lazy*x`"), "{text}");
    }
}
