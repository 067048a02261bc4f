// SPDX-License-Identifier: GPL-2.0-or-later
//! Which trees are affected: one table for each set of kernels that machines share, variants and machines by kernel.

use schemars::JsonSchema;
use serde::Serialize;

use crate::judge::CellJudgement;
use crate::judge::Group;
use crate::judge::Judgement;
use crate::judge::Verdict;
use crate::judge::interval::Interval;
use crate::report::grid::Grid;
use crate::report::number;
use crate::report::number::plural;

/// Returns the tables of the machines on which several kernels were tried, in the order of the study.
pub(super) fn trees(judgement: &Judgement) -> Vec<Grid> {
    sets(judgement).iter().map(|(kernels, machines)| table(judgement, kernels, machines)).collect()
}

/// Returns the sets of several kernels that machines share, each with these machines.
fn sets(judgement: &Judgement) -> Vec<(Vec<&str>, Vec<&str>)> {
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
    sets.retain(|(kernels, _)| kernels.len() > 1);
    sets
}

/// What a variant comes to in a tree, which is a kernel on a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TreeState {
    /// Some trial of a testcase fails.
    Affected,
    /// Every trial passes, and the baseline fails here.
    Fixed,
    /// Every trial passes, also those of the baseline.
    NotObservable,
    /// No trial says anything, or a control does not hold.
    Unknown,
    /// The patches do nothing on this kernel.
    NoOp,
    /// The variant states that it does not apply to this kernel.
    DoesNotApply,
    /// The patches do not apply to the source.
    PatchRejected,
    /// The patched kernel does not build.
    DoesNotBuild,
    /// The patched kernel does not boot.
    DoesNotBoot,
    /// No testcase of the study makes sense here.
    NotTried,
}

impl TreeState {
    fn words(self) -> &'static str {
        match self {
            Self::Affected => "affected",
            Self::Fixed => "fixed",
            Self::NotObservable => "not observable",
            Self::Unknown => "unknown",
            Self::NoOp => "no op",
            Self::DoesNotApply => "does not apply",
            Self::PatchRejected => "patch rejected",
            Self::DoesNotBuild => "does not build",
            Self::DoesNotBoot => "does not boot",
            Self::NotTried => "-",
        }
    }
}

/// A variant in a tree.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TreeVariant<'a> {
    /// Name of the variant.
    variant: &'a str,
    /// Name of the kernel.
    kernel: &'a str,
    /// Name of the machine.
    machine: &'a str,
    /// What it comes to.
    state: TreeState,
    /// The testcase of which the figures are: with the lowest pass rate where some trial fails, else with the fewest trials.
    #[serde(skip_serializing_if = "Option::is_none")]
    testcase: Option<&'a str>,
    /// Its trials that passed.
    passes: u32,
    /// Its trials that say something.
    n: u32,
    /// 95 % interval of its pass rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<Interval>,
    /// How many further testcases have failing trials.
    further: u32,
}

impl TreeVariant<'_> {
    /// The state with its figures, as a cell of a table.
    fn words(&self) -> String {
        let mut words = self.state.words().to_owned();
        if self.n > 0 {
            words.push_str(&format!(" {}/{}", self.passes, self.n));
        }
        if let Some(limits) = self.interval {
            words.push_str(&format!(" {}", number::interval(limits)));
        }
        if matches!(self.state, TreeState::Affected | TreeState::Unknown)
            && let Some(testcase) = self.testcase
        {
            words.push_str(&format!(" {testcase}"));
        }
        if self.further > 0 {
            words.push_str(&format!(", {} more", plural(self.further, "testcase")));
        }
        words
    }
}

/// Returns what each variant comes to in each tree of a study of several kernels, in the order of the tables.
pub(super) fn all(judgement: &Judgement) -> Vec<TreeVariant<'_>> {
    sets(judgement).iter().flat_map(|(kernels, machines)| of_set(judgement, kernels, machines)).collect()
}

