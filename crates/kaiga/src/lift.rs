//! From the size painted at to the size of the photo: strokes stay as broad as they were painted, their borders and
//! the ink become as crisp as the photo's pixels. Plain enlarging would blur both.

use crate::tiles::{Part, crop};
use engine::Map;
use pixels::space::{Gray, Srgb, srgb_from_ycbcr, ycbcr_from_srgb};
use pixels::{Image, blur, smooth};
use rayon::prelude::*;

/// A whole painting at the size it was painted at: Y −1..1, Cb, Cr −1..1 and ink 0..1 of every pixel, what the
/// drawer makes. Kept in 16-bit fixed point, because a large picture painted finely is held here in one piece.
pub(crate) struct Strokes {
    width: usize,
    height: usize,
    pixels: Vec<[i16; 4]>,
}

/// Fixed-point units per 1.0: leaves room for −4..4, finer than 8-bit colour by 64.
const ONE: f32 = 8192.0;
/// Channels: Y, Cb, Cr, ink.
const CHANNELS: usize = 4;

impl Strokes {
    /// An empty canvas.
    pub(crate) fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![[0; CHANNELS]; width * height] }
    }

    /// Lays down one painted part.
    pub(crate) fn put(&mut self, part: Part, painted: &Map) {
        for (row, from) in painted.data.chunks_exact(part.width * CHANNELS).enumerate() {
            let to = &mut self.pixels[(part.y + row) * self.width + part.x..][..part.width];
            for (to, from) in to.as_flattened_mut().iter_mut().zip(from) {
                *to = (from * ONE).round() as i16;
            }
        }
    }

    /// One part of the painting at the size `full_width`×`full_height`: H×W×4 of `part`, in the drawer's units.
    /// Redrawn if it grows.
    pub(crate) fn lift(&self, full_width: usize, full_height: usize, part: Part) -> Map {
        let area = |width: usize, height: usize| width as f32 * height as f32;
        let scale = (area(full_width, full_height) / area(self.width, self.height)).sqrt();
        if scale <= 1.0 {
            return self.resampled(full_width, full_height, part);
        }
        let redraw = Redraw::at(scale);
        let around = part.grown(redraw.reach_px(), full_width, full_height);
        let redrawn = redraw.of(&self.resampled(full_width, full_height, around));
        crop(&redrawn, part.x - around.x, part.y - around.y, part.width, part.height)
    }

    /// Catmull-Rom (Keys 1981, a = −½) between the pixels when it grows, the same curve widened when it shrinks.
    fn resampled(&self, full_width: usize, full_height: usize, part: Part) -> Map {
        let columns = Taps::new(self.width, full_width, part.x, part.width);
        let rows = Taps::new(self.height, full_height, part.y, part.height);
        let (first, last) = (rows.first[0], rows.first[part.height - 1] + rows.count - 1);
        let row_numbers = part.width * CHANNELS;

        let mut wide = vec![0.0; (last - first + 1) * row_numbers];
        wide.par_chunks_mut(row_numbers).enumerate().for_each(|(row, to)| {
            let from = &self.pixels[(first + row) * self.width..][..self.width];
            for (column, to) in to.as_chunks_mut::<CHANNELS>().0.iter_mut().enumerate() {
                let mut sum = [0.0; CHANNELS];
                for (weight, pixel) in columns.of(column).iter().zip(&from[columns.first[column]..]) {
                    (0..CHANNELS).for_each(|c| sum[c] += weight * f32::from(pixel[c]));
                }
                *to = sum.map(|v| v / ONE);
            }
        });

        let mut data = vec![0.0; part.height * row_numbers];
        data.par_chunks_mut(row_numbers).enumerate().for_each(|(row, to)| {
            let from = &wide[(rows.first[row] - first) * row_numbers..];
            for (weight, from) in rows.of(row).iter().zip(from.chunks_exact(row_numbers)) {
                to.iter_mut().zip(from).for_each(|(to, from)| *to += weight * from);
            }
        });
        Map { height: part.height, width: part.width, channels: CHANNELS, data }
    }
}

