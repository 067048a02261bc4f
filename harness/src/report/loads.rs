// SPDX-License-Identifier: GPL-2.0-or-later
//! Stale loads, in sentences.

use crate::judge::Judgement;
use crate::report::content::Note;
use crate::report::content::Tone;
use crate::report::content::group_name;

/// Returns how many loads of each cell's trials were stale, where any was.
pub(super) fn note(judgement: &Judgement) -> Note {
    let sentences = judgement.cells().filter_map(|(group, cell)| {
        let mean = cell.stale_loads?;
        Some(format!(
            "{}, {}: {mean:.1} a trial hit a D$ line with other bytes than were stored last; the trial went on with the latter, so \
             that this is in no verdict: `patcheval explain` names the instructions",
            group_name(group),
            cell.variant
        ))
    });
    Note { label: "stale loads", tone: Tone::Doubtful, sentences: sentences.collect() }
}
