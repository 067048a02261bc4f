// SPDX-License-Identifier: GPL-2.0-or-later
//! Versions of Linux, and ranges of them.

use std::cmp::Ordering;

/// A version as in `6.12`, `6.12.117` or `7.3.4-rc1`.
///
/// Not those of `semver`, which wants three numbers, and whose ranges leave out release candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    numbers: Vec<u32>,
    /// Release candidates come before the release.
    candidate: Option<u32>,
}

impl Version {
    /// Reads a version; `None` where it is not one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (numbers, candidate) = match text.split_once("-rc") {
            Some((numbers, candidate)) => (numbers, Some(number(candidate)?)),
            None => (text, None),
        };
        let numbers: Vec<u32> = numbers.split('.').map(number).collect::<Option<_>>()?;
        (2..=4).contains(&numbers.len()).then_some(Self { numbers, candidate })
    }

    /// Whether this is `other`, or one of its stable releases or candidates: `6.12.3` is of `6.12`.
    fn is_of(&self, other: &Self) -> bool {
        self == other || (other.candidate.is_none() && self.numbers.starts_with(&other.numbers))
    }
}

fn number(text: &str) -> Option<u32> {
    // Not `+1`, which the standard library takes.
    text.chars().all(|c| c.is_ascii_digit()).then(|| text.parse().ok())?
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let part = |version: &Self, at: usize| version.numbers.get(at).copied().unwrap_or(0);
        let longest = self.numbers.len().max(other.numbers.len());
        let numbers = (0..longest).map(|at| part(self, at).cmp(&part(other, at)));
        let last = |version: &Self| version.candidate.unwrap_or(u32::MAX);
        numbers.fold(Ordering::Equal, Ordering::then).then(last(self).cmp(&last(other)))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A range as in `>=6.13`, `>=6.1, <6.13` or `6.12`, which is every version of 6.12: all of its conditions hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range(Vec<(Comparator, Version)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparator {
    AtLeast,
    AtMost,
    Above,
    Below,
    Of,
}

/// The longer ones first: `<` begins `<=`.
const RELATIONS: [(&str, Comparator); 5] = [
    (">=", Comparator::AtLeast),
    ("<=", Comparator::AtMost),
    (">", Comparator::Above),
    ("<", Comparator::Below),
    ("", Comparator::Of),
];

impl Range {
    /// Reads a range; the error says what in it is no condition.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let condition = |part: &str| {
            let part = part.trim();
            let read = RELATIONS.iter().find_map(|(sign, relation)| {
                Some((*relation, Version::parse(part.strip_prefix(sign)?.trim_start())?))
            });
            read.ok_or_else(|| format!("`{part}` is not like `>=6.13`, `<6.13` or `6.12`"))
        };
        text.split(',').map(condition).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a version is in this range.
    pub(super) fn contains(&self, version: &Version) -> bool {
        self.0.iter().all(|(relation, bound)| match relation {
            Comparator::AtLeast => version >= bound,
            Comparator::AtMost => version <= bound,
            Comparator::Above => version > bound,
            Comparator::Below => version < bound,
            Comparator::Of => version.is_of(bound),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn versions_are_in_the_order_of_their_releases() {
        let order = [
            "4.14.336",
            "6.1",
            "6.1.192",
            "6.9",
            "6.12-rc1",
            "6.12-rc10",
            "6.12",
            "6.12.117",
            "7.3.4-rc1",
            "7.3.4",
        ];
        for pair in order.windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
        }
        assert_eq!(version("6.12").cmp(&version("6.12.0")), Ordering::Equal);
        for bad in ["", "6", "6.", "6.x", "v6.1", "6.1-rc", "6.1-rcx", "6.+1", "6.1.2.3.4", "6.1-next"] {
            assert_eq!(Version::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_range_is_all_of_its_conditions() {
        let is_in = |text: &str, of: &str| Range::parse(text).unwrap().contains(&version(of));
        assert!(is_in(">=6.13", "6.13") && is_in(">=6.13", "7.3.4-rc1") && !is_in(">=6.13", "6.13-rc1"));
        assert!(is_in("<6.13", "6.12.117") && !is_in("<6.13", "6.13"));
        assert!(is_in(">=6.1, <6.13", "6.1") && !is_in(">=6.1,<6.13", "5.10"));
        assert!(is_in("6.12", "6.12.117") && is_in("6.12", "6.12") && !is_in("6.12", "6.1"));
        assert!(is_in(">6.1", "6.1.1") && is_in("<= 6.1.5", "6.1.5") && !is_in("<=6.1", "6.1.1"));
        assert_eq!(Range::parse(">=6.1, 6.x").unwrap_err(), "`6.x` is not like `>=6.13`, `<6.13` or `6.12`");
        assert!(Range::parse("").is_err());
    }
}
