//! TIFF: what the tags say ([`Page`]), and from the packed samples ([`chunk`]) to samples that have a meaning
//! ([`level`]).

mod chunk;
mod level;

use super::color::{ColorModel, Depth, Profile, Samples, Storage};
use super::decode::vec_for;
use super::{Error, Limit, Limits};
use ::image::metadata::Orientation;
use ::tiff::decoder::Decoder;
use ::tiff::tags::{ByteOrder, Tag};
use ::tiff::{TiffError, TiffUnsupportedError};
use chunk::{Compression, Packing};
use std::io::Cursor;

/// Width and height of the first page, within `limits`.
pub(super) fn stored_size(bytes: &[u8], limits: &Limits) -> Result<(usize, usize), Error> {
    Page::open(bytes, limits).map(|page| (page.width, page.height))
}

/// The first page.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Samples, Error> {
    let page = Page::open(bytes, limits)?;
    let storage = page.storage();
    // Indices are there beside the colours.
    let indices = if matches!(page.colors, Colors::Palette(_)) { 2 * page.width * page.height } else { 0 };
    let needed = page.chunk_bytes()?.saturating_add(indices as u64);
    let mut samples = vec_for(page.width, page.height, storage, page.orientation, needed, limits)?;
    if let Colors::Palette(palette) = &page.colors {
        let has_alpha = page.alpha.is_some();
        let mut indices = vec![0; page.width * page.height * (1 + usize::from(has_alpha))];
        level::unpack(&page, bytes, &mut indices, limits)?;
        level::look_up(palette, &indices, has_alpha, &mut samples);
    } else {
        level::unpack(&page, bytes, &mut samples, limits)?;
        level::finish(&page, &mut samples);
    }
    let profile = page.icc.as_deref().and_then(|icc| Profile::new(icc, storage.model, storage.depth));
    let Page { width, height, orientation, .. } = page;
    Ok(Samples { width, height, storage, bytes: samples, profile, orientation, warning: None })
}

/// The kind of a pixel's colour samples.
enum Colors {
    Gray {
        white_is_zero: bool,
    },
    Rgb,
    /// 2 to the power of the bits entries.
    Palette(Vec<[u8; 3]>),
    Cmyk,
    /// As in JPEG, with a pair of Cb and Cr for a block of that many columns and rows.
    YCbCr {
        block: [usize; 2],
    },
}

