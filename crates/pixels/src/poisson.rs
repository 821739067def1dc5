//! Poisson blending (Pérez, Gangnet and Blake 2003): a patch set into a picture by its gradients, so that its colours
//! meet those around it.
//!
//! The equation is solved by conjugate gradients with one multigrid V-cycle as the preconditioner (McAdams, Sifakis
//! and Teran 2010): the number of steps does not grow with the mask, so time and memory are linear in its size.

use crate::Image;
use crate::space::{Gray, Srgb};
use rayon::prelude::*;

/// An estimated error below this ends the solving: a fiftieth of one of 255 levels.
const CLOSE: f64 = 1.0 / (255.0 * 50.0);
/// Far more steps than are ever needed.
const MOST_STEPS: usize = 60;
/// Sweeps of Gauss and Seidel before, and again after, each visit to a coarser grid.
const SWEEPS: usize = 2;
/// Sweeps on the coarsest grid.
const LAST_SWEEPS: usize = 12;
/// A grid with a side of this many cells is not made coarser.
const COARSEST: usize = 4;

/// `ground` with `patch` set into it where `mask` (0..1) is above 0; all of one size.
///
/// Where the mask is 1 the result has the gradients of the patch, at its border the colours of the ground; in a
/// feathered mask the gradients go over from those of the ground to those of the patch, so that what differs only
/// at the border does not spread inwards. Where the mask reaches the border of the picture nothing is asked of the colours
/// there. A mask over the whole picture leaves the mean of the plain, feathered mixture. Not clipped.
///
/// # Panics
/// If the sizes differ.
pub fn blend(ground: &Image<Srgb>, patch: &Image<Srgb>, mask: &Image<Gray>) -> Image<Srgb> {
    let size = (ground.width(), ground.height());
    assert_eq!(size, (patch.width(), patch.height()), "ground and patch differ in size");
    assert_eq!(size, (mask.width(), mask.height()), "ground and mask differ in size");
    let mut blended = ground.clone();
    let Some([left, top, width, height]) = around(mask) else { return blended };
    let share = mask.crop(left, top, width, height);
    let (under, over) = (ground.crop(left, top, width, height), patch.crop(left, top, width, height));
    let grids = Grid::pyramid(Grid::new(width, height, |x, y| share.at(x, y) > 0.0));
    let differences: Vec<Vec<f32>> = (0..3)
        .into_par_iter()
        .map(|c| {
            let difference = |x: usize, y: usize| over.at(x, y)[c] - under.at(x, y)[c];
            let wanted = divergence(&grids[0], &share, &difference);
            let (mut solved, _) = solve(&grids, &wanted);
            if share.pixels().len() == mask.pixels().len() && share.pixels().iter().all(|&m| m > 0.0) {
                lift_to_mean(&grids[0], &mut solved, |x, y| share.at(x, y) * difference(x, y));
            }
            solved
        })
        .collect();
    for y in 0..height {
        for x in (0..width).filter(|&x| share.at(x, y) > 0.0) {
            let at = grids[0].at(x, y);
            let pixel = &mut blended.pixels_mut()[(top + y) * size.0 + left + x];
            (0..3).for_each(|c| pixel[c] += differences[c][at]);
        }
    }
    blended
}

/// Left, top, width and height of where the mask is above 0, with one pixel more on every side that has one.
fn around(mask: &Image<Gray>) -> Option<[usize; 4]> {
    let rows: Vec<usize> = (0..mask.height()).filter(|&y| mask.row(y).iter().any(|&m| m > 0.0)).collect();
    let inside = |x: &usize| rows.iter().any(|&y| mask.at(*x, y) > 0.0);
    let (first, last) = ((0..mask.width()).find(inside)?, (0..mask.width()).rfind(inside)?);
    let (left, top) = (first.saturating_sub(1), rows[0].saturating_sub(1));
    let right = (last + 2).min(mask.width());
    let bottom = (rows[rows.len() - 1] + 2).min(mask.height());
    Some([left, top, right - left, bottom - top])
}

/// The right side of the equation: at every cell the sum over its neighbours of the mask's share of how the difference
/// of patch and ground falls towards them.
fn divergence(grid: &Grid, share: &Image<Gray>, difference: &impl Fn(usize, usize) -> f32) -> Vec<f32> {
    let mut wanted = vec![0.0; grid.cells()];
    // Both cells of an edge see the same fall with opposite signs.
    let mut edge = |(x, y): (usize, usize), (u, v): (usize, usize)| {
        // At a hard border the edge belongs to the patch, as in the paper.
        let fall = share.at(x, y).max(share.at(u, v)) * (difference(x, y) - difference(u, v));
        wanted[grid.at(x, y)] += fall;
        wanted[grid.at(u, v)] -= fall;
    };
    for y in 0..grid.height {
        for x in 0..grid.width {
            if x + 1 < grid.width {
                edge((x, y), (x + 1, y));
            }
            if y + 1 < grid.height {
                edge((x, y), (x, y + 1));
            }
        }
    }
    wanted.iter_mut().zip(&grid.neighbours).for_each(|(wanted, &n)| *wanted = if n > 0.0 { *wanted } else { 0.0 });
    wanted
}

