//! Figures that say how alike two pictures are, and what a picture is like: fidelity (PSNR, gradient correlation,
//! SSIM, edges), colour (CIEDE2000, Lab a and b, colourfulness, skin, sky), flatness, lines, and a sheet that shows a
//! difference to the eye.
//!
//! All of them take what files hold, 8-bit sRGB, and are the same number whatever the number of threads.

mod colour;
mod drawing;
mod similarity;
mod sky;

pub use colour::{Tone, ciede2000, colourfulness, mean_ab_difference, mean_ciede2000, mean_tone};
pub use colour::{skin_likelihood, skin_mask};
pub use drawing::{Contours, contours, edge_f_score};
pub use similarity::{ms_ssim, ssim};
pub use sky::sky_mask;

use crate::image::Image;
use crate::space::{Gray, Srgb8};
use rayon::prelude::*;

/// Peak signal-to-noise ratio over R, G and B, dB. Infinite for equal pictures.
///
/// # Panics
/// If the sizes differ.
pub fn psnr_db(a: &Image<Srgb8>, b: &Image<Srgb8>) -> f64 {
    same_size(a, b);
    let squares = sum_of_rows(a.height(), |y| {
        let (a, b) = (a.row(y).as_flattened(), b.row(y).as_flattened());
        let sum: u64 = a.iter().zip(b).map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2)).sum();
        [sum as f64]
    });
    let samples = (a.width() * a.height() * 3) as f64;
    10.0 * (255.0 * 255.0 * samples / squares[0]).log10()
}

/// Mean absolute difference of the samples, in levels of 255.
///
/// # Panics
/// If the sizes differ.
pub fn mean_difference(a: &Image<Srgb8>, b: &Image<Srgb8>) -> f64 {
    same_size(a, b);
    let sum = sum_of_rows(a.height(), |y| {
        let (a, b) = (a.row(y).as_flattened(), b.row(y).as_flattened());
        let sum: u64 = a.iter().zip(b).map(|(&a, &b)| u64::from(a.abs_diff(b))).sum();
        [sum as f64]
    });
    sum[0] / (a.width() * a.height() * 3).max(1) as f64
}

/// Cosine between the one-pixel differences (down and to the right, in R, G and B) of two pictures: 1 where all lines
/// and textures agree up to contrast, 0 where they have nothing in common or one picture has none.
///
/// # Panics
/// If the sizes differ.
pub fn gradient_correlation(a: &Image<Srgb8>, b: &Image<Srgb8>) -> f64 {
    same_size(a, b);
    let [ab, aa, bb] = sum_of_rows(a.height(), |y| {
        let mut sums = [0i64; 3];
        let mut add = |a: i64, b: i64| {
            sums[0] += a * b;
            sums[1] += a * a;
            sums[2] += b * b;
        };
        let step = |to: u8, from: u8| i64::from(to) - i64::from(from);
        let (row_a, row_b) = (a.row(y).as_flattened(), b.row(y).as_flattened());
        for i in 3..row_a.len() {
            add(step(row_a[i], row_a[i - 3]), step(row_b[i], row_b[i - 3]));
        }
        if y > 0 {
            let (above_a, above_b) = (a.row(y - 1).as_flattened(), b.row(y - 1).as_flattened());
            for i in 0..row_a.len() {
                add(step(row_a[i], above_a[i]), step(row_b[i], above_b[i]));
            }
        }
        sums.map(|sum| sum as f64)
    });
    if aa * bb == 0.0 { 0.0 } else { ab / (aa * bb).sqrt() }
}

/// Share 0..1 of the pixels whose luma gradient is under 2 levels of 255: paint is flat where photos are not.
///
/// The gradient is the magnitude of central differences, `(next − previous) / 2` in x and y (one-sided at the
/// border), of BT.601 luma rounded to 8 bits.
pub fn flat_area(picture: &Image<Srgb8>) -> f64 {
    let (width, height) = (picture.width(), picture.height());
    let luma: Vec<i32> = picture.pixels().par_iter().with_min_len(4096).map(|&pixel| luma8(pixel)).collect();
    // Twice the slope between the neighbours of `i` at distance `stride`, so that everything stays whole.
    let doubled = |at: usize, stride: usize, i: usize, size: usize| {
        let (before, after) = (if i > 0 { stride } else { 0 }, if i + 1 < size { stride } else { 0 });
        let difference = luma[at + after] - luma[at - before];
        if before > 0 && after > 0 { difference } else { 2 * difference }
    };
    let flat = sum_of_rows(height, |y| {
        let is_flat = |&x: &usize| {
            let at = y * width + x;
            let (dx, dy) = (doubled(at, 1, x, width), doubled(at, width, y, height));
            dx * dx + dy * dy < 4 * 2 * 2
        };
        [(0..width).filter(is_flat).count() as f64]
    });
    flat[0] / (width * height).max(1) as f64
}

