// SPDX-License-Identifier: GPL-2.0-or-later
//! Variants on several versions of a kernel: other patches for some, none for others.

use super::{SCRIPT, lines, out, patch, run, world};
use crate::world::World;
use crate::{STUDY_ERROR, has};

/// Two versions: in the newer one another line is there to be changed.
fn two_versions(about_fixed: &str) -> World {
    let world = world(&SCRIPT.replace("fake/*/unfixed", "fake*/*/unfixed"));
    let newer = world.read("linux/kernel/a.c").replace("line 5\n", "line 5, newer\n");
    for file in ["Makefile", "Kconfig"] {
        world.write(&format!("newer/{file}"), &world.read(&format!("linux/{file}")));
    }
    world.write("newer/kernel/a.c", &newer);
    let kernel = world.read("kernels/fake.yaml");
    let with = |directory: &str, version: &str| {
        kernel.replace("{directory: linux}", &format!("{{directory: {directory}, version: '{version}'}}"))
    };
    world.write("kernels/fake.yaml", &with("linux", "6.1"));
    world.write("kernels/fake-newer.yaml", &with("newer", "6.12").replace("name: fake", "name: fake-newer"));
    let study = world.read("ci/studies/pretend.yaml");
    let study =
        study.replace("kernel: fake-arm, machine: virt-a15", "kernel: fake-newer, machine: malta-24kf-16k");
    world.write("ci/studies/pretend.yaml", &study.replace(", {variant: dear}", ""));
    for name in ["unfixed", "fixed"] {
        let about = world.read(&format!("patches/pretend/{name}/variant.yaml"));
        let more = if name == "fixed" { about_fixed } else { SERIES };
        world.write(&format!("patches/pretend/{name}/variant.yaml"), &format!("{about}{more}"));
        let newer = patch(&format!("{name} for the newer")).replace("-line 5\n", "-line 5, newer\n");
        world.write(&format!("patches/pretend/{name}/newer/0001-{name}.patch"), &newer);
    }
    world
}

const SERIES: &str = "for_kernels: [{kernels: '>=6.12', series: newer}]\n";

#[test]
fn a_series_for_a_range_of_versions_is_applied_there_and_the_usual_one_elsewhere() {
    let world = two_versions(SERIES);
    let planned = world.patcheval(&["plan", "pretend"]);
    assert_eq!(planned.code, Some(0), "{planned:?}");
    has(&planned.stdout, &["2 targets, 2 variants, 2 testcases: 8 cells\n"]);
    run(&world, "pretend", "run", &[]);
    let manifest: serde_json::Value = serde_json::from_str(&world.read("run/run.json")).unwrap();
    assert_eq!(manifest["v"], 5);
    let fixed = &manifest["plan"]["variants"][1];
    assert_eq!(fixed["series"], serde_json::json!(["patches/pretend/fixed/0001-fixed.patch"]));
    let newer = serde_json::json!({"fake-newer": [{"series": "patches/pretend/fixed/newer"}]});
    assert_eq!(fixed["series_by_kernel"], newer);
    // Both were built, of different patches.
    let image = |kernel: &str| {
        let path =
            world.cache().join("image").join(manifest["images"][kernel]["fixed"]["key"].as_str().unwrap());
        std::fs::read_to_string(path.join("image")).unwrap()
    };
    has(&image("fake"), &["flushes a line"]);
    has(&image("fake-newer"), &["fixed for the newer"]);
}

#[test]
fn a_variant_that_does_not_apply_to_one_kernel_leaves_the_cells_of_the_other_alone() {
    let world = two_versions("does_not_apply: [{kernels: '>=6.12', why: 'line 5 was rewritten'}]\n");
    let why = "fixed does not apply to fake-newer: line 5 was rewritten";
    let planned = world.patcheval(&["plan", "pretend"]);
    has(&planned.stdout, &["2 targets, 2 variants, 2 testcases: 6 cells\n", why]);
    let ended = run(&world, "pretend", "run", &[]);
    assert_eq!(ended.code, Some(0), "it is no failure: {ended:?}");
    has(&ended.stdout, &[why, " does-not-apply ", " passes-all "]);
    let tried = |kernel: &str| {
        let all = lines(&out(&world, "run"));
        let of = all.iter().filter(|line| line["id"]["kernel"] == kernel && line["id"]["variant"] == "fixed");
        of.count()
    };
    assert_eq!((tried("fake"), tried("fake-newer")), (2 * (4 + 1), 0));
    for format in ["table", "markdown", "html", "mail", "junit", "ktap", "kcidb", "json", "csv"] {
        let origin: &[&str] = if format == "kcidb" { &["--origin", "test"] } else { &[] };
        let ended = world.patcheval(&[&["report", "run", "--format", format], origin].concat());
        assert_eq!(ended.code, Some(0), "{format}: {ended:?}");
        let text = ended.stdout.replace("\n  ", " ");
        has(&text, &["line 5 was rewritten"]);
    }
    let cell = "fake-newer/malta-24kf-16k/fixed/t1-first-return";
    let explained = world.patcheval(&["explain", "run", cell]);
    has(&explained.stdout.replace("\n  ", " "), &["does not apply: line 5 was rewritten"]);
    let trial = format!("{cell}/enforce/1");
    has(&world.fails(&["replay", "run", &trial], STUDY_ERROR), &["has no trial"]);
    // Nothing that both runs lack has changed.
    let compared = world.patcheval(&["compare", "run", "run"]);
    has(&compared.stdout, &["nothing changed", "8 cells in both"]);
}
