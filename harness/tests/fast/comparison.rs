// SPDX-License-Identifier: GPL-2.0-or-later
//! `compare` on run directories that the test makes: of a study that cannot be built, whose trials it writes itself.

use std::fs;

use serde_json::{Value, json};

use crate::has;
use crate::world::World;

/// Makes a run directory with one variant that is the baseline and one that is judged, with `passes` of ten trials of it.
pub fn run(world: &World, name: &str, kernel: &str, passes: u64, release: &str) -> String {
    let dir = world.root().join(name);
    fs::create_dir_all(&dir).unwrap();
    let mut manifest: Value = serde_json::from_str(include_str!("../data/run.json")).unwrap();
    manifest["plan"]["targets"][0]["kernel"]["name"] = json!(kernel);
    manifest["releases"] = json!({kernel: release});
    fs::write(dir.join("run.json"), manifest.to_string()).unwrap();
    let mut lines = String::new();
    for (variant, passes) in [("unfixed", 5), ("fixed", passes)] {
        for (mode, seed) in [("off", 1)].into_iter().chain((1..=10).map(|seed| ("enforce", seed))) {
            lines.push_str(&format!(
                "{}\n",
                line(kernel, variant, mode, seed, mode == "off" || seed <= passes)
            ));
        }
    }
    fs::write(dir.join("trials.jsonl"), lines).unwrap();
    dir.display().to_string()
}

fn line(kernel: &str, variant: &str, mode: &str, seed: u64, passes: bool) -> Value {
    let outcome =
        if passes { json!({"result": "pass"}) } else { json!({"result": "fail", "symptom": "sigill"}) };
    let flush_use = json!({"needed": 0, "redundant": 0, "insufficient": 0});
    json!({
        "v": 3,
        "id": {"kernel": kernel, "machine": "malta", "variant": variant, "testcase": "t1", "mode": mode, "seed": seed},
        "outcome": outcome, "detail": null, "checks": {"passed": 1, "failed": 0, "skipped": 0},
        "stale_fetches": u64::from(!passes), "stale": [], "operations": {}, "d_operations": 10, "i_operations": 10,
        "d_use": flush_use, "i_use": flush_use, "flush_instructions": 100, "instructions": 1000,
        "image": variant.repeat(8), "console_sha256": "", "record_sha256": "ab",
    })
}

