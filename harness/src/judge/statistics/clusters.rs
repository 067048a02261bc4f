// SPDX-License-Identifier: GPL-2.0-or-later
//! The interval of a mean of differences that come in clusters, each of which has something of its own in all of its differences.
//!
//! Within a cluster the differences are no independent observations of it, however many there are; the means of clusters are.
//! So the mean is that of the clusters' means, and its interval Student's, with one degree of freedom less than clusters
//! (Student, "The probable error of a mean", Biometrika 6 (1908), 1-25). No bootstrap: five clusters or so are too few to
//! draw from.

use statrs::distribution::ContinuousCDF;
use statrs::distribution::StudentsT;

use super::interval::CONFIDENCE;
use super::interval::Interval;

/// Returns the mean of the clusters' means and its 95 % interval. Nothing without a difference; no interval with a single cluster.
pub fn mean(clusters: &[Vec<f64>]) -> Option<(f64, Option<Interval>)> {
    let mean_of = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let means: Vec<f64> =
        clusters.iter().filter(|cluster| !cluster.is_empty()).map(|one| mean_of(one)).collect();
    let n = u32::try_from(means.len()).ok().filter(|n| *n > 0)?;
    let mean = mean_of(&means);
    if n == 1 {
        return Some((mean, None));
    }
    let squares: f64 = means.iter().map(|one| (one - mean).powi(2)).sum();
    let error = (squares / f64::from(n - 1) / f64::from(n)).sqrt();
    let student = StudentsT::new(0.0, 1.0, f64::from(n - 1)).ok()?;
    let reach = student.inverse_cdf(0.5 + CONFIDENCE / 2.0) * error;
    Some((mean, Some(Interval { low: mean - reach, high: mean + reach })))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Figures of the t distribution for 4 degrees of freedom: 2.776 is its 97.5 % quantile in every table.
    #[test]
    fn the_interval_is_student_s_over_the_means() {
        let clusters = [vec![1.0, 1.0], vec![129.0, 129.0], vec![1.0], vec![1.0, 1.0, 1.0], vec![-127.0]];
        let (mean, interval) = mean(&clusters).unwrap();
        let interval = interval.unwrap();
        assert_eq!(mean, 1.0);
        // Means 1, 129, 1, 1, -127: variance 8,192, standard error 40.477.
        let reach = 2.7764 * 40.4772;
        assert!((interval.high - (1.0 + reach)).abs() < 0.01, "{interval:?}");
        assert!((interval.low - (1.0 - reach)).abs() < 0.01, "{interval:?}");
    }

    #[test]
    fn many_differences_of_one_cluster_count_as_one() {
        let few = mean(&[vec![0.0], vec![128.0]]).unwrap();
        assert_eq!(few, mean(&[vec![0.0; 100], vec![128.0; 100]]).unwrap());
        assert!(few.1.is_some_and(|interval| interval.low < 0.0 && interval.high > 128.0));
    }

    #[test]
    fn equal_means_are_a_point_and_one_cluster_has_no_interval() {
        let (middle, interval) = mean(&[vec![2.0], vec![1.0, 3.0]]).unwrap();
        assert_eq!((middle, interval), (2.0, Some(Interval { low: 2.0, high: 2.0 })));
        assert_eq!(mean(&[vec![5.0], Vec::new()]), Some((5.0, None)));
        assert_eq!(mean(&[]), None);
    }
}
