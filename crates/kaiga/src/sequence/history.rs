//! What was painted before, followed along the motion of the source and kept where the source is the same.

use pixels::Image;
use pixels::blur::box_mean;
use pixels::flow::{Displacement, Pyramid, between, bilinear, cubic, span};
use pixels::resize::{self, Filter, area_size};
use pixels::space::{Srgb, Srgb8};
use pixels::warp::smooth_step;
use rayon::prelude::*;

/// The area that motion is looked for at, px²: noise is averaged away, and it is fast.
const AREA_PX2: usize = 110_000;
/// How far a colour may be off, 0..255, to be the same: fully under the first, not at all over the second.
pub(super) const SAME: [f32; 2] = [7.0, 22.0];
/// There is no motion where standing still explains the picture as well, to within this, 0..255.
const AS_WELL: f32 = 1.0;
/// A new shot: less than this share of the frame is found again in the one before, and its colours are by so much of
/// 0..255 other ones.
const FOUND: f32 = 0.4;
const OTHER: f32 = 14.0;
/// Side of the squares whose colours are compared, in shares of the frame's sides.
const GRID: usize = 8;

/// What is looked at of a frame.
pub(super) struct Seen {
    small: Image<Srgb8>,
    pyramid: Pyramid,
    /// Mean colours of a coarse grid.
    grid: Image<Srgb8>,
}

impl Seen {
    pub(super) fn new(frame: &Image<Srgb8>) -> Self {
        let (width, height) = (frame.width(), frame.height());
        let (w, h) = if width * height > AREA_PX2 { area_size(width, height, AREA_PX2) } else { (width, height) };
        let small = resize::to(frame, w, h, Filter::Area);
        let pyramid = Pyramid::of(&small);
        let grid = resize::to(&small, GRID, GRID, Filter::Area);
        Self { small, pyramid, grid }
    }

    /// The frame as motion is looked for in it.
    pub(super) fn small(&self) -> &Image<Srgb8> {
        &self.small
    }

    /// Whether colours are others, as those of a new shot are. Costs nothing beside finding the motion between the two.
    pub(super) fn is_coloured_otherwise_than(&self, before: &Self) -> bool {
        pixels::compare::mean_difference(&self.grid, &before.grid) > f64::from(OTHER)
    }
}

/// A frame beside the one before it.
pub(super) struct Followed {
    /// From each pixel to where it was.
    flow: Image<Displacement>,
    /// How sure it is that the same is seen there, 0..1.
    sure: Vec<f32>,
    is_cut: bool,
}

impl Followed {
    pub(super) fn new(now: &Seen, before: &Seen) -> Self {
        let (width, height) = (now.small.width(), now.small.height());
        let mut flow = between(&now.pyramid, &before.pyramid);
        let pixels = now.small.pixels();
        let off = |p: [f32; 2], pixel: [u8; 3]| {
            if !(0.0..=(width - 1) as f32).contains(&p[0]) || !(0.0..=(height - 1) as f32).contains(&p[1]) {
                return [255.0; 3];
            }
            let was = bilinear(before.small.pixels(), (width, height), p, |pixel: [u8; 3]| pixel.map(f32::from));
            [0, 1, 2].map(|c| f32::from(pixel[c]) - was[c])
        };
        let differences = |flow: &Image<Displacement>| {
            let differ = |i: usize| {
                let ([u, v], x, y) = (flow.pixels()[i], i % width, i / width);
                off([x as f32 + u, y as f32 + v], pixels[i])
            };
            let all = (0..width * height).into_par_iter().with_min_len(1024).map(differ).collect();
            // Noise is averaged away before a difference counts as one.
            box_mean(&Image::<Srgb>::new(width, height, all), 1)
        };
        let still = differences(&Image::filled(width, height, [0.0; 2]));
        let mut least = differences(&flow);
        let ways = flow.pixels_mut().iter_mut().zip(least.pixels_mut()).zip(still.pixels());
        for ((way, moved), &still) in ways {
            // What has no texture may be found anywhere: it stays where it is.
            if size(still) <= size(*moved) + AS_WELL {
                (*way, *moved) = ([0.0; 2], still);
            }
        }
        let differences: Vec<f32> = least.pixels().iter().copied().map(size).collect();
        let widest = widest(&differences, width, height);
        let sure: Vec<f32> = widest.into_iter().map(|off| smooth_step(SAME[1], SAME[0], off)).collect();
        let found = sure.iter().sum::<f32>() / sure.len() as f32;
        let is_cut = found < FOUND && now.is_coloured_otherwise_than(before);
        Self { flow, sure, is_cut }
    }

