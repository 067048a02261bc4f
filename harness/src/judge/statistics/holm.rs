// SPDX-License-Identifier: GPL-2.0-or-later
//! Many tests at once: p-values adjusted so that the chance of *any* false alarm among them is bounded.
//!
//! S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979),
//! 65-70. It holds however the tests depend on each other, which matters here: all variants of a study are compared with
//! one baseline. It never rejects less than Bonferroni's correction does.

/// Returns the adjusted p-values of a family, in the order of `p_values`: a hypothesis is rejected at level `a` if its
/// adjusted p-value is at most `a`. What is not a number counts as 1, since nothing was shown.
pub fn adjusted(p_values: &[f64]) -> Vec<f64> {
    let p_values: Vec<f64> =
        p_values.iter().map(|p| if p.is_nan() { 1.0 } else { p.clamp(0.0, 1.0) }).collect();
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (rank, index) in order.into_iter().enumerate() {
        // Families have some hundred members: the conversion is exact.
        let left = (p_values.len() - rank) as f64;
        largest = largest.max((left * p_values[index]).min(1.0));
        adjusted[index] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::statistics::random::Random;
    use crate::judge::statistics::testing::unit;

    fn assert_near(got: &[f64], wanted: &[f64]) {
        let near = got.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(got.len() == wanted.len() && near, "{got:?} {wanted:?}");
    }

    /// By the closure principle (R. Marcus, E. Peritz and K. R. Gabriel, Biometrika 63 (1976), 655-660), of which Holm's
    /// procedure is the short cut: a hypothesis is rejected if every intersection that contains it is, by Bonferroni.
    fn by_closure(p_values: &[f64]) -> Vec<f64> {
        let mut adjusted = vec![0.0; p_values.len()];
        for subset in 1u32..1 << p_values.len() {
            let members: Vec<usize> = (0..p_values.len()).filter(|i| subset >> i & 1 == 1).collect();
            let smallest = members.iter().map(|i| p_values[*i]).fold(1.0, f64::min);
            let of_subset = (f64::from(subset.count_ones()) * smallest).min(1.0);
            for member in members {
                adjusted[member] = f64::max(adjusted[member], of_subset);
            }
        }
        adjusted
    }

    /// The fifteen p-values of Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", Journal of the
    /// Royal Statistical Society B 57 (1995), 289-300, section 4; with Holm's factors 15, 14 and so on by hand.
    #[test]
    fn a_worked_example() {
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
            0.6528, 0.7590, 1.0,
        ];
        let wanted = [
            0.0015, 0.0056, 0.0247, 0.114, 0.2211, 0.278, 0.278, 0.278, 0.3213, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0,
        ];
        assert_near(&adjusted(&p), &wanted);
        assert_near(&by_closure(&p), &wanted);
    }

    /// As R's `p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")` gives them.
    #[test]
    fn the_order_of_the_input_is_kept() {
        assert_near(&adjusted(&[0.01, 0.04, 0.03, 0.005]), &[0.03, 0.06, 0.06, 0.02]);
    }

    #[test]
    fn it_agrees_with_the_closure_of_bonferroni() {
        let mut random = Random::new(1);
        for round in 0..500 {
            let size = 1 + round % 10;
            // Coarse numbers, so that there are ties; small ones, so that not all are capped.
            let p: Vec<f64> = (0..size).map(|_| (unit(&mut random) * 40.0).floor() / 200.0).collect();
            assert_near(&adjusted(&p), &by_closure(&p));
        }
    }

    #[test]
    fn edges() {
        assert_eq!(adjusted(&[]), [0.0; 0]);
        assert_eq!(adjusted(&[0.2]), [0.2]);
        assert_eq!(adjusted(&[0.0, 0.9, 0.6]), [0.0, 1.0, 1.0]);
        assert_eq!(adjusted(&[f64::NAN, 0.01, f64::INFINITY, -1.0]), [1.0, 0.03, 1.0, 0.0]);
    }
}
