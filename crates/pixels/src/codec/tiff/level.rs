//! Packed samples to interleaved levels of 8 bits, 16 bits or floating point, and what they mean.

use super::{Alpha, Colors, Page};
use crate::codec::color::Depth;
use crate::codec::{Error, Limits};
use rayon::prelude::*;

/// The kept samples of all pixels, interleaved and at full range, in the bytes of `out`: zeros, as many as needed.
pub(super) fn unpack(page: &Page, file: &[u8], out: &mut [u8], limits: &Limits) -> Result<(), Error> {
    let [chunk_width, chunk_height] = page.chunk;
    let (across, down) = (page.width.div_ceil(chunk_width), page.height.div_ceil(chunk_height));
    let place = Place::new(page);
    let planes = if page.planar { place.channels } else { 1 };
    for index in 0..planes * across * down {
        let (plane, part) = (index / (across * down), index % (across * down));
        let (x, y) = (part % across * chunk_width, part / across * chunk_height);
        let size = [chunk_width.min(page.width - x), chunk_height.min(page.height - y)];
        let (offset, len) = page.chunks[index];
        let (row_bytes, rows) = match page.chroma_block() {
            Some([w, h]) => (chunk_width.div_ceil(w) * (w * h + 2), size[1].div_ceil(h)),
            None => ((chunk_width * page.packing.samples * page.packing.bits).div_ceil(8), size[1]),
        };
        let packed = page.packing.unpack(part_of(file, offset, len)?, [chunk_width, rows], row_bytes, limits)?;
        for row in 0..size[1] {
            let start = ((y + row) * page.width + x) * place.pixel_bytes;
            let out = &mut out[start..][..size[0] * place.pixel_bytes];
            match page.chroma_block() {
                Some(block) => place_chroma_row(&packed[row / block[1] * row_bytes..][..row_bytes], row, block, out),
                None => place.row(&packed[row * row_bytes..][..row_bytes], plane, out),
            }
        }
    }
    Ok(())
}

fn part_of(file: &[u8], offset: u64, len: u64) -> Result<&[u8], Error> {
    let start = usize::try_from(offset).ok().and_then(|start| file.get(start..));
    let data = start.ok_or_else(|| Error::broken("the TIFF ends before its pixels do"))?;
    // A strip that reaches beyond the end may still hold all its pixels.
    Ok(&data[..usize::try_from(len).unwrap_or(usize::MAX).min(data.len())])
}

/// Where the samples of a packed row go, and at which level.
struct Place<'a> {
    page: &'a Page,
    /// Samples that are kept of a pixel.
    channels: usize,
    /// That they take in the output.
    pixel_bytes: usize,
    /// Levels of samples of at most 8 bits.
    levels: [u8; 256],
}

impl<'a> Place<'a> {
    fn new(page: &'a Page) -> Self {
        let channels = page.colors.samples() + usize::from(page.alpha.is_some());
        let sample_bytes = match page.storage().depth {
            Depth::Bits8 => 1,
            Depth::Bits16 => 2,
            Depth::Float32 => 4,
        };
        let full = (1_usize << page.packing.bits.min(8)) - 1;
        let is_index = matches!(page.colors, Colors::Palette(_));
        let level = |v: usize| if is_index { v } else { (v.min(full) * 255 + full / 2) / full };
        Self { page, channels, pixel_bytes: channels * sample_bytes, levels: std::array::from_fn(|v| level(v) as u8) }
    }

    fn row(&self, packed: &[u8], plane: usize, out: &mut [u8]) {
        let Page { packing, planar, .. } = self.page;
        let white_is_zero = matches!(self.page.colors, Colors::Gray { white_is_zero: true });
        let (samples, bits) = (packing.samples, packing.bits);
        for (x, pixel) in out.chunks_exact_mut(self.pixel_bytes).enumerate() {
            let sample_bytes = pixel.len() / self.channels;
            for (channel, level) in pixel.chunks_exact_mut(sample_bytes).enumerate() {
                let sample = if *planar { x } else { x * samples + channel };
                if *planar && channel != plane {
                    continue;
                }
                let inverted = white_is_zero && channel == 0;
                match level {
                    [level] => {
                        let own = self.levels[whole_number(packed, sample, bits) as usize];
                        *level = if inverted { 255 - own } else { own };
                    }
                    [high, low] => {
                        let own = level16(whole_number(packed, sample, bits), bits);
                        [*high, *low] = if inverted { u16::MAX - own } else { own }.to_ne_bytes();
                    }
                    _ => {
                        let own = floating(packed, sample, bits);
                        level.copy_from_slice(&if inverted { 1.0 - own } else { own }.to_ne_bytes());
                    }
                }
            }
        }
    }
}

