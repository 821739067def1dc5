//! Dense convolutions of 3×3 and 7×7 by minimal filtering (Winograd 1980; Lavin & Gray 2016): 4×4 outputs are computed
//! together, with a quarter of the multiplications. A kernel of 7×7 is four of 4×4 side by side.
//!
//! The outputs of one such square are rounded together. So that a tile still equals the whole bit for bit, squares begin
//! at multiples of [`SQUARE`] rows and columns of the map, and the tile must know [`Winograd::further`] more around it.

use net::{Activation, Padding};
use rayon::prelude::*;

use crate::conv::{Input, Multiply};
use crate::gemm::{Offsets, Packed};
use crate::rows::{PAD, Rows, split, with_scratch};
use crate::simd::{LANES_MAX, Level, Simd, Vectorized};

/// Side of the squares of outputs that are computed together, px of the map.
pub(crate) const SQUARE: usize = 4;
/// Squares worked on at once: what belongs to them stays in the second-level cache.
const TOGETHER: usize = 64;
/// With fewer channels going in or out, what there is to do around the products costs more than they save.
const LEAST_CHANNELS: usize = 32;

/// A convolution of stride 1 that keeps the size of its map.
pub(crate) struct Winograd {
    /// For each place of a transformed square a matrix, channels out × (blocks² · channels in).
    places: Vec<Packed>,
    bias: Vec<f32>,
    /// Of the leaky ReLU behind it; 1 for none.
    slope: f32,
    channels: usize,
    kernel: Kernel,
    padding: Padding,
    /// Whether what it reads is to be resampled, and then whether corners are aligned.
    pub(crate) upsample: Option<bool>,
}

/// Side of the kernel.
#[derive(Clone, Copy, PartialEq)]
enum Kernel {
    Three,
    Seven,
}

impl Kernel {
    /// Side of a transformed square.
    fn side(self) -> usize {
        self.points().finite + 1
    }

    /// Rows and columns before a pixel that it looks at.
    fn before(self) -> usize {
        match self {
            Self::Three => 1,
            Self::Seven => 3,
        }
    }

    /// Kernels that it is cut into, along each axis, and their side.
    fn blocks(self) -> (usize, usize) {
        match self {
            Self::Three => (1, 3),
            Self::Seven => (2, 4),
        }
    }

    /// Those whose rounding is least, of a few dozen that were tried with random numbers.
    fn points(self) -> Points {
        match self {
            Self::Three => Points { a: 0.75, b: 1.5, c: 0.0, finite: 5 },
            Self::Seven => Points { a: 1.0, b: 0.5, c: 2.0, finite: 6 },
        }
    }
}

/// Where the polynomials are evaluated: 0, ±a, ±b, with six points c as well, and at infinity.
#[derive(Clone, Copy)]
struct Points {
    a: f32,
    b: f32,
    c: f32,
    finite: usize,
}

impl Winograd {
    /// From weights (channels out × `channels` × `kernel` × `kernel`) and one bias for each channel out; `None` for a
    /// convolution that is not of this kind or too narrow to gain by it.
    pub(crate) fn new(
        weights: &[f32],
        bias: &[f32],
        channels: usize,
        kernel: usize,
        padding: Padding,
        activation: Activation,
    ) -> Option<Self> {
        let slope = match activation {
            Activation::Identity => 1.0,
            Activation::LeakyRelu(slope) => slope,
            Activation::Tanh => return None,
        };
        let side = kernel;
        let kernel = match side {
            3 => Kernel::Three,
            7 => Kernel::Seven,
            _ => return None,
        };
        if padding.sides(side) != (side / 2, side / 2) || channels.min(bias.len()) < LEAST_CHANNELS {
            return None;
        }
        let (blocks, taps) = kernel.blocks();
        let depth = blocks * blocks * channels;
        let factors = factors(kernel.points(), taps);
        let places = kernel.side() * kernel.side();
        let mut matrices = vec![vec![0.0; bias.len() * depth]; places];
        for (number, weights) in weights.chunks_exact(side * side).enumerate() {
            let (row, channel) = (number / channels, number % channels);
            for block in 0..blocks * blocks {
                let (top, left) = (block / blocks * taps, block % blocks * taps);
                let tap = |y: usize, x: usize| {
                    let (y, x) = (top + y, left + x);
                    if y < side && x < side { f64::from(weights[y * side + x]) } else { 0.0 }
                };
                for (place, matrix) in matrices.iter_mut().enumerate() {
                    let (down, along) = (&factors[place / kernel.side()], &factors[place % kernel.side()]);
                    let sum = |y: usize| -> f64 { (0..taps).map(|x| along[x] * tap(y, x)).sum() };
                    let number: f64 = (0..taps).map(|y| down[y] * sum(y)).sum();
                    matrix[row * depth + block * channels + channel] = number as f32;
                }
            }
        }
        let none = vec![0.0; bias.len()];
        let places = matrices.iter().map(|matrix| Packed::new(matrix, &none, Activation::Identity)).collect();
        Some(Self { places, bias: bias.to_vec(), slope, channels, kernel, padding, upsample: None })
    }

