//! From the size painted at to the size of the photo: strokes stay as broad as they were painted, their borders and
//! the ink become as crisp as the photo's pixels. Plain enlarging would blur both. Where the two sizes are the same, borders and ink are
//! redrawn too, or a picture of half a megapixel would be less of a drawing than the same picture at twelve.
//!
//! Borders are smoothed along themselves at the size painted at, so that they have no stairs. Everything is enlarged by
//! a kernel whose level sets are smooth, together with the two ends between which each neighbourhood changes; then
//! what lies between the ends is driven towards the nearer one, the more, the larger the scale. It is the shock filter
//! (Osher and Rudin 1990) in closed form: what has no border, a ramp say, is in the middle between its ends and stays
//! as it is.

use crate::look::Crisp;
use crate::tiles::{Part, parts};
use engine::Map;
use pixels::Image;
use pixels::lines::{Structure, structure};
use pixels::resize::cubic;
use pixels::space::{Gray, Srgb};
use pixels::vectors::widely;
use rayon::prelude::*;
use wide::f32x4;

/// A whole painting at the size it was painted at: Y −1..1, Cb, Cr −1..1 and ink 0..1 of every pixel, what the
/// drawer makes. Kept in 16-bit fixed point, because a large picture painted finely is held here in one piece.
#[derive(Clone)]
pub(crate) struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<Pixel>,
}

/// Y, Cb, Cr, ink in fixed point.
type Pixel = [i16; CHANNELS];

/// Fixed-point units per 1.0: leaves room for −4..4, finer than 8-bit colour by 64.
const ONE: f32 = 8192.0;
/// Channels: Y, Cb, Cr, ink.
const CHANNELS: usize = 4;
/// The channel of the ink.
const INK: usize = 3;

/// A number in fixed point, rounded.
fn fixed(value: f32) -> i16 {
    let half = f32::copysign(0.5, value);
    (value * ONE + half) as i16
}

