// SPDX-License-Identifier: GPL-2.0-or-later
//! "Did you mean": the nearest of a list of valid words.

use strsim::levenshtein;

/// Returns the candidate that is nearest to `word` by edit distance, if it is near enough to be a typing slip:
/// at most a third of the longer word, rounded up, so that two swapped letters of a short word are one.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (levenshtein(word, candidate), candidate))
        .filter(|&(distance, candidate)| distance <= word.len().max(candidate.len()).div_ceil(3))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Returns a sentence for an error about an unknown `word`: the nearest candidate if there is one, and all of
/// them otherwise.
pub fn suggestion<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let all: Vec<&str> = candidates.into_iter().collect();
    match nearest(word, all.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? there is: {}", all.join(", ")),
        None if all.is_empty() => "there is none at all".into(),
        None => format!("there is: {}", all.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        assert_eq!(nearest("kernl", ["machine", "kernel"]), Some("kernel"));
        assert_eq!(nearest("zebra", ["machine", "kernel"]), None);
    }

    #[test]
    fn the_suggestion_lists_what_exists() {
        assert_eq!(
            suggestion("mips-61", ["arm-6.1", "mips-6.1"]),
            "did you mean `mips-6.1`? there is: arm-6.1, mips-6.1"
        );
        assert_eq!(suggestion("x86", ["arm-6.1"]), "there is: arm-6.1");
        assert_eq!(suggestion("x86", []), "there is none at all");
    }
}
