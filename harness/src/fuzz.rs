// SPDX-License-Identifier: GPL-2.0-or-later
//! For tests: feeds a reader with inputs that are nearly right, as a damaged file or somebody with ill intent would.
//!
//! A reader may refuse whatever it likes. It may not panic, take minutes, or take memory without bound. The inputs follow from
//! a seed, so that one which broke a reader comes again.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

/// No input is longer, in bytes.
const LONGEST: usize = 64 << 10;

/// No input may take longer: far from what any takes, and from a slow machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// How much more memory the process may have taken at the end than at the beginning: other tests run in it too.
const MEMORY: u64 = 1 << 30;

/// Numbers at which something is likely to run over.
const NUMBERS: [&str; 12] = [
    "0",
    "-1",
    "1e999",
    "255",
    "65536",
    "2147483648",
    "4294967295",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "0x7fffffffffffffff",
    "99999999999999999999999999",
];

/// What a reader is fed with.
pub(crate) struct Food<'a> {
    /// What is fed, for messages.
    pub(crate) name: &'a str,
    /// Inputs that are right.
    pub(crate) right: Vec<Vec<u8>>,
    /// Words that mean something to the reader.
    pub(crate) words: &'a [&'a str],
}

/// For a moment, as every run of the tests does.
pub(crate) fn shortly(food: &Food<'_>, reader: impl Fn(&[u8])) {
    feed(food, 1, Duration::from_millis(300), reader);
}

/// For `FUZZ_SECONDS`, ten minutes if nobody says otherwise, from `FUZZ_SEED` or else 2.
pub(crate) fn at_length(food: &Food<'_>, reader: impl Fn(&[u8])) {
    let set = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let seconds = set("FUZZ_SECONDS").unwrap_or(600);
    let inputs = feed(food, set("FUZZ_SEED").unwrap_or(2), Duration::from_secs(seconds), reader);
    println!("{}: {inputs} inputs in {seconds} seconds", food.name);
}

/// Feeds until the time is over; returns how many inputs it were.
fn feed(food: &Food<'_>, seed: u64, time: Duration, reader: impl Fn(&[u8])) -> u64 {
    let (mut random, begin, memory, mut inputs) =
        (fastrand::Rng::with_seed(seed), Instant::now(), resident(), 0);
    for right in &food.right {
        reader(right);
    }
    while begin.elapsed() < time {
        let input = spoil(food, &mut random);
        let begun = Instant::now();
        let panicked = catch_unwind(AssertUnwindSafe(|| reader(&input))).err();
        let took = begun.elapsed();
        if panicked.is_some() || took > PATIENCE {
            let path = std::env::temp_dir().join(format!("fuzz-{}-{seed}-{inputs}", food.name));
            std::fs::write(&path, &input).unwrap();
            eprintln!("input {inputs} of seed {seed}, {took:?}: {}", path.display());
        }
        if let Some(panicked) = panicked {
            resume_unwind(panicked);
        }
        assert!(took <= PATIENCE, "took {took:?}");
        inputs += 1;
    }
    let grown = resident().saturating_sub(memory);
    assert!(grown < MEMORY, "{grown} bytes more than at the beginning");
    inputs
}

/// The most memory that the process has had so far, in bytes (proc(5)).
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().trim_end_matches(" kB").trim().parse::<u64>().ok()).unwrap_or(0) << 10
}

/// Makes an input that is nearly right.
fn spoil(food: &Food<'_>, random: &mut fastrand::Rng) -> Vec<u8> {
    let mut input = food.right[random.usize(..food.right.len())].clone();
    for _ in 0..=random.u8(..8) {
        change(&mut input, food, random);
        input.truncate(LONGEST);
    }
    input
}

fn change(input: &mut Vec<u8>, food: &Food<'_>, random: &mut fastrand::Rng) {
    let at = random.usize(..=input.len());
    let end = (at + random.usize(..200)).min(input.len());
    let insert = |input: &mut Vec<u8>, what: &[u8]| drop(input.splice(at..at, what.iter().copied()));
    match random.u8(..11) {
        0 => input.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << random.u8(..8)),
        1 => insert(input, &[random.u8(..)]),
        2 => drop(input.drain(at..end)),
        3 => input.truncate(at),
        4 => {
            let piece = input[at..end].to_vec();
            insert(input, &piece);
        }
        5 => {
            let times = random.usize(..300);
            let piece = input[at..(at + random.usize(..12)).min(input.len())].repeat(times);
            insert(input, &piece);
        }
        6 => {
            let other = &food.right[random.usize(..food.right.len())];
            let from = random.usize(..=other.len());
            let to = (from + random.usize(..2000)).min(other.len());
            insert(input, &other[from..to]);
        }
        7 | 8 => insert(input, food.words[random.usize(..food.words.len())].as_bytes()),
        9 => number(input, at, random),
        _ => lines(input, random),
    }
}

/// Puts another number in the place of the next one.
fn number(input: &mut Vec<u8>, at: usize, random: &mut fastrand::Rng) {
    let Some(begin) = input[at..].iter().position(u8::is_ascii_digit).map(|place| at + place) else { return };
    let digits = input[begin..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let other = NUMBERS[random.usize(..NUMBERS.len())];
    input.splice(begin..begin + digits, other.bytes());
}

/// Exchanges two lines.
fn lines(input: &mut Vec<u8>, random: &mut fastrand::Rng) {
    let mut lines: Vec<&[u8]> = input.split_inclusive(|byte| *byte == b'\n').collect();
    if lines.len() > 1 {
        let (a, b) = (random.usize(..lines.len()), random.usize(..lines.len()));
        lines.swap(a, b);
    }
    *input = lines.concat();
}

#[test]
fn the_same_seed_gives_the_same_inputs_and_they_are_not_all_right() {
    let food = Food { name: "test", right: vec![b"one 1\ntwo 2\n".to_vec()], words: &["word"] };
    let inputs = |seed| {
        let mut random = fastrand::Rng::with_seed(seed);
        (0..200).map(|_| spoil(&food, &mut random)).collect::<Vec<_>>()
    };
    assert_eq!(inputs(1), inputs(1));
    assert_ne!(inputs(1), inputs(2));
    assert!(inputs(1).iter().filter(|input| **input != food.right[0]).count() > 150);
}

#[test]
fn a_reader_that_panics_is_found() {
    let food = Food { name: "panic", right: vec![b"one 1\ntwo 2\n".to_vec()], words: &["word"] };
    let reader = |input: &[u8]| assert!(!input.ends_with(b"word"));
    assert!(catch_unwind(|| feed(&food, 1, Duration::from_secs(10), reader)).is_err());
}
