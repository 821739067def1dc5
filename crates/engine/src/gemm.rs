//! The matrix product all convolutions come down to: out[m][x] = activation(bias[m] + Σₖ weight[m][k] · in[k][x]),
//! with x the columns of a row. Every sum runs over k in order with one kind of instruction, so a pixel's result does
//! not depend on where it lies: tiles equal the whole by construction.
#![allow(unsafe_code)]

use net::Activation;

use crate::simd::{LANES_MAX, Simd};

/// Output channels computed together.
pub(crate) const BLOCK: usize = 6;
/// Numbers of the input that are worked on at once: half a megabyte, counted as if every tap of a kernel read others.
const CACHED_NUMBERS: usize = 1 << 17;

/// A matrix and its bias, reordered so that the product reads it in a straight line.
pub(crate) struct Packed {
    /// Output channels.
    pub(crate) rows: usize,
    /// Numbers summed up for each.
    pub(crate) depth: usize,
    activation: Activation,
    /// `[block][k][BLOCK]`, zeros behind the last row.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Packed {
    /// From a row-major matrix of `bias.len()` rows.
    pub(crate) fn new(weights: &[f32], bias: &[f32], activation: Activation) -> Self {
        let rows = bias.len();
        let depth = weights.len() / rows;
        let blocks = rows.div_ceil(BLOCK);
        let mut packed = vec![0.0; blocks * depth * BLOCK];
        for (row, numbers) in weights.chunks_exact(depth).enumerate() {
            let block = &mut packed[row / BLOCK * depth * BLOCK..];
            numbers.iter().enumerate().for_each(|(k, &number)| block[k * BLOCK + row % BLOCK] = number);
        }
        let mut bias = bias.to_vec();
        bias.resize(blocks * BLOCK, 0.0);
        Self { rows, depth, activation, weights: packed, bias }
    }
}

/// Where each of the summed numbers starts in the input.
pub(crate) struct Offsets {
    starts: Vec<usize>,
    last: usize,
}

impl Offsets {
    pub(crate) fn new(starts: Vec<usize>) -> Self {
        let last = starts.iter().copied().max().unwrap_or(0);
        Self { starts, last }
    }

    /// Channels one after the other.
    pub(crate) fn planes(channels: usize, stride: usize) -> Self {
        Self::new((0..channels).map(|c| c * stride).collect())
    }
}

/// Multiplies: column x of row m of the result lands at `out[m·out_stride + x]`, for x below `columns` rounded up to
/// whole vectors of [`LANES_MAX`]. With `add`, the same place of `add` (rows `out_stride` apart) is added last.
#[inline(always)]
pub(crate) fn multiply<S: Simd>(
    s: S,
    packed: &Packed,
    input: &[f32],
    offsets: &Offsets,
    columns: usize,
    out: &mut [f32],
    out_stride: usize,
    add: Option<&[f32]>,
) {
    let columns = columns.next_multiple_of(LANES_MAX);
    let end = (packed.rows - 1) * out_stride + columns;
    assert_eq!(offsets.starts.len(), packed.depth, "one start for each summed number");
    assert!(offsets.last + columns <= input.len() && end <= out.len() && add.is_none_or(|add| end <= add.len()));
    let tile = S::TILE * S::LANES;
    let chunk = chunk(packed.depth).next_multiple_of(tile);
    // All rows of one chunk of columns before the next: with many channels the input is too much for the cache, and
    // would else come from memory once for each block of rows.
    let mut start = 0;
    while start < columns {
        let end = columns.min(start + chunk);
        for block in 0..packed.rows.div_ceil(BLOCK) {
            let mut x = start;
            // SAFETY: the assertions above; x + the tile's width ≤ end ≤ columns, and all of them are multiples of every
            // vector's length.
            unsafe {
                while S::TILE == 4 && x + tile <= end {
                    product::<S, 4>(s, packed, block, input, offsets, x, out, out_stride, add);
                    x += tile;
                }
                while x + 2 * S::LANES <= end {
                    product::<S, 2>(s, packed, block, input, offsets, x, out, out_stride, add);
                    x += 2 * S::LANES;
                }
                while x < end {
                    product::<S, 1>(s, packed, block, input, offsets, x, out, out_stride, add);
                    x += S::LANES;
                }
            }
        }
        start = end;
    }
}

/// Columns to work on at once, so that what they read stays in the second-level cache.
fn chunk(depth: usize) -> usize {
    (CACHED_NUMBERS / depth.max(1)).max(1)
}

/// One block of rows times `N` vectors of columns.
///
/// # Safety
/// For all k, `offsets.starts[k] + x + N·LANES ≤ input.len()`; `offsets` has `packed.depth` starts; for all rows m,
/// `m·out_stride + x + N·LANES ≤ out.len()`, and the same for `add`.
#[inline(always)]
unsafe fn product<S: Simd, const N: usize>(
    s: S,
    packed: &Packed,
    block: usize,
    input: &[f32],
    offsets: &Offsets,
    x: usize,
    out: &mut [f32],
    out_stride: usize,
    add: Option<&[f32]>,
) {
    let weights = &packed.weights[block * packed.depth * BLOCK..][..packed.depth * BLOCK];
    let bias = &packed.bias[block * BLOCK..][..BLOCK];
    let mut sums = [[s.splat(0.0); N]; BLOCK];
    for m in 0..BLOCK {
        sums[m] = [s.splat(bias[m]); N];
    }
    for (weight, &start) in weights.chunks_exact(BLOCK).zip(&offsets.starts) {
        let mut columns = [s.splat(0.0); N];
        for n in 0..N {
            let at = start + x + n * S::LANES;
            // SAFETY: the caller's promise.
            columns[n] = s.load(unsafe { input.get_unchecked(at..at + S::LANES) });
        }
        for m in 0..BLOCK {
            let weight = s.splat(weight[m]);
            for n in 0..N {
                sums[m][n] = s.fma(weight, columns[n], sums[m][n]);
            }
        }
    }
    for m in 0..BLOCK.min(packed.rows - block * BLOCK) {
        for n in 0..N {
            let at = (block * BLOCK + m) * out_stride + x + n * S::LANES;
            let mut v = sums[m][n];
            if let Activation::LeakyRelu(slope) = packed.activation {
                v = s.max(v, s.mul(v, s.splat(slope)));
            }
            if let Some(add) = add {
                v = s.add(v, s.load(&add[at..]));
            }
            s.store(&mut out[at..], v);
        }
    }
    if packed.activation == Activation::Tanh {
        for m in 0..BLOCK.min(packed.rows - block * BLOCK) {
            let row = &mut out[(block * BLOCK + m) * out_stride + x..][..N * S::LANES];
            row.iter_mut().for_each(|v| *v = v.tanh());
        }
    }
}
