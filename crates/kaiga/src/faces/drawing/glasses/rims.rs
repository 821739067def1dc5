//! Where rims run: two alike shapes moved and shaped until they lie on most ridges, then each place at the ridge nearest to it.

use super::super::pen::mix;
use super::seen::{EYES, Ridges, Seen, UNIT_PX, ridge};
use pixels::warp::{Point, smooth_step};
use std::f32::consts::{PI, TAU};
use std::ops::Range;

/// Places of a rim, from its outer end down to the nose and back above.
pub(super) const PLACES: usize = 48;
/// Those that brows and lids are near to.
const ABOVE: Range<usize> = 28..45;
/// A ridge differs from both of its sides by the first if it is none, in Lab, and by the second if it surely is one.
const RIDGE: [f32; 2] = [2.0, 12.0];
/// How far from a rim's shape its ridge may be, px of the small picture, and how much less it counts for each px.
const OFF_PX: isize = 2;
const STIFF: f32 = 1.2;

/// The shape of both rims, in distances of the eyes: where the middle of each is beside that of its eye, outward and down, half its
/// width and height, and how square it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) out: f32,
    down: f32,
    pub(super) half: [f32; 2],
    square: f32,
}

/// A place of a rim.
pub(super) struct OnRim {
    pub(super) place: Point,
    /// The angle of its normal.
    pub(super) normal: f32,
    /// How much it is a ridge, in Lab.
    pub(super) ridge: f32,
    /// The share of places around it that are ridges, 0..1.
    pub(super) share: f32,
    /// Neither brows nor lids are near, beside which a frame looks wider.
    pub(super) is_free: bool,
}

pub(super) fn is_ridge(ridge: f32) -> f32 {
    smooth_step(RIDGE[0], RIDGE[1], ridge)
}

impl Shape {
    /// That which lies on most ridges.
    pub(super) fn fitted(seen: &Seen, all: &[Ridges]) -> Self {
        let value = |shape: &Self| {
            let mut sum = 0.0;
            for eye in [0, 1] {
                for i in 0..PLACES {
                    let (p, normal) = shape.on_rim(seen, eye, i);
                    sum += if ABOVE.contains(&i) { 0.5 } else { 1.0 } * is_ridge(ridge(all, p, normal));
                }
            }
            sum
        };
        let steps = |from: f32, step: f32, count: usize| (0..count).map(move |i| from + step * i as f32);
        let mut shape = Self { out: 0.04, down: 0.1, half: [0.4, 0.28], square: 2.6 };
        let mut most = value(&shape);
        let mut try_it = |other: Self, shape: &mut Self| {
            // It is around the lids, and does not reach over the nose.
            let around = other.down + other.half[1] > 0.2 && other.half[1] - other.down > 0.06;
            if around && other.half[0] - other.out < 0.47 && other.half[0] + other.out > 0.3 {
                let value = value(&other);
                if value > most {
                    (most, *shape) = (value, other);
                }
            }
        };
        for square in [2.0, 2.6, 3.6] {
            for half in steps(0.31, 0.032, 6).flat_map(|x| steps(0.17, 0.035, 7).map(move |y| [x, y])) {
                for (out, down) in steps(-0.02, 0.04, 4).flat_map(|x| steps(-0.04, 0.045, 7).map(move |y| (x, y))) {
                    try_it(Self { out, down, half, square }, &mut shape);
                }
            }
        }
        for step in [0.5, 0.25, 0.5, 0.25] {
            for sign in [-step, step] {
                let at = shape;
                try_it(Self { out: at.out + 0.04 * sign, ..at }, &mut shape);
                let at = shape;
                try_it(Self { down: at.down + 0.045 * sign, ..at }, &mut shape);
                let at = shape;
                try_it(Self { half: [at.half[0] + 0.032 * sign, at.half[1]], ..at }, &mut shape);
                let at = shape;
                try_it(Self { half: [at.half[0], at.half[1] + 0.035 * sign], ..at }, &mut shape);
            }
        }
        shape
    }

