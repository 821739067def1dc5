//! Guided filter (He, Sun, Tang 2010): the output is, in every window, an affine function of the
//! guide, so it is smooth where the guide is and has the guide's borders.
//!
//! Windows are sums that run along with them, so the cost does not depend on the radius; rows are
//! streamed, so memory beyond the output is a few window heights of rows per thread.

use crate::Image;
use crate::blur::{mirror_with_edge, running_mean};
use crate::resize::{self, Filter, Resizable};
use crate::space::FloatSpace;
use crate::vectors::widely;
use rayon::prelude::*;

/// Guided filter of `input` by `guide` (grey or colour, of the same size): windows of side
/// `2·radius_px + 1`, regularised by `eps` (variance of the guide below which a window counts as
/// flat, in the guide's units squared: 1e-3 is usual for 0..1). The border is mirrored with the edge
/// repeated. Equals `cv2.ximgproc.guidedFilter`.
///
/// # Panics
/// If the sizes differ.
pub fn guided<G: FloatSpace, P: FloatSpace>(
    guide: &Image<G>,
    input: &Image<P>,
    radius_px: usize,
    eps: f32,
) -> Image<P> {
    let (width, height) = (guide.width(), guide.height());
    let mut out = Image::filled(width, height, P::ZERO);
    in_bands(guide, input, radius_px, eps, P::samples_mut(out.pixels_mut()), width * P::CHANNELS, |y, means, row| {
        let guide_row = &G::samples(guide.pixels())[y * width * G::CHANNELS..][..width * G::CHANNELS];
        apply_row(means, guide_row, row, G::CHANNELS, P::CHANNELS);
    });
    out
}

/// [`guided`] with its windows on pictures `by` times smaller (fast guided filter, He and Sun 2015): their affine functions are
/// interpolated and applied to the guide at its own size, so borders are as sharp as the guide's. Differs little where the
/// radius is several times `by`, and takes less time by nearly the square of `by`.
///
/// # Panics
/// If the sizes differ, or `by` is 0.
pub fn guided_fast<G: FloatSpace + Resizable, P: FloatSpace + Resizable>(
    guide: &Image<G>,
    input: &Image<P>,
    radius_px: usize,
    eps: f32,
    by: usize,
) -> Image<P> {
    let (width, height) = (guide.width(), guide.height());
    if by == 1 || guide.pixels().is_empty() {
        return guided(guide, input, radius_px, eps);
    }
    let (small_width, small_height) = (width.div_ceil(by), height.div_ceil(by));
    let small_guide = resize::to(guide, small_width, small_height, Filter::Area);
    let small_input = resize::to(input, small_width, small_height, Filter::Area);
    let row_len = P::CHANNELS * (G::CHANNELS + 1) * small_width;
    let mut functions = vec![0.0; row_len * small_height];
    in_bands(&small_guide, &small_input, radius_px.div_ceil(by), eps, &mut functions, row_len, |_, means, row| {
        row.copy_from_slice(means);
    });
    // The two small samples around a sample, and how much the second counts.
    let around = |at: usize, len: usize, small_len: usize| {
        let place = ((at as f32 + 0.5) * small_len as f32 / len as f32 - 0.5).clamp(0.0, (small_len - 1) as f32);
        (place as usize, (place as usize + 1).min(small_len - 1), place.fract())
    };
    let columns: Vec<_> = (0..width).map(|x| around(x, width, small_width)).collect();
    let mut out = Image::filled(width, height, P::ZERO);
    P::samples_mut(out.pixels_mut()).par_chunks_mut(width * P::CHANNELS).enumerate().for_each_init(
        || (vec![0.0; row_len], vec![0.0; row_len / small_width * width]),
        |(down, planes), (y, row)| {
            let (above, below, share) = around(y, height, small_height);
            let (above, below) = (&functions[above * row_len..][..row_len], &functions[below * row_len..][..row_len]);
            down.iter_mut().zip(above.iter().zip(below)).for_each(|(v, (a, b))| *v = a + share * (b - a));
            for (plane, small) in planes.chunks_exact_mut(width).zip(down.chunks_exact(small_width)) {
                plane.iter_mut().zip(&columns).for_each(|(v, &(left, right, share))| {
                    *v = small[left] + share * (small[right] - small[left]);
                });
            }
            let guide_row = &G::samples(guide.pixels())[y * width * G::CHANNELS..][..width * G::CHANNELS];
            apply_row(planes, guide_row, row, G::CHANNELS, P::CHANNELS);
        },
    );
    out
}

