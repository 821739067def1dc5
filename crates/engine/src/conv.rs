//! Convolutions on rows: the general one, and the residual block in one go.

use net::{Padding, Shape};

use crate::gemm::{Offsets, Packed, multiply};
use crate::rows::{PAD, Rows, stride_of, with_scratch};
use crate::simd::{LANES_MAX, Level, Simd, Vectorized};
use crate::upsample::Upsampled;

/// Output rows computed from one gathering of input rows.
const BAND: usize = 8;
/// Columns of the residual block worked on at once, so that its expanded channels stay in the first-level cache.
const CHUNK: usize = 64;

/// A convolution with any kernel, stride, groups and padding; with `unshuffle` > 1 it takes the pixel-unshuffled
/// input without that ever being made, and with `upsample` the input resampled.
pub(crate) struct Conv {
    pub(crate) groups: Vec<Packed>,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) padding: Padding,
    pub(crate) unshuffle: usize,
    /// Whether what it reads is to be resampled, and then whether corners are aligned.
    pub(crate) upsample: Option<bool>,
}

/// What a convolution reads.
pub(crate) enum Input<'a> {
    /// A map as it is.
    Map(&'a Rows),
    /// One seen at another size.
    Upsampled(Upsampled<'a>),
}

impl Input<'_> {
    fn shape(&self) -> Shape {
        match self {
            Self::Map(rows) => rows.shape,
            Self::Upsampled(upsampled) => upsampled.shape,
        }
    }

    /// Row `y` of channel `c` from column `first` on.
    pub(crate) fn line(&self, y: usize, c: usize, first: usize, to: &mut [f32]) {
        match self {
            Self::Map(rows) => to.copy_from_slice(&rows.plane(y, c)[first..][..to.len()]),
            Self::Upsampled(upsampled) => upsampled.line(y, c, first, to),
        }
    }
}

/// The matrix product with nothing added.
pub(crate) struct Multiply<'a> {
    pub(crate) packed: &'a Packed,
    pub(crate) input: &'a [f32],
    pub(crate) offsets: &'a Offsets,
    pub(crate) columns: usize,
    pub(crate) out: &'a mut [f32],
    pub(crate) out_stride: usize,
}

impl Vectorized for Multiply<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        multiply(s, self.packed, self.input, self.offsets, self.columns, self.out, self.out_stride, None);
    }
}

impl Conv {
    pub(crate) fn run(&self, level: Level, input: &Input<'_>, out: &mut Rows) {
        let pointwise = self.kernel == 1 && self.stride == 1 && self.unshuffle == 1 && self.groups.len() == 1;
        if let (true, Input::Map(rows)) = (pointwise, input) {
            return self.run_pointwise(level, rows, out);
        }
        let shape = input.shape();
        let (kernel, stride, factor) = (self.kernel, self.stride, self.unshuffle);
        let channels = shape.channels * factor * factor;
        let (height, width) = (shape.height / factor, shape.width / factor);
        let (before, after) = self.padding.sides(kernel);
        // Gathered rows: the columns of each phase of the stride side by side, so that every tap reads in a line.
        let phase = stride_of((width + before + after).div_ceil(stride).max(out.shape.width + kernel));
        let plane = stride * phase;
        let taken = channels / self.groups.len();
        let taps = (0..taken * kernel * kernel).map(|k| {
            let (ci, ky, kx) = (k / (kernel * kernel), k / kernel % kernel, k % kernel);
            (ky * channels + ci) * plane + kx % stride * phase + kx / stride
        });
        let offsets = Offsets::new(taps.collect());
        let (out_stride, columns) = (out.stride, out.shape.width);
        let row_len = out.row_len();
        use rayon::prelude::*;
        out.data.par_chunks_mut(row_len * BAND).enumerate().for_each(|(band, rows)| {
            let first = band * BAND * stride;
            let count = (rows.len() / row_len - 1) * stride + kernel;
            with_scratch(count * channels * plane + width, |scratch| {
                let (line, gathered) = scratch.split_at_mut(width);
                for (i, planes) in gathered.chunks_exact_mut(channels * plane).enumerate() {
                    let y = self.padding.source((first + i) as isize - before as isize, height);
                    for (c, to) in planes.chunks_exact_mut(plane).enumerate() {
                        let Some(y) = y else {
                            to.fill(0.0);
                            continue;
                        };
                        match input {
                            Input::Map(rows) => fetch(rows, factor, y, c, line),
                            Input::Upsampled(upsampled) => upsampled.line(y, c, 0, line),
                        }
                        spread(line, self.padding, before, after, stride, phase, to);
                    }
                }
                for (i, row) in rows.chunks_exact_mut(row_len).enumerate() {
                    for (group, packed) in self.groups.iter().enumerate() {
                        let input = &gathered[(i * stride * channels + group * taken) * plane..];
                        let out = &mut row[group * packed.rows * out_stride + PAD..];
                        level.run(Multiply { packed, input, offsets: &offsets, columns, out, out_stride });
                    }
                    Rows::close(row, out_stride, columns);
                }
            });
        });
    }

