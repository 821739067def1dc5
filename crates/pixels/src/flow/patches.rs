//! One level of the search: patches found by inverse gradient descent, and the flow that they make.

use super::{Displacement, span};
use crate::Image;
use crate::space::Gray;
use crate::vectors::widely;
use rayon::prelude::*;

/// Side of a patch, px, and from one patch to the next.
const SIDE: usize = 8;
const STRIDE: usize = 4;
/// Steps of the descent.
const STEPS: usize = 12;
/// The border that is repeated around a level, so that patches may leave it, px.
const PAD: usize = 2 * SIDE;
/// A patch that went further than this from where it began, px, has lost its way.
const ASTRAY_PX: f32 = SIDE as f32;
/// Added to the diagonal of the matrix of slopes, for patches without texture.
const DAMPING: f32 = 4.0;
/// A step this short is the last, px.
const SHORT_PX: f32 = 0.02;

/// Luma 0..255 of one size, with a repeated border, and its slopes.
#[derive(Clone, Debug)]
pub(super) struct Level {
    width: usize,
    height: usize,
    /// Of a row with its borders.
    stride: usize,
    luma: Vec<f32>,
    slope_x: Vec<f32>,
    slope_y: Vec<f32>,
}

impl Level {
    pub(super) fn new(plane: &Image<Gray>) -> Self {
        let (width, height) = (plane.width(), plane.height());
        let stride = width + 2 * PAD;
        let rows = height + 2 * PAD;
        let mut luma = Vec::with_capacity(stride * rows);
        for y in 0..rows {
            let row = plane.row(y.saturating_sub(PAD).min(height - 1));
            luma.extend(std::iter::repeat_n(row[0], PAD));
            luma.extend_from_slice(row);
            luma.extend(std::iter::repeat_n(row[width - 1], PAD));
        }
        let (mut slope_x, mut slope_y) = (vec![0.0; luma.len()], vec![0.0; luma.len()]);
        for y in 1..rows - 1 {
            for x in 1..stride - 1 {
                let i = y * stride + x;
                slope_x[i] = 0.5 * (luma[i + 1] - luma[i - 1]);
                slope_y[i] = 0.5 * (luma[i + stride] - luma[i - stride]);
            }
        }
        Self { width, height, stride, luma, slope_x, slope_y }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn height(&self) -> usize {
        self.height
    }

    fn rows<'a>(&self, plane: &'a [f32], x: usize, y: usize) -> impl Iterator<Item = &'a [f32]> {
        let first = (y + PAD) * self.stride + x + PAD;
        let stride = self.stride;
        (0..SIDE).map(move |row| &plane[first + row * stride..][..SIDE])
    }
}

/// A square of pixels.
type Patch = [[f32; SIDE]; SIDE];

/// A patch of the first picture: its pixels and slopes, and the matrix that leads from differences to a step.
struct Sought {
    pixels: Patch,
    slope_x: Patch,
    slope_y: Patch,
    inverse: [f32; 3],
    mean: f32,
}

/// The flow of one level.
pub(super) fn search(from: &Level, to: &Level, start: Option<&Image<Displacement>>) -> Image<Displacement> {
    let (width, height) = (from.width, from.height);
    let places = |side: usize| {
        let last = side.saturating_sub(SIDE);
        let mut places: Vec<usize> = (0..=last).step_by(STRIDE).collect();
        // The last patch touches the border.
        if places.last() != Some(&last) {
            places.push(last);
        }
        places
    };
    let (columns, rows) = (places(width), places(height));
    let row = |&y: &usize| {
        let mut left = None;
        let mut found = |x: usize| {
            let middle = |at: usize, len: usize| (at + SIDE / 2).min(len - 1);
            let given = start.map_or([0.0; 2], |flow| flow.at(middle(x, width), middle(y, height)));
            let patch = sought(from, x, y);
            let flow = descend(&patch, to, [x, y], better(&patch, to, [x, y], given, left));
            left = Some(flow);
            flow
        };
        columns.iter().map(|&x| widely(|| found(x))).collect::<Vec<_>>()
    };
    let found: Vec<Vec<[f32; 2]>> = rows.par_iter().map(row).collect();
    densify(from, to, (&columns, &rows), &found)
}

