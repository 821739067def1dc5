//! What was painted before, followed along the motion of the source and kept where the source is the same.

use pixels::Image;
use pixels::blur::box_mean;
use pixels::flow::{Cubic, Displacement, Pyramid, between, bilinear, levels, span};
use pixels::resize::{self, Filter, area_size};
use pixels::space::{Srgb, Srgb8};
use pixels::warp::smooth_step;
use rayon::prelude::*;
use wide::{f32x4, f32x8};

/// The area that motion is looked for at, px²: noise is averaged away, and it is fast.
const AREA_PX2: usize = 110_000;
/// How far a colour may be off, 0..255, to be the same: fully under the first, not at all over the second.
pub(super) const SAME: [f32; 2] = [7.0, 22.0];
/// There is no motion where standing still explains the picture as well, to within this, 0..255.
const AS_WELL: f32 = 1.0;
/// What moves as one does not differ by more from a pixel to the next, px; what differs by the second is torn.
const TORN_PX: [f32; 2] = [0.4, 1.2];
/// How sure it is where what is torn looks the same.
const TORN: f32 = 0.2;
/// A new shot: less than this share of the frame is found again in the one before, and its colours are by so much of
/// 0..255 other ones.
const FOUND: f32 = 0.4;
const OTHER: f32 = 14.0;
/// Side of the squares whose colours are compared, in shares of the frame's sides.
const GRID: usize = 8;

/// What is looked at of a frame.
pub(super) struct Seen {
    /// Of the frame, px.
    size: (usize, usize),
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
        Self { size: (width, height), small, pyramid, grid }
    }

    /// The frame as motion is looked for in it.
    pub(super) fn small(&self) -> &Image<Srgb8> {
        &self.small
    }

    /// Whether a new shot begins with it. Costs nothing where colours are not others.
    pub(super) fn begins_shot(&self, before: &Self) -> bool {
        let colours_are_others = || pixels::compare::mean_difference(&self.grid, &before.grid) > f64::from(OTHER);
        self.size != before.size || colours_are_others() && Followed::new(self, before).found < FOUND
    }
}

/// The way from a frame to an earlier one, or a later one: from each pixel of the small frame to where it is there, px of it.
pub(super) struct Way(Image<Displacement>);

impl Way {
    /// From each pixel of the small frame to where it is in the other one, px of it.
    pub(super) fn flow(&self) -> &Image<Displacement> {
        &self.0
    }

    /// How far the place `p` of a frame of `width`×`height` px went since the other frame, px.
    pub(super) fn of(&self, p: [f32; 2], width: usize, height: usize) -> [f32; 2] {
        let (w, h) = (self.0.width(), self.0.height());
        let scale = [width as f32 / w as f32, height as f32 / h as f32];
        let at = [p[0] / scale[0] - 0.5, p[1] / scale[1] - 0.5];
        let [u, v] = bilinear(self.0.pixels(), (w, h), at, |way: [f32; 2]| way);
        [-u * scale[0], -v * scale[1]]
    }

    /// How many px of a painting a px of the small frame is, across and down.
    pub(super) fn scale(&self, painted: &Image<Srgb8>) -> [f32; 2] {
        let (w, h) = (self.0.width(), self.0.height());
        [painted.width() as f32 / w as f32, painted.height() as f32 / h as f32]
    }
}

/// A frame beside an earlier one, or a later one.
pub(super) struct Followed {
    way: Way,
    /// How far colours are off there, 0..255.
    off: Vec<f32>,
    /// How sure it is that the same is seen there, 0..1.
    sure: Vec<f32>,
    /// Its mean.
    found: f32,
}

