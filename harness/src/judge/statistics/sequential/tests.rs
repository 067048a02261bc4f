// SPDX-License-Identifier: GPL-2.0-or-later
//! Tests of the rule that decides a cell.

use super::*;
use crate::judge::statistics::random::Random;
use crate::judge::statistics::testing::failures;

const DEFAULT: Rule = Rule { batch: 10, tolerable: 0.005, intolerable: 0.1, alpha: 0.01, beta: 0.05 };

/// Rules and schedules of all kinds: strict and lax, near and far, looks after each trial and rare ones, a bound that
/// is no multiple of the batch.
const CASES: [(Rule, u32); 8] = [
    (DEFAULT, 100),
    (Rule { batch: 1, ..DEFAULT }, 100),
    (Rule { batch: 7, ..DEFAULT }, 60),
    (Rule { batch: 100, ..DEFAULT }, 100),
    (Rule { batch: 20, tolerable: 0.01, intolerable: 0.05, alpha: 0.05, beta: 0.05 }, 300),
    (Rule { batch: 3, tolerable: 0.3, intolerable: 0.6, alpha: 0.1, beta: 0.2 }, 25),
    (Rule { batch: 5, tolerable: 0.001, intolerable: 0.5, alpha: 0.001, beta: 0.001 }, 40),
    (Rule { batch: 50, tolerable: 0.05, intolerable: 0.1, alpha: 0.01, beta: 0.01 }, 1_000),
];

fn of((rule, bound): (Rule, u32), p: f64) -> Characteristics {
    characteristics(&rule, bound, p).unwrap()
}

#[test]
fn the_default_rule_is_as_its_comment_says() {
    assert_eq!(Rule::default(), DEFAULT);
    check(&DEFAULT, 100).unwrap();
    for (failures, passes) in [(0, 30), (1, 60), (2, 90)] {
        assert_eq!(decide(&DEFAULT, passes - 1, failures), Decision::Open);
        assert_eq!(decide(&DEFAULT, passes, failures), Decision::Sound);
    }
    for (failures, trials) in [(2, 15), (3, 46), (4, 77)] {
        assert_eq!(decide(&DEFAULT, trials - failures, failures), Decision::Faulty);
        assert_eq!(decide(&DEFAULT, trials + 1 - failures, failures), Decision::Open);
    }
    assert_eq!(decide(&DEFAULT, 0, 0), Decision::Open);
    assert_eq!(decide(&DEFAULT, 0, 1), Decision::Open);
    assert_eq!(of((DEFAULT, 100), 0.0).mean_trials, 30.0);
    assert_eq!(of((DEFAULT, 100), 1.0).mean_trials, 10.0);
}

/// Chances in parts of a thousand: of sound, faulty and open, and mean trials.
#[test]
fn the_default_rules_characteristics_are_as_its_comment_says() {
    for (p, sound, faulty, open, trials) in [
        (0.0, 1000, 0, 0, 30),
        (0.005, 991, 2, 7, 36),
        (0.03, 583, 228, 189, 57),
        (0.1, 45, 945, 10, 32),
        (0.25, 0, 1000, 0, 13),
        (1.0, 0, 1000, 0, 10),
    ] {
        let got = of((DEFAULT, 100), p);
        let thousandths = [got.sound, got.faulty, got.open].map(|chance| (1000.0 * chance).round() as u32);
        assert_eq!((thousandths, got.mean_trials.round() as u32), ([sound, faulty, open], trials), "{p}");
    }
}

/// The likelihood ratio itself, as a product and without logarithms.
#[test]
fn decisions_are_those_of_the_likelihood_ratio() {
    for (rule, bound) in CASES {
        for failures in 0..=bound.min(60) {
            for passes in 0..=bound.min(200) - failures.min(bound.min(200)) {
                let ratio = (rule.intolerable / rule.tolerable).powf(failures.into())
                    * ((1.0 - rule.intolerable) / (1.0 - rule.tolerable)).powf(passes.into());
                let wanted = match ratio {
                    ratio if ratio * rule.alpha >= 1.0 - 1e-12 => Decision::Faulty,
                    ratio if ratio <= rule.beta * (1.0 + 1e-12) => Decision::Sound,
                    _ => Decision::Open,
                };
                assert_eq!(decide(&rule, passes, failures), wanted, "{rule:?} {passes} {failures} {ratio}");
            }
        }
    }
}

