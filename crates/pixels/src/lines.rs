//! Lines: where an edge runs (structure tensor), how a pen would draw it (flow-based difference of Gaussians)
//! and what is too thin for a brush (top-hats). Works on luma planes 0..1; radii are absolute, in pixels.

use crate::blur;
use crate::image::Image;
use crate::space::{Gray, Space, Srgb, luma_from_srgb};
use rayon::prelude::*;

/// A direction at every pixel: the unit vector (x, y), x to the right and y downwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direction;
impl Space for Direction {
    type Pixel = [f32; 2];
}

/// What the smoothed structure tensor says about a neighbourhood.
#[derive(Clone, Debug, PartialEq)]
pub struct Structure {
    /// Unit vector across the edge, x ≥ 0: the direction in which the plane changes most. Its sign means nothing.
    pub across: Image<Direction>,
    /// 0 where all directions are alike, near 1 where the plane changes along one only.
    pub coherence: Image<Gray>,
}

/// The coarse Gaussian of the difference of Gaussians, in units of the fine one.
const DOG_RATIO: f32 = 1.6;
/// Smoothing of the structure tensor that steers [`flow_dog`], px.
const FLOW_SIGMA_PX: f32 = 2.0;
/// Thickness below which a structure counts as thin, px.
const THIN_PX: usize = 7;

/// Structure tensor (Förstner and Gülch 1987) of a plane 0..1: the products of its Sobel gradients, smoothed by a
/// Gaussian of `sigma_px`.
pub fn structure(plane: &Image<Gray>, sigma_px: f32) -> Structure {
    let (gx, gy) = blur::sobel(plane);
    let product = |a: &Image<Gray>, b: &Image<Gray>| {
        let products: Vec<f32> = a.pixels().par_iter().zip(b.pixels()).map(|(a, b)| a * b).collect();
        blur::gaussian(&Image::<Gray>::new(plane.width(), plane.height(), products), sigma_px)
    };
    let (xx, xy, yy) = (product(&gx, &gx), product(&gx, &gy), product(&gy, &gy));
    let (across, coherence): (Vec<_>, Vec<_>) = (xx.pixels(), xy.pixels(), yy.pixels())
        .into_par_iter()
        .with_min_len(4096)
        .map(|(&xx, &xy, &yy)| {
            let (cosine, sine) = (xx - yy, 2.0 * xy);
            (half_angle(cosine, sine), (cosine * cosine + sine * sine).sqrt() / (xx + yy + 1e-5))
        })
        .unzip();
    Structure {
        across: Image::new(plane.width(), plane.height(), across),
        coherence: Image::new(plane.width(), plane.height(), coherence),
    }
}

/// The unit vector at half the angle of (`cosine`, `sine`), which need not have length 1; (1, 0) for the null vector.
fn half_angle(cosine: f32, sine: f32) -> [f32; 2] {
    // In f64 the squares of gradient products neither vanish nor cancel.
    let (c, s) = (f64::from(cosine), f64::from(sine));
    let length = (c * c + s * s).sqrt();
    if length == 0.0 {
        return [1.0, 0.0];
    }
    // Of the two half-angle formulas the one without cancellation.
    if c >= 0.0 {
        let x = ((length + c) / (2.0 * length)).sqrt();
        [x as f32, (s / (2.0 * length * x)) as f32]
    } else {
        let y = ((length - c) / (2.0 * length)).sqrt().copysign(s);
        [(s / (2.0 * length * y)) as f32, y as f32]
    }
}

/// Flow-based difference of Gaussians (Kang, Lee, Chui 2007, one pass) of a plane 0..1: across the edge Gaussians of
/// `sigma_px` and 1.6 `sigma_px` subtracted, then a Gaussian of `along_px` along the edge tangent field.
///
/// Returns the difference, in units of the plane and negative on the dark side of an edge, and the coherence of the
/// structure tensor (sigma 2 px) it followed.
pub fn flow_dog(plane: &Image<Gray>, sigma_px: f32, along_px: f32) -> (Image<Gray>, Image<Gray>) {
    let Structure { across, coherence } = structure(plane, FLOW_SIGMA_PX);
    let dog = dog_across(plane, &across, sigma_px);
    (smooth_along(&dog, &across, along_px), coherence)
}

