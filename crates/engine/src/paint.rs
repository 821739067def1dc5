//! Stroke attention ([`net::Op::Paint`]) together with the head that draws for it: per band of rows, without the
//! logits ever being a map.

use net::light::{DAB_STEP_PX, DABS, DRAWN, GRID_PX, YCC_FROM_RGB};
use rayon::prelude::*;

use crate::conv::weave;
use crate::gemm::{Offsets, Packed, multiply};
use crate::rows::{PAD, Rows, split, stride_of, with_scratch};
use crate::simd::{LANES_MAX, Level, Simd, Vectorized};

/// Rows painted from one set of dabs.
const BAND: usize = 32;
/// Rows of the picture a dab reaches up and down: its distance and its radius.
const REACH: usize = DAB_STEP_PX + 1;

/// Where the logits come from.
pub(crate) enum Drawn<'a> {
    /// A map of [`DRAWN`] channels.
    Map(&'a Rows),
    /// A 1×1 convolution of a map, pixel-shuffled by 2.
    Head(&'a Packed, &'a Rows),
}

/// What is needed to paint one band.
struct Band<'a> {
    level: Level,
    picture: &'a Rows,
    grid: &'a Rows,
    drawn: &'a Drawn<'a>,
    offsets: &'a Offsets,
    stride: usize,
    /// First row of the band.
    first: usize,
}

/// Paints the picture.
pub(crate) fn paint(level: Level, picture: &Rows, drawn: &Drawn<'_>, grid: &Rows, out: &mut Rows) {
    let offsets = match drawn {
        Drawn::Map(_) => Offsets::new(Vec::new()),
        Drawn::Head(_, from) => Offsets::planes(from.shape.channels, from.stride),
    };
    let (stride, row_len) = (picture.stride, out.row_len());
    out.data.par_chunks_mut(row_len * BAND).enumerate().for_each(|(band, rows)| {
        let band = Band { level, picture, grid, drawn, offsets: &offsets, stride, first: band * BAND };
        band.run(rows, row_len);
    });
}