impl Canvas {
    /// An empty canvas.
    pub(crate) fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![[0; CHANNELS]; width * height] }
    }

    /// Lays down one painted part.
    pub(crate) fn put(&mut self, part: Part, painted: &Map) {
        let rows = self.pixels.par_chunks_mut(self.width).skip(part.y).with_min_len(16);
        rows.zip(painted.data.par_chunks_exact(part.width * CHANNELS)).for_each(|(row, from)| {
            let to = row[part.x..][..part.width].as_flattened_mut();
            to.iter_mut().zip(from).for_each(|(to, from)| *to = fixed(*from));
        });
    }

    /// Width and height, px.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// What a part shows: Y, Cb, Cr, and ink.
    pub(crate) fn taken(&self, part: Part) -> (Image<Srgb>, Image<Gray>) {
        let mut colours = Image::filled(part.width, part.height, [0.0; 3]);
        let mut ink = Image::filled(part.width, part.height, 0.0);
        let rows = colours.pixels_mut().par_chunks_mut(part.width).zip(ink.pixels_mut().par_chunks_mut(part.width));
        rows.enumerate().for_each(|(row, (colours, ink))| {
            let from = &self.pixels[(part.y + row) * self.width + part.x..][..part.width];
            for ((colour, drawn), pixel) in colours.iter_mut().zip(ink).zip(from) {
                let [y, cb, cr, ink] = in_units(*pixel);
                (*colour, *drawn) = ([y, cb, cr], ink);
            }
        });
        (colours, ink)
    }

    /// Lays down one part anew.
    pub(crate) fn give_back(&mut self, part: Part, pixels: &[[f32; CHANNELS]]) {
        let rows = self.pixels.par_chunks_mut(self.width).skip(part.y).zip(pixels.par_chunks_exact(part.width));
        rows.for_each(|(to, from)| {
            for (to, [y, cb, cr, ink]) in to[part.x..][..part.width].iter_mut().zip(from) {
                *to = [fixed(*y), fixed(*cb), fixed(*cr), fixed(*ink)];
            }
        });
    }

    fn at(&self, x: usize, y: usize) -> Pixel {
        self.pixels[y * self.width + x]
    }

    /// With every border smoothed along itself by `share` (0..1) of what [`smoothed`] says.
    fn with_smooth_borders(&self, share: f32) -> Self {
        let mut smooth = Self { pixels: self.pixels.clone(), ..*self };
        for part in parts(self.width, self.height, SMOOTHED_PX) {
            let around = part.grown(FLOW_REACH_PX + ALONG.len() + 1, self.width, self.height);
            let flow = structure(&self.luma(around), FLOW_SIGMA_PX);
            let rows = (around.y..around.y + around.height).into_par_iter();
            let row =
                |y: usize| self.pixels[y * self.width + around.x..][..around.width].iter().map(|pixel| numbers(*pixel));
            let pixels: Vec<f32x4> = rows.flat_map_iter(row).collect();
            let rows = smooth.pixels.par_chunks_mut(self.width).enumerate().skip(part.y).take(part.height);
            rows.for_each(|(y, row)| {
                for (x, to) in row.iter_mut().enumerate().skip(part.x).take(part.width) {
                    let at = [x - around.x, y - around.y];
                    let coherence = flow.coherence.at(at[0], at[1]);
                    let share = share * ((coherence - COHERENT.start) / (COHERENT.end - COHERENT.start)).min(1.0);
                    if share > 0.0 {
                        let from = pixels[at[1] * around.width + at[0]];
                        let mixed = from + (smoothed(&pixels, at, &flow) - from) * f32x4::splat(share);
                        let [y, cb, cr, ink] = (mixed / f32x4::splat(ONE)).to_array();
                        *to = [fixed(y), fixed(cb), fixed(cr), fixed(ink)];
                    }
                }
            });
        }
        smooth
    }

    /// Luma 0..1 of a part, with its ink.
    fn luma(&self, part: Part) -> Image<Gray> {
        Image::from_fn(part.width, part.height, |x, y| {
            let [luma, _, _, ink] = in_units(self.at(part.x + x, part.y + y));
            (luma + 1.0) / 2.0 * (1.0 - ink.clamp(0.0, 1.0))
        })
    }
}

/// Y, Cb, Cr and ink of a pixel, in fixed-point units.
#[inline]
fn numbers([y, cb, cr, ink]: Pixel) -> f32x4 {
    f32x4::new([f32::from(y), f32::from(cb), f32::from(cr), f32::from(ink)])
}

/// The same in the drawer's units.
#[inline]
fn in_units(pixel: Pixel) -> [f32; CHANNELS] {
    (numbers(pixel) / f32x4::splat(ONE)).to_array()
}

/// The mean of the pixel `at` a place and of those along the border it lies on, weighted as [`ALONG`] says; `flow` is that of the same part.
fn smoothed(pixels: &[f32x4], [x, y]: [usize; 2], flow: &Structure) -> f32x4 {
    let (width, height) = (flow.across.width(), flow.across.height());
    let tangent = |x: usize, y: usize| {
        let [across_x, across_y] = flow.across.at(x, y);
        [-across_y, across_x]
    };
    let mut sum = pixels[y * width + x];
    let mut weights = 1.0;
    let [ahead_x, ahead_y] = tangent(x, y);
    for mut heading in [[ahead_x, ahead_y], [-ahead_x, -ahead_y]] {
        let mut offset = [0.0; 2];
        for weight in ALONG {
            offset = [offset[0] + heading[0], offset[1] + heading[1]];
            sum += f32x4::splat(weight) * bilinear(pixels, (width, height), [x, y], offset);
            weights += weight;
            let (x, y) = (moved(x, floor(offset[0] + 0.5), width), moved(y, floor(offset[1] + 0.5), height));
            let turned = tangent(x, y);
            // A tangent has no sign of its own: keep walking the way we came.
            let same = if turned[0] * heading[0] + turned[1] * heading[1] < 0.0 { -1.0 } else { 1.0 };
            heading = [same * turned[0], same * turned[1]];
        }
    }
    sum / f32x4::splat(weights)
}