/// Difference of Gaussians along `across`, sampled in steps of one pixel.
fn dog_across(plane: &Image<Gray>, across: &Image<Direction>, sigma_px: f32) -> Image<Gray> {
    let coarse_px = sigma_px * DOG_RATIO;
    let reach = (2.5 * coarse_px).ceil() as usize;
    let gauss = |sigma: f32| {
        let values: Vec<f32> = (0..=reach).map(|t| (-((t * t) as f32) / (2.0 * sigma * sigma)).exp()).collect();
        let sum = values[0] + 2.0 * values[1..].iter().sum::<f32>();
        values.into_iter().map(move |value| value / sum)
    };
    let weight: Vec<f32> = gauss(sigma_px).zip(gauss(coarse_px)).map(|(fine, coarse)| fine - coarse).collect();
    let field = Field::new(plane.width(), plane.height(), reach + 2, |x, y| [plane.at(x, y)]);
    by_rows(plane.width(), plane.height(), 0.0, |y, row| {
        for (x, (out, &[nx, ny])) in row.iter_mut().zip(across.row(y)).enumerate() {
            let mut total = weight[0] * plane.at(x, y);
            for (t, weight) in weight.iter().enumerate().skip(1) {
                let (dx, dy) = (t as f32 * nx, t as f32 * ny);
                let [ahead] = field.sample(x, y, dx, dy);
                let [behind] = field.sample(x, y, -dx, -dy);
                total += weight * (ahead + behind);
            }
            *out = total;
        }
    })
}

/// Gaussian of `along_px` along the tangents of `across`.
fn smooth_along(plane: &Image<Gray>, across: &Image<Direction>, along_px: f32) -> Image<Gray> {
    let smoothed = |x, y, [ahead, behind]: [[f32; 4]; 2], sum| (plane.at(x, y) + ahead[2] + behind[2]) / sum;
    along_tangents(across, along_px, |x, y, [tx, ty]| [tx, ty, plane.at(x, y), 0.0], 0.0, smoothed)
}

/// The picture smoothed by a Gaussian of `along_px` along its edges and not across them (Kang, Lee, Chui 2009): borders
/// become long and even, ripples run together. Where there is no direction it stays as it is.
pub fn smooth_along_edges(picture: &Image<Srgb>, along_px: f32) -> Image<Srgb> {
    let Structure { across, coherence } = structure(&picture.map::<Gray>(luma_from_srgb), FLOW_SIGMA_PX);
    let field = |x, y, [tx, ty]: [f32; 2]| {
        let [r, g, b] = picture.at(x, y);
        [tx, ty, r, g, b]
    };
    let smoothed = |x, y, [ahead, behind]: [[f32; 5]; 2], sum| {
        let (own, directed) = (picture.at(x, y), (coherence.at(x, y) * 2.0 - 0.5).clamp(0.0, 1.0));
        std::array::from_fn(|c| own[c] + directed * ((own[c] + ahead[2 + c] + behind[2 + c]) / sum - own[c]))
    };
    along_tangents(&across, along_px, field, [0.0; 3], smoothed)
}

/// Pixels whose walkers go side by side in [`along_tangents`].
const WALKED: usize = 8;

