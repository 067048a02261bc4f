// SPDX-License-Identifier: GPL-2.0-or-later
//! "Did you mean": the nearest of a list of valid words.

/// Returns the candidate that is nearest to `word` by edit distance, if it is near enough to be a typing slip:
/// at most a third of the longer word, rounded up, so that two swapped letters of a short word are one.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
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

/// Returns the Levenshtein distance in characters (insertions, deletions, substitutions; one row at a time).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_the_textbook_ones() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("flaw", "lawn"), 2);
        assert_eq!(distance("same", "same"), 0);
    }

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