impl Followed {
    pub(super) fn new(now: &Seen, before: &Seen) -> Self {
        let (width, height) = (now.small.width(), now.small.height());
        let mut flow = between(&now.pyramid, &before.pyramid);
        let read = |[r, g, b]: [u8; 3]| [f32::from(r), f32::from(g), f32::from(b)];
        let off = |i: usize, [u, v]: [f32; 2]| {
            let p = [(i % width) as f32 + u, (i / width) as f32 + v];
            if !(0.0..=(width - 1) as f32).contains(&p[0]) || !(0.0..=(height - 1) as f32).contains(&p[1]) {
                return [255.0; 3];
            }
            let was = match [u, v] {
                [0.0, 0.0] => read(before.small.pixels()[i]),
                _ => bilinear(before.small.pixels(), (width, height), p, read),
            };
            let seen = read(now.small.pixels()[i]);
            [seen[0] - was[0], seen[1] - was[1], seen[2] - was[2]]
        };
        let differences = |flow: &Image<Displacement>| {
            let off = |i: usize| off(i, flow.pixels()[i]);
            let all = (0..width * height).into_par_iter().with_min_len(1024).map(off).collect();
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
        let off = widest(&differences, width, height);
        let sure: Vec<f32> = off.iter().map(|off| smooth_step(SAME[1], SAME[0], *off)).collect();
        let found = sure.iter().sum::<f32>() / sure.len() as f32;
        Self { way: Way(flow), off, sure, found }
    }

    /// The share of the frame that was seen in the other one, 0..1.
    pub(super) fn found(&self) -> f32 {
        self.found
    }

    /// How far colours are off there, 0..255.
    pub(super) fn off(&self) -> &[f32] {
        &self.off
    }

    /// The way to the other frame.
    pub(super) fn way(&self) -> &Way {
        &self.way
    }

    /// The same, without the rest.
    pub(super) fn into_way(self) -> Way {
        self.way
    }

    /// How sure it is that the same is seen there, 0..1.
    pub(super) fn sure(&self) -> &[f32] {
        &self.sure
    }

    /// How sure it is and goes the way of what is around it, 0..1: beside what moves, a wall may look like the wall anywhere.
    pub(super) fn surely_carried(&self) -> Vec<f32> {
        let flow = self.way.flow();
        let (w, h) = (flow.width(), flow.height());
        let apart = |i: usize| {
            let [a, right, below] = [i, if i % w + 1 < w { i + 1 } else { i }, if i / w + 1 < h { i + w } else { i }]
                .map(|i| flow.pixels()[i]);
            [right, below].iter().flat_map(|b| [0, 1].map(|axis| (b[axis] - a[axis]).abs())).fold(0.0, f32::max)
        };
        let apart: Vec<f32> = (0..w * h).into_par_iter().with_min_len(1024).map(apart).collect();
        let together = widest(&apart, w, h).into_iter().map(|apart| smooth_step(TORN_PX[1], TORN_PX[0], apart));
        together.zip(&self.sure).map(|(together, sure)| (TORN + (1.0 - TORN) * together) * sure).collect()
    }

    /// Keeps in `painted` as much of what was painted `before` as `kept` says for each pixel of the small frame, 0..1. With `rests`
    /// only what did not move.
    pub(super) fn keep(&self, before: &Cubic, painted: &mut Image<Srgb8>, kept: &[f32], rests: bool) {
        let ([across, down], flow) = (self.way.scale(painted), self.way.flow());
        let known = |i: usize| {
            let [u, v] = flow.pixels()[i];
            [kept[i], u * across, v * down, 0.0, 0.0, 0.0, 0.0, 0.0]
        };
        enlarging(known, (flow.width(), flow.height()), painted, |pixel, at, [kept, u, v, ..]| {
            if kept > 0.0 && !(rests && [u, v] != [0.0; 2]) {
                *pixel = mixed(*pixel, before.seen(at, [u, v]), kept);
            }
        });
    }
}

/// Does something to each pixel of a painting, given its place and the numbers that are `known` for the pixels of a smaller frame of so many
/// px, interpolated.
pub(super) fn enlarging(
    known: impl Fn(usize) -> [f32; 8] + Sync,
    (w, h): (usize, usize),
    painted: &mut Image<Srgb8>,
    each: impl Fn(&mut [u8; 3], [usize; 2], [f32; 8]) + Sync,
) {
    let (width, height) = (painted.width(), painted.height());
    let known: Vec<f32x8> = (0..w * h).into_par_iter().with_min_len(1024).map(|i| f32x8::new(known(i))).collect();
    let place = |at: usize, large: usize, small: usize| (at as f32 + 0.5) * small as f32 / large as f32 - 0.5;
    let columns: Vec<_> = (0..width).map(|x| span(place(x, width, w), w)).collect();
    let between = |a: f32x8, b: f32x8, share: f32| a + (b - a) * f32x8::splat(share);
    painted.pixels_mut().par_chunks_mut(width).enumerate().for_each_init(Vec::new, |line, (y, row)| {
        let (top, share) = span(place(y, height, h), h);
        let (above, below) = (&known[top * w..][..w], &known[(top + 1).min(h - 1) * w..][..w]);
        line.clear();
        line.extend(above.iter().zip(below).map(|(above, below)| between(*above, *below, share)));
        line.extend_from_within(w - 1..);
        for (x, (pixel, &(left, share))) in row.iter_mut().zip(&columns).enumerate() {
            each(pixel, [x, y], between(line[left], line[left + 1], share).to_array());
        }
    });
}

/// Between two colours, `share` of the way to the second.
#[inline]
pub(super) fn mixed(from: [u8; 3], to: f32x4, share: f32) -> [u8; 3] {
    let [r, g, b] = from;
    let from = f32x4::new([f32::from(r), f32::from(g), f32::from(b), 0.0]);
    levels(from + share * (to - from))
}

/// The greatest of three differences, whatever their signs.
pub(super) fn size(difference: [f32; 3]) -> f32 {
    let [a, b, c] = difference;
    a.abs().max(b.abs()).max(c.abs())
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