impl Band<'_> {
    fn run(&self, rows: &mut [f32], row_len: usize) {
        let (stride, count) = (self.stride, rows.len() / row_len);
        let (width, height) = (self.picture.shape.width, self.picture.shape.height);
        let around = count + 2 * REACH;
        let half = stride_of(width.div_ceil(2));
        let sizes = [around * 3 * stride, around * 3 * stride, 4 * DRAWN * half, 2 * DRAWN * stride, 9 * stride];
        with_scratch(sizes.iter().sum(), |scratch| {
            let [ycc, means, shuffled, logits, affine] = split(scratch, sizes);
            // Line i of `ycc` and of `means` is row first + i − REACH, the border rows repeated.
            let row_of = |i: usize| (self.first + i).saturating_sub(REACH).min(height - 1);
            for (i, lines) in ycc.chunks_exact_mut(3 * stride).enumerate() {
                self.level.run(Convert { from: self.picture.row(row_of(i)), stride, to: lines });
                Rows::close(lines, stride, width);
            }
            // A mean beyond the border is the mean at the border: take its centre row from inside the picture.
            for (i, lines) in means.chunks_exact_mut(3 * stride).enumerate().skip(1).take(around - 2) {
                let centre = row_of(i) + REACH - self.first;
                let line = |i: usize| &ycc[i * 3 * stride..][..3 * stride];
                self.level.run(Mean { rows: [line(centre - 1), line(centre), line(centre + 1)], to: lines });
                for plane in lines.chunks_exact_mut(stride) {
                    let (first, last) = (plane[PAD], plane[PAD + width - 1]);
                    plane[PAD - DAB_STEP_PX..PAD].fill(first);
                    plane[PAD + width..][..DAB_STEP_PX].fill(last);
                }
            }
            for (i, row) in rows.chunks_exact_mut(row_len).enumerate() {
                let y = self.first + i;
                let logits = self.logits(y, shuffled, half, logits);
                self.affine(y, affine);
                let lines = |step: usize| &means[(i + REACH + step - DAB_STEP_PX) * 3 * stride..][..3 * stride];
                self.level.run(PaintRow {
                    here: &ycc[(i + REACH) * 3 * stride..][..3 * stride],
                    means: [lines(0), lines(DAB_STEP_PX), lines(2 * DAB_STEP_PX)],
                    logits,
                    affine,
                    stride,
                    columns: width,
                    out: row,
                });
            }
        });
    }

    /// The logits of row `y`, [`DRAWN`] lines of `stride`.
    fn logits<'b>(&'b self, y: usize, shuffled: &mut [f32], half: usize, logits: &'b mut [f32]) -> &'b [f32] {
        let length = DRAWN * self.stride;
        match *self.drawn {
            Drawn::Map(map) => map.row(y),
            Drawn::Head(packed, from) => {
                if y.is_multiple_of(2) {
                    // Two rows come from one.
                    let input = &from.row(y / 2)[PAD..];
                    let columns = from.shape.width;
                    self.level.run(Head { packed, input, offsets: self.offsets, columns, out: shuffled, stride: half });
                    for (dy, lines) in logits.chunks_exact_mut(length).enumerate() {
                        for (c, line) in lines.chunks_exact_mut(self.stride).enumerate() {
                            let parts = &shuffled[(2 * c + dy) * 2 * half..][..2 * half];
                            weave(parts, 2, half, &mut line[PAD..][..2 * columns], |to, from| *to = from);
                        }
                    }
                }
                &logits[y % 2 * length..][..length]
            }
        }
    }

    /// The chroma transform of every pixel of row `y`: eight lines, and one more to work with.
    fn affine(&self, y: usize, lines: &mut [f32]) {
        let (grid, stride) = (self.grid, self.stride);
        // The grid's cell centres lie GRID_PX apart; phase i is (i + ½) / GRID_PX from one towards the next.
        let share = |i: usize| (i as f32 + 0.5) / GRID_PX as f32;
        let from_top = y + GRID_PX / 2;
        let last = grid.shape.height - 1;
        let (above, below) = ((from_top / GRID_PX).saturating_sub(1), (from_top / GRID_PX).min(last));
        let down = share(from_top % GRID_PX);
        let cells = grid.shape.width;
        let (affine, between) = lines.split_at_mut(8 * stride);
        for (c, line) in affine.chunks_exact_mut(stride).enumerate() {
            let range = c * grid.stride + PAD - 1..c * grid.stride + PAD + cells + 1;
            let (a, b) = (&grid.row(above)[range.clone()], &grid.row(below)[range]);
            let between = &mut between[..cells + 2];
            between.iter_mut().zip(a).zip(b).for_each(|((to, a), b)| *to = a + down * (b - a));
            let segments = line[PAD - GRID_PX / 2..].chunks_exact_mut(GRID_PX);
            for (segment, pair) in segments.zip(between.windows(2)) {
                for (i, to) in segment.iter_mut().enumerate() {
                    *to = pair[0] + share(i) * (pair[1] - pair[0]);
                }
            }
        }
    }
}

struct Head<'a> {
    packed: &'a Packed,
    input: &'a [f32],
    offsets: &'a Offsets,
    columns: usize,
    out: &'a mut [f32],
    stride: usize,
}

impl Vectorized for Head<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        multiply(s, self.packed, self.input, self.offsets, self.columns, self.out, self.stride, None);
    }
}

/// RGB → Y, Cb, Cr.
struct Convert<'a> {
    from: &'a [f32],
    stride: usize,
    to: &'a mut [f32],
}

impl Vectorized for Convert<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut x = 0;
        while x < self.stride {
            let [r, g, b] = load::<S, 3>(s, self.from, self.stride, x);
            for c in 0..3 {
                let factors = &YCC_FROM_RGB[c];
                let v = s.fma(s.splat(factors[1]), g, s.mul(s.splat(factors[0]), r));
                let v = s.fma(s.splat(factors[2]), b, v);
                s.store(&mut self.to[c * self.stride + x..], v);
            }
            x += S::LANES;
        }
    }
}

