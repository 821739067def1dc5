use crate::Image;
use crate::blur::mirror_with_edge;
use crate::space::Srgb;
use crate::vectors::widely;
use rayon::prelude::*;
use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::{Fft, FftPlanner};
use std::sync::Arc;

/// Mirrored pixels around the picture: the solver is periodic, and bright borders would bleed across.
const PAD_PX: usize = 32;
/// The weight of the gradient's agreement at which the iteration ends (Xu et al. 2011).
const BETA_MAX: f32 = 1e5;
/// Columns transformed together: eight complex samples are one cache line.
const COLUMNS: usize = 8;

/// L0 gradient smoothing (Xu et al. 2011): the picture with few places where the colour changes at
/// all that is still close to the given one. `lambda` is the price of such a place (0.004 flattens
/// texture, 0.02 leaves posters), `kappa` the growth of the solver's weight per round (2; above 4 the first and the last round
/// are left out).
///
/// Colours are sRGB 0..1; the result may leave 0..1 by ringing and is not clipped. Equals
/// `cv2.ximgproc.l0Smooth` on a picture padded by reflection but for the treatment of the pad.
pub fn l0_gradient(picture: &Image<Srgb>, lambda: f32, kappa: f32) -> Image<Srgb> {
    if picture.pixels().is_empty() || lambda <= 0.0 {
        return picture.clone();
    }
    let (width, height) = (fast_size(picture.width() + 2 * PAD_PX), fast_size(picture.height() + 2 * PAD_PX));
    let mut planes = padded(picture, width, height);
    let mut solver = Solver::new(width, height, &planes);
    // Of few rounds the first and the last change next to nothing: 50 dB.
    let margin = if kappa > 4.0 { kappa } else { 1.0 };
    let mut beta = 2.0 * lambda * margin;
    while beta < BETA_MAX / margin {
        let kept = kept_gradients(&planes, width, lambda / beta);
        for (channel, plane) in planes.iter_mut().enumerate() {
            solver.solve(channel, plane, &kept, beta);
        }
        beta *= kappa.max(1.1);
    }
    Image::from_fn(picture.width(), picture.height(), |x, y| {
        let i = (y + PAD_PX) * width + x + PAD_PX;
        [planes[0][i], planes[1][i], planes[2][i]]
    })
}

/// The smallest even number from `size` on whose only factors are 2, 3 and at most one 5 or 7.
fn fast_size(size: usize) -> usize {
    let smooth = |n: usize| {
        let mut rest = n >> n.trailing_zeros();
        while rest.is_multiple_of(3) {
            rest /= 3;
        }
        n.is_multiple_of(2) && [1, 5, 7].contains(&rest)
    };
    (size.max(2)..).find(|&n| smooth(n)).expect("a power of two is found at the latest")
}

/// The three channels, each row by row, mirrored around the picture to `width`×`height`.
fn padded(picture: &Image<Srgb>, width: usize, height: usize) -> [Vec<f32>; 3] {
    std::array::from_fn(|c| {
        let mut plane = vec![0.0; width * height];
        plane.par_chunks_mut(width).enumerate().for_each(|(y, row)| {
            let source = picture.row(mirror_with_edge(y as isize - PAD_PX as isize, picture.height()));
            for (x, v) in row.iter_mut().enumerate() {
                *v = source[mirror_with_edge(x as isize - PAD_PX as isize, picture.width())][c];
            }
        });
        plane
    })
}

/// 1 where the squared gradient (forward differences, summed over channels) is above `threshold`, else 0.
fn kept_gradients(planes: &[Vec<f32>; 3], width: usize, threshold: f32) -> Vec<f32> {
    let mut kept = vec![0.0f32; planes[0].len()];
    kept.par_chunks_mut(width).enumerate().for_each(|(y, row)| {
        widely(|| {
            for plane in planes {
                let (here, below) = row_and_below(plane, width, y);
                for x in 0..width - 1 {
                    let (h, v) = (here[x + 1] - here[x], below[x] - here[x]);
                    row[x] += h * h + v * v;
                }
                let (h, v) = (here[0] - here[width - 1], below[width - 1] - here[width - 1]);
                row[width - 1] += h * h + v * v;
            }
            row.iter_mut().for_each(|v| *v = if *v > threshold { 1.0 } else { 0.0 });
        });
    });
    kept
}

/// Row `y` and the one below it, around the end.
fn row_and_below(plane: &[f32], width: usize, y: usize) -> (&[f32], &[f32]) {
    let below = if (y + 2) * width > plane.len() { 0 } else { y + 1 };
    (&plane[y * width..][..width], &plane[below * width..][..width])
}