/// A limit that is reached to the last digit is reached: 10 = 0.2 / 0.02 = 1 / 0.1.
#[test]
fn a_tie_decides() {
    let rule = Rule { batch: 1, tolerable: 0.02, intolerable: 0.2, alpha: 0.1, beta: 0.1 };
    assert_eq!(decide(&rule, 0, 1), Decision::Faulty);
    let rule = Rule { batch: 1, tolerable: 0.1, intolerable: 0.55, alpha: 0.1, beta: 0.5f64.powi(7) };
    assert_eq!((decide(&rule, 6, 0), decide(&rule, 7, 0)), (Decision::Open, Decision::Sound));
}

#[test]
fn the_stated_error_rates_hold_exactly() {
    for case in CASES {
        let (rule, bound) = case;
        for tenth in 0..=10 {
            let tolerable = rule.tolerable * f64::from(tenth) / 10.0;
            let intolerable = rule.intolerable + (1.0 - rule.intolerable) * f64::from(tenth) / 10.0;
            let (false_alarm, miss) = (of(case, tolerable).faulty, of(case, intolerable).sound);
            assert!(false_alarm <= rule.alpha, "{rule:?} {bound} {tolerable}: {false_alarm}");
            assert!(miss <= rule.beta, "{rule:?} {bound} {intolerable}: {miss}");
        }
    }
}

/// A higher failure rate makes faulty likelier and sound less likely, so that the two named rates are the worst.
#[test]
fn chances_are_monotone_and_add_up() {
    for case in CASES {
        let mut last = of(case, 0.0);
        for step in 1..=200 {
            let now = of(case, f64::from(step) / 200.0);
            assert!(now.sound <= last.sound + 1e-12 && now.faulty >= last.faulty - 1e-12, "{case:?} {step}");
            assert!((now.sound + now.faulty + now.open - 1.0).abs() < 1e-12, "{case:?} {step}: {now:?}");
            let trials = f64::from(case.0.batch) - 1e-9..=f64::from(case.1) + 1e-9;
            assert!(trials.contains(&now.mean_trials), "{case:?} {step}: {now:?}");
            last = now;
        }
    }
}

/// Every sequence of 14 outcomes, one by one.
#[test]
fn they_agree_with_an_enumeration_of_all_sequences() {
    for (batch, bound) in [(1, 14), (4, 14), (5, 12), (14, 14)] {
        let rule = Rule { batch, tolerable: 0.1, intolerable: 0.5, alpha: 0.1, beta: 0.1 };
        for p in [0.0, 0.1, 0.37, 0.5, 1.0] {
            let mut wanted = [0.0; 4];
            for sequence in 0u32..1 << bound {
                let failures = |trials: u32| (sequence & ((1 << trials) - 1)).count_ones();
                let looks = (1..=bound).filter(|trials| trials % batch == 0 || *trials == bound);
                let mut decisions = looks.map(|n| (n, decide(&rule, n - failures(n), failures(n))));
                let first = decisions.find(|(_, decision)| *decision != Decision::Open);
                let (trials, decision) = first.unwrap_or((bound, Decision::Open));
                let failed = i32::try_from(failures(bound)).unwrap();
                let chance =
                    f64::powi(p, failed) * f64::powi(1.0 - p, i32::try_from(bound).unwrap() - failed);
                wanted[decision as usize] += chance;
                wanted[3] += chance * f64::from(trials);
            }
            let got = characteristics(&rule, bound, p).unwrap();
            for (got, wanted) in [got.open, got.sound, got.faulty, got.mean_trials].into_iter().zip(wanted) {
                assert!(
                    (got - wanted).abs() < 1e-12 * f64::from(bound),
                    "{batch} {bound} {p}: {got} {wanted}"
                );
            }
        }
    }
}

/// Runs a study as `run` does: batch by batch, until the rule has decided or the bound is reached.
fn simulate((rule, bound): (Rule, u32), p: f64, random: &mut Random) -> (Decision, u32) {
    let (mut trials, mut failed) = (0, 0);
    loop {
        let more = rule.batch.min(bound - trials);
        failed += failures(random, more, p);
        trials += more;
        let decision = decide(&rule, trials - failed, failed);
        if decision != Decision::Open || trials == bound {
            return (decision, trials);
        }
    }
}