    /// How many px of the map further than its kernel a result depends on, to the last bit.
    pub(crate) fn further(&self) -> usize {
        let (blocks, _) = self.kernel.blocks();
        (blocks - 1) * SQUARE + self.kernel.side() - 1 - 2 * self.kernel.before()
    }

    pub(crate) fn run(&self, level: Level, input: &Input<'_>, out: &mut Rows) {
        let work = Work::new(self, input, out);
        let row_len = out.row_len();
        out.data.par_chunks_mut(row_len * SQUARE * work.down).enumerate().for_each(|(band, rows)| {
            with_scratch(work.sizes.iter().sum(), |scratch| {
                let [lines, phases, taken, made, squares] = split(scratch, work.sizes);
                for first in (0..work.width.div_ceil(SQUARE)).step_by(work.along) {
                    for channel in 0..self.channels {
                        work.gather(band * work.down, first, channel, lines);
                        let taken = &mut taken[channel * work.taken_line..];
                        match self.kernel {
                            Kernel::Three => level.run(Forward::<6> { work: &work, lines, phases, taken }),
                            Kernel::Seven => level.run(Forward::<7> { work: &work, lines, phases, taken }),
                        }
                    }
                    for (place, packed) in self.places.iter().enumerate() {
                        let (input, out) = (&taken[place * work.taken_place..], &mut made[place * work.made_place..]);
                        let (offsets, columns, out_stride) = (&work.offsets, work.columns, work.made_line);
                        level.run(Multiply { packed, input, offsets, columns, out, out_stride });
                    }
                    match self.kernel {
                        Kernel::Three => level.run(Backward::<6> { work: &work, made, squares, first, rows }),
                        Kernel::Seven => level.run(Backward::<7> { work: &work, made, squares, first, rows }),
                    }
                }
            });
            rows.chunks_exact_mut(row_len).for_each(|row| Rows::close(row, work.out_stride, work.width));
        });
    }
}

/// What the points make of a kernel of `taps` numbers: a row for each point.
fn factors(points: Points, taps: usize) -> Vec<Vec<f64>> {
    let [a, b, c] = [points.a, points.b, points.c].map(f64::from);
    let finite = &[0.0, a, -a, b, -b, c][..points.finite];
    let row = |(i, point): (usize, &f64)| {
        let others = finite.iter().enumerate().filter(|&(j, _)| j != i);
        let scale: f64 = others.map(|(_, other)| point - other).product();
        (0..taps).map(|power| point.powi(power as i32) / scale).collect()
    };
    let infinity = (0..taps).map(|power| if power + 1 == taps { 1.0 } else { 0.0 }).collect();
    finite.iter().enumerate().map(row).chain([infinity]).collect()
}

/// How one run is laid out: bands of squares, in them so many squares at once.
struct Work<'a> {
    winograd: &'a Winograd,
    input: &'a Input<'a>,
    /// Of the map, and of a channel's row of the result.
    height: usize,
    width: usize,
    out_stride: usize,
    /// Squares of the result that are worked on at once.
    down: usize,
    along: usize,
    /// From one row of squares to the next.
    squares_row: usize,
    /// Numbers of each of the four phases of a row's columns that are read for them.
    phase: usize,
    /// Columns of a line that a square looks at.
    read: usize,
    /// Of what is multiplied: numbers of a channel, of a place. One more cache line for each place, or all places of a square
    /// would fall into the same few lines of the cache.
    taken_line: usize,
    taken_place: usize,
    /// The same of the products.
    made_line: usize,
    made_place: usize,
    columns: usize,
    offsets: Offsets,
    /// Of the scratch's parts.
    sizes: [usize; 5],
}