/// `out = slopes · guide + offset` for one row; `planes` per output channel: slopes, then offset.
fn apply_row(planes: &[f32], guide: &[f32], out: &mut [f32], guide_channels: usize, out_channels: usize) {
    let width = out.len() / out_channels;
    widely(|| {
        for p in 0..out_channels {
            let planes = &planes[p * (guide_channels + 1) * width..][..(guide_channels + 1) * width];
            let offsets = &planes[guide_channels * width..];
            for x in 0..width {
                let mut v = offsets[x];
                for g in 0..guide_channels {
                    v += planes[g * width + x] * guide[x * guide_channels + g];
                }
                out[x * out_channels + p] = v;
            }
        }
    });
}

/// Runs `finish(y, mean coefficients of the row, output row)` for every row of `out`, bands of rows
/// in parallel. The bands follow from the radius alone, so rounding does not depend on threads.
fn in_bands<G: FloatSpace, P: FloatSpace>(
    guide: &Image<G>,
    input: &Image<P>,
    radius_px: usize,
    eps: f32,
    out: &mut [f32],
    out_row_len: usize,
    finish: impl Fn(usize, &[f32], &mut [f32]) + Sync,
) {
    assert_eq!((guide.width(), guide.height()), (input.width(), input.height()), "guide and input differ in size");
    assert!(G::CHANNELS <= 3, "a guide is grey or has three channels");
    if guide.pixels().is_empty() {
        return;
    }
    let (width, side, planes) = (guide.width(), 2 * radius_px + 1, P::CHANNELS * (G::CHANNELS + 1));
    let row_len = width * planes;
    let band_rows = 64.max(4 * side);
    out.par_chunks_mut(band_rows * out_row_len).enumerate().for_each(|(band, rows)| {
        let radius = radius_px as isize;
        let first = (band * band_rows) as isize;
        let mut windows = Windows::new(guide, input, radius_px, first - radius);
        // The last `side` rows of coefficients, and their sums by column.
        let mut ring = vec![0.0f32; side * row_len];
        let mut columns = vec![0.0f64; row_len];
        let mut means = vec![0.0f32; row_len];
        for (i, row) in rows.chunks_exact_mut(out_row_len).enumerate() {
            let new_rows = if i == 0 { 0..side } else { i + side - 1..i + side };
            for j in new_rows {
                let slot = &mut ring[j % side * row_len..][..row_len];
                widely(|| columns.iter_mut().zip(slot.iter()).for_each(|(sum, &old)| *sum -= f64::from(old)));
                windows.coefficients_of_next_row(eps, slot);
                widely(|| columns.iter_mut().zip(slot.iter()).for_each(|(sum, &new)| *sum += f64::from(new)));
            }
            let scale = 1.0 / (side * side) as f64;
            for (sums, mean) in columns.chunks_exact(width).zip(means.chunks_exact_mut(width)) {
                running_mean(sums, mean, 1, radius_px, scale);
            }
            finish((first + i as isize) as usize, &means, row);
        }
    });
}

/// Running sums over windows of the guide, the input and their products, row by row downwards.
struct Windows<'a, G: FloatSpace, P: FloatSpace> {
    guide: &'a Image<G>,
    input: &'a Image<P>,
    radius: isize,
    /// The row that comes next; rows outside the picture are mirrored.
    next: isize,
    /// Sums over `2·radius + 1` rows, one plane each: guide channels, input channels, products of
    /// the guide's channels (upper triangle), products of guide and input (input channel by channel).
    columns: Vec<f64>,
    means: Vec<f64>,
}

