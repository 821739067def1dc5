//! Linear filters with small memory: Gaussian blur, box mean, Sobel derivatives.
//!
//! Every output sample is computed by one thread in a fixed order, so the bytes do not depend on
//! the number of threads.

use crate::Image;
use crate::resize::{self, Filter, Resizable};
use crate::space::{FloatSpace, Gray};
use crate::vectors::widely;
use rayon::prelude::*;

/// Index of the mirrored sample for `index` outside `0..len`, the edge sample not repeated
/// (`dcb|abcd|cba`, OpenCV's `BORDER_REFLECT_101`).
pub fn mirror_without_edge(index: isize, len: usize) -> usize {
    if len <= 1 {
        return 0;
    }
    let period = 2 * (len as isize - 1);
    let folded = index.rem_euclid(period);
    folded.min(period - folded) as usize
}

/// Index of the mirrored sample for `index` outside `0..len`, the edge sample repeated
/// (`dcba|abcd|dcba`, OpenCV's `BORDER_REFLECT`).
pub fn mirror_with_edge(index: isize, len: usize) -> usize {
    if len <= 1 {
        return 0;
    }
    let period = 2 * len as isize;
    let folded = index.rem_euclid(period);
    folded.min(period - 1 - folded) as usize
}

/// Normalised Gaussian weights of an odd number of taps. The number is OpenCV's for float
/// pictures, `round(8·sigma + 1) | 1`: four sigmas to either side.
pub fn gaussian_taps(sigma_px: f32) -> Vec<f32> {
    let sigma = f64::from(sigma_px);
    let count = ((8.0 * sigma + 1.0).round_ties_even() as usize) | 1;
    let radius = (count / 2) as f64;
    let weights: Vec<f64> = (0..count).map(|i| (-(i as f64 - radius).powi(2) / (2.0 * sigma * sigma)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|w| (w / sum) as f32).collect()
}

/// Gaussian blur with standard deviation `sigma_px`, separable, with the true kernel out to four
/// sigmas; the border is mirrored without repeating the edge. Cost grows with sigma.
///
/// The result equals `cv2.GaussianBlur(plane, (0, 0), sigma_px)` on float pictures but for the
/// rounding of sums. A `sigma_px` that is not positive returns the picture as it is.
pub fn gaussian<S: FloatSpace>(picture: &Image<S>, sigma_px: f32) -> Image<S> {
    if sigma_px <= 0.0 || picture.pixels().is_empty() {
        return picture.clone();
    }
    let taps = gaussian_taps(sigma_px);
    separable(picture, &taps, &taps)
}

/// [`gaussian`] of a wide `sigma_px`, of a picture so much smaller that its sigma is three to six of its pixels: the cost hardly
/// grows with sigma.
pub fn gaussian_wide<S: FloatSpace + Resizable>(picture: &Image<S>, sigma_px: f32) -> Image<S> {
    let by = (sigma_px / 3.0) as usize;
    if by <= 1 || picture.pixels().is_empty() {
        return gaussian(picture, sigma_px);
    }
    let (width, height) = (picture.width(), picture.height());
    let small = resize::to(picture, width.div_ceil(by), height.div_ceil(by), Filter::Area);
    // Variances add up: the mean over `by` pixels and the triangle that enlarges have blurred too.
    let blurred = ((by * by - 1) as f32) / 12.0 + (by * by) as f32 / 6.0;
    let small = gaussian(&small, (sigma_px.powi(2) - blurred).sqrt() / by as f32);
    resize::to(&small, width, height, Filter::Bilinear)
}

/// Correlation with `taps_x` along the rows and then `taps_y` along the columns (odd counts, the
/// middle tap at the pixel); the border is mirrored without repeating the edge.
///
/// # Panics
/// If a number of taps is even.
pub fn separable<S: FloatSpace>(picture: &Image<S>, taps_x: &[f32], taps_y: &[f32]) -> Image<S> {
    assert!(taps_x.len() % 2 == 1 && taps_y.len() % 2 == 1, "taps need a middle");
    let (width, height, channels) = (picture.width(), picture.height(), S::CHANNELS);
    let mut along = picture.clone();
    if width * height == 0 {
        return along;
    }
    let row_len = width * channels;
    let radius = taps_x.len() / 2;
    S::samples_mut(along.pixels_mut()).par_chunks_mut(row_len).for_each_init(
        || vec![0.0; (width + 2 * radius) * channels],
        |padded, row| {
            padded[radius * channels..][..row_len].copy_from_slice(row);
            for i in 0..radius {
                let left = mirror_without_edge(i as isize - radius as isize, width) * channels;
                padded[i * channels..][..channels].copy_from_slice(&row[left..left + channels]);
                let right = mirror_without_edge((width + i) as isize, width) * channels;
                padded[(radius + width + i) * channels..][..channels].copy_from_slice(&row[right..right + channels]);
            }
            let source = |tap: usize| &padded[tap * channels..][..row_len];
            weighted_sum(row, taps_x, source);
        },
    );
    let along_samples = S::samples(along.pixels());
    let mut across = Image::filled(width, height, S::ZERO);
    let radius = taps_y.len() / 2;
    S::samples_mut(across.pixels_mut()).par_chunks_mut(row_len).enumerate().for_each(|(y, row)| {
        let source = |tap: usize| {
            let from = mirror_without_edge((y + tap) as isize - radius as isize, height);
            &along_samples[from * row_len..][..row_len]
        };
        weighted_sum(row, taps_y, source);
    });
    across
}

/// `out[i] = Σ taps[k] · source(k)[i]`, four sources a pass so that `out` is touched seldom.
pub(crate) fn weighted_sum<'a>(out: &mut [f32], taps: &[f32], source: impl Fn(usize) -> &'a [f32]) {
    out.fill(0.0);
    let len = out.len();
    widely(|| {
        let mut k = 0;
        while k + 4 <= taps.len() {
            let (a, b, c, d) = (&source(k)[..len], &source(k + 1)[..len], &source(k + 2)[..len], &source(k + 3)[..len]);
            let (wa, wb, wc, wd) = (taps[k], taps[k + 1], taps[k + 2], taps[k + 3]);
            for i in 0..len {
                out[i] += (wa * a[i] + wb * b[i]) + (wc * c[i] + wd * d[i]);
            }
            k += 4;
        }
        for k in k..taps.len() {
            let (a, w) = (&source(k)[..len], taps[k]);
            for i in 0..len {
                out[i] += w * a[i];
            }
        }
    });
}

