//! Strips and tiles: from the bytes in the file to rows of packed samples in the machine's byte order.

use super::{Tags, variant};
use crate::codec::{Error, Limits, jpeg};
use ::tiff::tags::Tag;
use flate2::read::ZlibDecoder;
use std::io::Read;
use weezl::LzwStatus;

pub(super) enum Compression {
    None,
    Lzw,
    Deflate,
    PackBits,
    Zstd,
    FaxGroup3,
    FaxGroup4,
    /// With the tables that all parts have in common.
    Jpeg(Vec<u8>),
}

impl Compression {
    pub(super) fn new(tags: &mut Tags<'_>) -> Result<Self, Error> {
        Ok(match tags.one(Tag::Compression, 1)? {
            1 => Self::None,
            2 => return Err(variant("the compression of fax machines without line ends")),
            3 if tags.one(Tag::Unknown(292), 0)? & 1 == 1 => {
                return Err(variant("two-dimensional Group 3 fax compression"));
            }
            3 => Self::FaxGroup3,
            4 => Self::FaxGroup4,
            5 => Self::Lzw,
            6 => return Err(variant("JPEG compression of the old kind")),
            7 => Self::Jpeg(tags.bytes(Tag::JPEGTables).unwrap_or_default()),
            8 | 32946 => Self::Deflate,
            32773 => Self::PackBits,
            50000 => Self::Zstd,
            50001 => return Err(variant("WebP compression")),
            34712 | 33003 | 33005 => return Err(variant("JPEG 2000 compression")),
            34887 => return Err(variant("LERC compression")),
            other => return Err(variant(&format!("compression number {other}"))),
        })
    }

    pub(super) fn is_jpeg(&self) -> bool {
        matches!(self, Self::Jpeg(_))
    }
}

/// How the samples of a strip or tile are packed.
pub(super) struct Packing {
    pub(super) compression: Compression,
    /// Of a pixel, in one chunk.
    pub(super) samples: usize,
    /// Of a sample.
    pub(super) bits: usize,
    pub(super) float: bool,
    /// 1: none, 2: differences of samples, 3: differences of the bytes of floating-point numbers.
    pub(super) predictor: u64,
    pub(super) big_endian: bool,
    /// The first pixel of a byte in its lowest bit.
    pub(super) reversed_bits: bool,
}

impl Packing {
    /// The first `rows` rows, each of whole bytes. Multi-byte samples are in the machine's order.
    pub(super) fn unpack(
        &self,
        data: &[u8],
        [width, rows]: [usize; 2],
        row_bytes: usize,
        limits: &Limits,
    ) -> Result<Vec<u8>, Error> {
        let reversed: Vec<u8>;
        let data = if self.reversed_bits && !self.compression.is_jpeg() {
            reversed = data.iter().map(|byte| byte.reverse_bits()).collect();
            &reversed
        } else {
            data
        };
        let len = row_bytes * rows;
        let mut out = vec![0; len];
        match &self.compression {
            Compression::None => out.copy_from_slice(data.get(..len).ok_or_else(ends_early)?),
            Compression::Lzw => lzw(data, &mut out)?,
            Compression::Deflate => ZlibDecoder::new(data).read_exact(&mut out).map_err(|_| damaged("deflate"))?,
            Compression::PackBits => pack_bits(data, &mut out)?,
            Compression::Zstd => {
                let max_window = usize::try_from(limits.max_memory_bytes / 4).unwrap_or(usize::MAX);
                let decoder = ruzstd::decoding::StreamingDecoder::new_with_max_window_size(data, max_window as u64);
                let mut decoder = decoder.map_err(|_| damaged("Zstandard"))?;
                decoder.read_exact(&mut out).map_err(|_| damaged("Zstandard"))?;
            }
            Compression::FaxGroup3 => fax_group3(data, width, row_bytes, &mut out)?,
            Compression::FaxGroup4 => fax_group4(data, width, row_bytes, &mut out)?,
            Compression::Jpeg(tables) => {
                out = self.jpeg(tables, data, [width, rows], row_bytes, limits)?;
            }
        }
        if !self.compression.is_jpeg() {
            for row in out.chunks_exact_mut(row_bytes) {
                self.undo_prediction(row)?;
            }
        }
        Ok(out)
    }

    fn jpeg(
        &self,
        tables: &[u8],
        data: &[u8],
        [width, rows]: [usize; 2],
        row_bytes: usize,
        limits: &Limits,
    ) -> Result<Vec<u8>, Error> {
        if self.bits != 8 {
            return Err(variant("JPEG compression and samples of other than 8 bits"));
        }
        // The tables end with an end-of-image marker and the data begin with a start-of-image: one picture of both.
        let file = match tables.len() {
            0..4 => data.to_vec(),
            len => [&tables[..len - 2], data.get(2..).unwrap_or_default()].concat(),
        };
        let (mut samples, [w, h, channels]) = jpeg::decode_stored(&file, limits)?;
        if w != width || h < rows || channels != self.samples {
            return Err(Error::broken("a JPEG inside the TIFF is of another size than its strip or tile"));
        }
        samples.truncate(row_bytes * rows);
        Ok(samples)
    }