/// Bilinear between the pixels, `offset` px from the pixel (`x`, `y`), the border repeated.
#[inline]
fn bilinear(pixels: &[f32x4], (width, height): (usize, usize), [x, y]: [usize; 2], offset: [f32; 2]) -> f32x4 {
    let (whole_x, whole_y) = (floor(offset[0]), floor(offset[1]));
    let along_x = f32x4::splat(offset[0] - whole_x as f32);
    let along_y = f32x4::splat(offset[1] - whole_y as f32);
    let (left, right) = (moved(x, whole_x, width), moved(x, whole_x + 1, width));
    let row = |y: usize| {
        let (a, b) = (pixels[y * width + left], pixels[y * width + right]);
        a + along_x * (b - a)
    };
    let (upper, lower) = (row(moved(y, whole_y, height)), row(moved(y, whole_y + 1, height)));
    upper + along_y * (lower - upper)
}

/// The sample `by` samples from `at` on an axis of `length`, or its first or last.
fn moved(at: usize, by: isize, length: usize) -> usize {
    at.saturating_add_signed(by).min(length - 1)
}

/// The whole number at or below a small number. Truncation is faster than a call for `f32::floor`.
fn floor(small: f32) -> isize {
    (small + 16.0) as isize - 16
}

/// Side of the parts whose borders are smoothed at a time, px.
const SMOOTHED_PX: usize = 512;
/// Smoothing of the structure tensor whose tangents borders are smoothed along, px.
const FLOW_SIGMA_PX: f32 = 1.0;
/// How far the structure tensor looks around: the derivative, and the Gaussian out to four sigmas.
const FLOW_REACH_PX: usize = 1 + 4;
/// Coherence of the structure tensor from which there is a border, and where it is smoothed fully.
const COHERENT: std::ops::Range<f32> = 0.3..0.7;
/// Weights of the pixels one, two, three and four steps along a border, either way: a Gaussian of 2 px.
const ALONG: [f32; 4] = [0.882, 0.607, 0.325, 0.135];

/// How far around a pixel it is looked to redraw it, px of the size painted at: the smoothing of borders, and the kernel.
pub(crate) const REDRAWN_FROM_PX: usize = FLOW_REACH_PX + ALONG.len() + 3;

/// A painting that is taken to another size, part by part.
pub(crate) struct Upscaler {
    canvas: Canvas,
    /// Where the canvas begins in the painting, and the size of that.
    at: [usize; 2],
    painted: (usize, usize),
    /// With smooth borders, if it is redrawn.
    smooth: Option<Canvas>,
    redraw: Redraw,
    full_width: usize,
    full_height: usize,
}

impl Upscaler {
    /// Readies a painting for the size `full_width`×`full_height`, px, `crisp` if it is not enlarged.
    pub(crate) fn new(canvas: Canvas, full_size: (usize, usize), crisp: Crisp) -> Self {
        let painted = (canvas.width, canvas.height);
        Self::of_part(canvas, [0; 2], painted, full_size, crisp)
    }

    /// The same for a canvas that is a part, from `at` on, of a painting of so many px.
    pub(crate) fn of_part(
        canvas: Canvas,
        at: [usize; 2],
        painted: (usize, usize),
        (full_width, full_height): (usize, usize),
        crisp: Crisp,
    ) -> Self {
        let area = |width: usize, height: usize| width as f32 * height as f32;
        let scale = (area(full_width, full_height) / area(painted.0, painted.1)).sqrt();
        let redraw = Redraw::at(scale.max(1.0 + crisp.get()));
        let smooth = (redraw.growth > 0.0).then(|| canvas.with_smooth_borders(redraw.growth));
        Self { canvas, at, painted, smooth, redraw, full_width, full_height }
    }

