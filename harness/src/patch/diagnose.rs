// SPDX-License-Identifier: GPL-2.0-or-later
//! Why a patch does not apply: what git complains of, in the words of the study, and what is most likely behind it.

use std::path::Path;

use super::parse::FilePatch;
use super::{ApplyWay, Copy, Patch};
use crate::error::{Error, Result};

const REBASE: &str = "rebase the patch onto this kernel, or onto the patches before it in the series";

/// Returns the error for the last patch of `series`, which `copy`, with all patches before it, did not take.
///
/// # Errors
///
/// Infrastructure.
pub(super) fn explain(
    copy: &Copy<'_>,
    series: &[Patch],
    files: &[FilePatch],
    complaint: &str,
) -> Result<Error> {
    let Some((patch, before)) = series.split_last() else {
        return Err(Error::internal("no patch failed"));
    };
    let said = words(complaint, files);
    let error = |why: &str, mend: &str| Ok(patch.fault(None, why, mend));
    if complaint.contains("corrupt patch") || complaint.contains("patch fragment without header") {
        return error(
            &format!("is damaged: git says {said}"),
            "fetch it again: it was cut off or edited on its way",
        );
    }
    let error = |why: &str, mend: &str| error(why, mend).map(Error::rejected);
    let undone_by = last_that_takes(copy, before, patch)?;
    if copy.apply(patch, ApplyWay::CheckReverse)?.is_none() {
        let Some(culprit) = undone_by else {
            return error(
                &format!("{said}: it is in this tree already, or it is reversed"),
                "drop it if the kernel has it; if it was made from new to old, turn it round with `git apply -R`",
            );
        };
        let why = format!("{said}: {} has made this change already", culprit.name);
        return error(&why, "name the patch once, in the variant or in a companion");
    }
    if let Some(culprit) = undone_by {
        let why = format!("{said}: it conflicts with {}, without which it applies", culprit.name);
        return error(
            &why,
            "rebase it onto that patch, or put both into one variant or `with` list that fits together",
        );
    }
    let missing = |file: &FilePatch| file.old.as_ref().is_some_and(|old| !copy.tree.join(old).exists());
    if before.is_empty() && files.iter().all(missing) {
        return error(
            &format!("{said}, nor is any other file that it changes: it is for another tree"),
            "take the patch for this kernel, or name the kernel that it is for",
        );
    }
    if copy.apply(patch, ApplyWay::CheckFuzzy)?.is_none() {
        return error(
            &format!("{said} without fuzz: some lines around the change differ in this tree"),
            REBASE,
        );
    }
    error(&said, REBASE)
}

/// Returns the patch of `before` that keeps `patch` from applying: the last one before which it applies.
fn last_that_takes<'p>(copy: &Copy<'_>, before: &'p [Patch], patch: &Patch) -> Result<Option<&'p Patch>> {
    let mut again = Copy::new(copy.tree, copy.under)?;
    again.take(patch, &patch.files()?)?;
    let mut found = None;
    for earlier in before {
        if again.apply(patch, ApplyWay::Check)?.is_none() {
            found = Some(earlier);
        }
        again.take(earlier, &earlier.files()?)?;
        again.apply(earlier, ApplyWay::Forward)?;
    }
    Ok(found)
}

/// Turns git's complaint into the words of the study: which hunk, which file, which line.
fn words(complaint: &str, files: &[FilePatch]) -> String {
    let said = complaint.lines().find_map(|l| l.strip_prefix("error: ")).unwrap_or("git cannot apply it");
    if let Some((path, line)) = said.strip_prefix("patch failed: ").and_then(|at| at.rsplit_once(':')) {
        let hunks =
            files.iter().find(|f| f.old.as_deref() == Some(Path::new(path))).map(|f| f.hunks.as_slice());
        let number = hunks.unwrap_or_default().iter().position(|start| start.to_string() == line);
        let hunk = number.map_or_else(|| "a hunk".to_owned(), |n| format!("hunk {}", n + 1));
        return format!("{hunk} at {path}:{line} does not apply");
    }
    if let Some(path) = said.strip_suffix(": No such file or directory") {
        return format!("{path} is not in this source tree");
    }
    if let Some(path) = said.strip_suffix(": already exists in working directory") {
        return format!("{path} is in this source tree already");
    }
    said.to_owned()
}