/// Adds what makes the mean over all cells that of `target`: where no border says how light a patch shall be.
fn lift_to_mean(grid: &Grid, solved: &mut [f32], target: impl Fn(usize, usize) -> f32) {
    let cells = || (0..grid.height).flat_map(|y| (0..grid.width).map(move |x| (x, y)));
    let missing: f64 = cells().map(|(x, y)| f64::from(target(x, y) - solved[grid.at(x, y)])).sum();
    let lift = (missing / (grid.width * grid.height) as f64) as f32;
    cells().for_each(|(x, y)| solved[grid.at(x, y)] += lift);
}

/// A grid of cells, some of which are solved for; the others are 0. With a ring of zeros around it, so that nobody
/// asks where it ends.
struct Grid {
    width: usize,
    height: usize,
    /// How many of its four neighbours are in the picture, for cells solved for; else 0.
    neighbours: Vec<f32>,
}

impl Grid {
    fn new(width: usize, height: usize, inside: impl Fn(usize, usize) -> bool) -> Self {
        let mut grid = Self { width, height, neighbours: vec![0.0; (width + 2) * (height + 2)] };
        for y in 0..height {
            for x in (0..width).filter(|&x| inside(x, y)) {
                let sides = [x > 0, x + 1 < width, y > 0, y + 1 < height];
                let at = grid.at(x, y);
                grid.neighbours[at] = sides.into_iter().filter(|&side| side).count() as f32;
            }
        }
        grid
    }

    /// The grid and its coarser ones.
    fn pyramid(finest: Self) -> Vec<Self> {
        let mut grids = vec![finest];
        while let Some(coarser) = grids[grids.len() - 1].coarser() {
            grids.push(coarser);
        }
        grids
    }

    /// Cells of two by two. One is solved for if all of its parts are: what is too thin for that is near to its border,
    /// where sweeps alone do the work.
    fn coarser(&self) -> Option<Self> {
        if self.width.min(self.height) <= COARSEST {
            return None;
        }
        let inside = |x: usize, y: usize| x >= self.width || y >= self.height || self.neighbours[self.at(x, y)] > 0.0;
        let whole = |x: usize, y: usize| {
            [(0, 0), (1, 0), (0, 1), (1, 1)].into_iter().all(|(dx, dy)| inside(2 * x + dx, 2 * y + dy))
        };
        let coarser = Self::new(self.width.div_ceil(2), self.height.div_ceil(2), whole);
        coarser.neighbours.iter().any(|&n| n > 0.0).then_some(coarser)
    }

    fn stride(&self) -> usize {
        self.width + 2
    }

    fn cells(&self) -> usize {
        self.neighbours.len()
    }

    fn at(&self, x: usize, y: usize) -> usize {
        (y + 1) * self.stride() + x + 1
    }

    /// The Laplacian at one cell: its neighbours' values less its own as often as it has neighbours, negated.
    fn laplacian<T: Copy + Into<f64>>(&self, values: &[T], at: usize) -> f64 {
        let (n, stride) = (f64::from(self.neighbours[at]), self.stride());
        let beside: f64 = [at - 1, at + 1, at - stride, at + stride].map(|at| values[at].into()).iter().sum();
        if n > 0.0 { n * values[at].into() - beside } else { 0.0 }
    }

    /// One sweep over the cells of one colour of the chessboard.
    fn sweep(&self, values: &mut [f32], wanted: &[f32], colour: usize) {
        let stride = self.stride();
        for y in 0..self.height {
            for x in ((y + colour) % 2..self.width).step_by(2) {
                let at = self.at(x, y);
                let n = self.neighbours[at];
                if n > 0.0 {
                    let beside = (values[at - 1] + values[at + 1]) + (values[at - stride] + values[at + stride]);
                    values[at] = (wanted[at] + beside) / n;
                }
            }
        }
    }

