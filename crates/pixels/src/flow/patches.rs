//! One level of the search: patches found by inverse gradient descent, and the flow that they make.

use super::Displacement;
use crate::Image;
use crate::space::Gray;
use rayon::prelude::*;
use wide::f32x8;

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

/// A square of pixels, row by row.
type Patch = [f32x8; SIDE];

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
        columns.iter().map(|&x| found(x)).collect::<Vec<_>>()
    };
    let found: Vec<Vec<[f32; 2]>> = rows.par_iter().map(row).collect();
    densify(from, to, (&columns, &rows), &found)
}

/// Pixels of a patch.
const COUNT: f32 = (SIDE * SIDE) as f32;

/// The sum of what is made of each row of a patch.
#[inline]
fn sum(row: impl Fn(usize) -> f32x8) -> f32 {
    (1..SIDE).fold(row(0), |sum, i| sum + row(i)).reduce_add()
}

fn sought(from: &Level, x: usize, y: usize) -> Sought {
    let patch = |plane: &[f32]| {
        let mut patch = [f32x8::ZERO; SIDE];
        patch.iter_mut().zip(from.rows(plane, x, y)).for_each(|(to, row)| *to = eight(row));
        patch
    };
    let (pixels, slope_x, slope_y) = (patch(&from.luma), patch(&from.slope_x), patch(&from.slope_y));
    let product = |a: &Patch, b: &Patch| sum(|row| a[row] * b[row]);
    let plain = |a: &Patch| sum(|row| a[row]);
    // The mean is free: so are the parts of the slopes that only change it.
    let (mx, my) = (plain(&slope_x), plain(&slope_y));
    let a = product(&slope_x, &slope_x) - mx * mx / COUNT + DAMPING;
    let b = product(&slope_x, &slope_y) - mx * my / COUNT;
    let d = product(&slope_y, &slope_y) - my * my / COUNT + DAMPING;
    let determinant = (a * d - b * b).max(1e-6);
    let mean = plain(&pixels) / COUNT;
    Sought { pixels, slope_x, slope_y, inverse: [d / determinant, -b / determinant, a / determinant], mean }
}

/// The first eight of some numbers.
#[inline]
fn eight(numbers: &[f32]) -> f32x8 {
    f32x8::new(*numbers.first_chunk().unwrap_or(&[0.0; SIDE]))
}

/// A place between the pixels of a picture.
struct Place {
    /// The pixel before it, and from a row to the next.
    first: usize,
    stride: usize,
    /// Of the four pixels around it.
    weights: [f32x8; 4],
}

impl Place {
    #[inline]
    fn new(to: &Level, at: [f32; 2]) -> Self {
        let axis = |at: f32, len: usize| {
            let place = (at + PAD as f32).clamp(0.0, (len + 2 * PAD - SIDE - 2) as f32);
            let before = place as i32;
            (before as usize, place - before as f32)
        };
        let ((x, fx), (y, fy)) = (axis(at[0], to.width), axis(at[1], to.height));
        let (a, b, c, d) = ((1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy);
        let weights = [f32x8::splat(a), f32x8::splat(b), f32x8::splat(c), f32x8::splat(d)];
        Self { first: y * to.stride + x, stride: to.stride, weights }
    }

    /// Eight pixels from there on, so many rows further down.
    #[inline]
    fn row(&self, luma: &[f32], down: usize) -> f32x8 {
        let upper = &luma[self.first + down * self.stride..][..SIDE + 1];
        let lower = &luma[self.first + (down + 1) * self.stride..][..SIDE + 1];
        let [a, b, c, d] = self.weights;
        (a * eight(upper) + b * eight(&upper[1..])) + (c * eight(lower) + d * eight(&lower[1..]))
    }
}

/// The patch of `to` at a place between its pixels.
#[inline]
fn seen(to: &Level, at: [f32; 2]) -> Patch {
    let place = Place::new(to, at);
    let row = |row: usize| place.row(&to.luma, row);
    [row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7)]
}

/// How far what is seen differs from what is sought, pixel by pixel, means apart; and the sum of the squares.
#[inline]
fn difference(patch: &Sought, seen: &Patch) -> (Patch, f32) {
    let brighter = f32x8::splat(sum(|row| seen[row]) / COUNT - patch.mean);
    let mut off = [f32x8::ZERO; SIDE];
    for row in 0..SIDE {
        off[row] = seen[row] - patch.pixels[row] - brighter;
    }
    (off, sum(|row| off[row] * off[row]))
}

#[inline]
fn at([x, y]: [usize; 2], flow: [f32; 2]) -> [f32; 2] {
    [x as f32 + flow[0], y as f32 + flow[1]]
}

/// Of the flow given, none and the left neighbour's, the one that fits best; what is given need not be worse by much.
#[inline]
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

#[inline]
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
        let gx = sum(|row| patch.slope_x[row] * off[row]);
        let gy = sum(|row| patch.slope_y[row] * off[row]);
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
    let mut flow = Image::filled(width, height, [0.0; 2]);
    flow.pixels_mut().par_chunks_mut(width).enumerate().for_each(|(y, flow)| {
        // A picture smaller than a patch has one, which reaches beyond it.
        let mut sums = vec![[0.0; 3]; width + SIDE];
        let below = rows.partition_point(|start| *start <= y);
        for row in (0..below).rev().take_while(|row| rows[*row] + SIDE > y || *row + 1 == below) {
            for (&x, &[u, v]) in columns.iter().zip(&found[row]) {
                let own = eight(&from.luma[(y + PAD) * from.stride + x + PAD..]);
                let off = Place::new(to, at([x, y], [u, v])).row(&to.luma, 0) - own;
                let weights = (f32x8::ONE / off.abs().max(f32x8::ONE)).to_array();
                for (sum, weight) in sums[x..].iter_mut().zip(weights) {
                    *sum = [sum[0] + weight * u, sum[1] + weight * v, sum[2] + weight];
                }
            }
        }
        flow.iter_mut().zip(sums).for_each(|(flow, [u, v, weights])| *flow = [u / weights, v / weights]);
    });
    flow
}