/// `∂xᵀ(kept·∂x S) + ∂yᵀ(kept·∂y S)` of row `y`, the differences running around the ends.
fn divergence_row(plane: &[f32], kept: &[f32], width: usize, y: usize, out: &mut [f32]) {
    let above = if y == 0 { plane.len() / width - 1 } else { y - 1 };
    let (up, _) = row_and_below(plane, width, above);
    let (here, below) = row_and_below(plane, width, y);
    let (kept_up, kept) = (&kept[above * width..][..width], &kept[y * width..][..width]);
    let edge = (here[0] - here[width - 1]) * kept[width - 1];
    out[0] = edge - (here[1] - here[0]) * kept[0];
    for x in 1..width - 1 {
        out[x] = (here[x] - here[x - 1]) * kept[x - 1] - (here[x + 1] - here[x]) * kept[x];
    }
    out[width - 1] = (here[width - 1] - here[width - 2]) * kept[width - 2] - edge;
    widely(|| {
        for x in 0..width {
            out[x] += (here[x] - up[x]) * kept_up[x] - (below[x] - here[x]) * kept[x];
        }
    });
}

/// Solves `(1 + β·(∂xᵀ∂x + ∂yᵀ∂y)) S = I + β·divergence` by FFT. Spectra lie in blocks of `COLUMNS`
/// frequencies of x, so that the transforms along y read whole cache lines.
struct Solver {
    width: usize,
    height: usize,
    /// Frequencies of x, rounded up to whole blocks.
    stride: usize,
    along_x: Arc<dyn RealToComplex<f32>>,
    back_x: Arc<dyn ComplexToReal<f32>>,
    along_y: Arc<dyn Fft<f32>>,
    back_y: Arc<dyn Fft<f32>>,
    /// Eigenvalues of `∂xᵀ∂x` and `∂yᵀ∂y`: 2 − 2·cos(2πk/n).
    stiffness_x: Vec<f32>,
    stiffness_y: Vec<f32>,
    /// Spectra of the input's channels, per block column by column.
    input: Vec<Vec<Complex32>>,
    /// Transformed along x only, row by row.
    rows: Vec<Complex32>,
    /// Solved and transformed back along y, per block row by row.
    blocks: Vec<Complex32>,
}

impl Solver {
    fn new(width: usize, height: usize, planes: &[Vec<f32>; 3]) -> Self {
        let (mut real, mut complex) = (RealFftPlanner::new(), FftPlanner::new());
        let stride = (width / 2 + 1).next_multiple_of(COLUMNS);
        let stiffness = |n: usize, count: usize| {
            let turn = |k: usize| std::f64::consts::TAU * k as f64 / n as f64;
            (0..count).map(|k| (2.0 - 2.0 * turn(k).cos()) as f32).collect()
        };
        let mut solver = Self {
            width,
            height,
            stride,
            along_x: real.plan_fft_forward(width),
            back_x: real.plan_fft_inverse(width),
            along_y: complex.plan_fft_forward(height),
            back_y: complex.plan_fft_inverse(height),
            stiffness_x: stiffness(width, stride),
            stiffness_y: stiffness(height, height),
            input: Vec::new(),
            rows: vec![Complex32::default(); stride * height],
            blocks: vec![Complex32::default(); stride * height],
        };
        for plane in planes {
            solver.transform_rows(|y, row| row.copy_from_slice(&plane[y * width..][..width]));
            let mut spectrum = vec![Complex32::default(); stride * height];
            spectrum.par_chunks_mut(COLUMNS * height).enumerate().for_each(|(block, columns)| {
                solver.gather_columns(block, columns);
                solver.along_y.process(columns);
            });
            solver.input.push(spectrum);
        }
        solver
    }

    /// Fills `self.rows` with the spectra of the rows that `fill(y, row)` writes.
    fn transform_rows(&mut self, fill: impl Fn(usize, &mut [f32]) + Sync) {
        let (along_x, frequencies) = (&self.along_x, self.width / 2 + 1);
        self.rows.par_chunks_mut(self.stride).enumerate().for_each_init(
            || (along_x.make_input_vec(), along_x.make_scratch_vec()),
            |(samples, scratch), (y, row)| {
                fill(y, samples);
                along_x
                    .process_with_scratch(samples, &mut row[..frequencies], scratch)
                    .expect("the lengths are planned");
            },
        );
    }

    /// The block's columns of `self.rows`, one after the other.
    fn gather_columns(&self, block: usize, columns: &mut [Complex32]) {
        for y in 0..self.height {
            let line = &self.rows[y * self.stride + block * COLUMNS..][..COLUMNS];
            for (k, &v) in line.iter().enumerate() {
                columns[k * self.height + y] = v;
            }
        }
    }

