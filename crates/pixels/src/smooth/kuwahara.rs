use crate::Image;
use crate::blur::{mirror_with_edge, weighted_sum};
use crate::space::Srgb;
use rayon::prelude::*;
use std::f32::consts::PI;

const SECTORS: usize = 8;

/// Generalised Kuwahara filter (Papari 2007): each pixel becomes a mean of eight overlapping sectors
/// of the disc of `radius_px`, each sector weighted by `1 / (1 + sd^(sharpness/2))`, with `sd` the
/// standard deviation of its colours in 8-bit levels. Even sectors win, so noise and texture become
/// flat clumps and no clump reaches across a border. `passes` times over; the border is mirrored
/// with the edge repeated.
pub fn kuwahara(picture: &Image<Srgb>, radius_px: usize, sharpness: f32, passes: usize) -> Image<Srgb> {
    let sectors: Vec<Vec<Tap>> = (0..SECTORS).map(|sector| sector_taps(radius_px, sector)).collect();
    let mut painted = picture.clone();
    for _ in 0..passes {
        painted = one_pass(&painted, radius_px, sharpness, &sectors);
    }
    painted
}

/// One place of a sector relative to the upper left corner of the window, and its weight.
struct Tap {
    x: usize,
    y: usize,
    weight: f32,
}

/// The Gaussian disc (sigma half the radius) within 36.8° of the sector's middle, and the centre.
fn sector_taps(radius_px: usize, sector: usize) -> Vec<Tap> {
    let radius = radius_px as f32;
    let mut taps = Vec::new();
    for y in 0..=2 * radius_px {
        for x in 0..=2 * radius_px {
            let (dx, dy) = (x as f32 - radius, y as f32 - radius);
            let (distance, angle) = (dx.hypot(dy), dy.atan2(dx));
            let off = ((angle - sector as f32 * PI / 4.0 + PI).rem_euclid(2.0 * PI) - PI).abs();
            if distance <= radius && (off <= PI / 8.0 + 0.25 || distance < 1.0) {
                let sigma = (radius / 2.0).max(1e-3);
                taps.push(Tap { x, y, weight: (-distance * distance / (2.0 * sigma * sigma)).exp() });
            }
        }
    }
    let sum: f32 = taps.iter().map(|tap| tap.weight).sum();
    taps.iter_mut().for_each(|tap| tap.weight /= sum);
    taps
}

fn one_pass(picture: &Image<Srgb>, radius_px: usize, sharpness: f32, sectors: &[Vec<Tap>]) -> Image<Srgb> {
    let (width, height, r) = (picture.width(), picture.height(), radius_px as isize);
    let mut out = Image::filled(width, height, [0.0; 3]);
    if width * height == 0 {
        return out;
    }
    // R, G, B and the sum of their squares, with the border around: one mean of these four gives a
    // sector's colour and its spread.
    let padded_width = width + 2 * radius_px;
    let mut padded = vec![[0.0f32; 4]; padded_width * (height + 2 * radius_px)];
    padded.par_chunks_mut(padded_width).enumerate().for_each(|(y, row)| {
        let source = picture.row(mirror_with_edge(y as isize - r, height));
        for (x, pixel) in row.iter_mut().enumerate() {
            let [red, green, blue] = source[mirror_with_edge(x as isize - r, width)];
            *pixel = [red, green, blue, red * red + green * green + blue * blue];
        }
    });
    let samples = padded.as_flattened();
    out.pixels_mut().par_chunks_mut(width).enumerate().for_each_init(
        || (vec![[0.0f32; 4]; width], vec![[0.0f32; 4]; width]),
        |(means, totals), (y, out_row)| {
            totals.fill([0.0; 4]);
            for taps in sectors {
                let weights: Vec<f32> = taps.iter().map(|tap| tap.weight).collect();
                let source = |k: usize| &samples[((y + taps[k].y) * padded_width + taps[k].x) * 4..][..width * 4];
                weighted_sum(means.as_flattened_mut(), &weights, source);
                add_weighted(totals, means, sharpness);
            }
            for (out, total) in out_row.iter_mut().zip(totals.iter()) {
                let scale = 1.0 / total[3].max(1e-12);
                *out = [total[0] * scale, total[1] * scale, total[2] * scale];
            }
        },
    );
    out
}

/// Adds each sector mean times its weight to the first three totals, and the weight to the fourth.
fn add_weighted(totals: &mut [[f32; 4]], means: &[[f32; 4]], sharpness: f32) {
    let mut add = |power: &dyn Fn(f32) -> f32| {
        for (total, &[red, green, blue, square]) in totals.iter_mut().zip(means) {
            let variance = (square - red * red - green * green - blue * blue).max(0.0) * (255.0 * 255.0);
            let weight = 1.0 / (1.0 + power(variance));
            *total = [total[0] + red * weight, total[1] + green * weight, total[2] + blue * weight, total[3] + weight];
        }
    };
    // sd^(q/2) is variance^(q/4); the usual q = 8 needs no call of `powf`.
    if sharpness == 8.0 { add(&|variance| variance * variance) } else { add(&|v: f32| v.powf(sharpness / 4.0)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::at as noise;

    #[test]
    fn equals_the_plain_filter() {
        let picture =
            Image::<Srgb>::from_fn(14, 11, |x, y| [noise(x, y), 0.3 + 0.1 * noise(y, x), (x > 6) as u8 as f32]);
        for (radius, q) in [(2, 8.0), (4, 6.0)] {
            let fast = kuwahara(&picture, radius, q, 1);
            for y in 0..11 {
                for x in 0..14 {
                    let (mut sum, mut total) = ([0.0f64; 3], 0.0f64);
                    for sector in 0..SECTORS {
                        let at = |tap: &Tap| {
                            let (u, v) =
                                ((x + tap.x) as isize - radius as isize, (y + tap.y) as isize - radius as isize);
                            picture.at(mirror_with_edge(u, 14), mirror_with_edge(v, 11)).map(f64::from)
                        };
                        let taps = sector_taps(radius, sector);
                        let (mut mean, mut variance) = ([0.0; 3], 0.0);
                        for tap in &taps {
                            (0..3).for_each(|c| mean[c] += f64::from(tap.weight) * at(tap)[c]);
                        }
                        for tap in &taps {
                            (0..3).for_each(|c| variance += f64::from(tap.weight) * (at(tap)[c] - mean[c]).powi(2));
                        }
                        let weight = 1.0 / (1.0 + (255.0 * variance.sqrt()).powf(f64::from(q) / 2.0));
                        total += weight;
                        (0..3).for_each(|c| sum[c] += weight * mean[c]);
                    }
                    for c in 0..3 {
                        let wanted = sum[c] / total;
                        let got = f64::from(fast.at(x, y)[c]);
                        assert!((got - wanted).abs() < 1e-4, "({x}, {y}) {c}: {got} {wanted}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_border_stays_where_it_is() {
        let step = Image::<Srgb>::from_fn(24, 24, |x, _| if x < 12 { [0.1, 0.2, 0.3] } else { [0.9, 0.7, 0.5] });
        for (got, wanted) in kuwahara(&step, 4, 8.0, 2).pixels().iter().zip(step.pixels()) {
            assert!((0..3).all(|c| (got[c] - wanted[c]).abs() < 2e-3), "{got:?} {wanted:?}");
        }
    }
}