/// A Gaussian of `along_px` along the tangents of `across`, followed both ways in steps of one pixel. `at` makes of a
/// pixel's tangent the numbers that are summed, the tangent first: one set of bilinear weights serves all. `smoothed`
/// makes a pixel of the weighted sums ahead and behind, without the pixel itself, and of the sum of all weights with it,
/// where its own is 1; `empty` is any pixel.
fn along_tangents<const C: usize, S: Space>(
    across: &Image<Direction>,
    along_px: f32,
    at: impl Fn(usize, usize, [f32; 2]) -> [f32; C] + Sync,
    empty: S::Pixel,
    smoothed: impl Fn(usize, usize, [[f32; C]; 2], f32) -> S::Pixel + Sync,
) -> Image<S> {
    let steps = (2.0 * along_px) as usize;
    let weight: Vec<f32> = (1..=steps).map(|t| (-((t * t) as f32) / (2.0 * along_px * along_px)).exp()).collect();
    let sum = 1.0 + 2.0 * weight.iter().sum::<f32>();
    let field = Field::new(across.width(), across.height(), steps + 2, |x, y| {
        let [nx, ny] = across.at(x, y);
        at(x, y, [-ny, nx])
    });
    by_rows(across.width(), across.height(), empty, |y, row| {
        // Walkers side by side, both ways from each of a few pixels: every step waits for its sample, so one walker
        // alone would leave the core idle.
        for (block, (out, across)) in row.chunks_mut(WALKED).zip(across.row(y).chunks(WALKED)).enumerate() {
            let start = block * WALKED;
            let mut walkers = [Walker::<C>::default(); 2 * WALKED];
            for (pair, &[nx, ny]) in walkers.chunks_exact_mut(2).zip(across) {
                pair[0].heading = [-ny, nx];
                pair[1].heading = [ny, -nx];
            }
            for &weight in &weight {
                for (i, walker) in walkers[..2 * out.len()].iter_mut().enumerate() {
                    walker.step(&field, start + i / 2, y, weight);
                }
            }
            for (i, out) in out.iter_mut().enumerate() {
                *out = smoothed(start + i, y, [walkers[2 * i].total, walkers[2 * i + 1].total], sum);
            }
        }
    })
}

/// One way along a tangent: offset from the pixel it started at, direction of the next step, weighted sum so far of a
/// field whose first two numbers are the tangent.
#[derive(Clone, Copy)]
struct Walker<const C: usize> {
    offset: [f32; 2],
    heading: [f32; 2],
    total: [f32; C],
}

impl<const C: usize> Default for Walker<C> {
    fn default() -> Self {
        Self { offset: [0.0; 2], heading: [0.0; 2], total: [0.0; C] }
    }
}

impl<const C: usize> Walker<C> {
    #[inline]
    fn step(&mut self, field: &Field<C>, x: usize, y: usize, weight: f32) {
        let ([at_x, at_y], [dx, dy]) = (self.offset, self.heading);
        self.offset = [at_x + dx, at_y + dy];
        let sample = field.sample(x, y, self.offset[0], self.offset[1]);
        let [tx, ty] = [sample[0], sample[1]];
        self.total.iter_mut().zip(sample).for_each(|(total, value)| *total += weight * value);
        // A tangent has no sign of its own: keep walking the way we came.
        let same = if tx * dx + ty * dy < 0.0 { -1.0 } else { 1.0 };
        self.heading = [tx * same, ty * same];
    }
}

/// C numbers at every pixel with a mirrored margin, so that samples inside the margin need no border rule.
struct Field<const C: usize> {
    stride: usize,
    margin: usize,
    data: Vec<[f32; C]>,
}

impl<const C: usize> Field<C> {
    /// The border pixel is mirrored too (cba|abc).
    fn new(width: usize, height: usize, margin: usize, at: impl Fn(usize, usize) -> [f32; C] + Sync) -> Self {
        let columns: Vec<usize> =
            (0..width + 2 * margin).map(|x| blur::mirror_with_edge(x as isize - margin as isize, width)).collect();
        let stride = columns.len();
        let mut data = vec![[0.0; C]; if width == 0 { 0 } else { stride * (height + 2 * margin) }];
        data.par_chunks_mut(stride.max(1)).enumerate().for_each(|(y, row)| {
            let y = blur::mirror_with_edge(y as isize - margin as isize, height);
            row.iter_mut().zip(&columns).for_each(|(out, &x)| *out = at(x, y));
        });
        Self { stride, margin, data }
    }

