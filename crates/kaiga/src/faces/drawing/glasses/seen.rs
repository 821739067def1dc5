//! A face upright and small, and the thin lines on it.

use super::super::Part;
use super::super::pen::mix;
use crate::faces::Landmarks;
use pixels::Image;
use pixels::space::{Srgb8, lab_from_srgb};
use pixels::warp::{self, Point, Similarity, distance};
use rayon::prelude::*;
use std::f32::consts::PI;
use std::ops::Range;

/// Px of the small picture for the distance of the eyes, its size, and the middle of the eyes in it.
pub(super) const UNIT_PX: f32 = 56.0;
const SIZE: [usize; 2] = [168, 104];
pub(super) const EYES: Point = [84.0, 46.0];
/// Orientations at which ridges are looked for.
const TURNS: usize = 8;
/// How far from a ridge what is beside it is looked at, px of the small picture: thin frames and thick ones.
const BESIDE: [f32; 3] = [2.0, 3.4, 5.5];
/// More of a ridge is no surer, in Lab.
const ENOUGH: f32 = 8.0;
/// What a step to the side costs a line that is traced, in Lab.
const ASIDE: f32 = 0.3;

/// How much each place is a ridge across one direction: how far in Lab it is from what is on either side, if both are on the same
/// side of it.
pub(super) struct Ridges(Vec<f32>);

pub(super) struct Seen {
    lab: Vec<[f32; 3]>,
    /// The middles of both eyes, px, and how wide each is seen beside the other.
    pub(super) eyes: [Point; 2],
    pub(super) widths: [f32; 2],
    pub(super) to_photo: Similarity,
}

impl Seen {
    /// `None` if both eyes are in one place.
    pub(super) fn of(photo: &Image<Srgb8>, landmarks: &Landmarks) -> Option<Self> {
        let ends = [Part::LeftEye, Part::RightEye].map(|eye| [landmarks.part(eye)[0], landmarks.part(eye)[8]]);
        let middles = ends.map(|[a, b]| mix(a, b, 0.5));
        let eyes = [-0.5, 0.5].map(|side| [EYES[0] + side * UNIT_PX, EYES[1]]);
        let to_photo = Similarity::of_pairs(eyes, middles)?;
        let small = warp::window(photo, (SIZE[0], SIZE[1]), &to_photo, 0.0, |q| q);
        let lab = small.pixels().par_iter().map(|p| lab_from_srgb(p.map(|v| v.clamp(0.0, 1.0)))).collect();
        let [left, right] = ends.map(|[a, b]| distance(a, b).max(1e-3));
        let widths = [left, right].map(|width| (2.0 * width / (left + right)).clamp(0.75, 1.33));
        Some(Self { lab, eyes, widths, to_photo })
    }

    /// The colour at a place between pixels, in Lab.
    pub(super) fn colour(&self, [x, y]: Point) -> [f32; 3] {
        let within = |v: f32, length: usize| (v - 0.5).clamp(0.0, length as f32 - 1.001);
        let (x, y) = (within(x, SIZE[0]), within(y, SIZE[1]));
        let (i, u, v) = (y as usize * SIZE[0] + x as usize, x.fract(), y.fract());
        let [a, b, c, d] = [i, i + 1, i + SIZE[0], i + SIZE[0] + 1].map(|i| self.lab[i]);
        std::array::from_fn(|k| (a[k] * (1.0 - u) + b[k] * u) * (1.0 - v) + (c[k] * (1.0 - u) + d[k] * u) * v)
    }

    /// Ridges across this angle.
    fn ridges(&self, angle: f32) -> Ridges {
        let (sin, cos) = angle.sin_cos();
        let place = |i: usize| {
            let (here, p) = (self.lab[i], [(i % SIZE[0]) as f32 + 0.5, (i / SIZE[0]) as f32 + 0.5]);
            let across = |reach: f32| {
                let [a, b] = [reach, -reach].map(|by| self.colour([p[0] + by * cos, p[1] + by * sin]));
                (0..3).map(|c| (here[c] - a[c]) * (here[c] - b[c])).sum::<f32>().max(0.0).sqrt()
            };
            BESIDE.into_iter().map(across).fold(0.0, f32::max)
        };
        Ridges((0..self.lab.len()).into_par_iter().with_min_len(1024).map(place).collect())
    }

    /// Lines that run across the face, and down.
    pub(super) fn across_and_down(&self) -> [Ridges; 2] {
        [self.ridges(0.5 * PI), self.ridges(0.0)]
    }

    pub(super) fn in_all_directions(&self) -> Vec<Ridges> {
        (0..TURNS).map(|turn| self.ridges(turn as f32 / TURNS as f32 * PI)).collect()
    }
}

impl Ridges {
    fn at(&self, x: usize, y: usize) -> f32 {
        self.0[y * SIZE[0] + x]
    }

    /// The mean along the best line through a part of the picture, from left to right, or from above to below.
    pub(super) fn traced(&self, xs: Range<usize>, ys: Range<usize>, is_down: bool) -> f32 {
        let (steps, lanes) = if is_down { (ys, xs) } else { (xs, ys) };
        let count = steps.len();
        let value =
            |step: usize, lane: usize| if is_down { self.at(lane, step) } else { self.at(step, lane) }.min(ENOUGH);
        let mut best = vec![0.0f32; lanes.len()];
        for step in steps {
            let before = best.clone();
            for (i, lane) in lanes.clone().enumerate() {
                let beside = [i.checked_sub(1), Some(i + 1)].into_iter().flatten().filter_map(|j| before.get(j));
                let most = beside.map(|v| v - ASIDE).fold(before[i], f32::max);
                best[i] = most + value(step, lane);
            }
        }
        best.into_iter().fold(0.0, f32::max) / count as f32
    }

    /// The median in a part of the picture.
    pub(super) fn usual(&self, xs: Range<usize>, ys: Range<usize>) -> f32 {
        super::super::median(ys.flat_map(|y| xs.clone().map(move |x| self.at(x, y)))).unwrap_or(0.0)
    }
}

/// How much a place is a ridge whose normal has this angle.
pub(super) fn ridge(all: &[Ridges], [x, y]: Point, normal: f32) -> f32 {
    let turn = (normal / PI * TURNS as f32).round().rem_euclid(TURNS as f32) as usize % TURNS;
    let within = |v: f32, length: usize| v.clamp(0.0, length as f32 - 1.0) as usize;
    all[turn].at(within(x, SIZE[0]), within(y, SIZE[1]))
}
