// SPDX-License-Identifier: GPL-2.0-or-later
//! Which trees are affected: one table for each set of kernels that machines share, variants and machines by kernel.

use crate::judge::CellJudgement;
use crate::judge::Group;
use crate::judge::Judgement;
use crate::judge::Verdict;
use crate::report::content::ratio;
use crate::report::grid::Grid;
use crate::report::number;
use crate::report::number::plural;

/// Returns the tables of the machines on which several kernels were tried, in the order of the study.
pub(super) fn trees(judgement: &Judgement) -> Vec<Grid> {
    let mut sets: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
    for machine in
        distinct(judgement.groups.iter().filter(|group| group.swept_from.is_none()).map(machine_of))
    {
        let on_machine = judgement.groups.iter().filter(|group| group.machine == machine);
        let kernels = distinct(on_machine.map(|group| group.kernel.as_str()));
        match sets.iter_mut().find(|(of, _)| *of == kernels) {
            Some((_, machines)) => machines.push(machine),
            None => sets.push((kernels, vec![machine])),
        }
    }
    let several = sets.iter().filter(|(kernels, _)| kernels.len() > 1);
    several.map(|(kernels, machines)| table(judgement, kernels, machines)).collect()
}

fn table(judgement: &Judgement, kernels: &[&str], machines: &[&str]) -> Grid {
    let columns = ["variant", "machine"].iter().chain(kernels).map(|&name| name.to_owned()).collect();
    let variants =
        distinct(judgement.groups.iter().flat_map(|group| &group.cells).map(|cell| cell.variant.as_str()));
    let row = |variant: &str, machine: &str| {
        let mut words = vec![variant.to_owned(), machine.to_owned()];
        words.extend(kernels.iter().map(|kernel| {
            let here = |group: &&Group| group.kernel == *kernel && group.machine == machine;
            let groups = judgement.groups.iter().filter(here);
            state(&groups.filter_map(|group| Some((group, group.tried_as(variant)?))).collect::<Vec<_>>())
        }));
        words
    };
    let rows =
        variants.iter().flat_map(|variant| machines.iter().map(|machine| row(variant, machine))).collect();
    Grid {
        heading: format!("trees: {}", kernels.join(", ")),
        columns,
        rows,
        sentences: vec![format!(
            "affected: some trial of a testcase fails; the testcase with the lowest pass rate is shown, with the 95 % \
             interval of that rate. fixed: every trial passes, and {0} fails here; the testcase with the fewest trials is \
             shown. not observable: every trial passes, also those of {0}",
            judgement.baseline
        )],
    }
}

/// Returns what the cells of all testcases say of a variant in one kernel on one machine.
fn state(cells: &[(&Group, &CellJudgement)]) -> String {
    let with = |verdicts: &[Verdict]| -> Vec<&(&Group, &CellJudgement)> {
        cells.iter().filter(|(_, cell)| verdicts.contains(&cell.verdict)).collect()
    };
    let rate = |cell: &CellJudgement| f64::from(cell.passes) / f64::from(cell.n.max(1));
    let figures = |cell: &CellJudgement| {
        let interval = cell.interval.map(|limits| format!(" {}", number::interval(limits)));
        format!("{}{}", ratio(cell), interval.unwrap_or_default())
    };
    let failing = with(&[Verdict::Fails, Verdict::Mixed]);
    // Of equal ones the first, in the order of the study.
    if let Some((group, cell)) = failing.iter().min_by(|a, b| rate(a.1).total_cmp(&rate(b.1))) {
        let more = failing.len() - 1;
        let others =
            if more > 0 { format!(", {} more", plural(count(more), "testcase")) } else { String::new() };
        return format!("affected {} {}{others}", figures(cell), group.testcase);
    }
    if let Some((group, cell)) = with(&[Verdict::Unknown]).first() {
        return format!("unknown {} {}", ratio(cell), group.testcase);
    }
    if let Some((_, cell)) = with(&[Verdict::PassesAll]).iter().min_by_key(|(_, cell)| cell.n) {
        return format!("fixed {}", figures(cell));
    }
    match cells.first() {
        None => "-".into(),
        Some((_, cell)) if cell.is_idle() && cells.iter().all(|(_, other)| other.verdict == cell.verdict) => {
            cell.verdict.name().replace('-', " ")
        }
        Some(_) => "not observable".into(),
    }
}

fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

fn machine_of(group: &Group) -> &str {
    &group.machine
}

/// Returns the words without repetitions, in the order in which they come first.
fn distinct<'a>(words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for word in words {
        if !seen.contains(&word) {
            seen.push(word);
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Control;
    use crate::judge::KernelFacts;
    use crate::judge::judge;
    use crate::judge::tests::lines;
    use crate::plan::tests::plan;

    fn planted() -> Judgement {
        judge(&plan(), &lines(), &KernelFacts::default())
    }

    /// A judgement of two kernels: in the second one everything passes.
    fn two_kernels() -> Judgement {
        let mut judgement = planted();
        let mut later = judgement.groups.clone();
        for group in &mut later {
            group.kernel = "mips-7.3".into();
            group.observable = Control::Violated;
            for cell in &mut group.cells {
                (cell.passes, cell.verdict) = (cell.n, Verdict::NotObservable);
            }
        }
        judgement.groups.extend(later);
        judgement
    }

    #[test]
    fn one_kernel_has_no_table() {
        assert!(trees(&planted()).is_empty());
    }

    #[test]
    fn each_variant_and_machine_says_which_trees_are_affected() {
        let judgement = two_kernels();
        let tables = trees(&judgement);
        assert_eq!(tables.len(), 1);
        assert_eq!(tables[0].columns, ["variant", "machine", "mips-6.1", "mips-7.3"]);
        let of = |variant: &str| tables[0].rows.iter().find(|row| row[0] == variant).unwrap();
        let baseline = of(&judgement.baseline);
        assert!(baseline[2].starts_with("affected 1/4 ["), "{baseline:?}");
        assert_eq!(baseline[3], "not observable");
        assert!(tables[0].rows.iter().any(|row| row[2].starts_with("fixed ")), "{:?}", tables[0].rows);
    }

    #[test]
    fn what_does_not_pass_everywhere_is_not_called_fixed() {
        let mut judgement = two_kernels();
        for cell in judgement.groups.iter_mut().flat_map(|group| &mut group.cells) {
            cell.verdict = Verdict::Unknown;
        }
        for row in trees(&judgement).iter().flat_map(|table| &table.rows) {
            assert!(row[2].starts_with("unknown ") && row[3].starts_with("unknown "), "{row:?}");
        }
    }
}