#[test]
fn simulated_studies_agree_with_the_exact_chances() {
    const STUDIES: u32 = 10_000;
    let mut random = Random::new(2026);
    for case in CASES {
        for p in [0.0, case.0.tolerable, 0.03, case.0.intolerable, 0.7] {
            let wanted = of(case, p);
            let (mut counts, mut sum, mut squares) = ([0u32; 3], 0.0, 0.0);
            for _ in 0..STUDIES {
                let (decision, trials) = simulate(case, p, &mut random);
                counts[decision as usize] += 1;
                sum += f64::from(trials);
                squares += f64::from(trials).powi(2);
            }
            let n = f64::from(STUDIES);
            for (count, wanted) in counts.into_iter().zip([wanted.open, wanted.sound, wanted.faulty]) {
                // Some hundred comparisons: four and a half standard deviations, and one study for the rarest.
                let allowed = 4.5 * (n * wanted * (1.0 - wanted)).max(0.0).sqrt() + 1.0;
                assert!(
                    (f64::from(count) - n * wanted).abs() <= allowed,
                    "{case:?} {p}: {counts:?} {wanted}"
                );
            }
            let mean = sum / n;
            let deviation = ((squares / n - mean * mean).max(0.0) / n).sqrt();
            // Where nearly all studies end at one look, some more rounds than expected may be all that varies.
            let allowed = 4.5 * deviation + 10.0 * f64::from(case.0.batch) / n;
            assert!((mean - wanted.mean_trials).abs() <= allowed, "{case:?} {p}: {mean} {wanted:?}");
            // The stated rates, with what the simulation may be off by.
            let bad = |decision: Decision, rate: f64| {
                f64::from(counts[decision as usize]) > n * rate + 4.5 * (n * rate).sqrt()
            };
            assert!(p > case.0.tolerable || !bad(Decision::Faulty, case.0.alpha), "{case:?} {p}: {counts:?}");
            assert!(p < case.0.intolerable || !bad(Decision::Sound, case.0.beta), "{case:?} {p}: {counts:?}");
        }
    }
}

#[test]
fn senseless_rules_are_refused_with_a_reason_and_decide_nothing_from_nothing() {
    for (rule, bound, reason) in [
        (Rule { tolerable: 0.0, ..DEFAULT }, 100, "tolerable is 0, but must be above 0 and below 1"),
        (Rule { alpha: 0.5, ..DEFAULT }, 100, "alpha is 0.5, but must be above 0 and below 0.5"),
        (Rule { tolerable: 0.2, ..DEFAULT }, 100, "tolerable (0.2) must be below intolerable (0.1)"),
        (Rule { batch: 0, ..DEFAULT }, 100, "a batch must have at least one trial"),
        (DEFAULT, 10_001, "10001 trials are more than 10000"),
        (DEFAULT, 29, "a cell needs 30 passes to be sound, but has 29 trials at most"),
        (
            Rule { batch: 10, tolerable: 0.5, intolerable: 0.9, alpha: 1e-9, beta: 0.4 },
            20,
            "a cell needs 36 failures to be faulty, but has 20 trials at most",
        ),
    ] {
        assert_eq!(check(&rule, bound).unwrap_err(), reason);
        assert_eq!(characteristics(&rule, bound, 0.1), None);
    }
    assert_eq!(check(&DEFAULT, 30), Ok(()));
    for p in [-0.1, 1.1, f64::NAN] {
        assert_eq!(characteristics(&DEFAULT, 100, p), None);
    }
    for wrong in [0.0, -0.1, 1.0, 2.0, f64::NAN, f64::INFINITY] {
        for rule in [
            Rule { tolerable: wrong, ..DEFAULT },
            Rule { intolerable: wrong, ..DEFAULT },
            Rule { alpha: wrong, ..DEFAULT },
            Rule { beta: wrong, ..DEFAULT },
        ] {
            assert!(check(&rule, 100).is_err(), "{rule:?}");
            assert_eq!(decide(&rule, 0, 0), Decision::Open, "{rule:?}");
        }
    }
}

/// Rates so near each other that it takes more trials than there are numbers: the conversion saturates.
#[test]
fn what_cannot_be_reached_stays_open() {
    let rule = Rule { tolerable: 0.1, intolerable: 0.1 + 1e-12, ..DEFAULT };
    assert_eq!(passes_for_sound(&rule, 0), u32::MAX);
    assert_eq!(decide(&rule, 1_000_000, 0), Decision::Open);
    assert!(check(&rule, 100).is_err());
}

#[test]
fn what_is_written_has_no_gaps() {
    assert_eq!(serde_json::to_string(&Decision::Faulty).unwrap(), "\"faulty\"");
    let text = serde_json::to_string(&of((DEFAULT, 100), 0.005)).unwrap();
    assert!(!text.contains("null"), "{text}");
}