/// What makes an enlarged painting crisp again: a generalised Kuwahara filter redraws the borders of its strokes, and
/// its ink is freed of the stairs of the smaller size and hardened.
struct Redraw {
    radius_px: usize,
    ink_sigma_px: f32,
}

impl Redraw {
    /// For a painting enlarged `scale` times per side.
    fn at(scale: f32) -> Self {
        Self { radius_px: ((1.2 * scale).round() as usize).max(2), ink_sigma_px: 0.35 * scale }
    }

    /// How far around a pixel it looks, px.
    fn reach_px(&self) -> usize {
        self.radius_px.max(blur::gaussian_taps(self.ink_sigma_px).len() / 2)
    }

    fn of(&self, enlarged: &Map) -> Map {
        let (width, height) = (enlarged.width, enlarged.height);
        let pixels = enlarged.data.as_chunks::<CHANNELS>().0;
        // The drawer's units are those of RGB −1..1.
        let srgb = |&[y, cb, cr, _]: &[f32; CHANNELS]| srgb_from_ycbcr([(y + 1.0) / 2.0, cb / 2.0, cr / 2.0]);
        let strokes = Image::<Srgb>::new(width, height, pixels.par_iter().map(srgb).collect());
        let strokes = smooth::kuwahara(&strokes, self.radius_px, 8.0, 1);
        let ink = Image::<Gray>::new(width, height, pixels.iter().map(|pixel| pixel[3]).collect());
        let ink = blur::gaussian(&ink, self.ink_sigma_px);

        let mut data = vec![0.0; enlarged.data.len()];
        let together = strokes.pixels().par_iter().zip(ink.pixels());
        data.as_chunks_mut::<CHANNELS>().0.par_iter_mut().zip(together).for_each(|(to, (&srgb, &ink))| {
            let [y, cb, cr] = ycbcr_from_srgb(srgb);
            *to = [2.0 * y - 1.0, 2.0 * cb, 2.0 * cr, hardened(ink)];
        });
        Map { height, width, channels: CHANNELS, data }
    }
}

/// Ink with a border again after it was enlarged and blurred: nothing below 0.12, all of it above 0.42.
fn hardened(ink: f32) -> f32 {
    let t = ((ink - 0.12) / 0.3).clamp(0.0, 1.0);
    let edge = t * t * (3.0 - 2.0 * t);
    edge * (1.25 * ink.max(0.35 * edge)).min(0.7)
}

/// Where the samples of one axis come from: for each, the first source sample and the weights from there on.
struct Taps {
    first: Vec<usize>,
    weights: Vec<f32>,
    count: usize,
}

impl Taps {
    /// Samples `start..start + length` of an axis resampled from `source` to `target` samples. The border is
    /// handled by leaving out what lies beyond.
    fn new(source: usize, target: usize, start: usize, length: usize) -> Self {
        let ratio = source as f64 / target as f64;
        let widened = ratio.max(1.0);
        let count = ((4.0 * widened).ceil() as usize + 1).min(source);
        let mut taps = Self { first: Vec::with_capacity(length), weights: Vec::with_capacity(length * count), count };
        for at in start..start + length {
            let centre = (at as f64 + 0.5) * ratio - 0.5;
            let first = (centre - 2.0 * widened).ceil().clamp(0.0, (source - count) as f64) as usize;
            let curve = |tap: usize| catmull_rom(((first + tap) as f64 - centre) / widened);
            let sum: f64 = (0..count).map(curve).sum();
            taps.first.push(first);
            taps.weights.extend((0..count).map(|tap| (curve(tap) / sum) as f32));
        }
        taps
    }

    fn of(&self, sample: usize) -> &[f32] {
        &self.weights[sample * self.count..][..self.count]
    }
}

