//! The game between the painter's network and a discriminator, which tells drawn pictures from painted ones patch by
//! patch: maps of logits N×1×H×W, high for what it takes to be drawn.

use tch::Tensor;

use super::{grey, mean};

/// The rules.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Adversarial {
    /// Least squares (Mao et al. 2017): what the discriminator is to say of a drawn picture, and of any other.
    Lsgan {
        /// Of a drawn picture; also what the generator is after.
        real: f64,
        /// Of any other.
        fake: f64,
    },
    /// Hinge (Lim, Ye 2017): beyond a margin of 1 nothing more is asked.
    Hinge,
}

impl Default for Adversarial {
    /// Least squares with DTGAN's targets (Liu et al. 2024).
    fn default() -> Self {
        Self::Lsgan { real: 0.9, fake: 0.1 }
    }
}

/// One thing for each kind of picture that the discriminator is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged<T> {
    /// Drawn: the only real ones.
    pub anime: T,
    /// By the generator.
    pub generated: T,
    /// Drawn, then made [`grey`](super::grey()): a drawing has colour.
    pub grey: T,
    /// Drawn, then [`edge_smoothed`]: a drawing has crisp lines.
    pub smoothed: T,
}

impl Default for Judged<f64> {
    /// Weights of AnimeGANv2's Hayao (Chen et al. 2021).
    fn default() -> Self {
        Self { anime: 1.2, generated: 1.2, grey: 1.2, smoothed: 0.8 }
    }
}

impl Adversarial {
    /// What the discriminator pulls down, of its `logits` for each kind.
    pub fn discriminator(self, logits: &Judged<Tensor>, weights: &Judged<f64>) -> Tensor {
        let fakes = [
            (&logits.generated, weights.generated),
            (&logits.grey, weights.grey),
            (&logits.smoothed, weights.smoothed),
        ];
        let fakes: Tensor = fakes.into_iter().map(|(logits, weight)| self.fake(logits) * weight).sum();
        self.real(&logits.anime) * weights.anime + fakes
    }

    /// What the generator pulls down, of the discriminator's `logits` for its paintings.
    pub fn generator(self, logits: &Tensor) -> Tensor {
        match self {
            Self::Lsgan { .. } => self.real(logits),
            Self::Hinge => -mean(logits),
        }
    }

    fn real(self, logits: &Tensor) -> Tensor {
        match self {
            Self::Lsgan { real, .. } => mean(&(logits - real).square()),
            Self::Hinge => mean(&(-logits + 1.0).relu()),
        }
    }

    fn fake(self, logits: &Tensor) -> Tensor {
        match self {
            Self::Lsgan { fake, .. } => mean(&(logits - fake).square()),
            Self::Hinge => mean(&(logits + 1.0).relu()),
        }
    }
}