fn of_set<'a>(judgement: &'a Judgement, kernels: &[&'a str], machines: &[&'a str]) -> Vec<TreeVariant<'a>> {
    let variants =
        distinct(judgement.groups.iter().flat_map(|group| &group.cells).map(|cell| cell.variant.as_str()));
    let mut all = Vec::new();
    for variant in variants {
        for machine in machines {
            all.extend(kernels.iter().map(|kernel| of(judgement, variant, kernel, machine)));
        }
    }
    all
}

fn table(judgement: &Judgement, kernels: &[&str], machines: &[&str]) -> Grid {
    let columns = ["variant", "machine"].iter().chain(kernels).map(|&name| name.to_owned()).collect();
    let all = of_set(judgement, kernels, machines);
    let row = |trees: &[TreeVariant<'_>]| {
        let names = [trees[0].variant, trees[0].machine].map(str::to_owned);
        names.into_iter().chain(trees.iter().map(TreeVariant::words)).collect()
    };
    let rows = all.chunks(kernels.len()).map(row).collect();
    let mut sentences = summary(judgement, &all);
    sentences.push(format!(
        "affected: some trial of a testcase fails; the testcase with the lowest pass rate is shown, with the 95 % \
         interval of that rate. fixed: every trial passes, and {0} fails here; not observable: every trial passes, also \
         those of {0}; of both, the testcase with the fewest trials is shown",
        judgement.baseline
    ));
    Grid { heading: format!("trees: {}", kernels.join(", ")), columns, rows, sentences }
}