    /// One part of the painting at the new size: H×W×4 of `part`, in the drawer's units, ink 0..1.
    pub(crate) fn part(&self, part: Part) -> Map {
        let ((width, height), [left, top]) = (self.painted, self.at);
        let softness = f64::from(self.redraw.growth);
        let columns = Taps::new(width, self.full_width, part.x, part.width, softness);
        let rows = Taps::new(height, self.full_height, part.y, part.height, softness);
        let resampler = Resampler { columns, rows };
        let data = match &self.smooth {
            None => {
                let row = |y: usize, x: usize| [in_units(self.canvas.at(x - left, y - top))];
                resampler.rows_of(row, |[value]| with_ink_in_range(*value))
            }
            Some(smooth) => {
                let row = |y: usize, x: usize| {
                    let (x, y) = (x - left, y - top);
                    let [low, high] = ends(&self.canvas, x, y);
                    [in_units(smooth.at(x, y)), in_units(low), in_units(high)]
                };
                resampler.rows_of(row, |pixel| with_ink_in_range(self.redraw.steepened(pixel)))
            }
        };
        Map { height: part.height, width: part.width, channels: CHANNELS, data }
    }
}

/// A kernel may ring, and rounding exceed: ink stays within 0..1, as the drawer makes it.
fn with_ink_in_range([y, cb, cr, ink]: [f32; CHANNELS]) -> [f32; CHANNELS] {
    [y, cb, cr, ink.clamp(0.0, 1.0)]
}

/// The least and the most of every channel in the 3×3 pixels around (`x`, `y`). Ink is laid on nothing: its least is 0.
fn ends(canvas: &Canvas, x: usize, y: usize) -> [Pixel; 2] {
    let (mut low, mut high) = (canvas.at(x, y), canvas.at(x, y));
    for y in y.saturating_sub(1)..(y + 2).min(canvas.height) {
        for pixel in &canvas.pixels[y * canvas.width..][x.saturating_sub(1)..(x + 2).min(canvas.width)] {
            for c in 0..CHANNELS {
                (low[c], high[c]) = (low[c].min(pixel[c]), high[c].max(pixel[c]));
            }
        }
    }
    low[INK] = 0;
    [low, high]
}

/// How a painting becomes crisp as if it had been enlarged so much. At scale 1 it changes nothing.
struct Redraw {
    /// How far the rule is from changing nothing: 0 at scale 1, 1 from scale 2 on.
    growth: f32,
    /// Slope, in units of the enlarged painting's, of what is done to a value between its ends.
    slope: f32,
    /// For each channel, where between its ends a border is set.
    middle: [f32; CHANNELS],
}

/// Slope for each unit of scale beyond 1. Enlarged, a border is 1.3 to 2.5 px of the smaller size wide; so much makes it
/// about one pixel of the larger.
const SLOPE: f32 = 1.9;
/// Where the border of ink is set. A line a pixel wide loses a third of its height to the kernel; from here it keeps its
/// width, and an inked picture its mean darkness.
const INK_MIDDLE: f32 = 0.46;
/// Distance between the ends, in −1..1 units: what changes less is no border (a sky must not get bands), what changes
/// more is one. Faint ink is a line too.
const BORDER: std::ops::Range<f32> = 0.02..0.06;

impl Redraw {
    /// For a painting enlarged `scale` times per side.
    fn at(scale: f32) -> Self {
        let growth = (scale - 1.0).clamp(0.0, 1.0);
        let mut middle = [0.5; CHANNELS];
        middle[INK] += growth * (INK_MIDDLE - 0.5);
        Self { growth, slope: SLOPE * (scale - 1.0).max(0.0), middle }
    }

    /// An enlarged value with its ends, as it is drawn.
    #[inline]
    fn steepened(&self, [value, low, high]: &[[f32; CHANNELS]; 3]) -> [f32; CHANNELS] {
        std::array::from_fn(|c| {
            let span = high[c] - low[c];
            let border = ((span - BORDER.start) / (BORDER.end - BORDER.start)).clamp(0.0, 1.0);
            let slope = 1.0 + self.slope * if c == INK { 1.0 } else { border };
            let place = 0.5 * span + slope * (value[c] - low[c] - self.middle[c] * span);
            low[c] + place.max(0.0).min(span)
        })
    }
}

