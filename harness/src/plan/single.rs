// SPDX-License-Identifier: GPL-2.0-or-later
//! A plan without a study: one kernel on one machine, with one variant or none.

use std::collections::BTreeMap;

use instrument::Mode;

use crate::error::Error;
use crate::error::Result;
use crate::plan::check;
use crate::plan::design::Evidence;
use crate::plan::design::IntervalMethod;
use crate::plan::design::Until;
use crate::plan::high::Plan;
use crate::plan::high::Variant;
use crate::plan::load::Texts;
use crate::plan::load::load_study;
use crate::plan::model::Seeds;
use crate::plan::model::StudyFile;
use crate::plan::model::StudyVariant;
use crate::plan::model::TargetFile;
use crate::plan::resolve::resolve_parts;

/// What errors name as the file of a wrong name.
const ORIGIN: &str = "command line";

/// Name of the variant of the kernel's own tree.
const UNPATCHED: &str = "unpatched";

/// What is to be looked at.
#[derive(Clone, Copy, Debug)]
pub struct WantedCell<'a> {
    /// Name of the kernel.
    pub kernel: &'a str,
    /// Name of the machine.
    pub machine: &'a str,
    /// Names of the testcases; all that there are, if none is named.
    pub testcases: &'a [String],
    /// `PATCHSET/VARIANT`, with `+COMPANION` for each variant of the set that is applied as well; or the kernel's own tree.
    pub variant: Option<&'a str>,
    /// How many seeds there are, from 1 on.
    pub seeds: u32,
}

/// Returns a plan with one target, one variant and the wanted testcases, in mode observe.
///
/// # Errors
///
/// Study, for names that are not there and files that are wrong.
pub fn single(texts: &Texts, wanted: &WantedCell<'_>) -> Result<Plan> {
    let (set, variants) = match wanted.variant {
        None => (String::new(), Vec::new()),
        Some(variant) => {
            let (set, variant) = variant.split_once('/').ok_or_else(|| {
                Error::study(format!("`{variant}` is not PATCHSET/VARIANT"))
                    .hint("variants are the directories below patches/<set>/")
            })?;
            let mut names = variant.split('+').map(str::to_owned);
            let variant = names.next().unwrap_or_default();
            check::name(ORIGIN, "patch set", set)?;
            (
                set.to_owned(),
                vec![StudyVariant { variant, name: None, with: names.collect(), expect: vec![] }],
            )
        }
    };
    let mut testcases = wanted.testcases.to_vec();
    if testcases.is_empty() {
        testcases.extend(texts.names("testcases/", "/case.yaml").into_iter().map(str::to_owned));
    }
    let study = StudyFile {
        name: "single".into(),
        title: String::new(),
        targets: vec![TargetFile { kernel: wanted.kernel.into(), machine: wanted.machine.into() }],
        patches: set,
        variants,
        baseline: String::new(),
        testcases,
        mode: Mode::Observe,
        seeds: Seeds { first: 1, count: wanted.seeds },
        until: Until::Bound,
        rule: None,
        sweep: Vec::new(),
        versions: Vec::new(),
        evidence: Evidence::default(),
        interval: IntervalMethod::default(),
        questions: Vec::new(),
        coherent_seeds: 1,
        layouts: 1,
    };
    let mut plan = resolve_parts(&load_study(texts, ORIGIN, study)?)?;
    // Of all testcases those are meant that make sense here.
    if !wanted.testcases.is_empty() {
        check::has_targets(ORIGIN, &plan)?;
    }
    if plan.variants.is_empty() {
        plan.variants.push(Variant {
            name: UNPATCHED.into(),
            directory: UNPATCHED.into(),
            companions: Vec::new(),
            title: "the kernel's own tree".into(),
            why: String::new(),
            series: Vec::new(),
            series_by_kernel: BTreeMap::new(),
            not_on: BTreeMap::new(),
            message_id: None,
            base_commit: None,
            expectations: Vec::new(),
        });
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::texts;

    fn wanted(variant: Option<&str>) -> Result<Plan> {
        single(
            &texts(),
            &WantedCell { kernel: "mips-6.1", machine: "malta", testcases: &[], variant, seeds: 1 },
        )
    }

    #[test]
    fn a_plan_needs_no_study() {
        let plan = wanted(None).unwrap();
        assert_eq!((plan.targets.len(), plan.variants.len(), plan.testcases.len()), (1, 1, 2));
        assert!(plan.variants[0].series.is_empty());
        let names = |plan: Plan| plan.variants.into_iter().map(|variant| variant.name).collect::<Vec<_>>();
        assert_eq!(names(wanted(Some("xol/lazy")).unwrap()), ["lazy"]);
        let series = |variant| wanted(Some(variant)).unwrap().variants[0].series.len();
        assert_eq!(series("xol/lazy+companion"), series("xol/lazy") + 1);
        let t1 = ["t1".to_owned()];
        let one =
            WantedCell { kernel: "mips-6.1", machine: "malta", testcases: &t1, variant: None, seeds: 3 };
        assert_eq!(single(&texts(), &one).unwrap().testcases.len(), 1);
    }

    #[test]
    fn a_testcase_that_makes_no_sense_here_is_reported_when_it_is_named() {
        let mut texts = texts();
        let needy = "name: t9\ntitle: a\nshows: b\nneeds: [smp]\nrepetitions: 1\ndeadline_minsns: 1\n";
        texts.insert("testcases/t9/case.yaml", needy);
        let t9 = ["t9".to_owned()];
        let with = |testcases| {
            let wanted =
                WantedCell { kernel: "mips-6.1", machine: "malta", testcases, variant: None, seeds: 1 };
            single(&texts, &wanted)
        };
        assert_eq!(with(&[]).unwrap().cells().len(), 1);
        assert_eq!(
            with(&t9).unwrap_err().to_string(),
            "command line: no target has what testcase `t9` needs: smp"
        );
    }

    #[test]
    fn a_wrong_name_is_reported() {
        let error = |variant| wanted(Some(variant)).unwrap_err().to_string();
        assert_eq!(error("lazy"), "`lazy` is not PATCHSET/VARIANT");
        assert!(
            error("xol/lasy").starts_with("command line: there is no variant `lasy`"),
            "{}",
            error("xol/lasy")
        );
    }
}
