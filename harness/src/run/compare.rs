// SPDX-License-Identifier: GPL-2.0-or-later
//! Compares two run directories: their cells, and what they were made of. Writes to neither.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::{JudgedRun, judged_whole};
use crate::error::{Error, Result};
use crate::judge::{self, ComparedRun, Made, Renames, RunChanges};
use crate::nearest::suggestion;
use crate::plan::Plan;
use crate::store::{Manifest, StoredImage};

/// What two runs call the same thing: the first run's name, and the second's.
pub type RunNames = (String, String);

/// Keys of the plan that say why and not what.
const WORDS: [&str; 8] = ["title", "why", "shows", "separates", "expectations", "file", "symptoms", "name"];

/// Compares two runs.
///
/// # Errors
///
/// Study, when a directory is not a whole run, a name is not in its run, or the runs have no cell in common;
/// infrastructure.
pub fn compare(before: &Path, after: &Path, renames: &[RunNames]) -> Result<RunChanges> {
    let (old, new) = (judged_whole(before)?, judged_whole(after)?);
    let renames = checked(&old.manifest.plan, &new.manifest.plan, renames)?;
    let mut changes = judge::changes(side(&old), side(&new), &renames);
    if changes.compared == 0 {
        let hint = format!(
            "the first has {}, the second has {}; `--rename OLD=NEW` says what is the same",
            names(&old.manifest.plan).into_iter().collect::<Vec<_>>().join(", "),
            names(&new.manifest.plan).into_iter().collect::<Vec<_>>().join(", ")
        );
        return Err(Error::study("the two runs have no cell in common").hint(hint));
    }
    changes.made = made(&old.manifest, &new.manifest, &renames);
    Ok(changes)
}

fn side(judged: &JudgedRun) -> ComparedRun<'_> {
    ComparedRun {
        plan: &judged.manifest.plan,
        built: &judged.built,
        lines: &judged.lines,
        judgement: &judged.judgement,
    }
}

/// Every name that a cell can have.
fn names(plan: &Plan) -> BTreeSet<&str> {
    let targets = plan.targets.iter().flat_map(|target| [&target.kernel.name, &target.machine.name]);
    let variants = plan.variants.iter().map(|variant| &variant.name);
    let testcases = plan.testcases.iter().map(|testcase| &testcase.name);
    targets.chain(variants).chain(testcases).map(String::as_str).collect()
}

fn checked(old: &Plan, new: &Plan, renames: &[RunNames]) -> Result<Renames> {
    let (old, new) = (names(old), names(new));
    let mut checked = Renames::new();
    for (from, to) in renames {
        for (name, known, which) in [(from, &old, "first"), (to, &new, "second")] {
            if !known.contains(name.as_str()) {
                return Err(Error::study(format!("--rename: the {which} run has nothing called `{name}`"))
                    .hint(suggestion(name, known.iter().copied())));
            }
        }
        if checked.insert(from.clone(), to.clone()).is_some() {
            return Err(Error::study(format!("--rename: `{from}` is renamed twice")));
        }
    }
    let taken = |(from, to): &(&String, &String)| {
        let others = old.iter().filter(|name| **name != from.as_str());
        others.map(|name| checked.get(*name).map_or(*name, String::as_str)).any(|name| name == to.as_str())
    };
    match checked.iter().find(taken) {
        Some((from, to)) => Err(Error::study(format!(
            "--rename {from}={to}: two things of the first run would then be called `{to}`"
        ))),
        None => Ok(checked),
    }
}

/// Everything that differs in what the runs were made of.
fn made(old: &Manifest, new: &Manifest, renames: &Renames) -> Vec<Made> {
    let (mut was, mut is) = (parts(old, renames), parts(new, &Renames::new()));
    drop_equal_images(&mut was, &mut is);
    let all: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let one = |what: &String| {
        let (before, after) = (was.get(what).cloned(), is.get(what).cloned());
        (before != after).then(|| Made { what: what.clone(), before, after })
    };
    all.into_iter().filter_map(one).collect()
}