/// Resamples rows and columns, whose samples come from where its taps say.
struct Resampler {
    columns: Taps,
    rows: Taps,
}

/// Rows resampled at a time. What lies between the two passes is held for so many only.
const BAND_ROWS: usize = 64;

impl Resampler {
    /// All pixels, row by row. `source` is what a pixel (row, column) of the source holds, N times four numbers, and
    /// `finish` what becomes of it when it is resampled.
    fn rows_of<const N: usize>(
        &self,
        source: impl Fn(usize, usize) -> [[f32; CHANNELS]; N] + Sync,
        finish: impl Fn(&[[f32; CHANNELS]; N]) -> [f32; CHANNELS] + Sync,
    ) -> Vec<f32> {
        let (width, height) = (self.columns.first.len(), self.rows.first.len());
        let (left, right) = self.columns.span(0..width);
        let mut data = vec![0.0; width * height * CHANNELS];
        data.par_chunks_mut(BAND_ROWS * width * CHANNELS).enumerate().for_each(|(band, data)| {
            let start = band * BAND_ROWS;
            let (top, bottom) = self.rows.span(start..height.min(start + BAND_ROWS));
            let mut narrow = vec![[[0.0; CHANNELS]; N]; right - left];
            let mut wide = vec![[[0.0; CHANNELS]; N]; (bottom - top) * width];
            for (y, to) in wide.chunks_exact_mut(width).enumerate() {
                narrow.iter_mut().enumerate().for_each(|(x, to)| *to = source(top + y, left + x));
                widely(|| {
                    for (x, to) in to.iter_mut().enumerate() {
                        let from = &narrow[self.columns.first[x] - left..];
                        for (weight, from) in self.columns.of(x).iter().zip(from) {
                            add(to, *weight, from);
                        }
                    }
                });
            }
            let mut sums = vec![[[0.0; CHANNELS]; N]; width];
            for (y, to) in data.chunks_exact_mut(width * CHANNELS).enumerate() {
                sums.fill([[0.0; CHANNELS]; N]);
                let from = &wide[(self.rows.first[start + y] - top) * width..];
                widely(|| {
                    for (weight, from) in self.rows.of(start + y).iter().zip(from.chunks_exact(width)) {
                        sums.iter_mut().zip(from).for_each(|(to, from)| add(to, *weight, from));
                    }
                });
                to.as_chunks_mut().0.iter_mut().zip(&sums).for_each(|(to, sum)| *to = finish(sum));
            }
        });
        data
    }
}

#[inline(always)]
fn add<const N: usize>(to: &mut [[f32; CHANNELS]; N], weight: f32, from: &[[f32; CHANNELS]; N]) {
    to.as_flattened_mut().iter_mut().zip(from.as_flattened()).for_each(|(to, from)| *to += weight * from);
}

/// Where the samples of one axis come from: for each, the first source sample and the weights from there on.
struct Taps {
    first: Vec<usize>,
    weights: Vec<f32>,
    count: usize,
}

impl Taps {
    /// Samples `start..start + length` of an axis resampled from `source` to `target` samples. The border is
    /// handled by leaving out what lies beyond; the kernel, [`cubic`], is widened when the axis shrinks.
    fn new(source: usize, target: usize, start: usize, length: usize, softness: f64) -> Self {
        let ratio = source as f64 / target as f64;
        let widened = ratio.max(1.0);
        let count = ((4.0 * widened).ceil() as usize).min(source);
        let mut taps = Self { first: Vec::with_capacity(length), weights: Vec::with_capacity(length * count), count };
        for at in start..start + length {
            let centre = (at as f64 + 0.5) * ratio - 0.5;
            let first = (centre - 2.0 * widened).ceil().clamp(0.0, (source - count) as f64) as usize;
            let weight = |tap: usize| cubic(softness, ((first + tap) as f64 - centre) / widened);
            let sum: f64 = (0..count).map(weight).sum();
            taps.first.push(first);
            taps.weights.extend((0..count).map(|tap| (weight(tap) / sum) as f32));
        }
        taps
    }

