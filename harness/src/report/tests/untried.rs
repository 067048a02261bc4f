// SPDX-License-Identifier: GPL-2.0-or-later
//! Cells that need no trial: every layout shows each as what it is.

use super::super::*;
use super::formats::{data, statuses};
use super::readers::*;
use crate::judge::judge;
use crate::judge::tests::lines_of;
use crate::judge::{Built, Verdict};
use crate::plan::{Patches, Plan, Variant};

/// The small study with further variants, of which none is tried.
fn plan() -> Plan {
    let mut plan = crate::plan::tests::plan();
    for name in ["idle", "gone"] {
        let series = vec![Patches::File(format!("patches/xol/{name}/0001-x.patch").into())];
        plan.variants.push(Variant { name: name.into(), series, ..plan.variants[1].clone() });
    }
    plan.variants[5].not_on.insert("mips-6.1".into(), "the function is\u{1b} gone".into());
    plan
}

fn untried() -> ReportData {
    let plan = plan();
    let image = |name: &str| (name.to_owned(), format!("image of {name}"));
    let mut images: std::collections::BTreeMap<_, _> =
        ["unfixed", "merged", "lazy", "merged-alone"].map(image).into();
    images.insert("idle".into(), "image of unfixed".into());
    let built = Built { images: [("mips-6.1".into(), images)].into(), ..Built::default() };
    let lines = lines_of(&plan, |variant| variant != "idle");
    let judgement = judge(&plan, &lines, &built);
    ReportData { plan, built, judgement, lines, ..data() }
}

#[test]
fn every_layout_has_the_cells_that_need_no_trial() {
    let data = untried();
    let judged = judged(&data);
    let of = |variant: &str| {
        let words = judged.iter().filter(|(names, _)| names[3] == variant);
        words.map(|(_, figures)| figures.verdict.clone().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((of("idle"), of("gone")), (vec!["no-op".to_owned(); 2], vec!["does-not-apply".to_owned(); 2]));
    assert_eq!((data.judgement.unknown, data.judgement.missing), (0, 0));
    layouts_agree(&data);
}

/// The reason stands in each layout, without what a terminal would obey.
#[test]
fn a_variant_that_does_not_apply_is_nowhere_a_failure_and_everywhere_explained() {
    let data = untried();
    let why = "the function is  gone";
    let wide = Style { colour: false, width: usize::MAX };
    for (layout, text) in [
        ("table", table(&data.judgement, wide)),
        ("Markdown", markdown(&data.judgement)),
        ("HTML", html(&data)),
        ("JUnit", junit(&data).unwrap()),
        ("KTAP", ktap(&data)),
        ("KCIDB", kcidb(&data, "small_ci").unwrap()),
        ("CSV", csv(&data).unwrap()),
        ("mail", mail(&data, &Envelope::default()).unwrap().replace("\n  ", " ")),
    ] {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(&why), "{layout}: {text}");
        assert!(!text.contains('\u{1b}'), "{layout}");
    }
    let gone: Vec<(String, String)> =
        statuses(&data).into_iter().filter(|(_, why)| why.contains("gone")).collect();
    assert_eq!(gone.len(), 2);
    assert!(gone.iter().all(|(status, _)| status == "skipped"), "{gone:?}");
    let report: serde_json::Value = serde_json::from_str(&kcidb(&data, "small_ci").unwrap()).unwrap();
    let of = |kind: &str| {
        let objects = report[kind].as_array().unwrap().iter();
        let of = objects.filter(|one| one["id"].as_str().unwrap().contains("/gone"));
        of.map(|one| one["status"].as_str().unwrap_or("none").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((of("builds"), of("tests")), (vec!["SKIP".to_owned()], vec!["SKIP".to_owned(); 2]));
    assert!(data.judgement.candidates.iter().all(|one| one.variant != "gone"));
    let groups = &data.judgement.groups;
    assert!(groups.iter().all(|group| group.cell("gone").unwrap().verdict == Verdict::DoesNotApply));
}
