//! A picture's samples in planes, as they are coded, put together from its tiles.

use super::av1;
use super::boxes::{Meta, damaged};
use super::layout::{Cicp, Mosaic};
use crate::codec::decode::zeros;
use crate::codec::{Error, Limits};

/// Bytes that decoding a pixel takes at most: three planes of 16 bits, and what the decoder remembers of each block.
const DECODER_BYTES: u64 = 12;

/// Planes of one picture: Y alone, or Y, Cb and Cr.
pub(super) struct Planes {
    /// Bits of a sample: 8, 10 or 12.
    pub(super) bits: u32,
    /// By how much chroma is coarser, across and down; `None` where there is none.
    pub(super) subsampling: Option<[usize; 2]>,
    /// What the coded picture itself says of its colours.
    pub(super) cicp: Cicp,
    planes: Vec<Plane>,
}

/// Samples row by row.
struct Plane {
    width: usize,
    height: usize,
    levels: Vec<u16>,
}

impl Planes {
    /// All tiles of a mosaic.
    pub(super) fn decode(meta: &Meta, mosaic: &Mosaic, limits: &Limits) -> Result<Self, Error> {
        let decoder_bytes = DECODER_BYTES * mosaic.tile[0] as u64 * mosaic.tile[1] as u64;
        limits.check_memory(decoder_bytes)?;
        let mut read = meta.reader();
        let mut picture = |index: usize| av1::decode(read(mosaic.tiles[index])?, mosaic.tile);
        let first = picture(0)?;
        limits.check_memory(decoder_bytes + 2 * samples(&first, mosaic))?;
        let mut whole = Self::blank(&first, mosaic)?;
        whole.place(&first, mosaic, 0);
        drop(first);
        for index in 1..mosaic.tiles.len() {
            let tile = picture(index)?;
            if av1::bits(&tile)? != whole.bits || av1::subsampling(&tile) != whole.subsampling {
                return Err(damaged());
            }
            whole.place(&tile, mosaic, index);
        }
        Ok(whole)
    }

    /// Room for the whole, of a tile's kind.
    fn blank(tile: &av1::Picture, mosaic: &Mosaic) -> Result<Self, Error> {
        let subsampling = av1::subsampling(tile);
        let [across, down] = subsampling.unwrap_or([1, 1]);
        // Chroma must not be for pixels of two tiles.
        let alone = mosaic.tiles.len() == 1;
        if !alone && (!mosaic.tile[0].is_multiple_of(across) || !mosaic.tile[1].is_multiple_of(down)) {
            return Err(damaged());
        }
        let plane = |[across, down]: [usize; 2]| -> Result<Plane, Error> {
            let (width, height) = (mosaic.width.div_ceil(across), mosaic.height.div_ceil(down));
            Ok(Plane { width, height, levels: zeros(width * height)? })
        };
        let mut planes = vec![plane([1, 1])?];
        if let Some(blocks) = subsampling {
            planes.extend([plane(blocks)?, plane(blocks)?]);
        }
        Ok(Self { bits: av1::bits(tile)?, subsampling, cicp: av1::cicp(tile), planes })
    }

