// SPDX-License-Identifier: GPL-2.0-or-later
//! Cells that need no trial: every layout shows each as what it is.

use super::super::*;
use super::formats::{data, statuses};
use super::readers::*;
use crate::judge::judge;
use crate::judge::tests::lines_of;
use crate::judge::{Expectation, KernelFacts, NoImage, Overall, Reason, Verdict};
use crate::patch::Size;
use crate::plan::{Patches, Plan, Variant};

/// The small study with further variants, of which none is tried.
fn plan() -> Plan {
    let mut plan = crate::plan::tests::plan();
    for name in ["idle", "gone", "rejected", "unbuilt", "unbooted"] {
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
    let reason = |text: &str, log: Option<&str>| Reason {
        text: format!("{text}{}", super::formats::HOSTILE),
        log: log.map(str::to_owned),
    };
    let none = |rejected, reason| NoImage { rejected, reason };
    let no_image = [
        ("rejected".into(), none(true, reason("0001-x.patch: hunk 1 at kernel/a.c:4 does not apply", None))),
        ("unbuilt".into(), none(false, reason("a.c:5:3: error: no", Some("builds/mips-6.1/unbuilt.log")))),
    ];
    let names = ["mips-6.1", "malta", "unbooted"].map(str::to_owned);
    let panic = reason("Kernel panic - not syncing: VFS", Some("boots/mips-6.1/malta/unbooted.console"));
    let size = |added| Size { added, ..Size::default() };
    let built = KernelFacts {
        images: [("mips-6.1".into(), images)].into(),
        // The smaller of two without a kernel is not the better one.
        sizes: [("mips-6.1".into(), [("unbuilt".into(), size(1)), ("unbooted".into(), size(9))].into())]
            .into(),
        no_image: [("mips-6.1".into(), no_image.into())].into(),
        not_booted: [(names, panic)].into(),
        ..KernelFacts::default()
    };
    let lines = lines_of(&plan, |variant| !["idle", "rejected", "unbuilt", "unbooted"].contains(&variant));
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
    for (variant, verdict) in [
        ("idle", "no-op"),
        ("gone", "does-not-apply"),
        ("rejected", "patch-rejected"),
        ("unbuilt", "does-not-build"),
        ("unbooted", "does-not-boot"),
    ] {
        assert_eq!(of(variant), [verdict, verdict], "{variant}");
    }
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

/// `does not build`, `does not boot` and `the patches do not apply` are failures in each layout, at its top where it has one.
#[test]
fn a_variant_without_a_kernel_breaks_everything_in_every_layout() {
    let data = untried();
    let judgement = &data.judgement;
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let sentences = [
        "the patches of rejected do not apply to mips-6.1: 0001-x.patch: hunk 1 at kernel/a.c:4 does not apply",
        "unbuilt does not build on mips-6.1: a.c:5:3: error: no",
        "unbooted does not boot with mips-6.1 on malta: Kernel panic - not syncing: VFS",
    ];
    let wide = Style { colour: true, width: usize::MAX };
    let table = table(judgement, wide);
    let mail = mail(&data, &Envelope::default()).unwrap();
    let first_paragraph = mail.split("\n\n").nth(1).unwrap();
    let markdown = markdown(judgement).replace('\\', "");
    for sentence in sentences {
        assert!(table.contains(&format!("\u{1b}[1;31m{sentence}")), "{sentence}: {table}");
        let before = &markdown[..markdown.find("### ").unwrap()];
        assert!(before.contains(&format!("**{sentence}")), "{sentence}: {before}");
        assert!(words(first_paragraph).contains(sentence), "{sentence}: {first_paragraph}");
        assert!(words(&html(&data)).contains(&format!("class=\"result bad\">{sentence}")), "{sentence}");
    }
    for word in ["PATCH!", "BUILD!", "BOOT!"] {
        assert!(mail.lines().any(|line| line.ends_with(word)), "{word}: {mail}");
    }
    assert_eq!(mail.lines().find(|line| line.chars().count() > 76), None);
    for verdict in ["patch-rejected", "does-not-build", "does-not-boot"] {
        assert!(table.contains(&format!("\u{1b}[1;31m{verdict}")), "{table}");
    }
    let failed: Vec<(String, String)> =
        statuses(&data).into_iter().filter(|(status, _)| status == "failure").collect();
    for what in ["the patches do not apply: 0001", "does not build: a.c:5:3", "does not boot: Kernel panic"] {
        assert_eq!(failed.iter().filter(|(_, why)| why.starts_with(what)).count(), 2, "{what}: {failed:?}");
    }
    assert!(failed.iter().any(|(_, why)| why.contains("(log: builds/mips-6.1/unbuilt.log)")), "{failed:?}");
    let ktap = ktap(&data);
    assert_eq!(
        ktap.lines().filter(|line| line.contains("not ok") && line.contains("does not boot: ")).count(),
        2
    );
    let report: serde_json::Value = serde_json::from_str(&kcidb(&data, "small_ci").unwrap()).unwrap();
    for name in ["rejected", "unbuilt", "unbooted"] {
        let tests = report["tests"].as_array().unwrap().iter();
        let of: Vec<_> = tests.filter(|test| test["misc"]["variant"] == name).collect();
        assert!(of.len() == 2 && of.iter().all(|test| test["status"] == "FAIL"), "{of:?}");
    }
    let checkouts = report["checkouts"].as_array().unwrap().iter();
    let invalid: Vec<_> = checkouts.filter(|one| one["valid"] == false).collect();
    assert!(invalid.len() == 1 && invalid[0]["id"].as_str().unwrap().ends_with("/rejected"), "{invalid:?}");
}

#[test]
fn a_variant_without_a_kernel_is_not_ranked_and_beats_nobody() {
    let data = untried();
    let judgement = &data.judgement;
    assert_eq!((judgement.overall, judgement.unknown, judgement.missing), (Overall::NotMet, 0, 0));
    for name in ["rejected", "unbuilt", "unbooted"] {
        let candidate = judgement.candidates.iter().find(|one| one.variant == name).unwrap();
        assert_eq!((candidate.fixed, candidate.broken, candidate.no_kernel), (0, 2, 2), "{name}");
        assert!(candidate.worst.as_ref().unwrap().verdict.is_some());
        let beaten = judgement.candidates.iter().filter_map(|one| one.dominated.as_ref());
        assert!(beaten.clone().all(|dominated| dominated.by != name), "{name}");
        assert!(
            judgement.rankings.iter().flat_map(|one| &one.fixes).all(|fix| fix.variant != name),
            "{name}"
        );
        let cells = judgement.cells().filter(|(_, cell)| cell.variant == name);
        assert!(
            cells.map(|(_, cell)| cell.expectation).all(|one| one == Expectation::Contradicted),
            "{name}"
        );
        let vouched = Envelope {
            tested_by: vec![name.parse().unwrap()],
            tester: Some("Tess Ter <tess@example.org>".parse().unwrap()),
            ..Envelope::default()
        };
        assert!(mail(&data, &vouched).is_err(), "{name}");
    }
    // The others are what they are without them.
    let plan = crate::plan::tests::plan();
    let alone = judge(&plan, &lines_of(&plan, |_| true), &KernelFacts::default());
    let fixes = |judgement: &crate::judge::Judgement| judgement.rankings[0].fixes.clone();
    assert_eq!(fixes(judgement), fixes(&alone));
}

/// Where the baseline has no kernel, or no result, the others' passes are passes; they only say nothing of the bug.
#[test]
fn a_baseline_without_a_result_makes_nobody_else_unknown() {
    let plan = crate::plan::tests::plan();
    let mut built = KernelFacts::default();
    let reason = Reason { text: "a.c:5: error: no".into(), log: None };
    built
        .no_image
        .entry("mips-6.1".into())
        .or_default()
        .insert("unfixed".into(), NoImage { rejected: false, reason });
    let judgement = judge(&plan, &lines_of(&plan, |variant| variant != "unfixed"), &built);
    let verdict = |variant: &str| judgement.groups[0].cell(variant).unwrap().verdict;
    assert_eq!((verdict("unfixed"), verdict("merged")), (Verdict::DoesNotBuild, Verdict::NotObservable));
    assert_eq!(judgement.overall, Overall::NotMet);
    let lines = lines_of(&plan, |variant| variant != "unfixed");
    let data = ReportData { judgement, built, lines, plan, ..data() };
    let said = statuses(&data);
    assert!(said[1].1.contains("the baseline has no result"), "{said:?}");
}