/// Means of 3×3 pixels, for whole lines but their ends.
struct Mean<'a> {
    rows: [&'a [f32]; 3],
    to: &'a mut [f32],
}

impl Vectorized for Mean<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let [above, here, below] = self.rows;
        let ninth = s.splat(1.0 / 9.0);
        // Every plane starts and ends with a margin, so the lines can be walked as one.
        let mut x = LANES_MAX;
        while x + S::LANES < self.to.len() {
            let mut sum = s.splat(0.0);
            for row in [above, here, below] {
                for at in x - 1..x + 2 {
                    sum = s.add(sum, s.load(&row[at..]));
                }
            }
            s.store(&mut self.to[x..], s.mul(sum, ninth));
            x += S::LANES;
        }
    }
}

/// One row of the painting.
struct PaintRow<'a> {
    /// Y, Cb, Cr of the row.
    here: &'a [f32],
    /// Y, Cb, Cr means of the rows of the dabs.
    means: [&'a [f32]; 3],
    logits: &'a [f32],
    affine: &'a [f32],
    stride: usize,
    columns: usize,
    out: &'a mut [f32],
}

impl Vectorized for PaintRow<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let stride = self.stride;
        let one = s.splat(1.0);
        let mut x = PAD;
        while x < PAD + self.columns {
            let logits: [S::V; DRAWN] = load(s, self.logits, stride, x);
            let mut top = logits[0];
            for i in 1..DABS {
                top = s.max(top, logits[i]);
            }
            let mut sum = s.exp(s.sub(logits[0], top));
            let mut picked: [S::V; 3] = load(s, self.here, stride, x);
            for c in 0..3 {
                picked[c] = s.mul(sum, picked[c]);
            }
            for i in 0..DABS - 1 {
                let weight = s.exp(s.sub(logits[i + 1], top));
                sum = s.add(sum, weight);
                let dab: [S::V; 3] = load(s, self.means[i / 3], stride, x + i % 3 * DAB_STEP_PX - DAB_STEP_PX);
                for c in 0..3 {
                    picked[c] = s.fma(weight, dab[c], picked[c]);
                }
            }
            let share = s.div(one, sum);
            let [luma, cb, cr] = [s.mul(picked[0], share), s.mul(picked[1], share), s.mul(picked[2], share)];
            let q: [S::V; 8] = load(s, self.affine, stride, x);
            let ink = s.exp(s.sub(s.splat(0.0), logits[DABS + 2]));
            let painted = [
                s.fma(luma, s.add(one, logits[DABS]), logits[DABS + 1]),
                affine(s, [cb, cr, luma], [q[0], q[1], q[2], q[3]]),
                affine(s, [cr, cb, luma], [q[4], q[5], q[6], q[7]]),
                s.div(one, s.add(one, ink)),
            ];
            for (c, v) in painted.into_iter().enumerate() {
                s.store(&mut self.out[c * stride + x..], v);
            }
            x += S::LANES;
        }
    }
}

/// The vectors at `x` of the first `N` lines.
#[inline(always)]
fn load<S: Simd, const N: usize>(s: S, lines: &[f32], stride: usize, x: usize) -> [S::V; N] {
    let mut vectors = [s.splat(0.0); N];
    for c in 0..N {
        vectors[c] = s.load(&lines[c * stride + x..]);
    }
    vectors
}

/// own·(1 + q0) + other·q1 + luma·q2 + q3.
#[inline(always)]
fn affine<S: Simd>(s: S, [own, other, luma]: [S::V; 3], q: [S::V; 4]) -> S::V {
    let v = s.fma(own, s.add(s.splat(1.0), q[0]), q[3]);
    s.fma(luma, q[2], s.fma(other, q[1], v))
}
