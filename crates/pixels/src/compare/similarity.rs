//! Structural similarity.

use super::{luma, same_size, sum_of_rows};
use crate::blur;
use crate::image::Image;
use crate::space::{Gray, Srgb8};

/// Exponents of the five scales, finest first.
const SCALE_WEIGHTS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];
/// Side of the Gaussian window (sigma 1.5 px), px.
const WINDOW_PX: usize = 11;

/// Structural similarity of luma (Wang, Bovik, Sheikh, Simoncelli 2004): Gaussian window of 11 px with sigma 1.5,
/// K1 0.01, K2 0.03, the mean over all places where the window lies inside the picture. 1 for equal pictures.
///
/// The pictures are not shrunk first. On a side under 11 px the window is the largest odd one that fits.
///
/// # Panics
/// If the sizes differ.
pub fn ssim(a: &Image<Srgb8>, b: &Image<Srgb8>) -> f64 {
    same_size(a, b);
    similarity(&luma(a), &luma(b)).whole
}

/// Multi-scale structural similarity of luma (Wang, Simoncelli, Bovik 2003): contrast and structure at five scales,
/// each half the one before (means of 2×2 pixels), luminance at the coarsest. 1 for equal pictures, 0 where the
/// structures of a scale contradict each other.
///
/// A picture whose shorter side is under 176 px takes only the scales on which that side is 11 px or more, at least
/// one, with weights renormalised to the same sum: such figures are comparable with each other, not with larger
/// pictures'.
///
/// # Panics
/// If the sizes differ.
pub fn ms_ssim(a: &Image<Srgb8>, b: &Image<Srgb8>) -> f64 {
    same_size(a, b);
    let (mut a, mut b) = (luma(a), luma(b));
    let side = a.width().min(a.height());
    let scales = (1..=SCALE_WEIGHTS.len()).rev().find(|scales| side >> (scales - 1) >= WINDOW_PX).unwrap_or(1);
    let weight_sum = SCALE_WEIGHTS[..scales].iter().sum::<f64>() / SCALE_WEIGHTS.iter().sum::<f64>();
    let mut product = 1.0;
    for (scale, weight) in SCALE_WEIGHTS[..scales].iter().enumerate() {
        let found = similarity(&a, &b);
        let factor = if scale + 1 == scales { found.whole } else { found.contrast_structure };
        product *= factor.max(0.0).powf(weight / weight_sum);
        (a, b) = (halved(&a), halved(&b));
    }
    product
}

struct Similarity {
    /// Luminance × contrast × structure.
    whole: f64,
    contrast_structure: f64,
}

fn similarity(a: &Image<Gray>, b: &Image<Gray>) -> Similarity {
    let (width, height) = (a.width(), a.height());
    if width * height == 0 {
        return Similarity { whole: 1.0, contrast_structure: 1.0 };
    }
    let (taps_x, taps_y) = (window(width), window(height));
    let mean = |value: &(dyn Fn(f32, f32) -> f32 + Sync)| {
        let values = a.pixels().iter().zip(b.pixels()).map(|(&a, &b)| value(a, b)).collect();
        blur::separable(&Image::<Gray>::new(width, height, values), &taps_x, &taps_y)
    };
    // Moments about mid-grey: the same variances, less cancellation.
    let centred = |a: f32| a - 0.5;
    let (mean_a, mean_b) = (mean(&|a, _| centred(a)), mean(&|_, b| centred(b)));
    let squares = mean(&|a, b| centred(a) * centred(a) + centred(b) * centred(b));
    let products = mean(&|a, b| centred(a) * centred(b));

    let (c1, c2) = (0.01f64.powi(2), 0.03f64.powi(2));
    let (left, top) = (taps_x.len() / 2, taps_y.len() / 2);
    let (columns, rows) = (width - 2 * left, height - 2 * top);
    let [whole, contrast_structure] = sum_of_rows(rows, |row| {
        let mut sums = [0.0; 2];
        for x in left..left + columns {
            let at = |plane: &Image<Gray>| f64::from(plane.at(x, row + top));
            let (a, b) = (at(&mean_a), at(&mean_b));
            let (variances, covariance) = (at(&squares) - a * a - b * b, at(&products) - a * b);
            let (a, b) = (a + 0.5, b + 0.5);
            let luminance = (2.0 * a * b + c1) / (a * a + b * b + c1);
            let contrast_structure = (2.0 * covariance + c2) / (variances + c2);
            sums[0] += luminance * contrast_structure;
            sums[1] += contrast_structure;
        }
        sums
    });
    let count = (columns * rows) as f64;
    Similarity { whole: whole / count, contrast_structure: contrast_structure / count }
}