    fn run_pointwise(&self, level: Level, input: &Rows, out: &mut Rows) {
        let offsets = Offsets::planes(input.shape.channels, input.stride);
        let (out_stride, columns) = (out.stride, out.shape.width);
        out.fill(|y, row| {
            let (packed, input, out) = (&self.groups[0], &input.row(y)[PAD..], &mut row[PAD..]);
            level.run(Multiply { packed, input, offsets: &offsets, columns, out, out_stride });
        });
    }
}

/// Row `y` of channel `c` of the unshuffled input.
fn fetch(input: &Rows, factor: usize, y: usize, c: usize, line: &mut [f32]) {
    let (dy, dx) = (c / factor % factor, c % factor);
    let from = input.plane(y * factor + dy, c / (factor * factor));
    match factor {
        1 => line.copy_from_slice(from),
        2 => line.iter_mut().zip(from.chunks_exact(2)).for_each(|(to, pair)| *to = pair[dx]),
        _ => line.iter_mut().zip(from[dx..].iter().step_by(factor)).for_each(|(to, from)| *to = *from),
    }
}

/// Lays a line with its padding out by the phase of the stride.
fn spread(line: &[f32], padding: Padding, before: usize, after: usize, stride: usize, phase: usize, to: &mut [f32]) {
    let width = line.len();
    let mut put = |at: isize, value: f32| {
        let at = (at + before as isize) as usize;
        to[at % stride * phase + at / stride] = value;
    };
    let beyond = (-(before as isize)..0).chain(width as isize..(width + after) as isize);
    beyond.for_each(|at| put(at, padding.source(at, width).map_or(0.0, |x| line[x])));
    if stride == 1 {
        to[before..before + width].copy_from_slice(line);
    } else {
        line.iter().enumerate().for_each(|(x, &value)| put(x as isize, value));
    }
}

/// A 1×1 convolution, pixel-shuffled, with a map added: the way up.
pub(crate) struct Up {
    pub(crate) packed: Packed,
    pub(crate) factor: usize,
}

impl Up {
    /// Adds to what is in `out`.
    pub(crate) fn run(&self, level: Level, input: &Rows, out: &mut Rows) {
        let factor = self.factor;
        let offsets = Offsets::planes(input.shape.channels, input.stride);
        let (out_stride, row_len, width) = (out.stride, out.row_len(), out.shape.width);
        let (columns, line) = (input.shape.width, stride_of(input.shape.width));
        use rayon::prelude::*;
        out.data.par_chunks_mut(row_len * factor).with_min_len(2).enumerate().for_each(|(y, rows)| {
            with_scratch(self.packed.rows * line, |shuffled| {
                let (packed, input, out) = (&self.packed, &input.row(y)[PAD..], &mut shuffled[..]);
                level.run(Multiply { packed, input, offsets: &offsets, columns, out, out_stride: line });
                for (dy, row) in rows.chunks_exact_mut(row_len).enumerate() {
                    for (c, plane) in row.chunks_exact_mut(out_stride).enumerate() {
                        let parts = &shuffled[(c * factor + dy) * factor * line..][..factor * line];
                        let plane = &mut plane[PAD..][..width];
                        weave(parts, factor, line, plane, |sum, number| *sum += number);
                    }
                    Rows::close(row, out_stride, width);
                }
            });
        });
    }
}