/// Mean over the square window of side `2·radius_px + 1`; the border is mirrored with the edge
/// repeated. Running sums in f64: the cost does not depend on the radius.
pub fn box_mean<S: FloatSpace>(picture: &Image<S>, radius_px: usize) -> Image<S> {
    let (width, height, channels) = (picture.width(), picture.height(), S::CHANNELS);
    if radius_px == 0 || width * height == 0 {
        return picture.clone();
    }
    let row_len = width * channels;
    let side = 2 * radius_px + 1;
    let scale = 1.0 / (side * side) as f64;
    let samples = S::samples(picture.pixels());
    let mut mean = Image::filled(width, height, S::ZERO);
    // A band pays one full window of rows at its start. Its height follows from the radius alone,
    // so the rounding is the same for any number of threads.
    let band_rows = 64.max(4 * side);
    S::samples_mut(mean.pixels_mut()).par_chunks_mut(band_rows * row_len).enumerate().for_each(|(band, rows)| {
        let first = (band * band_rows) as isize;
        let row_at = |y: isize| &samples[mirror_with_edge(y, height) * row_len..][..row_len];
        let mut columns = vec![0.0f64; row_len];
        for y in first - radius_px as isize..=first + radius_px as isize {
            columns.iter_mut().zip(row_at(y)).for_each(|(sum, &v)| *sum += f64::from(v));
        }
        for (i, out) in rows.chunks_exact_mut(row_len).enumerate() {
            if i > 0 {
                let y = first + i as isize;
                let (enter, leave) = (row_at(y + radius_px as isize), row_at(y - radius_px as isize - 1));
                widely(|| {
                    for ((sum, &new), &old) in columns.iter_mut().zip(enter).zip(leave) {
                        *sum += f64::from(new) - f64::from(old);
                    }
                });
            }
            running_mean(&columns, out, channels, radius_px, scale);
        }
    });
    mean
}

/// A precision in which running means are written.
pub(crate) trait Mean: Copy {
    /// The mean, rounded.
    fn from_sum(sum: f64) -> Self;
}

impl Mean for f32 {
    fn from_sum(sum: f64) -> f32 {
        sum as f32
    }
}

impl Mean for f64 {
    fn from_sum(sum: f64) -> f64 {
        sum
    }
}

