// SPDX-License-Identifier: GPL-2.0-or-later
//! Side by side with plain bisection, which runs each commit a fixed number of times.

use super::{COMMITS, tally};
use crate::judge::statistics::random::Random;

/// Searches of each kind.
const SEARCHES: u32 = 200;

/// Plain bisection: each commit is run `runs` times and is bad if at least `bad_from` fail. It believes its ends.
#[derive(Clone, Copy, Debug)]
struct Plain {
    runs: u32,
    bad_from: u32,
}

impl Plain {
    /// The share of wrong answers.
    fn errors(self, (failing, passing): (f64, f64), random: &mut Random) -> f64 {
        let mut wrong = 0;
        for _ in 0..2000 {
            let first = 1 + random.below(COMMITS);
            let (mut good, mut bad) = (0, COMMITS);
            while bad - good > 1 {
                let middle = u32::midpoint(good, bad);
                let rate = if middle >= first { failing } else { passing };
                let failures = (0..self.runs).filter(|_| random.chance(rate)).count();
                if failures >= self.bad_from as usize { bad = middle } else { good = middle }
            }
            wrong += u32::from(bad != first);
        }
        f64::from(wrong) / 2000.0
    }

    /// The fewest runs by which no more answers are wrong than `errors`, at each of these rates: nobody knows beforehand
    /// how often the bug shows.
    fn as_good_as(errors: f64, rates: &[(f64, f64)]) -> Self {
        let choices = (1..).flat_map(|runs| (1..=runs.min(5)).map(move |bad_from| Self { runs, bad_from }));
        let mut random = Random::new(11);
        let mut good = |plain: &Self| rates.iter().all(|rates| plain.errors(*rates, &mut random) <= errors);
        choices.into_iter().find(|plain| good(plain)).unwrap()
    }

    /// Six halvings of 64 commits.
    fn trials(self) -> u32 {
        self.runs * COMMITS.ilog2()
    }
}

#[test]
fn it_takes_fewer_trials_than_a_fixed_number_of_runs_at_each_step() {
    println!("failure rate  strays  errors  trials  plain, for any rate  plain, for this rate");
    for stray in [0.0, 0.005] {
        let rates = [1.0, 0.3, 0.1].map(|rate| (rate, stray));
        let ours = rates.map(|rates| tally(0.95, rates, SEARCHES, 9));
        // What is compared is the worst of ours: plain bisection is let have as many errors at each rate.
        let worst = ours.iter().map(|(wrong, none, _)| wrong + none).max().unwrap_or_default();
        let errors = f64::from(worst.max(1)) / f64::from(SEARCHES);
        let any = Plain::as_good_as(errors, &rates);
        for ((rate, _), (wrong, none, trials)) in rates.iter().zip(ours) {
            let this = Plain::as_good_as(errors, &[(*rate, stray)]);
            let mean = trials / SEARCHES;
            println!(
                "{:>10.0} %  {:>4.1} %  {:>4.1} %  {mean:>6}  {:>19}  {:>20}",
                rate * 100.0,
                stray * 100.0,
                f64::from(wrong + none) / f64::from(SEARCHES) * 100.0,
                format!("{} ({} runs, {}+ bad)", any.trials(), any.runs, any.bad_from),
                format!("{} ({} runs, {}+ bad)", this.trials(), this.runs, this.bad_from),
            );
            assert!(mean < any.trials(), "{rate} {stray}: {mean} trials, plain {any:?}");
        }
    }
}