impl<'a, G: FloatSpace, P: FloatSpace> Windows<'a, G, P> {
    fn new(guide: &'a Image<G>, input: &'a Image<P>, radius_px: usize, next: isize) -> Self {
        let (g, p) = (G::CHANNELS, P::CHANNELS);
        let planes = g + p + g * (g + 1) / 2 + g * p;
        let (columns, means) = (vec![0.0; planes * guide.width()], vec![0.0; planes * guide.width()]);
        let radius = radius_px as isize;
        let mut windows = Self { guide, input, radius, next, columns, means };
        (next - radius..next + radius).for_each(|y| windows.add_row(y, 1.0));
        windows
    }

    /// Adds row `y` times `sign` to the sums by column.
    fn add_row(&mut self, y: isize, sign: f64) {
        widely(|| self.add_row_inlined(y, sign));
    }

    #[inline(always)]
    fn add_row_inlined(&mut self, y: isize, sign: f64) {
        let (width, y) = (self.guide.width(), mirror_with_edge(y, self.guide.height()));
        let (gs, ps) = (G::CHANNELS, P::CHANNELS);
        let guide = &G::samples(self.guide.pixels())[y * width * gs..][..width * gs];
        let input = &P::samples(self.input.pixels())[y * width * ps..][..width * ps];
        let mut planes = self.columns.chunks_exact_mut(width);
        let mut next = || planes.next().expect("as many planes as there are products");
        for g in 0..gs {
            next().iter_mut().zip(guide.chunks_exact(gs)).for_each(|(sum, v)| *sum += sign * f64::from(v[g]));
        }
        for p in 0..ps {
            next().iter_mut().zip(input.chunks_exact(ps)).for_each(|(sum, v)| *sum += sign * f64::from(v[p]));
        }
        for g in 0..gs {
            for h in g..gs {
                let products = next().iter_mut().zip(guide.chunks_exact(gs));
                products.for_each(|(sum, v)| *sum += sign * f64::from(v[g]) * f64::from(v[h]));
            }
        }
        for p in 0..ps {
            for g in 0..gs {
                let products = next().iter_mut().zip(guide.chunks_exact(gs)).zip(input.chunks_exact(ps));
                products.for_each(|((sum, v), w)| *sum += sign * f64::from(v[g]) * f64::from(w[p]));
            }
        }
    }

    /// The affine functions of the windows around the next row: per input channel the slopes by the
    /// guide's channels and the offset, a plane each.
    fn coefficients_of_next_row(&mut self, eps: f32, out: &mut [f32]) {
        let (width, radius) = (self.guide.width(), self.radius as usize);
        let (gs, ps) = (G::CHANNELS, P::CHANNELS);
        self.add_row(self.next + self.radius, 1.0);
        let scale = 1.0 / (2 * radius + 1).pow(2) as f64;
        for (sums, mean) in self.columns.chunks_exact(width).zip(self.means.chunks_exact_mut(width)) {
            running_mean(sums, mean, 1, radius, scale);
        }
        self.add_row(self.next - self.radius, -1.0);
        self.next += 1;

        let eps = f64::from(eps);
        for x in 0..width {
            let at = |plane: usize| self.means[plane * width + x];
            let mut variance = [[0.0; 3]; 3];
            let mut plane = gs + ps;
            for g in 0..gs {
                for h in g..gs {
                    variance[g][h] = at(plane) - at(g) * at(h);
                    variance[h][g] = variance[g][h];
                    plane += 1;
                }
                variance[g][g] += eps;
            }
            // Channels that are not there do not couple with those that are.
            (gs..3).for_each(|g| variance[g][g] = 1.0);
            let inverse =
                if gs == 1 { [[1.0 / variance[0][0], 0.0, 0.0], [0.0; 3], [0.0; 3]] } else { inverse(variance) };
            for p in 0..ps {
                let mut covariance = [0.0; 3];
                for g in 0..gs {
                    covariance[g] = at(plane) - at(g) * at(gs + p);
                    plane += 1;
                }
                let mut offset = at(gs + p);
                for g in 0..gs {
                    let slope: f64 = (0..3).map(|h| inverse[g][h] * covariance[h]).sum();
                    out[(p * (gs + 1) + g) * width + x] = slope as f32;
                    offset -= slope * at(g);
                }
                out[(p * (gs + 1) + gs) * width + x] = offset as f32;
            }
        }
    }
}

