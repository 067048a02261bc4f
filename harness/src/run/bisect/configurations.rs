// SPDX-License-Identifier: GPL-2.0-or-later
//! The two sides of an answer among configurations: as files, and as kbuild has them.

use std::collections::BTreeMap;

use crate::build::ConfigOptions;
use crate::error::Result;
use crate::judge::bisection::Next;
use crate::report::bisection::{Bisection, SuspectSides, SuspectSource};

use super::builder::{CandidateBuilder, Readiness};
use super::journal::BisectJournal;

/// Their names in a bisection's directory.
const FILES: [&str; 2] = ["last-good.config", "first-bad.config"];

/// Writes both sides of the answer, if there is one, and finds out in what they differ once kbuild has seen them: an option
/// that nothing depended on until now comes with those that it selects.
///
/// # Errors
///
/// Infrastructure; interrupted.
pub(super) fn compare(
    builder: &CandidateBuilder<'_>,
    of: &BTreeMap<String, ConfigOptions>,
    found: &mut Bisection,
    journal: &BisectJournal,
) -> Result<()> {
    let Next::Found { positions, .. } = &found.end else { return Ok(()) };
    let (Some(first), Some(last)) = (positions.iter().min(), positions.iter().max()) else { return Ok(()) };
    let mut files = Vec::new();
    let mut granted = Vec::new();
    for (position, file) in [first.saturating_sub(1), *last].into_iter().zip(FILES) {
        let hash = &found.candidates[position].hash;
        journal.write(file, &of[hash].text())?;
        files.push(journal.root().join(file).display().to_string());
        if let Readiness::Ready(ready) = builder.make_ready(hash, &mut |_| {})?
            && let Some(image) = builder.image(&ready)
        {
            granted.extend(image.granted()?);
        }
    }
    let effect = match &granted[..] {
        [good, bad] => Some(good.switches(bad).iter().map(ToString::to_string).collect()),
        _ => None,
    };
    if let (SuspectSource::Configurations { found, .. }, [last_good, first_bad]) =
        (&mut found.origin, &files[..])
    {
        *found = Some(SuspectSides { last_good: last_good.clone(), first_bad: first_bad.clone(), effect });
    }
    Ok(())
}