/// Keys' cubic convolution with a = −½; zero from 2 on.
fn catmull_rom(distance: f64) -> f64 {
    match distance.abs() {
        d if d < 1.0 => (1.5 * d - 2.5) * d * d + 1.0,
        d if d < 2.0 => ((-0.5 * d + 2.5) * d - 4.0) * d + 2.0,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(width: usize, height: usize) -> Strokes {
        let mut strokes = Strokes::new(width, height);
        let all = Part { x: 0, y: 0, width, height };
        let data = (0..width * height)
            .flat_map(|i| {
                let (x, y) = ((i % width) as f32 / width as f32, (i / width) as f32 / height as f32);
                [x - 0.5, y - 0.5, 0.25, 1.0]
            })
            .collect();
        strokes.put(all, &Map { height, width, channels: CHANNELS, data });
        strokes
    }

    #[test]
    fn a_ramp_stays_a_ramp_and_a_constant_a_constant() {
        let strokes = ramp(40, 30);
        for (width, height) in [(120, 75), (40, 30), (13, 10), (400, 3)] {
            let lifted = strokes.resampled(width, height, Part { x: 0, y: 0, width, height });
            for (i, pixel) in lifted.data.as_chunks::<CHANNELS>().0.iter().enumerate() {
                let (x, y) = ((i % width) as f32 + 0.5, (i / width) as f32 + 0.5);
                let (x, y) = (x / width as f32 * 40.0 - 0.5, y / height as f32 * 30.0 - 0.5);
                if (2.0..37.0).contains(&x) && (12.0..18.0).contains(&y) && width != 13 {
                    assert!((pixel[0] - (x / 40.0 - 0.5)).abs() < 1e-3, "{width}×{height} at {x}: {pixel:?}");
                }
                assert!((pixel[2] - 0.25).abs() < 1e-6 && (pixel[3] - 1.0).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn parts_equal_the_whole_bit_for_bit() {
        let strokes = ramp(61, 47);
        let (width, height) = (150, 333);
        let whole = strokes.lift(width, height, Part { x: 0, y: 0, width, height });
        for part in crate::tiles::parts(width, height, 128) {
            let lifted = strokes.lift(width, height, part);
            for y in 0..part.height {
                let expected = &whole.data[((part.y + y) * width + part.x) * CHANNELS..][..part.width * CHANNELS];
                assert_eq!(&lifted.data[y * part.width * CHANNELS..][..part.width * CHANNELS], expected);
            }
        }
    }

    #[test]
    fn an_enlarged_border_is_crisp_again_and_ink_has_an_edge() {
        let (width, height) = (30, 20);
        let mut strokes = Strokes::new(width, height);
        let pixel = |x: usize| [if x < 15 { -0.6 } else { 0.6 }, 0.1, -0.1, if x == 7 { 0.6 } else { 0.0 }];
        let data = (0..width * height).flat_map(|i| pixel(i % width)).collect();
        strokes.put(Part { x: 0, y: 0, width, height }, &Map { height, width, channels: CHANNELS, data });
        let all = Part { x: 0, y: 0, width: 120, height: 80 };
        // Columns of row 40 where a channel is between `low` and `high`: how wide its borders are.
        let between = |map: &Map, channel: usize, low: f32, high: f32| {
            let row = &map.data.as_chunks::<CHANNELS>().0[40 * 120..][..120];
            row.iter().filter(|pixel| (low..high).contains(&pixel[channel])).count()
        };
        let (plain, redrawn) = (strokes.resampled(120, 80, all), strokes.lift(120, 80, all));
        assert!(between(&plain, 0, -0.5, 0.5) >= 3 && between(&redrawn, 0, -0.5, 0.5) <= 2);
        assert!(between(&redrawn, 3, 0.4, 1.0) >= 2, "the line is still there");
        assert!(between(&redrawn, 3, 0.01, 0.3) < between(&plain, 3, 0.01, 0.3), "and not as soft");
    }

    #[test]
    fn the_same_size_is_the_same_picture() {
        let strokes = ramp(33, 21);
        let part = Part { x: 0, y: 0, width: 33, height: 21 };
        let expected: Vec<f32> = strokes.pixels.as_flattened().iter().map(|&v| f32::from(v) / ONE).collect();
        assert_eq!(strokes.lift(33, 21, part).data, expected);
    }
}
