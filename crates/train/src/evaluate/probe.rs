//! A linear probe (Alain and Bengio 2016): whether a straight cut through the features of a fixed network tells two
//! kinds of pictures apart, and on which side of it others lie. Logistic regression with an L2 penalty, solved by
//! Newton's method; the same samples give the same probe.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// Newton steps at most; a strictly convex loss over standardised features needs about eight.
const STEPS: usize = 30;

/// A picture's features, and what it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// As many as every other sample has.
    pub features: Vec<f64>,
    /// Whether it is of the kind that gets 1.
    pub positive: bool,
    /// Samples of one group are never on both sides of a fold: pictures that nearly repeat each other.
    pub group: usize,
}

/// Logistic regression on standardised features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    mean: Vec<f64>,
    deviation: Vec<f64>,
    weights: Vec<f64>,
    bias: f64,
}

impl Probe {
    /// Minimises the mean logistic loss, both kinds weighing the same, + `penalty`/2 × the squared weights (the bias
    /// is free).
    ///
    /// # Errors
    /// If one of the two kinds is missing, numbers of features differ, or one is not finite.
    pub fn fit(samples: &[Sample], penalty: f64) -> Result<Self> {
        let samples: Vec<&Sample> = samples.iter().collect();
        Self::fit_to(&samples, penalty)
    }

    fn fit_to(samples: &[&Sample], penalty: f64) -> Result<Self> {
        let width = samples.first().map_or(0, |sample| sample.features.len());
        let sound = |sample: &&Sample| sample.features.len() == width && sample.features.iter().all(|x| x.is_finite());
        ensure!(samples.iter().all(sound), "every sample needs the same number of finite features");
        let positives = samples.iter().filter(|sample| sample.positive).count();
        ensure!(positives > 0 && positives < samples.len(), "a probe needs samples of both kinds");
        let share = [samples.len() - positives, positives].map(|count| 0.5 / count as f64);
        let share = |sample: &Sample| share[usize::from(sample.positive)];

        let (mut mean, mut deviation) = (vec![0.0; width], vec![0.0; width]);
        for sample in samples {
            mean.iter_mut().zip(&sample.features).for_each(|(mean, x)| *mean += share(sample) * x);
        }
        for sample in samples {
            let from_mean = sample.features.iter().zip(&mean).map(|(x, mean)| x - mean);
            deviation.iter_mut().zip(from_mean).for_each(|(sum, d)| *sum += share(sample) * d * d);
        }
        // What never changes says nothing: it becomes 0 and keeps the weight 0.
        deviation.iter_mut().for_each(|v| *v = if *v > 1e-18 { v.sqrt() } else { f64::INFINITY });

        let mut probe = Self { mean, deviation, weights: vec![0.0; width], bias: 0.0 };
        // The last one is the bias's.
        let rows: Vec<Vec<f64>> =
            samples.iter().map(|sample| probe.standardised(&sample.features).chain([1.0]).collect()).collect();
        for _ in 0..STEPS {
            let (mut gradient, mut hessian) = (vec![0.0; width + 1], vec![0.0; (width + 1) * (width + 1)]);
            for (i, weight) in probe.weights.iter().enumerate() {
                gradient[i] = penalty * weight;
                hessian[i * (width + 2)] = penalty;
            }
            for (sample, row) in samples.iter().zip(&rows) {
                let p = logistic(probe.logit(&sample.features));
                let pull = share(sample) * (p - f64::from(u8::from(sample.positive)));
                // Where the fit is sure the curvature vanishes, and the bias has no penalty to stand in for it.
                let curvature = share(sample) * (p * (1.0 - p)).max(1e-9);
                for (i, &x) in row.iter().enumerate() {
                    gradient[i] += pull * x;
                    let line = &mut hessian[i * (width + 1)..][..=i];
                    line.iter_mut().zip(row).for_each(|(h, y)| *h += curvature * x * y);
                }
            }
            let step = solve(&mut hessian, gradient);
            probe.weights.iter_mut().zip(&step).for_each(|(weight, step)| *weight -= step);
            probe.bias -= step[width];
            if step.iter().all(|step| step.abs() < 1e-9) {
                break;
            }
        }
        Ok(probe)
    }

    fn standardised(&self, features: &[f64]) -> impl Iterator<Item = f64> {
        features.iter().zip(&self.mean).zip(&self.deviation).map(|((x, mean), deviation)| (x - mean) / deviation)
    }

    /// Log-odds of being positive.
    ///
    /// # Panics
    /// If there are more or fewer features than it was fitted to.
    pub fn logit(&self, features: &[f64]) -> f64 {
        assert_eq!(features.len(), self.mean.len(), "a probe needs the features it was fitted to");
        self.bias + self.standardised(features).zip(&self.weights).map(|(x, weight)| x * weight).sum::<f64>()
    }