#[test]
fn a_run_compared_with_itself_has_not_changed() {
    let world = World::new();
    let run = run(&world, "a", "mips-6.1", 10, "6.1.1");
    let said = world.patcheval(&["compare", &run, &run]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{}", said.stdout);
    has(
        &said.stdout,
        &["nothing changed: 2 cells in both: 0 worse, 0 better, 0 otherwise changed, 2 as before"],
    );
    // Nothing was written into it.
    assert_eq!(fs::read_dir(&run).unwrap().count(), 2);
}

/// Renames keys wherever they are.
fn renamed(value: &Value, keys: &[(&str, &str)]) -> Value {
    match value {
        Value::Object(object) => {
            let name = |key: &String| {
                keys.iter()
                    .find(|(from, _)| from == key)
                    .map_or_else(|| key.clone(), |(_, to)| (*to).to_owned())
            };
            object.iter().map(|(key, value)| (name(key), renamed(value, keys))).collect()
        }
        Value::Array(list) => list.iter().map(|value| renamed(value, keys)).collect(),
        other => other.clone(),
    }
}

/// The manifest in the test data is of version 3; lines of that time are of version 2.
#[test]
fn an_old_run_gets_the_judgement_of_a_new_one() {
    let world = World::new();
    let (old, new) = (run(&world, "old", "mips-6.1", 8, "6.1.1"), run(&world, "new", "mips-6.1", 8, "6.1.1"));
    let file = |run: &str, name: &str| std::path::Path::new(run).join(name);
    let manifest: Value = serde_json::from_str(&fs::read_to_string(file(&old, "run.json")).unwrap()).unwrap();
    assert_eq!(
        (&manifest["v"], manifest["plan"]["rows"][0]["variant"].as_str()),
        (&json!(3), Some("unfixed"))
    );
    let mut manifest =
        renamed(&manifest, &[("rows", "variants"), ("variant", "directory"), ("told", "result")]);
    manifest["v"] = json!(4);
    fs::write(file(&new, "run.json"), manifest.to_string()).unwrap();
    let keys = [("variant", "row"), ("d_use", "d_worth"), ("i_use", "i_worth")];
    let mut lines = String::new();
    for line in fs::read_to_string(file(&new, "trials.jsonl")).unwrap().lines() {
        let mut line = renamed(&serde_json::from_str(line).unwrap(), &keys);
        line["v"] = json!(2);
        assert!(line["id"]["row"].is_string() && line["d_worth"].is_object(), "{line}");
        lines.push_str(&format!("{line}\n"));
    }
    fs::write(file(&old, "trials.jsonl"), lines).unwrap();
    let judgement = |run: &str| {
        let said = world.patcheval(&["report", run]);
        assert_eq!((said.code, said.stderr.as_str()), (Some(1), ""), "{}", said.stdout);
        fs::read_to_string(file(run, "judgement.json")).unwrap()
    };
    assert_eq!(judgement(&old), judgement(&new));
    has(&world.patcheval(&["compare", &old, &new]).stdout, &["nothing changed: 2 cells in both"]);
}

#[test]
fn a_variant_that_fails_now_is_worse_in_every_layout_and_other_kernels_can_be_named() {
    let world = World::new();
    let (old, new) = (run(&world, "a", "mips-6.1", 10, "6.1.1"), run(&world, "b", "mips-6.12", 8, "6.12.3"));
    let renamed = |more: &[&str]| {
        let mut words = vec!["compare", &old, &new, "--rename", "mips-6.1=mips-6.12"];
        words.extend(more);
        world.patcheval(&words)
    };
    for format in ["table", "markdown"] {
        let said = renamed(&["--format", format]);
        assert_eq!(said.code, Some(1), "{}", said.stderr);
        has(
            &said.stdout,
            &["something got worse", "mips-6.12 on malta, t1, fixed", "verdict passes-all -> mixed"],
        );
        has(&said.stdout, &["kernel mips-6.12, release", "6.1.1 -> 6.12.3"]);
        has(&said.stdout, &["2 trials that passed fail now", "mips-6.12/malta/fixed/t1/enforce/9"]);
    }
    let json: Value = serde_json::from_str(&renamed(&["--format", "json"]).stdout).unwrap();
    assert_eq!((json["v"].as_u64(), json["outlook"].as_str()), (Some(2), Some("worse")));
    assert_eq!(json["cells"][0]["after"]["passes"], 8);
    // The other way round it is better.
    let back = world.patcheval(&["compare", &new, &old, "--rename", "mips-6.12=mips-6.1"]);
    assert_eq!(back.code, Some(0), "{}{}", back.stdout, back.stderr);
    has(&back.stdout, &["nothing got worse", "1 better"]);
}

#[test]
fn trials_that_are_missing_now_are_reported_and_not_taken_for_passes() {
    let world = World::new();
    let (old, new) = (run(&world, "a", "mips-6.1", 10, "6.1.1"), run(&world, "b", "mips-6.1", 10, "6.1.1"));
    let path = std::path::Path::new(&new).join("trials.jsonl");
    let lines = fs::read_to_string(&path).unwrap();
    let kept: Vec<&str> = lines.lines().filter(|line| !line.contains("\"seed\":10")).collect();
    fs::write(&path, kept.join("\n") + "\n").unwrap();
    let said = world.patcheval(&["compare", &old, &new]);
    assert_eq!(said.code, Some(3), "{}", said.stdout);
    has(&said.stdout, &["undecided whether a cell got worse", "missing trials 0 -> 1"]);
}

#[test]
fn names_that_are_not_there_are_usage_errors() {
    let world = World::new();
    let (old, new) = (run(&world, "a", "mips-6.1", 10, "6.1.1"), run(&world, "b", "mips-6.12", 10, "6.12.3"));
    has(&world.fails(&["compare", &old, &new], 2), &["no cell in common", "--rename OLD=NEW"]);
    let said = world.fails(&["compare", &old, &new, "--rename", "mips-6.1=mips-6.2"], 2);
    has(&said, &["the second run has nothing called `mips-6.2`", "did you mean `mips-6.12`?"]);
    world.fails(&["compare", &old, &new, "--rename", "mips"], 2);
    world.fails(&["compare", &old, "no-such-run"], 2);
}

#[test]
fn a_cell_is_explained_from_the_run_directory_alone_and_a_partial_name_is_helped() {
    let world = World::new();
    let run = run(&world, "a", "mips-6.1", 8, "6.1.1");
    let said = world.patcheval(&["explain", &run, "mips-6.1/malta/fixed/t1"]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{}", said.stdout);
    has(&said.stdout, &["verdict: mixed, passes 8/10", "with the model off 1/1 pass; the baseline fails"]);
    has(
        &said.stdout,
        &["expected: pass: CONTRADICTED", "2 fail, sigill: seeds 9, 10", "8 pass: seeds 1, 2,"],
    );
    has(&said.stdout, &["fixed here by: no other variant", "mips-6.1/malta/fixed/t1/enforce/9\n"]);
    assert!(said.stdout.lines().count() <= 40);
    has(
        &world.fails(&["explain", &run, "fixd/t1"], 2),
        &["no cell `fixd/t1`", "KERNEL/MACHINE/VARIANT/TESTCASE"],
    );
    has(
        &world.fails(&["explain", &run, "/fixed/t1"], 2),
        &["did you mean mips-6.1/malta/unfixed/t1, mips-6.1/malta/fixed/t1?"],
    );
}