    fn of(&self, sample: usize) -> &[f32] {
        &self.weights[sample * self.count..][..self.count]
    }

    /// From which to before which source sample some successive samples come.
    fn span(&self, samples: std::ops::Range<usize>) -> (usize, usize) {
        (self.first[samples.start], self.first[samples.end - 1] + self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn all(width: usize, height: usize) -> Part {
        Part { x: 0, y: 0, width, height }
    }

    fn painted(width: usize, height: usize, pixel: impl Fn(usize, usize) -> [f32; CHANNELS]) -> Canvas {
        let mut canvas = Canvas::new(width, height);
        let data = (0..width * height).flat_map(|i| pixel(i % width, i / width)).collect();
        canvas.put(all(width, height), &Map { height, width, channels: CHANNELS, data });
        canvas
    }

    fn ramp(width: usize, height: usize) -> Canvas {
        painted(width, height, |x, y| [x as f32 / width as f32 - 0.5, y as f32 / height as f32 - 0.5, 0.25, 1.0])
    }

    /// Fills with borders at all angles, and lines of ink.
    fn drawing(width: usize, height: usize) -> Canvas {
        painted(width, height, |x, y| {
            let (x, y) = (x as f32, y as f32);
            let ring = ((x - 20.0).hypot(y - 17.0) - 11.0).clamp(-0.5, 0.5);
            let line = (1.2 - (0.3 * x - 0.9 * y + 12.0).abs()).clamp(0.0, 0.7);
            [1.2 * ring, 0.3 * ring, 0.1 - ring / 3.0, line]
        })
    }

    #[test]
    fn a_ramp_stays_a_ramp_and_a_constant_a_constant() {
        for (width, height) in [(120, 75), (40, 30), (13, 10), (400, 3), (52, 39)] {
            let upscaled = Upscaler::new(ramp(40, 30), (width, height), Crisp::default()).part(all(width, height));
            for (i, pixel) in upscaled.data.as_chunks::<CHANNELS>().0.iter().enumerate() {
                let (x, y) = ((i % width) as f32 + 0.5, (i / width) as f32 + 0.5);
                let (x, y) = (x / width as f32 * 40.0 - 0.5, y / height as f32 * 30.0 - 0.5);
                if (5.0..34.0).contains(&x) && (12.0..18.0).contains(&y) && width != 13 {
                    assert!((pixel[0] - (x / 40.0 - 0.5)).abs() < 2e-3, "{width}×{height} at {x}: {pixel:?}");
                }
                assert!((pixel[2] - 0.25).abs() < 1e-6 && (pixel[3] - 1.0).abs() < 1e-6, "{pixel:?}");
            }
        }
    }

    #[test]
    fn parts_equal_the_whole_bit_for_bit() {
        for (width, height) in [(150, 333), (70, 60), (20, 90)] {
            let upscaler = Upscaler::new(drawing(61, 47), (width, height), Crisp::default());
            let whole = upscaler.part(all(width, height));
            for part in crate::tiles::parts(width, height, 48) {
                let upscaled = upscaler.part(part);
                for y in 0..part.height {
                    let expected = &whole.data[((part.y + y) * width + part.x) * CHANNELS..][..part.width * CHANNELS];
                    assert_eq!(&upscaled.data[y * part.width * CHANNELS..][..part.width * CHANNELS], expected);
                }
            }
        }
    }

    #[test]
    fn borders_are_smoothed_alike_in_parts_and_whole() {
        let (width, height) = (SMOOTHED_PX + 200, SMOOTHED_PX + 90);
        let waves = |x: usize, y: usize| {
            let wave = ((x as f32 / 5.0).sin() + (y as f32 / 7.0 + x as f32 / 90.0).cos()).clamp(-0.5, 0.5);
            [wave, 0.0, -wave, (wave - 0.2).max(0.0)]
        };
        let canvas = painted(width, height, waves);
        let smooth = canvas.with_smooth_borders(1.0);
        assert!(smooth.pixels != canvas.pixels);
        // A piece around where the parts meet, as a picture of its own: but for its margin it is the same.
        let (left, top, side, margin) = (SMOOTHED_PX - 190, SMOOTHED_PX - 170, 240, 20);
        let piece = painted(side, side, |x, y| waves(left + x, top + y)).with_smooth_borders(1.0);
        for y in margin..side - margin {
            for x in margin..side - margin {
                assert_eq!(piece.at(x, y), smooth.at(left + x, top + y), "{x}, {y}");
            }
        }
    }

    /// Columns of the middle row where a channel is between `low` and `high`: how wide its borders are.
    fn columns_between(map: &Map, channel: usize, low: f32, high: f32) -> usize {
        let row = &map.data.as_chunks::<CHANNELS>().0[map.height / 2 * map.width..][..map.width];
        row.iter().filter(|pixel| (low..high).contains(&pixel[channel])).count()
    }

    #[test]
    fn an_enlarged_border_is_crisp_at_every_scale() {
        for scale in [2, 5, 10] {
            let step = painted(30, 20, |x, _| [if x < 15 { -0.6 } else { 0.6 }, 0.1, -0.1, 0.0]);
            let upscaled =
                Upscaler::new(step, (30 * scale, 20 * scale), Crisp::default()).part(all(30 * scale, 20 * scale));
            assert!(columns_between(&upscaled, 0, -0.55, 0.55) <= 2, "{scale}");
            let inside = upscaled.data.as_chunks::<CHANNELS>().0.iter().all(|pixel| pixel[0].abs() < 0.601);
            assert!(inside, "nothing rings");
        }
    }

    #[test]
    fn lines_keep_their_width_and_darkness() {
        for scale in [1.25_f32, 2.0, 4.0, 10.0] {
            for ink in [0.1, 0.6] {
                for profile in [&[1.0][..], &[0.4, 1.0, 0.4], &[1.0, 1.0]] {
                    let at = |x: usize| x.checked_sub(20).and_then(|x| profile.get(x)).copied().unwrap_or(0.0);
                    let canvas = painted(40, 20, |x, _| [0.8, 0.0, 0.0, ink * at(x)]);
                    let (width, height) = ((40.0 * scale) as usize, (20.0 * scale) as usize);
                    let upscaled = Upscaler::new(canvas, (width, height), Crisp::default()).part(all(width, height));
                    let pixels = upscaled.data.as_chunks::<CHANNELS>().0;
                    let mean = pixels.iter().map(|pixel| pixel[INK]).sum::<f32>() / pixels.len() as f32;
                    let kept = mean / (ink * profile.iter().sum::<f32>() / 40.0);
                    assert!((0.8..1.2).contains(&kept), "{profile:?} of {ink} × {scale}: {kept}");
                    let soft = columns_between(&upscaled, INK, 0.1 * ink, 0.9 * ink);
                    assert!(scale < 3.0 || soft <= 4, "{profile:?} of {ink} × {scale}: {soft}");
                }
            }
        }
    }

    #[test]
    fn ink_stays_ink_at_every_size() {
        // Hard lines, of which a kernel that goes through its samples would make more than full ink and less than none.
        let inked = painted(60, 40, |x, y| [0.5, 0.0, 0.0, if (x / 3 + y / 3) % 2 == 0 { 1.0 } else { 0.0 }]);
        for (width, height) in [(60, 40), (47, 31), (30, 20), (61, 41), (75, 50), (150, 100)] {
            let upscaled = Upscaler::new(inked.clone(), (width, height), Crisp::default()).part(all(width, height));
            for pixel in upscaled.data.as_chunks::<CHANNELS>().0 {
                assert!((0.0..=1.0).contains(&pixel[INK]), "{width}×{height}: {}", pixel[INK]);
            }
        }
    }

    #[test]
    fn a_slanting_border_has_no_stairs() {
        // The border of a half-plane drawn without any antialiasing, the worst case: where it runs in each column.
        let canvas = painted(80, 40, |x, y| [if 4 * y < 60 + x { -0.6 } else { 0.6 }, 0.0, 0.0, 0.0]);
        let (width, height) = (640, 320);
        let upscaled = Upscaler::new(canvas, (width, height), Crisp::default()).part(all(width, height));
        let dark = |x: usize| (0..height).filter(|y| upscaled.data[(y * width + x) * CHANNELS] < 0.0).count() as f32;
        let off = (80..560).map(|x| (dark(x) - dark(80) - (x - 80) as f32 / 4.0).abs()).fold(0.0, f32::max);
        assert!(off < 1.25, "{off} px, where each stair is 8 px high");
    }

    #[test]
    fn the_same_size_is_the_same_picture_if_it_is_not_to_be_crisp_and_the_next_hardly_differs() {
        let canvas = drawing(33, 400);
        let expected: Vec<f32> = canvas.pixels.as_flattened().iter().map(|&v| f32::from(v) / ONE).collect();
        assert_eq!(
            Upscaler::new(drawing(33, 400), (33, 400), Crisp::new(0.0).unwrap()).part(all(33, 400)).data,
            expected
        );
        let next = Upscaler::new(drawing(33, 400), (33, 401), Crisp::new(0.0).unwrap()).part(all(33, 401)).data;
        // Near its upper border, where the pixels of both lie nearly alike.
        let rows = 60 * 33 * CHANNELS;
        let off = next[..rows].iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off < 0.2, "{off}");
        let mean = next[..rows].iter().zip(&expected).map(|(a, b)| (a - b).abs()).sum::<f32>() / rows as f32;
        assert!(mean < 0.005, "{mean}");
    }

    #[test]
    fn a_painting_of_the_same_size_is_redrawn_and_the_next_size_hardly_differs() {
        let soft = painted(40, 20, |x, _| [(0.3 * (x as f32 - 19.5)).clamp(-0.6, 0.6), 0.1, -0.1, 0.0]);
        let redrawn = Upscaler::new(soft, (40, 20), Crisp::default()).part(all(40, 20));
        assert!(columns_between(&redrawn, 0, -0.5, 0.5) <= 2, "a border four pixels wide");
        let [same, next] = [400, 401]
            .map(|height| Upscaler::new(drawing(33, 400), (33, height), Crisp::default()).part(all(33, height)).data);
        // Near its upper border, where the pixels of both lie nearly alike.
        let rows = 60 * 33 * CHANNELS;
        let apart: Vec<f32> = next[..rows].iter().zip(&same).map(|(a, b)| (a - b).abs()).collect();
        let (most, mean) = (apart.iter().copied().fold(0.0, f32::max), apart.iter().sum::<f32>() / rows as f32);
        assert!(most < 0.4 && mean < 0.008, "{most} {mean}");
    }

    #[test]
    fn a_piece_with_what_it_looks_at_is_redrawn_as_in_the_whole() {
        let canvas = drawing(150, 130);
        let whole = Upscaler::new(canvas.clone(), (150, 130), Crisp::default()).part(all(150, 130));
        let part = Part { x: 60, y: 44, width: 40, height: 30 };
        let seen = part.grown(REDRAWN_FROM_PX, 150, 130);
        let piece =
            painted(seen.width, seen.height, |x, y| canvas.at(seen.x + x, seen.y + y).map(|v| f32::from(v) / ONE));
        let inner = Part { x: part.x - seen.x, y: part.y - seen.y, ..part };
        let redrawn = Upscaler::new(piece, (seen.width, seen.height), Crisp::default()).part(inner);
        for y in 0..part.height {
            let expected = &whole.data[((part.y + y) * 150 + part.x) * CHANNELS..][..part.width * CHANNELS];
            assert_eq!(&redrawn.data[y * part.width * CHANNELS..][..part.width * CHANNELS], expected);
        }
    }
}
