// SPDX-License-Identifier: GPL-2.0-or-later
//! What is chosen for patches of which nothing else is said: that of a study which runs such a kernel.

use std::path::Path;

use super::{DEFAULT, STUDIES, names, single, texts};
use crate::error::{Error, Result};
use crate::plan::{self, Expected, Plan, Precedent, Target, Testcase, Texts};

/// Returns what a study of the repository has for a kernel, a machine and testcases, each of them any where it is not given: the
/// default study, or else the first of the others by name. The testcases are those in which it expects its baseline to fail.
///
/// # Errors
///
/// Study, for names that do not exist, and where no study runs the kernel and nothing is said of machine and testcases.
pub fn precedent(
    root: &Path,
    kernel: Option<&str>,
    machine: Option<&str>,
    testcases: &[String],
) -> Result<Precedent> {
    let mut names = names(root);
    names.sort_by_key(|name| name != DEFAULT);
    let texts = texts(root)?;
    // One that cannot be read is no precedent.
    let plans: Vec<(String, Plan)> = names.iter().filter_map(|name| read(root, &texts, name)).collect();
    // Those that are named may be of any study, as long as its target is the right one.
    let has_all =
        |plan: &Plan| testcases.iter().all(|name| plan.testcases.iter().any(|case| case.name == *name));
    let fits = |target: &&Target| {
        kernel.is_none_or(|name| target.kernel.name == name)
            && machine.is_none_or(|name| target.machine.name == name)
    };
    let of = |wanted: &dyn Fn(&Plan) -> bool| {
        let mut plans = plans.iter().filter(|(_, plan)| wanted(plan));
        plans.find_map(|(set, plan)| Some((set, plan, plan.targets.iter().find(fits)?)))
    };
    let Some((set, plan, target)) = of(&has_all).or_else(|| of(&|_| true)) else {
        let kernel = kernel.unwrap_or_default();
        if testcases.is_empty() {
            // Names that do not exist are reported by the plan.
            single(root, kernel, machine, testcases, None, 1)?;
            return Err(Error::study(format!("no study runs kernel {kernel} on that machine"))
                .hint("say by --testcase what shows the bug"));
        }
        let plan = single(root, kernel, machine, testcases, None, 1)?;
        let target = plan.targets.first().cloned();
        return Ok(Precedent {
            words: plan::words_of_kernel(&texts, kernel)?,
            target: target.ok_or_else(|| Error::internal("a plan without target"))?,
            baseline: None,
            testcases: testcases.to_vec(),
            study: None,
            chosen: "as asked".to_owned(),
        });
    };
    let study = &plan.study.name;
    let (cases, chosen) = if testcases.is_empty() {
        of_study(plan, target)
    } else {
        // A name that does not exist is reported here, and one that makes no sense there.
        single(root, &target.kernel.name, Some(&target.machine.name), testcases, None, 1)?;
        (testcases.to_vec(), "as asked".to_owned())
    };
    let baseline = plan.variants.iter().find(|variant| variant.name == plan.study.baseline);
    Ok(Precedent {
        words: plan::words_of_kernel(&texts, &target.kernel.name)?,
        target: target.clone(),
        baseline: baseline
            .map(|variant| (set.clone(), variant.directory.clone(), variant.companions.clone())),
        testcases: cases,
        study: Some(study.clone()),
        chosen,
    })
}

/// Reads a study of the repository; returns its patch set, too.
fn read(root: &Path, texts: &Texts, name: &str) -> Option<(String, Plan)> {
    let file = format!("{STUDIES}/{name}.yaml");
    let mut texts = texts.clone();
    texts.insert(file.as_str(), std::fs::read_to_string(root.join(&file)).ok()?);
    let low = plan::load(&texts, &file).ok()?;
    Some((low.patch_set().to_owned(), plan::resolve(&low).ok()?))
}

/// The testcases in which a study expects its baseline to fail, or all where it expects that of none.
fn of_study(plan: &Plan, target: &Target) -> (Vec<String>, String) {
    let study = &plan.study.name;
    let fails = |testcase: &&Testcase| {
        let cells = plan.cells();
        let cell = cells.iter().find(|cell| {
            cell.target.title() == target.title()
                && cell.testcase.name == testcase.name
                && cell.variant.name == plan.study.baseline
        });
        cell.is_some_and(|cell| cell.expected().0 == Expected::Fail)
    };
    let named = |cases: Vec<&Testcase>| cases.into_iter().map(|case| case.name.clone()).collect::<Vec<_>>();
    let failing = named(plan.testcases_on(target).filter(fails).collect());
    if failing.is_empty() {
        let all = named(plan.testcases_on(target).collect());
        return (all, format!("all that {study} has, which expects the bug to show in none of them here"));
    }
    (failing, format!("where {study} expects the bug to show"))
}
