//! What training pulls down. Pure functions of tensors N×C×H×W, which compute in the kind and on the device of what they
//! are given; nothing is clamped, so that a colour out of range is always pulled back. Colours are sRGB −1..1 unless
//! said otherwise.

mod adversarial;
mod colour;
mod flat;
mod neighbours;
mod perceptual;

#[cfg(test)]
pub(crate) mod check;

use tch::{Kind, Tensor};

pub use adversarial::{Adversarial, Judged, edge_smoothed};
pub use colour::{ab_colour, ab_from_rgb, grey, inked, rgb_from_ycc, yuv_colour};
pub use flat::flattened;
pub use neighbours::{consistency, gradient_difference, gradients, halved, shifted, total_variation, without_grid};
pub use perceptual::{content, discrepancy, gram, region_smoothing};

/// How much each loss counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossWeights {
    /// Mean absolute difference of Y, Cb and Cr together.
    pub colour: f64,
    /// The same of one-pixel gradients at full, half and quarter size.
    pub gradients: [f64; 3],
    /// Lab a and b.
    pub ab: f64,
    /// The map of ink.
    pub ink: f64,
}

impl Default for LossWeights {
    fn default() -> Self {
        Self { colour: 1.0, gradients: [2.0, 1.0, 0.5], ab: 0.4, ink: 1.0 }
    }
}

/// Losses of one step, each before its weight; `total` with the weights.
#[derive(Debug)]
pub struct Losses {
    /// See [`LossWeights::colour`].
    pub colour: Tensor,
    /// Sum of the weighted gradient losses.
    pub gradients: Tensor,
    /// See [`LossWeights::ab`].
    pub ab: Tensor,
    /// See [`LossWeights::ink`].
    pub ink: Tensor,
    /// What is pulled down.
    pub total: Tensor,
}

/// Losses of `painted` (what [`net::Op::Paint`] makes) against the painter's `painting` (RGB −1..1) and `ink` (0..1).
pub fn losses(painted: &Tensor, painting: &Tensor, ink: &Tensor, weights: &LossWeights) -> Losses {
    let rgb = rgb_from_ycc(&inked(painted));
    let colour = l1(&rgb, painting);
    let mut gradients = colour.zeros_like();
    let (mut a, mut b) = (rgb.shallow_clone(), painting.shallow_clone());
    for (scale, weight) in weights.gradients.iter().enumerate() {
        if scale > 0 {
            (a, b) = (halved(&a), halved(&b));
        }
        gradients += gradient_difference(&a, &b) * *weight;
    }
    // Lab at half size: colour is coarse, and the powers are the dear part.
    let ab = l1(&ab_from_rgb(&halved(&rgb)), &ab_from_rgb(&halved(painting)));
    let ink = l1(&painted.narrow(1, 3, 1), ink);
    let total = &colour * weights.colour + &gradients + &ab * weights.ab + &ink * weights.ink;
    Losses { colour, gradients, ab, ink, total }
}

/// Mean absolute difference.
pub fn l1(a: &Tensor, b: &Tensor) -> Tensor {
    mean(&(a - b).abs())
}

/// Summed in f32, or in f64 where `x` is.
fn mean(x: &Tensor) -> Tensor {
    x.mean(if x.kind() == Kind::Double { Kind::Double } else { Kind::Float })
}

#[cfg(test)]
mod tests {
    use super::check::{gradient_is_right, noise};
    use super::*;

    #[test]
    fn distillation_pulls_the_right_way() {
        let (painting, ink) = (noise([1, 3, 8, 8], 1), noise([1, 1, 8, 8], 2) * 0.5 + 0.5);
        gradient_is_right(&noise([1, 4, 8, 8], 3), |painted| {
            losses(painted, &painting, &ink, &LossWeights::default()).total
        });
    }
}