    /// The four cells of the coarser grid around a cell, and their weights (bilinear, by the cells' centres).
    fn parents(&self, coarser: &Self, x: usize, y: usize) -> [(usize, f32); 4] {
        let beside = |i: usize, len: usize| {
            let own = i / 2;
            let other = if i % 2 == 1 { own + 1 } else { own.wrapping_sub(1) };
            // Beyond the picture everything goes on as it is at its border.
            [own, if other < len { other } else { own }]
        };
        let ([x0, x1], [y0, y1]) = (beside(x, coarser.width), beside(y, coarser.height));
        let at = |x, y| coarser.at(x, y);
        [(at(x0, y0), 9.0 / 16.0), (at(x1, y0), 3.0 / 16.0), (at(x0, y1), 3.0 / 16.0), (at(x1, y1), 1.0 / 16.0)]
    }
}

/// What a V-cycle holds of one grid.
#[derive(Clone)]
struct GridState {
    values: Vec<f32>,
    wanted: Vec<f32>,
}

/// One V-cycle: `states[0].values` becomes nearly what solves the equation for `states[0].wanted`. Symmetric, as
/// conjugate gradients demand of a preconditioner.
fn v_cycle(grids: &[Grid], states: &mut [GridState]) {
    let ([grid, coarser_grids @ ..], [here, coarser_states @ ..]) = (grids, states) else { return };
    here.values.fill(0.0);
    let (Some(coarser), Some(below)) = (coarser_grids.first(), coarser_states.first_mut()) else {
        let forth_and_back = [0, 1].repeat(LAST_SWEEPS).into_iter().chain([1, 0].repeat(LAST_SWEEPS));
        forth_and_back.for_each(|colour| grid.sweep(&mut here.values, &here.wanted, colour));
        return;
    };
    [0, 1].repeat(SWEEPS).into_iter().for_each(|colour| grid.sweep(&mut here.values, &here.wanted, colour));
    below.wanted.fill(0.0);
    let cells = || (0..grid.height).flat_map(|y| (0..grid.width).map(move |x| (x, y)));
    for (x, y) in cells() {
        let at = grid.at(x, y);
        if grid.neighbours[at] > 0.0 {
            let rest = here.wanted[at] - grid.laplacian(&here.values, at) as f32;
            grid.parents(coarser, x, y).into_iter().for_each(|(parent, weight)| below.wanted[parent] += weight * rest);
        }
    }
    v_cycle(coarser_grids, coarser_states);
    let below = &coarser_states[0].values;
    for (x, y) in cells() {
        let at = grid.at(x, y);
        if grid.neighbours[at] > 0.0 {
            let parents = grid.parents(coarser, x, y);
            here.values[at] += parents.into_iter().map(|(parent, weight)| weight * below[parent]).sum::<f32>();
        }
    }
    [1, 0].repeat(SWEEPS).into_iter().for_each(|colour| grid.sweep(&mut here.values, &here.wanted, colour));
}

/// Solves for cells whose Laplacian is `wanted`; returns the values and the steps it took.
fn solve(grids: &[Grid], wanted: &[f32]) -> (Vec<f32>, usize) {
    let grid = &grids[0];
    let mut states: Vec<GridState> = grids
        .iter()
        .map(|grid| GridState { values: vec![0.0; grid.cells()], wanted: vec![0.0; grid.cells()] })
        .collect();
    let mut precondition = |rest: &[f64]| -> Vec<f64> {
        states[0].wanted.iter_mut().zip(rest).for_each(|(to, &from)| *to = from as f32);
        v_cycle(grids, &mut states);
        states[0].values.iter().map(|&v| f64::from(v)).collect()
    };
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();

    let mut solved = vec![0.0f64; grid.cells()];
    let mut rest: Vec<f64> = wanted.iter().map(|&v| f64::from(v)).collect();
    let mut corrected = precondition(&rest);
    let mut direction = corrected.clone();
    let mut energy = product(&rest, &corrected);
    let mut steps = 0;
    // What the preconditioner makes of the rest is nearly the error that is left.
    while steps < MOST_STEPS && energy > 0.0 && corrected.iter().any(|v| v.abs() > CLOSE) {
        let against: Vec<f64> = (0..direction.len())
            .map(|at| if grid.neighbours[at] > 0.0 { grid.laplacian(&direction, at) } else { 0.0 })
            .collect();
        let along = product(&direction, &against);
        if along <= 0.0 {
            break; // nothing is left but rounding
        }
        let step = energy / along;
        solved.iter_mut().zip(&direction).for_each(|(v, d)| *v += step * d);
        rest.iter_mut().zip(&against).for_each(|(v, a)| *v -= step * a);
        corrected = precondition(&rest);
        let before = std::mem::replace(&mut energy, product(&rest, &corrected));
        direction.iter_mut().zip(&corrected).for_each(|(d, c)| *d = c + energy / before * *d);
        steps += 1;
    }
    (solved.into_iter().map(|v| v as f32).collect(), steps)
}

#[cfg(test)]
mod tests;