/// The checksums of all images of a kernel stand in one line, of those variants only whose images differ.
fn drop_equal_images(was: &mut BTreeMap<String, String>, is: &mut BTreeMap<String, String>) {
    let keys: Vec<String> = was.keys().filter(|key| key.starts_with(IMAGES)).cloned().collect();
    for key in keys {
        let (Some(old), Some(new)) = (was.get(&key), is.get(&key)) else { continue };
        let without = |these: &str, others: &str| {
            let others: BTreeSet<&str> = others.split(", ").collect();
            these.split(", ").filter(|one| !others.contains(one)).collect::<Vec<_>>().join(", ")
        };
        let (old, new) = (without(old, new), without(new, old));
        was.insert(key.clone(), old);
        is.insert(key, new);
    }
}

const IMAGES: &str = "images of ";

/// What a run was made of, as one value for each name.
fn parts(manifest: &Manifest, renames: &Renames) -> BTreeMap<String, String> {
    let renamed = |name: &str| renames.get(name).map_or(name, String::as_str).to_owned();
    let mut parts = BTreeMap::from([
        ("QEMU".to_owned(), manifest.qemu.clone()),
        ("plugin".to_owned(), short(&manifest.plugin)),
    ]);
    for (what, by_kernel) in [("release", &manifest.releases), ("toolchain", &manifest.toolchains)] {
        parts.extend(
            by_kernel.iter().map(|(k, value)| (format!("kernel {}, {what}", renamed(k)), value.clone())),
        );
    }
    let guests = manifest.guests.iter();
    parts.extend(guests.map(|(k, sum)| (format!("kernel {}, guest programs", renamed(k)), short(sum))));
    for (kernel, image) in &manifest.bases {
        parts.insert(format!("kernel {}, unpatched image", renamed(kernel)), described(image));
    }
    for (kernel, variants) in &manifest.images {
        let all =
            variants.iter().map(|(variant, image)| format!("{} {}", renamed(variant), described(image)));
        parts.insert(format!("{IMAGES}{}", renamed(kernel)), all.collect::<Vec<_>>().join(", "));
    }
    let plan = &manifest.plan;
    for target in &plan.targets {
        flatten(&mut parts, &format!("kernel {}", renamed(&target.kernel.name)), &target.kernel);
        let machine = format!("machine {}", renamed(&target.machine.name));
        flatten(&mut parts, &machine, &target.machine);
        // Where its figures were found.
        parts.remove(&format!("{machine}, source"));
    }
    for variant in &plan.variants {
        flatten(&mut parts, &format!("variant {}", renamed(&variant.name)), variant);
    }
    for testcase in &plan.testcases {
        flatten(&mut parts, &format!("testcase {}", renamed(&testcase.name)), testcase);
    }
    flatten(&mut parts, "study", &plan.study);
    parts.insert("study, baseline".into(), renamed(&plan.study.baseline));
    parts
}

fn described(image: &StoredImage) -> String {
    if image.failed.is_some() { "not built".into() } else { short(&image.sha256) }
}

/// As much of a checksum as distinguishes two.
fn short(checksum: &str) -> String {
    checksum.chars().take(12).collect()
}

/// Takes each figure of a part of the plan under its own name, so that none can be forgotten.
fn flatten(parts: &mut BTreeMap<String, String>, name: &str, part: &impl serde::Serialize) {
    if let Ok(value) = serde_json::to_value(part) {
        leaves(parts, &format!("{name}, "), "", &value);
    }
}

fn leaves(parts: &mut BTreeMap<String, String>, name: &str, path: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields.iter().filter(|(key, _)| !WORDS.contains(&key.as_str())) {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                leaves(parts, name, &path, value);
            }
        }
        Value::Null => {}
        _ => drop(parts.insert(format!("{name}{path}"), plain(value))),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".into(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