impl<'a> Work<'a> {
    fn new(winograd: &'a Winograd, input: &'a Input<'a>, out: &Rows) -> Self {
        let ((blocks, _), side, channels) = (winograd.kernel.blocks(), winograd.kernel.side(), winograd.channels);
        let along = out.shape.width.div_ceil(SQUARE).next_multiple_of(LANES_MAX).min(TOGETHER);
        let down = TOGETHER / along;
        let squares_row = along + (blocks - 1) * LANES_MAX;
        let lines = (down + blocks - 1) * SQUARE + side - SQUARE;
        let phase = squares_row + LANES_MAX;
        let (taken_line, made_line) = ((down + blocks - 1) * squares_row, down * squares_row);
        let (taken_place, made_place) = (channels * taken_line + LANES_MAX, out.shape.channels * made_line + LANES_MAX);
        let offset = |k: usize| {
            let (block, channel) = (k / channels, k % channels);
            channel * taken_line + block / blocks * squares_row + block % blocks
        };
        let (line, places) = (SQUARE * phase, side * side);
        Self {
            winograd,
            input,
            height: out.shape.height,
            width: out.shape.width,
            out_stride: out.stride,
            down,
            along,
            squares_row,
            phase,
            read: (along + blocks - 1) * SQUARE + side - SQUARE,
            taken_line,
            taken_place,
            made_line,
            made_place,
            columns: (down - 1) * squares_row + along,
            offsets: Offsets::new((0..blocks * blocks * channels).map(offset).collect()),
            sizes: [lines * line, lines * line, places * taken_place, places * made_place, SQUARE * SQUARE * along],
        }
    }

    /// The rows that squares from row `down` and column `along` of squares read, of one channel, with what lies beyond the
    /// border.
    fn gather(&self, down: usize, along: usize, channel: usize, lines: &mut [f32]) {
        let (padding, (height, width)) = (self.winograd.padding, (self.height as isize, self.width as isize));
        let before = self.winograd.kernel.before() as isize;
        let (top, left) = ((down * SQUARE) as isize - before, (along * SQUARE) as isize - before);
        for (i, line) in lines.chunks_exact_mut(SQUARE * self.phase).enumerate() {
            let line = &mut line[..self.read];
            let Some(y) = padding.source((top + i as isize).min(height - 1 + before), self.height) else {
                line.fill(0.0);
                continue;
            };
            let (start, end) = (left.max(0), width.min(left + line.len() as isize));
            let inside = (start - left) as usize..(end - left) as usize;
            self.input.line(y, channel, start as usize, &mut line[inside.clone()]);
            let beyond = line.len().min(inside.end + before as usize);
            for at in (0..inside.start).chain(inside.end..beyond) {
                let source = padding.source(left + at as isize, self.width);
                line[at] = source.map_or(0.0, |x| line[(x as isize - left) as usize]);
            }
            line[beyond..].fill(0.0);
        }
    }
}

/// One channel of the input into the space of the products.
struct Forward<'a, const N: usize> {
    work: &'a Work<'a>,
    lines: &'a [f32],
    phases: &'a mut [f32],
    taken: &'a mut [f32],
}

impl<const N: usize> Vectorized for Forward<'_, N> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (work, points) = (self.work, self.work.winograd.kernel.points());
        let (phase, (blocks, _)) = (work.phase, work.winograd.kernel.blocks());
        // Neighbouring squares lie four columns apart: with every fourth column side by side they fill a vector.
        for (line, phases) in self.lines.chunks_exact(4 * phase).zip(self.phases.chunks_exact_mut(4 * phase)) {
            let (first, rest) = phases.split_at_mut(phase);
            let (second, rest) = rest.split_at_mut(phase);
            let (third, fourth) = rest.split_at_mut(phase);
            let to = first.iter_mut().zip(second).zip(third).zip(fourth);
            for ((((a, b), c), d), from) in to.zip(line.as_chunks::<4>().0) {
                [*a, *b, *c, *d] = *from;
            }
        }
        for row in 0..work.down + blocks - 1 {
            let mut x = 0;
            while x < work.along + blocks - 1 {
                let mut square = [[s.splat(0.0); N]; N];
                for j in 0..N {
                    let mut column = [s.splat(0.0); N];
                    for i in 0..N {
                        let line = (row * SQUARE + i) * SQUARE + j % SQUARE;
                        column[i] = s.load(&self.phases[line * phase + x + j / SQUARE..]);
                    }
                    column = forward(s, points, column);
                    for i in 0..N {
                        square[i][j] = column[i];
                    }
                }
                for i in 0..N {
                    let numbers = forward(s, points, square[i]);
                    for j in 0..N {
                        let at = (i * N + j) * work.taken_place + row * work.squares_row + x;
                        s.store(&mut self.taken[at..], numbers[j]);
                    }
                }
                x += S::LANES;
            }
        }
    }
}

