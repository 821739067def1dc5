//! What training pulls down. Pure functions of tensors N×C×H×W; nothing is clamped, so that a colour out of range
//! is always pulled back.

use net::light::{INK_GREYS, INK_TINT};
use tch::{Kind, Tensor};

use crate::twin::colours;

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
        Self { colour: 1.0, gradients: [2.0, 1.0, 0.5], ab: 0.4, ink: 0.5 }
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
    let mut gradients = Tensor::zeros([], (Kind::Float, painted.device()));
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
    (a - b).abs().mean(Kind::Float)
}

/// Mean absolute differences of the one-pixel gradients, down and across, added.
pub fn gradient_difference(a: &Tensor, b: &Tensor) -> Tensor {
    let difference = a - b;
    gradients(&difference).iter().map(|g| g.abs().mean(Kind::Float)).reduce(|x, y| x + y).expect("two directions")
}

/// One-pixel gradients: down, then across.
pub fn gradients(x: &Tensor) -> [Tensor; 2] {
    [2, 3].map(|dim| {
        let len = x.size()[dim as usize] - 1;
        x.narrow(dim, 1, len) - x.narrow(dim, 0, len)
    })
}

/// Half the size by means of 2×2 pixels.
pub fn halved(x: &Tensor) -> Tensor {
    x.avg_pool2d([2, 2], [2, 2], [0, 0], false, true, None)
}

/// Lays the ink (channel 3) over Y, Cb, Cr (channels 0–2): [`net::light::inked`] for tensors.
pub fn inked(painted: &Tensor) -> Tensor {
    let ink = painted.narrow(1, 3, 1);
    let keep = ink.g_mul_scalar(-f64::from(INK_GREYS)) + 1.0;
    let y = (painted.narrow(1, 0, 1) + 1.0) * (1.0 - &ink) - 1.0;
    let tinted = |channel: i64, tint: f32| painted.narrow(1, channel, 1) * &keep + &ink * f64::from(tint);
    Tensor::cat(&[y, tinted(1, INK_TINT[0]), tinted(2, INK_TINT[1])], 1)
}

/// The inverse of [`net::light::YCC_FROM_RGB`] (JPEG's, in units of −1..1).
pub fn rgb_from_ycc(ycc: &Tensor) -> Tensor {
    colours(ycc, &[[1.0, 0.0, 1.402], [1.0, -0.344_136, -0.714_136], [1.0, 1.772, 0.0]])
}

/// sRGB −1..1 → Lab's a and b (D65), divided by 100. Outside the gamut the curves go on straight.
pub fn ab_from_rgb(rgb: &Tensor) -> Tensor {
    let coded = (rgb + 1.0) * 0.5;
    // Both branches stay finite for every input: a NaN in the one not taken would poison the gradient.
    let low = &coded / 12.92;
    let high = ((coded.clamp(0.04045, 1.5) + 0.055) / 1.055).pow_tensor_scalar(2.4);
    let linear = low.where_self(&coded.le(0.04045), &high);
    // Rows divided by the white point, so that white has x = y = z = 1.
    let xyz = colours(
        &linear,
        &[
            [0.412_390_8 / 0.950_47, 0.357_584_3 / 0.950_47, 0.180_480_8 / 0.950_47],
            [0.212_639, 0.715_168_7, 0.072_192_3],
            [0.019_330_8 / 1.088_83, 0.119_194_8 / 1.088_83, 0.950_532_2 / 1.088_83],
        ],
    );
    let (knee, slope) = (216.0 / 24389.0, 24389.0 / 27.0 / 116.0);
    let straight = xyz.g_mul_scalar(slope) + 16.0 / 116.0;
    let root = xyz.clamp_min(knee).pow_tensor_scalar(1.0 / 3.0);
    let f = straight.where_self(&xyz.le(knee), &root);
    let (x, y, z) = (f.narrow(1, 0, 1), f.narrow(1, 1, 1), f.narrow(1, 2, 1));
    Tensor::cat(&[(x - &y) * 5.0, (y - z) * 2.0], 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: &Tensor, b: &[f32], tolerance: f64) {
        let b = Tensor::from_slice(b).view(a.size().as_slice());
        let worst = (a - b).abs().max().double_value(&[]);
        assert!(worst < tolerance, "off by {worst}");
    }

    fn pixel(c: [f32; 3]) -> Tensor {
        Tensor::from_slice(&c).view([1, 3, 1, 1])
    }

    #[test]
    fn lab_of_known_colours() {
        close(&ab_from_rgb(&pixel([1.0; 3])), &[0.0, 0.0], 1e-3);
        // Lindbloom: sRGB red is a 80.09, b 67.20; blue is a 79.19, b −107.86.
        close(&ab_from_rgb(&pixel([1.0, -1.0, -1.0])), &[0.8009, 0.6720], 2e-3);
        close(&ab_from_rgb(&pixel([-1.0, -1.0, 1.0])), &[0.7919, -1.0786], 2e-3);
    }

    #[test]
    fn lab_has_a_finite_gradient_everywhere() {
        let rgb = Tensor::linspace(-1.6, 1.6, 300, (Kind::Float, tch::Device::Cpu)).view([100, 3, 1, 1]);
        let rgb = rgb.set_requires_grad(true);
        ab_from_rgb(&rgb).sum(Kind::Float).backward();
        assert!(bool::try_from(rgb.grad().isfinite().all()).unwrap());
    }

    #[test]
    fn ink_is_laid_as_the_network_says() {
        let painted = Tensor::from_slice(&[0.2f32, -0.3, 0.1, 0.6]).view([1, 4, 1, 1]);
        close(&inked(&painted), &net::light::inked([0.2, -0.3, 0.1], 0.6), 1e-6);
    }

    #[test]
    fn colour_matrices_are_inverse() {
        let rgb = [0.3f32, -0.7, 0.9];
        close(&rgb_from_ycc(&crate::twin::ycc_from_rgb(&pixel(rgb))), &rgb, 1e-4);
    }

    #[test]
    fn gradients_by_hand() {
        let a = Tensor::from_slice(&[0f32, 1.0, 4.0, 2.0]).view([1, 1, 2, 2]);
        // Down |4−0|, |2−1| → 2.5; across |1−0|, |2−4| → 1.5.
        close(&gradient_difference(&a, &a.zeros_like()).view([1]), &[4.0], 1e-6);
    }
}
