// SPDX-License-Identifier: GPL-2.0-or-later
//! Puts the shares of a run together: what comes out is, byte for byte, what one machine would have made of the whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::replay::difference;
use super::{cold_check, judged, publish, report_data};
use crate::error::{Error, Result};
use crate::judge::Judgement;
use crate::plan::{Shard, TrialId};
use crate::store::{self, Manifest, RunDir};
use crate::trial::line::TrialLine;

/// A run put together.
#[derive(Debug)]
pub struct Merged {
    /// The run directory.
    pub root: PathBuf,
    /// The verdicts.
    pub judgement: Judgement,
    /// Shares that were not given; their trials count as missing.
    pub absent: Vec<Shard>,
}

/// One share, as it was read.
struct Part<'a> {
    root: &'a Path,
    shard: Shard,
    manifest: Manifest,
    lines: Vec<TrialLine>,
}

/// Puts shares together in the directory `out`, by default one beside the first share; what is there already stays, so
/// that a share can come later.
///
/// # Errors
///
/// Study, when a directory is no share, or when they do not belong together; infrastructure.
pub fn merge(shares: &[PathBuf], out: Option<&Path>) -> Result<Merged> {
    let parts = shares.iter().map(|root| read(root)).collect::<Result<Vec<Part<'_>>>>()?;
    let Some(first) = parts.first() else { return Err(Error::study("no share to put together")) };
    check(&parts)?;
    let beside = || first.root.parent().unwrap_or(Path::new(".")).join(first.manifest.run_name());
    let root = out.map_or_else(beside, Path::to_owned);
    let (mut dir, there) = RunDir::open(&root, &first.manifest, None)?;
    let there: BTreeMap<TrialId, TrialLine> = there.into_iter().map(|line| (line.id.clone(), line)).collect();
    for part in &parts {
        let seconds: BTreeMap<TrialId, f64> = store::read_times(part.root)?.into_iter().collect();
        for line in &part.lines {
            match there.get(&line.id) {
                None => dir.take_over(line, seconds.get(&line.id).copied(), part.root)?,
                Some(known) if known == line => {}
                Some(_) => {
                    return Err(Error::study(format!("{} has another line for {}", root.display(), line.id))
                        .hint("equal inputs give equal lines: one of the machines is at fault"));
                }
            }
        }
    }
    for part in &parts {
        take_logs(&dir, part)?;
    }
    dir.put_in_order(&first.manifest.plan.trials())?;
    let judged = judged(&root)?;
    let mut sources: Vec<&Path> = vec![&root];
    sources.extend(parts.iter().map(|part| part.root));
    report_data::merge_examples(&root, &judged.judgement, &sources)?;
    let judgement = publish(&root, judged)?;
    let given: Vec<u32> = parts.iter().map(|part| part.shard.index).collect();
    let of = first.shard.of;
    let absent = (1..=of).filter(|index| !given.contains(index)).map(|index| Shard { index, of }).collect();
    Ok(Merged { root, judgement, absent })
}

/// Takes over what a share has of kernels that do not build or boot.
fn take_logs(dir: &RunDir, part: &Part<'_>) -> Result<()> {
    for boot in store::read_boots(part.root)? {
        dir.append_boot(&boot, &store::read_log(part.root, &boot.log))?;
    }
    let images = part.manifest.images.values().flat_map(BTreeMap::values);
    for place in images.filter_map(|image| image.failed.as_ref()?.log.as_ref()) {
        let log = store::read_log(part.root, place);
        if !log.is_empty() && store::read_log(dir.root(), place).is_empty() {
            dir.keep_log(place, &log)?;
        }
    }
    Ok(())
}

fn read(root: &Path) -> Result<Part<'_>> {
    let manifest = store::read_manifest(root)?;
    let shard = store::read_shard(root)?.ok_or_else(|| {
        Error::study(format!("{} is a whole run, not a share of one", root.display()))
            .hint("shares are made by `patcheval run STUDY --shard 1/4` and so on")
    })?;
    cold_check::refuse_differences(root)?;
    Ok(Part { root, shard, manifest, lines: store::read_lines(root)? })
}

/// Says what keeps shares from belonging together.
fn check(parts: &[Part<'_>]) -> Result<()> {
    let mut cells: BTreeMap<[&str; 4], &Part<'_>> = BTreeMap::new();
    for (n, part) in parts.iter().enumerate() {
        let first = &parts[0];
        let pair = format!("{} and {}", first.root.display(), part.root.display());
        if !part.manifest.is_same(&first.manifest) {
            let what = match difference(&first.manifest, &part.manifest) {
                what if what.is_empty() => "the study".into(),
                what => what,
            };
            return Err(Error::study(format!("{pair} are not shares of one run: they differ in {what}")));
        }
        if part.shard.of != first.shard.of {
            return Err(Error::study(format!("{pair} are shares {} and {}", first.shard, part.shard))
                .hint("shares of one run have the same number behind the stroke"));
        }
        if let Some(same) = parts[..n].iter().find(|other| other.shard == part.shard) {
            let (a, b) = (same.root.display(), part.root.display());
            return Err(Error::study(format!("{a} and {b} are both share {}", part.shard)));
        }
        for line in &part.lines {
            let TrialId { kernel, machine, variant, testcase, .. } = &line.id;
            let cell = [kernel.as_str(), machine, variant, testcase];
            let owner = cells.entry(cell).or_insert(part);
            if owner.shard != part.shard {
                let (a, b) = (owner.root.display(), part.root.display());
                return Err(Error::study(format!("{a} and {b} both have {}", cell.join("/")))
                    .hint("they were dealt by different costs: give every share the same --costs"));
            }
        }
    }
    Ok(())
}
