//! Colour: its spaces, and how far the painting's may move from the photo's.

use net::light::{INK_GREYS, INK_TINT};
use tch::{Reduction, Tensor};

use super::l1;
use crate::model::torch_model::colours;

/// The specification's loss of colour, `1/(H·W·C) · ‖f_ab(photo) − f_ab(painting)‖₁`, where `f_ab` are Lab's two planes
/// a and b, in hundreds as [`ab_from_rgb`] gives them.
pub fn ab_colour(photo: &Tensor, painting: &Tensor) -> Tensor {
    l1(&ab_from_rgb(photo), &ab_from_rgb(painting))
}

/// AnimeGANv2's (Chen et al. 2021): mean absolute difference of Y, and Huber's loss (delta 1) of U and of V. Analogue
/// YUV of BT.601, from RGB 0..1.
pub fn yuv_colour(photo: &Tensor, painting: &Tensor) -> Tensor {
    let yuv = |rgb: &Tensor| {
        let rows = [[0.299, 0.587, 0.114], [-0.147_141, -0.288_869, 0.436_010], [0.614_975, -0.514_965, -0.100_010]];
        colours(&((rgb + 1.0) * 0.5), &rows)
    };
    let (photo, painting) = (yuv(photo), yuv(painting));
    let plane = |channel: i64| (photo.narrow(1, channel, 1), painting.narrow(1, channel, 1));
    let huber = |(a, b): (Tensor, Tensor)| a.huber_loss(&b, Reduction::Mean, 1.0);
    l1(&plane(0).0, &plane(0).1) + huber(plane(1)) + huber(plane(2))
}

/// Luma (BT.601) in all three channels.
pub fn grey(rgb: &Tensor) -> Tensor {
    colours(rgb, &[[0.299, 0.587, 0.114]; 3])
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
    use crate::losses::check::{close, gradient_is_right, noise, pixel};
    use tch::Kind;

    const RED: [f32; 3] = [1.0, -1.0, -1.0];

    #[test]
    fn colour_losses_by_hand() {
        // White has no a and b; red has 80.09 and 67.20.
        close(&ab_colour(&pixel([1.0; 3]), &pixel(RED)), &[(0.8009 + 0.6720) / 2.0], 1e-3);
        // Red: Y 0.299, U −0.147141, V 0.614975; Huber halves the squares.
        close(&yuv_colour(&pixel([-1.0; 3]), &pixel(RED)), &[0.299 + 0.010_825 + 0.189_097], 1e-5);
        close(&grey(&pixel(RED)), &[-0.402; 3], 1e-6);
    }

    #[test]
    fn colour_losses_pull_the_right_way() {
        let photo = noise([2, 3, 3, 4], 1);
        for loss in [ab_colour, yuv_colour] {
            gradient_is_right(&noise([2, 3, 3, 4], 2), |painting| loss(&photo, painting));
        }
    }

    #[test]
    fn lab_of_known_colours() {
        close(&ab_from_rgb(&pixel([1.0; 3])), &[0.0, 0.0], 1e-3);
        // Lindbloom: sRGB red is a 80.09, b 67.20; blue is a 79.19, b −107.86.
        close(&ab_from_rgb(&pixel(RED)), &[0.8009, 0.6720], 2e-3);
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
        close(&rgb_from_ycc(&crate::model::torch_model::ycc_from_rgb(&pixel(rgb))), &rgb, 1e-4);
    }
}