/// Gaussian taps of sigma 1.5 px, as many as fit into `side_px`.
fn window(side_px: usize) -> Vec<f32> {
    let radius = (WINDOW_PX.min(side_px) - 1) / 2;
    let taps: Vec<f64> =
        (0..=2 * radius).map(|i| (-(i as f64 - radius as f64).powi(2) / (2.0 * 1.5 * 1.5)).exp()).collect();
    let sum: f64 = taps.iter().sum();
    taps.iter().map(|tap| (tap / sum) as f32).collect()
}

/// Means of 2×2 pixels; an odd last row or column is left out.
fn halved(plane: &Image<Gray>) -> Image<Gray> {
    Image::from_fn(plane.width() / 2, plane.height() / 2, |x, y| {
        let (x, y) = (2 * x, 2 * y);
        (plane.at(x, y) + plane.at(x + 1, y) + plane.at(x, y + 1) + plane.at(x + 1, y + 1)) / 4.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: usize, height: usize) -> Image<Srgb8> {
        Image::from_fn(width, height, |x, y| {
            let wave = ((x as f32 * 0.21).sin() + (y as f32 * 0.13).cos()) * 50.0 + 128.0;
            [wave as u8, (wave * 0.8) as u8, ((x * 7 + y * 3) % 64) as u8]
        })
    }

    fn changed(picture: &Image<Srgb8>, by: impl Fn(usize, i32) -> i32) -> Image<Srgb8> {
        let pixels = picture.pixels().iter().enumerate();
        let pixels = pixels.map(|(i, pixel)| pixel.map(|v| by(i, i32::from(v)).clamp(0, 255) as u8)).collect();
        Image::new(picture.width(), picture.height(), pixels)
    }

    #[test]
    fn equal_pictures_are_alike_at_every_size() {
        for (width, height) in [(200, 180), (64, 40), (11, 11), (5, 30), (1, 1)] {
            let picture = picture(width, height);
            assert!((ssim(&picture, &picture) - 1.0).abs() < 1e-5);
            assert!((ms_ssim(&picture, &picture) - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn two_flat_greys_differ_in_luminance_only() {
        let (a, b) = (Image::filled(200, 200, [60; 3]), Image::filled(200, 200, [120; 3]));
        let (x, y, c1) = (60.0 / 255.0, 120.0 / 255.0, 1e-4);
        let luminance: f64 = (2.0 * x * y + c1) / (x * x + y * y + c1);
        assert!((ssim(&a, &b) - luminance).abs() < 1e-4);
        assert!((ms_ssim(&a, &b) - luminance.powf(0.1333)).abs() < 1e-4);
    }

    #[test]
    fn one_window_by_hand() {
        // 11×11 px: the window fits once, so the formula can be written down directly.
        let (a, b) = (picture(11, 11), changed(&picture(11, 11), |i, v| v + (i * 37 % 23) as i32));
        let (luma_a, luma_b) = (luma(&a), luma(&b));
        let weight = |x: usize, y: usize| (-((x as f64 - 5.0).powi(2) + (y as f64 - 5.0).powi(2)) / 4.5).exp();
        let mean = |value: &dyn Fn(f64, f64) -> f64| {
            let mut sums = [0.0; 2];
            for (x, y) in (0..11).flat_map(|y| (0..11).map(move |x| (x, y))) {
                sums[0] += weight(x, y) * value(luma_a.at(x, y).into(), luma_b.at(x, y).into());
                sums[1] += weight(x, y);
            }
            sums[0] / sums[1]
        };
        let (ma, mb) = (mean(&|a, _| a), mean(&|_, b| b));
        let (va, vb) = (mean(&|a, _| (a - ma).powi(2)), mean(&|_, b| (b - mb).powi(2)));
        let covariance = mean(&|a, b| (a - ma) * (b - mb));
        let expected =
            (2.0 * ma * mb + 1e-4) * (2.0 * covariance + 9e-4) / ((ma * ma + mb * mb + 1e-4) * (va + vb + 9e-4));
        assert!((ssim(&a, &b) - expected).abs() < 1e-5, "{} {expected}", ssim(&a, &b));
    }

    #[test]
    fn more_noise_is_less_alike_and_coarse_scales_forgive_it() {
        let clean = picture(240, 200);
        let noisy = |amount: i32| changed(&clean, |i, v| v + (i * 7919 % 101) as i32 * amount / 100 - amount / 2);
        let (little, much) = (noisy(16), noisy(64));
        assert!(ssim(&clean, &much) < ssim(&clean, &little) && ssim(&clean, &little) < 0.99);
        assert!(ms_ssim(&clean, &much) > ssim(&clean, &much));
        assert!(ms_ssim(&clean, &changed(&clean, |_, v| 255 - v)) < 0.01, "the negative");
    }
}