/// Takes turns: `put(to[factor·x + dx], parts[dx·line + x])`.
pub(crate) fn weave(parts: &[f32], factor: usize, line: usize, to: &mut [f32], put: impl Fn(&mut f32, f32)) {
    if factor == 2 {
        let (even, odd) = parts.split_at(line);
        for ((pair, a), b) in to.chunks_exact_mut(2).zip(even).zip(odd) {
            put(&mut pair[0], *a);
            put(&mut pair[1], *b);
        }
    } else {
        for (dx, part) in parts.chunks_exact(line).enumerate() {
            to[dx..].iter_mut().step_by(factor).zip(part).for_each(|(to, from)| put(to, *from));
        }
    }
}

/// A residual block: depthwise 3×3 with the border repeated, two 1×1 convolutions, added to the input.
pub(crate) struct Block {
    /// Nine numbers a channel.
    pub(crate) depthwise: Vec<f32>,
    pub(crate) depthwise_bias: Vec<f32>,
    pub(crate) expand: Packed,
    pub(crate) project: Packed,
}

struct BlockRow<'a> {
    block: &'a Block,
    /// The input's rows above, here and below.
    rows: [&'a [f32]; 3],
    stride: usize,
    columns: usize,
    narrow: &'a Offsets,
    wide: &'a Offsets,
    scratch: &'a mut [f32],
    out: &'a mut [f32],
}

impl Block {
    pub(crate) fn run(&self, level: Level, input: &Rows, out: &mut Rows) {
        let (channels, wide) = (self.depthwise_bias.len(), self.expand.rows);
        let (stride, columns, last) = (input.stride, input.shape.width, input.shape.height - 1);
        let (narrow_offsets, wide_offsets) = (Offsets::planes(channels, CHUNK), Offsets::planes(wide, CHUNK));
        out.fill(|y, out| {
            with_scratch((channels + wide) * CHUNK, |scratch| {
                let rows = [input.row(y.saturating_sub(1)), input.row(y), input.row((y + 1).min(last))];
                let (narrow, wide) = (&narrow_offsets, &wide_offsets);
                level.run(BlockRow { block: self, rows, stride, columns, narrow, wide, scratch, out });
            });
        });
    }
}

impl Vectorized for BlockRow<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { block, rows, stride, .. } = self;
        let channels = block.depthwise_bias.len();
        let (sums, expanded) = self.scratch.split_at_mut(channels * CHUNK);
        let padded = self.columns.next_multiple_of(LANES_MAX);
        let mut start = 0;
        while start < padded {
            let columns = CHUNK.min(padded - start);
            for c in 0..channels {
                let at = c * stride + PAD + start - 1;
                let taps = &block.depthwise[c * 9..][..9];
                let from = rows.map(|row| &row[at..][..columns + 2]);
                let to = &mut sums[c * CHUNK..][..columns];
                depthwise(s, from, taps, block.depthwise_bias[c], to);
            }
            multiply(s, &block.expand, sums, self.narrow, columns, expanded, CHUNK, None);
            let (here, out) = (&rows[1][PAD + start..], &mut self.out[PAD + start..]);
            multiply(s, &block.project, expanded, self.wide, columns, out, stride, Some(here));
            start += columns;
        }
    }
}

/// One channel: `to[x]` from columns x, x+1, x+2 of the three rows.
#[inline(always)]
fn depthwise<S: Simd>(s: S, from: [&[f32]; 3], taps: &[f32], bias: f32, to: &mut [f32]) {
    let mut spread = [s.splat(0.0); 9];
    for i in 0..9 {
        spread[i] = s.splat(taps[i]);
    }
    let bias = s.splat(bias);
    let mut x = 0;
    while x + S::LANES <= to.len() {
        let mut sum = bias;
        for ky in 0..3 {
            for kx in 0..3 {
                sum = s.fma(spread[ky * 3 + kx], s.load(&from[ky][x + kx..]), sum);
            }
        }
        s.store(&mut to[x..], sum);
        x += S::LANES;
    }
}