/// Pixels of a patch.
const COUNT: f32 = (SIDE * SIDE) as f32;

/// The sum of what is made of each pixel of a patch: its columns first, all at a time.
#[inline(always)]
fn sum(value: impl Fn(usize, usize) -> f32) -> f32 {
    let mut columns = [0.0; SIDE];
    for row in 0..SIDE {
        for (column, sum) in columns.iter_mut().enumerate() {
            *sum += value(row, column);
        }
    }
    let [a, b, c, d, e, f, g, h] = columns;
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}

#[inline(always)]
fn sought(from: &Level, x: usize, y: usize) -> Sought {
    let patch = |plane: &[f32]| {
        let mut patch = [[0.0; SIDE]; SIDE];
        patch.iter_mut().zip(from.rows(plane, x, y)).for_each(|(to, row)| to.copy_from_slice(row));
        patch
    };
    let (pixels, slope_x, slope_y) = (patch(&from.luma), patch(&from.slope_x), patch(&from.slope_y));
    let product = |a: &Patch, b: &Patch| sum(|row, i| a[row][i] * b[row][i]);
    let plain = |a: &Patch| sum(|row, i| a[row][i]);
    // The mean is free: so are the parts of the slopes that only change it.
    let (mx, my) = (plain(&slope_x), plain(&slope_y));
    let a = product(&slope_x, &slope_x) - mx * mx / COUNT + DAMPING;
    let b = product(&slope_x, &slope_y) - mx * my / COUNT;
    let d = product(&slope_y, &slope_y) - my * my / COUNT + DAMPING;
    let determinant = (a * d - b * b).max(1e-6);
    let mean = plain(&pixels) / COUNT;
    Sought { pixels, slope_x, slope_y, inverse: [d / determinant, -b / determinant, a / determinant], mean }
}