/// `rgb` (N×3×H×W, −1..1) blurred within 2 px of its edges (CartoonGAN, Chen et al. 2018): a Gaussian over 5×5 px, sigma
/// 1.1. Edges are where Sobel's `|across| + |down|` of the luma passes 150 of 255: between AnimeGAN's two thresholds
/// for Canny's detector, which is not run in full. No gradient.
pub fn edge_smoothed(rgb: &Tensor) -> Tensor {
    const EDGE: f64 = 150.0 / 127.5;
    const SIGMA_PX: f64 = 1.1;
    tch::no_grad(|| {
        let tensor = |x: &[f64]| Tensor::from_slice(x).to_kind(rgb.kind()).to_device(rgb.device());
        let across = tensor(&[-1.0, 0.0, 1.0, -2.0, 0.0, 2.0, -1.0, 0.0, 1.0]).view([1, 1, 3, 3]);
        let sobel = Tensor::cat(&[&across, &across.transpose(2, 3)], 0);
        let luma = grey(rgb).narrow(1, 0, 1).replication_pad2d([1, 1, 1, 1]);
        let steep = luma.conv2d(&sobel, None::<&Tensor>, [1, 1], [0, 0], [1, 1], 1).abs();
        let steep = steep.sum_dim_intlist([1i64].as_slice(), true, None);
        let near = steep.max_pool2d([5, 5], [1, 1], [2, 2], [1, 1], false).ge(EDGE);

        let bell = [-2.0f64, -1.0, 0.0, 1.0, 2.0].map(|x| (-x * x / (2.0 * SIGMA_PX * SIGMA_PX)).exp());
        let bell = tensor(&bell.map(|weight| weight / bell.iter().sum::<f64>()));
        let blur = |x: &Tensor, shape: [i64; 4]| {
            x.conv2d(&bell.view(shape).expand([3, 1, -1, -1], false), None::<&Tensor>, [1, 1], [0, 0], [1, 1], 3)
        };
        let blurred = blur(&blur(&rgb.replication_pad2d([2, 2, 2, 2]), [1, 1, 5, 1]), [1, 1, 1, 5]);
        blurred.where_self(&near, rgb)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::check::{close, gradient_is_right, noise};

    const RULES: [Adversarial; 2] = [Adversarial::Lsgan { real: 0.9, fake: 0.1 }, Adversarial::Hinge];

    fn map(values: [f32; 2]) -> Tensor {
        Tensor::from_slice(&values).view([1, 1, 1, 2])
    }

    #[test]
    fn losses_by_hand() {
        let logits = Judged {
            anime: map([0.9, -0.1]),
            generated: map([0.1, 1.1]),
            grey: map([-2.0, 0.0]),
            smoothed: map([0.6, 0.1]),
        };
        let weights = Judged { anime: 1.0, generated: 2.0, grey: 3.0, smoothed: 4.0 };
        // Means of the squares: 0.5; 0.5; (4.41 + 0.01)/2; 0.125.
        close(&RULES[0].discriminator(&logits, &weights), &[0.5 + 2.0 * 0.5 + 3.0 * 2.21 + 4.0 * 0.125], 1e-5);
        // Hinges: (0.1 + 1.1)/2; (1.1 + 2.1)/2; (0 + 1)/2; (1.6 + 1.1)/2.
        close(&RULES[1].discriminator(&logits, &weights), &[0.6 + 2.0 * 1.6 + 3.0 * 0.5 + 4.0 * 1.35], 1e-5);
        close(&RULES[0].generator(&logits.generated), &[(0.64 + 0.04) / 2.0], 1e-6);
        close(&RULES[1].generator(&logits.generated), &[-0.6], 1e-6);
    }

    #[test]
    fn they_pull_the_right_way() {
        for rules in RULES {
            gradient_is_right(&(noise([2, 1, 3, 3], 1) * 2.0), |x| rules.generator(x));
            gradient_is_right(&(noise([4, 1, 3, 3], 2) * 2.0), |x| {
                let [anime, generated, grey, smoothed] = [0, 1, 2, 3].map(|i| x.narrow(0, i, 1));
                rules.discriminator(&Judged { anime, generated, grey, smoothed }, &Judged::default())
            });
        }
    }

    #[test]
    fn only_edges_are_smoothed() {
        // Black, then white from column 8.
        let dark = Tensor::full([1, 3, 9, 8], -1.0, (tch::Kind::Float, tch::Device::Cpu));
        let seen = edge_smoothed(&Tensor::cat(&[&dark, &-&dark], 3));
        // The bell is 1, 0.66152, 0.19152 before its sum, 2.70608, divides it.
        let row = [-1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -0.85845, -0.36953];
        let row: Vec<f32> = row.iter().copied().chain(row.iter().rev().map(|x| -x)).collect();
        close(&seen.select(1, 1).select(1, 4), &row, 1e-4);
        // A weak step stays as it is: Sobel sees 4·0.25 of the 1.18 that make an edge.
        let weak = Tensor::cat(&[&dark, &(&dark + 0.25)], 3);
        assert!(bool::try_from(edge_smoothed(&weak).eq_tensor(&weak).all()).unwrap());
    }
}