/// Running sums of `columns` over `2·radius + 1` pixels, times `scale`; the ends are mirrored with
/// the edge repeated.
pub(crate) fn running_mean<M: Mean>(columns: &[f64], out: &mut [M], channels: usize, radius: usize, scale: f64) {
    let width = out.len() / channels;
    let r = radius as isize;
    for c in 0..channels {
        let at = |x: isize| columns[mirror_with_edge(x, width) * channels + c];
        let mut sum: f64 = (-r..=r).map(at).sum();
        out[c] = M::from_sum(sum * scale);
        let inner = radius + 1..width.saturating_sub(radius).max(radius + 1);
        for x in 1..width {
            sum += if inner.contains(&x) {
                columns[(x + radius) * channels + c] - columns[(x - radius - 1) * channels + c]
            } else {
                at(x as isize + r) - at(x as isize - r - 1)
            };
            out[x * channels + c] = M::from_sum(sum * scale);
        }
    }
}

/// Derivatives along x and y by Sobel's 3×3 kernels, times ¼ (twice the slope per pixel); the border
/// is mirrored without repeating the edge. Equals `cv2.Sobel(plane, -1, …, scale=0.25)`.
pub fn sobel(plane: &Image<Gray>) -> (Image<Gray>, Image<Gray>) {
    let (slope, smooth) = ([-1.0, 0.0, 1.0], [0.25, 0.5, 0.25]);
    (separable(plane, &slope, &smooth), separable(plane, &smooth, &slope))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Srgb;

    fn noise(width: usize, height: usize) -> Image<Gray> {
        Image::from_fn(width, height, crate::noise::at)
    }

    #[test]
    fn a_blurred_spike_is_the_outer_product_of_the_taps() {
        let spike = Image::<Gray>::from_fn(33, 33, |x, y| if (x, y) == (16, 16) { 1.0 } else { 0.0 });
        let taps = gaussian_taps(1.5);
        assert_eq!(taps.len(), 13);
        assert_eq!(gaussian_taps(0.6).len(), 7, "OpenCV rounds 5.8 to 6 and makes it odd");
        let blurred = gaussian(&spike, 1.5);
        for (i, &ty) in taps.iter().enumerate() {
            for (j, &tx) in taps.iter().enumerate() {
                assert!((blurred.at(10 + j, 10 + i) - tx * ty).abs() < 1e-7);
            }
        }
    }

    #[test]
    fn blur_keeps_a_constant_and_blurs_channels_apart() {
        let grey = noise(40, 17);
        let colour = grey.map::<Srgb>(|v| [v, 0.5, 1.0 - v]);
        let (plain, three) = (gaussian(&grey, 8.0), gaussian(&colour, 8.0));
        for (&p, q) in plain.pixels().iter().zip(three.pixels()) {
            assert!((p - q[0]).abs() < 1e-6 && (q[1] - 0.5).abs() < 1e-6 && (1.0 - p - q[2]).abs() < 1e-5);
        }
    }

    #[test]
    fn box_mean_equals_the_plain_windows() {
        for (width, height, radius) in [(23, 300, 3), (9, 5, 7), (1, 4, 2), (70, 70, 16)] {
            let plane = noise(width, height);
            let fast = box_mean(&plane, radius);
            let r = radius as isize;
            for y in 0..height {
                for x in 0..width {
                    let mut sum = 0.0;
                    for dy in -r..=r {
                        for dx in -r..=r {
                            let (u, v) = (x as isize + dx, y as isize + dy);
                            sum += f64::from(plane.at(mirror_with_edge(u, width), mirror_with_edge(v, height)));
                        }
                    }
                    let plain = sum / ((2 * r + 1) * (2 * r + 1)) as f64;
                    assert!((f64::from(fast.at(x, y)) - plain).abs() < 1e-6, "{width}×{height} r {radius}");
                }
            }
        }
    }

    #[test]
    fn sobel_of_a_ramp_is_twice_its_slope() {
        let ramp = Image::<Gray>::from_fn(9, 9, |x, y| 0.1 * x as f32 - 0.05 * y as f32);
        let (dx, dy) = sobel(&ramp);
        assert!((dx.at(4, 4) - 0.2).abs() < 1e-6 && (dy.at(4, 4) + 0.1).abs() < 1e-6);
        assert!(dx.at(0, 4).abs() < 1e-6, "a mirrored border has no slope");
    }
}