    /// Bilinear sample at (`x` + `dx`, `y` + `dy`); |dx| and |dy| stay one pixel inside the margin.
    #[inline]
    fn sample(&self, x: usize, y: usize, dx: f32, dy: f32) -> [f32; C] {
        // The offset is small and the margin positive, so truncation is floor, and the fraction keeps its precision
        // on the widest picture.
        let (dx, dy) = (dx + self.margin as f32, dy + self.margin as f32);
        let (left, top) = (dx as u32 as usize, dy as u32 as usize);
        let (fx, fy) = (dx - left as f32, dy - top as f32);
        let start = (y + top) * self.stride + x + left;
        let upper = &self.data[start..start + 2];
        let lower = &self.data[start + self.stride..start + self.stride + 2];
        std::array::from_fn(|c| {
            let above = upper[0][c] + fx * (upper[1][c] - upper[0][c]);
            let below = lower[0][c] + fx * (lower[1][c] - lower[0][c]);
            above + fy * (below - above)
        })
    }
}

/// A picture of `empty` pixels, filled row by row on all cores.
fn by_rows<S: Space>(
    width: usize,
    height: usize,
    empty: S::Pixel,
    fill: impl Fn(usize, &mut [S::Pixel]) + Sync,
) -> Image<S> {
    let mut picture = Image::filled(width, height, empty);
    picture.pixels_mut().par_chunks_mut(width.max(1)).enumerate().for_each(|(y, row)| fill(y, row));
    picture
}

/// Black top-hat: closing minus plane. High on what is darker than its surroundings and narrower than the ellipse of
/// `diameter_px` (odd). Beyond the border there is nothing.
pub fn black_top_hat(plane: &Image<Gray>, diameter_px: usize) -> Image<Gray> {
    let closed = erode(&dilate(plane, diameter_px), diameter_px);
    zip(&closed, plane, |closed, plane| closed - plane)
}

/// White top-hat: plane minus opening. High on what is brighter than its surroundings and narrower than the ellipse
/// of `diameter_px` (odd). Beyond the border there is nothing.
pub fn white_top_hat(plane: &Image<Gray>, diameter_px: usize) -> Image<Gray> {
    let opened = dilate(&erode(plane, diameter_px), diameter_px);
    zip(plane, &opened, |plane, opened| plane - opened)
}

fn zip(a: &Image<Gray>, b: &Image<Gray>, join: impl Fn(f32, f32) -> f32 + Sync) -> Image<Gray> {
    let joined = a.pixels().par_iter().zip(b.pixels()).with_min_len(4096).map(|(&a, &b)| join(a, b)).collect();
    Image::new(a.width(), a.height(), joined)
}

fn dilate(plane: &Image<Gray>, diameter_px: usize) -> Image<Gray> {
    extreme(plane, diameter_px, f32::NEG_INFINITY, |best, value| if value > best { value } else { best })
}

fn erode(plane: &Image<Gray>, diameter_px: usize) -> Image<Gray> {
    extreme(plane, diameter_px, f32::INFINITY, |best, value| if value < best { value } else { best })
}

/// Half width of the ellipse in each row of its square, from the top.
fn ellipse(diameter_px: usize) -> impl Iterator<Item = usize> {
    let radius = (diameter_px / 2) as i64;
    (-radius..=radius).map(move |dy| ((radius * radius - dy * dy) as f32).sqrt().round() as usize)
}

/// The extreme of `plane` under the ellipse around each pixel.
fn extreme(
    plane: &Image<Gray>,
    diameter_px: usize,
    worst: f32,
    better: impl Fn(f32, f32) -> f32 + Sync,
) -> Image<Gray> {
    let (width, height, radius) = (plane.width(), plane.height(), diameter_px / 2);
    by_rows(width, height, 0.0, |y, out| {
        out.fill(worst);
        // Shifting whole rows keeps the inner loop free of border tests.
        for (dy, half) in ellipse(diameter_px).enumerate() {
            let Some(from) = (y + dy).checked_sub(radius).filter(|&from| from < height) else { continue };
            let row = plane.row(from);
            for shift in 0..=half.min(width.saturating_sub(1)) {
                let inner = width - shift;
                out[..inner].iter_mut().zip(&row[shift..]).for_each(|(out, &value)| *out = better(*out, value));
                out[shift..].iter_mut().zip(&row[..inner]).for_each(|(out, &value)| *out = better(*out, value));
            }
        }
    })
}