/// `expected` | `actual` | their difference times `gain` (absolute, clipped), side by side with a narrow white gap.
///
/// # Panics
/// If the sizes differ.
pub fn difference_sheet(expected: &Image<Srgb8>, actual: &Image<Srgb8>, gain: u8) -> Image<Srgb8> {
    same_size(expected, actual);
    const GAP_PX: usize = 4;
    let (width, height) = (expected.width(), expected.height());
    let mut pixels = Vec::with_capacity((3 * width + 2 * GAP_PX) * height);
    for y in 0..height {
        pixels.extend_from_slice(expected.row(y));
        pixels.extend([[255; 3]; GAP_PX]);
        pixels.extend_from_slice(actual.row(y));
        pixels.extend([[255; 3]; GAP_PX]);
        pixels.extend(expected.row(y).iter().zip(actual.row(y)).map(|(a, b)| {
            let amplified = |c: usize| a[c].abs_diff(b[c]).saturating_mul(gain);
            [amplified(0), amplified(1), amplified(2)]
        }));
    }
    Image::new(3 * width + 2 * GAP_PX, height, pixels)
}

/// Luma of BT.601, 0..1, not rounded.
fn luma(picture: &Image<Srgb8>) -> Image<Gray> {
    picture.map(|[r, g, b]| (0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b)) / 255.0)
}

/// Luma of BT.601 in whole levels, rounded as OpenCV rounds it.
fn luma8([r, g, b]: [u8; 3]) -> i32 {
    (i32::from(r) * 4899 + i32::from(g) * 9617 + i32::from(b) * 1868 + (1 << 13)) >> 14
}

/// Sums over all rows: rows on all cores, their sums added from the top, so that rounding never depends on threads.
fn sum_of_rows<const N: usize>(height: usize, row: impl Fn(usize) -> [f64; N] + Sync + Send) -> [f64; N] {
    let rows: Vec<[f64; N]> = (0..height).into_par_iter().map(row).collect();
    rows.iter().fold([0.0; N], |mut sum, row| {
        sum.iter_mut().zip(row).for_each(|(sum, row)| *sum += row);
        sum
    })
}

fn same_size(a: &Image<Srgb8>, b: &Image<Srgb8>) {
    let (a, b) = ((a.width(), a.height()), (b.width(), b.height()));
    assert_eq!(a, b, "pictures to compare need the same size");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn psnr_of_known_differences() {
        let grey = Image::<Srgb8>::filled(8, 6, [100; 3]);
        assert!(psnr_db(&grey, &grey).is_infinite());
        let lifted = Image::filled(8, 6, [105; 3]);
        assert!((psnr_db(&grey, &lifted) - 20.0 * (255.0f64 / 5.0).log10()).abs() < 1e-9);
        let redder = Image::filled(8, 6, [106, 100, 100]);
        assert!((psnr_db(&grey, &redder) - 10.0 * (255.0f64 * 255.0 / 12.0).log10()).abs() < 1e-9);
        assert!((mean_difference(&grey, &redder) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn gradients_ignore_tone_and_know_direction() {
        let wave = |sign: i32| {
            Image::<Srgb8>::from_fn(30, 20, |x, y| [(128 + sign * ((x * x + 7 * y) % 37) as i32) as u8, 40, 90])
        };
        let lifted = Image::<Srgb8>::from_fn(30, 20, |x, y| wave(1).at(x, y).map(|v| v + 20));
        assert!((gradient_correlation(&wave(1), &lifted) - 1.0).abs() < 1e-12);
        assert!((gradient_correlation(&wave(1), &wave(-1)) + 1.0).abs() < 1e-12);
        assert_eq!(gradient_correlation(&wave(1), &Image::filled(30, 20, [3; 3])), 0.0);
        let across = Image::<Srgb8>::from_fn(30, 20, |x, _| [x as u8; 3]);
        let down = Image::<Srgb8>::from_fn(30, 20, |_, y| [y as u8; 3]);
        assert_eq!(gradient_correlation(&across, &down), 0.0);
        // By hand, 2×1 pixels: differences (3, 0, 4) and (4, 3, 0).
        let a = Image::<Srgb8>::new(2, 1, vec![[0; 3], [3, 0, 4]]);
        let b = Image::<Srgb8>::new(2, 1, vec![[0; 3], [4, 3, 0]]);
        assert!((gradient_correlation(&a, &b) - 12.0 / 25.0).abs() < 1e-12);
    }

    #[test]
    fn slopes_under_two_levels_are_flat() {
        let ramp = |slope: usize| Image::<Srgb8>::from_fn(40, 30, |x, _| [(slope * x) as u8; 3]);
        assert_eq!((flat_area(&ramp(0)), flat_area(&ramp(1)), flat_area(&ramp(2))), (1.0, 1.0, 0.0));
        let slanted = Image::<Srgb8>::from_fn(40, 30, |x, y| [(x + y) as u8; 3]);
        assert_eq!(flat_area(&slanted), 1.0, "√2 is under 2");
        // A step of 4 between two columns: central differences see slope 2 on both sides of it.
        let step = Image::<Srgb8>::from_fn(40, 30, |x, _| [if x < 20 { 100 } else { 104 }; 3]);
        assert!((flat_area(&step) - 38.0 / 40.0).abs() < 1e-12);
        assert_eq!(flat_area(&Image::filled(1, 1, [9; 3])), 1.0);
    }

    #[test]
    fn the_sheet_shows_both_and_the_difference() {
        let sheet = difference_sheet(&Image::filled(3, 2, [10, 20, 30]), &Image::filled(3, 2, [12, 20, 130]), 8);
        assert_eq!((sheet.width(), sheet.height()), (17, 2));
        assert_eq!((sheet.at(0, 1), sheet.at(7, 1)), ([10, 20, 30], [12, 20, 130]));
        assert_eq!(sheet.at(14, 1), [16, 0, 255]);
    }
}