/// Along one axis: products of the polynomial's other roots, evaluated on the numbers.
#[inline(always)]
fn forward<S: Simd, const N: usize>(s: S, Points { a, b, c, finite }: Points, from: [S::V; N]) -> [S::V; N] {
    let (squares, product) = (s.splat(-(a * a + b * b)), s.splat(a * a * b * b));
    // With six points every row of the five has the sixth for a root as well.
    let mut x = [s.splat(0.0); 6];
    for i in 0..6 {
        x[i] = if finite == 6 && N == 7 { s.fma(s.splat(-c), from[i], from[(i + 1) % N]) } else { from[i] };
    }
    let mut to = from;
    to[0] = s.fma(product, x[0], s.fma(squares, x[2], x[4]));
    for (at, own, other) in [(1, a, b), (3, b, a)] {
        let other = s.splat(-other * other);
        let (even, odd) = (s.fma(other, x[2], x[4]), s.mul(s.splat(own), s.fma(other, x[1], x[3])));
        to[at] = s.add(even, odd);
        to[at + 1] = s.sub(even, odd);
    }
    if N == 7 {
        to[5] = s.fma(product, from[1], s.fma(squares, from[3], from[5]));
    }
    to[N - 1] = s.fma(product, x[1], s.fma(squares, x[3], x[5]));
    to
}

/// The products back into rows of the result.
struct Backward<'a, const N: usize> {
    work: &'a Work<'a>,
    made: &'a [f32],
    squares: &'a mut [f32],
    /// The first column of squares.
    first: usize,
    rows: &'a mut [f32],
}

impl<const N: usize> Vectorized for Backward<'_, N> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (work, winograd) = (self.work, self.work.winograd);
        let (points, slope, row_len) =
            (winograd.kernel.points(), winograd.slope, winograd.bias.len() * work.out_stride);
        let left = self.first * SQUARE;
        let columns = (work.width - left).min(work.along * SQUARE);
        for (row, rows) in self.rows.chunks_mut(SQUARE * row_len).enumerate() {
            for (channel, &bias) in winograd.bias.iter().enumerate() {
                let mut x = 0;
                while x < work.along {
                    let mut half = [[s.splat(0.0); N]; SQUARE];
                    for j in 0..N {
                        let mut column = [s.splat(0.0); N];
                        for i in 0..N {
                            let line = (i * N + j) * work.made_place + channel * work.made_line;
                            column[i] = s.load(&self.made[line + row * work.squares_row + x..]);
                        }
                        let column = backward(s, points, column);
                        for i in 0..SQUARE {
                            half[i][j] = column[i];
                        }
                    }
                    for i in 0..SQUARE {
                        let numbers = backward(s, points, half[i]);
                        for j in 0..SQUARE {
                            let v = s.add(numbers[j], s.splat(bias));
                            let v = s.max(v, s.mul(v, s.splat(slope)));
                            s.store(&mut self.squares[(i * SQUARE + j) * work.along + x..], v);
                        }
                    }
                    x += S::LANES;
                }
                let squares = self.squares.chunks_exact(SQUARE * work.along);
                for (row, phases) in rows.chunks_exact_mut(row_len).zip(squares) {
                    weave(phases, &mut row[channel * work.out_stride + PAD + left..][..columns]);
                }
            }
        }
    }
}

/// Four phases of columns into a row.
#[inline(always)]
fn weave(phases: &[f32], to: &mut [f32]) {
    let (first, rest) = phases.split_at(phases.len() / 4);
    let (second, rest) = rest.split_at(first.len());
    let (third, fourth) = rest.split_at(first.len());
    let (whole, rest) = to.as_chunks_mut::<4>();
    let at = whole.len();
    for ((((to, a), b), c), d) in whole.iter_mut().zip(first).zip(second).zip(third).zip(fourth) {
        *to = [*a, *b, *c, *d];
    }
    rest.iter_mut().zip([first, second, third]).for_each(|(to, phase)| *to = phase[at]);
}

/// Along one axis: four numbers of the product's polynomial.
#[inline(always)]
fn backward<S: Simd, const N: usize>(s: S, Points { a, b, c, .. }: Points, from: [S::V; N]) -> [S::V; SQUARE] {
    let (even_a, odd_a) = (s.add(from[1], from[2]), s.sub(from[1], from[2]));
    let (even_b, odd_b) = (s.add(from[3], from[4]), s.sub(from[3], from[4]));
    let mut to = [
        s.add(from[0], s.add(even_a, even_b)),
        s.fma(s.splat(a), odd_a, s.mul(s.splat(b), odd_b)),
        s.fma(s.splat(a * a), even_a, s.mul(s.splat(b * b), even_b)),
        s.fma(s.splat(a * a * a), odd_a, s.fma(s.splat(b * b * b), odd_b, from[N - 1])),
    ];
    if N == 7 {
        for (power, to) in to.iter_mut().enumerate() {
            *to = s.fma(s.splat(c.powi(power as i32)), from[5], *to);
        }
    }
    to
}
