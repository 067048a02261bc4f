// SPDX-License-Identifier: GPL-2.0-or-later
//! What patches change in the kernels, in sentences.

use std::collections::BTreeSet;

use crate::build::Changes;
use crate::judge::CellJudgement;
use crate::judge::InBinary;
use crate::judge::Judgement;
use crate::report::content::Note;
use crate::report::content::Tone;
use crate::report::number::plural;

/// Returns the control that the patches are in the kernels that ran.
pub(super) fn control(judgement: &Judgement) -> Note {
    let variants = |wanted: InBinary| -> String {
        let mut variants: Vec<String> = Vec::new();
        for (group, cell) in judgement.cells().filter(|(_, cell)| has(cell, wanted)) {
            let name = format!("{} on {}", cell.variant, group.kernel);
            if !variants.contains(&name) {
                variants.push(name);
            }
        }
        variants.join(", ")
    };
    let mut sentences = Vec::new();
    for (wanted, what) in [
        (InBinary::Present, "patches are in the image"),
        (InBinary::Base, "no patches, the kernel's own tree"),
        (InBinary::NoOp, "NO-OP, the image is the same without the patches"),
        (InBinary::Unknown, "unknown, no image to compare with"),
    ] {
        let variants = variants(wanted);
        if !variants.is_empty() {
            sentences.push(format!("{what}: {variants}"));
        }
    }
    Note { label: "control: in the binary", tone: Tone::Plain, sentences }
}

/// Of a variant that was never to be built nobody asks.
pub(super) fn has(cell: &CellJudgement, wanted: InBinary) -> bool {
    cell.in_binary == wanted && cell.reason.is_none()
}

/// Returns what each variant changes in each kernel: one sentence for both, unless nothing was recorded.
pub(super) fn changes(judgement: &Judgement) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut sentences = Vec::new();
    for (group, cell) in judgement.cells().filter(|(_, cell)| cell.in_binary != InBinary::Base) {
        let changes = judgement.changes.get(&group.kernel).and_then(|variants| variants.get(&cell.variant));
        let Some(changes) = changes.filter(|_| seen.insert((&group.kernel, &cell.variant))) else { continue };
        let same = match (&cell.same_as, cell.in_binary) {
            (Some(same), _) => format!("no-op: it is the kernel of {same}; "),
            (None, InBinary::NoOp) => "no-op: it is the kernel's own tree; ".into(),
            (None, _) => String::new(),
        };
        sentences.push(format!("{}, {}: {same}{}", group.kernel, cell.variant, described(changes)));
    }
    sentences
}

/// Says what changed against the kernel's own tree.
fn described(changes: &Changes) -> String {
    let count = |n: usize, noun: &str| plural(u32::try_from(n).unwrap_or(u32::MAX), noun);
    let objects = format!("{} rebuilt", count(changes.objects, "object"));
    if !changes.image_differs {
        return format!("{objects}, the image is the same");
    }
    let resized: Vec<String> =
        changes.resized_names.iter().map(|one| format!("{} {:+}", one.name, one.by)).collect();
    let parts: Vec<String> = [
        (changes.added, "added", changes.added_names.clone()),
        (changes.removed, "removed", changes.removed_names.clone()),
        (changes.resized, "of another size", resized),
    ]
    .into_iter()
    .filter(|(n, ..)| *n > 0)
    .map(|(n, what, names)| {
        let more = if names.len() < n { ", ..." } else { "" };
        format!("{n} {what} ({}{more})", names.join(", "))
    })
    .collect();
    let symbols = if parts.is_empty() { "none of another size".into() } else { parts.join(", ") };
    format!("{objects}, another image; functions and data: {symbols}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::Resized;

    #[test]
    fn changes_are_counted_and_named() {
        let mut changes = Changes { objects: 3, image_differs: true, ..Changes::default() };
        assert_eq!(
            described(&changes),
            "3 objects rebuilt, another image; functions and data: none of another size"
        );
        (changes.added, changes.resized) = (2, 1);
        changes.added_names = vec!["flush".into()];
        changes.resized_names = vec![Resized { name: "get_slot".into(), by: -24 }];
        assert_eq!(
            described(&changes),
            "3 objects rebuilt, another image; functions and data: 2 added (flush, ...), 1 of another size (get_slot -24)"
        );
        let same = Changes { objects: 1, ..Changes::default() };
        assert_eq!(described(&same), "1 object rebuilt, the image is the same");
    }
}