    /// Replaces `plane` by the solution for the gradients of `plane` where `kept` is 1.
    fn solve(&mut self, channel: usize, plane: &mut [f32], kept: &[f32], beta: f32) {
        let (width, height) = (self.width, self.height);
        let seen = &*plane;
        self.transform_rows(|y, row| divergence_row(seen, kept, width, y, row));
        let mut blocks = std::mem::take(&mut self.blocks);
        let (this, scale) = (&*self, 1.0 / (width * height) as f32);
        let scratch_len = this.along_y.get_inplace_scratch_len().max(this.back_y.get_inplace_scratch_len());
        blocks.par_chunks_mut(COLUMNS * height).enumerate().for_each_init(
            || (vec![Complex32::default(); COLUMNS * height], vec![Complex32::default(); scratch_len]),
            |(columns, scratch), (block, out)| {
                this.gather_columns(block, columns);
                this.along_y.process_with_scratch(columns, scratch);
                let input = &this.input[channel][block * COLUMNS * height..][..COLUMNS * height];
                for k in 0..COLUMNS {
                    let stiffness_x = this.stiffness_x[block * COLUMNS + k];
                    let (column, input) = (&mut columns[k * height..][..height], &input[k * height..][..height]);
                    widely(|| {
                        for ((to, &input), &stiffness_y) in column.iter_mut().zip(input).zip(&this.stiffness_y) {
                            let share = scale / (1.0 + beta * (stiffness_x + stiffness_y));
                            *to = (input + *to * beta) * share;
                        }
                    });
                }
                this.back_y.process_with_scratch(columns, scratch);
                for (y, line) in out.chunks_exact_mut(COLUMNS).enumerate() {
                    for (k, v) in line.iter_mut().enumerate() {
                        *v = columns[k * height + y];
                    }
                }
            },
        );
        let (back_x, frequencies) = (&this.back_x, width / 2 + 1);
        plane.par_chunks_mut(width).enumerate().for_each_init(
            || (vec![Complex32::default(); this.stride], back_x.make_scratch_vec()),
            |(line, scratch), (y, row)| {
                for (block, part) in line.chunks_exact_mut(COLUMNS).enumerate() {
                    part.copy_from_slice(&blocks[(block * height + y) * COLUMNS..][..COLUMNS]);
                }
                // Rounding leaves a trace where a real row has none.
                (line[0].im, line[frequencies - 1].im) = (0.0, 0.0);
                back_x.process_with_scratch(&mut line[..frequencies], row, scratch).expect("the lengths are planned");
            },
        );
        self.blocks = blocks;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::at as noise;

    #[test]
    fn the_solver_solves_its_equation() {
        let (width, height, beta) = (36, 14, 3.0f32);
        let input: [Vec<f32>; 3] =
            std::array::from_fn(|c| (0..width * height).map(|i| noise(i % width + c, i / width)).collect());
        let kept: Vec<f32> = (0..width * height).map(|i| if noise(i, 3) > 0.5 { 1.0 } else { 0.0 }).collect();
        let mut solved = input[1].clone();
        Solver::new(width, height, &input).solve(1, &mut solved, &kept, beta);
        let all = vec![1.0; width * height];
        let (mut left, mut right) = (vec![0.0; width], vec![0.0; width]);
        for y in 0..height {
            divergence_row(&solved, &all, width, y, &mut left);
            divergence_row(&input[1], &kept, width, y, &mut right);
            for x in 0..width {
                let (s, i) = (solved[y * width + x], input[1][y * width + x]);
                assert!((s + beta * left[x] - i - beta * right[x]).abs() < 2e-5, "({x}, {y})");
            }
        }
    }

    #[test]
    fn ripples_become_flat_and_a_step_stays() {
        let step = Image::<Srgb>::from_fn(70, 41, |x, y| {
            [if x < 30 { 0.3 } else { 0.7 } + 0.01 * (noise(x, y) - 0.5), 0.5, 0.4]
        });
        let flat = l0_gradient(&step, 0.004, 2.0);
        for y in 0..41 {
            for x in 0..70 {
                let wanted = if x < 30 { 0.3 } else { 0.7 };
                assert!((flat.at(x, y)[0] - wanted).abs() < 0.004, "({x}, {y}): {:?}", flat.at(x, y));
            }
        }
    }

    #[test]
    fn sizes_are_quick_to_transform() {
        assert_eq!([2, 63, 864, 869, 1000].map(fast_size), [2, 64, 864, 896, 1008]);
    }
}
