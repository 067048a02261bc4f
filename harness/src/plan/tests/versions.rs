// SPDX-License-Identifier: GPL-2.0-or-later
//! Variants that differ by the version of the kernel.

use super::*;
use crate::error::Error;

/// Two versions of one architecture.
const TARGETS: &str =
    "  - {kernel: mips-6.12, machine: malta}\n  - {kernel: mips-6.13-rc2, machine: malta}\n";

/// Returns a study on two versions, with this text in the variant `lazy`, which has two patches, one of them for newer ones.
fn of(lazy: &str) -> Texts {
    let mut texts = texts();
    let sources = "\"6.12\": {debian: linux-source-6.12}\n\"6.13-rc2\": {directory: ../linux}\n";
    texts.insert("kernels/common/sources.yaml", sources);
    texts.insert_path("patches/xol/lazy/6.13/0001-new.patch");
    texts.insert("patches/xol/lazy/variant.yaml", variant("lazy", &format!("on: unfixed\n{lazy}")));
    texts.insert(STUDY, STUDY_TEXT.replace("  - {kernel: mips-6.1, machine: malta}\n", TARGETS));
    texts
}

fn planned(lazy: &str) -> Result<Plan, Error> {
    load(&of(lazy), STUDY).and_then(|low| resolve(&low))
}

fn series(plan: &Plan, kernel: &str) -> String {
    let lazy = plan.variants.iter().find(|variant| variant.name == "lazy").unwrap();
    let paths = lazy.series_on(kernel).iter().map(|path| path.to_string().replace("patches/xol/", ""));
    paths.collect::<Vec<_>>().join(" ")
}

const USUAL: &str = "unfixed/0001-undo.patch lazy/0001-a.patch lazy/0002-b.patch companion/0001-c.patch";

#[test]
fn a_variant_may_have_other_patches_for_a_range_of_versions() {
    let plan = planned("for_kernels: [{kernels: '>=6.13-rc1', series: '6.13'}]\n").unwrap();
    assert_eq!(series(&plan, "mips-6.12"), USUAL);
    assert_eq!(series(&plan, "mips-6.13-rc2"), "unfixed/0001-undo.patch lazy/6.13 companion/0001-c.patch");
    assert_eq!(plan.cells().len(), 2 * 4 * 2);
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    // Without ranges nothing is written of them: plans of before stay what they were.
    let json = serde_json::to_string(&planned("").unwrap()).unwrap();
    assert!(!json.contains("series_by_kernel") && !json.contains("not_on"), "{json}");
}

#[test]
fn a_variant_that_does_not_apply_to_a_version_has_no_cells_there() {
    let plan = planned("does_not_apply: [{kernels: '>=6.13-rc1', why: the function is gone}]\n").unwrap();
    let left_out = plan.left_out().into_iter().map(|(one, on, why)| [&one.name, &on.name, why].join(": "));
    assert_eq!(left_out.collect::<Vec<_>>(), ["lazy: mips-6.13-rc2: the function is gone"]);
    let cells = plan.cells();
    assert_eq!(cells.len(), 2 * 4 * 2 - 2);
    let on = |kernel: &str| {
        cells.iter().filter(|cell| cell.variant.name == "lazy" && cell.target.kernel.name == kernel).count()
    };
    assert_eq!((on("mips-6.12"), on("mips-6.13-rc2")), (2, 0));
    let error = plan.cell_of(&"mips-6.13-rc2/malta/lazy/t1/off/1".parse().unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "lazy does not apply to mips-6.13-rc2: the function is gone");
}

#[test]
fn ranges_that_make_no_sense_are_refused() {
    let wrong = |lazy: &str| {
        let error = planned(lazy).unwrap_err();
        [vec![error.to_string()], error.hints().to_vec()].concat().join(" | ")
    };
    assert_eq!(
        wrong("does_not_apply: [{kernels: '=>6.13', why: a}]\n"),
        "patches/xol/lazy/variant.yaml:5: does_not_apply: `=>6.13` is not like `>=6.13`, `<6.13` or `6.12`"
    );
    assert!(
        wrong("for_kernels: [{kernels: '6.12', series: '6.14'}]\n")
            .contains("patches/xol/lazy/6.14 does not exist")
    );
    // No patches for a kernel of which nothing is said would be the kernel's own tree.
    let mut texts = of("");
    let ranges = "for_kernels: [{kernels: '>=6.13-rc1', series: '6.13'}]\n";
    texts.insert("patches/xol/fresh/variant.yaml", variant("fresh", ranges));
    texts.insert_path("patches/xol/fresh/6.13/0001-new.patch");
    let study = STUDY_TEXT.replace("  - {kernel: mips-6.1, machine: malta}\n", TARGETS);
    texts.insert(STUDY, study.replace("variants:\n", "variants:\n  - {variant: fresh}\n"));
    let error = load(&texts, STUDY).and_then(|low| resolve(&low)).unwrap_err();
    assert!(error.to_string().contains("no entry is for kernel mips-6.12"), "{error}");
    // A kernel with a file of its own says its version there, or not.
    let mut texts = of("does_not_apply: [{kernels: '>=6.13', why: a}]\n");
    texts.insert(STUDY, STUDY_TEXT);
    let error = load(&texts, STUDY).and_then(|low| resolve(&low)).unwrap_err();
    assert!(error.to_string().ends_with("the version of kernel mips-6.1 is not known"), "{error}");
    let known = KERNEL.replace("{debian: linux-source-6.1}", "{debian: linux-source-6.1, version: '6.1'}");
    texts.insert("kernels/mips-6.1.yaml", known);
    assert!(load(&texts, STUDY).and_then(|low| resolve(&low)).is_ok());
}

#[test]
fn a_baseline_applies_everywhere() {
    let mut texts = of("");
    let text = variant("unfixed", "does_not_apply: [{kernels: '6.12', why: it was never there}]\n");
    texts.insert("patches/xol/unfixed/variant.yaml", text);
    let error = load(&texts, STUDY).and_then(|low| resolve(&low)).unwrap_err();
    assert!(
        error.to_string().contains("the baseline `unfixed` does not apply to mips-6.12: it was never there")
    );
}