/// Sample number `at` of a row, of at most 32 bits. Samples of 16 and 32 bits are in the machine's order, others in
/// the order of the bits.
fn whole_number(row: &[u8], at: usize, bits: usize) -> u32 {
    match bits {
        8 => u32::from(row[at]),
        16 => u32::from(u16::from_ne_bytes([row[2 * at], row[2 * at + 1]])),
        32 => u32::from_ne_bytes([row[4 * at], row[4 * at + 1], row[4 * at + 2], row[4 * at + 3]]),
        _ => {
            let bit = at * bits;
            // At most 15 bits, which lie in at most 3 bytes.
            let byte = |i: usize| u32::from(row.get(bit / 8 + i).copied().unwrap_or(0));
            let three = byte(0) << 16 | byte(1) << 8 | byte(2);
            three >> (24 - bit % 8 - bits) & ((1 << bits) - 1)
        }
    }
}

fn level16(sample: u32, bits: usize) -> u16 {
    match bits {
        32 => (sample >> 16) as u16,
        16 => sample as u16,
        _ => {
            let full = (1 << bits) - 1;
            ((sample * 65535 + full / 2) / full) as u16
        }
    }
}

fn floating(row: &[u8], at: usize, bits: usize) -> f32 {
    match bits {
        16 => half(u16::from_ne_bytes([row[2 * at], row[2 * at + 1]])),
        32 => row.as_chunks().0.get(at).map_or(0.0, |&bytes| f32::from_ne_bytes(bytes)),
        _ => row.as_chunks().0.get(at).map_or(0.0, |&bytes| f64::from_ne_bytes(bytes) as f32),
    }
}

/// IEEE 754 binary16; infinities and what is no number become a number beyond white.
fn half(bits: u16) -> f32 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 0x3ff) / 1024.0);
    let size = if exponent == 0 { fraction * 2_f32.powi(-14) } else { (1.0 + fraction) * 2_f32.powi(exponent - 15) };
    if bits >> 15 == 1 { -size } else { size }
}

/// Blocks of luma, each with its one pair of chroma samples behind.
fn place_chroma_row(packed: &[u8], row: usize, [w, h]: [usize; 2], out: &mut [u8]) {
    for (x, pixel) in out.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let block = &packed[x / w * (w * h + 2)..][..w * h + 2];
        *pixel = [block[row % h * w + x % w], block[w * h], block[w * h + 1]];
    }
}

/// From what the file stores to straight colours: divides by the opacity, chroma to RGB, in place.
pub(super) fn finish(page: &Page, pixels: &mut [u8]) {
    let channels = page.colors.samples() + usize::from(page.alpha.is_some());
    if matches!(page.colors, Colors::YCbCr { .. }) {
        pixels.par_chunks_exact_mut(channels).for_each(rgb_in_place);
    }
    if page.alpha != Some(Alpha::Associated) {
        return;
    }
    match page.storage().depth {
        Depth::Bits8 => pixels.par_chunks_exact_mut(channels).for_each(|pixel| {
            let (&mut alpha, colors) = pixel.split_last_mut().expect("an opacity");
            let straight = |v: u8| (f32::from(v) * 255.0 / f32::from(alpha)).round() as u8;
            colors.iter_mut().for_each(|v| *v = straight(*v));
        }),
        Depth::Bits16 => pixels.par_chunks_exact_mut(2 * channels).for_each(|pixel| {
            let (alpha, colors) = pixel.as_chunks_mut().0.split_last_mut().expect("an opacity");
            let alpha = f32::from(u16::from_ne_bytes(*alpha));
            let straight = |v: [u8; 2]| (f32::from(u16::from_ne_bytes(v)) * 65535.0 / alpha).round() as u16;
            colors.iter_mut().for_each(|v| *v = straight(*v).to_ne_bytes());
        }),
        Depth::Float32 => pixels.par_chunks_exact_mut(4 * channels).for_each(|pixel| {
            let (alpha, colors) = pixel.as_chunks_mut().0.split_last_mut().expect("an opacity");
            let alpha = f32::from_ne_bytes(*alpha);
            colors.iter_mut().for_each(|v| *v = (f32::from_ne_bytes(*v) / alpha).to_ne_bytes());
        }),
    }
}

/// BT.601, full range, as in JPEG.
fn rgb_in_place(pixel: &mut [u8]) {
    if let [a, b, c, ..] = pixel {
        let (y, cb, cr) = (f32::from(*a), f32::from(*b) - 128.0, f32::from(*c) - 128.0);
        let rgb = [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb];
        [*a, *b, *c] = rgb.map(|v| v.round() as u8);
    }
}

/// The colours of the palette at the indices of a pixel; its opacity, if there is one, follows.
pub(super) fn look_up(palette: &[[u8; 3]], indices: &[u8], has_alpha: bool, out: &mut [u8]) {
    let stored = 1 + usize::from(has_alpha);
    for (pixel, out) in indices.chunks_exact(stored).zip(out.chunks_exact_mut(stored + 2)) {
        out[..3].copy_from_slice(&palette[usize::from(pixel[0])]);
        out[3..].copy_from_slice(&pixel[1..]);
    }
}