    /// Whether a new shot begins with the frame.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// From each pixel of the small frame to where it was, px of it.
    pub(super) fn flow(&self) -> &Image<Displacement> {
        &self.flow
    }

    /// How sure it is that the same is seen there, 0..1.
    pub(super) fn sure(&self) -> &[f32] {
        &self.sure
    }

    /// How far the place `p` of a frame of `width`×`height` px went since the frame before, px.
    pub(super) fn way(&self, p: [f32; 2], width: usize, height: usize) -> [f32; 2] {
        let (w, h) = (self.flow.width(), self.flow.height());
        let scale = [width as f32 / w as f32, height as f32 / h as f32];
        let at = [p[0] / scale[0] - 0.5, p[1] / scale[1] - 0.5];
        let [u, v] = bilinear(self.flow.pixels(), (w, h), at, |way: [f32; 2]| way);
        [-u * scale[0], -v * scale[1]]
    }

    /// Keeps in `painted` as much of what was painted `before` as `kept` says for each pixel of the small frame, 0..1. With `rests`
    /// only what did not move.
    pub(super) fn keep(&self, before: &Image<Srgb8>, painted: &mut Image<Srgb8>, kept: &[f32], rests: bool) {
        let (width, height) = (painted.width(), painted.height());
        let (w, h) = (self.flow.width(), self.flow.height());
        let scale = [width as f32 / w as f32, height as f32 / h as f32];
        let place = |at: usize, axis: usize| (at as f32 + 0.5) / scale[axis] - 0.5;
        let columns: Vec<_> = (0..width).map(|x| span(place(x, 0), w)).collect();
        let known = |i: usize| {
            let [u, v] = self.flow.pixels()[i];
            [kept[i], u * scale[0], v * scale[1]]
        };
        let rows = painted.pixels_mut().par_chunks_mut(width).enumerate();
        rows.for_each_init(Vec::new, |line: &mut Vec<[f32; 3]>, (y, row)| {
            let (top, share) = span(place(y, 1), h);
            let below = (top + 1).min(h - 1);
            line.clear();
            line.extend((0..w).map(|x| mixed(known(top * w + x), known(below * w + x), share)));
            for (x, (pixel, &(left, share))) in row.iter_mut().zip(&columns).enumerate() {
                let [kept, u, v] = mixed(line[left], line[(left + 1).min(w - 1)], share);
                let moves = u != 0.0 || v != 0.0;
                if kept <= 0.0 || moves && rests {
                    continue;
                }
                let was = if moves { cubic(before, [x as f32 + u, y as f32 + v]) } else { before.at(x, y) };
                for c in 0..3 {
                    let (new, old) = (f32::from(pixel[c]), f32::from(was[c]));
                    pixel[c] = (new + kept * (old - new) + 0.5) as u8;
                }
            }
        });
    }
}

/// Between two triples, `share` of the way to the second.
fn mixed(a: [f32; 3], b: [f32; 3], share: f32) -> [f32; 3] {
    std::array::from_fn(|i| a[i] + share * (b[i] - a[i]))
}

/// The greatest of three differences, whatever their signs.
pub(super) fn size(difference: [f32; 3]) -> f32 {
    difference.into_iter().map(f32::abs).fold(0.0, f32::max)
}

/// The greatest of each value and its eight neighbours: what is beside a change is not sure either.
pub(super) fn widest(values: &[f32], width: usize, height: usize) -> Vec<f32> {
    let mut along = vec![0.0; values.len()];
    along.par_chunks_mut(width).zip(values.par_chunks(width)).for_each(|(to, row)| {
        for (x, to) in to.iter_mut().enumerate() {
            *to = row[x.saturating_sub(1)..(x + 2).min(width)].iter().copied().fold(0.0, f32::max);
        }
    });
    let mut both = vec![0.0; values.len()];
    both.par_chunks_mut(width).enumerate().for_each(|(y, to)| {
        for row in along.chunks_exact(width).take((y + 2).min(height)).skip(y.saturating_sub(1)) {
            to.iter_mut().zip(row).for_each(|(to, &off)| *to = f32::max(*to, off));
        }
    });
    both
}