    /// Cross-validation in `folds` folds; group g is in fold g mod `folds`. The log-odds of every sample, from a probe
    /// fitted to the other folds, and the area under their receiver operating characteristic: how often a positive
    /// sample has more than a negative one, 0..1; 0.5 is chance.
    ///
    /// # Errors
    /// Those of [`Self::fit`], for the samples outside any one fold.
    pub fn validate(samples: &[Sample], penalty: f64, folds: usize) -> Result<(f64, Vec<f64>)> {
        let mut logits = vec![0.0; samples.len()];
        for fold in 0..folds {
            let others: Vec<&Sample> = samples.iter().filter(|sample| sample.group % folds != fold).collect();
            let probe = Self::fit_to(&others, penalty)?;
            let unseen = samples.iter().zip(&mut logits).filter(|(sample, _)| sample.group % folds == fold);
            unseen.for_each(|(sample, logit)| *logit = probe.logit(&sample.features));
        }
        let of = |positive: bool| -> Vec<f64> {
            samples.iter().zip(&logits).filter(|(sample, _)| sample.positive == positive).map(|(_, &l)| l).collect()
        };
        let (negatives, positives) = (of(false), of(true));
        let above = |p: &f64| {
            negatives.iter().map(|n| if p > n { 1.0 } else { 0.5 * f64::from(u8::from(p == n)) }).sum::<f64>()
        };
        let auc = positives.iter().map(above).sum::<f64>() / (positives.len() * negatives.len()) as f64;
        Ok((auc, logits))
    }
}

/// 1/(1 + e⁻ˣ).
pub fn logistic(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// x of A·x = b by Cholesky, for a positive definite A whose lower half is given row by row.
fn solve(a: &mut [f64], mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for i in 0..n {
        let (above, row) = a.split_at_mut(i * n);
        for j in 0..i {
            let other = &above[j * n..][..=j];
            let dot: f64 = row[..j].iter().zip(other).map(|(x, y)| x * y).sum();
            row[j] = (row[j] - dot) / other[j];
        }
        let square: f64 = row[..i].iter().map(|x| x * x).sum();
        row[i] = (row[i] - square).sqrt();
        let dot: f64 = row[..i].iter().zip(&b).map(|(x, y)| x * y).sum();
        b[i] = (b[i] - dot) / row[i];
    }
    for i in (0..n).rev() {
        let dot: f64 = (i + 1..n).map(|j| a[j * n + i] * b[j]).sum();
        b[i] = (b[i] - dot) / a[i * (n + 1)];
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two clouds in five dimensions, `apart` deviations in the first two, groups of four.
    fn clouds(apart: f64) -> Vec<Sample> {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut normal = move || (0..12).map(|_| rng.f64()).sum::<f64>() - 6.0;
        let sample = |i: usize| {
            let positive = i.is_multiple_of(3);
            let centre = if positive { apart / 2.0 } else { -apart / 2.0 };
            let features = (0..5).map(|d| 100.0 + 9.0 * (normal() + if d < 2 { centre } else { 0.0 })).collect();
            Sample { features, positive, group: i / 4 }
        };
        (0..600).map(sample).collect()
    }

    #[test]
    fn clouds_are_told_apart_and_shuffled_labels_are_not() {
        let samples = clouds(3.0);
        let right = |samples: &[Sample]| {
            let (auc, logits) = Probe::validate(samples, 1e-3, 5).unwrap();
            let right = samples.iter().zip(&logits).filter(|(sample, logit)| sample.positive == (**logit >= 0.0));
            (right.count() as f64 / samples.len() as f64, auc)
        };
        let (accuracy, auc) = right(&samples);
        // Two dimensions, each 3 deviations apart: Φ(3/√2) = 0.983.
        assert!((accuracy - 0.983).abs() < 0.015 && auc > 0.99, "{accuracy} {auc}");
        let mut shuffled = samples.clone();
        let mut labels: Vec<bool> = samples.iter().map(|sample| sample.positive).collect();
        fastrand::Rng::with_seed(1).shuffle(&mut labels);
        shuffled.iter_mut().zip(labels).for_each(|(sample, label)| sample.positive = label);
        let (accuracy, auc) = right(&shuffled);
        assert!((accuracy - 0.5).abs() < 0.06 && (auc - 0.5).abs() < 0.06, "{accuracy} {auc}");
        assert_eq!(right(&samples), right(&samples));
    }

    #[test]
    fn a_fit_by_hand() {
        let sample = |x: f64, positive| Sample { features: vec![x, 5.0], positive, group: 0 };
        let samples = [sample(1.0, false), sample(1.0, false), sample(3.0, true)];
        let probe = Probe::fit(&samples, 0.1).unwrap();
        // Standardised to −1 and 1: the slope of the loss is 0 where σ(−w) = penalty · w.
        let w = probe.logit(&[3.0, 5.0]);
        assert!((logistic(-w) - 0.1 * w).abs() < 1e-9 && (probe.logit(&[1.0, 5.0]) + w).abs() < 1e-9);
        assert!(probe.logit(&[2.0, 77.0]).abs() < 1e-9, "in the middle, whatever a feature says that never changed");
        assert!(Probe::fit(&samples[..2], 0.1).is_err());
    }
}