    /// Copies a tile, as far as it is within the picture.
    fn place(&mut self, tile: &av1::Picture, mosaic: &Mosaic, index: usize) {
        let at = [index % mosaic.columns * mosaic.tile[0], index / mosaic.columns * mosaic.tile[1]];
        for (channel, plane) in self.planes.iter_mut().enumerate() {
            let block = if channel == 0 { [1, 1] } else { self.subsampling.unwrap_or([1, 1]) };
            let [left, top, width, height] = [
                at[0] / block[0],
                at[1] / block[1],
                mosaic.tile[0].div_ceil(block[0]),
                mosaic.tile[1].div_ceil(block[1]),
            ];
            let (right, bottom) = ((left + width).min(plane.width), (top + height).min(plane.height));
            let coded = tile.plane(channel.into());
            for y in top..bottom {
                let row = &mut plane.levels[y * plane.width..][left..right];
                av1::copy_row(tile, &coded, channel, y - top, row);
            }
        }
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> u64 {
        self.planes.iter().map(|plane| 2 * plane.levels.len() as u64).sum()
    }

    /// A row of a plane (0: Y, 1: Cb, 2: Cr) for the pixels of the picture's row `y`; chroma between its samples by
    /// a straight line. `cosited`: see [`Layout::cosited`](super::layout::Layout::cosited).
    pub(super) fn row(&self, channel: usize, y: usize, cosited: [bool; 2], out: &mut [f32]) {
        let plane = &self.planes[channel];
        let row = |y: usize| &plane.levels[y * plane.width..][..plane.width];
        let [across, down] = if channel == 0 { [1, 1] } else { self.subsampling.unwrap_or([1, 1]) };
        let (y, other, weight) = if down == 1 { (y, y, 0.0) } else { neighbours(y, cosited[1], plane.height) };
        let (above, below) = (row(y), row(other));
        let level = |x: usize| {
            let (a, b) = (f32::from(above[x]), f32::from(below[x]));
            a + weight * (b - a)
        };
        if across == 1 {
            out.iter_mut().enumerate().for_each(|(x, out)| *out = level(x));
        } else {
            for (x, out) in out.iter_mut().enumerate() {
                let (x, other, weight) = neighbours(x, cosited[0], plane.width);
                *out = level(x) + weight * (level(other) - level(x));
            }
        }
    }
}

/// Samples of the whole picture when its tiles are like this one.
fn samples(tile: &av1::Picture, mosaic: &Mosaic) -> u64 {
    let chroma = av1::subsampling(tile)
        .map_or(0, |[across, down]| 2 * mosaic.width.div_ceil(across) as u64 * mosaic.height.div_ceil(down) as u64);
    mosaic.width as u64 * mosaic.height as u64 + chroma
}

/// The chroma sample next to a pixel, the next but one, and how much of it is in the pixel. `count` samples there are.
fn neighbours(pixel: usize, cosited: bool, count: usize) -> (usize, usize, f32) {
    let nearest = pixel / 2;
    let (other, weight) = match (cosited, pixel % 2) {
        (true, 0) => (nearest, 0.0),
        (true, _) => (nearest + 1, 0.5),
        (false, 0) => (nearest.saturating_sub(1), 0.25),
        (false, _) => (nearest + 1, 0.25),
    };
    (nearest, other.min(count - 1), weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ramp of chroma that rises by 2 with each column of the picture, and by 20 with each row: a straight line
    /// between samples meets it wherever the samples lie, but for the borders.
    #[test]
    fn chroma_is_taken_from_where_it_lies() {
        let (width, height) = (8, 6);
        let value = |x: f32, y: f32| 100.0 + 2.0 * x + 20.0 * y;
        for (cosited, offset) in [([false; 2], [0.5, 0.5]), ([true, false], [0.0, 0.5]), ([true; 2], [0.0, 0.0])] {
            let sample = |i: usize| value((i % 4 * 2) as f32 + offset[0], (i / 4 * 2) as f32 + offset[1]) as u16;
            let plane = |width, height| Plane { width, height, levels: (0..width * height).map(sample).collect() };
            let cicp = Cicp { primaries: 1, transfer: 13, matrix: 6, full_range: true };
            let planes = vec![plane(width, height), plane(width / 2, height / 2), plane(width / 2, height / 2)];
            let planes = Planes { bits: 8, subsampling: Some([2, 2]), cicp, planes };
            for y in 1..height - 1 {
                let mut row = vec![0.0; width];
                planes.row(1, y, cosited, &mut row);
                for x in 1..width - 1 {
                    assert_eq!(row[x], value(x as f32, y as f32), "{cosited:?}: {x}, {y}");
                }
            }
        }
    }
}