    /// Differences to samples, in the machine's byte order.
    fn undo_prediction(&self, row: &mut [u8]) -> Result<(), Error> {
        let bytes = self.bits / 8;
        if self.predictor == 3 {
            if !self.float {
                return Err(Error::broken("the TIFF's floating-point predictor is used on whole numbers"));
            }
            undo_float_prediction(row, self.samples, bytes);
            return Ok(());
        }
        if cfg!(target_endian = "big") != self.big_endian && matches!(self.bits, 16 | 32 | 64) {
            row.chunks_exact_mut(bytes).for_each(<[u8]>::reverse);
        }
        match (self.predictor, self.bits) {
            (1, _) => {}
            (2, 8) => sum_up(row, self.samples, u8::wrapping_add),
            (2, 16) => sum_up::<u16>(bytemuck::cast_slice_mut(row), self.samples, u16::wrapping_add),
            (2, 32) => sum_up_unaligned(row, self.samples),
            (2, bits) => return Err(variant(&format!("differences of samples of {bits} bits"))),
            (other, _) => return Err(variant(&format!("predictor number {other}"))),
        }
        Ok(())
    }
}

fn sum_up<T: Copy>(row: &mut [T], samples: usize, add: fn(T, T) -> T) {
    for i in samples..row.len() {
        row[i] = add(row[i], row[i - samples]);
    }
}

fn sum_up_unaligned(row: &mut [u8], samples: usize) {
    let row = row.as_chunks_mut::<4>().0;
    for i in samples..row.len() {
        row[i] = u32::from_ne_bytes(row[i]).wrapping_add(u32::from_ne_bytes(row[i - samples])).to_ne_bytes();
    }
}

/// The bytes of all samples by significance, the highest first, and each the difference to the one before (Adobe's
/// technical note 3 on TIFF).
fn undo_float_prediction(row: &mut [u8], samples: usize, bytes: usize) {
    sum_up(row, samples, u8::wrapping_add);
    let planes = row.to_vec();
    let count = row.len() / bytes;
    for (i, sample) in row.chunks_exact_mut(bytes).enumerate() {
        for (byte, out) in sample.iter_mut().enumerate() {
            let significance = if cfg!(target_endian = "big") { byte } else { bytes - 1 - byte };
            *out = planes[significance * count + i];
        }
    }
}

fn lzw(mut data: &[u8], out: &mut [u8]) -> Result<(), Error> {
    // Files of the first TIFF versions have their bits the other way round.
    let old = data.first() == Some(&0) && data.get(1).is_some_and(|byte| byte & 1 == 1);
    let mut decoder = if old {
        weezl::decode::Decoder::new(weezl::BitOrder::Lsb, 8)
    } else {
        weezl::decode::Decoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8)
    };
    let mut done = 0;
    while done < out.len() {
        let result = decoder.decode_bytes(data, &mut out[done..]);
        data = &data[result.consumed_in..];
        done += result.consumed_out;
        match result.status {
            Ok(LzwStatus::Ok) if result.consumed_in + result.consumed_out > 0 => {}
            Ok(_) if done == out.len() => {}
            Ok(_) => return Err(ends_early()),
            Err(_) => return Err(damaged("LZW")),
        }
    }
    Ok(())
}

fn pack_bits(mut data: &[u8], out: &mut [u8]) -> Result<(), Error> {
    let mut done = 0;
    while done < out.len() {
        let (&head, rest) = data.split_first().ok_or_else(ends_early)?;
        let run = match head {
            0..=127 => usize::from(head) + 1,
            128 => 0,
            _ => 257 - usize::from(head),
        };
        let taken = if head < 128 { run } else { usize::from(head > 128) };
        let source = rest.get(..taken).ok_or_else(ends_early)?;
        let room = run.min(out.len() - done);
        match head {
            0..=127 => out[done..done + room].copy_from_slice(&source[..room]),
            128 => {}
            _ => out[done..done + room].fill(source[0]),
        }
        done += room;
        data = &rest[taken..];
    }
    Ok(())
}

fn fax_group4(data: &[u8], width: usize, row_bytes: usize, out: &mut [u8]) -> Result<(), Error> {
    let mut rows = out.chunks_exact_mut(row_bytes);
    let height = rows.len() as u32;
    fax::decoder::decode_g4(data.iter().copied(), width as u32, Some(height), |edges| {
        if let Some(row) = rows.next() {
            blacken(row, edges, width);
        }
    })
    .ok_or_else(|| damaged("Group 4 fax"))
}

fn fax_group3(data: &[u8], width: usize, row_bytes: usize, out: &mut [u8]) -> Result<(), Error> {
    let mut decoder =
        fax::decoder::Group3Decoder::new(data.iter().map(|&byte| Ok::<u8, std::convert::Infallible>(byte)))
            .map_err(|_| damaged("Group 3 fax"))?;
    for row in out.chunks_exact_mut(row_bytes) {
        // The last line has no line end where its writer saved it.
        let ended = decoder.advance().is_err();
        let edges = decoder.transitions();
        if ended && edges.is_empty() {
            return Err(ends_early());
        }
        blacken(row, edges, width);
    }
    Ok(())
}

/// Sets the bits of the black runs; `edges` are the columns where the colour changes, beginning with white.
fn blacken(row: &mut [u8], edges: &[u32], width: usize) {
    let column = |edge: Option<&u32>| edge.map_or(width, |&edge| (edge as usize).min(width));
    for run in edges.chunks(2).map(|pair| column(pair.first())..column(pair.get(1))) {
        for x in run {
            row[x / 8] |= 0x80 >> (x % 8);
        }
    }
}

fn ends_early() -> Error {
    Error::broken("the TIFF's pixels end early")
}

fn damaged(compression: &str) -> Error {
    Error::broken(format!("the TIFF's {compression} data are damaged or end early"))
}