/// The patch of `to` at a place between its pixels.
#[inline(always)]
fn seen(to: &Level, at: [f32; 2]) -> Patch {
    let axis = |at: f32, len: usize| {
        let place = (at + PAD as f32).clamp(0.0, (len + 2 * PAD - SIDE - 2) as f32);
        (place as usize, place - place as usize as f32)
    };
    let ((x, fx), (y, fy)) = (axis(at[0], to.width), axis(at[1], to.height));
    let [a, b, c, d] = [(1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy];
    let mut patch = [[0.0; SIDE]; SIDE];
    for (row, out) in patch.iter_mut().enumerate() {
        let upper = &to.luma[(y + row) * to.stride + x..][..SIDE + 1];
        let lower = &to.luma[(y + row + 1) * to.stride + x..][..SIDE + 1];
        for i in 0..SIDE {
            out[i] = a * upper[i] + b * upper[i + 1] + c * lower[i] + d * lower[i + 1];
        }
    }
    patch
}

/// How far what is seen differs from what is sought, pixel by pixel, means apart; and the sum of the squares.
#[inline(always)]
fn difference(patch: &Sought, seen: &Patch) -> (Patch, f32) {
    let brighter = sum(|row, i| seen[row][i]) / COUNT - patch.mean;
    let mut off = [[0.0; SIDE]; SIDE];
    for row in 0..SIDE {
        for i in 0..SIDE {
            off[row][i] = seen[row][i] - patch.pixels[row][i] - brighter;
        }
    }
    (off, sum(|row, i| off[row][i] * off[row][i]))
}

#[inline(always)]
fn at([x, y]: [usize; 2], flow: [f32; 2]) -> [f32; 2] {
    [x as f32 + flow[0], y as f32 + flow[1]]
}

/// Of the flow given, none and the left neighbour's, the one that fits best; what is given need not be worse by much.
#[inline(always)]
fn better(patch: &Sought, to: &Level, place: [usize; 2], given: [f32; 2], left: Option<[f32; 2]>) -> [f32; 2] {
    let cost = |flow: [f32; 2]| difference(patch, &seen(to, at(place, flow))).1;
    let (mut best, mut least) = (given, cost(given));
    for other in left.into_iter().chain((given != [0.0; 2]).then_some([0.0; 2])) {
        let other_cost = cost(other);
        if other_cost < 0.8 * least - 1.0 {
            (best, least) = (other, other_cost);
        }
    }
    best
}

#[inline(always)]
fn descend(patch: &Sought, to: &Level, place: [usize; 2], start: [f32; 2]) -> [f32; 2] {
    let (mut flow, mut best, mut least, mut first) = (start, start, f32::MAX, f32::MAX);
    for step in 0..=STEPS {
        let (off, cost) = difference(patch, &seen(to, at(place, flow)));
        if step == 0 {
            first = cost;
        }
        if cost >= least {
            break;
        }
        (best, least) = (flow, cost);
        let gx = sum(|row, i| patch.slope_x[row][i] * off[row][i]);
        let gy = sum(|row, i| patch.slope_y[row][i] * off[row][i]);
        let [a, b, d] = patch.inverse;
        let way = [-(a * gx + b * gy), -(b * gx + d * gy)];
        flow = [flow[0] + way[0], flow[1] + way[1]];
        if way[0].hypot(way[1]) < SHORT_PX {
            break;
        }
    }
    let astray = (best[0] - start[0]).hypot(best[1] - start[1]) > ASTRAY_PX;
    if astray || least >= first { start } else { best }
}

/// Every pixel's flow: the mean of its patches', each weighing as well as the pixel fits where it says.
fn densify(
    from: &Level,
    to: &Level,
    (columns, rows): (&[usize], &[usize]),
    found: &[Vec<[f32; 2]>],
) -> Image<Displacement> {
    let (width, height) = (from.width, from.height);
    let over = |places: &[usize], at: usize| {
        // The patches that hold a place; a picture smaller than a patch has one.
        let end = places.partition_point(|start| *start <= at);
        (0..end).rev().take_while(|i| places[*i] + SIDE > at).last().unwrap_or(0)..end
    };
    let spans: Vec<_> = (0..width).map(|x| over(columns, x)).collect();
    let pixel = |x: usize, y: usize, in_rows: &std::ops::Range<usize>| {
        let own = from.luma[(y + PAD) * from.stride + x + PAD];
        let (mut sum, mut weights) = ([0.0; 2], 0.0);
        for row in in_rows.clone() {
            for column in spans[x].clone() {
                let flow = found[row][column];
                let weight = 1.0 / (sample(to, at([x, y], flow)) - own).abs().max(1.0);
                (0..2).for_each(|axis| sum[axis] += weight * flow[axis]);
                weights += weight;
            }
        }
        sum.map(|v| v / weights)
    };
    let mut flow = Image::filled(width, height, [0.0; 2]);
    flow.pixels_mut().par_chunks_mut(width).enumerate().for_each(|(y, row)| {
        let in_rows = over(rows, y);
        row.iter_mut().enumerate().for_each(|(x, to)| *to = pixel(x, y, &in_rows));
    });
    flow
}

fn sample(to: &Level, at: [f32; 2]) -> f32 {
    let ((x, fx), (y, fy)) =
        (span(at[0] + PAD as f32, to.width + 2 * PAD - 1), span(at[1] + PAD as f32, to.height + 2 * PAD - 1));
    let row = |y: usize| {
        let pair = &to.luma[y * to.stride + x..][..2];
        pair[0] + fx * (pair[1] - pair[0])
    };
    row(y) + fy * (row(y + 1) - row(y))
}