/// How far something thinner than 7 px stands out along a direction, 0..1: wires, twigs, bars, lettering. Brush
/// strokes would wipe it away, and it is what makes a drawing look drawn.
///
/// `plane` is luma 0..1; `coherence` is that of the wider structure, as [`flow_dog`] returns it.
pub fn thin_structures(plane: &Image<Gray>, coherence: &Image<Gray>) -> Image<Gray> {
    let soft = blur::gaussian(plane, 0.6);
    let hat = zip(&black_top_hat(&soft, THIN_PX), &white_top_hat(&soft, THIN_PX), f32::max);
    let local = structure(plane, 1.5).coherence;
    let directed = zip(&local, coherence, |local, wide| {
        ((local - 0.45) * 4.0).clamp(0.0, 1.0) * (wide * 2.0 - 0.3).clamp(0.0, 1.0)
    });
    blur::gaussian(&zip(&hat, &directed, |hat, directed| ((hat - 0.035) * 10.0).clamp(0.0, 1.0) * directed), 0.7)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reproducible values 0..1 without structure.
    fn noise(width: usize, height: usize) -> Image<Gray> {
        let mut numbers = crate::noise::numbers(0);
        Image::from_fn(width, height, |_, _| numbers())
    }

    /// A picture with curved edges, lines and flat parts.
    fn scene(width: usize, height: usize) -> Image<Gray> {
        blur::gaussian(
            &Image::from_fn(width, height, |x, y| {
                let (x, y) = (x as f32, y as f32);
                let disc = if (x - 20.0).hypot(y - 25.0) < 13.0 { 0.3 } else { 0.8 };
                let line = if (x + 0.6 * y - 44.0).abs() < 1.2 { 0.5 } else { 0.0 };
                disc - line + 0.001 * x
            }),
            0.8,
        )
    }

    fn rotated(plane: &Image<Gray>) -> Image<Gray> {
        Image::from_fn(plane.height(), plane.width(), |x, y| plane.at(y, plane.height() - 1 - x))
    }

    #[test]
    fn structure_points_across_a_slanted_edge() {
        let (sine, cosine) = 0.5f32.sin_cos();
        let edge = Image::from_fn(40, 40, |x, y| {
            (0.1 * ((x as f32 - 20.0) * cosine + (y as f32 - 20.0) * sine) + 0.5).clamp(0.0, 1.0)
        });
        let found = structure(&edge, 2.0);
        let [nx, ny] = found.across.at(20, 20);
        assert!((nx * cosine + ny * sine).abs() > 0.9999, "{nx} {ny}");
        assert!(found.coherence.at(20, 20) > 0.99);
        assert_eq!(structure(&Image::filled(9, 5, 0.4), 2.0).across.at(3, 3), [1.0, 0.0]);
    }

    #[test]
    fn half_angle_is_half_the_angle() {
        for degrees in -179..=179 {
            let angle = (degrees as f32).to_radians();
            for length in [1e-12, 1.0] {
                let [x, y] = half_angle(length * angle.cos(), length * angle.sin());
                let error = (x - (angle / 2.0).cos()).hypot(y - (angle / 2.0).sin());
                assert!(error < 2e-7, "{degrees}° {length}");
            }
        }
    }

    #[test]
    fn a_dark_line_is_dark_all_along_and_nowhere_else() {
        let slope = 0.35;
        let across = |x: usize, y: usize| (y as f32 - 20.0 - slope * x as f32).abs() / (1.0 + slope * slope).sqrt();
        let plane = Image::from_fn(60, 60, |x, y| 0.1 + 0.8 * (across(x, y) - 0.5).clamp(0.0, 1.0));
        let (dog, coherence) = flow_dog(&plane, 0.8, 3.0);
        for x in 5..55 {
            for y in 0..60 {
                if across(x, y) < 0.4 {
                    assert!(dog.at(x, y) < -0.05 && coherence.at(x, y) > 0.9, "({x}, {y}) {}", dog.at(x, y));
                } else if across(x, y) > 9.0 {
                    assert!(dog.at(x, y).abs() < 1e-5, "({x}, {y})");
                }
            }
        }
    }

    /// The recipe pixel by pixel, with border rule and exact arithmetic at every sample.
    fn flow_dog_naive(plane: &Image<Gray>, sigma_px: f64, along_px: f64) -> Vec<f64> {
        let (width, height) = (plane.width(), plane.height());
        let across = structure(plane, 2.0).across;
        let sample = |value: &dyn Fn(usize, usize) -> f64, x: f64, y: f64| {
            let mut sum = 0.0;
            for (i, j) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                let (u, v) = (x.floor() as isize + i, y.floor() as isize + j);
                let weight = (1.0 - (x - u as f64).abs()) * (1.0 - (y - v as f64).abs());
                sum += weight * value(blur::mirror_with_edge(u, width), blur::mirror_with_edge(v, height));
            }
            sum
        };
        let gauss = |t: i32, sigma: f64| (-f64::from(t * t) / (2.0 * sigma * sigma)).exp();
        let normal = |c: usize| {
            let across = &across;
            move |x: usize, y: usize| f64::from(across.at(x, y)[c])
        };
        let reach = (2.5 * sigma_px * 1.6).ceil() as i32;
        let places = || (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let dog: Vec<f64> = places()
            .map(|(x, y)| {
                let mut sums = [0.0; 4];
                for t in -reach..=reach {
                    let (u, v) = (x as f64 + f64::from(t) * normal(0)(x, y), y as f64 + f64::from(t) * normal(1)(x, y));
                    let value = sample(&|x, y| f64::from(plane.at(x, y)), u, v);
                    for (i, sigma) in [sigma_px, 1.6 * sigma_px].into_iter().enumerate() {
                        sums[2 * i] += gauss(t, sigma) * value;
                        sums[2 * i + 1] += gauss(t, sigma);
                    }
                }
                sums[0] / sums[1] - sums[2] / sums[3]
            })
            .collect();
        places()
            .map(|(x, y)| {
                let (mut total, mut weight) = (dog[y * width + x], 1.0);
                for sign in [1.0, -1.0] {
                    let (mut u, mut v) = (x as f64, y as f64);
                    let (mut dx, mut dy) = (-normal(1)(x, y) * sign, normal(0)(x, y) * sign);
                    for t in 1..=(2.0 * along_px) as i32 {
                        (u, v) = (u + dx, v + dy);
                        total += gauss(t, along_px) * sample(&|x, y| dog[y * width + x], u, v);
                        weight += gauss(t, along_px);
                        let (tx, ty) = (-sample(&normal(1), u, v), sample(&normal(0), u, v));
                        let same = if tx * dx + ty * dy < 0.0 { -1.0 } else { 1.0 };
                        (dx, dy) = (tx * same, ty * same);
                    }
                }
                total / weight
            })
            .collect()
    }

    #[test]
    fn flow_dog_equals_the_naive_one() {
        let plane = scene(45, 38);
        for (sigma_px, along_px) in [(0.8, 3.0), (1.1, 5.0)] {
            let fast = flow_dog(&plane, sigma_px, along_px).0;
            let naive = flow_dog_naive(&plane, f64::from(sigma_px), f64::from(along_px));
            let errors: Vec<f64> = fast.pixels().iter().zip(&naive).map(|(&a, b)| (f64::from(a) - b).abs()).collect();
            // Where the tangent turns by a right angle, rounding decides which way the walk goes on.
            let turned = errors.iter().filter(|&&error| error > 1e-5).count();
            assert!(turned < 10 && errors.iter().all(|&error| error < 0.01), "{turned}");
        }
    }

    #[test]
    fn ragged_edges_become_straight_and_stay_where_they_are() {
        let ragged = noise(1, 64);
        let edge = |y: usize| 16.0 + 0.4 * y as f32 + 2.4 * (ragged.at(0, y) - 0.5);
        let picture = Image::<Srgb>::from_fn(64, 64, |x, y| {
            let v = 0.2 + 0.6 * (x as f32 - edge(y) + 0.5).clamp(0.0, 1.0);
            [v, 0.5, 1.0 - v]
        });
        let smoothed = smooth_along_edges(&picture, 3.0);
        // Where the edge is in each row, beyond where a straight one would be.
        let off = |picture: &Image<Srgb>| -> Vec<f32> {
            let light = |y: usize| picture.row(y).iter().map(|pixel| (pixel[0] - 0.2) / 0.6).sum::<f32>();
            (10..54).map(|y| 64.0 - light(y) - 0.4 * y as f32).collect()
        };
        let moments = |off: Vec<f32>| {
            let mean = off.iter().sum::<f32>() / off.len() as f32;
            (mean, (off.iter().map(|off| (off - mean).powi(2)).sum::<f32>() / off.len() as f32).sqrt())
        };
        let ((place, rough), (moved, even)) = (moments(off(&picture)), moments(off(&smoothed)));
        assert!(even < 0.6 * rough && (moved - place).abs() < 0.1, "{rough} to {even}, {place} to {moved}");
        for y in 0..64 {
            for x in (0..64).filter(|&x| (x as f32 - edge(y)).abs() > 9.0) {
                let (before, after) = (picture.at(x, y), smoothed.at(x, y));
                assert!((0..3).all(|c| (before[c] - after[c]).abs() < 1e-5), "({x}, {y}) {before:?} to {after:?}");
            }
        }
        let constant = Image::<Srgb>::filled(9, 7, [0.2, 0.7, 0.4]);
        assert_eq!(smooth_along_edges(&constant, 3.0), constant);
    }

    #[test]
    fn a_turned_picture_gives_turned_lines() {
        // Slanted edges only: the sign of a horizontal edge's normal flips from pixel to pixel, and tangents
        // interpolated across the flip depend on which axis is which.
        let plane = Image::from_fn(64, 50, |x, y| {
            let (x, y) = (x as f32, y as f32);
            0.5 + 0.3 * (0.5 * x + 0.3 * y).sin() + 0.1 * ((x + 0.7 * y - 40.0) * 2.0).clamp(-1.0, 1.0)
        });
        let (upright, turned) = (rotated(&flow_dog(&plane, 0.8, 3.0).0), flow_dog(&rotated(&plane), 0.8, 3.0).0);
        for (a, b) in upright.pixels().iter().zip(turned.pixels()) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }

    #[test]
    fn top_hats_equal_plain_morphology() {
        let ellipse = ["...#...", ".#####.", "#######", "#######", "#######", ".#####.", "...#..."];
        let plane = noise(19, 14);
        let plain = |plane: &Image<Gray>, sign: f32| {
            Image::<Gray>::from_fn(19, 14, |x, y| {
                let mut best = f32::NEG_INFINITY;
                for (j, row) in ellipse.iter().enumerate() {
                    for (i, cell) in row.bytes().enumerate() {
                        let (u, v) = ((x + i).wrapping_sub(3), (y + j).wrapping_sub(3));
                        if cell == b'#' && u < 19 && v < 14 {
                            best = best.max(sign * plane.at(u, v));
                        }
                    }
                }
                sign * best
            })
        };
        let (closed, opened) = (plain(&plain(&plane, 1.0), -1.0), plain(&plain(&plane, -1.0), 1.0));
        assert_eq!(black_top_hat(&plane, 7), zip(&closed, &plane, |a, b| a - b));
        assert_eq!(white_top_hat(&plane, 7), zip(&plane, &opened, |a, b| a - b));
    }

    #[test]
    fn wires_are_thin_and_walls_are_not() {
        let plane = Image::from_fn(60, 40, |x, _| match x {
            14..17 => 0.2,
            30..46 => 0.2,
            _ => 0.7,
        });
        let thin = thin_structures(&plane, &structure(&plane, 2.0).coherence);
        assert!(thin.at(15, 20) > 0.8, "wire {}", thin.at(15, 20));
        assert!(thin.at(38, 20) < 0.01 && thin.at(3, 20) < 0.01);
    }

    #[test]
    fn tiny_pictures_are_fine() {
        for (width, height) in [(1, 1), (1, 6), (3, 2), (0, 0)] {
            let plane = noise(width, height);
            let (dog, coherence) = flow_dog(&plane, 1.1, 5.0);
            assert!(dog.pixels().iter().all(|value| value.is_finite()));
            assert_eq!(thin_structures(&plane, &coherence).pixels().len(), width * height);
        }
    }
}
