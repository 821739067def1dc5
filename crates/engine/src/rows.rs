//! How the fast executor keeps a map: row after row, in a row channel after channel, in a channel the columns side by
//! side (HCW). Vectors then run along the row whatever the number of channels, and a band of rows is one slice.

use net::Shape;
use rayon::prelude::*;

use crate::Map;
use crate::simd::LANES_MAX;

/// Columns kept free on the left of every row; the last of them repeats the first column.
pub(crate) const PAD: usize = LANES_MAX;

/// A map in rows. Column x of channel c of row y is at `(y·channels + c)·stride + PAD + x`; columns −1 and `width`
/// repeat the border. What lies further right is any number.
pub(crate) struct Rows {
    pub(crate) shape: Shape,
    /// From a channel to the next.
    pub(crate) stride: usize,
    pub(crate) data: Vec<f32>,
}

/// Space for a row of `width` columns with its margins: whole vectors may be read one column off. An odd number of
/// cache lines, or the channels of a 512 px row would all fall into the same few lines of the cache.
pub(crate) fn stride_of(width: usize) -> usize {
    ((2 + width.div_ceil(LANES_MAX)) | 1) * LANES_MAX
}

impl Rows {
    /// A map on the memory of an earlier one; its numbers are whatever was there.
    pub(crate) fn on(mut data: Vec<f32>, shape: Shape) -> Self {
        let stride = stride_of(shape.width);
        data.resize(Self::space(shape), 0.0);
        Self { shape, stride, data }
    }

    /// How many numbers a map of this shape takes with its margins.
    pub(crate) fn space(shape: Shape) -> usize {
        shape.height * shape.channels * stride_of(shape.width)
    }

    /// All channels of row `y`.
    pub(crate) fn row(&self, y: usize) -> &[f32] {
        let length = self.row_len();
        &self.data[y * length..][..length]
    }

    /// The columns of channel `c` in row `y`.
    pub(crate) fn plane(&self, y: usize, c: usize) -> &[f32] {
        &self.row(y)[c * self.stride + PAD..][..self.shape.width]
    }

    /// Numbers from a row to the next.
    pub(crate) fn row_len(&self) -> usize {
        self.shape.channels * self.stride
    }

    /// Repeats the border columns of every channel of one row, once its columns are made.
    pub(crate) fn close(row: &mut [f32], stride: usize, width: usize) {
        for plane in row.chunks_exact_mut(stride) {
            plane[PAD - 1] = plane[PAD];
            plane[PAD + width] = plane[PAD + width - 1];
        }
    }

    /// Calls `fill(y, row)` for every row, in bands on all cores, and closes it.
    pub(crate) fn fill(&mut self, fill: impl Fn(usize, &mut [f32]) + Sync) {
        let (length, stride, width) = (self.row_len(), self.stride, self.shape.width);
        self.data.par_chunks_mut(length).with_min_len(4).enumerate().for_each(|(y, row)| {
            fill(y, row);
            Self::close(row, stride, width);
        });
    }

    pub(crate) fn copy_from(&mut self, map: &Map) {
        let (stride, channels, width) = (self.stride, map.channels, map.width);
        self.fill(|y, row| {
            let pixels = &map.data[y * width * channels..][..width * channels];
            for c in 0..channels {
                let plane = &mut row[c * stride + PAD..][..width];
                plane.iter_mut().zip(pixels.chunks_exact(channels)).for_each(|(to, pixel)| *to = pixel[c]);
            }
        });
    }

    pub(crate) fn to_map(&self) -> Map {
        let Shape { width, channels, .. } = self.shape;
        let mut map = Map::zeros(self.shape);
        map.data.par_chunks_mut(width * channels).with_min_len(4).enumerate().for_each(|(y, pixels)| {
            for c in 0..channels {
                let plane = self.plane(y, c);
                pixels.chunks_exact_mut(channels).zip(plane).for_each(|(pixel, from)| pixel[c] = *from);
            }
        });
        map
    }
}

/// Room for a band's intermediate rows, kept by each thread from band to band.
pub(crate) fn with_scratch<R>(numbers: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    use std::cell::Cell;
    thread_local!(static SCRATCH: Cell<Vec<f32>> = const { Cell::new(Vec::new()) });
    let mut scratch = SCRATCH.take();
    if scratch.len() < numbers {
        scratch.resize(numbers, 0.0);
    }
    let result = work(&mut scratch[..numbers]);
    SCRATCH.set(scratch);
    result
}

/// Cuts the scratch into parts of these sizes.
pub(crate) fn split<const N: usize>(mut scratch: &mut [f32], sizes: [usize; N]) -> [&mut [f32]; N] {
    sizes.map(|size| {
        let (part, rest) = std::mem::take(&mut scratch).split_at_mut(size);
        scratch = rest;
        part
    })
}