/// Inverse of a symmetric positive definite matrix, by cofactors.
fn inverse(m: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let (a, b, c) = (
        m[1][1] * m[2][2] - m[1][2] * m[1][2],
        m[0][2] * m[1][2] - m[0][1] * m[2][2],
        m[0][1] * m[1][2] - m[0][2] * m[1][1],
    );
    let (d, e, f) = (
        m[0][0] * m[2][2] - m[0][2] * m[0][2],
        m[0][1] * m[0][2] - m[0][0] * m[1][2],
        m[0][0] * m[1][1] - m[0][1] * m[0][1],
    );
    let scale = 1.0 / (m[0][0] * a + m[0][1] * b + m[0][2] * c);
    [[a, b, c], [b, d, e], [c, e, f]].map(|row| row.map(|v| v * scale))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blur::box_mean;
    use crate::noise::at as noise;
    use crate::space::{Gray, Srgb};

    fn colour(width: usize, height: usize) -> Image<Srgb> {
        Image::from_fn(width, height, |x, y| [noise(x, y), noise(y, x + 3) * 0.5, (x + y) as f32 / 90.0])
    }

    fn furthest(a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    /// The paper's equations, one window after the other, by least squares solved with Cramer's rule.
    fn plain(guide: &Image<Srgb>, input: &Image<Gray>, radius: usize, eps: f64) -> Image<Gray> {
        let (width, height, r) = (guide.width(), guide.height(), radius as isize);
        let count = ((2 * r + 1) * (2 * r + 1)) as f64;
        let window = |x: usize, y: usize| {
            (-r..=r)
                .flat_map(move |dy| (-r..=r).map(move |dx| (x as isize + dx, y as isize + dy)))
                .map(move |(u, v)| (mirror_with_edge(u, width), mirror_with_edge(v, height)))
        };
        let functions = |x: usize, y: usize| {
            let (mut mean, mut mean_in) = ([0.0; 3], 0.0);
            for (u, v) in window(x, y) {
                (0..3).for_each(|c| mean[c] += f64::from(guide.at(u, v)[c]) / count);
                mean_in += f64::from(input.at(u, v)) / count;
            }
            let (mut m, mut k) = ([[0.0; 3]; 3], [0.0; 3]);
            for (u, v) in window(x, y) {
                let d: Vec<f64> = (0..3).map(|c| f64::from(guide.at(u, v)[c]) - mean[c]).collect();
                for i in 0..3 {
                    (0..3).for_each(|j| m[i][j] += d[i] * d[j] / count);
                    k[i] += d[i] * (f64::from(input.at(u, v)) - mean_in) / count;
                }
            }
            (0..3).for_each(|i| m[i][i] += eps);
            let det = |m: [[f64; 3]; 3]| {
                (0..3)
                    .map(|i| m[0][i] * (m[1][(i + 1) % 3] * m[2][(i + 2) % 3] - m[1][(i + 2) % 3] * m[2][(i + 1) % 3]))
                    .sum::<f64>()
            };
            let slopes: [f64; 3] = std::array::from_fn(|c| {
                let mut replaced = m;
                (0..3).for_each(|i| replaced[i][c] = k[i]);
                det(replaced) / det(m)
            });
            [slopes[0], slopes[1], slopes[2], mean_in - (0..3).map(|c| slopes[c] * mean[c]).sum::<f64>()]
        };
        let all: Vec<[f64; 4]> = (0..width * height).map(|i| functions(i % width, i / width)).collect();
        Image::from_fn(width, height, |x, y| {
            let mut mean = [0.0; 4];
            window(x, y).for_each(|(u, v)| (0..4).for_each(|i| mean[i] += all[v * width + u][i] / count));
            ((0..3).map(|c| mean[c] * f64::from(guide.at(x, y)[c])).sum::<f64>() + mean[3]) as f32
        })
    }

    #[test]
    fn colour_guide_equals_the_plain_windows() {
        for (width, height, radius, eps) in [(19, 80, 3, 1e-3), (12, 7, 5, 1e-5)] {
            let guide = colour(width, height);
            let input = Image::<Gray>::from_fn(width, height, |x, y| noise(x + 5, 2 * y));
            let fast = guided(&guide, &input, radius, eps);
            let plain = plain(&guide, &input, radius, f64::from(eps));
            assert!(furthest(fast.pixels(), plain.pixels()) < 2e-5);
            // Every channel of a colour input is filtered as if it were alone.
            let three = guided(&guide, &input.map::<Srgb>(|v| [0.3, v, 1.0 - v]), radius, eps);
            for (grey, three) in fast.pixels().iter().zip(three.pixels()) {
                assert!((three[0] - 0.3).abs() < 1e-5 && (three[1] - grey).abs() < 1e-5);
                assert!((1.0 - three[2] - grey).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn the_fast_one_keeps_the_borders_of_the_guide_and_is_near_the_whole() {
        // A disk with a sharp border, and an input that wobbles.
        let inside = |x: usize, y: usize| (x as f32 - 61.0).hypot(y as f32 - 47.0) < 30.0;
        let guide =
            Image::<Srgb>::from_fn(131, 97, |x, y| if inside(x, y) { [0.8, 0.3, 0.2] } else { [0.2, 0.4, 0.6] });
        let input = Image::<Srgb>::from_fn(131, 97, |x, y| guide.at(x, y).map(|v| v + 0.1 * (noise(x, y) - 0.5)));
        let (whole, fast) = (guided(&guide, &input, 16, 1e-4), guided_fast(&guide, &input, 16, 1e-4, 4));
        let apart = furthest(fast.pixels().as_flattened(), whole.pixels().as_flattened());
        assert!(apart < 0.03, "{apart}");
        let step = |picture: &Image<Srgb>| picture.at(61, 76)[0] - picture.at(61, 78)[0];
        assert!(step(&fast) > 0.95 * step(&guide), "{}", step(&fast));
        assert_eq!(guided_fast(&guide, &input, 5, 1e-3, 1), guided(&guide, &input, 5, 1e-3));
    }

    #[test]
    fn grey_guide_equals_the_box_form() {
        let guide = Image::<Gray>::from_fn(90, 131, noise);
        let (radius, eps) = (16, 0.01);
        let join = |a: &Image<Gray>, b: &Image<Gray>, f: fn(f32, f32) -> f32| {
            Image::<Gray>::from_fn(a.width(), a.height(), |x, y| f(a.at(x, y), b.at(x, y)))
        };
        let mean = box_mean(&guide, radius);
        let variance =
            join(&box_mean(&guide.map::<Gray>(|v| v * v), radius), &mean, |square, mean| square - mean * mean);
        let slope = variance.map::<Gray>(|v| v / (v + eps));
        let offset = join(&slope, &mean, |slope, mean| mean - slope * mean);
        let wanted = join(
            &join(&box_mean(&slope, radius), &guide, |slope, v| slope * v),
            &box_mean(&offset, radius),
            |scaled, offset| scaled + offset,
        );
        assert!(furthest(guided(&guide, &guide, radius, eps).pixels(), wanted.pixels()) < 1e-5);
    }
}