    /// A place on the rim of an eye and the angle of its normal, px.
    pub(super) fn on_rim(&self, seen: &Seen, eye: usize, i: usize) -> (Point, f32) {
        let (sin, cos) = (i as f32 / PLACES as f32 * TAU).sin_cos();
        let power = |v: f32, e: f32| v.abs().powf(e).copysign(v);
        let [x, y] = [cos, sin].map(|v| power(v, 2.0 / self.square));
        let [u, v] = [power(x, self.square - 1.0) / self.half[0], power(y, self.square - 1.0) / self.half[1]];
        let sign = if eye == 0 { -1.0 } else { 1.0 };
        let [middle_x, middle_y] = seen.eyes[eye];
        let across = sign * UNIT_PX * seen.widths[eye] * (self.out + self.half[0] * x);
        ([middle_x + across, middle_y + UNIT_PX * (self.down + self.half[1] * y)], v.atan2(sign * u))
    }

    /// The places of a rim at the ridges nearest to its shape.
    pub(super) fn rim(&self, seen: &Seen, all: &[Ridges], eye: usize) -> Vec<OnRim> {
        let places: Vec<(Point, f32)> = (0..PLACES).map(|i| self.on_rim(seen, eye, i)).collect();
        let moved = |i: usize, by: f32| {
            let ([x, y], normal) = places[i];
            [x + by * normal.cos(), y + by * normal.sin()]
        };
        let off = |i: usize| {
            let value = |by: isize| ridge(all, moved(i, by as f32), places[i].1) - STIFF * by.abs() as f32;
            (-OFF_PX..=OFF_PX).max_by(|&a, &b| value(a).total_cmp(&value(b))).unwrap_or(0) as f32
        };
        let off: Vec<f32> = (0..PLACES).map(off).collect();
        let found = |i: usize| ridge(all, moved(i, off[i]), places[i].1);
        let one = |i: usize| {
            let mean = |of: &dyn Fn(usize) -> f32, reach: usize| {
                let around = (i + PLACES - reach..=i + PLACES + reach).map(|j| of(j % PLACES));
                around.sum::<f32>() / (2 * reach + 1) as f32
            };
            let share = mean(&|j| is_ridge(found(j)), 3);
            OnRim {
                place: moved(i, mean(&|j| off[j], 4)),
                normal: places[i].1,
                ridge: found(i),
                share,
                is_free: !ABOVE.contains(&i),
            }
        };
        (0..PLACES).map(one).collect()
    }

    /// The line over the nose from rim to rim.
    pub(super) fn bridge(&self, seen: &Seen, all: &[Ridges]) -> Vec<Point> {
        let ends = [0, 1].map(|eye| self.on_rim(seen, eye, PLACES / 2).0[0]);
        let line = |at: isize, bow: f32| {
            let y = EYES[1] + at as f32;
            [[ends[0], y], [0.5 * (ends[0] + ends[1]), y - bow], [ends[1], y]]
        };
        let lines = (-12..14).flat_map(|at| [0.0, 2.0, 4.0].map(|bow| line(at, bow)));
        let value = |[a, b, c]: &[Point; 3]| along(all, *a, *b) + along(all, *b, *c);
        lines.max_by(|a, b| value(a).total_cmp(&value(b))).map_or_else(Vec::new, Vec::from)
    }

    /// The line from a rim towards the ear, and how much of it is seen, 0..1.
    pub(super) fn temple(&self, seen: &Seen, all: &[Ridges], eye: usize) -> (Vec<Point>, f32) {
        let sign = if eye == 0 { -1.0 } else { 1.0 };
        let x = self.on_rim(seen, eye, 0).0[0] + sign;
        let line = |at: isize, slope: isize| {
            let y = EYES[1] + at as f32;
            [[x, y], [x + sign * 16.0, y + 1.5 * slope as f32]]
        };
        let lines = (-14..10).flat_map(|at| (-3..4).map(move |slope| line(at, slope)));
        let value = |[a, b]: &[Point; 2]| along(all, *a, *b);
        let best = lines.max_by(|a, b| value(a).total_cmp(&value(b))).unwrap_or([[x, EYES[1]]; 2]);
        (best.into(), value(&best))
    }
}

/// The mean of ridges along a line.
fn along(all: &[Ridges], from: Point, to: Point) -> f32 {
    const STEPS: usize = 10;
    let normal = (to[1] - from[1]).atan2(to[0] - from[0]) + 0.5 * PI;
    let place = |i: usize| mix(from, to, i as f32 / (STEPS - 1) as f32);
    (0..STEPS).map(|i| is_ridge(ridge(all, place(i), normal))).sum::<f32>() / STEPS as f32
}