impl Colors {
    /// Samples of a pixel in the file.
    fn samples(&self) -> usize {
        match self {
            Self::Gray { .. } | Self::Palette(_) => 1,
            Self::Rgb | Self::YCbCr { .. } => 3,
            Self::Cmyk => 4,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Alpha {
    Straight,
    /// The colours are multiplied with it.
    Associated,
}

/// Where a strip or tile is in the file: offset and length, bytes.
type Place = (u64, u64);

/// A picture as its tags describe it.
struct Page {
    width: usize,
    height: usize,
    colors: Colors,
    /// Of the sample after the colours, if it is one.
    alpha: Option<Alpha>,
    packing: Packing,
    /// Each sample of the pixels in chunks of its own.
    planar: bool,
    /// Columns and rows of a strip or tile.
    chunk: [usize; 2],
    /// Row by row; of a planar page plane after plane.
    chunks: Vec<Place>,
    orientation: Orientation,
    icc: Option<Vec<u8>>,
}

impl Page {
    fn open(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        let mut tags = Tags::open(bytes, limits)?;
        let (width, height) = (tags.one(Tag::ImageWidth, 0)? as usize, tags.one(Tag::ImageLength, 0)? as usize);
        limits.check_size(width, height)?;
        let samples = tags.one(Tag::SamplesPerPixel, 1)? as usize;
        let bits = tags.one(Tag::BitsPerSample, 1)? as usize;
        let compression = Compression::new(&mut tags)?;
        let colors = tags.colors(bits, &compression)?;
        let count = colors.samples();
        if matches!(colors, Colors::YCbCr { block } if block != [1, 1]) && samples != 3 && !compression.is_jpeg() {
            return Err(variant("subsampled chroma and further samples"));
        }
        if samples < count || samples > 64 {
            return Err(Error::broken(format!("the TIFF has {samples} samples a pixel, its colours need {count}")));
        }
        let format = tags.one(Tag::SampleFormat, 1)?;
        let fits = match (format, &colors) {
            (1 | 4, Colors::Palette(_)) => bits <= 8,
            (1 | 4, Colors::YCbCr { .. }) => bits == 8,
            (1 | 4, _) => bits <= 16 || bits == 32,
            (3, Colors::Gray { .. } | Colors::Rgb) => matches!(bits, 16 | 32 | 64),
            _ => false,
        };
        if !fits || bits == 0 {
            let kind = if format == 3 { "floating-point" } else { "whole-number" };
            let kind = if format == 2 { "signed" } else { kind };
            return Err(variant(&format!("{kind} samples of {bits} bits and these colours")));
        }
        let alpha = match (samples - count, tags.all(Tag::ExtraSamples)?.first()) {
            (0, _) => None,
            (_, Some(1)) => Some(Alpha::Associated),
            // Without a word, one sample more is opacity; with the word that it is something else, it is not.
            (_, Some(2)) | (1, None) => Some(Alpha::Straight),
            _ => None,
        };
        let (chunk, chunks) = tags.chunks([width, height])?;
        let planar = tags.one(Tag::PlanarConfiguration, 1)? == 2 && samples > 1;
        let planes = if planar { samples } else { 1 };
        let needed = width.div_ceil(chunk[0]) * height.div_ceil(chunk[1]) * planes;
        if chunks.len() < needed {
            return Err(Error::broken("the TIFF lists fewer strips or tiles than its size needs"));
        }
        let packing = Packing {
            compression,
            samples: if planar { 1 } else { samples },
            bits,
            float: format == 3,
            predictor: tags.one(Tag::Predictor, 1)?,
            big_endian: tags.big_endian,
            reversed_bits: tags.one(Tag::FillOrder, 1)? == 2,
        };
        let (orientation, icc) = (tags.orientation(), tags.bytes(Tag::IccProfile));
        Ok(Self { width, height, colors, alpha, packing, planar, chunk, chunks, orientation, icc })
    }

    /// The samples after [`level::finish`].
    fn storage(&self) -> Storage {
        let model = match self.colors {
            Colors::Gray { .. } => ColorModel::Gray,
            Colors::Cmyk => ColorModel::Cmyk,
            Colors::Rgb | Colors::Palette(_) | Colors::YCbCr { .. } => ColorModel::Rgb,
        };
        let depth = match self.packing.bits {
            _ if self.packing.float => Depth::Float32,
            0..=8 => Depth::Bits8,
            _ => Depth::Bits16,
        };
        Storage { model, alpha: self.alpha.is_some(), depth }
    }

    /// Whether chroma is stored for blocks of pixels. A JPEG inside brings its own blocks.
    fn chroma_block(&self) -> Option<[usize; 2]> {
        match self.colors {
            Colors::YCbCr { block } if block != [1, 1] && !self.packing.compression.is_jpeg() => Some(block),
            _ => None,
        }
    }

    /// Bytes of an unpacked strip or tile, as far as its rows are in the picture.
    fn chunk_bytes(&self) -> Result<u64, Error> {
        let [width, height] = self.chunk;
        let bits = width as u128 * (self.packing.samples * self.packing.bits) as u128;
        u64::try_from(bits.div_ceil(8) * height.min(self.height) as u128)
            .map_err(|_| Error::too_large(Limit::Memory, "a tile of the TIFF takes more memory than there is"))
    }
}

/// The tags of the first page.
struct Tags<'a> {
    decoder: Decoder<Cursor<&'a [u8]>>,
    big_endian: bool,
}

impl<'a> Tags<'a> {
    fn open(bytes: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        let mut allowed = ::tiff::decoder::Limits::default();
        allowed.ifd_value_size = usize::try_from(limits.max_memory_bytes / 4).unwrap_or(usize::MAX);
        let decoder = Decoder::new(Cursor::new(bytes)).map_err(complaint)?.with_limits(allowed);
        let big_endian = decoder.byte_order() == ByteOrder::BigEndian;
        Ok(Self { decoder, big_endian })
    }

    /// All values of a tag of whole numbers; none where it is missing.
    fn all(&mut self, tag: Tag) -> Result<Vec<u64>, Error> {
        Ok(self.decoder.find_tag_unsigned_vec(tag).map_err(complaint)?.unwrap_or_default())
    }

    /// The first value of a tag.
    fn one(&mut self, tag: Tag, otherwise: u64) -> Result<u64, Error> {
        Ok(self.all(tag)?.first().copied().unwrap_or(otherwise))
    }

    /// A tag that may be damaged without harm.
    fn bytes(&mut self, tag: Tag) -> Option<Vec<u8>> {
        self.decoder.get_tag_u8_vec(tag).ok()
    }

    fn orientation(&mut self) -> Orientation {
        let value = self.one(Tag::Orientation, 1).ok().and_then(|value| u8::try_from(value).ok());
        value.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms)
    }

    fn colors(&mut self, bits: usize, compression: &Compression) -> Result<Colors, Error> {
        Ok(match self.one(Tag::PhotometricInterpretation, 1)? {
            0 => Colors::Gray { white_is_zero: true },
            1 => Colors::Gray { white_is_zero: false },
            2 => Colors::Rgb,
            3 => Colors::Palette(self.palette(bits)?),
            5 => Colors::Cmyk,
            6 => {
                let block = self.all(Tag::ChromaSubsampling)?;
                let [columns, rows] = if block.is_empty() { [2, 2] } else { block.try_into().unwrap_or([0, 0]) };
                if ![1, 2, 4].contains(&columns) || ![1, 2, 4].contains(&rows) {
                    return Err(Error::broken("the TIFF shares its chroma among an impossible number of pixels"));
                }
                let planar = self.one(Tag::PlanarConfiguration, 1)? == 2;
                if planar && (columns, rows) != (1, 1) && !compression.is_jpeg() {
                    return Err(variant("subsampled chroma in planes"));
                }
                Colors::YCbCr { block: [columns as usize, rows as usize] }
            }
            8..=10 => return Err(variant("CIE Lab colours")),
            _ => return Err(variant("these colours")),
        })
    }

    fn palette(&mut self, bits: usize) -> Result<Vec<[u8; 3]>, Error> {
        let map = self.all(Tag::ColorMap)?;
        let entries = 1 << bits.min(8);
        if map.len() < 3 * entries {
            return Err(Error::broken("the TIFF's palette has too few colours"));
        }
        // Some writers forget that its colours have 16 bits.
        let unit = if map.iter().all(|&v| v < 256) { 1 } else { 257 };
        let level = |v: u64| ((v + unit / 2) / unit).min(255) as u8;
        Ok((0..entries).map(|i| [0, 1, 2].map(|channel| level(map[channel * entries + i]))).collect())
    }

    /// Columns and rows of a strip or tile, and where they are in the file.
    fn chunks(&mut self, [width, height]: [usize; 2]) -> Result<([usize; 2], Vec<Place>), Error> {
        let tiles = self.all(Tag::TileOffsets)?;
        let (chunk, offsets, counts) = if tiles.is_empty() {
            let rows = (self.one(Tag::RowsPerStrip, u64::MAX)?).min(height as u64) as usize;
            ([width, rows], self.all(Tag::StripOffsets)?, self.all(Tag::StripByteCounts)?)
        } else {
            let size = [self.one(Tag::TileWidth, 0)? as usize, self.one(Tag::TileLength, 0)? as usize];
            (size, tiles, self.all(Tag::TileByteCounts)?)
        };
        if chunk.contains(&0) || chunk.iter().any(|&side| side > u32::MAX as usize) {
            return Err(Error::broken("the TIFF's strips or tiles have no size"));
        }
        if offsets.len() != counts.len() {
            return Err(Error::broken("the TIFF lists other numbers of places than of lengths"));
        }
        Ok((chunk, offsets.into_iter().zip(counts).collect()))
    }
}

fn variant(what: &str) -> Error {
    Error::unsupported(format!("this is a TIFF with {what}, which we do not read; save it as PNG"))
}

/// The complaint of the tags' reader, without its programmers' names for things.
fn complaint(error: TiffError) -> Error {
    match error {
        TiffError::LimitsExceeded => {
            Error::too_large(Limit::Memory, "the TIFF's directory takes more memory than the limit")
        }
        TiffError::UnsupportedError(TiffUnsupportedError::UnknownInterpretation) => variant("these colours"),
        TiffError::UnsupportedError(_) => variant("samples of several kinds"),
        _ => Error::broken("the TIFF's directory is damaged"),
    }
}