/// What whoever keeps a stable tree asks: which trees have the bug, and what fixes all of them.
fn summary(judgement: &Judgement, all: &[TreeVariant<'_>]) -> Vec<String> {
    let baseline = &judgement.baseline;
    let places = |state: TreeState| {
        let these = || all.iter().filter(|one| one.variant == baseline && one.state == state);
        let kernels = distinct(these().map(|one| one.kernel));
        let machines = |kernel: &str| {
            let names = these().filter(|one| one.kernel == kernel).map(|one| one.machine);
            format!("{kernel} (on {})", names.collect::<Vec<_>>().join(", "))
        };
        kernels.into_iter().map(machines).collect::<Vec<_>>().join(", ")
    };
    let mut sentences = Vec::new();
    for state in [TreeState::Affected, TreeState::NotObservable, TreeState::Unknown] {
        let places = places(state);
        if !places.is_empty() {
            sentences.push(format!("{} without a fix ({baseline}): {places}", state.words()));
        }
    }
    let bad: Vec<(&str, &str)> = all
        .iter()
        .filter(|one| one.variant == baseline && one.state == TreeState::Affected)
        .map(|one| (one.kernel, one.machine))
        .collect();
    if bad.is_empty() {
        return sentences;
    }
    let fixes = |variant: &&str| {
        let of = |one: &&TreeVariant<'_>| one.variant == *variant && bad.contains(&(one.kernel, one.machine));
        all.iter().filter(of).all(|one| one.state == TreeState::Fixed)
    };
    let whole: Vec<&str> = distinct(all.iter().map(|one| one.variant)).into_iter().filter(fixes).collect();
    sentences.push(match whole.as_slice() {
        [] => "no variant fixes all affected trees".into(),
        some => format!("fixed in all affected trees: {}", some.join(", ")),
    });
    sentences
}

/// Returns what the cells of all testcases say of a variant in one kernel on one machine.
fn of<'a>(judgement: &'a Judgement, variant: &'a str, kernel: &'a str, machine: &'a str) -> TreeVariant<'a> {
    let here = |group: &&Group| group.kernel == kernel && group.machine == machine;
    let groups = judgement.groups.iter().filter(here);
    let cells: Vec<_> = groups.filter_map(|group| Some((group, group.tried_as(variant)?))).collect();
    let with = |verdicts: &[Verdict]| -> Vec<&(&Group, &CellJudgement)> {
        cells.iter().filter(|(_, cell)| verdicts.contains(&cell.verdict)).collect()
    };
    let rate = |cell: &CellJudgement| f64::from(cell.passes) / f64::from(cell.n.max(1));
    let failing = with(&[Verdict::Fails, Verdict::Mixed]);
    // Of equal ones the first, in the order of the study.
    let worst = failing.iter().min_by(|a, b| rate(a.1).total_cmp(&rate(b.1)));
    let shortest = |verdict| with(&[verdict]).into_iter().min_by_key(|(_, cell)| cell.n);
    let all_idle = cells.iter().all(|(_, cell)| cell.is_idle() && cell.verdict == cells[0].1.verdict);
    let (state, shown) = if let Some(worst) = worst {
        (TreeState::Affected, Some(*worst))
    } else if let Some(unknown) = with(&[Verdict::Unknown]).first() {
        (TreeState::Unknown, Some(*unknown))
    } else if let Some(passing) = shortest(Verdict::PassesAll) {
        (TreeState::Fixed, Some(passing))
    } else if cells.is_empty() {
        (TreeState::NotTried, None)
    } else {
        let idle = match cells[0].1.verdict {
            Verdict::NoOp => TreeState::NoOp,
            Verdict::DoesNotApply => TreeState::DoesNotApply,
            Verdict::PatchRejected => TreeState::PatchRejected,
            Verdict::DoesNotBuild => TreeState::DoesNotBuild,
            Verdict::DoesNotBoot => TreeState::DoesNotBoot,
            _ => TreeState::NotObservable,
        };
        (if all_idle { idle } else { TreeState::NotObservable }, shortest(Verdict::NotObservable))
    };
    let figures = shown.map(|(group, cell)| (group.testcase.as_str(), cell.passes, cell.n, cell.interval));
    let (testcase, passes, n, interval) = match figures {
        Some((testcase, passes, n, interval)) => (Some(testcase), passes, n, interval),
        None => (None, 0, 0, None),
    };
    let further = u32::try_from(failing.len().saturating_sub(1)).unwrap_or(u32::MAX);
    TreeVariant { variant, kernel, machine, state, testcase, passes, n, interval, further }
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
        assert!(baseline[3].starts_with("not observable 4/4 ["), "{baseline:?}");
        assert!(tables[0].rows.iter().any(|row| row[2].starts_with("fixed ")), "{:?}", tables[0].rows);
    }

    #[test]
    fn a_table_begins_with_what_keepers_of_trees_ask() {
        let judgement = two_kernels();
        let tables = trees(&judgement);
        let said = tables[0].sentences.join("\n");
        let machines = distinct(judgement.groups.iter().map(machine_of)).join(", ");
        assert!(said.starts_with("affected without a fix (unfixed): mips-6.1 (on "), "{said}");
        assert!(
            said.contains(&format!("not observable without a fix (unfixed): mips-7.3 (on {machines})")),
            "{said}"
        );
        let fixes = said.lines().find_map(|line| line.strip_prefix("fixed in all affected trees: ")).unwrap();
        assert!(!fixes.split(", ").any(|variant| variant == judgement.baseline), "{said}");
        let mut worse = judgement.clone();
        for cell in worse.groups.iter_mut().flat_map(|group| &mut group.cells) {
            cell.verdict = Verdict::Mixed;
        }
        assert!(trees(&worse)[0].sentences.contains(&"no variant fixes all affected trees".to_owned()));
    }

    #[test]
    fn programs_get_what_the_tables_have() {
        let judgement = two_kernels();
        let all = all(&judgement);
        let rows: usize =
            trees(&judgement).iter().map(|table| table.rows.len() * (table.columns.len() - 2)).sum();
        assert_eq!(all.len(), rows);
        let first = all.iter().find(|one| one.variant == judgement.baseline).unwrap();
        let value = serde_json::to_value(first).unwrap();
        assert_eq!(
            (&value["state"], &value["passes"], &value["n"]),
            (&"affected".into(), &1.into(), &4.into())
        );
        assert!(value["interval"]["low"].is_number() && value["testcase"].is_string(), "{value}");
        assert!(super::all(&planted()).is_empty());
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
